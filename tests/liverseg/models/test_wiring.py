"""Which feature map goes where: the networks read by an interpreter that keeps names alone."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import pytest

from liverseg.models import architecture


class WiringBlocks:
    """Every feature map is the name of the layer that made it; `inputs` has the maps each layer got."""

    def __init__(self) -> None:
        self.inputs: dict[str, tuple[str, ...]] = {}
        self.activations: dict[str, str | None] = {}

    def _made(self, name: str, *parts: str) -> str:
        assert name not in self.inputs, f"{name} is used twice"
        self.inputs[name] = parts
        return name

    def conv(self, x: str, filters: int, *, name: str, activation: str | None = "relu", **how: Any) -> str:
        self.activations[name] = activation
        return self._made(name, x)

    def transposed(self, x: str, filters: int, *, name: str, activation: str | None = None, **how: Any) -> str:
        self.activations[name] = activation
        return self._made(name, x)

    def batch_norm(self, x: str, *, name: str, momentum: float) -> str:
        return self._made(name, x)

    def relu(self, x: str, *, name: str) -> str:
        return self._made(name, x)

    def max_pool(self, x: str, *, name: str, window: int = 2) -> str:
        return self._made(name, x)

    def upsample(self, x: str, *, name: str) -> str:
        return self._made(name, x)

    def concatenate(self, parts: Sequence[str], *, name: str) -> str:
        return self._made(name, *parts)

    def add(self, first: str, second: str, *, name: str) -> str:
        return self._made(name, first, second)

    def logits(self, x: str, classes: int) -> str:
        return self._made("logits", x)


def wiring(name: str) -> WiringBlocks:
    spec, blocks = architecture(name), WiringBlocks()
    assemble = importlib.import_module(spec.module).assemble
    assemble(blocks, "slice", classes=3, **(spec.fixed or {}), **spec.resolve_options())
    return blocks


@pytest.mark.parametrize(
    ("name", "joins"),
    [
        (
            "unet",
            {
                "up4_join": ("up4", "down4_conv2"),
                "up3_join": ("up3", "down3_conv2"),
                "up2_join": ("up2", "down2_conv2"),
                "up1_join": ("up1", "down1_conv2"),
            },
        ),
        (
            "unet_resnet18",
            {
                "up4_join": ("stage3_block2_add", "up4"),
                "up3_join": ("stage2_block2_add", "up3"),
                "up2_join": ("stage1_block2_add", "up2"),
                "up1_join": ("stem_relu", "up1"),
            },
        ),
        (
            "unet_resnet50",
            {
                "up4_join": ("stage3_block6_add", "up4"),
                "up3_join": ("stage2_block4_add", "up3"),
                "up2_join": ("stage1_block3_add", "up2"),
                "up1_join": ("stem_relu", "up1"),
            },
        ),
        (
            "segnet",
            {
                "up4_join": ("down4_pool", "up4"),
                "up3_join": ("down3_pool", "up3"),
                "up2_join": ("down2_pool", "up2"),
                "up1_join": ("down1_pool", "up1"),
            },
        ),
        ("encoder_decoder", {}),
    ],
)
def test_skips(name: str, joins: dict[str, tuple[str, ...]]) -> None:
    inputs = wiring(name).inputs
    assert {layer: parts for layer, parts in inputs.items() if layer.endswith("_join")} == joins


def test_residual_blocks_add_what_they_were_given() -> None:
    inputs = wiring("unet_resnet18").inputs
    assert inputs["stage1_block1_add"] == ("stage1_block1_2_relu", "stage1_block1_shortcut_norm")
    assert inputs["stage1_block1_shortcut_conv"] == inputs["stage1_block1_1_conv"] == ("stem_pool",)
    assert inputs["stage1_block2_add"] == ("stage1_block2_2_relu", "stage1_block1_relu")
    assert inputs["stage2_block1_shortcut_conv"] == ("stage1_block2_add",)


@pytest.mark.parametrize(
    ("name", "norm", "chain"),
    [
        ("segnet", "down1_norm1", ["down1_conv1", "slice"]),
        ("encoder_decoder", "up0_norm2", ["up0_conv2", "up0_norm1", "up0_conv1", "up1_upsample", "up1_norm2"]),
    ],
)
def test_norms_come_after_the_activation(name: str, norm: str, chain: list[str]) -> None:
    blocks = wiring(name)
    got, at = [], norm
    for _ in chain:
        (at,) = blocks.inputs[at]
        got.append(at)
    assert got == chain
    assert set(blocks.activations.values()) == {"relu"}


def test_only_the_residual_networks_activate_their_transposed_convolutions() -> None:
    for name, activation in (("unet", None), ("unet_resnet18", "relu")):
        activations = wiring(name).activations
        assert {activations[f"up{level}"] for level in (1, 2, 3, 4)} == {activation}
        assert activations["up1_conv1"] == "relu"


def test_norms_of_the_residual_encoder_come_before_the_activation() -> None:
    blocks = wiring("unet_resnet50")
    encoder = [layer for layer in blocks.activations if layer.startswith("st")]
    assert len(encoder) == 1 + 2 * 16 + 4
    assert {blocks.activations[layer] for layer in encoder} == {None}
