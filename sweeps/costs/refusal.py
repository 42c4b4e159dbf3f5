"""Trials that cannot fit into the memory that they may have, known before a worker is asked.

Only a certain lower bound counts: what every training of the network holds at once (`floor_mb`), for the slices that a batch
really has. Measured trainings take 1.5 to 1.9 times that, so that many a trial passes here and fails later; none is refused
that could have run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cluster.config import Slots
from liverseg.config import PARAMETERS
from liverseg.errors import DeviceError
from liverseg.models import architecture, describe
from sweeps.costs.combinations import COSTLY
from sweeps.costs.fit import Room, misfit_words, room_of
from sweeps.costs.needs import floor_mb
from sweeps.spec import Spec
from sweeps.spec.space import split_parameters

_MIB_MB = 1024**2 / 1e6


class MemoryCheck:
    """Says why a trial cannot fit. A network is counted once for all trials that have the same one.

    Args:
        room: what a trial may have; None where that is not known, and all pass.
        classes: output channels of the networks.
        least_slices: so many slices there are to train on at least; a batch never has more than there are. None where it is
            not known, and batches are as large as the parameters say.
    """

    def __init__(self, room: Room | None, classes: int, least_slices: int | None = None) -> None:
        self._room, self._classes, self._least_slices = room, classes, least_slices
        self._known: dict[tuple[str, frozenset[tuple[str, Any]]], str] = {}

    def __call__(self, name: str, parameters: Mapping[str, Any]) -> str:
        """One line that says what the trial needs, what it may have and what to do; empty when it may fit.

        A network that cannot be counted without being built passes.
        """
        if self._room is None or not architecture(name).countable:
            return ""
        setting = {key: value for key, value in parameters.items() if key in COSTLY or key not in PARAMETERS}
        key = name, frozenset(setting.items())
        if key not in self._known:
            self._known[key] = self._misfit(name, setting, self._room)
        return self._known[key]

    def _misfit(self, name: str, setting: Mapping[str, Any], room: Room) -> str:
        options, parameters = split_parameters(name, setting)
        facts = describe(name, parameters.get("size", PARAMETERS["size"].default), options, classes=self._classes)
        batch = int(parameters.get("batch_size", PARAMETERS["batch_size"].default))
        real = batch if self._least_slices is None else max(1, min(batch, self._least_slices))
        need_mb = floor_mb(facts, {**parameters, "batch_size": real}, gpu=room.gpu)
        return misfit_words(name, setting, need_mb, room) if need_mb > room.memory_mb else ""


def memory_check(spec: Spec, slots: Slots, memory_bytes: int | None, least_slices: int | None = None) -> MemoryCheck:
    """The check of a sweep's trials where they run.

    Args:
        spec: the sweep.
        slots: trials at once, and what each gets.
        memory_bytes: private memory at which a trial is ended; None without such a limit.
        least_slices: see `MemoryCheck`.
    """
    classes = 1 + len(spec.data.labels)
    try:
        room = room_of(spec, slots, memory_bytes, _cards_mib(spec))
    except DeviceError:
        room = None  # each worker says what is wrong with its part of a GPU
    if room is not None and spec.cluster.kind != "local" and not spec.trial.memory_bytes and not room.gpu:
        room = replace(
            room, source="its share of its machine's memory", more="give it a machine with {gb} GB for a trial"
        )
    if room is not None and room.card_mb is not None and spec.trial.gpus >= 1:
        room = replace(room, memory_mb=room.card_mb)  # what CUDA itself takes of a whole card is not known for certain
    return MemoryCheck(room, classes, least_slices)


def _cards_mib(spec: Spec) -> tuple[int, ...]:
    """Cards that trials run on; empty where they are not this machine's, or their driver does not answer."""
    if spec.cluster.kind != "local" or not spec.trial.gpus:
        return ()
    from liverseg.training.cuda import visible_cards_mib

    try:
        return visible_cards_mib()
    except DeviceError:
        return ()
