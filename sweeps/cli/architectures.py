"""`liversweep architectures`: what can be compared, how big each is and what may be set."""

from __future__ import annotations

from typing import Annotated

import typer

from sweeps.cli.console import print_tables, write_json
from sweeps.cli.options import JsonOption


def architectures(
    size: Annotated[int, typer.Option(help="Side of the network's input for the GFLOPs, pixels.")] = 128,
    as_json: JsonOption = False,
) -> None:
    """List the architectures with parameters, GFLOPs of one slice's forward pass, and options."""
    from liverseg.models import architectures as specs
    from liverseg.models import describe

    rows = []
    for spec in specs():
        options = [
            {"name": option.name, "default": option.default, "allowed": option.allowed, "doc": option.doc}
            for option in spec.options
        ]
        rows.append(describe(spec.name, size).as_dict() | {"options": options})
    if as_json:
        write_json({"schema_version": 1, "size_px": size, "architectures": rows})
        return
    from rich.table import Table

    table = Table(title=f"Architectures (3 classes, default width, {size} × {size})", title_justify="left")
    for name in ("architecture", "parameters", "trainable", f"GFLOPs at {size}", "options", "what it is"):
        table.add_column(name, justify="right" if name[0] in "ptG" else "left")
    for row in rows:
        words = "\n".join(f"{option['name']}={option['default']} ({option['allowed']})" for option in row["options"])
        counts = (f"{row['parameters']:,}", f"{row['trainable']:,}", f"{row['gflops']:.1f}")
        table.add_row(row["name"], *counts, words, row["doc"])
    print_tables([table])
