"""THE table of mistakes: what people write instead of a rule, one row each, as a formula of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from derivkit.operations.elementary import OPERATIONS


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


def _of_functions() -> Iterator[Mistake]:
    """The mistakes of the table of operations, each once for all functions that share it."""
    sharing: dict[tuple[str, str], list[str]] = {}
    for row in OPERATIONS.values():
        for mistake in row.mistakes:
            sharing.setdefault(mistake, []).append(row.name)
    return (Mistake(name, tuple(rows), formula, slope=True) for (name, formula), rows in sharing.items())


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
    # Functions, from their rows.
    *_of_functions(),
    *_rows("chain log", ("quotient of the inner derivative inverted", "u/du")),
    *_rows("log with base", ("logarithm of the base forgotten", "1/u"),
           ("logarithm of the base multiplied", "slope_e^2/slope"), slope=True),
    *_rows("two max, two min", ("sides swapped", "du + dv - right"), ("both sides added", "du + dv")),
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
        ("only the numerator differentiated, a constant", "0"), ("denominator cubed", "-c*du/v^3"),
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
OF_THE_WHOLE = {
    "nothing": Mistake("not differentiated", ("whole",), "f instead of f'"),
    "twice": Mistake("differentiated twice", ("whole",), "f'' instead of f'"),
    "other": Mistake("differentiated with respect to another variable", ("whole",), "another variable"),
    "all": Mistake("differentiated with respect to every variable", ("whole",), "the sum over all variables"),
    "sign": Mistake("sign lost", ("whole",), "-f' instead of f'"),
    "integral": Mistake("integrated instead of differentiated", ("whole",), "the integral of f"),
}
"""Mistakes of the whole; the last two are looked for where none made at one place is found."""
