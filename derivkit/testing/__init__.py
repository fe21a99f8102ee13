"""Populations of functions, and judges, by which error bars and recommended deltas are measured."""

from typing import TYPE_CHECKING

from derivkit.late import face

if TYPE_CHECKING:
    from derivkit.data.methods import SAMPLED_METHODS, SampledMethod, Slopes
    from derivkit.numerical.status import VALUED, VALUELESS
    from derivkit.recommendation import NO_DELTA_HELPS, PRECISIONS, Precision, calls_of_recommendations, in_precision
    from derivkit.testing.assessment import Assessment, Bench, bench, regular
    from derivkit.testing.attainability import attainable, covered, formulas, least_smoothed, loss, miss_size, tightness
    from derivkit.testing.board import Standing, clustered_interval, standing, unbeaten
    from derivkit.testing.breaks import BREAKS, VERDICTS, Answer, Break, verdict
    from derivkit.testing.cases import (
        NAMED_WITHIN,
        Cases,
        Comparisons,
        Judged,
        Measures,
        named_within,
        quantile,
        share,
        share_beyond,
    )
    from derivkit.testing.entries import ENTRY_METHODS, Account, EntryCases, EntryMethod, entry_cases
    from derivkit.testing.float_types import (
        FLOAT16_EXPONENTS,
        FLOAT_TYPES,
        GOOD,
        STATES,
        FloatType,
        HalfBlock,
        half_map,
        in_type,
        refuse_inexpressible,
        theoretical_optimum,
    )
    from derivkit.testing.goals import ENTRY_GOALS, GOALS, NEAR_BREAKS, WITHOUT_NEAR_BREAKS, Goal, Judgement
    from derivkit.testing.gradients import LANDSCAPES, Landscape, Partials
    from derivkit.testing.methods import METHODS, Method
    from derivkit.testing.mistaken import wrong_answers
    from derivkit.testing.nesting import NESTED, nested, nested_derivatives, network_loss
    from derivkit.testing.noise_law import STEPS, Site, allowed, law, site_of
    from derivkit.testing.plants import (
        LARGE_NETWORK,
        PLANTS,
        SMALL_NETWORK,
        NetworkProblem,
        Plant,
        correct_gradient,
        network_problem,
        plant,
        random_error,
    )
    from derivkit.testing.population import DISTURBANCES, SMOOTH, Disturbance, Draw, Family
    from derivkit.testing.programs import program
    from derivkit.testing.regrets import STATUSES, Regret, RoundedSweep, regret, rounded_sweep, sweep_deltas
    from derivkit.testing.sampling import SAMPLED_GOALS, Scores, away_covered, geometric_mean, oracle, score
    from derivkit.testing.signals import Sampled, Signal
    from derivkit.testing.statements import Claims, claims, perturbation, values_of
    from derivkit.testing.ways import (
        ANALYTICAL,
        DIGITS,
        DUAL,
        Ways,
        as_numpy,
        correct_digits,
        numpy_name,
        statuses,
        ways_of,
        written_with,
    )
    from derivkit.trusted.truth import Truth

__all__ = [
    "ANALYTICAL",
    "BREAKS",
    "DIGITS",
    "DISTURBANCES",
    "DUAL",
    "ENTRY_GOALS",
    "ENTRY_METHODS",
    "FLOAT16_EXPONENTS",
    "FLOAT_TYPES",
    "GOALS",
    "GOOD",
    "LANDSCAPES",
    "LARGE_NETWORK",
    "METHODS",
    "NAMED_WITHIN",
    "NEAR_BREAKS",
    "NESTED",
    "NO_DELTA_HELPS",
    "PLANTS",
    "PRECISIONS",
    "SAMPLED_GOALS",
    "SAMPLED_METHODS",
    "SMALL_NETWORK",
    "SMOOTH",
    "STATES",
    "STATUSES",
    "STEPS",
    "VALUED",
    "VALUELESS",
    "VERDICTS",
    "WITHOUT_NEAR_BREAKS",
    "Account",
    "Answer",
    "Assessment",
    "Bench",
    "Break",
    "Cases",
    "Claims",
    "Comparisons",
    "Disturbance",
    "Draw",
    "EntryCases",
    "EntryMethod",
    "Family",
    "FloatType",
    "Goal",
    "HalfBlock",
    "Judged",
    "Judgement",
    "Landscape",
    "Measures",
    "Method",
    "NetworkProblem",
    "Partials",
    "Plant",
    "Precision",
    "Regret",
    "RoundedSweep",
    "Sampled",
    "SampledMethod",
    "Scores",
    "Signal",
    "Site",
    "Slopes",
    "Standing",
    "Truth",
    "Ways",
    "allowed",
    "as_numpy",
    "attainable",
    "away_covered",
    "bench",
    "calls_of_recommendations",
    "claims",
    "clustered_interval",
    "correct_digits",
    "correct_gradient",
    "covered",
    "entry_cases",
    "formulas",
    "geometric_mean",
    "half_map",
    "in_precision",
    "in_type",
    "law",
    "least_smoothed",
    "loss",
    "miss_size",
    "named_within",
    "nested",
    "nested_derivatives",
    "network_loss",
    "network_problem",
    "numpy_name",
    "oracle",
    "perturbation",
    "plant",
    "program",
    "quantile",
    "random_error",
    "refuse_inexpressible",
    "regret",
    "regular",
    "rounded_sweep",
    "score",
    "share",
    "share_beyond",
    "site_of",
    "standing",
    "statuses",
    "sweep_deltas",
    "theoretical_optimum",
    "tightness",
    "unbeaten",
    "values_of",
    "verdict",
    "ways_of",
    "written_with",
    "wrong_answers",
]

__getattr__, __dir__ = face(__name__)
