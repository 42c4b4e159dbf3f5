"""The honest comparison of models: pure functions over frozen records, the patient as the unit.

`Scores` hold Dice as arrays of model × seed × patient; `compare` makes a `Comparison` of them; `pair_verdict` and
`overall_verdict` put it into words. `architecture_scores` and `setting_scores` take the scores from a sweep.
"""

from results.statistics.comparison import Comparison, compare
from results.statistics.gain import Gain, ensemble_gain
from results.statistics.openings import OpeningScores, opening_scores, score_in
from results.statistics.pairs import Outcome, Pair, compare_pairs, paired_tests
from results.statistics.planning import (
    ALPHA,
    MOST_PATIENTS,
    MOST_SEEDS,
    POWER,
    Plan,
    needed_patients,
    needed_seeds,
    signed_rank_power,
)
from results.statistics.ranks import ALL_LABELS, Agreement, Ranking, kendall_tau, rankings
from results.statistics.replicates import (
    Replicates,
    architecture_scores,
    patient_dice,
    replicates,
    setting_scores,
)
from results.statistics.resampling import CONFIDENCE, RESAMPLES, mean_interval, resample_weights, resamples
from results.statistics.scores import PatientScore, Scores, gather_scores
from results.statistics.seeds import SeedSpread, seed_noise, seed_sd, seed_spread
from results.statistics.selection import HeldOut, LabelMean, Optimism, held_out, label_mean, selection_optimism
from results.statistics.signed_rank import SignedRank, holm, signed_rank
from results.statistics.summary import FEWEST, Difference, Summary, paired_difference, summaries, summarise
from results.statistics.verdict import held_out_verdict, optimism_verdict, overall_verdict, pair_verdict

__all__ = [
    "ALL_LABELS",
    "ALPHA",
    "CONFIDENCE",
    "FEWEST",
    "MOST_PATIENTS",
    "MOST_SEEDS",
    "POWER",
    "RESAMPLES",
    "Agreement",
    "Comparison",
    "Difference",
    "Gain",
    "HeldOut",
    "LabelMean",
    "OpeningScores",
    "Optimism",
    "Outcome",
    "Pair",
    "PatientScore",
    "Plan",
    "Ranking",
    "Replicates",
    "Scores",
    "SeedSpread",
    "SignedRank",
    "Summary",
    "architecture_scores",
    "compare",
    "compare_pairs",
    "ensemble_gain",
    "gather_scores",
    "held_out",
    "held_out_verdict",
    "holm",
    "kendall_tau",
    "label_mean",
    "mean_interval",
    "needed_patients",
    "needed_seeds",
    "opening_scores",
    "optimism_verdict",
    "overall_verdict",
    "pair_verdict",
    "paired_difference",
    "paired_tests",
    "patient_dice",
    "rankings",
    "replicates",
    "resample_weights",
    "resamples",
    "score_in",
    "seed_noise",
    "seed_sd",
    "seed_spread",
    "selection_optimism",
    "setting_scores",
    "signed_rank",
    "signed_rank_power",
    "summaries",
    "summarise",
]
