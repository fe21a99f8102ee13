"""THE table of methods that choose their own steps and put a bar on their error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from numpy.typing import ArrayLike

from derivkit.numerical.adaptive import Derivative, derivative
from derivkit.numerical.complex_step import complex_step
from derivkit.numerical.estimate import Estimate
from derivkit.numerical.extrapolation import gsl_central, richardson, ridders


@dataclass(frozen=True)
class Method:
    """A method of the table: called as ``method(f, x, **keywords)``.

    Attributes
    ----------
    name : str
        What the method is called in tables and configurations.
    call : callable
        Of f, x and keywords of its own; gives an Estimate, or a Derivative.
    source : str
        Where the method is printed.
    orders : tuple of int
        The orders of the derivative that it knows; those above 1 are asked for by the keyword ``order``.
    """

    name: str
    call: Callable[..., Estimate | Derivative]
    source: str
    orders: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError(f"{self.name}: a method needs its source")

    def __call__(self, f: Callable[..., Any], x: ArrayLike, **keywords: Any) -> Estimate | Derivative:
        """The derivative of f at x."""
        return self.call(f, x, **keywords)


ROWS = (
    Method("complex_step", complex_step, "Lyness and Moler 1967; Squire and Trapp 1998"),
    Method("derivative", derivative, "ours: step ladders whose plateau of noise is measured", (1, 2, 3, 4)),
    Method("gsl_central", gsl_central, "GNU Scientific Library reference manual, Numerical Differentiation"),
    Method("richardson", richardson, "Richardson 1911; Richardson and Gaunt 1927"),
    Method("ridders", ridders, "Ridders 1982"),
)

METHODS: Mapping[str, Method] = MappingProxyType({entry.name: entry for entry in ROWS})
