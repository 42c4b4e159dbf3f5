"""What every architecture must do, built in or plugged in.

A plug-in runs it by subclassing in its own tests:

    class TestMyNetwork(ArchitectureConformance):
        @pytest.fixture(params=["my_network"])
        def name(self, request):
            return request.param

`small_options` keeps it cheap. The network must be registered under its name, for a plug-in by its entry point.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import pytest

from liverseg.errors import ConfigError
from liverseg.losses import build_loss
from liverseg.models import architecture, describe
from liverseg.models.build import build_model, count_feature_values, count_flops, count_parameters
from liverseg.models.initial import set_initial_weights

SIDE_PX = 32
CLASSES = 3


def slices(n: int, side_px: int = SIDE_PX) -> np.ndarray:
    """Random images, (n, side, side, 1) float32 in [0, 1]."""
    return np.random.default_rng(5).random((n, side_px, side_px, 1), dtype=np.float32)


def masks(n: int, classes: int = CLASSES) -> np.ndarray:
    """Random label maps, (n, side, side) uint8."""
    return np.random.default_rng(6).integers(0, classes, (n, SIDE_PX, SIDE_PX), dtype=np.uint8)


def logits_of(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(images, training=False))


def same_weights(first: keras.Model, second: keras.Model) -> list[bool]:
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    return [np.array_equal(one, other) for one, other in pairs]


class ArchitectureConformance:
    """Subclasses give the fixture `name`, and `small_options` if `base_filters` is not one of theirs."""

    small_options: ClassVar[Mapping[str, Any]] = {"base_filters": 4}

    @pytest.fixture
    def name(self) -> str:
        raise NotImplementedError("subclasses say which architecture is meant")

    def small(self, name: str, **changes: Any) -> keras.Model:
        """The network at its smallest."""
        arguments = {"size_px": SIDE_PX, "classes": CLASSES, "options": self.small_options, "seed": 3, **changes}
        return build_model(name, **arguments)

    def test_spec_is_complete(self, name: str) -> None:
        spec = architecture(name)
        assert spec.doc and "\n" not in spec.doc
        assert all(option.doc and option.accepts(option.default) for option in spec.options)
        assert spec.resolve_options() == {option.name: option.default for option in spec.options}
        json.dumps(describe(name, SIDE_PX, self.small_options).as_dict(), allow_nan=False)

    def test_has_the_published_number_of_parameters(self, name: str) -> None:
        spec = architecture(name)
        if spec.study_parameters is None:
            pytest.skip("no published number")
        counted = count_parameters(build_model(name, size_px=SIDE_PX))
        assert (counted.total, counted.non_trainable) == (spec.study_parameters, spec.study_non_trainable)

    @pytest.mark.parametrize("mixed_precision", [False, True])
    def test_a_used_model_begins_anew_as_a_fresh_one(self, name: str, mixed_precision: bool) -> None:
        used, fresh = (self.small(name, seed=seed, mixed_precision=mixed_precision) for seed in (3, 9))
        for variable in used.variables:
            variable.assign(variable + 1)
        arguments = {"size_px": SIDE_PX, "classes": CLASSES, "options": self.small_options, "seed": 9}
        set_initial_weights(used, mixed_precision=mixed_precision, **arguments)
        for mine, yours in zip(used.variables, fresh.variables, strict=True):
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(mine), keras.ops.convert_to_numpy(yours))

    def test_described_cost_is_the_cost_of_the_built_model(self, name: str) -> None:
        facts, model = describe(name, 64, self.small_options, classes=2), self.small(name, size_px=64, classes=2)
        counted = count_parameters(model)
        assert (facts.parameters, facts.trainable, facts.non_trainable) == (counted.total, *counted)
        assert facts.flops == count_flops(model) > 0
        assert facts.feature_values == count_feature_values(model)

    def test_parameters_do_not_depend_on_the_size(self, name: str) -> None:
        small, large = (describe(name, side, self.small_options) for side in (32, 96))
        assert small.parameters == large.parameters
        assert small.flops < large.flops

    @pytest.mark.parametrize(("side_px", "classes"), [(32, 3), (64, 2)])
    def test_logits_have_the_size_of_the_input(self, name: str, side_px: int, classes: int) -> None:
        model = self.small(name, size_px=side_px, classes=classes)
        logits = logits_of(model, slices(2, side_px))
        assert model.input.shape == (None, side_px, side_px, 1)
        assert model.output.shape == (None, side_px, side_px, classes)
        assert logits.shape == (2, side_px, side_px, classes)
        assert logits.dtype == np.float32
        assert np.isfinite(logits).all()
        assert np.ptp(logits) > 0

    @pytest.mark.parametrize("side_px", [0, -32, 33, 100, 64.0, True, "64", None])
    def test_refuses_a_size_that_cannot_be_halved_often_enough(self, name: str, side_px: object) -> None:
        for ask in (lambda: self.small(name, size_px=side_px), lambda: describe(name, side_px)):  # type: ignore[arg-type]
            with pytest.raises(ConfigError, match="multiple of 32"):
                ask()

    def test_refuses_an_unknown_option(self, name: str) -> None:
        with pytest.raises(ConfigError, match="no such option"):
            self.small(name, options={**self.small_options, "no_option_is_called_this": 1})

    def test_trains_a_step(self, name: str) -> None:
        model, before = self.small(name), self.small(name)
        model.compile(
            optimizer=keras.optimizers.Adam(1e-3),
            loss=build_loss("ce", classes=CLASSES),
            run_eagerly=True,
            jit_compile=False,
        )
        assert np.isfinite(model.train_on_batch(slices(2), masks(2)))
        for weight, old in zip(model.weights, before.weights, strict=True):
            moved = not np.array_equal(keras.ops.convert_to_numpy(weight), keras.ops.convert_to_numpy(old))
            assert moved or len(weight.shape) < 2, f"{weight.path} was not trained"
            assert np.isfinite(keras.ops.convert_to_numpy(weight)).all()

    def test_saved_weights_give_the_same_outputs_again(self, name: str, tmp_path: Path) -> None:
        model = self.small(name, seed=11)
        model.set_weights([weight + np.float32(0.01) for weight in model.get_weights()])
        model.save_weights(tmp_path / "network.weights.h5")
        recipe = {"size_px": SIDE_PX, "classes": CLASSES, "options": dict(self.small_options), "seed": 99}
        (tmp_path / "network.json").write_text(json.dumps(recipe))

        again = build_model(name, **json.loads((tmp_path / "network.json").read_text()))
        assert not np.array_equal(logits_of(again, slices(2)), logits_of(model, slices(2)))
        again.load_weights(tmp_path / "network.weights.h5")
        assert all(same_weights(model, again))
        np.testing.assert_array_equal(logits_of(again, slices(2)), logits_of(model, slices(2)))

    def test_mixed_precision_keeps_weights_and_logits_in_32_bits(self, name: str) -> None:
        mixed, full = self.small(name, mixed_precision=True), self.small(name)
        assert {str(weight.dtype) for weight in mixed.weights} == {"float32"}
        assert "bfloat16" in {layer.compute_dtype for layer in mixed.layers}
        assert all(same_weights(mixed, full))
        got, exact = logits_of(mixed, slices(2)), logits_of(full, slices(2))
        assert mixed.output.dtype == "float32"
        assert got.dtype == np.float32
        assert not np.array_equal(got, exact)
        assert np.abs(got - exact).max() < 0.1 * np.ptp(exact)

    def test_precision_is_the_models_own(self, name: str) -> None:
        policy = keras.config.dtype_policy()
        try:
            keras.config.set_dtype_policy("mixed_float16")
            model = self.small(name)
            logits = logits_of(model, slices(2))
        finally:
            keras.config.set_dtype_policy(policy)
        assert {layer.compute_dtype for layer in model.layers[1:]} == {"float32"}
        np.testing.assert_array_equal(logits, logits_of(self.small(name), slices(2)))
        self.small(name, mixed_precision=True)
        assert keras.config.dtype_policy() == policy

    def test_seed_decides_the_initial_weights(self, name: str) -> None:
        first = self.small(name, seed=3)
        keras.utils.set_random_seed(1234)
        self.small(name, seed=8)
        assert all(same_weights(first, self.small(name, seed=3)))
        other = self.small(name, seed=4)
        kernels = [len(weight.shape) > 1 for weight in first.weights]
        assert not any(same for same, kernel in zip(same_weights(first, other), kernels, strict=True) if kernel), (
            "some kernels do not depend on the seed"
        )

    def test_layers_of_one_shape_start_differently(self, name: str) -> None:
        kernels = [weight for weight in self.small(name).get_weights() if weight.ndim > 1]
        starts = {kernel.ravel()[:4].tobytes() for kernel in kernels}
        assert len(starts) == len(kernels)

    @pytest.mark.parametrize("seed", [-1, 1.5, True, None])
    def test_refuses_a_seed_that_is_none(self, name: str, seed: object) -> None:
        with pytest.raises(ConfigError, match="seed"):
            self.small(name, seed=seed)

    def test_has_no_lambda_layer(self, name: str) -> None:
        assert not [layer.name for layer in self.small(name).layers if isinstance(layer, keras.layers.Lambda)]

    def test_a_slice_is_segmented_the_same_alone_and_in_a_batch(self, name: str) -> None:
        model, images = self.small(name), slices(3)
        alone, together = logits_of(model, images[:1]), logits_of(model, images)[:1]
        assert alone.shape == (1, SIDE_PX, SIDE_PX, CLASSES)
        np.testing.assert_allclose(alone, together, atol=1e-5)
