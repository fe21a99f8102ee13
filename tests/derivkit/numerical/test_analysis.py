"""The analysis of a window, against exact derivatives of polynomials, planted noise, and what theory says of scales."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray

from derivkit.numerical import analysis
from derivkit.numerical.analysis import Analysis, analyse, analyse_one
from derivkit.numerical.scales import FULL, LOOK, PLAIN
from derivkit.numerical.state import TARGET
from derivkit.numerical.windows import HIGHEST, RATIO, SMOOTH, Window, Windows, window
from derivkit.types import EPS

Array = NDArray[np.float64]

WINDOWS = {
    "full": window(FULL, (1, -1)),
    "look": window(LOOK, (1, -1)),
    "plain": window(PLAIN, (1, -1)),
    "right": window((0, 1, 2, 3, 4, 5, 7, 9), (1,)),
    "left": window((0, 1, 2, 3, 4, 5, 7, 9), (-1,)),
}
ORDERS = range(1, HIGHEST + 1)
FULL_WINDOW = WINDOWS["full"]


@pytest.fixture(params=WINDOWS.values(), ids=WINDOWS.keys())
def win(request: pytest.FixtureRequest) -> Window:
    found: Window = request.param
    return found


def weights(win: Window, order: int) -> Array:
    """From values less that at 0 to estimates by degree, shape ``(m + 1, m)``."""
    return np.cumsum(win.basis * win.at_zero[order][:, None], axis=0)


def largest_sums(win: Window, order: int) -> Array:
    """What rounding is a part of in `weights`: the same of absolute numbers."""
    return np.cumsum(np.abs(win.basis * win.at_zero[order][:, None]), axis=0)


def looked(
    win: Window,
    values: Array,
    *,
    centre: float = 0.0,
    top: float = 1.0,
    moved: Array | None = None,
    orders: tuple[int, ...] = (1,),
    hint: float | None = None,
) -> Analysis:
    """The analysis of values of shape ``(m, n)`` around 0."""
    n = values.shape[1]
    return analyse(
        win.alone,
        values,
        np.full(n, centre),
        np.full(n, top),
        moved=np.zeros_like(values) if moved is None else moved,
        orders=orders,
        target=TARGET,
        hint=None if hint is None else np.full(n, hint),
    )


# The window


def test_the_two_sides_are_never_at_the_same_distance() -> None:
    for name in ("full", "look", "plain"):
        nodes = WINDOWS[name].nodes
        right, left = nodes[nodes > 0.0], -nodes[nodes < 0.0]
        apart = np.abs(left / right - 1.0)
        assert np.all((apart > 1e-8) & (apart < 1e-5))


def test_the_nodes_are_a_geometric_grid_whose_ratio_is_no_power_of_two() -> None:
    exponents = np.log(WINDOWS["right"].nodes) / -math.log(RATIO)
    np.testing.assert_allclose(exponents, np.round(exponents), atol=1e-12)
    assert abs(math.log2(RATIO) - round(math.log2(RATIO))) > 0.1


def test_the_polynomials_are_orthonormal(win: Window) -> None:
    both = np.column_stack([win.at_zero[0], win.basis])  # 0 is a node too
    np.testing.assert_allclose(both @ both.T, np.eye(len(both)), atol=len(both) * EPS)


def misses(win: Window, operator: Array, order: int) -> tuple[Array, Array]:
    """By how much the estimate of each degree misses the derivative of t^k, shape ``(degrees, k)``; and its rounding.

    Nodes, polynomials, their derivatives and two sums are rounded: all of it by 2 m + k + 2 units of each term at most.
    Polynomials of norm 1 are made orthogonal in long double, which leaves m of its units.
    """
    k = np.arange(1, len(win.nodes) + 1)
    powers = win.nodes[:, None] ** k
    error = operator @ powers - np.where(k == order, math.factorial(order), 0.0)
    rounding = (2 * len(win.nodes) + 2 + k) * EPS * (largest_sums(win, order) @ np.abs(powers))
    made = len(win.nodes) * float(np.finfo(np.longdouble).eps) * np.cumsum(np.abs(win.at_zero[order]))
    return np.abs(error), rounding + np.outer(made, np.abs(powers).sum(axis=0))


@pytest.mark.parametrize("order", ORDERS)
def test_an_estimate_is_exact_up_to_its_degree(win: Window, order: int) -> None:
    error, rounding = misses(win, weights(win, order), order)
    for degree in range(order, len(win.nodes) + 1):
        assert np.all(error[degree, :degree] <= rounding[degree, :degree])


@pytest.mark.parametrize("order", ORDERS)
def test_an_estimate_is_not_exact_beyond_its_degree(win: Window, order: int) -> None:
    error, _ = misses(win, weights(win, order), order)
    for degree in range(order, len(win.nodes)):
        # t^(d+1) is its leading coefficient times the next polynomial, and what is of degree d
        powers = win.nodes ** (degree + 1)
        leading = 1.0 / (win.basis[degree + 1] @ powers)
        missed = np.abs(win.at_zero[order][degree + 1] / leading)
        rounding = 10 * len(win.nodes) * EPS * largest_sums(win, order)[degree + 1] @ np.abs(powers)
        assert abs(error[degree, degree] - missed) <= rounding
        if not win.two_sided or (degree + 1 - order) % 2 == 0:  # else there is nothing but the twist
            assert missed > 100.0 * rounding


def test_a_polynomial_that_is_off_by_a_billionth_is_caught() -> None:
    operator = weights(FULL_WINDOW, 1).copy()
    operator[3, 0] *= 1.0 + 1e-9
    error, rounding = misses(FULL_WINDOW, operator, 1)
    assert np.any(error[3, :3] > rounding[3, :3])


@pytest.mark.parametrize("order", ORDERS)
def test_the_gain_is_the_norm_of_all_weights(win: Window, order: int) -> None:
    found = weights(win, order)
    # a constant has no slope, so that f(0) has the weight of all others with the sign changed
    norm = np.sqrt((found**2).sum(axis=1) + found.sum(axis=1) ** 2)
    rounding = 2 * len(found) * EPS * largest_sums(win, order).sum(axis=1)
    assert np.all(np.abs(win.gains[order] - norm) <= rounding)


@pytest.mark.parametrize("order", ORDERS)
def test_no_exact_estimate_suffers_less_from_noise(win: Window, order: int) -> None:
    """Of all weights that are exact up to a degree, those of least squares have the least norm; LAPACK finds it."""
    chebyshev = np.polynomial.chebyshev
    nodes = np.concatenate([[0.0], win.nodes])
    for degree in range(order, min(len(nodes), 8)):
        exact = chebyshev.chebvander(nodes, degree).T
        wanted = [chebyshev.chebval(0.0, chebyshev.chebder(unit, order)) for unit in np.eye(degree + 1)]
        least = np.linalg.norm(np.linalg.lstsq(exact, np.array(wanted), rcond=None)[0])
        bound = len(nodes) * np.linalg.cond(exact) * EPS
        assert win.gains[order][degree] == pytest.approx(float(least), rel=float(bound))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("degree", [3, 6, 9])
def test_the_gain_is_the_standard_deviation_under_noise(order: int, degree: int) -> None:
    count = 20_000
    noise = np.random.default_rng([order, degree]).standard_normal((len(FULL_WINDOW.nodes) + 1, count))
    estimates = weights(FULL_WINDOW, order)[degree] @ (noise[1:] - noise[0])
    # the variance of count normal numbers is known to sqrt(2 / count) of it
    assert np.mean(estimates**2) / FULL_WINDOW.gains[order][degree] ** 2 == pytest.approx(
        1.0, abs=5.0 * math.sqrt(2.0 / count)
    )


def test_slopes_at_the_nodes_are_those_of_polynomials(win: Window) -> None:
    k = np.arange(1, min(SMOOTH, len(win.nodes)) + 1)
    powers = win.nodes[:, None] ** k
    rounding = (len(win.nodes) + k) * EPS * (np.abs(win.slopes) @ np.abs(powers))
    assert np.all(np.abs(win.slopes @ powers - k * win.nodes[:, None] ** (k - 1)) <= rounding)
    at_zero = np.abs(win.slope_at_zero @ powers - (k == 1))
    assert np.all(at_zero <= (len(win.nodes) + k) * EPS * (np.abs(win.slope_at_zero) @ np.abs(powers)))


def test_a_straight_line_has_two_coefficients(win: Window) -> None:
    found = win.basis @ win.nodes
    np.testing.assert_allclose(found[:2], win.line, atol=len(win.nodes) * EPS)
    np.testing.assert_allclose(found[2:], 0.0, atol=len(win.nodes) * EPS)


# Noise

SIGMA = 1e-6
POINTS = 4000
NOISE = np.random.default_rng(7).standard_normal((len(FULL_WINDOW.nodes) + 1, POINTS)) * SIGMA
BEGINS = 7
"""Degree at which nothing but noise is left of what has coefficients of 1 before it."""
SIX = (FULL_WINDOW.basis[1:BEGINS] - FULL_WINDOW.at_zero[0][1:BEGINS, None]).sum(axis=0)
SLOPE_OF_SIX = float(FULL_WINDOW.at_zero[1][1:BEGINS].sum())


def in_noise(f: Array, noise: Array) -> Analysis:
    """f at the nodes, with noise that is added to it and to f(0) = 0."""
    return looked(FULL_WINDOW, f[:, None] + noise[1:] - noise[0])


def joins(n: int) -> float:
    """Probability that a coefficient joins a plateau of n: their ratio is Student's t of n degrees of freedom."""
    refused = mpmath.betainc(n / 2, 0.5, 0, n / (n + analysis.ABSORB**2), regularized=True)
    return 1.0 - float(refused)


def near(part: float, probability: float) -> bool:
    """Whether a part of all points is within 4 standard deviations of its probability."""
    return abs(part - probability) < 4.0 * math.sqrt(probability * (1.0 - probability) / POINTS)


def test_the_plateau_begins_where_truncation_meets_noise() -> None:
    found = in_noise(SIX, NOISE)
    last = len(SIX) + 1 - BEGINS
    assert np.all(found.first >= BEGINS)
    assert near(float(np.mean(found.first == BEGINS)), math.prod(joins(n) for n in range(analysis.SPARE, last)))
    # a plateau whose last two coefficients happen to be tiny is doubted
    assert np.mean(found.resolved[found.first == BEGINS]) > 0.99


def outside_of_chi_square(found: Analysis, sigma: float) -> float:
    """Which part of the noise that was measured lies outside of what is expected in 99 % of all cases."""
    right = found.first == BEGINS
    n = len(SIX) + 1 - BEGINS
    tails = [
        float(mpmath.gammainc(n / 2, 0, n * (noise / sigma) ** 2 / 2.0, regularized=True))
        for noise in found.noise[right].tolist()
    ]
    return float(np.mean([not 0.005 < tail < 0.995 for tail in tails]))


def test_planted_noise_is_measured() -> None:
    """Whether coefficients join depends on their ratios, of which the sum of their squares is independent."""
    assert near(outside_of_chi_square(in_noise(SIX, NOISE), SIGMA), 0.01)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_noise_that_is_told_wrong_by_a_quarter_is_caught(factor: float) -> None:
    assert not near(outside_of_chi_square(in_noise(SIX, NOISE), factor * SIGMA), 0.01)


def test_bars_in_white_noise_cover_its_effect_and_are_of_its_size() -> None:
    found = in_noise(SIX, NOISE)
    error = np.abs(found.value[0] - SLOPE_OF_SIX)
    assert np.mean(error <= found.error[0]) > 0.995
    deviation = SIGMA * FULL_WINDOW.gains[1][BEGINS + 1]
    assert 2.0 * deviation < np.median(found.error[0]) < analysis.STUDENT[analysis.SPARE] * deviation


def test_bars_without_their_safety_do_not_cover(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "SAFETIES", np.full(len(analysis.SAFETIES), 0.3))
    monkeypatch.setattr(analysis, "STUDENT", np.full(len(analysis.STUDENT), 0.3))
    found = in_noise(SIX, NOISE)
    assert np.mean(np.abs(found.value[0] - SLOPE_OF_SIX) <= found.error[0]) < 0.9


def test_nothing_but_noise_is_seen_as_such() -> None:
    found = in_noise(np.zeros_like(SIX), NOISE)
    # three degrees are left for a slope and a bend
    probability = math.prod(joins(n) for n in range(analysis.SPARE, len(SIX) + 1 - analysis.SPARE))
    assert near(float(np.mean(found.white & ~found.resolved)), probability)
    assert not np.any(in_noise(SIX, NOISE).white)


def test_a_constant_is_flat_and_its_slope_is_0_within_rounding(win: Window) -> None:
    found = looked(win, np.full((len(win.nodes), 1), 3.0), centre=3.0, top=0.5)
    assert found.flat[0]
    assert found.value[0, 0] == 0.0
    assert 0.0 < found.error[0, 0] < 100.0 * 3.0 * EPS / 0.5 * win.gains[1][-1]


def test_noise_by_somebody_who_knows_is_the_least_that_is_believed() -> None:
    values = np.expm1(FULL_WINDOW.nodes)[:, None]
    plain, told = looked(FULL_WINDOW, values), looked(FULL_WINDOW, values, hint=1e-4)
    assert told.noise[0] >= 1e-4 > plain.noise[0]
    assert told.error[0, 0] > 100.0 * plain.error[0, 0]


@pytest.mark.parametrize("power", [-1000, -400, 400, 900])
def test_the_unit_of_the_values_does_not_matter(power: int) -> None:
    values = np.sin(FULL_WINDOW.nodes + 0.5)[:, None]
    plain = looked(FULL_WINDOW, values, centre=math.sin(0.5), orders=(1, 2))
    scaled = looked(FULL_WINDOW, np.ldexp(values, power), centre=math.ldexp(math.sin(0.5), power), orders=(1, 2))
    np.testing.assert_array_equal(np.ldexp(plain.value, power), scaled.value)
    # among the least of all numbers the bar grows by their spacing
    np.testing.assert_allclose(np.ldexp(scaled.error, -power), plain.error, rtol=1e-9 if power > -1000 else 1e-3)
    np.testing.assert_allclose(plain.scale, scaled.scale, rtol=1e-9 if power > -1000 else 1e-3)


# The scale


def series(win: Window, taylor: Array, size: float) -> Array:
    """A Taylor series without its constant at the nodes of a window of that size."""
    k = np.arange(1, len(taylor) + 1)
    return (size * win.nodes[:, None]) ** k @ taylor


def foreseen(taylor: Array, size: float) -> float:
    """The best size of a window, as foreseen from one of another size."""
    return size * float(looked(FULL_WINDOW, series(FULL_WINDOW, taylor, size)[:, None], top=size, centre=0.0).scale[0])


def best(taylor: Array, noise: float) -> float:
    """The size at which the coefficient at the target degree, computed from the series itself, meets the noise."""
    low, high = 1e-6, 1e3
    row = FULL_WINDOW.basis[[int(TARGET), int(TARGET) - 1]]
    for _ in range(100):
        middle = math.sqrt(low * high)
        size = np.abs(row @ series(FULL_WINDOW, taylor, middle)).max()
        low, high = (middle, high) if size < noise else (low, middle)
    return low


K = np.arange(1, 60)
SERIES = {
    "geometric, poles at 1": np.ones(59),
    "geometric, poles at 30": 30.0**-K,
    "exp(x)": np.array([1.0 / math.factorial(int(k)) for k in K]),
    "sin(5x)": np.array([5.0 ** int(k) * math.sin(k * math.pi / 2) / math.factorial(int(k)) for k in K]),
}


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("part", [0.2, 0.4, 0.7, 1.0])
def test_the_scale_is_foreseen_from_windows_smaller_than_the_best(name: str, part: float) -> None:
    taylor = SERIES[name]
    # rounding is 0.1 to 1 eps of the values, sqrt(10)^(1/9) = 1.14 of the scale; that pairs of degrees are taken half
    # a degree off costs eps^(1/18 / 9) = 1.25 of it; the rest is for the rate of fall, which a look can only sample
    size = best(taylor, 0.3 * EPS * abs(series(FULL_WINDOW, taylor, best(taylor, 1e-16))).max())
    assert size / 2.0 <= foreseen(taylor, part * size) <= 2.0 * size


def test_a_scale_that_is_off_by_five_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    taylor = SERIES["exp(x)"]
    before = foreseen(taylor, 0.5)
    honest = analysis._best_scale

    def off(*args: Any, **kwargs: Any) -> Any:
        scale, stall = honest(*args, **kwargs)
        return 5.0 * scale, stall

    monkeypatch.setattr(analysis, "_best_scale", off)
    assert foreseen(taylor, 0.5) == 5.0 * before
    size = best(taylor, 0.3 * EPS * abs(series(FULL_WINDOW, taylor, best(taylor, 1e-16))).max())
    assert not size / 2.0 <= foreseen(taylor, 0.5) <= 2.0 * size


# Nodes that rounding moved

FAR_X = 1e10


def moved_nodes(size: float) -> Array:
    """By how much rounding at 1e10 moves the nodes of a window of that size, in units of it, shape ``(m, 1)``."""
    steps = size * FULL_WINDOW.nodes
    return (((FAR_X + steps) - FAR_X) - steps)[:, None] / size


TAYLOR = np.array([1.0 / math.factorial(k) for k in range(1, SMOOTH + 1)])


def polynomial(t: Array) -> Array:
    return np.asarray(t[..., None] ** np.arange(1, SMOOTH + 1) @ TAYLOR)


@pytest.mark.parametrize("size", [0.05, 0.3, 20.0])
def test_values_are_moved_back_to_where_the_nodes_were_meant(size: float) -> None:
    nodes, moved = FULL_WINDOW.nodes[:, None], moved_nodes(size)
    back = analysis._moved_back(FULL_WINDOW.alone, polynomial(nodes + moved), moved)
    # slopes and bends of a polynomial of degree SMOOTH are exact, so that only third derivatives are left, of which
    # |f'''| <= e on the window; the slopes multiply rounding, and the movement divides it
    lost = np.abs(moved).max()
    rounding = 4.0 * EPS * (math.e + lost * np.abs(FULL_WINDOW.slopes).sum(axis=1).max() * math.e)
    left = np.abs(back - polynomial(nodes))
    assert np.all(left <= lost**3 * math.e * (1.0 + np.abs(FULL_WINDOW.slopes).sum(axis=1).max()) + rounding)
    assert np.all(left.max() < 1e-3 * np.abs(polynomial(nodes + moved) - polynomial(nodes)).max())


def test_values_moved_the_wrong_way_are_caught() -> None:
    nodes, moved = FULL_WINDOW.nodes[:, None], moved_nodes(0.3)
    wrong = analysis._moved_back(FULL_WINDOW.alone, polynomial(nodes + moved), -moved)
    assert np.abs(wrong - polynomial(nodes)).max() > 0.5 * np.abs(moved).max()


def test_a_derivative_at_ten_thousand_million_knows_where_f_was_asked() -> None:
    size = 0.3
    moved = moved_nodes(size)
    values = np.sin(size * (FULL_WINDOW.nodes[:, None] + moved))
    found = looked(FULL_WINDOW, values, top=size, moved=size * moved)
    assert abs(found.value[0, 0] - 1.0) <= found.error[0, 0] < 1e-10
    ignored = looked(FULL_WINDOW, values, top=size)
    assert abs(ignored.value[0, 0] - 1.0) > 1e-9


# Side by side, and alone

SIDE_BY_SIDE = [window(exponents, (1, -1)) for exponents in (FULL, (0, 1, 3, 4, 5, 6), (0, 2, 4, 6, 8, 10), FULL)]


def same(one: Analysis, other: Analysis) -> bool:
    """To the bit."""
    pairs = zip(one, other, strict=True)
    return all(np.array_equal(np.ravel(a), np.ravel(b), equal_nan=np.asarray(a).dtype.kind == "f") for a, b in pairs)


def waves(count: int, seed: int = 0) -> tuple[Array, Array, Array]:
    """Values on a window with as many nodes as FULL, those at 0, and tops, of waves with some noise."""
    draw = np.random.default_rng(seed)
    top = 10.0 ** draw.uniform(-3.0, 1.0, count)
    noise = draw.choice([0.0, 1e-9, 1e-3], count) * draw.standard_normal((len(FULL_WINDOW.nodes), count))
    return np.sin(0.7 + top * FULL_WINDOW.nodes[:, None]) + noise, np.full(count, math.sin(0.7)), top


@pytest.mark.parametrize("orders", [(1,), (2, 1)])
def test_windows_side_by_side_tell_what_each_of_them_tells_alone(orders: tuple[int, ...]) -> None:
    counts = [5, 2, 40, 3]
    values, centre, top = waves(sum(counts))
    given = {"orders": orders, "target": TARGET, "moved": np.full(values.shape, 1e-17)}
    together = analyse(Windows(tuple(SIDE_BY_SIDE), counts), values, centre, top, **given)
    start = 0
    for win, count in zip(SIDE_BY_SIDE, counts, strict=True):
        run = slice(start, start + count)
        given["moved"] = np.full((len(values), count), 1e-17)
        alone = analyse(win.alone, values[:, run], centre[run], top[run], **given)
        assert same(together.take(run), alone)
        start += count


@pytest.mark.parametrize("size", [0.0, 1e-200, 1e200])
def test_what_a_window_tells_does_not_depend_on_how_large_f_is_elsewhere(size: float) -> None:
    values, centre, top = waves(400)
    given = {"orders": (1,), "target": TARGET}
    alone = analyse(FULL_WINDOW.alone, values, centre, top, moved=np.full(values.shape, 1e-17), **given)
    wide, beside = np.pad(values, ((0, 0), (0, 2)), constant_values=size), np.pad(centre, (0, 2), constant_values=size)
    tops, moved = np.pad(top, (0, 2), constant_values=1.0), np.full(wide.shape, 1e-17)
    with np.errstate(invalid="ignore"):  # as a search has it: where f is 0 there is nothing to compare
        among = analyse(FULL_WINDOW.alone, wide, beside, tops, moved=moved, **given)
    assert same(among.take(slice(400)), alone)


def test_windows_of_some_of_the_points_are_those_of_all() -> None:
    windows = Windows(tuple(SIDE_BY_SIDE), [5, 2, 40, 3])
    for block in (slice(4), slice(3, 8), slice(6, 50)):
        for name in ("nodes", "span"):
            expected = windows.table(name)[..., block]
            assert np.array_equal(np.broadcast_to(windows.within(block).table(name), expected.shape), expected)


@pytest.mark.parametrize("hint", [0.0, 1e-4])
def test_one_point_tells_in_plain_numbers_what_it_tells_in_an_array(hint: float) -> None:
    values, centre, top = waves(200, seed=1)
    for k in range(top.size):
        column, moved = values[:, k : k + 1], np.full((len(values), 1), 1e-17)
        given = {"moved": moved, "target": TARGET}
        array = analyse(
            FULL_WINDOW.alone,
            column,
            centre[:1],
            top[k : k + 1],
            orders=(1,),
            hint=np.full(1, hint),
            still=False,
            **given,
        )
        number = analyse_one(FULL_WINDOW.alone, column, centre[0].item(), top[k].item(), hint=hint, **given)
        assert number is not None
        for name in ("scale", "gain", "stall"):  # by logarithms, which NumPy and libm round apart
            assert getattr(number, name) == pytest.approx(getattr(array, name).item(), rel=1e-13)
        rest = dict.fromkeys(("scale", "gain", "stall", "still"), 0.0)
        assert same(array._replace(**rest), number._replace(**rest))


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e200, 0.0])
def test_one_point_out_of_the_range_of_plain_numbers_is_left_to_arrays(value: float) -> None:
    values = np.full((len(FULL_WINDOW.nodes), 1), value)
    nothing = np.zeros(values.shape)
    assert analyse_one(FULL_WINDOW.alone, values, value, 1.0, moved=nothing, target=TARGET, hint=0.0) is None
