"""What `run` and `resume` have in common: checked scans, a Ray, prepared slices, and the search on top of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from cluster.config import AttachedConfig, Config, LocalConfig, Slots
from cluster.local import abandon, usable_cpus
from cluster.nodes import machines, slots_for, slots_on
from cluster.select import connect
from liverseg.config import PrepareConfig
from results.errors import ResultsError
from results.records import Sweep
from sweeps.cohort import Cohort, load_cohort
from sweeps.disk import LowWater
from sweeps.errors import SweepError
from sweeps.ferry import OpenLedger
from sweeps.folder import SweepFolder
from sweeps.interrupt import Interrupts
from sweeps.machine import MEMORY_SHARE
from sweeps.overlays import write_scans
from sweeps.prepare import FITS_SHARE, Prepared, cache_root, prepare_on_ray
from sweeps.search.driver import Driver, View
from sweeps.search.reconcile import Adoption
from sweeps.search.retention import Retention
from sweeps.search.standing import Standing
from sweeps.spec import Spec
from sweeps.spec.space import Space

if TYPE_CHECKING:
    from sweeps.executor.setting import TrialSetting

PICTURES = 3
WORKER_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1", "KERAS_BACKEND": "tensorflow"}
_MIB = 1024**2


class Reporter(Protocol):
    """Tells the user what goes on before and while trials run."""

    def note(self, text: str) -> None:
        """One line."""

    def steps(self, label: str, total: int) -> AbstractContextManager[Callable[..., None]]:
        """A progress display; yields what to call after each item."""

    def trials(
        self, total: int, epochs: int, architectures: tuple[str, ...], before: Sweep | None
    ) -> AbstractContextManager[View]:
        """The display of running trials; `before` is what an earlier run left."""


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


@dataclass(frozen=True, slots=True)
class Workplace:
    """A running Ray with the slices on it."""

    spec: Spec
    prepared: Prepared
    slots: Slots


def checked_cohort(spec: Spec, reporter: Reporter) -> Cohort:
    """The scans of a spec, read and checked, with progress.

    Raises:
        DataError, ConfigError, UsageError: they cannot be used.
    """
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


@contextmanager
def workplace(spec: Spec, cohort: Cohort, reporter: Reporter, interrupts: Interrupts) -> Iterator[Workplace]:
    """Start Ray, or join it, and prepare the scans; end what was started on leaving.

    Raises:
        ClusterError: Ray cannot run a single trial.
        DataError, ConfigError: a case cannot be prepared.
    """
    need = store_need(cohort, ("train", "validation"), tuple(spec.prepare.size or ()))
    with connect(ray_config(spec, need), environment=worker_environment(spec)):
        interrupts.install()
        interrupts.check()
        slots = slots_of(spec)
        prepared = _prepare(spec, cohort, reporter)
        try:
            yield Workplace(spec, prepared, slots)
        finally:
            prepared.remove_files()


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
    from sweeps.executor.tuner import run_trials
    from sweeps.executor.watch import Watch

    spec, slots = place.spec, place.slots
    total = len(standing.ended) + len(standing.open) + standing.left
    coming = len(standing.open) + standing.left
    reporter.note(f"running {coming} trials, {slots.count} at a time; logs in {folder.where}/trials")
    with reporter.trials(total, spec.train.epochs, Space.from_spec(spec).architectures, before) as view:
        driver = make_driver(spec, folder, ledger, standing, slots.count, view)
        driver.take_up(adopted)
        watch = Watch(
            folder.file("trials"),
            spec.trial.deadline_s,
            spec.trial.stall_s,
            store=folder.ferry.uri,
            lag_s=folder.ferry.lag_s,
        )
        try:
            folder.fetch("overlays/")
            for problem in write_scans(place.prepared, folder):
                reporter.note(problem)
            folder.send("overlays/")
            with folder.lookout() as watch.sees, interrupts.softly(lambda: _ask_to_stop(driver, folder)):
                run_trials(driver, trial_setting(place, folder), slots, watch, interrupts.request)
        except KeyboardInterrupt:
            driver.interrupted = True
        except Exception as error:
            _note_full_disk(driver, error)
        finally:
            if folder.stop.exists():
                folder.withdraw_stop()
        _close(driver)
    return outcome_of(driver)


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
    except ResultsError as error:
        _note_full_disk(driver, error)


def make_driver(
    spec: Spec, folder: SweepFolder, ledger: OpenLedger, standing: Standing, slots: int, view: View
) -> Driver:
    """The driver of a sweep with the spec's rules about disk."""
    retention = Retention(spec.keep.best, spec.search.objectives)
    low_water = LowWater(folder.path, spec.keep.min_free_bytes)
    return Driver(folder, ledger, standing, slots, view, retention=retention, low_disk=low_water.low)


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


def prepare_config(spec: Spec) -> PrepareConfig:
    """What the shared preparation makes, for a resolved spec."""
    return PrepareConfig(sizes_px=tuple(spec.prepare.size or ()), slices=spec.prepare.slices, fit=spec.prepare.fit)


@dataclass(frozen=True, slots=True)
class StoreNeed:
    """What prepared cases take.

    Attributes:
        data_bytes: all of them at all sizes, about and at most.
        largest_bytes: the largest at its largest size.
    """

    data_bytes: int
    largest_bytes: int


def store_need(cohort: Cohort, parts: Sequence[str], sizes_px: Sequence[int]) -> StoreNeed:
    """What the cases of some parts take, each once, whatever the folds."""
    from liverseg.preprocess import estimate_reference_bytes, estimate_store_bytes

    cases = {case.uid: case for part in parts for case in cohort.part(part)}.values()
    scored = {case.uid for part in parts if part != "train" or cohort.folds > 1 for case in cohort.part(part)}
    masks = {
        case.uid: estimate_reference_bytes(case.liver_ml, case.header.shape, case.header.spacing_mm)
        for case in cases
        if case.uid in scored
    }
    slices = sum(case.slices for case in cases)
    widest = max(sizes_px, default=0)
    return StoreNeed(
        estimate_store_bytes(slices, sizes_px) + len(sizes_px) * sum(masks.values()),
        max((estimate_store_bytes(case.slices, [widest]) + masks.get(case.uid, 0) for case in cases), default=0),
    )


def store_bytes(spec: Spec, cohort: Cohort) -> int:
    """Bytes that prepared train and validation cases take, about and at most: each once, whatever the folds."""
    return store_need(cohort, ("train", "validation"), tuple(spec.prepare.size or ())).data_bytes


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
        deadline_s=spec.trial.deadline_s,
        stall_s=spec.trial.stall_s,
        memory_bytes=memory_limit(spec, place.slots),
        threads=place.slots.cpus,
        gpus=place.slots.gpus,
        keep_last=spec.keep.last,
        save_every=spec.keep.every,
        objectives=tuple(item.metric for item in spec.search.objectives),
    )


def memory_limit(spec: Spec, slots: Slots) -> int:
    """Private memory that a trial may use: as the spec says, else its share of nine tenths of what its machine has."""
    import psutil

    if spec.trial.memory_bytes:
        return spec.trial.memory_bytes
    if spec.cluster.kind == "local":
        return int(MEMORY_SHARE * psutil.virtual_memory().available / slots.count)
    # Ray counts the memory that is left for workers; of unequal machines the one with the least a trial decides.
    shares = [(node.get("memory", 0), slots_on(node, cpus=slots.cpus, gpus=slots.gpus)) for node in machines()]
    return int(MEMORY_SHARE * min(memory / count for memory, count in shares if count))


def slots_of(spec: Spec) -> Slots:
    """How many of a spec's trials run at once on the Ray that this process is connected to.

    Raises:
        ClusterError: none.
    """
    trial = spec.trial
    return slots_for(machines(), cpus=trial.cpus, gpus=trial.gpus, memory_bytes=trial.memory_bytes)


def _ask_to_stop(driver: Driver, folder: SweepFolder) -> None:
    driver.interrupted = True
    try:
        folder.stop.touch()
    except OSError as error:
        raise SweepError("trials cannot be asked to stop", where=str(folder.stop), got=error.strerror) from error


def _prepare(spec: Spec, cohort: Cohort, reporter: Reporter) -> Prepared:
    count = len(cohort.part("train")) + len(cohort.part("validation"))
    with reporter.steps("preparing scans", count) as advance:
        prepared = prepare_on_ray(
            cohort, prepare_config(spec), cache_root(spec), stream=spec.prepare.stream, on_case=advance
        )
    place = "; trials read them from files of their machine" if prepared.streamed else ""
    reporter.note(f"prepared {prepared.cases} scans once for all trials ({prepared.from_cache} from the cache){place}")
    return prepared


def ray_config(spec: Spec, need: StoreNeed) -> Config:
    """The Ray that a spec asks for: one of our own, or one that runs. SLURM's and Kubernetes' jobs bring one with them."""
    cluster = spec.cluster
    if cluster.kind == "local":
        return local_config(spec, need)
    return AttachedConfig(address=cluster.address if cluster.kind == "address" else None, insecure=cluster.insecure)


def local_config(spec: Spec, need: StoreNeed) -> LocalConfig:
    """An object store that holds all cases if three tenths of the memory can; one that they pass through otherwise.

    Cases that are streamed lie in the store only on their way, and what stays there of them keeps memory from the files.
    """
    import psutil

    memory = psutil.virtual_memory().total
    wanted = int(need.data_bytes / FITS_SHARE)
    if spec.prepare.stream == "always" or (spec.prepare.stream == "auto" and wanted > 0.3 * memory):
        wanted = max(4 * need.largest_bytes, int(0.05 * memory))
    store = spec.cluster.object_store_bytes or min(max(256 * _MIB, wanted), int(0.3 * memory))
    gpus = None if spec.trial.gpus else 0
    return LocalConfig(cpus=spec.cluster.cpus, gpus=gpus, object_store_bytes=store)


def worker_environment(spec: Spec) -> dict[str, str]:
    """Variables that every worker gets."""
    # Cards are counted as nvidia-smi counts them, by their place on the bus, and not the fastest first.
    cards = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} if spec.trial.gpus else {"CUDA_VISIBLE_DEVICES": "-1"}
    return {**WORKER_ENVIRONMENT, **cards, "OMP_NUM_THREADS": str(spec.trial.cpus)}
