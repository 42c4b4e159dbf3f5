"""What makes two specs the same experiment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

# renamed, moved, given more trials, more machine or more room, a sweep is still the same experiment; scans, those of
# reviews too, have their own hash, and under which terms they may be used changes no number
_FREE: Mapping[str, tuple[str, ...]] = {
    "data": ("root", "reviews", "reviews_until", "license"),
    "prepare": ("cache",),
    "search": ("trials",),
}
_FREE_SECTIONS = ("name", "trial", "keep", "cluster")


def spec_hash(resolved: Mapping[str, Any]) -> str:
    """sha256 (64 hex digits) of a resolved spec, without what does not change any trial's numbers.

    Left out: the name, where scans, reviews and cache lie, the terms of the scans' use, how many trials there are, what
    machine they get, and what is kept of them.
    """
    kept = {key: value for key, value in resolved.items() if key not in _FREE_SECTIONS}
    for section, names in _FREE.items():
        kept[section] = {key: value for key, value in kept[section].items() if key not in names}
    kept["stages"] = [{key: value for key, value in stage.items() if key != "trials"} for stage in kept["stages"]]
    return hashlib.sha256(json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
