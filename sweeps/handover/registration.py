"""Writing an export down in the record of models."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from results.model_record import ExportFacts, MemberFacts, note_export, read_record
from results.records import TrialRecord

if TYPE_CHECKING:
    from sweeps.handover.export import Exported


def check_record(folder: Path) -> None:
    """Refuse a damaged record before anything is made that it could not take up.

    Raises:
        ConfigError: it would lie within a model's folder.
        LedgerError: a line was changed, left out or moved.
    """
    from liverseg.handover.folder import check_outside

    check_outside(folder)
    read_record(folder)


def register(folder: Path, done: Exported) -> None:
    """Write an export down.

    Raises:
        LedgerError, LockedError, OSError: it cannot be written. The model is there all the same.
    """
    described = done.model.description
    first = done.sweep.trial(done.trials[0])
    folder.mkdir(parents=True, exist_ok=True)
    note_export(
        folder,
        ExportFacts(
            model=done.model.id,
            name=done.model.name,
            path=str(done.model.path),
            sweep=str(described.origin["sweep"]),
            fingerprints={part: str(described.origin[part]) for part in ("data", "split", "test")},
            members=tuple(
                MemberFacts(item.trial, item.config.architecture, item.config.seed, item.epoch)
                for item in described.members
            ),
            validation=_means(first, described.labels),
            test=_tested(first, described.labels),
        ),
    )


def _means(trial: TrialRecord, labels: tuple[str, ...]) -> dict[str, float | None]:
    """Of the best network alone, as it was ranked."""
    return {label: _plain(trial.metric(f"dice_{label}_mean")) for label in labels}


def _tested(trial: TrialRecord, labels: tuple[str, ...]) -> dict[str, float | None]:
    """Of its newest opening; empty without one."""
    if not trial.tests:
        return {}
    metrics = trial.tests[-1].metrics
    return {label: _plain(metrics.get(f"dice_{label}_mean", math.nan)) for label in labels}


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
