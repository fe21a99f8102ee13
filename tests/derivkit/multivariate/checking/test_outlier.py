"""One direction that disagrees alone: is the claim wrong there, or the bar?"""

import numpy as np
import pytest

from derivkit.multivariate.checking.evidence import Evidence, without_outlier
from derivkit.multivariate.checking.sizes import NORMAL, chance_alone, chi_square_quantile
from derivkit.types import Array


def evidence(residuals: Array, bars: Array, status: str = "ok") -> Evidence:
    column, none = residuals[:, None], np.full((residuals.size, 1), np.nan)
    return Evidence(
        claimed=column,
        measured=np.zeros_like(column),
        bars=bars[:, None],
        left=none,
        right=none,
        noise=none,
        delta=none,
        statuses=np.full(column.shape, status),
    )


@pytest.mark.parametrize("ratio", [2.5, 3.0, 1e2, 1e8])
def test_a_direction_that_disagrees_alone_is_left_out_where_the_others_would_have_shown_as_much(ratio: float) -> None:
    residuals = np.full(8, 0.1)
    residuals[3] = ratio
    judged = without_outlier(evidence(residuals, np.ones(8)), NORMAL)
    assert not judged.beyond.any()
    assert judged.valued.tolist() == [j != 3 for j in range(8)]


def test_it_stands_where_the_others_have_bars_too_wide_to_show_as_much() -> None:
    residuals, bars = np.full(8, 0.1), np.full(8, 100.0)
    residuals[3], bars[3] = 50.0, 1.0
    assert without_outlier(evidence(residuals, bars), NORMAL).beyond.any()
    assert not without_outlier(evidence(residuals, bars, "multiscale"), NORMAL).beyond.any()


def test_disagreement_that_is_faint_everywhere_is_none_and_widens_its_bars() -> None:
    judged = without_outlier(evidence(np.array([1.7, -1.7, 1.0, 0.5]), np.ones(4)), NORMAL)
    assert not judged.beyond.any()
    assert judged.bars[:, 0].tolist() == [2.0, 2.0, 1.0, 1.0]


def test_two_that_disagree_and_one_of_a_few_stand() -> None:
    residuals = np.array([2.5, 2.5, 0, 0, 0, 0, 0, 0])
    assert np.count_nonzero(without_outlier(evidence(residuals, np.ones(8)), NORMAL).beyond) == 2
    assert without_outlier(evidence(residuals[1:4], np.ones(3)), NORMAL).beyond.any()


def test_an_error_of_four_bars_is_left_out_in_less_than_one_of_a_hundred_gradients() -> None:
    draws = 4.0 * np.random.default_rng(1).standard_normal((4000, 8))
    lost = sum(not without_outlier(evidence(row, np.ones(8)), NORMAL).beyond.any() for row in draws)
    assert lost < 40 + 3 * np.sqrt(40)


def test_the_chance_is_no_less_than_that_of_any_size_as_drawn() -> None:
    draws = np.abs(np.random.default_rng(2).standard_normal((200_000, 4)))
    for size in (0.5, 1.0, 2.0, chi_square_quantile(0.9, 1)):
        share = np.mean((size * draws[:, 0] >= 1.5) & (size * draws[:, 1:] <= 0.7).all(axis=1))
        assert share <= chance_alone(1.5, np.full(3, 0.7)) + 4 * np.sqrt(share / 200_000) + 1e-5
