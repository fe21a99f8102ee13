"""A grid cut into shards: whatever the cut, the joined tables are those of the whole, to the byte."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quick
from laboratory import ROOT, environment, python

import derivkit as dk
from derivkit.grids import logspace
from experiments import run, tables
from experiments import shards as cutting
from experiments.studies import delta_sweep
from experiments.studies.delta_sweep import Config
from experiments.study import study_in
from experiments.tables import hashing

GRID = tuple(logspace(-14, 0, 15).tolist())
STUDY = study_in(delta_sweep)


def problem(text: str, *points: float) -> dk.Problem:
    return dk.Problem(dk.Function.from_expression(text), points)


def own(call: Callable[..., Any], *points: float, expression: str | None = None) -> dk.Problem:
    return dk.Problem(dk.Function.from_callable(call, name="own", expression=expression), points)


def picky(x: Any) -> Any:
    """Takes arrays, but none that reaches beyond 2.2; and a number is raised to a power by another routine."""
    if np.any(np.asarray(x) > 2.2):
        raise ValueError(f"{np.max(x)} lies beyond")
    return np.exp(3.7 * np.log(x)) if np.ndim(x) else x**3.7


PROBLEMS = (
    problem("exp(x)", *np.linspace(-1.0, 2.0, 37)),
    problem("tanh(x)", 1.0),
    own(picky, *np.linspace(0.5, 2.0, 41), expression="x^3.7"),
    own(math.sin, *np.linspace(0.0, 1.0, 5)),
    problem("abs(x) + log(x)", *np.linspace(0.0, 1.0, 18)),
    dk.Problem(dk.Function.from_black_box("sin_table", expression="sin(x)"), (0.3, 0.7)),
)


def written(directory: Path, configs: list[Config]) -> dict[str, bytes]:
    """The files of jobs that all count as one, joined."""
    parts = [directory / "jobs" / str(number) for number in range(len(configs))]
    for part, config in zip(parts, configs, strict=True):
        part.mkdir(parents=True)
        before = 0
        with tables.Writer(part, STUDY.shapes, job=0) as writer:
            for name, columns in STUDY.measurements(config):
                writer.write(name, columns)
            before = writer.rows.get("table", 0)
        assert before == config.rows, "a shard has as many rows as it promised"
    tables.gather(parts, directory)
    return {path.name: path.read_bytes() for path in sorted(directory.glob("*.parquet"))}


def shards_of(shards: int, **config: Any) -> list[Config]:
    return [Config(**config, shards=shards, shard=k) for k in range(shards)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    found = written(tmp_path_factory.mktemp("whole"), [Config(function=PROBLEMS, delta=GRID)])
    named = ("table", "raised", "optimum", "prediction", "curves", "secants")
    assert set(found) == {f"{name}.parquet" for name in named}
    return found


@pytest.mark.parametrize("shards", quick.part([2, 3, 7, 64, 211], every=3))
def test_the_union_of_shards_is_the_whole_to_the_byte(tmp_path: Path, whole: dict[str, bytes], shards: int) -> None:
    assert written(tmp_path, shards_of(shards, function=PROBLEMS, delta=GRID)) == whole


@pytest.mark.parametrize("shards", [2, 11])
@pytest.mark.parametrize("block", [64, quick.slow(1000)])
def test_cuts_between_blocks_of_the_file_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shards: int, block: int
) -> None:
    monkeypatch.setattr(cutting, "ROWS_PER_CHUNK", block)
    monkeypatch.setattr(hashing, "GROUP", block)
    config = {"function": PROBLEMS, "delta": GRID[::3], "method": ("forward_1", "central_4")}
    expected = written(tmp_path / "whole", [Config(**config)])
    split = shards_of(shards, **config)
    if sum(one.rows for one in split) >= shards * block:
        assert all(one.cut.piece[0] % block == 0 for one in split)
    assert written(tmp_path / "split", split) == expected


@pytest.mark.parametrize("shards", [1, 2, 63, 64, 1000])
def test_pieces_lie_side_by_side_and_are_of_like_size(shards: int) -> None:
    pieces = [one.cut.piece for one in shards_of(shards, function=PROBLEMS[:2], delta=GRID)]
    rows = 38 * 2 * len(GRID)
    assert [first for first, _ in pieces] == [0, *(last for _, last in pieces[:-1])]
    assert pieces[-1][1] == rows
    assert max(last - first for first, last in pieces) < rows / shards + 2 * len(GRID)


def test_the_blocks_of_a_study_are_those_of_the_file() -> None:
    assert cutting.ROWS_PER_CHUNK == tables.GROUP


def test_a_cut_through_a_call_of_an_own_function_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it gives depends on what it is asked with, so that other calls give other values and exceptions."""
    config: dict[str, Any] = {"function": PROBLEMS[2:3], "delta": GRID}
    expected = written(tmp_path / "whole", [Config(**config)])
    monkeypatch.setattr(cutting, "CALLED_TOGETHER", 5)
    found = written(tmp_path / "split", shards_of(4, **config))
    assert found["table.parquet"] != expected["table.parquet"]
    assert found["raised.parquet"] != expected["raised.parquet"]


def test_a_lost_row_is_noticed(tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: Any = cutting.Cut.piece
    lost = property(lambda self: (pieces.fget(self)[0], pieces.fget(self)[1] - 1))
    monkeypatch.setattr(cutting.Cut, "piece", lost)
    assert written(tmp_path, shards_of(2, function=PROBLEMS, delta=GRID))["table.parquet"] != whole["table.parquet"]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"shards": 0}, "shards=0: from 1"),
        ({"shards": 10**9}, "shards=1000000000: from 1 to 10000"),
        ({"shard": 1}, "shard=1: from 0 to 0"),
        ({"shards": 4, "shard": 4}, "shard=4: from 0 to 3"),
        ({"shards": 4, "shard": -1}, "shard=-1: from 0 to 3"),
    ],
)
def test_shards_that_cannot_be_are_refused(config: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Config(function=PROBLEMS, **config)


# The command


SMALL = ("function=sin,exp", "x=[0.5,1,1.5]", "delta=[1e-2,1e-5]", "figures.draw=null")


@pytest.mark.slow
def test_a_swept_run_in_shards_gives_the_tables_of_the_run_without(place: Path) -> None:
    assert run.main([*SMALL, "hydra.sweep.dir=whole"]) == 0
    assert run.main([*SMALL, "shards=4", "hydra.sweep.dir=split"]) == 0
    names = sorted(path.name for path in (place / "whole").glob("*.*") if path.suffix in {".parquet", ".csv"})
    assert {"table.parquet", "summary.parquet", "findings.parquet", "table.csv"} <= set(names)
    for name in names:
        assert (place / "split" / name).read_bytes() == (place / "whole" / name).read_bytes(), name
    record = json.loads((place / "split" / "run.json").read_text(encoding="utf-8"))
    assert len(record["jobs"]) == 8
    assert [job["configuration"]["shard"] for job in record["jobs"]] == [0, 1, 2, 3] * 2
    assert not any("shard=" in word for word in record["overrides"]), "what was typed can be typed again"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("shard=1", "shards=2"), "shard is set by the run itself"),
        (("shards=0",), "shards=0: from 1"),
        (("shards=1000000000",), "shards=1000000000: from 1 to 10000"),
        (("shards=2,3",), "the whole run has one shards; write one value, shards=2"),
        (("shards=many",), "shards=many: not a whole number"),
        (("shards=3", "function=sin", "hydra.mode=RUN"), "shards=3: hydra.mode=RUN runs one job"),
    ],
)
def test_a_command_that_cannot_be_cut_is_refused_in_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    assert run.main([*SMALL[1:], *words]) == 2
    assert says in capsys.readouterr().err
    assert not list(place.iterdir())


# A hundredth of the large study: two million rows

LARGE = """
import resource, sys
from pathlib import Path
import derivkit as dk
from derivkit.grids import logspace
from experiments import tables
from experiments.studies import delta_sweep
from experiments.study import study_in
from experiments.tables import gathering

STUDY = study_in(delta_sweep)

METHODS = ("forward_1", "backward_1", "forward_2", "backward_2", "central_2", "central_4", "central_6", "central_8")
ROW = sum(8 if kind is not str else 4 for kind, _ in STUDY.shapes["table"].values()) + 8
BLOCK = tables.GROUP * ROW


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def study(place, points, shards):
    delta = tuple(logspace(0, -16, 2500).tolist())
    problem = dk.Problem(dk.Function.from_expression("exp(x)"), tuple(0.5 + k / 100 for k in range(points)))
    parts = []
    for shard in range(shards):
        config = delta_sweep.Config(function=(problem,), method=METHODS, delta=delta, shards=shards, shard=shard)
        parts.append(place / str(shard))
        parts[-1].mkdir(parents=True)
        with tables.Writer(parts[-1], STUDY.shapes, job=0) as writer:
            for name, columns in STUDY.measurements(config):
                writer.write(name, columns)
    return parts


gathering.ONE_FILE = 1 << 19


def everything(place, points):
    (whole,) = study(place / "whole", points, 1)
    split = place / "split"
    split.mkdir()
    record = tables.gather(study(place / "parts", points, 4), split)["table"]
    path = split / "table.parquet"
    assert record.rows == points * len(METHODS) * 2500
    links = enumerate(sorted(path.iterdir()))
    assert all(part.samefile(place / "parts" / str(number) / "table.parquet") for number, part in links)
    assert record == tables.recorded(whole / "table.parquet")
    assert record.hash == tables.hash_of(path)
    assert tables.distinct(path, ["function", "x"], 3)[1] == points
    assert len(tables.read(path, ["delta", "error"], {"x": 0.5})) == len(METHODS) * 2500


root = Path(sys.argv[1])
everything(root / "small", 27)  # 540 000 rows: four shards of one block and more
before = peak()
everything(root / "large", 100)
print((peak() - before) / BLOCK)
"""


# Threads keep what they have freed, each for itself, up to the most that it ever had. So that what is measured is what
# the rows need, every array of 64 KiB or more is had from the system, and given back to it at once.
GIVING_BACK = {"ARROW_DEFAULT_MEMORY_POOL": "system"} | dict.fromkeys(
    ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), "65536"
)


@pytest.mark.slow
def test_two_million_rows_in_shards_are_those_of_the_whole_and_need_no_more_memory_than_half_a_million(
    tmp_path: Path,
) -> None:
    pytest.importorskip("resource")
    done = python("-c", LARGE, str(tmp_path), cwd=ROOT, env=environment(**GIVING_BACK))
    assert done.returncode == 0, done.stderr
    # A writer holds two blocks, and stores one; a reader holds two. The large study has 11 blocks more than the small.
    assert float(done.stdout) < 3
