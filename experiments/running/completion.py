"""What the last word of a command line may become, in a tenth of a second: read from files, with nothing composed."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from experiments.formats import FORMATS
from experiments.running import catalog
from experiments.running.filters import FIELDS
from experiments.running.listing import entries
from experiments.terminal import commands
from experiments.terminal.commands import COMMANDS

OF_ALL: Mapping[str, Sequence[str]] = {
    "experiment": (),
    "figures.formats": [f"[{name}]" for name in FORMATS],
    "figures.draw": ("null",),
    "hydra/launcher": (),
    "hydra/sweeper": (),
}
"""Keys of every study, beside those of its preset, and what they may be where that is no group."""
OF_RUNS = ("compare", "rerun", "collect")
"""Commands whose words are names of runs."""
OPTIONS = "experiments.running.starting"
"""Where the options of ``run`` and ``check`` are: they are Hydra's, too."""


def candidates(line: str) -> list[str]:
    """Return what the last word of a line may become, each followed by a space where it is whole.

    Examples
    --------
    >>> candidates("derivative-lab ru"), candidates("derivative-lab run function=sin_f")
    (['run ', 'runs '], ['function=sin_far ', 'function=sin_fast ', 'function=sin_float32 '])
    """
    _, *before, word = _words(line)
    every = _of_command(before[0], before[1:], word) if before else [f"{name} " for name in COMMANDS]
    return [text for text in every if text.startswith(word) and text.rstrip() != word]


def _words(line: str) -> list[str]:
    """Return the words of a line; the last is empty after a space, and may have an open quote."""
    for closed in ("", "'", '"'):
        try:
            words = shlex.split(f"{line}{closed}")
        except ValueError:
            continue
        return [*words, ""] if (line.endswith(" ") and not closed) or len(words) < 2 else words
    return [line, ""]


def _of_command(command: str, before: Sequence[str], word: str) -> Iterable[str]:
    if word.startswith("-"):
        return _options(command)
    if command in ("run", "check"):
        return _of_study("gradient_check" if command == "check" else catalog.STUDY, before, word)
    if command in OF_RUNS:
        return (f"{name} " for name in _runs())
    if command == "runs":
        return [*(f"{name} " for name in catalog.options("experiment")), *(f"{field}=" for field in FIELDS)]
    return [f"{shell} " for shell in ("bash", "zsh", "fish")] if command == "completion" else []


def _options(command: str) -> Iterator[str]:
    """Yield the options of a command, from what it says of its usage."""
    module = OPTIONS if command in ("run", "check") else f"experiments.{command}"
    usage = importlib.import_module(module).parser().format_usage() if command in COMMANDS else ""
    yield from (f"{flag} " for flag in dict.fromkeys(re.findall(r"--[a-z][a-z-]+", f"{usage} --help")))


def _runs() -> list[str]:
    """Return the names of the runs below the directory of all results, the newest first."""
    outputs = commands.outputs()
    return ["latest", "latest~1", *(entry.name for entry in entries(outputs, outputs)[0])] if outputs.is_dir() else []


def _of_study(study: str, before: Sequence[str], word: str) -> Iterator[str]:
    """Yield the keys of a study, or the values of the key that is written."""
    values = dict(word.split("=", 1) for word in before if "=" in word)
    directory = [after for flag, after in pairwise(before) if flag in ("--config-dir", "-cd")]
    places = catalog.places(*directory[:1])
    keys = catalog.keys(values.get("experiment", study), places)
    key, equals, value = word.partition("=")
    if not equals:
        yield from (f"{name}=" for name in dict.fromkeys((*keys, *OF_ALL)) if name not in values and name != "figures")
        return
    begun = re.match(r"\[?(?:[^,\]]*,)*", value)  # the names of a list that are there
    for name in _values(key, keys.get(key), places):
        yield f"{key}={begun[0] if begun else ''}{name}" + ("" if value.startswith("[") else " ")


def _values(key: str, default: Any, places: Sequence[Path]) -> Sequence[str]:
    if isinstance(default, bool):
        return ("true", "false")
    return OF_ALL.get(key) or catalog.options(key, places)
