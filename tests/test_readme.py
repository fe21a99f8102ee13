"""Every command and every line of code in the README and on the pages of docs does what it says."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cluster
import numpy as np
import printed
import pytest
import quick
from families import POPULATION
from omegaconf import OmegaConf

import derivkit as dk
from derivkit.numerical.formulas import ROWS
from experiments import run
from experiments.study import frames

ROOT = Path(__file__).resolve().parents[1]
README, CHANGELOG = ((ROOT / f"{name}.md").read_text(encoding="utf-8") for name in ("README", "CHANGELOG"))
HONESTY = OmegaConf.load(ROOT / "conf/experiment/honesty.yaml")
MANY = README[README.index("## Many runs") : README.index("## How it is built")]
ALONE = r"^python -m experiments\.run.*$|(?<=&& )python -m experiments\.run.*$"
COMMANDS = re.findall(ALONE, README.replace(MANY, ""), re.MULTILINE)
ONE_BY_ONE = re.findall(r"^python -m experiments\..*$", MANY, re.MULTILINE)
PICTURES = dict(re.findall(r"^(python -m experiments\.run.*)\n```\n\n!\[[^]]*\]\((.*)\)", README, re.MULTILINE))
PICTURES[COMMANDS[0]] = "docs/pictures/newcomer.svg"
EXTRAS = dict(re.findall(r"^pip install -e '\.\[(\w+)\]' && python -m (experiments\.run .*)$", README, re.MULTILINE))
ADDED = {"parallel": "hydra_plugins.hydra_joblib_launcher", "slurm": "submitit", "ray": "ray", "optuna": "optuna"}
"""What each of them installs."""
REFUSED = re.findall(r"^\$ python -m experiments\.run (.*)\n(error: .*)$", README, re.MULTILINE)
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_OUTPUTS", str(tmp_path))
    monkeypatch.setattr("webbrowser.open", lambda *_: True)
    return tmp_path


@pytest.mark.parametrize(
    "command", [COMMANDS[0], *(pytest.param(command, marks=pytest.mark.slow) for command in COMMANDS[1:])]
)
def test_a_command_runs_and_leaves_a_report(command: str, outputs: Path) -> None:
    assert run.main(shlex.split(command, comments=True)[3:]) == 0
    (page,) = outputs.glob("*/*/*/report.html")
    if command in PICTURES:
        shown = (ROOT / PICTURES[command]).read_text(encoding="utf-8")
        drawn = {path: path.read_text(encoding="utf-8") for path in page.parent.glob("figures/*.svg")}
        assert [path for path, svg in drawn.items() if alike(svg, shown)], f"copy the figure to {PICTURES[command]}"


def alike(one: str, other: str) -> bool:
    """Whether two figures say the same words, and have at least 80 % of their places within a point of each other.

    Not all, since rounding errors differ between processors. The share is by eye.
    """
    words, places = zip(*((re.findall(r">([^<]*)</text>", svg), _places(svg)) for svg in (one, other)), strict=True)
    return words[0] == words[1] and (places[0] & places[1]).total() >= 0.8 * max(part.total() for part in places)


def _places(svg: str) -> Counter[tuple[int, int]]:
    drawn = svg[svg.index("</defs>") :]
    pairs = re.findall(r"[ML] ?(-?[\d.]+) (-?[\d.]+)", drawn) + re.findall(r'x="([\d.]+)" y="([\d.]+)"', drawn)
    return Counter((round(float(x)), round(float(y))) for x, y in pairs)


def test_every_picture_is_shown_is_small_and_is_like_no_other() -> None:
    shown = re.findall(r"\]\((docs/pictures/.*?)\)", README)
    drawn = [f"docs/pictures/{path.name}" for path in (ROOT / "docs/pictures").iterdir()]
    assert sorted(shown) == sorted(PICTURES.values()) == sorted(drawn)
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in shown]
    assert max(map(len, texts)) < 100_000
    assert [[alike(one, other) for other in texts] for one in texts] == np.eye(len(texts), dtype=bool).tolist()


def test_a_picture_whose_curves_have_moved_is_found_out() -> None:
    text = (ROOT / "docs/pictures/newcomer.svg").read_text(encoding="utf-8")
    moved = re.sub(r"(?<=[ML ])[\d.]+(?= )", lambda found: str(float(found[0]) + 2.0), text)
    assert not alike(text, moved)
    assert alike(text, re.sub(r"(?<=[ML ])[\d.]+(?= )", lambda found: str(float(found[0]) + 1e-6), text))


def test_the_readme_and_the_changelog_count_no_more_than_there_is_and_little_less() -> None:
    families = [family for families in POPULATION.values() for family in families]
    near = sum(len(families) for name, families in POPULATION.items() if name.startswith("near_breaks"))
    points = sum(np.unique(family.drawn(HONESTY.points, seed=HONESTY.seed)).size for family in families)
    functions = len(list((ROOT / "conf/function").glob("*.yaml")))
    for text, sentence, counts in (
        (CHANGELOG, r"\* (\d+) difference formulas:", [len(ROWS)]),
        (CHANGELOG, r"\* (\d+) functions with the reason", [functions]),
        (README, r"(\d+ \d+) seeded points of (\d+) functions, (\d+) of them near", [points, len(families), near]),
    ):
        (stated,) = re.finditer(sentence, text)
        # A row of one's own may be added without another sentence; 1.2 is by eye.
        for least, count in zip(stated.groups(), counts, strict=True):
            assert int(least.replace(" ", "")) <= count <= 1.2 * int(least.replace(" ", "")), stated[0]


def test_there_are_ten_things_to_do_and_the_main_command() -> None:
    assert len(COMMANDS) == 11


@pytest.mark.slow
def test_the_commands_for_many_runs_follow_one_another(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(ONE_BY_ONE) == 9
    shown: dict[str, str] = {}
    for command in ONE_BY_ONE:
        _, _, module, *words = shlex.split(command, comments=True)
        capsys.readouterr()
        assert importlib.import_module(module).main(words) == 0, command
        shown[" ".join([module, *words])] = capsys.readouterr().out
    assert all(shown.values())
    assert re.search(r"The values of the \d+ joined rows are equal", shown["experiments.compare latest~1 latest"])
    assert len(list(outputs.glob("delta_sweep/*/*/run.json"))) == 3
    assert len(list(outputs.glob("compare/*/*/report.html"))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("extra", EXTRAS)
def test_what_an_extra_adds_runs_as_printed(extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec(ADDED[extra]) is None:
        pytest.skip(f"the extra {extra} is not installed")
    monkeypatch.setenv("PATH", cluster.installed(tmp_path / "bin"))
    done = in_a_shell(f"python -m {EXTRAS[extra]}", at=ROOT)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("report.html"))


def test_every_extra_that_the_readme_installs_is_tried() -> None:
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


def test_the_lines_of_the_core_give_what_their_comments_say() -> None:
    (code,) = [text for kind, text in BLOCKS if kind == "python" and text.startswith("import math")]
    names: dict[str, object] = {}
    exec(code, names)  # the README's own lines
    slope = dk.derivative(math.sin, 1.0)
    assert (slope.value, slope.status, slope.total) == (0.540302305868137, "ok", 13)
    assert abs(slope.value - math.cos(1.0)) <= slope.error < 1.05e-14
    assert dk.derivative(abs, 0.0).message == "f has a kink: its slope is -1 on the left and 1 on the right."
    vertical = dk.derivative(math.sqrt, 0.0)
    assert (vertical.value, round(vertical.exponent, 6)) == (math.inf, 0.5)
    third = dk.derivatives(math.exp, 0.0, orders=(1, 2, 3))[3]
    assert (third.error < 1e-8, third.total) == (True, 13)
    assert dk.difference(lambda x: 2 * x**2, 1.0, 1e-4, formula="forward_1") == 4.0001999999987845
    assert dk.exact("(1-cos(x))/x^2", 1e-4).value == -8.333333327777778e-06
    assert [str(w) for w in dk.stencil([-2, 0, 1], derivative=1).weights] == ["-1/6", "-1/2", "2/3"]
    (best,) = dk.predict_optimum(names["f"], 1.0, formulas=[dk.formula("central_4")])  # type: ignore[arg-type]
    assert (f"{best.delta:.2g}", best.error < 2e-12) == ("0.0013", True)
    assert str(dk.derive("x^2*exp(x)").result) == "2*x*exp(x) + x**2*exp(x)"
    assert dk.derive("(relu(w*x + b) - y)^2", "w")(0.5, x=2.0, b=0.0, y=3.0) == -8.0
    assert dk.diagnose("x*sin(x)", answer="cos(x)").rules == ("product rule as product of derivatives",)
    assert dk.dual(lambda x: (x**3 - x) / (1 + abs(x)), 2.0).derivative == 3.0
    found = names["found"]
    assert (found.evaluations, found.gradient.size) == (262, 131)
    assert np.max(np.abs(found.gradient - names["gradient"])) < 1e-10


def test_the_check_of_a_gradient_says_what_is_printed_below_it() -> None:
    at, code = next(
        (k, text) for k, (kind, text) in enumerate(BLOCKS) if kind == "python" and "dk.check_gradient" in text
    )
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code, names)  # the README's own lines
    assert out.getvalue() == BLOCKS[at + 1][1]
    (about,) = re.findall(r"That took about (\d+) values of the loss", README)
    assert abs(names["check"].evaluations - int(about)) <= 10  # the windows that are searched depend on the last bits
    wrong = names["gradient"](names["w"]) / 8
    wrong[2, 3] += 1e-6
    (entry,) = re.findall(r"`(x\[2, 3\] claims .*) ± .*`", README)
    assert f"disagree: {entry} ±" in dk.check_gradient(names["loss"], wrong, names["w"]).message
    dk.assert_gradient(names["loss"], lambda w: names["gradient"](w) / 8, names["w"])


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_the_check_of_a_torch_module_says_what_is_printed_below_it() -> None:
    at, code = next((k, text) for k, (kind, text) in enumerate(BLOCKS) if kind == "python" and "import torch" in text)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code, {})  # the README's own lines
    assert out.getvalue() == BLOCKS[at + 1][1]


PYTHON = {
    name: blocks
    for name, page in printed.PAGES.items()
    if name != "README.md"
    and (blocks := [one for one in printed.blocks_of(page) if one.kind == "python" and not one.file])
}


@pytest.mark.parametrize("page", PYTHON)
def test_the_python_of_a_page_gives_what_is_printed_beside_it(page: str) -> None:
    names: dict[str, Any] = {}
    faults = [printed.run_python(block, names) for block in PYTHON[page] if printed.is_possible(block)]
    assert [fault for fault in faults if fault] == []


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("1 + 1  # 3", "- 3"),
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


def recipes(blocks: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The files that the README adds, each under the name that its block gives, as the block is printed."""
    named = [
        (re.findall(r"^# (\S+/\w+\.(?:py|yaml))$", "".join(text.splitlines(keepends=True)[:2]), re.MULTILINE), text)
        for _, text in blocks
    ]
    return {names[0]: text for names, text in named if names}


def with_row(file: Path, table: str, *rows: str) -> None:
    """Put rows first into a table. Somebody may have added them for good: then they are there once all the same."""
    text = file.read_text(encoding="utf-8")
    for line in rows:
        text = text.replace(line, "")
    before, opened, after = text.partition(table)
    assert opened, f"{file} has no {table}"
    file.write_text(f"{before}{opened}{''.join(rows)}{after}", encoding="utf-8")


def extend(copy: Path) -> Path:
    """Add what the README adds, as it is printed there."""
    added = recipes(BLOCKS)
    assert len(added) == 5
    for name, text in added.items():
        (copy / name).write_text(text, encoding="utf-8")
    (formula,) = [text for kind, text in BLOCKS if kind == "python" and text.startswith("row(")]
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
        env={**os.environ, "PYTHONPATH": str(extended)},
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
    problem = dk.Problem(dk.Function.from_expression("exp(x)"), (0.0, 1.0))
    config = halving.Config(function=(problem,), halvings=8)
    table = frames(halving.measure(config))[halving.Table]
    assert len(table) == config.rows == 16
    for _, error in table.groupby("x")["error"]:
        # The next term of the series is delta^2 / 20 of the first.
        assert np.all(np.abs(error.to_numpy()[3:-1] / error.to_numpy()[4:] - 4.0) <= 4.0 * 2.0**-6 / 20)


def test_the_function_to_add_runs_from_a_directory_of_ones_own(tmp_path: Path) -> None:
    (text,) = [text for kind, text in BLOCKS if kind == "yaml" and "my_wave" in text]
    (tmp_path / "mine/function").mkdir(parents=True)
    (tmp_path / "mine/function/my_wave.yaml").write_text(text, encoding="utf-8")
    assert run.main(["--config-dir", str(tmp_path / "mine"), "function=my_wave", "delta=1e-3"]) == 0


@pytest.mark.slow
def test_the_two_commands_as_printed_in_a_fresh_copy_with_everything_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh environment, the main command, and the quick part of the suite, which takes up what was added."""
    copy = extend(copied(tmp_path))
    start, tests = [text for kind, text in BLOCKS if kind == "sh"][:2]
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
