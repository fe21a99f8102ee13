"""Columns that several studies have, declared once; a table takes them as its bases or declares them as its own."""

from __future__ import annotations

from types import MappingProxyType

from experiments.study import Rows, Rule, column, key

STATUS = column("ok, or why there is no error: see STATUSES")
ESTIMATE = column("the numerical derivative, divided by the step really taken", moves={"column": "rounding"})
PREDICTION: Rule = MappingProxyType({"relative": 0.01})
"""How far rounding may move what is predicted from derivatives in float64: derivkit.trusted.bounds.DISAGREEMENT."""


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
