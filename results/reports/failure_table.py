"""Failures in words and cells, the same in every format."""

from __future__ import annotations

from results.failures import FailureGroup
from results.reports.document import Document
from results.reports.history import counted
from results.tables.architectures import failures_text
from results.text import printable

GROUP_HEADS = ("kind", "architecture", "trials", "for example", "what to do", "then try them again")
GROUP_NUMERIC = (False, False, True, False, False, False)
FAILED_HEADS = ("trial", "kind", "what happened", "log")
NO_MESSAGE = "no message"


def group_cells(group: FailureGroup) -> tuple[str, ...]:
    """The cells under `GROUP_HEADS`."""
    return (group.kind, group.architecture, str(group.count), group.example, group.advice, group.again)


def counts_sentence(document: Document) -> str:
    """How many trials failed, by kind, and why some are not to be tried again."""
    sweep = document.sweep
    text = f"{len(document.failures)} of {counted(len(sweep.trials), 'trial')} failed: {failures_text(sweep.trials)}."
    if not all(group.again for group in document.failure_groups):
        text += " Where no command is given, the same parameters and seed would fail again."
    return printable(text)


def sentence(text: str) -> str:
    """`text` with a full stop, unless it ends with a mark."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
