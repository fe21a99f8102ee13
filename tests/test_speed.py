"""The study of speed at small size: what it measures is there, and a failing command is named."""

from __future__ import annotations

import math

import numpy as np
import pytest

from experiments.runners import speed


def test_every_benchmark_gives_a_ratio() -> None:
    rows = [columns for _, columns in speed.run(speed.Config(points=20, deltas=5, table_points=5, repeats=1))]
    assert len(rows) == speed.Config().rows == 5
    for row in rows:
        assert row["ratio"] == row["seconds"][0] / row["reference_seconds"] > 0
    sweep, _, table, svg, default = rows
    assert (sweep["goal"], svg["goal"], default["goal"]) == (2.0, 2.5, 3.0)
    assert table["rows_per_second"] > 0 < table["reference_rows_per_second"]
    assert table["peak_megabytes"] > 10


def test_findings_say_whether_the_goal_was_reached() -> None:
    columns = {name: np.array([math.nan]) for name in speed.TABLES["table"]}
    columns |= {"benchmark": np.array(["b"]), "reference": np.array(["r"]), "goal": np.array([2.0])}
    for ratio, verdict in ((1.5, "within the goal of 2"), (2.5, "above the goal of 2")):
        tables = {"table": columns | {"ratio": np.array([ratio])}}
        (sentence,) = dict(speed.conclude(tables))["findings"]["finding"]
        assert verdict in sentence


def test_a_command_that_fails_is_named_with_what_it_said() -> None:
    with pytest.raises(RuntimeError, match=r"python -c .* failed: (.|\n)*no such thing"):
        speed._timed("-c", "raise SystemExit('no such thing')")


@pytest.mark.parametrize("name", ["points", "deltas", "table_points", "repeats"])
def test_a_size_below_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=0: must be at least 1"):
        speed.Config(**{name: 0})
