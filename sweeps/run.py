"""One sweep from its spec to its reports. Nothing is written below `runs/` before the data is known to be good."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from cluster.config import LocalConfig, Slots
from cluster.local import local_ray, slots_for, usable_cpus
from liverseg.config import PrepareConfig
from results.ledger import Ledger
from results.lock import SweepLock
from results.storage import sync_folder, write_atomic
from sweeps.cohort import Cohort, load_cohort
from sweeps.environment import code_hash, environment, versions
from sweeps.errors import SweepError
from sweeps.folder import SweepFolder
from sweeps.prepare import Prepared, cache_root, prepare_on_ray
from sweeps.search.driver import Best, Driver, Stage, View
from sweeps.search.proposer import Proposer, SearchPlan
from sweeps.search.sampler import derived_seed
from sweeps.spec import LoadedSpec, Spec, spec_hash, stages_of
from sweeps.spec.space import Space, space_hash, trials_of
from sweeps.trial_files import finite

if TYPE_CHECKING:
    from sweeps.executor.trial import TrialSetting

PICTURES = 3
SCHEMA_VERSION = 1
WORKER_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1", "KERAS_BACKEND": "tensorflow"}
_MIB = 1024**2


class Reporter(Protocol):
    """Tells the user what goes on before and while trials run."""

    def note(self, text: str) -> None:
        """One line."""

    def steps(self, label: str, total: int) -> AbstractContextManager[Callable[..., None]]:
        """A progress display; yields what to call after each item."""

    def trials(self, total: int, epochs: int, architectures: tuple[str, ...]) -> AbstractContextManager[View]:
        """The display of running trials."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a sweep ended."""

    folder: SweepFolder
    failures: int
    interrupted: bool


def run_sweep(loaded: LoadedSpec, folder: SweepFolder, reporter: Reporter) -> Outcome:
    """Run a sweep in a folder that does not exist yet.

    Args:
        loaded: the spec.
        folder: where the sweep is to live.
        reporter: how the user is told.

    Raises:
        DataError, ConfigError, UsageError: the data cannot be used; nothing was written.
        ClusterError: Ray cannot run a single trial.
    """
    spec = loaded.spec
    cohort = _checked_cohort(spec, reporter)
    with local_ray(_local_config(spec, cohort), environment=_worker_environment(spec)) as resources:
        slots = slots_for(resources, cpus=spec.trial.cpus, gpus=spec.trial.gpus, memory_bytes=spec.trial.memory_bytes)
        prepared = _prepare(spec, cohort, reporter)
        baseline = _baseline(prepared, spec)
        _create(folder, loaded, cohort)
        with SweepLock(folder.lock), Ledger.create(folder.ledger) as ledger:
            ledger.append("sweep", **sweep_payload(folder.name, loaded, cohort, baseline))
            return _search(spec, folder, ledger, prepared, slots, reporter)


def sweep_payload(name: str, loaded: LoadedSpec, cohort: Cohort, baseline: dict[str, Any]) -> dict[str, Any]:
    """The ledger's first event: what this sweep is, in hashes, names and numbers, without a path or a patient's name."""
    spec = loaded.spec
    stages = stages_of(spec)
    space = Space.from_spec(spec)
    split = cohort.split
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
            "spec": spec_hash(loaded.resolved()),
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
        },
        "data": cohort.facts(),
        "baseline": finite(baseline),
    }


def total_trials(spec: Spec) -> int:
    """Trials of all stages together."""
    return sum(trials_of(spec, stage.name) for stage in stages_of(spec))


def prepare_config(spec: Spec) -> PrepareConfig:
    """What the shared preparation makes, for a resolved spec."""
    return PrepareConfig(sizes_px=tuple(spec.prepare.size or ()), slices=spec.prepare.slices, fit=spec.prepare.fit)


def build_stages(spec: Spec) -> list[Stage]:
    """The driver's stages; each opens its proposer when the one before has ended."""
    return [_stage(spec, stage.name, stage.sampler, stage.from_best) for stage in stages_of(spec)]


def _stage(spec: Spec, name: str, sampler: str, from_best: bool) -> Stage:
    trials = trials_of(spec, name)
    search = spec.search
    plan = SearchPlan(
        stage=name,
        trials=trials,
        per_architecture=search.per_architecture,
        sampler=sampler,
        scheduler=search.scheduler.model_dump(),
        directions=tuple(item.direction for item in search.objectives),
        epochs=spec.train.epochs,
        seed=derived_seed(search.seed, name),
        trial_seed=spec.train.seed,
    )

    def open_stage(best: Best | None) -> Proposer:
        if from_best and best is None:
            raise SweepError(
                "no trial of the stages before has a score to start from",
                where=f"stage {name}",
                next_step="look at the failures with: liversweep show",
            )
        base = {"architecture": best.architecture, "parameters": dict(best.parameters)} if best and from_best else None
        return Proposer(Space.from_spec(spec, name, base), plan)

    return Stage(name, trials, open_stage)


def _checked_cohort(spec: Spec, reporter: Reporter) -> Cohort:
    from sweeps.cohort import list_files

    count = len(list_files(spec)[0])
    threads = spec.cluster.cpus or usable_cpus()
    with reporter.steps("checking scans", count) as advance:
        cohort = load_cohort(spec, threads=threads, on_case=advance)
    parts = ", ".join(f"{len(getattr(cohort.split, part))} {part}" for part in ("train", "validation", "test"))
    reporter.note(f"{len(cohort.cases)} cases; patients: {parts}; split {cohort.split.fingerprint}")
    for item in cohort.skipped:
        reporter.note(f"left out a case: {item.rule}, {item.summary}")
    return cohort


def _prepare(spec: Spec, cohort: Cohort, reporter: Reporter) -> Prepared:
    count = len(cohort.part("train")) + len(cohort.part("validation"))
    with reporter.steps("preparing scans", count) as advance:
        prepared = prepare_on_ray(cohort, prepare_config(spec), cache_root(spec), on_case=advance)
    reporter.note(f"prepared {prepared.cases} scans once for all trials ({prepared.from_cache} from the cache)")
    return prepared


def store_bytes(spec: Spec, cohort: Cohort) -> int:
    """Bytes that prepared train and validation slices take in the object store, at most."""
    from liverseg.preprocess import estimate_store_bytes

    slices = cohort.slices("train") + cohort.slices("validation")
    return estimate_store_bytes(slices, tuple(spec.prepare.size or ()))


def _local_config(spec: Spec, cohort: Cohort) -> LocalConfig:
    """Room for the packs and, while they are made, the single cases; Ray's own choice when that would be larger."""
    import psutil

    needed = max(256 * _MIB, int(2.5 * store_bytes(spec, cohort)))
    store = spec.cluster.object_store_bytes or min(needed, int(0.3 * psutil.virtual_memory().total))
    gpus = None if spec.trial.gpus else 0
    return LocalConfig(cpus=spec.cluster.cpus, gpus=gpus, object_store_bytes=store)


def _worker_environment(spec: Spec) -> dict[str, str]:
    hidden = {} if spec.trial.gpus else {"CUDA_VISIBLE_DEVICES": "-1"}
    return {**WORKER_ENVIRONMENT, **hidden, "OMP_NUM_THREADS": str(spec.trial.cpus)}


def _baseline(prepared: Prepared, spec: Spec) -> dict[str, Any]:
    """Scores of the prediction that calls everything background, on the validation patients."""
    import ray

    from liverseg.metrics import baseline_scores, summarise

    validation = next(ref for (part, _), ref in prepared.packs.items() if part == "validation")
    return dict(summarise(baseline_scores(ray.get(validation).cases, spec.data.labels), spec.data.labels))


def _create(folder: SweepFolder, loaded: LoadedSpec, cohort: Cohort) -> None:
    """Make the sweep's folder with everything that is known before the first trial."""
    folder.path.mkdir(parents=True)
    folder.file("trials").mkdir()
    write_atomic(folder.file("sweep.yaml"), loaded.source_text.encode())
    write_atomic(folder.file("resolved.json"), _json(loaded.resolved()))
    write_atomic(folder.file("env.json"), _json(environment()))
    folder.case_map.parent.mkdir(mode=0o700)
    write_atomic(folder.case_map, _json({"schema_version": SCHEMA_VERSION, "cases": cohort.case_map()}))
    folder.case_map.chmod(0o600)
    sync_folder(folder.path)


def _search(
    spec: Spec, folder: SweepFolder, ledger: Ledger, prepared: Prepared, slots: Slots, reporter: Reporter
) -> Outcome:
    from sweeps.executor.tuner import run_trials

    setting = _setting(spec, folder, prepared, slots)
    architectures = Space.from_spec(spec).architectures
    reporter.note(f"running {total_trials(spec)} trials, {slots.count} at a time; logs in {folder.path}/trials")
    with reporter.trials(total_trials(spec), spec.train.epochs, architectures) as view:
        driver = Driver(folder, ledger, build_stages(spec), spec.search.objectives, slots.count, view)
        try:
            with terminable():
                run_trials(driver, setting, slots)
        except KeyboardInterrupt:
            driver.interrupted = True
        driver.close()
    return Outcome(folder, driver.failures, driver.interrupted)


def _setting(spec: Spec, folder: SweepFolder, prepared: Prepared, slots: Slots) -> TrialSetting:
    import ray

    from liverseg.inference.pictures import choose_pictures
    from sweeps.executor.trial import TrialSetting

    # The native masks decide which slices are drawn, so that the choice is the same at every size.
    validation = next(ref for (part, _), ref in prepared.packs.items() if part == "validation")
    pictures = choose_pictures(ray.get(validation), PICTURES)
    return TrialSetting(
        trials_folder=str(folder.file("trials").resolve()),
        packs=prepared.packs,
        pictures=pictures,
        labels=tuple(spec.data.labels),
        epochs=spec.train.epochs,
        updates=spec.train.updates,
        early_stopping=spec.train.early_stopping,
        deadline_s=spec.trial.deadline_s,
        threads=slots.cpus,
    )


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does. Ray's own handler would end the process before the ledger is closed."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"
