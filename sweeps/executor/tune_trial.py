"""A trial as Ray Tune's loop holds it, without what Tune does with it for people who read Tune's own results.

What Ray Tune 2.60 does for every trial besides running it, in CPU-milliseconds of the driver's process (found by a
profile of a thousand trials of an epoch or two; see tests/benchmarks/README.md):

- It writes the experiment's description as a command line, parses that again, and copies it twice (0.7).
- It asks Ray's head whether the trainable is known, and fetches and unpickles its class, five times (1.0, and work for
  other threads).
- It asks the worker twice for the machine's name and process number (0.4, and work for other threads and the worker).
- It makes the trial a folder among the driver's files, for an error that most trials never have (0.3).
- It keeps minimum, maximum and three averages of every number of every result (0.2).

Nobody here reads any of it: the ledger and the trial's own records hold what is known of a trial.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ray.tune import PlacementGroupFactory
from ray.tune.experiment import Trial
from ray.tune.registry import get_trainable_cls


@dataclass(frozen=True, slots=True)
class Job:
    """What all trials of a run have in common.

    Attributes:
        name: under which Tune knows the class that workers run.
        trainable: that class.
        resources: of a trial. One object for all, since Tune compares those of every trial with those of every other.
        storage: where Tune's own files lie.
        checkpoints: Tune's settings of the checkpoints that it does not write.
    """

    name: str
    trainable: type[Any]
    resources: PlacementGroupFactory
    storage: Any
    checkpoints: Any

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Job:
        """From the description of an experiment (`Experiment.spec`), whose trainable says what it needs."""
        trainable: Any = get_trainable_cls(spec["run"])
        resources = trainable.default_resource_request(spec["config"])
        return cls(spec["run"], trainable, resources, spec["storage"], spec["checkpoint_config"])


class TuneTrial(Trial):
    """See the module.

    Args:
        job: what it has in common with the others.
        title: what Tune calls it, also in names of folders.
        config: for the worker.

    Attributes:
        error_text: what Ray or Tune said of the last error; empty before there is one.
    """

    def __init__(self, job: Job, title: str, config: dict[str, Any]) -> None:
        self._job = job
        self._title = title
        self.error_text = ""
        super().__init__(
            job.name,
            config=config,
            storage=job.storage,
            checkpoint_config=job.checkpoints,
            trial_name_creator=lambda trial: title,
            stub=True,  # the class is known: no question to Ray's head
        )
        self.stub = False

    def get_trainable_cls(self) -> type[Any]:
        """The class, without asking anybody."""
        return self._job.trainable

    def create_placement_group_factory(self) -> None:
        """The resources, without asking the class again."""
        self.placement_group_factory: Any = self._job.resources

    def init_local_path(self) -> None:
        """The name of the folder that the worker makes for itself. The driver needs none."""
        assert self.storage is not None
        self.relative_logdir: Any = self._title
        self.storage.trial_dir_name = self._title

    def set_ray_actor(self, ray_actor: Any) -> None:
        """The worker that has it, which is not asked where it is."""
        self.temporary_state.ray_actor = ray_actor

    def update_last_result(self, result: dict[str, Any]) -> None:
        """The result of an epoch, without statistics."""
        self.run_metadata.last_result = result

    def handle_error(self, exc: Exception | None = None) -> None:
        """Keep what is said of the error, which nobody is to recover from but the driver."""
        self.run_metadata.num_failures += 1
        self.error_text = str(exc or "").strip()

    def get_json_state(self) -> tuple[str, str]:
        """Nothing for Tune's snapshot, which is never read."""
        return "{}", "{}"
