"""The layout is the design: who may import whom, what is public, what an import costs."""

from __future__ import annotations

import ast
import doctest
import importlib
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Collection
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import quick
from omegaconf import OmegaConf
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import derivkit
import experiments.studies
from derivkit import late
from experiments.comparison import differences
from experiments.running import composition
from experiments.running.run_figures import figures_of
from experiments.running.settings import keys_of
from experiments.study import Rows, Study, column, study_in

ROOT = Path(__file__).resolve().parents[1]
STANDARD = set(sys.stdlib_module_names)
CORE = {"numpy", "derivkit"}
LEAST = {"numpy", "derivkit.types", "derivkit.arguments"}
BASE = {
    "experiments.datafile",
    "experiments.files",
    "experiments.formats",
    "experiments.looks",
    "experiments.messages",
    "experiments.spreadsheet",
    "experiments.words",
}
STUDY = {"experiments.study"}
RUN = (
    BASE
    | STUDY
    | {"experiments.answers", "experiments.calls", "experiments.shards", "experiments.tables"}
    | {"experiments.terminal", "experiments.running"}
)
HYDRA = RUN | {"hydra", "omegaconf"}
MAY_IMPORT = {
    "derivkit/operations": CORE | {"flint"},
    "derivkit/trusted": CORE | {"flint"},
    "derivkit/types.py": {"numpy"},
    "derivkit/arguments.py": {"numpy", "derivkit.types"},
    "derivkit/behaviour.py": LEAST,
    "derivkit/executor.py": LEAST,
    "derivkit/asker.py": LEAST | {"derivkit.behaviour", "derivkit.executor", "derivkit.late"},
    "derivkit/grids.py": LEAST,
    "derivkit/presentation.py": LEAST,
    "derivkit/numerical": LEAST
    | {"derivkit.presentation", "derivkit.asker", "derivkit.behaviour", "derivkit.grids", "derivkit.numerical"},
    "derivkit/numerical/step_rules": LEAST
    | {"derivkit.asker", "derivkit.numerical.step_rules"}
    | {f"derivkit.numerical.{name}" for name in ("estimate", "extrapolation", "formulas", "methods", "nodes")}
    | {f"derivkit.numerical.{name}" for name in ("status", "stencil")},
    "derivkit": CORE,
    "experiments/study.py": {"numpy", "pandas", "experiments.messages"},
    "experiments/calls.py": CORE | STUDY | {"experiments.words"},
    "experiments/answers.py": CORE | STUDY | {"experiments.messages", "experiments.words"},
    "experiments/columns.py": STUDY,
    "experiments/goals.py": CORE | STUDY | {"experiments.words"},
    "experiments/timing.py": {"numpy"},
    "experiments/datafile.py": {"numpy"},
    "experiments/studies": CORE
    | {
        "pandas",
        "experiments.answers",
        "experiments.calls",
        "experiments.columns",
        "experiments.datafile",
        "experiments.goals",
        "experiments.looks",
        "experiments.shards",
        "experiments.study",
        "experiments.timing",
        "experiments.words",
        "experiments.peers",
    },
    "experiments/studies/chapter": CORE
    | {"experiments.columns", "experiments.studies.chapter", "experiments.study", "experiments.timing"}
    | {"experiments.words"},
    **{
        f"experiments/studies/{name}": CORE
        | {"pandas", "experiments.columns", f"experiments.studies.{name}", "experiments.study", "experiments.words"}
        for name in ("delta_sweep", "per_sample", "training")
    },
    "experiments/peers": CORE,
    "experiments/peers/apart.py": CORE | {"experiments.peers"},
    **{
        f"experiments/peers/{tool}.py": CORE | {tool}
        for tool in (
            *("alprd", "derivative", "fdm", "findiff", "jacobi", "numdifftools", "numericalderivative", "optimagic"),
            *("pynumdiff", "statsmodels"),
        )
    },
    "experiments/peers/autograd.py": CORE | {"autograd", "experiments.peers"},
    "experiments/peers/jax.py": CORE | {"jax", "experiments.peers"},
    "experiments/peers/scipy.py": CORE | {"scipy"},
    "experiments/peers/torch.py": CORE | {"torch", "experiments.peers"},
    "experiments/shards.py": set(),
    "experiments/messages.py": set(),
    "experiments/looks.py": set(),
    "experiments/words.py": set(),
    "experiments/files.py": set(),
    "experiments/terminal": {"derivkit", "experiments.messages", "experiments.terminal"},
    "experiments/terminal/exits.py": set(),
    "experiments/terminal/progress.py": {"rich", "experiments.messages", "experiments.words"},
    "experiments/running/digits.py": CORE | {"sklearn"},
    "experiments/running/serial.py": BASE,
    "experiments/running/record.py": BASE | {"experiments.terminal.exits"},
    "experiments/running/integrity.py": BASE | {"experiments.running.record"},
    "experiments/running/listing.py": BASE
    | {
        "experiments.running.integrity",
        "experiments.running.record",
        "experiments.terminal.commands",
        "experiments.terminal.exits",
    },
    "experiments/running/filters.py": {
        "experiments.running.listing",
        "experiments.running.record",
        "experiments.messages",
    },
    "experiments/running/tracking.py": {"mlflow", "experiments.comparison.configured"} | RUN,
    "experiments/running/launchers.py": {"submitit", "experiments.messages"},
    "experiments/running/search.py": {"optuna"} | RUN,
    "experiments/running/searched.py": {"numpy"} | RUN,
    "experiments/running/composition.py": HYDRA | {"derivkit", "hydra_plugins", "yaml"},
    "experiments/running/starting.py": HYDRA,
    "experiments/running/catalog.py": {"derivkit", "experiments.messages", "experiments.words", "yaml"},
    "experiments/running/overrides.py": HYDRA,
    "experiments/running/planning.py": HYDRA,
    "experiments/running/launching.py": HYDRA,
    "experiments/running/hydra_errors.py": HYDRA,
    "experiments/running/jobs.py": RUN | {"yaml"},
    "experiments/running/settings.py": CORE | RUN | {"experiments.peers"},
    "experiments/running": CORE
    | RUN
    | {"experiments.THREADS", "experiments.figures", "experiments.page", "experiments.studies"},
    "experiments/spreadsheet.py": BASE,
    "experiments/tables": CORE | BASE | STUDY | {"pandas", "pyarrow", "experiments.tables"},
    "experiments/figures": CORE
    | STUDY
    | {"matplotlib", "experiments.figures", "experiments.files", "experiments.formats", "experiments.messages"}
    | {"experiments.looks", "experiments.words"},
    "experiments/page": BASE | {"numpy", "experiments.page", "experiments.tables"},
    "experiments/page/slider.py": CORE | BASE | {"experiments.page", "experiments.tables"},
    "experiments/page/report.py": {"jinja2", "markupsafe", "experiments.page.parts"} | BASE,
    "experiments/comparison/values.py": {"numpy"},
    "experiments/comparison/configured.py": RUN,
    "experiments/comparison/result.py": RUN | {"experiments.comparison"},
    "experiments/comparison/sentences.py": RUN | {"experiments.comparison"},
    "experiments/comparison/page.py": RUN | {"experiments.comparison", "experiments.page"},
    "experiments/comparison/repeating.py": RUN | {"experiments.comparison"},
    "experiments/comparison/verdict.py": RUN | {"experiments.comparison"},
    "experiments/comparison": RUN | {"numpy", "experiments.comparison", "experiments.figures"},
    "experiments/check.py": {"experiments.messages", "experiments.run", "experiments.terminal"},
    "experiments/population.py": {
        "experiments.messages",
        "experiments.run",
        "experiments.running",
        "experiments.terminal",
    },
    "experiments": RUN | {"experiments.comparison"},
    "hydra_plugins": {"hydra", "omegaconf"},
}
"""The longest prefix of a file's path says what it may import besides the standard library."""
INSIDE_HYDRA = ["experiments/running/starting.py", "hydra_plugins/derivative_lab/checked_sweeper.py"]
"""Files that import what Hydra does not offer to others."""
HEAVY = (
    "flint",
    "sympy",
    "mpmath",
    "pandas",
    "matplotlib",
    "hydra",
    "pyarrow",
    "rich",
    "jinja2",
    "scipy",
    "sklearn",
    "jax",
    "torch",
    "mlflow",
    "optuna",
    "submitit",
)
ROOMS = ("derivkit", "experiments", "hydra_plugins")
SOURCES = sorted(path for folder in ROOMS for path in (ROOT / folder).rglob("*.py"))
STUDIES = sorted(name for _, name, _ in pkgutil.iter_modules(experiments.studies.__path__))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = sorted(map(name_of, SOURCES))


def study_named(name: str) -> Study:
    return study_in(importlib.import_module(f"experiments.studies.{name}"))


def rule_of(path: str) -> set[str]:
    fitting = [prefix for prefix in MAY_IMPORT if path == prefix or path.startswith(prefix + "/")]
    return MAY_IMPORT[max(fitting, key=len)]


def imported(tree: ast.AST, *, typing_only: bool = False) -> list[str]:
    """Modules that the code imports, those for type checking alone left out."""
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in guarded and not typing_only:
            continue
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the room they come from"
            room = node.module or ""
            found.extend([f"{room}.{alias.name}" for alias in node.names] if room == "experiments" else [room])
    return found


def strangers(path: str, tree: ast.AST) -> list[str]:
    allowed = rule_of(path)
    return [
        module
        for module in imported(tree)
        if module.split(".")[0] not in STANDARD
        and not any(module == name or module.startswith(name + ".") or name == module.split(".")[0] for name in allowed)
        and not path.endswith("__init__.py")
    ]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_room_imports_only_what_it_may(source: Path) -> None:
    assert strangers(source.relative_to(ROOT).as_posix(), parsed(source.read_text())) == []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("derivkit/errors.py", "import pandas"),
        ("derivkit/numerical/new.py", "def f():\n    from sympy import sin"),
        ("derivkit/numerical/new.py", "from derivkit.function import Function"),
        ("derivkit/numerical/step_rules/new.py", "from derivkit.numerical.search import search"),
        ("derivkit/numerical/new.py", "from derivkit.trusted.exact import exact"),
        ("derivkit/asker.py", "from derivkit.numerical.status import Status"),
        ("experiments/studies/new.py", "from experiments.tables import read"),
        ("experiments/studies/new.py", "import torch"),
        ("experiments/peers/jax.py", "import torch"),
        ("experiments/peers/new.py", "from experiments.studies import speed"),
        ("experiments/page/report.py", "import numpy"),
        ("experiments/running/results.py", "import matplotlib"),
        ("experiments/running/results.py", "import optuna"),
        ("experiments/running/search.py", "import numpy"),
        ("experiments/figures/new.py", "from experiments import tables"),
        ("experiments/figures/new.py", "from experiments.tables.reading import read"),
        ("experiments/running/settings.py", "from omegaconf import OmegaConf"),
        ("experiments/running/jobs.py", "from hydra.core.hydra_config import HydraConfig"),
        ("experiments/compare.py", "import hydra"),
        ("experiments/run.py", "import hydra"),
        ("experiments/running/listing.py", "from experiments.running.settings import show"),
        ("experiments/running/filters.py", "import numpy"),
        ("experiments/comparison/values.py", "from experiments.tables import read"),
        ("experiments/comparison/page.py", "import numpy"),
        ("experiments/comparison/verdict.py", "import numpy"),
        ("experiments/comparison/repeating.py", "from experiments.run import main"),
        ("experiments/rerun.py", "import hydra"),
    ],
)
def test_a_forbidden_import_is_caught(path: str, code: str) -> None:
    assert strangers(path, ast.parse(code))


LATE = {name: vars(module)["_name"] for name, module in vars(late).items() if isinstance(module, late.Late)}
"""Modules by the names under which `derivkit.late` imports them at their first use."""


parsed = cache(ast.parse)
"""The tree of a file's text: that of the whole house is walked several times."""


def needed_by(code: str, known: Collection[str]) -> set[str]:
    """All known modules that a file names: at its top, in functions, for its types only, by import_module, or late."""
    modules = set()
    for node in ast.walk(parsed(code)):
        match node:
            case ast.Import(names=names):
                modules |= {alias.name for alias in names}
            case ast.ImportFrom(module=str(module), names=names):
                modules |= {inner if (inner := f"{module}.{alias.name}") in known else module for alias in names}
                modules |= {LATE[alias.name] for alias in names if module == "derivkit.late" and alias.name in LATE}
            case ast.Call(func=function, args=[ast.Constant(value=str(module)), *_]) if ast.unparse(function).split(
                "."
            )[-1] in {"import_module", "__import__"}:
                modules.add(module)
    return modules & set(known)


def circles(codes: dict[str, str]) -> set[frozenset[str]]:
    """The strongly connected components of more than one file in the graph of imports."""
    needed = {module: needed_by(code, codes) - {module} for module, code in codes.items()}
    reached: dict[str, set[str]] = {}
    for module in needed:
        stack, reached[module] = [module], set()
        while stack:
            new = needed[stack.pop()] - reached[module]
            reached[module] |= new
            stack.extend(new)
    return {
        frozenset(other for other in reached[module] if module in reached[other])
        for module in needed
        if module in reached[module]
    }


def codes_of_the_house() -> dict[str, str]:
    return {name_of(path): path.read_text() for path in SOURCES}


def test_no_files_import_one_another_in_a_circle() -> None:
    assert not circles(codes_of_the_house())


@pytest.mark.parametrize(
    "code",
    quick.part(
        [
            "from derivkit.symbolic.derivation import Derivation",
            "from derivkit.symbolic import derivation",
            "def f():\n    import derivkit.symbolic.derivation",
            "if TYPE_CHECKING:\n    from derivkit.symbolic.derivation import Derivation",
            "importlib.import_module('derivkit.symbolic.derivation')",
            "from derivkit.late import derivation",
        ],
        every=5,
    ),
)
def test_a_circle_is_caught_however_the_import_is_written(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LATE, "derivation", "derivkit.symbolic.derivation")
    codes = {module: code for module, code in codes_of_the_house().items() if module.startswith("derivkit.")}
    planted = circles({**codes, "derivkit.symbolic.steps": codes["derivkit.symbolic.steps"] + code})
    assert len(planted) == 1
    assert {"derivkit.symbolic.steps", "derivkit.symbolic.derivation"} <= set(*planted)


def written(code: str, owner: str) -> set[str]:
    """The fields of something that code writes to, whole or in part."""
    fields = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            inner: ast.expr = node
            while isinstance(inner, ast.Subscript):
                inner = inner.value
            if isinstance(inner, ast.Attribute) and ast.unparse(inner.value) == owner:
                fields.add(inner.attr)
    return fields


def test_the_ways_of_the_search_write_what_is_known_by_the_verbs_of_its_state_alone() -> None:
    for name in ("corners", "moves", "noise", "rounds", "search", "single", "chunks"):
        assert not written((ROOT / f"derivkit/numerical/{name}.py").read_text(), "state")


@pytest.mark.parametrize("code", ["state.error[0] = 1.0", "state.moves[points] += 1", "a, state.noisy = 1, True"])
def test_a_way_that_writes_itself_is_caught(code: str) -> None:
    assert len(written(code, "state")) == 1


FACES = {"derivkit", "derivkit.testing"}


def test_experiments_import_the_faces_of_derivkit_and_nothing_past_them() -> None:
    users = [path for path in SOURCES if path.relative_to(ROOT).parts[0] != "derivkit"]
    modules = {module for path in users for module in imported(ast.parse(path.read_text()))}
    assert {module for module in modules if module.split(".")[0] == "derivkit"} == FACES


def test_importing_the_core_costs_none_of_the_heavy_libraries() -> None:
    code = f"import sys, derivkit; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_listed_and_exist() -> None:
    assert derivkit.__all__ == sorted(derivkit.__all__)
    assert set(late.homes("derivkit")) == set(derivkit.__all__)
    for name in derivkit.__all__:
        assert getattr(derivkit, name).__doc__, name


@pytest.mark.parametrize("package", sorted(FACES))
def test_a_public_name_is_no_module_which_would_stand_in_its_place_once_it_is_imported(package: str) -> None:
    modules = {module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__)}
    assert not modules & set(late.homes(package))


def test_every_method_is_in_the_table_before_anything_else_is_imported() -> None:
    enter = {name_of(path) for path in SOURCES if re.search(r"^@method\(", path.read_text(), re.MULTILINE)}
    known = set(codes_of_the_house())
    assert enter <= needed_by((ROOT / "derivkit/testing/methods.py").read_text(), known)


def test_the_insides_of_hydra_are_imported_in_two_places_each_with_its_reason():
    inside = [
        f"{path.relative_to(ROOT).as_posix()}: {line}"
        for path in SOURCES
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(r"\s*(from|import) (hydra|omegaconf)\S*\._", line)
    ]
    assert [line.partition(": ")[0] for line in inside] == INSIDE_HYDRA
    assert all("  # " in line for line in inside)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_docstrings_are_true(module: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(module), raise_on_error=False)
    assert failed == 0


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_a_config_its_tables_and_what_it_measures(name: str) -> None:
    study = study_named(name)
    assert is_dataclass(study.Config)
    assert next(iter(study.tables)) == "table"
    assert study.question
    assert callable(study.measure)


def faults_of_comparing(table: type[Rows]) -> list[str]:
    """Why the rows of a main table cannot be compared across runs."""
    ours = [f"{name} is a column of every comparison" for name in differences.OWN if name in table.columns]
    return [*ours, *([] if table.keys else ["no key"])]


@pytest.mark.parametrize("name", STUDIES)
def test_the_rows_of_a_study_can_be_compared(name: str) -> None:
    assert faults_of_comparing(study_named(name).main) == []


def test_rows_that_cannot_be_compared_are_caught() -> None:
    class Table(Rows):
        x: float = column("a point")
        change: float = column("a difference")

    assert faults_of_comparing(Table) == ["change is a column of every comparison", "no key"]


def imports_of(study: str) -> set[str]:
    """Modules that a study imports, in its file or in any of its folder."""
    home = ROOT / "experiments/studies" / study
    files = [path for path in SOURCES if home in (path.with_suffix(""), path.parent)]
    return {module for path in files for module in imported(ast.parse(path.read_text()))}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_that_reads_a_clock_says_which_columns_it_measures(name: str) -> None:
    study = study_named(name)
    assert set(study.measured.get("table", ())).isdisjoint(study.main.keys)
    clocks = {"time", "timeit", "tracemalloc", "resource", "experiments.timing", "experiments.peers.apart"}
    reads_a_clock = imports_of(name) & clocks
    assert bool(study.measured) == bool(reads_a_clock)


def preset_of(path: Path) -> Any:
    """A preset with what it takes over from another one."""
    preset = OmegaConf.load(path)
    if "runner" in preset:
        return preset
    (parent,) = [name for name in preset.defaults if isinstance(name, str) and name != "_self_"]
    return OmegaConf.merge(OmegaConf.load(path.with_name(f"{parent}.yaml")), preset)


@cache
def presets() -> list[Any]:
    return [OmegaConf.load(path) for path in sorted((ROOT / "conf/experiment").glob("*.yaml"))]


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_has_a_preset_whose_keys_are_its_fields(study: str) -> None:
    own = [preset for preset in presets() if preset.get("runner") == study]
    assert own, "every study has a preset"
    expected = {key for field in fields(study_named(study).Config) for key in keys_of(field.name)}
    for preset in own:
        groups = {
            next(iter(entry)).removeprefix("override ").strip("/")
            for entry in preset.defaults
            if not isinstance(entry, str)
        }
        assert (set(preset) - {"defaults", "figures", "hydra", "runner"}) | groups == expected


def test_a_kind_of_figure_is_found_by_being_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments.figures.drawing import KINDS, kinds_in  # noqa: PLC0415 -- matplotlib is only needed here

    written = {path.stem for path in (ROOT / "experiments/figures").glob("*.py") if "\nKIND = " in path.read_text()}
    assert written == set(KINDS)
    (tmp_path / "kinds_of_mine").mkdir()
    (tmp_path / "kinds_of_mine/pie.py").write_text('"""A kind."""\nKIND = "a pie"\n')
    (tmp_path / "kinds_of_mine/words.py").write_text('"""No kind."""\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert kinds_in([str(tmp_path / "kinds_of_mine")], "kinds_of_mine") == {"pie": "a pie"}


def names_used(module: str, tree: ast.AST) -> set[str]:
    """The names of a module of the pipeline that the code uses as attributes of it."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }


def test_the_public_names_of_the_figures_are_exactly_those_that_the_pipeline_uses() -> None:
    from experiments import figures  # noqa: PLC0415 -- matplotlib is only needed here

    rooms = [ast.parse(path.read_text()) for path in (ROOT / "experiments/running").glob("*.py")]
    assert set().union(*(names_used("figures", room) for room in rooms)) == set(figures.__all__)
    assert names_used("figures", ast.parse("figures.secret(spec)")) == {"secret"}


@pytest.mark.parametrize("path", sorted((ROOT / "conf/experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_columns_that_a_figure_names_exist(path: Path) -> None:
    from experiments import figures  # noqa: PLC0415 -- matplotlib is only needed here

    composition.prepare()  # whose grids a preset may name
    preset = preset_of(path)
    tables = study_named(preset.runner).tables
    for brief in figures_of(OmegaConf.to_container(preset.figures, resolve=True)).values():
        spec = figures.completed(brief, tables)
        for table, columns in figures.columns_needed(spec).items():
            assert set(columns) <= set(tables[table].columns)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (("-n", "0"), "1 passed, 1 deselected"),
        ((), "1 passed"),
        (("tests",), "2 passed"),
        (("tests/test_both.py",), "2 passed"),
        (("-m", "slow"), "1 passed"),
    ],
)
def test_the_suite_leaves_out_what_is_slow_where_neither_paths_nor_marks_are_given(
    words: tuple[str, ...], outcome: str, tmp_path: Path
) -> None:
    (tmp_path / "tests").mkdir()
    for name in ("pyproject.toml", "tests/conftest.py", "tests/quick.py"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    lines = ("import pytest", "@pytest.mark.slow", "def test_slow(): pass", "def test_quick(): pass")
    (tmp_path / "tests/test_both.py").write_text("\n".join(lines))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert f" {outcome} in " in done.stdout
    assert ("what is slow is left out" in done.stdout) == (not words or words[0] == "-n")


@pytest.mark.parametrize(
    ("python", "taken", "refused"),
    [
        ("3.11", ["1.3.8", "1.4.0rc3"], ["1.3.7", "1.5.0"]),
        ("3.13", ["1.3.8", "1.4.0rc3"], ["1.3.2", "1.5.0"]),
        ("3.14", ["1.4.0rc1", "1.4.0"], ["1.3.8", "1.5.0"]),
        ("3.15", ["1.4.0rc1", "1.4.0"], ["1.3.8", "1.5.0"]),
    ],
)
def test_every_python_gets_a_hydra_that_runs_on_it(python: str, taken: list[str], refused: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert SpecifierSet(project["requires-python"]).contains(f"{python}.0")
    needed = [Requirement(text) for text in project["dependencies"] if text.startswith("hydra-core")]
    (hydra,) = [one for one in needed if one.marker is None or one.marker.evaluate({"python_version": python})]
    assert [hydra.specifier.contains(version, prereleases=True) for version in (*taken, *refused)] == [
        True,
        True,
        False,
        False,
    ]


def test_every_folder_of_code_is_a_package_that_is_installed() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    code = {path.parent for room in ROOMS for path in (ROOT / room).rglob("__init__.py")}
    data = {path.parent for path in (ROOT / "conf").rglob("*.yaml")}
    folders = {".".join(path.relative_to(ROOT).parts) for path in code}
    folders |= {".".join(("experiments", *path.relative_to(ROOT).parts)) for path in data}
    assert sorted(told) == sorted(folders)


def missing_paths(text: str) -> list[str]:
    """The files of the house that a text names, whole or from a room on, and that are not there."""
    names = re.findall(r"`((?:[\w.]+/)+[\w.]*|\w+\.py)`", text)
    roots = [ROOT, ROOT / "derivkit", ROOT / "experiments", *(path for path in ROOT.glob("*/*/") if path.is_dir())]
    own = re.compile(r"^(outputs|jobs|DIR)/|^(f|mymodule)\.py$")
    return [name for name in names if not own.search(name) and not any((root / name).exists() for root in roots)]


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_the_files_that_the_pages_for_developers_name_exist(page: str) -> None:
    assert missing_paths((ROOT / page).read_text(encoding="utf-8")) == []


def test_a_file_that_is_not_there_is_caught() -> None:
    assert missing_paths("`derivkit/numerical/magic.py` and `derivkit/operations/row.py`") == [
        "derivkit/numerical/magic.py"
    ]
