"""What `run` and `resume` have in common: checked scans, a Ray, prepared slices, and the search on top of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.local import abandon, usable_cpus
from liverseg.training.spans import span
from results.errors import ResultsError
from results.records import Sweep
from sweeps.cohort import Cohort, load_cohort
from sweeps.command_clock import CHECKS, FOLDER, note_closed, note_ready
from sweeps.costs.refusal import MemoryCheck, memory_check
from sweeps.disk import LowWater
from sweeps.errors import SweepError
from sweeps.folder import SweepFolder
from sweeps.imports import quick_imports
from sweeps.interrupt import Interrupts
from sweeps.overlays import write_scans
from sweeps.reporter import Reporter
from sweeps.search.driver import Driver
from sweeps.search.launch import View
from sweeps.search.reconcile import Adoption
from sweeps.search.retention import Retention
from sweeps.search.standing import Standing
from sweeps.spec import Spec
from sweeps.spec.space import Space
from sweeps.stores.ferry import OpenLedger
from sweeps.workplace import Workplace, memory_limit

if TYPE_CHECKING:
    from sweeps.executor.setting import TrialSetting

PICTURES = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        failures: trials of the whole sweep that count as failed now.
        interrupted: asked to stop before the end.
        disk_message: why no further trial was started, when the disk was too full.
        idle: there was nothing to do.
    """

    folder: SweepFolder
    failures: int = 0
    interrupted: bool = False
    disk_message: str = ""
    idle: bool = False


def checked_cohort(spec: Spec, reporter: Reporter) -> Cohort:
    """The scans of a spec, read and checked, with progress.

    Raises:
        DataError, ConfigError, UsageError: they cannot be used.
    """
    from sweeps.cohort import list_files
    from sweeps.reviews.corrected import reviewed_files

    count = len(list_files(spec)[0]) + len(reviewed_files(spec))
    threads = spec.cluster.cpus or usable_cpus()
    with span(CHECKS), reporter.steps("checking scans", count) as advance:
        cohort = load_cohort(spec, threads=threads, on_case=advance)
    parts = ", ".join(f"{len(getattr(cohort.split, part))} {part}" for part in ("train", "validation", "test"))
    reporter.note(f"{len(cohort.cases)} cases; patients: {parts}; split {cohort.split.fingerprint}")
    for item in cohort.skipped:
        reporter.note(f"left out a case: {item.rule}, {item.summary}")
    for line in review_lines(cohort):
        reporter.note(line)
    return cohort


def review_lines(cohort: Cohort) -> list[str]:
    """What became of the corrected cases of `data.reviews`; nothing where there are none."""
    many, count = len(cohort.reviewed) != 1, len(cohort.reviewed)
    added = [
        f"{count} corrected case{'s' * many} from reviews {'were' if many else 'was'} added to training, never to validation or "
        "test; the data's fingerprint tells"
    ]
    left = [f"left out a corrected case: {line}" for line in cohort.left_out]
    later = [f"reviews that came after this sweep began, left to the next one: {cohort.later_reviews}"]
    return [*(added if count or left else []), *left, *(later if cohort.later_reviews else [])]


def interruptible(reporter: Reporter) -> Interrupts:
    """The signal handlers of a run."""
    return Interrupts(abandon, reporter.note)


def search(
    place: Workplace,
    folder: SweepFolder,
    ledger: OpenLedger,
    standing: Standing,
    reporter: Reporter,
    interrupts: Interrupts,
    *,
    adopted: Sequence[Adoption] = (),
    before: Sweep | None = None,
) -> Outcome:
    """Run what the standing has to give, and close the ledger.

    Raises:
        LedgerError: an event could not be written, and not for want of room; what was written before is safe.
    """
    with quick_imports():
        from sweeps.executor.tuner import run_trials
        from sweeps.executor.watch import Watch

    spec, slots = place.spec, place.slots
    total = len(standing.ended) + len(standing.open) + standing.left
    coming = len(standing.open) + standing.left
    reporter.note(f"running {coming} trials, {slots.count} at a time; logs in {folder.where}/trials")
    for line in missing_lines(standing):
        reporter.note(line)
    with reporter.trials(total, spec.train.epochs, Space.from_spec(spec).architectures, before) as view:
        misfit = memory_check(spec, slots, memory_limit(spec, slots), place.least_slices)
        driver = make_driver(spec, folder, ledger, standing, slots.count, view, misfit)
        driver.take_up(adopted)
        watch = Watch(
            folder.file("trials"),
            spec.trial.deadline_s,
            spec.trial.stall_s,
            store=folder.ferry.uri,
            lag_s=folder.ferry.lag_s,
        )
        try:
            with span(FOLDER):
                folder.fetch("overlays/")
                for problem in write_scans(place.prepared, folder):
                    reporter.note(problem)
                folder.send("overlays/")
                setting = trial_setting(place, folder)
            note_ready(ledger, before.sweep.runs + 1 if before else 1, slots.count)
            with folder.lookout() as watch.sees, interrupts.softly(lambda: _ask_to_stop(driver, folder)):
                run_trials(driver, setting, slots, watch, interrupts.request)
        except KeyboardInterrupt:
            driver.interrupted = True
        except Exception as error:
            _note_full_disk(driver, error)
        finally:
            if folder.stop.exists():
                folder.withdraw_stop()
        _close(driver)
    return outcome_of(driver)


def missing_lines(standing: Standing) -> list[str]:
    """For each stage whose space has fewer parameter sets than trials were asked for, a line that says so."""
    several = len(standing.course.stages) > 1
    return [
        f"{f'stage {stage}: ' if several else ''}{trials} of the trials asked for will not be run: the space has no further "
        "parameter sets, and none is trained twice"
        for stage, trials in standing.course.missing.items()
    ]


def _note_full_disk(driver: Driver, error: Exception) -> None:
    """A disk without room ends the run, and is no failure of anybody's; any other error is raised again."""
    from sweeps.executor.failure import disk_full, disk_message, store_trouble

    # A lease that could not be renewed is lost for no other reason than that.
    driver.cut_off = store_trouble(error) is not None or (
        driver.folder.ferry.silent and isinstance(error, ResultsError)
    )
    if not driver.cut_off and not disk_full(error):
        raise error
    driver.out_of_room(disk_message(error), store=driver.cut_off)


def _close(driver: Driver) -> None:
    """Close the ledger. On a full disk Tune's files make room for its last lines; with none at all it stays open.

    It does so too where the driver itself found the store silent: another wait for it would be in vain.
    """
    if driver.cut_off:
        return
    if driver.disk_message:
        shutil.rmtree(driver.folder.tune, ignore_errors=True)
    try:
        driver.close()
        note_closed()
    except ResultsError as error:
        _note_full_disk(driver, error)


def make_driver(
    spec: Spec,
    folder: SweepFolder,
    ledger: OpenLedger,
    standing: Standing,
    slots: int,
    view: View,
    misfit: MemoryCheck | None = None,
) -> Driver:
    """The driver of a sweep with the spec's rules about disk; without `misfit` every trial is started."""
    check = misfit or MemoryCheck(None, 0)
    retention = Retention(spec.keep.best, spec.search.objectives)
    low_water = LowWater(folder.path, spec.keep.min_free_bytes)
    return Driver(folder, ledger, standing, slots, view, retention=retention, low_disk=low_water.low, misfit=check)


def outcome_of(driver: Driver) -> Outcome:
    """How the driver's run ended."""
    failures = driver.standing.counts["failed"]
    return Outcome(driver.folder, failures, driver.interrupted, driver.disk_message)


def baseline(place: Workplace) -> dict[str, Any]:
    """Scores of the prediction that calls everything background, on the validation patients of all folds."""
    from liverseg.metrics import baseline_scores, summarise

    labels, prepared = place.spec.data.labels, place.prepared
    spans = (span for fold in range(len(prepared.folds)) for span in prepared.validation_spans(fold))
    return dict(summarise(baseline_scores(spans, labels), labels))


def trial_setting(place: Workplace, folder: SweepFolder) -> TrialSetting:
    """What all trials share."""
    from liverseg.inference.pictures import choose_pictures
    from sweeps.executor.setting import TrialSetting

    spec, prepared = place.spec, place.prepared
    # The native masks decide which slices are drawn, so that the choice is the same at every size.
    spans = [prepared.validation_spans(fold) for fold in range(len(prepared.folds))]
    pictures = tuple(choose_pictures(one, PICTURES) for one in spans)
    return TrialSetting(
        sweep_folder=str(folder.path.resolve()),
        store=folder.ferry.uri,
        prepared=prepared,
        pictures=pictures,
        labels=tuple(spec.data.labels),
        updates=spec.train.updates,
        early_stopping=spec.train.early_stopping,
        plateau=spec.train.plateau.rule() if spec.train.plateau else None,
        deadline_s=spec.trial.deadline_s,
        stall_s=spec.trial.stall_s,
        memory_bytes=memory_limit(spec, place.slots),
        threads=place.slots.cpus,
        gpus=place.slots.gpus,
        keep_last=spec.keep.last,
        save_every=spec.keep.every,
        objectives=tuple(item.metric for item in spec.search.objectives),
    )


def _ask_to_stop(driver: Driver, folder: SweepFolder) -> None:
    driver.interrupted = True
    try:
        folder.stop.touch()
    except OSError as error:
        raise SweepError("trials cannot be asked to stop", where=str(folder.stop), got=error.strerror) from error
