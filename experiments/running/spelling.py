"""How the words of a command line are spelt: the quotes that Hydra needs, and what is wrong with a word it refuses."""

from __future__ import annotations

import fnmatch
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.messages import ConfigurationError, nearest, show
from experiments.running import catalog
from experiments.terminal import commands

FORMULAS = ("expression", "answer")
"""Keys whose values are formulas."""
INTERVAL = re.compile(r"(?:tag\([\w\s,]+,\s*)?interval\([^()]*\)+")
"""How an interval is typed, right or wrong."""
ALL = "all"
"""What stands for every entry of a group."""
OF_MODULE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
"""How a function of a module is written."""
PLAIN = re.compile(r"[A-Za-z0-9_.:/~+-]+")
"""What is no sign of Hydra's grammar."""
OPTIONS = ("help", "version", "open", "quiet", "resume")
"""Options that somebody may write without their dashes."""


def quoted(argument: str) -> str:
    """Quote a formula, as of ``expression=...``, for Hydra when it begins with neither a quote nor a bracket.

    Hydra takes a bare ``sin(x)`` for a call of a function of its own.
    """
    key, equals, value = argument.partition("=")
    if key not in FORMULAS or not equals or value.startswith(("'", '"', "[")) or value in ("", "null"):
        return argument
    return f"{key}={quote(value)}"


def quote(text: str) -> str:
    """Return a text in Hydra's single quotes: quotes are escaped, and backslashes before a quote doubled."""
    pieces = text.split("'")
    doubled = [piece + "\\" * (len(piece) - len(piece.rstrip("\\"))) for piece in pieces]
    return "'" + "\\'".join(doubled) + "'"


def word(key: str, value: object) -> str:
    """Return the word of a command line that sets a key to a value of Python.

    A text of letters, digits and a few signs stands as it is, any other in quotes; a function is named by its module.

    >>> word("delta", [1e-4, 1e-8]), word("expression", ["sin(x)", "x^2"]), word("figures.draw", None)
    ('delta=[0.0001,1e-08]', "expression=['sin(x)','x^2']", 'figures.draw=null')
    """
    return f"{key}={_written(key, value)}"


def _written(key: str, value: Any) -> str:
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{name}:{_written(key, part)}' for name, part in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(_written(key, part) for part in value)}]"
    if value is None or isinstance(value, bool | float | int):
        return {"None": "null", "True": "true", "False": "false"}.get(repr(value), repr(value))
    text = _name_of(key, value) if callable(value) else str(value)
    return text if PLAIN.fullmatch(text) else quote(text)


def _name_of(key: str, function: Any) -> str:
    """Return ``module:attribute`` of a function, by which every job finds it."""
    name = f"{getattr(function, '__module__', None)}:{getattr(function, '__qualname__', '')}"
    if not OF_MODULE.fullmatch(name):
        raise ConfigurationError(
            f"{key}={show(getattr(function, '__qualname__', repr(function)))}: a job finds a function by its name;"
            f" write def f(x): ... at the top of a module or a notebook, and {key}=f"
        )
    return name


def matched(argument: str, names: Mapping[str, Sequence[str]]) -> str:
    """Write out the patterns of a choice from a group: all that fit are in one job, unless there is a comma list.

    >>> matched("method=central_*", {"method": ["central_2", "central_4", "forward_1"]})
    'method=[central_2,central_4]'
    """
    key, _, value = argument.partition("=")
    if key not in names or key == "experiment":
        return argument
    parts = [part.strip() for part in value.strip("[]").split(",")]
    entries = [name for part in parts for name in _fitting(part, names[key])]
    if entries == parts:
        return argument
    chosen = ",".join(dict.fromkeys(entries))
    return f"{key}={chosen}" if len(parts) > 1 and not value.startswith("[") else f"{key}=[{chosen}]"


def _fitting(pattern: str, names: Sequence[str]) -> Sequence[str]:
    """Return the names that fit a pattern, or the pattern where none does: it is refused as a name."""
    if pattern == ALL and ALL not in names:
        return names
    return fnmatch.filter(names, pattern) or [pattern]


def misspelt(argument: str, following: Sequence[str], names: Mapping[str, Sequence[str]], reason: str) -> str:
    """Return the line that explains an argument which Hydra's parser refuses.

    Parameters
    ----------
    argument, following
        The argument, and those after it.
    names
        The entries of each group: a bare ``sin`` is explained by ``function=sin``.
    reason
        Hydra's own words, for what none of the explanations fits.
    """
    key, equals, value = argument.partition("=")
    if not equals:
        return _bare(argument, following, names)
    if value.rstrip().endswith(","):
        rest = list(itertools.takewhile(lambda word: "=" not in word, following))
        whole = (value.replace(" ", "") + "".join(rest)).rstrip(",")
        return f"{show(' '.join([argument, *rest]))}: a space after a comma ends the list; write {key}={whole}"
    if INTERVAL.fullmatch(value) and _closed(value):
        return f"{show(argument)}: an interval has two numbers, its ends; write '{key}=tag(log,interval(1e-14,1e-1))'"
    return f"{show(argument)}: {_misspelt_value(key, value) or _offsets(key, value, names) or reason}"


def _offsets(key: str, value: str, names: Mapping[str, Sequence[str]]) -> str | None:
    """Explain an entry of a group that is typed with the offsets which tables show beside its name."""
    plain = re.sub(r"(?<=\w)\[[^\]]*\]", "", value)
    known = key in names and all(part in names[key] for part in plain.strip("[]").split(","))
    return f"an entry is chosen by its name alone; write {key}={plain}" if known else None


def _misspelt_value(key: str, value: str) -> str | None:
    if not re.fullmatch(r"[+~]*[\w./@$-]+", key):
        return f"{show(key)!r} is no key; write key=value, such as delta=1e-4"
    if value.startswith("="):
        return f"one = is enough; write {key}={show(value.lstrip('='))}"
    if not _closed(value):
        return f"a bracket or a quote in {show(value)} is not closed"
    return _unquoted(key, value)


def _unquoted(key: str, value: str) -> str | None:
    if value.startswith("{") and ":" not in value:
        return f"braces are of names with values; write {key}=[{show(value.strip('{}'))}] for a list"
    strange = [character for character in value if not character.isascii()]
    if strange and not key.startswith(("hydra.", "python")):
        return f"the character {strange[0]!r} is not known here; write plain letters, digits and signs, as in x=1/2"
    if strange or any(character in value for character in "()^<>!&;#~"):
        formula = "" if key in catalog.every_key() else f", or, if this is the function, 'expression={show(value)}'"
        return f'Hydra cannot read this value unquoted; write "{key}={show(_quote_elements(value))}"{formula}'
    return None


def _bare(argument: str, following: Sequence[str], names: Mapping[str, Sequence[str]]) -> str:
    groups = [group for group, options in names.items() if argument in options]
    if groups or argument in OPTIONS or argument in commands.COMMANDS or argument in catalog.every_key():
        return f"{argument!r} is no key=value; write {_whole(argument, following, groups)}"
    if OF_MODULE.fullmatch(argument):
        return f"{argument!r} is no key=value; a function of a module is written python={argument}"
    if any(character.isdigit() or character in "x(*+/^ " for character in argument):
        return f"{show(argument)!r} is no key=value; an expression is written 'expression={show(argument)}'"
    every = [*catalog.every_key(), *(name for options in names.values() for name in options)]
    hint = nearest(argument, every, otherwise=f"{commands.program('run')} --help lists keys and names")
    return f"{show(argument)!r} is no key=value, such as delta=1e-4 or function=sin; {hint}"


def _whole(argument: str, following: Sequence[str], groups: Sequence[str]) -> str:
    """Return how an argument is written that is the name of an entry, an option, a command or a key."""
    if groups:
        return f"{groups[0]}={argument}"
    if argument in OPTIONS:
        return f"--{argument}"
    if argument in commands.COMMANDS:
        return f"{commands.program(argument)} {' '.join(map(show, following))}".rstrip()
    return f"{argument}={show(following[0]) if following and '=' not in following[0] else 'VALUE'}"


def _quote_elements(value: str) -> str:
    """Quote each element of a list, or of a comma list, that is not a plain word."""
    if value.startswith("[") and value.endswith("]"):
        return f"[{_quote_elements(value[1:-1])}]"
    quoted_elements = (
        element if element.startswith(("'", '"')) else quote(element.strip()) for element in elements(value)
    )
    return ",".join(quoted_elements)


def elements(text: str) -> list[str]:
    """Return what stands between the commas of a text that are outside brackets."""
    depth, parts = 0, [""]
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _closed(value: str) -> bool:
    paired = all(value.count(opened) == value.count(closed) for opened, closed in (("(", ")"), ("[", "]"), ("{", "}")))
    return paired and all(value.count(mark) % 2 == 0 for mark in ("'", '"'))
