"""The tree of commands. Each lives in a file of its own; this one only joins them."""

from __future__ import annotations

import typer

from sweeps.cli import (
    architectures,
    cluster,
    compare,
    dashboard,
    data,
    evaluate,
    export,
    extend,
    models,
    plan,
    predict,
    resume,
    review,
    reviews,
    run,
    show,
    spec,
    test,
    validate,
    watch,
)

app = typer.Typer(
    name="liversweep",
    help=(
        "Compare liver CT segmentation networks: from a folder of scans and a short YAML file to a ranked, statistically "
        "sound table.\n\nStart with: liversweep data phantom phantom --cases 24, then: liversweep run quickstart"
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"liversweep {version('liversweep')}")
        raise typer.Exit


@app.callback()
def root(
    show_version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """See the help of the application."""


app.command("run")(run.run)
app.command("plan")(plan.plan)
app.command("resume")(resume.resume)
app.command("extend")(extend.extend)
app.command("retry")(resume.retry)
app.command("stop")(resume.stop)
app.command("test")(test.test)
app.command("list")(show.list_sweeps)
app.command("show")(show.show)
app.command("report")(show.report)
app.command("compare")(compare.compare)
app.command("watch")(watch.watch)
app.command("dashboard")(dashboard.dashboard)
app.command("evaluate")(evaluate.evaluate)
app.command("export")(export.export)
app.command("predict")(predict.predict)
app.command("review")(review.review)
app.command("reviews")(reviews.reviews)
app.command("validate")(validate.validate)
app.command("models")(models.models)
app.command("architectures")(architectures.architectures)
app.add_typer(data.app, name="data")
app.add_typer(cluster.app, name="cluster")
app.add_typer(spec.app, name="spec")
