"""The points of a round, evaluated by somebody's executor: threads, processes, or whatever else has a `map`."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.arguments import described, shown

AT_LEAST = 64
"""Points that are requested together, however large they are, so that all workers have something to do; a choice."""


class ExecutorError(ValueError):
    """An executor gave no results; the message says which and why."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What f gave or raised; called in the place of f it does the same.

    Attributes
    ----------
    value : object
        Its result.
    error : Exception, optional
        What it raised.
    """

    value: Any = None
    error: Exception | None = None

    def __call__(self, argument: Any) -> Any:  # noqa: ARG002 -- as f
        """The result, or the exception."""
        if self.error is not None:
            raise self.error
        return self.value


@dataclass(frozen=True, eq=False)
class Evaluation:
    """From an argument of f to the outcome, in whichever thread or process.

    Attributes
    ----------
    f : callable
    remote : bool
        Whether this is a copy in another process, so that what f raises must come back from there.
    """

    f: Callable[[Any], Any]
    remote: bool = False

    def __call__(self, argument: Any) -> Outcome:
        """Call f; like the asker, without a warning of NumPy, and with MemoryError passing."""
        try:
            with np.errstate(all="ignore"):
                return Outcome(self.f(argument))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 -- whatever somebody's f raises means that it is not defined there
            return Outcome(error=_portable(error) if self.remote else error)

    def __reduce__(self) -> tuple[Any, ...]:
        return Evaluation, (self.f, True)


def _portable(error: Exception) -> Exception:
    """An exception that comes back from another process whole: one that is not built of its message alone does not."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 -- what was pickled here
    except Exception:  # noqa: BLE001 -- whatever its constructor raises
        kind = ValueError if isinstance(error, ArithmeticError | ValueError) else RuntimeError
        return kind(described(error))
    return error


def _obstacle(f: Callable[[Any], Any]) -> str:
    """Why f cannot be sent to another process, in the words of this Python; nothing where it can."""
    try:
        pickle.dumps(f)
    except Exception as error:  # noqa: BLE001 -- pickle raises three kinds of its own, and whatever __reduce__ does
        return described(error)
    return ""


def outcomes(executor: Any, f: Callable[[Any], Any], arguments: Sequence[Any]) -> list[Outcome]:
    """What f gives or raises for every argument, in their order.

    Raises
    ------
    ExecutorError
        If the executor fails itself.
    """
    try:
        results = list(executor.map(Evaluation(f), arguments))
    except (MemoryError, ExecutorError):
        raise
    except Exception as error:
        bound = described(error) == _obstacle(f)
        remedy = "; processes take functions of modules alone, threads take any" if bound else ""
        raise ExecutorError(f"executor={shown(executor)} failed: {described(error)}{remedy}") from error
    wrong = next((result for result in results if not isinstance(result, Outcome)), None)
    if wrong is not None or len(results) != len(arguments):
        given = f"{shown(wrong)} for a result" if wrong is not None else f"{len(results)} results for {len(arguments)}"
        raise ExecutorError(
            f"executor={shown(executor)}: its map gives {given}; map(function, items) must give what function returns "
            "for every item, in their order, as that of concurrent.futures does"
        )
    return results


def check_executor(executor: Any) -> None:
    """Refuse what has no map.

    Raises
    ------
    TypeError
        That says what to write instead.
    """
    if executor is None:
        return
    if isinstance(executor, type) or not callable(getattr(executor, "map", None)):
        door = "make one" if isinstance(executor, type) else "give one that has"
        raise TypeError(
            f"executor={shown(executor)} has no map to call; {door}, such as concurrent.futures.ThreadPoolExecutor()"
        )
