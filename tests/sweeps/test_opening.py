"""Opening the test patients, all of it but Ray, scans and signals: what is refused, what is written, and in which order."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import sweeps.fork
import sweeps.opening
import sweeps.resume
import sweeps.run
from results.errors import LockedError, ResultsError
from results.ledger import Ledger
from results.lock import SweepLock
from results.statistics import opening_scores
from sweeps.errors import SweepError, UsageError
from sweeps.folder import SweepFolder
from sweeps.opening import OpeningOutcome, open_test
from tests.promises.commands import refusal, said
from tests.promises.hostile import HOSTILE, ledger_of
from tests.sweeps.fake_scorer import TEST, Scorer, held_back, prepared
from tests.sweeps.in_process import Machine, Notes, events_of, extend, run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep of two architectures, made once."""
    root = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as monkeypatch:
        prepared(monkeypatch)
        return run(root).path


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return prepared(monkeypatch)


@pytest.fixture
def folder(machine: Machine, finished: Path, tmp_path: Path) -> SweepFolder:
    """A copy of the finished sweep: a sweep's folder may be moved and copied."""
    return SweepFolder(Path(shutil.copytree(finished, tmp_path / "runs" / "a")))


@pytest.fixture
def scorer(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scorer:
    scorer = Scorer(lambda: SweepFolder(tmp_path / "runs" / "a"))
    monkeypatch.setattr(sweeps.opening, "ray_for_test", scorer.ray)
    monkeypatch.setattr(sweeps.opening, "prepare_test", scorer.prepare)
    monkeypatch.setattr(sweeps.opening, "score_jobs", scorer.score)
    return scorer


def opened(folder: SweepFolder, **asked: Any) -> OpeningOutcome:
    return open_test(folder, Notes(), **asked)


def refused(folder: SweepFolder, match: str, kind: type[Exception] = UsageError, **asked: Any) -> None:
    """The opening is refused, and nothing of the sweep was changed by that."""
    before = folder.ledger.read_bytes()
    with pytest.raises(kind, match=match):
        opened(folder, **asked)
    assert folder.ledger.read_bytes() == before


def test_the_best_of_each_architecture_is_scored_and_written_down(scorer: Scorer, folder: SweepFolder) -> None:
    notes = Notes()
    outcome = open_test(folder, notes, note=" for the paper ")
    assert (outcome.opening, outcome.failed, outcome.interrupted) == (1, {}, False)
    sweep = folder.read()
    (opening,) = sweep.sweep.openings
    assert (opening.patients, opening.note, opening.again) == (TEST, "for the paper", False)
    best = {}
    for trial in sweep.trials:
        other = best.get(trial.architecture)
        best[trial.architecture] = max((trial, *([other] if other else [])), key=lambda item: item.metric("val_dice"))
    assert set(opening.trials) == {trial.uid for trial in best.values()} and len(opening.trials) == 2
    assert {trial.uid for trial in sweep.trials if trial.tests} == set(opening.trials)
    assert sweep.sweep.closed == "finished"
    assert [line for line in notes.lines if line.startswith("[2/2]") and "tested: Dice liver" in line]


def test_the_opening_is_on_disk_before_anything_of_the_test_part_is_prepared(
    scorer: Scorer, folder: SweepFolder
) -> None:
    opened(folder)
    assert scorer.steps == [("ray", "closed"), ("prepare", "opened")]
    assert [event.name for event in events_of(folder)][-3:] == ["opened", "tested", "tested"]


def test_a_second_opening_is_refused_unless_it_is_asked_for_with_a_reason(scorer: Scorer, folder: SweepFolder) -> None:
    refused(folder, "never opened", again=True, note="why")
    opened(folder)
    refused(folder, r"were opened on \d{4}-\d\d-\d\d; a second opening tells less.*--again --note WHY")
    refused(folder, "were opened on", note="but why")
    refused(folder, "needs a reason", again=True)
    refused(folder, "needs a reason", again=True, note="  ")
    refused(folder, "note is too long", again=True, note="x" * 501)
    assert opened(folder, again=True, note="the masks were mended").opening == 2
    assert [(item.again, item.note) for item in folder.read().sweep.openings] == [
        (False, ""),
        (True, "the masks were mended"),
    ]
    refused(folder, "were opened on")


@pytest.mark.parametrize("scored", [0, 1])
def test_an_opening_that_was_cut_off_is_gone_on_with_and_is_no_second_one(
    scorer: Scorer, folder: SweepFolder, scored: int
) -> None:
    scorer.cut_after = scored
    outcome = opened(folder)
    assert (outcome.interrupted, outcome.opening) == (True, 1)
    assert len(events_of(folder, "tested")) == scored
    refused(folder, "gone on with as it was begun; got --again", again=True, note="why")
    refused(folder, "gone on with as it was begun; got --note", note="why")
    scorer.cut_after = None
    notes = Notes()
    assert not open_test(folder, notes).interrupted
    assert f"going on with opening 1: {scored} of 2 trials are scored" in notes.lines
    assert len(events_of(folder, "opened")) == 1
    tested = [event.payload["uid"] for event in events_of(folder, "tested")]
    assert sorted(tested) == sorted(folder.read().sweep.openings[0].trials)
    refused(folder, "were opened on")


def test_a_driver_that_dies_after_any_byte_leaves_an_opening_to_go_on_with(scorer: Scorer, folder: SweepFolder) -> None:
    before = folder.ledger.stat().st_size
    opened(folder)
    whole = folder.ledger.read_bytes()
    expected = [dict(event.payload) for event in events_of(folder, "opened", "tested")]
    for size in range(before, len(whole), 97):
        folder.ledger.write_bytes(whole[:size])
        opened(folder)
        found = [dict(event.payload) for event in events_of(folder, "opened", "tested")]
        assert found == expected, size


def test_a_stop_from_elsewhere_ends_it_between_two_trials(
    scorer: Scorer, folder: SweepFolder, monkeypatch: Any
) -> None:
    record = sweeps.opening._record

    def stopped(*arguments: Any) -> str:
        folder.stop.touch()
        return record(*arguments)

    monkeypatch.setattr(sweeps.opening, "_record", stopped)
    assert opened(folder).interrupted and len(events_of(folder, "tested")) == 1
    assert not folder.stop.exists()


def test_a_trial_that_cannot_be_scored_keeps_no_other_from_it(scorer: Scorer, folder: SweepFolder) -> None:
    first, second = (job.uid for job in sweeps.opening.plan_opening(folder).found.jobs)
    scorer.broken, scorer.blind = {first}, {second}
    outcome = opened(folder)
    assert outcome.failed == {first: "no luck", second: "it was not scored on every test patient"}
    assert events_of(folder, "tested") == []
    scorer.blind = set()
    assert opened(folder).failed == {first: "no luck"}
    scorer.broken = set()
    assert opened(folder).failed == {}
    assert len(events_of(folder, "opened")) == 1 and len(events_of(folder, "tested")) == 2


def test_weights_must_be_there_whole_and_the_ones_that_were_kept(
    scorer: Scorer, folder: SweepFolder, tmp_path: Path
) -> None:
    job, other = sweeps.opening.plan_opening(folder).found.jobs
    away = tmp_path / "away"
    job.weights.rename(away)
    refused(folder, f"stay locked.*\n  {job.uid}: its weights are no longer there\nput the weights back", SweepError)
    shutil.copytree(other.weights, job.weights)
    refused(folder, "its weights are not those that the ledger names", SweepError)
    shutil.rmtree(job.weights)
    shutil.copytree(away, job.weights)
    array = next(job.weights.glob("*.npz"))
    array.write_bytes(bytes(byte ^ 1 for byte in array.read_bytes()))
    refused(folder, "its weights cannot be used", SweepError)
    shutil.rmtree(job.weights)
    job.weights.symlink_to(away)
    refused(folder, "leads out", ResultsError)
    job.weights.unlink()
    with Ledger.open(folder.ledger) as ledger:
        ledger.append("released", uid=job.uid, what=["weights"])
        ledger.append("closed", reason="finished")
    refused(folder, "its weights were not kept", SweepError)


def test_weights_lost_in_between_do_not_lock_the_others_out(
    scorer: Scorer, folder: SweepFolder, tmp_path: Path
) -> None:
    scorer.cut_after = 1
    opened(folder)
    scorer.cut_after = None
    (lost,) = sweeps.opening.plan_opening(folder).found.jobs
    away = tmp_path / "away"
    lost.weights.rename(away)
    assert opened(folder).failed == {lost.uid: "its weights are no longer there"}
    refused(folder, "stay locked", SweepError, again=True, note="without it")
    away.rename(lost.weights)
    assert opened(folder).failed == {}


def test_a_search_that_is_not_over_has_locked_patients(scorer: Scorer, folder: SweepFolder, machine: Machine) -> None:
    whole = folder.ledger.read_bytes()
    for lines in (whole.splitlines(keepends=True)[:-1], whole.splitlines(keepends=True)[:4]):
        folder.ledger.write_bytes(b"".join(lines))
        refused(folder, "the search is not over.*liversweep resume a")
    folder.ledger.write_bytes(whole)
    with SweepLock(folder.lock):
        refused(folder, "another driver is at work", LockedError)


def test_a_sweep_without_test_patients_or_scores_has_nothing_to_open(
    scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run(tmp_path, space="{weight_decay: [0.01]}", trials=2, sampler="grid")
    assert {trial.state for trial in folder.read().trials} == {"failed"}
    refused(folder, "no trial finished with a score")
    monkeypatch.setattr(sweeps.run, "checked_cohort", lambda *_: held_back(test=()))
    refused(run(tmp_path, name="b"), "no test patients.*data.split.test")


@pytest.mark.parametrize("change", [{"mark": "1"}, {"test": ("pt-4",), "mark": "2"}])
def test_other_scans_or_another_split_are_refused(
    scorer: Scorer, folder: SweepFolder, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    monkeypatch.setattr(sweeps.opening, "checked_cohort", lambda *_: held_back(**change))
    refused(folder, "test patients stay locked: these are not the scans")
    assert scorer.steps == []


def test_another_program_is_warned_of(scorer: Scorer, folder: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps.resume, "code_hash", lambda: "another")
    notes = Notes()
    assert open_test(folder, notes).failed == {}
    assert [line for line in notes.lines if line.startswith("warning: program or packages")]


def test_a_sweep_goes_on_after_an_opening_and_can_be_opened_again(scorer: Scorer, folder: SweepFolder) -> None:
    opened(folder)
    extend(folder, trials=2)
    sweep = folder.read().sweep
    assert (sweep.closed, sweep.openings[0].ended_before, sweep.openings[0].ended_after) == ("finished", 4, 2)
    refused(folder, "were opened on")
    assert opened(folder, again=True, note="two more trials").opening == 2
    assert [item.ended_after for item in folder.read().sweep.openings] == [2, 0]


def test_the_command_says_what_was_found_and_ends_with_the_right_code(
    scorer: Scorer, folder: SweepFolder, tmp_path: Path
) -> None:
    scorer.broken = {sweeps.opening.plan_opening(folder).found.jobs[0].uid}
    partly = said("test", "a", cwd=tmp_path)
    assert partly.code == 3 and "1 trials could not be scored" in partly.err, partly
    scorer.broken, scorer.cut_after = set(), 0
    cut = said("test", "a", cwd=tmp_path)
    assert cut.code == 130 and "what was scored is kept; go on with: liversweep test a" in cut.err and not cut.out
    scorer.cut_after = None
    done = said("test", "a", cwd=tmp_path)
    assert done.code == 0 and "Validation beside test" in done.out and "opened once" in done.out, done
    assert "wrote runs/a/report/report.html" in done.err
    assert "opened once" in (folder.report / "report.md").read_text()
    again = refusal(said("test", "a", cwd=tmp_path))
    assert "a second opening tells less than the first" in again
    asked = said("test", "a", "--again", "--note", "once more", "--json", cwd=tmp_path)
    document = json.loads(asked.out)
    assert asked.code == 0 and (document["opening"], document["failed"], document["sweep"]) == (2, {}, "a")
    assert [item["note"] for item in document["openings"]] == ["", "once more"]
    assert len(document["tables"]["held-out"]) == 8 and len(document["cases"]) == 8
    assert "opened 2 times" in said("show", "a", cwd=tmp_path).out


def test_a_ledger_of_hostile_words_is_refused_in_plain_ones(tmp_path: Path) -> None:
    ledger_of(HOSTILE).write(tmp_path / "runs" / "hostile")
    text = refusal(said("test", "hostile", cwd=tmp_path))
    assert text.isascii() or all(character.isprintable() for character in text.replace("\n", ""))
    assert "\x1b" not in text


def test_what_repeats_the_selected_settings_is_scored_with_them(scorer: Scorer, tmp_path: Path) -> None:
    folder = run(tmp_path, epochs=2, seeds=3, trials=2)
    outcome = opened(folder)
    sweep = folder.read()
    (opening,) = sweep.sweep.openings
    assert outcome.failed == {} and set(opening.trials) == {trial.uid for trial in sweep.trials}
    assert [bool(sweep.trial(uid).replicate_of) for uid in opening.trials] == [False, True, True] * 2
    found = opening_scores(sweep, opening)
    assert len(found.test.models) == 2 and len(found.test.seeds) == 3
    for place, model in enumerate(found.test.models):
        dice = [
            test.cases[0].dice_liver for trial in sweep.trials if trial.architecture == model for test in trial.tests
        ]
        assert len(dice) == 3
        assert found.test.by_patient("liver")[place] == pytest.approx([sum(dice) / 3] * 2)
