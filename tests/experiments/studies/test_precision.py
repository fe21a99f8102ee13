"""The study of precisions: the map of float16 against a plain loop over numpy.float16, the sweep against theory."""

from __future__ import annotations

import functools
import itertools
import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quick

import derivkit as dk
from derivkit.testing import float_types as types
from experiments import tables
from experiments.studies import precision
from experiments.studies.precision import Config
from experiments.study import frames, study_in

half = np.float16
OFFSETS = {"forward_1": (0, 1), "central_2": (-1, 1)}
STEPS = [half(2.0**k) for k in range(-24, 16)]
WIDER = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant
POINTS = tuple(0.5 + k / 16 for k in range(25))


def problem(text: str, *points: float, **more: Any) -> dk.Problem:
    return dk.Problem(dk.Function.from_expression(text, **more), points or (1.0,))


def studied(directory: Path, *problems: dk.Problem, **config: Any) -> dict[str, Any]:
    """All tables of a run as frames, by way of the files, so that names and types are those promised."""
    study = study_in(precision)
    with tables.Writer(directory, study.shapes) as writer:
        for name, columns in study.measurements(Config(function=problems, **config)):
            writer.write(name, columns)
    gathered = {name: tables.columns_of(directory / f"{name}.parquet") for name in writer.records}
    with tables.Writer(directory, study.shapes) as concluded:
        for name, columns in study.conclusions(gathered):
            concluded.write(name, columns)
    return {name: tables.read(directory / f"{name}.parquet") for name in (*gathered, *concluded.records)}


def swept(directory: Path, *problems: dk.Problem, **config: Any) -> dict[str, Any]:
    """The same where it is not the map that is tested: it has the numbers from 1 to 2 alone."""
    return studied(directory, *problems, lowest_exponent=0, highest_exponent=0, **config)


# The map, recomputed one number at a time


@functools.cache
def of_size(size: float) -> list[np.float16]:
    """All float16 numbers of a size, from their bits."""
    numbers = (np.uint16(bits).view(half) for bits in range(2**16))
    return [x for x in numbers if (size <= abs(x) < 2 * size if size else x == 0)]


def by_hand(
    f: Callable[[np.float16], np.float16], slope: Callable[[float], float], method: str, size: float, delta: np.float16
) -> dict[str, Any]:
    """One row of the map by Python's loops and NumPy's float16 scalars."""
    errors, vanished, lost = [], 0, 0
    numbers = of_size(size)
    first, last = OFFSETS[method]
    for x in numbers:
        points = [x + half(k) * delta for k in sorted({first, 0, last})]
        assert all(type(point) is half for point in points)
        if any(a == b for a, b in itertools.pairwise(points)):
            vanished += 1
            continue
        estimate = (f(points[-1]) - f(points[0])) / (points[-1] - points[0])
        assert type(estimate) is half
        if np.isfinite(estimate):
            errors.append(abs(float(estimate) - slope(float(x))) / abs(slope(float(x))))
        else:
            lost += 1
    median = statistics.median([*errors, *[math.inf] * (vanished + lost)])
    return {
        "numbers": len(numbers),
        "count": len(numbers),
        "median": median if math.isfinite(median) else math.nan,
        "worst": max(errors, default=math.nan),
        "good": sum(error <= 0.1 for error in errors) / len(numbers),
        "vanished": vanished / len(numbers),
        "not_finite": lost / len(numbers),
    }


def differences(found: Any, f: Any, slope: Any) -> list[str]:
    """What of the rows of a map a plain loop finds otherwise."""
    wrong = []
    with np.errstate(all="ignore"):
        for row in found.to_dict("records"):
            expected = by_hand(f, slope, row["method"], row["size"], half(row["delta"]))
            wrong += [
                f"{row['method']} {row['size']} {row['delta']}: {name} {row[name]} {value}"
                for name, value in expected.items()
                if not np.isclose(row[name], value, rtol=1e-12, atol=0, equal_nan=True)
            ]
    return wrong


def exp(x: np.float16) -> np.float16:
    return half(math.exp(x))


def cubic(x: np.float16) -> np.float16:
    """x*x*x - x, every operation rounded."""
    return x * x * x - x


def test_the_map_of_the_smallest_numbers_and_of_zero_is_that_of_a_plain_loop(tmp_path: Path) -> None:
    found = studied(tmp_path, problem("exp(x)"), lowest_exponent=-24, highest_exponent=-18)["map"]
    assert found["size"].drop_duplicates().tolist() == [*(2.0**e for e in range(-24, -17)), 0.0]
    assert found[found["size"] == 0]["numbers"].unique().tolist() == [2]
    assert found["delta"].drop_duplicates().tolist() == [float(step) for step in STEPS]
    assert differences(found[found["delta"] < 8], exp, math.exp) == []


@pytest.mark.parametrize("delta", quick.part([2.0**-11, 2.0**-4, 2.0]))
def test_the_map_near_one_is_that_of_a_plain_loop(tmp_path: Path, delta: float) -> None:
    found = studied(tmp_path, problem("x*x*x - x"), lowest_exponent=0, highest_exponent=0)["map"]
    rows = found[found["delta"] == delta]
    assert len(rows) == len(OFFSETS)
    assert rows["numbers"].tolist() == [2048, 2048]
    assert differences(rows, cubic, lambda x: 3 * x * x - 1) == []


@pytest.mark.parametrize("delta", [2.0**14, quick.slow(2.0**15)])
def test_points_and_values_that_overflow_are_counted_as_not_finite(tmp_path: Path, delta: float) -> None:
    found = studied(tmp_path, problem("3*x"), lowest_exponent=14, highest_exponent=14)["map"]
    rows = found[found["delta"] == delta]
    assert differences(rows, lambda x: half(3) * x, lambda x: 3.0) == []
    assert rows["not_finite"].min() > 0.4


def in_double(f: Any, x: Any, delta: Any, formula: Any, domain: Any) -> Any:
    """A study that forgets to round x + delta, the difference and the quotient."""
    wide = (part.astype(np.float64) for part in (x, delta))
    return CORRECT(lambda a: f(a.astype(half)).astype(np.float64), *wide, formula, domain)


def unrounded(expression: Any, dtype: Any) -> Any:
    """An expression that is rounded at its end only."""
    f = dk.Function.from_expression(expression).call
    return lambda x: f(x.astype(np.float64)).astype(dtype)


CORRECT = types.rounded_difference


@pytest.mark.parametrize(
    ("name", "broken"), [("rounded_difference", in_double), quick.slow(("rounded_function", unrounded))]
)
def test_a_broken_rounding_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, broken: Any) -> None:
    monkeypatch.setattr(types, name, broken)
    found = studied(tmp_path, problem("x*x*x - x"), lowest_exponent=0, highest_exponent=0)["map"]
    assert differences(found[found["delta"].isin([2.0**-11, 2.0**-10])], cubic, lambda x: 3 * x * x - 1)


def test_the_whole_map_holds_every_finite_number_once_against_every_power_of_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dk.Function, "exact_derivative", lambda f, x: np.ones(x.shape))
    found = studied(tmp_path, problem("x"), lowest_exponent=-24, highest_exponent=15)
    per_delta = found["map"].groupby(["method", "delta"], observed=True)["numbers"].sum()
    assert len(per_delta) == 2 * 40
    assert set(per_delta) == {63488}
    assert (found["map"]["count"] == found["map"]["numbers"]).all()
    assert (found["shares"].groupby(["method", "exponent"], observed=True)["share"].sum().round(12) == 1).all()


def test_where_float16_cannot_hold_the_derivative_there_is_nothing_to_ask(tmp_path: Path) -> None:
    found = studied(tmp_path, problem("exp(x)"), lowest_exponent=3, highest_exponent=5)
    rows = found["map"].groupby("size")["count"].first()
    # exp(x) overflows above log(65520) = 11.0898 and underflows below log(2^-25) = -17.3287.
    assert rows.to_dict() == {
        8.0: 1024 + sum(8 <= x <= 11.0898 for x in of_size(8.0)),
        16.0: sum(x >= -17.3287 for x in of_size(16.0) if x < 0),
        32.0: 0,
    }
    assert set(found["map"].query("size == 32")["state"]) == {"no derivative in its range"}
    assert found["map"].query("size == 32")[["median", "good", "vanished"]].isna().all(axis=None)
    sentence = next(text for text in found["findings"]["finding"] if "numbers x" in text)
    assert sentence == f"float16, exp(x): of 6,144 numbers x, {rows.sum():,} have a derivative that float16 can hold."


def test_numbers_of_float16_are_counted_where_float16_is_asked_for_and_nowhere_else(tmp_path: Path) -> None:
    for names in (("float32", "float64"), ("float16", "float32")):
        directory = tmp_path / names[0]
        directory.mkdir()
        found = swept(directory, problem("exp(x)"), precision=names, delta=(0.5, 0.25))
        assert ({"map", "shares"} <= found.keys()) == ("float16" in names)
        assert any("float16, exp(x)" in text for text in found["findings"]["finding"]) == ("float16" in names)


def test_points_outside_the_domain_are_neither_counted_nor_reached(tmp_path: Path) -> None:
    found = studied(tmp_path, problem("sqrt(x)", domain=(0.6, 4.0)), lowest_exponent=-1, highest_exponent=0)["map"]
    inside = [x for x in of_size(0.5) if x >= 0.6]
    half_sizes = found[found["size"] == 0.5]
    assert set(half_sizes["numbers"]) == {len(inside)}
    reached = half_sizes.set_index(["method", "delta"])["not_finite"]
    assert reached["forward_1", 0.125] == 0
    assert reached["central_2", 0.125] == sum(float(x) - 0.125 < 0.6 for x in inside) / len(inside)
    assert reached["forward_1", 4.0] == 1


# The sweep


def test_the_rows_are_in_the_order_promised_and_as_many(tmp_path: Path) -> None:
    config = {"delta": (0.1, 0.01), "precision": ("float16", "float64"), "method": ("forward_1", "central_2")}
    problems = [problem("exp(x)", 1.0, 2.0), problem("sin(x)", 0.5)]
    table = studied(tmp_path, *problems, **config)["table"]
    keys = table[["expression", "precision", "x", "method", "delta"]]
    assert len(table) == Config(function=tuple(problems), **config).rows == 24
    expected = [
        (str(p.function.expression), kind, x, method, delta)
        for p in problems
        for kind, x, method, delta in itertools.product(
            config["precision"], p.points, config["method"], config["delta"]
        )
    ]
    assert list(keys.itertuples(index=False, name=None)) == expected


def test_float64_is_the_difference_of_the_core_to_the_bit(tmp_path: Path) -> None:
    delta = tuple(2.0**k for k in range(-40, 0))
    rows = swept(tmp_path, problem("exp(x)*sin(x)", *POINTS), delta=delta, precision=("float64",))["table"]
    for name, own in rows.groupby("method", observed=True):
        f = dk.Function.from_expression("exp(x)*sin(x)")
        expected = dk.difference(f, np.array(POINTS)[:, None], np.array(delta), formula=str(name))
        np.testing.assert_array_equal(own["estimate"].to_numpy().reshape(expected.shape), expected)


def test_best_delta_and_smallest_error_go_as_theory_has_it_over_the_precisions(tmp_path: Path) -> None:
    kinds = ("float16", "float32", "float64", "longdouble")
    delta = tuple(2.0**k for k in range(-45, 1))
    found = swept(tmp_path, problem("exp(x)", *POINTS), delta=delta, precision=kinds)
    optimum = found["optimum"]
    # A grid of powers of two and a flat bottom leave a factor of 2 on either side; f, f'' and f''' are within 2 and 8.
    ratio = optimum["delta"] / optimum["theory_delta"]
    assert ratio.between(1 / 4, 4).all()
    assert (optimum["error"] / optimum["theory_error"]).between(1 / 8, 8).all()
    assert found["summary"]["best_delta"].tolist() == optimum["delta"].tolist()
    for row in found["exponents"].to_dict("records"):
        order = {"forward_1": 1, "central_2": 2}[row["method"]]
        assert (row["delta_theory"], row["error_theory"]) == (1 / (order + 1), order / (order + 1))
        # A factor of 2 at each end, over 2^(52 - 10) in eps at least, is 2/42 in the exponent.
        assert abs(row["delta_observed"] - row["delta_theory"]) < 2 / 42
        assert abs(row["error_observed"] - row["error_theory"]) < 2 / 42


def test_at_one_point_the_best_delta_is_no_luck_and_nothing_is_told_of_a_type_that_is_not_asked_for(tmp_path: Path):
    delta = tuple(2.0**k for k in range(-50, 1))
    found = swept(tmp_path, problem("exp(x)*sin(3*x)"), delta=delta, precision=("float32", "float64"))
    for row in found["optimum"].to_dict("records"):
        of_row = found["table"].query(f"method == '{row['method']}' and precision == '{row['precision']}'")
        assert (row["delta"], row["error"]) == dk.best_delta(of_row["delta"], of_row["error"])
    assert not [text for text in found["findings"]["finding"] if "float16" in text]


def test_a_sweep_in_another_precision_than_it_says_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = precision.in_type
    monkeypatch.setattr(precision, "in_type", lambda sweep, kind: right(sweep, types.FloatType("float64")))
    delta = tuple(2.0**k for k in range(-45, 1))
    optimum = swept(tmp_path, problem("exp(x)", *POINTS), delta=delta, precision=("float32",))["optimum"]
    assert not (optimum["delta"] / optimum["theory_delta"]).between(1 / 4, 4).any()
    assert not (optimum["error"] / optimum["theory_error"]).between(1 / 8, 8).any()


@pytest.mark.skipif(not WIDER, reason="longdouble is float64 here")
def test_an_error_in_longdouble_may_be_smaller_than_a_double_can_tell(tmp_path: Path) -> None:
    delta = tuple(2.0**k for k in range(-12, -2))
    rows = swept(tmp_path, problem("exp(x)"), delta=delta, method=("central_8",), precision=("longdouble",))["table"]
    assert 0 < rows["error"].min() < math.ulp(math.e) / 16


@pytest.mark.parametrize(
    ("text", "more", "status"),
    [
        ("exp(x)", {}, "ok"),
        ("exp(x)", {"domain": (0.999, 2.0)}, "outside_domain"),
        ("exp(x*1000)", {}, "not_finite"),
        ("abs(x - 1)", {}, "no_exact"),
    ],
)
def test_a_row_without_an_error_says_why(tmp_path: Path, text: str, more: Any, status: str) -> None:
    shared = {"delta": (2.0**-4,), "method": ("central_2",), "precision": ("float16",)}
    (row,) = swept(tmp_path, problem(text, 1.0, **more), **shared)["table"].to_dict("records")
    assert row["status"] == status
    assert math.isnan(row["error"]) == (status != "ok")
    assert math.isnan(row["estimate"]) == (status not in ("ok", "no_exact"))


def test_a_step_vanishes_where_the_precision_is_too_coarse(tmp_path: Path) -> None:
    rows = swept(tmp_path, problem("exp(x)"), delta=(2.0**-12,), precision=("float16", "float32"))["table"]
    assert rows.groupby("precision", observed=True)["status"].unique().map(list).to_dict() == {
        "float16": ["step_vanished"],
        "float32": ["ok"],
    }


# Types that are not there, and what is refused


def test_a_least_number_that_a_double_cannot_hold_is_none_and_not_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    # The 80 bits of some processors, whatever the longdouble of this one is.
    known = {np.dtype(np.float16): (11, -24), np.dtype(np.float64): (53, -1074)}
    monkeypatch.setattr(types, "significand", lambda kind: known.get(kind, (64, -16445)))
    assert types.FloatType("float16").least == 2.0**-24
    assert np.isnan(types.FloatType("longdouble").least)


def test_a_type_that_is_not_installed_is_left_out_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(types, "REGISTERED", {"bfloat16": "no_such_package"})
    found = studied(tmp_path, problem("exp(x)"), precision=("bfloat16", "float32"))
    assert set(found["table"]["precision"]) == {"float32"}
    assert found["types"]["bits"].isna().tolist() == [True, False]
    assert "bfloat16 is left out: the package no_such_package, which brings it, is not installed." in list(
        found["findings"]["finding"]
    )


def test_bfloat16_is_computed_where_it_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("ml_dtypes", reason="bfloat16 comes with an optional package")
    delta = tuple(2.0**k for k in range(-10, 1))
    found = studied(tmp_path, problem("exp(x)", *POINTS), delta=delta, precision=("bfloat16",))
    assert found["types"][["bits", "eps"]].to_numpy().tolist() == [[8, 2.0**-7]]
    estimates = found["table"]["estimate"].dropna().to_numpy(dtype=np.float64)
    assert np.array_equal(estimates, (estimates.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32))
    assert (found["optimum"]["delta"] / found["optimum"]["theory_delta"]).between(1 / 4, 4).all()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"precision": ("float8",)}, "precision=float8: there are float16, bfloat16"),
        ({"precision": ()}, r"precision=\[\]: at least one is needed"),
        ({"method": ("central_3",)}, "central_3"),
        ({"lowest_exponent": -25}, "those of float16 go from -24 to 15"),
        ({"lowest_exponent": 1, "highest_exponent": 0}, "lowest_exponent=1, highest_exponent=0"),
        (
            {"function": (dk.Problem(dk.Function.from_callable(math.sin, name="math:sin"), (1.0,)),)},
            "math:sin: only an",
        ),
        (
            {"function": (dk.Problem(dk.Function.from_black_box("sin_noise", expression="sin(x)"), (1.0,)),)},
            "not a Python function or a black box",
        ),
    ],
)
def test_what_cannot_be_computed_is_refused(config: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Config(**{"function": (problem("exp(x)"),), **config})


def test_neighbouring_sizes_are_told_as_ranges() -> None:
    assert precision.runs([15, 3, 7, 6, 14]) == "2^3 to 2^4, 2^6 to 2^8, 2^14 to 2^16"


def test_findings_name_the_delta_that_serves_most_and_the_two_that_do_not(tmp_path: Path) -> None:
    found = studied(tmp_path, problem("exp(x)"), method=("forward_1",), lowest_exponent=-7, highest_exponent=0)
    shares = found["shares"]
    good = shares[shares["outcome"] == "error at most 10 %"].set_index("exponent")["share"]
    best = max(good.index, key=lambda e: (good[e], e))
    said = [text for text in found["findings"]["finding"] if text.startswith("float16, exp(x), forward_1")]
    assert f"serves most is 2^{best:.0f}" in said[0]
    small = max(e for e in good.index if e < best and good[e] < good[best] / 2)
    large = min(e for e in good.index if e > best and good[e] < good[best] / 2)
    assert f"2^{small:.0f} is too small" in said[1]
    assert f"2^{large:.0f} is too large" in said[1]


@pytest.mark.parametrize("kind", quick.part(["float16", "float32", "float64", "longdouble"], every=2))
def test_the_error_of_every_precision_is_within_truncation_and_its_rounding(kind: str) -> None:
    f = dk.Function.from_expression("exp(x)")
    delta = tuple(2.0**-k for k in range(1, 40))
    config = Config(function=(dk.Problem(f, (0.5, 1.0, 1.75)),), delta=delta, precision=(kind,))
    table = frames(precision.measure(config))[precision.Table]
    for name, rows in table[table["status"] == "ok"].groupby("method"):
        x, step = rows["x"].to_numpy(), rows["delta"].to_numpy()
        (predicted,) = dk.predict_error(f, x, step, formulas=[dk.formula(name)])
        assert len(rows) >= 10
        assert np.all(rows["error"] <= predicted.truncation + rows["rounding"])
