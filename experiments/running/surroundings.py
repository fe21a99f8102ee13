"""What functions of other people share with the laboratory in one process, put back after they were called.

A function may change the directory, the filters of warnings or what NumPy does at an overflow, for reasons of its own.
The next job, and the pipeline, find all as it was. A process that a function forks holds nothing of a run.
"""

from __future__ import annotations

import decimal
import locale
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class State:
    """Something that belongs to the whole process: how it is read, and how it is set to what was read."""

    read: Callable[[], Any]
    restore: Callable[[Any], object]


def _directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - a plain text, as it is read before every job
    except OSError:  # it was removed
        return None


def _set_directory(path: str | None) -> None:
    if path is not None and path != _directory():
        with suppress(OSError):
            os.chdir(path)


def _streams() -> tuple[Any, ...]:
    return sys.stdin, sys.stdout, sys.stderr


def _set_streams(streams: tuple[Any, ...]) -> None:
    sys.stdin, sys.stdout, sys.stderr = streams


def _set_locale(name: str) -> None:
    with suppress(locale.Error):  # what the environment names may not be installed
        locale.setlocale(locale.LC_ALL, name)


def _handlers() -> dict[int, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: handler for number in HANDLED if (handler := signal.getsignal(number)) is not None}


def _set_handlers(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


HANDLED = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGFPE") if hasattr(signal, name)
)
STATES = {
    "current directory": State(read=_directory, restore=_set_directory),
    "standard streams": State(read=_streams, restore=_set_streams),
    "floating-point errors": State(read=np.geterr, restore=lambda state: np.seterr(**state)),
    "printed arrays": State(read=np.get_printoptions, restore=lambda state: np.set_printoptions(**state)),
    "decimal arithmetic": State(read=lambda: decimal.getcontext().copy(), restore=decimal.setcontext),
    "locale": State(read=lambda: locale.setlocale(locale.LC_ALL), restore=_set_locale),
    "depth of recursion": State(read=sys.getrecursionlimit, restore=sys.setrecursionlimit),
    "signal handlers": State(read=_handlers, restore=_set_handlers),
    "what is logged": State(read=lambda: logging.root.manager.disable, restore=logging.disable),
}
"""By what they are called."""


@contextmanager
def restored() -> Iterator[None]:
    """Put the surroundings back as they were, whatever is called meanwhile; filters of warnings too."""
    before = [(state, state.read()) for state in STATES.values()]
    with warnings.catch_warnings():
        try:
            yield
        finally:
            for state, value in before:
                state.restore(value)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let Ctrl-C do nothing meanwhile: for the few moments in which an end is written down."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        if before is not None:  # else it was set by something other than Python
            signal.signal(signal.SIGINT, before)
