"""The training losses by name. Imports no Keras."""

from __future__ import annotations

from dataclasses import dataclass

from liverseg.models.registry import Registry

ENTRY_POINT_GROUP = "liversweep.losses"


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSpec:
    """One loss, as far as it is known without Keras.

    Attributes:
        name: the word used in the spec file and in every table.
        doc: one line that says what it measures.
        factory: `module:callable`, called with `classes` and `class_weights` by keyword; returns a `keras.losses.Loss`.
        needs_class_weights: cannot be built without class weights; the others ignore them.
    """

    name: str
    doc: str
    factory: str
    needs_class_weights: bool = False


LOSSES: tuple[LossSpec, ...] = (
    LossSpec(
        name="ce",
        doc="cross-entropy, mean over pixels",
        factory="liverseg.losses.cross_entropy:CrossEntropy",
    ),
    LossSpec(
        name="weighted_ce",
        doc="cross-entropy with a weight for each class, from the classes' frequency in the training masks",
        factory="liverseg.losses.cross_entropy:WeightedCrossEntropy",
        needs_class_weights=True,
    ),
    LossSpec(
        name="dice",
        doc="1 − soft Dice over the batch, mean over foreground classes",
        factory="liverseg.losses.dice:DiceLoss",
    ),
    LossSpec(
        name="dice_ce",
        doc="dice + ce",
        factory="liverseg.losses.dice:DiceCrossEntropy",
    ),
    LossSpec(
        name="focal",
        doc="cross-entropy that counts well classified pixels less (γ = 2)",
        factory="liverseg.losses.focal:FocalLoss",
    ),
    LossSpec(
        name="tversky",
        doc="1 − soft Tversky index over the batch (α = 0.3, β = 0.7: a missed pixel costs more than a false one)",
        factory="liverseg.losses.tversky:TverskyLoss",
    ),
)

_REGISTRY = Registry(noun="loss", group=ENTRY_POINT_GROUP, kind=LossSpec, built_in=LOSSES)


def loss(name: str) -> LossSpec:
    """The loss called `name`, built in or plugged in.

    Raises:
        ConfigError: no such loss; the message lists those there are and the closest name.
    """
    return _REGISTRY.get(name)


def losses() -> tuple[LossSpec, ...]:
    """Every loss: the built-in ones, then plug-ins by name. A plug-in that does not load is logged and left out."""
    return _REGISTRY.all()
