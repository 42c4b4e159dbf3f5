"""What a run can tell of memory at no cost: combinations that need more than there is by arithmetic alone.

`liversweep plan` measures a step and tells much more. This knows only what every training holds, its weights, their gradients and
most of its feature maps, and takes a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable

from liverseg.config import PARAMETERS
from liverseg.models import architecture, describe
from sweeps.costs.combinations import costly_settings
from sweeps.costs.fit import Room, fit
from sweeps.costs.machine import Machine
from sweeps.costs.needs import floor_mb
from sweeps.errors import UsageError
from sweeps.spec import Spec
from sweeps.spec.space import Space, split_parameters


def check_memory(spec: Spec, machine: Machine, note: Callable[[str], None]) -> None:
    """Warn of what cannot fit into the memory that a trial may have.

    Networks that cannot be counted without being built are left out, and so is all of it where a trial's memory is not known.

    Args:
        spec: the sweep.
        machine: this one.
        note: is given one line for each architecture with such combinations.

    Raises:
        UsageError: nothing of any architecture fits, or the part of a GPU is too small for any training.
    """
    _, room = machine.offer(spec)
    if room is None:
        return
    names = Space.from_spec(spec).architectures
    lines = {name: _line(spec, name, room) for name in names if architecture(name).countable}
    for line, _ in lines.values():
        if line:
            note(f"warning: {line}")
    if len(lines) == len(names) and all(hopeless for _, hopeless in lines.values()):
        raise UsageError(
            "no trial fits into the memory that it may have",
            where="search",
            next_step="see the lines above; liversweep plan measures what each network needs",
        )


def _line(spec: Spec, name: str, room: Room) -> tuple[str, bool]:
    """What does not fit of an architecture, in words, and whether that is all of it."""
    needs = []
    for setting in costly_settings(Space.from_spec(spec).dimensions(name)):
        options, parameters = split_parameters(name, setting)
        facts = describe(
            name, parameters.get("size", PARAMETERS["size"].default), options, classes=1 + len(spec.data.labels)
        )
        needs.append((setting, floor_mb(facts, setting, gpu=room.gpu)))
    found = fit(needs, room)
    return found.words(name, room, "at least"), found.hopeless
