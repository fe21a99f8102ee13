"""Entries of gradients and Hessians beside their truths, with the evaluations counted from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.multivariate.partial import gradient, hessian
from derivkit.multivariate.result import Gradient
from derivkit.testing.attainability import covered
from derivkit.testing.cases import Comparisons
from derivkit.testing.gradients import Landscape, Partials
from derivkit.testing.statements import Counter
from derivkit.trusted.truth import Truth
from derivkit.types import Array, Indices


@dataclass(frozen=True, kw_only=True, eq=False)
class EntryCases(Comparisons):
    """Entries of gradients or Hessians beside the truth; the evaluations are those for all entries of one.

    Attributes
    ----------
    variables : ndarray of int
        Of the function.
    largest : ndarray
        The largest true entry of the same gradient or Hessian, in absolute value.
    """

    variables: NDArray[Any]
    largest: Array

    @property
    def relative_bar(self) -> Array:
        """The bar over |derivative|."""
        with np.errstate(all="ignore"):
            return np.asarray(self.error / np.abs(self.truth))

    @property
    def error_in_all(self) -> Array:
        """The true error over the largest entry."""
        with np.errstate(all="ignore"):
            return np.asarray(self.true_error / self.largest)


@dataclass(frozen=True)
class EntryMethod:
    """What gives all derivatives of one order at a point.

    Attributes
    ----------
    name : str
        That of the public function.
    order : int
        Of the derivatives.
    call : callable
        Of f and the point.
    truth : callable
        Of a landscape and the point.
    """

    name: str
    order: int
    call: Callable[..., Gradient]
    truth: Callable[[Landscape, Array], Partials]

    def indices(self, size: int) -> tuple[Indices, ...]:
        """Of the entries for so many variables, those on and above the diagonal of a Hessian, row by row."""
        return np.triu_indices(size) if self.order > 1 else (np.arange(size),)

    def entries(self, size: int) -> list[str]:
        """What these are called: the indices with commas between."""
        return [",".join(map(str, index)) for index in zip(*self.indices(size), strict=True)]


@dataclass(frozen=True, kw_only=True)
class Account:
    """How often f was called for a gradient or a Hessian.

    Attributes
    ----------
    counted, distinct, claimed : int
        Calls as counted from outside, with how many different arguments, and evaluations as the method says.
    """

    counted: int
    distinct: int
    claimed: int


def entry_cases(method: EntryMethod, landscape: Landscape, x: Array) -> tuple[EntryCases, Account]:
    """What a method says of the derivatives of a landscape at a point, beside the truth.

    Parameters
    ----------
    method : EntryMethod
        What is judged.
    landscape : Landscape
        The function.
    x : ndarray, shape ``(landscape.size,)``
        The point.

    Returns
    -------
    EntryCases
        The entries, those of a Hessian on and above the diagonal.
    Account
        What they cost.

    Examples
    --------
    >>> from derivkit.testing.gradients import LANDSCAPES
    >>> cases, account = entry_cases(ENTRY_METHODS["gradient"], LANDSCAPES[0], np.array([0.5, 2.0]))
    >>> cases.covered.tolist(), account.counted == account.claimed
    ([True, True], True)
    """
    f = Counter(landscape)
    result, known = method.call(f, x), method.truth(landscape, x)
    which = method.indices(x.size)
    truth = Truth(known.value[which], np.zeros(known.value[which].shape))
    value, error = np.asarray(result.value)[which], np.asarray(result.error)[which]
    alike = {"function": landscape.name, "variables": x.size, "evaluations": f.calls}
    alike["largest"] = float(np.max(np.abs(known.value)))
    cases = EntryCases(
        value=value,
        error=error,
        status=np.asarray(result.status)[which],
        truth=truth.high,
        true_error=truth.distance(value),
        covered=covered(value, error, truth),
        **{name: np.full(value.shape, same) for name, same in alike.items()},
    )
    return cases, Account(counted=f.calls, distinct=f.arguments, claimed=result.evaluations)


ENTRY_METHODS: Mapping[str, EntryMethod] = MappingProxyType({
    "gradient": EntryMethod("gradient", 1, gradient, Landscape.gradient),
    "hessian": EntryMethod("hessian", 2, hessian, Landscape.hessian),
})  # fmt: skip
"""What is judged, by name."""
