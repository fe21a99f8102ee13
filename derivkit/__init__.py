"""Derivatives that can be trusted: formulas, functions, exact values and predicted errors."""

from typing import TYPE_CHECKING

from derivkit.late import face

if TYPE_CHECKING:
    from derivkit.automatic.dual import Dual, dual
    from derivkit.automatic.refusals import DualError
    from derivkit.data.channel import Corner
    from derivkit.data.sampled import SampledDerivative, from_samples
    from derivkit.errors import (
        absolute_error,
        best_delta,
        distinguishable,
        is_luck,
        least_errors,
        norm_ratio,
        relative_error,
        typical_error,
        ulp_error,
    )
    from derivkit.expressions.description import grammar
    from derivkit.expressions.expression import parse
    from derivkit.expressions.tokens import ParseError
    from derivkit.expressions.tree import Expression
    from derivkit.function import Function, Problem, constant
    from derivkit.grids import decade, geomspace, linspace, logspace, powers_of_two
    from derivkit.growth import GrowthLaw, fit_growth_law
    from derivkit.laws import ErrorLaw, fit_error_law, fitted_exponent, observed_order
    from derivkit.multivariate.adapters import AdaptedFunction, jax_function, torch_function
    from derivkit.multivariate.batches import BatchNoise
    from derivkit.multivariate.brute_force import BruteForce, brute_force
    from derivkit.multivariate.checking.check import assert_gradient, check_gradient, check_hessian, check_jacobian
    from derivkit.multivariate.checking.result import GradientCheck, Suspect
    from derivkit.multivariate.cost import CostModel, count_work, fit_cost, nominal_cost
    from derivkit.multivariate.descent import Course, Distances, Walk, descend, hessian_product, sides_changed
    from derivkit.multivariate.network import Network, NotFiniteError
    from derivkit.multivariate.network_errors import (
        KinkEffect,
        gradient_rounding,
        held_difference,
        kink_effect,
        loss_rounding,
    )
    from derivkit.multivariate.partial import directional, gradient, hessian, jacobian, partial
    from derivkit.multivariate.pulls import Pulls
    from derivkit.multivariate.result import Gradient
    from derivkit.multivariate.samples import Data, Samples, generated
    from derivkit.multivariate.spread import Agreement, SampleGradients, least_norms, sample_gradients, signal_by_chance
    from derivkit.multivariate.stacks import stack_size
    from derivkit.multivariate.statistics import fewest_for_half, log_slope, quotient, rank_correlation
    from derivkit.multivariate.structure import Structure
    from derivkit.multivariate.training import LawCounts, StepGradient, TrainingPath, draw_course, step_gradient, train
    from derivkit.numerical.adaptive import derivative, derivatives
    from derivkit.numerical.complex_step import complex_step
    from derivkit.numerical.difference import Sweep, difference, sweep
    from derivkit.numerical.estimate import Estimate
    from derivkit.numerical.extrapolation import extrapolate, gsl_central, richardson, ridders
    from derivkit.numerical.formulas import formula, formulas
    from derivkit.numerical.ledger import Ledger
    from derivkit.numerical.nodes import steps_vanish
    from derivkit.numerical.result import Derivative
    from derivkit.numerical.status import Status
    from derivkit.numerical.stencil import Stencil, stencil
    from derivkit.numerical.step_rules.brodtkorb import brodtkorb
    from derivkit.numerical.step_rules.curtis_reid import curtis_reid
    from derivkit.numerical.step_rules.dumontet_vignes import dumontet_vignes
    from derivkit.numerical.step_rules.gill_murray_saunders_wright import gill_murray_saunders_wright
    from derivkit.numerical.step_rules.grids import kostyrka_kink, mathur_autodx
    from derivkit.numerical.step_rules.shi_xie_xuan_nocedal import (
        shi_xie_xuan_nocedal_central,
        shi_xie_xuan_nocedal_forward,
    )
    from derivkit.numerical.step_rules.stepleman_winarsky import stepleman_winarsky
    from derivkit.numerical.step_rules.thumb import rule_of_thumb_central, rule_of_thumb_forward
    from derivkit.orders import OrderExplanation, explain_order
    from derivkit.predictions import (
        Optimum,
        Prediction,
        leaves_domain,
        predict_error,
        predict_optimum,
        truncation_terms,
    )
    from derivkit.presentation import with_bar
    from derivkit.recommendation import Recommendation, classical_delta, recommend_delta
    from derivkit.secants import Line, secant, slope, tangent
    from derivkit.surveys import Excerpt, MeasuredDerivatives, Survey, WindowResult, survey
    from derivkit.sweeps import ErrorSweep, SlopeLines, bounds_known, delta_ladder, deltas_to_draw, nearest, thinned
    from derivkit.symbolic.backpropagation import GradientOperations, gradient_operations
    from derivkit.symbolic.derivation import Derivation, derive
    from derivkit.symbolic.diagnosis import diagnose
    from derivkit.symbolic.judgement import Diagnosis, Finding, Judgement
    from derivkit.symbolic.notation import Style, to_html, to_latex, to_text
    from derivkit.symbolic.steps import Step
    from derivkit.symbolic.verification import RefutedError, Verdict, Verification
    from derivkit.trusted.accuracy import Accuracy, accuracy
    from derivkit.trusted.exact import Exact, exact, taylor
    from derivkit.two_sided import Side, Sides, sides

__version__ = "0.1.0"
__distribution__ = "derivative-lab"
"""By this line `experiments` knows the package from an unrelated one of the same name."""

__all__ = [
    "Accuracy",
    "AdaptedFunction",
    "Agreement",
    "BatchNoise",
    "BruteForce",
    "Corner",
    "CostModel",
    "Course",
    "Data",
    "Derivation",
    "Derivative",
    "Diagnosis",
    "Distances",
    "Dual",
    "DualError",
    "ErrorLaw",
    "ErrorSweep",
    "Estimate",
    "Exact",
    "Excerpt",
    "Expression",
    "Finding",
    "Function",
    "Gradient",
    "GradientCheck",
    "GradientOperations",
    "GrowthLaw",
    "Judgement",
    "KinkEffect",
    "LawCounts",
    "Ledger",
    "Line",
    "MeasuredDerivatives",
    "Network",
    "NotFiniteError",
    "Optimum",
    "OrderExplanation",
    "ParseError",
    "Prediction",
    "Problem",
    "Pulls",
    "Recommendation",
    "RefutedError",
    "SampleGradients",
    "SampledDerivative",
    "Samples",
    "Side",
    "Sides",
    "SlopeLines",
    "Status",
    "Stencil",
    "Step",
    "StepGradient",
    "Structure",
    "Style",
    "Survey",
    "Suspect",
    "Sweep",
    "TrainingPath",
    "Verdict",
    "Verification",
    "Walk",
    "WindowResult",
    "absolute_error",
    "accuracy",
    "assert_gradient",
    "best_delta",
    "bounds_known",
    "brodtkorb",
    "brute_force",
    "check_gradient",
    "check_hessian",
    "check_jacobian",
    "classical_delta",
    "complex_step",
    "constant",
    "count_work",
    "curtis_reid",
    "decade",
    "delta_ladder",
    "deltas_to_draw",
    "derivative",
    "derivatives",
    "derive",
    "descend",
    "diagnose",
    "difference",
    "directional",
    "distinguishable",
    "draw_course",
    "dual",
    "dumontet_vignes",
    "exact",
    "explain_order",
    "extrapolate",
    "fewest_for_half",
    "fit_cost",
    "fit_error_law",
    "fit_growth_law",
    "fitted_exponent",
    "formula",
    "formulas",
    "from_samples",
    "generated",
    "geomspace",
    "gill_murray_saunders_wright",
    "gradient",
    "gradient_operations",
    "gradient_rounding",
    "grammar",
    "gsl_central",
    "held_difference",
    "hessian",
    "hessian_product",
    "is_luck",
    "jacobian",
    "jax_function",
    "kink_effect",
    "kostyrka_kink",
    "least_errors",
    "least_norms",
    "leaves_domain",
    "linspace",
    "log_slope",
    "logspace",
    "loss_rounding",
    "mathur_autodx",
    "nearest",
    "nominal_cost",
    "norm_ratio",
    "observed_order",
    "parse",
    "partial",
    "powers_of_two",
    "predict_error",
    "predict_optimum",
    "quotient",
    "rank_correlation",
    "recommend_delta",
    "relative_error",
    "richardson",
    "ridders",
    "rule_of_thumb_central",
    "rule_of_thumb_forward",
    "sample_gradients",
    "secant",
    "shi_xie_xuan_nocedal_central",
    "shi_xie_xuan_nocedal_forward",
    "sides",
    "sides_changed",
    "signal_by_chance",
    "slope",
    "stack_size",
    "stencil",
    "step_gradient",
    "stepleman_winarsky",
    "steps_vanish",
    "survey",
    "sweep",
    "tangent",
    "taylor",
    "thinned",
    "to_html",
    "to_latex",
    "to_text",
    "torch_function",
    "train",
    "truncation_terms",
    "typical_error",
    "ulp_error",
    "with_bar",
]

__getattr__, __dir__ = face(__name__)
