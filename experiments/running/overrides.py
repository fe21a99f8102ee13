"""The words of a command line as Hydra reads them: each a setting with its alternatives, refused where it has none."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, OverrideType, RangeSweep, ValueType
from hydra.errors import HydraException, OverrideParseException
from omegaconf import OmegaConf

from experiments.messages import ConfigurationError, line_of, show
from experiments.running import check
from experiments.running.hydra_errors import sentence
from experiments.running.spelling import matched, misspelt

MAX_VALUES = 10_000
"""Values of one sweep: each is resolved, some milliseconds, before the first job."""
FIGURE = "figures.draw."
"""How the keys of figures begin: a preset need not hold those that the columns of a table or ``each`` stand for."""
DECIMAL_COMMA = re.compile(r"(?P<list>\[)?(?P<whole>[+-]?\d+),(?P<part>(?(list)0)\d+)(?(list)\])")
"""What may be one number: two whole ones as a sweep; in brackets, which say that a list is meant, 0,05 and the like."""
A_LIST = "within one job write a list, {key}=[A,B], or a grid, '{key}=${{linspace:A,B,N}}'"
"""What a sweep of too many values may be instead."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One override: its key without a sign, its line, and its alternatives as Hydra reads them."""

    key: str
    line: str
    words: tuple[str, ...]
    merged: bool
    """Whether it is a plain value, which is merged, and no group or setting of Hydra, which needs a composition."""
    ranging: IntervalSweep | RangeSweep | None = None
    """What it was typed as, if as an interval, of which the words are the ends, or as a range."""
    drawn: bool = False
    """Whether Hydra would shuffle the alternatives, or look for them, once more."""

    @property
    def planned(self) -> str:
        """The word by which Hydra runs these alternatives in this order."""
        if not self.drawn:
            return self.line
        return f"{self.words[0].partition('=')[0]}={','.join(self.values)}"

    @property
    def values(self) -> list[str]:
        """The alternatives without the key."""
        return [word.partition("=")[2] for word in self.words]

    @property
    def comma(self) -> str:
        """What to say of two whole numbers that are one number with a decimal comma, if that is what was meant."""
        found = DECIMAL_COMMA.fullmatch(self.line.partition("=")[2])
        if not found:
            return ""
        whole, part = found["whole"], found["part"]
        if part == str(int(whole) + 1):  # who writes 1,2 counts
            return ""
        two = f"{self.line} is read as two values, {int(whole)} and {int(part)}"
        return f"{two}; for the one number write {self.key}={whole}.{part}, with a decimal point"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All overrides of a run, and the groups of configurations that there are."""

    groups: tuple[str, ...]
    every: tuple[Setting, ...]

    @property
    def first(self) -> list[str]:
        """The overrides of the first job."""
        return [setting.words[0] for setting in self.every]

    @property
    def swept(self) -> list[Setting]:
        """The overrides of more than one value."""
        return [setting for setting in self.every if len(setting.words) > 1]

    @property
    def keys(self) -> list[str]:
        """The keys that are overridden."""
        return [setting.key for setting in self.every]

    def with_word(self, setting: Setting, word: str) -> list[str]:
        """Return the overrides of the first job with another alternative of one of them."""
        return [word if one is setting else one.words[0] for one in self.every]

    def jobs(self) -> Iterator[tuple[str, ...]]:
        """Return the overrides of every job, in Hydra's order: the last sweep runs fastest."""
        return itertools.product(*(setting.words for setting in self.every))


@dataclass(frozen=True)
class Groups(Mapping[str, Sequence[str]]):
    """The options of each group, listed when they are needed."""

    names: Sequence[str]
    options: Callable[[str], Sequence[str]]

    def __getitem__(self, name: str) -> Sequence[str]:
        if name not in self.names:
            raise KeyError(name)
        return self.options(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def parsed(word: str) -> Override:
    """Return one override as Hydra reads it."""
    return OverridesParser.create().parse_override(word)


def forced(word: str) -> str:
    """Return an override, once its key is checked, so that Hydra adds a key of a figure that the preset does not hold.

    >>> forced("figures.draw.error.x=delta"), forced("delta=1e-4")
    ('++figures.draw.error.x=delta', 'delta=1e-4')
    """
    return f"++{word}" if word.startswith(FIGURE) else word


def read(loader: ConfigLoader, name: str, words: Sequence[str]) -> Settings:
    """Parse overrides; refuse bad spelling, a key that occurs twice, and names that no group has.

    Parameters
    ----------
    loader
        Hydra's, which knows the groups.
    name
        The name of the configuration from which everything is composed.
    words
        The overrides as typed.
    """
    groups = _groups(loader, name, [word for word in words if word.startswith("hydra.searchpath=")])
    overrides = _parse(loader, words, groups)
    check.refuse_twice([override.get_key_element().lstrip("+~") for override in overrides])
    check.refuse_both([override.key_or_group for override in overrides])
    settings = tuple(_setting(override, groups) for override in overrides)
    preset = _preset(loader, overrides)
    if preset is not None:
        check.refuse_header(preset)
    return Settings(groups=tuple(groups), every=settings)


def _groups(loader: ConfigLoader, name: str, searched: Sequence[str]) -> Groups:
    """Return the groups that there are.

    Hydra would read the main configuration anew for each of them, to see whether that has a search path of its own.
    """
    repository: Any = loader.repository  # type: ignore[attr-defined]  # of Hydra's one loader
    main = repository.load_config(name)
    moved = searched or (main is not None and OmegaConf.select(main.config, "hydra.searchpath") is not None)

    def entries(group: str, kind: ObjectType = ObjectType.CONFIG) -> list[str]:
        options: list[str] = (
            loader.get_group_options(group, kind, name, list(searched))
            if moved
            else repository.get_group_options(group, kind)
        )
        return options

    return Groups([group for group in entries("", ObjectType.GROUP) if group != "hydra"], cache(entries))


def _preset(loader: ConfigLoader, overrides: Sequence[Override]) -> Path | None:
    """Return the file of the preset that is chosen on the command line, if it is one."""
    values = {override.key_or_group: override.value() for override in overrides}
    searched = values.get("hydra.searchpath")
    directories = [element.path for element in loader.get_search_path().get_path()]
    directories += map(str, searched) if isinstance(searched, list) else []
    name = f"{values.get('experiment')}.yaml"
    paths = (Path(directory.removeprefix("file://"), "experiment", name) for directory in directories)
    return next((path for path in paths if path.is_file()), None)


def _parse(loader: ConfigLoader, words: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[Override]:
    parser = OverridesParser.create(config_loader=loader)
    overrides = []
    for place, word in enumerate(words):
        try:
            overrides += parser.parse_overrides([matched(word, groups)])
        except OverrideParseException as error:
            raise ConfigurationError(misspelt(word, words[place + 1 :], groups, sentence(error))) from error
        except RecursionError:
            raise ConfigurationError(f"{show(word)}: too many brackets within each other") from None
    return overrides


def _setting(override: Override, groups: Mapping[str, Sequence[str]]) -> Setting:
    key, words = override.key_or_group, _words(override)
    _refuse(override, words, groups.get(key))
    plain = override.type is OverrideType.CHANGE and override.package is None and "/" not in key
    return Setting(
        key=key,
        line=str(override.input_line),
        words=words,
        merged=plain and key not in groups and not override.is_hydra_override(),
        ranging=value if isinstance(value := override.value(), IntervalSweep | RangeSweep) else None,
        drawn=_shuffled(override) or override.value_type is ValueType.GLOB_CHOICE_SWEEP,
    )


def _refuse(override: Override, words: Sequence[str], options: Sequence[str] | None) -> None:
    """Refuse to delete a key, names that are no options of a group, a sweep over the whole run, and too many values."""
    key = override.key_or_group
    if override.is_delete() and not override.is_hydra_override():
        raise ConfigurationError(f"{words[0]}: a study keeps its keys; write {key}=VALUE to change what it is")
    if options is not None and override.is_add():
        raise ConfigurationError(f"{words[0]}: a study has the key already or not at all; write {words[0].lstrip('+')}")
    for word in words if options is not None else ():
        check.refuse_unknown_names(key, parsed(word).value(), options or ())
    if len(words) > 1 and (override.is_hydra_override() or key.split(".")[0] in check.WHOLE_RUN):
        raise ConfigurationError(
            f"{show(override.input_line)}: the whole run has one {key}; write one value, {words[0]}"
        )
    if len(words) > MAX_VALUES:
        raise ConfigurationError(
            f"{show(override.input_line)}: more than {MAX_VALUES:,} values, and each would be a job of its own;"
            f" {A_LIST.format(key=key)}"
        )


def _shuffled(override: Override) -> bool:
    return isinstance(value := override.value(), ChoiceSweep | RangeSweep) and value.shuffle


def _words(override: Override) -> tuple[str, ...]:
    """Return the override of each job of a sweep, or the one override as it was typed.

    Of more than MAX_VALUES these are the first: a sweep is counted before it is written out. A shuffle is drawn from
    the words as a seed, so that the same words are the same run.
    """
    line = str(override.input_line)
    if not override.is_sweep_override():
        return (line,)
    if override.is_interval_sweep():
        ends: Any = override.value()
        return tuple(f"{override.get_key_element()}={end}" for end in (ends.start, ends.end))
    values = _values(override)
    if not values:
        raise ConfigurationError(f"{line}: the sweep is empty; write at least one value, {override.key_or_group}=A")
    if _shuffled(override):
        random.Random(line).shuffle(values)  # noqa: S311 - no secret
    return tuple(f"{override.get_key_element()}={value}" for value in values)


def _values(override: Override) -> list[str]:
    """Return the values of a sweep, not shuffled, and one more than MAX_VALUES of a longer one."""
    value: Any = override.value()
    even = replace(override, _value=replace(value, shuffle=False)) if _shuffled(override) else override
    try:
        return list(itertools.islice(even.sweep_string_iterator(), MAX_VALUES + 1))
    except ArithmeticError:
        raise ConfigurationError(
            f"{override.input_line}: an end that is no number; write {override.key_or_group}=range(0,10)"
        ) from None
    except (HydraException, ValueError) as error:
        raise ConfigurationError(f"{override.input_line}: {line_of(error)}") from error
