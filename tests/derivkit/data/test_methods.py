"""The methods that stand beside `from_samples`: each is exact where its claim says so, and splines are SciPy's."""

from __future__ import annotations

import numpy as np
import pytest

from derivkit.data.methods import SAMPLED_METHODS, bandwidths, spline_slopes
from derivkit.testing import oracle
from derivkit.testing.signals import Signal

RNG = np.random.default_rng(3)
TIMES = {"even": np.linspace(0.0, 3.0, 40), "random": np.sort(RNG.uniform(0.0, 3.0, 40))}


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("name", SAMPLED_METHODS)
def test_every_method_gives_the_slope_of_a_straight_line(name: str, times: str) -> None:
    t = TIMES[times]
    slopes = SAMPLED_METHODS[name].call(t, 3.0 * t - 1.0)
    assert slopes.value == pytest.approx(np.full(t.size, 3.0), abs=1e-6)


def test_local_parabolas_are_exact_on_parabolas() -> None:
    t = TIMES["random"]
    assert SAMPLED_METHODS["local_quadratic"].call(t, t**2 - t).value == pytest.approx(2.0 * t - 1.0, abs=1e-9)


@pytest.mark.parametrize("name", SAMPLED_METHODS)
def test_methods_say_where_they_are_from_and_what_they_promise(name: str) -> None:
    assert SAMPLED_METHODS[name].name == name
    assert SAMPLED_METHODS[name].source
    assert SAMPLED_METHODS[name].claim


def test_the_rows_with_an_interval_are_the_smoothers() -> None:
    t = TIMES["even"]
    with_interval = {
        name for name, one in SAMPLED_METHODS.items() if one.call(t, np.sin(t) + 0.01 * t**2).error is not None
    }
    assert with_interval == {"from_samples", *(f"smoother_{order}" for order in (1, 2, 3, 4))}


def test_the_first_order_is_the_cubic_smoothing_spline_of_scipy() -> None:
    interpolate = pytest.importorskip("scipy.interpolate")
    t = TIMES["random"]
    y = np.sin(2.0 * t) + 0.1 * RNG.standard_normal(t.size)
    ours = spline_slopes(t, y)
    width = bandwidths(t.size)[::6]
    # the penalty of a bandwidth w in mean gaps h is w^3 h^3: the variance of the noise over that of the second slope
    penalty = (width * (t[-1] - t[0]) / (t.size - 1)) ** 3
    theirs = [interpolate.make_smoothing_spline(t, y, lam=lam)(t, nu=1) for lam in penalty]
    for spline, slope in list(zip(theirs, ours[:, ::6].T, strict=True))[1:5]:
        assert slope == pytest.approx(spline, abs=1e-3 * np.abs(spline).max())


def test_the_oracle_is_no_worse_than_any_smoothing_spline() -> None:
    wave = Signal(name="wave", kind="smooth", expression="sin(t)", start=0.0, end=6.0, samples=60, noise=0.1)
    sampled = wave.draw(0)
    errors = spline_slopes(sampled.t, sampled.y) - sampled.slope[:, None]
    assert oracle(sampled) == pytest.approx(np.sqrt((errors**2).mean(axis=0)).min())
    assert oracle(sampled) < 0.2
