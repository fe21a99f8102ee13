"""A search: jobs drawn one after the other, each by what those before it gave, to make the largest error small.

A sweeper of Hydra draws them. It draws from a seed and is told the objective of every job in order, so that the same
search asks for the same jobs when it is replayed: thus a run is resumed to the byte. Asked before the first job, it
needs neither tables nor optuna.
"""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.messages import ConfigurationError, show
from experiments.running import launchers, provenance, serial
from experiments.running.check import SHARD
from experiments.running.settings import FIELD_KEYS
from experiments.study import Study
from experiments.terminal.progress import Terminal

ERROR = "error"
"""The column of the main table whose largest value in a job a search makes small."""
EXTRAS = {"optuna": "optuna"}
"""The sweepers that search, and the extra of this package that installs each."""
PACKAGES = ("hydra-optuna-sweeper", "optuna")
"""What the drawn jobs depend on beside the code."""
FIXED = {
    "direction": "minimize",
    "storage": None,
    "study_name": "derivative-lab",
    "max_failure_rate": 1.0,
    "search_space": None,
    "custom_search_space": None,
}
"""Settings of the sweeper without a choice: another would search for something else, or could not be replayed."""
DECADES = 2
"""Decades between the ends of an interval above which it is said that most of what is drawn lies near the larger: a
constant without a derivation."""
MAX_TRIALS = 10_000
EXAMPLE = "'delta=tag(log,interval(1e-14,1e-1))'"


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """From what the value of a key is drawn: how that was typed, and its values, or the ends of an interval.

    ``log`` says whether its logarithm is drawn, ``stepped`` whether it was typed as a range.
    """

    line: str
    key: str
    values: tuple[str, ...]
    ends: tuple[float, float] | None = None
    log: bool = False
    stepped: bool = False


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is searched and how: enough to say of a job whether it belongs to the search.

    ``words`` are the overrides as they were typed, ``space`` those of them that are drawn from, ``advice`` what
    is to be said of these. ``template`` is the configuration of a job not drawn yet, in which the keys ``drawn`` hold
    the words that decide them. ``sweeper`` are the settings, ``versions`` who draws.
    """

    trials: int
    words: Sequence[str]
    space: Sequence[str]
    advice: Sequence[str]
    template: Mapping[str, Any]
    drawn: Sequence[str]
    sweeper: Mapping[str, Any]
    versions: Mapping[str, str]

    def has(self, configuration: Mapping[str, Any]) -> bool:
        """Whether a job's configuration may have been drawn: it differs from the template in what is drawn only."""
        fixed = {**configuration, **{key: self.template[key] for key in self.drawn}}
        return serial.configuration_hash(fixed) == serial.configuration_hash(self.template)


def of(
    sweeper: str,
    *,
    settings: Mapping[str, Any],
    launcher: str,
    words: Sequence[str],
    space: Sequence[Drawn],
    first: Mapping[str, Any],
    alternatives: Sequence[Sequence[Mapping[str, Any]]],
) -> Search:
    """Return the search that a command line asks for.

    Parameters
    ----------
    sweeper, launcher
        Their names.
    settings
        Those of the sweeper, without its own space.
    words
        All overrides.
    space
        What is drawn.
    first, alternatives
        The configuration with the first value of everything that is drawn, and how each other value changes it.

    Raises
    ------
    ConfigurationError
        If the sweeper is not installed, or nothing can be searched, or the search could not be replayed.
    """
    launchers.refuse_uninstalled(f"hydra/sweeper={sweeper}", settings["_target_"], EXTRAS[sweeper])
    _refuse_settings(settings)
    if not space:
        raise ConfigurationError(
            f"hydra/sweeper={sweeper} has nothing to search; write an interval, {EXAMPLE}, or several values,"
            " method=forward_1,central_2"
        )
    for drawn in space:
        _refuse_drawn(drawn)
    _refuse_together(settings["n_jobs"], launcher)
    fixed: dict[str, Any] = {}
    for drawn, patches in zip(space, alternatives, strict=True):
        fixed |= dict.fromkeys({drawn.key.split(".")[0], *(key for patch in patches for key in patch)}, drawn.line)
    return Search(
        trials=settings["n_trials"],
        words=tuple(words),
        space=tuple(drawn.line for drawn in space),
        advice=tuple(_advice(space)),
        template={**first, **fixed},
        drawn=tuple(sorted(fixed)),
        sweeper=settings,
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """Return the versions of what draws."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def _refuse_drawn(drawn: Drawn) -> None:
    """Refuse what nothing can be drawn from, and what optuna reads otherwise than Hydra does."""
    where = show(drawn.line)
    if drawn.key == SHARD:
        raise ConfigurationError("shards: a search draws whole jobs; write shards=1")
    if drawn.key in FIELD_KEYS["function"]:
        raise ConfigurationError(
            f"{where}: a search would choose the {drawn.key} that is easiest to differentiate; write a list,"
            f" {drawn.key}=[A,B], to make the largest error over all of it small"
        )
    if drawn.stepped:
        raise ConfigurationError(
            f"{where}: a search would draw the end of a range too; write the values, {drawn.key}=A,B, or an interval,"
            f" {drawn.key}=interval(A,B)"
        )
    if "null" in drawn.values:
        raise ConfigurationError(f"{where}: a search cannot draw null; leave it out of the values")
    if drawn.ends is None:
        return
    low, high = drawn.ends
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigurationError(f"{where}: an interval goes from the lesser number to the larger; write {EXAMPLE}")
    if drawn.log and low <= 0:
        raise ConfigurationError(f"{where}: on a logarithmic scale both ends are above 0; write {EXAMPLE}")


def _refuse_settings(settings: Mapping[str, Any]) -> None:
    """Refuse settings of a sweeper with which the search would be another one, or could not be replayed."""
    for key, value in FIXED.items():
        if settings.get(key, value) != value:
            raise ConfigurationError(
                f"hydra.sweeper.{key}={show(settings[key])}: a search makes the largest error small, and is replayed"
                " when it is resumed, so that this has no choice; leave it out"
            )
    for key in ("n_trials", "n_jobs"):
        value = settings[key]
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_TRIALS:
            raise ConfigurationError(
                f"hydra.sweeper.{key}={show(value)}: a whole number from 1 to {MAX_TRIALS}; write one such as"
                f" hydra.sweeper.{key}=8"
            )
    if "seed" not in settings["sampler"]:
        raise ConfigurationError(
            f"hydra.sweeper.sampler={settings['sampler']['_target_'].rpartition('.')[2]} draws without a seed, and a"
            " search is replayed when it is resumed; write hydra/sweeper/sampler=tpe"
        )
    seed = settings["sampler"]["seed"]
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ConfigurationError(
            f"hydra.sweeper.sampler.seed={show(seed)}: a search is replayed when it is resumed, which needs a seed;"
            " write hydra.sweeper.sampler.seed=0"
        )


def _refuse_together(together: int, launcher: str) -> None:
    """Refuse trials drawn together that nobody runs together, and workers of which one has work."""
    if together > 1 and launcher == "basic":
        raise ConfigurationError(
            f"hydra.sweeper.n_jobs={together}: trials run at the same time only in workers; write"
            " hydra/launcher=joblib too, or leave it out"
        )
    if together == 1 and launcher != "basic":
        raise ConfigurationError(
            f"hydra/launcher={launcher}: the search draws one trial at a time; write hydra.sweeper.n_jobs=N too, with"
            f" N no more than the workers, such as hydra.sweeper.n_jobs={max(2, provenance.usable_processors())},"
            " or leave it out"
        )


def refuse_study(study: Study) -> None:
    """Refuse a study whose main table has no error that could be made small."""
    if ERROR not in study.main.columns:
        raise ConfigurationError(
            f"the study {study.name} has no column {ERROR!r} that a search could make small;"
            " write values instead, KEY=A,B or a grid"
        )


def refuse_changed(before: Search, now: Search) -> None:
    """Refuse to go on with a search that would draw other jobs now: it would not be the one that began."""
    for name in ("trials", "space", "sweeper", "versions"):
        old, new = (serial.plain(getattr(one, name)) for one in (before, now))
        if old != new:
            raise ConfigurationError(
                f"the search began with {name} {show(old, 100)}, and now it is {show(new, 100)}: start it anew"
            )


def _advice(space: Sequence[Drawn]) -> Iterator[str]:
    """Yield what is to be said of intervals that draw what few people mean."""
    for drawn in space:
        low, high = drawn.ends or (0.0, 0.0)
        if not drawn.log and 0 < low * 10**DECADES < high:
            even = f"'{drawn.key}=tag(log,interval({low:g},{high:g}))'"
            yield f"{drawn.line} draws nine numbers of ten from its last decade; for all decades alike write {even}"


def tell(search: Search, *, verbose: bool) -> None:
    """Say what the search had better be, and let optuna tell its steps only when asked to."""
    import optuna  # noqa: PLC0415 - only who searches has it, and it takes a second

    for text in search.advice:
        Terminal().note(text)
    optuna.logging.set_verbosity(optuna.logging.INFO if verbose else optuna.logging.WARNING)
