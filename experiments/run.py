"""Run a study: ``python -m experiments.run delta=1e-4,1e-8``. The only room that knows Hydra.

``main`` reads the command line with Hydra's own parser, checks everything that can be checked, lets Hydra run
the jobs, and hands over to ``results.finish``, which reads their files. Where Hydra 1.3 and 1.4
differ is in ``_prepare``.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import math
import os
import random
import re
import shlex
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

import hydra
import omegaconf
import yaml
from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.sources_registry import SourcesRegistry
from hydra._internal.utils import _run_hydra, create_config_search_path, get_args_parser
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, OverrideType, RangeSweep, ValueType
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf._utils import get_omega_conf_dumper
from omegaconf.errors import OmegaConfBaseException, UnsupportedInterpolationType
from omegaconf.resolvers.oc import env as environment_of

from experiments import files
from experiments.messages import ConfigurationError, line_of, near, nearest, readable, show
from experiments.running import check, launchers, provenance, search, trust
from experiments.running.check import Exit
from experiments.running.grids import GRIDS
from experiments.study import Study
from experiments.terminal import commands, streams
from experiments.terminal.progress import QUIET, Terminal

if TYPE_CHECKING:
    from experiments.running.recording import Run

_HERE = Path(__file__).resolve().parent
# Beside the packages in a checkout and an editable install, inside this package in a wheel.
CONF = next(path for path in (_HERE / "conf", _HERE.parent / "conf") if (path / "config.yaml").is_file())

REFUSALS = (ConfigurationError, HydraException, OmegaConfBaseException)
COMMAND = ("python", "-m", "experiments.run")
NOISE = (
    # Hydra 1.3 checks our preset of a launcher or a sweeper against the types of the plugin's own.
    {"message": r"\s*'hydra/(launcher|sweeper|sweeper/sampler)/\w+' is validated against ConfigStore schema"},
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
MOST_VALUES = 10_000
"""Most values of one sweep: each is composed, some milliseconds, before the first job."""
MOST_JOBS = 100_000
"""Most jobs of a run: the configuration of each is held, and recorded."""
MOST_YAML, MOST_YAML_VALUES = 2_000_000, 1_000_000
"""Most bytes of a file of a configuration, and most values in it."""
CHECKED = "checks_files"
OTHER_FORM = "a list is no mapping, nor the other way round; python -m experiments.run --cfg job shows it"
POINTERS = ("See http", "object_type", "Config search path")
"""How the lines begin at which the part of Hydra's messages ends that helps somebody here."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Parameters
    ----------
    argv
        The words after the program's name; those of the process when None.

    Returns
    -------
    int
        0 all done; 1 some job failed; 2 the configuration is wrong and nothing ran; 3 the results could not
        be gathered; 130 interrupted.
    """
    typed = list(sys.argv[1:] if argv is None else argv)
    # Hydra then raises its errors instead of printing them and leaving.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        return _dispatch(typed)
    except Exception as error:
        line = _refusal(error)
        if line is None:
            raise
        Terminal().error(line)
        return Exit.WRONG
    except KeyboardInterrupt as stop:
        Terminal().note(str(stop) or "interrupted before the first job: nothing was written")
        return Exit.INTERRUPTED


def _dispatch(typed: Sequence[str]) -> int:
    _prepare()
    args = _arguments(typed)
    token = QUIET.set(args.quiet)
    try:
        return _obey(args, typed) if args.resume is None else _resume(args)
    finally:
        QUIET.reset(token)


def _obey(args: argparse.Namespace, typed: Sequence[str]) -> int:
    if args.shell_completion:
        return streams.written(_hydra(args))
    command = _command(args)
    if args.hydra_help or args.info:
        return streams.written(_hydra(args))
    if args.help:
        args.overrides = command.first
        return streams.written(_hydra(args))
    plan = _check(args, command)
    return streams.written(_hydra(args)) if args.cfg else _run(args, plan, typed)


# Hydra's surroundings


def _version(module: ModuleType) -> tuple[int, ...]:
    return tuple(int(part) for part in module.__version__.split(".")[:2])


def _prepare() -> None:
    """Set Hydra's version base, register grids and sweeper, forget an empty LAB_OUTPUTS; harmless when repeated."""
    for noise in NOISE:
        warnings.filterwarnings("ignore", **noise)  # type: ignore[arg-type]  # both are texts
    if not os.environ.get("LAB_OUTPUTS"):
        os.environ.pop("LAB_OUTPUTS", None)  # the jobs read it too; empty, it would mean the current directory
    if _version(hydra) < (1, 4):
        version.setbase("1.3")
        # Hydra 1.3 cannot join our preset of optuna with the plugin's, which has defaults: ours stands alone.
        ConfigStore.instance().store(group="hydra/sweeper", name="optuna", node={})
    setup_globals()
    register = getattr(OmegaConf, "register_new_resolver" if _version(omegaconf) < (2, 4) else "register_resolver")
    for name, grid in GRIDS.items():
        register(name, grid, replace=True)
    register("oc.env", _env, replace=True)
    _register_sweeper(Plugins.instance())
    _register_source()


def _register_sweeper(plugins: Plugins) -> None:
    """Register our sweeper, which Hydra's search for plugins does not find in an editable install.

    That search, which is over once there are `plugins`, executes the module of Hydra's sweeper a second time: a class
    derived from it earlier would have a base that is no more.
    """
    from hydra_plugins.derivative_lab.checked_sweeper import CheckedSweeper  # noqa: PLC0415 - not before the search

    plugins.register(CheckedSweeper)


def _register_source() -> None:
    """Let Hydra look at every file of a configuration before it reads it."""
    plain: Any = SourcesRegistry.instance().resolve("file")
    if hasattr(plain, CHECKED):
        return

    def load_config(self: Any, config_path: str) -> Any:
        _refuse_unreadable(Path(self.path, self._normalize_file_name(config_path)))
        return plain.load_config(self, config_path)

    # Under Hydra's name: in a worker, whose registry is this one, its search for plugins registers its own again.
    checked = type(plain.__name__, (plain,), {"load_config": load_config, CHECKED: True})
    SourcesRegistry.instance().types["file"] = checked


def _refuse_unreadable(path: Path) -> None:
    """Refuse a file that is no text in UTF-8, is too large, or says by aliases more than can be held."""
    if not path.exists():  # Hydra says what there is instead
        return
    size = path.stat().st_size
    if size > MOST_YAML:
        raise ConfigurationError(
            f"{near(path)} has {readable(size)}; a configuration is at most {readable(MOST_YAML)}; instead of a long"
            " list of numbers write a grid, such as ${logspace:-12,-1,1000000}"
        )
    try:
        text = path.read_text(encoding="utf-8")
        values = _values_of(yaml.compose(text, yaml.SafeLoader), {}) if "&" in text and "*" in text else 0
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{near(path)}: byte {error.start + 1} is no UTF-8, in which YAML is written; save the file as UTF-8"
        ) from error
    if values > MOST_YAML_VALUES:
        raise ConfigurationError(
            f"{near(path)}: its aliases stand for {values:,} values; a configuration has at most {MOST_YAML_VALUES:,}"
        )


def _values_of(node: yaml.Node | None, counted: dict[int, int]) -> int:
    """Return how many values a part of a YAML file stands for, aliases written out; each part is counted once."""
    if node is None or isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in counted:
        counted[id(node)] = MOST_YAML_VALUES + 1  # if it holds itself
        parts = itertools.chain.from_iterable(node.value) if isinstance(node, yaml.MappingNode) else node.value
        counted[id(node)] = 1 + sum(_values_of(part, counted) for part in parts)
    return counted[id(node)]


def _arguments(typed: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    # Intermixed: an option between two overrides is no reason to refuse the second.
    args = parser.parse_intermixed_args([check.quoted(word) for word in typed])
    if args.experimental_rerun is not None:
        raise ConfigurationError("--experimental-rerun is not offered; run the command that run.json holds again")
    if args.config_path is not None and "://" not in args.config_path:
        args.config_path = str(Path(args.config_path).resolve())
    return args


def _parser() -> argparse.ArgumentParser:
    # Hydra's own --version gives way to ours.
    parser = argparse.ArgumentParser(add_help=False, conflict_handler="resolve", parents=[get_args_parser()])
    parser.add_argument("--version", action=commands.Version)
    parser.add_argument("--open", action="store_true", help="Open the report in a browser")
    parser.add_argument("--quiet", "-q", action="store_true", help="Print errors and where the results are, no more")
    parser.add_argument(
        trust.OPTION, action="store_true", help="Let presets name code to be run: you trust whoever wrote them"
    )
    parser.add_argument(
        "--resume", metavar="RUN", help="Go on with a run that was interrupted, or in which jobs failed"
    )

    def refuse(message: str) -> NoReturn:
        flags = re.findall(r"--[a-z][a-z-]+", parser.format_usage())
        words = [word for word in message.split() if word.startswith("--")]
        hint = f"; {nearest(words[0], flags)}" if message.startswith("unrecognized") and words else ""
        raise ConfigurationError(f"{message}{hint}")

    parser.error = refuse  # type: ignore[method-assign]  # argparse would print its usage and leave
    return parser


def _hydra(args: argparse.Namespace) -> int:
    """Hand over to Hydra: it runs ``job`` for every job, or prints what the options ask for."""
    try:
        _run_hydra(
            args=args,
            args_parser=get_args_parser(),
            task_function=job,
            config_path=str(CONF),
            config_name="config",
        )
    except SystemExit as left:  # some options of Hydra leave so; a text means that it is no good end
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    except (ValueError, AssertionError) as error:
        raise ConfigurationError(line_of(error)) from error
    return 0


def _refusal(error: Exception) -> str | None:
    """Return what to say of an error that a configuration causes, None if it is ours."""
    if isinstance(error, MemoryError):  # as where samples are drawn when it is checked
        return f"there is not enough memory: {error}; write smaller numbers, such as fewer samples="
    if isinstance(error, RecursionError):
        return "this configuration has too many brackets within each other"
    if hasattr(error, "problem_mark"):  # what YAML's own reader raises; Hydra lets it through
        return _line_of_yaml(error)
    # An OSError is of a place that cannot be looked into.
    return _line(error) if isinstance(error, (*REFUSALS, OSError)) else None


def _line(error: BaseException) -> str:
    """Return Hydra's or OmegaConf's words as one line, without their pointers to a manual."""
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if not isinstance(cause, HydraException | OmegaConfBaseException):
        return line_of(error)
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    kept = list(itertools.takewhile(lambda line: not line.startswith(POINTERS), lines))
    named = [line.partition(": ")[2] for line in kept if line.startswith("full_key: ")]
    text = " ".join(line for line in kept if not line.startswith("full_key: "))
    text = re.sub(r"^\w+ raised while resolving interpolation: ", "", text)
    text = re.sub(r"Cannot merge (Dict|List)Config with (Dict|List)Config", OTHER_FORM, text)
    text = text.replace("Cannot merge incompatible container types", OTHER_FORM)  # so says OmegaConf 2.4
    hint = f"; {nearest('', GRIDS)}" if isinstance(cause, UnsupportedInterpolationType) else ""
    return f"{named[0]}: {text}{hint}" if named else f"{text}{hint}"


def _line_of_yaml(error: Exception) -> str:
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


# The command line as Hydra reads it


@dataclass(frozen=True, kw_only=True)
class Given:
    """One override: its key without a sign, its line, and its alternatives as Hydra will compose them."""

    key: str
    line: str
    words: tuple[str, ...]
    merged: bool
    """Whether it is a plain value, which we merge, and no group or setting, which Hydra composes."""
    ranging: IntervalSweep | RangeSweep | None = None
    """What it was typed as, if as an interval, of which the words are the ends, or as a range."""
    anew: bool = False
    """Whether Hydra would draw the alternatives, or look for them, once more."""

    @property
    def planned(self) -> str:
        """The word by which Hydra runs these alternatives in this order."""
        if not self.anew:
            return self.line
        return f"{self.words[0].partition('=')[0]}={','.join(word.partition('=')[2] for word in self.words)}"


@dataclass(frozen=True, kw_only=True)
class Command:
    """The overrides of a command line, and the loader that composes what they ask for."""

    loader: ConfigLoaderImpl
    name: str
    groups: tuple[str, ...]
    given: tuple[Given, ...]
    trusted: bool
    """Whether the configuration may name code that is not the laboratory's."""

    @property
    def first(self) -> list[str]:
        """The overrides of the first job."""
        return [given.words[0] for given in self.given]

    @property
    def swept(self) -> list[Given]:
        """The overrides of more than one value."""
        return [given for given in self.given if len(given.words) > 1]

    def compose(self, words: Sequence[str]) -> DictConfig:
        """Compose one job, of one word per override; plain values are merged, once their keys are known."""
        pairs = list(zip(self.given, words, strict=True))
        composed = [word for given, word in pairs if not given.merged]
        config = self._loaded(composed, RunMode.RUN)
        HydraConfig.instance().set_config(config)
        known = _plain(config, resolve=False)
        for given, word in pairs:
            if given.merged:
                check.refuse_unknown_key(given.key, known, self.groups, str(known.get("runner")))
                _merge(config, word)
        return config

    def _loaded(self, words: Sequence[str], mode: RunMode) -> DictConfig:
        """Compose, and refuse what names code to be run."""
        try:
            config = self.loader.load_configuration(self.name, list(words), mode)
        except (ValueError, AssertionError) as error:  # Hydra's own, as where a group is given a number
            raise ConfigurationError(_line(error)) from error
        if not self.trusted:
            plain: Any = OmegaConf.to_container(config, resolve=False)
            trust.refuse_targets(plain, typed=[given.key for given in self.given])
        return config

    def refuse_unswept(self) -> None:
        """Refuse code that is named where Hydra begins: it composes without the groups that are swept."""
        if any(not given.merged for given in self.swept):
            self._loaded([given.line for given in self.given], RunMode.MULTIRUN)

    def alternatives(self, config: DictConfig) -> list[list[dict[str, Any]]]:
        """For every sweep: how the configuration of each of its values differs from the first job's."""
        base = _plain(config)
        every = []
        for given in self.swept:
            variants = (self._variant(config, given, word) for word in given.words[1:])
            every.append([{}, *(check.difference(base, variant) for variant in variants)])
        return every

    def _variant(self, config: DictConfig, given: Given, word: str) -> dict[str, Any]:
        if not given.merged:
            place = self.given.index(given)
            return _plain(self.compose([*self.first[:place], word, *self.first[place + 1 :]]))
        variant = _plain(_merge(config, word))
        _merge(config, given.words[0])
        return variant


def _command(args: argparse.Namespace) -> Command:
    """Read the overrides and, where a preset sweeps by itself, those of the preset before them."""
    loader, name = _loader(args), args.config_name or "config"
    command = _read(loader, name, args.overrides, trusted=args.allow_targets)
    config = command.compose(command.first)
    command.refuse_unswept()
    params = config.hydra.sweeper.get("params") or {}
    typed = {given.key for given in command.given}
    words = [f"{key}={value}" for key, value in params.items() if key not in typed]
    command = _read(loader, name, [*words, *args.overrides], trusted=args.allow_targets) if words else command
    check.refuse_shard([given.key for given in command.given])
    shards = _shards(args, _plain(command.compose(command.first) if words else config))
    every = [*words, *args.overrides, *shards]
    return _read(loader, name, every, trusted=args.allow_targets) if shards else command


def _shards(args: argparse.Namespace, first: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the sweep over the shards of the first job, once its study has found nothing wrong with their number."""
    shards = check.shards_of(first)
    if shards == 1 or args.cfg:  # which shows one job
        return ()
    check.configs_of(check.study_of(first), [first])
    return (f"{check.SHARD}=range(0,{shards})",)


def _loader(args: argparse.Namespace) -> ConfigLoaderImpl:
    path = create_config_search_path(args.config_path or str(CONF))
    if args.config_dir is not None:
        own = Path(args.config_dir).resolve()
        if not own.is_dir():
            raise ConfigurationError(f"--config-dir {show(args.config_dir)}: there is no directory {own}")
        path.prepend(provider="command-line", path=f"file://{own}", anchor=SearchPathQuery(provider="schema"))
    return ConfigLoaderImpl(path)


def _read(loader: ConfigLoaderImpl, name: str, words: Sequence[str], *, trusted: bool = False) -> Command:
    """Parse overrides; refuse bad spelling, a key given twice, and names that no group has."""
    searched = [word for word in words if word.startswith("hydra.searchpath=")]

    def entries(group: str, kind: ObjectType) -> list[str]:
        return loader.get_group_options(group, kind, name, searched)

    groups = {group: entries(group, ObjectType.CONFIG) for group in entries("", ObjectType.GROUP) if group != "hydra"}
    overrides = _parse(loader, words, groups)
    check.refuse_twice([override.get_key_element().lstrip("+~") for override in overrides])
    check.refuse_both([override.key_or_group for override in overrides])
    given = tuple(_given(override, groups) for override in overrides)
    preset = _preset(loader, overrides)
    if preset is not None:
        check.refuse_header(preset)
    return Command(loader=loader, name=name, groups=tuple(groups), given=given, trusted=trusted)


def _preset(loader: ConfigLoaderImpl, overrides: Sequence[Override]) -> Path | None:
    """Return the file of the preset that is chosen on the command line, if it is one."""
    values = {override.key_or_group: override.value() for override in overrides}
    searched = values.get("hydra.searchpath")
    directories = [element.path for element in loader.get_search_path().get_path()]
    directories += map(str, searched) if isinstance(searched, list) else []
    name = f"{values.get('experiment')}.yaml"
    paths = (Path(directory.removeprefix("file://"), "experiment", name) for directory in directories)
    return next((path for path in paths if path.is_file()), None)


def _parse(loader: ConfigLoaderImpl, words: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[Override]:
    parser = OverridesParser.create(config_loader=loader)
    overrides = []
    for place, word in enumerate(words):
        try:
            overrides += parser.parse_overrides([word])
        except OverrideParseException as error:
            raise ConfigurationError(check.misspelt(word, words[place + 1 :], groups, _line(error))) from error
        except RecursionError:
            raise ConfigurationError(f"{show(word)}: too many brackets within each other") from None
    return overrides


def _given(override: Override, groups: Mapping[str, Sequence[str]]) -> Given:
    key, words = override.key_or_group, _words(override)
    if override.is_delete() and not override.is_hydra_override():
        raise ConfigurationError(f"{words[0]}: a study keeps its keys; write {key}=VALUE to change what it is")
    if key in groups:
        for word in words:
            check.refuse_unknown_names(key, OverridesParser.create().parse_override(word).value(), groups[key])
    if len(words) > 1 and (override.is_hydra_override() or key.split(".")[0] in check.WHOLE_RUN):
        raise ConfigurationError(
            f"{show(override.input_line)}: the whole run has one {key}; write one value, {words[0]}"
        )
    if len(words) > MOST_VALUES:
        raise ConfigurationError(
            f"{show(override.input_line)}: more than {MOST_VALUES:,} values, and each would be a job of its own; within"
            f" one job write a list, {key}=[A,B], or a grid, '{key}=${{linspace:A,B,N}}'"
        )
    plain = override.type is OverrideType.CHANGE and override.package is None and "/" not in key
    return Given(
        key=key,
        line=str(override.input_line),
        words=words,
        merged=plain and key not in groups and not override.is_hydra_override(),
        ranging=value if isinstance(value := override.value(), IntervalSweep | RangeSweep) else None,
        anew=_shuffled(override) or override.value_type is ValueType.GLOB_CHOICE_SWEEP,
    )


def _shuffled(override: Override) -> bool:
    return isinstance(value := override.value(), ChoiceSweep | RangeSweep) and value.shuffle


def _words(override: Override) -> tuple[str, ...]:
    """Return the override of each job of a sweep, or the one override as it was given.

    Of more than MOST_VALUES these are the first: a sweep is counted before it is written out. A shuffle is drawn from
    the words as a seed, so that the same words are the same run.
    """
    line = str(override.input_line)
    if not override.is_sweep_override():
        return (line,)
    if override.is_interval_sweep():
        ends: Any = override.value()
        return tuple(f"{override.get_key_element()}={end}" for end in (ends.start, ends.end))
    shuffled: Any = override.value() if _shuffled(override) else None
    even = override if shuffled is None else replace(override, _value=replace(shuffled, shuffle=False))
    try:
        values = list(itertools.islice(even.sweep_string_iterator(), MOST_VALUES + 1))
    except ArithmeticError:
        raise ConfigurationError(
            f"{line}: an end that is no number; write {override.key_or_group}=range(0,10)"
        ) from None
    except (HydraException, ValueError) as error:
        raise ConfigurationError(f"{line}: {line_of(error)}") from error
    if not values:
        raise ConfigurationError(f"{line}: the sweep is empty; write at least one value, {override.key_or_group}=A")
    if shuffled is not None:
        random.Random(line).shuffle(values)  # noqa: S311 - no secret
    return tuple(f"{override.get_key_element()}={value}" for value in values)


def _merge(config: DictConfig, word: str) -> DictConfig:
    override = OverridesParser.create().parse_override(word)
    OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
    return config


def _plain(config: DictConfig, *, resolve: bool = True) -> dict[str, Any]:
    """Return a composed configuration without Hydra's part, as plain dicts, lists and scalars."""
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"]) if "hydra" in config else config
    plain: Any = OmegaConf.to_container(own, resolve=False)
    check.refuse_keys(plain)
    if resolve:
        check.refuse_multiplied(plain)
        with _masked():
            plain = OmegaConf.to_container(own, resolve=True)
    return plain  # type: ignore[no-any-return]  # a dict


MASKED: ContextVar[bool] = ContextVar("masked", default=False)
"""Whether the environment is left out of a configuration: what a record holds must not hold anybody's secret."""


@contextmanager
def _masked() -> Iterator[None]:
    token = MASKED.set(True)
    try:
        yield
    finally:
        MASKED.reset(token)


def _env(*words: Any) -> Any:
    """Return a variable of the environment, as OmegaConf does, but in the part of the study its name."""
    return f"${{oc.env:{words[0]}}}" if MASKED.get() else environment_of(*words)


# The check


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the check found out about the run that may start now."""

    experiment: str
    study: Study
    jobs: tuple[dict[str, Any], ...]
    named: tuple[tuple[str, ...], ...]
    """The overrides of every job."""
    words: tuple[str, ...]
    """The overrides by which Hydra runs these jobs: what is drawn in the plan is not drawn again."""
    rows: int
    calls: Counter[str]
    """How often each function of somebody's own is called at most, where the study bounds that."""
    place: Path
    launcher: str
    """The name of the launcher; a run of one job by hydra.mode=RUN is basic, whatever is set."""
    search: search.Search | None
    """How the jobs are drawn, if they are: they are planned as its template then."""
    verbose: bool


def _check(args: argparse.Namespace, command: Command) -> Plan:
    """Build the Config of every job, and refuse a sweep where only one job can be."""
    config = command.compose(command.first)
    _refuse_intervals(config, command.swept)
    _refuse_sweep(args, config, command.swept)
    _refuse_places(config)
    launcher = str(config.hydra.runtime.choices["hydra/launcher"])
    launchers.refuse_missing(launcher, str(config.hydra.launcher["_target_"]))
    study = check.study_of(_plain(config))
    trust.tell_preset(_plain(config), [given.key for given in command.given])
    if not args.cfg and (args.multirun or config.hydra.mode == RunMode.MULTIRUN) and _searches(config):
        return _check_search(command, config, study)
    _refuse_many(command)
    jobs = tuple(check.jobs_of(_plain(config), command.alternatives(config)))
    configs = check.configs_of(study, jobs)
    return Plan(
        experiment=str(config.hydra.runtime.choices.get("experiment", study.name)),
        study=study,
        jobs=jobs,
        named=tuple(itertools.product(*(given.words for given in command.given))),
        words=tuple(given.planned for given in command.given),
        rows=sum(one.rows for one in configs),
        calls=_calls(configs),
        place=Path(str(config.hydra.sweep.dir)).absolute(),
        launcher="basic" if config.hydra.mode == RunMode.RUN and not args.multirun else launcher,
        search=None,
        verbose=bool(config.hydra.verbose),
    )


def _calls(configs: Iterable[Any]) -> Counter[str]:
    """Return how often the jobs call each function at most, by what their Configs say."""
    calls: Counter[str] = Counter()
    for one in configs:
        calls.update(getattr(one, "most_calls", {}))
    return calls


def _searches(config: DictConfig) -> bool:
    return config.hydra.runtime.choices["hydra/sweeper"] in search.EXTRAS


def _check_search(command: Command, config: DictConfig, study: Study) -> Plan:
    """Build the Config of every choice and of both ends of every interval, and refuse what cannot be searched."""
    alternatives = command.alternatives(config)
    with _masked():
        settings: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    choices, first = config.hydra.runtime.choices, _plain(config)
    found = search.of(
        str(choices["hydra/sweeper"]),
        settings={key: value for key, value in settings.items() if key != "params"},
        launcher=str(choices["hydra/launcher"]),
        words=[given.line for given in command.given],
        space=[_drawn(given) for given in command.swept],
        first=first,
        alternatives=alternatives,
    )
    search.refuse_study(study)
    configs = check.configs_of(study, check.corners_of(first, alternatives))
    return Plan(
        experiment=str(choices.get("experiment", study.name)),
        study=study,
        jobs=(dict(found.template),) * found.trials,
        named=(tuple(found.words),) * found.trials,
        words=tuple(given.planned for given in command.given),
        rows=max(one.rows for one in configs) * found.trials,
        calls=Counter(),
        place=Path(str(config.hydra.sweep.dir)).absolute(),
        launcher=str(choices["hydra/launcher"]),
        search=found,
        verbose=bool(config.hydra.verbose),
    )


def _drawn(given: Given) -> search.Drawn:
    """Say from what a search draws the value of a key."""
    ranging = given.ranging
    ends = (ranging.start, ranging.end) if isinstance(ranging, IntervalSweep) else None
    return search.Drawn(
        line=given.line,
        key=given.key,
        values=tuple(word.partition("=")[2] for word in given.words),
        ends=ends,  # type: ignore[arg-type]  # Hydra's own have two
        log=ranging is not None and "log" in ranging.tags,
        stepped=isinstance(ranging, RangeSweep),
    )


def _refuse_intervals(config: DictConfig, swept: Sequence[Given]) -> None:
    """Refuse an interval without a sweeper that draws from it."""
    for given in swept:
        if isinstance(given.ranging, IntervalSweep) and not _searches(config):
            raise ConfigurationError(
                f"{given.line}: an interval has no values; write {given.key}=A,B or a grid, or search it with"
                " hydra/sweeper=optuna"
            )


def _refuse_sweep(args: argparse.Namespace, config: DictConfig, swept: Sequence[Given]) -> None:
    if not swept or not (args.cfg or (config.hydra.mode == RunMode.RUN and not args.multirun)):
        return
    one = swept[0]
    if one.key == check.SHARD:
        raise ConfigurationError(f"shards={len(one.words)}: hydra.mode=RUN runs one job; write shards=1")
    values = one.line.partition("=")[2] if one.ranging is None else ",".join(w.partition("=")[2] for w in one.words)
    why = "--cfg shows the configuration of one job" if args.cfg else "hydra.mode=RUN runs one job"
    raise ConfigurationError(
        f"{show(one.line)}: {why}; write one value, {one.key}={values.split(',')[0]},"
        f" or a list, {one.key}=[{show(values)}]"
    )


def _refuse_many(command: Command) -> None:
    """Refuse more jobs than can be planned, before the first is."""
    jobs = math.prod(len(given.words) for given in command.given)
    if jobs > MOST_JOBS:
        sweeps = " ".join(given.line for given in command.swept)
        key = command.swept[-1].key
        raise ConfigurationError(
            f"{show(sweeps)}: {jobs:,} jobs, up to {MOST_JOBS:,} are run at once; within one job write a list,"
            f" {key}=[A,B], or a grid, '{key}=${{linspace:A,B,N}}'"
        )


def _refuse_places(config: DictConfig) -> None:
    """Refuse to move the jobs away from where their results are gathered."""
    places: Any = OmegaConf.to_container(config.hydra, resolve=False)
    if places["run"]["dir"] != "${hydra.sweep.dir}/jobs/0" or places["sweep"]["subdir"] != "jobs/${hydra.job.num}":
        raise ConfigurationError("hydra.run.dir and hydra.sweep.subdir stay as they are; write hydra.sweep.dir=DIR")


# The run


def job(config: DictConfig) -> float | None:
    """Do one job: what Hydra calls, here or in a worker of a launcher. What a search makes small is returned."""
    from experiments.running import jobs  # noqa: PLC0415 - as in _run

    asked = HydraConfig.get()
    configuration = _plain(config)
    # In RUN mode Hydra gives the job no number.
    number = 0 if OmegaConf.is_missing(asked.job, "num") else int(asked.job.num)
    one = jobs.Job(
        number=number,
        directory=Path(asked.runtime.output_dir),
        overrides=tuple(asked.overrides.task),
        configuration=configuration,
        text=_yaml(configuration),
    )
    jobs.perform(one)
    return jobs.objective(one) if asked.runtime.choices["hydra/sweeper"] in search.EXTRAS else None


class _Dumper(getattr(yaml, "CDumper", yaml.Dumper)):  # type: ignore[misc]  # PyYAML may come without libyaml
    """OmegaConf's way of writing a text that its reader would take for a number, and libyaml's speed."""

    yaml_representers = get_omega_conf_dumper().yaml_representers


def _yaml(configuration: Mapping[str, Any]) -> str:
    """Return what ``OmegaConf.to_yaml`` gives, twenty times as fast: no node is made for each entry of a grid."""
    return str(yaml.dump(configuration, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False))


def _run(args: argparse.Namespace, plan: Plan, typed: Sequence[str]) -> int:
    """Run what the plan says in a directory of its own."""
    from experiments.running import recording, results  # noqa: PLC0415 - heavy, and a run that is refused does not pay for it

    started, place = datetime.now(UTC), plan.place
    results.refuse_figures(plan.study, plan.jobs[0]["figures"])
    run = recording.Run(
        directory=commands.fresh(place / plan.experiment, started) if place == commands.outputs() else place,
        experiment=plan.experiment,
        study=plan.study,
        command=(*COMMAND, *typed),
        overrides=tuple(args.overrides),
        planned=plan.jobs,
        named=plan.named,
        started=started,
        typed_in=str(Path.cwd()),
        source=provenance.source(_HERE.parent),
        environment=provenance.environment(),
        search=plan.search,
    )
    with recording.begun(run, rows=plan.rows):
        return _compute(args, plan, run)


def _resume(args: argparse.Namespace) -> int:
    """Replay the recorded command line as a whole into its directory: jobs that are done return at once."""
    from experiments.running import recording, runs  # noqa: PLC0415 - as in _run

    if args.overrides or args.multirun or args.run or args.cfg:
        raise ConfigurationError(
            f"--resume {show(args.resume)} goes on with what was asked then; leave the other words out"
        )
    directory = runs.find(args.resume, commands.outputs())
    runs.refuse_missing(directory)
    before = recording.found(directory)
    typed = before.command[len(COMMAND) :]
    if before.command[: len(COMMAND)] != COMMAND:
        raise ConfigurationError(
            f"{directory} was not made by experiments.run; run again: {shlex.join(before.command)}"
        )
    check.refuse_elsewhere(typed, before.typed_in, to="resume")
    replay = _arguments(typed)
    replay.open = replay.open or args.open
    replay.allow_targets = args.allow_targets  # a record is no word of whoever resumes it
    trust.tell_modules(directory, before.host, before.planned)
    plan = _check(replay, _command(replay))
    if before.search is not None and plan.search is not None:
        search.refuse_changed(before.search, plan.search)
    check.refuse_changed(before.planned, plan.jobs)
    now = {
        "started": datetime.now(UTC),
        "source": provenance.source(_HERE.parent),
        "environment": provenance.environment(),
    }
    run = replace(before, resumed=(*before.resumed, now))
    with recording.taken_up(run):
        recording.tell_changes(run)
        recording.forget_damaged(run)
        return _compute(replay, plan, run)


def _compute(args: argparse.Namespace, plan: Plan, run: Run) -> int:
    """Run the jobs in a directory that is held, and see to their results."""
    from experiments.running import results  # noqa: PLC0415 - as in _run

    args.overrides = [*plan.words, f"hydra.sweep.dir={check.quote(str(run.directory))}"]
    try:
        _jobs(args, plan, run)
        return results.finish(run, open_report=args.open)
    except KeyboardInterrupt:
        return results.interrupt(run)


def _jobs(args: argparse.Namespace, plan: Plan, run: Run) -> None:
    """Let Hydra run the jobs. A launcher may raise for a worker that died: what others wrote is kept."""
    from experiments.running import jobs, recording  # noqa: PLC0415 - as in _run

    if plan.search is not None:
        search.tell(plan.search, verbose=plan.verbose)
    elif launchers.named(plan.launcher).together and not any("hydra.sweeper.max" in word for word in args.overrides):
        args.overrides = [*args.overrides, f"hydra.sweeper.max_batch_size={provenance.usable_processors()}"]
    terminal = Terminal()
    for name, count in plan.calls.items():
        terminal.note(f"{name} will be called at most {count:,} times")
    with terminal.progress(jobs=len(plan.jobs), rows=plan.rows) as progress, ExitStack() as stack:
        if plan.launcher == "basic":
            stack.callback(jobs.PROGRESS.reset, jobs.PROGRESS.set(progress))
        else:
            stack.enter_context(launchers.watched(run.directory, progress.finished))
        try:
            with launchers.attended(plan.launcher), launchers.settled(plan.launcher, run.directory):
                _hydra(args)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever it was, the results that exist are gathered
            if isinstance(error, REFUSALS) and recording.discarded(run):
                raise
            terminal.note(_gave_up(run, error))


def _gave_up(run: Run, error: BaseException) -> str:
    """Return the line that says why the launcher ended before its jobs did, and write down where it happened."""
    log = run.directory / "run.log"
    where = ""
    with suppress(OSError):
        with files.replacing(log) as file:
            file.write("".join(traceback.format_exception(error)).encode(errors="backslashreplace"))
        where = f"; see {log}"
    return f"the launcher gave up: {type(error).__name__}: {show(_line(error), 160)}{where}"


# A worker imports this module for `job`, and composes before it calls it.
_prepare()
launchers.leave_with_the_run()

if __name__ == "__main__":
    # Under its own name, by which workers import `job`: of what __main__ holds they would get a copy.
    streams.process(importlib.import_module("experiments.run").main)
