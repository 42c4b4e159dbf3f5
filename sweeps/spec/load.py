"""From a file, or the name of a ready-made spec, to a checked `Spec`; every problem is found before any is reported."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path as FilePath
from typing import Any

from sweeps.errors import Problem, SpecError
from sweeps.spec.complete import complete
from sweeps.spec.faults import Fault, did_you_mean
from sweeps.spec.model import Spec
from sweeps.spec.nodes import Position, dotted
from sweeps.spec.overrides import apply_overrides
from sweeps.spec.search_checks import warnings_of
from sweeps.spec.source import MAX_BYTES, Document, decode, read_mapping
from sweeps.spec.validate import validate

READY_MADE = ("quickstart", "study")


@dataclass(frozen=True, slots=True)
class LoadedSpec:
    """A spec that passed every check.

    Attributes:
        spec: the values: overrides applied, defaults filled in, paths absolute.
        source_text: the YAML as it stands in the file, without overrides.
        path: the file; None for a ready-made spec.
        warnings: what works but probably not as meant, a sentence each.
    """

    spec: Spec
    source_text: str
    path: FilePath | None
    warnings: tuple[str, ...] = ()

    def resolved(self) -> dict[str, Any]:
        """Plain JSON values of everything, defaults included."""
        return self.spec.resolved()


def load_spec(path_or_name: str | os.PathLike[str], overrides: Sequence[str] = ()) -> LoadedSpec:
    """Load and check a spec.

    Args:
        path_or_name: a YAML file, or `quickstart` or `study` for the ready-made ones.
        overrides: `key.path=value` texts, as `--set` takes them.

    Raises:
        SpecError: everything that is wrong, sorted by line; overrides come last.
    """
    data, path, shown = _read(os.fspath(path_or_name))
    text = decode(data, shown)
    document = apply_overrides(read_mapping(text, shown), overrides)
    spec, faults = validate(document.values, sorted(document.unread, key=str))
    problems = [*document.problems, *(_problem(fault, document) for fault in faults)]
    if problems or spec is None:
        raise SpecError(
            sorted(problems, key=lambda problem: (problem.line is None, problem.line or 0, problem.column or 0))
        )
    spec = complete(_with_absolute_paths(spec, document, path))
    return LoadedSpec(spec, text, path, warnings_of(spec))


def spec_from_resolved(plain: Mapping[str, Any], file: str = "resolved.json") -> Spec:
    """Read back what `resolved()` gave.

    Raises:
        SpecError: it was changed into something that is no spec, or comes from another version.
    """
    spec, faults = validate(plain)
    if spec is None:
        raise SpecError([_problem(fault, Document({}, {(): Position(file)}, {})) for fault in faults])
    return spec


def ready_made(name: str) -> str:
    """The YAML text of a ready-made spec, or of `template`."""
    return files("sweeps").joinpath("specs", f"{name}.yaml").read_text("utf-8")


def init_spec(path: str | os.PathLike[str], data_root: str = "./scans") -> FilePath:
    """Write a commented spec to start from.

    Args:
        path: file to write; folders above it must exist.
        data_root: what the spec says under `data.root`.

    Returns:
        The file written.

    Raises:
        SpecError: the file exists (it is left as it is) or cannot be written.
    """
    target = FilePath(path)
    # a JSON string is a YAML string, whatever is in it
    text = ready_made("template").replace("root: ./scans", f"root: {json.dumps(data_root, ensure_ascii=False)}", 1)
    try:
        encoded = text.encode()
        with target.open("xb") as stream:
            stream.write(encoded)
    except FileExistsError:
        step = "choose another name; nothing was changed"
        raise SpecError([Problem(file=str(target), what="the file exists", next_step=step)]) from None
    except UnicodeEncodeError:
        raise SpecError(
            [Problem(file=str(target), what="not UTF-8 text", path="data.root", got=ascii(data_root))]
        ) from None
    except OSError as error:
        raise SpecError([Problem(file=str(target), what="cannot be written", got=str(error.strerror))]) from None
    return target


def _read(name: str) -> tuple[bytes, FilePath | None, str]:
    """Bytes of the spec, its file, and what to call it in messages."""
    if name in READY_MADE:
        return ready_made(name).encode(), None, f"{name}.yaml"
    path = FilePath(name).expanduser()
    if path.is_dir() or not path.exists():
        what = "is a folder" if path.is_dir() else "no such spec"
        allowed = f"a YAML file, or {' | '.join(READY_MADE)}"
        step = did_you_mean(name, READY_MADE) or "write one with `liversweep spec init`"
        raise SpecError([Problem(file=name, what=what, allowed=allowed, next_step=step)])
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1), path, name
    except OSError as error:
        raise SpecError([Problem(file=name, what="cannot be read", got=str(error.strerror))]) from None


def _problem(fault: Fault, document: Document) -> Problem:
    place = document.position(fault.path, at_key=fault.at_key)
    return Problem(
        file=place.file,
        line=place.line,
        column=place.column,
        path=dotted(fault.path),
        what=fault.what,
        got=fault.got,
        allowed=fault.allowed,
        next_step=fault.next_step,
    )


def _with_absolute_paths(spec: Spec, document: Document, path: FilePath | None) -> Spec:
    """Relative paths start at the spec file; those of ready-made specs and of overrides at the current folder."""

    def absolute(text: str, *key: str) -> str:
        in_file = path is not None and document.position(key).line is not None
        start = path.parent if path is not None and in_file else FilePath()
        return str((start / FilePath(text).expanduser()).resolve())

    places = {"root": absolute(spec.data.root, "data", "root")}
    if spec.data.reviews is not None:
        places["reviews"] = absolute(spec.data.reviews, "data", "reviews")
    data = spec.data.model_copy(update=places)
    cache = spec.prepare.cache
    prepare = spec.prepare.model_copy(
        update={"cache": absolute(cache, "prepare", "cache") if isinstance(cache, str) else cache}
    )
    return spec.model_copy(update={"data": data, "prepare": prepare})
