"""What is written down of a model: when it was exported, and each time that it was validated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from results.errors import ResultsError

OUTCOMES = ("promote", "keep", "underpowered")


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """One network of a model.

    Attributes:
        trial: name of its training.
        architecture: what was trained.
        seed: of the training.
        epoch: whose weights were taken.
    """

    trial: str
    architecture: str
    seed: int
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFacts:
    """A model that was exported.

    Attributes:
        model: its id, which stands for every byte of it.
        name: what it is called.
        path: where it was put, absolute.
        sweep: the sweep that trained it.
        fingerprints: of the sweep's `data`, of the `split` by patient, and of the `test` patients; as far as known.
        members: its networks, the best first.
        validation: mean Dice of each label on the validation patients, who chose it; None where not defined.
        test: the same on the test patients; empty when they were not opened.
        time: UTC, when it was written down; empty before.
    """

    model: str
    name: str
    path: str
    sweep: str
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    members: tuple[MemberFacts, ...] = ()
    validation: Mapping[str, float | None] = field(default_factory=dict)
    test: Mapping[str, float | None] = field(default_factory=dict)
    time: str = ""

    @property
    def architectures(self) -> tuple[str, ...]:
        """Of its members, each once."""
        return tuple(dict.fromkeys(member.architecture for member in self.members))

    def payload(self) -> dict[str, Any]:
        """Plain values for the record."""
        return {
            "model": self.model,
            "name": self.name,
            "path": self.path,
            "sweep": self.sweep,
            "fingerprints": dict(self.fingerprints),
            "members": [
                {"trial": one.trial, "architecture": one.architecture, "seed": one.seed, "epoch": one.epoch}
                for one in self.members
            ],
            "scores": {"validation": dict(self.validation), "test": dict(self.test)},
        }

    @staticmethod
    def of(payload: Mapping[str, Any], time: str) -> ExportFacts:
        """What `payload` gave.

        Raises:
            ResultsError: it is nothing of the kind.
        """
        with _making_sense("exported"):
            return ExportFacts(
                model=str(payload["model"]),
                name=str(payload["name"]),
                path=str(payload["path"]),
                sweep=str(payload["sweep"]),
                fingerprints={str(name): str(value) for name, value in payload["fingerprints"].items()},
                members=tuple(_member(one) for one in payload["members"]),
                validation=_numbers(payload["scores"]["validation"]),
                test=_numbers(payload["scores"]["test"]),
                time=time,
            )


@dataclass(frozen=True, slots=True)
class LabelResult:
    """What a validation found for one label.

    Attributes:
        label: `liver` or `tumour`.
        n: patients that have a Dice.
        dice: their mean; None without one.
        against: mean Dice of the other model; None without one.
        difference, ci_low, ci_high: mean difference over the patients that both scored, with its 95 % interval.
        p: of the paired test, after Holm; None where it was not made.
        outcome: what the pair shows, see `results.statistics.Pair.outcome`; empty without another model.
    """

    label: str
    n: int
    dice: float | None
    against: float | None = None
    difference: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p: float | None = None
    outcome: str = ""

    def payload(self) -> dict[str, Any]:
        """Plain values, without those that there are not."""
        names = ("n", "dice", "against", "difference", "ci_low", "ci_high", "p", "outcome")
        found = {name: getattr(self, name) for name in names}
        return {name: value for name, value in found.items() if value is not None and value != ""}

    @staticmethod
    def of(label: str, payload: Mapping[str, Any]) -> LabelResult:
        """What `payload` gave."""
        numbers = {name: _number(payload.get(name)) for name in ("against", "difference", "ci_low", "ci_high", "p")}
        dice, outcome = _number(payload.get("dice")), str(payload.get("outcome", ""))
        return LabelResult(label, int(payload["n"]), dice, outcome=outcome, **numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationFacts:
    """A model that was scored on labelled scans, alone or against another one.

    Attributes:
        model, name: the model.
        against, against_name: the other one; empty without.
        data: fingerprint of the scans and masks that were scored.
        cases, patients: how many were scored.
        left_out: cases that one of the models was trained on, and that were not scored for that.
        optimistic: scored cases that chose one of the models.
        refused: scored cases that the model refuses, which count as cases in which nothing was found.
        unlike: patients with a scan unlike those that the model was trained on.
        labels: figures, one a label.
        outcome: `promote`, `keep` or `underpowered`; empty without another model.
        why: in one sentence.
        time: UTC, when it was written down; empty before.
    """

    model: str
    name: str
    data: str
    cases: int
    patients: int
    labels: tuple[LabelResult, ...]
    against: str = ""
    against_name: str = ""
    left_out: int = 0
    optimistic: int = 0
    refused: int = 0
    unlike: int = 0
    outcome: str = ""
    why: str = ""
    time: str = ""

    def payload(self) -> dict[str, Any]:
        """Plain values for the record."""
        return {
            "model": self.model,
            "name": self.name,
            "against": {"model": self.against, "name": self.against_name} if self.against else None,
            "data": self.data,
            "cases": self.cases,
            "patients": self.patients,
            "left_out": self.left_out,
            "optimistic": self.optimistic,
            "refused": self.refused,
            "unlike": self.unlike,
            "labels": {one.label: one.payload() for one in self.labels},
            "outcome": self.outcome or None,
            "why": self.why,
        }

    @staticmethod
    def of(payload: Mapping[str, Any], time: str) -> ValidationFacts:
        """What `payload` gave.

        Raises:
            ResultsError: it is nothing of the kind.
        """
        with _making_sense("validated"):
            against, outcome = payload["against"] or {"model": "", "name": ""}, payload["outcome"] or ""
            if outcome and outcome not in OUTCOMES:
                raise ValueError(f"outcome {outcome!r}")
            return ValidationFacts(
                model=str(payload["model"]),
                name=str(payload["name"]),
                against=str(against["model"]),
                against_name=str(against["name"]),
                data=str(payload["data"]),
                cases=int(payload["cases"]),
                patients=int(payload["patients"]),
                left_out=int(payload["left_out"]),
                optimistic=int(payload["optimistic"]),
                # Records of before this was looked at have neither.
                refused=int(payload.get("refused", 0)),
                unlike=int(payload.get("unlike", 0)),
                labels=tuple(LabelResult.of(str(label), one) for label, one in payload["labels"].items()),
                outcome=str(outcome),
                why=str(payload["why"]),
                time=time,
            )


@contextmanager
def _making_sense(event: str) -> Iterator[None]:
    """Turns what comes of missing and wrong values into one error."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ResultsError("the entry makes no sense", where=event, got=repr(error)) from error


def _member(payload: Mapping[str, Any]) -> MemberFacts:
    return MemberFacts(str(payload["trial"]), str(payload["architecture"]), int(payload["seed"]), int(payload["epoch"]))


def _numbers(payload: Mapping[str, Any]) -> dict[str, float | None]:
    return {str(label): _number(value) for label, value in payload.items()}


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
