"""Going on with a sweep: after a crash, an interrupt, a full disk, an extension, or failures that are to be tried again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from results.fold import fold
from results.ledger import read_events
from results.ledger_line import Event
from results.records import Sweep, SweepRecord
from results.storage import write_atomic
from sweeps.adjust import adjusted, experiment, taken_over
from sweeps.cohort import Cohort
from sweeps.command_clock import note_closed, note_ready
from sweeps.creation import as_json, case_digests, keep_case_map
from sweeps.engine import Outcome, checked_cohort, interruptible, make_driver, outcome_of, search
from sweeps.errors import SweepError
from sweeps.folder import SweepFolder
from sweeps.provenance import (
    Difference,
    case_differences,
    code_differences,
    code_files,
    code_hash,
    refusal,
    spec_differences,
    split_differences,
    version_differences,
    versions,
)
from sweeps.reporter import Reporter
from sweeps.search.reconcile import Findings, reconcile
from sweeps.search.replay import replay
from sweeps.search.standing import Standing
from sweeps.spec import Spec, spec_from_resolved, stages_of
from sweeps.stages import build_standing, check_grids, space_stages, spec_after
from sweeps.workplace import workplace


@dataclass(frozen=True, slots=True)
class Resumption:
    """A sweep as it is found.

    Attributes:
        spec: as it is run from now on, extensions included.
        standing: the search, rebuilt.
        findings: what is to be done.
        sweep: what the ledger tells.
    """

    folder: SweepFolder
    spec: Spec
    standing: Standing
    findings: Findings
    sweep: Sweep


Events = Sequence[tuple[str, Mapping[str, Any]]]
"""Names and facts of events that are not in the ledger yet."""

Change = Callable[[Resumption], Events]
"""Events that change what is to be done (an extension, a retry), given how the sweep is found."""


def unchanged(found: Resumption) -> Events:
    """Go on as it is."""
    return ()


def resume_sweep(
    folder: SweepFolder, reporter: Reporter, *, settings: Sequence[str] = (), change: Change = unchanged
) -> Outcome:
    """Go on with a sweep, exactly where it was.

    Args:
        folder: of the sweep.
        reporter: how the user is told; the first line says what will be done.
        settings: `key=value` texts, see `sweeps.adjust`; they hold for later runs too.
        change: what is to be done differently.

    Raises:
        LockedError: another driver is at work on it.
        LedgerError: the ledger is damaged, or the disk refuses an event.
        UsageError: spec, program or data differ from those that began it; says in what. Nothing was changed.
    """
    folder = folder.to_drive()
    if folder.is_driven():
        with folder.driving():  # says who drives it, before a long look at a long ledger
            pass
    folder.refresh()
    found, _ = _planned(folder, settings, change)
    if found.findings.idle and found.sweep.sweep.closed == "finished":
        reporter.note(f"{folder.name}: {found.findings.line()}; nothing to do")
        return Outcome(folder, failures=found.standing.counts["failed"], idle=True)
    with folder.driving(), interruptible(reporter) as interrupts:
        folder.refresh()
        found, changes = _planned(folder, settings, change)
        reporter.note(f"{folder.name}: {found.findings.line()}")
        if not found.findings.work:
            return _only_close(found, folder, reporter)
        # From here on somebody may ask for a stop; what is there was meant for a driver that is no more.
        folder.withdraw_stop()
        for text in (facts["note"] for _, facts in changes if facts.get("note")):
            reporter.note(text)
        cohort = checked_cohort(found.spec, reporter)
        check_data(folder, found.sweep, cohort)
        keep_case_map(folder, cohort)
        with workplace(found.spec, cohort, reporter, interrupts, folder.home) as place, folder.open_ledger() as ledger:
            if settings:
                write_atomic(folder.file("resolved.json"), as_json(_settled(folder, settings)))
                folder.send("resolved.json")
            for name, facts in changes:
                ledger.append(name, **facts)
            ledger.append("resumed", run=found.sweep.sweep.runs + 1)
            return search(
                place,
                folder,
                ledger,
                found.standing,
                reporter,
                interrupts,
                adopted=found.findings.adopted,
                before=found.sweep,
            )


def _planned(folder: SweepFolder, settings: Sequence[str], change: Change) -> tuple[Resumption, Events]:
    """How the sweep is found once it is changed as asked for, and the events of that. Writes nothing.

    Raises:
        UsageError: it cannot be changed so, or cannot go on with this program.
    """
    folder.check_links()
    found = examine(folder, settings)
    changes = change(found)
    if changes:
        found = examine(folder, settings, changes)
        check_grids(found.spec, found.standing, sum(int(facts.get("added") or 0) for _, facts in changes))
    if found.findings.work:
        check_surroundings(folder, found)
    return found, changes


def examine(folder: SweepFolder, settings: Sequence[str] = (), changes: Events = ()) -> Resumption:
    """Read a sweep's folder and work out where it stands, as if `changes` were in the ledger. Writes nothing.

    Raises:
        LedgerError: the ledger is damaged.
        UsageError: the spec in the folder is not the one that the ledger began with.
    """
    events = read_events(folder.ledger)
    last = events[-1] if events else None
    for name, facts in changes:
        events.append(Event(len(events) + 1, last.time if last else "", name, facts))
    sweep = fold(events)
    begun = begun_spec(folder, events[0], settings)
    standing = replay(events, build_standing(begun), space_stages(begun))
    return Resumption(folder, spec_after(begun, events), standing, reconcile(standing, folder), sweep)


def begun_spec(folder: SweepFolder, first: Event, settings: Sequence[str] = ()) -> Spec:
    """The spec with which a sweep was begun, under its present limits and places.

    Raises:
        UsageError: `resolved.json` was changed since into another experiment, or `settings` would do so.
        SweepError: the ledger is of a version that kept no spec, or nothing says where the scans lie.
    """
    kept = first.payload.get("spec")
    if not kept:
        raise SweepError(
            "the ledger was begun by a version that could not resume",
            where=str(folder.ledger),
            next_step="run the sweep again under another name",
        )
    present = adjusted(_read_resolved(folder) or kept, settings)
    if experiment(present) != experiment(kept):
        lines = spec_differences(experiment(kept), experiment(present))
        raise refusal([Difference("spec", tuple(lines))], folder.name)
    plain = taken_over(kept, present)
    if "root" not in plain["data"]:
        raise SweepError(
            "nothing says where the scans lie", where=str(folder.path / "resolved.json"), next_step="add --data FOLDER"
        )
    return spec_from_resolved(plain, str(folder.path / "resolved.json"))


def check_surroundings(folder: SweepFolder, found: Resumption) -> None:
    """Refuse another program or other versions of what decides numbers.

    Raises:
        UsageError: with a readable difference.
    """
    differences = surrounding_differences(found.sweep, found.spec)
    if differences:
        raise refusal(differences, folder.name)


def surrounding_differences(sweep: Sweep, spec: Spec) -> list[Difference]:
    """How this program and the versions of what decides numbers differ from those that began a sweep."""
    record = sweep.sweep
    differences: list[Difference] = []
    if record.hashes.get("code") != code_hash():
        differences.append(Difference("code", tuple(code_differences(record.code, code_files()))))
    samplers = [stage.sampler for stage in stages_of(spec)]
    other = version_differences(record.versions, versions(), samplers)
    if other:
        differences.append(Difference("versions", tuple(other)))
    return differences


def check_data(folder: SweepFolder, sweep: Sweep, cohort: Cohort) -> None:
    """Refuse other scans, masks or parts.

    Raises:
        UsageError: with a readable difference.
    """
    differences = data_differences(sweep, cohort)
    if differences:
        raise refusal(differences, folder.name)


def data_differences(sweep: Sweep, cohort: Cohort) -> list[Difference]:
    """How scans, masks and parts differ from those that a sweep began with."""
    record = sweep.sweep
    differences: list[Difference] = []
    if record.hashes.get("data") != cohort.fingerprint:
        differences.append(Difference("data", tuple(_data_lines(record, cohort))))
    if record.hashes.get("split") != cohort.split.fingerprint:
        old: Mapping[str, Sequence[str]] = {part: getattr(record.split, part) for part in _PARTS}
        new = {part: getattr(cohort.split, part) for part in _PARTS}
        differences.append(Difference("split", tuple(split_differences(old, new))))
    return differences


def _data_lines(record: SweepRecord, cohort: Cohort) -> list[str]:
    """Which cases differ; it is said of those that come from reviews, which clinicians go on writing."""
    reviewed = {*record.data.reviewed, *cohort.reviewed}
    return [
        f"{line} (a corrected case from reviews)" if line.partition(":")[0] in reviewed else line
        for line in case_differences(record.cases, case_digests(cohort))
    ]


_PARTS = ("train", "validation", "test")


class _Silent:
    def event(self, name: str, uid: str, fields: Mapping[str, Any]) -> None:
        """See `sweeps.search.driver.View`."""


def _only_close(found: Resumption, folder: SweepFolder, reporter: Reporter) -> Outcome:
    """All trials ended, but the ledger knows not all of it, or does not say so: it is written down, and no Ray is needed."""
    with folder.open_ledger() as ledger:
        ledger.append("resumed", run=found.sweep.sweep.runs + 1)
        driver = make_driver(found.spec, folder, ledger, found.standing, 1, _Silent())
        driver.take_up(found.findings.adopted)
        note_ready(ledger, found.sweep.sweep.runs + 1, slots=0)
        driver.close()
        note_closed()
    reporter.note("every trial had ended; what was missing in the ledger is written down")
    return outcome_of(driver)


def _settled(folder: SweepFolder, settings: Sequence[str]) -> dict[str, Any]:
    """`resolved.json` with the settings in it; what the ledger keeps where there is no such file."""
    kept = read_events(folder.ledger)[0].payload["spec"]
    return adjusted(_read_resolved(folder) or kept, settings)


def _read_resolved(folder: SweepFolder) -> dict[str, Any] | None:
    path = folder.file("resolved.json")
    folder.fetch("resolved.json")
    try:
        document = json.loads(path.read_bytes(), parse_constant=_refuse)
        if not isinstance(document, dict):
            raise ValueError(f"{type(document).__name__} in place of a mapping")
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise SweepError(
            "the resolved spec cannot be read",
            where=str(path),
            got=error,
            next_step="delete it, and say where the scans lie: --data FOLDER; the ledger has the rest",
        ) from error
    return document


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")
