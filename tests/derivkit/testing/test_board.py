"""Standings of methods: intervals that hold over clusters, and who is beaten by nobody."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from derivkit.testing import clustered_interval, unbeaten

MARKS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_the_interval_holds_over_clusters_whose_shares_differ(spread: float) -> None:
    generator, share, held = np.random.default_rng(3), 0.8, 0
    names = np.repeat([str(k) for k in range(60)], 12)
    for _ in range(400):
        own = np.clip(share + spread * generator.choice([-1.0, 1.0], 60), 0.0, 1.0)
        low, high = clustered_interval((generator.random((60, 12)) < own[:, None]).ravel(), names)
        held += low <= share <= high
    assert 0.95 - 4.0 * math.sqrt(0.95 * 0.05 / 400) <= held / 400


def test_clusters_in_each_of_which_all_agree_say_no_more_than_so_many_single_cases() -> None:
    names = np.repeat(["a", "b", "c", "d"], 25)
    mixed = clustered_interval(np.tile([True, False], 50), names)
    whole = clustered_interval(np.repeat([True, True, False, False], 25), names)
    single = clustered_interval(np.array([True, True, False, False]), np.array(["a", "b", "c", "d"]))
    assert whole == pytest.approx(single)
    assert whole[1] - whole[0] > 2.0 * (mixed[1] - mixed[0])


def test_where_all_agree_every_cluster_counts_once() -> None:
    names = np.repeat([str(k) for k in range(20)], 50)
    low, high = clustered_interval(np.ones(1000, dtype=bool), names)
    squared = 1.959963984540054**2 / 20
    assert (low, high) == (pytest.approx(1.0 / (1.0 + squared)), 1.0)
    assert all(map(math.isnan, clustered_interval([], np.array([], dtype=str))))


@given(MARKS)
def test_who_is_beaten_is_beaten_by_one_who_is_not(marks: list[tuple[int, int]]) -> None:
    cost, loss = np.array(marks, dtype=float).T
    first = unbeaten(cost, loss)
    assert first.any()
    for k in np.flatnonzero(~first):
        better = (cost <= cost[k]) & (loss <= loss[k]) & ((cost < cost[k]) | (loss < loss[k]))
        assert (better & first).any()
    for k in np.flatnonzero(first):
        assert not ((cost < cost[k]) & (loss < loss[k])).any()


def test_what_has_no_loss_is_beaten() -> None:
    assert unbeaten(np.array([1.0, 2.0]), np.array([math.nan, 3.0])).tolist() == [False, True]
