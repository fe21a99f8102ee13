"""THE table of methods that choose their own steps and put a bar on their error: each enters it where it is defined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from numpy.typing import ArrayLike

from derivkit.types import FunctionLike

Callee = TypeVar("Callee", bound=Callable[..., Any])


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
        The orders of the derivative that it knows; those above 1 are requested by the keyword ``order``.
    """

    name: str
    call: Callable[..., Any]
    source: str
    orders: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError(f"{self.name}: a method needs its source")

    def __call__(self, f: FunctionLike, x: ArrayLike, **keywords: Any) -> Any:
        """The derivative of f at x."""
        return self.call(f, x, **keywords)


_ROWS: dict[str, Method] = {}
METHODS: Mapping[str, Method] = MappingProxyType(_ROWS)


def method(source: str, orders: tuple[int, ...] = (1,)) -> Callable[[Callee], Callee]:
    """Enter a function into the table by its own name.

    Parameters
    ----------
    source : str
        Where the method is printed.
    orders : tuple of int
        The orders of the derivative that it knows.

    Returns
    -------
    callable
        A decorator, which leaves the function as it is.
    """

    def enter(call: Callee) -> Callee:
        _ROWS[call.__name__] = Method(call.__name__, call, source, orders)
        return call

    return enter
