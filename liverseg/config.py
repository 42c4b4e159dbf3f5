"""The parameters of one training, as frozen values, and the catalogue that says what each may be.

`PARAMETERS` is the one list of hyperparameters: the spec validates against it, the search space samples from it and the
JSON Schema is generated from it. Importing this module loads nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from liverseg.errors import ConfigError

LABELS = ("liver", "tumour")
WINDOWS = ("study", "liver", "wide", "fingerprint")
LOSSES = ("ce", "weighted_ce", "dice", "dice_ce", "focal", "tversky")
OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "cosine", "plateau")
SLICES = ("all", "body", "liver")
FITS = ("pad", "crop")

Kind = Literal["float", "int", "choice", "bool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One hyperparameter of a training.

    Attributes:
        name: the word used in the spec and in every table.
        kind: `float`, `int`, `choice` or `bool`.
        default: the value when neither the spec nor the sampler gives one.
        low, high: inclusive bounds of numbers.
        step: numbers must be a multiple of it (sizes: 32).
        choices: allowed values of a `choice`.
        doc: one line for `--help`, the schema and error messages.
    """

    name: str
    kind: Kind
    default: Any
    doc: str
    low: float | None = None
    high: float | None = None
    step: int | None = None
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What is accepted, in words."""
        if self.kind == "choice":
            return " | ".join(self.choices)
        if self.kind == "bool":
            return "true | false"
        word = "whole number" if self.kind == "int" else "number"
        steps = f", multiple of {self.step}" if self.step else ""
        return f"{word} from {self.low:g} to {self.high:g}{steps}"

    def accepts(self, value: Any) -> bool:
        """Whether `value` has the right type and lies within the bounds. Booleans are never numbers; NaN never passes."""
        if self.kind == "bool":
            return isinstance(value, bool)
        if self.kind == "choice":
            return isinstance(value, str) and value in self.choices
        if isinstance(value, bool) or not isinstance(value, int if self.kind == "int" else (int, float)):
            return False
        assert self.low is not None and self.high is not None
        return bool(self.low <= value <= self.high) and (self.step is None or value % self.step == 0)


_LIST = (
    Parameter(name="learning_rate", kind="float", default=1e-4, low=1e-8, high=10.0, doc="initial learning rate"),
    Parameter(name="batch_size", kind="int", default=16, low=1, high=1024, doc="slices a gradient update"),
    Parameter(
        name="size",
        kind="int",
        default=128,
        low=32,
        high=1024,
        step=32,
        doc="side of the network's square input, pixels",
    ),
    Parameter(name="window", kind="choice", default="study", choices=WINDOWS, doc="intensity window and normalisation"),
    Parameter(name="loss", kind="choice", default="ce", choices=LOSSES, doc="training loss"),
    Parameter(name="optimizer", kind="choice", default="adam", choices=OPTIMIZERS, doc="gradient descent rule"),
    Parameter(name="schedule", kind="choice", default="constant", choices=SCHEDULES, doc="learning-rate schedule"),
    Parameter(
        name="weight_decay", kind="float", default=0.0, low=0.0, high=1.0, doc="decoupled weight decay (adamw, sgd)"
    ),
    Parameter(
        name="augment_flip", kind="float", default=0.0, low=0.0, high=1.0, doc="probability of a left-right flip"
    ),
    Parameter(
        name="augment_rotate_deg", kind="float", default=0.0, low=0.0, high=180.0, doc="largest rotation, degrees"
    ),
    Parameter(
        name="augment_scale", kind="float", default=0.0, low=0.0, high=0.9, doc="largest relative change of size"
    ),
    Parameter(
        name="augment_intensity",
        kind="float",
        default=0.0,
        low=0.0,
        high=1.0,
        doc="strength of random brightness, contrast and noise",
    ),
    Parameter(name="mixed_precision", kind="bool", default=False, doc="compute in 16 bits, keep weights in 32"),
    Parameter(name="xla", kind="bool", default=False, doc="compile the steps with XLA: other rounding, other speed"),
)

PARAMETERS: Mapping[str, Parameter] = MappingProxyType({parameter.name: parameter for parameter in _LIST})


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareConfig:
    """What the shared preparation makes of every scan.

    Attributes:
        sizes_px: sides of the square network inputs to prepare, each a multiple of 32.
        slices: training slices kept: `all`, `body` (not all air) or `liver` (liver present). Validation and test keep all.
        fit: `pad` keeps the whole field of view and fills with air, `crop` fills the square and cuts the longer side (the study).
    """

    sizes_px: tuple[int, ...]
    slices: str = "liver"
    fit: str = "pad"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateauRule:
    """When a learning curve counts as flat, so that its training ends; see `liverseg.training.plateau`.

    Attributes:
        epochs: how many of the last epochs are looked at.
        gain: validation score that these must have brought, or promise in as many more, for the training to go on.
        grace_epochs: epochs that every training gets; 0 for no more than the rule itself needs.
    """

    epochs: int
    gain: float = 0.005
    grace_epochs: int = 0

    @property
    def first_epoch(self) -> int:
        """The first epoch after which a training may end."""
        return max(self.grace_epochs, self.epochs + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """One training: one architecture, one set of parameters, one seed.

    Attributes:
        architecture: registered name, for example `unet`.
        options: the architecture's own options, for example `{"base_filters": 16}`.
        parameters: values for names of `PARAMETERS`; missing ones take their default.
        labels: foreground labels that are learned and scored, a prefix of `LABELS`.
        epochs: passes over the training slices.
        updates: gradient updates after which training ends, if given; the last epoch is then cut short.
        early_stopping: epochs without a better validation score after which training ends; None never ends early.
        plateau: ends a training whose learning curve has flattened; None never does.
        seed: fixes initial weights, order of the data and augmentation.
        deadline_s: seconds after which training ends with `DeadlineError`; None sets no limit.
        threads: CPU threads for the compute backend.
    """

    architecture: str
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = LABELS
    epochs: int = 20
    updates: int | None = None
    early_stopping: int | None = None
    plateau: PlateauRule | None = None
    seed: int = 42
    deadline_s: float | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        for name, value in self.parameters.items():
            if name not in PARAMETERS:
                raise ConfigError("unknown parameter", where=name, got=value, allowed=", ".join(PARAMETERS))
            if not PARAMETERS[name].accepts(value):
                raise ConfigError("impossible value", where=name, got=repr(value), allowed=PARAMETERS[name].allowed)
        if self.labels not in (LABELS[:1], LABELS):
            raise ConfigError("unknown labels", where="labels", got=self.labels, allowed="[liver] or [liver, tumour]")

    @property
    def classes(self) -> int:
        """Output channels: background and one a label."""
        return 1 + len(self.labels)

    def get(self, name: str) -> Any:
        """The value of a hyperparameter, or its default.

        Raises:
            KeyError: no such parameter.
        """
        return self.parameters.get(name, PARAMETERS[name].default)
