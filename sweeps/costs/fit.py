"""Which combinations of a space need more memory than a trial may have, in words and numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.config import Slots
from liverseg.training.gpu import CONTEXT_MIB, cap_mib
from sweeps.spec import Spec

MOST_EDGES = 3
_MIB_MB = 1024**2 / 1e6


@dataclass(frozen=True, slots=True)
class Room:
    """Memory that a trial may have.

    Attributes:
        memory_mb: MB (10^6 bytes).
        source: where the limit comes from, in words.
        more: what to give for more, in words; `{gb}` and `{gpus}` stand for what would do.
        card_mb: memory of the smallest card that trials run on; None on CPUs.
    """

    memory_mb: float
    source: str
    more: str
    card_mb: float | None = None

    @property
    def gpu(self) -> bool:
        """Whether it is memory of a GPU."""
        return self.card_mb is not None


def room_of(spec: Spec, slots: Slots, share_bytes: int | None, cards_mib: Sequence[int]) -> Room | None:
    """What a trial of a spec may have; None where nobody here can know.

    Args:
        spec: the sweep.
        slots: how many trials run at once.
        share_bytes: a trial's share of this machine's memory; None when trials run on other machines.
        cards_mib: total memory of each GPU of this machine.

    Raises:
        DeviceError: the part of a card is too small for any training.
    """
    gpus = spec.trial.gpus
    if gpus:
        if not cards_mib:
            return None
        total = min(cards_mib)
        cap = cap_mib(total, gpus) if gpus < 1 else total - CONTEXT_MIB
        part = f"trial.gpus {gpus:g} of a card of {gigabytes(total * _MIB_MB)}"
        return Room(cap * _MIB_MB, part, "{gpus}", total * _MIB_MB)
    if spec.trial.memory_bytes:
        return Room(spec.trial.memory_bytes / 1e6, "trial.memory", "raise trial.memory to {gb}GB")
    if share_bytes is None:
        return None
    several = slots.count > 1
    more = (
        "run fewer trials at once (cluster.cpus, trial.cpus)" if several else "use a machine with {gb} GB for a trial"
    )
    return Room(share_bytes / 1e6, f"its share of this machine's memory, {slots.count} at a time", more)


@dataclass(frozen=True, slots=True)
class Fit:
    """How the combinations of an architecture fit into a room.

    Attributes:
        combinations: how many there are, ranges stood for by their ends.
        unfit: how many need more than there is.
        least_mb, most_mb: what the smallest and the largest need.
        most: the largest.
        edges: the smallest that do not fit: whatever is larger than one of them does not either.
        varied: names whose values differ between combinations and change the memory.
    """

    combinations: int
    unfit: int
    least_mb: float
    most_mb: float
    most: Mapping[str, Any]
    edges: tuple[Mapping[str, Any], ...] = ()
    varied: tuple[str, ...] = field(default=())

    @property
    def hopeless(self) -> bool:
        """Whether nothing fits."""
        return self.unfit == self.combinations

    def words(self, name: str, room: Room, about: str = "about") -> str:
        """One line about what does not fit; empty when all does. `about` is how sure the needs are."""
        if not self.unfit:
            return ""
        had = f"a trial has {gigabytes(room.memory_mb)} ({room.source})"
        need = f"{name}: {_words(self.most)} needs {about} {gigabytes(self.most_mb)}, {had}"
        lower = _lower(self.varied)
        more = _more(room, self.most_mb)
        if self.hopeless:
            least = f", the least {about} {gigabytes(self.least_mb)}" if self.combinations > 1 else ""
            count = "its only combination" if self.combinations == 1 else f"none of {self.combinations} combinations"
            verb = "cannot fit" if self.combinations == 1 else "fits"
            least_more = _more(room, self.least_mb)
            beyond = " below what the space has" if self.varied else ""
            return f"{need}{least}: {count} {verb}; {lower}{beyond}, or {least_more}"
        return (
            f"{need}: {self.unfit} of {self.combinations} combinations cannot fit, {self._edges()}; {lower}, or {more}"
        )

    def _edges(self) -> str:
        shown = [_words({key: edge[key] for key in edge if key in self.varied}) for edge in self.edges[:MOST_EDGES]]
        left = len(self.edges) - len(shown)
        return "from " + " and from ".join(shown) + " on" + (f" and from {left} more on" if left > 0 else "")


def fit(needs: Sequence[tuple[Mapping[str, Any], float]], room: Room, error: float = 0.0) -> Fit:
    """Compare what each combination needs with what there is.

    Args:
        needs: combinations with their memory, MB; at least one.
        room: what there is.
        error: relative error of the needs. Only what needs more than the room even so is counted as not fitting.
    """
    limit = room.memory_mb * (1 + error)
    unfit = [setting for setting, need in needs if not need <= limit]
    most, most_mb = max(needs, key=lambda item: item[1])
    names = [name for name in most if len({_key(setting.get(name)) for setting, _ in needs}) > 1]
    return Fit(
        combinations=len(needs),
        unfit=len(unfit),
        least_mb=min(need for _, need in needs),
        most_mb=most_mb,
        most=most,
        edges=tuple(one for one in unfit if not any(other is not one and _below(other, one) for other in unfit)),
        varied=tuple(name for name in names if name != "xla"),
    )


def misfit_words(name: str, setting: Mapping[str, Any], need_mb: float, room: Room) -> str:
    """One line about a trial that needs more than there is: what, how much, what it has, what to do."""
    needs = f"{name}: {_words(setting)} needs at least {gigabytes(need_mb)}"
    has = f"a trial has {gigabytes(room.memory_mb)} ({room.source})"
    lower = _lower([key for key, value in setting.items() if isinstance(value, int) and not isinstance(value, bool)])
    return f"{needs}, {has}; not started. {lower[0].upper()}{lower[1:]}, or {_more(room, need_mb)}"


def gigabytes(memory_mb: float) -> str:
    """`14 GB`, `1.4 GB`."""
    gb = memory_mb / 1000
    return f"{gb:.0f} GB" if gb >= 9.5 else f"{gb:.1f} GB"


def _below(small: Mapping[str, Any], large: Mapping[str, Any]) -> bool:
    """Whether a combination is another with some numbers lower, or with 16 instead of 32 bits."""
    return small != large and all(_at_most(name, small.get(name), value) for name, value in large.items())


def _at_most(name: str, small: Any, large: Any) -> bool:
    if isinstance(large, bool) or isinstance(small, bool):
        return bool(small == large or (name == "mixed_precision" and small and not large))
    if isinstance(large, (int, float)) and isinstance(small, (int, float)):
        return small <= large
    return bool(small == large)


def _more(room: Room, need_mb: float) -> str:
    gb = math.ceil(need_mb / 100) / 10
    if room.card_mb is None:
        return room.more.format(gb=f"{gb:g}")
    part = math.ceil(100 * (need_mb + CONTEXT_MIB * _MIB_MB) / room.card_mb) / 100
    return room.more.format(gpus=f"raise trial.gpus to {part:g}" if part <= 1 else "use a larger card")


_FIRST = ("batch_size", "size")


def _words(setting: Mapping[str, Any]) -> str:
    order = [*(name for name in _FIRST if name in setting), *(name for name in setting if name not in _FIRST)]
    return ", ".join(f"{name} {_value(setting[name])}" for name in order) or "the network"


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _lower(varied: Sequence[str]) -> str:
    """What to change in the space."""
    numbers = [name for name in varied if name != "mixed_precision"]
    parts = [f"lower {' or '.join(numbers)}"] if numbers else []
    if "mixed_precision" in varied:
        parts.append("leave mixed_precision on")
    return ", ".join(parts) or "choose a smaller network"


def _key(value: Any) -> str:
    return repr(value)
