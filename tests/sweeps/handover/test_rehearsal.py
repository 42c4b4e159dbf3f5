"""Where a rehearsal is done: in this process, or by workers on Ray."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sweeps.handover.rehearsal as rehearsal
from cluster.config import AttachedConfig
from liverseg.data import Case, check_cohort, find_cases
from liverseg.phantom import PhantomConfig, write_cohort
from sweeps.fleet import Answer, Fleet
from sweeps.handover.rehearsal import Cast, features_of, rehearse

CAST = Cast((("t0000", Path("a")), ("t0001", Path("b"))), "pad", ("single", "single-flips", "ensemble"))


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, ...]:
    folder = tmp_path_factory.mktemp("scans")
    write_cohort(folder, PhantomConfig(cases=2, matrix_px=(48, 48), slices=(8, 8)))
    return tuple(check_cohort(find_cases(folder)).cases)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Fleet]:
    """The fleets that were asked to work; each only reads scans."""
    found: list[Fleet] = []

    def work_through(jobs: Sequence[Any], worker: str, argument: Any, fleet: Fleet) -> Iterator[Answer]:
        found.append(fleet)
        yield from (Answer(index, features_of(job.image, job.uid)) for index, job in enumerate(jobs) if not job.predict)

    monkeypatch.setattr(rehearsal, "work_through", work_through)
    return found


def asked_for(cases: Sequence[Case], fleet: Fleet) -> None:
    with rehearse(CAST, cases[:1], cases[1:], fleet) as found:
        assert len(found.features) == 1


def test_a_few_small_scans_are_not_worth_starting_ray(cases: tuple[Case, ...], asked: list[Fleet]) -> None:
    asked_for(cases, Fleet())
    assert [fleet.local for fleet in asked] == [True]


@pytest.mark.parametrize(
    "fleet",
    [Fleet(workers=2), Fleet(gpus=0.5), Fleet(where=AttachedConfig(address="127.0.0.1:1"))],
    ids=["workers", "GPU", "cluster"],
)
def test_what_is_asked_for_is_done(cases: tuple[Case, ...], asked: list[Fleet], fleet: Fleet) -> None:
    asked_for(cases, fleet)
    assert asked == [fleet]


def test_every_pass_over_a_scan_to_predict_counts(
    cases: tuple[Case, ...], asked: list[Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One network, the same mirrored (twice the work), two networks; and one reading of the training scan."""
    voxels = 48 * 48 * 8
    for worth, local in ((6 * voxels, False), (6 * voxels + 1, True)):
        monkeypatch.setattr(rehearsal, "WORTH_VOXELS", worth)
        asked_for(cases, Fleet())
        assert asked[-1] == replace(Fleet(), local=local)
