"""The architectures by name: what each is, its options and the parameter count it must have. Imports no Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from liverseg.config import Parameter
from liverseg.errors import ConfigError
from liverseg.models.registry import Registry, did_you_mean

OptionSpec = Parameter
"""One option of an architecture; the same record as a hyperparameter of training."""

ENTRY_POINT_GROUP = "liversweep.architectures"
SIZE_STEP_PX = 32
"""Sides must be a multiple of it: the deepest of the networks halves its input five times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchitectureSpec:
    """One architecture, as far as it is known without building it.

    Attributes:
        name: the word used in the spec file and in every table.
        doc: one line that says what the network is.
        module: import path of the module that defines `assemble(blocks, image, *, classes, **options)`; see
            `liverseg.models.blocks`.
        options: what a user may set; missing options take their default.
        fixed: further keyword arguments of `assemble` that tell apart architectures of one family; not for users.
        study_parameters: weights in all at 3 classes and default options, as published; None where nothing was
            published.
        study_non_trainable: how many of them are running statistics of batch normalisation.
        countable: the network is made of the methods of `Blocks` alone, so that it can be counted without Keras. A
            plug-in that calls Keras itself sets it to False; it is then built in order to be counted.
    """

    name: str
    doc: str
    module: str
    options: tuple[OptionSpec, ...] = ()
    fixed: Mapping[str, Any] | None = None
    study_parameters: int | None = None
    study_non_trainable: int = 0
    countable: bool = True

    def option(self, name: str) -> OptionSpec:
        """The option called `name`.

        Raises:
            ConfigError: there is none; the message lists those there are.
        """
        known = tuple(option.name for option in self.options)
        for option in self.options:
            if option.name == name:
                return option
        raise ConfigError(
            f"{self.name} has no such option",
            where=f"{self.name}.{name}",
            got=repr(name),
            allowed=", ".join(known) or "no options",
            next_step=did_you_mean(name, known, "leave it out, or move it to an architecture that has it"),
        )

    def check_options(self, options: Mapping[str, Any]) -> tuple[ConfigError, ...]:
        """Everything that is wrong with `options`, as errors that have not been raised; empty if all is well."""
        found = []
        for name, value in options.items():
            try:
                self._check_option(name, value)
            except ConfigError as error:
                found.append(error)
        return tuple(found)

    def resolve_options(self, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """All options with their values: those given, and the defaults of the others, in the order of the spec.

        Raises:
            ConfigError: an unknown option or an impossible value (the first one found; `check_options` gives all).
        """
        given = dict(options or {})
        for error in self.check_options(given):
            raise error
        return {option.name: given.get(option.name, option.default) for option in self.options}

    def _check_option(self, name: str, value: Any) -> None:
        option = self.option(name)
        if not option.accepts(value):
            raise ConfigError(
                "impossible value",
                where=f"{self.name}.{name}",
                got=repr(value),
                allowed=option.allowed,
                next_step=f"the default is {option.default}",
            )


def check_size(size_px: object) -> int:
    """The side of the network's input, if it can be one.

    Raises:
        ConfigError: not a positive whole multiple of 32; the message names the nearest sizes that are.
    """
    if isinstance(size_px, int) and not isinstance(size_px, bool) and size_px > 0 and size_px % SIZE_STEP_PX == 0:
        return size_px
    raise ConfigError(
        f"the side of the network's input must be a multiple of {SIZE_STEP_PX}",
        where="size",
        got=repr(size_px),
        allowed=_nearest_sizes(size_px),
        next_step="choose one of these" if isinstance(size_px, int | float) else None,
    )


def check_classes(classes: object) -> int:
    """The number of output channels, if it can be one.

    Raises:
        ConfigError: not a whole number of at least 2 (background and one label).
    """
    if isinstance(classes, int) and not isinstance(classes, bool) and classes >= 2:
        return classes
    raise ConfigError("impossible number of classes", where="classes", got=repr(classes), allowed="whole number from 2")


def _nearest_sizes(size_px: object) -> str:
    if isinstance(size_px, bool) or not isinstance(size_px, int | float) or not abs(size_px) < 2**31:
        return f"{SIZE_STEP_PX}, {2 * SIZE_STEP_PX}, {3 * SIZE_STEP_PX}, …"
    below = int(size_px) // SIZE_STEP_PX * SIZE_STEP_PX
    near = [side for side in (below, below + SIZE_STEP_PX) if side > 0]
    return " or ".join(str(side) for side in near) or str(SIZE_STEP_PX)


def _width(default: int) -> OptionSpec:
    doc = "filters of the first level; every other width is proportional to it"
    return OptionSpec(name="base_filters", kind="int", default=default, low=4, high=128, doc=doc)


# Keras's own default is 0.99. After 160 updates a fifth of the running mean is then still its start, and networks with
# batch normalisation score near 0 in validation while they train well: a scheduler would stop them and keep U-Net.
_BATCH_NORM_MOMENTUM = OptionSpec(
    name="batch_norm_momentum",
    kind="float",
    default=0.9,
    low=0.5,
    high=0.999,
    doc="share of the old running statistics kept at an update",
)

ARCHITECTURES: tuple[ArchitectureSpec, ...] = (
    ArchitectureSpec(
        name="unet",
        doc="U-Net: four levels, concatenated skips, no batch normalisation",
        module="liverseg.models.unet",
        options=(_width(64),),
        study_parameters=34_512_323,
    ),
    ArchitectureSpec(
        name="unet_resnet18",
        doc="U-Net decoder on a residual encoder of 2, 2, 2, 2 basic blocks (ResNet-18)",
        module="liverseg.models.unet_resnet",
        options=(_width(64), _BATCH_NORM_MOMENTUM),
        fixed={"stages": (2, 2, 2, 2)},
        study_parameters=20_788_995,
        study_non_trainable=9_728,
    ),
    ArchitectureSpec(
        name="unet_resnet50",
        doc="U-Net decoder on a residual encoder of 3, 4, 6, 3 basic blocks (the layout is ResNet-34's)",
        module="liverseg.models.unet_resnet",
        options=(_width(64), _BATCH_NORM_MOMENTUM),
        fixed={"stages": (3, 4, 6, 3)},
        study_parameters=30_908_291,
        study_non_trainable=17_152,
    ),
    ArchitectureSpec(
        name="segnet",
        doc="SegNet: VGG-16 encoder, mirrored decoder that concatenates pooled feature maps",
        module="liverseg.models.segnet",
        options=(_width(64), _BATCH_NORM_MOMENTUM),
        study_parameters=32_628_547,
        study_non_trainable=16_000,
    ),
    ArchitectureSpec(
        name="encoder_decoder",
        doc="plain encoder and decoder without skip connections (the study's own network)",
        module="liverseg.models.encoder_decoder",
        options=(_width(32), _BATCH_NORM_MOMENTUM),
        study_parameters=1_758_467,
        study_non_trainable=2_816,
    ),
)

_REGISTRY = Registry(noun="architecture", group=ENTRY_POINT_GROUP, kind=ArchitectureSpec, built_in=ARCHITECTURES)


def architecture(name: str) -> ArchitectureSpec:
    """The architecture called `name`, built in or plugged in.

    Raises:
        ConfigError: no such architecture; the message lists those there are and the closest name.
    """
    return _REGISTRY.get(name)


def architectures() -> tuple[ArchitectureSpec, ...]:
    """Every architecture: the built-in ones, then plug-ins by name. A plug-in that does not load is logged and left
    out.
    """
    return _REGISTRY.all()


def architecture_names() -> tuple[str, ...]:
    """The names of all architectures; loads no plug-in."""
    return _REGISTRY.names()
