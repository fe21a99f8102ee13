"""Sparse Jacobians: which columns are moved together, what that costs and gives, and a pattern that is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import derivkit as dk
from derivkit.multivariate.colouring import colours

HOW: dict[str, Any] = {"formula": "central_2", "delta": 1e-4}


def band(n: int) -> Any:
    return np.abs(np.subtract.outer(np.arange(n), np.arange(n))) <= 1


def chain(x: Any) -> Any:
    """Broyden's tridiagonal function (1965)."""
    wide = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(1, 1)])
    return (3.0 - 2.0 * x) * x - wide[..., :-2] - 2.0 * wide[..., 2:] + 1.0


@given(arrays(np.bool_, st.tuples(st.integers(1, 8), st.integers(1, 8))))
def test_columns_of_a_group_share_no_row(pattern: Any) -> None:
    group = colours(pattern)
    for number in range(group.max() + 1):
        assert pattern[:, group == number].sum(axis=1).max() <= 1


@pytest.mark.parametrize("n", [5, 50, 400])
def test_a_tridiagonal_jacobian_costs_the_same_however_many_columns_it_has(n: int) -> None:
    x = np.random.default_rng(n).normal(size=n)
    found = dk.jacobian(chain, x, sparsity=band(n), **HOW)
    assert found.evaluations == 4 * (3 + 1) + 1, "four points for three groups and the check, and f(x)"
    exact = np.diag(3.0 - 4.0 * x) - np.eye(n, k=-1) - 2.0 * np.eye(n, k=1)
    covered = np.abs(found.value - exact) <= found.error
    assert covered[~band(n)].all()
    assert covered[band(n)].mean() >= 0.99
    assert (found.value[~band(n)] == 0.0).all()
    assert {*found.status[band(n)].tolist()} <= {"ok", "below_resolution"}


@pytest.mark.parametrize("name", ["forward_1", "central_2", "central_4"])
def test_a_sparse_jacobian_is_the_whole_one_to_the_bit(name: str) -> None:
    x = np.random.default_rng(1).normal(size=9)
    sparse = dk.jacobian(chain, x, sparsity=band(9), formula=name, delta=1e-3)
    whole = dk.jacobian(chain, x, formula=name, delta=1e-3)
    np.testing.assert_array_equal(sparse.value[band(9)], whole.value[band(9)])


def test_a_pattern_that_leaves_an_entry_out_is_refused_with_its_row() -> None:
    pattern = band(6)
    pattern[3, 4] = False
    with pytest.raises(ValueError, match=r"sparsity is wrong in row 3: .*; mark every entry that may differ from 0"):
        dk.jacobian(chain, np.linspace(0.1, 0.9, 6), sparsity=pattern, **HOW)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (np.ones((6, 6)), "write a boolean array"),
        (np.ones((6, 5), dtype=bool), r"shape \(6, 5\); write one row for each value of f and 6 columns"),
        (np.ones((5, 6), dtype=bool), "f gives 6 values, and sparsity has 5 rows"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dk.jacobian(chain, np.linspace(0.1, 0.9, 6), sparsity=pattern, **HOW)


def test_an_entry_that_may_not_move_stays_and_the_others_have_their_derivatives() -> None:
    found = dk.jacobian(chain, np.array([0.0, 0.5, 0.5, 0.5]), sparsity=band(4), domain=(0.0, 1.0), **HOW)
    assert found.status[0].tolist() == ["outside_domain", "ok", "ok", "ok"]
    assert np.isnan(found.value[:2, 0]).all()
    assert found.value[2, 0] == 0.0
