"""Opening the locked test patients: once, for the trials that were selected before, and written down before anything is read.

What an opening is for is fixed by its first event, and each score is written as it comes. So an opening that was cut off is
gone on with, and is not a second one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cluster.config import Slots
from results.fold import fold
from results.ledger import read_events
from results.records import Sweep, TrialRecord
from results.sweep_parts import Opening
from sweeps.candidates import Candidates, check_all_usable, check_any, find_weights, selected_trials
from sweeps.cohort import Cohort
from sweeps.engine import checked_cohort, interruptible
from sweeps.errors import UsageError
from sweeps.executor.scoring import Scored, score_jobs
from sweeps.folder import SweepFolder
from sweeps.live import score
from sweeps.provenance import difference_lines, undo
from sweeps.reporter import Reporter
from sweeps.resume import begun_spec, data_differences, surrounding_differences
from sweeps.spec import Spec
from sweeps.stages import spec_after
from sweeps.stores.ferry import OpenLedger
from sweeps.test_part import prepare_test, ray_for_test

MOST_NOTE = 500
_WAITING = ("queued", "running", "stopped")


@dataclass(frozen=True, slots=True)
class OpeningOutcome:
    """How an opening went.

    Attributes:
        opening: its number; 0 when it was cut off before it was written down, so that nothing was opened.
        failed: selected trials that could not be scored, and why.
        interrupted: cut off before every trial had its turn.
    """

    folder: SweepFolder
    opening: int
    failed: Mapping[str, str] = field(default_factory=dict)
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class OpeningPlan:
    """What an opening is for.

    Attributes:
        spec: of the sweep, extensions included.
        number: of the opening.
        begun: the opening that is gone on with; None for a new one.
        trials: those that are still to be scored.
        found: their weights.
    """

    sweep: Sweep
    spec: Spec
    number: int
    begun: Opening | None
    trials: tuple[TrialRecord, ...]
    found: Candidates

    @property
    def sizes_px(self) -> tuple[int, ...]:
        """Sizes at which the test scans are needed."""
        return tuple(sorted({job.size_px for job in self.found.jobs}))


def open_test(
    folder: SweepFolder, reporter: Reporter, *, again: bool = False, note: str = "", settings: Sequence[str] = ()
) -> OpeningOutcome:
    """Open the test patients of a finished sweep, or go on with an opening that was cut off.

    Scans are looked at as before every run (whole, and the same as then), and Ray is started; then the opening is written
    down; only then is anything of the test part prepared or scored.

    Args:
        folder: of the sweep.
        reporter: how the user is told.
        again: open them although they were opened before.
        note: why; a second opening needs one. Printed on the report for good.
        settings: `key=value` texts, see `sweeps.adjust`; they hold for this run only.

    Raises:
        LockedError: a driver is at work on the sweep.
        UsageError: there is nothing to open, not yet, or not again; scans or split differ. Nothing was opened.
        SweepError: weights of a selected trial are gone. Nothing was opened.
        LedgerError: the ledger is damaged, or the disk refuses an event.
    """
    folder = folder.to_drive()
    if folder.is_driven():
        with folder.driving():  # says who drives it
            pass
    folder.refresh()
    plan_opening(folder, again=again, note=note, settings=settings)
    with folder.driving(), interruptible(reporter) as interrupts:
        folder.refresh()
        plan = plan_opening(folder, again=again, note=note, settings=settings)
        folder.withdraw_stop()
        outcome = OpeningOutcome(folder, plan.number if plan.begun else 0, interrupted=True)
        try:
            cohort = checked_cohort(plan.spec, reporter)
            check_same_data(folder, plan.sweep, cohort)
            _warn(plan, reporter)
            with (
                ray_for_test(plan.spec, cohort, plan.sizes_px, interrupts) as slots,
                folder.open_ledger() as ledger,
            ):
                _begin(plan, ledger, note, reporter)
                outcome = OpeningOutcome(folder, plan.number, interrupted=True)
                return _score(plan, folder, ledger, cohort, slots, reporter)
        except KeyboardInterrupt:
            return outcome
        finally:
            folder.withdraw_stop()


def plan_opening(
    folder: SweepFolder, *, again: bool = False, note: str = "", settings: Sequence[str] = ()
) -> OpeningPlan:
    """What would be opened, for which trials. Writes nothing, and reads no scan.

    Raises:
        UsageError, SweepError, LedgerError: as `open_test`.
    """
    folder.check_links()
    events = read_events(folder.ledger)
    sweep = fold(events)
    _check_over(folder, sweep)
    if len(note) > MOST_NOTE:
        raise UsageError("the note is too long", where="--note", got=f"{len(note)} characters", allowed=MOST_NOTE)
    begun = _unfinished(sweep)
    trials = selected_trials(sweep) if begun is None or again else _missing(sweep, begun)
    check_any(folder, trials)
    if begun is not None and again and not find_weights(folder, _missing(sweep, begun)).jobs:
        begun = None  # what is missing of it can never be scored
    _check_again(folder, sweep, begun, again, note)
    found = find_weights(folder, trials)
    if begun is None:
        check_all_usable(folder, found)
    spec = spec_after(begun_spec(folder, events[0], settings), events)
    number = begun.number if begun is not None else len(sweep.sweep.openings) + 1
    return OpeningPlan(sweep, spec, number, begun, trials, found)


def _unfinished(sweep: Sweep) -> Opening | None:
    """The newest opening, if it has trials without a score."""
    newest = sweep.sweep.openings[-1:]
    return newest[0] if newest and _missing(sweep, newest[0]) else None


def _missing(sweep: Sweep, opening: Opening) -> tuple[TrialRecord, ...]:
    trials = [sweep.trial(uid) for uid in opening.trials]
    return tuple(trial for trial in trials if all(test.opening != opening.number for test in trial.tests))


def _check_over(folder: SweepFolder, sweep: Sweep) -> None:
    """Refuse a sweep without test patients, and one whose search is not over."""
    if not sweep.sweep.split.test:
        raise UsageError(
            "the sweep has no test patients",
            where=folder.name,
            next_step="hold some back in a new sweep: data.split.test: 0.2",
        )
    waiting = sum(trial.state in _WAITING for trial in sweep.trials)
    if sweep.sweep.closed != "finished" or waiting:
        raise UsageError(
            "the search is not over, and the test patients are opened after it",
            where=folder.name,
            got=f"{waiting} trials without an end" if waiting else "a sweep that was cut off",
            next_step=f"let it end first: liversweep resume {folder.name}",
        )


def _check_again(folder: SweepFolder, sweep: Sweep, begun: Opening | None, again: bool, note: str) -> None:
    """Refuse a second opening that was not asked for, and a first that is called a second."""
    openings, name = sweep.sweep.openings, folder.name
    if again and not openings:
        what = "the test patients were never opened"
        raise UsageError(what, where=name, got="--again", next_step=f"open them with: liversweep test {name}")
    if begun is not None and (again or note):
        raise UsageError(
            f"opening {begun.number} of the test patients was cut off and is gone on with as it was begun",
            where=name,
            got="--again" if again else "--note",
            next_step=f"go on with: liversweep test {name}",
        )
    if begun is None and openings and not again:
        raise UsageError(
            f"the test patients were opened on {openings[-1].time[:10]}; a second opening tells less than the first",
            where=name,
            next_step=f"see what they told: liversweep show {name}; or open them again, which the report will say for good: "
            f"liversweep test {name} --again --note WHY",
        )
    if again and not note.strip():
        what = "a second opening needs a reason, which the report will say for good"
        raise UsageError(what, where=name, next_step="add --note WHY")


def check_same_data(folder: SweepFolder, sweep: Sweep, cohort: Cohort) -> None:
    """Refuse other scans, masks or parts than those of the sweep.

    Raises:
        UsageError: with a readable difference.
    """
    differences = data_differences(sweep, cohort)
    if differences:
        lines = [
            f"sweep {folder.name}: the test patients stay locked: these are not the scans of its trials; then → now"
        ]
        raise UsageError("\n".join((*lines, *difference_lines(differences), undo(differences))))


def _warn(plan: OpeningPlan, reporter: Reporter) -> None:
    """Another program may predict differently with the same weights. The weights decide most, so it is no refusal."""
    differences = surrounding_differences(plan.sweep, plan.spec)
    if differences:
        lines = ["warning: program or packages are not those that trained; scores may differ slightly; then → now"]
        reporter.note("\n".join((*lines, *difference_lines(differences))))


def _begin(plan: OpeningPlan, ledger: OpenLedger, note: str, reporter: Reporter) -> None:
    """Write down that the test patients are opened, before anything of them is prepared."""
    split, trials = plan.sweep.sweep.split, [trial.uid for trial in plan.trials]
    if plan.begun is not None:
        done = len(plan.begun.trials) - len(trials)
        reporter.note(f"going on with opening {plan.number}: {done} of {len(plan.begun.trials)} trials are scored")
        return
    ledger.append(
        "opened",
        opening=plan.number,
        trials=trials,
        patients=list(split.test),
        fingerprint=split.fingerprint,
        again=plan.number > 1,
        note=note.strip(),
    )
    reporter.note(
        f"opened the {len(split.test)} test patients for {len(trials)} selected trials (opening {plan.number}); it is "
        "written in the ledger"
    )


def _score(
    plan: OpeningPlan, folder: SweepFolder, ledger: OpenLedger, cohort: Cohort, slots: Slots, reporter: Reporter
) -> OpeningOutcome:
    failed = dict(plan.found.unusable)
    for uid, why in failed.items():
        reporter.note(f"{uid} cannot be scored: {why}")
    jobs, patients = plan.found.jobs, set(cohort.split.test)
    if not jobs:
        return OpeningOutcome(folder, plan.number, failed)

    def look() -> None:
        if folder.stop.exists():
            raise KeyboardInterrupt

    with (
        folder.lookout(),
        prepare_test(plan.spec, cohort, plan.sizes_px, reporter) as scans,
        reporter.steps("scoring on the test patients", len(jobs)) as advance,
    ):
        for done, scored in enumerate(score_jobs(jobs, scans, slots, look=look), start=1):
            architecture = plan.sweep.trial(scored.uid).architecture
            why = _record(scored, plan.number, ledger, patients)
            if why:
                failed[scored.uid] = why
            advance()
            reporter.note(f"[{done}/{len(jobs)}] {scored.uid} {architecture} {_line(scored, why)}")
    return OpeningOutcome(folder, plan.number, failed)


def _record(scored: Scored, number: int, ledger: OpenLedger, patients: set[str]) -> str:
    """Write the score down; why there is none otherwise."""
    record = scored.record
    if record is None:
        return scored.message
    if {row[1] for row in record["cases"]} != patients:
        return "it was not scored on every test patient"
    parts = {name: record[name] for name in ("metrics", "cases", "scores") if name in record}
    ledger.append("tested", uid=scored.uid, opening=number, seconds=scored.seconds, **parts)
    return ""


def _line(scored: Scored, why: str) -> str:
    if why or scored.record is None:
        return f"cannot be scored: {why}"
    metrics = scored.record["metrics"]
    text = (
        f"tested: Dice liver {score(metrics.get('dice_liver_mean'))}, tumour {score(metrics.get('dice_tumour_mean'))}"
    )
    return f"{text}, {scored.seconds:.0f} s"
