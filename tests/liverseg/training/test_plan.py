from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liverseg.errors import ConfigError
from liverseg.preprocess.slice_stack import SliceStack
from liverseg.training.plan import check_packs, identity, planned_updates, stop_reason
from liverseg.training.record import EpochRecord
from tests.liverseg.training.packs import blob_pack, tiny_config


def history(*scores: float, batches: int = 3) -> list[EpochRecord]:
    return [
        EpochRecord(epoch, epoch * batches, 0.5, score, 0.1, 1.0, 0.5, 1.0, {})
        for epoch, score in enumerate(scores, start=1)
    ]


def test_the_smaller_budget_holds():
    assert planned_updates(tiny_config(4), 3) == 12
    assert planned_updates(tiny_config(4, updates=5), 3) == 5
    assert planned_updates(tiny_config(4, updates=50), 3) == 12


def test_reasons_to_stop():
    assert stop_reason(tiny_config(2), 3, []) is None
    assert stop_reason(tiny_config(2), 3, history(0.1)) is None
    assert stop_reason(tiny_config(2), 3, history(0.1, 0.2)) == "epochs"
    assert stop_reason(tiny_config(9, updates=6), 3, history(0.1, 0.2)) == "updates"
    patient = tiny_config(9, early_stopping=2)
    assert stop_reason(patient, 3, history(0.2, 0.1)) is None
    assert stop_reason(patient, 3, history(0.2, 0.1, 0.2)) == "early_stopping"


@pytest.mark.parametrize(
    ("change", "word"), [({"epochs": 0}, "nothing to train"), ({"updates": 0}, "nothing to train")]
)
def test_an_empty_budget_is_refused(change, word):
    with pytest.raises(ConfigError, match=word):
        check_packs(replace(tiny_config(), **change), blob_pack(), blob_pack())


def test_packs_that_do_not_fit_are_refused():
    pack = blob_pack()
    with pytest.raises(ConfigError, match="training slices of another size; got 32; allowed: 64"):
        check_packs(tiny_config(parameters={"size": 64}), pack, pack)
    empty = replace(pack, image=SliceStack([np.zeros((0, 32, 32), np.int16)]), cases=())
    with pytest.raises(ConfigError, match="no validation slices"):
        check_packs(tiny_config(), pack, empty)


def test_a_longer_training_is_the_same_one_another_rate_is_not():
    pack = blob_pack()
    one = identity(tiny_config(2), pack, pack)
    assert one == identity(tiny_config(9, early_stopping=3, deadline_s=5.0), pack, pack)
    assert one != identity(tiny_config(2, {"learning_rate": 0.5}), pack, pack)
    assert one != identity(tiny_config(2, seed=1), pack, pack)
    assert one != identity(tiny_config(2), blob_pack(cases=1), pack)
