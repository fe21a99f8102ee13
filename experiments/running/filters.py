"""Filters: words such as ``delta_sweep``, ``function=sin``, ``status=failed``, ``since=2d`` that choose runs.

A word without a sign is looked for in the name, the study, the overrides and the status of a run. A word with one
(``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``) asks a field of FIELDS, or else a key of the configuration: a run fits
if one of its values does, over all its jobs and within lists.
"""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from experiments.messages import ConfigurationError, nearest
from experiments.running.listing import Entry
from experiments.running.record import OF_RUNS

WORD = re.compile(r"(?P<key>[A-Za-z_][\w.]*)(?P<sign><=|>=|!=|=|<|>)(?P<value>.*)", re.DOTALL)
SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
SPANS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
"""Units of a span of time, in seconds."""
UNITS = {"": 1, "b": 1, "bytes": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
"""Units of a size, in bytes."""


class NothingFitsError(ConfigurationError):
    """Every word has a meaning, and no run fits them."""


# Fields


@dataclass(frozen=True, kw_only=True)
class Field:
    """Something of a run that can be asked for: how it is got, how a value of it is read, and an example."""

    get: Callable[[Entry, datetime], object]
    read: Callable[[str, datetime], object] | None = None
    """None: the field is a text, which ``*`` and a list of alternatives may match."""
    example: str
    meaning: str


def _number(text: str, now: datetime) -> float:
    del now
    return float(text)


def _bytes(text: str, now: datetime) -> float:
    del now
    number, unit = _measured(text, UNITS)
    return number * unit


def _span(text: str, now: datetime) -> float:
    del now
    number, unit = _measured(text, SPANS)
    return number * unit


def _measured(text: str, units: Mapping[str, int]) -> tuple[float, int]:
    match = re.fullmatch(r"([\d.eE+-]*\d)\s*([A-Za-z]*)", text.strip())
    if not match or match[2].lower() not in units:
        raise ValueError(text)
    return float(match[1]), units[match[2].lower()]


def _moment(text: str, now: datetime) -> datetime:
    """Read ``2d``, ``today``, ``yesterday`` or a date, which is local, into a moment."""
    days = {"today": 0, "yesterday": 1}
    if text in days:
        midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=days[text])
    try:
        return now - timedelta(seconds=_span(text, now))
    except ValueError:
        return datetime.fromisoformat(text).astimezone()


def _age(entry: Entry, now: datetime) -> float | None:
    return (now - entry.started).total_seconds() if entry.started else None


FIELDS: Mapping[str, Field] = {
    "study": Field(get=lambda entry, _: (entry.study, runner(entry)), example="study=delta_sweep",
                   meaning="what was run"),
    "status": Field(get=lambda entry, _: entry.state, example="status=failed", meaning=", ".join(OF_RUNS)),
    "best": Field(get=lambda entry, _: entry.best, read=_number, example="'best<1e-10'",
                  meaning="the least typical error of a sweep over delta"),
    "since": Field(get=lambda entry, _: entry.started, read=_moment, example="since=2d",
                   meaning="began after: 30min, 2h, 2d, 1w ago, today, yesterday, or 2026-11-23"),
    "before": Field(get=lambda entry, _: entry.started, read=_moment, example="before=1w", meaning="began before that"),
    "age": Field(get=_age, read=_span, example="'age<2h'", meaning="how long ago it began"),
    "size": Field(get=lambda entry, _: entry.size, read=_bytes, example="'size>10MB'", meaning="of all its files"),
    "seconds": Field(get=lambda entry, _: entry.seconds, read=_number, example="'seconds>60'", meaning="it took"),
    "jobs": Field(get=lambda entry, _: len(entry.jobs), read=_number, example="'jobs>=10'", meaning="how many it has"),
    "commit": Field(get=lambda entry, _: entry.commit, example="commit=92d2b23*", meaning="of the code"),
    "host": Field(get=lambda entry, _: entry.host, example="host=node7", meaning="the machine"),
}  # fmt: skip
"""What can be asked of a run besides its configuration."""

EDGES: Mapping[str, str] = {"since": ">=", "before": "<"}
"""Fields that say by their name how they compare."""
OTHER_NAMES = {"experiment": "study", "runner": "study", "after": "since", "error": "best"}
"""What somebody may call a field."""


def runner(entry: Entry) -> str:
    """Return the name of the code that a run called, which several studies may share."""
    return str(entry.jobs[0].configuration.get("runner", "")) if entry.jobs else ""


# Words


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A word that was typed: of its key a value must pass the test, or none may if it is ``against`` that."""

    word: str
    key: str
    """Empty for a word without a sign, whose value is looked for in what is told of a run."""
    sign: str
    value: str
    test: Callable[[Any], bool]
    against: bool = False

    def fits(self, entry: Entry, now: datetime) -> bool:
        """Tell whether a run fits."""
        values = values_of(entry, self.key, now) if self.key else [_text_of(entry)]
        return any(map(self.test, values)) != self.against


def conditions(words: Sequence[str], now: datetime) -> list[Condition]:
    """Read words; what a shell has eaten of one is said."""
    return [_condition(word, now) for word in words if word.strip()]


def _condition(word: str, now: datetime) -> Condition:
    split = WORD.fullmatch(word)
    if split is None and word in FIELDS:
        example = FIELDS[word].example
        raise ConfigurationError(
            f"{word}: nothing is asked of it; write {example}; a shell takes < and > unless quoted"
        )
    if split is None:
        sought = word.strip().lower()
        return Condition(word=word, key="", sign="", value=word.strip(), test=lambda text: sought in text)
    key = OTHER_NAMES.get(split["key"], split["key"])
    sign, value = EDGES.get(key, split["sign"]), split["value"]
    read = FIELDS[key].read if key in FIELDS else None
    if sign in SIGNS or read is not None:
        try:
            test = _compared(sign, (read or _number)(value, now))
        except (ValueError, OverflowError) as error:
            what = f"write for example {FIELDS[key].example}" if key in FIELDS else f"after {sign} write a number"
            raise ConfigurationError(f"{word}: {value!r} is no value for {key}; {what}") from error
    else:
        test = _alike([_plain(text) for text in value.strip("[]").split(",")])
    return Condition(word=word, key=key, sign=sign, value=value, test=test, against=sign == "!=")


def _compared(sign: str, wanted: Any) -> Callable[[Any], bool]:
    """Return the test of a number or of a moment."""
    compare: Callable[[Any, Any], bool] = SIGNS.get(sign, operator.eq)
    kind = datetime if isinstance(wanted, datetime) else int | float
    return lambda value: isinstance(value, kind) and not isinstance(value, bool) and compare(value, wanted)


def _alike(alternatives: Sequence[object]) -> Callable[[Any], bool]:
    """Return the test that a value is one of several: a number of the same size, or a text, where ``*`` is anything."""
    numbers = {value for value in alternatives if isinstance(value, float)}
    texts = [value for value in alternatives if isinstance(value, str)]

    def test(value: object) -> bool:
        plain = _plain(_shown(value)) if isinstance(value, str | bool | None) else value
        return (
            plain in numbers if isinstance(plain, int | float) else any(fnmatchcase(str(plain), text) for text in texts)
        )

    return test


def _plain(text: str) -> object:
    """Return a number as a float, else the text in lower case."""
    try:
        return float(text)
    except ValueError:
        return text.strip().lower()


def _shown(value: object) -> str:
    """Return a value as it is typed."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _text_of(entry: Entry) -> str:
    return "\n".join((entry.place, entry.name, entry.study, entry.status, " ".join(entry.overrides))).lower()


def values_of(entry: Entry, key: str, now: datetime) -> list[Any]:
    """Return all that a run has for a field, or for a key of its configuration, over its jobs and within lists."""
    if key in FIELDS:
        got = FIELDS[key].get(entry, now)
        return [value for value in (got if isinstance(got, tuple) else (got,)) if value is not None]
    values: list[Any] = []
    for job in entry.jobs:
        value: Any = job.configuration
        if key.partition(".")[0] == "function" and any(value.get(name) for name in IN_PLACE_OF_FUNCTIONS):
            continue
        for part in key.split("."):
            value = value.get(part, _NONE) if isinstance(value, dict) else _NONE
        if value is not _NONE:
            values.extend(value if isinstance(value, list | dict) else [value])
    return values


_NONE = object()
IN_PLACE_OF_FUNCTIONS = ("expression", "python")
"""Keys by which a run computed something else than the functions that its configuration still names."""


# The choice


def is_filter(word: str) -> bool:
    """Tell whether a word has a sign, which no name of a run has."""
    return WORD.fullmatch(word) is not None


def chosen(listed: Sequence[Entry], words: Sequence[str], now: datetime | None = None) -> list[Entry]:
    """Return the runs that fit all words, in the order given.

    Raises
    ------
    ConfigurationError
        If a word means nothing here.
    NothingFitsError
        If no run fits; the line names the nearest word that some run has.
    """
    now = now or datetime.now(UTC)
    wanted = conditions(words, now)
    for condition in wanted:
        _refuse_unknown(condition, listed, now)
    fits = {condition.word: [condition.fits(entry, now) for entry in listed] for condition in wanted}
    fitting = [entry for place, entry in enumerate(listed) if all(fit[place] for fit in fits.values())]
    if listed and not fitting:
        raise NothingFitsError(_why_none(wanted, {word: sum(fit) for word, fit in fits.items()}, listed, now))
    return fitting


def _refuse_unknown(condition: Condition, listed: Sequence[Entry], now: datetime) -> None:
    key = condition.key
    if key and key not in FIELDS and not any(values_of(entry, key, now) for entry in listed):
        keys = itertools.chain.from_iterable(job.configuration for entry in listed for job in entry.jobs[:1])
        raise ConfigurationError(f"{condition.word}: no run here has the key {key!r}; {nearest(key, {*FIELDS, *keys})}")


def _why_none(wanted: Sequence[Condition], alone: Mapping[str, int], listed: Sequence[Entry], now: datetime) -> str:
    for condition in wanted:
        if not alone[condition.word]:
            return f"no run fits {condition.word}; {_instead(condition, listed, now)}"
    return f"no run fits all of this at once: {', '.join(f'{word} fits {count}' for word, count in alone.items())}"


def _instead(condition: Condition, listed: Sequence[Entry], now: datetime) -> str:
    """Say what could be asked for: the nearest word, or between what the numbers lie."""
    key, sought = condition.key, condition.value
    if not key:
        example = f"a word is of a study, a name, a state or what was typed, such as {listed[0].study}"
        return nearest(sought, _vocabulary(listed), otherwise=example)
    values = [value for entry in listed for value in values_of(entry, key, now)]
    if not values:
        return f"no run here tells its {key}"
    if condition.sign in SIGNS or (key in FIELDS and FIELDS[key].read):
        numbers = sorted(value for value in values if isinstance(value, int | float | datetime))
        ends = [f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else f"{value:.3g}" for value in numbers]
        if ends:
            return f"{key} goes from {ends[0]} to {ends[-1]}"
    return nearest(sought, map(_shown, values))


def _vocabulary(listed: Sequence[Entry]) -> Iterator[str]:
    for entry in listed:
        yield from (entry.study, entry.name, entry.state, *entry.overrides)
        yield from itertools.chain.from_iterable(re.findall(r"\w+", word) for word in entry.overrides)
