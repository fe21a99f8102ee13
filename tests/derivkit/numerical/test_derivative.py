"""The derivative with its bar: coverage, statuses, any f, counting, orders, hints, bad input, and what holds always."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
import quick
from counted import Counted
from families import POPULATION
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import derivkit as dk
from derivkit import grids
from derivkit.function import BLACK_BOXES, uniform_noise
from derivkit.numerical import analysis, single
from derivkit.numerical.result import MESSAGES
from derivkit.testing.attainability import attainable, covered, loss, tightness
from derivkit.testing.population import VALUED, VALUELESS, Family
from derivkit.trusted.truth import Truth

Array = NDArray[np.float64]
Values = Callable[[Any], Any]

DRAWN = 8
SEED = 11


# Coverage


class Judged(NamedTuple):
    """The answers at some points of a family beside the truth."""

    family: Family
    x: Array
    known: Truth
    found: dk.Derivative

    @property
    def ok(self) -> NDArray[np.bool_]:
        return np.asarray(self.found.status == "ok")

    def covered(self, widen: float = 1.0) -> NDArray[np.bool_]:
        return covered(self.found.value, widen * self.found.error + self.family.slack, self.known)


TUNING = {family.name: family for family in POPULATION["tuning"]}
HALF = tuple(TUNING)[::2]


@functools.cache
def truths(name: str, order: int) -> tuple[Array, Truth]:
    x = TUNING[name].drawn(DRAWN, seed=SEED)
    return x, TUNING[name].truth(x, order=order)


@functools.cache
def attained(name: str) -> Array:
    x, known = truths(name, 1)
    return attainable(TUNING[name].function, x, known)


def judged(names: Iterable[str], order: int = 1, side: str | None = None) -> list[Judged]:
    answers = []
    for name in names:
        x, known = truths(name, order)
        answers.append(Judged(TUNING[name], x, known, dk.derivative(TUNING[name].function, x, order, side=side)))
    return answers


@pytest.fixture(scope="module")
def honest() -> list[Judged]:
    return judged(TUNING)


def coverage(answers: Iterable[Judged]) -> tuple[float, float]:
    """Which part of the answers with the status ok is covered, and its standard deviation.

    Points of one function are alike, so that functions are what is drawn: the deviation is that of a ratio of sums
    over them (Cochran, *Sampling Techniques*, 1977, section 2.11).
    """
    pairs = [(np.count_nonzero(one.ok), np.count_nonzero(one.ok & one.covered())) for one in answers]
    n, k = np.array(pairs).T
    part = k.sum() / n.sum()
    return float(part), float(np.sqrt(np.sum((k - part * n) ** 2)) / n.sum())


def answered(answers: Iterable[Judged]) -> float:
    """Which part has the status ok."""
    return float(np.mean(np.concatenate([one.ok for one in answers])))


def typical_tightness(answers: Iterable[Judged], widen: float = 1.0) -> float:
    ratios = [
        tightness(one.found.value, widen * one.found.error, one.known, attained(one.family.name))[one.ok]
        for one in answers
    ]
    return float(np.median(np.concatenate(ratios)))


def test_bars_cover_on_the_tuning_half(honest: list[Judged]) -> None:
    part, deviation = coverage(honest)
    assert part >= 0.99
    assert deviation < 0.003, "else the population is too small for this to mean something"
    # where a derivative vanishes it is a bound, and some functions are noisy
    assert answered(honest) > 0.85
    assert np.mean(np.isin(np.concatenate([one.found.status for one in honest]), VALUED)) > 0.99


@pytest.mark.parametrize("order", [2, quick.slow(3), 4])
def test_bars_of_higher_orders_cover_too(order: int) -> None:
    answers = judged(TUNING if order == 2 else HALF, order)
    assert coverage(answers)[0] >= 0.99
    assert answered(answers) > 0.7


@pytest.mark.parametrize("side", ["left", quick.slow("right")])
def test_bars_of_one_side_cover_too(side: str) -> None:
    answers = judged(TUNING, side=side)
    valued = np.concatenate([one.found.status == "one_sided" for one in answers])
    # a staircase of rounding is told on both sides only, which costs a part in a hundred
    assert np.mean(np.concatenate([one.covered() for one in answers])[valued]) >= 0.98
    assert np.mean(valued) > 0.85


@pytest.mark.parametrize("far", [0.02, 1e-3, 2.5e-6, 1e-9])
def test_a_kink_nearby_is_not_taken_for_noise_by_one_side(far: float) -> None:
    for side, x in (("left", far), ("right", -far)):
        found = dk.derivative(abs, x, side=side)
        assert abs(found.value - math.copysign(1.0, x)) <= found.error < 1e-9


def test_bars_are_not_absurdly_wide(honest: list[Judged]) -> None:
    assert 1.0 < typical_tightness(honest) < 15.0


def test_values_are_nearly_the_best_that_formulas_attain(honest: list[Judged]) -> None:
    losses = [loss(one.found.value, one.known, attained(one.family.name)) for one in honest]
    assert np.nanmedian(np.concatenate(losses)) < 10.0


def without_floor(patch: pytest.MonkeyPatch) -> None:
    """No noise is believed beforehand, and none is told from rounding."""
    patch.setattr(analysis, "FLOOR", 1e-9)
    patch.setattr(analysis, "LEVEL", 1e-9)


def without_safety(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(analysis, "SAFETIES", np.full(analysis.SAFETIES.shape, 0.3))


@pytest.mark.parametrize("spoil", [without_floor, quick.slow(without_safety)])
def test_bars_without_their_grounds_are_caught(monkeypatch: pytest.MonkeyPatch, spoil: Callable[..., None]) -> None:
    spoil(monkeypatch)
    answers = judged(HALF)
    assert coverage(answers)[0] < 0.99 or answered(answers) < 0.85


def test_bars_that_are_a_thousand_times_too_wide_are_caught(honest: list[Judged]) -> None:
    assert typical_tightness(honest, widen=1000.0) > 15.0


def test_the_deviation_of_the_coverage_counts_functions_not_points(honest: list[Judged]) -> None:
    smooth = [one for one in honest if one.ok.all() and one.covered().all()][:2]
    shifted = Truth(smooth[1].known.high + 1.0, smooth[1].known.low)
    part, deviation = coverage([smooth[0], smooth[1]._replace(known=shifted)])
    assert (part, deviation) == pytest.approx((0.5, math.sqrt(2 * 4.0**2) / 16))


# One point alone


def told_alone(family: Family, x: float) -> list[Any]:
    found = dk.derivative(family.function, x)
    return [getattr(found, field.name) for field in dataclasses.fields(found)]


def check_alone(monkeypatch: pytest.MonkeyPatch, families: Iterable[Family]) -> int:
    """How many points need no search; at all of them a search finds the same, to the bit."""
    plain, found = single.slope, []
    for family in families:
        for x in family.drawn(4, seed=3).tolist():
            with monkeypatch.context() as patch:
                patch.setattr(
                    single, "slope", lambda *args, **kwargs: found.append(plain(*args, **kwargs)) or found[-1]
                )
                alone = told_alone(family, x)
            with monkeypatch.context() as patch:
                patch.setattr(single, "slope", lambda *args, **kwargs: None)
                assert repr(told_alone(family, x)) == repr(alone)
    return sum(one is not None for one in found)


def test_a_point_alone_is_told_what_the_search_finds_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_alone(monkeypatch, list(TUNING.values())[::4]) > len(TUNING) // 4


@pytest.mark.slow
def test_so_it_is_over_the_whole_population(monkeypatch: pytest.MonkeyPatch) -> None:
    families = [family for families in POPULATION.values() for family in families]
    assert check_alone(monkeypatch, families) > len(families) // 2


# Statuses


def step_of_a_wave(x: Any) -> Any:
    return np.sin(x) + (x >= 0.7)


def two_scales(x: Any) -> Any:
    return np.sin(x) + 1e-6 * np.sin(1e5 * x)


def swinging(x: float) -> float:
    return x * math.sin(1.0 / x) if x else 0.0


def known_from_0_on(x: float) -> float:
    return math.exp(x) if x >= 0.0 else math.nan


CASES: dict[str, tuple[Values, float, dict[str, Any], str]] = {
    "smooth": (math.sin, 1.0, {}, "ok"),
    "end of a domain that is given": (np.exp, 0.0, {"domain": (0.0, 1.0)}, "one_sided"),
    "other end": (np.exp, 1.0, {"domain": (0.0, 1.0)}, "one_sided"),
    "end of a domain that NaN shows": (known_from_0_on, 0.0, {}, "one_sided"),
    "noise": (BLACK_BOXES["sin_noise"].call, 1.0, {}, "noisy"),
    "float32": (lambda x: np.float32(np.sin(x)), 1.0, {}, "noisy"),
    "ripple on a wave": (two_scales, 1.0, {}, "multiscale"),
    "top of a wave": (np.cos, 0.0, {}, "below_resolution"),
    "constant": (lambda x: 3.0, 0.5, {}, "below_resolution"),
    "zero": (lambda x: 0.0, 0.5, {}, "below_resolution"),
    "kink": (abs, 0.0, {}, "kink"),
    "step": (step_of_a_wave, 0.7, {}, "jump"),
    "root": (math.sqrt, 0.0, {}, "vertical"),
    "cube root": (np.cbrt, 0.0, {}, "vertical"),
    "swings for ever": (swinging, 0.0, {}, "unresolved"),
    "nothing but noise": (uniform_noise, 0.3, {}, "unresolved"),
    "pole": (lambda x: 1.0 / x, 0.0, {}, "not_finite"),
    "outside": (math.log, -1.0, {}, "not_finite"),
    "overflow": (math.exp, 1000.0, {}, "not_finite"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_kind_of_point_is_told(case: tuple[Values, float, dict[str, Any], str]) -> None:
    f, x, given, status = case
    found = dk.derivative(f, x, **given)
    assert found.status is dk.Status(status)
    assert faults(found) == []


def test_every_status_is_in_the_table() -> None:
    assert {case[3] for case in CASES.values()} == {str(status) for status in MESSAGES} == {*VALUED, *VALUELESS}


TRUE = {
    "smooth": math.cos(1.0),
    "end of a domain that is given": 1.0,
    "other end": math.e,
    "end of a domain that NaN shows": 1.0,
    "noise": math.cos(1.0),
    "float32": math.cos(1.0),
    "ripple on a wave": math.cos(1.0) + 0.1 * math.cos(1e5),
    "top of a wave": 0.0,
    "constant": 0.0,
    "zero": 0.0,
}


@pytest.mark.parametrize("name", TRUE)
def test_values_are_within_their_bars_whatever_the_status(name: str) -> None:
    f, x, given, _ = CASES[name]
    found = dk.derivative(f, x, **given)
    assert abs(found.value - TRUE[name]) <= found.error < 1e-4


@pytest.mark.parametrize(
    ("f", "x", "left", "right"),
    [
        (abs, 0.0, -1.0, 1.0),
        (lambda x: max(x, 0.0), 0.0, 0.0, 1.0),
        (lambda x: np.sin(x) + 0.5 * abs(x - 0.7), 0.7, math.cos(0.7) - 0.5, math.cos(0.7) + 0.5),
        (lambda x: math.exp(x) if x < 0.0 else 1.0 - math.sin(2.0 * x), 0.0, 1.0, -2.0),
        (lambda x: np.sqrt(np.abs(x)), 0.0, -math.inf, math.inf),
    ],
)
def test_a_kink_has_the_slopes_of_its_sides(f: Values, x: float, left: float, right: float) -> None:
    found = dk.derivative(f, x)
    assert found.status == "kink"
    assert (found.left, found.right) == pytest.approx((left, right), abs=1e-6)
    assert math.isnan(found.value)


def test_what_is_said_of_a_kink_is_true_of_the_order() -> None:
    both = dk.derivatives(abs, 0.0, (1, 2))
    assert (both[1].left, both[1].right) == pytest.approx((-1.0, 1.0))
    assert (both[2].status, both[2].message) == (
        "kink",
        "f has a kink: a lower derivative differs between its sides.",
    )
    second, slope = dk.derivatives(lambda x: x * abs(x), 0.0, (2, 1)).values()
    assert second.message == "f has a kink: its second derivative is -2 on the left and 2 on the right."
    assert (slope.status, slope.order) == ("unresolved", 1)  # it is 0, but was not looked for
    steep = dk.derivatives(math.sqrt, 0.0, (1, 2))
    assert (steep[1].value, steep[2].status) == (math.inf, "vertical")
    assert math.isnan(steep[2].value)
    assert steep[2].message == "the tangent is vertical: f follows the power 0.5 of the distance."


def test_a_jump_has_the_slope_of_the_side_that_f_belongs_to() -> None:
    found = dk.derivative(step_of_a_wave, 0.7)
    assert found.right == pytest.approx(math.cos(0.7), abs=1e-6)
    assert math.isnan(found.left)


@pytest.mark.parametrize(
    ("f", "value", "power"),
    [
        (math.sqrt, math.inf, 1 / 2),
        (lambda x: -math.sqrt(x), -math.inf, 1 / 2),
        (lambda x: math.sqrt(-x), -math.inf, 1 / 2),
        (lambda x: 1.0 - math.sqrt(-x), math.inf, 1 / 2),
        (np.cbrt, math.inf, 1 / 3),
        (lambda x: 5.0 - np.cbrt(x), -math.inf, 1 / 3),
    ],
)
def test_a_vertical_tangent_has_its_sign_and_its_power(f: Values, value: float, power: float) -> None:
    found = dk.derivative(f, 0.0)
    assert (found.value, found.status) == (value, "vertical")
    assert found.exponent == pytest.approx(power, abs=0.01)
    assert f"power {found.exponent:.3g}" in found.message
    assert ("+inf" if value > 0 else "-inf") in found.message


def test_no_value_is_given_in_silence_where_no_derivative_exists() -> None:
    silent, right = [], []
    for family in POPULATION["no_derivative"]:
        x = family.drawn(6, seed=SEED)
        found = dk.derivative(family.function, x)
        silent += [(family.name, point) for point in x[found.status == "ok"]]
        right.append(np.mean(np.isin(found.status, family.statuses)))
    assert silent == []
    assert np.mean(right) >= 0.95


@pytest.mark.parametrize(("name", "share"), [("edges", 0.85), ("noisy", 0.97)])
def test_ends_of_domains_and_noise_are_told_and_covered(name: str, share: float) -> None:
    right, within = [], []
    for family in POPULATION[name]:
        x = family.drawn(DRAWN, seed=SEED)
        found = dk.derivative(family.function, x)
        valued = np.isin(found.status, VALUED)
        right.append(np.mean(np.isin(found.status, family.statuses)))
        within += covered(found.value, found.error + family.slack, family.truth(x))[valued].tolist()
    assert np.mean(right) >= share
    assert np.mean(within) >= 0.97


# What holds for every answer


def faults(found: dk.Derivative) -> list[str]:
    """What is wrong with an answer by itself, whatever f is."""
    names = [field.name for field in dataclasses.fields(found) if field.name not in ("total", "raised", "order")]
    columns = [np.ravel(getattr(found, name)).tolist() for name in names] + [np.ravel(found.message).tolist()]
    wrong = []
    for row in zip(*columns, strict=True):
        answer = dict(zip([*names, "message"], row, strict=True))
        status, value, error = answer["status"], answer["value"], answer["error"]
        both = math.isfinite(value) and math.isfinite(error)
        if status in VALUED:
            rules = {
                "a value has a bar": both,
                "a bar is above 0": error > 0.0,
                "a bound is one": (status == "below_resolution") == (error >= abs(value)),
                "digits are those of the bar": not (both and error > 0.0)
                or answer["digits"]
                == pytest.approx(max(0.0, math.log10(abs(value)) - math.log10(error)) if value else 0.0, abs=1e-6),
                "a step was taken": answer["delta"] > 0.0 or status != "ok",
            }
        elif status == "vertical":
            rules = {
                "a vertical tangent is infinite": math.isinf(value) and math.isnan(error),
                "it has a power": 0.0 < answer["exponent"] < 1.0,
            }
        else:
            rules = {
                "no value has no bar": math.isnan(value) and error == math.inf,
                "no digits": answer["digits"] == 0.0,
            }
        rules["sides differ only where there is no value"] = status in ("kink", "jump") or (
            math.isnan(answer["left"]) and math.isnan(answer["right"])
        )
        rules["a kink has two sides"] = status != "kink" or answer["left"] != answer["right"]
        rules["a sentence"] = answer["message"].endswith(".") and not {"nan", "\n"} & set(answer["message"].split())
        rules["evaluations are counted"] = answer["evaluations"] >= 0
        wrong += [f"{status}: {rule}" for rule, holds in rules.items() if not holds]
    return wrong


@pytest.mark.parametrize(
    "changes",
    [
        {"error": 0.0},
        {"error": -1.0},
        {"error": math.inf},
        {"value": math.nan},
        {"error": 2.0},
        {"digits": 3.0},
        {"status": dk.Status.KINK},
        {"status": dk.Status.VERTICAL},
        {"status": dk.Status.BELOW_RESOLUTION},
        {"left": 1.0},
    ],
)
def test_an_answer_that_contradicts_itself_is_caught(changes: dict[str, Any]) -> None:
    assert faults(dataclasses.replace(dk.derivative(math.sin, 1.0), **changes))


INNER: dict[str, Values] = {
    "x": lambda x: x,
    "sin": np.sin,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "cbrt": np.cbrt,
    "square": np.square,
    "reciprocal": lambda x: 1.0 / x,
    "floor": np.floor,
    "tanh": np.tanh,
    "sign": np.sign,
    "noise": lambda x: uniform_noise(x).reshape(np.shape(x)),
    "narrow": lambda x: np.asarray(x).astype(np.float32).astype(np.float64),
}
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALES = st.sampled_from([1.0, -1.0, 1e-300, 1e-10, 1e-3, 1e3, 1e10, 1e300])


@settings(max_examples=3 * settings.default.max_examples)
@given(
    names=st.tuples(st.sampled_from(sorted(INNER)), st.sampled_from(sorted(INNER))),
    scales=st.tuples(SCALES, SCALES),
    x=FLOATS | st.floats(-10.0, 10.0) | st.sampled_from([0.0, 1.0, 1e5]),
)
@example(names=("log", "x"), scales=(1.0, 1.0), x=1e-310)
@example(names=("sqrt", "x"), scales=(1.0, 1.0), x=0.0)
@example(names=("square", "floor"), scales=(1.0, 1e10), x=0.0)
def test_whatever_f_is_an_answer_agrees_with_itself(
    names: tuple[str, str], scales: tuple[float, float], x: float
) -> None:
    def f(v: Any) -> Any:
        return scales[0] * INNER[names[0]](INNER[names[1]](scales[1] * v))

    assert faults(dk.derivative(f, x)) == []


@given(
    st.sampled_from(["default", "high"]),
    st.sampled_from(["left", "right", None]),
    st.floats(1e-6, 1e6),
    st.floats(1e-12, 1.0),
    st.floats(-5.0, 5.0),
    st.sampled_from(sorted(INNER)),
)
@example("high", None, 0.0033, 6e-4, 0.0, "sign")
@example("default", None, 5.4e-6, 4.4e-3, 4.8e-27, "noise")
def test_whatever_is_asked_for_an_answer_agrees_with_itself(
    accuracy: str, side: str | None, scale: float, noise: float, x: float, name: str
) -> None:
    found = dk.derivative(INNER[name], x, accuracy=accuracy, side=side, scale=scale, noise=noise)
    assert faults(found) == []


# Any f


def test_plain_and_vectorised_code_give_the_same() -> None:
    x = np.linspace(-2.0, 2.0, 5)
    arrays = dk.derivative(lambda v: v * v * v - v, x)
    numbers = dk.derivative(lambda v: float(v) * float(v) * float(v) - float(v), x)
    np.testing.assert_array_equal(arrays.value, numbers.value)
    np.testing.assert_array_equal(arrays.error, numbers.error)


def test_a_batch_that_raises_is_asked_point_by_point() -> None:
    def root(v: Any) -> Any:
        if np.any(np.asarray(v) < 1.0):
            raise ValueError("below 1")
        return np.sqrt(v - 1.0)

    found = dk.derivative(root, [2.0, 5.0, 0.5])
    np.testing.assert_allclose(found.value[:2], [0.5, 0.25], rtol=1e-12)
    assert found.status.tolist() == ["ok", "ok", "not_finite"]
    assert found.raised == ("ValueError: below 1, first at 0.5",)


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda x: "one", "f gives the text 'one'"),
        (lambda x: None, "f gives None; is a return missing?"),
        (complex, "f gives complex numbers"),
        (lambda x: 1 / 0, "ZeroDivisionError: division by zero, first at 0.5"),
        (lambda: 1.0, "takes 0 positional arguments"),
    ],
)
def test_an_f_that_gives_no_number_is_not_finite_and_what_it_did_is_said(f: Values, said: str) -> None:
    found = dk.derivative(f, 0.5)
    assert found.status == "not_finite"
    assert len(found.raised) == 1
    assert said in found.raised[0]


def test_float32_values_are_noise_that_the_bar_knows() -> None:
    found = dk.derivative(lambda x: np.sin(x, dtype=np.float32), np.array([0.5, 1.0, 2.0]))
    assert found.value.dtype == np.float64
    assert np.all(np.abs(found.value - np.cos([0.5, 1.0, 2.0])) <= found.error)
    assert np.all(found.noise > 1e-10)


def test_integers_are_points_too() -> None:
    assert dk.derivative(lambda x: x**3, 2).value == pytest.approx(12.0, rel=1e-13)
    found = dk.derivative(np.square, np.array([1, 2, 3]))
    np.testing.assert_allclose(found.value, [2.0, 4.0, 6.0], rtol=1e-13)
    assert dk.derivative(lambda x: 7, 2.0).value == 0.0


def test_an_f_of_several_values_has_an_answer_for_each() -> None:
    x = np.array([0.5, 1.0, 2.0])
    found = dk.derivative(lambda v: np.stack([np.sin(v), np.exp(v)], axis=-1), x)
    assert found.value.shape == found.status.shape == found.error.shape == (3, 2)
    assert np.all(np.abs(found.value - np.stack([np.cos(x), np.exp(x)], axis=-1)) <= found.error)
    assert found.total == found.evaluations[:, 0].sum()
    alone = dk.derivative(lambda v: [math.sin(v), math.exp(v), abs(v)], 0.0)
    assert alone.value.shape == (3,)
    assert alone.status.tolist() == ["ok", "ok", "kink"]
    assert faults(found) == faults(alone) == []


@pytest.mark.parametrize(
    "mixing",
    [
        lambda v: np.exp(v) / np.exp(v).sum(),
        lambda v: v / np.max(np.abs(v)),
        np.cumsum,
        lambda v: np.sort(v)[::-1],
        lambda v: v - np.mean(v),
    ],
)
def test_an_f_that_mixes_its_entries_is_asked_point_by_point(mixing: Values) -> None:
    x = np.array([0.7, 0.2, 1.5])
    found = dk.derivative(mixing, x)
    single = dk.derivative(lambda v: float(np.ravel(mixing(np.array([v])))[0]), x)
    np.testing.assert_array_equal(found.value, single.value)


def test_an_f_that_works_in_place_does_not_move_the_points() -> None:
    def doubled(v: Any) -> Any:
        v *= 2.0
        return v

    x = np.array([1.0, 2.0])
    found = dk.derivative(doubled, x)
    np.testing.assert_allclose(found.value, 2.0, rtol=1e-13)
    assert x.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("after", [0, 9])
def test_what_must_stop_a_program_stops_it(stop: type[BaseException], after: int) -> None:
    calls: list[float] = []

    def f(v: float) -> float:
        calls.append(float(v))
        if len(calls) > after:
            raise stop
        return v * v

    with pytest.raises(stop):
        dk.derivative(f, 1.0)


RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    "f",
    [
        lambda v: np.sin(v) + 1e-3 * RANDOM.standard_normal(np.shape(v)),
        lambda v: math.sin(v) + 1e-12 * RANDOM.standard_normal(),
    ],
)
def test_an_f_that_gives_two_answers_for_one_point_is_found_out(f: Values) -> None:
    with pytest.raises(ValueError, match=r"two answers for x = 0\.5: .* fix the seed"):
        dk.derivative(f, 0.5)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3)])
def test_the_shape_of_x_is_kept(shape: tuple[int, ...]) -> None:
    x = np.arange(1.0, 1.0 + math.prod(shape)).reshape(shape)
    found = dk.derivative(np.sin, x)
    for field in dataclasses.fields(found):
        entry = getattr(found, field.name)
        if field.name not in ("total", "raised", "order"):
            assert np.shape(entry) == shape, field.name
    assert np.shape(found.message) == shape
    np.testing.assert_allclose(found.value, np.cos(x), rtol=1e-12)


@pytest.mark.parametrize("x", [1.0, 1, np.float64(1.0), np.array(1.0), np.int32(1)])
def test_one_number_gives_plain_numbers(x: Any) -> None:
    found = dk.derivative(np.sin, x)
    kinds = {field.name: type(getattr(found, field.name)) for field in dataclasses.fields(found)}
    expected = {
        "status": dk.Status,
        "evaluations": int,
        "total": int,
        "denied": bool,
        "float32": bool,
        "raised": tuple,
        "order": int,
    }
    assert kinds == dict.fromkeys(kinds, float) | expected
    assert isinstance(found.message, str)
    assert json.loads(json.dumps(dataclasses.asdict(found)))["status"] == "ok"


def test_statuses_of_an_array_are_text() -> None:
    found = dk.derivative(np.abs, [0.0, 1.0])
    assert found.status.dtype.kind == "U"
    assert found.status.tolist() == ["kink", "ok"]
    assert json.dumps(found.status.tolist()) == '["kink", "ok"]'


# Counting


HARD: dict[str, Values] = {
    "sin": np.sin,
    "kink": np.abs,
    "root": np.sqrt,
    "log": np.log,
    "jump": lambda x: np.where(x > 0.0, 1.0, 0.0),
    "noise": BLACK_BOXES["sin_noise"].call,
    "cube root": np.cbrt,
    "wave": lambda x: np.sin(1e5 * x),
    "two scales": two_scales,
    "constant": lambda x: 0.0 * x + 3.0,
    "stairs": lambda x: np.round(x, 3),
    "no function": lambda x: uniform_noise(x).reshape(np.shape(x)),
}
POINTS = (0.0, 1.0, 0.7, 1e-8, 1e6, -2.5)


@pytest.mark.parametrize("f", quick.part(HARD.values()), ids=HARD)
def test_every_evaluation_is_counted_and_none_is_done_twice(f: Values) -> None:
    for x in POINTS:
        counted = Counted(f)
        found = dk.derivative(counted, x, vectorized=True)
        assert len(counted.points) == len(set(counted.points)) == found.total == found.evaluations
        together = Counted(f)
        found = dk.derivatives(together, x, (1, 2, 3, 4), vectorized=True)[1]
        assert len(together.points) == len(set(together.points)) == found.total


@pytest.mark.parametrize("f", HARD.values(), ids=HARD)
def test_for_many_points_evaluations_add_up(f: Values) -> None:
    x = np.array(POINTS)
    counted = Counted(f)
    found = dk.derivative(counted, x, vectorized=True)
    assert len(counted.points) == found.total == found.evaluations.sum()


def test_f_is_never_asked_at_what_is_no_number() -> None:
    for f in (*HARD.values(), lambda x: 0.0 * x):
        counted = Counted(f)
        dk.derivative(counted, POINTS)
        assert np.all(np.isfinite(counted.points))


def test_the_probe_costs_two_points_of_an_array_and_one_of_a_number() -> None:
    vectorised = Counted(np.sin)
    found = dk.derivative(vectorised, 1.0)
    assert len(vectorised.points) == found.total + 2
    assert len(set(vectorised.points)) == found.total
    plain = Counted(math.sin)
    found = dk.derivative(plain, 1.0)
    # asked for an array first, which it refuses
    numbers = plain.points[7:]
    assert len(numbers) == found.total + 1
    assert len(set(numbers)) == found.total


def test_a_point_that_is_there_twice_is_evaluated_once() -> None:
    counted = Counted(np.sin)
    found = dk.derivative(counted, [1.0, 0.5, 1.0, 1.0], vectorized=True)
    assert len(counted.points) == len(set(counted.points)) == found.total == found.evaluations[:2].sum()
    assert found.value[0] == found.value[2] == found.value[3]
    np.testing.assert_allclose(found.value, np.cos([1.0, 0.5, 1.0, 1.0]), rtol=1e-12)
    hinted = dk.derivative(np.sin, [1.0, 1.0], noise=[1e-8, 1e-4])
    assert hinted.error[1] > 100.0 * hinted.error[0], "the same point with another hint is another question"


def test_a_counter_that_misses_a_call_is_caught() -> None:
    counted = Counted(np.sin)
    found = dk.derivative(counted, 1.0, vectorized=True)
    assert len(counted.points[1:]) != found.total


DOMAINS: dict[str, Callable[[float], tuple[float, float]]] = {
    "around": lambda x: (x - 1e-3, x + 1e-3),
    "right of x": lambda x: (x, x + 1.0),
    "left of x": lambda x: (x - 1.0, x),
    "near the left end": lambda x: (x - 1e-12, x + 1.0),
    "near the right end": lambda x: (x - 1.0, x + 1e-12 * max(1.0, abs(x))),
    "narrow": lambda x: (x, x + 1e-9 * max(1.0, abs(x))),
    "no end on the left": lambda x: (-math.inf, x),
    "no end on the right": lambda x: (x, math.inf),
    "three numbers": lambda x: (math.nextafter(x, -math.inf), math.nextafter(x, math.inf)),
}


@pytest.mark.parametrize("domain", quick.part(DOMAINS.values(), every=3), ids=DOMAINS)
def test_a_domain_is_never_left(domain: Callable[[float], tuple[float, float]]) -> None:
    for name, f in HARD.items():
        for x in POINTS:
            lo, hi = domain(x)
            counted = Counted(f)
            found = dk.derivative(counted, x, domain=(lo, hi), vectorized=True)
            assert lo <= min(counted.points), name
            assert max(counted.points) <= hi, name
            assert len(counted.points) == len(set(counted.points)) == found.total == found.evaluations, name
            assert faults(found) == [], name


@pytest.mark.parametrize("side", ["left", "right"])
def test_one_side_is_never_left(side: str) -> None:
    for f in HARD.values():
        for x in POINTS:
            counted = Counted(f)
            dk.derivative(counted, x, side=side, vectorized=True)
            assert max(counted.points) <= x if side == "left" else min(counted.points) >= x


def test_a_domain_that_is_left_is_caught() -> None:
    counted = Counted(np.sin)
    dk.derivative(counted, 1.0, domain=(0.99, 1.01), vectorized=True)
    assert not all(0.999 <= asked <= 1.001 for asked in counted.points)


@pytest.mark.parametrize("budget", [1, 7, 9, 13, 20, 30, 60])
def test_a_budget_is_kept_at_every_point(budget: int) -> None:
    for f in HARD.values():
        counted = Counted(f)
        found = dk.derivative(counted, POINTS, budget=budget, vectorized=True)
        assert np.all(found.evaluations <= budget)
        assert len(counted.points) == found.total == found.evaluations.sum()
        assert faults(found) == []


@pytest.mark.parametrize("budget", [1, 6, 7, 12])
def test_a_budget_that_is_too_small_is_said(budget: int) -> None:
    found = dk.derivative(np.sin, 0.5, budget=budget)
    assert (found.status, found.denied) == ("unresolved", True)
    assert "budget" in found.message
    enough = dk.derivative(np.sin, 0.5, budget=100)
    assert (enough.status, enough.denied) == ("ok", False)


# Orders

SMOOTH: dict[str, tuple[Values, Callable[[Array, int], Array]]] = {
    "exp": (np.exp, lambda x, k: np.exp(x)),
    "sin": (np.sin, lambda x, k: np.sin(x + k * math.pi / 2)),
    "reciprocal": (lambda x: 1.0 / x, lambda x, k: (-1.0) ** k * math.factorial(k) / x ** (k + 1)),
    "fifth power": (lambda x: x**5, lambda x, k: math.perm(5, k) * x ** (5 - k)),
    "fast wave": (lambda x: np.cos(50.0 * x), lambda x, k: 50.0**k * np.cos(50.0 * x + k * math.pi / 2)),
}
SPREAD = np.array([0.3, 0.9, 1.7, 2.6, 4.1, 7.7])


@pytest.mark.parametrize("name", SMOOTH)
def test_all_orders_are_within_their_bars_and_share_evaluations(name: str) -> None:
    f, exact = SMOOTH[name]
    counted = Counted(f)
    found = dk.derivatives(counted, SPREAD, (1, 2, 3, 4), vectorized=True)
    for k, answer in found.items():
        truth = exact(SPREAD, k)
        # the truth itself is rounded: the argument of a wave by 8 eps times its slope
        rounding = 8.0 * np.finfo(float).eps * (np.abs(truth) + np.abs(SPREAD * exact(SPREAD, k + 1)))
        assert np.all(np.abs(answer.value - truth) <= answer.error + rounding), k
        assert answer.total == len(counted.points)
        np.testing.assert_array_equal(answer.evaluations, found[1].evaluations)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_one_order_alone_is_derivatives_of_one_order(order: int) -> None:
    alone, listed = dk.derivative(np.exp, 0.4, order), dk.derivatives(np.exp, 0.4, [order])
    assert list(listed) == [order]
    assert (alone.value, alone.error, alone.total) == (
        listed[order].value,
        listed[order].error,
        listed[order].total,
    )


def test_the_first_order_decides_and_others_do_not_change_it() -> None:
    alone, among = dk.derivative(np.exp, SPREAD), dk.derivatives(np.exp, SPREAD, (1, 3))[1]
    np.testing.assert_array_equal(alone.value, among.value)
    np.testing.assert_array_equal(alone.evaluations, among.evaluations)


# Hints


def test_a_scale_that_is_known_saves_the_way_there() -> None:
    def wave(x: Any) -> Any:
        return np.sin(1e4 * x)

    x = np.linspace(0.5, 1.5, 20)
    found, told = dk.derivative(wave, x), dk.derivative(wave, x, scale=1e-4)
    assert told.total < found.total
    rounding = 1e4 * 1e4 * np.spacing(x)  # of the argument, times the slope of the derivative
    assert np.all(np.abs(told.value - 1e4 * np.cos(1e4 * x)) <= told.error + rounding)
    one_each = dk.derivative(wave, x, scale=np.full(20, 1e-4))
    np.testing.assert_array_equal(one_each.value, told.value)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_a_scale_that_is_wrong_costs_evaluations_and_no_truth(scale: float) -> None:
    x = np.linspace(0.5, 1.5, 20)
    found = dk.derivative(np.sin, x, scale=scale)
    assert np.all(np.abs(found.value - np.cos(x)) <= found.error)
    assert found.total > dk.derivative(np.sin, x).total


def test_bars_follow_noise_that_is_known() -> None:
    errors = [dk.derivative(np.sin, 1.0, noise=level).error for level in (1e-10, 1e-8, 1e-6)]
    assert errors[0] < errors[1] < errors[2]
    for level, error in zip((1e-10, 1e-8, 1e-6), errors, strict=True):
        # windows at the scale of the sine divide noise by about 1, and bars are some deviations long
        assert level < error < 1e3 * level
    rough = BLACK_BOXES["sin_noise"].call
    told, found = dk.derivative(rough, SPREAD, noise=1e-8), dk.derivative(rough, SPREAD)
    assert told.total < found.total
    assert np.all(np.abs(told.value - np.cos(SPREAD)) <= told.error)


DRAWS: dict[str, Callable[[np.random.Generator], Values]] = {
    "for an array": lambda rng: lambda x: np.sin(x) + 1e-3 * rng.standard_normal(np.shape(x)),
    "for a number": lambda rng: lambda x: math.sin(x) + rng.normal(0.0, 1e-3),
    "for a call": lambda rng: lambda x: np.sin(x) + rng.normal(0.0, 1e-3),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_f_may_draw_random_numbers_if_their_standard_deviation_is_given(
    draw: Callable[[np.random.Generator], Values],
) -> None:
    for seed in range(30):
        found = dk.derivative(draw(np.random.default_rng(seed)), 1.0, noise=1e-3)
        assert abs(found.value - math.cos(1.0)) <= found.error < 0.2
    with pytest.raises(ValueError, match=r"two answers for x = 1\.0: .* fix the seed .* noise=\.\.\."):
        dk.derivative(draw(np.random.default_rng(0)), 1.0)
    with pytest.raises(ValueError, match=r"two answers .* farther apart than noise=1e-06 explains"):
        dk.derivative(draw(np.random.default_rng(0)), 1.0, noise=1e-6)


@pytest.mark.parametrize(("side", "slope"), [("left", math.cos(0.7) - 2.0), ("right", math.cos(0.7) + 2.0)])
def test_a_side_of_a_kink_has_a_slope(side: str, slope: float) -> None:
    found = dk.derivative(lambda x: np.sin(x) + 2.0 * np.abs(x - 0.7), 0.7, side=side)
    assert found.status == "one_sided"
    assert abs(found.value - slope) <= found.error < 1e-9


def test_high_accuracy_is_no_less_accurate_and_costs_more() -> None:
    x = np.linspace(0.2, 6.0, 100)
    for f, exact in SMOOTH.values():
        default, high = dk.derivative(f, x), dk.derivative(f, x, accuracy="high")
        assert np.median(np.abs(high.value - exact(x, 1))) <= 1.5 * np.median(np.abs(default.value - exact(x, 1)))
        assert np.median(high.error) <= np.median(default.error)
        assert high.total >= default.total


def test_somebody_may_know_whether_f_takes_arrays() -> None:
    sizes: list[int] = []

    def f(v: Any) -> Any:
        sizes.append(np.size(v))
        return np.sin(v)

    one_call = dk.derivative(f, 1.0, vectorized=True)
    assert max(sizes) > 1
    sizes.clear()
    many_calls = dk.derivative(f, 1.0, vectorized=False)
    assert set(sizes) == {1}
    assert len(sizes) == many_calls.total == one_call.total


def test_the_domain_of_a_function_is_kept() -> None:
    f = dk.Function.from_expression("sqrt(x)", domain=(0.0, 4.0))
    assert dk.derivative(f, 4.0).status == "one_sided"
    assert dk.derivative(f, 0.0).status == "vertical"
    with pytest.raises(ValueError, match=r"x = 5\.0 lies outside the domain \[0\.0, 4\.0\]"):
        dk.derivative(f, 5.0)


# What is refused


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"f": 3}, TypeError, r"f must be callable, not 3; write dk\.derivative\(math\.sin, 1\.0\)"),
        ({"x": []}, ValueError, r"x is empty \(shape \(0,\)\); give at least one point"),
        ({"x": "1.0"}, TypeError, r"x='1\.0': give a real number"),
        ({"x": 1j}, TypeError, "x=1j: give a real number"),
        ({"x": None}, TypeError, "x=None: give a real number"),
        ({"x": [[1.0], [1.0, 2.0]]}, TypeError, "x=.*: give a real number"),
        ({"domain": (1.0, 2.0)}, ValueError, r"x = 0\.5 lies outside the domain \[1\.0, 2\.0\]"),
        ({"domain": (1.0, 0.0)}, ValueError, r"domain=\(1\.0, 0\.0\): write its two ends, the lower one first"),
        ({"domain": (0.5, 0.5)}, ValueError, "write its two ends, the lower one first"),
        ({"domain": (math.nan, 1.0)}, ValueError, "write its two ends, the lower one first"),
        ({"domain": (0.0, 0.5, 1.0)}, ValueError, "write its two ends, the lower one first"),
        ({"domain": 1.0}, ValueError, "write its two ends, the lower one first"),
        *(({"order": order}, ValueError, f"order={order!r}: .* from 1 to 4") for order in (0, 9, True, -1, 1.0, "1")),
        *(({"budget": b}, ValueError, f"budget={b!r}: .*whole number") for b in (0, -3, True, 2.5, math.nan, "7")),
        ({"side": "up"}, ValueError, "side='up': write 'left' or 'right'"),
        ({"side": 1}, ValueError, "side=1: write 'left' or 'right'"),
        ({"accuracy": "best"}, ValueError, "accuracy='best': there are default, high"),
        ({"accuracy": ["high"]}, ValueError, "there are default, high"),
        ({"vectorized": "yes"}, ValueError, "vectorized='yes': write True or False"),
        *(
            ({name: value}, ValueError, f"{name} must be a positive finite number, not {value!r}")
            for name in ("scale", "noise")
            for value in (0.0, -1.0, math.nan, math.inf)
        ),
        ({"scale": "small"}, TypeError, "scale='small': give a real number"),
        ({"noise": [1.0, 2.0]}, ValueError, r"noise has shape \(2,\), and x \(\); give one number, or one for each x"),
    ],
)
def test_bad_input_gets_one_clear_line(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        dk.derivative(**({"f": np.sin, "x": 0.5} | changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("orders", [(), (1, 1), (1, 5), 2, (True,)])
def test_bad_orders_get_one_clear_line(orders: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"^orders?="):
        dk.derivatives(np.sin, 0.5, orders)


@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf])
def test_a_point_that_is_no_number_has_no_derivative(x: float) -> None:
    assert dk.derivative(np.sin, x).status == "not_finite"
    assert dk.derivative(np.sin, [0.5, x]).status.tolist() == ["ok", "not_finite"]
    assert dk.derivative(lambda v: 2.0 * v, x).status == "not_finite"


# Determinism


def test_the_same_call_gives_the_same_bits() -> None:
    for f in HARD.values():
        first, second = dk.derivative(f, POINTS), dk.derivative(f, POINTS)
        for field in dataclasses.fields(first):
            np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


def test_points_do_not_depend_on_each_other() -> None:
    """To the bit in another order; alone within rounding, as BLAS sums in another order for a single column."""
    for family in POPULATION["tuning"][::4]:
        x = family.drawn(6, seed=3)
        many, turned = dk.derivative(family.function, x), dk.derivative(family.function, x[::-1])
        np.testing.assert_array_equal(turned.value[::-1], many.value)
        np.testing.assert_array_equal(turned.error[::-1], many.error)
        for k, point in enumerate(x.tolist()):
            alone = dk.derivative(family.function, point)
            assert (str(alone.status), alone.evaluations) == (many.status[k], many.evaluations[k])
            if math.isfinite(alone.error):
                assert abs(alone.value - many.value[k]) <= 0.5 * many.error[k]
                assert 0.5 < alone.error / many.error[k] < 2.0


def test_many_points_are_searched_in_parts() -> None:
    x = np.linspace(-3.0, 3.0, 10_000)
    found = dk.derivative(np.sin, x)
    assert found.total == found.evaluations.sum()
    assert np.mean(np.abs(found.value - np.cos(x)) <= found.error) > 0.998
    np.testing.assert_array_equal(dk.derivative(np.sin, x[4000:4200]).status, found.status[4000:4200])


def test_results_are_arrays_of_their_own() -> None:
    first, second = dk.derivatives(np.sin, np.linspace(0.1, 1.0, 3), (1, 2)).values()
    before = {field.name: np.copy(getattr(second, field.name)) for field in dataclasses.fields(second)}
    for field in dataclasses.fields(first):
        if isinstance(array := getattr(first, field.name), np.ndarray):
            array[...] = array[::-1][:1]
    assert all(
        np.array_equal(getattr(second, name), kept, equal_nan=kept.dtype.kind == "f") for name, kept in before.items()
    )


@pytest.mark.parametrize("budget", [6, 7, 12, 13])
def test_of_several_values_a_budget_may_allow_some_points_a_look_and_others_nothing(budget: int) -> None:
    found = dk.derivative(lambda x: np.stack([x, 2.0 * x], axis=-1), np.linspace(1.0, 2.0, 100), budget=budget)
    assert found.status.shape == found.evaluations.shape == ((100,) if budget < 7 else (100, 2))
    assert np.all(found.evaluations <= budget)
    assert np.all((found.status == "ok") | found.denied)


def test_many_points_may_come_in_any_order_and_several_times() -> None:
    x = np.random.default_rng(4).uniform(0.1, 5.0, 300)
    mixed = np.concatenate([x, x[::-1], [math.nan]]).reshape(1, -1)
    counted = Counted(np.log)
    found = dk.derivative(counted, mixed, vectorized=True)
    numbers = [point for point in counted.points if not math.isnan(point)]
    assert len(numbers) == len(set(numbers))
    assert found.total == len(counted.points) == found.evaluations[0, :300].sum() + found.evaluations[0, -1]
    assert found.status[0, -1] == "not_finite"
    np.testing.assert_array_equal(found.value[0, :300], found.value[0, 599:299:-1])
    assert np.mean(np.abs(found.value[0, :300] - 1.0 / x) <= found.error[0, :300]) > 0.99
    assert faults(found) == []


def test_many_points_with_kinks_and_ends_among_them() -> None:
    x = np.linspace(0.0, 2.0, 201)
    counted = Counted(lambda v: np.sqrt(v) + np.abs(v - 1.0))
    found = dk.derivative(counted, x, domain=(0.0, 2.0), vectorized=True)
    assert min(counted.points) >= 0.0
    assert max(counted.points) <= 2.0
    assert (found.status[0], found.status[100], found.status[-1]) == ("vertical", "kink", "one_sided")
    inside = np.setdiff1d(np.arange(1, 200), 100)
    truth = 0.5 / np.sqrt(x[inside]) + np.sign(x[inside] - 1.0)
    assert np.all(np.abs(found.value[inside]) < 10.0)
    assert np.mean(np.abs(found.value[inside] - truth) <= found.error[inside]) > 0.98


def test_several_values_at_many_points() -> None:
    x = np.linspace(0.3, 3.0, 150)
    found = dk.derivative(lambda v: np.stack([np.sin(v), np.cos(20.0 * v)], axis=-1), x)
    truth = np.stack([np.cos(x), -20.0 * np.sin(20.0 * x)], axis=-1)
    assert found.value.shape == (150, 2)
    assert np.mean(np.abs(found.value - truth) <= found.error + 2e-13) > 0.99
    assert found.total == found.evaluations[:, 0].sum()


@pytest.mark.parametrize("power", [-300, 40, 900, 1010])
def test_the_unit_of_f_does_not_matter(power: int) -> None:
    plain = dk.derivative(lambda x: np.sin(x) * np.exp(x), SPREAD)
    scaled = dk.derivative(lambda x: np.ldexp(np.sin(x) * np.exp(x), power), SPREAD)
    np.testing.assert_array_equal(np.ldexp(plain.value, power), scaled.value)
    np.testing.assert_array_equal(np.ldexp(plain.error, power), scaled.error)
    np.testing.assert_array_equal(plain.evaluations, scaled.evaluations)


HUGE: dict[str, tuple[Values, float, float]] = {
    "exp at 708": (math.exp, 708.0, math.exp(708.0)),
    "exp at 709.7": (math.exp, 709.7, math.exp(709.7)),
    "minus exp": (lambda x: -math.exp(x), 709.0, -math.exp(709.0)),
    "a constant": (lambda x: 1.7e308, 1.0, 0.0),
    "a wave": (lambda x: 1e308 * math.sin(x), 1.0, 1e308 * math.cos(1.0)),
    "a wave about 0": (lambda x: 1.7e308 * math.sin(x), 0.0, 1.7e308),
    "a parabola": (lambda x: 8e307 * x * x, 1.0, 1.6e308),
}


@pytest.mark.parametrize(("f", "x", "slope"), HUGE.values(), ids=HUGE)
def test_values_near_the_largest_number_are_numbers(f: Values, x: float, slope: float) -> None:
    found = dk.derivative(f, x)
    assert found.status == ("ok" if slope else "below_resolution")
    assert abs(found.value - slope) <= found.error < 1e-13 * 1.8e308


def test_corners_of_huge_values_have_the_slopes_of_their_sides() -> None:
    kink = dk.derivative(lambda x: 1.2e308 * abs(x), 0.0)
    assert kink.status == "kink"
    assert (kink.left, kink.right) == pytest.approx((-1.2e308, 1.2e308), rel=1e-12)
    assert dk.derivative(lambda x: 1.2e308 if x > 1.0 else -1.2e308, 1.0).status == "jump"


POLES: dict[str, tuple[Values, float, Callable[[Any], Any]]] = {
    "1/x": (lambda x: 1.0 / (x - 2.0), 2.0, lambda x: -1 / (mpmath.mpf(x) - 2) ** 2),
    "1/x^2": (lambda x: 1.0 / (1.0 - x) ** 2, 1.0, lambda x: 2 / (1 - mpmath.mpf(x)) ** 3),
    "tan": (math.tan, math.pi / 2.0, lambda x: 1 / mpmath.cos(mpmath.mpf(x)) ** 2),
}


@pytest.mark.parametrize(("f", "pole", "slope"), quick.part(POLES.values()), ids=POLES)
def test_beside_a_pole_the_spacing_of_floats_is_in_the_bar(f: Values, pole: float, slope: Callable[[Any], Any]) -> None:
    answered = 0
    with mpmath.workdps(40):
        for distance in np.concatenate([grids.logspace(-13, -9, 60), -grids.logspace(-13, -9, 60)]).tolist():
            found = dk.derivative(f, pole + distance)
            if found.status in ("ok", "multiscale"):
                answered += 1
                assert abs(found.value - slope(pole + distance)) <= found.error
    assert answered >= 60


LOGARITHMIC: dict[str, tuple[Values, float, tuple[float | None, float | None], float]] = {
    "x log x": (lambda x: x * math.log(x) if x else 0.0, 0.0, (0.0, 1.0), -math.inf),
    "beside smooth terms": (lambda x: 5.0 + x * math.log(x) + 1e3 * math.sin(x) if x else 5.0, 0.0, (0, 1), -math.inf),
    "at the other end": (lambda x: (1.0 - x) * math.log(1.0 - x) if x < 1.0 else 0.0, 1.0, (0.0, 1.0), math.inf),
    "minus entropy": (lambda x: x * math.log(x / 0.3) if x else 0.0, 0.0, (0.0, None), -math.inf),
    "its square": (lambda x: x * math.log(x) ** 2 if x else 0.0, 0.0, (0.0, 1.0), math.inf),
    "on both sides": (lambda x: x * math.log(abs(x)) if x else 0.0, 0.0, (None, None), -math.inf),
    "x^x": (lambda x: x**x, 0.0, (0.0, None), -math.inf),
    "x^0.9": (lambda x: x**0.9, 0.0, (0.0, None), math.inf),
    "x^0.999": (lambda x: x**0.999, 0.0, (0.0, None), math.inf),
    "a root": (lambda x: math.asin(1.0 - x), 0.0, (0.0, None), -math.inf),
}


@pytest.mark.parametrize(("f", "x", "domain", "slope"), LOGARITHMIC.values(), ids=LOGARITHMIC)
def test_a_slope_that_grows_at_every_scale_is_vertical(
    f: Values, x: float, domain: tuple[float | None, float | None], slope: float
) -> None:
    found = dk.derivative(f, x, domain=domain)
    assert (found.status, found.value) == ("vertical", slope)
    assert found.evaluations < 70


def test_a_logarithm_that_turns_at_0_is_a_kink() -> None:
    found = dk.derivative(lambda x: abs(x) * math.log(abs(x)) if x else 0.0, 0.0)
    assert (found.status, found.left, found.right) == ("kink", math.inf, -math.inf)


@pytest.mark.parametrize("power", [1.001, 1.02, 1.2])
def test_a_slope_that_falls_slowly_at_every_scale_is_not_vertical(power: float) -> None:
    found = dk.derivative(lambda x: x**power, 0.0, domain=(0.0, None))
    assert found.status in ("unresolved", "below_resolution")
    assert found.status == "unresolved" or abs(found.value) <= found.error


@pytest.mark.parametrize("order", [1, 2])
def test_a_second_derivative_that_grows_at_every_scale_is_refused_soon(order: int) -> None:
    found = dk.derivative(lambda x: x * x * math.log(abs(x)) if x else 0.0, 0.0, order=order)
    assert found.status in ("unresolved", "below_resolution" if order == 1 else "unresolved")
    assert found.evaluations < 250


def test_a_logarithm_beside_a_constant_is_a_kink_with_an_infinite_side() -> None:
    found = dk.derivative(lambda x: x * math.log(x) if x > 0.0 else 0.0, 0.0)
    assert (found.status, found.left, found.right) == ("kink", 0.0, -math.inf)
