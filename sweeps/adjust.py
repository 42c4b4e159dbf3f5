"""What may be changed between two runs of a sweep: machine, limits, what is kept, where the scans lie and under which
terms they are used. Nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sweeps.errors import UsageError
from sweeps.spec.overrides import apply_overrides
from sweeps.spec.source import Document

FREE_SECTIONS = ("trial", "keep", "cluster")
FREE_KEYS = ("data.root", "data.reviews", "prepare.cache", "prepare.stream", "data.license")
# the fingerprint of the data tells what came of it
COUNTED_KEYS = ("data.reviews_until",)
ALLOWED = ", ".join((*(f"{name}.…" for name in FREE_SECTIONS), *FREE_KEYS))


def adjusted(resolved: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A resolved spec with `key=value` texts laid over it.

    Raises:
        UsageError: an override would change the experiment.
        SpecError: it cannot be read.
    """
    for text in overrides:
        key = text.partition("=")[0].strip()
        if key not in FREE_KEYS and key.split(".")[0] not in FREE_SECTIONS:
            raise UsageError(
                "this would make it another experiment",
                where=f"--set {text}",
                allowed=ALLOWED,
                next_step="for more or other trials see: liversweep extend --help",
            )
    copy = json.loads(json.dumps(resolved))
    return dict(apply_overrides(Document(copy, {}, {}), overrides).values)


def experiment(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a resolved spec that makes the experiment: without what `adjusted` may change, and without the name."""
    kept = {key: value for key, value in plain.items() if key not in (*FREE_SECTIONS, "name")}
    for dotted in (*FREE_KEYS, *COUNTED_KEYS):
        section, _, key = dotted.partition(".")
        if isinstance(kept.get(section), Mapping):
            kept[section] = {name: value for name, value in kept[section].items() if name != key}
    return kept


def taken_over(kept: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """The experiment that the ledger keeps, under the present machine, limits and places."""
    plain = json.loads(json.dumps(kept))
    plain.update({name: present[name] for name in FREE_SECTIONS if name in present})
    for dotted in FREE_KEYS:
        section, _, key = dotted.partition(".")
        if key in present.get(section, {}):
            plain[section][key] = present[section][key]
    return dict(plain)
