"""NumPy's routines on numbers of dk.dual, each written with operations that such numbers know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from derivkit.automatic.numbers import Dispatch, DualNumber, jumps_of
from derivkit.operations.elementary import OPERATIONS
from derivkit.operations.taylor import Series, Taylor
from derivkit.operations.ufuncs import rounded_to, select, sinc, trunc


def _first(values: Sequence[Any]) -> DualNumber:
    return next(v for v in values if isinstance(v, DualNumber))


def _truth(condition: Any) -> Any:
    return condition != 0.0 if isinstance(condition, DualNumber) else condition


def _where(condition: Any, x: Any, y: Any) -> Any:
    chosen = _truth(condition)
    if not isinstance(x, DualNumber) and not isinstance(y, DualNumber):
        return np.where(chosen, x, y)
    return _first((x, y)).run.combine("np.where", lambda t, u, v: select(chosen, u, v), (x, y))


def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0.0) -> Any:
    result = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = np.where(_truth(condition), choice, result)
    return result


def _piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """Every function sees all points; NumPy shows each only its own."""
    conditions = (
        [np.asarray(c, dtype=bool) for c in condlist] if np.ndim(condlist) or np.size(condlist) > 1 else [condlist]
    )
    if conditions and np.ndim(condlist) == np.ndim(x) and np.ndim(x):
        conditions = [np.asarray(condlist, dtype=bool)]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.logical_or.reduce(conditions))
    if len(funclist) != len(conditions):
        raise ValueError(f"np.piecewise: {len(conditions)} conditions need as many functions or one more")
    result: Any = 0.0
    for condition, piece in zip(conditions, funclist, strict=True):
        result = np.where(condition, piece(x, *args, **kw) if callable(piece) else piece, result)
    return result if isinstance(result, DualNumber) else np.broadcast_to(result, np.shape(x))


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:  # noqa: A002
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    raised = a if low is None else np.maximum(a, low)
    return +raised if high is None else np.minimum(raised, high)


def _round(a: DualNumber, decimals: int = 0) -> DualNumber:
    return a.run.combine("np.round", lambda t, u: rounded_to(t, u, decimals), (a,))


def _stack(arrays: Sequence[Any], axis: int = 0) -> DualNumber:
    arrays = list(arrays)
    trace = _first(arrays).run
    lifted = [trace.lift(a, "np.stack") for a in arrays]
    points = trace.common([p for _, p in lifted], "np.stack")
    shape = np.broadcast_shapes(*{np.shape(s[0]) for s, _ in lifted})
    if any(np.shape(s[0]) != shape for s, _ in lifted):
        raise ValueError("np.stack: all input arrays must have the same shape")
    length = max(len(s) for s, _ in lifted)
    padded = [[*(np.broadcast_to(c, shape) for c in s), *[np.zeros(shape)] * (length - len(s))] for s, _ in lifted]
    behind = axis if axis < 0 else axis - len(shape) - 1
    moved = tuple(p if p > behind else p - (p <= behind) for p in points)
    result = DualNumber(trace, [np.stack(c, axis=axis) for c in zip(*padded, strict=True)], moved)
    result.flat = all(a.flat for a in arrays if isinstance(a, DualNumber))
    result.jumps = jumps_of(arrays)
    return result


def _expand_dims(a: DualNumber, axis: int) -> DualNumber:
    at = axis % (a.ndim + 1)
    return a[(slice(None),) * at + (None, Ellipsis)]


def _broadcast_to(array: DualNumber, shape: Any) -> DualNumber:
    return array.arranged(lambda c: np.broadcast_to(c, shape), array.points)


def _sum(a: DualNumber, axis: Any = None, *, keepdims: bool = False) -> DualNumber:
    return a.linear("sum", axis, keepdims=keepdims)


def _mean(a: DualNumber, axis: Any = None, *, keepdims: bool = False) -> DualNumber:
    return a.linear("mean", axis, keepdims=keepdims)


def _prod(a: DualNumber, axis: Any = None, *, keepdims: bool = False) -> DualNumber:
    return a.folded("prod", Taylor.multiply, axis, keepdims=keepdims)


def _max(a: DualNumber, axis: Any = None, *, keepdims: bool = False) -> DualNumber:
    return a.folded("max", OPERATIONS["max"].series, axis, keepdims=keepdims)


def _min(a: DualNumber, axis: Any = None, *, keepdims: bool = False) -> DualNumber:
    return a.folded("min", OPERATIONS["min"].series, axis, keepdims=keepdims)


def _polyval(p: Any, x: Any) -> Any:
    result: Any = 0.0
    for coefficient in p:
        result = result * x + coefficient
    return result


def _sinc(x: DualNumber) -> DualNumber:
    result = x.run.combine("np.sinc", sinc, (x,))
    result.series[0] = np.sinc(x.series[0])
    return result


def _combined(name: str, rule: Callable[..., Series]) -> Callable[..., DualNumber]:
    return lambda x: x.run.combine(name, rule, (x,))


REWRITTEN: dict[np.ufunc, Callable[..., Any]] = {
    np.signbit: lambda x: x < 0.0,
    np.divmod: lambda x, y: (np.floor_divide(x, y), np.mod(x, y)),
    np.modf: lambda x: (x - np.trunc(x), np.trunc(x)),
    np.logical_not: lambda x: np.logical_not(_truth(x)),
    np.logical_and: lambda x, y: np.logical_and(_truth(x), _truth(y)),
    np.logical_or: lambda x, y: np.logical_or(_truth(x), _truth(y)),
    np.logical_xor: lambda x, y: np.logical_xor(_truth(x), _truth(y)),
}
"""Universal functions that are others of them."""
REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {np.add: _sum, np.multiply: _prod, np.maximum: _max, np.minimum: _min}
ROUTINES: dict[Any, Callable[..., Any]] = {
    np.where: _where,
    np.select: _select,
    np.piecewise: _piecewise,
    np.clip: _clip,
    np.round: _round,
    np.around: _round,
    np.fix: _combined("np.fix", trunc),
    np.sinc: _sinc,
    np.stack: _stack,
    np.expand_dims: _expand_dims,
    np.broadcast_to: _broadcast_to,
    np.transpose: lambda a, axes=None: a.transpose(*(axes or ())),
    np.reshape: lambda a, shape, order="C": a.reshape(shape, order=order),
    np.ravel: lambda a, order="C": a.ravel(order=order),
    np.atleast_1d: lambda a: a if a.ndim else a[None],
    np.copy: lambda a: a.copy(),
    np.real: lambda val: val,
    np.imag: lambda val: val.imag,
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a: a.size,
    np.iscomplexobj: lambda x: False,
    np.isrealobj: lambda x: True,
    np.zeros_like: lambda a: np.zeros(a.shape),
    np.ones_like: lambda a: np.ones(a.shape),
    np.empty_like: lambda a: np.zeros(a.shape),
    np.full_like: lambda a, fill_value: np.broadcast_to(fill_value, a.shape),
    np.sum: _sum,
    np.mean: _mean,
    np.prod: _prod,
    np.max: _max,
    np.amax: _max,
    np.min: _min,
    np.amin: _min,
    np.polyval: _polyval,
}
"""NumPy's routines that work on numbers of dk.dual; every other is refused."""
NUMPY = Dispatch(ROUTINES, REDUCTIONS, REWRITTEN)
