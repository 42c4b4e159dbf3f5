"""Which trials become a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from results.fold import fold
from results.ledger_line import decode
from results.ranking import best_trials
from results.records import Sweep
from sweeps.errors import SweepError, UsageError
from sweeps.executor.scoring import ScoringJob
from sweeps.folder import SweepFolder
from sweeps.handover import selection
from sweeps.handover.selection import Choice, choose_trials
from tests.results.ledger_factory import realistic, uid_of


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    return SweepFolder(tmp_path / "lits")


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Trials whose weights are whole."""
    names: set[str] = set()

    def find(folder: SweepFolder, trials: list[object]) -> object:
        from sweeps.candidates import Candidates

        uids = [trial.uid for trial in trials]  # type: ignore[attr-defined]
        jobs = tuple(ScoringJob(uid, Path(uid), Path(uid) / "w", 32) for uid in uids if uid in names)
        return Candidates(jobs, {uid: "its weights were not kept" for uid in uids if uid not in names})

    monkeypatch.setattr(selection, "find_weights", find)
    return names


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    ledger = realistic(trials=12)
    return fold([decode(line[:-1], number, "x") for number, line in enumerate(ledger.lines, 1)])


@pytest.fixture(scope="module")
def ranked(sweep: Sweep) -> list[str]:
    return [trial.uid for trial in best_trials(sweep)]


def uids(choice: Choice) -> list[str]:
    return [item.trial.uid for item in choice.trials]


def test_the_best_is_the_first_of_the_ranking(
    folder: SweepFolder, kept: set[str], sweep: Sweep, ranked: list[str]
) -> None:
    kept |= set(ranked)
    found = choose_trials(folder, sweep)
    assert uids(found) == ranked[:1] and found.trials[0].checkpoint.name == "w"
    assert uids(choose_trials(folder, sweep, top=3)) == ranked[:3]


def test_a_trial_is_found_by_its_name_or_its_first_part(folder: SweepFolder, kept: set[str], sweep: Sweep) -> None:
    kept.add(uid_of(1))
    for name in (uid_of(1), "t0001"):
        assert uids(choose_trials(folder, sweep, trial=name)) == [uid_of(1)]
    with pytest.raises(UsageError, match=r"no such trial; got t9"):
        choose_trials(folder, sweep, trial="t9")
    with pytest.raises(UsageError, match=r"has not finished.*got failed"):
        choose_trials(folder, sweep, trial="t0005")


def test_the_best_without_weights_is_an_error_and_in_an_ensemble_a_note(
    folder: SweepFolder, kept: set[str], sweep: Sweep, ranked: list[str]
) -> None:
    kept |= set(ranked[1:4])
    with pytest.raises(SweepError, match=r"cannot be exported: its weights were not kept.*keep.best=all"):
        choose_trials(folder, sweep)
    found = choose_trials(folder, sweep, top=2)
    assert uids(found) == ranked[1:3]
    assert found.notes == (f"left out: {ranked[0]}, whose weights were not kept",)
    assert "has 3 networks" in choose_trials(folder, sweep, top=5).notes[-1]


def test_too_few_for_an_ensemble_and_none_at_all_are_refused(
    folder: SweepFolder, kept: set[str], sweep: Sweep, ranked: list[str]
) -> None:
    kept.add(ranked[0])
    with pytest.raises(UsageError, match=r"an ensemble needs two trials"):
        choose_trials(folder, sweep, top=2)
    with pytest.raises(UsageError, match=r"no trial finished with a score"):
        choose_trials(folder, replace(sweep, trials=()))
    with pytest.raises(UsageError, match=r"impossible number of networks"):
        choose_trials(folder, sweep, top=0)
