"""Judging what machines know about a sweep: facts in, findings out. Nothing here asks anybody anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cluster.doctor.everywhere import Node
from cluster.doctor.findings import Finding, fail, ok, warn
from cluster.doctor.judgement import count_text
from cluster.nodes import slots_on
from cluster.sizes import size_text
from sweeps.prepare import FITS_SHARE
from sweeps.provenance.packages import NUMERICAL_PACKAGES
from sweeps.readiness.meeting import DRIVER, MeetingFacts
from sweeps.readiness.node_facts import NodeFacts
from sweeps.spec import Spec

HERE = "here"
MIN_TRIAL_BYTES = 2 * 10**9
"""A TensorFlow process with a small network takes about 1 GB; twice that leaves it room."""
_MUST_AGREE = frozenset({*NUMERICAL_PACKAGES, "ray", "liversweep"})
_SHOWN_PACKAGES = ("python", "ray", "tensorflow", "keras", "liversweep")
_LEAST_STORE_BYTES = 75 << 20  # Ray starts no smaller one

Facts = Mapping[str, NodeFacts]
"""Facts by label; `here` is this process."""


def judge_programs(facts: Facts) -> Iterator[Finding]:
    """The same versions and the same source everywhere, or trials of one sweep would differ by where they ran."""
    here, others = facts[HERE], {label: item for label, item in facts.items() if label != HERE}
    advice = "install from the same requirements.lock on every machine, or use one container image"
    same = True
    for label, item in others.items():
        different = {name: item.versions.get(name, "missing") for name in sorted({*here.versions, *item.versions})}
        different = {name: has for name, has in different.items() if has != here.versions.get(name, "missing")}
        for make, names in (
            (fail, [name for name in different if name in _MUST_AGREE]),
            (warn, [name for name in different if name not in _MUST_AGREE]),
        ):
            if names:
                same = False
                text = ", ".join(
                    f"{name} {different[name]} (here {here.versions.get(name, 'missing')})" for name in names
                )
                yield make("versions", f"{label}: {text}", advice)
    if same:
        shown = ", ".join(f"{name} {here.versions[name]}" for name in _SHOWN_PACKAGES if name in here.versions)
        yield ok("versions", f"{shown} on {count_text(len(others))}")
    other_code = sorted(label for label, item in others.items() if item.code != here.code)
    if other_code:
        yield fail("code", f"liversweep's own source is another one on {', '.join(other_code)}", advice)
    else:
        yield ok("code", f"liversweep's own source is the same on {count_text(len(others))}")


def judge_data(facts: Facts) -> Iterator[Finding]:
    """Every machine must read the same scans: any may prepare a case."""
    seen = {label: item.data for label, item in facts.items() if item.data is not None}
    if not seen:
        return
    sound = True
    for label, data in seen.items():
        if data.error:
            sound = False
            where = "this machine" if label == HERE else label
            yield fail("data", f"{where}: {data.error}", "mount the scans at the same path on every machine")
    good = {label: data for label, data in seen.items() if not data.error}
    kinds = sorted({data.digest for data in good.values()})
    if len(kinds) > 1:
        sound = False
        groups = [[label for label, data in good.items() if data.digest == kind] for kind in kinds]
        counts = [
            f"{good[group[0]].cases} cases, {good[group[0]].size_bytes:,} bytes on {', '.join(group)}"
            for group in groups
        ]
        yield fail(
            "data", f"machines see different files: {' | '.join(counts)}", "copy the scans anew, or share one folder"
        )
    if sound:
        data = next(iter(good.values()))
        count = count_text(len(seen) - (HERE in seen) or 1)
        yield ok("data", f"{data.cases} cases, {size_text(data.size_bytes)}, the same files readable on {count}")


def judge_meeting(root: str, meeting: Mapping[str, MeetingFacts]) -> Iterator[Finding]:
    """The runs must lie where every machine writes, and sees what others write at once and whole."""
    labels = [label for label in meeting if label != DRIVER]
    troubles = False
    for label, facts in meeting.items():
        name = "this process" if label == DRIVER else label
        if not facts.wrote:
            troubles = True
            yield fail(
                "storage", f"{name} cannot write: {facts.error}", "mount it for writing there, or choose another --runs"
            )
    there = {label for label, facts in meeting.items() if facts.wrote}
    blind = {label: sorted(there - facts.seen) for label, facts in meeting.items() if there - facts.seen}
    for label, missing in blind.items():
        troubles = True
        name = "this process" if label == DRIVER else label
        text = f"{name} does not see what was written by {', '.join(missing)}"
        advice = f"{root} is not one place: use a shared folder or an object store for --runs"
        yield fail("storage", text, advice)
    if not troubles:
        yield ok("storage", f"{root}: written and replaced in one step on {count_text(len(labels))}, and seen by all")


def store_needed_bytes(data_bytes: int) -> int:
    """What an object store should have to keep prepared cases of so many bytes in memory, whole MiB."""
    needed = max(_LEAST_STORE_BYTES, int(data_bytes / FITS_SHARE))
    return -(-needed // (1 << 20)) << 20


def judge_store(stores: Mapping[str, float], data_bytes: int, *, local: bool) -> Iterator[Finding]:
    """Whether prepared scans fit into shared memory on each machine; from files on its disk they are read otherwise.

    Args:
        stores: bytes of each machine's object store by label.
        data_bytes: what the prepared scans take, at most.
        local: a Ray of our own, whose store the spec sets.
    """
    needed = store_needed_bytes(data_bytes)
    small = {label: store for label, store in stores.items() if store < needed}
    set_it = (
        f"cluster.object_store: {needed >> 20}MiB in the spec" if local else f"ray start --object-store-memory={needed}"
    )
    for label, store in small.items():
        text = (
            f"{label}: prepared scans take up to {size_text(data_bytes)}, for which the store of {size_text(store)} is too "
            "small: trials read them from files on the machine's disk"
        )
        yield warn("object store", text, f"to keep them in memory, set {set_it}")
    if stores and not small:
        least = size_text(min(stores.values()))
        text = f"{least} or more on {count_text(len(stores))}; prepared scans take up to {size_text(data_bytes)}"
        yield ok("object store", text)


def judge_slots(spec: Spec, nodes: Sequence[Node]) -> Iterator[Finding]:
    """How many trials run at once, and with how much memory each."""
    trial = spec.trial
    slots = {
        node.label: slots_on(node.resources, cpus=trial.cpus, gpus=trial.gpus, memory_bytes=trial.memory_bytes)
        for node in nodes
    }
    asked = f"{trial.cpus} CPU{'s' * (trial.cpus > 1)}, {trial.gpus:g} GPUs" + (
        f", {size_text(trial.memory_bytes)}" if trial.memory_bytes else ""
    )
    if not any(slots.values()):
        yield fail("slots", f"no trial of {asked} fits on any machine", "lower trial.cpus, trial.gpus or trial.memory")
        return
    shares = {node.label: node.resources.get("memory", 0.0) / slots[node.label] for node in nodes if slots[node.label]}
    poor = {label: share for label, share in shares.items() if share < (trial.memory_bytes or MIN_TRIAL_BYTES)}
    for label, share in poor.items():
        text = f"{label}: {slots[label]} trials at once get {size_text(share)} of memory each"
        yield warn("slots", text, "raise trial.cpus, or set trial.memory: fewer run at once then")
    if not poor:
        each = ", ".join(f"{label} {count}" for label, count in slots.items())
        least = size_text(min(shares.values()))
        yield ok(
            "slots", f"{sum(slots.values())} trials of {asked} at once ({each}), {least} of memory or more for each"
        )


def judge_gpus(facts: Facts, nodes: Sequence[Node], wanted: float) -> Iterator[Finding]:
    """GPUs that Ray counts against those that the driver lists, and the drivers against each other."""
    counted = {node.label: int(node.resources.get("GPU", 0)) for node in nodes}
    listed = {label: item.gpus for label, item in facts.items() if label in counted}
    if not any(counted.values()):
        if wanted:
            yield fail("GPUs", "Ray has none", "start the nodes with --num-gpus, or set trial.gpus: 0")
        elif found := sum(len(gpus or ()) for gpus in listed.values()):
            yield ok("GPUs", f"{found}, none of which is used: trial.gpus is 0")
        else:
            yield ok("GPUs", "none, and none is asked for")
        return
    yield from _broken_gpus(counted, listed)
    drivers = {str(gpu.get("driver")) for gpus in listed.values() for gpu in gpus or ()}
    if len(drivers) > 1:
        yield warn("GPUs", f"drivers differ: {', '.join(sorted(drivers))}", "install the same driver on every machine")
    names = sorted({str(gpu.get("name")) for gpus in listed.values() for gpu in gpus or ()})
    text = f"{sum(counted.values())} in all: {', '.join(names) or 'unknown'}; driver {', '.join(sorted(drivers)) or 'unknown'}"
    yield ok("GPUs", text if wanted else f"{text}; none is used: trial.gpus is 0")


def _broken_gpus(counted: Mapping[str, int], listed: Mapping[str, Sequence[object] | None]) -> Iterator[Finding]:
    for label, count in counted.items():
        gpus = listed.get(label)
        if count and gpus is None:
            yield fail("GPUs", f"{label}: nvidia-smi fails", "look into the driver there: run nvidia-smi")
        elif gpus is not None and len(gpus) != count:
            text = f"{label}: Ray counts {count}, nvidia-smi lists {len(gpus)}"
            make = fail if count > len(gpus) else warn
            yield make("GPUs", text, "start that node with the right --num-gpus, or look into its driver")
