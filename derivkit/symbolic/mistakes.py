"""THE table of mistakes: what people write instead of a rule, one row each, as a formula of its parts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """What a student writes instead of a rule.

    Attributes
    ----------
    name : str
        What went wrong.
    kinds : tuple of str
        Names of the rules, or of the functions, that are broken.
    formula : str
        What is written: ``u``, ``v`` the parts, ``du``, ``dv`` their derivatives, ``x`` the variable, ``y`` the piece,
        ``right`` its derivative; of functions ``slope`` is the derivative of the outer one.
    each : bool
        Once for every ``term`` of the right sum.
    slope : bool
        What is written is the slope of a function, and the chain rule is kept.
    """

    name: str
    kinds: tuple[str, ...]
    formula: str
    each: bool = False
    slope: bool = False


def _rows(kinds: str, *rows: tuple[str, str], each: bool = False, slope: bool = False) -> tuple[Mistake, ...]:
    return tuple(Mistake(name, tuple(kinds.split(", ")), formula, each, slope) for name, formula in rows)


MISTAKES: tuple[Mistake, ...] = (
    # The chain rule, where the inner function is not the variable alone.
    *_rows(
        "chain",
        ("inner derivative forgotten", "slope"),
        ("outer derivative taken at the inner derivative", "slope_of_du"),
        ("outer derivative taken at the inner derivative", "slope_of_du*du"),
        ("outer derivative taken at the variable", "slope_of_x*du"),
        ("outer derivative taken at the variable, inner derivative forgotten", "slope_of_x"),
        ("outer function not differentiated", "y*du"),
        ("outer derivative forgotten", "du"),
        ("function of the inner derivative", "y_of_du"),
        ("inner derivative added instead of multiplied", "slope + du"),
        ("divided by the inner derivative", "slope/du"),
        ("multiplied by the inner function instead of its derivative", "slope*u"),
        ("inner derivative twice", "slope*du*du"),
    ),
    # Powers.
    *_rows(
        "power",
        ("power not lowered", "n*u^n"),
        ("exponent not brought to the front", "u^(n - 1)"),
        ("exponent raised instead of lowered", "n*u^(n + 1)"),
        ("exponent lowered by two", "n*u^(n - 2)"),
        ("lowered exponent brought to the front", "(n - 1)*u^(n - 1)"),
        ("divided by the exponent", "u^(n - 1)/n"),
        ("power lost", "n*u"),
        ("base lost", "n"),
        ("power treated as exponential", "u^n*log(u)"),
        ("exponent added instead of multiplied", "n + u^(n - 1)"),
        slope=True,
    ),
    *_rows("power", ("power integrated", "u^(n + 1)/(n + 1)"), ("power integrated, not divided", "u^(n + 1)")),
    *_rows("negative power", ("sign of the exponent lost", "-n*u^(n - 1)"), slope=True),
    *_rows("negative power", ("sign of the exponent lost in the power", "n*u^(-n - 1)"), slope=True),
    *_rows("fractional power", ("power of the root kept", "n*u^(1 - n)"), slope=True),
    # Exponentials.
    *_rows(
        "exponential",
        ("exponential treated as power", "u*a^(u - 1)"),
        ("logarithm of the base forgotten", "a^u"),
        ("divided by the logarithm of the base", "a^u/log(a)"),
        ("logarithm of the exponent instead of the base", "a^u*log(u)"),
        ("power kept out: the logarithm of the base alone", "log(a)"),
        ("base brought to the front", "a*a^u"),
        ("sign of the derivative", "-a^u*log(a)"),
        slope=True,
    ),
    *_rows("exp", ("exponential treated as power", "u*exp(u - 1)"), ("exponent brought to the front", "u*exp(u)"),
           ("sign of the derivative", "-exp(u)"), slope=True),
    *_rows(
        "logarithmic differentiation",
        ("treated as a power", "v*u^(v - 1)*du"),
        ("treated as a power, inner derivative forgotten", "v*u^(v - 1)"),
        ("treated as an exponential", "u^v*log(u)*dv"),
        ("the function itself not multiplied back", "dv*log(u) + v*du/u"),
        ("inner derivative of the base forgotten", "u^v*(dv*log(u) + v/u)"),
        ("minus instead of plus", "u^v*(dv*log(u) - v*du/u)"),
        ("base and exponent differentiated apart", "du^dv"),
        ("product rule as product of derivatives", "u^v*dv*du/u"),
        ("not differentiated", "y"),
    ),
    # Logarithms.
    *_rows("log, log2, log10, log1p", ("sign of the derivative", "-slope"),
           ("derivative of 1/u instead of log(u)", "-1/u^2"), slope=True),
    *_rows("log, log2, log10", ("1/u inverted", "u"), ("function and derivative multiplied", "y/u"), slope=True),
    *_rows("chain log", ("quotient of the inner derivative inverted", "u/du")),
    *_rows("log with base, log2, log10", ("logarithm of the base forgotten", "1/u"),
           ("logarithm of the base multiplied", "slope_e^2/slope"), slope=True),
    *_rows("log1p", ("the 1 forgotten", "1/u"), slope=True),
    # Roots.
    *_rows(
        "sqrt",
        ("the 1/2 of the root forgotten", "1/sqrt(u)"), ("root kept above", "sqrt(u)/2"),
        ("2 multiplied instead of divided", "2/sqrt(u)"), ("sign of the derivative", "-1/(2*sqrt(u))"),
        ("root of the denominator forgotten", "1/(2*u)"), ("quotient inverted", "2*sqrt(u)"), slope=True,
    ),
    *_rows(
        "cbrt",
        ("the 1/3 of the root forgotten", "1/cbrt(u)^2"), ("square below the fraction bar forgotten", "1/(3*cbrt(u))"),
        ("root kept above", "cbrt(u)/3"), ("power of the root kept above", "cbrt(u)^2/3"),
        ("treated as a square root", "1/(2*sqrt(u))"), slope=True,
    ),
    # Trigonometric functions and their kin.
    *_rows(
        "sin, cos, tan, cot, sec, csc, asin, acos, atan, acot, asec, acsc, sinh, cosh, tanh, coth, sech, csch, asinh, "
        "acosh, atanh, erf",
        ("sign of the derivative", "-slope"), slope=True,
    ),
    *_rows("tan", ("square forgotten", "1/cos(u)"), ("quotient of derivatives", "-cos(u)/sin(u)"),
           ("derivative of the secant", "tan(u)/cos(u)"), ("confused with the cotangent", "1/sin(u)^2"),
           ("square above the fraction bar", "cos(u)^2"), ("1 - tan^2 as of tanh", "1 - tan(u)^2"),
           ("1 + tan^2, square forgotten", "1 + tan(u)"), slope=True),
    *_rows("cot", ("square forgotten", "-1/sin(u)"), ("confused with the tangent", "1/cos(u)^2"),
           ("confused with the tangent, with the sign", "-1/cos(u)^2"), ("square above the fraction bar", "-sin(u)^2"),
           ("derivative of the cosecant", "-cot(u)/sin(u)"), slope=True),
    *_rows("sec", ("square of the tangent instead of a product", "tan(u)^2"), ("one factor lost", "tan(u)"),
           ("square instead of a product", "sec(u)^2"), ("reciprocal of the derivative", "-1/sin(u)"),
           ("confused with the cosecant", "-csc(u)*cot(u)"), slope=True),
    *_rows("csc", ("square of the cotangent instead of a product", "-cot(u)^2"), ("one factor lost", "-cot(u)"),
           ("square instead of a product", "-csc(u)^2"), ("reciprocal of the derivative", "1/cos(u)"),
           ("confused with the secant", "sec(u)*tan(u)"), slope=True),
    *_rows("asin", ("root forgotten", "1/(1 - u^2)"), ("plus instead of minus below the root", "1/sqrt(1 + u^2)"),
           ("inverse taken for the reciprocal", "-cos(u)/sin(u)^2"), ("reciprocal of the derivative", "1/cos(u)"),
           ("inverse of the derivative", "acos(u)"), ("square forgotten", "1/sqrt(1 - u)"),
           ("confused with the inverse tangent", "1/(1 + u^2)"), ("root above the fraction bar", "sqrt(1 - u^2)"),
           slope=True),
    *_rows("acos", ("root forgotten", "-1/(1 - u^2)"), ("plus instead of minus below the root", "-1/sqrt(1 + u^2)"),
           ("inverse taken for the reciprocal", "sin(u)/cos(u)^2"), ("reciprocal of the derivative", "-1/sin(u)"),
           ("inverse of the derivative", "-asin(u)"), ("square forgotten", "-1/sqrt(1 - u)"),
           ("root above the fraction bar", "-sqrt(1 - u^2)"), slope=True),
    *_rows("atan", ("minus instead of plus", "1/(1 - u^2)"), ("root that is not there", "1/sqrt(1 + u^2)"),
           ("confused with the inverse sine", "1/sqrt(1 - u^2)"), ("square forgotten", "1/(1 + u)"),
           ("inverse taken for the reciprocal", "-1/sin(u)^2"), ("the 1 forgotten", "1/u^2"),
           ("reciprocal of the derivative", "cos(u)^2"), slope=True),
    *_rows("acot", ("minus instead of plus", "-1/(1 - u^2)"), slope=True),
    *_rows("tanh", ("square forgotten", "1/cosh(u)"), ("square forgotten", "1 - tanh(u)"),
           ("plus instead of minus", "1 + tanh(u)^2"), ("quotient of derivatives", "cosh(u)/sinh(u)"),
           ("derivative of the tangent", "1/cos(u)^2"), slope=True),
    *_rows("sinh", ("derivative of the sine", "cos(u)"), slope=True),
    *_rows("cosh", ("derivative of the cosine", "-sin(u)"), slope=True),
    *_rows("asinh", ("root forgotten", "1/(1 + u^2)"), ("minus instead of plus", "1/sqrt(1 - u^2)"),
           ("sign below the root", "1/sqrt(u^2 - 1)"), slope=True),
    *_rows("acosh", ("root forgotten", "1/(u^2 - 1)"), ("plus instead of minus", "1/sqrt(u^2 + 1)"), slope=True),
    *_rows("atanh", ("plus instead of minus", "1/(1 + u^2)"), ("root that is not there", "1/sqrt(1 - u^2)"),
           slope=True),
    # Networks, and pieces.
    *_rows("sigmoid", ("plus instead of minus", "sigmoid(u)*(1 + sigmoid(u))"), ("one factor lost", "1 - sigmoid(u)"),
           ("sign of the derivative", "-slope"), ("exponential above the fraction bar forgotten", "sigmoid(u)^2"),
           slope=True),
    *_rows("softplus", ("sigmoid of the other side", "sigmoid(-u)"), ("sign of the derivative", "-slope"),
           ("1/u of the logarithm forgotten", "exp(u)"), ("inner derivative forgotten", "1/(1 + exp(u))"), slope=True),
    *_rows("relu", ("sides swapped", "heaviside(-u)"), ("slope 1 on both sides", "1"), ("slope 0 on both sides", "0"),
           slope=True),
    *_rows("leaky_relu", ("sides swapped", "slope_of_minus_u"), ("slope 1 on both sides", "1"),
           ("slope of the left side forgotten", "heaviside(u)"), slope=True),
    *_rows("abs", ("sides swapped", "-sign(u)"), ("sign forgotten", "1"), slope=True),
    *_rows("max, min", ("sides swapped", "1 - slope"), ("slope 1 on both sides", "1"), ("slope 0 on both sides", "0"),
           slope=True),
    *_rows("two max, two min", ("sides swapped", "du + dv - right"), ("both sides added", "du + dv")),
    *_rows("erf", ("factor 2/sqrt(pi) forgotten", "exp(-u^2)"), ("minus in the exponent forgotten",
           "2*exp(u^2)/sqrt(pi)"), ("2 forgotten", "exp(-u^2)/sqrt(pi)"), slope=True),
    *_rows("gelu", ("only one term of the product rule", "(1 + erf(u/sqrt(2)))/2"), slope=True),
    *_rows("gamma", ("digamma forgotten", "gamma(u)"), ("digamma alone", "digamma(u)"), slope=True),
    *_rows("sign, heaviside, floor", ("slope 1 instead of 0", "1"), slope=True),
    *_rows("logsumexp, two logsumexp, several logsumexp", ("the sum below the fraction bar forgotten", "right*exp(y)")),
    *_rows("piecewise", ("a piece not differentiated", "right - term + piece"), ("a piece lost", "right - term"),
           each=True),
    # Products.
    *_rows("product", ("product rule as product of derivatives", "derivatives"),
           ("product rule as sum of derivatives", "sum_of_derivatives"),
           ("factors of the product rule paired wrongly", "paired"),
           ("derivatives of the product rule not shared out", "y*sum_of_derivatives"), ("not differentiated", "y")),
    *_rows("product", ("one term of the product rule lost", "right - term"),
           ("minus instead of plus in the product rule", "right - 2*term"), each=True),
    *_rows("long product", ("only one term of the product rule", "term"), each=True),
    *_rows("constant multiply, constant divide", ("constant factor dropped", "du"),
           ("constant factor differentiated too", "0")),
    *_rows("constant multiply", ("constant factor added instead of multiplied", "c + du"),
           ("constant factor differentiated as 1", "u + c*du"), ("constant factor squared", "c*c*du")),
    *_rows("constant multiply", ("constant factor dropped in part", "term"), each=True),
    *_rows("negative factor", ("sign lost", "-c*du")),
    *_rows("constant divide", ("constant multiplied instead of divided", "c*du"),
           ("constant denominator squared", "du/c^2"), ("constant differentiated as 1", "(du*c - u)/c^2")),
    *_rows("constant negate", ("sign lost", "du")),
    # Quotients.
    *_rows(
        "quotient",
        ("quotient rule reversed", "(u*dv - du*v)/v^2"), ("plus instead of minus in the quotient rule",
         "(du*v + u*dv)/v^2"), ("denominator not squared", "(du*v - u*dv)/v"),
        ("quotient rule as quotient of derivatives", "du/(dv)"), ("denominator forgotten", "du*v - u*dv"),
        ("only the first term of the quotient rule", "du/v"), ("only the second term of the quotient rule",
         "-u*dv/v^2"), ("second term of the quotient rule without its sign, the first lost", "u*dv/v^2"),
        ("derivative of the denominator squared", "(du*v - u*dv)/dv^2"), ("numerator squared below",
         "(du*v - u*dv)/u^2"), ("quotient treated as product", "du*v + u*dv"),
        ("product of derivatives above", "du*dv/v^2"), ("numerator paired wrongly", "(du*u - v*dv)/v^2"),
        ("derivative of the denominator forgotten", "(du*v - u)/v^2"),
        ("derivative of the numerator forgotten", "(v - u*dv)/v^2"),
        ("denominator doubled instead of squared", "(du*v - u*dv)/(2*v)"),
        ("difference of derivatives above", "(du - dv)/v^2"), ("not differentiated", "u/v"),
        ("denominator squared, numerator differentiated", "du/v^2"),
    ),
    *_rows(
        "reciprocal",
        ("sign lost", "c*du/v^2"), ("denominator not squared", "-c*du/v"), ("inner derivative forgotten", "-c/v^2"),
        ("reciprocal of the derivative", "c/du"), ("constant factor dropped", "-du/v^2"),
        ("integrated instead of differentiated", "c*log(v)"), ("denominator forgotten", "-c*du"),
        ("constant differentiated as 0 and nothing else", "0"), ("denominator cubed", "-c*du/v^3"),
        ("constant differentiated as 1", "(v - c*du)/v^2"), ("not differentiated", "y"),
    ),
    # Sums and leaves.
    *_rows("sum", ("term lost", "right - term"), ("sign of a term", "right - 2*term"), each=True),
    *_rows("sum", ("terms multiplied instead of added", "derivatives")),
    *_rows("constant", ("constant not dropped", "y"), ("derivative of a constant taken as 1", "1")),
    *_rows("identity", ("variable not differentiated", "x"), ("derivative of the variable taken as 0", "0")),
    *_rows("function", ("not differentiated", "y")),
)  # fmt: skip
"""Rows in the order in which equal ones are named."""

ROW = {row: k for k, row in reversed(list(enumerate(MISTAKES)))}
WHOLE = {
    "nothing": Mistake("not differentiated", ("whole",), "f instead of f'"),
    "twice": Mistake("differentiated twice", ("whole",), "f'' instead of f'"),
    "other": Mistake("differentiated with respect to another variable", ("whole",), "another variable"),
    "all": Mistake("differentiated with respect to every variable", ("whole",), "the sum over all variables"),
    "sign": Mistake("sign lost", ("whole",), "-f' instead of f'"),
    "integral": Mistake("integrated instead of differentiated", ("whole",), "the integral of f"),
}
"""Mistakes of the whole; the last two are looked for where no other is found."""
