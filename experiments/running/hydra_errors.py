"""What Hydra, OmegaConf and YAML say of a configuration that is wrong, as one line for whoever wrote it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException, UnsupportedInterpolationType

from experiments.messages import ConfigurationError, line_of, nearest
from experiments.running.grids import GRIDS
from experiments.terminal import commands

REFUSALS = (ConfigurationError, HydraException, OmegaConfBaseException)
OTHER_FORM = "a list is no mapping, nor the other way round; {} --cfg job shows it"
MISSING = re.compile(
    r"In '[^']*': Could not find '(?P<group>[\w/]+)/(?P<name>[^/']+)' Available options in '[^']*': (?P<names>.*)"
)
"""How Hydra says that a group of its own has no such entry."""
POINTERS = ("See http", "object_type", "Config search path")
"""How the lines begin at which the part of Hydra's messages ends that helps somebody here."""


@contextmanager
def refused_in_a_line() -> Iterator[None]:
    """Raise what a configuration causes as a ConfigurationError of one line; an error of ours stays what it is."""
    try:
        yield
    except Exception as error:
        line = _refusal(error)
        if line is None:
            raise
        raise ConfigurationError(line) from error


def _refusal(error: Exception) -> str | None:
    if isinstance(error, MemoryError):  # as where samples are drawn when it is checked
        return f"there is not enough memory: {error}; write smaller numbers, such as fewer samples="
    if isinstance(error, RecursionError):
        return "this configuration has too many brackets within each other"
    if hasattr(error, "problem_mark"):  # what YAML's own reader raises; Hydra lets it through
        return _of_yaml(error)
    # An OSError is of a place that cannot be looked into.
    return sentence(error) if isinstance(error, (*REFUSALS, OSError)) else None


def sentence(error: BaseException) -> str:
    """Return Hydra's or OmegaConf's words as one line, without their pointers to a manual."""
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if not isinstance(cause, HydraException | OmegaConfBaseException):
        return line_of(error)
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    helpful = list(itertools.takewhile(lambda line: not line.startswith(POINTERS), lines))
    keys = [line.partition(": ")[2] for line in helpful if line.startswith("full_key: ")]
    text = " ".join(line for line in helpful if not line.startswith("full_key: "))
    missing = MISSING.match(text)
    if missing:
        return f"no {missing['group']} named {missing['name']!r}; {nearest(missing['name'], missing['names'].split())}"
    text = re.sub(r"^\w+ raised while resolving interpolation: ", "", text)
    other_form = OTHER_FORM.format(commands.program("run"))
    text = re.sub(r"Cannot merge (Dict|List)Config with (Dict|List)Config", other_form, text)
    text = text.replace("Cannot merge incompatible container types", other_form)  # so says OmegaConf 2.4
    hint = f"; {nearest('', GRIDS)}" if isinstance(cause, UnsupportedInterpolationType) else ""
    return f"{keys[0]}: {text}{hint}" if keys else f"{text}{hint}"


def _of_yaml(error: Exception) -> str:
    """Return where a file is no YAML, and why."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    place = f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    hint = "; YAML is indented with spaces, not with tabs" if mark is not None and _is_tab(mark) else ""
    return f"{place}{line_of(error) if problem is None else problem}{hint}"


def _is_tab(mark: Any) -> bool:
    """Whether there is a tab where a file is no YAML; Hydra 1.4 reads with libyaml, which does not say so."""
    with suppress(OSError, ValueError, IndexError):
        return bool(Path(mark.name).read_text(encoding="utf-8").splitlines()[mark.line][mark.column] == "\t")
    return False
