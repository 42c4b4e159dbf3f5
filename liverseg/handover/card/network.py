"""The networks of a model, how they were trained, and what is done to what they predict and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from liverseg.config import PARAMETERS
from liverseg.errors import ConfigError
from liverseg.handover.card.facts import CardFacts, NetworkFacts
from liverseg.handover.card.reading import evidence, sentence
from liverseg.handover.card.section import NOT_RECORDED, CardTable, Section, duration_text
from liverseg.handover.description import Member, ModelDescription
from liverseg.models.specs import OptionSpec, architecture

_FITS = {
    "pad": "the whole field of view, filled up with air to a square",
    "crop": "a square; of a longer side the ends are cut off",
}
_ENDS = {
    "epochs": "ran to its end",
    "updates": "ran to its end",
    "early_stopping": "ended early: no better score for a while",
    "plateau": "ended early: its learning curve was flat",
    "pruned": "ended early by the search: it fell behind",
}


def decisions_section(description: ModelDescription) -> Section:
    """What is done beside running a network, and the evidence for it."""
    members = len(description.members)
    rows = (
        ("networks", "one" if members == 1 else f"{members}, whose probabilities are averaged in every pixel"),
        ("post-processing of the mask", description.postprocess.in_words()),
        ("mirrored slices (flips)", "predicted too, and both averaged" if description.flips else "no"),
    )
    why = [sentence(description, *names) for names in _WHY]
    if members > 1 and evidence(description, "ensemble").get("verdict") == "single":
        why[0] += " The ensemble was exported all the same, because it was asked for."
    text = (
        "Decided on the validation patients, for the simpler way where in doubt. Post-processing and mirrored slices are on only "
        "where they bring more than one standard error of the difference over patients, which chance alone brings in about one "
        "comparison of six; an ensemble is taken only where it is shown to be better (95 % interval, signed-rank test).",
    )
    table = CardTable(("step", "what is done"), rows, (False, False))
    return Section(
        "decisions", "What is done for a mask, and why", text, tables=(table,), notes=tuple(filter(None, why))
    )


_WHY = (("ensemble",), ("postprocess",), ("postprocess", "flips"))


def networks_section(description: ModelDescription, facts: CardFacts) -> Section:
    """Architecture, length of training and parameters of each network."""
    heads = (
        "trial",
        "architecture",
        "weights",
        "epochs",
        "kept",
        "updates",
        "time",
        "how it ended",
        "place",
        "per slice",
    )
    rows = tuple(_row(member, facts) for member in description.members)
    numeric = (False, False, True, True, True, True, True, False, True, True)
    text = [f"{name}: {doc}." for name, doc in _architectures(description)]
    text.append(f"Before the network, a slice is {_FITS.get(description.fit, description.fit)}.")
    if facts.early_stopping:
        text.append(f"Trainings ended early {facts.early_stopping}.")
    notes = (
        "“Epochs” are passes over the training slices, “kept” is the one after which the weights were taken: the best on "
        "validation. “Updates” are changes of the weights. “Place” is that among the trials of the search. “Per slice” was "
        "measured on the machine that trained it.",
    )
    tables = (CardTable(heads, rows, numeric), *_parameters(description.members))
    return Section("training", "Networks and their training", tuple(text), tables=tables, notes=notes)


def _row(member: Member, facts: CardFacts) -> tuple[str, ...]:
    network = facts.network(member.trial)
    training = network.training
    planned = f" of {training.planned}" if training.planned else ""
    done = f"{training.epochs}{planned}" if training.epochs else NOT_RECORDED
    return (
        member.trial,
        member.config.architecture,
        f"{training.weights:,.0f}" if math.isfinite(training.weights) else NOT_RECORDED,
        done,
        str(member.epoch),
        f"{training.updates:,}" if training.updates else NOT_RECORDED,
        duration_text(training.seconds),
        _ended(network),
        f"{network.rank} of {facts.ranked}" if network.rank else "none",
        f"{training.ms_per_slice:.0f} ms" if math.isfinite(training.ms_per_slice) else NOT_RECORDED,
    )


def _ended(network: NetworkFacts) -> str:
    reason = "pruned" if network.state == "pruned" else network.training.ended
    return _ENDS.get(reason, reason or NOT_RECORDED)


def _architectures(description: ModelDescription) -> list[tuple[str, str]]:
    found = []
    for name in dict.fromkeys(member.config.architecture for member in description.members):
        try:
            found.append((name, architecture(name).doc.rstrip(".")))
        except ConfigError:
            found.append((name, "an architecture of a plug-in"))
    return found


def _parameters(members: Sequence[Member]) -> tuple[CardTable, ...]:
    """Parameters that all networks share with their meaning; then those in which they differ, a row a network."""
    settings = {member.trial: _settings(member) for member in members}
    names = list(dict.fromkeys(name for values in settings.values() for name in values))
    docs = {name: doc for member in members for name, doc in _docs(member).items()}
    same = [name for name in names if len({_shown(values.get(name)) for values in settings.values()}) == 1]
    first = settings[members[0].trial]
    shared = tuple((name, _shown(first[name]), docs.get(name, "")) for name in same)
    tables = [CardTable(("parameter", "value", "meaning"), shared, (False, False, False))]
    differing = [name for name in names if name not in same]
    if differing:
        rows = tuple((trial, *(_shown(values.get(name)) for name in differing)) for trial, values in settings.items())
        tables.append(CardTable(("trial", *differing), rows, (False, *(True for _ in differing))))
        meanings = tuple((name, docs.get(name, "")) for name in differing)
        tables.append(CardTable(("parameter in which they differ", "meaning"), meanings, (False, False)))
    return tuple(tables)


def _settings(member: Member) -> dict[str, Any]:
    """Options, parameters with the defaults of those that were not given, and the seed."""
    config, window = member.config, member.window
    settings = {**_options(member), **{name: config.get(name) for name in PARAMETERS}}
    settings["window"] = f"{window.name}: {window.low_hu:g} to {window.high_hu:g} HU"
    return {**settings, "seed": config.seed}


def _options(member: Member) -> Mapping[str, Any]:
    try:
        return architecture(member.config.architecture).resolve_options(member.config.options)
    except ConfigError:
        return member.config.options


def _docs(member: Member) -> dict[str, str]:
    try:
        options: tuple[OptionSpec, ...] = architecture(member.config.architecture).options
    except ConfigError:
        options = ()
    docs = {option.name: option.doc for option in options} | {name: item.doc for name, item in PARAMETERS.items()}
    return {**docs, "seed": "fixes first weights, order of the data and random changes"}


def _shown(value: Any) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
