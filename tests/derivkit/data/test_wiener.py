"""The smoother against a dense solution of the same model, and against its mirror image."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from derivkit.data.wiener import Nodes, mirrored, motion, run_backwards, run_forwards, smooth
from derivkit.types import Array

ORDERS = (1, 2, 3, 4)
LEGENDRE = np.polynomial.legendre.leggauss(12)
"""Exact for the polynomials of degree up to 23 that the kernels integrate."""


def kernel(a: Array, b: Array, q: int, i: int = 0, j: int = 0) -> Array:
    """Covariances of the i-th and j-th derivatives of an integrated Wiener process that is 0 at 0."""
    points, weights = LEGENDRE
    least = 0.5 * np.minimum(a[:, None], b[None, :])[..., None]
    u = least * (points + 1.0)
    left = (a[:, None, None] - u) ** (q - i) / factorial(q - i)
    right = (b[None, :, None] - u) ** (q - j) / factorial(q - j)
    return np.asarray((left * right * least * weights).sum(axis=-1))


def powers(t: Array, q: int, derivative: int) -> Array:
    return np.stack(
        [t ** (k - derivative) / factorial(k - derivative) if k >= derivative else 0.0 * t for k in range(q + 1)],
        axis=1,
    )


def dense(t: Array, y: Array, at: Array, q: int) -> tuple[Array, Array]:
    """Mean and variance of the derivative at times, by a matrix of all samples with a polynomial that is unknown."""
    t, at = t - t.min() + 1.0, at - t.min() + 1.0
    inverse = np.linalg.inv(kernel(t, t, q) + np.eye(t.size))
    basis, wanted = powers(t, q, 0), powers(at, q, 1)
    spread = np.linalg.inv(basis.T @ inverse @ basis)
    start = spread @ (basis.T @ inverse @ y)
    cross = kernel(at, t, q, 1, 0)
    left = wanted - cross @ inverse @ basis
    mean = wanted @ start + cross @ inverse @ (y - basis @ start)
    return mean, np.diag(kernel(at, at, q, 1, 1) - cross @ inverse @ cross.T + left @ spread @ left.T)


def record(count: int, seed: int = 0) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    t = np.cumsum(generator.uniform(0.1, 0.4, count))
    return t, 3.0 * np.sin(t) + generator.standard_normal(count)


@pytest.mark.parametrize("q", ORDERS[:3])
def test_the_states_are_those_of_a_dense_solution_between_samples_too(q: int) -> None:
    t, y = record(50)
    at = np.array([t[0] + 0.02, t[1] + 0.05, t[25] + 0.03, t[-1] - 0.01])
    every = np.concatenate([t, at])
    order = np.argsort(every)
    values = np.concatenate([y, np.full(at.size, np.nan)])[order]
    gaps = np.diff(every[order], prepend=every[order][0])[:, None]
    states = smooth(Nodes(np.array([q]), gaps, values, np.ones_like(gaps)))
    mean, variance = dense(t, y, at, q)
    where = np.searchsorted(every[order], at)
    # of the variance the matrix of 50 samples loses half of the digits
    assert states.mean[where, 0, 1] == pytest.approx(mean, abs=1e-6)
    assert states.covariance[where, 0, 1, 1] == pytest.approx(variance, rel=1e-4)


@pytest.mark.parametrize("q", ORDERS)
def test_a_sample_is_predicted_by_all_others_as_if_it_had_not_been(q: int) -> None:
    t, y = record(30)
    gaps = np.diff(t, prepend=t[0])[:, None]
    orders, variance = np.array([q]), np.ones_like(gaps)
    states = smooth(Nodes(orders, gaps, y, variance))
    for left_out in (0, 7, 15, 29):
        without = smooth(Nodes(orders, gaps, np.where(np.arange(30) == left_out, np.nan, y), variance))
        spread = without.covariance[left_out, 0, 0, 0] + 1.0
        assert 1.0 / states.precision[left_out, 0] == pytest.approx(spread, rel=1e-6)
        expected = y[left_out] - without.mean[left_out, 0, 0]
        assert states.residual[left_out, 0] / states.precision[left_out, 0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("q", ORDERS)
def test_polynomials_up_to_the_order_pass_without_a_trace_of_noise(q: int) -> None:
    t, _ = record(40)
    y = sum(t**k / factorial(k) for k in range(q + 1))
    gaps = np.diff(t, prepend=t[0])[:, None]
    states = smooth(Nodes(np.array([q]), gaps, np.asarray(y), np.ones_like(gaps)))
    slope = sum(t ** (k - 1) / factorial(k - 1) for k in range(1, q + 1))
    assert states.mean[:, 0, 1] == pytest.approx(slope, rel=1e-7, abs=1e-6)


@given(st.integers(6, 30), st.integers(0, 99), st.sampled_from(ORDERS))
def test_time_has_no_direction(count: int, seed: int, q: int) -> None:
    t, y = record(count, seed)
    gaps = np.diff(t, prepend=t[0])[:, None]
    nodes = Nodes(np.array([q]), gaps, y, np.ones_like(gaps))
    there, back = smooth(nodes), smooth(mirrored(nodes))
    size = np.sqrt(there.covariance[:, 0, 1, 1])
    assert np.abs(there.mean[:, 0, 1] + back.mean[::-1, 0, 1]).max() <= 1e-6 * size.max()


def test_orders_side_by_side_do_not_touch_each_other() -> None:
    t, y = record(40)
    gaps = np.diff(t, prepend=t[0])
    together = Nodes(np.array(ORDERS), np.tile(gaps[:, None], 4), y, np.ones((40, 4)))
    states = run_backwards(together, run_forwards(together))
    for k, q in enumerate(ORDERS):
        alone = Nodes(np.array([q]), gaps[:, None], y, np.ones((40, 1)))
        own = run_backwards(alone, run_forwards(alone))
        # products of larger matrices are summed in another order; states begin as badly conditioned as powers of gaps
        assert states.mean[:, k, : q + 1] == pytest.approx(own.mean[:, 0], rel=1e-6, abs=1e-6)
        assert not states.mean[:, k, q + 1 :].any()


def test_motion_is_additive() -> None:
    """Over two gaps the process moves as over their sum."""
    for q in ORDERS:
        orders = np.array([q])
        (first, noise), (second, more), (both, total) = (motion(np.array([[gap]]), orders) for gap in (0.3, 0.5, 0.8))
        assert (second @ first)[0, 0] == pytest.approx(both[0, 0], rel=1e-14)
        assert (second @ noise @ second.swapaxes(-1, -2) + more)[0, 0] == pytest.approx(total[0, 0], rel=1e-13)


def test_too_few_samples_are_refused() -> None:
    nodes = Nodes(np.array([3]), np.ones((5, 1)), np.array([1.0, 2.0, np.nan, 3.0, np.nan]), np.ones((5, 1)))
    with pytest.raises(ValueError, match="order 3 needs 4 samples, not 3"):
        run_forwards(nodes)
