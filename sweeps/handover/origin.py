"""Where a model comes from, as plain values: enough to find its sweep, its data and its program again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from liverseg.handover.description import CONTENT_DIGITS
from results.fingerprints import test_fingerprint
from results.records import Sweep
from sweeps.provenance import code_hash, versions

if TYPE_CHECKING:
    from sweeps.cohort import Cohort
    from sweeps.handover.selection import Choice


def origin_of(name: str, sweep: Sweep, cohort: Cohort, choice: Choice) -> dict[str, Any]:
    """Sweep, fingerprints, versions; pseudonyms of the cases by part, and hashes of their voxels; the smallest and largest
    liver trained on.
    """
    record, fold = sweep.sweep, choice.trials[0].trial.fold
    parts = {part: [case.uid for case in cohort.part(part, fold)] for part in ("train", "validation", "test")}
    contents = {
        part: [
            sha256[:CONTENT_DIGITS]
            for case in cohort.part(part, fold)
            for sha256 in (case.content_sha256, case.values_sha256)
        ]
        for part in ("train", "validation")
    }
    livers = [case.liver_ml for case in cohort.part("train", fold) if case.liver_ml > 0]
    return {
        "sweep": name,
        "started": record.started,
        "data": cohort.fingerprint,
        "split": cohort.split.fingerprint,
        "test": test_fingerprint(record),
        "fold": fold,
        "cases": parts,
        "contents": contents,
        "liver_ml": [round(min(livers), 1), round(max(livers), 1)] if livers else None,
        "test_openings": len(record.openings),
        "code": code_hash(),
        "versions": versions(),
        "trained_with": {"code": record.hashes.get("code"), "versions": dict(record.versions)},
    }
