"""What this machine has for trials: CPUs, memory and GPUs."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.config import Slots
from cluster.local import usable_cpus
from cluster.nodes import slots_on
from liverseg.errors import DeviceError
from sweeps.costs.fit import Room, room_of
from sweeps.errors import UsageError
from sweeps.spec import Spec

MEMORY_SHARE = 0.9
"""Of the memory that is free, what trials without a `trial.memory` may have together."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is.

    Attributes:
        cpus: that this process may run on.
        available_bytes: memory that is free.
        cards_mib: total memory of each GPU; empty without one, and where its driver does not answer.
    """

    cpus: int
    available_bytes: int
    cards_mib: tuple[int, ...] = ()

    def offer(self, spec: Spec) -> tuple[Slots, Room | None]:
        """How many trials of a spec this machine would run at once, at least one, and the memory that each may have.

        The memory is None where trials run on other machines and the spec does not say it.

        Raises:
            UsageError: the part of a GPU is too small for any training.
        """
        here = spec.cluster.kind == "local"
        node = {"CPU": spec.cluster.cpus or self.cpus, "memory": self.available_bytes, "GPU": len(self.cards_mib)}
        gpus = spec.trial.gpus if self.cards_mib else 0
        memory = spec.trial.memory_bytes if here else None
        count = slots_on(node, cpus=spec.trial.cpus, gpus=gpus, memory_bytes=memory)
        slots = Slots(max(1, count), spec.trial.cpus, spec.trial.gpus)
        share = int(MEMORY_SHARE * self.available_bytes / slots.count) if here else None
        try:
            return slots, room_of(spec, slots, share, self.cards_mib if here else ())
        except DeviceError as error:
            raise UsageError(
                error.what, where=error.where, got=error.got, allowed=error.allowed, next_step=error.next_step
            ) from error


def this_machine() -> Machine:
    """The machine that this process runs on, now."""
    import psutil

    from liverseg.training.cuda import visible_cards_mib

    try:
        cards = visible_cards_mib()
    except DeviceError:
        cards = ()
    return Machine(usable_cpus(), psutil.virtual_memory().available, cards)
