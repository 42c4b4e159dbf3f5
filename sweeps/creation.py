"""A sweep's folder and the first line of its ledger: made aside, then put in place whole."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from results.ledger import Ledger
from results.storage import sync_folder, write_atomic
from sweeps.cohort import Cohort
from sweeps.folder import SweepFolder
from sweeps.provenance import code_files, code_hash, environment, versions
from sweeps.spec import Spec, spec_hash, stages_of
from sweeps.spec.space import Space, space_hash
from sweeps.stages import replication_of, total_trials
from sweeps.trial_files import finite
from sweeps.workplace import worker_environment

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Source:
    """The YAML of a spec and the folder of its file, if it has one."""

    text: str
    folder: Path | None = None


def sweep_payload(name: str, spec: Spec, cohort: Cohort, baseline: Mapping[str, Any]) -> dict[str, Any]:
    """The ledger's first event: what this sweep is, in hashes, names and numbers, without a path or a patient's name."""
    stages = stages_of(spec)
    space = Space.from_spec(spec)
    split, replication = cohort.split, replication_of(spec)
    return {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "objective": [{"metric": item.metric, "direction": item.direction} for item in spec.search.objectives],
        "labels": list(spec.data.labels),
        "trials": total_trials(spec),
        "architectures": list(space.architectures),
        "stages": [stage.name for stage in stages],
        "space": space.describe(),
        "hashes": {
            "spec": spec_hash(spec.resolved()),
            "space": space_hash(spec),
            "code": code_hash(),
            "data": cohort.fingerprint,
            "split": split.fingerprint,
        },
        "versions": versions(),
        "split": {
            "fingerprint": split.fingerprint,
            "train": list(split.train),
            "validation": list(split.validation),
            "test": list(split.test),
            **({"folds": split.as_dict()["folds"]} if len(split.folds) > 1 else {}),
        },
        **({"replication": asdict(replication)} if replication.trials > 1 else {}),
        "data": cohort.facts(),
        "baseline": finite(baseline),
        "spec": portable(spec.resolved()),
        "code": code_files(),
        "cases": case_digests(cohort),
        "patients": {case.uid: case.patient for case in cohort.cases if case.patient != case.uid},
        "case_facts": cohort.case_facts(),
    }


def portable(resolved: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved spec without what belongs to one machine: where scans, reviews and cache lie, how they are read, the cluster."""
    plain: dict[str, Any] = json.loads(json.dumps({key: value for key, value in resolved.items() if key != "cluster"}))
    for name in ("root", "reviews"):
        plain["data"].pop(name, None)
    for name in ("cache", "stream"):
        plain["prepare"].pop(name, None)
    return plain


def case_digests(cohort: Cohort) -> dict[str, str]:
    """12 hex digits over image and mask of every case, by pseudonym."""
    return {
        case.uid: hashlib.sha256(f"{case.image_sha256} {case.mask_sha256}".encode()).hexdigest()[:12]
        for case in cohort.cases
    }


def create_sweep(
    folder: SweepFolder,
    spec: Spec,
    source: Source,
    cohort: Cohort,
    baseline: Mapping[str, Any],
    *,
    parents: Sequence[Mapping[str, Any]] = (),
    inherited: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Make the sweep's folder with everything that is known before the first trial. A crash leaves nothing of that name.

    Args:
        folder: must not exist.
        spec: resolved.
        source: the YAML as the user wrote it.
        cohort: the checked scans.
        baseline: scores of the all-background prediction.
        parents: sweeps that this one starts from.
        inherited: what the sampler is told of their trials.

    Raises:
        UsageError: another sweep took the name in the meantime.
    """
    # In a container every driver may have the same pid, and one of them may have died here.
    spec = _counted(spec, cohort)
    aside = SweepFolder(folder.path.with_name(f".{folder.name}.{os.getpid()}.{secrets.token_hex(4)}"))
    aside.path.mkdir(parents=True)
    try:
        _fill(aside, spec, source, cohort)
        with Ledger.create(aside.ledger) as ledger:
            payload = sweep_payload(folder.name, spec, cohort, baseline)
            ledger.append("sweep", **payload, **({"parents": list(parents)} if parents else {}))
            for facts in inherited:
                ledger.append("inherited", **facts)
        sync_folder(aside.path)
        _launch(aside, folder)
    except BaseException:
        shutil.rmtree(aside.path, ignore_errors=True)
        raise


def _counted(spec: Spec, cohort: Cohort) -> Spec:
    """The spec with the number of reviews that there are now, so that those to come change nothing in this sweep."""
    data = spec.data.model_copy(update={"reviews_until": cohort.reviews_until})
    return spec.model_copy(update={"data": data})


def _fill(folder: SweepFolder, spec: Spec, source: Source, cohort: Cohort) -> None:
    folder.file("trials").mkdir()
    write_atomic(folder.file("sweep.yaml"), source.text.encode())
    write_atomic(folder.file("resolved.json"), as_json(spec.resolved()))
    write_atomic(folder.file("env.json"), as_json(environment(source.folder, worker=worker_environment(spec))))
    _write_case_map(folder, cohort)


def keep_case_map(folder: SweepFolder, cohort: Cohort) -> None:
    """Write the map of pseudonyms where it is missing: it never leaves a machine, so every driver's has its own."""
    if folder.ferry.uri and not folder.case_map.exists():
        _write_case_map(folder, cohort)


def _write_case_map(folder: SweepFolder, cohort: Cohort) -> None:
    folder.case_map.parent.mkdir(mode=0o700, exist_ok=True)
    write_atomic(folder.case_map, as_json({"schema_version": SCHEMA_VERSION, "cases": cohort.case_map()}))
    folder.case_map.chmod(0o600)


def _launch(aside: SweepFolder, folder: SweepFolder) -> None:
    folder.ferry.launch(aside.path, folder.path)


def as_json(document: Any) -> bytes:
    """Readable JSON, NaN refused. Keys keep their order: that of the architectures is the order of the trials."""
    return json.dumps(document, indent=1, allow_nan=False).encode() + b"\n"
