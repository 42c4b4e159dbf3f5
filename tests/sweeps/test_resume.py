"""Going on with a sweep, run whole in this process: what is refused untouched, what is taken up, what is left alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from liverseg.data import Split
from results.errors import LockedError
from results.ledger import Ledger
from results.lock import SweepLock
from sweeps.cohort import Cohort
from sweeps.errors import SpecError, SweepError, UsageError
from sweeps.folder import SweepFolder
from sweeps.resume import resume_sweep
from tests.crash.fake_command import no_scans
from tests.sweeps.in_process import Killed, Machine, Notes, events_of, install, run
from tests.sweeps.trees import tree


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return install(monkeypatch)


@pytest.fixture
def cut(machine: Machine, tmp_path: Path) -> SweepFolder:
    """A sweep whose driver was killed in its third trial; its lock still bears the driver's name."""
    machine.epochs_to_live = 7
    with pytest.raises(Killed):
        run(tmp_path)
    machine.epochs_to_live = None
    folder = SweepFolder(tmp_path / "runs" / "a")
    folder.lock.write_text('{"schema_version": 1, "pid": 1, "host": "gone", "since": "2026-01-31T09:00:00Z"}\n')
    return folder


def resume(folder: SweepFolder, *settings: str) -> tuple[Any, list[str]]:
    notes = Notes()
    return resume_sweep(folder, notes, settings=settings), notes.lines  # type: ignore[arg-type]


def results_of(folder: SweepFolder) -> list[Any]:
    return [(trial.uid, trial.state, trial.metrics, trial.values) for trial in folder.read().trials]


def rewritten(folder: SweepFolder, change: Callable[[dict[str, Any]], None]) -> None:
    """Write the ledger again with another first event; checksums and numbers are right."""
    events = events_of(folder)
    folder.ledger.unlink()
    with Ledger.create(folder.ledger) as ledger:
        for event in events:
            facts = json.loads(json.dumps(event.payload))
            if event.name == "sweep":
                change(facts)
            history = {"history": json.loads(event.history)} if event.history else {}
            ledger.append(event.name, **facts, **history)


def test_a_cut_sweep_ends_like_an_uncut_one(machine: Machine, cut: SweepFolder, tmp_path: Path) -> None:
    whole = run(tmp_path, name="b")
    outcome, lines = resume(cut)
    assert lines == ["a: 2 kept (2 finished), 1 continued (t0002-b0bcb882 from epoch 2), 0 queued, 1 new"]
    assert results_of(cut) == results_of(whole)
    assert (outcome.failures, outcome.idle, outcome.interrupted) == (0, False, False)


def test_r13_a_finished_sweep_is_left_as_it_is(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path)
    before = tree(tmp_path)
    outcome, lines = resume(folder)
    assert lines == ["a: 4 kept (4 finished), 0 continued, 0 queued, 0 new; nothing to do"]
    assert outcome.idle and tree(tmp_path) == before and len(machine.specs) == 1


@pytest.mark.parametrize("last", ["nothing", "interrupted"])
def test_a_sweep_whose_trials_have_all_ended_is_closed_without_a_search(
    machine: Machine, tmp_path: Path, last: str
) -> None:
    """A driver that died, or was asked to stop, between its last trial and its last word."""
    folder = run(tmp_path)
    lines = folder.ledger.read_bytes().splitlines(keepends=True)
    folder.ledger.write_bytes(b"".join(lines[:-1]))
    if last == "interrupted":
        with Ledger.open(folder.ledger) as ledger:
            ledger.append("closed", reason="interrupted")
    assert folder.read().sweep.closed != "finished"
    outcome, said = resume(folder)
    assert folder.read().sweep.closed == "finished" and len(machine.specs) == 1
    assert not outcome.idle, "so that the report is written"
    assert "every trial had ended" in said[1]
    before = tree(tmp_path)
    assert resume(folder)[0].idle and tree(tmp_path) == before


def test_an_end_that_nobody_noted_is_taken_up_without_a_search(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path)
    expected = results_of(folder)
    lines = folder.ledger.read_bytes().splitlines(keepends=True)
    cut = next(number for number in range(len(lines), 0, -1) if b'"event":"finished"' in lines[number - 1])
    folder.ledger.write_bytes(b"".join(lines[: cut - 1]))
    _, said = resume(folder)
    assert "4 kept (4 finished; 1 of them ended unnoticed)" in said[0]
    assert results_of(folder) == expected and len(machine.specs) == 1


Damage = Callable[[SweepFolder], None]


def _resolved(change: Callable[[dict[str, Any]], None]) -> Damage:
    def damage(folder: SweepFolder) -> None:
        document = json.loads(folder.file("resolved.json").read_text())
        change(document)
        folder.file("resolved.json").write_text(json.dumps(document))

    return damage


def _text(text: str) -> Damage:
    return lambda folder: folder.file("resolved.json").write_text(text) and None


REFUSED: dict[str, tuple[Damage, type[SweepError], str]] = {
    "a bound": (
        _resolved(lambda spec: spec["search"]["space"]["learning_rate"].update({"log": [1e-5, 0.1]})),
        UsageError,
        r"search.space.learning_rate.log: \[1e-05, 0.01\] → \[1e-05, 0.1\]",
    ),
    "epochs": (_resolved(lambda spec: spec["train"].update(epochs=4)), UsageError, r"train.epochs: 3 → 4"),
    "an option": (
        _resolved(lambda spec: spec["search"]["architectures"]["unet"].update(base_filters=8)),
        UsageError,
        r"search.architectures.unet.base_filters: 4 → 8",
    ),
    "a section gone": (_resolved(lambda spec: spec.pop("prepare")), UsageError, r"prepare: .* → not there"),
    "a section of another kind": (_resolved(lambda spec: spec.update(data=[])), UsageError, r"data: .* → \[\]"),
    "a limit that is none": (_resolved(lambda spec: spec["trial"].update(cpus="many")), SpecError, r"trial.cpus"),
    "no mapping": (_text("[1, 2]"), SweepError, "resolved spec cannot be read.*list in place of a mapping"),
    "no JSON": (_text('{"name": NaN}'), SweepError, "resolved spec cannot be read.*NaN.*--data"),
    "half of it": (_text('{"name": "a", "da'), SweepError, "resolved spec cannot be read"),
    "far too deep": (_text("[" * 100_000), SweepError, "resolved spec cannot be read"),
    "nowhere": (lambda folder: folder.file("resolved.json").unlink(), SweepError, "where the scans lie.*--data"),
    "the program": (
        lambda folder: rewritten(
            folder,
            lambda facts: facts.update(
                code=facts["code"] | {"liverseg/losses/dice.py": "0" * 12}, hashes=facts["hashes"] | {"code": "0" * 64}
            ),
        ),
        UsageError,
        "the program, file by file\n *liverseg/losses/dice.py: changed\n",
    ),
    "a package": (
        lambda folder: rewritten(folder, lambda facts: facts["versions"].update(numpy="1.0.0")),
        UsageError,
        "numpy: 1.0.0 → ",
    ),
    "an old ledger": (
        lambda folder: rewritten(folder, lambda facts: facts.pop("spec") and None),
        SweepError,
        "begun by a version that could not resume",
    ),
}


@pytest.mark.parametrize(("damage", "kind", "words"), REFUSED.values(), ids=REFUSED)
def test_r12_another_experiment_is_refused_and_the_folder_stays_as_it_is(
    machine: Machine, cut: SweepFolder, tmp_path: Path, damage: Damage, kind: type[SweepError], words: str
) -> None:
    damage(cut)
    before, searches = tree(tmp_path), len(machine.specs)
    with pytest.raises(kind, match=words):
        resume(cut)
    assert tree(tmp_path) == before and len(machine.specs) == searches


def test_a_package_that_decides_no_number_may_change(machine: Machine, cut: SweepFolder) -> None:
    rewritten(cut, lambda facts: facts["versions"].update(ray="1.0", pandas="1.0"))
    resume(cut)
    assert cut.read().sweep.closed == "finished"


def test_r12_other_scans_and_another_split_are_refused_by_pseudonym(
    machine: Machine, cut: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: Cohort = no_scans(None, None)  # type: ignore[arg-type]
    moved = Split(train=("pt-1",), validation=("pt-2", "pt-3"), test=(), fingerprint="1" * 16, folds=())
    monkeypatch.setattr("sweeps.resume.checked_cohort", lambda spec, reporter: replace(known, split=moved))
    before = tree(cut.path, without=frozenset({"lock"}))
    with pytest.raises(UsageError, match="pt-2: train → validation"):
        resume(cut)
    rewritten(cut, lambda facts: facts["hashes"].update(data="0" * 64) or facts.update(cases={"case-1": "0" * 12}))
    monkeypatch.setattr("sweeps.resume.checked_cohort", lambda spec, reporter: known)
    with pytest.raises(UsageError, match="case-1: is missing"):
        resume(cut)
    before.pop("ledger.jsonl")
    assert tree(cut.path, without=frozenset({"lock", "ledger.jsonl"})) == before


def test_a_moved_sweep_goes_on_where_it_lies_under_the_name_it_has_there(
    machine: Machine, cut: SweepFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere" / "renamed"
    elsewhere.parent.mkdir()
    cut.path.rename(elsewhere)
    monkeypatch.chdir(elsewhere)
    _, lines = resume(SweepFolder.existing(".", tmp_path / "runs"))
    assert lines[0].startswith("renamed: 2 kept")
    assert SweepFolder(elsewhere).read().sweep.closed == "finished" and not cut.path.exists()


def test_two_copies_come_to_the_same_end(machine: Machine, cut: SweepFolder, tmp_path: Path) -> None:
    copy = SweepFolder(tmp_path / "copies" / "a")
    shutil.copytree(cut.path, copy.path)
    resume(cut)
    resume(copy)
    assert results_of(copy) == results_of(cut)


def test_settings_hold_for_later_runs_too(machine: Machine, cut: SweepFolder) -> None:
    machine.epochs_to_live = 1
    with pytest.raises(Killed):
        resume(cut, "trial.deadline=1h", "keep.best=1")
    machine.epochs_to_live = None
    resume(cut)
    assert [(spec.trial.deadline_s, spec.keep.best) for spec in machine.specs] == [(None, 3), (3600, 1), (3600, 1)]
    assert json.loads(cut.file("resolved.json").read_text())["trial"]["deadline"] in ("1h", 3600)


def test_without_the_resolved_spec_the_ledger_and_the_place_of_the_scans_are_enough(
    machine: Machine, cut: SweepFolder, tmp_path: Path
) -> None:
    before = machine.specs[0]
    cut.file("resolved.json").unlink()
    resume(cut, f"data.root={tmp_path}")
    assert machine.specs[1].model_copy(update={"cluster": before.cluster}) == before
    assert json.loads(cut.file("resolved.json").read_text())["data"]["root"] == str(tmp_path)


def test_another_experiment_by_option_is_refused(machine: Machine, cut: SweepFolder, tmp_path: Path) -> None:
    before = tree(tmp_path)
    with pytest.raises(UsageError, match="another experiment"):
        resume(cut, "search.trials=5")
    assert tree(tmp_path) == before


def test_a_sweep_that_is_driven_is_refused_before_it_is_looked_at(
    machine: Machine, cut: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.resume.examine", lambda *_: pytest.fail("looked at it"))
    with SweepLock(cut.lock), pytest.raises(LockedError, match="another driver"):
        resume(cut)


def test_a_stop_that_was_meant_for_a_dead_driver_is_forgotten(machine: Machine, cut: SweepFolder) -> None:
    cut.stop.touch()
    resume(cut)
    assert cut.read().sweep.closed == "finished" and not cut.stop.exists()


def test_a_stop_that_comes_while_scans_are_read_is_not(
    machine: Machine, cut: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked_meanwhile(spec: Any, reporter: Any) -> Cohort:
        cut.stop.touch()
        return no_scans(spec, reporter)

    monkeypatch.setattr("sweeps.resume.checked_cohort", asked_meanwhile)
    seen = []
    real = machine.search
    monkeypatch.setattr("sweeps.resume.search", lambda *a, **o: seen.append(cut.stop.exists()) or real(*a, **o))
    resume(cut)
    assert seen == [True]
