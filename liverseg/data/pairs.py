"""Layout `pairs`: any data set, described by one pattern for images and one for masks.

An image and a mask belong together when the wildcards of both patterns stand for the same text: with
`ct/*_scan.nii.gz` and `seg/*_liver.nii.gz`, `ct/p7_scan.nii.gz` and `seg/p7_liver.nii.gz` are case `p7`.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from liverseg.data.layouts import Found, Globs, Inventory, LayoutSpec
from liverseg.data.walk import files_below
from liverseg.errors import ConfigError

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[[!^]?\]?[^\]]*\]|[^*?\[]+|\[")


def find(root: Path, globs: Globs | None = None) -> Inventory:
    """Files that match the patterns. A file that both match is a mask.

    Raises:
        ConfigError: a pattern is absolute, climbs out with `..`, or the two have different numbers of wildcards.
    """
    if globs is None:
        raise ConfigError("patterns missing", where="layout pairs", allowed="images and masks")
    image_pattern, mask_pattern = _compile(globs.images, "images"), _compile(globs.masks, "masks")
    if image_pattern.groups != mask_pattern.groups:
        raise ConfigError(
            "patterns cannot be matched with each other",
            where="layout pairs",
            got=f"{globs.images} and {globs.masks}",
            allowed="the same number of wildcards in both",
        )
    images, masks = [], []
    for path in files_below(root):
        name = path.relative_to(root).as_posix()
        if match := mask_pattern.fullmatch(name):
            masks.append((_parts(match), path))
        elif match := image_pattern.fullmatch(name):
            images.append((_parts(match), path))
    texts = {parts for parts, _ in (*images, *masks)}
    joint = "-" if len(set(map("-".join, texts))) == len(texts) else " / "
    return Inventory(
        *(tuple(Found(joint.join(parts) or "case", path) for parts, path in side) for side in (images, masks))
    )


def _compile(pattern: str, which: str) -> re.Pattern[str]:
    if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
        raise ConfigError(
            "pattern leaves the data folder", where=which, got=pattern, allowed="a pattern relative to the folder"
        )
    return re.compile("".join(map(_translate, _TOKEN.findall(pattern.removeprefix("./")))))


def _translate(token: str) -> str:
    if token == "**/":
        return "((?:[^/]+/)*)"
    if token in ("*", "**", "?"):
        return "([^/])" if token == "?" else "([^/]*)" if token == "*" else "(.*)"
    if len(token) > 2 and token[0] == "[" and token[-1] == "]":
        body = token[1:-1].replace("\\", r"\\")
        return f"([{'^' if body[0] in '!^' else ''}{body[1:] if body[0] in '!^' else body}])"
    return re.escape(token)


def _parts(match: re.Match[str]) -> tuple[str, ...]:
    return tuple(part.strip("/").replace("/", "-") for part in match.groups() if part.strip("/"))


LAYOUT = LayoutSpec(
    "pairs",
    "two patterns, one for images and one for masks, joined by what their wildcards stand for",
    find,
    needs_globs=True,
)
