"""The command: what works, what is refused with one line, what is kept when something fails."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quick
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from laboratory import complaints, environment, only_run, python, record_of

import derivkit as dk
from experiments import collect, rerun, run, tables
from experiments.running import (
    catalog,
    composition,
    grids,
    jobs,
    listing,
    manual,
    overrides,
    planning,
    results,
    run_figures,
    spelling,
    starting,
)
from experiments.studies import delta_sweep
from experiments.study import Rows

ROOT = Path(__file__).resolve().parents[3]
SVG = "figures.formats=[svg]"
QUICK = ("figures.draw=null", "method=central_2")
"""A run without figures is several times faster, and most of what is tested here is not a figure."""

Main = Callable[..., int]

pytestmark = pytest.mark.usefixtures("place")


def command(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command as somebody would."""
    env = environment(**more)
    del env["HYDRA_FULL_ERROR"]
    return python("-m", "experiments.run", *words, env=env)


def ran(*words: str) -> dict[str, np.ndarray[Any, Any]]:
    """Run in this process and return the columns of the table."""
    assert run.main([*QUICK, *words]) == 0
    return tables.columns_of(only_run() / "table.parquet")


def values(table: dict[str, np.ndarray[Any, Any]], column: str) -> list[Any]:
    return list(dict.fromkeys(table[column].tolist()))


# The main job


def test_the_first_command_gives_a_table_figures_a_report_and_a_record():
    done = command("delta=1e-4,1e-8")
    assert (done.returncode, complaints(done.stderr)) == (0, [])
    directory = only_run()
    assert re.fullmatch(r"outputs/delta_sweep/\d{4}-\d\d-\d\d/\d\d-\d\d-\d\d-\d{6}-\d+", str(directory))
    assert "\x1b" not in done.stdout
    assert f"report  {directory}/report.html\ntable   {directory}/table.parquet\n" in done.stdout
    kept = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    files = ("config.yaml", "table.parquet", "job.json", "job.log")
    jobs = {f"jobs/{n}/{name}" for n in (0, 1) for name in files}
    assert {"run.json", "table.parquet", "table.csv", "report.html", "multirun.yaml", *jobs} <= kept
    assert {"figures/error.svg", "figures/error.png"} <= kept
    assert not [name for name in kept if name.endswith(".part")]
    table = tables.columns_of(directory / "table.parquet")
    assert sorted(values(table, "delta")) == [1e-8, 1e-4]
    assert list(table)[-1] == "job"
    assert values(table, "job") == [0, 1]
    record = record_of(directory)
    assert record["status"] == 0
    assert record["arguments"] == ["python", "-m", "experiments.run", "delta=1e-4,1e-8"]
    assert [job["status"] for job in record["jobs"]] == ["done", "done"]
    assert [job["overrides"] for job in record["jobs"]] == [["delta=0.0001"], ["delta=1e-08"]]
    assert record["tables"]["table"]["rows"] == len(table["delta"])


def test_latest_leads_to_the_run_that_ended_last_below_outputs(place: Path) -> None:
    latest = place / "outputs/latest"
    for words in (["delta=0.5"], ["delta=0.25"], ["delta=0.125", "hydra.sweep.dir=elsewhere"]):
        assert run.main([*QUICK, *words]) == 0
    assert latest.readlink().parts[0] == "delta_sweep"
    assert values(tables.columns_of(latest / "table.parquet"), "delta") == [0.25]
    listed, _ = listing.entries(place / "outputs", place / "outputs")
    assert len(listed) == 2
    assert all("latest" not in entry.name for entry in listed)


def test_somebodys_directory_called_latest_is_left_alone(place: Path) -> None:
    (place / "outputs/latest").mkdir(parents=True)
    assert run.main([*QUICK, "delta=0.5"]) == 0
    assert not (place / "outputs/latest").is_symlink()


def test_the_first_findings_are_printed_as_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main([QUICK[0], "expression=2*x^2", "x=1", "delta=1e-4", "method=forward_1"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "0.0001: 4.0002 (error 0.0002)" in out
    assert " 2*x^2 at x = 1: forward_1 came closest, with an error of 0.0002 at delta = 0.0001. " in out
    assert "The report has 1 more finding." in out


def test_the_command_works_from_another_directory_with_a_module_and_a_preset_of_ones_own(place: Path):
    (place / "mine" / "experiment").mkdir(parents=True)
    preset = "# @package _global_\ndefaults: [delta_sweep, {override /method: [central_4]}, _self_]\ndelta: [0.125]\n"
    (place / "mine" / "experiment" / "own.yaml").write_text(preset)
    (place / "mymodule.py").write_text("def f(x):\n    return x * x\n")
    done = command("--config-dir", "mine", "experiment=own", "python=mymodule:f", "expression=x**2", SVG)
    assert (done.returncode, complaints(done.stderr)) == (0, [])
    directory = only_run()
    assert directory.parts[:2] == ("outputs", "own")
    table = tables.columns_of(directory / "table.parquet")
    assert (values(table, "estimate"), values(table, "exact"), values(table, "delta")) == ([2.0], [2.0], [0.125])
    assert not list(directory.glob("figures/*.png"))


WORKING: dict[str, tuple[tuple[str, ...], str, list[Any], int]] = {
    "one delta": (("delta=1e-4",), "delta", [1e-4], 1),
    "a list": (("delta=[1e-4,1e-8]",), "delta", [1e-4, 1e-8], 1),
    "a sweep with spaces in quotes": (("delta=1e-4, 1e-8",), "delta", [1e-4, 1e-8], 2),
    "a grid": (("delta=${powers_of_two:-3,-1}",), "delta", [0.125, 0.25, 0.5], 1),
    "a constant": (("delta=1/3",), "delta", [1 / 3], 1),
    "swept functions": (("function=sin,exp", "delta=1e-4"), "function", ["sin", "exp"], 2),
    "a list of functions": (("function=[sin,exp]", "delta=1e-4"), "function", ["sin", "exp"], 1),
    "a pattern of functions": (("function=glob([sin,cos])", "delta=1e-4"), "function", ["cos", "sin"], 2),
    "derivative": (("derivative=2", "expression=x**2", "x=0.5", "delta=0.25"), "estimate", [2.0], 1),
    "expression": (("expression=x**3*sin(x)", "delta=1e-4"), "x", [1.0], 1),
    "quoted expression": (("expression='sin(x)'", "delta=1e-4"), "expression", ["sin(x)"], 1),
    "several expressions": (("expression=['sin(x)',\"cos(x)\"]", "delta=1e-4"), "expression", ["sin(x)", "cos(x)"], 1),
    "swept expressions": (("expression='sin(x)','cos(x)'", "delta=1e-4"), "expression", ["sin(x)", "cos(x)"], 2),
    "points": (("x=[0,1,2]", "delta=1e-4"), "x", [0.0, 1.0, 2.0], 1),
    "swept points": (("x=0.5,1", "delta=1e-4"), "x", [0.5, 1.0], 2),
    "a constant point": (("x=pi/2", "delta=1e-4"), "x", [np.pi / 2], 1),
    "python": (("python=math:sin", "x=1", "delta=1e-4"), "exact", [dk.derivative(np.sin, 1.0).value], 1),
    "multirun": (("-m", "delta=1e-4"), "delta", [1e-4], 1),
    "options between overrides": (("x=2", "-m", "delta=1e-4"), "x", [2.0], 1),
    "run mode": (("hydra.mode=RUN", "delta=1e-4"), "delta", [1e-4], 1),
    "two sweeps": (("delta=1e-4,1e-8", "x=1,2"), "x", [1.0, 2.0], 4),
}


@pytest.mark.slow
@pytest.mark.parametrize(("words", "column", "expected", "jobs"), WORKING.values(), ids=WORKING.keys())
def test_it_works(words: tuple[str, ...], column: str, expected: list[Any], jobs: int):
    found = values(ran(*words), column)
    np.testing.assert_array_equal(found, expected)
    assert sorted(path.name for path in (only_run() / "jobs").iterdir()) == [str(n) for n in range(jobs)]


@pytest.mark.parametrize("text", ["sin(x)", "x^2", "exp(x)*sin(3*x)"])
def test_the_best_error_of_the_record_is_the_least_that_the_summary_has(text: str):
    """No lucky hit: of equal errors, as those below half an ulp of the exact value are, that of the largest delta."""
    table = ran(f"expression={text}", "x=1", "delta=${logspace:-16,0,65}")
    exact = float(table["exact"][0])
    summary = tables.columns_of(only_run() / "summary.parquet")
    counted = dk.errors.distinguishable(summary["typical_error"], exact)
    best = np.lexsort((-summary["best_delta"], counted))[0]
    found = record_of(only_run())["best"]
    assert found["value"] == counted[best] > 0.0
    assert found["where"]["delta"] == summary["best_delta"][best]
    assert found["where"]["method"] == summary["method"][best]


def test_a_run_without_sweeps_over_delta_has_no_best_error():
    ran("experiment=analytical_vs_numerical", "function=sin", "samples=4", "repeats=1")
    assert record_of(only_run())["best"] is None


def test_a_list_of_methods_is_computed_in_one_job():
    assert run.main(["method=[forward_1,central_4]", "delta=1e-4", "figures.draw=null"]) == 0
    assert values(tables.columns_of(only_run() / "table.parquet"), "method") == ["forward_1", "central_4"]


def test_nothing_at_all_is_the_grid_of_129():
    delta = values(ran(), "delta")
    assert len(delta) == 129
    assert {float(f"1e-{k}") for k in range(17)} <= set(delta)


def test_the_record_keeps_the_command_as_typed_and_the_configuration_in_full():
    ran("expression=sin(x)", "delta=${powers_of_two:-3,-2}")
    record = record_of(only_run())
    assert record["arguments"][-2:] == ["expression=sin(x)", "delta=${powers_of_two:-3,-2}"]
    assert record["jobs"][0]["configuration"]["delta"] == [0.125, 0.25]
    assert record["jobs"][0]["configuration"]["expression"] == "sin(x)"


@pytest.mark.slow
def test_a_long_grid_is_recorded_as_its_description_drawn_resumed_and_repeated(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(grids, "MAX_LISTED", 50)
    monkeypatch.setattr(results, "MAX_ROWS_CONCLUDED", 100)
    monkeypatch.setattr(run_figures, "MAX_ROWS_READ", 60)
    assert run.main(["delta=${logspace:-9,-1,201}", "function=sin", "x=1", "method=central_2", SVG]) == 0
    directory = only_run()
    assert record_of(directory)["jobs"][0]["configuration"]["delta"] == "logspace(-9,-1,201)"
    assert tables.recorded(directory / "table.parquet").rows == 201
    assert (directory / "figures" / "error.svg").is_file()
    assert run.main(["--resume", str(directory)]) == 0
    assert rerun.main([str(directory)]) == 0


@pytest.mark.slow
def test_a_second_run_has_the_same_tables_in_a_directory_of_its_own():
    assert [run.main([*QUICK, "delta=1e-4,1e-8"]) for _ in range(2)] == [0, 0]
    first, second = (json.loads(path.read_text())["tables"] for path in Path("outputs").rglob("run.json"))
    assert first == second


def test_a_preset_may_sweep_by_itself(place: Path):
    (place / "mine" / "experiment").mkdir(parents=True)
    preset = "# @package _global_\ndefaults: [delta_sweep, _self_]\nhydra: {sweeper: {params: {delta: '1e-2,1e-3'}}}\n"
    (place / "mine" / "experiment" / "own.yaml").write_text(preset)
    assert values(ran("--config-dir", "mine", "experiment=own", "x=1,2"), "job") == [0, 1, 2, 3]
    bad = preset.replace("1e-3", "abc")
    (place / "mine" / "experiment" / "own.yaml").write_text(bad)
    assert run.main(["--config-dir", "mine", "experiment=own"]) == 2


SWEPT = {
    "delta=shuffle(1e-3,1e-4,1e-5,1e-6)": [1e-3, 1e-4, 1e-5, 1e-6],
    "delta=tag(a,shuffle([1e-3],[1e-4],[1e-5],[1e-6]))": [1e-3, 1e-4, 1e-5, 1e-6],
    "x=shuffle(range(0.5,4.5))": [0.5, 1.5, 2.5, 3.5],
    "x=shuffle('1/2',2,'3','pi')": [0.5, 2.0, 3.0, np.pi],
    "function=shuffle(sin,exp,tanh,cos)": ["sin", "exp", "tanh", "cos"],
    "method=shuffle(central_2,central_4,forward_1,forward_2)": ["central_2", "central_4", "forward_1", "forward_2"],
    "delta=sort(1e-3,1e-5,1e-4)": [1e-5, 1e-4, 1e-3],
    "function=glob(ex*,exclude=*_*)": ["exp"],
}


@pytest.mark.slow
@pytest.mark.parametrize("word", SWEPT)
def test_the_sweep_that_was_planned_is_the_one_that_runs_and_is_resumed_gathered_and_repeated(word: str):
    key = word.partition("=")[0]
    others = ("function=sin", "method=central_2", "x=1", "delta=1e-3", "figures.draw=null")
    assert run.main([word, *(other for other in others if not other.startswith(f"{key}="))]) == 0
    directory = only_run()
    table = tables.columns_of(directory / "table.parquet")
    found = values(table, key)
    assert sorted(found) == sorted(SWEPT[word])
    assert found == SWEPT[word] or "shuffle" in word
    (directory / "jobs" / str(len(found) - 1) / "job.json").unlink()
    assert run.main(["--resume", str(directory)]) == 0
    assert collect.main([str(directory)]) == 0
    assert rerun.main([str(directory)]) == 0
    again = tables.columns_of(directory / "table.parquet")
    for name, column in table.items():
        np.testing.assert_array_equal(again[name], column)


def test_a_shuffle_is_one_and_the_same_words_draw_the_same():
    def order(word: str) -> overrides.Setting:
        with composition.opened(starting.arguments([])) as loader:
            return overrides.read(loader, "config", [word]).every[0]

    composition.prepare()

    first, again, other = (order(f"x=shuffle(range(0,{n}))") for n in (50, 50, 51))
    numbers = [int(word[2:]) for word in first.words]
    assert first == again
    assert first.planned == "x=" + ",".join(map(str, numbers))
    assert numbers != sorted(numbers) == list(range(50))
    assert [word for word in other.words if word != "x=50"] != list(first.words)


@pytest.mark.slow
def test_what_is_typed_in_place_of_a_preset_s_sweep_runs_where_it_was_planned(place: Path):
    (place / "mine" / "experiment").mkdir(parents=True)
    params = "{delta: '1e-2,1e-3', x: 'shuffle(1,2,3)'}"
    preset = f"# @package _global_\ndefaults: [delta_sweep, _self_]\nhydra: {{sweeper: {{params: {params}}}}}\n"
    (place / "mine" / "experiment" / "own.yaml").write_text(preset)
    table = ran("--config-dir", "mine", "experiment=own", "delta=1e-4,1e-5", "function=sin")
    assert values(table, "job") == [0, 1, 2, 3, 4, 5]
    assert table["delta"].tolist() == [1e-4, 1e-5] * 3


@pytest.mark.slow
def test_the_sweeper_is_known_where_no_search_for_plugins_finds_it(tmp_path: Path):
    code = """
import pkgutil, sys
walk = pkgutil.walk_packages
pkgutil.walk_packages = lambda path, prefix, **more: () if "_plugins" in prefix[:14] else walk(path, prefix, **more)
from experiments import run
sys.exit(run.main(sys.argv[1:]))
"""
    done = python("-c", code, *QUICK, "delta=1e-2,1e-4", "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("sweeper", ["CheckedSweeper", "BasicSweeper"])
@pytest.mark.parametrize(
    ("words", "compositions"),
    [
        (("function=sin", "delta=1e-2,1e-4", "method=forward_1,central_2,central_4"), 3),
        quick.slow((("delta=1e-2,1e-4",), 1)),
        quick.slow((("delta=1e-2,1e-4", "x=1,2", "derivative=1"), 1)),
        quick.slow((("function=sin,exp", "method=forward_1,central_2"), 3)),
        (("function=sin", "hydra.mode=RUN", "delta=1e-2"), 1),
        quick.slow((("shards=2", "function=sin"), 1)),
    ],
)
def test_a_run_is_composed_once_and_once_for_each_further_name_of_a_group(
    words: tuple[str, ...], compositions: int, sweeper: str, monkeypatch: pytest.MonkeyPatch
):
    composed, compose = [], ConfigLoaderImpl.load_configuration

    def counting(self: ConfigLoaderImpl, *args: Any, **more: Any) -> Any:
        composed.append(args)
        return compose(self, *args, **more)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", counting)
    chosen = (f"hydra.sweeper._target_={BasicSweeper.__module__}.BasicSweeper",) if sweeper == "BasicSweeper" else ()
    assert run.main([*words, *chosen, "figures.draw=null", "--quiet"]) == 0
    assert len(composed) == compositions


@pytest.mark.parametrize(
    ("draw", "needed"), [("null", "False"), quick.slow(("{ulps: null, secants: null, law: null}", "True"))]
)
def test_matplotlib_is_imported_only_where_a_figure_is_drawn(draw: str, needed: str, place: Path):
    words = ["delta=1e-2", "function=sin", "method=central_2", f"figures.draw={draw}", "--quiet"]
    code = f"import sys; from experiments import run; run.main({words!r}); print('matplotlib' in sys.modules)"
    done = python("-c", code, check=True)
    assert done.stdout.splitlines()[-1] == needed
    assert (place / "outputs").is_dir()


def test_a_job_is_forgotten_when_it_has_ended(monkeypatch: pytest.MonkeyPatch):
    kept, multirun = [], Hydra.multirun
    monkeypatch.setattr(Hydra, "multirun", lambda *args, **more: kept.extend(multirun(*args, **more)))
    assert values(ran("delta=1e-2,1e-4", "x=1,2"), "job") == [0, 1, 2, 3]
    (jobs_kept,) = kept
    assert [job.status.name for job in jobs_kept] == ["COMPLETED"] * 4
    assert not any(job.cfg or job.hydra_cfg for job in jobs_kept)


def test_results_go_where_they_are_asked_to_go(place: Path, monkeypatch: pytest.MonkeyPatch):
    assert run.main([*QUICK, "delta=1e-4", "hydra.sweep.dir=here/mine"]) == 0
    assert (place / "here" / "mine" / "table.parquet").is_file()
    monkeypatch.setenv("LAB_OUTPUTS", str(place / "it's there"))
    assert run.main([*QUICK, "delta=1e-4"]) == 0
    assert only_run(place / "it's there").parts[-3] == "delta_sweep"


def test_a_quiet_run_says_where_its_results_are_and_no_more(capsys: pytest.CaptureFixture[str]):
    assert run.main([*QUICK, "delta=1e-4", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["report", "table"]
    assert err == ""
    assert run.main([*QUICK, "delta=abc", "-q"]) == 2
    assert capsys.readouterr().err.startswith("error: delta=abc")
    assert run.main([*QUICK, "delta=1e-4"]) == 0
    assert "central_2" in capsys.readouterr().out


def test_the_report_is_opened_when_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) is None)
    assert run.main([*QUICK, "delta=1e-4", "--open"]) == 0
    assert opened == [(only_run() / "report.html").absolute().as_uri()]
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    assert run.main([*QUICK, "delta=1e-4", "--open"]) == 0
    assert "no browser could be started; open outputs/" in capsys.readouterr().err


# Looking without running


def test_help_has_the_keys_five_examples_and_a_line_for_every_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("COLUMNS", raising=False)  # a line is cut where the terminal ends
    assert run.main(["--help", "delta=1e-4,1e-8"]) == 0
    text = capsys.readouterr().out
    assert text.count("  python -m experiments.run ") == 5
    for key in ("delta", "function", "method", "derivative", "x", "expression", "python"):
        assert re.search(rf"^ +'?{key}=", text, flags=re.MULTILINE), key
    for group in ("experiment", "function", "method"):
        for name, line in catalog.lines(group).items():
            assert re.search(rf"^  {name} +{re.escape(line)}$", text, flags=re.MULTILINE), name
    assert "\n  tiny " not in text  # a network, which is no matter of this study
    assert "'delta=${logspace:-16,0,129}'" in text
    assert not Path("outputs").exists()


def test_the_help_says_which_tools_have_no_bar_and_which_are_not_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "estimator").mkdir()
    rows = {"here": "install: numpy", "elsewhere": "install: a-tool-that-nobody-has\n  bar: false"}
    for name, row in rows.items():
        (tmp_path / f"estimator/{name}.yaml").write_text(f"{name}:\n  call: mine:f\n  source: Mine.\n  {row}\n")
    assert run.main(["--config-dir", str(tmp_path), "experiment=leaderboard", "--help"]) == 0
    lines = {line.split()[0]: line.split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines() if " " in line}
    assert lines["here"] == "Mine."
    assert lines["elsewhere"] == "(no bar, not installed) Mine."


@pytest.mark.parametrize("study", catalog.options("experiment"))
def test_the_help_of_a_study_is_its_own(study: str, capsys: pytest.CaptureFixture[str]):
    assert run.main([f"experiment={study}", "--help"]) == 0
    text = capsys.readouterr().out
    assert f"\n{study}: " in text
    assert catalog.header(study) in text
    titles = {group for group, title in manual.GROUPS.items() if f"\n{title}: " in text}
    assert titles == set(manual.GROUPS) & set(catalog.keys(study))


def test_the_help_of_a_study_that_does_not_exist_names_those_that_do(capsys: pytest.CaptureFixture[str]):
    assert run.main(["--help", "experiment=tangent"]) == 2
    assert capsys.readouterr().err == "error: no experiment named 'tangent'; did you mean tangents?\n"


def test_every_example_of_the_help_is_accepted(capsys: pytest.CaptureFixture[str], place: Path):
    (place / "mymodule.py").write_text("def f(x):\n    return x\n")
    assert run.main(["--help"]) == 0
    lines = re.findall(r"^ +python -m experiments.run (.*)$", capsys.readouterr().out, flags=re.MULTILINE)
    for line in lines:
        args = starting.arguments(shlex.split(line))
        with composition.opened(args) as loader:
            assert planning.plan(args, composition.command(loader, args)).rows > 0


def test_cfg_prints_the_configuration(capsys: pytest.CaptureFixture[str]):
    assert run.main(["--cfg", "job", "delta=1e-4"]) == 0
    assert "delta: 0.0001\n" in capsys.readouterr().out
    assert not Path("outputs").exists()


# Patterns


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("method=central_*", "method=[central_2,central_4,central_6,central_8]"),
        ("method=[forward_1,central_?,forward_1]", "method=[forward_1,central_2,central_4,central_6,central_8]"),
        ("method=forward_1,central_*", "method=forward_1,central_2,central_4,central_6,central_8"),
        ("network=all", f"network=[{','.join(catalog.options('network'))}]"),
        ("network=tiny", "network=tiny"),
        ("x=all", "x=all"),
        ("function=nothing_*", "function=nothing_*"),
        ("experiment=d*", "experiment=d*"),
    ],
)
def test_a_pattern_stands_for_all_names_that_fit(typed: str, meant: str):
    names = {group: catalog.options(group) for group in ("experiment", "function", "method", "network")}
    assert spelling.matched(typed, names) == meant


def test_a_run_takes_patterns():
    assert run.main(["function=sin_*", "method=central_*", "delta=1e-3", "figures.draw=null", "--quiet"]) == 0
    (job,) = record_of(only_run())["jobs"]
    assert list(job["configuration"]["method"]) == ["central_2", "central_4", "central_6", "central_8"]
    assert set(job["configuration"]["function"]) == {name for name in catalog.options("function") if name[:4] == "sin_"}


def test_a_formula_of_your_own_is_a_file_of_offsets(place: Path):
    (place / "method").mkdir()
    (place / "method/leaning_3.yaml").write_text("leaning_3: {offsets: [-1, 0, 1, 2], order: 3}\n")
    words = ["--config-dir", str(place), "function=sin", "method=[leaning_3,central_2]", "delta=1e-2", "x=1"]
    assert run.main([*words, "figures.draw=null", "--quiet"]) == 0
    (place / "method").rename(place / "gone")
    table = tables.read(only_run() / "table.parquet").set_index("method")
    expected = dk.difference(np.sin, 1.0, 1e-2, formula=dk.stencil([-1, 0, 1, 2]))
    assert table.loc["leaning_3[-1,0,1,2]", "estimate"] == pytest.approx(float(expected), rel=1e-13)
    assert rerun.main(["latest"]) == 0  # what is recorded says what the formula is


# Bad input

LONG = "(" * 10_000
BAD: dict[tuple[str, ...], str] = {
    ("delta=0",): "delta=0: a step is greater than 0; write one such as delta=1e-4",
    ("delta=0,0001",): "delta=0.0001 with a decimal point: a comma separates two deltas",
    ("delta=[0,0001]",): "with a decimal point",
    ("delta=-1e-3",): "greater than 0",
    ("delta=nan",): "not a finite number",
    ("delta=inf",): "not a finite number",
    ("delta=abc",): "delta=abc",
    ("delta=",): "delta= has no value",
    ("delta=[]",): "the list is empty",
    ("delta=null",): "delta=null",
    ("delta=true",): "delta=True: not a number",
    ("delta=[[1e-4]]",): "a list within a list",
    ("delta=1e-4,abc",): "delta=abc",
    ("delta=1e-4,", "1e-8"): "a space after a comma ends the list; write delta=1e-4,1e-8",
    ("delta=1e-4,", "1e-8,", "1e-9", "x=1"): "write delta=1e-4,1e-8,1e-9",
    ("delta=1e-4", "delta=1e-8"): "delta is given 2 times",
    ("delta=1e-4", "+delta=1e-8"): "delta is given 2 times",
    ("delta=2^-8",): "write \"delta='2^-8'\"",
    ("delta==3",): "write delta=3",
    ("delta=interval(0,1)",): "an interval has no values",
    ("delta=range(1,1)",): "the sweep is empty",
    ("delta=range(0,1,0)",): "must not be zero",
    ("delta=range(0,nan)",): "an end that is no number; write delta=range(0,10)",
    ("derivative=range(0,1e9)",): "the whole run has one derivative",
    ("shards=range(0,1000000000)",): "the whole run has one shards; write one value, shards=0",
    ("hydra.launcher.n_jobs=range(0,1e9)",): "the whole run has one hydra.launcher.n_jobs",
    ("experiment=range(0,1e9)",): "no experiment named '0.0'",
    ("function=range(0,1e9)",): "no function named '0.0'",
    ("function=shuffle(range(0,1000000000))",): "no function named '",
    ("x=range(0,1e9)",): "x=range(0,1e9): more than 10,000 values, and each would be a job of its own",
    ("x=range(0,1e300)",): "or a grid, 'x=${linspace:A,B,N}'",
    ("x=range(0,inf)",): "more than 10,000 values",
    ("x=range(1000000000,0,-1)",): "more than 10,000 values",
    ("x=tag(a,shuffle(range(0,1000000000)))",): "more than 10,000 values",
    ("delta=range(0,1,1e-9)",): "more than 10,000 values",
    ("x=range(0,1e9)", "hydra/sweeper=optuna"): "more than 10,000 values",
    ("x=range(0,400)", "delta=range(1,400)"): "159,600 jobs, up to 100,000 are run at once",
    ("delta=${logspace:-16,0}",): "delta: ",
    ("delta=${logspace:-16,0,0}",): "from 1 to 100000",
    ("delta=${logspce:-16,0,9}",): "there are geomspace, linspace, logspace, powers_of_two",
    ("detla=1e-4",): "no key 'detla'; did you mean delta?",
    ("=3",): "an = without a key",
    (
        "experiment=derivations",
        "function=sin",
    ): "no key 'function', which is of experiment=analytical_vs_numerical, best_",
    ("experiment=derivations", "answer=x"): "no key 'answer', which is of experiment=diagnose; there are derivative,",
    ("experiment=training", "function=sin,exp", "delta=1e-4"): "the study 'training' has no key 'function'",
    ("network=tiny",): "the study 'delta_sweep' has no key 'network'",
    ("h=1e-4",): "no key 'h'; did you mean delta?",
    ("study=tangents",): "did you mean experiment?",
    ("zzz=1e-4",): "no key 'zzz'; there are budget, delta, derivative, domain, experiment, expression, figures,",
    ("+function=sin",): "write function=sin",
    ("function=nothing_*",): "no function named 'nothing_*'",
    ("experiment=all",): "no experiment named 'all'",
    ("--delta=1e-4",): "delta is a key, and has no dashes: write delta=1e-4",
    ("--delta", "1e-4"): "write delta=VALUE",
    ("--step=1e-4",): "delta is a key, and has no dashes: write delta=1e-4",
    ("--output", "here"): "write hydra.sweep.dir=VALUE",
    ("output=here",): "did you mean hydra.sweep.dir?",
    ("-v",): "unrecognized arguments: -v; python -m experiments.run --help tells them",
    ("delta", "1e-4"): "write delta=1e-4",
    ("help",): "'help' is no key=value; write --help",
    ("version",): "write --version",
    ("compare", "latest"): "write python -m experiments.compare latest",
    ("f=sin(x)",): "if this is the function, 'expression=sin(x)'",
    ("mymodule:f", "x=1"): "a function of a module is written python=mymodule:f",
    ("functoins",): "did you mean function?",
    ("qqq",): "python -m experiments.run --help lists keys and names",
    ("python=math.sin",): "write python=math:sin",
    ("size=3",): "the study 'delta_sweep' has no key 'size'; there are budget, delta, derivative",
    ("experiment=derivations", "x=-1"): "; this study takes no points; there are",
    ("+size=3",): "no key 'size'",
    ("~delta",): "write delta=VALUE to change",
    ('delta="1e-4,1e-8"',): "one text, not several numbers; leave out the inner quotes, delta=1e-4,1e-8",
    ('x="1,5"',): "for a decimal number write 1.5",
    ("x=\u00bd",): "the character '\u00bd' is not known here",
    ("hydra.sweep.dir=\u00fc",): "write \"hydra.sweep.dir='\u00fc'\"",
    ("figures.format=[svg]",): "did you mean figures.formats",
    ("figures.formats=[svgg]",): "there are svg, png",
    ("figures.formats=[svg],[png]",): "the whole run has one figures.formats",
    ("figures.draw.error.kind=pie",): "figures.draw.error: a figure of kind 'pie' is not known",
    ("figures.draw.error.table=tabel",): "figures.draw.error: no table 'tabel'; did you mean table?",
    ("figures.draw.error.y=eror",): "column 'eror'",
    ("method=[forward_1,central_2[-1,0,1]]",): "by its name alone; write method=[forward_1,central_2]",
    ("function=sine",): "no function named 'sine'; did you mean sin",
    ("function=[sin,exq]",): "no function named 'exq'; did you mean exp",
    ("function=sin,exq",): "no function named 'exq'; did you mean exp",
    ("function=[]",): "nothing is selected",
    ("function=null",): "nothing is selected",
    ("functions=sin",): "did you mean function?",
    ("method=centrl_2",): "no method named 'centrl_2'; did you mean central_2",
    ("experiment=delta_swep",): "no experiment named 'delta_swep'; did you mean delta_sweep?",
    ("experiment=delta_sweep,delta_sweep",): "the whole run has one experiment",
    ("figures=svg",): "figures=svg: no settings; write figures.formats=[svg] or figures.draw=null",
    ("figures.draw=error",): "figures.draw=error: no figures; write figures.draw=null for none",
    ("derivative=1,2",): "derivative=1,2: the whole run has one derivative; write one value, derivative=1",
    ("runner=delta",): "did you mean which_delta or delta_sweep?",
    ("derivative=5",): "1, 2, 3 or 4",
    ("expression=__import__('os')",): "expression=__import__",
    ("expression=2x",): "write 2*x",
    ("expression=sin x",): "sin(x)",
    ("expression=9**9**9**9",): "exponent",
    (f"expression={LONG}",): "expression=(((",
    ("expression=",): "expression=",
    ("expression=[sin(x),cos(x)]",): "write \"expression=['sin(x)','cos(x)']\"",
    ("expression=sin(x),cos(x)",): "['sin(x)','cos(x)']",
    ("expression=sin(x)", "function=exp"): "function= and expression= both choose the function",
    (f"x={LONG}",): "not closed",
    (f"x={'[' * 10_000}",): "not closed",
    ("x=sqrt(2)",): "write \"x='sqrt(2)'\"",
    ("x=1,(1+2)/3",): "write \"x='1','(1+2)/3'\"",
    ("x='sqrt(2)",): "not closed",
    ("x=1e400",): "not a finite number",
    ("function=log", "x=-1"): "x = -1 lies outside the domain",
    ("function=exp,log", "x=1,-1"): "x = -1 lies outside the domain",
    ("sin",): "write function=sin",
    ("2x",): "'expression=2x'",
    ("sinn",): "did you mean sin",
    ("python=mymodule",): "write python=mymodule:f",
    ("python=no_such_module:f",): "importing 'no_such_module' failed",
    ("--cfg", "job", "delta=1e-4,1e-8"): "--cfg shows the configuration of one job; write one value, delta=1e-4",
    ("--cfg", "jobs"): "invalid choice",
    ("--cfg", "job", "-m"): "Only one of",
    # More than any address space has: nothing is held.
    ("experiment=network_gradient", "samples=1000000000000000"): "there is not enough memory",
    ("--opne",): "did you mean --open?",
    ("--config-dir", "nowhere"): "there is no directory",
    ("--config-name", "nothing"): "Cannot find primary config 'nothing'",
    ("--experimental-rerun", "x"): "--experimental-rerun is not offered",
    ("hydra.mode=RUN", "delta=1e-4,1e-8"): "hydra.mode=RUN runs one job; write one value, delta=1e-4",
    ("hydra.run.dir=here",): "write hydra.sweep.dir=DIR",
    ("hydra/launcher=nothing",): "no hydra/launcher named 'nothing'; there are basic, joblib",
    ("delta=${linspace:1,2,100000}", "x=${linspace:1,2,100000}", "derivative=9"): "derivative=9",
}


@pytest.mark.parametrize(
    ("words", "says"),
    quick.part(BAD.items()),
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line_and_nothing_runs(words: tuple[str, ...], says: str, capfd: pytest.CaptureFixture[str]):
    assert run.main(list(words)) == 2
    out, err = capfd.readouterr()
    assert says in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert len(err) < 600
    assert (out, list(Path().iterdir())) == ("", [])


@pytest.mark.slow
def test_bad_input_is_one_line_in_a_terminal_too():
    done = command("delta=1e-4,abc")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: delta=abc")


@pytest.mark.parametrize("name", ["HYDRA_FULL_ERROR", quick.slow("OC_CAUSE")])
def test_no_variable_of_hydra_brings_a_traceback_back(name: str):
    done = command("delta=${logspace:-16,0,0}", **{name: "0"})
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_an_outputs_directory_that_cannot_be_written_is_said(place: Path, capsys: pytest.CaptureFixture[str]):
    (place / "outputs").write_text("a file")
    assert run.main([*QUICK, "delta=1e-4"]) == 2
    line = capsys.readouterr().err
    assert line.startswith("error: cannot write in ")
    assert "set LAB_OUTPUTS" in line


def test_an_empty_lab_outputs_means_the_directory_outputs(place: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LAB_OUTPUTS", "")
    assert run.main([*QUICK, "delta=1e-4"]) == 0
    assert [path.name for path in place.iterdir()] == ["outputs"]
    assert only_run().joinpath("table.parquet").is_file()


HEADER = "# @package _global_\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            f"{HEADER}defaults: [delta_sweep, _self_]\n\tx: 1\n",
            r"mine\.yaml, line 3, column 1: found character ('\\t' )?that cannot",
        ),
        (f"{HEADER}defaults: [delta_sweep\n", r"mine\.yaml, line 3, column 1: (did not find )?expected ',' or '\]'"),
    ],
)
def test_a_preset_that_is_no_yaml_is_one_line_with_its_place(
    place: Path, text: str, says: str, capsys: pytest.CaptureFixture[str]
):
    (place / "experiment").mkdir()
    (place / "experiment/mine.yaml").write_text(text)
    assert run.main(["--config-dir", str(place), "experiment=mine"]) == 2
    line = capsys.readouterr().err
    assert re.search(says, line)  # the reader written in C has other words than the one in Python
    assert line.count("\n") == 1
    assert ("spaces, not with tabs" in line) is ("\t" in text)


PRESET = f"{HEADER}defaults: [delta_sweep, _self_]\ndelta: 1e-4\n"
BELOW = "line 2: something stands before the header; "
OTHER = "line 1: '{}' is not the header of a preset; "


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"# conf/experiment/mine.yaml\n{PRESET}", BELOW),
        (f"---\n{PRESET}", BELOW),
        (f"# mine\n{PRESET}runner: delta_sweep\nhydra: {{mode: RUN}}\n", BELOW),
        ("# mine\n# @package _global_\ndefaults: [/function: sin, _self_]\nrunner: delta_sweep\n", BELOW),
        (f"\ufeff{PRESET}", "line 1: something stands before the header; "),
        (PRESET.partition("\n")[2], "a preset begins with a header; "),
        (PRESET.replace("_global_", "_group_"), OTHER.format("# @package _group_")),
        (PRESET.replace("_global_", "_global_ # mine"), OTHER.format("# @package _global_ # mine")),
        ("", "a preset begins with a header; "),
    ],
)
@pytest.mark.parametrize("searched", ["--config-dir", quick.slow("hydra.searchpath")])
def test_a_preset_whose_header_is_not_its_first_line_is_refused(
    place: Path, text: str, says: str, searched: str, capsys: pytest.CaptureFixture[str]
):
    (place / "experiment").mkdir()
    (place / "experiment/mine.yaml").write_text(text, encoding="utf-8")
    where = ["--config-dir", str(place)] if searched == "--config-dir" else [f"hydra.searchpath=['file://{place}']"]
    more = [] if searched == "--config-dir" else ["delta=1e-3", "function=sin"]
    assert run.main([*where, "experiment=mine", *more]) == 2
    line = capsys.readouterr().err
    assert "experiment/mine.yaml" in line
    assert line.endswith(f"{says}write '# @package _global_' above everything else, comments too\n")
    assert line.count("\n") == 1


@pytest.mark.parametrize("above", ["", quick.slow("\n"), quick.slow("# @package _global_\n")])
def test_a_preset_whose_header_stands_above_everything_else_runs(place: Path, above: str):
    (place / "experiment").mkdir()
    (place / "experiment/mine.yaml").write_text(above + PRESET)
    assert run.main(["--config-dir", str(place), "experiment=mine", *QUICK]) == 0


def test_an_error_of_the_program_itself_is_not_taken_for_one_of_yaml(monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(starting, "_dispatch", broken)
    with pytest.raises(RuntimeError, match="ours"):
        run.main([])


def test_what_a_function_raises_is_said_in_the_terminal_and_in_the_report(
    place: Path, capsys: pytest.CaptureFixture[str]
):
    (place / "raising.py").write_text("def f(x):\n    return 1 / (1 if x > 1 else 0)\n")
    assert run.main([*QUICK, "python=raising:f", "delta=1e-4,1e-5"]) == 0
    says = "raising:f raised ZeroDivisionError: division by zero at x = 1.0, and 9 more times"
    assert says in capsys.readouterr().err
    assert says in (only_run() / "report.html").read_text()


@pytest.mark.parametrize(
    ("word", "note"),
    [
        ("x=0,5", "x=0,5 is read as two values, 0 and 5; for the one number write x=0.5, with a decimal point"),
        ("delta=1,5", "delta=1,5 is read as two values, 1 and 5; for the one number write delta=1.5,"),
        ("x=-1,25", "-1 and 25; for the one number write x=-1.25,"),
        ("x=[0,05]", "0 and 5; for the one number write x=0.05,"),
        ("x=[0,5]", ""),
        ("x=0.5,1", ""),
        ("x=1,2,3", ""),
        ("x=1,2", ""),
        ("delta=1e-4,1e-8", ""),
    ],
)
def test_what_may_be_a_decimal_comma_is_read_as_two_values_and_that_is_said(word: str, note: str):
    said = overrides.Setting(key=word.partition("=")[0], line=word, words=(word,), merged=True).comma
    assert note in said
    assert bool(said) == bool(note)


@pytest.mark.parametrize(("word", "told"), [("x=0,5", 1), ("budget=400,500", 0)])
def test_a_decimal_comma_is_told_of_a_key_that_takes_a_fraction(
    capsys: pytest.CaptureFixture[str], word: str, told: int
):
    assert run.main([*QUICK, "function=exp", word, "delta=1e-4"]) == 0
    assert capsys.readouterr().err.count(f"{word} is read as two values") == told


def test_how_often_a_function_will_be_called_is_said_before_it_is(place: Path, capsys: pytest.CaptureFixture[str]):
    (place / "counting.py").write_text(
        "import math, sys\ncalls = 0\n\ndef f(x):\n    global calls\n    calls += 1\n"
        "    print('called', file=sys.stderr)\n    return math.sin(x)\n"
    )
    assert run.main(["experiment=which_delta", "python=counting:f", "x=1,2,3", "figures.draw=null"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "called"  # the call that is timed
    assert told[1].startswith("counting:f will be called at most 1,200 times; one call took ")
    assert 24 < sys.modules["counting"].calls <= 1201


def test_a_directory_that_holds_something_is_not_written_into(place: Path, capsys: pytest.CaptureFixture[str]):
    (place / "mine").mkdir()
    (place / "mine" / "kept.txt").write_text("kept")
    assert run.main([*QUICK, "delta=1e-4", "hydra.sweep.dir=mine"]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in (place / "mine").iterdir()] == ["kept.txt"]


def test_a_table_too_large_for_the_disk_is_refused_before_it_starts(capsys: pytest.CaptureFixture[str]):
    grid = "linspace:1e-6,1,100000"
    assert run.main([f"delta=${{{grid}}}", f"x=${{{grid}}}", "function=[exp,sin]", "derivative=2"]) == 2
    line = capsys.readouterr().err
    assert re.search(r"the table would have [\d,]+ rows, about \S+ [TP]B, and \S+ has \S+ \S+ free", line)
    assert not Path("outputs").exists()


# What fails is kept, and said


class Broken:
    """A study whose job at ``x = 2`` raises."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, config: delta_sweep.Config) -> Iterator[Rows]:
        if config.function[0].points == (2.0,):
            raise self.error
        yield from RUN(config)


RUN = delta_sweep.measure


def test_a_job_that_fails_leaves_the_others_and_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(delta_sweep, "measure", Broken(RuntimeError("no\nluck")))
    assert run.main([*QUICK, "delta=1e-4", "x=1,2,3"]) == 1
    directory = only_run()
    said = f"error: job 1 ({' '.join(QUICK)} delta=0.0001 x=2) failed: RuntimeError: no luck\n"
    assert said in capsys.readouterr().err
    assert values(tables.columns_of(directory / "table.parquet"), "job") == [0, 2]
    assert "Traceback" in (directory / "jobs" / "1" / "job.log").read_text()
    record = record_of(directory)
    assert (record["status"], [job["status"] for job in record["jobs"]]) == (1, ["done", "failed", "done"])
    assert "x=2) failed: RuntimeError: no luck" in (directory / "report.html").read_text()


def test_a_run_without_any_result_still_has_its_record(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(delta_sweep, "measure", Broken(MemoryError()))
    assert run.main([*QUICK, "delta=1e-4", "x=2"]) == 1
    assert record_of(only_run())["jobs"][0]["error"].startswith("MemoryError")


def test_results_that_cannot_be_gathered_are_status_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fail(_: object) -> Iterator[Rows]:
        raise ArithmeticError("no conclusion")

    monkeypatch.setattr(delta_sweep, "conclude", fail)
    assert run.main([*QUICK, "delta=1e-4"]) == 3
    err = capsys.readouterr().err
    assert "the results could not be gathered: ArithmeticError: no conclusion; see outputs/" in err
    assert "Traceback" in (only_run() / "run.log").read_text()
    assert record_of(only_run())["status"] == 3


def test_an_interrupt_keeps_what_was_done_and_says_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(delta_sweep, "measure", Broken(KeyboardInterrupt()))
    assert run.main([*QUICK, "delta=1e-4", "x=1,2,3"]) == 130
    directory = only_run()
    assert f"interrupted: 1 of 3 jobs are done and kept in {directory}; go on with: " in capsys.readouterr().err
    record = record_of(directory)
    assert [job["status"] for job in record["jobs"]] == ["done", "waiting", "waiting"]
    assert [job["configuration"]["x"] for job in record["jobs"]] == [1, 2, 3]
    assert (directory / "jobs" / "0" / "table.parquet").is_file()
    assert not list(directory.rglob("*.part"))


def interrupted(place: Path, *, times: int) -> tuple[int, list[str]]:
    """The status of a process that is interrupted so many times while it computes, and what it said."""
    (place / "slow.py").write_text("import time\ndef f(x):\n    time.sleep(0.05)\n    return x * x\n")
    words = [sys.executable, "-m", "experiments.run", "python=slow:f", *QUICK]
    with subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 600
        while not list(place.rglob("job.log")) and time.monotonic() < deadline:
            time.sleep(0.05)
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.01)
        assert process.stderr is not None
        lines = complaints(process.stderr.read())
    return process.returncode, lines


def test_ctrl_c_ends_the_process_with_130(place: Path):
    status, lines = interrupted(place, times=1)
    assert (status, len(lines)) == (130, 1)
    assert "interrupted: 0 of 1 jobs are done" in lines[0]


@pytest.mark.slow
def test_however_often_ctrl_c_is_pressed_the_last_words_are_true(place: Path):
    status, lines = interrupted(place, times=5)
    # A further one after the last words ends the process as the system does.
    assert status in (130, -signal.SIGINT)
    assert [line.partition(":")[0] for line in lines] == ["interrupted"]
    assert " kept in outputs/" in lines[0]
    assert record_of(only_run())["status"] == 130


def test_an_interrupt_while_an_interrupt_is_written_down_is_not_told_as_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def again(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(delta_sweep, "measure", Broken(KeyboardInterrupt()))
    monkeypatch.setattr(results, "interrupt", again)
    assert run.main([*QUICK, "delta=1e-4", "x=1,2,3"]) == 130
    assert capsys.readouterr().err == f"interrupted: what is done is kept in {only_run()}\n"


def test_the_job_of_a_launcher_that_lost_a_worker_is_named(monkeypatch: pytest.MonkeyPatch, capsys: Any):
    def lose(job: jobs.Job) -> None:
        if job.number == 0:
            perform(job)
            return
        raise OSError("worker died")

    perform = jobs.perform
    monkeypatch.setattr(jobs, "perform", lose)
    assert run.main([*QUICK, "delta=1e-4", "x=1,2"]) == 1
    err = capsys.readouterr().err
    assert "OSError: worker died" in err
    assert " x=2) waiting: it left no result" in err
    assert values(tables.columns_of(only_run() / "table.parquet"), "job") == [0]


@pytest.mark.filterwarnings("default")
def test_warnings_and_logs_of_a_job_are_in_its_log(place: Path):
    text = "import logging, warnings\ndef f(x):\n    warnings.warn('beware')\n    logging.info('told')\n    return x\n"
    (place / "chatty.py").write_text(text)
    ran("python=chatty:f", "delta=1e-4")
    log = (only_run() / "jobs" / "0" / "job.log").read_text()
    assert "beware" in log
    assert "told" in log


def test_the_figures_are_drawn_from_the_tables_on_disk():
    words = ("method=central_2", "figures.draw.ulps=null", "figures.draw.law=null", "figures.draw.secants=null")
    assert run.main(["delta=1e-4", "figures.formats=[png]", "function=sin", *words]) == 0
    directory = only_run()
    assert {path.suffix for path in (directory / "figures").iterdir()} == {".png"}
    assert "<svg" in (directory / "report.html").read_text(encoding="utf-8")


def test_the_configuration_is_found_beside_the_package():
    assert catalog.CONF.is_absolute()
    assert (catalog.CONF / "config.yaml").is_file()


# Whatever a function raises

BASE = """
import asyncio, sys


class PanicException(BaseException):
    pass


RAISED = {"number": SystemExit(3), "text": SystemExit("no licence"), "nothing": SystemExit(None),
          "cancelled": asyncio.CancelledError("stop"), "panic": PanicException("called unwrap"),
          "generator": GeneratorExit("closed"), "memory": MemoryError("too large")}


def raising(name):
    def f(x):
        if x == 1:
            raise RAISED[name]
        return 2.0 * x
    return f


globals().update({name: raising(name) for name in RAISED})
"""


@pytest.mark.parametrize(
    ("name", "named"),
    quick.part(
        {
            "number": "SystemExit: 3 (the function called sys.exit;",
            "text": "SystemExit: no licence (the function called sys.exit;",
            "nothing": "SystemExit: None (the function called sys.exit;",
            "cancelled": "CancelledError: stop",
            "panic": "PanicException: called unwrap",
            "generator": "GeneratorExit: closed",
            "memory": "MemoryError: too large",
        }.items(),
        every=5,
    ),
)
def test_whatever_a_function_raises_fails_its_job_by_name_and_no_other(
    name: str, named: str, module_path: Path, capsys: pytest.CaptureFixture[str]
):
    (module_path / "base.py").write_text(BASE)
    assert run.main([*QUICK, f"python=base:{name}", "x=1.0,5", "delta=0.5"]) == 1
    first, *others = complaints(capsys.readouterr().err)
    assert re.match(rf"error: job 0 \(.*\) failed: {re.escape(named)}", first), first
    assert not [line for line in others if "job 1" in line]
    record = record_of(only_run())
    assert [job["status"] for job in record["jobs"]] == ["failed", "done"]
    assert values(tables.columns_of(only_run() / "table.parquet"), "estimate") == [2.0]
    assert (only_run() / "report.html").is_file()


def test_an_exception_of_megabytes_is_cut_where_it_enters(module_path: Path, capsys: pytest.CaptureFixture[str]):
    text = "def f(x):\n    if x > 3:\n        raise ValueError('1' * 3_000_000)\n    return x\n"
    (module_path / "endless.py").write_text(text)
    assert run.main([*QUICK, "python=endless:f", "x=1,5", "delta=0.5"]) == 0
    said = capsys.readouterr()
    assert "raised ValueError: 111" in said.out + said.err
    assert max(map(len, (said.out + said.err).splitlines())) < 2000
    assert sum(path.stat().st_size for path in only_run().rglob("*") if path.is_file()) < 1_000_000


@pytest.mark.parametrize(
    "words", [(), quick.slow((("--cfg", "job"),)), quick.slow((("--help",),)), quick.slow((("functoin=sin",),))]
)
def test_a_full_standard_output_is_said_and_the_run_is_whole(words: tuple[str, ...]):
    if not Path("/dev/full").exists():
        pytest.skip("there is no device that is always full")
    with Path("/dev/full").open("w") as full:
        done = python("-m", "experiments.run", *QUICK, "delta=1e-3", "function=sin", *words, stdout=full)
    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if words else 0)
    if not words:
        assert record_of(only_run())["status"] == 0
        assert (only_run() / "report.html").is_file()
