"""Every command and every line of code in the README and on the pages of docs does what it says."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import cluster
import numpy as np
import printed
import pytest
import quick
from families import POPULATION
from laboratory import line_by_steps
from omegaconf import OmegaConf

import derivkit as dk
from derivkit.numerical.formulas import ROWS
from experiments import run
from experiments.running.settings import keys_of
from experiments.study import frames

ROOT = printed.ROOT
README, CHANGELOG = printed.PAGES["README.md"], (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
HONESTY = OmegaConf.load(ROOT / "conf/experiment/honesty.yaml")
BLOCKS = {name: list(printed.blocks_of(page)) for name, page in printed.PAGES.items()}
EVERY = [block for blocks in BLOCKS.values() for block in blocks]
ROW = "row("
"""How the block begins that is a row of a table of the code."""
PYTHON = {
    name: python
    for name, blocks in BLOCKS.items()
    if (python := [one for one in blocks if one.kind == "python" and not one.file and not one.text.startswith(ROW)])
}
SHELL = {name: [one for one in blocks if one.kind == "sh"] for name, blocks in BLOCKS.items()}
FRESH = [block.text for block in SHELL["README.md"]]
"""The two commands, which are tried in a fresh copy."""
COMMAND = re.compile(r"(?:^|&& |\$\()((?:python -m experiments\.|derivative-lab ).*?)(?:\)\"| \||$)")
"""A command of the laboratory, alone, after another, or in one of the shell's own."""
EXTRA = re.compile(r"^pip install -e '\.\[(\w+)\]' && python -m (experiments\.run .*)$", re.MULTILINE)
EXTRAS = dict(pair for block in EVERY if block.kind == "sh" for pair in EXTRA.findall(block.text))
ADDED = {"parallel": "hydra_plugins.hydra_joblib_launcher", "slurm": "submitit", "ray": "ray", "optuna": "optuna"}
"""What each of them installs."""
THINGS = re.findall(r"^\| [^|]* \| `(.*?)` \| [^|]* \|", README[README.index("## Ten things") :], re.MULTILINE)
PICTURE = re.compile(r"^(python -m experiments\.run .*)\n```\n\n!\[[^]]*\]\(.*?(docs/)?(pictures/.*)\)", re.MULTILINE)
PICTURES = {command: name for page in printed.PAGES.values() for command, _, name in PICTURE.findall(page)}
REFUSED = [
    pair
    for page in printed.PAGES.values()
    for pair in re.findall(r"^\$ python -m experiments\.run (.*)\n(error: .*)$", page, re.MULTILINE)
]


@pytest.fixture(autouse=True)
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to type commands in, with the results of all of them below ``outputs``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("LAB_OUTPUTS", raising=False)
    monkeypatch.delitem(sys.modules, "mymodule", raising=False)
    monkeypatch.setattr("webbrowser.open", lambda *_: True)
    return tmp_path / "outputs"


def commands_of(block: printed.Block) -> list[str]:
    """The commands of the laboratory in a block, without those that need an extra."""
    lines = (line for line in block.text.splitlines() if not EXTRA.match(line))
    return [match[1] for line in lines if (match := COMMAND.search(line))]


def run_block(block: printed.Block, outputs: Path) -> str:
    """Run the commands of a block; return how what they print or draw differs from what the page shows."""
    text, faults = "", []
    for command in commands_of(block):
        text += printed.run_line(command)
        if command in PICTURES:
            faults.append(unlike((outputs / "latest").resolve(), PICTURES[command]))
    return "\n".join(filter(None, [*faults, printed.difference(text, text if block.output is None else block.output)]))


def unlike(run: Path, picture: str) -> str:
    """A sentence if no figure of a run is like a picture of the documentation."""
    shown = (ROOT / "docs" / picture).read_text(encoding="utf-8")
    drawn = [path.read_text(encoding="utf-8") for path in run.glob("figures/*.svg")]
    return "" if any(alike(svg, shown) for svg in drawn) else f"copy the figure of {run} to docs/{picture}"


def test_the_first_command_prints_and_draws_what_is_shown_below_it(outputs: Path) -> None:
    assert run_block(SHELL["README.md"][0], outputs) == ""
    assert unlike(outputs / "latest", "pictures/newcomer.svg") == ""


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in SHELL if page != "README.md" and SHELL[page]])
def test_the_commands_of_a_page_follow_one_another(page: str, outputs: Path) -> None:
    for block in BLOCKS[page]:
        if block.file:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text, encoding="utf-8")
        if block.kind == "sh":
            assert run_block(block, outputs) == ""


@pytest.mark.slow
@pytest.mark.parametrize("words", THINGS)
def test_a_thing_to_do_leaves_a_page(words: str, outputs: Path) -> None:
    printed.run_line(f"python -m experiments.run {words}")
    assert list(outputs.glob("*/*/*/report.html"))


def test_there_are_ten_things_to_do() -> None:
    assert len(THINGS) == 10


def test_every_line_of_a_shell_is_tried_by_some_test() -> None:
    lines = {line for blocks in SHELL.values() for block in blocks for line in block.text.splitlines()}
    fresh = {line for block in FRESH for line in block.splitlines()}
    assert [
        line for line in lines - fresh if not EXTRA.match(line) and not commands_of(printed.Block("sh", line))
    ] == []


def alike(one: str, other: str) -> bool:
    """Whether two figures say the same words, and have at least 80 % of their places within a point of each other.

    Not all, since rounding errors differ between processors. The share is by eye.
    """
    words, places = zip(*((re.findall(r">([^<]*)</text>", svg), _places(svg)) for svg in (one, other)), strict=True)
    return words[0] == words[1] and (places[0] & places[1]).total() >= 0.8 * max(part.total() for part in places)


def _places(svg: str) -> Counter[tuple[int, int]]:
    drawn = svg[svg.index("</defs>") :]
    pairs = re.findall(r"[ML] ?(-?[\d.]+) (-?[\d.]+)", drawn) + re.findall(r'x="([\d.]+)" y="([\d.]+)"', drawn)
    pairs += [place for steps in re.findall(r' d="(m[^"]*)"', drawn) for place in line_by_steps(steps)]
    return Counter((round(float(x)), round(float(y))) for x, y in pairs)


def test_every_picture_is_shown_is_small_and_is_like_no_other() -> None:
    pictures = sorted((ROOT / "docs/pictures").iterdir())
    assert {*PICTURES.values(), "pictures/newcomer.svg"} == {f"pictures/{path.name}" for path in pictures}
    texts = [path.read_text(encoding="utf-8") for path in pictures]
    assert max(map(len, texts)) < 100_000
    assert [[alike(one, other) for other in texts] for one in texts] == np.eye(len(texts), dtype=bool).tolist()


def test_a_picture_whose_curves_have_moved_is_found_out() -> None:
    text = (ROOT / "docs/pictures/newcomer.svg").read_text(encoding="utf-8")
    moved = re.sub(r"(?<=[ML ])[\d.]+(?= )", lambda found: f"{float(found[0]) + 2.0:.6f}", text)
    assert not alike(text, moved)
    assert alike(text, re.sub(r"(?<=[ML ])[\d.]+(?= )", lambda found: f"{float(found[0]) + 1e-6:.6f}", text))


def test_the_readme_and_the_changelog_count_no_more_than_there_is_and_little_less() -> None:
    families = [family for families in POPULATION.values() for family in families]
    near = sum(len(families) for name, families in POPULATION.items() if name.startswith("near_breaks"))
    points = sum(np.unique(family.drawn(HONESTY.points, seed=HONESTY.seed)).size for family in families)
    functions = len(list((ROOT / "conf/function").glob("*.yaml")))
    for text, sentence, counts in (
        (CHANGELOG, r"\* (\d+) difference formulas:", [len(ROWS)]),
        (CHANGELOG, r"\* (\d+) functions with the reason", [functions]),
        (
            README,
            r"(\d+ \d+) seeded points of (?:more than )?(\d+) functions, (?:some )?(\d+) of them near",
            [points, len(families), near],
        ),
    ):
        (stated,) = re.finditer(sentence, text)
        # A row of one's own may be added without another sentence; 1.2 is by eye.
        for least, count in zip(stated.groups(), counts, strict=True):
            assert int(least.replace(" ", "")) <= count <= 1.2 * int(least.replace(" ", "")), stated[0]


@pytest.mark.slow
@pytest.mark.parametrize("extra", EXTRAS)
def test_what_an_extra_adds_runs_as_printed(extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec(ADDED[extra]) is None:
        pytest.skip(f"the extra {extra} is not installed")
    monkeypatch.setenv("PATH", cluster.installed(tmp_path / "bin"))
    done = in_a_shell(f"python -m {EXTRAS[extra]}", at=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("report.html"))


def test_every_extra_that_a_page_installs_is_tried() -> None:
    assert set(EXTRAS) == set(ADDED)


def in_a_shell(block: str, *, at: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """A block in a shell of its own, in which `python` is this one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "HYDRA_"))}
    environment = {**inherited, "PATH": path, **more}
    return subprocess.run(["bash", "-euc", block], cwd=at, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("arguments", "answer"), REFUSED)
def test_a_wrong_value_is_answered_as_printed(arguments: str, answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(shlex.split(arguments)) == 2
    assert capsys.readouterr().err.strip() == answer


@pytest.mark.parametrize(
    "page", [quick.slow(page) if "experiments" in str(blocks) else page for page, blocks in PYTHON.items()]
)
def test_the_python_of_a_page_gives_what_is_printed_beside_it(page: str) -> None:
    names: dict[str, Any] = {}
    faults = [printed.run_python(block, names) for block in PYTHON[page] if printed.is_possible(block)]
    assert [fault for fault in faults if fault] == []


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("1 + 1  # 3", "- 3"),
        ("1 + 1\n# 3", "- 3"),
        ("print(4)", "+ 4"),
        ("print(4)\n```\n\n```text\n5", "- 5"),
        ("print(4)\n```\n\n```text\n4", ""),
        ("x = 1  # or 2", ""),
        ("'from 1 to 3'  # from 1 ...", ""),
    ],
)
def test_a_page_that_says_something_else_is_found_out(page: str, fault: str) -> None:
    block, *_ = printed.blocks_of(f"```python\n{page}\n```\n")
    message = printed.run_python(block, {})
    assert fault in message
    assert bool(fault) == bool(message)


def copied(to: Path) -> Path:
    """The project as a clone has it: without results, environments and what tools left."""
    left_out = (
        ".git",
        "outputs",
        ".venv",
        "venv",
        "build",
        "dist",
        "*.egg-info",
        "__pycache__",
        ".*_cache",
        ".hypothesis",
    )
    return Path(shutil.copytree(ROOT, to / "copy", ignore=shutil.ignore_patterns(*left_out), symlinks=True))


def with_row(file: Path, table: str, *rows: str) -> None:
    """Put rows first into a table. Somebody may have added them for good: then they are there once all the same."""
    text = file.read_text(encoding="utf-8")
    for line in rows:
        text = text.replace(line, "")
    before, opened, after = text.partition(table)
    assert opened, f"{file} has no {table}"
    file.write_text(f"{before}{opened}{''.join(rows)}{after}", encoding="utf-8")


def extend(copy: Path) -> Path:
    """Add what the pages add, as it is printed there."""
    added = [block for block in EVERY if block.file and "/" in block.file and not block.file.startswith("mine/")]
    assert len(added) == 5
    for block in added:
        (copy / str(block.file)).write_text(block.text, encoding="utf-8")
    (formula,) = [block.text for block in EVERY if block.text.startswith(ROW)]
    with_row(copy / "derivkit/numerical/formulas.py", "ROWS = (\n", f"    {formula}")
    return copy


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return extend(copied(tmp_path_factory.mktemp("project")))


@pytest.mark.parametrize(
    ("words", "figure"),
    [
        (("method=skew_3", "function=my_wave"), "error"),
        (("experiment=halving", "figures.draw.error.kind=stairs"), "error"),
        quick.slow((("experiment=halving",), "error")),
        quick.slow((("experiment=halving", "function=my_wave"), "error")),
        quick.slow((("experiment=network_gradient", "network=my_network"), "curves")),
    ],
)
def test_what_is_added_as_written_runs(words: tuple[str, ...], figure: str, extended: Path, outputs: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "experiments.run", *words, "figures.formats=[svg]"],
        cwd=extended,
        env={**os.environ, "PYTHONPATH": str(extended), "LAB_OUTPUTS": str(outputs)},
        capture_output=True,
        text=True,
        check=False,
    )
    # how far a run of some seconds has come is no complaint
    said = [line for line in done.stderr.splitlines() if not line.startswith("job 1 of 1 ")]
    assert (done.returncode, said) == (0, [])
    (page,) = outputs.glob("*/*/*/report.html")
    assert (page.parent / f"figures/{figure}.svg").is_file()
    assert words[-1].partition("=")[2] in page.read_text(encoding="utf-8")


def test_the_study_to_add_measures_what_it_says(extended: Path) -> None:
    """Halved delta, a quarter of the error."""
    specification = importlib.util.spec_from_file_location("halving", extended / "experiments/studies/halving.py")
    assert specification is not None
    assert specification.loader is not None
    halving = importlib.util.module_from_spec(specification)
    sys.modules["halving"] = halving  # a dataclass looks for its module there
    specification.loader.exec_module(halving)
    del sys.modules["halving"]
    preset = {*OmegaConf.load(extended / "conf/experiment/halving.yaml")} - {"defaults", "runner", "figures", "hydra"}
    assert preset | {"function"} == {key for field in fields(halving.Config) for key in keys_of(field.name)}
    problem = dk.Problem(dk.Function.from_expression("exp(x)"), (0.0, 1.0))
    config = halving.Config(function=(problem,), halvings=8)
    table = frames(halving.measure(config))[halving.Table]
    assert len(table) == config.rows == 16
    for _, error in table.groupby("x")["error"]:
        # The next term of the series is delta^2 / 20 of the first.
        assert np.all(np.abs(error.to_numpy()[3:-1] / error.to_numpy()[4:] - 4.0) <= 4.0 * 2.0**-6 / 20)


def test_the_function_to_add_runs_from_a_directory_of_ones_own(tmp_path: Path) -> None:
    (text,) = [block.text for block in EVERY if block.kind == "yaml" and "my_wave" in block.text]
    (tmp_path / "mine/function").mkdir(parents=True)
    (tmp_path / "mine/function/my_wave.yaml").write_text(text, encoding="utf-8")
    assert run.main(["--config-dir", str(tmp_path / "mine"), "function=my_wave", "delta=1e-3"]) == 0


@pytest.mark.slow
def test_the_two_commands_as_printed_in_a_fresh_copy_with_everything_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh environment, the main command, and the quick part of the suite, which takes up what was added."""
    copy = extend(copied(tmp_path))
    start, tests = FRESH
    for name in ("LAB_OUTPUTS", "PYTHONPATH", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)
    # The versions that are tested here, lest tomorrow's decide.
    done = in_a_shell(start, at=copy, PIP_CONSTRAINT=str(copy / "constraints.txt"))
    if "No matching distribution" in done.stderr:
        pytest.skip("there is no package index to install from")
    assert done.returncode == 0, done.stderr
    assert list((copy / "outputs").glob("delta_sweep/*/*/report.html"))
    done = in_a_shell(f". .venv/bin/activate\n{tests}", at=copy, PIP_CONSTRAINT=str(copy / "constraints.txt"))
    assert done.returncode == 0, done.stdout[-10_000:]
    assert re.search(r" \d+ passed(?!.* failed)", done.stdout)
    assert "what is slow is left out" in done.stdout
