"""What all commands have in common: how they read their words, and where the results are."""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from experiments.messages import ConfigurationError
from experiments.terminal.progress import Terminal


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
    """The words of ``python -m experiments.<name>``; what cannot be read is refused in a line that names the help."""

    def __init__(self, name: str, **more: Any) -> None:
        super().__init__(prog=f"python -m experiments.{name}".rstrip("."), **more)
        self.add_argument("--version", action=Version)

    def error(self, message: str) -> NoReturn:
        """Raise ConfigurationError; argparse would print its usage and leave."""
        raise ConfigurationError(f"{message}; see {self.prog} --help")


def ulps(text: str) -> int:
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


def outputs() -> Path:
    """Return the directory of all results: ``outputs`` below the current one, or what LAB_OUTPUTS says."""
    return Path(os.environ.get("LAB_OUTPUTS") or "outputs").absolute()


def fresh(place: Path, started: datetime) -> Path:
    """Return a directory below `place` that nothing else can have: its name tells the moment and the process."""
    now = started.astimezone()
    return place / f"{now:%Y-%m-%d}" / f"{now:%H-%M-%S-%f}-{os.getpid()}"
