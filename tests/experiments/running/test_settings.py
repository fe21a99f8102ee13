"""Plain dicts become a Config, or one line says why not; grids are exact; names and spelling are explained."""

from __future__ import annotations

import importlib.util
import math
import pickle
import re
import sys
from dataclasses import dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

import derivkit as dk
from derivkit import grids as exact
from derivkit.numerical.methods import METHODS, Method
from experiments.messages import ConfigurationError
from experiments.running import check, grids, settings, spelling
from experiments.running.settings import build
from experiments.studies import delta_sweep, derivations, precision

SIN = {"sin": {"expression": "sin(x)", "points": [1.0, "pi/4"], "reason": "r", "source": "s"}}
METHOD = {"central_2": {"formula": "central_2"}}
PLAIN: dict[str, Any] = {"function": SIN, "method": METHOD, "delta": 1e-4, "derivative": 1, "x": None}


def built(**changes: Any) -> delta_sweep.Config:
    """The Config of the plain configuration with some keys changed."""
    config = build(delta_sweep, {**PLAIN, **changes})
    assert isinstance(config, delta_sweep.Config)
    return config


def refused(**changes: Any) -> str:
    """The one line with which the changed configuration is refused."""
    with pytest.raises(ConfigurationError) as caught:
        built(**changes)
    line = str(caught.value)
    assert "\n" not in line
    return line


def points(**changes: Any) -> list[tuple[float, ...]]:
    return [problem.points for problem in built(**changes).function]


# Numbers


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1e-4, (1e-4,)),
        (1, (1.0,)),
        ("1/3", (1 / 3,)),
        ("2**-8", (2.0**-8,)),
        ([1e-4, "1e-8"], (1e-4, 1e-8)),
        ((0.5, 2), (0.5, 2.0)),
    ],
)
def test_delta_is_a_number_a_constant_or_a_list(value: object, expected: tuple[float, ...]):
    assert built(delta=value).delta == expected


BAD_DELTA = {
    "0": 0,
    "negative": -1e-3,
    "nan": math.nan,
    "inf": math.inf,
    "huge": 10**400,
    "word": "abc",
    "empty": "",
    "blank": "  ",
    "empty list": [],
    "one bad of two": [1e-4, "abc"],
    "null": None,
    "bool": True,
    "nested": [[1e-4]],
    "mapping": {"a": 1},
    "variable": "x",
    "tower": "9**9**9**9",
    "negative constant": "-1/3",
}


@pytest.mark.parametrize("value", BAD_DELTA.values(), ids=BAD_DELTA.keys())
def test_a_bad_delta_is_refused_with_the_key_and_what_to_write(value: object):
    line = refused(delta=value)
    assert line.startswith("delta=")
    assert re.search(r"write .*delta=\S", line)


@pytest.mark.parametrize(
    ("value", "expected"), [(0, (0.0,)), ("pi/2", (math.pi / 2,)), ([-1, "sqrt(2)"], (-1.0, math.sqrt(2)))]
)
def test_x_is_any_finite_number_and_replaces_the_points_of_the_functions(value: object, expected: tuple[float, ...]):
    assert points(x=value) == [expected]


@pytest.mark.parametrize("value", [math.inf, math.nan, True, [[1]], "y", "", []])
def test_a_bad_x_is_refused(value: object):
    assert refused(x=value).startswith("x=")


@pytest.mark.parametrize("value", [0, 5, 1.5, True, "two", None, [1]])
def test_the_order_of_the_derivative_is_a_whole_number_from_1_to_4(value: object):
    assert "1, 2, 3 or 4" in refused(derivative=value)


# Functions and methods


def test_a_function_has_its_own_points_without_x():
    assert points() == [(1.0, math.pi / 4)]
    assert built().function[0].reason == "r"


@pytest.mark.parametrize("typed", ["x**3*sin(x)", ["x**3*sin(x)"]])
def test_an_expression_replaces_the_functions_and_is_taken_at_1(typed: object):
    (problem,) = built(expression=typed).function
    assert problem.points == (1.0,)
    assert problem.function(2.0) == pytest.approx(8 * math.sin(2.0), rel=1e-15)


def test_several_expressions_are_several_functions():
    assert [p.function(0.0) for p in built(expression=["sin(x)", "cos(x)", 3], x=0).function] == [0.0, 1.0, 3.0]


def test_a_python_function_has_the_exact_value_of_its_expression():
    alone, known = built(python="math:sin").function[0], built(python="math:sin", expression="sin(x)").function[0]
    assert alone.function(1.0) == known.function(1.0) == math.sin(1.0)
    assert alone.function.expression is None
    assert known.function.expression is not None


def test_a_python_module_is_looked_for_in_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "only_here.py").write_text("class A:\n    @staticmethod\n    def f(x): return 2 * x\n")
    monkeypatch.chdir(tmp_path)
    assert built(python="only_here:A.f").function[0].function(3.0) == 6.0


def test_signs_may_be_left_out_where_that_is_allowed():
    (problem,) = built(expression="3x^2 + x sin(x)", implicit=True).function
    assert problem.function.text == "3*x^2 + x*sin(x)"
    assert build(derivations, {"expression": ["2x"], "implicit": True}).expression == ("2*x",)
    assert "two readings; write 1/(2*x) or (1/2)*x" in refused(expression="1/2x", implicit=True)


def test_a_module_that_fails_or_leaves_on_import_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {"broken_syntax": "def", "leaves": "raise SystemExit(7)", "raises": "1/0"}.items():
        (tmp_path / f"{name}.py").write_text(text)
        assert f"importing '{name}' failed" in refused(python=f"{name}:f")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"expression": "__import__('os')"}, "expression=__import__"),
        ({"expression": "2x"}, "2*x, or leave the sign out with implicit=True"),
        ({"expression": "2x", "implicit": "yes"}, "implicit=yes: neither true nor false"),
        ({"expression": "sin x"}, "sin(x)"),
        ({"expression": "9**9**9**9"}, "exponent"),
        ({"expression": "(" * 10_000}, "expression="),
        ({"expression": "sin(x),cos(x)"}, "['sin(x)','cos(x)']"),
        ({"expression": ""}, "expression="),
        ({"expression": []}, "expression="),
        ({"expression": ["sin(x)", True]}, "expression="),
        ({"expression": "x*y"}, "variables x, y"),
        ({"python": "math.sin"}, "write python=math:sin"),
        ({"python": "math:sine"}, "did you mean sin"),
        ({"python": "math:pi"}, "'pi' is no function but a float"),
        ({"python": "no_such_module_here:f"}, "ModuleNotFoundError"),
        ({"python": ["math:sin", "math:cos"], "expression": "sin(x)"}, "give each callable its expression"),
        ({"function": {}}, "no function is selected"),
        ({"function": None}, "no function is selected"),
        ({"function": {"sin": 3}}, "its file holds sin:"),
        ({"function": {"f": {"points": [1]}}}, "needs expression, black_box or python"),
        ({"function": {"f": {"expression": "x", "point": [1]}}}, "did you mean points"),
        ({"function": {"f": {"expression": "x"}}}, "the list is empty"),
        ({"function": {"f": {"expression": "2x", "points": [1]}}}, "function 'f'"),
        ({"function": {"f": {"expression": "x", "points": [1], "domain": 3}}}, "domain: [0, 1]"),
        ({"function": {"f": {"expression": "x", "points": [1], "domain": [2, 1]}}}, "smaller end first"),
        ({"function": {"f": {"expression": "x", "points": [2], "domain": [0, 1]}}}, "x = 2 lies outside the domain"),
        ({"expression": "x", "domain": 3}, "domain=3: an interval has two ends; write domain=[0,1]"),
        ({"expression": "x", "domain": [0, 1, 2]}, "an interval has two ends; write domain=[0,1]"),
        ({"expression": "x", "domain": [2, 1]}, "write the smaller end first, domain=[0,1]"),
        ({"expression": "x", "domain": [0, "a"]}, "a number or a constant, such as domain=[0,pi/2]"),
        ({"expression": "x", "domain": [0, math.nan]}, "domain=nan: not a finite number"),
        ({"python": "math:sin", "x": 2, "domain": [0, 1]}, "x = 2 lies outside the domain [0, 1] of math:sin"),
        ({"function": {"f": {"black_box": "nothing", "points": [1]}}}, "no black box named 'nothing'"),
        ({"method": {}}, "no method is selected"),
        ({"method": {"m": {"formula": "central_5"}}}, "no formula named 'central_5'"),
        ({"method": {"m": {"form": "central_2"}}}, "did you mean formula"),
        ({"method": {"m": {"offsets": "0,1"}}}, "write a list, offsets: [-1, 0, 1, 2]"),
        ({"method": {"m": {"offsets": [0, "a"]}}}, "offsets are numbers"),
        ({"method": {"m": {"offsets": [0]}}}, "derivative 1 needs at least 2 offsets"),
        ({"method": {"m": {"offsets": [0, 0]}}}, "offsets must differ"),
        ({"method": {"m": {"offsets": [0, 1], "order": 2}}}, "order 2 is claimed, and its offsets give 1"),
        ({"method": {"m": {"offsets": [0, 1], "weights": [-1, 1]}}}, "unknown key 'weights'"),
        ({"method": {"m": {}}}, "formula: NAME"),
        ({"detla": 1}, "did you mean delta"),
        ({"zzz": 1}, "this study has no key 'zzz'; there are"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(changes: dict[str, Any], words: str):
    line = refused(**changes)
    assert words in line
    assert len(line) < 500


def test_domains_may_have_constants_and_no_end():
    spec = {"expression": "sqrt(x)", "points": [1], "domain": ["-pi", math.inf]}
    assert built(function={"f": spec}).function[0].function.domain == (-math.pi, math.inf)


@pytest.mark.parametrize(
    "changes", [{"expression": "sqrt(x)"}, {"python": "math:sqrt"}, {"function": {"f": {"python": "math:sqrt"}}}]
)
def test_a_typed_domain_is_that_of_every_function(changes: dict[str, Any]):
    (problem,) = built(**changes, x=1, domain=["1/4", math.inf]).function
    assert problem.function.domain == (0.25, math.inf)
    assert problem.function.derivative(np.array(0.25)).status == "one_sided"


def test_every_field_of_the_study_is_fed_by_a_key_that_can_be_read():
    hints = get_type_hints(delta_sweep.Config)
    for entry in fields(delta_sweep.Config):
        assert settings.keys_of(entry.name)
        assert entry.name in settings.CONVERTERS or hints[entry.name] in settings.BY_TYPE


def study_of(config: type) -> ModuleType:
    """A study with another Config."""
    study = ModuleType("study")
    study.Config = config  # type: ignore[attr-defined]
    return study


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """A Config of plain fields."""

    points: int
    share: float = 0.5
    label: str = "a"
    plot: bool = False
    names: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    steps: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.points < 0:
            raise ValueError("points\nare never negative")


def test_other_fields_are_read_by_their_type():
    plain = {"points": 3, "share": "1/4", "plot": True, "names": ["a", "b"], "sizes": 2, "steps": [1, "pi"]}
    found = build(study_of(Sizes), plain)
    assert found == Sizes(points=3, share=0.25, plot=True, names=("a", "b"), sizes=(2,), steps=(1.0, math.pi))


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ({}, "needs the key 'points'"),
        ({"points": 1.5}, "whole number"),
        ({"points": True}, "whole number"),
        ({"points": 1, "plot": 1}, "neither true nor false"),
        ({"points": 1, "label": 1}, "not a text"),
        ({"points": -1}, "points are never negative"),
    ],
)
def test_other_fields_are_refused_by_their_type(plain: dict[str, Any], words: str):
    with pytest.raises(ConfigurationError, match=words):
        build(study_of(Sizes), plain)


# Estimators


@dataclass(frozen=True, kw_only=True)
class Comparing:
    """A Config of methods that choose their own steps."""

    estimator: tuple[Method, ...]


def comparing(entries: object) -> Comparing:
    found = build(study_of(Comparing), {"estimator": entries})
    assert isinstance(found, Comparing)
    return found


def test_estimators_are_rows_of_the_table_in_the_order_given():
    found = comparing({"ridders": {"estimator": "ridders"}, "gsl_central": {"estimator": "gsl_central"}}).estimator
    assert found == (METHODS["ridders"], METHODS["gsl_central"])
    assert [method.name for method in found] == ["ridders", "gsl_central"]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (None, "no estimator is selected; write estimator=[ridders,gsl_central]"),
        ({}, "no estimator is selected"),
        ({"r": {"estimator": "riders"}}, "estimator 'r': no estimator named 'riders'; did you mean ridders?"),
        ({"r": {"estimator": 3}}, "estimator 'r': its description needs estimator: NAME"),
        ({"r": {}}, "estimator 'r': its description needs estimator: NAME"),
        ({"r": {"method": "ridders"}}, "estimator 'r': unknown key 'method'"),
        ({"r": {"cal": "m:f", "source": "s", "install": "m"}}, "estimator 'r': unknown key 'cal'; did you mean call?"),
        (
            {"r": {"call": "m:f", "source": "s"}},
            "estimator 'r': it has no install; a tool has call, source and install",
        ),
        ({"r": {"call": "m.f", "source": "s", "install": "m"}}, "estimator 'r': call is m.f; write module:function"),
        (
            {"r": {"call": "m:f", "source": "s", "install": "m", "seconds": 0}},
            "estimator 'r': seconds is 0; a call takes",
        ),
        ({"r": {"call": "m:f", "source": "s", "install": "m", "bar": "no"}}, "estimator 'r': bar=no: neither true nor"),
        ({"r": "ridders"}, "its file holds r:"),
    ],
)
def test_an_estimator_that_cannot_be_is_refused_in_one_line(entries: object, words: str):
    with pytest.raises(ConfigurationError, match=re.escape(words)) as caught:
        comparing(entries)
    assert "\n" not in str(caught.value)


# Networks


@dataclass(frozen=True, kw_only=True)
class Learning:
    """A Config of networks and data."""

    network: tuple[dk.Network, ...]
    data: dk.Data = field(default_factory=dk.Data)

    def __post_init__(self) -> None:
        for network in self.network:
            self.data.draw(3, inputs=network.sizes[0], classes=network.sizes[-1])


NET: dict[str, Any] = {"sizes": [4, 16, 3], "activation": "relu", "loss": "softmax_cross_entropy", "reason": "r"}


def learning(data: str = "generated", /, **changes: Any) -> Learning:
    data = changes.pop("data", data)
    spec = {key: value for key, value in {**NET, **changes}.items() if value is not None}
    found = build(study_of(Learning), {"network": {"net": spec}, "data": data})
    assert isinstance(found, Learning)
    return found


def test_a_network_is_read_with_its_name():
    assert learning().network == (dk.Network((4, 16, 3), ("relu",), name="net"),)
    assert learning(activation=None).network[0].activations == ("relu", "identity")
    each = {"activation": None, "activations": ["tanh", "sigmoid"], "loss": "mean_squared_error", "l2": "1/4"}
    assert learning(**each).network[0] == dk.Network(
        (4, 16, 3), ("tanh", "sigmoid"), "mean_squared_error", l2=0.25, name="net"
    )
    assert learning(sizes=[4, 3], activation="tanh").network[0].activations == ("identity",)
    assert learning().data.name == "generated"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sizes": None}, "network 'net': sizes is null; write .*sizes: [4, 16, 3]"),
        ({"sizes": 4}, "network 'net': sizes is 4"),
        ({"sizes": [4, 1.5, 3]}, "network 'net': sizes=[4, 1.5, 3]: layer 1 has 1.5 units; take a whole number from 1"),
        ({"sizes": [4, 0, 3]}, "network 'net': sizes=[4, 0, 3]: layer 1 has 0 units"),
        ({"activation": "rleu"}, "network 'net': no activation named 'rleu'; did you mean relu"),
        ({"activation": 3}, "network 'net': activation=3: not a text"),
        ({"activation": None, "activations": 3}, "no activation named '3'"),
        ({"activations": ["relu", "tanh"]}, "keep one"),
        ({"activation": None, "activations": ["relu", "relu", "relu"]}, "3 activations for 2 layers"),
        ({"loss": "softmax"}, "network 'net': no loss named 'softmax'"),
        ({"loss": 1}, "network 'net': loss=1: not a text"),
        ({"l1": -1}, "l1=-1.0: the weight of a penalty"),
        ({"l2": "x"}, "network 'net': l2=x"),
        ({"units": 3}, "network 'net': unknown key 'units'"),
        ({"data": "digit"}, "no data named 'digit'; did you mean digits"),
    ],
)
def test_a_network_that_cannot_be_is_refused_in_one_line(changes: dict[str, Any], words: str):
    with pytest.raises(ConfigurationError, match=words.replace("[", r"\[")) as caught:
        learning(**changes)
    assert "\n" not in str(caught.value)


def without_sklearn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)


def test_the_digits_without_scikit_learn_say_what_to_install(monkeypatch: pytest.MonkeyPatch):
    without_sklearn(monkeypatch)
    with pytest.raises(ConfigurationError, match=r"pip install 'derivative-lab\[data\]', or data=generated"):
        learning("digits", sizes=[64, 10])


def test_digits_fit_a_network_of_64_inputs_and_10_outputs_and_no_other(monkeypatch: pytest.MonkeyPatch):
    """A stand-in of the same shape, so that the test needs no scikit-learn."""
    images = np.random.default_rng(0).integers(0, 17, (50, 64)).astype(float)
    fake = ModuleType("sklearn.datasets")
    fake.load_digits = lambda return_X_y: (images, np.arange(50) % 10)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sklearn", ModuleType("sklearn"))
    monkeypatch.setitem(sys.modules, "sklearn.datasets", fake)
    drawn = learning("digits", sizes=[64, 10]).data.draw(50, inputs=64, classes=10, seed=1)
    assert sorted(map(tuple, drawn.inputs)) == sorted(map(tuple, images / 16))
    with pytest.raises(ConfigurationError, match="the data digits have 64 inputs, and layer 1 of the network takes 4"):
        learning("digits")
    with pytest.raises(ConfigurationError, match="has 9 outputs; it needs 10"):
        learning("digits", sizes=[64, 9])
    with pytest.raises(ValueError, match="have 50 samples; take from 1 to 50, not 51"):
        learning("digits", sizes=[64, 10]).data.draw(51, inputs=64, classes=10)


@pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="scikit-learn is not installed")
def test_the_digits_are_1797_images_of_pixels_from_0_to_1():
    samples = learning("digits", sizes=[64, 10]).data.samples
    assert samples is not None
    assert samples.inputs.shape == (1797, 64)
    assert (samples.inputs.min(), samples.inputs.max(), samples.label_range) == (0.0, 1.0, (0, 9))


# Grids


def test_grids_hold_the_numbers_nearest_to_the_true_ones():
    assert grids.logspace(-16, 0, 17) == [float(f"1e-{k}") for k in range(16, -1, -1)]
    assert grids.linspace(0, 0.3, 4) == [0.0, 0.1, 0.2, 0.3]
    assert grids.geomspace(1e-8, 1, 3) == [1e-8, 1e-4, 1.0]
    assert grids.powers_of_two(0, -2) == [1.0, 0.5, 0.25]
    assert grids.linspace(3, 9, 1) == grids.geomspace(3, 9, 1) == [3.0]


@given(st.floats(-20, 0), st.floats(0, 20), st.integers(2, 40))
def test_a_logarithmic_grid_is_correctly_rounded_at_its_ends_and_rises(start: float, stop: float, count: int):
    grid = grids.logspace(start, stop, count)
    assert len(grid) == count
    assert grid == sorted(grid)
    assert grid[0] == pytest.approx(10.0**start, rel=1e-14)


@given(st.fractions(-5, 5), st.integers(2, 50))
def test_an_even_grid_is_the_rounded_rational(stop: Fraction, count: int):
    end = float(stop)
    exact = [Fraction(repr(end)) * k / (count - 1) for k in range(count)]
    assert grids.linspace(0, end, count) == [float(value) for value in exact]


def test_a_long_grid_stays_its_description_and_is_read_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(grids, "MAX_LISTED", 10)
    text = grids.logspace(-7, -1.5, 23)
    assert text == "logspace(-7,-1.5,23)"
    found = grids.described(text)
    assert found is not None
    whole = exact.logspace(-7, -1.5, 23)
    assert np.asarray(found) is found.values
    assert (len(found), list(found), found[:3], found[-1]) == (23, whole.tolist(), whole[:3].tolist(), whole[-1])
    assert found.ends == (1e-7, whole[-1])
    assert [grids.described(one) for one in ("pi/2", "logspace(1,2)", "linspace(0,x,3)", 3.0, None)] == [None] * 5


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("delta", "linspace(0,1,1000000)", "delta=0: a step is greater than 0"),
        ("delta", "logspace(-5,0,10000001)", "from 1 to 10000000"),
        ("x", "linspace(0,1,1000000)", "a grid of x has up to 100000 numbers"),
    ],
)
def test_a_long_grid_that_cannot_be_is_refused_in_a_line(key: str, text: str, says: str):
    plain = {"function": {"sin": {"expression": "sin(x)", "points": [1.0]}}, "method": {"a": {"formula": "central_2"}}}
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        build(delta_sweep, {**plain, key: text})


def test_a_study_that_holds_its_deltas_in_memory_takes_no_long_grid():
    plain = {"function": {"sin": {"expression": "sin(x)", "points": [1.0]}}, "method": {"a": {"formula": "central_2"}}}
    with pytest.raises(ConfigurationError, match="this study takes up to 100,000 of them"):
        build(precision, {**plain, "delta": "logspace(-5,-1,200000)"})
    assert len(build(delta_sweep, {**plain, "delta": "logspace(-5,-1,200000)"}).delta) == 200_000


@pytest.mark.parametrize(
    "call",
    [
        lambda: grids.logspace(0, 1, 0),
        lambda: grids.logspace(0, 1, 2.5),  # type: ignore[arg-type]
        lambda: grids.linspace(0, math.inf, 3),
        lambda: grids.linspace(0, "a", 3),  # type: ignore[arg-type]
        lambda: grids.linspace(0, 1, grids.MAX_NUMBERS + 1),
        lambda: grids.geomspace(0, 1, 3),
        lambda: grids.powers_of_two(0, 5000),
        lambda: grids.powers_of_two(0.5, 1),  # type: ignore[arg-type]
    ],
)
def test_a_grid_that_cannot_be_is_refused(call: Any):
    with pytest.raises(ValueError, match=r"numbers|number|exponents|greater than 0"):
        call()


@pytest.mark.parametrize("grid", grids.GRIDS.values(), ids=grids.GRIDS.keys())
def test_a_grid_reaches_the_workers_of_a_launcher_by_its_name(grid: object):
    assert pickle.loads(pickle.dumps(grid)) is grid


# Spelling and sweeps


@given(st.text(alphabet="ab'\"\\ x()[],=$*", max_size=12).filter(lambda text: text not in ("", "null")))
def test_a_quoted_expression_is_read_back_by_hydra_as_it_was_typed(text: str):
    argument = spelling.quoted(f"expression={text}")
    if argument == f"expression={text}":
        assert text.startswith(("'", '"', "["))
    else:
        assert OverridesParser.create().parse_override(argument).value() == text


@pytest.mark.parametrize("argument", ["delta=sin(x)", "expression", "expression=", "expression=null", "x=1"])
def test_nothing_else_is_quoted(argument: str):
    assert spelling.quoted(argument) == argument


def test_jobs_are_put_together_from_differences_in_hydras_order():
    base = {"a": 1, "b": 1, "c": 0}
    alternatives = [[{}, {"a": 2}], [{}, {"b": 2}, {"b": 3}]]
    jobs = list(check.jobs_of(base, alternatives))
    assert [(job["a"], job["b"]) for job in jobs] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]
    assert base == {"a": 1, "b": 1, "c": 0}
    assert check.difference(base, {"a": 1, "b": 5}) == {"b": 5}


def test_a_table_too_large_for_the_disk_is_refused_with_its_size(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"1,000 rows, about 1,000,000 PB, and .* free; take fewer"):
        check.refuse_too_large(1_000, 10**21, tmp_path / "not" / "there")
    check.refuse_too_large(1_000, 1_000, tmp_path / "not" / "there")


@pytest.mark.parametrize(("size", "text"), [(12, "12 bytes"), (12_345, "12.3 kB"), (999_600, "1 MB"), (3e13, "30 TB")])
def test_sizes_are_readable(size: float, text: str):
    assert check.readable(size) == text


def test_the_nearest_names_are_named():
    assert settings.nearest("Sin", ["sin", "cos"]) == "did you mean sin?"
    assert settings.nearest("qqq", ["sin", "cos"]) == "there are cos, sin"
    assert settings.nearest("qqq", []) == "there are none"


def test_a_long_or_broken_value_is_shown_on_one_short_line():
    assert len(settings.show("x" * 1_000)) < 60
    assert settings.show("a\nb") == "a b"
    assert settings.show(None) == "null"


def test_the_witness_sees_a_settings_that_ignores_an_unknown_key(monkeypatch: pytest.MonkeyPatch):
    """Break the refusal on purpose: the test above that expects it must then fail."""
    keys_of = settings.keys_of
    monkeypatch.setattr(settings, "keys_of", lambda field: (*keys_of(field), *["detla"] * (field == "delta")))
    with pytest.raises(pytest.fail.Exception):
        refused(detla=1)


def test_problems_are_derivkits():
    assert all(isinstance(problem, dk.Problem) for problem in built().function)
