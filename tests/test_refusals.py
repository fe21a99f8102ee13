"""What is refused before the first job, in one line: command lines, names, figures and files of other people."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import quick
from laboratory import environment, python

from experiments import collect, compare, figures, messages, rerun, run, runs, spreadsheet, tables
from experiments.figures import files
from experiments.page import report

ROOT = Path(__file__).resolve().parents[1]
SVG = ("method=central_2", "delta=1e-3", "figures.formats=[svg]")
LINES = int(os.environ.get("LAB_LINES", "60"))
"""How many random command lines are tried; LAB_LINES=2000 by hand."""
SEED = int(os.environ.get("LAB_LINES_SEED", "0"))
HEADER = "# @package _global_\ndefaults: [delta_sweep, _self_]\n"

pytestmark = pytest.mark.usefixtures("place")


def refused(capsys: pytest.CaptureFixture[str], *words: str, main: Callable[..., int] = run.main) -> str:
    """The one line by which a command line is refused."""
    assert main([*words]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert len(said) < 500
    return said


# Figures

FIGURES = {
    "figures.formats=-1": "write a list, such as [svg]",
    "figures.formats=5": "write a list, such as [svg]",
    "figures.formats=svg": "write a list, such as [svg]",
    "figures.formats=null": "write a list, such as [svg]",
    "figures.formats=[5]": "figure format 5 is not known",
    "figures.formats=[[svg]]": "figure format ['svg'] is not known",
    "figures.formats={a:1}": "python -m experiments.run --cfg job shows it",
    "figures=3": "write figures.formats=[svg]",
    "figures.draw=3": "write figures.draw=null",
    "figures.draw=[1,2]": "python -m experiments.run --cfg job shows it",
    "figures.draw.error=3": "write figures.draw.error=null to leave it out",
    "figures.draw.error.panel=3": "write a column or a list of columns",
    "figures.draw.error.panel=[3]": "write a column or a list of columns",
    "figures.draw.error.x=[a]": "write a text in one line",
    "figures.draw.error.y={a:1}": "write a text in one line",
    "figures.draw.error.kind=[]": "write a text in one line",
    "figures.draw.error.table=7": "write a text in one line",
    "figures.draw.error.series=1e-3": "write a text in one line",
    "+figures.draw.error.panels=x": "write how many it shows at most",
    "+figures.draw.error.panels=true": "write how many it shows at most",
    "+figures.draw.error.where=3": "write a mapping of columns to values",
    "+figures.draw.error.joined=7": "write true or false",
    "figures.draw.error.bound=3": "write a mapping of table, x, y, proved",
    "+figures.draw.error.marks=[1]": "python -m experiments.run --cfg job shows it",
}


@pytest.mark.parametrize(("word", "way"), quick.part(FIGURES.items()), ids=FIGURES)
def test_a_figure_of_the_wrong_type_is_refused_in_a_line(word: str, way: str, capsys: pytest.CaptureFixture[str]):
    assert way in refused(capsys, word, "function=sin")
    assert not Path("outputs").exists()


# Names and files of configurations


def own(group: str, name: str, content: str | bytes) -> tuple[str, str]:
    """A directory of configurations with one file of one's own, and the words that choose it."""
    path = Path("own", group, f"{name}.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return "--config-dir=own", f"{group}={name}"


def named(name: str) -> str:
    return f'{name}: {{expression: "x", points: [1]}}\n'


def drawn(name: str) -> str:
    spec = "{kind: lines, table: table, x: delta, y: error, series: method, panel: [function, x]}"
    return f"{HEADER}figures: {{draw: {{{name}: {spec}}}}}\n"


WRONG_FILES = {
    "a number": ("function", named("1"), "function.1: YAML reads this name as int, not as a text; write it in quotes"),
    "a fraction": ("function", named("1.5"), "YAML reads this name as float"),
    "yes": ("function", named("yes"), "YAML reads this name as bool"),
    "long": ("function", named("a" * 300), "the name has 300 bytes"),
    "slash": ("function", named("a/b"), "the name holds a slash"),
    "element": ("function", named("'<script>'"), "the name holds a slash, an angle bracket"),
    "control": ("function", named('"a\\eb"'), "a character that cannot be printed"),
    "empty": ("function", named('""'), "the name is no name"),
    "figure up": ("experiment", drawn("../up"), "figures.draw.../up: a figure's file is named so"),
    "figure absolute": ("experiment", drawn('"/tmp/x"'), "a figure's file is named so"),
    "figure long": ("experiment", drawn("a" * 300), "has 300 bytes"),
    "figure element": ("experiment", drawn('"a<b"'), "an angle bracket"),
    "figure control": ("experiment", drawn('"a\\eb"'), "cannot be printed"),
    "figure number": ("experiment", drawn("1"), "figures.draw.1: YAML reads this name as int"),
    "Latin-1": ("function", named("caf\xe9").encode("latin-1"), "own/function/own.yaml: byte 4 is no UTF-8"),
    "bytes": ("function", bytes(range(128, 256)), "byte 1 is no UTF-8"),
    "deep": ("function", f"a: {'[' * 5000}{']' * 5000}\n", "too many brackets within each other"),
    "large": (
        "function",
        "#" * 2_000_001,
        "has 2 MB; a configuration is at most 2 MB; instead of a long list of numbers write a grid",
    ),
}


@pytest.mark.parametrize(("group", "content", "said"), quick.part(WRONG_FILES.values()), ids=WRONG_FILES)
def test_a_name_or_a_file_that_cannot_be_used_is_refused_in_a_line(
    group: str, content: str | bytes, said: str, capsys: pytest.CaptureFixture[str]
):
    assert said in refused(capsys, *own(group, "own", content), *SVG)
    assert not Path("outputs").exists()


def multiplied(form: str) -> str:
    """Nine lines, each ten times the one before."""
    first = {"list": "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n", "mapping": "a0: &a0 {a: 1, b: 2}\n", "text": "a0: xxxxxxxxxx\n",
             "node": "a0: [1,1,1,1,1,1,1,1,1,1]\n", "relative": "a0: xxxxxxxxxx\n"}[form]  # fmt: skip
    aliases, texts = "*a{0}", "${{a{0}}}"
    line: Callable[[int], str] = {
        "list": lambda k: f"a{k}: &a{k} [{','.join([aliases.format(k - 1)] * 10)}]\n",
        "mapping": lambda k: f"a{k}: &a{k} {{{','.join(f'b{n}: *a{k - 1}' for n in range(10))}}}\n",
        "text": lambda k: f"a{k}: '{texts.format(k - 1) * 10}'\n",
        "node": lambda k: f"a{k}: {[texts.format(k - 1)] * 10}\n",
        "relative": lambda k: f"a{k}: '{texts.format(k - 1).replace('a', '.a') * 10}'\n",
    }[form]
    return HEADER + first + "".join(map(line, range(1, 9)))


@pytest.mark.parametrize("form", quick.part(["list", "mapping", "text", "node", "relative"], every=2))
def test_a_configuration_that_multiplies_is_refused_before_it_is_written_out(
    form: str, capsys: pytest.CaptureFixture[str]
):
    began = time.process_time()
    said = refused(capsys, *own("experiment", "own", multiplied(form)), *SVG)
    assert "its aliases stand for " in said or "stand for more than 20,000,000 characters" in said
    assert time.process_time() - began < 60  # written out it takes minutes and more than a gigabyte


def test_aliases_and_interpolations_of_a_usual_size_are_taken():
    words = own("function", "own", "own: {expression: &f 'x', reason: *f, points: [1]}\n")
    assert run.main([*words, *SVG, "figures.draw=null"]) == 0


PYTHON = {
    "python=mine.py:f": "write python=mine:f",
    "python=./mine:f": "write python=mine:f",
    "python=./mine.py:f": "write python=mine:f",
    "python=mine": "write python=mine:f",
    "python=mine.py": "write python=mine:f",
    "python=:f": "write python=mymodule:f",
    "python=/there/mine.py:f": "write python=mymodule:f",
    "python=sub/mine.py:g": "write python=sub.mine:g",
    "python=mine:const": "'const' is no function but an int; there are f",
    "python=mine:g": "module 'mine' has no 'g'; there are f",
    "function={sin}": "braces are of names with values; write function=[sin] for a list",
}


@pytest.mark.parametrize(("word", "way"), quick.part(PYTHON.items()), ids=PYTHON)
def test_a_function_that_is_named_in_another_way_is_told_how(word: str, way: str, capsys: pytest.CaptureFixture[str]):
    Path("mine.py").write_text("const = 3\n\ndef f(x):\n    return x\n")
    assert way in refused(capsys, word, "delta=1e-3")


def test_outputs_that_cannot_be_looked_into_are_refused_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    Path("loop").symlink_to("loop")
    monkeypatch.setenv("LAB_OUTPUTS", "loop/below")
    refused(capsys, *SVG, "figures.draw=null")
    monkeypatch.setenv("LAB_OUTPUTS", "a" * 300)
    refused(capsys, *SVG, "figures.draw=null")
    with monkeypatch.context() as patch:
        patch.setenv("LAB_OUTPUTS", "closed/below")

        def closed(_: object, *__: object) -> None:
            raise PermissionError(13, "Permission denied", "closed/below")

        patch.setattr(shutil, "disk_usage", closed)
        assert "Permission denied" in refused(capsys, *SVG, "figures.draw=null")


@pytest.mark.parametrize("backend", quick.part(["module://matplotlib_inline.backend_inline", "inline", "nonsense"]))
def test_a_window_system_that_is_missing_hinders_no_figure(backend: str):
    code = "import os; from experiments import figures; print(os.environ['MPLBACKEND'])"
    done = python("-c", code, env=environment(MPLBACKEND=backend))
    assert (done.returncode, done.stdout.strip()) == (0, backend), done.stderr


# What is shown


def test_a_name_in_a_script_that_the_font_lacks_is_drawn_without_a_word(capsys: pytest.CaptureFixture[str]):
    words = own("function", "own", "\u6b63\u5f26: {expression: sin(x), points: [1]}\n")
    assert run.main([*words, *SVG, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    for path in Path("outputs").rglob("*.svg"):
        ET.parse(path)


def test_control_characters_leave_a_figure_that_is_xml(tmp_path: Path):
    import pandas as pd  # noqa: PLC0415 - a frame as read from disk

    columns = {
        "delta": [1.0, 2.0],
        "error": [1.0, 2.0],
        "method": ["a\x1b[31m\x00b\ufffe", "c"],
        "function": ["f\x07", "f\x07"],
    }
    spec = {"kind": "lines", "table": "table", "x": "delta", "y": "error", "series": "method", "panel": "function"}
    figure = figures.draw({"table": pd.DataFrame(columns)}, spec)
    (path,) = files.save(figure, tmp_path, "error", ["svg"])
    ET.parse(path)
    assert not set(path.read_text(encoding="utf-8")) & set(map(chr, range(32))) - {"\n", "\t"}


def test_control_characters_reach_no_page_and_no_terminal(capsys: pytest.CaptureFixture[str]):
    text = "\x1b[31m red \x00 \u202e turned \ud800"
    page = report.render(report.Content(title=text, command=text, study=text, question=text, findings=[text]))
    assert page.encode("utf-8")
    assert page.count("?[31m red ? ? turned ?") == page.count(" red ") > 0
    from experiments.terminal.progress import Terminal  # noqa: PLC0415 - with the streams of this test

    Terminal().printed([text, "a\tb\nc"])
    assert capsys.readouterr().out == "?[31m red ? ? turned ?\na\tb\nc\n"
    assert messages.printable("caf\xe9 \u6b63 \xa0 \U0001f600") == "caf\xe9 \u6b63 \xa0 \U0001f600"


CELLS = {
    "=1+1": "'=1+1",
    "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0",
    "-x^2": "'-x^2",
    "@SUM(A1)": "'@SUM(A1)",
    "\t=1": "'\t=1",
    " \n=1": "' \n=1",
    "\uff1d1+1": "'\uff1d1+1",
    "-1.5e-3": "-1.5e-3",
    "+7": "+7",
    "-inf": "-inf",
    "x=1": "x=1",
    "a\x1bb": "a?b",
    "": "",
}


@pytest.mark.parametrize(("text", "cell"), CELLS.items(), ids=repr)
def test_no_text_is_a_formula_of_a_spreadsheet(text: str, cell: str):
    assert spreadsheet.cell(text) == cell


@pytest.mark.parametrize("value", [-1.5, -7, None, True, float("-inf")])
def test_a_number_stays_a_number_in_a_spreadsheet(value: object):
    assert spreadsheet.cell(value) is value


def test_the_csv_of_a_table_and_of_a_list_of_runs_hold_no_formula(capsys: pytest.CaptureFixture[str]):
    assert run.main([*own("function", "own", named('"=1+1"')), *SVG, "figures.draw=null"]) == 0
    assert run.main(["expression=-x^2", "x=-2", *SVG, "figures.draw=null"]) == 0
    first, second = sorted(Path("outputs").rglob("table.csv"), key=lambda path: path.stat().st_mtime_ns)
    assert first.read_text().splitlines()[1].startswith("'=1+1,x,1.0,")
    assert second.read_text().splitlines()[1].startswith("'-x^2,'-x^2,-2.0,")
    assert tables.columns_of(second.with_suffix(".parquet"))["expression"].tolist() == ["-x^2"]
    capsys.readouterr()
    assert runs.main(["--csv"]) == 0
    assert not [
        cell for line in capsys.readouterr().out.splitlines() for cell in line.split(",") if cell[:1] in "=+@" and cell
    ]


@pytest.mark.slow
def test_the_latest_run_is_the_last_in_time_whatever_the_clock_on_the_wall_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    if not hasattr(time, "tzset"):
        pytest.skip("the time zone cannot be changed here")
    with monkeypatch.context() as patch:
        for zone in ("VVV-12", "YYY+11", "ZZZ0"):  # each begins after the one before, and is named earlier or later
            patch.setenv("TZ", zone)
            time.tzset()
            assert run.main([*SVG, "figures.draw=null"]) == 0
    time.tzset()
    outputs = Path("outputs").absolute()
    from experiments.running.runs import find  # noqa: PLC0415 - beside the command of that name

    found = [find(name, outputs) for name in ("latest", "latest~1", "delta_sweep/latest~2")]
    began = [json.loads((path / "run.json").read_text())["started"] for path in found]
    assert began == sorted(began, reverse=True)
    assert len(set(found)) == 3
    assert found != sorted(found, key=lambda path: path.parts[-2:], reverse=True)
    capsys.readouterr()


# Random command lines

VALUES = (
    *re.split(
        " ", "sin [sin,exp] sin,exp 1 -1 0 1e-3 1e400 nan inf null true [] [1] [[1]] {} {a:1} '' x x^2 'sin(x)' 1,2"
    ),
    *re.split(" ", "[1e-4,1e-8] range(0,3) range(0,1e9) glob(*) choice(1,2) shuffle(1,2) interval(1,2) a/b ../x"),
    *re.split(" ", "/dev/null ${linspace:0,1,3} ${nothing} ${oc.env:HOME} latest latest~1 = , [ { svg [svg] [png,svg]"),
    *("central_2", "pi/2", "1/0", "2**10", "delta_sweep", "noise", "\\", "\x1b", "\u6b63", "a" * 300),
)
KEYS = (
    *re.split(" ", "function expression python x delta derivative method experiment shards shard seed runner figures"),
    *re.split(" ", "figures.formats figures.draw figures.draw.error figures.draw.error.panel hydra.mode hydra.verbose"),
    *re.split(" ", "hydra/launcher hydra/sweeper hydra.sweep.dir hydra.run.dir network population estimator samples"),
    *re.split(" ", "functoin +x ~x ++delta --resume --config-dir --config-name --cfg --quiet --package"),
    "",
)
FLAGS = re.split(" ", "--help --quiet --nonsense -m -c --csv --json --fail-on-change --ulps -n --sort --reverse")
LETTERS = ("", "=", "[", ",", "'", " ", "\t", "<")
MAINS = {"run": run.main, "runs": runs.main, "compare": compare.main, "collect": collect.main, "rerun": rerun.main}


def line_of_words(drawn: random.Random) -> tuple[str, list[str]]:
    """A random command, with words of all commands."""
    command = drawn.choice(("run", "run", "run", *MAINS))
    words = []
    for _ in range(drawn.randint(0, 4)):
        form = drawn.random()
        value = drawn.choice(VALUES)
        if drawn.random() < 0.2:  # a letter is lost, doubled or replaced
            place = drawn.randrange(len(value) + 1)
            value = value[:place] + drawn.choice((*LETTERS, value[:1])) + value[place + 1 :]
        words.append(f"{drawn.choice(KEYS)}={value}" if form < 0.75 else value if form < 0.9 else drawn.choice(FLAGS))
    return command, words


@pytest.mark.slow
def test_random_command_lines_are_run_or_refused_in_a_line(capsys: pytest.CaptureFixture[str]):
    drawn = random.Random(SEED)
    small = ("figures.draw=null", "delta=1e-3", "method=central_2")
    for _ in range(LINES):
        command, words = line_of_words(drawn)
        keys = {word.partition("=")[0] for word in words}
        if command == "run" and not {"experiment", "runner"} & keys:
            words += [word for word in small if not {key for key in keys if key.lstrip("+~").startswith(word[:6])}]
        elif command == "run":
            words += ["--cfg", "job"]  # a study of its own size takes its time
        began = time.process_time()
        try:
            status = MAINS[command](words)
        except SystemExit as left:  # --help
            status = left.code if isinstance(left.code, int) else 0
        seconds = time.process_time() - began
        said = capsys.readouterr().err
        assert status in (0, 1, 2), (command, words)
        assert "Traceback" not in said, (command, words)
        if status == 2:
            assert said.startswith("error: "), (command, words, said)
            assert said.count("\n") == 1, (command, words, said)
            assert seconds < 5, (command, words)


@pytest.mark.parametrize(
    ("before", "backend"), [("", "svg"), ("import matplotlib; matplotlib.use('pdf'); ", "pdf")], ids=["named", "chosen"]
)
def test_whoever_draws_beside_the_laboratory_keeps_the_window_system(before: str, backend: str) -> None:
    code = f"{before}from experiments import figures; import matplotlib; print(matplotlib.get_backend())"
    assert python("-c", code, env=environment(MPLBACKEND="svg")).stdout.strip() == backend
