"""`liversweep show NAME --time`: where the wall time of a sweep went."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sweeps.cli.console import note, print_tables, write_json, write_text

if TYPE_CHECKING:
    from rich.table import Table

    from results.statistics.time_profile import SlotSeconds, TimeProfile
    from sweeps.folder import SweepFolder

BAR = 40
SLOWEST = 5
_PREPARATION = {
    "start": "program and spec",
    "checks": "checking scans",
    "cluster": "starting Ray",
    "scans": "preparing scans",
    "folder": "the sweep's folder",
}


def show_time(folder: SweepFolder, as_json: bool) -> None:
    """Print where the time went, as far as ledger and closing times tell.

    Raises:
        ResultsError: the ledger cannot be read.
    """
    from results.statistics.time_profile import time_profile, with_closing
    from sweeps.closing import read_closing

    profile = time_profile(folder.read())
    known = {drive.run for drive in profile.drives}
    closing_s = math.fsum(seconds for run, seconds in read_closing(folder).items() if run in known)
    profile = with_closing(profile, closing_s)
    if as_json:
        write_json(as_document(folder.name, profile, closing_s))
        return
    if profile.wall_s > 0:
        print_tables([_walls(profile, closing_s), _slots(profile), _slowest(profile)])
        write_text(check_line(profile))
    for line in _reservations(profile):
        note(line)


def as_document(name: str, profile: TimeProfile, closing_s: float) -> dict[str, Any]:
    """The profile as JSON values; what is not known is None."""
    from results.statistics.time_profile import PARTS
    from sweeps.trial_files import finite

    document: dict[str, Any] = finite(
        {
            "schema_version": 1,
            "name": name,
            "wall_s": profile.wall_s,
            "sum_s": profile.sum_s,
            "difference": profile.difference,
            "not_told_s": profile.untold_s,
            "parts": {part: {"seconds": profile.parts_s[part], "share": profile.share(part)} for part in PARTS},
            "preparation_s": dict(profile.preparation_s),
            "after_the_ledger_s": closing_s,
            "runs": [asdict(drive) for drive in profile.drives],
            "runs_not_told": profile.untold_runs,
            "architectures": [asdict(item) | {"not_told_s": item.untold_s} for item in profile.architectures],
            "trials": [asdict(item) | {"not_told_s": item.untold_s} for item in profile.trials],
        }
    )
    return document


def check_line(profile: TimeProfile) -> str:
    """Wall, sum of the parts, and their difference."""
    slots = "/".join(str(count) for count in sorted({drive.slots for drive in profile.drives if drive.slots}))
    runs = len(profile.drives)
    several = f" in {runs} runs (the time between them is not counted)" if runs > 1 else ""
    words = f"{slots} {'slot' if slots == '1' else 'slots'}" if slots else "no slot"
    return (
        f"wall {profile.wall_s:.1f} s{several}, {words}; sum of the parts {profile.sum_s:.1f} s; "
        f"difference {abs(100 * profile.difference):.2f} %"
    )


def _walls(profile: TimeProfile, closing_s: float) -> Table:
    """The parts with bars, the preparation and the driver's last things in detail."""
    from results.statistics.time_profile import PARTS
    from results.tables.time import UNTOLD, WORDS

    table = _table("part", "s", "share", "")
    for part in PARTS:
        seconds = profile.parts_s[part]
        table.add_row(WORDS[part], f"{seconds:.1f}", _percent(profile.share(part)), _bar(profile.share(part)))
        if part == "preparation":
            for name, spent in profile.preparation_s.items():
                table.add_row(f"  {_PREPARATION.get(name, name)}", f"{spent:.1f}", "", "", style="dim")
    if closing_s:
        table.add_row("  after the ledger: reports", f"{closing_s:.1f}", "", "", style="dim")
    share = profile.untold_s / profile.wall_s
    if share >= 0.0005:
        table.add_row(UNTOLD, f"{profile.untold_s:.1f}", _percent(share), _bar(share))
    return table


def _slots(profile: TimeProfile) -> Table:
    """Mean seconds of a trial, by architecture."""
    table = _table("architecture", "trials", *_trial_heads())
    for item in profile.architectures:
        table.add_row(_cell(item.name), str(item.trials), *_trial_cells(item, item.trials))
    return table


def _slowest(profile: TimeProfile) -> Table:
    table = _table("slowest trials", *_trial_heads())
    for item in profile.trials[:SLOWEST]:
        table.add_row(_cell(item.name), *_trial_cells(item, 1))
    return table


def _trial_heads() -> list[str]:
    from results.statistics.time_profile import OF_TRIALS
    from results.tables.time import UNTOLD, WORDS

    return ["s in a slot", *(WORDS[part] for part in OF_TRIALS), UNTOLD]


def _trial_cells(item: SlotSeconds, among: int) -> list[str]:
    from results.statistics.time_profile import OF_TRIALS

    parts = [item.parts_s[part] / among for part in OF_TRIALS]
    untold = item.untold_s / among
    return [
        f"{item.slot_s / among:.1f}",
        *(f"{seconds:.1f}" for seconds in parts),
        f"{untold:.1f}" if untold >= 0.05 else "–",
    ]


def _reservations(profile: TimeProfile) -> list[str]:
    """What is not known, and how far the rest goes."""
    lines = []
    if profile.untold_runs:
        runs = f"{profile.untold_runs} of {profile.untold_runs + len(profile.drives)} runs"
        lines.append(f"of {runs} the ledger tells no times (an older version, or it ended before its first trial)")
    if any(math.isnan(drive.preparation_s) for drive in profile.drives):
        lines.append("preparation is not known of every run, and is not counted there")
    if profile.drives and not profile.drives[-1].closed:
        lines.append("the last run is not closed: the figures go up to its last event")
    return lines


def _table(*heads: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number == 0 or not head else "right", no_wrap=True)
    return table


def _cell(text: str) -> Any:
    from rich.text import Text

    from results.text import printable

    return Text(printable(text))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _bar(share: float) -> str:
    return "█" * round(BAR * min(share, 1.0))
