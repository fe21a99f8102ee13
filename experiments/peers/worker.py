"""The process in which another tool runs: ``python -P worker.py CALL BAR DISTRIBUTION SETTINGS TASK DESCRIPTOR``.

It is asked for derivatives through a connection: of samples, or of a function, of which it asks back for values. It
needs nothing of this project, so that it runs in any environment that has NumPy.
"""

from __future__ import annotations

import functools
import importlib
import json
import math
import resource
import sys
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

READY, ABSENT, WRONG = "ready", "absent", "wrong"
"""How a tool begins, with its version, or with a sentence on what is missing or wrong."""
VALUES, ANSWER = "values", "answer"
"""What a tool says: for which points it wants values; its answer or why there is none, and seconds net of f."""
OK, NOT_OK, REFUSED, RAISED = "ok", "not_ok", "refused", "raised"
"""What becomes of a call that ends: not_ok, if the tool says itself that it failed, and refused, if it is none of what
the tool does."""
MAX_MEMORY = 16 * 2**30
"""Bytes of address space: some tools reserve much more than they use; a choice."""

Answer = tuple[Any, Any, str, str]
"""Value and bar (NaN where there is none), numbers or arrays; the status and a message."""


class Asked:
    """A function whose values another process has.

    Attributes
    ----------
    expression : str or None
        Its formula, for tools that differentiate code and not values.
    seconds : float
        Which its values have taken.
    """

    def __init__(self, end: Connection, expression: str | None) -> None:
        self._end, self.expression, self.seconds = end, expression, 0.0

    def __call__(self, x: Any) -> Any:
        """f(x), of x's shape."""
        begin = time.perf_counter()
        points = np.asarray(x)
        kind = np.complex128 if np.iscomplexobj(points) else np.float64
        self._end.send((VALUES, points.astype(kind).ravel()))
        values = self._end.recv().reshape(points.shape)
        self.seconds += time.perf_counter() - begin
        return values if points.ndim else values[()]


class Sample:
    """A function to try a tool with."""

    expression = "exp(x)"

    def __call__(self, x: Any) -> Any:
        """exp(x)."""
        return np.exp(x)


class Task(NamedTuple):
    """What a tool is given."""

    words: str
    """What it is tried with."""
    first: tuple[Any, Any]
    """The same as its arguments."""
    arguments: Callable[[Connection, Any, Any], tuple[Any, Any]]
    """Makes its arguments of what comes through the connection."""


def record() -> tuple[Any, Any]:
    """Times and samples to try a tool with."""
    t = np.linspace(0.0, 6.0, 60)
    return t, np.sin(t) + 0.05 * np.random.default_rng(0).standard_normal(t.size)


FUNCTION, SAMPLES = "function", "samples"
TASKS: Mapping[str, Task] = {
    FUNCTION: Task("exp at 1", (Sample(), 1.0), lambda end, expression, x: (Asked(end, expression), x)),
    SAMPLES: Task("60 samples of a sine", record(), lambda _, t, y: (t, y)),
}
"""What tools are given, by name: a function and a point, or times that rise and samples, of shape ``(n,)``."""


def answer_of(result: Any, *, bar: bool, shape: tuple[int, ...] = ()) -> Answer:
    """What a tool gives, as plain numbers, or as arrays of a shape.

    Raises
    ------
    TypeError
        If it is another thing than the tool promises.

    Examples
    --------
    >>> answer_of((1.0, 0.1), bar=True), answer_of(1.0, bar=False)
    ((1.0, 0.1, 'ok', ''), (1.0, nan, 'ok', ''))
    """
    parts = list(result) if isinstance(result, tuple) or (isinstance(result, list) and not shape) else [result]
    if bar and not 2 <= len(parts) <= 3:
        promised = "(value, bar) is promised; give both, or write bar: false"
        raise TypeError(f"gives {result!r:.60}, where {promised}")
    try:
        numbers = [np.asarray(part).astype(np.float64, casting="safe").reshape(shape) for part in parts[: 1 + bar]]
    except (TypeError, ValueError):
        promised = f"{shape[0]} numbers" if shape else "numbers"
        raise TypeError(f"gives {result!r:.60}, where {promised} are promised") from None
    status = OK if len(parts) < 3 or parts[2] else NOT_OK
    value, *bars = numbers if shape else [number.item() for number in numbers]
    return value, bars[0] if bar else math.nan, status, ""


def loaded(call: str) -> Callable[..., Any]:
    """The function that ``module:function`` names.

    Raises
    ------
    TypeError
        If there is none.
    ModuleNotFoundError
        If a module is not there.
    """
    module, _, name = call.partition(":")
    function = getattr(importlib.import_module(module), name, None)
    if not callable(function):
        raise TypeError(f"is no function: {module} has no {name!r} that can be called")
    return function  # type: ignore[no-any-return]  # any callable


def version_of(distribution: str) -> str:
    """The version of a distribution; empty where there is none."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def begun(
    call: str, distribution: str, settings: Mapping[str, Any], task: Task, *, bar: bool
) -> tuple[Callable[..., Any] | None, tuple[str, str]]:
    """The tool, tried once, and how that went."""
    try:
        function = functools.partial(loaded(call), **settings)
        answer_of(function(*task.first), bar=bar, shape=np.shape(task.first[1]))
    except ModuleNotFoundError as error:
        own = call.partition(":")[0] == error.name
        return None, (WRONG, f"cannot be found: {error}") if own else (ABSENT, str(error))
    except TypeError as error:
        return None, (WRONG, str(error))
    except Exception as error:  # noqa: BLE001 -- a tool may raise anything
        return None, (WRONG, f"raises {type(error).__name__} for {task.words}: {error}")
    return function, (READY, version_of(distribution))


def differentiate(function: Callable[..., Any], arguments: tuple[Any, Any], *, bar: bool) -> Answer:
    """The answer of a tool, or why there is none."""
    try:
        return answer_of(function(*arguments), bar=bar, shape=np.shape(arguments[1]))
    except NotImplementedError as error:
        return math.nan, math.nan, REFUSED, str(error)
    except Exception as error:  # noqa: BLE001 -- a tool may raise anything
        return math.nan, math.nan, RAISED, f"{type(error).__name__}: {error}"


def main(call: str, bar: str, distribution: str, settings: str, task: str, descriptor: str) -> None:
    """Answer until the other end is closed."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, most))
    end, promised = Connection(int(descriptor)), bar == "1"
    function, how = begun(call, distribution, json.loads(settings), TASKS[task], bar=promised)
    end.send(how)
    while function is not None:
        try:
            arguments = TASKS[task].arguments(end, *end.recv())
        except (EOFError, ConnectionError):
            return
        begin = time.perf_counter()
        answer = differentiate(function, arguments, bar=promised)
        spent = sum(one.seconds for one in arguments if isinstance(one, Asked))
        end.send((ANSWER, *answer, time.perf_counter() - begin - spent))


if __name__ == "__main__":
    main(*sys.argv[1:])
