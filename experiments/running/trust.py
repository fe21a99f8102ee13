"""What a configuration or a record may have imported, called or executed before anybody asked for it.

A preset, a directory of them and a run may be somebody else's. They may say what is computed; whatever code they name
is the laboratory's own or that of the plugins that it is tried with, unless the command line has ``--allow-targets``.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.files import fault_of_name
from experiments.messages import ConfigurationError, near, show
from experiments.terminal.progress import Terminal

OPTION = "--allow-targets"
TARGETS = frozenset({
    "hydra_plugins.derivative_lab.checked_sweeper.CheckedSweeper",
    "hydra_plugins.derivative_lab.forgetting.Forgetting",
    "hydra._internal.core_plugins.basic_launcher.BasicLauncher",
    "hydra._internal.core_plugins.basic_sweeper.BasicSweeper",
    "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher",
    "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher",
    "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher",
    "hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher",
    "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper",
    *(f"optuna.samplers.{name}Sampler" for name in ("TPE", "Random", "CmaEs", "NSGAII", "MOTPE", "Grid")),
})  # fmt: skip
"""What ``_target_`` may be."""
INSTANTIATED = ("callbacks", "launcher", "sweeper", "job_logging", "hydra_logging")
"""The parts of Hydra's own configuration from which objects are made."""
LOGGING = frozenset(
    {"logging.StreamHandler", "logging.NullHandler", "logging.FileHandler", "colorlog.ColoredFormatter"}
)
"""What a class or a factory of a logging configuration may be."""
LOG_FILE = "${hydra.runtime.output_dir}/${hydra.job.name}.log"
"""Where Hydra's own logging configurations write."""
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
EXECUTED = ("setup", "additional_parameters", "srun_args", "python", "local_setup", "runtime_env")
"""Keys of a launcher that are shell commands, options of one, or code that is installed first."""
MAKING = re.compile(r"\$\{[^}]*\$\{|\$\{\s*(?!hydra:|oc\.env:|now:)[^}:]*:")
"""Interpolations that may give a mapping: resolvers but for the harmless ones, and interpolations within others."""


def refuse_targets(config: Mapping[str, Any], *, typed: Collection[str] = ()) -> None:
    """Refuse a composed configuration, not resolved, by which code would run that nobody typed.

    Parameters
    ----------
    config
        All of it, Hydra's part included.
    typed
        The keys of the command line: whoever types a shell command wants it.

    Raises
    ------
    ConfigurationError
        With the key, its value and the way out.
    """
    hydra = config.get("hydra") or {}
    for path, fault in (*_targets(config, ""), *_of_hydra(hydra, typed)):
        raise ConfigurationError(
            f"{show(path)}{fault}: a configuration may be somebody else's, and names no code to be run; leave it out,"
            f" or add {OPTION} if you trust whoever wrote it"
        )


def _targets(node: Any, path: str) -> Iterator[tuple[str, str]]:
    for key, value, place in _entries(node, path):
        if key == "_target_" and value not in TARGETS:
            yield place, f"={show(value)}"
        yield from _targets(value, place)


def _of_hydra(hydra: Mapping[str, Any], typed: Collection[str]) -> Iterator[tuple[str, str]]:
    for part in INSTANTIATED:
        tree = {key: value for key, value in _mapping(hydra.get(part)).items() if (part, key) != ("sweeper", "params")}
        if hydra.get(part) is not None and not isinstance(hydra[part], Mapping):
            yield f"hydra.{part}", f"={show(hydra[part])}"
        yield from _made(tree, f"hydra.{part}")
        if part.endswith("_logging"):
            yield from _logged(tree, f"hydra.{part}")
    yield from _executed(hydra.get("launcher"), "hydra.launcher", typed)
    name = str(_mapping(hydra.get("job")).get("name"))
    if name != "???" and fault_of_name(name):
        yield "hydra.job.name", f"={show(name)}"


def _made(node: Any, path: str) -> Iterator[tuple[str, str]]:
    for _, value, place in _entries(node, path):
        if isinstance(value, str) and MAKING.search(value):
            yield place, f"={show(value)}"
        yield from _made(value, place)


def _logged(node: Any, path: str) -> Iterator[tuple[str, str]]:
    for key, value, place in _entries(node, path):
        named = key in ("()", "class", "factory")
        elsewhere = key == "filename" and value != LOG_FILE
        outside = isinstance(value, str) and value.startswith(("ext://", "cfg://")) and value not in STREAMS
        if (named and value not in LOGGING) or elsewhere or outside:
            yield place, f"={show(value)}"
        yield from _logged(value, place)


def _executed(node: Any, path: str, typed: Collection[str]) -> Iterator[tuple[str, str]]:
    for key, value, place in _entries(node, path):
        if key in EXECUTED and value not in (None, {}, []) and not any(place.startswith(one) for one in typed if one):
            yield place, f"={show(value)}"
        yield from _executed(value, place, typed)


def _entries(node: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    inside = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inside:
        yield key, value, f"{path}.{key}" if path else str(key)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


# Records


def modules_in(node: Any) -> list[str]:
    """Return what a configuration names under the key ``python``, at any depth."""
    direct = [str(value) for key, value, _ in _entries(node, "") if key == "python" and value is not None]
    return [*direct, *(name for _, value, _ in _entries(node, "") for name in modules_in(value))]


def tell_modules(directory: Path, host: str, configurations: Sequence[Mapping[str, Any]]) -> None:
    """Say which modules a record of somebody else has imported, before they are."""
    if is_foreign(directory, host):
        where = f"on {show(host)}" if host else "nobody says where"
        _tell(f"{near(directory)} was made {where}, and its record has", configurations)


def tell_preset(configuration: Mapping[str, Any], typed: Collection[str]) -> None:
    """Say which modules a preset has imported that nobody typed, before they are."""
    if "python" not in typed:
        _tell("a preset has", [configuration])


def _tell(whose: str, configurations: Sequence[Mapping[str, Any]]) -> None:
    names = dict.fromkeys(name for configuration in configurations for name in modules_in(configuration))
    if names:
        Terminal().note(f"{whose} code imported from {Path.cwd()} or the environment: {', '.join(map(show, names))}")


def is_foreign(directory: Path, host: str) -> bool:
    """Tell whether a run was made on a machine of another name, or its record belongs to another user."""
    owner = getattr(os, "getuid", lambda: None)()
    try:
        others = owner is not None and (directory / "run.json").stat().st_uid != owner
    except OSError:
        others = True
    return others or host != platform.node()
