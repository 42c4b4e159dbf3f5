"""From a spec to the values of a RayJob, with everything that is missing named at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from cluster.kubernetes.job import RayJobConfig
from cluster.kubernetes.manifest import dns_label
from cluster.kubernetes.pods import FILES_PATH, SCRATCH_PATH, Claim, PodSize
from sweeps.errors import Problem, SpecError
from sweeps.spec import LoadedSpec, Spec

SPEC_FILE = "sweep.yaml"
RUNS_PATH = "/runs"
SCHEMES = ("s3", "gs")
FINISHED_WITH_FAILED_TRIALS = 3

_GIB = 1 << 30
_LEAST_BYTES = 2 * _GIB
_PLAIN = re.compile(r"/[A-Za-z0-9_./-]*")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
# A volume there would hide what the image or the system needs.
_TAKEN = frozenset(
    PurePosixPath(path)
    for path in (
        *("/", "/bin", "/boot", "/dev", "/dev/shm", "/etc", FILES_PATH, "/home", "/home/ray", "/lib", "/lib64", "/opt"),
        *("/proc", "/root", "/run", "/sbin", "/sys", SCRATCH_PATH, "/usr", "/usr/local", "/var", "/var/run"),
    )
)


def rayjob_config(
    loaded: LoadedSpec, overrides: Sequence[str], runs: str | None, ray_version: str, shown: str
) -> RayJobConfig:
    """The job that runs a sweep.

    Args:
        loaded: the spec, overrides applied.
        overrides: the same overrides, which the job applies again to the file as it is.
        runs: `s3://…` or `gs://…`, or the path at which the runs' claim is mounted; None for `/runs`.
        ray_version: of the image.
        shown: what the user called the spec.

    Raises:
        SpecError: everything that keeps the spec from becoming a job.
    """
    spec, section = loaded.spec, loaded.spec.cluster.kubernetes
    problems = [*_missing(spec, runs, shown), *_names(spec, shown), *_sizes(spec, shown), *_paths(spec, runs, shown)]
    if problems:
        raise SpecError(problems)
    assert section.image is not None and section.data_claim is not None
    name, place = dns_label(spec.name), runs or RUNS_PATH
    claims = [Claim("data", section.data_claim, spec.data.root, True)]
    if section.runs_claim is not None:
        claims.append(Claim("runs", section.runs_claim, place, False))
    return RayJobConfig(
        name=name,
        namespace=section.namespace,
        image=section.image,
        image_pull_secret=section.image_pull_secret,
        ray_version=ray_version,
        command=_command(spec, overrides, place),
        finished_codes=(FINISHED_WITH_FAILED_TRIALS,),
        files=((SPEC_FILE, loaded.source_text),),
        head=PodSize(cpus=section.head_cpus, memory_bytes=section.head_memory_bytes or _LEAST_BYTES),
        worker=_worker(spec),
        workers=section.workers,
        claims=tuple(claims),
        token_secret=section.token_secret or f"{name}-ray-token",
        credentials_secret=section.store_secret,
        service_account=section.service_account,
        user=section.user,
        retries=section.retries,
        keep_s=round(section.keep_s or 0),
        node_selector=tuple((label.partition("=")[0], label.partition("=")[2]) for label in section.node_selector),
    )


def _command(spec: Spec, overrides: Sequence[str], runs: str) -> tuple[str, ...]:
    """`liversweep run`, which goes on with the sweep if there is one. Relative paths are made absolute here."""
    settings = [*overrides, "cluster.kind=kubernetes", f"data.root={_value(spec.data.root)}"]
    if spec.data.reviews is not None:
        settings.append(f"data.reviews={_value(spec.data.reviews)}")
    if isinstance(spec.prepare.cache, str):
        settings.append(f"prepare.cache={_value(spec.prepare.cache)}")
    words = [word for setting in settings for word in ("--set", setting)]
    return ("liversweep", "run", f"{FILES_PATH}/{SPEC_FILE}", "--or-resume", "--runs", runs, *words)


def _value(text: str) -> str:
    """A text as `--set` reads it, which is YAML."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _worker(spec: Spec) -> PodSize:
    section = spec.cluster.kubernetes
    return PodSize(
        cpus=section.cpus_per_worker,
        gpus=section.gpus_per_worker,
        memory_bytes=section.memory_per_worker_bytes or 4 * _GIB * section.cpus_per_worker,
        object_store_bytes=spec.cluster.object_store_bytes,
    )


def _at(key: str) -> str:
    return f"cluster.kubernetes.{key}"


def _missing(spec: Spec, runs: str | None, shown: str) -> Iterator[Problem]:
    section, uri = spec.cluster.kubernetes, "://" in (runs or "")
    if section.image is None:
        step = "build an image with liversweep in it, push it, and write image: registry/liversweep:tag"
        yield Problem(file=shown, path=_at("image"), what="no image", next_step=step)
    if section.data_claim is None:
        step = "name the PersistentVolumeClaim that holds the scans"
        yield Problem(file=shown, path=_at("data_claim"), what="the pods cannot read the scans", next_step=step)
    if section.runs_claim is None and not uri:
        step = "name a PersistentVolumeClaim, or send the runs to an object store: --runs s3://bucket/prefix"
        yield Problem(file=shown, path=_at("runs_claim"), what="the runs have no place that lasts", next_step=step)
    if section.runs_claim is not None and uri:
        step = "leave runs_claim out, or --runs"
        yield Problem(file=shown, path=_at("runs_claim"), what="the runs have two places", got=runs, next_step=step)
    if runs is not None and uri and urlsplit(runs).scheme not in SCHEMES:
        allowed = "s3://… | gs://… | a path for the claim"
        yield Problem(file="--runs", what="no pod could write there", got=runs, allowed=allowed)


def _names(spec: Spec, shown: str) -> Iterator[Problem]:
    section = spec.cluster.kubernetes
    if not _LABEL.fullmatch(section.namespace):
        allowed = "1 to 63 of a-z 0-9 -, a letter or digit at both ends"
        yield Problem(
            file=shown, path=_at("namespace"), what="no name of a namespace", got=section.namespace, allowed=allowed
        )
    allowed = "1 to 253 of a-z 0-9 . -, a letter or digit at both ends"
    for key in ("image_pull_secret", "data_claim", "runs_claim", "store_secret", "service_account", "token_secret"):
        value = getattr(section, key)
        if value is not None and not _SUBDOMAIN.fullmatch(value):
            yield Problem(file=shown, path=_at(key), what="no name in Kubernetes", got=repr(value), allowed=allowed)


def _sizes(spec: Spec, shown: str) -> Iterator[Problem]:
    """At least one trial must fit on a worker, and each pod needs room for Ray itself."""
    section, trial, worker = spec.cluster.kubernetes, spec.trial, _worker(spec)
    for key, needed, there in (
        ("cpus_per_worker", trial.cpus, worker.cpus),
        ("gpus_per_worker", trial.gpus, worker.gpus),
        ("memory_per_worker", trial.memory_bytes or 0, worker.memory_bytes - worker.store_bytes),
    ):
        if needed > there:
            what = "no trial fits on a worker"
            step = f"lower trial.{key.partition('_')[0]}, or raise this"
            yield Problem(
                file=shown, path=_at(key), what=what, got=f"{there:,} for trials", allowed=f"{needed:,}", next_step=step
            )
    for key, size in (("head_memory", section.head_memory_bytes or 0), ("memory_per_worker", worker.memory_bytes)):
        if size < _LEAST_BYTES:
            yield Problem(
                file=shown, path=_at(key), what="too little for Ray", got=f"{size:,} bytes", allowed="2GiB or more"
            )
    if worker.shared_bytes > worker.memory_bytes // 2:
        step = "shared memory counts as the pod's own: lower this, or raise cluster.kubernetes.memory_per_worker"
        got = f"{worker.store_bytes:,} of {worker.memory_bytes:,} bytes"
        yield Problem(
            file=shown,
            path="cluster.object_store",
            what="too much of a worker's memory",
            got=got,
            allowed="half of it",
            next_step=step,
        )


def _paths(spec: Spec, runs: str | None, shown: str) -> Iterator[Problem]:
    """Where the two claims are mounted."""
    places = {"data.root": spec.data.root}
    if spec.cluster.kubernetes.runs_claim is not None and "://" not in (runs or ""):
        places["--runs"] = runs or RUNS_PATH
    for key, text in places.items():
        path = PurePosixPath(text)
        if not path.is_absolute() or path in _TAKEN or ".." in path.parts:
            allowed = "an absolute path that is the volume's own, such as /data/lits"
            yield Problem(file=shown, path=key, what="no volume can be mounted there", got=text, allowed=allowed)
    if len({PurePosixPath(text) for text in places.values()}) < len(places):
        yield Problem(file=shown, path="data.root", what="scans and runs have the same path", got=spec.data.root)
    reviews, mounted = spec.data.reviews, list(places.values())
    if reviews is not None and not any(PurePosixPath(reviews).is_relative_to(place) for place in mounted):
        allowed = f"a folder below {' or '.join(mounted)}"
        yield Problem(file=shown, path="data.reviews", what="no pod can read there", got=reviews, allowed=allowed)
    cache, kept = spec.prepare.cache, places.get("--runs", SCRATCH_PATH)
    if isinstance(cache, str) and not PurePosixPath(cache).is_relative_to(kept):
        allowed = f"true, false, or a folder below {kept}"
        yield Problem(file=shown, path="prepare.cache", what="no pod can write there", got=cache, allowed=allowed)
