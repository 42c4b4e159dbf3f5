"""The models of a record, each with its validations and with what is in its folder now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from results.model_record import ExportFacts, ModelRecord, ValidationFacts
from sweeps.errors import SweepError

State = Literal["whole", "changed", "gone", "another model", "not exported here"]


@dataclass(frozen=True, slots=True)
class ModelLine:
    """One model.

    Attributes:
        id: stands for every byte of it.
        export: its newest export; None where it was only validated.
        validations: oldest first.
        compared: validations of other models against it, oldest first.
        state: what is found in the place that it was exported to.
        detail: what is wrong there, in one sentence; empty for a folder that is whole, or gone.
    """

    id: str
    export: ExportFacts | None
    validations: tuple[ValidationFacts, ...]
    compared: tuple[ValidationFacts, ...]
    state: State
    detail: str = ""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.export.name if self.export else self.validations[-1].name


def model_lines(record: ModelRecord, on_model: Callable[[], None] = lambda: None) -> tuple[ModelLine, ...]:
    """All models, in the order in which they were first written down. Every file of every folder that is there is read.

    Args:
        record: from `read_record`.
        on_model: called after each.
    """
    lines = []
    for model in record.models:
        export = record.export_of(model)
        state, detail = found_at(Path(export.path), model) if export else ("not exported here", "")
        compared = record.comparisons_with(model)
        lines.append(ModelLine(model, export, record.validations_of(model), compared, state, detail))
        on_model()
    return tuple(lines)


def found_at(path: Path, model: str) -> tuple[State, str]:
    """Whether a model is still where it was exported to, and as it was."""
    from liverseg.errors import LiversegError
    from liverseg.handover.folder import open_model

    try:
        if not path.exists():
            return "gone", ""
        found = open_model(path)
    except (LiversegError, SweepError, OSError) as error:
        return "changed", str(error)
    return ("whole", "") if found.id == model else ("another model", f"it holds {found.id}")


def line_document(line: ModelLine) -> dict[str, Any]:
    """One model in plain JSON values."""
    export = line.export
    return {
        "id": line.id,
        "name": line.name,
        "exported": {**asdict(export), "architectures": list(export.architectures)} if export else None,
        "validations": [asdict(one) for one in line.validations],
        "compared": [asdict(one) for one in line.compared],
        "folder": line.state,
        "detail": line.detail or None,
    }
