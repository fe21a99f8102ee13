"""What a check of a gradient found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from derivkit.presentation import Display
from derivkit.types import Array, Texts

AGREE, DISAGREE, UNRESOLVED = "agree", "disagree", "unresolved"


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """An entry of a gradient that is wrong.

    Attributes
    ----------
    index : int
        Its place in the flat gradient, the arrays of a structure one after the other; of a matrix in ``ravel()``.
    name : str
        What it is called, such as ``x['W1'][3, 0]``.
    claimed, numeric : float
        What the gradient says, and what was measured.
    error : float
        The error bar of the latter.

    Examples
    --------
    >>> print(Suspect(index=1, name="x[1]", claimed=8.0, numeric=2.0, error=1e-13))
    x[1] claims 8, measured 2 ± 1e-13
    """

    index: int
    name: str
    claimed: float
    numeric: float
    error: float

    def __str__(self) -> str:
        return f"{self.name} claims {self.claimed:.10g}, measured {self.numeric:.10g} ± {self.error:.1g}"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GradientCheck(Display):
    """Whether a gradient is that of its function; true where the verdict is ``agree``, and there alone.

    Attributes
    ----------
    verdict : str
        ``agree``; ``disagree``; ``unresolved`` where the values of f do not tell.
    error : float
        Size (2-norm) of the error of the gradient, as estimated; where the verdict is ``agree``, that of what is
        measured, which its bars explain.
    interval : tuple of float
        Where this size is with a probability of 95 %.
    detectable : float
        The least size of an error that would have been noticed with a probability of 99 %.
    norm : float
        Size of the gradient as claimed.
    kind : str
        What kind of mistake it is, empty where it is not known.
    factor : float or None
        By which the place is multiplied, where the mistake is a factor.
    place : str
        Where the mistake is: an entry or an array.
    suspects : tuple of Suspect
        Entries that are wrong, at most 8, the largest error first.
    evaluations : int
        Calls of f.
    seed : int
        Of the directions.
    message : str
        What was found, and what to do.
    claimed, measured, bars : ndarray, shape ``(k, m)``
        Products of the claimed derivatives of the m values of f with k directions, those measured, and their bars.
    statuses : ndarray of str, shape ``(k, m)``
        What became of these measurements.

    Examples
    --------
    >>> import derivkit as dk
    >>> check = dk.check_gradient(lambda x: x[0] ** 2 + 3 * x[1], [2.0, 4.0], [1.0, 2.0])
    >>> check.verdict, check.suspects[0].name, check.suspects[0].claimed
    ('disagree', 'x[1]', 4.0)
    >>> bool(check)
    False
    """

    SHOWN: ClassVar[tuple[str, ...]] = (
        *("verdict", "error", "detectable", "kind", "factor", "place", "suspects", "evaluations"),
    )
    DETAILS: ClassVar[tuple[str, ...]] = ("interval", "message")

    verdict: str
    error: float
    interval: tuple[float, float]
    detectable: float
    norm: float
    kind: str
    factor: float | None
    place: str
    suspects: tuple[Suspect, ...]
    evaluations: int
    seed: int
    message: str
    claimed: Array
    measured: Array
    bars: Array
    statuses: Texts

    def __str__(self) -> str:
        return self.message

    def __bool__(self) -> bool:
        """Whether the verdict is ``agree``."""
        return self.verdict == AGREE
