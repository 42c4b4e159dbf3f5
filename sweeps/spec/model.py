"""The spec as frozen values: what a sweep is, section by section.

Every field's description goes into the JSON Schema, so that editors show it. Times are seconds, sizes of memory are
bytes; the YAML also takes `2h` and `4GB`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    Field,
    PlainValidator,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from liverseg.config import FITS, LABELS, PARAMETERS, SLICES, PlateauRule
from results.sweep_parts import Objective
from sweeps.spec.catalogue import (
    BUDGETS,
    METRICS,
    REPLICATE,
    SAMPLERS,
    SCHEDULERS,
    SCHEMA_VERSION,
    STREAM,
    layout_names,
)
from sweeps.spec.choices import read_fixed
from sweeps.spec.cluster import ClusterSection
from sweeps.spec.dimension import Dimension
from sweeps.spec.faults import Fault, raise_faults
from sweeps.spec.fields import (
    ArchitecturesField,
    CachePlace,
    Labels,
    Metrics,
    Name,
    OneOf,
    Pattern,
    Sizes,
    SpaceField,
    plain_dimensions,
)
from sweeps.spec.limits import Bytes, CountOrAll, Room, Seconds, SecondsOrOff
from sweeps.spec.section import Section

DEFAULT_TRIALS = 20


class SplitSection(Section):
    """How patients are parted. A patient is in one part only."""

    test: float = Field(0.2, ge=0.0, le=0.9)
    """Fraction of the patients that is locked away until the search is over."""
    validation: float = Field(0.2, gt=0.0, le=0.9)
    """Fraction of the patients that the search is scored on."""
    folds: int = Field(1, ge=1, le=100)
    """Folds of cross-validation over the patients that are not locked away; 1 is a single split. With more, each fold
    validates on its share and `validation` is not used; the search itself runs on the first fold, see `search.replicate`."""
    seed: int = Field(7, ge=0, lt=2**32)
    """Same seed and patients, same split."""


class DataSection(Section):
    """The scans."""

    root: str = Field(min_length=1)
    """Folder of the scans. `~` is the home folder; a relative path starts at the folder of the spec file."""
    layout: Annotated[str, OneOf("layout", layout_names)] = "auto"
    """How the folder is arranged; `auto` looks and decides."""
    images: str | None = Field(None, min_length=1)
    """Layout `pairs` only: glob of the scans below the root."""
    masks: str | None = Field(None, min_length=1)
    """Layout `pairs` only: glob of the masks below the root."""
    labels: Labels = LABELS
    """What is learned and scored. With [liver], tumour counts as liver."""
    patient: Pattern = None
    """Regular expression with one group that finds the patient in a case's name; without it each case is a patient."""
    skip_bad: bool = False
    """Leave out scans that break a rule, and list them, rather than stop."""
    license: str | None = Field(None, min_length=1, max_length=1000)
    """Under which terms the scans may be used, in your own words; it goes into the card of every model that is exported."""
    reviews: str | None = Field(None, min_length=1)
    """Folder of reviews (`liversweep review`), whose corrected cases join the training patients, never validation or test. A
    relative path starts at the folder of the spec file."""
    reviews_until: int | None = Field(None, ge=1)
    """Only the first so many reviews of the record count. A sweep keeps their number when it begins: later ones change nothing
    in it."""
    split: SplitSection = SplitSection()


class PrepareSection(Section):
    """What is made of every scan, once, before the first trial."""

    size: Sizes | None = None
    """Sides of the square network inputs to prepare, pixels; the sizes that the space asks for if left out."""
    slices: Annotated[str, OneOf("choice of slices", SLICES)] = "liver"
    """Training slices kept. Validation and test always keep all."""
    fit: Annotated[str, OneOf("fit", FITS)] = "pad"
    """`pad` keeps the whole field of view, `crop` fills the square and cuts the longer side."""
    cache: CachePlace = True
    """Keep prepared scans on disk for the next sweep: true, false, or the folder to keep them in."""
    stream: Annotated[str, OneOf("choice", STREAM)] = "auto"
    """Trials read prepared scans from files of their machine rather than from the object store: `always`, `never`, or `auto`
    when they do not fit into the store. Results are the same."""


class SchedulerSection(Section):
    """Which trials are ended early."""

    kind: Annotated[str, OneOf("scheduler", SCHEDULERS)]
    """`asha`, `median` and `hyperband` end trials that fall behind; `none` lets all run to the end."""
    grace_epochs: int | None = Field(None, ge=1, le=10_000)
    """Epochs that every trial gets; 2 if left out."""
    reduction_factor: int | None = Field(None, ge=2, le=10)
    """`asha`, `hyperband`: one in so many trials goes on at each rung; 3 if left out."""

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value


class SearchSection(Section):
    """What is tried, and in which order."""

    trials: int | None = Field(None, ge=1, le=100_000)
    """Trainings in all; 20 if left out, with the grid sampler as many as the grid has points."""
    per_architecture: Annotated[str, OneOf("budget", BUDGETS)] = "equal"
    """`equal` trials or `equal_updates` for each architecture, or `joint`: the sampler chooses the architecture too."""
    objective: Metrics = ("val_dice",)
    """What is searched for: a metric, or a list of metrics to trade off."""
    sampler: Annotated[str, OneOf("sampler", SAMPLERS)] = "tpe"
    """How parameters are chosen."""
    scheduler: SchedulerSection = SchedulerSection(kind="none")
    seed: int = Field(42, ge=0, lt=2**32)
    """Fixes what the sampler draws."""
    replicate: Annotated[str, OneOf("choice", REPLICATE)] = "best"
    """What is trained on every fold with every seed: the `best` setting of each architecture once the search is over, or
    `all` settings that finish, whose mean the sampler then learns from. Replicates come on top of `trials`."""
    space: SpaceField = ()
    architectures: ArchitecturesField

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The metrics with their directions."""
        return tuple(Objective(metric, METRICS[metric]) for metric in self.objective)


class PlateauSection(Section):
    """When a learning curve counts as flat: a training then ends, and its score counts in full. A whole number stands for
    `epochs`. The curve of a network that finds the liver and no tumour yet is flat too: give `grace_epochs` for that.
    """

    epochs: int = Field(ge=3, le=10_000)
    """So many epochs together brought less than `gain`, and their median slope promises less in as many more."""
    gain: float = Field(0.005, gt=0.0, le=1.0)
    """Rise of the validation score that is worth so many epochs."""
    grace_epochs: int | None = Field(None, ge=1, le=10_000)
    """Epochs that every training gets; twice `epochs` if left out."""

    @model_validator(mode="before")
    @classmethod
    def _count(cls, value: Any) -> Any:
        return {"epochs": value} if isinstance(value, int) and not isinstance(value, bool) else value

    def rule(self) -> PlateauRule:
        """The rule as trainings know it."""
        grace = 2 * self.epochs if self.grace_epochs is None else self.grace_epochs
        return PlateauRule(epochs=self.epochs, gain=self.gain, grace_epochs=grace)


class TrainSection(Section):
    """How one network is trained. Every parameter of `search.space` may stand here, with one value for all trials."""

    epochs: int = Field(20, ge=1, le=10_000)
    """Passes over the training slices."""
    updates: int | None = Field(None, ge=1)
    """Gradient updates after which a training ends, if that comes before the last epoch."""
    seeds: int = Field(1, ge=1, le=100)
    """Trainings of a setting with different seeds (`seed`, `seed` + 1, …) on each fold, see `search.replicate`."""
    seed: int = Field(42, ge=0, lt=2**32)
    """Fixes initial weights, order of the data and augmentation."""
    early_stopping: int | None = Field(None, ge=1)
    """Epochs without a better validation score after which a training ends; left out, none does."""
    plateau: PlateauSection | None = None
    """Ends trainings whose learning curve has flattened, as `plateau: 5` or with more words; left out, none."""
    fixed: Annotated[tuple[Dimension, ...], PlainValidator(lambda value: value)] = Field((), exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _take_parameters(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        own = {key: item for key, item in value.items() if key not in PARAMETERS}
        fixed, faults = read_fixed({key: item for key, item in value.items() if key in PARAMETERS})
        if "fixed" in own:
            faults.append(
                Fault(
                    what="unknown key", path=("fixed",), next_step="write parameters directly under train", at_key=True
                )
            )
        if faults:
            raise_faults(faults, value)
        return own | {"fixed": fixed}

    @model_serializer(mode="wrap")
    def _with_parameters(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        plain: dict[str, Any] = handler(self)
        return plain | plain_dimensions(self.fixed)


class TrialSection(Section):
    """What one trial may use."""

    cpus: int = Field(1, ge=1, le=4096)
    """CPU cores, which are also the trial's threads."""
    gpus: float = Field(0.0, ge=0.0, le=64.0)
    """GPUs; a fraction shares one GPU between trials, each held to that part of its memory. A training uses one GPU."""
    deadline_s: Seconds = Field(None, alias="deadline")
    """Time after which a trial is ended and counts as failed."""
    stall_s: SecondsOrOff = Field(600.0, alias="stall")
    """Time without a finished batch after which a trial is ended and counts as failed; `off` waits for ever."""
    memory_bytes: Bytes = Field(None, alias="memory")
    """Memory that a trial needs; fewer run at once when there is less."""


class KeepSection(Section):
    """What stays on disk. Scores, curves and pictures of every trial always do."""

    best: CountOrAll = 3
    """Best trials of the sweep whose weights and state are kept, besides the best of each architecture; `all` of them."""
    last: int = Field(1, ge=1, le=10)
    """States kept of a trial that has not ended: the newest so many."""
    every: int = Field(1, ge=1, le=10_000)
    """Epochs from one saved state to the next; an interrupted trial continues from the newest."""
    min_free_bytes: Room = Field(10**9, alias="min_free")
    """Free disk below which no trial is started; 0 for no limit."""


class StageSection(Section):
    """One of several searches, one after the other."""

    name: Name
    start: Annotated[str, OneOf("start", ("best",))] | None = Field(None, alias="from")
    """`best`: begin at the best trial of the stage before and change only what this stage's space names."""
    trials: int | None = Field(None, ge=1, le=100_000)
    sampler: Annotated[str, OneOf("sampler", SAMPLERS)] | None = None
    space: SpaceField | None = None
    architectures: ArchitecturesField | None = None


class Spec(Section):
    """A sweep: which networks are compared, on which scans, over which parameters, with what budget."""

    schema_version: int = Field(SCHEMA_VERSION, ge=SCHEMA_VERSION, le=SCHEMA_VERSION)
    name: Name
    """Name of the sweep and of its folder under runs/."""
    data: DataSection
    prepare: PrepareSection = PrepareSection()
    search: SearchSection
    train: TrainSection = TrainSection()
    trial: TrialSection = TrialSection()
    keep: KeepSection = KeepSection()
    cluster: ClusterSection = ClusterSection()
    stages: Annotated[tuple[StageSection, ...], Field(strict=False, max_length=20)] = ()
    """Searches that follow each other; the second and later ones start from the best of the one before."""

    def resolved(self) -> dict[str, Any]:
        """Plain JSON values of everything, defaults included; reads back as an equal spec."""
        return self.model_dump(mode="json", by_alias=True)
