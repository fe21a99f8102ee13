"""A tool in a process of its own, which nothing that the tool does can stop: a hang, a crash or a kill costs one call.

A function stays here: the process asks for its values, so that they are counted from outside and the tool needs
nothing of it but numbers; samples are sent. What the tool prints goes nowhere. The other end is
`experiments.peers.worker`.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

import derivkit as dk
from derivkit.testing import Slopes, values_of
from experiments.peers import worker
from experiments.peers.worker import ABSENT, ANSWER, FUNCTION, NOT_OK, OK, READY, SAMPLES, TASKS, WRONG

SECONDS_TO_START = 60.0
"""For its imports; a choice."""
SECONDS_TO_END = 5.0
"""Of a process whose end was closed, before it is killed; a choice."""
WORKER, ALONE = Path(worker.__file__), Path(__file__).with_name("alone")
"""What runs in the process, and where those adapters are that cannot be in one environment with this library."""
ROOT = Path(__file__).parents[2]


class AbsentError(Exception):
    """A tool is not installed; how to install it."""


class ToolError(ValueError):
    """A tool is described wrongly: it is not there under its name, or gives other things than it promises."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool that differentiates a function of one variable, or samples.

    Attributes
    ----------
    name : str
    call : str
        ``module:function`` of f and x, or of times and samples, which gives a value; or value and bar; or value, bar
        and whether the tool itself takes that for a success. Of samples these are arrays.
    source : str
        Where its way is described.
    install : str
        What pip is told, a distribution's name.
    seconds : float
        Time limit of a call.
    bar : bool
        Whether it promises a bar on its error.
    interpreter : str
        That of another environment, for a tool that cannot be in this one; empty for this one.
    settings : mapping
        Further arguments of the call, by name.
    """

    name: str
    call: str
    source: str
    install: str
    seconds: float = 1.0
    bar: bool = True
    interpreter: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def command(self) -> list[str]:
        """What starts its process, but for the task and the connection; nothing beside the worker shadows a module."""
        process = self.interpreter or sys.executable, "-P", str(WORKER)
        return [*process, self.call, str(int(self.bar)), self.install, json.dumps(dict(self.settings))]

    @property
    def remedy(self) -> str:
        """What to do where it is not installed."""
        return (
            f"{self.interpreter} -m pip install {self.install}" if self.interpreter else f"pip install {self.install}"
        )


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came of a call.

    Attributes
    ----------
    value, error : float or ndarray
        The derivative and its bar, of samples arrays; NaN where there is none.
    status : str
        ``ok``; ``not_ok``: the tool says itself that it failed; ``refused``: it is none of what the tool does;
        ``not_finite``, ``raised``, ``hung`` or ``killed``.
    message : str
    evaluations : int
        Values of f that it asked for.
    seconds : float
        Net of f; NaN where the process did not live to say it.
    """

    value: Any = math.nan
    error: Any = math.nan
    status: str
    message: str = ""
    evaluations: int = 0
    seconds: float = math.nan

    @classmethod
    def of(cls, value: Any, error: Any, status: str, message: str, seconds: float, *, evaluations: int) -> Reply:
        """What a process says; a value that is not finite is none."""
        if status in (OK, NOT_OK) and not np.isfinite(value).all():
            value, error, status, message = math.nan, math.nan, "not_finite", "no finite value"
        return cls(
            value=value, error=error, status=status, message=message, evaluations=evaluations, seconds=seconds
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Replies:
    """The replies at some points, arrays of x's shape, as a method with error bars gives them."""

    value: Any
    error: Any
    status: Any
    message: Any
    evaluations: Any
    seconds: Any
    total: int


def refuse_absent(calls: Sequence[object]) -> None:
    """Refuse a choice of tools none of which is there; whatever is no tool always is.

    Raises
    ------
    ValueError
        With how each is installed.
    """
    faults = []
    for call in calls:
        fault = absence(call) if isinstance(call, Process) else ""
        if not fault:
            return
        faults.append(fault)
    if faults:
        raise ValueError("; ".join(faults))


ABSENCES: dict[tuple[str, ...], str] = {}
"""What was found of tools by the command that starts them, as a start may take seconds."""


def absence(process: Process) -> str:
    """Why a tool is not there and how it is installed; empty if it is."""
    command = tuple(process.tool.command)
    if command not in ABSENCES:
        ABSENCES[command] = ""
        try:
            process.start()
        except AbsentError as error:
            ABSENCES[command] = str(error)
        except ToolError:
            pass  # it is there, and is refused for what is wrong with it when it is asked
        finally:
            process.close()
    return ABSENCES[command]


@dataclass(eq=False)
class Process:
    """A running tool: started when it is first asked, and again after it was lost."""

    group: ClassVar[str]
    """The group of configurations in which it is described."""
    task: ClassVar[str]
    """What it is given, one of `experiments.peers.worker.TASKS`."""

    tool: Tool
    version: str = ""
    _child: subprocess.Popen[bytes] | None = None
    _end: Connection | None = None

    def reply(self, request: tuple[Any, Any], values: Callable[[Any], Any] | None = None) -> Reply:
        """The answer of the tool to a request; it may ask for values of f.

        Raises
        ------
        AbsentError
            If the tool is not installed.
        ToolError
            If it is not there under its name, or gives other things than it promises.
        """
        end, evaluations = self.start(), 0
        until = time.monotonic() + self.tool.seconds
        try:
            end.send(request)
            while end.poll(max(0.0, until - time.monotonic())):
                word, *content = end.recv()
                if word == ANSWER or values is None:
                    return Reply.of(*content, evaluations=evaluations)
                evaluations += content[0].size
                end.send(values(content[0]))
        except (EOFError, ConnectionError):
            return Reply(status="killed", message=f"its process ended with {self._ending()}", evaluations=evaluations)
        self.close()
        return Reply(status="hung", message=f"no answer within {self.tool.seconds:g} s", evaluations=evaluations)

    def start(self) -> Connection:
        """The connection to the process, which is started unless it runs.

        Raises
        ------
        AbsentError, ToolError
        """
        return self._end or self._start()

    def _start(self) -> Connection:
        """Start the process, and wait until its tool has given a first answer."""
        self._end, other = Pipe()
        rooms = (
            [ALONE]
            if self.tool.interpreter
            else [Path.cwd(), ROOT, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, rooms))}
        try:
            self._child = subprocess.Popen(  # noqa: S603 -- an interpreter that the configuration names
                [*self.tool.command, self.task, str(other.fileno())], pass_fds=[other.fileno()], env=environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError:
            self.close()
            raise AbsentError(
                f"{self.tool.name} needs an environment of its own, and there is no {self.tool.interpreter}; "
                f"python -m venv {Path(self.tool.interpreter).parents[1]} && {self.tool.remedy}"
            ) from None
        finally:
            other.close()
        try:
            patience = SECONDS_TO_START + self.tool.seconds
            late = WRONG, f"gives no answer for {TASKS[self.task].words} within {patience:g} s"
            word, sentence = self._end.recv() if self._end.poll(patience) else late
        except (EOFError, ConnectionError):
            word, sentence = WRONG, f"ends while it starts, with {self._ending()}"
        if word == READY and self._end is not None:
            self.version = sentence
            return self._end
        self.close()
        if word == ABSENT:
            raise AbsentError(f"{self.tool.name} is not installed ({sentence}); {self.tool.remedy}")
        raise ToolError(f"{self.group} {self.tool.name!r}: {self.tool.call} {sentence}")

    def _ending(self) -> str:
        """Wait for the end of a process that was lost, and say how it ended."""
        child = self._child
        self.close(patience=SECONDS_TO_END)
        code = 0 if child is None else child.returncode
        return signal.Signals(-code).name if code < 0 else f"exit status {code}"

    @property
    def facts(self) -> dict[str, Any]:
        """What is known of its tool: the version, once it was started, and the time limit of a call."""
        return {"version": self.version, "limit": self.tool.seconds}

    def close(self, *, patience: float = 0.0) -> None:
        """End the process, if there is one: in so many seconds it may do so itself."""
        if self._end is not None:
            self._end.close()
        if self._child is not None:
            try:
                self._child.wait(patience)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        self._child = self._end = None


OWN: Mapping[str, Any] = {"version": "", "limit": math.nan}
"""The same facts of what is part of this library."""


def facts_of(call: object) -> Mapping[str, Any]:
    """What is known of a tool, or of a method of this library."""
    return call.facts if isinstance(call, Process) else OWN


class Estimator(Process):
    """A tool that differentiates functions."""

    group, task = "estimator", FUNCTION

    def __call__(self, f: dk.Function, x: ArrayLike) -> Replies:
        """The derivative of f at every x, by a call of the tool for each; what is raised is that of `reply`."""
        points = np.asarray(x, dtype=np.float64)
        replies = [self.ask(f, float(point)) for point in points.ravel()]
        columns = {
            one.name: np.reshape(np.array([getattr(reply, one.name) for reply in replies]), points.shape)
            for one in fields(Reply)
        }
        return Replies(**columns, total=int(columns["evaluations"].sum()))

    def ask(self, f: dk.Function, x: float) -> Reply:
        """The derivative of f at x."""
        return self.reply((None if f.expression is None else str(f.expression), x), values_of(f))


class Smoother(Process):
    """A tool that differentiates samples."""

    group, task = "smoother", SAMPLES

    def __call__(self, t: NDArray[np.float64], y: NDArray[np.float64]) -> Slopes:
        """The derivative at all samples, whose times rise; what is raised is that of `reply`."""
        reply = self.reply((t, y))
        return Slopes(
            value=np.broadcast_to(reply.value, t.shape),
            error=np.broadcast_to(reply.error, t.shape) if self.tool.bar and reply.status in (OK, NOT_OK) else None,
            status=reply.status, message=reply.message, seconds=reply.seconds,
        )  # fmt: skip
