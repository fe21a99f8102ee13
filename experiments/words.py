"""Numbers and lists as they stand in sentences: of findings, captions, pages and messages alike."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percent(share: float) -> str:
    """Return a share in percent.

    Examples
    --------
    >>> percent(0.01234)
    '1.23 %'
    """
    return f"{100 * share:.3g} %"


def two_digits(error: float, zero: str = "0") -> str:
    """Return an error with two digits, or what stands for none.

    Examples
    --------
    >>> two_digits(0.00123), two_digits(0.0)
    ('1.2e-03', '0')
    """
    return f"{error:.1e}" if error else zero


def with_bar(value: float, bar: float) -> str:
    """Return a value to the digit at which its bar begins, and the bar.

    Examples
    --------
    >>> with_bar(0.182509097749863, 3.6e-14), with_bar(1234.5678, 0.22), with_bar(1e-20, 3e-17)
    ('0.18250909774986 ± 3.6e-14', '1234.6 ± 0.22', '1e-20 ± 3e-17')
    """
    if not (value and 0.0 < bar < math.inf):
        return f"{value:g} ± {bar:.2g}"
    digits = math.floor(math.log10(abs(value))) - math.floor(math.log10(bar)) + 1
    return f"{value:#.{min(max(digits, 1), 17)}g}".rstrip(".").replace(".e", "e") + f" ± {bar:.2g}"


def at_point(function: str, x: float, digits: int = 6) -> str:
    """Return a function and a point of it.

    Examples
    --------
    >>> at_point("sin", 0.5)
    'sin at x = 0.5'
    """
    return f"{function} at x = {x:.{digits}g}"


def percent_reached(share: float) -> str:
    """Return a share in percent that is never rounded up: nearly all is not all.

    Examples
    --------
    >>> percent_reached(0.99999), percent(0.99999)
    ('99.99 %', '100 %')
    """
    return f"{math.floor(share * 10_000.0 + 1e-9) / 100.0:g} %"


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
