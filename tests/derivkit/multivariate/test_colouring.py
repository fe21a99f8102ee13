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


@pytest.mark.parametrize("how", [HOW, {}], ids=["delta", "search"])
@pytest.mark.parametrize("size", [1.0, 1e-7])
def test_a_pattern_that_leaves_an_entry_out_is_refused_with_its_row(how: dict[str, Any], size: float) -> None:
    def f(x: Any) -> Any:
        return chain(x) + size * np.eye(6)[3] * x[..., :1] if size < 1.0 else chain(x)

    pattern = band(6)
    pattern[3, 4] = size < 1.0
    with pytest.raises(ValueError, match=r"sparsity is wrong in row 3: .*; mark every entry that may differ from 0"):
        dk.jacobian(f, np.linspace(0.1, 0.9, 6), sparsity=pattern, **how)


@pytest.mark.parametrize("how", [HOW, {}], ids=["delta", "search"])
@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (np.full((6, 6), 2), "write an array of True and False, as J != 0 is, or of 1 and 0"),
        (np.ones((6, 5), dtype=bool), r"shape \(6, 5\); write one row for each value of f and 6 columns"),
        (np.ones((5, 6), dtype=bool), "f gives 6 values, and sparsity has 5 rows"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: Any, words: str, how: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=words):
        dk.jacobian(chain, np.linspace(0.1, 0.9, 6), sparsity=pattern, **how)


def test_an_entry_that_may_not_move_stays_and_the_others_have_their_derivatives() -> None:
    found = dk.jacobian(chain, np.array([0.0, 0.5, 0.5, 0.5]), sparsity=band(4), domain=(0.0, 1.0), **HOW)
    assert found.status[0].tolist() == ["outside_domain", "ok", "ok", "ok"]
    assert np.isnan(found.value[:2, 0]).all()
    assert found.value[2, 0] == 0.0


def waves(x: Any) -> Any:
    """A function with the pattern of a band, whose entries have scales of their own."""
    y = x * np.sin(x)
    y[1:] += x[:-1] ** 2 * x[1:]
    y[:-1] += np.exp(0.3 * x[1:])
    return y


def slopes_of_waves(x: Any) -> Any:
    main = np.sin(x) + x * np.cos(x)
    main[1:] += x[:-1] ** 2
    return np.diag(main) + np.diag(2.0 * x[:-1] * x[1:], -1) + np.diag(0.3 * np.exp(0.3 * x[1:]), 1)


@pytest.mark.parametrize(("n", "most"), [(1, 25), (5, 120), (40, 160), (300, 240)])
def test_the_search_along_groups_covers_its_errors_at_the_cost_of_some_lines(n: int, most: int) -> None:
    x, pattern = np.random.default_rng(n).normal(size=n), band(n)
    calls = 0

    def f(v: Any) -> Any:
        nonlocal calls
        calls += 1
        return waves(v)

    found, truth = dk.jacobian(f, x, sparsity=pattern), slopes_of_waves(x)
    assert calls == found.evaluations <= most
    covered = np.abs(found.value - truth) <= found.error + 4.0 * np.finfo(float).eps * np.abs(truth)
    assert covered.mean() >= 0.999
    assert found.error.max() <= 1e-10 * np.abs(truth).max()
    assert {*found.status[pattern].tolist()} <= {"ok", "below_resolution"}
    assert not found.value[~pattern].any()
    assert not found.error[~pattern].any()


def test_a_pattern_may_be_a_sparse_matrix_and_f_must_give_a_number() -> None:
    class Matrix:
        """As those of SciPy."""

        def toarray(self) -> Any:
            return band(5)

    x = np.linspace(0.3, 2.0, 5)
    found, same = (dk.jacobian(waves, x, sparsity=pattern) for pattern in (Matrix(), band(5)))
    np.testing.assert_array_equal(found.value, same.value)
    with pytest.raises(ValueError, match="f gives no number; a search needs one at least"):
        dk.jacobian(lambda v: v[:0], x)
    assert dk.jacobian(lambda v: v[:0], x, **HOW).value.shape == (0, 5)


def test_entries_of_all_sizes_share_a_line_and_each_keeps_its_scale() -> None:
    x = np.array([1.0, 1e-6, 1e6, 0.0, -3.0])
    scale = np.array([1.0, 1e-6, 1e6, 1.0, 1.0])
    for hint in (None, scale):
        found = dk.jacobian(lambda v: np.sin(v / scale), x, sparsity=np.eye(5, dtype=bool), scale=hint)
        truth = np.cos(x / scale) / scale
        assert np.all(np.abs(np.diag(found.value) - truth) <= np.diag(found.error))
        assert np.all(np.diag(found.error) <= 1e-8 * np.abs(truth))
        assert {*np.diag(found.status).tolist()} == {"ok"}


@pytest.mark.parametrize("offset", [1e2, 1e4, 1e9])
def test_far_from_0_a_group_is_as_exact_as_its_columns_alone(offset: float) -> None:
    x = np.array([0.3, 0.7, 1.2]) + offset
    found = dk.jacobian(lambda v: np.sin(v - offset), x, sparsity=np.eye(3, dtype=bool))
    assert np.all(np.abs(np.diag(found.value) - np.cos(x - offset)) <= np.diag(found.error))
    assert np.all(np.diag(found.error) <= 1e-12)


def test_a_column_at_a_kink_or_at_an_end_of_the_box_spoils_no_other_of_its_group() -> None:
    kinked = dk.jacobian(lambda v: np.abs(v) + v, [0.0, 1.0, 2.0], sparsity=np.eye(3, dtype=bool))
    assert np.diag(kinked.status).tolist() == ["kink", "ok", "ok"]
    np.testing.assert_allclose([kinked.left[0, 0], kinked.right[0, 0]], [0.0, 2.0], atol=1e-9)

    def f(v: Any) -> Any:
        assert np.all((v >= 0.0) & (v <= 1.0))
        return np.exp(v)

    x = np.array([0.0, 0.5, 1.0, 0.25, 1e-3])
    boxed = dk.jacobian(f, x, sparsity=np.eye(5, dtype=bool), domain=(0.0, 1.0))
    assert boxed.raised == ()
    assert np.diag(boxed.status).tolist() == ["one_sided", "ok", "one_sided", "ok", "ok"]
    assert np.all(np.abs(np.diag(boxed.value) - np.exp(x)) <= np.diag(boxed.error))


def test_a_whole_jacobian_of_many_values_costs_some_windows_for_each_entry() -> None:
    x = np.random.default_rng(3).normal(size=3)
    waves_of_all = np.random.default_rng(4).uniform(0.5, 20.0, (200, 3))
    found = dk.jacobian(lambda v: np.sin(waves_of_all @ v), x)
    truth = np.cos(waves_of_all @ x)[:, None] * waves_of_all
    assert np.mean(np.abs(found.value - truth) <= found.error) >= 0.995
    assert found.evaluations <= 3 * 80


def test_noise_is_named_in_a_sparse_jacobian_too_and_no_value_is_no_row() -> None:
    x = np.linspace(0.3, 2.0, 6)

    def f(v: Any) -> Any:
        noise = np.random.default_rng(np.frombuffer(v.tobytes(), dtype=np.uint32)).normal(size=6)
        return waves(v) + 1e-8 * noise

    found, truth = dk.jacobian(f, x, sparsity=band(6)), slopes_of_waves(x)
    assert "ok" not in found.status[band(6)].tolist()
    assert np.mean(np.abs(found.value - truth) <= found.error) >= 0.9
    none = dk.jacobian(lambda v: np.full(6, np.nan), x, sparsity=band(6))
    assert {*none.status[band(6)].tolist()} == {"not_finite"}
    assert none.evaluations == 1
    with pytest.raises(ValueError, match="f gives 6 values, and sparsity has 3 rows"):
        dk.jacobian(lambda v: np.full(6, np.nan), x, sparsity=band(6)[:3])


@pytest.mark.parametrize("pattern", [np.eye(3), [[1, 0, 0], [0, 1, 0], [0, 0, 1]]], ids=["floats", "list"])
def test_a_pattern_may_be_of_ones_and_zeros(pattern: Any) -> None:
    x = [0.3, 0.7, 1.2]
    found, same = (dk.jacobian(np.sin, x, sparsity=one) for one in (pattern, np.eye(3, dtype=bool)))
    assert np.array_equal(found.value, same.value)
    assert found.evaluations == same.evaluations
