"""`liversweep data`: look at scans before they are trained on, or make some."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sweeps.cli import EXIT_USAGE
from sweeps.cli.console import note, print_tables, progress, write_json
from sweeps.cli.options import JsonOption

app = typer.Typer(help="Check a folder of scans, or generate a phantom cohort.", no_args_is_help=True)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the scans.")],
    layout: Annotated[str, typer.Option(help="auto | lits | msd | nnunet | pairs.")] = "auto",
    images: Annotated[str | None, typer.Option(help="Layout pairs: glob of the scans below DIR.")] = None,
    masks: Annotated[str | None, typer.Option(help="Layout pairs: glob of the masks below DIR.")] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad cases out, list them, and exit 0.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read every scan and mask to its end; list all cases, and every problem found."""
    from cluster.local import usable_cpus
    from liverseg.data import check_cohort, list_cases

    found = list_cases(folder, None if layout == "auto" else layout, images=images, masks=masks)
    with progress("checking", len(found.cases)) as advance:
        report = check_cohort(found.cases, on_case=advance, problems=found.problems, threads=usable_cpus())
    if as_json:
        write_json(report.as_dict())
    else:
        print_tables([_table(report)])
    for problem in report.problems:
        note(f"{problem.severity}: {problem.message}")
    if skip_bad and report.errors:
        names = sorted({problem.case for problem in report.errors if problem.case})
        note(f"left out: {', '.join(names)}")
    elif report.errors:
        note(f"{len(report.errors)} errors; mend the files, or leave the cases out with --skip-bad")
        raise typer.Exit(EXIT_USAGE)


@app.command()
def phantom(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to; made if missing.")],
    cases: Annotated[int, typer.Option(min=1, max=1000, help="How many scans.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 7,
    exist_ok: Annotated[bool, typer.Option("--exist-ok", help="Keep a folder that holds this cohort already.")] = False,
) -> None:
    """Generate abdominal CT scans with liver and tumour masks, named as in LiTS. No patient is in them."""
    from liverseg.phantom import PhantomConfig, write_cohort

    if exist_ok and all((folder / f"segmentation-{index}.nii.gz").is_file() for index in range(cases)):
        note(f"{folder} holds {cases} phantom scans already")
        return
    with progress("generating", cases) as advance:
        write_cohort(folder, PhantomConfig(cases=cases, seed=seed), on_case=advance)
    note(f"wrote {cases} phantom scans with masks to {folder}")


def _table(report: Any) -> Any:
    from rich.table import Table

    facts = report.as_dict()["facts"]
    title = f"{facts['cases']} cases, {facts['usable']} usable, {facts['with_tumour']} with tumour, {facts['slices']} slices"
    table = Table(title=title, title_justify="left")
    for name in (
        "case",
        "pseudonym",
        "size",
        "spacing mm",
        "axes",
        "HU",
        "labels",
        "liver mL",
        "tumour mL",
        "problems",
    ):
        table.add_column(name, justify="left" if name in ("case", "pseudonym", "axes", "problems") else "right")
    for item in report.reports:
        table.add_row(*_cells(item))
    return table


def _cells(item: Any) -> tuple[str, ...]:
    header, case = item.header, item.case
    size = "×".join(str(number) for number in header.shape) if header else "?"
    spacing = "×".join(f"{number:.3g}" for number in header.spacing_mm) if header else "?"
    rules = ", ".join(dict.fromkeys(problem.rule for problem in item.problems)) or "–"
    if case is None:
        return (item.name, "–", size, spacing, header.orientation if header else "?", "?", "?", "?", "?", rules)
    labels = " ".join(str(label) for label in case.labels)
    hu = f"{case.hu_min:.0f}…{case.hu_max:.0f}"
    volumes = (f"{case.liver_ml:.0f}", f"{case.tumour_ml:.1f}")
    return (item.name, case.uid, size, spacing, header.orientation, hu, labels, *volumes, rules)
