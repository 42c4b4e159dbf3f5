"""What travels to a cluster: the program's own source and one spec, in a zip file that is the same for the same content.

Only named packages and only known kinds of files go along: no tests, no caches, no runs, no scan that lies beside the code.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from sweeps.errors import SweepError

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("cluster", "liverseg", "results", "sweeps")
SUFFIXES = (".py", ".yaml", ".j2", ".css", ".js", ".json", ".sh")
SPEC_FILE = "spec.yaml"
LIMIT_BYTES = 16 * 1024**2
"""The program has two million bytes, half a million when packed; what is much larger is not the program."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16


@dataclass(frozen=True, slots=True)
class Parcel:
    """A zip file to be unpacked into the job's working folder.

    Attributes:
        data: the file.
        sha256: of it, 64 hex digits.
        files: how many are in it.
    """

    data: bytes
    sha256: str
    files: int


def make_parcel(spec_text: str, root: Path = ROOT, packages: Sequence[str] = PACKAGES) -> Parcel:
    """Pack the program and a spec. The same content gives the same bytes, on every machine and at every time.

    Args:
        spec_text: what becomes `spec.yaml` at the top.
        root: folder that holds the packages.
        packages: those that go along.

    Raises:
        SweepError: a package is not there, a link leads out of it, or all is larger than `LIMIT_BYTES`.
    """
    sources = {name: (root / name).read_bytes() for name in source_files(root, packages)}
    version = version_file()
    contents = {SPEC_FILE: spec_text.encode(), **version, **sources}
    data = _zip(contents)
    if len(data) > LIMIT_BYTES:
        largest = sorted(contents, key=lambda name: len(contents[name]), reverse=True)[:3]
        raise SweepError(
            "the program is too large to travel",
            where=str(root),
            got=f"{len(data):,} bytes, the largest files are {', '.join(largest)}",
            allowed=f"{LIMIT_BYTES:,} bytes",
            next_step="move what is no part of the program out of its packages",
        )
    return Parcel(data, hashlib.sha256(data).hexdigest(), len(contents))


def source_files(root: Path = ROOT, packages: Sequence[str] = PACKAGES) -> tuple[str, ...]:
    """Paths below `root`, with `/`, of what goes along; sorted. Hidden files and folders, caches and other kinds stay here.

    Raises:
        SweepError: a package is not there, or a link leads out of it.
    """
    found = []
    for package in packages:
        if not (root / package / "__init__.py").is_file():
            raise SweepError("a package of the program is missing", where=str(root), got=package)
        for folder, below, names in os.walk(root / package):
            below[:] = [name for name in below if not name.startswith((".", "__pycache__"))]
            found += [Path(folder, name) for name in names if name.endswith(SUFFIXES) and not name.startswith(".")]
    for path in found:
        if not path.resolve().is_relative_to((root / path.relative_to(root).parts[0]).resolve()):
            raise SweepError("a link leads out of the program", where=str(path), got=path.resolve())
    return tuple(sorted(path.relative_to(root).as_posix() for path in found))


def version_file() -> dict[str, bytes]:
    """What tells the version of the program that travels, even where another one is installed; nothing when unknown here."""
    try:
        version = metadata.version("liversweep")
    except metadata.PackageNotFoundError:
        return {}
    text = f"Metadata-Version: 2.1\nName: liversweep\nVersion: {version}\n"
    return {f"liversweep-{version}.dist-info/METADATA": text.encode()}


def _zip(contents: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = _MODE
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, contents[name])
    return buffer.getvalue()
