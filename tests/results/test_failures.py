"""Groups of failures: what they have in common, said with the trials' own numbers."""

from __future__ import annotations

from typing import Any

import pytest

from results.failures import EXAMPLE_LIMIT, FailureGroup, failure_groups
from results.records import FAILURE_KINDS, Sweep, SweepRecord, TrialRecord
from results.sweep_parts import Objective
from tests.results.eventful_ledger import eventful
from tests.results.ledger_factory import HOSTILE
from tests.results.plots.test_plots import folded


def sweep_of(*trials: TrialRecord, name: str = "liver", **spec: Any) -> Sweep:
    record = SweepRecord(name, (Objective("val_dice"),), ("unet",), len(trials), spec={"trial": spec})
    return Sweep(record, trials)


def trial(number: int, kind: str = "", message: str = "", **changes: Any) -> TrialRecord:
    """A failed trial, or a finished one without a kind; parameters that are not fields go by name."""
    fields = {name: changes.pop(name) for name in tuple(changes) if name in TrialRecord.__slots__}
    facts: dict[str, Any] = {
        "uid": f"t{number}",
        "number": number,
        "architecture": "unet",
        "stage": "",
        "seed": 0,
        "fold": 0,
        "state": "failed" if kind else "finished",
        "failure": kind,
        "message": message,
        "parameters": changes,
    }
    return TrialRecord(**(facts | fields))


def only(*trials: TrialRecord, **spec: Any) -> FailureGroup:
    (group,) = failure_groups(sweep_of(*trials, **spec))
    return group


def test_groups_are_of_one_kind_and_architecture_and_the_commonest_comes_first() -> None:
    trials = [
        trial(0, "crash"),
        trial(1, "oom", architecture="segnet"),
        trial(2, "oom"),
        trial(3, "oom", architecture="segnet"),
        trial(4, "nan"),
        trial(5, "nan"),
        trial(6),
        trial(7, state="pruned"),
    ]
    groups = failure_groups(sweep_of(*trials))
    assert [(group.kind, group.architecture, group.count) for group in groups] == [
        ("oom", "segnet", 2),
        ("oom", "unet", 1),
        ("nan", "unet", 2),
        ("crash", "unet", 1),
    ]
    assert groups[0].trials == ("t1", "t3")


def test_no_failure_is_no_group() -> None:
    assert failure_groups(sweep_of(trial(0), trial(1, state="queued"))) == ()


def test_want_of_memory_names_the_sizes_and_the_largest_that_finished() -> None:
    failed = trial(0, "oom", batch_size=32, size=256)
    group = only(failed, trial(1, batch_size=16, size=256), trial(2, batch_size=64, size=64), memory=4e9)
    assert group.advice == (
        "Out of memory at batch_size 32, size 256: lower either (the largest that finished: batch_size 16, size 256), "
        "choose a smaller network, raise trial.memory (now 4 GB), or give trial.gpus: 1."
    )
    assert group.again == "liversweep retry liver --kind oom"
    many = [trial(i, "oom", batch_size=2**i, size=64) for i in range(5)]
    assert "batch_size 1, size 64; batch_size 2, size 64; batch_size 4, size 64 and 2 more" in only(*many).advice
    assert only(trial(0, "oom")).advice.startswith("Lower batch_size or size, choose")
    assert "largest that finished" not in only(failed, trial(1, architecture="segnet", batch_size=1, size=32)).advice


def test_trials_that_were_refused_for_their_memory_say_so() -> None:
    refused = trial(0, "memory", "unet: batch_size 32, size 256 needs at least 9 GB", batch_size=32, size=256)
    group = only(refused, trial(1, batch_size=16, size=256), memory=4e9)
    assert group.advice == (
        "Not started, as they cannot fit. Needing more memory than a trial has at batch_size 32, size 256: lower either (the "
        "largest that finished: batch_size 16, size 256), choose a smaller network, raise trial.memory (now 4 GB), or give "
        "trial.gpus: 1."
    )


def test_want_of_memory_beside_a_gpu_names_the_part_of_it() -> None:
    quarter = only(trial(0, "oom", batch_size=32, size=256), gpus=0.25).advice
    assert quarter.endswith(
        "turn mixed_precision on, or raise trial.memory or trial.gpus (now 0.25: that part of one card's memory)."
    )
    assert only(trial(0, "oom"), gpus=1.0).advice.endswith("turn mixed_precision on, or raise trial.memory.")


def test_rates_that_failed_are_set_against_those_that_finished() -> None:
    failed = [trial(0, "nan", learning_rate=0.01), trial(1, "nan", learning_rate=0.003)]
    text = "Lower learning_rate: failed trials had 0.003 … 0.01"
    assert only(*failed).advice == f"{text}, and none of this network finished."
    fine = [trial(2, learning_rate=0.001), trial(3, learning_rate=1e-5)]
    apart = f"{text}, finished ones 1e-05 … 0.001: leave values above 0.001 out of the space."
    assert only(*failed, *fine).advice == apart
    mixed = only(*failed, *fine, trial(4, learning_rate=0.005)).advice
    assert mixed.endswith("look at loss and optimizer too.")
    assert only(trial(0, "nan")).advice.startswith("Lower learning_rate, or leave")


def test_time_names_epochs_seconds_and_the_limit() -> None:
    late = [trial(i, "timeout", epochs=2 + i, seconds=59.6, planned_epochs=20) for i in range(2)]
    text = "Trials over the deadline had done 2 … 3 of 20 epochs in 60 s."
    assert only(*late, deadline=60).advice == f"{text} Raise trial.deadline (now 60 s), or lower epochs or size."
    assert "trial.deadline, or" in only(*late).advice
    stuck = trial(9, "timeout", "no batch for 600 s; raise trial.stall")
    assert only(stuck, stall="10m").advice == (
        "No batch was completed for too long: raise trial.stall (now 10m) where batches are that slow; otherwise see "
        "where it stood still in trials/t9/log.txt."
    )
    both = only(*late, stuck).advice
    assert "trial.deadline" in both
    assert "trials/t9/log.txt" in both


@pytest.mark.parametrize("kind", [*FAILURE_KINDS, "stall", "unheard of"])
def test_every_kind_has_a_remedy_and_those_that_repeat_are_not_tried_again(kind: str) -> None:
    group = only(trial(0, kind))
    assert group.advice.endswith(".")
    assert bool(group.again) == (kind not in ("nan", "invalid"))
    if kind in ("crash", "data", "stall", "unheard of"):
        assert "trials/t0/log.txt" in group.advice


def test_the_example_is_the_first_message_there_is_in_one_short_line() -> None:
    assert only(trial(0, "crash"), trial(1, "crash", "a\nb"), trial(2, "crash", "c")).example == "a b"
    assert len(only(trial(0, "crash", "x" * 999)).example) == EXAMPLE_LIMIT
    assert only(trial(0, "crash")).example == ""


@pytest.mark.parametrize("name", HOSTILE)
def test_s06_hostile_texts_stay_in_one_visible_line(name: str) -> None:
    failed = trial(0, name, name, architecture=name, batch_size=name, size=name)
    oom = trial(1, "oom", name, batch_size=name, size=name, learning_rate=name)
    for group in failure_groups(sweep_of(failed, oom, name=name, memory=name, deadline=name)):
        for text in (group.kind, group.architecture, group.example, group.advice, group.again):
            assert all(character.isprintable() or character == "\ufffd" for character in text)


def test_a_command_for_a_strange_name_is_still_one_command() -> None:
    (group,) = failure_groups(sweep_of(trial(0, "oom"), name="a b; rm -r x"))
    assert group.again == "liversweep retry 'a b; rm -r x' --kind oom"


def test_a_whole_sweep_has_its_failures_grouped() -> None:
    groups = failure_groups(folded(eventful()))
    assert {group.kind for group in groups} == set(FAILURE_KINDS) - {"memory"}
    assert sum(group.count for group in groups) == 9
