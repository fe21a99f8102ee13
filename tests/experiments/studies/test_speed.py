"""The study of speed at small size: what it measures is there, and a failing command is named."""

from __future__ import annotations

import numpy as np
import pytest

import derivkit as dk
from experiments import peers
from experiments.studies import speed
from experiments.study import Tables, frames


@pytest.mark.slow
def test_every_benchmark_gives_a_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "installed", lambda tool: False)
    config = speed.Config(points=20, many_points=(50,), deltas=5, table_points=5, repeats=1, quick_repeats=2)
    rows = [row.values for row in speed.measure(config)]
    assert len(rows) == config.rows == 13
    for row in rows:
        assert row["ratio"] == row["seconds"] / row["reference_seconds"] > 0
    sweep, _, _, slow, many, _, table, svg, default, backprop, *_ = rows
    assert many["beyond_megabytes"] > 0
    assert (sweep["goal"], slow["goal"], svg["goal"], default["goal"]) == (2.0, 1.15, 2.5, 3.0)
    assert (backprop["benchmark"], backprop["reference"]) == (
        "backprop, 4-16-3, 4 samples",
        "its 5 matrix products alone",
    )
    assert table["rows_per_second"] > 0 < table["reference_rows_per_second"]
    assert table["peak_megabytes"] > 10


def test_the_goals_are_those_of_one_network_and_its_numbers_of_samples() -> None:
    config = speed.Config(repeats=1, quick_repeats=1)
    aimed = [row.values["goal"] for row in speed._gradients(config, dk.Network(speed.AIMED), 32)]
    assert aimed[:4] == [1.15, 1.5, 0.7, 1360.0]
    others = [row.values["goal"] for row in speed._gradients(config, dk.Network((4, 16, 3)), 32)]
    assert np.all(np.isnan([*aimed[4:], *others]))


@pytest.mark.parametrize("tool", peers.NETWORKS)
def test_a_tool_stands_beside_backprop_where_it_is_installed(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not peers.installed(tool):
        pytest.skip(f"{tool} is not installed")
    monkeypatch.setattr(peers, "NETWORKS", (tool,))
    config = speed.Config(repeats=1, quick_repeats=1)
    *_, last = speed._gradients(config, config.network[0], 4)
    assert (last.values["benchmark"], last.values["reference"]) == (
        f"the gradient by {tool}, 4-16-3, 4 samples",
        "backprop",
    )


def test_the_products_alone_are_those_of_backprop() -> None:
    network = dk.Network((5, 7, 6, 3), ("identity",), "mean_squared_error")
    samples = dk.generated(4, inputs=5, classes=3).one_hot(3)
    asked: list[tuple[tuple[int, ...], ...]] = []

    class Spy:
        """Stands for NumPy's matrix product and writes down the shapes."""

        def __call__(self, left: np.ndarray, right: np.ndarray, out: np.ndarray) -> np.ndarray:
            asked.append((left.shape, right.shape, out.shape))
            return out

    once = speed._products(network, network.initial(), samples)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "matmul", Spy())
        once()
    assert asked == [
        ((7, 6), (6, 4), (7, 4)), ((6, 8), (8, 4), (6, 4)), ((3, 7), (7, 4), (3, 4)),
        ((3, 4), (4, 7), (3, 7)), ((6, 3), (3, 4), (6, 4)),
        ((6, 4), (4, 8), (6, 8)), ((7, 6), (6, 4), (7, 4)),
        ((7, 4), (4, 6), (7, 6)),
    ]  # fmt: skip


def test_findings_say_whether_the_goal_was_reached() -> None:
    for ratio, verdict in ((1.5, "within the goal of 2"), (2.5, "above the goal of 2")):
        tables = Tables({})
        tables.update(frames([speed._row("b", ratio, 1.0, "r", goal=2.0)]))
        (sentence,) = speed.tell(tables)
        assert sentence == f"b: {ratio:.2f} times r ({verdict})."


def test_a_command_that_fails_is_named_with_what_it_said() -> None:
    with pytest.raises(RuntimeError, match=r"python -c .* failed: (.|\n)*no such thing"):
        speed._timed("-c", "raise SystemExit('no such thing')")


@pytest.mark.parametrize("name", ["points", "deltas", "table_points", "repeats", "quick_repeats"])
def test_a_size_below_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=0: must be at least 1"):
        speed.Config(**{name: 0})


@pytest.mark.parametrize("name", ["samples", "many_points", "sampled"])
def test_a_number_below_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=0: must be at least 1"):
        speed.Config(**{name: (0,)})


def test_samples_have_a_goal_in_seconds_where_the_spline_of_scipy_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "SAMPLES_SECONDS", {60: 1e3})
    (row,) = speed._derivatives_of_samples(speed.Config(sampled=(60,)))
    assert (row.values["reference"], row.values["goal"]) == ("the 1000 s that they may take", 1.0)
    assert row.values["ratio"] == row.values["seconds"] / 1e3 > 0.0


@pytest.mark.skipif(not peers.installed("scipy"), reason="scipy is not installed")
def test_the_spline_of_scipy_stands_beside_samples_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "SAMPLES_GOALS", {60: 1.0})
    rows = list(speed._derivatives_of_samples(speed.Config(sampled=(60, 80))))
    assert {row.values["reference"] for row in rows} == {"SciPy's smoothing spline"}
    assert [row.values["goal"] for row in rows] == pytest.approx([1.0, np.nan], nan_ok=True)


@pytest.mark.skipif(not peers.installed("scipy"), reason="scipy is not installed")
def test_scipy_stands_beside_the_derivative_where_it_is_installed() -> None:
    config = speed.Config(many_points=(50, 1000), quick_repeats=1)
    rows = [speed._derivative_of_one(config), *speed._derivatives_of_many(config)]
    assert {row.values["reference"] for row in rows} == {"scipy.differentiate"}
    assert [row.values["goal"] for row in rows] == pytest.approx([0.75, np.nan, 1.0], nan_ok=True)
