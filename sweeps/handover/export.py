"""A sweep's best network, or several, as a model's folder: chosen, tried on validation, described, written whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.fold import fold
from results.ledger import read_events
from results.records import Sweep
from sweeps.engine import checked_cohort
from sweeps.errors import UsageError
from sweeps.fleet import Fleet
from sweeps.folder import SweepFolder
from sweeps.handover.decision import Decision, decide, ways_of
from sweeps.handover.formats import ONNX, SAVED_MODEL, write_formats
from sweeps.handover.origin import origin_of
from sweeps.handover.rehearsal import Cast, Rehearsed, rehearse
from sweeps.handover.selection import Choice, choose_trials
from sweeps.provenance import difference_lines, undo
from sweeps.quiet_backend import load_backend
from sweeps.reporter import Reporter
from sweeps.resume import begun_spec, data_differences
from sweeps.spec import Spec
from sweeps.stages import spec_after

if TYPE_CHECKING:
    from liverseg.handover.description import Member, ModelDescription
    from liverseg.handover.folder import ModelFolder
    from liverseg.training.array_file import Arrays
    from sweeps.cohort import Cohort


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportWish:
    """What is to be exported.

    Attributes:
        trial: a trial's uid; None for the best.
        top: how many of the best; more than one is an ensemble.
        keep_ensemble: export the ensemble also where it is no better than the best alone.
        try_flips: let validation decide on mirrored slices.
        onnx, saved_model: further formats.
        settings: `key=value` texts, see `sweeps.adjust`, such as where the scans lie now.
    """

    trial: str | None = None
    top: int = 1
    keep_ensemble: bool = False
    try_flips: bool = True
    onnx: bool = False
    saved_model: bool = False
    settings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of it.

    Attributes:
        model: the folder.
        decision: what validation decided.
        sweep: what the ledger says.
        trials: uids of the networks in it.
    """

    model: ModelFolder
    decision: Decision
    sweep: Sweep
    trials: tuple[str, ...]


def export_model(folder: SweepFolder, out: Path, wish: ExportWish, fleet: Fleet, reporter: Reporter) -> Exported:
    """Export; nothing is written unless all of it is.

    Args:
        folder: of the sweep. It is only read.
        out: the folder to make.
        wish: what to export.
        fleet: where validation scans are predicted and training scans looked at.
        reporter: how the user is told.

    Raises:
        UsageError: there is nothing to export, or the scans are not those of the sweep.
        SweepError: weights are gone.
        ConfigError: there is something in the model's place, or a format cannot be written.
        DataError: a scan cannot be read.
    """
    from liverseg.handover.folder import check_free
    from liverseg.handover.onnx_graph import require_onnx

    check_free(out)
    if wish.onnx:
        require_onnx()
    load_backend(fleet.environment)
    folder.refresh()
    events = read_events(folder.ledger)
    sweep = fold(events)
    choice = choose_trials(folder, sweep, trial=wish.trial, top=wish.top)
    for note in choice.notes:
        reporter.note(note)
    spec = spec_after(begun_spec(folder, events[0], wish.settings), events)
    cohort = checked_cohort(spec, reporter)
    _check_same_data(folder, sweep, cohort)
    members, weights, networks = _members(choice)
    decision, features = _rehearsed(choice, spec, cohort, wish, fleet, reporter)
    for note in decision.notes:
        reporter.note(note)
    kept = members if decision.ensemble else members[:1]
    described = _describe(out.name, kept, spec, decision)
    described = replace(described, familiar=_ranges(features), origin=origin_of(folder.name, sweep, cohort, choice))
    card = _card(described, sweep, choice, spec)
    formats = _formats(wish, [(member, networks[member.trial]) for member in kept], described.fit, reporter)
    model = _write(out, described, weights, card, formats)
    return Exported(model, decision, sweep, tuple(member.trial for member in kept))


def _check_same_data(folder: SweepFolder, sweep: Sweep, cohort: Cohort) -> None:
    differences = data_differences(sweep, cohort)
    if differences:
        lines = [f"sweep {folder.name} cannot be exported: these are not the scans of its trials; then → now"]
        raise UsageError("\n".join((*lines, *difference_lines(differences), undo(differences))))


def _members(choice: Choice) -> tuple[list[Member], dict[str, Arrays], dict[str, Any]]:
    from liverseg.handover.networks import member_of

    members, weights, networks = [], {}, {}
    for item in choice.trials:
        member, arrays, network = member_of(item.trial.uid, item.checkpoint)
        members.append(member)
        weights[member.trial], networks[member.trial] = arrays, network
    return members, weights, networks


def _rehearsed(
    choice: Choice, spec: Spec, cohort: Cohort, wish: ExportWish, fleet: Fleet, reporter: Reporter
) -> tuple[Decision, tuple[Any, ...]]:
    number = choice.trials[0].trial.fold
    training, validation = cohort.part("train", number), cohort.part("validation", number)
    ways = ways_of(len(choice.trials), wish.try_flips)
    checkpoints = tuple((item.trial.uid, item.checkpoint) for item in choice.trials)
    cast = Cast(checkpoints, spec.prepare.fit, ways, fleet.cpus, fleet.gpus)
    label = f"predicting {len(validation)} validation scans, reading {len(training)} training scans"
    with (
        reporter.steps(label, len(training) + len(validation)) as advance,
        rehearse(cast, training, validation, fleet, advance) as found,
    ):
        return _decided(found, spec, ways, wish), found.features


def _decided(found: Rehearsed, spec: Spec, ways: Sequence[str], wish: ExportWish) -> Decision:
    return decide(found, spec.data.labels, ways, insist=wish.keep_ensemble)


def _describe(name: str, members: Sequence[Member], spec: Spec, decision: Decision) -> ModelDescription:
    from liverseg.handover.description import ModelDescription

    return ModelDescription(
        name=name,
        labels=tuple(spec.data.labels),
        fit=spec.prepare.fit,
        members=tuple(members),
        postprocess=decision.postprocess,
        flips=decision.flips,
        choice=decision.evidence,
    )


def _ranges(features: Sequence[Any]) -> dict[str, Any]:
    from liverseg.handover.familiar import FamiliarRanges

    return dict(FamiliarRanges.of(list(features)).as_json())


def _card(described: ModelDescription, sweep: Sweep, choice: Choice, spec: Spec) -> Callable[[Path], None]:
    from liverseg.handover.card import card_markdown, model_card
    from liverseg.handover.folder import CARD, as_bytes
    from sweeps.handover.card_facts import card_facts

    inside = {member.trial for member in described.members}
    trials = [item.trial for item in choice.trials if item.trial.uid in inside]
    card = model_card(described, card_facts(sweep, trials, spec))

    def write(folder: Path) -> None:
        (folder / CARD).write_bytes(as_bytes(card))
        (folder / "card.md").write_text(card_markdown(card), encoding="utf-8")

    return write


def _formats(
    wish: ExportWish, networks: Sequence[tuple[Member, Any]], fit: str, reporter: Reporter
) -> Callable[[Path], None]:
    wished = [name for name, asked in ((ONNX, wish.onnx), (SAVED_MODEL, wish.saved_model)) if asked]
    return lambda folder: write_formats(folder, wished, networks, fit, reporter.note)


def _write(
    out: Path,
    described: ModelDescription,
    weights: dict[str, Arrays],
    card: Callable[[Path], None],
    formats: Callable[[Path], None],
) -> ModelFolder:
    from liverseg.handover.folder import write_model

    return write_model(out, described, weights, card, formats)
