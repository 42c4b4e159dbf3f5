"""How much labelled scans are like those that a model was trained on, over all patients, in sentences of a conclusion."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from results.text import printable
from sweeps.handover.familiarity import LIVER_VOLUME
from sweeps.validation.seen import SeenScore

NEW_KIND_SHARE = 0.25
"""Of the patients: more unlike ones than this are no chance. Nine features are judged, and of each at most one patient in 35
is called unlike where hospitals differ half as much again as is assumed, see `liverseg.handover.familiar`."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """A model's view of labelled scans.

    Attributes:
        patients: how many there are.
        unlike: how many of them have a scan that is unlike the training scans in any feature of the scan itself.
        features: how many patients are unlike in each feature, the commonest first.
        refused: pseudonyms of the cases that the model refuses, by rule.
    """

    patients: int
    unlike: int = 0
    features: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @staticmethod
    def of(found: Sequence[SeenScore]) -> Likeness:
        """The view that a model's warnings and refusals add up to."""
        by_feature: defaultdict[str, set[str]] = defaultdict(set)
        refused: defaultdict[str, list[str]] = defaultdict(list)
        for one in found:
            for warning in one.warnings:
                if warning["feature"] != LIVER_VOLUME:
                    by_feature[str(warning["feature"])].add(one.score.score.case.patient)
            if one.refusal is not None:
                refused[one.refusal.rule].append(one.score.name)
        counts = {name: len(patients) for name, patients in by_feature.items()}
        return Likeness(
            len({one.score.score.case.patient for one in found}),
            len(set().union(*by_feature.values())),
            dict(sorted(counts.items(), key=lambda item: -item[1])),
            {rule: tuple(refused[rule]) for rule in sorted(refused)},
        )

    @property
    def refused_cases(self) -> frozenset[str]:
        """Pseudonyms of all cases that the model refuses."""
        return frozenset(uid for uids in self.refused.values() for uid in uids)

    @property
    def new_kind(self) -> bool:
        """Whether so many patients are unlike that the scans are data of another kind."""
        return self.unlike > NEW_KIND_SHARE * self.patients

    def unlike_sentence(self, name: str) -> str | None:
        """What the scores are to be read as; None where every patient is like those of the training."""
        if not self.unlike:
            return None
        listed = ", ".join(f"{feature} ({count})" for feature, count in self.features.items())
        verb = "is" if self.unlike == 1 else "are"
        head = f"{self.unlike} of {_counted(self.patients, 'patient')} {verb} unlike the training scans of {printable(name)}"
        end = (
            "read the scores as those of a new kind of data" if self.new_kind else "look at their scores by themselves"
        )
        return f"{head}: {listed}: {end}."

    def refused_sentence(self, name: str, cases: int, without: Mapping[str, float | None]) -> str | None:
        """How refused cases count; None where none was.

        Args:
            name: of the model.
            cases: how many were scored.
            without: mean Dice of each label over the patients of the other cases; None where it is not defined.
        """
        refused = len(self.refused_cases)
        if not refused:
            return None
        rules = ", ".join(f"{rule}: {len(uids)}" for rule, uids in self.refused.items())
        one = refused == 1
        means = " and ".join(f"{mean:.3f} for {label}" for label, mean in without.items() if mean is not None)
        return (
            f"{refused} of {_counted(cases, 'case')} {'was' if one else 'were'} refused by {printable(name)}, as predict "
            f"refuses {'it' if one else 'them'} (rule {rules}), and {'counts as one' if one else 'count as cases'} in which "
            f"nothing was found: Dice 0"
            + (f"; without {'it' if one else 'them'} the mean Dice is {means}." if means else ".")
        )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
