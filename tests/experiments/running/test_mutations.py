"""Records that anybody may have changed: each is refused in a line or read, and no command ends in a traceback.

In CI a hundred mutations are tried. ``LAB_MUTATIONS=2000 python -m pytest`` with the path of this file tries so many;
``LAB_MUTATIONS_SEED`` draws others.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments import collect, compare, rerun, run, runs

MUTATIONS = int(os.environ.get("LAB_MUTATIONS", "100"))
SEED = int(os.environ.get("LAB_MUTATIONS_SEED", "0"))
TOGETHER = 20
"""Mutations of one test."""
WORDS = ("function=sin", "method=central_2", "x=1,2", "delta=[1e-2,1e-4]", "figures.draw=null")
DAY = Path("outputs/delta_sweep/2026-01-02")
RECORDS = ("run.json", "run.json", "run.json", "jobs/1/job.json", "plan.json", "multirun.yaml", "jobs/0/config.yaml")
"""What is changed, the record of the run more often."""
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 7, 10**400, 1.5, -0.0, float("nan"), float("inf"), 1e300),
    *("", "noon", "2026-01-02T10:00:00", "\ud800"),
    *("0001-01-01T00:00:00+23:59", "../../x", "/elsewhere", "a\nb", "\x1b[31m"),
    *([], [None], [[]], {}, {"": {}}, {"a": 1}, [{"number": 0}], {"bytes": -1, "sha256": 3}, "x" * 5000),
)  # fmt: skip


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the values of some JSON lie."""
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inside:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(content: Any, drawn: random.Random) -> str:
    """Change one value of some JSON, leave it out, or give it to another key, and say what was done."""
    every = list(places(content))
    shallow = [path for path in every if len(path) <= drawn.choice((1, 2, 3, 4, 9))]
    *path, key = drawn.choice(shallow)
    node = content
    for step in path:
        node = node[step]
    way = drawn.random()
    if way < 0.2:
        del node[key]
        return f"without {(*path, key)}"
    node[key] = drawn.choice(ODD) if way < 0.9 else content[next(iter(content))]
    return f"{(*path, key)} is {str(node[key])[:60]!r}"


def mutated(path: Path, drawn: random.Random) -> str:
    """Change a record, as a value or as bytes, and say what was done."""
    raw = path.read_bytes()
    path.unlink()
    if path.suffix == ".json" and drawn.random() < 0.8:
        content = json.loads(raw)
        said = " and ".join(changed(content, drawn) for _ in range(drawn.choice((1, 1, 1, 2))))
        path.write_text(json.dumps(content), encoding="utf-8")
        return said
    place = drawn.randrange(len(raw))
    ways: dict[str, bytes] = {
        "cut": raw[:place],
        "flipped": raw[:place] + bytes([raw[place] ^ 1 << drawn.randrange(8)]) + raw[place + 1 :],
        "no text": raw[:place] + b"\xff\xfe\x00" + raw[place:],
        "empty": b"",
        "deep": b"[" * 20_000,
    }
    way = drawn.choice(list(ways))
    path.write_bytes(ways[way])
    return f"{way} at {place}"


COMMANDS: dict[str, Callable[[Path, Path], int]] = {
    "runs": lambda odd, whole: runs.main([]),
    "runs --json": lambda odd, whole: runs.main(["--json", "function=sin"]),
    "compare": lambda odd, whole: compare.main([str(odd), str(whole)]),
    "compare study": lambda odd, whole: compare.main(["study=delta_sweep", "status=done"]),
    "rerun": lambda odd, whole: rerun.main([str(odd)]),
    "collect": lambda odd, whole: collect.main([str(odd)]),
    "resume": lambda odd, whole: run.main(["--resume", str(odd)]),
}
"""Every command that reads records; the last two write."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("made") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYDRA_FULL_ERROR", "1")
        assert run.main([*WORDS, f"hydra.sweep.dir={place}"]) == 0
    return place


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, MUTATIONS, TOGETHER))
def test_a_changed_record_never_ends_a_command_and_hides_no_run(start: int, made: Path, place: Path, capsys: Any):
    for number in range(start, min(start + TOGETHER, MUTATIONS)):
        drawn = random.Random(f"{SEED} {number}")
        odd, whole = place / DAY / f"10-00-{number % 60:02}", place / DAY / "11-00-00"
        for directory in (odd, whole):
            shutil.copytree(made, directory)
        file = drawn.choice(RECORDS)
        said = f"{number}: {file} {mutated(odd / file, drawn)}"
        for name in ("runs", drawn.choice(list(COMMANDS)[1:])):
            before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
            status = COMMANDS[name](odd, whole)
            out, err = capsys.readouterr()
            assert status in (0, 1, 2, 3), (said, name, err)
            assert "Traceback" not in err, (said, name, err)
            assert status == 0 or out or err, (said, name)
            assert not name.startswith("runs") or "11-00-00" in out, (said, name, err)
            assert not (name == "resume" and status == 3), (said, name, err)
            assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before, said
        shutil.rmtree(place / "outputs")
