"""Where the time went: the sweep's wall by kind of work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.reports.fair_fight import amount
from results.reports.history import counted
from results.reports.section import Material, Section
from results.reports.table import Shown, Table, make_table
from results.statistics.time_profile import OF_TRIALS, PARTS, TimeProfile, time_profile
from results.statistics.verdict import listed
from results.tables.time import WORDS, slot_table, time_table

if TYPE_CHECKING:
    from results.plots.style import Plot

MEANING = {
    "preparation": "everything before the first trial: the program, checking and preparing scans, starting Ray",
    "waiting": "slots without a trial",
    "start_up": "until a worker begins to build its network: starting a process, importing, fetching slices",
    "tracing": "building the network, its first training step and its first prediction, which compile it",
    "training": "all further steps",
    "validation": "predicting and scoring the validation scans",
    "checkpointing": "writing states, best weights, pictures and records",
    "driver": "deciding what runs and whether it goes on, the way of reports, writing them down",
}


def make_time(material: Material) -> Section | None:
    """The section; None where the ledger tells nothing of time."""
    sweep = material.sweep
    profile = time_profile(sweep)
    if profile.wall_s <= 0:
        return None

    def draw() -> tuple[Plot, ...]:
        from results.plots.time_bars import time_bars

        return (time_bars(sweep, profile),)

    facts = {
        "wall_s": profile.wall_s,
        "parts_s": dict(profile.parts_s),
        "untold_s": profile.untold_s,
        "preparation_s": dict(profile.preparation_s),
    }
    tables = (_parts(profile), *((_slots(profile),) if profile.architectures else ()))
    return Section("time", "Where the time went", "Time", (time_text(profile),), tables, draw, facts)


def time_text(profile: TimeProfile) -> str:
    """The same in a few sentences."""
    slots = sorted({drive.slots for drive in profile.drives if drive.slots})
    runs = f" in {counted(len(profile.drives), 'run')}" if len(profile.drives) > 1 else ""
    among = (
        f" with {listed([str(count) for count in slots])} {'slot' if slots[-1:] == [1] else 'slots'}" if slots else ""
    )
    largest = sorted(PARTS, key=lambda part: -profile.parts_s[part])[:3]
    parts = [f"{100 * profile.share(part):.0f} % {WORDS[part]}" for part in largest if profile.parts_s[part] > 0]
    text = f"The sweep took {amount('seconds', profile.wall_s)} of wall time{runs}{among}: {listed(parts)} above all."
    if profile.untold_s > 0.005 * profile.wall_s:
        text += f" Of {amount('seconds', profile.untold_s)} nobody told: trials were under way, or their worker died."
    if profile.untold_runs:
        text += f" Of {counted(profile.untold_runs, 'run')} the ledger does not tell the time."
    return text


def _parts(profile: TimeProfile) -> Table:
    shown = [Shown(("part",), numeric=False), Shown(("seconds_of_wall",)), Shown(("percent_of_wall",))]
    words = "; ".join(f"{WORDS[part]}: {MEANING[part]}" for part in PARTS)
    note = (
        f"Seconds of the wall, from the beginning of the command until the ledger was closed. Where n trials run at once, a "
        f"second in one slot is 1/n second of the wall. {words[0].upper()}{words[1:]}."
    )
    return make_table(time_table(profile), shown, key="time", title="Parts of the wall time", note=note)


def _slots(profile: TimeProfile) -> Table:
    shown = [
        Shown(("architecture",), numeric=False),
        Shown(("trials",)),
        Shown(("slot_s",)),
        *(Shown((f"{part}_s",), priority=1) for part in OF_TRIALS),
    ]
    note = "Mean seconds of a trial in its slot, all its attempts together."
    return make_table(slot_table(profile), shown, key="time-architectures", title="Time of a trial", note=note)
