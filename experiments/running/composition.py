"""Hydra composes a run here, once: what was composed is checked, and what was checked is what every job gets.

A `Command` composes the first job, and each further value of a swept group. All else is merging: its `Space` gives the
configuration of any words, to the check and to the jobs alike. Where Hydra 1.3 and 1.4 differ is in `prepare`.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import hydra
import omegaconf
import yaml
from hydra import initialize_config_dir, initialize_config_module, version
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.errors import ConfigCompositionException
from hydra.plugins.config_source import ConfigSource
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.resolvers.oc import env as environment_of

import derivkit as dk
from experiments.messages import ConfigurationError, near, readable, show
from experiments.running import catalog, check, trust
from experiments.running.catalog import CONF
from experiments.running.check import Plain
from experiments.running.grids import GRIDS
from experiments.running.hydra_errors import sentence
from experiments.running.overrides import FIGURE, Setting, Settings, parsed, read
from experiments.running.run_figures import with_keys

NOISE = (
    # Hydra 1.3 checks our preset of a launcher or a sweeper against the types of the plugin's own, and somebody's file
    # of a formula against our entry of that name.
    {
        "message": r"\s*'(hydra/(launcher|sweeper|sweeper/sampler)|method|estimator|smoother)/[\w.]+' is validated"
        " against ConfigStore schema"
    },
    # Hydra 1.4 of any target; which may be made, and what is said of them, is the matter of `trust`.
    {"message": r"\s*hydra\.utils\.instantiate\(\) resolved _target_="},
    # Hydra 1.4 of an editable install, where our sweeper registers itself.
    {"message": r"\s*Hydra could not discover plugins in an editable hydra_plugins namespace"},
    # The launcher for Ray on OmegaConf 2.4.
    {"message": r"\s*register_new_resolver\(\) is deprecated", "module": r"hydra_plugins\.hydra_ray_launcher"},
    # optuna 2.10, which is what the sweeper takes, on SQLAlchemy 2.
    {"message": r"The ``declarative_base\(\)`` function is now available", "module": r"optuna\."},
)
"""Warnings of others that nobody who runs a study can do anything about."""
MAX_YAML_BYTES, MAX_YAML_VALUES = 2_000_000, 1_000_000
"""The largest file of a configuration, and most values in it."""


UNMATCHED = re.compile(r"Could not override '([\w/]+)'")
"""How Hydra says that the presets choose nothing from a group."""


# Hydra's surroundings


def _version(module: ModuleType) -> tuple[int, ...]:
    return tuple(int(part) for part in module.__version__.split(".")[:2])


VERSION_BASE: dict[str, Any] = {"version_base": "1.3"} if _version(hydra) < (1, 4) else {}
"""What Hydra 1.3 wants to be told, and 1.4 warns of."""
REPLACING: dict[str, Any] = {} if VERSION_BASE else {"replace": True}
"""Hydra 1.3 replaces what an earlier command of the process registered; 1.4 wants to be told so."""


def prepare() -> None:
    """Set Hydra's version base, register grids and sweeper, forget an empty LAB_OUTPUTS; harmless when repeated."""
    for noise in NOISE:
        warnings.filterwarnings("ignore", **noise)  # type: ignore[arg-type]  # both are texts
    if not os.environ.get("LAB_OUTPUTS"):
        os.environ.pop("LAB_OUTPUTS", None)  # the jobs read it too; empty, it would mean the current directory
    if VERSION_BASE:
        version.setbase(VERSION_BASE["version_base"])
    setup_globals()
    register = getattr(OmegaConf, "register_new_resolver" if _version(omegaconf) < (2, 4) else "register_resolver")
    for name, grid in GRIDS.items():
        register(name, grid, replace=True)
    register("oc.env", _env, replace=True)
    register_names("method", "formula", [entry.name for entry in dk.formulas()])
    plugins = Plugins.instance()
    if VERSION_BASE:
        # Hydra 1.3 cannot join our preset of optuna with the plugin's, which has defaults: ours stands alone.
        ConfigStore.instance().store(group="hydra/sweeper", name="optuna", node={})
    _register_sweeper(plugins)
    sources: list[Any] = plugins.discover(ConfigSource)
    _guard(next(source for source in sources if source.scheme() == "file"))


def register_names(group: str, key: str, names: Iterable[str]) -> None:
    """Let every entry of a table of derivkit's be selected from a group by its name, without a file."""
    for name in dict.fromkeys(names):
        ConfigStore.instance().store(group=group, name=name, node={name: {key: name}}, **REPLACING)


def _register_methods(args: argparse.Namespace) -> None:
    """Register the methods of a group for a study that has the key: they are the whole search for a derivative."""
    named = [word.partition("=")[2] for word in args.overrides if word.startswith("experiment=")]
    keys = catalog.keys((named or [catalog.STUDY])[-1], catalog.places(args.config_dir, args.config_path))
    for group in catalog.WITH_TOOLS:
        if group in keys or not keys:
            register_names(group, group, catalog.methods(group))


def _register_sweeper(plugins: Plugins) -> None:
    """Register our sweeper, which Hydra's search for plugins does not find in an editable install.

    That search, which is over once there are `plugins`, executes the module of Hydra's sweeper a second time: a class
    derived from it earlier would have a base that is no more.
    """
    from hydra_plugins.derivative_lab.checked_sweeper import CheckedSweeper  # noqa: PLC0415 - not before the search

    plugins.register(CheckedSweeper)


def _guard(source: Any) -> None:
    """Let Hydra look at every file of a configuration before it reads it."""
    plain = source.load_config
    if getattr(plain, "guarded", False):
        return

    def load_config(self: Any, config_path: str) -> Any:
        _refuse_unreadable(Path(self.path, self._normalize_file_name(config_path)))
        return plain(self, config_path)

    load_config.guarded = True  # type: ignore[attr-defined]  # functions take attributes
    source.load_config = load_config


def _refuse_unreadable(path: Path) -> None:
    """Refuse a file that is no text in UTF-8, is too large, or says by aliases more than can be held."""
    if not path.exists():  # Hydra says what there is instead
        return
    size = path.stat().st_size
    if size > MAX_YAML_BYTES:
        raise ConfigurationError(
            f"{near(path)} has {readable(size)}; a configuration is at most {readable(MAX_YAML_BYTES)}; instead of a"
            " long list of numbers write a grid, such as ${logspace:-12,-1,1000000}"
        )
    try:
        text = path.read_text(encoding="utf-8")
        values = _values_of(yaml.compose(text, yaml.SafeLoader), {}) if "&" in text and "*" in text else 0
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{near(path)}: byte {error.start + 1} is no UTF-8, in which YAML is written; save the file as UTF-8"
        ) from error
    if values > MAX_YAML_VALUES:
        raise ConfigurationError(
            f"{near(path)}: its aliases stand for {values:,} values; a configuration has at most {MAX_YAML_VALUES:,}"
        )


def _values_of(node: yaml.Node | None, counted: dict[int, int]) -> int:
    """Return how many values a part of a YAML file stands for, aliases written out; each part is counted once."""
    if node is None or isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in counted:
        counted[id(node)] = MAX_YAML_VALUES + 1  # if it holds itself
        parts = itertools.chain.from_iterable(node.value) if isinstance(node, yaml.MappingNode) else node.value
        counted[id(node)] = 1 + sum(_values_of(part, counted) for part in parts)
    return counted[id(node)]


@contextmanager
def opened(args: argparse.Namespace) -> Iterator[ConfigLoader]:
    """Open Hydra where the command line says that configurations lie, and give the loader that composes them."""
    where = (args.config_path or str(CONF)).removeprefix("file://")
    package = where.removeprefix("pkg://")
    begin: Any = initialize_config_dir if package == where else initialize_config_module
    with begin(package, job_name="run", **VERSION_BASE):
        _register_methods(args)
        loader: Any = GlobalHydra.instance().config_loader()
        if args.config_dir is not None:
            directory = Path(args.config_dir).resolve()
            if not directory.is_dir():
                raise ConfigurationError(f"--config-dir {show(args.config_dir)}: there is no directory {directory}")
            path = loader.get_search_path()
            path.prepend("command-line", f"file://{directory}", SearchPathQuery(provider="schema"))
            loader.repository.initialize_sources(path)
        yield loader


# A configuration as plain values

MASKED: ContextVar[bool] = ContextVar("masked", default=False)
"""Whether the environment is left out of a configuration: what a record holds must not hold anybody's secret."""


@contextmanager
def masked() -> Iterator[None]:
    """Resolve variables of the environment to their names meanwhile."""
    token = MASKED.set(True)
    try:
        yield
    finally:
        MASKED.reset(token)


def _env(*words: Any) -> Any:
    """Return a variable of the environment, as OmegaConf does, but in the part of the study its name."""
    return f"${{oc.env:{words[0]}}}" if MASKED.get() else environment_of(*words)


def _unresolved(config: DictConfig) -> Plain:
    """Return the part of a study as plain dicts, lists and scalars, with its interpolations as they are written."""
    plain: Any = OmegaConf.to_container(config, resolve=False)
    plain.pop("hydra", None)
    check.refuse_keys(plain)
    return plain  # type: ignore[no-any-return]  # a dict


def _study_of(config: DictConfig) -> DictConfig:
    """Return a composed configuration without Hydra's part."""
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


def _resolved(study: DictConfig) -> Plain:
    """Return a configuration without Hydra's part as plain dicts, lists and scalars, with what its names stand for."""
    check.refuse_multiplied(_unresolved(study))
    with masked():
        plain: Any = OmegaConf.to_container(study, resolve=True)
    return plain  # type: ignore[no-any-return]  # a dict


@dataclass(frozen=True, kw_only=True)
class Space:
    """The configuration of every job of a run, by its words.

    ``first`` is that of the first job and ``study`` the same not resolved; ``patches`` say for each swept key what the
    values of it change that had to be composed, nothing for one whose values are merged.
    """

    study: DictConfig
    first: Plain
    patches: Mapping[str, Mapping[str, Plain]]

    def configuration(self, words: Sequence[str]) -> Plain:
        """Return the configuration of the job of these words, resolved, as plain dicts, lists and scalars."""
        overrides = [parsed(word) for word in words if word.partition("=")[0] in self.patches]
        study = copy.deepcopy(self.study) if overrides else self.study
        for override in overrides:
            for key, value in self.patches[override.get_key_element()].get(repr(override.value()), {}).items():
                with open_dict(study):
                    study[key] = value
        for override in overrides:
            if not self.patches[override.get_key_element()]:
                OmegaConf.update(study, override.key_or_group, override.value(), merge=True)
        return _resolved(study)

    def jobs(self, settings: Settings) -> list[Plain]:
        """Return the configuration of every job, in Hydra's order: the last sweep runs fastest.

        Sweeps that change nothing in common are put together from their values, so that n x m jobs cost n + m.
        """
        alternatives = self.alternatives(settings)
        changed = Counter(
            itertools.chain.from_iterable({key for patch in each for key in patch} for each in alternatives)
        )
        if all(count == 1 for count in changed.values()):
            return list(check.jobs_of(self.first, alternatives))
        return [self.configuration(words) for words in settings.jobs()]

    def alternatives(self, settings: Settings) -> list[list[Plain]]:
        """Return for every sweep how the configuration of each of its values differs from that of the first job."""
        return [
            [
                {},
                *(
                    check.difference(self.first, self.configuration(settings.with_word(setting, word)))
                    for word in setting.words[1:]
                ),
            ]
            for setting in settings.swept
        ]


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a command line asks for: its overrides, and the loader that composes them.

    ``typed`` are the keys of the command line, None if the configuration may name code that is not the laboratory's;
    ``loaded`` holds what Hydra has composed of some words, ``composed`` the configurations of whole jobs.
    """

    loader: ConfigLoader
    name: str
    settings: Settings
    typed: Sequence[str] | None
    loaded: dict[tuple[str, ...], DictConfig] = field(default_factory=dict)
    composed: dict[tuple[str, ...], DictConfig] = field(default_factory=dict)

    @cached_property
    def study(self) -> DictConfig:
        """The configuration of the first job, without Hydra's part."""
        return _study_of(self.compose(self.settings.first))

    @cached_property
    def first(self) -> Plain:
        """The same resolved, as plain dicts, lists and scalars."""
        return _resolved(self.study)

    def compose(self, words: Sequence[str]) -> DictConfig:
        """Compose one job, of one word per override; plain values are merged, once their keys are known."""
        if tuple(words) not in self.composed:
            self.composed[tuple(words)] = self._composed(words)
        config = self.composed[tuple(words)]
        HydraConfig.instance().set_config(config)
        return config

    def _composed(self, words: Sequence[str]) -> DictConfig:
        pairs = list(zip(self.settings.every, words, strict=True))
        config = self._loaded(tuple(word for setting, word in pairs if not setting.merged))
        HydraConfig.instance().set_config(config)
        known = _unresolved(config)
        merged = [(setting.key, word) for setting, word in pairs if setting.merged]
        of_figures = [(key, word) for key, word in merged if key.startswith(FIGURE)]
        self._merge(config, known, [pair for pair in merged if pair not in of_figures])
        if of_figures:  # whose cases may depend on all other keys
            self._merge(config, with_keys(known, _resolved(_study_of(config)).get("figures")), of_figures)
        return config

    def _merge(self, config: DictConfig, known: Mapping[str, Any], words: Sequence[tuple[str, str]]) -> None:
        """Merge plain values into a configuration, and refuse keys that are not known."""
        for key, word in words:
            check.refuse_unknown_key(key, known, self.settings.groups, str(known.get("runner")))
            OmegaConf.update(config, key, parsed(word).value(), merge=True, force_add=True)

    def _loaded(self, words: tuple[str, ...]) -> DictConfig:
        """Compose what has not been composed yet, refuse what names code to be run, and give a copy to merge into."""
        if words not in self.loaded:
            try:
                config = self.loader.load_configuration(self.name, list(words), RunMode.RUN)
            except ConfigCompositionException as error:
                self._refuse_group(str(error), words)
                raise
            except (ValueError, AssertionError) as error:  # Hydra's own, as where a group is given a number
                raise ConfigurationError(sentence(error)) from error
            if self.typed is not None:
                plain: Any = OmegaConf.to_container(config, resolve=False)
                trust.refuse_targets(plain, typed=self.typed)
            self.loaded[words] = config
        return copy.deepcopy(self.loaded[words])

    def _refuse_group(self, message: str, words: tuple[str, ...]) -> None:
        """Refuse a group from which the study chooses nothing; Hydra, which says so, would have it appended."""
        group = UNMATCHED.match(message)
        rest = tuple(word for word in words if group and word.partition("=")[0] != group[1])
        if group and rest != words:
            known = _unresolved(self._loaded(rest))
            check.refuse_unknown_key(group[1], known, self.settings.groups, str(known.get("runner")))

    def space(self) -> Space:
        """Return the configurations of all jobs."""
        unresolved = _unresolved(self.study)
        patches = {
            setting.words[0].partition("=")[0]: {} if setting.merged else dict(self._patches(unresolved, setting))
            for setting in self.settings.swept
        }
        self.compose(self.settings.first)  # Hydra's own part is that of the first job again
        return Space(study=self.study, first=self.first, patches=patches)

    def _patches(self, first: Plain, setting: Setting) -> Iterator[tuple[str, Plain]]:
        """Yield for each value of a swept group what it changes, the first value too: it changes nothing."""
        for word in setting.words:
            variant = _unresolved(self.compose(self.settings.with_word(setting, word)))
            yield repr(parsed(word).value()), check.difference(first, variant)


def command(loader: ConfigLoader, args: argparse.Namespace) -> Command:
    """Read the overrides and, where a preset sweeps by itself, those of the preset before them; add the shards."""
    name = args.config_name or "config"
    settings = read(loader, name, args.overrides)
    result = Command(loader=loader, name=name, settings=settings, typed=None if args.allow_targets else settings.keys)
    config = result.compose(settings.first)
    params = config.hydra.sweeper.get("params") or {}
    words = [f"{key}={value}" for key, value in params.items() if key not in settings.keys]
    if words:
        result = replace(result, settings=read(loader, name, [*words, *args.overrides]))
        config = result.compose(result.settings.first)
    check.refuse_shard(result.settings.keys)
    if args.cfg:  # which shows one job
        return result
    shards = _shards(result.first)
    every = [*words, *args.overrides, *shards]
    return replace(result, settings=read(loader, name, every)) if shards else result


def _shards(first: Plain) -> tuple[str, ...]:
    """Return the sweep over the shards of the first job, once its study has found nothing wrong with their number."""
    shards = check.shards_of(first)
    if shards == 1:
        return ()
    check.configs_of(check.study_of(first), [first])
    return (f"{check.SHARD}=range(0,{shards})",)
