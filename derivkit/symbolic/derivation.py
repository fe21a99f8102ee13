"""Derivations: a derivative built by rules alone, step by step, and every step checked."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import shown
from derivkit.expressions.algebra import ONE, ZERO
from derivkit.expressions.evaluation import (
    FLOAT_CONSTANTS,
    float_arithmetic,
    interpret,
    named_values,
    refuse_unknown_functions,
    walk,
)
from derivkit.expressions.expression import expression_of, parse
from derivkit.expressions.tree import Expression, Instruction, Variable, joint_program, short_text
from derivkit.operations.elementary import FLOATS, OPERATIONS
from derivkit.operations.taylor import Taylor
from derivkit.operations.ufuncs import power
from derivkit.symbolic.differentiation import MAX_FACTORS, MAX_FACTORS_AGAIN, differentiate
from derivkit.symbolic.notation import (
    LEVELS,
    NOTATIONS,
    Line,
    Span,
    Style,
    as_html,
    as_latex,
    as_markdown,
    as_text,
    for_notebook,
    left_sides,
    lines_of,
    spans_of,
)
from derivkit.symbolic.rules import Condition
from derivkit.symbolic.steps import Step, conditions_of, steps_of
from derivkit.symbolic.verification import CheckedSteps, verify
from derivkit.trusted.accuracy import Accuracy, accuracy
from derivkit.trusted.exact import ExactStatus, exact
from derivkit.types import Array

NamedValues = Mapping[str, ArrayLike]

MAX_ORDER = 20
"""Highest order; a constant without a derivation."""
MAX_OPERATIONS = 20_000
"""Operations of all derivatives up to the order, equal ones of one counted once; a constant without a derivation."""
MAX_CONDITIONS_SHOWN = 3
"""Conditions that a printed derivation names; a constant without a derivation."""


@dataclass(frozen=True, eq=False, repr=False)
class Derivation(CheckedSteps):
    """A derivative with every step that leads to it; a function of its variables in float64.

    Attributes
    ----------
    expression : Expression
        The function.
    variable : str
        With respect to what it was differentiated.
    roots : tuple of Step
        The last step of the first derivative, of the second, and so on: each the root of a tree of steps.
    verification : Verification
        What the check of every step found.

    Examples
    --------
    >>> found = derive("x*sin(x)")
    >>> found
    <Derivation d/dx (x*sin(x)) = sin(x) + x*cos(x) [verified]>
    >>> found(0.0), [step.rule for step in found.steps]
    (0.0, ['identity', 'sine', 'product'])
    """

    LEVELS: ClassVar[tuple[str, ...]] = LEVELS
    NOTATIONS: ClassVar[tuple[str, ...]] = NOTATIONS

    def __str__(self) -> str:
        power = f"^{self.order}" if self.order > 1 else ""
        conditions = ", ".join(map(str, self.conditions[:MAX_CONDITIONS_SHOWN]))
        hidden = len(self.conditions) - MAX_CONDITIONS_SHOWN
        where = (f" if {conditions}" if conditions else "") + (f" and {hidden} more" if hidden > 0 else "")
        left = f"d{power}/d{self.variable}{power} ({self.expression.short})"
        return f"{left} = {self.result.short}{where} [{self.verification}]"

    def __repr__(self) -> str:
        return f"<Derivation {self}>"

    def _repr_html_(self) -> str:
        return as_html(self, self.lines(), "leibniz")

    def _repr_markdown_(self) -> str:
        return for_notebook(self.markdown())

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex()}$$"

    def text(self, level: str | Style = "normal", notation: str = "leibniz") -> str:
        """The lines that lead to the derivative, as plain text.

        Parameters
        ----------
        level : {"normal", "full", "brief"} or Style
            How many lines: every rule that can be applied at once is one, every kind of rule is, or the result alone. A
            `Style` says besides which terms are left out.
        notation : {"leibniz", "prime"}
            How derivatives are written: d/dx f(x), or f'(x).

        Returns
        -------
        str
            One line of the derivation on each, with the reason for the next; then the conditions and the check.

        Raises
        ------
        ValueError
            If there is no such level or notation.

        Examples
        --------
        >>> print(derive("3*x^2").text(notation="prime"))
        f(x)  = 3x^2
        f'(x) = (3x^2)'    a constant factor moves out
              = 3·(x^2)'   the exponent goes to the front, one less stays
              = 3·2x       multiply
              = 6x
        Check of every step: verified.
        <BLANKLINE>
        """
        return as_text(self, self.lines(level), notation)

    def markdown(self, level: str | Style = "normal", notation: str = "leibniz") -> str:
        """The lines as Markdown; `level` and `notation` as of `text`."""
        return as_markdown(self, self.lines(level), notation)

    def latex(self, level: str | Style = "normal", notation: str = "leibniz") -> str:
        """The lines as LaTeX, without the reasons; `level` and `notation` as of `text`."""
        return as_latex(self, self.lines(level), notation)

    def lines(self, level: str | Style = "normal") -> tuple[Line, ...]:
        """The lines one by one, each with its formula, the reason for the next and the pieces that this acts on.

        Parameters
        ----------
        level : {"normal", "full", "brief"} or Style
            As of `text`.

        Returns
        -------
        tuple of Line
            The function, then for every order the way to the derivative.

        Examples
        --------
        >>> [line.text() for line in derive("3*x^2").lines("brief")]
        ['3x^2', 'd/dx 3x^2', '6x']
        """
        return lines_of(self, level)

    def spans(self, level: str | Style = "normal", notation: str = "leibniz") -> list[Span]:
        """The lines cut into the texts that a figure sets apart; `level` and `notation` as of `text`.

        Examples
        --------
        >>> [(span.text, span.mark) for span in derive("x^2").spans() if span.line == 1][:3]
        [("f'(x)", False), ('=', False), ('d', False)]
        """
        return spans_of(self.lines(level), left=left_sides(self, "prime"), notation=notation)

    def __call__(self, x: ArrayLike | NamedValues = MappingProxyType({}), /, **named: ArrayLike) -> Any:
        """The derivative in fast float64, equal parts computed once; NaN where a condition does not hold.

        +-inf is a vertical tangent with one sign, as of `dual`, `exact` and `derivative` (sqrt(x) at 0), or a value
        beyond the range of float64. NaN does not say that there is no derivative, but that the rules do not reach
        there, as at 0 of x*abs(x). A power that is not whole, such as x^(1/3), is of positive numbers only; cbrt(x) is
        the root of any.

        Parameters
        ----------
        x : array_like or mapping
            Values of the variable that it was differentiated by, of any shape, or of all variables by name.
        **named : array_like
            Values of the other variables, broadcast against each other.

        Returns
        -------
        float or ndarray
            Of the common shape of the values; a float where all of them are numbers.

        Raises
        ------
        ValueError
            If a variable has no value, or the function is unknown.

        Examples
        --------
        >>> derive("abs(x) + w*x")(x=[-1.0, 0.0, 2.0], w=10.0)
        array([ 9., nan, 11.])
        """
        refuse_unknown_functions(self.result)
        arguments = self._point(x, named)
        shape = np.broadcast_shapes(*(value.shape for value in arguments.values()))
        values = self._values(arguments)
        margins = (condition.margin(*sides) for condition, sides in self._sides(values))
        holds = functools.reduce(np.logical_and, (margin > 0.0 for margin in margins), ~np.isnan(values[1]))
        result = np.broadcast_to(np.where(holds, np.asarray(values[0], dtype=np.float64), np.nan), shape)
        if self.order == 1 and np.any(np.isnan(result)):
            result = self._infinite(arguments, result)
        return result.copy() if shape else float(result)

    def _infinite(self, arguments: Mapping[str, Array], result: Array) -> Array:
        """The result with infinite slopes instead of NaN where f has a finite value and a vertical tangent."""
        arithmetic = Taylor(1, FLOATS)
        rules = {name: row.series for name, row in OPERATIONS.items()} | {"power": power}
        with np.errstate(all="ignore"):
            series = interpret(
                self.expression,
                number=lambda value: [np.float64(float(value))],
                constant=lambda name: [FLOAT_CONSTANTS[name]],
                variable=lambda name: [arguments[name], 1.0] if name == self.variable else [arguments[name]],
                apply=lambda name, *arguments: rules[name](arithmetic, *arguments),
            )
        slope = series[1] if len(series) > 1 else 0.0
        steep = np.broadcast_to(np.isnan(result) & np.isinf(slope) & np.isfinite(series[0]), result.shape)
        # float64 has infinity for 1e-17 times infinity, too, where 0 times infinity was meant: it takes a proof
        places = {name: np.broadcast_to(value, result.shape)[steep] for name, value in arguments.items()}
        points, back = np.unique(np.stack(list(places.values())), axis=1, return_inverse=True)
        proved = [exact(self.expression, dict(zip(places, point, strict=True)), variable=self.variable).value
                  for point in points.T.tolist()]  # fmt: skip
        filled = np.array(result)
        filled[steep] = np.array(proved)[back.ravel()]
        return filled

    def refusal(self, x: float | NamedValues = MappingProxyType({}), /, **named: float) -> str:
        """Say which condition does not hold at a point; empty if all do.

        Parameters
        ----------
        x : float or mapping
            The variable that it was differentiated by, or all variables by name.
        **named : float
            The other variables.

        Returns
        -------
        str
            One sentence.

        Examples
        --------
        >>> derive("log(x - 2)").refusal(1.0)
        'the derivative of log(x - 2) needs x - 2 > 0, where x - 2 is -1.0 at x = 1.0'
        """
        arguments = self._point(x, named)
        place = ", ".join(f"{name} = {float(value)!r}" for name, value in arguments.items())
        values = self._values(arguments)
        for condition, sides in self._sides(values):
            if not condition.margin(*sides) > 0.0:
                value = f"{short_text(condition.left)} is {float(sides[0])!r} at {place}"
                return f"the derivative of {self.expression.short} needs {condition}, where {value}"
        return f"{self.expression.short} is not defined at {place}" if np.isnan(values[1]) else ""

    def accuracy(self, x: float | NamedValues = MappingProxyType({}), /, **named: float) -> Accuracy:
        """What fast float64 makes of the derivative at a point, beside the trusted value: the digits it loses.

        Parameters
        ----------
        x : float or mapping
            The variable that it was differentiated by, or all variables by name.
        **named : float
            The other variables.

        Returns
        -------
        Accuracy
            Without a trusted value where a condition does not hold.

        Examples
        --------
        >>> found = derive("(1 - cos(x))/x").accuracy(1e-6)
        >>> round(found.trusted, 9), found.flagged
        (0.5, True)
        """
        point = {name: float(value) for name, value in self._point(x, named).items()}
        if self.refusal(point):
            nan, inf = math.nan, math.inf
            return Accuracy(nan, nan, nan, nan, error=inf, lost=nan, flagged=False, status=ExactStatus.NO_DERIVATIVE)
        return accuracy(self.result, point)

    def _values(self, arguments: Mapping[str, Array]) -> list[Any]:
        """The derivative, the function, and the nodes of all conditions, in float64."""
        program, places = self._fast
        arithmetic = replace(float_arithmetic(arguments, unknown=lambda _, u: np.ones_like(u)), apply=_without_poles)
        with np.errstate(all="ignore"):
            values = walk(program, arithmetic)
        return [values[place] for place in places]

    def _sides(self, values: Sequence[Any]) -> Iterator[tuple[Condition, Sequence[Any]]]:
        """Every condition with the values of its nodes."""
        for k, condition in enumerate(self.conditions):
            yield condition, values[2 + 3 * k : 5 + 3 * k]

    @functools.cached_property
    def _fast(self) -> tuple[tuple[Instruction, ...], list[int]]:
        """The derivative, the function if the conditions do not say where it is defined, and their nodes."""
        nodes = (node for condition in self.conditions for node in condition.nodes)
        function = self.expression.root if self._open else ONE
        return joint_program([self.result.root, function, *nodes])

    @property
    def _open(self) -> bool:
        """Whether the function may be undefined where every condition holds: in its constant parts, for instance."""
        program = self.expression.program
        fixed: list[bool] = []
        for step in program:
            fixed.append(step.value != self.variable and all(fixed[k] for k in step.arguments))
        # A quotient by a constant has no condition of its own, whatever is divided.
        fixed = [fixed[step.arguments[1]] if step.operation == "divide" else here
                 for step, here in zip(program, fixed, strict=True)]  # fmt: skip
        partial = [_is_partial(step) and not _of_numbers(step, program) for step in program]
        constant = any(step.result.root == ZERO and step.rule != "constant" for step in steps_of(self.roots[0]))
        choosing = any(step.operation in {"max", "min"} for step in program)
        if any(partial) and (constant or choosing):
            return True
        without_rest = any(step.operation == "piecewise" and len(step.arguments) % 2 == 0 for step in program)
        return without_rest or any(a and b for a, b in zip(fixed, partial, strict=True))

    def _point(self, x: ArrayLike | NamedValues, named: Mapping[str, ArrayLike]) -> dict[str, Array]:
        arguments = dict(x) if isinstance(x, Mapping) else {self.variable: x}
        required = [*dict.fromkeys([*self.expression.variables, self.variable])]
        return named_values({**arguments, **named}, required, f"the derivative of {self.expression}")


def _without_poles(name: str, *arguments: Any) -> Any:
    """An operation in float64, NaN wherever it is not defined."""
    value = OPERATIONS[name].value(*arguments)
    pole = OPERATIONS[name].pole
    return np.where(pole(*arguments), np.nan, value) if pole else value


def _is_partial(step: Instruction) -> bool:
    """Whether a step is an operation that is not defined for all numbers."""
    row = OPERATIONS.get(step.operation)
    return row is not None and (row.pole is not None or bool(row.domain))


def _of_numbers(step: Instruction, program: Sequence[Instruction]) -> bool:
    """Whether all arguments of a step but a numerator are numbers above 1, such that nothing is undefined."""
    parts = [program[k] for k in step.arguments[step.operation == "divide" :]]
    if step.operation == "power" and parts[1].operation == "number":
        return True  # the parser does not let 0 be divided by
    domain = OPERATIONS[step.operation].defined
    start = 0 if step.operation == "divide" else domain.start if domain else None
    return (
        start is not None
        and start <= 1
        and all(
            part.operation == "constant" or (part.operation == "number" and cast("Fraction", part.value) > 1)
            for part in parts
        )
    )


def derive(expression: Expression | str, variable: str | None = None, order: int = 1) -> Derivation:
    """Differentiate a formula by rules, and check every step.

    Parameters
    ----------
    expression : Expression or str
        The function, of any number of variables.
    variable : str, optional
        With respect to what; by default the only variable, or ``x``.
    order : int
        How often it is differentiated, 1 to 20.

    Returns
    -------
    Derivation
        Its steps, its result, and the outcome of the check. By a variable that does not occur the derivative is 0.

    Raises
    ------
    ParseError
        If the text is no formula.
    ValueError
        If the order or the variable is not valid, or the derivatives grow beyond 20 000 operations.
    RefutedError
        If a step is not the derivative of its piece: a mistake in the table of rules.

    Examples
    --------
    >>> str(derive("5*x^5 + 4*x^3 - 5").result)
    '25*x**4 + 12*x**2'
    >>> derive("x^x", order=2)(1.0)
    2.0
    """
    tree = expression_of(expression)
    if isinstance(order, bool) or not isinstance(order, int | np.integer) or not 1 <= order <= MAX_ORDER:
        raise ValueError(f"the order {shown(order)} is not a whole number from 1 to {MAX_ORDER}; write 1, 2, ...")
    name = chosen_variable(tree, variable)
    roots: list[Step] = []
    operations = 0
    for k in range(order):
        before, most = (roots[-1].result.root, MAX_FACTORS_AGAIN) if roots else (tree.root, MAX_FACTORS)
        roots.append(differentiate(before, Variable(name), most=most))
        operations += len(roots[-1].result.program)
        if operations > MAX_OPERATIONS:
            upto = f"derivatives 1 to {k + 1} of {tree.short} have" if k else f"the derivative of {tree.short} has"
            raise ValueError(f"{upto} {operations:,} operations, the most is {MAX_OPERATIONS:,}; ask for a lower order")
    verification = verify(tuple(steps_of(*roots)), Variable(name), roots, conditions_of(*roots))
    return Derivation(tree, name, tuple(roots), verification)


def chosen_variable(tree: Expression, variable: str | None) -> str:
    """The variable to differentiate by: the one named, else the only one or ``x``; ValueError if that is open."""
    names = tree.variables
    if variable is None:
        if len(names) > 1 and "x" not in names:
            raise ValueError(f"{tree} has the variables {', '.join(names)}; say which: variable={names[0]!r}")
        return names[0] if len(names) == 1 else "x"
    read = parse(variable).root
    if isinstance(read, Variable):
        return read.name
    raise ValueError(f"{variable!r} is no variable; write a name such as 'x'")
