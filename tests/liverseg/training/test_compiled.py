from __future__ import annotations

import keras
import numpy as np
import pytest

from liverseg.config import TrainConfig
from liverseg.losses.segmentation_loss import SegmentationLoss
from liverseg.models import architecture_names
from liverseg.training import compiled
from liverseg.training.compiled import GRAPH_BYTES, CompiledNetworks
from liverseg.training.loop import TrainingRun
from liverseg.training.network import CompiledNetwork, compile_network
from tests.liverseg.training.packs import blob_pack, tiny_config
from tests.liverseg.training.runs import TRAIN, VALIDATION, Stop, StopAtCall, assert_same, finish

BUILT_IN = ("unet", "unet_resnet18", "unet_resnet50", "segnet", "encoder_decoder")
IMAGES = np.random.default_rng(0).random((4, 32, 32, 1), np.float32)
MASKS = np.random.default_rng(1).integers(0, 3, (4, 32, 32)).astype(np.int32)


@pytest.fixture(autouse=True)
def shelf(monkeypatch: pytest.MonkeyPatch) -> CompiledNetworks:
    """A shelf of the test's own in the place of the process's."""
    own = CompiledNetworks()
    monkeypatch.setattr("liverseg.training.loop.NETWORKS", own)
    return own


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever a training step is traced."""
    found: list[int] = []
    called = SegmentationLoss.__call__

    def traced(self: SegmentationLoss, *arguments: object, **named: object) -> object:
        found.append(1)
        return called(self, *arguments, **named)

    monkeypatch.setattr(SegmentationLoss, "__call__", traced)
    return found


def released(config: TrainConfig) -> None:
    run = TrainingRun(config, TRAIN, VALIDATION)
    finish(run).release()


def used(network: CompiledNetwork, rate: float = 0.01) -> tuple[list[float], list[bytes]]:
    """Losses of three updates, then all variables and a prediction."""
    losses = [network.train(IMAGES, MASKS, rate) for _ in range(3)]
    return losses, [value.tobytes() for value in (*network.state().values(), network.predict(IMAGES))]


def test_every_architecture_is_one_of_these():
    assert set(architecture_names()) == set(BUILT_IN)


@pytest.mark.parametrize("architecture", BUILT_IN)
def test_a_network_that_is_used_again_trains_as_a_fresh_one_bit_for_bit(architecture, shelf, traces):
    def config(seed: int, rate: float) -> TrainConfig:
        return tiny_config(2, {"learning_rate": rate, "schedule": "cosine"}, architecture=architecture, seed=seed)

    fresh = finish(TrainingRun(config(5, 3e-3), TRAIN, VALIDATION))
    assert len(traces) == 1
    released(config(6, 1e-2))
    assert len(traces) == 2
    again = finish(TrainingRun(config(5, 3e-3), TRAIN, VALIDATION))
    assert len(traces) == 2 and not shelf.graphs
    assert_same(fresh, again)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("loss", ["weighted_ce", "tversky"])
def test_weights_of_classes_and_decay_are_set_without_tracing(optimizer, loss, shelf, traces, small_network):
    def config(seed: int, decay: float) -> TrainConfig:
        return tiny_config(parameters={"optimizer": optimizer, "weight_decay": decay, "loss": loss}, seed=seed)

    weights = ((1.0, 2.0, 3.0), (3.0, 1.0, 1.0)) if loss == "weighted_ce" else (None, None)
    wanted = used(compile_network(config(5, 0.1), weights[0]))
    other = shelf.take(config(6, 0.3), weights[1])
    assert used(other) != wanted
    shelf.give_back(config(6, 0.3), other)
    # The model of the fixture is made of layers that only building knows how to begin.
    again = shelf.take(config(5, 0.1), weights[0])
    assert again is other
    assert used(again) == wanted
    assert len(traces) == 2


def test_values_that_are_no_variables_make_another_network(shelf, small_network, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "another")
    for name, values in (("weight_decay", (0.1, 0.2)), ("loss", ("weighted_ce", "weighted_ce"))):
        parameters = {"optimizer": "adamw", "weight_decay": 0.1}
        first, second = (tiny_config(parameters=parameters | {name: value}) for value in values)
        weights = ((1.0, 1.0, 2.0), (2.0, 1.0, 1.0)) if name == "loss" else (None, None)
        network = compile_network(first, weights[0])
        shelf.give_back(first, network)
        assert shelf.take(first, weights[0]) is network
        shelf.give_back(first, network)
        assert shelf.take(second, weights[1]) is not network


def test_a_training_that_was_interrupted_between_two_batches_hands_its_network_on(shelf, traces, small_network):
    fresh = finish(TrainingRun(tiny_config(2), TRAIN, VALIDATION))
    run = TrainingRun(tiny_config(2, seed=8), TRAIN, VALIDATION)
    with pytest.raises(Stop):
        run.run_epoch(StopAtCall(2))
    run.release()
    assert_same(fresh, finish(TrainingRun(tiny_config(2), TRAIN, VALIDATION)))
    assert len(traces) == 2


def test_a_network_whose_update_failed_is_not_handed_on(shelf, small_network, monkeypatch):
    run = TrainingRun(tiny_config(), TRAIN, VALIDATION)
    monkeypatch.setattr(run.network, "train", lambda *_: float("nan"))
    with pytest.raises(Exception, match="loss"):
        run.run_epoch()
    run.release()
    assert not shelf.graphs


def test_a_training_on_other_slices_takes_the_network_too(shelf, traces, small_network):
    packs = blob_pack(3, 5, seed=7), blob_pack(1, 5, seed=8)
    fresh = finish(TrainingRun(tiny_config(), *packs))
    released(tiny_config())
    assert_same(fresh, finish(TrainingRun(tiny_config(), *packs)))
    assert len(traces) == 2


def test_the_budget_drops_the_network_unused_for_longest(shelf, small_network):
    configs = [tiny_config(options={"base_filters": 4 + k}) for k in range(3)]
    networks = [shelf.take(config) for config in configs]
    shelf.budget_bytes = sum(network.variable_bytes + GRAPH_BYTES for network in networks[1:])
    for config, network in zip(configs, networks, strict=True):
        shelf.give_back(config, network)
    assert [dict(graph.options)["base_filters"] for graph in shelf.graphs] == [5, 6]
    assert shelf.kept_bytes == shelf.budget_bytes
    assert shelf.drop() and not shelf.graphs and not shelf.drop()


def test_without_a_budget_nothing_is_kept(shelf, small_network):
    shelf.budget_bytes = 0
    released(tiny_config())
    assert not shelf.graphs


def test_the_process_keeps_nothing_that_was_not_given_back(small_network):
    assert not compiled.NETWORKS.graphs
