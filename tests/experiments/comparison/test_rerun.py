"""Runs repeated: what came out again is said, what moved is judged by theory, and the original is left alone."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from laboratory import environment, python
from omegaconf import OmegaConf

from experiments import compare, rerun, run, tables
from experiments.comparison.differences import judged
from experiments.comparison.tolerance import ULPS, Rules, rules_of
from experiments.running import catalog, check, composition, jobs, provenance, runs, serial
from experiments.running.settings import build
from experiments.study import Rows, column, key

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.slow
PLACE = Path("outputs/delta_sweep/2026-01-02/10-00-00-000000-1")
WORDS = ("function=[exp,sin]", "x=[0.5,1]", "method=[forward_1,central_2]", "delta=${logspace:-8,-1,8}")
Columns = dict[str, np.ndarray[Any, Any]]
Edit = Callable[[Columns], object]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of exp and sin at two points each, of which every test gets a copy."""
    place = tmp_path_factory.mktemp("made") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYDRA_FULL_ERROR", "1")
        assert run.main([*WORDS, "figures.draw=null", f"hydra.sweep.dir={place}"]) == 0
    return place


@pytest.fixture(autouse=True)
def original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Path) -> Iterator[Path]:
    """The run, below the outputs of an empty current directory; whatever a test does to it stays as it is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAB_OUTPUTS", raising=False)
    shutil.copytree(made, PLACE)
    edit_record(PLACE, lambda record: record.update(cwd=str(tmp_path)))
    # Whoever edits the code while the tests run has another commit at every test.
    source = json.loads((PLACE / "run.json").read_text(encoding="utf-8"))["source"]
    monkeypatch.setattr(provenance, "source", lambda _: source)
    yield PLACE
    assert not list(tmp_path.rglob("*.part"))


def edit_record(place: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    record = json.loads((place / "run.json").read_text(encoding="utf-8"))
    edit(record)
    (place / "run.json").write_text(json.dumps(record), encoding="utf-8")


def edit_table(edit: Edit, name: str = "table", measured: tuple[str, ...] = ()) -> None:
    """Let the original have had other values, and its record their hash."""
    path = PLACE / f"{name}.parquet"
    shape, columns = tables.footer(path).shape, tables.columns_of(path)
    edited = edit(columns)
    columns = edited if isinstance(edited, dict) else columns
    path.unlink()
    with tables.Writer(PLACE, {name: shape}, measured={name: measured}) as writer:
        writer.write(name, {key: v.tolist() if v.dtype == object else v for key, v in columns.items()})
    edit_record(PLACE, lambda record: record["tables"][name].update(hash=writer.hashes[name]))


def put(column: str, change: Callable[[Columns], Any], row: int = 5) -> Edit:
    """Change one value by what its row holds."""

    def edit(columns: Columns) -> None:
        columns[column][row] = change({name: values[row] for name, values in columns.items()})

    return edit


def elsewhere(record: dict[str, Any]) -> None:
    """Let the original have been made on a processor with another instruction set."""
    record["environment"]["cpu_features"] = ["AVX9"]


def files(place: Path) -> dict[str, tuple[bytes, int]]:
    """The bytes and the time of every file, and of every directory the time."""
    return {
        str(path): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in [place, *place.rglob("*")]
    }


def repeated() -> list[Path]:
    """The directories of all runs but the original."""
    return [path.parent for path in Path("outputs").glob("*/*/*/run.json") if path.parent != PLACE]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def command(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "experiments.rerun", *words, env=environment(**variables))


# The verdicts


def test_the_command_repeats_a_run_and_leaves_the_original_as_it_is(original: Path):
    before = files(original)
    done = command("latest")
    assert (done.returncode, done.stderr) == (0, "")
    (count,) = re.findall(r"\nidentical: all (\d+) tables came out again to the last bit\n", done.stdout)
    assert int(count) == len(list(original.glob("*.parquet")))
    assert files(original) == before
    (new,) = repeated()
    assert new.parts[1] == "delta_sweep"
    assert str(new) in done.stdout
    assert {"run.json", "report.html", "table.parquet", "table.csv"} <= {path.name for path in new.iterdir()}
    (one, two) = (json.loads((place / "run.json").read_text(encoding="utf-8")) for place in (original, new))
    assert one["tables"] == two["tables"]
    assert [job["hash"] for job in one["jobs"]] == [job["hash"] for job in two["jobs"]]
    assert two["arguments"] == ["python", "-m", "experiments.rerun", "latest"]
    hashes = {name: table["hash"] for name, table in one["tables"].items()}
    told = two["repeats"].pop("told")
    assert two["repeats"] == {"directory": str(original.absolute()), "hashes": hashes, "verdict": "identical"}
    assert set(told) <= set(done.stdout.splitlines())


def test_a_repetition_can_be_repeated(original: Path, capsys: pytest.CaptureFixture[str]):
    assert rerun.main([str(original)]) == 0
    (new,) = repeated()
    assert rerun.main([str(new)]) == 0
    assert said(capsys).count("identical: ") == 2


def test_an_ulp_is_within_tolerance_and_what_does_not_explain_it_is_said(capsys: pytest.CaptureFixture[str]):
    edit_table(put("estimate", lambda row: np.nextafter(row["estimate"], np.inf)))
    assert rerun.main(["latest"]) == 0
    told = said(capsys)
    assert "within tolerance: values of table moved by no more than rounding may move them" in told
    assert "table: 1 of 64 rows moved\ntable.estimate: 1 value, by up to 1 ulps\n" in told
    assert "and yet values moved: nothing that is recorded explains it" in told


def test_an_estimate_may_move_by_the_rounding_that_is_proved_of_both_runs(capsys: pytest.CaptureFixture[str]):
    edit_table(put("estimate", lambda row: row["estimate"] + 1.5 * row["rounding"]))
    assert rerun.main(["latest"]) == 0
    assert "at most 0.75 of what rounding allows" in said(capsys)


def test_an_estimate_that_moves_by_more_than_its_rounding_is_different(capsys: pytest.CaptureFixture[str]):
    edit_table(put("estimate", lambda row: row["estimate"] + 2.1 * row["rounding"]))
    assert rerun.main(["latest"]) == 1
    told = said(capsys)
    assert "different: table did not come out again" in told
    assert "1 by more than what rounding allows: " in told
    assert "at function exp, x 0.5, method forward_1, delta 0.001" in told


def test_an_error_may_move_as_far_as_its_estimate_but_not_alone(capsys: pytest.CaptureFixture[str]):
    def both(columns: Columns) -> None:
        columns["estimate"][5] += columns["rounding"][5]
        columns["error"][5] = abs(columns["estimate"][5] - columns["exact"][5])

    edit_table(both)
    assert rerun.main(["latest"]) == 0
    assert "table.error: 1 value" in said(capsys)
    edit_table(put("error", lambda row: 1.001 * row["error"], row=7))
    assert rerun.main([str(PLACE)]) == 1
    assert "1 by more than what follows from estimate and exact" in said(capsys)


def test_a_value_that_is_gone_is_different(capsys: pytest.CaptureFixture[str]):
    edit_table(put("estimate", lambda row: np.nan))
    assert rerun.main(["latest"]) == 1
    assert "by up to inf ulps, 1 by more than what rounding allows: nan and now 1.6" in said(capsys)


@pytest.mark.parametrize("column", ["status", "evaluations"])
def test_text_and_whole_numbers_may_not_move(column: str, capsys: pytest.CaptureFixture[str]):
    edit_table(put(column, lambda row: "odd" if column == "status" else row[column] + 1))
    edit_record(PLACE, elsewhere)
    assert rerun.main(["latest"]) == 1
    assert f"table.{column}: 1 value: " in said(capsys)


@pytest.mark.parametrize(("rows", "what"), [(63, "1 rows appeared"), (65, "1 rows vanished")])
def test_a_row_that_comes_or_goes_is_different(rows: int, what: str, capsys: pytest.CaptureFixture[str]):
    def edit(columns: Columns) -> Columns:
        places = np.arange(rows) % 64
        columns = {name: values[places] for name, values in columns.items()}
        columns["x"][64:] = 2.0
        return columns

    edit_table(edit)
    assert rerun.main(["latest"]) == 1
    assert f"table: {what}\n" in said(capsys)


def test_a_table_that_the_original_lacks_is_different(capsys: pytest.CaptureFixture[str]):
    edit_record(PLACE, lambda record: record["tables"].pop("optimum"))
    assert rerun.main(["latest"]) == 1
    assert "optimum: the original has no such table" in said(capsys)


def test_a_column_of_another_type_is_different(capsys: pytest.CaptureFixture[str]):
    path = PLACE / "table.parquet"
    shape, columns = tables.footer(path).shape, tables.columns_of(path)
    path.unlink()
    with tables.Writer(PLACE, {"table": {**shape, "evaluations": (float, "")}}) as writer:
        writer.write("table", {key: v.tolist() if v.dtype == object else v for key, v in columns.items()})
    edit_record(PLACE, lambda record: record["tables"]["table"].update(hash=writer.hashes["table"]))
    assert rerun.main(["latest"]) == 1
    assert "table: evaluations: float, now int" in said(capsys)


@pytest.mark.parametrize(
    ("table", "column", "why"),
    [
        ("law", "a", "it is concluded from the tables of the jobs, and follows them unjudged"),
        ("findings", "finding", "it is concluded from the tables of the jobs, and follows them unjudged"),
        ("prediction", "error", "no bound is stated for it: told, not judged"),
    ],
)
def test_other_tables_follow_where_another_arithmetic_explains_it(
    table: str, column: str, why: str, capsys: pytest.CaptureFixture[str]
):
    def edit(columns: Columns) -> None:
        values = columns[column]
        place = 0 if column == "finding" else int(np.flatnonzero(np.isfinite(values))[0])
        values[place] = "odd" if column == "finding" else 1.1 * values[place]

    edit_table(edit, table)
    assert rerun.main(["latest"]) == 1
    assert f"different: {table} did not come out again" in said(capsys)
    edit_record(PLACE, elsewhere)
    assert rerun.main([str(PLACE)]) == 0
    told = said(capsys)
    assert f"within tolerance: table came out again to the last bit, {table} did not" in told
    assert f" moved; {why}\n{table}.{column}: 1 value" in told


def test_conclusions_follow_a_table_that_moved(capsys: pytest.CaptureFixture[str]):
    edit_table(put("estimate", lambda row: np.nextafter(row["estimate"], np.inf)))
    edit_table(put("finding", lambda row: "odd", row=0), "findings")
    assert rerun.main(["latest"]) == 0
    assert "findings: 1 of " in said(capsys)


def test_what_differs_in_the_environment_is_named_arithmetic_first(capsys: pytest.CaptureFixture[str]):
    def edit(record: dict[str, Any]) -> None:
        elsewhere(record)
        record["environment"]["versions"]["numpy"] = "1.0"
        record["environment"]["blas"]["threads"] = 64
        record["environment"]["cpus"] = 4096
        record["source"]["commit"] = "0" * 40

    edit_record(PLACE, edit)
    assert rerun.main(["latest"]) == 0
    told = said(capsys)
    line = next(line for line in told.splitlines() if line.startswith("environment: "))
    named = ["cpu_features AVX9 | ", "blas.threads 64 | ", "versions.numpy 1.0 | ", "commit 0000", "cpus 4096 | "]
    assert [name for name in named if name in line] == named
    assert sorted(named, key=line.index) == named
    assert "identical: " in told


def test_the_state_of_the_code_is_told_in_words(capsys: pytest.CaptureFixture[str]):
    def edit(record: dict[str, Any]) -> None:
        elsewhere(record)
        record["source"] |= {
            "commit": None, "reason": "Git is not installed", "diff": "d" * 64,
            "untracked": {"count": 2, "files": ["a.py", "b.py"], "hash": "e" * 64},
        }  # fmt: skip

    edit_record(PLACE, edit)
    assert rerun.main(["latest"]) == 0
    line = next(line for line in said(capsys).splitlines() if line.startswith("environment: "))
    assert "; commit unknown, Git is not installed | " in line
    assert "; uncommitted changes SHA-256 dddddddddddd | " in line
    assert "; untracked files 2 files, SHA-256 eeeeeeeeeeee | " in line
    assert not re.search(r"null|None|\| -", line)


def test_a_job_says_what_was_set_when_it_ran_not_when_its_process_began(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", "WINGS")
    assert run.main([*WORDS, "figures.draw=null", "hydra.sweep.dir=later"]) == 0
    job = json.loads((Path("later") / "jobs" / "0" / "job.json").read_text(encoding="utf-8"))
    assert job["environment"]["variables"]["NPY_DISABLE_CPU_FEATURES"] == "WINGS"


def test_a_job_that_was_computed_elsewhere_has_its_own_environment(capsys: pytest.CaptureFixture[str]):
    def edit(record: dict[str, Any]) -> None:
        record["jobs"][0]["environment"] = {**record["environment"], "cpu": "another one"}

    edit_record(PLACE, edit)
    edit_table(put("a", lambda row: 2.0, row=0), "law")
    assert rerun.main(["latest"]) == 0
    assert "environment: cpu another one | " in said(capsys)


# The rules


class Table(Rows):
    """A column for every kind of rule."""

    key: int = key("a number")
    value: float = column("a value", moves={"column": "bar"})
    bar: float = column("its bound")
    near: float = column("another", moves={"relative": 0.01})
    flat: float = column("another", moves={"absolute": 0.5})
    told: str = column("words", moves={"follows": ("value", "near")})
    free: int = column("what a search finds", moves={"follows": ()})


def test_every_kind_of_rule_allows_what_it_says_and_no_more(tmp_path: Path):
    kinds = {name: one.type for name, one in Table.columns.items()}
    base = {"key": range(6), "value": 1.0, "bar": 0.1, "near": 100.0, "flat": 0.0, "told": "a", "free": 1}
    moved = {
        "value": [1.0, 1.19, 1.21, 1.0, 1.0, np.nan],
        "near": [100.0, 101.9, 102.1, 100.0, 100.0, 100.0],
        "flat": [0.0, -0.99, 1.01, 0.0, 0.0, 0.0],
        "told": ["a", "b", "b", "b", "a", "a"],
        "free": [1, 1, 1, 1, 2, 1],
    }
    for name, change in (("first", {}), ("other", moved)):
        (tmp_path / name).mkdir()
        with tables.Writer(tmp_path / name, {"table": Table.shape}) as writer:
            writer.write("table", {key: np.array(v) if key == "key" else v for key, v in {**base, **change}.items()})
    paths = tmp_path / "first" / "table.parquet", tmp_path / "other" / "table.parquet"
    for arithmetic in (True, False):
        rule = rules_of(Table, kinds, arithmetic=arithmetic)
        found = judged(*paths, rules=rule, columns=kinds, scratch=tmp_path)
        late = {name: (column.different, column.beyond) for name, column in found.columns.items()}
        assert late == {
            "value": (3, 2), "near": (2, 1), "flat": (2, 1), "told": (3, 1), "free": (1, 0 if arithmetic else 1)
        }  # fmt: skip
        assert (found.moved, found.broken, found.any) == (5, False, True)


def test_numbers_without_a_rule_may_move_by_four_ulps(tmp_path: Path):
    shape = {"x": (float, "")}
    for name, steps in (("first", 0), ("other", 1)):
        (tmp_path / name).mkdir()
        with tables.Writer(tmp_path / name, {"table": shape}) as writer:
            writer.write("table", {"x": 1.0 + np.spacing(1.0) * np.arange(8) * steps})
    paths = tmp_path / "first" / "table.parquet", tmp_path / "other" / "table.parquet"
    found = judged(*paths, rules=Rules(), columns={"x": float}, scratch=tmp_path)
    assert (found.columns["x"].different, found.columns["x"].beyond, found.columns["x"].furthest) == (7, 7 - ULPS, 7.0)
    assert not judged(*paths, rules=Rules(ulps=7), columns={"x": float}, scratch=tmp_path).any


# A file that was read


def hat(path: Path, top: float = 1.0) -> Path:
    lines = [f"{0.1 * k},{top - abs(0.1 * k - 1.0)}" for k in range(21)]
    path.write_text("\n".join(["time,height", *lines]), encoding="utf-8")
    return path


def answered(path: Path, value: float = 1.0) -> Path:
    path.write_text(f"function,x,value,error\npower_25_at_0,0,{value},1e-12\n", encoding="utf-8")
    return path


def homework(path: Path, value: float = 1.0) -> Path:
    path.write_text(f"Anna,{value}*cos(x)\n", encoding="utf-8")
    return path


READERS = {
    "lines": (homework, ("experiment=diagnose", "expression=sin(x)", "answers=run.csv")),
    "data": (hat, ("experiment=sampled", "data=run.csv")),
    "answers": (
        answered,
        ("experiment=leaderboard", "population=edges", "points=2", "estimator=ridders", "answers=run.csv"),
    ),
}


@pytest.fixture(params=READERS)
def reading(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Path]:
    """A run that read a file, and what writes another one."""
    write, words = READERS[request.param]
    write(tmp_path / "run.csv")
    assert run.main([*words, "figures.draw=null", "hydra.sweep.dir=read"]) == 0
    return lambda value: write(tmp_path / "run.csv", value)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def test_a_repetition_says_that_the_file_changed_and_not_the_code(
    reading: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    before = digest(Path("run.csv"))
    assert rerun.main(["read"]) == 0
    assert "changed" not in said(capsys)
    after = digest(reading(2.0))
    assert rerun.main(["read"]) == 1
    text = said(capsys)
    told = text.splitlines()
    (first,) = [place for place, line in enumerate(told) if line.startswith("different: ")]
    assert told[first + 1] == f"of the files that were read, run.csv changed (SHA-256 {before} → {after})"
    assert "ulps" not in text
    assert "the code is another one" not in text
    assert "nothing that is recorded explains it" not in text


@pytest.mark.usefixtures("reading")
def test_a_file_that_is_gone_is_not_laid_to_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    Path("run.csv").unlink()
    assert rerun.main(["read"]) == 2
    assert re.search(r"cannot be run again: (data|answers)=run.csv: .*[Nn]o such file", capsys.readouterr().err)


def test_a_comparison_says_that_the_file_changed(
    reading: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = digest(Path("run.csv")), digest(reading(2.0))
    assert rerun.main(["read"]) == 1
    (new,) = repeated()
    said(capsys)
    compare.main(["read", str(new)])
    assert f"run.csv changed (SHA-256 {before} → {after})." in said(capsys)


@pytest.mark.usefixtures("reading")
def test_a_file_is_looked_for_where_the_run_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert rerun.main([str(tmp_path / "read")]) == 2
    assert f"=run.csv is looked for in the current directory, and the run was started in {tmp_path}" in (
        capsys.readouterr().err
    )
    monkeypatch.chdir(tmp_path)


def test_what_is_looked_for_in_the_current_directory_is_known() -> None:
    local = ["data=run.csv", "answers=[a.csv,b.csv]", "python=mine:f", "+python=mine:f"]
    others = ["data=/home/me/run.csv", "data=digits", "answers=", "database=x", "x=1"]
    assert list(filter(check.is_local, [*local, *others])) == local


# What is executed


def test_the_record_is_executed_and_no_preset(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    own = tmp_path / "own" / "function"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("mine: {expression: x^3, points: [2], reason: Mine., source: me}\n")
    assert run.main(["--config-dir", str(tmp_path / "own"), "function=mine", "delta=1e-3", "figures.draw=null"]) == 0
    shutil.rmtree(own)
    assert rerun.main(["latest"]) == 0
    assert "identical: " in said(capsys)


def test_jobs_are_executed_one_by_one_as_they_were(capsys: pytest.CaptureFixture[str]):
    words = ["function=exp", "delta=1e-3,1e-4,1e-5", "figures.formats=[svg]", "figures.draw=null"]
    assert run.main([*words, "hydra.sweep.dir=three"]) == 0
    assert rerun.main(["three"]) == 0
    assert "identical: " in said(capsys)
    (new,) = repeated()
    jobs = json.loads((new / "run.json").read_text(encoding="utf-8"))["jobs"]
    assert [job["configuration"]["delta"] for job in jobs] == [1e-3, 1e-4, 1e-5]
    config = OmegaConf.load(new / "jobs" / "1" / "config.yaml")
    assert OmegaConf.to_container(config) == jobs[1]["configuration"]


@pytest.mark.parametrize("preset", sorted(path.stem for path in (ROOT / "conf/experiment").glob("*.yaml")))
def test_a_recorded_configuration_means_what_was_resolved(preset: str):
    composition.prepare()
    for group in catalog.WITH_TOOLS:
        composition.register_names(group, group, catalog.methods(group))
    with initialize_config_dir(config_dir=str(ROOT / "conf"), **composition.VERSION_BASE):
        composed = compose("config", overrides=[f"experiment={preset}"])
    resolved = OmegaConf.to_container(composed, resolve=True)
    recorded = json.loads(json.dumps(serial.plain(resolved)))
    study = check.study_of(resolved)
    configs = [repr(build(study, check.study_part(plain))) for plain in (recorded, resolved)]
    one, two = (re.sub(r" at 0x[0-9a-f]+", "", config) for config in configs)
    assert one == two


def test_a_module_of_ones_own_is_repeated_where_it_lies(module_path: Path, capsys: pytest.CaptureFixture[str]):
    (module_path / "rerun_of_mine.py").write_text("def f(x):\n    return x * x\n")
    words = ["python=rerun_of_mine:f", "expression=x^2", "delta=1e-3", "figures.draw=null"]
    assert run.main([*words, "hydra.sweep.dir=mine"]) == 0
    edit_record(Path("mine"), lambda record: record.update(cwd=str(Path.cwd())))
    assert rerun.main(["mine"]) == 0
    edit_record(Path("mine"), lambda record: record.update(cwd="/another/place"))
    assert rerun.main(["mine"]) == 2
    assert "python=rerun_of_mine:f is looked for in the current directory" in capsys.readouterr().err


# What is refused, and what ends early


def job_is(status: str, error: str | None) -> Callable[[Path], object]:
    return lambda place: edit_record(place, lambda record: record["jobs"][0].update(status=status, error=error))


def keyed(key: str, value: object) -> Callable[[Path], object]:
    return lambda place: edit_record(place, lambda record: record["jobs"][0]["configuration"].update({key: value}))


def emptied(place: Path) -> None:
    shutil.rmtree(place)
    place.mkdir()


def foreign(place: Path) -> None:
    emptied(place)
    (place / "notes.txt").write_text("no run")


def damaged(place: Path) -> None:
    content = bytearray((place / "table.parquet").read_bytes())
    (place / "table.parquet").write_bytes(content[: len(content) // 2])


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "an empty directory": (emptied, "has no run.json: it is not the directory of a run"),
    "a foreign directory": (foreign, "has no run.json: it is not the directory of a run"),
    "no record, but jobs": (lambda place: (place / "run.json").unlink(), "has no run.json: the run is half-written"),
    "half a record": (lambda place: (place / "run.json").write_text('{"format": 1, '), "run.json is damaged"),
    "another version": (
        lambda place: edit_record(place, lambda record: record.update(format=99)),
        "has format 99; this version reads ",
    ),
    "an older version": (
        lambda place: edit_record(place, lambda record: record.update(format=1)),
        "has format 1, whose hashes are of another kind; run its command again: python -m experiments.run",
    ),
    "a job that failed": (job_is("failed", "ValueError: no"), "job 0 failed: ValueError: no; only whole runs are rep"),
    "a job that waits": (job_is("waiting", None), "job 0 waiting; only whole runs are repeated"),
    "an interrupted run": (
        lambda place: edit_record(place, lambda record: record.update(status=130)),
        "ended with status 130; only whole runs are repeated; python -m experiments.run --resume ",
    ),
    "an unknown study": (keyed("runner", "odd"), "runner=odd"),
    "an unknown key": (keyed("odd", 1), "cannot be run by this version: this study has no key 'odd'"),
    "a value out of its range": (keyed("delta", -1.0), "cannot be run by this version: delta=-1: a step is greater"),
    "no table": (lambda place: (place / "table.parquet").unlink(), "table.parquet is missing"),
    "no other table": (lambda place: (place / "law.parquet").unlink(), "law.parquet is missing; run its command again"),
    "another table": (
        lambda place: edit_record(place, lambda record: record["tables"]["law"].update(hash="0")),
        "law.parquet is not the table that run.json records",
    ),
    "half a table": (damaged, "table.parquet is damaged or not a Parquet file"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "answer"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_repeated_is_refused_in_one_line(
    original: Path, damage: Callable[[Path], object], answer: str, capsys: pytest.CaptureFixture[str]
):
    damage(original)
    before = files(Path.cwd())
    assert rerun.main([str(original)]) == 2
    told = capsys.readouterr()
    (line,) = told.err.splitlines()
    assert line.startswith("error: ")
    assert answer in line
    assert told.out == ""
    assert files(Path.cwd()) == before


def test_the_command_refuses_nonsense_with_status_2(tmp_path: Path):
    (tmp_path / "nonsense").mkdir()
    done = command("nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert not list((tmp_path / "nonsense").iterdir())


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ((), "the following arguments are required: RUN"),
        (("",), "no run named ''"),
        (("latest", "latest"), "unrecognized arguments: latest"),
        (("latest~3",), "no run latest~3"),
        (("latest", "--ulps", "-1"), "'-1' is no whole number of ulps"),
    ],
)
def test_words_that_mean_nothing_are_refused(words: tuple[str, ...], answer: str, capsys: pytest.CaptureFixture[str]):
    assert rerun.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert answer in line
    assert repeated() == []


def test_a_job_that_fails_now_is_different(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def broken(_: object) -> Iterator[tuple[str, Any]]:
        raise RuntimeError("not any more")

    study = importlib.import_module("experiments.studies.delta_sweep")
    monkeypatch.setattr(study, "measure", broken)
    assert rerun.main(["latest"]) == 1
    told = capsys.readouterr()
    assert re.search(r"job 0 .*failed: RuntimeError: not any more\n", told.err)
    assert "different: the original was whole, and this run is not" in told.out


def test_an_interrupt_leaves_what_was_done(monkeypatch: pytest.MonkeyPatch, original: Path):
    def interrupted(_: jobs.Job) -> None:
        raise KeyboardInterrupt

    before = files(original)
    monkeypatch.setattr(jobs, "perform", interrupted)
    assert rerun.main(["latest"]) == 130
    (new,) = repeated()
    assert json.loads((new / "run.json").read_text(encoding="utf-8"))["status"] == 130
    assert files(original) == before


def test_an_interrupt_before_the_first_job_writes_nothing(monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "find", interrupted)
    assert rerun.main(["latest"]) == 130
    assert repeated() == []


# Every experiment


SMALL: dict[str, tuple[str, ...]] = {
    "analytical_vs_numerical": ("function=[exp,gauss]", "samples=200", "repeats=1", "per_decade=1"),
    "brute_force": ("network=[tiny]", "divide=[1,2]", "samples=[1,2]", "part=4", "repeats=1"),
    "chapter": ("samples=4", "features=4", "repeats=1"),
    "convergence": ("function=[exp,gauss]", "method=[forward_1,central_2]"),
    "delta_sweep": ("delta=${logspace:-16,0,17}",),
    "derivations": ("expression=['x*sin(x)']",),
    "diagnose": (),
    "expression_swell": ("depth=[3,4]",),
    "float32_or_float64": ("x=[0.5,1]", "delta=${powers_of_two:0,-20}", "lowest_exponent=-2", "highest_exponent=0"),
    "honesty": ("population=[edges]", "estimator=[derivative,ridders]", "points=1"),
    "network_gradient": (
        *("network=[tiny]", "samples=8", "batches=[1,4]", "parameters=10", "delta=${logspace:-8,0,5}"),
    ),
    "noise": ("estimator=[derivative,ridders]", "points=1", "levels=[1e-8]"),
    "per_sample": ("network=[tiny]", "samples=16", "steps=[0,4]", "draws=20", "parameters=6", "batches=[1,4,16]"),
    "precision": ("x=[0.5,1]", "delta=${powers_of_two:0,-20}", "lowest_exponent=-2", "highest_exponent=0"),
    "tangents": ("function=[exp,absolute]",),
    "training": ("network=[tiny]", "steps=4", "delta=[1e-9,1e-4]", "samples=8", "held_out=8", "batch=8", "rate=0.5"),
    "where_it_breaks": ("case=[smooth,kink,noise,float32]",),
    "which_delta": ("deltas=17",),
    "which_formula": ("delta=${logspace:-16,0,17}",),
    "worksheet": ("tasks=2", "slopes=1"),
}  # fmt: skip
"""Sizes at which every experiment takes a moment; `speed` cannot, as it times whole commands, and a search needs an
extra: `test_search` repeats one."""


def test_every_experiment_of_the_project_but_that_of_times_and_the_search_is_repeated_here():
    """Somebody's own are added by one file, and no test asks for a second: so the project's are counted."""
    presets = {path.stem for path in (ROOT / "conf/experiment").glob("*.yaml")}
    assert {"speed", "best_delta"} <= presets - SMALL.keys()
    assert SMALL.keys() <= presets
    assert len(SMALL) >= 18
    speed = check.study_of({"runner": "speed"})
    for table in speed.tables.values():
        numbers = {name for name, one in table.columns.items() if one.type is not str and not one.measured}
        assert numbers <= {"goal"}


@pytest.mark.parametrize("experiment", SMALL)
def test_every_experiment_comes_out_again_in_another_process(experiment: str):
    """With another seed of Python's own hashes, by which sets are ordered."""
    assert run.main([f"experiment={experiment}", *SMALL[experiment], "figures.draw=null", "hydra.sweep.dir=one"]) == 0
    done = command("one", PYTHONHASHSEED="12345")
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("identical: all "))
    measured = runs.load(Path("one").absolute()).study.measured
    assert line.endswith("to the last bit, but for what a clock measured" if measured else "to the last bit")
