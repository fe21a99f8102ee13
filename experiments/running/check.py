"""What is checked before the first job runs, on plain values: names, spelling, every Config, the disk.

Nothing here knows Hydra. ``composition`` composes each alternative of a sweep once and hands over how its
configuration differs from the first job's; the jobs are put together from these differences, so that n x m
jobs cost n + m compositions.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import pkgutil
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.datafile import digests_of
from experiments.messages import ConfigurationError, near, nearest, readable, show
from experiments.running import catalog
from experiments.running.record import JobRecord
from experiments.running.serial import configuration_hash
from experiments.running.settings import DATA, DERIVATIVES, build
from experiments.study import Study, study_in

PIPELINE_KEYS = ("runner", "figures")
WHOLE_RUN = ("experiment", "derivative", "shards", *PIPELINE_KEYS)
"""Keys that all jobs of a run have in common: their tables become one, and no column of it tells derivatives apart."""
HEADER = "# @package _global_"
"""How the file of a preset begins."""
SHARD = "shard"
"""The key that tells the shards of a job apart: the run sets it, as the sweep that runs fastest."""
TYPED = ("expression", "python")
"""The keys of functions that are typed, and not chosen by name."""
Plain = dict[str, Any]

LOCAL = ("python=", "--config-dir", "-cd", "--config-path", "-cp", "hydra.searchpath=")
"""Beginnings of words whose values are looked for in the current directory."""
FILES = ("data", "answers")
"""Keys whose values are paths of files."""

REFERENCE = re.compile(r"\$\{\s*(\.*[\w.]+)\s*\}")
"""An interpolation of another value."""
MAX_RESOLVED = 20_000_000
"""Most characters and values of a configuration whose interpolations are written out."""

STUDIES = Path(__file__).resolve().parents[1] / "studies"


def study_of(plain: Mapping[str, Any]) -> Study:
    """Return the study that a configuration names under ``runner``."""
    name = plain.get("runner")
    known = _studies()
    if name not in known:
        raise ConfigurationError(f"runner={name}: a preset names its study, runner: NAME; {nearest(str(name), known)}")
    return study_in(importlib.import_module(f"experiments.studies.{name}"))


@functools.cache
def _studies() -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules([str(STUDIES)])))


def study_part(plain: Mapping[str, Any]) -> Plain:
    """Return the configuration without the keys that belong to the pipeline."""
    return {key: value for key, value in plain.items() if key not in PIPELINE_KEYS}


# Sweeps


def difference(base: Mapping[str, Any], other: Mapping[str, Any]) -> Plain:
    """Return the top-level entries of ``other`` that are not those of ``base``."""
    return {key: value for key, value in other.items() if key not in base or base[key] != value}


def jobs_of(base: Mapping[str, Any], alternatives: Sequence[Sequence[Mapping[str, Any]]]) -> Iterator[Plain]:
    """Yield every job's configuration, in Hydra's order: the last sweep runs fastest."""
    for patches in itertools.product(*alternatives):
        job = dict(base)
        for patch in patches:
            job.update(patch)
        yield job


def corners_of(base: Mapping[str, Any], alternatives: Sequence[Sequence[Mapping[str, Any]]]) -> Iterator[Plain]:
    """Yield the first job's configuration, and for every sweep what each other value of it makes of that one."""
    yield dict(base)
    for patches in alternatives:
        for patch in patches[1:]:
            yield {**base, **patch}


def configs_of(study: Study, jobs: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Return every job's Config; the first that cannot be built raises ConfigurationError.

    So do jobs that must have in common what their Configs say under ``whole_run``, and have not.
    """
    try:
        configs = [build(study, study_part(job)) for job in jobs]
    except ConfigurationError as error:
        variable = re.search(r"\$\{oc\.env:[^}]*\}", str(error))
        if variable is None:
            raise
        raise ConfigurationError(
            f"{variable[0]}: a study does not read the environment, since its record would hold what may be a secret;"
            " write the value"
        ) from error
    if len({getattr(one, "whole_run", None) for one in configs}) > 1:
        raise ConfigurationError(f"{study.name}: its figures show what one job computes; write one value of each key")
    return configs


def shards_of(configuration: Mapping[str, Any]) -> int:
    """Return into how many shards a job is cut: 1 where its study cannot be, or where this is no number of shards."""
    shards = configuration.get("shards", 1)
    return shards if SHARD in configuration and isinstance(shards, int) and shards > 1 else 1


def is_typed(configuration: Mapping[str, Any], overrides: Sequence[str]) -> bool:
    """Return whether a function or a point was typed, of which the derivative is the first thing to say."""
    return any(configuration.get(key) is not None for key in TYPED) or is_given("x", overrides)


def is_given(key: str, overrides: Sequence[str]) -> bool:
    """Return whether a key is among the words of a job."""
    return any(word.startswith(f"{key}=") for word in overrides)


def growth_of(configuration: Mapping[str, Any]) -> int:
    """Return the order of the derivative, with which rounding errors grow towards small deltas: 1 where none is set."""
    order = configuration.get("derivative", 1)
    return order if order in DERIVATIVES else 1


# Names


def refuse_shard(keys: Sequence[str]) -> None:
    """Refuse to choose a shard by hand."""
    if SHARD in keys:
        raise ConfigurationError("shard is set by the run itself; write shards=8 alone to cut every job into 8")


def refuse_twice(keys: Sequence[str]) -> None:
    """Refuse a key that is given more than once."""
    for key in keys:
        if keys.count(key) > 1:
            raise ConfigurationError(
                f"{key} is given {keys.count(key)} times; write it once, as a list {key}=A,B to sweep"
            )


def refuse_idle(configs: Iterable[Any], keys: Sequence[str]) -> None:
    """Refuse a key that was written, or a part of it, and by what every Config says under ``idle`` changes nothing."""
    reasons: list[Mapping[str, str]] = [getattr(one, "idle", {}) for one in configs]
    for key in keys:
        name = key.split(".", maxsplit=1)[0]
        if all(name in some for some in reasons):
            raise ConfigurationError(f"{key} {reasons[0][name]}")


def refuse_unknown_key(key: str, composed: Mapping[str, Any], groups: Sequence[str], study: str) -> None:
    """Refuse a dotted key that the composed configuration does not hold."""
    if not key:
        raise ConfigurationError("an = without a key before it; write key=value, such as delta=1e-4")
    if not _holds(composed, key.split(".")):
        hidden, depth = {"runner", SHARD, *(groups if "." in key else ())}, key.count(".")
        names = [name for name in paths_of(composed) if name.count(".") == depth and name.split(".")[0] not in hidden]
        choices = names if depth else [*names, "experiment"]
        raise ConfigurationError(f"the study {study!r} {catalog.lacks(key, choices)}")


def paths_of(composed: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the dotted path of every entry."""
    paths = []
    for key, value in composed.items():
        paths.append(f"{prefix}{key}")
        if isinstance(value, Mapping):
            paths.extend(paths_of(value, f"{prefix}{key}."))
    return paths


def refuse_unknown_names(group: str, value: object, options: Sequence[str]) -> None:
    """Refuse an empty selection from a group, and a name that is no entry of it."""
    names = value if isinstance(value, list) else [value]
    if not names or any(name in ("", None) for name in names):
        raise ConfigurationError(
            f"{group}={show(value)}: nothing is selected; write {group}=NAME, {nearest('', options)}"
        )
    for name in names:
        if name not in options:
            raise ConfigurationError(f"no {group} named {show(name)!r}; {nearest(str(name), options)}")


def refuse_header(preset: Path) -> None:
    """Refuse the file of a preset that does not begin with its header.

    Hydra puts the keys at the root of the configuration only where nothing stands above ``# @package _global_``.
    """
    lines = preset.read_text(encoding="utf-8", errors="replace").splitlines()
    first = next((line.strip() for line in lines if line.strip()), "")
    if re.fullmatch(r"#\s*@package\s+_global_", first):
        return
    number = next((number for number, line in enumerate(lines, 1) if "@package" in line.partition("#")[2]), None)
    if number is None:
        fault = f"{near(preset)}: a preset begins with a header"
    elif first.startswith("#") and "@package" in first:
        fault = f"{near(preset)}, line {number}: {show(first)!r} is not the header of a preset"
    else:
        fault = f"{near(preset)}, line {number}: something stands before the header"
    raise ConfigurationError(f"{fault}; write {HEADER!r} above everything else, comments too")


def refuse_keys(node: object, place: str = "") -> None:
    """Refuse a key that is no text, as YAML makes of an unquoted number or yes."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if not isinstance(key, str):
                raise ConfigurationError(
                    f"{place}{key}: YAML reads this name as {type(key).__name__}, not as a text; write it in quotes"
                )
            refuse_keys(value, f"{place}{key}.")
    elif isinstance(node, list) and node and isinstance(node[0], Mapping | list):
        for number, value in enumerate(node):
            refuse_keys(value, f"{place}{number}.")


def refuse_multiplied(plain: Mapping[str, Any]) -> None:
    """Refuse interpolations that, written out, are more than can be held, however few lines they take."""
    sizes: dict[tuple[str, ...], int] = {}

    def size(value: object, place: tuple[str, ...]) -> int:
        if isinstance(value, Mapping):
            return 1 + sum(size(part, (*place, str(key))) for key, part in value.items())
        if isinstance(value, list):
            return len(value) + sum(size(part, place) for part in value if isinstance(part, str | list | Mapping))
        return (
            len(value) + sum(target(one[1], place) for one in REFERENCE.finditer(value))
            if isinstance(value, str)
            else 1
        )

    def target(reference: str, place: tuple[str, ...]) -> int:
        name = reference.lstrip(".")
        up = len(reference) - len(name)
        path = (*(place[: max(0, len(place) - up)] if up else ()), *name.split("."))
        if path not in sizes:
            sizes[path] = 0  # what refers to itself is told by who resolves it
            sizes[path] = size(_at(plain, path), path)
        return sizes[path]

    if size(plain, ()) > MAX_RESOLVED:
        raise ConfigurationError(
            f"the interpolations ${{...}} of this configuration stand for more than {MAX_RESOLVED:,} characters;"
            " write less of them within each other"
        )


def _at(node: Any, path: Sequence[str]) -> object:
    for part in path:
        if isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        else:
            node = node.get(part) if isinstance(node, Mapping) else None
    return node


def refuse_both(keys: Sequence[str]) -> None:
    """Refuse two keys that each choose the function."""
    typed = [key for key in ("expression", "python") if key in keys]
    if "function" in keys and typed:
        raise ConfigurationError(f"function= and {typed[0]}= both choose the function; leave one of them out")


def _holds(node: object, path: Sequence[str]) -> bool:
    if not path:
        return True
    if isinstance(node, list):
        return path[0].isdecimal() and int(path[0]) < len(node) and _holds(node[int(path[0])], path[1:])
    return isinstance(node, Mapping) and path[0] in node and _holds(node[path[0]], path[1:])


# What a resumed or repeated run must have in common with its beginning


def is_local(word: str) -> bool:
    """Whether a word of the command line names something that is looked for in the current directory."""
    key, _, value = word.lstrip("+").partition("=")
    if key in FILES:
        return value not in ("", *DATA) and not value.startswith("/")
    return word.lstrip("+").startswith(LOCAL)


def refuse_elsewhere(words: Iterable[str], directory: str, *, to: str) -> None:
    """Refuse to resume or repeat, as ``to`` says, words that mean something else here than where they were typed."""
    local = next(filter(is_local, words), None)
    if local is not None and Path.cwd() != Path(directory):
        raise ConfigurationError(
            f"{show(local)} is looked for in the current directory, and the run was started in"
            f" {directory or 'one that its record does not name'}; go there to {to} it"
        )


def refuse_changed_inputs(study: Study, jobs: Iterable[JobRecord]) -> None:
    """Refuse to go on when a file is not what it was when a job read it: its tables would be mixed with later ones."""
    for job in (job for job in jobs if job.inputs):
        now = digests_of(build(study, study_part(job.configuration)))
        changed = next((name for name, digest in job.inputs.items() if now.get(name) != digest), None)
        if changed is not None:
            raise ConfigurationError(f"{changed} is not what it was when job {job.number} read it: start the run anew")


def refuse_changed(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> None:
    """Refuse to go on when the same words give other configurations than they did: their tables would be mixed."""
    if len(before) != len(now):
        raise ConfigurationError(
            f"the run began with {len(before)} jobs, and the same words give {len(now)} now;"
            " its presets were changed since: start it anew"
        )
    for number, (old, new) in enumerate(zip(before, now, strict=True)):
        if configuration_hash(old) != configuration_hash(new):
            named = sorted({*difference(old, new), *difference(new, old)})
            raise ConfigurationError(
                f"{', '.join(named)} of job {number} is not what it was when the run began;"
                " its presets were changed since: start it anew"
            )


# Room


def refuse_too_large(rows: int, size: int, directory: Path) -> None:
    """Refuse a table that the disk cannot hold, and say how large it would be.

    Parameters
    ----------
    rows, size
        Rows of the main table over all jobs, and an estimate of the bytes of everything written.
    directory
        Where it would be written; the free space is that of its nearest existing parent.
    """
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    disk = shutil.disk_usage(existing)
    # A disk of no size at all is none: what cannot be written there is said by the attempt.
    if disk.total and size > disk.free:
        raise ConfigurationError(
            f"the table would have {rows:,} rows, about {readable(size)}, and {existing} has"
            f" {readable(disk.free)} free; take fewer points or deltas, or set LAB_OUTPUTS to a larger disk"
        )
