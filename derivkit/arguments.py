"""Arguments of the public functions: numbers, callables, steps and domains, checked here and in the same words.

A masked entry of an array counts as NaN: there is no number there.
"""

from __future__ import annotations

import difflib
import math
import operator
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from derivkit.types import Array, Domain

EVERYWHERE: Domain = (-math.inf, math.inf)
LARGEST = 2**1024
"""Whole numbers from here on are beyond the range of float64."""
MAX_SHOWN = 80
"""Characters of a value that a message shows."""
SHORTENED = reprlib.Repr()
SHORTENED.maxother = 4 * MAX_SHOWN
MAX_EXCEPTION = 300
"""Characters of an exception's own message that are shown."""
ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
"""Where an object lies in memory: another text in every run."""
TWO_ENDS = "write its two ends, the lower one first, such as (0, 1), or (0, None) where there is no end above"
UNREAL = {
    "c": "complex numbers, such as {}",
    "M": "a date, {}",
    "m": "a span of time, {}",
    "V": "a record, {}",
    "U": "the text {}",
    "S": "the text {}",
    "T": "the text {}",
}
"""NumPy's kinds of data that are no real numbers."""


class NotRealError(TypeError):
    """A value is no real number, nor an array of them; the message says what it is instead."""


class TooLargeError(NotRealError):
    """A whole number or a fraction is beyond the range of float64."""


class RequiresGradError(NotRealError):
    """A torch tensor records what is done with it, and gives its numbers to nobody else."""


def shown(value: object) -> str:
    """A value as messages show it: in one line, cut where it is long, the same in every run.

    Examples
    --------
    >>> shown(-(10**5000)), shown([1.0] * 100), shown(np.eye(2))
    ('a whole number of 5001 digits', '[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, ...]', 'array([[1., 0.], [0., 1.]])')
    """
    if isinstance(value, int) and abs(value) >= LARGEST:
        return f"a whole number of {int(math.log10(abs(value))) + 1} digits"
    try:
        text = repr(value) if isinstance(value, np.ndarray) and value.size <= 8 else SHORTENED.repr(value)
    except Exception:  # noqa: BLE001 -- an object that cannot be shown is still to be named
        text = f"<{type(value).__name__}>"
    text = ADDRESS.sub("", " ".join(text.split()))
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless it is 1.

    Examples
    --------
    >>> counted(1, "value"), counted(3, "entry")
    ('1 value', '3 entries')
    """
    return f"{number} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of a noun.

    Examples
    --------
    >>> plural("value"), plural("entry")
    ('values', 'entries')
    """
    return f"{noun.removesuffix('y')}ies" if noun.endswith("ry") else f"{noun}s"


def near(name: object, names: Iterable[str], *, cutoff: float = 0.6) -> list[str]:
    """At most three of `names` that are spelt like `name`, the nearest first.

    The time of difflib grows with the length of the name. `cutoff` is the least share of common letters.
    """
    return difflib.get_close_matches(str(name)[:MAX_SHOWN].lower(), names, cutoff=cutoff)


def nearest(name: object, names: Iterable[str], *, otherwise: str = "") -> str:
    """What to write instead of a name that is not among `names`; `otherwise`, or all of them, where none is near.

    Examples
    --------
    >>> nearest("rleu", ["relu", "tanh"]), nearest("foo", ["relu", "tanh"])
    ('did you mean relu?', 'there are relu, tanh')
    """
    choices = list(names)
    close = near(name, choices)
    return f"did you mean {' or '.join(close)}?" if close else otherwise or f"there are {', '.join(choices)}"


def described(error: Exception) -> str:
    """The type and the message of an exception in one line, cut where it is long.

    Examples
    --------
    >>> described(ValueError(f"beyond{chr(10)}the table"))
    'ValueError: beyond the table'
    """
    try:
        words = str(error)
    except Exception:  # noqa: BLE001 -- an exception whose words cannot be had still has a type
        words = ""
    line = " ".join("".join(c if c.isprintable() else " " for c in words[: 2 * MAX_EXCEPTION]).split())
    if len(line) > MAX_EXCEPTION or len(words) > 2 * MAX_EXCEPTION:
        line = f"{line[:MAX_EXCEPTION]}... ({len(words):,} characters)"
    return f"{type(error).__name__}: {line}".rstrip(": ")


def as_array(value: Any) -> NDArray[Any]:
    """The value as an array of whatever it is made of, NaN where it is masked.

    Examples
    --------
    >>> as_array(np.ma.array([1.0, 2.0], mask=[False, True])).tolist()
    [1.0, nan]
    """
    if isinstance(value, bytearray):  # which NumPy takes for numbers
        raise NotRealError(f"the text {shown(value)}")
    if not isinstance(value, np.ndarray) and getattr(value, "requires_grad", False) is True:
        raise RequiresGradError("a torch tensor that requires grad")
    try:
        return np.asarray(unmasked(value))
    except ValueError:
        if not isinstance(value, list | tuple):
            raise
        raise NotRealError(f"{shown(value)}, rows of different lengths") from None


def as_float64(values: NDArray[Any]) -> Array:
    """The array in float64, if it is one of real numbers."""
    if values.dtype.kind == "O":
        return np.array([_real(entry) for entry in values.flat], dtype=np.float64).reshape(values.shape)
    if values.dtype.kind in UNREAL:
        raise NotRealError(UNREAL[values.dtype.kind].format(shown(values.flat[0].item() if values.size else values)))
    with np.errstate(all="ignore"):  # what is beyond the range of float64 becomes infinite
        return values.astype(np.float64, copy=False)


def unmasked(value: Any) -> Any:
    """A masked array, also one in a list, with NaN where it is masked; anything else as it is."""
    if isinstance(value, np.ma.MaskedArray):
        nothing = complex(math.nan, math.nan) if np.iscomplexobj(value) else math.nan
        return np.where(np.ma.getmaskarray(value), nothing, value.data) if np.any(value.mask) else value.data
    if isinstance(value, list | tuple) and any(isinstance(entry, np.ma.MaskedArray | list | tuple) for entry in value):
        return [unmasked(entry) for entry in value]
    return value


def _real(entry: Any) -> float:
    """A number that NumPy keeps as an object: a fraction, a decimal, a whole number of many digits."""
    if isinstance(entry, str | bytes | bytearray):
        raise NotRealError(f"the text {shown(entry)}")
    if isinstance(entry, complex | np.complexfloating):
        raise NotRealError(f"complex numbers, such as {shown(entry)}")
    try:
        return float(entry)
    except OverflowError:
        raise TooLargeError(f"{shown(entry)}, beyond the range of float64") from None
    except (TypeError, ValueError):
        named = "" if entry is None else f", of type {type(entry).__name__}"
        raise NotRealError(f"{shown(entry)}{named}") from None


def numbers(name: str, value: object) -> Array:
    """The argument of that name as an array of real numbers, NaN where it is masked.

    Raises
    ------
    TypeError
        If it is no such thing.
    ValueError
        If it is beyond the range of float64.
    """
    try:
        array = as_array(value)
        result = as_float64(array)
    except TooLargeError as error:
        raise ValueError(f"{name} is {error}: its largest number is 1.8e308") from None
    except RequiresGradError as error:
        remedy = f"write {name}.detach().numpy(), or dk.torch_function(loss, parameters)"
        raise TypeError(f"{name} is {error}; {remedy}") from None
    except NotRealError as error:
        reason = "; its rows have different lengths" if str(error).endswith("rows of different lengths") else ""
    except Exception as error:  # noqa: BLE001 -- whatever the conversion of somebody's object raises
        reason = f" ({described(error)})"
    else:
        if array.dtype.kind != "b":
            return result
        reason = ", not a truth value"
    raise TypeError(f"{name}={shown(value)}: give a real number, or an array of them{reason}")


def number(name: str, value: object) -> float:
    """The argument of that name as one real number.

    Raises
    ------
    TypeError, ValueError
        As `numbers`, and if there are several.
    """
    result = numbers(name, value)
    if result.ndim:
        raise ValueError(f"{name}={shown(value)}: give one number, not an array of shape {result.shape}")
    return float(result)


def points_of(x: object) -> Array:
    """The points at which something is differentiated, in an array of their own."""
    return np.array(numbers("x", x))


def positive(name: str, value: object) -> Array:
    """The argument of that name, such as a step: positive finite numbers.

    Examples
    --------
    >>> positive("delta", -1e-3)
    Traceback (most recent call last):
    ValueError: delta must be a positive finite number, not -0.001
    """
    result = numbers(name, value)
    wrong = ~(np.isfinite(result) & (result > 0.0))
    if np.any(wrong):
        raise ValueError(f"{name} must be a positive finite number, not {float(result[wrong].flat[0])!r}")
    return result


def entry_of(k: int, shape: tuple[int, ...]) -> str:
    """How the entry at place k of ``ravel()`` is written behind the name of an array; nothing for a number.

    Examples
    --------
    >>> entry_of(5, (2, 3)), entry_of(0, ())
    ('[1, 2]', '')
    """
    return f"[{', '.join(str(int(i)) for i in np.unravel_index(k, shape))}]" if shape else ""


def spread(name: str, value: Array, shape: tuple[int, ...]) -> Array:
    """One number, or one for each x, in x's shape."""
    try:
        return np.broadcast_to(value, shape)
    except ValueError:
        raise ValueError(f"{name} has shape {value.shape}, and x {shape}; give one number, or one for each x") from None


def whole(name: str, value: object, least: int, most: int | None = None) -> int:
    """The argument of that name: a whole number of that range.

    Examples
    --------
    >>> whole("order", 1.0, 1, 4)
    Traceback (most recent call last):
    ValueError: order=1.0: write a whole number from 1 to 4
    """
    index = -1 if isinstance(value, bool | np.bool_) or not isinstance(value, SupportsIndex) else operator.index(value)
    if index < least or (most is not None and index > most):
        upto = "on" if most is None else f"to {most}"
        raise ValueError(f"{name}={shown(value)}: write a whole number from {least} {upto}")
    return index


def is_formula(f: object) -> bool:
    """Whether f is a formula that stands for a function: a text, or an Expression.

    Examples
    --------
    >>> is_formula("sin(x)"), is_formula(math.sin)
    (True, False)
    """
    return isinstance(f, str) or hasattr(f, "program")


def check_function(f: object, example: str) -> None:
    """Refuse what is neither a function nor a formula; ``example`` is a call that works.

    Raises
    ------
    TypeError
        That says what to write instead.
    """
    if not is_formula(f):
        check_callable(f, example)


def check_callable(f: object, example: str) -> None:
    """Refuse what cannot be called, formulas too; ``example`` is a call that works.

    Raises
    ------
    TypeError
        That says what to write instead.
    """
    if callable(f):
        return
    door = f"write {example}"
    if is_formula(f):
        door = f"write dk.Function.from_expression({shown(f)}), which is one"
    elif hasattr(f, "__len__"):
        door = f"dk.from_samples(t, y) differentiates samples; this differentiates functions: {example}"
    raise TypeError(f"f must be callable, not {shown(f)}; {door}")


def check_flag(name: str, value: object) -> None:
    """Refuse a value that is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}={shown(value)}: write True or False")


def check_vectorized(vectorized: object) -> None:
    """Refuse a value of ``vectorized`` that is neither True, False nor None."""
    if vectorized is not None and not isinstance(vectorized, bool | np.bool_):
        raise ValueError(f"vectorized={shown(vectorized)}: write True or False, or leave it out")


def _alone(end: object, name: str) -> Array:
    return spread(name, numbers("domain", end), ())


def ends(domain: object, each: Callable[[Any, str], Array] = _alone) -> tuple[Array, Array]:
    """The two ends of a domain, by default for one x; None stands for no end on that side, or for no domain at all.

    Parameters
    ----------
    domain : object
        What somebody calls one.
    each : callable
        From an end and its name in messages to its numbers, for every x.

    Examples
    --------
    >>> [end.item() for end in ends((0, None))]
    [0.0, inf]
    """
    limits = (None, None) if domain is None else domain
    pair = list(limits) if isinstance(limits, list | tuple) or (isinstance(limits, np.ndarray) and limits.ndim) else []
    if len(pair) != len(EVERYWHERE):
        raise ValueError(f"domain={shown(domain)}: {TWO_ENDS}")
    pair = [_with_ends(end, none) for end, none in zip(pair, EVERYWHERE, strict=True)]
    lo, hi = (each(end, "an end of the domain") for end in pair)
    if not np.all(lo < hi):
        raise ValueError(f"domain={shown(domain)}: {TWO_ENDS}")
    return lo, hi


def _with_ends(end: Any, none: float) -> Any:
    """An end of a domain, nested or not, with an infinite number where there is no end."""
    if isinstance(end, Mapping):
        return {key: _with_ends(part, none) for key, part in end.items()}
    if isinstance(end, list | tuple):
        return [_with_ends(part, none) for part in end]
    return none if end is None else end


def interval(domain: object, within: Domain = EVERYWHERE) -> Domain:
    """The closed interval in which f may be evaluated: the requested one, within that of the function.

    Examples
    --------
    >>> interval((-1, None), (0.0, 4.0))
    (0.0, 4.0)
    """
    lo, hi = EVERYWHERE if domain is None else map(float, ends(domain))
    low, high = max(lo, within[0]), min(hi, within[1])
    if not low < high:
        raise ValueError(
            f"domain={shown(domain)}: the function's own is [{within[0]:g}, {within[1]:g}], which it must meet"
        )
    return low, high
