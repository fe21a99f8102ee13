"""What can be chosen by name, read without Hydra: studies, functions, networks, populations, formulas and methods.

Hydra composes what is run. A help or a completion needs names and a line about each, and answers at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

import yaml

from experiments.messages import nearest
from experiments.words import first_of

_HERE = Path(__file__).resolve().parents[1]
# Beside the packages in a checkout and an editable install, inside this package in a wheel.
CONF = next(
    (path for path in (_HERE / "conf", _HERE.parent / "conf") if (path / "config.yaml").is_file()), _HERE / "conf"
)
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's reader where PyYAML was built with it, which takes a tenth of the time."""
STUDY = "delta_sweep"
"""The study of a command line that names none."""
HIDDEN = ("defaults", "hydra", "runner", "shard")
"""Entries of a preset that are no keys to be set."""
WITH_TOOLS = ("estimator", "smoother")
"""Groups of methods of derivkit beside which other tools stand."""
OTHER_NAMES = {
    **dict.fromkeys(("h", "step", "dx", "eps", "epsilon"), "delta"),
    **dict.fromkeys(("at", "point", "points", "x0"), "x"),
    **dict.fromkeys(("f", "func", "fun"), "expression"),
    **dict.fromkeys(("order", "n"), "derivative"),
    **dict.fromkeys(("module", "callable", "loss"), "python"),
    **dict.fromkeys(("grad", "jac"), "gradient"),
    **dict.fromkeys(("scheme", "stencil"), "method"),
    **dict.fromkeys(("study", "preset"), "experiment"),
    **dict.fromkeys(("o", "out", "output", "outputs", "dir"), "hydra.sweep.dir"),
}
"""What somebody may call a key."""


def places(config_dir: str | None = None, config_path: str | None = None) -> tuple[Path, ...]:
    """Return the directories of configurations of a command line; an entry of the first stands before the others'."""
    main = CONF if config_path is None or "://" in config_path else Path(config_path)
    return (main,) if config_dir is None else (Path(config_dir), main)


def options(group: str, places: Sequence[Path] = (CONF,)) -> list[str]:
    """Return the names of a group: the files of its folders, or the entries of derivkit's table.

    Examples
    --------
    >>> options("network")[:2]
    ['digits', 'digits_tanh']
    """
    files = {path.stem for place in places for path in (place / group).glob("*.yaml")}
    return sorted(files) + [name for name in _table(group) if name not in files]


def lines(group: str, places: Sequence[Path] = (CONF,)) -> dict[str, str]:
    """Return what each entry of a group is, in a line.

    Examples
    --------
    >>> lines("function")["square"][:30], lines("method")["central_2"]
    ('x**2: The secant from x to x +', 'order 2, 2 values of f; Fornberg 1988, table 1')
    """
    table = _table(group)
    return {name: table.get(name) or _line(_file(group, name, places), name) for name in options(group, places)}


def marks(group: str, places: Sequence[Path] = (CONF,)) -> dict[str, str]:
    """Return what is to be known before another tool is chosen: that it has no bar, or is not installed here."""
    files = {name: _loaded(_file(group, name, places)).get(name) for name in options(group, places)}
    tools = {name: spec for name, spec in files.items() if isinstance(spec, Mapping) and "install" in spec}
    return {
        name: ", ".join(["no bar"] * (spec.get("bar") is False) + ["not installed"] * (not _is_installed(spec)))
        for name, spec in tools.items()
    }


def _is_installed(tool: Mapping[str, Any]) -> bool:
    """Whether the distribution of a tool is there, or the interpreter that has it."""
    if tool.get("interpreter"):
        return Path(str(tool["interpreter"])).is_file()
    with suppress(metadata.PackageNotFoundError):
        metadata.version(str(tool["install"]))
        return True
    return False


def keys(study: str, places: Sequence[Path] = (CONF,)) -> dict[str, Any]:
    """Return the keys of a study with their defaults, those of the presets that it stands on first.

    Examples
    --------
    >>> list(keys("derivations"))[:2]
    ['expression', 'implicit']
    """
    loaded = _loaded(_file("experiment", study, places))
    chosen: dict[str, Any] = {}
    for entry in loaded.get("defaults", []):
        if isinstance(entry, str) and entry != "_self_":
            chosen |= keys(entry, places)
        elif isinstance(entry, Mapping):
            chosen |= {key.split("/")[-1]: value for key, value in entry.items() if "hydra" not in key}
    return chosen | {key: value for key, value in loaded.items() if key not in HIDDEN}


def every_key(places: Sequence[Path] = (CONF,)) -> set[str]:
    """Return the keys of all studies.

    Examples
    --------
    >>> {"delta", "network", "experiment"} <= every_key()
    True
    """
    return {"experiment", *(key for study in options("experiment", places) for key in keys(study, places))}


def lacks(key: str, known: Iterable[str]) -> str:
    """Return a clause on a key that a study does not have, with what it may mean: here, or in other studies."""
    choices = list(known)
    if OTHER_NAMES.get(key) in (*choices, "hydra.sweep.dir"):
        return f"has no key {key!r}; did you mean {OTHER_NAMES[key]}?"
    having = [study for study in options("experiment") if key in keys(study)]
    if not having:
        return f"has no key {key!r}; {nearest(key, choices)}"
    points = "; this study takes no points" if key == "x" else ""
    return f"has no key {key!r}, which is of experiment={first_of(having, 3)}{points}; {nearest('', choices)}"


def header(study: str, places: Sequence[Path] = (CONF,)) -> str:
    """Return what the preset of a study says of its keys, or the preset that it stands on."""
    loaded = _loaded(_file("experiment", study, places))
    below = [entry for entry in loaded.get("defaults", []) if isinstance(entry, str) and entry != "_self_"]
    text = loaded.get("hydra", {}).get("help", {}).get("header", "")
    return str(text).replace("$$", "$") or "".join(header(name, places) for name in below)


def _file(group: str, name: str, places: Iterable[Path]) -> Path:
    """Return the file of an entry in the first place that has it."""
    paths = [place / group / f"{name}.yaml" for place in places]
    return next((path for path in paths if path.is_file()), paths[-1])


def _loaded(path: Path) -> dict[str, Any]:
    """Return what a file holds; nothing where it is no YAML, which is said by whoever runs it."""
    try:
        loaded = yaml.load(path.read_text(encoding="utf-8"), LOADER)  # noqa: S506 - a safe one
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _line(path: Path, name: str) -> str:
    """Return the comment with which a file begins, below its header, or else what its entry says of itself."""
    text = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    begun = dropwhile(lambda line: line.startswith("# @package") or not line.strip(), text)
    comment = [line.lstrip("# ") for line in takewhile(lambda line: line.startswith("#"), begun)]
    if comment:
        return " ".join(comment)
    spec = _loaded(path).get(name)
    if not isinstance(spec, Mapping):
        return ""
    what = next((str(spec[key]) for key in ("expression", "black_box", "python", "offsets") if spec.get(key)), "")
    return ": ".join(filter(None, (what, str(spec.get("reason") or spec.get("source") or ""))))


def methods(group: str) -> Mapping[str, Any]:
    """Return derivkit's own table of the methods of a group beside which other tools stand, imported only when asked.

    Examples
    --------
    >>> methods("smoother")["np.gradient"].source
    'numpy.gradient; Fornberg 1988'
    """
    from derivkit import testing  # noqa: PLC0415 - as said

    tables: Mapping[str, Mapping[str, Any]] = {"estimator": testing.METHODS, "smoother": testing.SAMPLED_METHODS}
    return tables[group]


def _table(group: str) -> dict[str, str]:
    """Return the entries of derivkit's own table for a group, imported only for these."""
    if group in WITH_TOOLS:
        return {name: method.source for name, method in methods(group).items()}
    if group != "method":
        return {}
    import derivkit as dk  # noqa: PLC0415 - as said

    first = {entry.name: entry for entry in reversed(dk.formulas())}
    return {
        name: f"order {entry.order}, {entry.evaluations} values of f; {entry.source}"
        for name, entry in reversed(first.items())
    }
