"""Derivatives near a kink, a jump or the steps of a staircase: what is known is kept, or the bar covers what is not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import derivkit as dk
from derivkit.numerical import search, state
from derivkit.numerical.analysis import Analysis
from derivkit.numerical.state import Finding, State

Array = NDArray[np.float64]

KNOTS = np.arange(11.0)
TABLE = np.sin(KNOTS)


def table(x: Any) -> Any:
    """Between the knots 3 and 4, and 2 and 3, a straight line."""
    return np.interp(x, KNOTS, TABLE)


def tax(x: float) -> float:
    return 0.1 * x if x < 10000.0 else 1000.0 + 0.2 * (x - 10000.0)


def single_sine(x: Any) -> Any:
    return np.float32(np.sin(np.float32(x)))


class Case(NamedTuple):
    """A function, a point, the order, the derivative there, and whether it is to be known to a part in a thousand."""

    f: Callable[[Any], Any]
    x: float
    truth: float
    sharp: bool = True
    order: int = 1


CASES = {
    "a hinge beside its kink": Case(lambda x: max(x - 1.0, 0.0) + math.exp(x), 1.0 + 1e-6, 3.718284546742233),
    "a bracket of a tax": Case(tax, 10000.01, 0.2),
    "a table beside a knot": Case(table, 3.000001, float(TABLE[4] - TABLE[3])),
    "a hinge loss": Case(lambda x: max(0.0, 1.0 - x) + 0.01 * x * x, 1.0 - 3e-7, -1.0 + 0.02 * (1.0 - 3e-7)),
    "a pinball loss": Case(lambda x: max(0.3 * (x - 0.7), -0.7 * (x - 0.7)), 0.7 + 2e-6, 0.3),
    "an option": Case(lambda x: max(x - 105.0, 0.0) + x * x, 105.00002, 211.00004),
    "a clipped value": Case(lambda x: min(max(x, 0.0), 1.0) + x * x, 1.0 - 1e-6, 3.0 - 2e-6),
    "a sawtooth of period 1/2": Case(lambda x: x % 0.5, 3.00001, 1.0),
    "a line and steps": Case(lambda x: math.floor(4.0 * x) + x, 2.25001, 1.0, sharp=False),
    "a sawtooth": Case(lambda x: x % 1.0, 1.00001, 1.0),
    "a sawtooth before its fall": Case(lambda x: x % 1.0, 1.99999, 1.0),
    "exp and steps": Case(lambda x: math.floor(x) + math.exp(x), 2.00001, math.exp(2.00001)),
    "one jump": Case(lambda x: x if x < 1.0 else x + 1.0, 1.00003, 1.0),
    "a sine in float32": Case(single_sine, -0.9599999, 0.573520067991611, sharp=False),
    "the same elsewhere": Case(single_sine, -0.8294418203085687, 0.675287553221217, sharp=False),
    "a wave of small amplitude": Case(
        lambda x: x + 0.01 * math.sin(200.0 * x), -6.1669, 1.0 + 2.0 * math.cos(-1233.38)
    ),
    "a cube beside 1000 in float32": Case(
        lambda x: np.float32(1000) + np.float32(x) ** 3, 0.0210001, 0.00132301260003, sharp=False
    ),
    "cancellation": Case(lambda x: (1.0 - math.cos(x)) / x**2, 1e-7, -1e-7 / 12.0, sharp=False),
    "the same farther out": Case(lambda x: (1.0 - math.cos(x)) / x**2, 1e-6, -1e-6 / 12.0, sharp=False),
    "half of it": Case(lambda x: (1.0 - math.cos(x)) / x, 2e-8, 0.5, sharp=False),
    "a numerator that is frozen": Case(lambda x: (math.exp(x) - 1.0) / x, 1e-15, 0.5, sharp=False),
    "an exponential that cancels twice": Case(lambda x: (math.exp(x) - 1.0 - x) / x**2, 1e-9, 1.0 / 6.0, sharp=False),
    "cancellation of third order": Case(lambda x: (x - math.sin(x)) / x**3, 1e-6, -1e-6 / 60.0, sharp=False),
    "a parabola that cancels elsewhere": Case(
        lambda x: (1.0 - math.cos(x - 1.0)) / (x - 1.0) ** 2, 1.0 + 1e-6, -1e-6 / 12.0, sharp=False
    ),
}


BENT: dict[str, tuple[Callable[[float], float], float, int, tuple[float, float]]] = {
    "a cube on one side": (lambda x: max(x, 0.0) ** 3 + math.exp(x), 0.0, 3, (1.0, 7.0)),
    "its third derivative beside": (lambda x: max(x, 0.0) ** 3 + math.exp(x), 1e-8, 3, (1.0, 7.00000001)),
    "a fourth power": (lambda x: max(x - 1.0, 0.0) ** 4 + math.exp(x), 1.0, 4, (math.e, 24.0 + math.e)),
    "a spline at its knot": (
        lambda x: max(x - 4.0, 0.0) ** 3 + math.sin(x),
        4.0,
        3,
        (-math.cos(4.0), 6 - math.cos(4.0)),
    ),
    "Huber's loss": (lambda x: x * x / 2.0 if abs(x) <= 1.0 else abs(x) - 0.5, 1.0 - 1.58e-7, 2, (1.0, 0.0)),
    "the same on the other side": (lambda x: x * x / 2.0 if abs(x) <= 1 else abs(x) - 0.5, 1.0 + 1e-7, 2, (1.0, 0.0)),
    "a smooth step": (lambda x: (3.0 - 2.0 * x) * max(x, 0.0) ** 2 + math.cos(x), 5e-8, 2, (-1.0, 5.0)),
    "a fourth power beside": (lambda x: max(x, 0.0) ** 4 + math.cos(x), -1e-8, 4, (1.0, 25.0)),
    "a parabola on one side": (lambda x: max(x, 0.0) ** 2 + math.sin(x), 0.0, 2, (0.0, 2.0)),
}


LOGARITHMIC: dict[str, tuple[Callable[[float], float], float, dict[str, Any]]] = {
    "entropy": (lambda p: p * math.log(p) if p else 0.0, 0.0, {"domain": (0.0, 1.0)}),
    "entropy at its other end": (lambda p: (1 - p) * math.log(1 - p) if p < 1 else 0.0, 1.0, {"domain": (0.0, 1.0)}),
    "entropy on the right": (lambda p: p * math.log(p) if p else 0.0, 0.0, {"side": "right"}),
    "a divergence": (lambda p: p * math.log(p / 0.3) if p else 0.0, 0.0, {"domain": (0.0, 1.0)}),
    "both sides": (lambda x: x * math.log(abs(x)) if x else 0.0, 0.0, {}),
}


@pytest.mark.parametrize("name", LOGARITHMIC)
def test_a_slope_that_grows_with_the_logarithm_of_the_distance_has_no_value(name: str) -> None:
    f, x, given = LOGARITHMIC[name]
    assert dk.derivative(f, x, **given).status in ("unresolved", "vertical")


OFFSETS = (0.0, 5.0, -1e3, 1e6, 1e-8)
"""A constant beside f, below whose rounding the logarithm or power hides in small windows."""
LINES = (0.0, 2.0, -30.0)
"""The slope of a straight line beside f."""
ENDLESS: dict[str, Callable[[float], float]] = {
    "x log(x)": lambda t: t * math.log(t),
    "x log(x)^2": lambda t: t * math.log(t) ** 2,
    "sqrt(x) log(x)": lambda t: math.sqrt(t) * math.log(t),
    "x^0.9": lambda t: t**0.9,
}
"""Of the distance; their slopes have no limit."""
AT_REST: dict[str, Callable[[float], float]] = {
    "x/log(x)": lambda t: t / math.log(t) if t < 0.9 else 0.0,
    "x^1.1": lambda t: t**1.1,
    "x^(4/3)": lambda t: t ** (4.0 / 3.0),
    "x^1.5": lambda t: t**1.5,
    "x^2.5": lambda t: t**2.5,
    "x^2 log(x)": lambda t: t * t * math.log(t),
}
"""Their slopes have the limit 0, some of them slowly."""


def beside_a_line(g: Callable[[float], float], slope: float, offset: float, *, odd: bool) -> Callable[[float], float]:
    """g of the distance from 0 beside a straight line, on the right or as an odd function."""

    def f(x: float) -> float:
        if x < 0.0 and not odd:
            raise ValueError("x < 0")
        return (math.copysign(g(abs(x)), x) if x else 0.0) + slope * x + offset

    return f


@pytest.mark.parametrize("g", ENDLESS.values(), ids=ENDLESS)
def test_a_slope_without_limit_has_no_value_whatever_stands_beside_it(g: Callable[[float], float]) -> None:
    for offset, slope in itertools.product(OFFSETS, LINES):
        sided, odd = (beside_a_line(g, slope, offset, odd=odd) for odd in (False, True))
        found = [dk.derivative(sided, 0.0), dk.derivative(sided, 0.0, domain=(0.0, None)), dk.derivative(odd, 0.0)]
        assert {one.status for one in found} <= {"unresolved", "vertical"}, (offset, slope, found)


@pytest.mark.parametrize("g", AT_REST.values(), ids=AT_REST)
def test_a_slope_that_is_slow_to_come_to_rest_is_covered_or_unknown(g: Callable[[float], float]) -> None:
    for offset, slope in itertools.product(OFFSETS, LINES):
        found = dk.derivative(beside_a_line(g, slope, offset, odd=False), 0.0)
        assert found.status in ("one_sided", "below_resolution", "unresolved")
        assert not abs(found.value - slope) > found.error, (offset, slope, found)


@pytest.mark.parametrize("power", [1.5, 5.0 / 3.0, 2.5])
@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_beside_a_power_of_the_distance_the_slope_is_known(power: float, offset: float) -> None:
    for domain in (None, (0.0, None)):
        found = dk.derivative(beside_a_line(lambda t: t**power, 2.0, offset, odd=False), 0.0, domain=domain)
        assert found.status == "one_sided"
        assert abs(found.value - 2.0) <= found.error < 1e-3


def test_of_a_second_derivative_that_grows_so_no_digit_is_claimed() -> None:
    found = dk.derivative(lambda x: x * x * math.log(abs(x)) if x else 0.0, 0.0, 2)
    assert found.digits == 0.0


HIDDEN_KINKS: dict[str, tuple[float, float]] = {"abs": (-1.0, 1.0), "relu": (0.0, 1.0), "leaky": (0.5, 2.0)}
"""Slopes on the left and on the right of a kink."""


@pytest.mark.parametrize("name", HIDDEN_KINKS)
def test_a_kink_below_the_rounding_of_an_offset_is_within_the_bar(name: str) -> None:
    left, right = HIDDEN_KINKS[name]
    rng, missed = np.random.default_rng(5), 0
    for offset in 10.0 ** rng.uniform(8.0, 10.0, 60):
        x = float(rng.choice([-1.0, 1.0]) * 2.0**-52 * offset * 10.0 ** rng.uniform(-1.0, 1.0))
        found = dk.derivative(lambda t, offset=offset: offset + (right if t > 0.0 else left) * t, x)
        missed += abs(found.value - (right if x > 0.0 else left)) > found.error
    assert missed <= 1


LARGEST = {
    "exp": (math.exp, 708.0, 3.0233831442760550e307),
    "exp at the end": (math.exp, 709.5, math.exp(709.5)),
    "a constant": (lambda x: 1.7e308, 1.0, 0.0),
    "a wave": (lambda x: 1.7e308 * math.sin(x), 1.0, 1.7e308 * math.cos(1.0)),
    "a cube": (lambda x: 1e307 * x**3, 2.0, 1.2e308),
}


@pytest.mark.parametrize("name", LARGEST)
def test_values_near_the_largest_float_are_finite(name: str) -> None:
    f, x, truth = LARGEST[name]
    found = dk.derivative(f, x)
    assert found.status in ("ok", "below_resolution")
    assert abs(found.value - truth) <= found.error + np.spacing(abs(truth)) * 4.0
    assert found.error < 1e-12 * max(abs(truth), 1e308)


@pytest.mark.parametrize("name", BENT)
def test_a_kink_of_a_higher_derivative_is_told_by_its_sides(name: str) -> None:
    f, x, order, sides = BENT[name]
    found = dk.derivative(f, x, order)
    assert found.status == "kink"
    assert (found.left, found.right) == pytest.approx(sides, abs=1e-2)


def test_a_kink_of_a_derivative_that_was_not_the_first_is_within_its_bar() -> None:
    found = dk.derivatives(lambda x: max(x, 0.0) ** 3 + math.exp(x), 0.0, (1, 2, 3))
    assert abs(found[1].value - 1.0) <= found[1].error
    for side in (1.0, 7.0):
        assert not abs(found[3].value - side) > found[3].error


@pytest.mark.parametrize("order", [2, 3])
def test_a_kink_has_no_derivative_of_higher_order(order: int) -> None:
    found = dk.derivative(lambda x: max(x - 1.0, 0.0) + math.exp(x), 1.0, order)
    assert (found.status, found.message) == ("kink", "f has a kink: a lower derivative differs between its sides.")


def test_a_kink_that_is_higher_still_is_none() -> None:
    found = dk.derivative(lambda x: max(x - 1.0, 0.0) ** 3 + math.exp(x), 1.0 + 1e-6, 2)
    assert abs(found.value - (math.exp(1.0 + 1e-6) + 6e-6)) <= found.error < 0.1


def test_kinks_that_hide_in_rounding_are_lost_if_the_sides_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "STALLS", 0.0)
    monkeypatch.setattr(search, "VAGUE", math.inf)
    f, x, order, _ = BENT["a cube on one side"]
    assert dk.derivative(f, x, order).status == "ok"


@pytest.mark.parametrize("name", CASES)
def test_beside_a_break_the_derivative_is_within_its_bar(name: str) -> None:
    case = CASES[name]
    found = dk.derivative(case.f, case.x, case.order)
    assert abs(found.value - case.truth) <= found.error
    assert not case.sharp or found.error < 1e-3 * abs(case.truth)


def test_a_table_has_the_slope_of_its_piece_at_every_point() -> None:
    knots = np.linspace(0.0, 10.0, 3001)
    values = np.cos(knots)
    x = np.random.default_rng(3).uniform(0.01, 9.99, 400)
    found = dk.derivative(lambda v: np.interp(v, knots, values), x)
    piece = np.searchsorted(knots, x) - 1
    truth = np.diff(values)[piece] / np.diff(knots)[piece]
    known = np.isfinite(found.error)  # beside a knot a kink is said
    assert np.mean(known) > 0.98
    assert np.all(np.abs(found.value - truth)[known] <= found.error[known])


HINGED = {
    "kink": (lambda x: np.maximum(x - 1.0, 0.0) + np.exp(x), lambda x: (x > 1.0) + np.exp(x)),
    "jump": (lambda x: x % 1.0, np.ones_like),
}


@pytest.mark.parametrize("name", HINGED)
def test_at_all_distances_from_a_break_the_derivative_is_within_its_bar(name: str) -> None:
    f, slope = HINGED[name]
    away = np.logspace(-12.0, -1.0, 56)
    x = np.concatenate([1.0 - away[::-1], 1.0 + away])
    found = dk.derivative(f, x)
    known = np.isfinite(found.error)
    assert np.all(np.abs(found.value - slope(x))[known] <= found.error[known])
    assert np.mean(known & (found.error < 1e-3)) > 0.5


# The law


def one(value: float, error: float) -> Finding:
    return Finding(*(np.full((1, 1), v) for v in (value, error)), *np.zeros((2, 1)))


def test_a_known_answer_is_not_replaced_by_one_that_contradicts_it_unless_the_bar_covers_both() -> None:
    found, here = State(1, (1,), state.Limits()), np.zeros(1, dtype=np.intp)
    found.known[:], found.known_error[:] = 1.0, 1e-15
    found.replace(here, one(0.0, 0.1), dk.Status.NOISY)
    assert found.error[0, 0] >= 1.0
    # also when the answer that stands in between covers it
    found.replace(here, one(0.01, 0.05), dk.Status.NOISY)
    assert found.error[0, 0] >= 0.99


def seen(value: float, error: float) -> Analysis:
    """What a window tells that is smooth, as far as it is recorded."""
    numbers = dict.fromkeys(Analysis._fields, np.ones(1)) | {"flat": np.zeros(1, dtype=bool)}
    return Analysis(**numbers)._replace(value=np.full((1, 1), value), error=np.full((1, 1), error))


MAGNITUDES = st.floats(-1e3, 1e3)
BARS = st.floats(1e-12, 1e3)


@given(st.lists(st.tuples(MAGNITUDES, BARS), min_size=1, max_size=6))
def test_whatever_windows_are_recorded_the_bar_covers_the_answer_that_it_replaces(
    windows: list[tuple[float, float]],
) -> None:
    found, here, all_ = State(1, (1,), state.Limits()), np.zeros(1, dtype=np.intp), np.ones(1, dtype=bool)
    for value, error in windows:
        before, bar = found.value.item(), found.error.item()
        found.record(here, seen(value, error), all_, np.ones(1))
        now, wide = found.value.item(), found.error.item()
        assert (now, wide) == (before, bar) or now == value
        # where the bars do not meet, the new one reaches to the end of the old one
        assert not math.isfinite(bar) or abs(now - before) <= error + bar or wide >= abs(now - before) + bar


def test_a_record_that_forgets_the_law_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "covering", lambda value, error, before, bar: error)
    with pytest.raises(AssertionError):
        test_whatever_windows_are_recorded_the_bar_covers_the_answer_that_it_replaces()


def staircase(x: float) -> float:
    """A sine on steps of 2e-6: its slope within a step is cos(x), and over many steps 1 + cos(x)."""
    return (x + 1e10) - 1e10 + math.sin(x)


def test_of_a_staircase_the_bar_covers_both_slopes() -> None:
    found = dk.derivative(staircase, 0.3)
    for slope in (math.cos(0.3), 1.0 + math.cos(0.3)):
        assert abs(found.value - slope) <= found.error


def test_without_the_law_what_is_known_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "covering", lambda value, error, before, bar: error)
    found = dk.derivative(staircase, 0.3)
    assert found.error < abs(found.value - math.cos(0.3))


def _spline(knots: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[Callable[[float], float], ...]:
    """The cubic spline through some values, whose third derivative is continuous at the first and last inner knot, and
    its first two derivatives.
    """
    h, n = knots[1] - knots[0], knots.size
    system, right = np.zeros((n, n)), np.zeros(n)
    for k in range(1, n - 1):
        system[k, k - 1 : k + 2] = h / 6.0, 2.0 * h / 3.0, h / 6.0
        right[k] = (values[k + 1] - 2.0 * values[k] + values[k - 1]) / h
    system[0, :3] = system[-1, -3:] = 1.0, -2.0, 1.0
    bends = np.linalg.solve(system, right)

    def piece(x: float) -> tuple[int, float, float]:
        k = min(max(int(np.searchsorted(knots, x, side="right")) - 1, 0), n - 2)
        return k, x - knots[k], (bends[k + 1] - bends[k]) / h

    def slope_at(k: int) -> float:
        return float((values[k + 1] - values[k]) / h - h * (2.0 * bends[k] + bends[k + 1]) / 6.0)

    def f(x: float) -> float:
        k, t, third = piece(x)
        return float(values[k] + t * (slope_at(k) + t * (0.5 * bends[k] + t * third / 6.0)))

    def first(x: float) -> float:
        k, t, third = piece(x)
        return float(slope_at(k) + t * (bends[k] + 0.5 * t * third))

    def second(x: float) -> float:
        k, t, third = piece(x)
        return float(bends[k] + t * third)

    return f, first, second


def test_a_spline_has_its_own_derivatives_beside_and_between_its_knots() -> None:
    knots = np.linspace(-3.0, 3.0, 31)
    f, first, second = _spline(knots, np.cos(knots))
    assert first(0.63) == pytest.approx(-0.58918976071666451, rel=1e-12)
    assert second(0.7800001) == pytest.approx(-0.711937918617, rel=1e-10)
    points = [0.63, 0.7800001, *np.linspace(-2.9, 2.9, 200).tolist(), *(knots[5:25:4] + 1e-7).tolist()]
    for x in points:
        slope, bend = dk.derivative(f, x), dk.derivative(f, x, 2)
        assert slope.status in ("ok", "multiscale")
        assert abs(slope.value - first(x)) <= slope.error + 4e-15
        assert bend.status == "kink" or abs(bend.value - second(x)) <= bend.error + 4e-15
