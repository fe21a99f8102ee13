"""The files under conf/function and conf/network keep their rules, and each rule catches what breaks it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import derivkit as dk
from derivkit.numerical.methods import METHODS as TABLE
from experiments.running import catalog, composition
from experiments.running.settings import CONVERTERS

CONF = Path(__file__).resolve().parents[1] / "conf"
FUNCTIONS = sorted((CONF / "function").glob("*.yaml"))
NETWORKS = sorted((CONF / "network").glob("*.yaml"))
KEYS = {"expression", "black_box", "python", "points", "domain", "reason", "source"}
CHAPTER = (
    *("1", "x", "2*x", "2*x**2", "x**2", "3*x**2"),
    *("3*x**2+5*x", "5*x**5+4*x**3-5", "x**3+2*x**2-5*x+7"),
)
BAUDIN = (
    *("polynomial", "inverse", "exp", "log", "sqrt", "atan", "sin", "scaled_exp", "gmsw"),
    *("sxxn1", "sxxn2", "sxxn3", "sxxn4", "oliver1", "oliver2", "oliver3"),
)

Row = Mapping[str, Any]


def load(path: Path) -> dict[str, Any]:
    """The file as Hydra reads it: OmegaConf takes 1e-6 for a number, plain YAML for a text."""
    plain = OmegaConf.to_container(OmegaConf.load(path))
    assert isinstance(plain, dict)
    return plain


def row(path: Path) -> Row:
    """What stands under the file's one key."""
    (entry,) = load(path).values()
    return entry


def number(point: object) -> float:
    """A point as a float: a number, or a constant expression such as pi/3."""
    if isinstance(point, str):
        return float(dk.constant(point))
    assert isinstance(point, int | float)
    assert not isinstance(point, bool)
    return float(point)


def identity(entry: Row) -> tuple[object, ...]:
    """What makes two functions the same in every table: the callable, its points and its domain."""
    says = (entry.get("black_box"), entry.get("python"), str(entry.get("expression")).replace(" ", ""))
    domain = tuple(number(end) for end in entry.get("domain", (-math.inf, math.inf)))
    return (*says, tuple(sorted(number(point) for point in entry["points"])), domain)


def key_is_the_name(path: Path) -> None:
    assert list(load(path)) == [path.stem]
    assert re.fullmatch(r"[a-z][a-z0-9_]*", path.stem), "a name must pass through the command line unquoted"


def keys_are_known(path: Path) -> None:
    assert set(row(path)) <= KEYS


def one_callable(path: Path) -> None:
    """An expression, black box or Python attribute; beside the last two an expression is the exact value."""
    entry = row(path)
    opaque = [key for key in ("black_box", "python") if key in entry]
    assert len(opaque) == 1 or (not opaque and "expression" in entry)


def reason_is_a_sentence(path: Path) -> None:
    assert re.fullmatch(r"[A-Z1-9][^\n]{20,}\.", row(path)["reason"])


def source_is_given(path: Path) -> None:
    assert row(path)["source"].strip()


def expression_has_only_x(path: Path) -> None:
    entry = row(path)
    if "expression" in entry:
        assert isinstance(entry["expression"], str), "quote it: YAML reads it as a number"
        assert tuple(dk.parse(entry["expression"]).variables) in {(), ("x",)}


def points_lie_in_the_domain(path: Path) -> None:
    entry = row(path)
    low, high = (number(end) for end in entry.get("domain", (-math.inf, math.inf)))
    points = [number(point) for point in entry["points"]]
    assert points
    assert len(set(points)) == len(points)
    assert all(math.isfinite(point) and low <= point <= high for point in points)


def plain_yaml_agrees(path: Path) -> None:
    """A reader without OmegaConf gets the same numbers: 1.0e-6, not 1e-6."""
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == load(path)


RULES: tuple[Callable[[Path], None], ...] = (
    key_is_the_name,
    keys_are_known,
    one_callable,
    reason_is_a_sentence,
    source_is_given,
    expression_has_only_x,
    points_lie_in_the_domain,
    plain_yaml_agrees,
)

GOOD = """\
probe:
  expression: exp(x)
  points: [1.0]
  domain: [0, 12]
  reason: Every derivative equals the function itself.
  source: classic
"""

# rule, what stands in GOOD, what breaks it
BROKEN = (
    (key_is_the_name, "probe:", "prob:"),
    (keys_are_known, "points:", "pionts:"),
    (one_callable, "expression: exp(x)", "comment: nothing to evaluate"),
    (one_callable, "expression: exp(x)", "black_box: sin_noise\n  python: math:sin"),
    (reason_is_a_sentence, "Every derivative equals the function itself.", "smooth"),
    (reason_is_a_sentence, "Every derivative equals the function itself.", "''"),
    (source_is_given, "classic", "''"),
    (expression_has_only_x, "exp(x)", "exp(y)"),
    (expression_has_only_x, "exp(x)", "exp x"),
    (expression_has_only_x, "exp(x)", "1"),
    (points_lie_in_the_domain, "[1.0]", "[13.0]"),
    (points_lie_in_the_domain, "[1.0]", "['13*pi']"),
    (points_lie_in_the_domain, "[1.0]", "[]"),
    (points_lie_in_the_domain, "[1.0]", "[1.0, 1]"),
    (points_lie_in_the_domain, "[1.0]", "[.nan]"),
    (plain_yaml_agrees, "[1.0]", "[1e-6]"),
)


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_function_file_keeps_every_rule(rule: Callable[[Path], None], path: Path) -> None:
    rule(path)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_good_file_passes_each_rule(rule: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "probe.yaml"
    path.write_text(GOOD, encoding="utf-8")
    rule(path)


@pytest.mark.parametrize(("rule", "good", "bad"), BROKEN, ids=lambda part: getattr(part, "__name__", None))
def test_a_broken_function_file_is_caught(rule: Callable[[Path], None], good: str, bad: str, tmp_path: Path) -> None:
    assert good in GOOD
    path = tmp_path / "probe.yaml"
    path.write_text(GOOD.replace(good, bad, 1), encoding="utf-8")
    with pytest.raises((AssertionError, ValueError)):
        rule(path)


def test_every_rule_is_seen_to_catch_something() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(RULES)


def test_there_are_at_least_thirty_functions() -> None:
    assert len(FUNCTIONS) >= 30


def test_no_function_is_there_twice() -> None:
    seen = Counter(identity(row(path)) for path in FUNCTIONS)
    assert [entry for entry, times in seen.items() if times > 1] == []


def test_spaces_and_the_order_of_points_do_not_hide_a_twin() -> None:
    one = {"expression": "exp(-x**2)", "points": [1.0, 0.7]}
    twin = {"expression": "exp( -x**2 )", "points": [0.7, 1]}
    assert identity(one) == identity(twin)
    assert identity(one) != identity({**twin, "domain": [0, 12]})


def test_the_nine_functions_of_the_chapter_are_there_with_its_points() -> None:
    rows = [row(path) for path in FUNCTIONS]
    of_chapter = {entry["expression"]: entry for entry in rows if entry["source"].startswith("chapter, ")}
    assert set(CHAPTER) <= set(of_chapter)
    assert all({0, 1, 2, 3, 4} <= set(of_chapter[expression]["points"]) for expression in CHAPTER)


def test_the_sixteen_problems_of_baudin_are_there() -> None:
    names = {path.stem for path in FUNCTIONS if path.stem.startswith("baudin_")}
    assert names == {f"baudin_{problem}" for problem in BAUDIN}


def selected(group: str, names: Sequence[str]) -> Mapping[str, Any]:
    """What the command line's ``group=[name, ...]`` composes."""
    composition.prepare()
    for tools in catalog.WITH_TOOLS:
        composition.register_names(tools, tools, catalog.methods(tools))
    with initialize_config_dir(str(CONF), **composition.VERSION_BASE):
        composed = compose(overrides=[f"+{group}=[{','.join(names)}]"])
    plain = OmegaConf.to_container(composed)
    assert isinstance(plain, dict)
    return {group: plain[group]}


@pytest.mark.parametrize("group", catalog.WITH_TOOLS)
def test_every_method_and_every_tool_can_be_selected_and_says_where_it_is_described(group: str) -> None:
    names = catalog.options(group)
    methods = CONVERTERS[group](selected(group, names))
    assert [one.name for one in methods] == names
    assert all(one.source for one in methods)


def test_every_formula_of_the_table_can_be_selected_by_its_name_without_a_file() -> None:
    names = tuple(dict.fromkeys(entry.name for entry in dk.formulas()))
    assert CONVERTERS["method"](selected("method", names)) == names


def test_every_method_with_error_bars_can_be_selected_by_its_name_without_a_file() -> None:
    assert CONVERTERS["estimator"](selected("estimator", tuple(TABLE))) == tuple(TABLE.values())


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_every_network_file_names_itself_gives_its_reason_and_builds(path: Path) -> None:
    key_is_the_name(path)
    reason_is_a_sentence(path)
    plain_yaml_agrees(path)
    (network,) = CONVERTERS["network"]({"network": load(path)})  # type: ignore[misc]
    assert network.name == path.stem


def test_no_network_is_there_twice() -> None:
    seen = [{**row(path), "reason": ""} for path in NETWORKS]
    assert all(one not in seen[:k] for k, one in enumerate(seen))
