"""The study of measured data: a file's derivative beside its rows; methods judged by signals; what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from laboratory import python
from studies import gathered, rows

import derivkit as dk
from derivkit.testing import Signal
from experiments.datafile import DataFile
from experiments.studies import sampled

T = np.linspace(0.0, 2.0, 41)
HAT = 1.0 - np.abs(T - 1.0) + 0.01 * np.random.default_rng(0).standard_normal(T.size)
WAVE = Signal(name="wave", kind="smooth", expression="sin(t)", start=0.0, end=6.0, samples=50, noise=0.05)


def file(t: Any = T, **channels: Any) -> DataFile:
    return DataFile(name="run.csv", sha256="0" * 64, time="time", t=t, channels=channels or {"height": HAT})


def test_every_row_of_a_file_has_its_derivative_beside_it() -> None:
    table = gathered(sampled, sampled.Config(file=file()))["table"]
    result = dk.from_samples(T, HAT)
    assert table["y"].tolist() == HAT.tolist()
    assert table["row"].tolist() == list(range(1, 42))
    assert table["derivative"].tolist() == result.value.tolist()
    assert table["error"].tolist() == result.error.tolist()
    assert table["gradient"].tolist() == np.gradient(HAT, T).tolist()
    assert (table["date"] == "").all()


def test_a_corner_is_in_the_table_in_the_findings_and_a_stroke_of_both_figures() -> None:
    tables = gathered(sampled, sampled.Config(file=file()))
    (corner,) = tables["corners"]["t"]
    assert corner == pytest.approx(1.0, abs=0.05)
    assert f"a corner at {corner:.3g}" in tables["findings"]["finding"][0]
    for name in ("curves", "derivatives"):
        assert rows(tables[name], line="a corner or a jump")["t"].tolist() == [corner]


def test_several_columns_are_several_channels_in_any_order_of_time() -> None:
    back = np.argsort(-T)
    both = file(T[back], height=HAT[back], gap=np.where(T > 1.5, np.nan, T)[back])
    config = sampled.Config(file=both)
    tables = gathered(sampled, config)
    assert len(tables["table"]["y"]) == config.rows == 82
    height = rows(tables["table"], channel="height")
    assert height["gradient"][::-1].tolist() == np.gradient(HAT, T).tolist()
    assert np.isnan(rows(tables["table"], channel="gap")["gradient"]).sum() == int((T > 1.5).sum())


def test_dates_are_kept_beside_the_seconds_that_are_computed_with() -> None:
    days = np.datetime64("2026-01-01", "ns") + (86400e9 * np.arange(41)).astype("timedelta64[ns]")
    tables = gathered(sampled, sampled.Config(file=file(days), at=(43200.0,)))
    assert tables["channels"]["unit"].tolist() == ["s"]
    assert gathered(sampled, sampled.Config(file=file(days), order=2))["channels"]["unit"].tolist() == ["s^2"]
    assert gathered(sampled, sampled.Config(file=file()))["channels"]["unit"].tolist() == [""]
    assert tables["table"]["date"][1] == "2026-01-02T00:00:00.000"
    assert tables["table"]["t"][1] == 86400.0
    assert tables["corners"]["date"][0].startswith("2026-01-2")
    assert tables["at"]["derivative"][0] == pytest.approx(0.05 / 86400.0, rel=0.2)


def test_hints_reach_the_method() -> None:
    tables = gathered(sampled, sampled.Config(file=file(), order=2, noise=0.02, at=(0.31, 1.7)))
    result = dk.from_samples(T, HAT, 2, noise=0.02, at=[0.31, 1.7])
    assert tables["at"]["derivative"].tolist() == result.value.tolist()
    assert np.isnan(tables["table"]["gradient"]).all()


def test_signals_are_judged_by_every_method() -> None:
    config = sampled.Config(
        signals={"five": (WAVE,), "mine": (WAVE,)}, smoother=("from_samples", "smoother_2", "np.gradient"), seeds=2
    )
    tables = gathered(sampled, config)
    assert len(tables["records"]["rms"]) == 3 * 2 * 2
    assert config.rows == len(tables["table"]["y"]) == 50
    worst = rows(tables["summary"], method="np.gradient", half="mine")["rms_over_oracle"]
    assert worst > 3.0 * rows(tables["summary"], method="from_samples", half="mine")["rms_over_oracle"]
    assert set(tables["goals"]["reached"]) == {"yes", "no", "not measured"}
    assert "from_samples reaches" in tables["findings"]["finding"][2]


def test_a_tool_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampled.peers, "installed", lambda _: False)
    config = sampled.Config(signals={"mine": (WAVE,)}, smoother=("np.gradient", "scipy"))
    assert set(gathered(sampled, config)["records"]["method"]) == {"np.gradient"}


def test_the_spline_of_scipy_is_judged_where_it_is_installed() -> None:
    pytest.importorskip("scipy")
    config = sampled.Config(signals={"mine": (WAVE,)}, smoother=("scipy",))
    (ratio,) = gathered(sampled, config)["records"]["rms_over_oracle"]
    assert 0.99 < ratio < 3.0  # the oracle is the best of these very splines, on a grid of penalties


def test_samples_of_the_same_time_are_no_reason_for_a_method_to_fail() -> None:
    crowd = Signal(name="crowd", kind="smooth", expression="sin(t)", start=0.0, end=6.0, samples=60, noise=0.1,
                   times="clustered")  # fmt: skip
    seed = next(seed for seed in range(300) if (np.diff(crowd.draw(seed).t) == 0.0).any())
    drawn = crowd.draw(seed)
    config = sampled.Config(signals={"mine": (crowd,)}, seeds=1)
    scored = sampled.judged(config, "mine", crowd, seed, drawn).chunk
    errors = dict(zip(scored["method"], scored["rms"], strict=True))
    assert all(np.isfinite(error) for name, error in errors.items() if name != "np.gradient")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"file": file(T[:3], height=HAT[:3])}, "column height has samples at 3 different times; .* needs 4"),
        ({"file": file(T[:5], height=HAT[:5]), "order": 3}, "a derivative of order 3 needs 6"),
        ({"file": file(np.ones(41), height=HAT)}, "at 1 different time"),
        ({"file": file(), "noise": -1.0}, "noise=-1: must be above 0"),
        ({"file": file(), "period": 0.0}, "period=0: must be above 0"),
        ({"file": file(), "order": 4}, "order=4: derivatives of order 1, 2 and 3 are known"),
        ({"signals": {"mine": (WAVE,)}, "order": 2}, "order=2: is of a file; write data=run.csv too"),
        ({"signals": {"mine": (WAVE,)}, "samples": 9}, "samples=9: no signal has so few"),
        ({"signals": {"mine": (WAVE,)}, "smoother": ("savgol",)}, "smoother=savgol: there are from_samples"),
        ({"signals": {"mine": (WAVE,)}, "seeds": 0}, "seeds=0: must be at least 1"),
    ],
)
def test_what_cannot_be_computed_is_refused_in_one_line(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sampled.Config(**config)


def test_the_command_leaves_the_table_the_pictures_and_the_hash_of_the_file(tmp_path: Path) -> None:
    lines = [f"{t},{y}" for t, y in zip(T.tolist(), HAT.tolist(), strict=True)]
    (tmp_path / "run.csv").write_text("\n".join(["time,height", *lines]), encoding="utf-8")
    words = ("experiment=sampled", "data=run.csv", "t=time", "y=height", "hydra.sweep.dir=run", "figures.formats=[svg]")
    done = python("-m", "experiments.run", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "run"
    assert {path.stem for path in (run / "figures").iterdir()} == {"data", "derivative"}
    assert (run / "table.csv").read_text(encoding="utf-8").count("\n") == 42
    assert "source" in json.loads((run / "run.json").read_text(encoding="utf-8"))["tables"]
    assert "SHA-256" in (run / "report.html").read_text(encoding="utf-8")
