"""A run whose table is a folder of its jobs' files: every command reads it, and damage of any part is found."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import quick
from laboratory import ROOT, record_of

from experiments import collect, compare, rerun, run, tables
from experiments.tables import gathering, hashing

COMMAND = ("function=sin,exp", "x=[0.5,1,1.5]", "method=[forward_1,central_2]", "delta=[1e-2,1e-5,1e-8]",
           "figures.draw=null")  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def fixture_small() -> Iterator[None]:
    """Let the 18 rows of a job be many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "GROUP", 16)
        patch.setattr(gathering, "ONE_FILE", 20)
        yield


@pytest.fixture(scope="module", name="run_once")
def fixture_run_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("folders") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYDRA_FULL_ERROR", "1")
        assert run.main([*COMMAND, f"hydra.sweep.dir={directory}"]) == 0
    return directory


@pytest.fixture(name="whole")
def fixture_whole(place: Path, run_once: Path) -> Path:
    return copied(run_once, place / "whole")


def copied(directory: Path, to: Path) -> Path:
    """Copy a run; what was one file by two names stays one."""
    shutil.copytree(directory, to)
    for number, part in enumerate(parts(to)):
        part.unlink()
        part.hardlink_to(to / "jobs" / str(number) / "table.parquet")
    return to


def parts(directory: Path) -> list[Path]:
    return sorted((directory / "table.parquet").iterdir())


def test_the_parts_are_the_files_of_the_jobs_and_all_are_recorded(whole: Path) -> None:
    assert [part.name for part in parts(whole)] == ["part-0.parquet", "part-1.parquet"]
    for number, part in enumerate(parts(whole)):
        assert part.samefile(whole / "jobs" / str(number) / "table.parquet")
    record = record_of(whole)
    digests = [record["files"][f"table.parquet/part-{number}.parquet"] for number in range(2)]
    assert digests == [record["files"][f"jobs/{number}/table.parquet"] for number in range(2)]
    assert record["tables"]["table"] == {"rows": 36, "hash": tables.hash_of(whole / "table.parquet")}
    crate = json.loads((whole / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    assert {"@id": "table.parquet/part-1.parquet"} in crate["@graph"][1]["hasPart"]
    assert 'href="table.parquet"' in (whole / "report.html").read_text(encoding="utf-8")


def test_its_content_and_its_hash_are_those_of_one_file(
    whole: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "ONE_FILE", 1000)
    assert run.main([*COMMAND, f"hydra.sweep.dir={place}/one"]) == 0
    assert (place / "one" / "table.parquet").is_file()
    assert record_of(whole)["tables"] == record_of(place / "one")["tables"]
    frames = [pd.read_parquet(directory / "table.parquet") for directory in (whole, place / "one")]
    pd.testing.assert_frame_equal(*frames, check_categorical=False)
    for name in ("table.csv", "summary.parquet"):
        assert (whole / name).read_bytes() == (place / "one" / name).read_bytes()
    assert compare.main([str(whole), str(place / "one")]) == 0


def test_collect_and_resume_find_it_whole_and_the_file_of_an_earlier_end_makes_room(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = record_of(whole)
    for limit in (1000, 20):
        monkeypatch.setattr(gathering, "ONE_FILE", limit)
        assert collect.main([str(whole)]) == 0
        assert (whole / "table.parquet").is_dir() == (limit == 20)
        assert run.main(["--resume", str(whole)]) == 0
    assert record_of(whole)["tables"] == expected["tables"]
    assert record_of(whole)["files"].keys() == expected["files"].keys()
    assert not list(whole.glob("*.kept-*"))
    assert not list(whole.glob("*.part"))


def test_the_run_is_repeated_to_the_bit(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rerun.main([str(whole)]) == 0
    assert "identical" in capsys.readouterr().out


def damage_a_byte(directory: Path) -> None:
    part = parts(directory)[1]
    content = bytearray(part.read_bytes())
    content[-1] ^= 1
    part.unlink()
    part.write_bytes(content)


@pytest.mark.parametrize("table", ["a folder", "one file"])
@pytest.mark.parametrize("fortieth", quick.part(range(40), every=8))
def test_a_flipped_byte_is_refused_or_named_and_never_passes_for_the_file_that_was_written(
    fortieth: int, table: str, whole: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte that holds no value, as one of the statistics, may be harmless; the values are hashed to know."""
    monkeypatch.setattr(gathering, "ONE_FILE", {"a folder": 20, "one file": 1000}[table])
    assert collect.main([str(whole)]) == 0
    second = whole.parent / "second"
    shutil.copytree(whole, second)
    part = (parts(second) if table == "a folder" else [second / "table.parquet"])[-1]
    content = bytearray(part.read_bytes())
    content[fortieth * (len(content) - 1) // 39] ^= 1
    part.unlink()
    part.write_bytes(content)
    capsys.readouterr()
    status = compare.main([str(whole), str(second)])
    assert ("is not as it was written, though its values are" in capsys.readouterr().err) == (status == 0)
    assert status in (0, 2)
    if status == 0:
        frames = [pd.read_parquet(directory / "table.parquet") for directory in (whole, second)]
        pd.testing.assert_frame_equal(*frames)


def test_a_run_with_another_byte_that_holds_no_value_is_repeated_and_its_file_named(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = parts(whole)[1]
    content = part.read_bytes()
    part.unlink()
    part.write_bytes(b"X" + content[1:])  # of the magic number only that at the end is read
    assert rerun.main([str(whole)]) == 0
    out, err = capsys.readouterr()
    assert "identical" in out
    assert "table.parquet is not as it was written, though its values are: table.parquet/part-1.parquet does" in err


DAMAGES = {
    "the last byte of a part": damage_a_byte,
    "a part is missing": lambda directory: parts(directory)[0].unlink(),
    "all parts are missing": lambda directory: [part.unlink() for part in parts(directory)],
    "a part that nobody wrote": lambda place: shutil.copy(parts(place)[0], place / "table.parquet" / "x.parquet"),
    "parts in another order": lambda directory: parts(directory)[0].rename(
        directory / "table.parquet" / "part-2.parquet"
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", quick.part(DAMAGES.values(), every=3), ids=DAMAGES)
def test_damage_is_found_and_what_was_put_there_is_kept(
    damage: Any, whole: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied(whole, place / "second")
    damage(place / "second")
    capsys.readouterr()
    assert compare.main([str(whole), str(place / "second")]) == 2
    assert rerun.main([str(place / "second")]) == 2
    assert "table.parquet is" in capsys.readouterr().err
    assert collect.main([str(place / "second")]) == 0, "the jobs are whole"
    note = "table.parquet is not what the laboratory wrote; it is kept as table.kept-1.parquet"
    assert note in capsys.readouterr().err
    assert compare.main([str(whole), str(place / "second")]) == 0


def test_a_folder_that_was_being_written_when_the_process_died_is_written_again(whole: Path) -> None:
    expected = record_of(whole)["tables"]
    half = whole / "table.parquet.part"
    (whole / "table.parquet").rename(half)
    (half / "part-1.parquet").unlink()
    record = record_of(whole)
    record |= {"status": 130, "writing": ["table.parquet"]}
    (whole / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert run.main(["--resume", str(whole)]) == 0
    assert record_of(whole)["tables"] == expected
    assert not half.exists()
    assert not list(whole.glob("*.kept-*"))


def test_somebodys_folder_by_the_name_of_a_table_is_kept(whole: Path) -> None:
    shutil.rmtree(whole / "table.parquet")
    (whole / "table.parquet").mkdir()
    (whole / "table.parquet" / "notes.txt").write_text("mine", encoding="utf-8")
    assert collect.main([str(whole)]) == 0
    assert (whole / "table.kept-1.parquet" / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert len(parts(whole)) == 2


# Other people's tools


SQL = re.findall(
    r"^```sql\n(.*?)^```$",
    (ROOT / "docs/how-to/read-the-results.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)


def in_outputs(whole: Path) -> None:
    """Let a run lie where the queries of the documentation look for it."""
    (whole.parent / "outputs/delta_sweep/2026-01-01").mkdir(parents=True)
    whole.rename(whole.parent / "outputs/delta_sweep/2026-01-01/00-00-00-000000-1")


def test_the_files_that_the_sql_of_the_documentation_reads_have_what_it_names(whole: Path, place: Path) -> None:
    in_outputs(whole)
    rows, records = (sorted(place.glob(pattern)) for pattern in re.findall(r"'(outputs/.*?)'", "".join(SQL)))
    assert [len(rows), len(records)] == [2, 1]
    assert {"method", "function", "x", "delta", "error"} <= tables.footer(rows[0]).shape.keys()
    record = json.loads(records[0].read_text(encoding="utf-8"))
    assert {"commit", "numpy", "rows"} <= {
        *record["source"],
        *record["environment"]["versions"],
        *record["tables"]["table"],
    }


def test_the_sql_of_the_documentation_is_true(whole: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    frame = pd.read_parquet(whole / "table.parquet")
    in_outputs(whole)
    best, versions = (duckdb.sql(query).fetchall() for query in "".join(SQL).split(";") if query.strip())
    smallest = frame[frame["error"] > 0].groupby(["method", "function", "x"], observed=True)["error"].min()
    assert sorted(row[-1] for row in best) == sorted(smallest)
    assert [int(row[-1]) for row in versions] == [36]


def test_duckdb_and_polars_read_the_folder_as_one_table(whole: Path) -> None:
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    errors = tables.columns_of(whole / "table.parquet")["error"].tolist()
    assert polars.read_parquet(whole / "table.parquet")["error"].to_list() == errors
    found = duckdb.sql(f"SELECT error FROM '{whole}/table.parquet/*.parquet'").fetchall()
    assert [error for (error,) in found] == errors
