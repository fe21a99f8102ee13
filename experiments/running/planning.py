"""What a run will compute, planned before its first job: every Config is built, and what cannot be run is refused."""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, RangeSweep
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from experiments import calls
from experiments.messages import ConfigurationError, show
from experiments.running import check, launchers, search, trust
from experiments.running.check import Plain
from experiments.running.composition import Command, Space, masked
from experiments.running.overrides import A_LIST, Setting, Settings
from experiments.study import Study

POINTS = ("x",)
"""The key that becomes a part of every function, and is none of a Config."""
MAX_JOBS = 100_000
"""Jobs of a run: the configuration of each is held, and recorded."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a command line asks for, checked: nothing in it is composed or drawn again.

    ``config`` is the composed configuration of the first job, ``space`` gives that of any job, ``words`` are the
    overrides by which Hydra runs them and ``named`` those of every job. ``calls`` says how often each function of
    somebody's own is called at most, and ``remarks`` what that leaves out, and which word may have been
    meant otherwise. The jobs of a search are planned as its template.
    """

    config: DictConfig
    config_name: str
    space: Space
    words: tuple[str, ...]
    study: Study
    jobs: tuple[Plain, ...]
    named: tuple[tuple[str, ...], ...]
    rows: int
    calls: list[calls.Calls]
    remarks: tuple[str, ...]
    single: bool
    """Whether one job is run without a sweep around it, which needs no launcher, whatever is set."""
    search: search.Search | None

    @property
    def experiment(self) -> str:
        """The name of the preset."""
        return str(self.config.hydra.runtime.choices.get("experiment", self.study.name))

    @property
    def launcher(self) -> str:
        """The name of the launcher."""
        return "basic" if self.single else str(self.config.hydra.runtime.choices["hydra/launcher"])

    @property
    def place(self) -> Path:
        """The directory below which the run gets its own."""
        return Path(str(self.config.hydra.sweep.dir)).absolute()


def plan(args: argparse.Namespace, command: Command) -> Plan:
    """Build the Config of every job, and refuse a sweep where only one job can be."""
    config, settings = command.compose(command.settings.first), command.settings
    choices, single = config.hydra.runtime.choices, config.hydra.mode == RunMode.RUN and not args.multirun
    _refuse_intervals(config, settings.swept)
    if settings.swept and (args.cfg or single):
        _refuse_sweep(settings.swept[0], shows=bool(args.cfg))
    _refuse_places(config)
    launchers.refuse_missing(str(choices["hydra/launcher"]), str(config.hydra.launcher["_target_"]))
    first = command.first
    study = check.study_of(first)
    trust.tell_preset(first, settings.keys)
    begun = partial(
        Plan,
        config=config,
        config_name=command.name,
        study=study,
        words=tuple(setting.planned for setting in settings.every),
        single=single,
    )
    searched = _searches(config) and not args.cfg and not single
    return _search(command, config, study, begun) if searched else _sweep(command, study, begun)


def _sweep(command: Command, study: Study, begun: Callable[..., Plan]) -> Plan:
    """Plan the jobs of all combinations of the values."""
    _refuse_many(command.settings)
    space = command.space()
    jobs = tuple(space.jobs(command.settings))
    configs = check.configs_of(study, jobs)
    check.refuse_idle(configs, command.settings.keys)
    return begun(
        space=space,
        jobs=jobs,
        named=tuple(command.settings.jobs()),
        rows=sum(one.rows for one in configs),
        calls=calls.total(_calls(configs)),
        remarks=(*_commas(command.settings, study), *_remarks(configs)),
        search=None,
    )


def _calls(configs: Iterable[Any], times: int = 1) -> Iterator[calls.Calls]:
    """Yield how often each job calls somebody's own code at most, if it is done so many times."""
    for one in configs:
        yield from (replace(part, most=part.most * times) for part in getattr(one, "calls", ()))


def _remarks(configs: Iterable[Any]) -> Iterator[str]:
    """Yield what the first job that leaves something out says of it."""
    yield from itertools.islice((one.remark for one in configs if getattr(one, "remark", "")), 1)


def _commas(settings: Settings, study: Study) -> Iterator[str]:
    """Yield what is said of decimal commas under the keys that take numbers with digits behind the point."""
    types = {one.name: str(one.type) for one in fields(study.Config)}
    yield from (
        one.comma for one in settings.every if one.comma and (one.key in POINTS or "float" in types.get(one.key, ""))
    )


def _searches(config: DictConfig) -> bool:
    return config.hydra.runtime.choices["hydra/sweeper"] in search.EXTRAS


def _search(command: Command, config: DictConfig, study: Study, begun: Callable[..., Plan]) -> Plan:
    """Build the Config of every choice and of both ends of every interval, and refuse what cannot be searched."""
    space = command.space()
    alternatives = space.alternatives(command.settings)
    with masked():
        settings: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    choices = config.hydra.runtime.choices
    drawn = search.of(
        str(choices["hydra/sweeper"]),
        settings={key: value for key, value in settings.items() if key != "params"},
        launcher=str(choices["hydra/launcher"]),
        words=[setting.line for setting in command.settings.every],
        space=[_drawn(setting) for setting in command.settings.swept],
        first=space.first,
        alternatives=alternatives,
    )
    search.refuse_study(study)
    configs = check.configs_of(study, check.corners_of(space.first, alternatives))
    check.refuse_idle(configs, command.settings.keys)
    return begun(
        space=space,
        jobs=(dict(drawn.template),) * drawn.trials,
        named=(tuple(drawn.words),) * drawn.trials,
        rows=max(one.rows for one in configs) * drawn.trials,
        calls=calls.total(_calls(configs[:1], drawn.trials)),
        remarks=(*_commas(command.settings, study), *_remarks(configs)),
        search=drawn,
    )


def _drawn(setting: Setting) -> search.Drawn:
    """Say from what a search draws the value of a key."""
    ranging = setting.ranging
    ends = (ranging.start, ranging.end) if isinstance(ranging, IntervalSweep) else None
    return search.Drawn(
        line=setting.line,
        key=setting.key,
        values=tuple(setting.values),
        ends=ends,  # type: ignore[arg-type]  # Hydra's own have two
        log=ranging is not None and "log" in ranging.tags,
        stepped=isinstance(ranging, RangeSweep),
    )


def _refuse_intervals(config: DictConfig, swept: Sequence[Setting]) -> None:
    """Refuse an interval without a sweeper that draws from it."""
    for setting in swept:
        if isinstance(setting.ranging, IntervalSweep) and not _searches(config):
            raise ConfigurationError(
                f"{setting.line}: an interval has no values; write {setting.key}=A,B or a grid, or search it with"
                " hydra/sweeper=optuna"
            )


def _refuse_sweep(setting: Setting, *, shows: bool) -> None:
    """Refuse a sweep where one job is shown, or run without a sweep around it."""
    if setting.key == check.SHARD:
        raise ConfigurationError(f"shards={len(setting.words)}: hydra.mode=RUN runs one job; write shards=1")
    values = setting.line.partition("=")[2] if setting.ranging is None else ",".join(setting.values)
    why = "--cfg shows the configuration of one job" if shows else "hydra.mode=RUN runs one job"
    raise ConfigurationError(
        f"{show(setting.line)}: {why}; write one value, {setting.key}={values.split(',')[0]},"
        f" or a list, {setting.key}=[{show(values)}]"
    )


def _refuse_many(settings: Settings) -> None:
    """Refuse more jobs than can be planned, before the first is."""
    jobs = math.prod(len(setting.words) for setting in settings.every)
    if jobs > MAX_JOBS:
        sweeps = " ".join(setting.line for setting in settings.swept)
        raise ConfigurationError(
            f"{show(sweeps)}: {jobs:,} jobs, up to {MAX_JOBS:,} are run at once;"
            f" {A_LIST.format(key=settings.swept[-1].key)}"
        )


def _refuse_places(config: DictConfig) -> None:
    """Refuse to move the jobs away from where their results are gathered."""
    places: Any = OmegaConf.to_container(config.hydra, resolve=False)
    if places["run"]["dir"] != "${hydra.sweep.dir}/jobs/0" or places["sweep"]["subdir"] != "jobs/${hydra.job.num}":
        raise ConfigurationError("hydra.run.dir and hydra.sweep.subdir stay as they are; write hydra.sweep.dir=DIR")
