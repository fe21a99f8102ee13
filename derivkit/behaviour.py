"""How f behaves when it is called: what it raises, whether it computes in float32, whether two of its values agree.

The asker records it while it calls f; results quote it in their messages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import described
from derivkit.types import Array

FLOAT32_DIGITS = 24
"""Binary digits of a number of float32."""
FRACTION_DIGITS = 20
"""So many of the 24 binary digits of a float32 number must be in use before it is taken for one."""
POINTS_EXAMINED = 64
"""Of a call: an f that computes in float64 shows it at the first, and one that does not is known from a few."""
MIN_SHORT_VALUES = 4
"""So many such values tell a function that computes in float32 from one whose values are short by chance."""
FLOAT32 = (
    "f computes in float32 or a shorter type, with 7 digits at most: let it compute in float64, as with "
    "dtype=np.float64 in NumPy or torch.as_tensor(x, dtype=torch.float64) in PyTorch."
)


@dataclass(frozen=True, kw_only=True)
class Raised:
    """An exception that f raised, and where.

    Attributes
    ----------
    message : str
        Its type and its message, in one line, as at the first point.
    point : float or ndarray
        The first point.
    count : int
        Points at which f raised an exception of this type.
    """

    message: str
    point: float | Array
    count: int

    def __str__(self) -> str:
        return f"{self.message}, first at {self.point!r}"


class Failures:
    """The exceptions of an f, one entry for each type.

    Attributes
    ----------
    remark : str
        What is added to their messages.
    grave : bool
        Whether one of them is more than an arithmetic error or a ValueError, which mean that f is undefined there.

    Examples
    --------
    >>> failures = Failures()
    >>> failures.note(ZeroDivisionError("division by zero"), 0.0)
    >>> failures.raised
    (Raised(message='ZeroDivisionError: division by zero', point=0.0, count=1),)
    """

    def __init__(self) -> None:
        self._raised: dict[str, Raised] = {}
        self.remark = ""
        self.grave = False

    @property
    def raised(self) -> tuple[Raised, ...]:
        """What f raised, by type, in the order of first appearance."""
        return tuple(replace(entry, message=f"{entry.message}{self.remark}") for entry in self._raised.values())

    def note(self, error: Exception, point: float | Array) -> None:
        """Count an exception; the message and the point of the first of its type are stored."""
        kind = type(error).__name__
        first = self._raised.get(kind)
        self.grave |= not isinstance(error, ArithmeticError | ValueError)
        self._raised[kind] = (
            replace(first, count=first.count + 1) if first else Raised(message=described(error), point=point, count=1)
        )


class Mantissas:
    """Whether all values of f so far have no more binary digits than float32, though their points have.

    Examples
    --------
    >>> digits = Mantissas()
    >>> x = np.linspace(0.1, 0.9, 9)
    >>> digits.examine(x, np.sin(x, dtype=np.float32).astype(np.float64))
    >>> digits.float32
    True
    """

    def __init__(self) -> None:
        self._short = True
        self._used = 0

    @property
    def float32(self) -> bool:
        """True if that can be told from chance."""
        return self._short and self._used >= MIN_SHORT_VALUES

    def examine(self, x: Array, values: Array) -> None:
        """Look at the first values of a call and the points they belong to, shape ``(k, ...)`` each."""
        last = min(len(x), POINTS_EXAMINED) - 1
        if not self._short or (x.ndim == values.ndim == 1 and _is_long(x[last]) and _is_long(values[last])):
            self._short = False
            return
        with np.errstate(all="ignore"):
            rows = x[:POINTS_EXAMINED].reshape(min(len(x), POINTS_EXAMINED), -1)
            chosen = values[: len(rows)].reshape(len(rows), -1)[(rows != rows.astype(np.float32)).any(axis=1)]
            chosen = chosen[np.isfinite(chosen)]
            self._short = fits_float32(chosen)
        # whole numbers may be short of themselves
        self._used += long_values(chosen[chosen != np.rint(chosen)])


def _is_long(value: float) -> bool:
    """Whether a finite number has more digits than float32."""
    return math.isfinite(value) and not math.ldexp(math.frexp(value)[0], FLOAT32_DIGITS).is_integer()


def fits_float32(values: Array) -> bool:
    """Whether no value has more digits than float32.

    Examples
    --------
    >>> fits_float32(np.array([0.5, np.nan])), fits_float32(np.array([0.1]))
    (True, False)
    """
    with np.errstate(all="ignore"):
        return np.array_equal(values, values.astype(np.float32), equal_nan=True)


def long_values(values: Array) -> int:
    """How many finite values use nearly all of the digits that float32 has, or more.

    Examples
    --------
    >>> long_values(np.array([0.5, 3.0, np.float32(0.1)]))
    1
    """
    digits = np.ldexp(np.frexp(values[np.isfinite(values)])[0], FRACTION_DIGITS - 1)
    return int(np.count_nonzero(digits != np.rint(digits)))


def agree(a: ArrayLike, b: ArrayLike) -> bool:
    """Whether every entry of two arrays, of complex numbers both parts, is within 4 ulp, or in both not a number.

    Examples
    --------
    >>> agree([1.0, np.nan], [1.0 + 2.0**-50, np.nan]), agree(1.0, 1.0 + 2.0**-49)
    (True, False)
    """
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= 4.0 * math.ulp(max(abs(a), abs(b))) or (math.isnan(a) and math.isnan(b))
    p, q = np.asarray(a), np.asarray(b)
    if "c" in (p.dtype.kind, q.dtype.kind):
        return agree(p.real, q.real) and agree(p.imag, q.imag)
    with np.errstate(all="ignore"):
        near = np.abs(p - q) <= 4.0 * np.spacing(np.maximum(np.abs(p), np.abs(q)))
    return bool(np.all(near | (np.isnan(p) & np.isnan(q))))
