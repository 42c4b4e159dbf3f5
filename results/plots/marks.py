"""Marks in plots that a page can hide and explain: of which architecture, and which trial, they are.

A figure's artists are given identifiers; the finished SVG carries them as attributes instead: `data-of`, the position of the
architecture in the sweep, and `data-trial`, the number of the trial. Both are numbers, never names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from results.records import Sweep

_GROUP = re.compile(r'\bid="mark-(\d+|x)(?:-t(\d+))?"')
_POINTS = re.compile(r'<g id="points-(\d+)-([0-9.]+)">')
_USE = re.compile(r"<use ")


def architectures(sweep: Sweep) -> tuple[str, ...]:
    """The sweep's architectures, then any other that a trial has: their positions are what marks carry."""
    return tuple(dict.fromkeys((*sweep.sweep.architectures, *(trial.architecture for trial in sweep.trials))))


def mark(artist: Artist, of: int | None, trial: int | None = None) -> None:
    """Say which architecture (its position; None for none) and which trial (its number) an artist shows."""
    artist.set_gid(f"mark-{'x' if of is None else of}" + ("" if trial is None else f"-t{trial}"))


def points(axes: Axes, x: Sequence[float], y: Sequence[float], of: int, trials: Sequence[int], **look: Any) -> None:
    """Points of one architecture, one a trial; coordinates are finite. Nothing without trials."""
    if trials:
        drawn = axes.scatter(x, y, **look)
        drawn.set_gid(f"points-{of}-{'.'.join(map(str, trials))}")


def mark_rows(axes: Axes, of: Iterable[int]) -> None:
    """Mark the labels of the y axis, one an architecture."""
    for text, position in zip(axes.get_yticklabels(), of, strict=True):
        mark(text, position)


def mark_legend(legend: Any, of: Iterable[int]) -> None:
    """Mark the entries of a legend, one an architecture."""
    for handle, text, position in zip(legend.legend_handles, legend.get_texts(), of, strict=True):
        mark(handle, position)
        mark(text, position)


def marked(svg: str) -> str:
    """The SVG with attributes in place of the identifiers that `mark` and `points` gave."""
    parts, end = [], 0
    for group in _POINTS.finditer(svg):
        parts.append(svg[end : group.start()] + f'<g data-of="{group[1]}">')
        end = group.end()
        for number in group[2].split("."):
            use = _USE.search(svg, end)
            if use is None:
                break
            parts.append(f'{svg[end : use.start()]}<use data-trial="{number}" ')
            end = use.end()
    return _GROUP.sub(_attributes, "".join(parts) + svg[end:])


def _attributes(found: re.Match[str]) -> str:
    of = "" if found[1] == "x" else f'data-of="{found[1]}"'
    return of + (f' data-trial="{found[2]}"' if found[2] else "")
