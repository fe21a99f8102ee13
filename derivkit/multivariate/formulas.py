"""Formulas of several variables as functions of parameters, which hold the variables by name or in a vector."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.arguments import check_function, counted, is_formula
from derivkit.asker import Calling, SelfDescribing
from derivkit.expressions.evaluation import named_function
from derivkit.expressions.expression import expression_of
from derivkit.expressions.tree import Expression
from derivkit.function import function_of
from derivkit.multivariate.structure import Structure


@dataclass(frozen=True)
class PointFormulas(SelfDescribing):
    """Formulas as one function of a point, or of many.

    Attributes
    ----------
    formulas : tuple of Expression
    variables : tuple of str
        In the order of the entries of a vector.
    single : bool
        Whether the one formula gives a number, not a vector of one.

    Examples
    --------
    >>> f = PointFormulas((expression_of("x*y"),), ("x", "y"), single=True)
    >>> f(np.array([[3.0, 5.0], [2.0, 4.0]])).tolist(), f({"y": 5.0, "x": 3.0})
    ([15.0, 8.0], 15.0)
    """

    formulas: tuple[Expression, ...]
    variables: tuple[str, ...]
    single: bool

    def calling(self) -> Calling:
        """It takes many points in an array."""
        return Calling(self, vectorized=True)

    def __call__(self, x: Any) -> Any:
        """Their values, those of many points along the first axis.

        Parameters
        ----------
        x : float, array_like, mapping or series
            Shape ``(n,)`` or ``(k, n)`` for n variables; of one variable also any other.

        Returns
        -------
        float or ndarray
        """
        values = [self._value(formula, x) for formula in self.formulas]
        return values[0] if self.single else np.stack(values, axis=-1)

    def _value(self, formula: Expression, x: Any) -> Any:
        if hasattr(x, "keys"):
            return named_function(formula)({name: x[name] for name in formula.variables})
        columns = np.moveaxis(np.asarray(x), -1, 0) if len(self.variables) > 1 else [x]
        return named_function(formula)(dict(zip(self.variables, columns, strict=False)))


def function_at(f: Any, structure: Structure, example: str) -> Callable[..., Any]:
    """A function of points of a structure: f itself, or what a formula, or a list of several, stands for.

    Parameters
    ----------
    f : callable, str, Expression, or a list or tuple of formulas
        Whose variables are keys of x, or its entries in the order of `vector_order`.
    structure : Structure
        Of x.
    example : str
        A call that works, for the refusal of what is neither.

    Raises
    ------
    TypeError, ValueError
        If f is no function and no formula, or its variables are not those of x.

    Examples
    --------
    >>> function_at("x*y", Structure.of([3.0, 5.0]), "")(np.array([3.0, 5.0]))
    15.0
    """
    several = isinstance(f, list | tuple) and bool(f) and all(map(is_formula, f))
    if not (several or is_formula(f)):
        check_function(f, example)
        return f  # type: ignore[no-any-return]  # which is callable
    formulas = tuple(map(expression_of, f if several else [f]))
    names = list(dict.fromkeys(name for formula in formulas for name in formula.variables))
    if len(names) < 2 and not several and _keys(structure) is None:
        return function_of(formulas[0])
    return PointFormulas(formulas, _variables_in(names, structure), single=not several)


def claim_at(claim: Any, f: Callable[..., Any], structure: Structure) -> Any:
    """Claimed derivatives as a function of points, if one of them is a formula; else as they are.

    Parameters
    ----------
    claim : object
        A formula, or a nesting of formulas and numbers; or what holds none.
    f : callable
        The function, as of `function_at`, which tells the order of the variables.
    structure : Structure
        Of x.

    Raises
    ------
    ValueError
        If the claim has variables that x has not.

    Examples
    --------
    >>> x = Structure.of([3.0, 5.0])
    >>> claim_at(["y", "x"], function_at("x*y", x, ""), x)(np.array([3.0, 5.0]))
    [5.0, 3.0]
    """
    names = list(dict.fromkeys(_names(claim)))
    if not _has_formula(claim):
        return claim
    known = f.variables if isinstance(f, PointFormulas) else _variables_in(names, structure)
    if strangers := [name for name in names if name not in known]:
        raise ValueError(f"the claim has {', '.join(strangers)}, f only {', '.join(known)}; write it in these")
    return lambda x: _evaluated(claim, known, x)


def vector_order(names: Iterable[str]) -> list[str]:
    """Names of variables as the entries of a vector: by the alphabet, numbers at their end by size.

    Examples
    --------
    >>> vector_order(["y", "x10", "x2"])
    ['x2', 'x10', 'y']
    """
    return sorted(
        names,
        key=lambda name: [(len(part), part) if part.isdigit() else (0, part) for part in re.findall(r"\d+|\D+", name)],
    )


def _variables_in(names: list[str], structure: Structure) -> tuple[str, ...]:
    """The variables in the order of the entries of x, which has a key for each, or is a vector of them."""
    keys, ordered = _keys(structure), vector_order(names)
    which = f"the formula has the variable{'s' * (len(names) != 1)} {', '.join(names)}"
    if keys is not None:
        if missing := [name for name in names if name not in keys]:
            raise ValueError(f"{which}, and x no {', '.join(missing)}")
        return tuple(names)
    by_name = f"write x by name, {{{', '.join(f'{name!r}: 1.0' for name in names)}}}"
    if names and structure.shape != (len(names),) and (structure.shape, len(names)) != ((), 1):
        raise ValueError(f"{which}, and x {counted(structure.size, 'entry')}; {by_name}")
    if names != ordered and len({name.rstrip("0123456789") for name in names}) > 1:
        raise ValueError(f"{which} in this order, which does not say to which entry of x each belongs; {by_name}")
    return tuple(ordered)


def _keys(structure: Structure) -> list[Any] | None:
    """The keys by which f finds the entries of x: those of a dict or a series; None where there are none."""
    point = structure.restore(structure.flat)
    return list(point.keys()) if hasattr(point, "keys") else None


def _parts(claim: Any) -> Iterable[Any]:
    if isinstance(claim, Mapping):
        return claim.values()
    return claim if isinstance(claim, list | tuple) else ()


def _has_formula(claim: Any) -> bool:
    return is_formula(claim) or any(map(_has_formula, _parts(claim)))


def _names(claim: Any) -> Iterable[str]:
    if is_formula(claim):
        yield from expression_of(claim).variables
    for part in _parts(claim):
        yield from _names(part)


def _evaluated(claim: Any, variables: tuple[str, ...], x: Any) -> Any:
    """The claim with values in the place of its formulas."""
    if is_formula(claim):
        return PointFormulas((expression_of(claim),), variables, single=True)(x)
    if isinstance(claim, Mapping):
        return {key: _evaluated(part, variables, x) for key, part in claim.items()}
    return [_evaluated(part, variables, x) for part in claim] if isinstance(claim, list | tuple) else claim
