"""From a folder to its cases: every image with its mask, and every file that has no partner named at once."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from liverseg.data.layouts import Found, Globs, LayoutSpec
from liverseg.data.records import CaseFiles, Problem
from liverseg.data.registry import detect_layout, layout_named
from liverseg.errors import ConfigError, DataError

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Listing:
    """The cases of a folder, in natural order, and what is wrong with the folder itself."""

    layout: str
    cases: tuple[CaseFiles, ...]
    problems: tuple[Problem, ...]


def find_cases(
    root: Path | str, layout: str | None = None, *, images: str | None = None, masks: str | None = None
) -> list[CaseFiles]:
    """All cases of a folder in natural order (`volume-2` before `volume-10`).

    Args:
        root: the data set's folder. Links in it are followed, also to places outside it.
        layout: `lits`, `msd`, `nnunet`, `pairs` or a plug-in's; None lets the folder tell.
        images: pattern of the image files for `pairs`, relative to `root`.
        masks: pattern of the mask files for `pairs`, relative to `root`.

    Raises:
        ConfigError: unknown layout, or patterns missing or given to a layout that takes none.
        DataError: no case, or files without a partner or twice; the message names them all.
    """
    listing = list_cases(root, layout, images=images, masks=masks)
    if listing.problems:
        first = listing.problems[0]
        raise DataError(
            "; ".join(problem.summary for problem in listing.problems),
            rule=first.rule,
            where=str(root),
            got="; ".join(problem.message for problem in listing.problems),
            next_step="add or remove these files, or leave such cases out with --skip-bad",
        )
    return list(listing.cases)


def list_cases(
    root: Path | str, layout: str | None = None, *, images: str | None = None, masks: str | None = None
) -> Listing:
    """As `find_cases`, but files without a partner and doubles become problems beside the cases that are whole.

    Raises:
        ConfigError: as `find_cases`.
        DataError: not one whole case, or a `dataset.json` that cannot be used.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise DataError(
            "no such folder",
            rule="D1",
            where=str(root),
            next_step=f"check the path, or make scans to try with: liversweep data phantom {root} --cases 24",
        )
    spec = layout_named(layout) if layout else detect_layout(root)
    inventory = spec.find(root, _globs(spec, images, masks))
    if not inventory.images and not inventory.masks:
        raise DataError(
            "no cases found",
            rule="D1",
            where=str(root),
            got="no file of this layout",
            allowed=f"{spec.name}: {spec.doc}",
            next_step="check the path and the layout",
        )
    listing = _pair_up(spec, inventory.images, inventory.masks)
    if not listing.cases and not listing.problems:
        raise DataError("no cases found", rule="D1", where=str(root), next_step="check the path and the layout")
    return listing


def _globs(spec: LayoutSpec, images: str | None, masks: str | None) -> Globs | None:
    if spec.needs_globs:
        if not images or not masks:
            raise ConfigError(
                "patterns missing",
                where=f"layout {spec.name}",
                got=f"images {images!r}, masks {masks!r}",
                allowed="one pattern each, for example images/*.nii.gz and masks/*.nii.gz",
            )
        return Globs(images, masks)
    if images or masks:
        raise ConfigError(
            "this layout takes no patterns",
            where=f"layout {spec.name}",
            got=images or masks,
            next_step="remove `images` and `masks`, or use the layout `pairs`",
        )
    return None


def _pair_up(spec: LayoutSpec, images: Iterable[Found], masks: Iterable[Found]) -> Listing:
    by_image, by_mask = _group(images), _group(masks)
    double = {key for table in (by_image, by_mask) for key, paths in table.items() if len(paths) > 1}
    lost = {key for table in (by_image, by_mask) for key, paths in table.items() if not all(map(os.path.exists, paths))}
    whole = (by_image.keys() & by_mask.keys()) - double - lost
    cases = [CaseFiles(key, by_image[key][0], by_mask[key][0]) for key in sorted(whole, key=natural_key)]
    problems = [
        *_problem("D2", "image", "without a mask", by_image.keys() - by_mask.keys()),
        *_problem("D2", "mask", "without an image", by_mask.keys() - by_image.keys()),
        *_problem("D2", "case", "with a file that is not there", lost),
        *_problem("D3", "case", "found twice", double),
    ]
    return Listing(spec.name, tuple(cases), tuple(problems))


def _group(found: Iterable[Found]) -> dict[str, list[Path]]:
    table: defaultdict[str, list[Path]] = defaultdict(list)
    for item in found:
        table[item.key].append(item.path)
    return dict(table)


def _problem(rule: str, noun: str, rest: str, keys: Iterable[str]) -> Iterator[Problem]:
    names = sorted(keys, key=natural_key)
    if names:
        what = f"{noun}{'s' * (len(names) > 1)} {rest}"
        shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        yield Problem(rule, f"{what}: {shown}", None, f"{len(names)} {what}")


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts digits as numbers: `a2` before `a10`."""
    parts = re.split(r"(\d+)", name)
    return tuple((0, int(part), part) if part.isdecimal() and part.isascii() else (1, 0, part) for part in parts)
