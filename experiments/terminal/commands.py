"""What all commands have in common: how they read their words and end, and where the results are."""

from __future__ import annotations

import argparse
import functools
import gc
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, Protocol

from experiments.messages import ConfigurationError, line_of
from experiments.terminal.exits import Exit
from experiments.terminal.progress import Terminal

COMMANDS = ("run", "check", "runs", "compare", "rerun", "collect", "population", "completion")
"""The commands, in the order in which somebody meets them."""
SCRIPT = "derivative-lab"
"""What the laboratory is called in a shell where it is installed."""
MODULE = re.compile(r"python -m experiments\.(\w+)")
"""How documentation names a command, which is there wherever the laboratory is."""


class Main(Protocol):
    """A command: it is given the words after the program's name, and returns the exit status."""

    def __call__(self, argv: Sequence[str] | None = None, /) -> int:
        """Do it; the words are those of the process when None."""


def command(
    *, interrupted: str = "", refused: tuple[type[Exception], ...] = (ValueError, OSError)
) -> Callable[[Callable[[list[str]], int]], Main]:
    """Return what makes the ``main`` of a command from the function that does it.

    Parameters
    ----------
    interrupted
        What Ctrl-C leaves, in a sentence; an interrupt that says so itself is believed.
    refused
        Errors that are said in one line. Any other is a fault of ours, and keeps its traceback.
    """

    def decorated(work: Callable[[list[str]], int]) -> Main:
        @functools.wraps(work)
        def main(argv: Sequence[str] | None = None, /) -> int:
            try:
                return work(list(sys.argv[1:] if argv is None else argv))
            except refused as error:
                Terminal().error(line_of(error))
                return Exit.WRONG
            except KeyboardInterrupt as stop:
                if message := str(stop) or interrupted:
                    Terminal().note(message)
                return Exit.INTERRUPTED

        return main

    return decorated


class Version(argparse.Action):
    """``--version``: print the laboratory's version and leave."""

    def __init__(self, option_strings: Sequence[str], dest: str, **more: Any) -> None:
        super().__init__(option_strings, dest, **more, nargs=0, help="show the version of the laboratory and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print it; the library is only imported here, as most commands go without."""
        import derivkit  # noqa: PLC0415 - as said

        Terminal().printed([f"{derivkit.__distribution__} {derivkit.__version__}"])
        parser.exit()


class Parser(argparse.ArgumentParser):
    """The words of a command; what cannot be read is refused in a line that names the help.

    It is described by what the documentation of the command's module says after its first sentence.
    """

    def __init__(self, name: str, documentation: str | None, **more: Any) -> None:
        described = as_typed(" ".join((documentation or "").partition("\n\n")[2].replace("``", "").split()))
        written = argparse.RawDescriptionHelpFormatter  # whose lines stay as they are, in what follows the options too
        wrapped = textwrap.fill(described, max(20, shutil.get_terminal_size().columns - 2))
        super().__init__(prog=program(name), description=wrapped, formatter_class=written, **more)
        self.add_argument("--version", action=Version)

    def takes_run(self) -> None:
        """Take one run by its name."""
        self.add_argument("run", metavar="RUN", help="the run: its directory, the last parts of it, or latest")

    def takes_open(self) -> None:
        """Take the option to show the report."""
        self.add_argument("--open", action="store_true", help="open the report in a browser")

    def takes_ulps(self, default: int, meaning: str) -> None:
        """Take the units in the last place by which numbers may differ."""
        self.add_argument("--ulps", type=_ulps, default=default, metavar="N", help=meaning)

    def error(self, message: str) -> NoReturn:
        """Raise ConfigurationError; argparse would print its usage and leave."""
        raise ConfigurationError(f"{message}; see {self.prog} --help")


def _ulps(text: str) -> int:
    """Read a number of units in the last place."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of ulps; write 0, 1, 2 or more")
    return int(text)


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep all that is made inside from the collector of reference cycles, for good.

    It would look at every value of a thousand records several times, and nothing of them is garbage before the end.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def program(name: str = "") -> str:
    """Return how a command is typed by whoever has typed this one: by the script's name, or as a module."""
    if Path(sys.argv[0]).stem == SCRIPT:
        return f"{SCRIPT} {name}".rstrip()
    return f"python -m experiments.{name}".rstrip(".")


def as_typed(text: str) -> str:
    """Return a text in which every command is named as `program` names it."""
    return MODULE.sub(lambda match: program(match[1]), text)


def line(name: str, words: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a command line, the interpreter included."""
    return ("python", "-m", f"experiments.{name}", *words)


def outputs() -> Path:
    """Return the directory of all results: ``outputs`` below the current one, or what LAB_OUTPUTS says."""
    return Path(os.environ.get("LAB_OUTPUTS") or "outputs").absolute()


def fresh(place: Path, started: datetime) -> Path:
    """Return a directory below `place` that nothing else can have: its name tells the moment and the process."""
    now = started.astimezone()
    return place / f"{now:%Y-%m-%d}" / f"{now:%H-%M-%S-%f}-{os.getpid()}"
