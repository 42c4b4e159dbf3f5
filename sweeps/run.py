"""One sweep from its spec to its last trial. Nothing is written below `runs/` before the data is known to be good."""

from __future__ import annotations

from sweeps.costs.glance import check_memory
from sweeps.costs.machine import this_machine
from sweeps.creation import Source, create_sweep
from sweeps.engine import Outcome, baseline, checked_cohort, interruptible, search
from sweeps.folder import SweepFolder
from sweeps.reporter import Reporter
from sweeps.spec import LoadedSpec
from sweeps.stages import build_standing
from sweeps.workplace import workplace


def run_sweep(loaded: LoadedSpec, folder: SweepFolder, reporter: Reporter) -> Outcome:
    """Run a sweep in a folder that does not exist yet.

    Args:
        loaded: the spec.
        folder: where the sweep is to live.
        reporter: how the user is told.

    Raises:
        DataError, ConfigError, UsageError: the data cannot be used, or no trial fits into its memory; nothing was written.
        ClusterError: Ray cannot run a single trial.
        LedgerError: the disk refused an event.
        KeyboardInterrupt: before the first trial; nothing was written.
    """
    spec = loaded.spec
    source = Source(loaded.source_text, loaded.path.absolute().parent if loaded.path else None)
    with interruptible(reporter) as interrupts:
        check_memory(spec, this_machine(), reporter.note)
        cohort = checked_cohort(spec, reporter)
        with workplace(spec, cohort, reporter, interrupts, folder.home) as place:
            create_sweep(folder, spec, source, cohort, baseline(place))
            with folder.driving(), folder.open_ledger() as ledger:
                return search(place, folder, ledger, build_standing(spec), reporter, interrupts)
