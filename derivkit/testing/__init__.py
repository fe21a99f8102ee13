"""Populations of functions, and judges, by which error bars and recommended deltas are measured."""

from derivkit.numerical.methods import METHODS, Method
from derivkit.numerical.status import VALUED, VALUELESS
from derivkit.recommendation import PRECISIONS, Precision, calls_of_recommendations, in_precision
from derivkit.testing.assessment import Assessment, Bench, bench, quantile, regular, share
from derivkit.testing.attainable import attainable, covered, formulas, least_smoothed, loss, miss_size, tightness
from derivkit.testing.breaks import BREAKS, VERDICTS, Answer, Break, verdict
from derivkit.testing.claims import Claims, claims, perturbation
from derivkit.testing.population import Disturbance, Draw, Family
from derivkit.testing.programs import program
from derivkit.testing.regret import STATUSES, Regret, RoundedSweep, regret, rounded_sweep, sweep_deltas
from derivkit.trusted.truth import Truth

__all__ = [
    "BREAKS",
    "METHODS",
    "PRECISIONS",
    "STATUSES",
    "VALUED",
    "VALUELESS",
    "VERDICTS",
    "Answer",
    "Assessment",
    "Bench",
    "Break",
    "Claims",
    "Disturbance",
    "Draw",
    "Family",
    "Method",
    "Precision",
    "Regret",
    "RoundedSweep",
    "Truth",
    "attainable",
    "bench",
    "calls_of_recommendations",
    "claims",
    "covered",
    "formulas",
    "in_precision",
    "least_smoothed",
    "loss",
    "miss_size",
    "perturbation",
    "program",
    "quantile",
    "regret",
    "regular",
    "rounded_sweep",
    "share",
    "sweep_deltas",
    "tightness",
    "verdict",
]
