"""The networks of a model in further formats, and what is said of how true to them these are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liverseg.handover.description import Member

ONNX, SAVED_MODEL = "onnx", "saved_model"
_ENDS = {ONNX: ".onnx", SAVED_MODEL: ""}


def write_formats(
    folder: Path,
    formats: Sequence[str],
    networks: Sequence[tuple[Member, Any]],
    fit: str,
    tell: Callable[[str], None],
) -> None:
    """Write every network in every format, each read again and compared before it counts.

    Args:
        folder: of the model.
        formats: of `onnx` and `saved_model`; none writes nothing.
        networks: members and their Keras models. One that computes in bfloat16 is written as it computes in float32.
        fit: how slices were brought into the square.
        tell: given a line for each file, with the largest difference that was found.

    Raises:
        ConfigError: a format cannot be written, or does not give the network's logits.
    """
    for name in formats:
        (folder / name).mkdir(exist_ok=True)
    for member, network in networks if formats else ():
        _write(folder, formats, member, network, fit, tell)


def _write(
    folder: Path, formats: Sequence[str], member: Member, network: Any, fit: str, tell: Callable[[str], None]
) -> None:
    from liverseg.handover.agreement import agreement, logits_of
    from liverseg.handover.exports import about_member, write_onnx, write_saved_model
    from liverseg.handover.networks import in_float32

    wide, about = in_float32(member, network), about_member(member, fit)
    for name in formats:
        write = write_onnx if name == ONNX else write_saved_model
        file = f"{name}/{member.trial}{_ENDS[name]}"
        tell(f"{file} gives the network's logits: {write(wide, folder / file, about).in_words()}")
    if wide is not network:
        found = agreement(wide, lambda slices: logits_of(network, slices))
        tell(f"{member.trial} was trained in bfloat16 and is exported in float32: {found.in_words()}")
