"""Kubernetes manifests as text, and the names that Kubernetes accepts."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

NAME_BYTES = 40
"""KubeRay makes longer names of a job's name, for its cluster, its service and its pods; those end at 63."""

_DIGEST_CHARACTERS = 6
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
# What YAML 1.1, which kubectl reads, takes for something else than text.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def dns_label(text: str) -> str:
    """The name as a DNS label that starts with a letter, 40 characters at most.

    A name that has to be changed gets six hex digits of its SHA-256, so that `a.b` and `a_b` stay two names.
    """
    label = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if not label[:1].isalpha():
        label = f"sweep-{label}".rstrip("-")
    if label == text and len(label) <= NAME_BYTES:
        return label
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return f"{label[: NAME_BYTES - _DIGEST_CHARACTERS - 1].rstrip('-')}-{digest}"


def quantity(count: int) -> str:
    """Bytes in Kubernetes' notation, to the byte: `16Gi`, `512Mi`, `16G`, or the plain number."""
    for unit, size in (("Gi", 1 << 30), ("Mi", 1 << 20), ("G", 10**9), ("M", 10**6)):
        if count and count % size == 0:
            return f"{count // size}{unit}"
    return str(count)


def yaml_text(documents: Sequence[Mapping[str, Any]]) -> str:
    """Several documents as one YAML text, which reads the same under YAML 1.1 and 1.2. Key order is kept."""
    from ruamel.yaml import YAML

    writer = YAML(typ="rt")
    writer.width = 1 << 20
    writer.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    for document in documents:
        stream.write("---\n")
        writer.dump(_quoted(document), stream)
    return stream.getvalue()


def _quoted(value: Any) -> Any:
    """The same values, with text in the notation that no parser mistakes."""
    if isinstance(value, Mapping):
        return {_text(key): _quoted(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_quoted(item) for item in value]
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    marked: str = LiteralScalarString(text) if _block(text) else DoubleQuotedScalarString(text)
    return marked


def _block(text: str) -> bool:
    """Whether a text can stand as lines of its own: printable ASCII or letters, no blanks where a parser might lose them."""
    lines = text.split("\n")
    if len(lines) < 2 or not text.strip() or text[0] in " \n":
        return False
    return all(line.isprintable() and line == line.rstrip() and "\ufeff" not in line for line in lines)
