"""The study of measured data: a file's derivative beside its rows; methods judged by signals; what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quick
import yaml
from laboratory import python
from studies import gathered, rows

import derivkit as dk
from derivkit.testing import SAMPLED_METHODS, SampledMethod, Signal
from experiments import run
from experiments.datafile import DataFile
from experiments.messages import ConfigurationError
from experiments.peers.apart import AbsentError, Smoother, Tool
from experiments.running.settings import build
from experiments.studies import sampled
from experiments.study import study_in
from experiments.words import number, percent

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
        signals={"five": (WAVE,), "mine": (WAVE,)}, smoother=of("from_samples", "smoother_2", "np.gradient"), seeds=2
    )
    tables = gathered(sampled, config)
    assert len(tables["records"]["rms"]) == 3 * 2 * 2
    assert config.rows == len(tables["table"]["y"]) == 50
    worst = rows(tables["summary"], method="np.gradient", half="mine")["rms_over_oracle"]
    assert worst > 3.0 * rows(tables["summary"], method="from_samples", half="mine")["rms_over_oracle"]
    assert set(tables["goals"]["reached"]) == {"yes", "no", "not measured"}
    assert any(finding.startswith("from_samples: it reaches ") for finding in tables["findings"]["finding"])


TOOLS = """
import os, time
import numpy as np

def gradient(t, y):
    return np.gradient(y, t)

def with_interval(t, y, *, half=1e3):
    return np.gradient(y, t), np.full(t.size, half)

def too_few(t, y):
    return np.gradient(y, t)[:-1]

def needs(t, y):
    import a_tool_that_nobody_has

def unless_tried(what):
    return lambda t, y: gradient(t, y) if t.size == 60 else what(t)

def dies_for_good(t, y):
    if t.size != 60:
        open("dead", "w").close()
        os.abort()
    if os.path.exists("dead"):
        raise ValueError("dead")
    return gradient(t, y)

refuses = unless_tried(lambda t: (_ for _ in ()).throw(NotImplementedError("equal steps alone")))
hangs = unless_tried(lambda t: time.sleep(1000))
crashes = unless_tried(lambda t: os.abort())
raises = unless_tried(lambda t: 1 / 0)
infinite = unless_tried(lambda t: np.full(t.size, np.inf))
"""
LOST = {
    "refuses": ("refused", "equal steps alone"), "hangs": ("hung", "no answer within 0.5 s"),
    "crashes": ("killed", "its process ended with SIGABRT"), "raises": ("raised", "ZeroDivisionError"),
    "infinite": ("not_finite", "no finite value"),
}  # fmt: skip
SIXTY = Signal(name="sixty", kind="smooth", expression="sin(t)", start=0.0, end=6.0, samples=60, noise=0.05)


def of(*names: str) -> tuple[SampledMethod, ...]:
    return tuple(SAMPLED_METHODS[name] for name in names)


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SampledMethod]:
    (tmp_path / "smoothing_tools.py").write_text(TOOLS)
    monkeypatch.chdir(tmp_path)

    def described(name: str, **changes: Any) -> SampledMethod:
        row: dict[str, Any] = {"call": f"smoothing_tools:{name}", "source": "a test", "install": "mine", **changes}
        plain = {"smoother": {name: row}, "signals": {"mine": {"wave": SPEC}}}
        (method,) = build(study_in(sampled), plain).smoother
        return method

    return described


SPEC = {"kind": "smooth", "expression": "sin(t)", "start": 0.0, "end": 6.0, "samples": 50, "noise": 0.05}
Described = Callable[..., SampledMethod]


def test_a_tool_is_judged_as_the_same_method_of_this_library(tool: Described) -> None:
    config = sampled.Config(
        signals={"mine": (WAVE,)}, smoother=(*of("np.gradient"), tool("gradient", bar=False)), seeds=2
    )
    tables = gathered(sampled, config)
    errors = tables["records"]["rms"].reshape(2, 2)
    assert errors[:, 0].tolist() == errors[:, 1].tolist()
    assert np.isnan(tables["records"]["away_covered"]).all()
    assert tables["methods"]["absent"].tolist() == ["", ""]
    assert (tables["records"]["seconds"] > 0.0).all()


def test_the_interval_of_a_tool_is_judged_by_what_it_covers(tool: Described) -> None:
    wide, none = tool("with_interval"), tool("with_interval", settings={"half": 0.0})
    for method, covered in ((wide, 100.0), (none, 0.0)):
        tables = gathered(sampled, sampled.Config(signals={"mine": (WAVE,)}, smoother=(method,)))
        assert tables["summary"]["covered"].tolist() == [covered]


@pytest.mark.parametrize("name", quick.part(LOST, every=2))
def test_what_a_tool_does_costs_that_record_alone_and_is_counted_with_its_words(name: str, tool: Described) -> None:
    status, words = LOST[name]
    method = tool(name, bar=False, seconds=0.5 if name == "hangs" else 60.0)
    config = sampled.Config(signals={"mine": (SIXTY, WAVE, SIXTY)}, smoother=(method,))
    tables = gathered(sampled, config)
    assert tables["records"]["status"].tolist() == ["ok", status, "ok"]
    assert np.isnan(tables["records"]["rms"]).tolist() == [False, True, False]
    assert (tables["summary"]["records"][0], tables["summary"]["lost"][0]) == (2, 1)
    assert tables["failures"]["status"].tolist() == [status]
    message = tables["failures"]["message"][0]
    assert words in message
    assert f"{name} gives no derivative of 1 record (wave): {message} ({status})." in tables["findings"]["finding"]


def test_a_tool_that_does_not_start_again_loses_its_records_and_no_others(tool: Described) -> None:
    methods = (*of("np.gradient"), tool("dies_for_good", bar=False, seconds=60.0))
    tables = gathered(sampled, sampled.Config(signals={"mine": (SIXTY, WAVE, SIXTY)}, smoother=methods))
    assert tables["records"]["status"].tolist() == ["ok", "ok", "ok", "killed", "ok", "killed"]
    assert tables["failures"]["message"][1].endswith("raises ValueError for 60 samples of a sine: dead")


def test_a_tool_without_any_derivative_is_in_the_summary_with_none(tool: Described) -> None:
    tables = gathered(sampled, sampled.Config(signals={"mine": (WAVE,)}, smoother=(tool("refuses", bar=False),)))
    assert (tables["summary"]["records"][0], tables["summary"]["lost"][0]) == (0, 1)
    assert np.isnan(tables["summary"]["covered"][0])
    assert set(tables["goals"]["reached"]) == {"not measured"}


def test_a_tool_that_is_absent_is_named_with_what_to_do_and_costs_the_others_nothing(tool: Described) -> None:
    config = sampled.Config(signals={"mine": (WAVE,)}, smoother=(*of("np.gradient"), tool("needs")))
    tables = gathered(sampled, config)
    assert set(tables["records"]["method"]) == {"np.gradient"}
    (sentence,) = [one for one in tables["findings"]["finding"] if one.startswith("Not measured: ")]
    assert sentence == (
        "Not measured: needs is not installed (No module named 'a_tool_that_nobody_has'); pip install mine."
    )


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("needs", {}, "needs is not installed"),
        ("nothing", {}, "smoother 'nothing': smoothing_tools:nothing is no function"),
        ("too_few", {"bar": False}, "where 60 numbers are promised"),
        ("gradient", {}, "is promised; give both, or write bar: false"),
        ("with_interval", {"settings": {"hlaf": 1.0}}, "unexpected keyword argument 'hlaf'"),
    ],
)
def test_a_run_of_nothing_but_tools_that_are_not_there_says_why(
    name: str, changes: dict[str, Any], words: str, tool: Described
) -> None:
    config = sampled.Config(signals={"mine": (WAVE,)}, smoother=(tool(name, **changes),))
    with pytest.raises(ValueError, match=re.escape(words)):
        list(sampled.measure(config))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cal": "m:f"}, "smoother 'gradient': unknown key 'cal'; did you mean call?"),
        ({"settings": [1]}, "smoother 'gradient': settings is [1]; write arguments of the call by name"),
        ({"seconds": 0}, "smoother 'gradient': seconds is 0"),
    ],
)
def test_a_row_that_is_wrong_is_refused_as_that_of_an_estimator(
    changes: dict[str, Any], words: str, tool: Described
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        tool("gradient", **changes)


ROWS = sorted((Path(__file__).resolve().parents[3] / "conf" / "smoother").glob("*.yaml"))


@pytest.mark.parametrize("path", ROWS, ids=lambda path: path.stem)
def test_every_tool_that_is_installed_differentiates_a_wave(path: Path) -> None:
    ((name, row),) = yaml.safe_load(path.read_text(encoding="utf-8")).items()
    assert name == path.stem
    process = Smoother(Tool(name=name, **row))
    try:
        process.start()
    except AbsentError as error:
        pytest.skip(str(error))
    try:
        drawn = WAVE.draw(0)
        slopes = process(drawn.t, drawn.y)
    finally:
        process.close()
    assert process.version
    assert float(np.sqrt(np.mean((slopes.value - drawn.slope) ** 2))) < 0.7  # that of no slope at all
    assert (slopes.error is not None) == row.get("bar", True)


def test_the_first_set_that_has_a_signal_is_drawn() -> None:
    long = replace(WAVE, samples=300)
    config = sampled.Config(
        signals={"five": (long,), "mine": (WAVE,)}, samples=100, smoother=of("np.gradient"), seeds=2
    )
    assert config.rows == len(gathered(sampled, config)["table"]["y"]) == WAVE.samples


def test_records_alike_in_samples_and_in_noise_are_seen_together() -> None:
    loud = replace(WAVE, name="loud", samples=300, noise=0.5)
    flat = replace(WAVE, name="flat", samples=2000, expression="2+0*t")
    config = sampled.Config(
        signals={"mine": (WAVE, SIXTY, loud, flat)}, samples=2000, smoother=of("smoother_2"), seeds=2
    )
    tables = gathered(sampled, config)
    by_samples = rows(tables["trends"], against="samples")
    assert by_samples["records"].tolist() == [4, 2, 2]
    assert by_samples["middle"].tolist() == pytest.approx([np.sqrt(50.0 * 60.0), 300.0, 2000.0])
    ratio = rows(tables["records"], signal="loud")["rms_over_oracle"]
    assert by_samples["rms_over_oracle"][1] == pytest.approx(np.sqrt(np.prod(ratio)))
    by_noise = rows(tables["trends"], against="noise in percent of the signal")
    assert by_noise["records"].tolist() == [4, 2]
    spread = float(np.std(loud.draw(0).value))
    assert rows(tables["records"], signal="loud")["noise_percent"][0] == pytest.approx(100.0 * 0.5 / spread)


def test_samples_of_the_same_time_are_no_reason_for_a_method_to_fail() -> None:
    crowd = Signal(name="crowd", kind="smooth", expression="sin(t)", start=0.0, end=6.0, samples=60, noise=0.1,
                   times="clustered")  # fmt: skip
    seed = next(seed for seed in range(300) if (np.diff(crowd.draw(seed).t) == 0.0).any())
    drawn = crowd.draw(seed)
    failures, judged = sampled.judged(of(*SAMPLED_METHODS), "mine", crowd, seed, drawn)
    scored = judged.chunk
    assert (failures.values["method"], failures.values["status"]) == ("np.gradient", "not_finite")
    errors = dict(zip(scored["method"], scored["rms"], strict=True))
    assert all(np.isfinite(error) for name, error in errors.items() if name != "np.gradient")


def told(y: Any, times: Any = T, **hints: Any) -> str:
    return " ".join(gathered(sampled, sampled.Config(file=file(times, y=y), **hints))["findings"]["finding"])


def test_how_far_off_np_gradient_is_counts_the_samples_outside_alone() -> None:
    noisy = np.sin(3.0 * T) + 0.05 * np.random.default_rng(1).standard_normal(T.size)
    result = dk.from_samples(T, noisy)
    beyond = np.abs(np.gradient(noisy, T) - result.value) / result.error - 1.0
    outside = beyond > 0.0
    assert 0 < outside.sum() < T.size
    assert (
        f"np.gradient of y lies outside the interval at 95 % at {percent(outside.mean())} of the samples, half of those"
        f" by more than {number(np.median(beyond[outside]))} times its half-width."
    ) in told(noisy)


def test_where_np_gradient_is_never_outside_nothing_is_said_of_how_far() -> None:
    assert "np.gradient of y lies outside the interval at 95 % at 0 % of the samples." in told(np.exp(T), noise=1.0)


@pytest.mark.parametrize("dated", [False, True])
def test_in_a_gap_the_figures_have_the_curve_with_its_interval_and_the_table_its_rows(*, dated: bool) -> None:
    kept = (T < 0.7) | (T > 1.3)
    t, y = T[kept], np.sin(3.0 * T[kept]) + 0.02 * np.random.default_rng(2).standard_normal(kept.sum())
    times = np.datetime64("2026-01-01", "ns") + (1e9 * t).astype("timedelta64[ns]") if dated else t
    tables = gathered(sampled, sampled.Config(file=file(times, y=y)))
    assert len(tables["table"]["t"]) == t.size
    middle = dk.from_samples(t, y, at=1.0)
    for name, value, error, line in (
        ("curves", middle.curve, middle.curve_error, "curve"),
        ("derivatives", middle.value, middle.error, "from_samples"),
    ):
        drawn = rows(tables[name], line=line)
        (place,) = np.flatnonzero(np.abs(drawn["t"] - 1.0) < 1e-6)
        assert drawn["y"][place] == pytest.approx(value, rel=1e-6)
        assert drawn["half_width"][place] == pytest.approx(error, rel=1e-6)
    assert not len(gathered(sampled, sampled.Config(file=file())).get("gaps", {"t": ()})["t"])


def test_what_was_wanted_at_a_time_is_told() -> None:
    result = dk.from_samples(T, HAT, at=0.31)
    assert result.status == "edge"
    assert (
        f"The derivative of y is {dk.with_bar(result.value, result.error)} at time = 0.31 (edge) and not known at"
        " time = 9 (unresolved)."
    ) in told(HAT, at=(0.31, 9.0))
    days = np.datetime64("2026-01-01", "ns") + (86400e9 * np.arange(41)).astype("timedelta64[ns]")
    assert " at time = 2026-01-03T12:00:00.000" in told(HAT, days, at=(2.5 * 86400.0,))
    assert " at time = 2026-01-03T12:00:00.000" in told(HAT, days, at=(np.datetime64("2026-01-03T12:00", "ns"),))
    many = told(HAT, at=tuple(np.linspace(0.1, 1.9, 9)))
    assert "; the table at has all 9." in many


def test_empty_cells_are_told() -> None:
    assert "empty" not in told(HAT)
    assert "y has 40 samples in 41 rows: 1 cell is empty." in told(np.where(np.arange(T.size) == 3, np.nan, HAT))
    assert "y has 39 samples in 41 rows: 2 cells are empty." in told(np.where(T < 0.1, np.nan, HAT))


@pytest.mark.parametrize("word", ["signals=[five]", "smoother=from_samples", "samples=500", "seeds=2"])
def test_a_key_of_signals_is_refused_beside_a_file(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run.csv").write_text("t,y\n" + "".join(f"{k},{k * k}\n" for k in range(20)), encoding="utf-8")
    assert run.main(["experiment=sampled", "data=run.csv", word]) == 2
    key = word.partition("=")[0]
    assert capsys.readouterr().err == (
        f"error: {key} is for judging methods on signals, which is done without data; leave out one of the two\n"
    )


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"file": file(T[:3], height=HAT[:3])}, "column height has samples at 3 different times; .* needs 4"),
        ({"file": file(T[:5], height=HAT[:5]), "order": 3}, "a derivative of order 3 needs 6"),
        (
            {"file": file(np.ones(41), height=HAT)},
            "column height has samples at one time only; a derivative of order 1 needs 4",
        ),
        ({"file": file(), "noise": -1.0}, "noise=-1: must be above 0"),
        ({"file": file(), "at": (np.datetime64("2026-01-03"),)}, "at=2026-01-03: the times of .* are numbers"),
        ({"file": file(), "period": 0.0}, "period=0: must be above 0"),
        ({"file": file(), "order": 4}, "order=4: derivatives of order 1, 2 and 3 are known"),
        ({"signals": {"mine": (WAVE,)}, "order": 2}, "order=2: is of a file; write data=run.csv too"),
        ({"signals": {"mine": (WAVE,)}, "samples": 9}, "samples=9: no signal has so few"),
        ({"signals": {"mine": (WAVE,)}, "smoother": ()}, "smoother=.*: at least one is needed"),
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
