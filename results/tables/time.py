"""Where a sweep's time went, as tables."""

from __future__ import annotations

import math

import pandas as pd

from results.statistics.time_profile import OF_TRIALS, PARTS, TimeProfile

WORDS = {
    "preparation": "preparation",
    "waiting": "waiting",
    "start_up": "start-up",
    "tracing": "tracing",
    "training": "training",
    "validation": "validation",
    "checkpointing": "checkpointing",
    "driver": "driver",
}
UNTOLD = "not told"
LEAST_UNTOLD = 0.0005
"""A smaller share of the wall is the ledger's times being rounded."""


def time_table(profile: TimeProfile) -> pd.DataFrame:
    """A row a part of the wall: `part`, `seconds_of_wall`, `percent_of_wall`. What nobody told is a row too, if it is worth one."""
    rows = [(WORDS[part], profile.parts_s[part]) for part in PARTS]
    if profile.untold_s > LEAST_UNTOLD * profile.wall_s:
        rows.append((UNTOLD, profile.untold_s))
    wall = profile.wall_s or math.nan
    return pd.DataFrame(
        [(word, seconds, 100 * seconds / wall) for word, seconds in rows],
        columns=["part", "seconds_of_wall", "percent_of_wall"],
    )


def slot_table(profile: TimeProfile) -> pd.DataFrame:
    """A row an architecture: `architecture`, `trials` that had a slot, `slot_s` a trial, of that `start_up_s`, `tracing_s`, …"""
    rows = [
        {
            "architecture": item.name,
            "trials": item.trials,
            "slot_s": item.slot_s / item.trials,
            **{f"{part}_s": item.parts_s[part] / item.trials for part in OF_TRIALS},
        }
        for item in profile.architectures
    ]
    return pd.DataFrame(rows, columns=["architecture", "trials", "slot_s", *(f"{part}_s" for part in OF_TRIALS)])
