"""Tables of a sweep as pandas frames, one row a trial, an architecture, a value of a parameter, a patient figure, or a pair."""

from results.tables.architectures import BASELINE, architecture_table
from results.tables.disagreement import disagreement_table
from results.tables.factors import factor_table, swept_parameters
from results.tables.openings import held_out_cases, held_out_table, opening_table
from results.tables.pairs import pair_table, rank_table
from results.tables.patients import case_table, patient_table
from results.tables.trials import trial_table

__all__ = [
    "BASELINE",
    "architecture_table",
    "case_table",
    "disagreement_table",
    "factor_table",
    "held_out_cases",
    "held_out_table",
    "opening_table",
    "pair_table",
    "patient_table",
    "rank_table",
    "swept_parameters",
    "trial_table",
]
