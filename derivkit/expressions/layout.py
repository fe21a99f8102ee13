"""How trees are laid out: one walk for every notation, with brackets where an operation binds too weakly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, auto
from fractions import Fraction
from typing import Any, TypeVar

from derivkit.expressions.limits import MAX_DECIMAL_EXPONENT, MAX_DIGITS

T = TypeVar("T")


class Strength(IntEnum):
    """How strongly an operation binds: from what needs brackets in any place to what needs them in none."""

    BRACKETED = auto()
    COMPARED = auto()
    SUM = auto()
    PRODUCT = auto()
    SIGNED = auto()
    POWER = auto()
    ATOM = auto()


@dataclass(frozen=True, slots=True)
class Part:
    """An argument of a node, where it stands in the layout of the node.

    Attributes
    ----------
    index : int
        Which argument; of an argument's argument the index follows in ``deeper``.
    least : Strength
        How strongly it must bind to stand there without brackets.
    raised : bool
        Whether it is an exponent.
    followed : bool or None
        Whether a factor comes behind it, which a d/dx would seem to act on; None: if one comes behind the whole.
    deeper : tuple of int
        Further indices, down to the part that is meant.
    """

    index: int
    least: Strength = Strength.COMPARED
    raised: bool = False
    followed: bool | None = False
    deeper: tuple[int, ...] = ()


Layout = tuple[Strength, Sequence[T | Part]]
"""How strongly a node binds, and what is written: tokens, and parts."""
Place = tuple[Any, int] | None
"""Where a node stands: the place of the node around it, and which of the arguments it is there; None of the root."""


def laid_out(root: Any, layout: Callable[..., Layout[T]], opening: T, closing: T) -> Iterator[tuple[T, Place, bool]]:
    """Yield the tokens of a tree from left to right, with the place of the node of each, and whether it is raised.

    Parameters
    ----------
    root : Node
        The tree.
    layout : callable
        From a node, and the keywords ``raised`` and ``followed``, to its layout.
    opening, closing : token
        The brackets.
    """
    stack: list[tuple[Any, Strength | None, Place, bool, bool]] = [(root, Strength.COMPARED, None, False, False)]
    while stack:
        top, least, place, raised, followed = stack.pop()
        if least is None:
            yield top, place, raised
            continue
        strength, items = layout(top, raised=raised, followed=followed)
        if strength < least:
            items, followed = (opening, *items, closing), False
        for item in reversed(items):
            if isinstance(item, Part):
                part, at = top.arguments[item.index], (place, item.index)
                for index in item.deeper:
                    part, at = part.arguments[index], (at, index)
                behind = followed if item.followed is None else item.followed
                stack.append((part, item.least, at, raised or item.raised, behind))
            else:
                stack.append((item, None, place, raised, False))


def path_of(place: Place) -> tuple[int, ...]:
    """A place as the indices from the root down."""
    path: list[int] = []
    while place is not None:
        place, index = place
        path.append(index)
    return tuple(reversed(path))


def joined(parts: Sequence[Sequence[T | Part]], separator: T) -> list[T | Part]:
    """Parts of a layout with a token between each two of them."""
    items: list[T | Part] = []
    for part in parts:
        items += [separator, *part] if items else part
    return items


def decimal(value: Fraction) -> str:
    """A number that is not negative, exactly as a decimal within the limits of the parser; else an empty text."""
    below = value.denominator
    twos = (below & -below).bit_length() - 1
    fives = 0
    below >>= twos
    while below % 5 == 0:
        below, fives = below // 5, fives + 1
    if value < 0 or below != 1:
        return ""
    places = max(twos, fives)
    whole = str(value.numerator * 10**places // value.denominator)
    digits = whole.rstrip("0") or "0"
    exponent = len(whole) - 1 - places  # value = d.ddd * 10^exponent
    if len(digits) > MAX_DIGITS and places:
        return ""
    if -5 <= exponent < PLAIN_DIGITS:
        plain = _pointed(digits, exponent)
        if sum(map(str.isdigit, plain)) <= MAX_DIGITS:
            return plain
    shift = max(-MAX_DECIMAL_EXPONENT, min(exponent, MAX_DECIMAL_EXPONENT))
    mantissa = _pointed(digits, exponent - shift)
    return f"{mantissa.removeprefix('0') if exponent < shift else mantissa}e{shift}"


PLAIN_DIGITS = 16
"""Numbers of up to so many digits are written without an exponent, as Python writes floats."""


def _pointed(digits: str, exponent: int) -> str:
    """d.ddd * 10^exponent, written out."""
    if exponent < 0:
        return f"0.{'0' * (-exponent - 1)}{digits}"
    whole, rest = digits[: exponent + 1], digits[exponent + 1 :]
    return whole.ljust(exponent + 1, "0") + (f".{rest}" if rest else "")
