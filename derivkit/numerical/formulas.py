"""THE table of difference formulas.

Fornberg (Mathematics of Computation 51:699-706, 1988) prints the weights of central formulas (table 1) and of one-sided
formulas (table 3) for derivatives up to the fourth. A formula of order p for the d-th derivative stands on the fewest
points that can reach that order: d + p neighbours on one side, or (d + 1) // 2 + p // 2 - 1 on either side, where
symmetry gives one order for nothing. A row states offsets, order and source; its weights are derived and its order is
checked when it is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from types import MappingProxyType

from derivkit.arguments import nearest, shown, whole
from derivkit.numerical.stencil import Stencil, lagrange_weights, stencil

DERIVATIVES = range(1, 5)
ONE_SIDED = "Fornberg 1988, table 3"
CENTRAL = "Fornberg 1988, table 1"


def row(name: str, derivative: int, offsets: Iterable[int], *, order: int, source: str) -> Stencil:
    """A formula from what its source states: the offsets, and the order that it claims for them."""
    return Stencil(name, *lagrange_weights(tuple(offsets), derivative=derivative), derivative, order, source)


ROWS = (
    *(row(f"forward_{p}", d, range(d + p), order=p, source=ONE_SIDED) for p in range(1, 9) for d in DERIVATIVES),
    *(
        row(f"backward_{p}", d, range(1 - d - p, 1), order=p, source=ONE_SIDED)
        for p in range(1, 9)
        for d in DERIVATIVES
    ),
    *(
        row(f"central_{p}", d, range(-m, m + 1), order=p, source=CENTRAL)
        for p in (2, 4, 6, 8)
        for d in DERIVATIVES
        for m in [(d + 1) // 2 + p // 2 - 1]
    ),
)

FORMULAS = MappingProxyType({(entry.name, entry.derivative): entry for entry in ROWS})
WRITTEN = re.compile(r"\w*\[(?P<offsets>[^\[\]]*)\]")
"""A name that carries its offsets."""
NAMES = tuple(dict.fromkeys(entry.name for entry in ROWS))


def formulas(derivative: int | None = None) -> tuple[Stencil, ...]:
    """The formulas of the table: all of them, or those for one derivative.

    Parameters
    ----------
    derivative : int, optional
        Order of the derivative, 1 to 4; all orders if not given.

    Returns
    -------
    tuple of Stencil
        Forward, backward, central, each by rising order of accuracy.

    Raises
    ------
    ValueError
        If the table has no formula for that derivative.

    Examples
    --------
    >>> [entry.name for entry in formulas(2) if entry.order == 2]
    ['forward_2', 'backward_2', 'central_2']
    """
    if derivative is None:
        return ROWS
    order = whole("derivative", derivative, DERIVATIVES[0], DERIVATIVES[-1])
    return tuple(entry for entry in ROWS if entry.derivative == order)


def stencil_of(entry: str | Stencil, derivative: int = 1) -> Stencil:
    """A formula by its name in the table, or any stencil as it is.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If the table has no formula of that name.
    """
    if isinstance(entry, Stencil):
        return entry
    if not isinstance(entry, str):
        raise TypeError(f"formula={shown(entry)}: write the name of a formula, such as 'central_2', or a dk.stencil")
    return formula(entry, derivative)


def stencils_of(formulas: Iterable[str | Stencil], derivative: int = 1) -> tuple[Stencil, ...]:
    """Formulas by name or as stencils.

    Raises
    ------
    TypeError
        If they are not in a row.
    """
    if isinstance(formulas, str | Stencil) or not isinstance(formulas, Iterable):
        raise TypeError(f"formulas={shown(formulas)}: write them in a row, such as ['central_2', 'central_4']")
    return tuple(stencil_of(entry, derivative) for entry in formulas)


def formula(name: str, derivative: int = 1) -> Stencil:
    """The formula of that name for a derivative of that order.

    Parameters
    ----------
    name : str
        ``forward_1`` to ``forward_8``, ``backward_1`` to ``backward_8``, ``central_2``, ``central_4``, ``central_6``,
        ``central_8``: the number is the order of accuracy. Or any name with offsets behind it, as in
        ``skew_3[-1,0,1,2]``, which is the most accurate formula on these: so a table that names it says what it is.
    derivative : int
        Order of the derivative, 1 to 4.

    Returns
    -------
    Stencil

    Raises
    ------
    ValueError
        If the table has no such formula; the message names the nearest.

    Notes
    -----
    Fornberg, *Mathematics of Computation* 51:699-706, 1988.

    Examples
    --------
    >>> [str(w) for w in formula("central_4").weights]
    ['1/12', '-2/3', '2/3', '-1/12']
    >>> formula("skew_3[-1,0,1,2]").order
    3
    """
    if written := WRITTEN.fullmatch(name):
        return _written(name, written["offsets"], derivative)
    if name not in NAMES:
        raise ValueError(f"no formula named {shown(name)}; {nearest(name, NAMES)}")
    orders = [d for n, d in FORMULAS if n == name]
    if derivative not in orders:
        raise ValueError(
            f"formula {name!r} has no row for derivative {shown(derivative)}; it has {', '.join(map(str, orders))}"
        )
    return FORMULAS[name, derivative]


@cache
def _written(name: str, offsets: str, derivative: int) -> Stencil:
    try:
        points = [Fraction(offset) for offset in offsets.split(",")]
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"formula {shown(name)}: offsets are numbers; write such as [-1,0,1/2]") from None
    return stencil(points, derivative, name=name, source="Lagrange interpolation on the offsets in its name")
