"""The fifty functions of several variables: their truths beside two witnesses that share no code with them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import mpmath
import numpy as np
import pytest

from derivkit.testing import LANDSCAPES, Landscape

COMPLEX = {**vars(np), "gamma": lambda z: complex(mpmath.gamma(z))}
SMALL = [landscape for landscape in LANDSCAPES if landscape.size <= 4]


def written(landscape: Landscape, x: Any, names: dict[str, Any]) -> Any:
    """The formula as Python reads it."""
    values = {f"x{k}": value for k, value in enumerate(x)}
    return sum(eval(term.replace("^", "**"), names, values) for term in landscape.write(landscape.size))


def test_there_are_fifty_functions_of_2_to_50_variables_with_names_of_their_own() -> None:
    assert max(Counter(landscape.name for landscape in LANDSCAPES).values()) == 1
    sizes = [landscape.size for landscape in LANDSCAPES]
    assert (len(sizes), min(sizes), max(sizes)) == (50, 2, 50)


@pytest.mark.parametrize("landscape", LANDSCAPES, ids=lambda landscape: landscape.name)
def test_gradients_are_those_of_a_complex_step(landscape: Landscape) -> None:
    """It rounds each entry by some ulp for each operation that x goes through, 300 of them at a phase of 300."""
    (x,) = landscape.drawn(1, seed=3)
    steps = x + 1e-30j * np.eye(x.size) * np.abs(x)
    expected = np.array([written(landscape, step, COMPLEX).imag for step in steps]) / (1e-30 * np.abs(x))
    found = landscape.gradient(x)
    scaled = np.max(np.abs(found.value * x))
    np.testing.assert_allclose(found.value * x, expected * x, rtol=0.0, atol=1e-12 * scaled)
    assert np.all(found.error <= np.spacing(np.abs(found.value)))
    np.testing.assert_allclose(landscape(x), written(landscape, x, COMPLEX), rtol=1e-13, atol=1e-11)


@pytest.mark.parametrize("landscape", SMALL, ids=lambda landscape: landscape.name)
def test_gradients_and_hessians_are_those_of_mpmath_to_the_last_digit(landscape: Landscape) -> None:
    (x,) = landscape.drawn(1, seed=4)

    def slope(*entries: int) -> float:
        with mpmath.workdps(60):
            order = tuple(entries.count(k) for k in range(x.size))
            at = tuple(mpmath.mpf(value) for value in x.tolist())
            return float(mpmath.diff(lambda *p: written(landscape, p, vars(mpmath)), at, order))

    gradient, hessian = landscape.gradient(x), landscape.hessian(x)
    np.testing.assert_allclose(gradient.value, [slope(k) for k in range(x.size)], rtol=1e-13, atol=0.0)
    for j in range(x.size):
        np.testing.assert_allclose(hessian.value[0, j], slope(0, j), rtol=1e-13, atol=1e-30)
    np.testing.assert_array_equal(hessian.value, hessian.value.T)


def test_points_depend_on_the_seed_and_the_name_and_lie_in_the_scaled_box() -> None:
    landscape = next(one for one in LANDSCAPES if one.name == "mixed_scales")
    points = landscape.drawn(5, seed=0)
    assert points.shape == (5, 3)
    assert np.array_equal(points, landscape.drawn(5, seed=0))
    assert not np.array_equal(points, landscape.drawn(5, seed=1))
    assert np.all((points >= np.array([0.2e-8, 0.2, 0.2e5])) & (points <= np.array([1.5e-8, 1.5, 1.5e5])))
