"""Numbers and lists as they stand in sentences: of findings, captions, pages and messages alike."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

POWERS_FROM = 1e6
"""From here on numbers are told by their power of ten, which Python's own way of writing does below 0.0001."""
DIGITS = 9
"""Of a value of which it is not known how far it may be off; by eye."""
POWERS_BELOW = 0.01
"""A list with powers of ten has them below this: 1e-03 beside 1e-05, yet 0.3 and 1 as they are."""

ROUNDING = 1e-9
"""Of a share in percent: 100 * 0.29 is 28.999999999999996."""


def percent(share: float) -> str:
    """Return a share in percent.

    Examples
    --------
    >>> percent(0.01234)
    '1.23 %'
    """
    return f"{100 * share:.3g} %"


def number(value: float, digits: int = 2) -> str:
    """Return a number with so many digits: one below 0.0001 or from a million on by its power of ten.

    Examples
    --------
    >>> number(1.0), number(0.0002), number(0.000032), number(123.4), number(2.5e7), number(0.0)
    ('1', '0.0002', '3.2e-05', '123', '2.5e+07', '0')
    """
    whole = 10.0**digits <= abs(float(f"{value:.{digits - 1}e}")) < POWERS_FROM
    return f"{value:.0f}" if whole else f"{value:.{digits}g}"


def numbers(values: Iterable[float], digits: int = 2) -> list[str]:
    """Return the numbers of one list: below 0.01 all of them by their powers of ten, if one must be.

    Examples
    --------
    >>> numbers([0.01, 0.0001]), numbers([1.0, 0.01, 0.001, 0.00001])
    (['0.01', '0.0001'], ['1', '0.01', '1e-03', '1e-05'])
    """
    texts = [number(value, digits) for value in values]
    if not any("e-" in text for text in texts):
        return texts
    return [_power(text, digits) if 0.0 < abs(float(text)) < POWERS_BELOW else text for text in texts]


def _power(text: str, digits: int) -> str:
    return re.sub(r"[.]?0*e", "e", f"{float(text):.{digits - 1}e}")


def digits_of(value: float, bar: float) -> int:
    """Return how many digits a value is good for: those before the one at which its bar begins.

    Examples
    --------
    >>> digits_of(4.0001999999987845, 9e-12), digits_of(1e-20, 3e-17), digits_of(2.8, math.nan)
    (12, 1, 9)
    """
    if not (value and 0.0 < bar < math.inf):
        return DIGITS
    return min(max(math.floor(math.log10(abs(value))) - math.floor(math.log10(bar)), 1), 17)


def at_point(function: str, x: float, digits: int = 6) -> str:
    """Return a function and a point of it.

    Examples
    --------
    >>> at_point("sin", 0.5)
    'sin at x = 0.5'
    """
    return f"{function} at x = {x:.{digits}g}"


def in_brackets(title: str) -> str:
    """Return what stands behind a word to say which panel is meant, nothing of a figure with one panel.

    Examples
    --------
    >>> in_brackets("exp at x = 1"), in_brackets("")
    (' (exp at x = 1)', '')
    """
    return f" ({title})" if title else ""


def in_percent(share: float) -> float:
    """Return a share in percent with two decimals, never rounded up to a whole percent: nearly all is not all.

    Examples
    --------
    >>> in_percent(2 / 3), in_percent(0.99999), in_percent(0.949999), in_percent(0.29), in_percent(math.nan)
    (66.67, 99.99, 94.99, 29.0, nan)
    """
    exact = 100.0 * share
    rounded = round(exact, 2)
    reached = rounded <= exact + ROUNDING or not float(rounded).is_integer()
    return float(rounded) if reached else math.floor(100.0 * exact) / 100.0


def percent_reached(share: float) -> str:
    """Return a share in percent that is never rounded up to a whole percent.

    Examples
    --------
    >>> percent_reached(0.99999), percent(0.99999), percent_reached(2 / 3)
    ('99.99 %', '100 %', '66.67 %')
    """
    return f"{in_percent(share):g} %"


def listed(words: Sequence[str]) -> str:
    """Return the words with commas, and `and` before the last.

    Examples
    --------
    >>> listed(["sin", "cos", "tan"])
    'sin, cos and tan'
    """
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def first_of(words: Sequence[str], count: int, *, separator: str = ", ") -> str:
    """Return the first words, and how many more there are.

    Examples
    --------
    >>> first_of(["sin", "cos", "tan"], 2), first_of(["sin", "cos"], 2)
    ('sin, cos and 1 more', 'sin, cos')
    """
    more = f" and {len(words) - count} more" if len(words) > count else ""
    return f"{separator.join(words[:count])}{more}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1.

    Examples
    --------
    >>> counted(1, "error"), counted(3000, "error")
    ('1 error', '3,000 errors')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def part_of(number: int, total: int, noun: str) -> str:
    """Return how many of all there are, in words where these are all or none.

    Examples
    --------
    >>> part_of(3, 18, "sweep"), part_of(18, 18, "sweep"), part_of(2, 2, "sweep"), part_of(1, 1, "sweep")
    ('3 of 18 sweeps', 'all 18 sweeps', 'both sweeps', 'the one sweep')
    >>> part_of(0, 18, "sweep")
    'no sweep'
    """
    if number == total:
        return {1: f"the one {noun}", 2: f"both {noun}s"}.get(total, f"all {total:,} {noun}s")
    return f"{number:,} of {counted(total, noun)}" if number else f"no {noun}"


def duration(seconds: float) -> str:
    """Return a time in the unit that fits it, with three digits.

    Examples
    --------
    >>> duration(0.00123), duration(90.0), duration(7200.0)
    ('1.23 ms', '90 s', '2 hours')
    """
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2.0 * length:
            return f"{seconds / length:.3g} {unit}"
    if seconds >= 1.0:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"
