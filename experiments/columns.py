"""Columns that several studies have, declared once; a table takes them as its bases or declares them as its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from experiments.study import Rows, Rule, column, key

STATUS = column("ok, or why there is no error: see STATUSES")
ESTIMATE = column("the numerical derivative, divided by the step really taken", moves={"column": "rounding"})
PREDICTION: Rule = MappingProxyType({"relative": 0.01})
"""How far rounding may move what is predicted from derivatives in float64: derivkit.trusted.bounds.DISAGREEMENT."""


def table_of(name: str, summary: str, columns: Mapping[str, tuple[type, Any]], *, module: str) -> type[Rows]:
    """A table of a study whose columns are called as methods or verdicts are.

    Parameters
    ----------
    name, summary
        Of the class, and what it says of itself.
    columns
        Their types, and what `key` and `column` make.
    module
        The study.
    """
    kinds = {column: kind for column, (kind, _) in columns.items()}
    rows = {column: field for column, (_, field) in columns.items()}
    return type(name, (Rows,), {"__annotations__": kinds, "__doc__": summary, "__module__": module, **rows})


class Function(Rows, table=None):
    """A function."""

    function: str = key("name of the function")


class Problem(Function, table=None):
    """A function and what it computes."""

    expression: str = column("what it computes")


class Point(Function, table=None):
    """A function at a point."""

    x: float = key("the point")


class Formula(Rows, table=None):
    """A difference formula."""

    method: str = key("the difference formula", axis="series")


class Step(Formula, table=None):
    """A difference formula with a delta."""

    delta: float = key("the nominal step size", axis="x")


class Precision(Rows, table=None):
    """A floating-point type."""

    precision: str = key("the floating-point type in which everything is computed")


class Network(Rows, table=None):
    """A network."""

    network: str = key("name of the network")


class Graph(Rows, table=None):
    """Points of lines that a figure shows."""

    line: str = key("f, or which line", axis="series")
    t: float = key("abscissa", axis="x", label="x")
    y: float = column("ordinate", axis="y", label="f(x)")


class Figure(Rows, table=None):
    """A figure of the preset."""

    figure: str = key("the figure")


class Element(Rows, table=None):
    """An element of a figure of the kind ``scene``, without its place."""

    order: int = key("number of the element, in the order of drawing")
    element: str = column("line, guide (dashed), points, text, or axes (two opposite corners)")
    color: str = column("its color")
    label: str = column("its name in the legend, or the text itself", axis="label")


MAX_LINES, MAX_LETTERS = 40, 160
"""Longest calculation, and longest line of it, that is drawn: beyond, a figure could not be read; by eye."""


class Piece(Rows, table=None):
    """A piece of a line of a calculation, as a figure of the kind ``steps`` sets it."""

    line: int = column("number of the line, from 0", axis="line")
    position: int = column("number of the piece in its line, from 0")
    text: str = column("the piece; of a fraction the numerator")
    below: str = column("the denominator of a fraction, else empty")
    raised: bool = column("whether it is an exponent")
    mark: bool = column("whether the next line acts on it, drawn in red")
    arrow: int = column("position of the piece to whose front an arc runs from here, or -1")
    note: str = column("on the first piece of a line: what the next line does")


class Exponents(Rows, table=None):
    """The exponents of the law error = a delta^p + b delta^-q, fitted to a sweep, beside theory."""

    order: float = column("order of accuracy in theory")
    order_observed: float = column("p in error = a delta^p + b delta^-q, fitted to the sweep")
    growth: float = column("growth of rounding in theory: the order of the derivative")
    growth_observed: float = column("q in the same fit")


# What is claimed, beside the truth. Points are drawn by an exp, which is right to 2 ulp. Two answers lie apart by no
# more than both their bars, which is what a bar says; how long it is, from which step it comes, and with it the status,
# is the outcome of a search. The errors of f are its rounding itself. Some programs hold constants as libm rounds them,
# such as cosh(1/16): another libm makes another function, with other low digits of truth.
SEARCH: Rule = {"follows": ()}
OUTCOME: Rule = {"follows": ("true_error", "error", "attainable")}
VERDICT: Rule = {"follows": ("error", "attainable")}


class Category(Rows, table=None):
    """What kind of function it is."""

    category: str = column("what kind of function it is")


class Judged(Rows, table=None):
    """What a method says at a point, beside the truth."""

    x: float = key("the point, drawn from the seed; no point is there twice", moves={"relative": 2.0**-51})
    value: float = column("what the method says", moves={"column": "error"})
    error: float = column("its bar; infinite where it refuses", moves=SEARCH)
    status: str = column("its status", moves=VERDICT)
    evaluations: int = column("values of f that it charges to the point", moves=SEARCH)
    truth: float = column(
        "the float nearest to the derivative; none where no derivative exists", moves={"follows": ("x",)}
    )
    truth_low: float = column("the derivative is truth + truth_low, to 31 digits", moves=SEARCH)
    attainable: float = column(
        "A: the error of the best difference formula at its best step, chosen knowing the truth", moves=SEARCH
    )
    slack: float = column("what nobody can see from outside, in the unit of the derivative")
    true_error: float = column(
        "|value - derivative|", moves={"follows": ("value", "truth", "truth_low")}, between=("value", "truth")
    )
    covered: bool = column("whether true_error <= error + half an ulp of the truth + slack", moves=OUTCOME)
    miss: float = column("(true_error - half an ulp - slack) / error; above 1 the bar is too short", moves=OUTCOME)
    tightness: float = column("error / max(true_error, half an ulp, A)", moves=OUTCOME)
    loss: float = column(
        "max(true_error, half an ulp) / max(A, half an ulp); none where A > 1e-3 |truth|", moves=OUTCOME
    )
    counts: bool = column(
        "whether a missing answer counts: A < 0.1 |truth|, and f has six finite values on one side beyond 1024 ulp",
        moves=VERDICT,
    )
