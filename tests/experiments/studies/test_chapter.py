"""The study of the chapter: every number to the byte, all figures, its claims as measured, a lesson that is whole."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

import derivkit as dk
from derivkit.symbolic.notation import read
from experiments import run, tables
from experiments.running.run_figures import figures_of
from experiments.studies import chapter
from experiments.studies.chapter import drawings, measurements, numbers
from experiments.study import Frame, Lesson, Tables, frames, lessons

ROOT = Path(__file__).resolve().parents[3]
STYLES = drawings.styles(OmegaConf.load(ROOT / "conf/experiment/chapter.yaml").left_out)
SMALL = ("experiment=chapter", "samples=8", "features=2", "repeats=1")
PRINTED = """\
(0, 0) (0.0001, 2e-08)
Approximate derivative for f(x) where x = 0 is 0.00019999999999999998
(1, 2) (1.0001, 2.00040002)
Approximate derivative for f(x) where x = 1 is 4.0001999999987845
(2, 8) (2.0001, 8.000800020000002)
Approximate derivative for f(x) where x = 2 is 8.000199999998785
(3, 18) (3.0001, 18.001200020000002)
Approximate derivative for f(x) where x = 3 is 12.000199999998785
(4, 32) (4.0001, 32.00160002)
Approximate derivative for f(x) where x = 4 is 16.000200000016548
"""
# What the chapter prints and says, typed again from it: the study's own texts are not their own witness.
SAID = {
    "A1": ["[0 1 2 3 4]", "[0 2 4 6 8]"],
    "Fig 1": ["(0, 0) (1, 2) (2, 4) (3, 6) (4, 8)"],
    "A2": ["2.0"],
    "A3": ["2.0"],
    "A4": ["[0 1 2 3 4]", "[ 0  2  8 18 32]"],
    "Fig 2": ["(0, 0) (1, 2) (2, 8) (3, 18) (4, 32)"],
    "A5": ["2.0"],
    "A6": ["10.0", "2, 6, 10, 14"],
    "Fig 3": ["slope 2, intercept 0", "slope 10, intercept -12"],
    "A7": ["4.0001999999987845"],
    "A7'": ["4.000199999998344"],
    "Fig 4": ["slope 5.0, intercept -4.0"],
    "Fig 5": ["slope 2.5, intercept -1.5"],
    "A8": ["5000, 4.999, 49.98000199999999"],
    "Fig 6": ["0 to 5, 0 to 50"],
    "Fig 7": ["2, 1, 0, -1, -2"],
    "A9": ["-8.00039999999757"],
    "A10": ["0.79982, 8.0, 15.20018"],
    "Fig 8": ["0.79982, 8.0, 15.20018"],
    "A11": [
        *PRINTED.splitlines(),
        "0.0",
        "-2.0001999999987845",
        "-8.00039999999757",
        "-18.000599999996357",
        "-32.00080000006619",
    ],
    "Fig 9": [
        "-0.00018, 0, 0.00018",
        "-1.60018, 2, 5.60018",
        "0.79982, 8, 15.20018",
        "7.19982, 18, 28.80018",
        "17.59982, 32, 46.40018",
    ],
    "Fig 10": ["f'(x) = d/dx 1 = 0", "0, 0, 0, 0, 0"],
    "Fig 11": ["d/dx x = d/dx x^1 = 1·x^(1-1) = 1·x^0 = 1", "1, 1, 1, 1, 1"],
    "Fig 12": ["2·d/dx x^1 = 2·1·x^(1-1) = 2·1·x^0 = 2", "2, 2, 2, 2, 2", "-1, 3, 0.5"],
    "Fig 13": ["3·d/dx x^2 = 3·2x^(2-1) = 3·2x^1 = 6x", "0, 6, 12, 18, 24"],
    "Fig 14": [
        "d/dx 3x^2+d/dx 5x^1 = 3·d/dx x^2+5·d/dx x^1 = 3·2x^(2-1)+5·1x^(1-1) = 3·2x^1+5·x^0 = 6x+5",
        "5, 11, 17, 23, 29",
    ],
    "Fig 15": ["5·5x^(5-1)+4·3x^(3-1)-0 = 5·5x^4+4·3x^2 = 25x^4+12x^2", "0, 37, 448, 2133, 6592"],
    "Fig 16": ["3x^(3-1)+2·2x^(2-1)-5·1x^(1-1)+0 = 3x^2+2·2x^1-5·1+0 = 3x^2+4x-5", "-5, 2, 15, 34, 59"],
    "N1": ["f'(x) = d/dx f(x) = df/dx(x) = df(x)/dx"],
    "N2": ["d/dx [f(x)+g(x)] = d/dx f(x)+d/dx g(x) = f'(x)+g'(x)", "5, 11, 17, 23, 29"],
}
PRESET: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/experiment/chapter.yaml"))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The directory of a small run, and what the terminal said."""
    directory = tmp_path_factory.mktemp("chapter") / "run"
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr("experiments.terminal.progress._print", lambda _, line: lines.append(f"{line}\n"))
        assert run.main([*SMALL, f"hydra.sweep.dir={directory}"]) == 0
    # How far a run of some seconds has come is no word of the lesson.
    return directory, "".join(line for line in lines if not line.startswith("job 1 of 1 "))


def measured() -> dict[tuple[str, float], tuple[float, float]]:
    """Result and error by quantity and the value of the variable."""
    (rows,) = frames([*measurements.too_small(), *measurements.central(), *measurements.corner_slopes()]).values()
    return {(row.quantity, row.at): (row.result, row.error) for row in rows.itertuples()}


def lesson() -> Frame:
    """The figures with their headings, and what is always said before them."""
    return frames(lessons(chapter.__path__[0], {}))[Lesson]


def compared() -> dict[str, Any]:
    """The columns of the main table."""
    return numbers.compare(STYLES, SAID).chunk


# The numbers


@pytest.mark.parametrize("name", SAID)
def test_a_number_comes_out_to_the_byte(name: str) -> None:
    assert [computed for one, _, _, computed in numbers.facts(STYLES, SAID) if one == name] == SAID[name]


def test_every_number_of_the_study_is_compared_with_the_chapter() -> None:
    table = compared()
    assert set(table["id"]) == set(SAID)
    assert table["equal"].all()
    assert sorted(table["expected"]) == sorted(itertools.chain(*SAID.values()))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("DELTA", 0.001),
        ("double", lambda x: 3 * x),
        ("square", lambda x: x**3),
        ("double_square", lambda x: 2.0 * x**2),
    ],
)
def test_a_wrong_number_is_caught(monkeypatch: pytest.MonkeyPatch, name: str, wrong: object) -> None:
    monkeypatch.setattr(numbers, name, wrong)
    assert not compared()["equal"].all()


def test_a_wrong_line_of_a_calculation_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = dk.Derivation.lines

    def wrong(derivation: dk.Derivation, level: dk.Style) -> tuple[Any, ...]:
        lines = [*right(derivation, level)]
        if str(derivation.expression) == drawings.CALCULATIONS["figure_13"]:
            lines[3] = dataclasses.replace(lines[3], tree=read("3·2x^(2-2)"))
        return tuple(lines)

    monkeypatch.setattr(dk.Derivation, "lines", wrong)
    unequal = [name for name, _, expected, computed in numbers.facts(STYLES, SAID) if expected != computed]
    assert unequal == ["Fig 13"]


def test_the_summary_counts_what_is_not_equal() -> None:
    found = Tables({})
    found.update(frames(chapter.measure(chapter.Config())))
    found[chapter.Table] = found[chapter.Table].iloc[:3].assign(id=["A1", "Fig 1", "Fig 2"], equal=[True, False, True])
    summary = frames(chapter.conclude(found))[chapter.Summary]
    assert next(chapter.tell(found)).startswith("2 of 3 numbers")
    assert (summary["numbers"].tolist(), summary["equal"].tolist()) == ([1, 2], [1, 1])


# What a run leaves


def test_the_block_is_printed_to_the_byte_and_kept_as_a_file(done: tuple[Path, str]) -> None:
    directory, said = done
    assert said.startswith(PRINTED)
    assert (directory / "printed.txt").read_bytes() == PRINTED.encode()


def test_the_table_of_a_run_says_that_all_is_equal(done: tuple[Path, str]) -> None:
    table = tables.columns_of(done[0] / "table.parquet")
    assert list(table) == ["id", "quantity", "expected", "computed", "equal", "job"]
    assert len(table["equal"]) == chapter.Config().rows == sum(map(len, SAID.values()))
    assert table["equal"].all()


def test_sixteen_figures_and_five_of_what_was_measured_are_drawn_in_their_order(done: tuple[Path, str]) -> None:
    names = [f"figure_{number:02d}" for number in range(1, 22)]
    assert sorted(path.stem for path in (done[0] / "figures").glob("*.svg")) == names
    assert (
        list(figures_of(PRESET["figures"]))
        == frames(lessons(chapter.__path__[0], {}))[Lesson]["figure"].tolist()
        == names
    )


def test_the_report_says_the_words_of_each_figure_before_it(done: tuple[Path, str]) -> None:
    page = (done[0] / "report.html").read_text(encoding="utf-8")
    places = [page.index(f"<h3>{title}</h3>") for title in lesson()["title"]]
    figures = [match.start() for match in re.finditer('<figure id="figure-', page)]
    assert len(figures) == 21
    assert [*itertools.chain(*zip(places, figures, strict=True))] == sorted([*places, *figures])
    words = re.sub(r"</?span[^>]*>", "", page)
    for finding in tables.columns_of(done[0] / "findings.parquet")["finding"][1:]:
        told = finding.replace("'", "&#39;")
        assert words.count(told) == 2, "once among the findings, once beside its figure"


@pytest.mark.slow
def test_a_sweep_over_the_sizes_prints_once_and_draws_each_figure_once(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    words = ["experiment=chapter", "samples=4,8", "features=2", "repeats=1", "figures.formats=[svg]"]
    assert run.main([*words, f"hydra.sweep.dir={directory}"]) == 0
    assert (directory / "printed.txt").read_bytes() == PRINTED.encode()
    assert len(list((directory / "figures").iterdir())) == 21


# The figures


def elements(figure: str, kind: str) -> list[drawings.Element]:
    return [one for one in drawings.SKETCHES[figure] if one.element == kind]


def test_the_five_parallel_lines_and_the_five_tangents_have_the_colours_of_the_chapter() -> None:
    assert [one.color for one in elements("figure_07", "line")] == ["cyan", "teal", "red", "green", "brown"]
    tangents = elements("figure_09", "line")[1:]
    assert [one.color for one in tangents] == ["k", "g", "r", "b", "c"]
    for x, line in enumerate(tangents):
        np.testing.assert_allclose(line.t, [x - 0.9, x, x + 0.9], rtol=0, atol=1e-15)
    assert [(*one.t, *one.y) for one in elements("figure_09", "points")] == [(x, 2 * x**2) for x in range(5)]


@pytest.mark.parametrize(
    ("figure", "x", "y"),
    [
        ("figure_01", (0, 4), (0, 8)),
        ("figure_03", (-1, 5), (0, 50)),
        ("figure_04", (-1, 5), (0, 25)),
        ("figure_05", (-1, 5), (0, 25)),
        ("figure_06", (0, 5), (0, 50)),
    ],
)
def test_the_axes_are_those_of_the_chapter(figure: str, x: tuple[int, int], y: tuple[int, int]) -> None:
    (axes,) = elements(figure, "axes")
    assert (axes.t, axes.y) == (x, y)


def test_the_chords_of_the_third_figure_end_where_the_chapter_ends_them() -> None:
    _, gentle, steep = elements("figure_03", "line")
    assert (gentle.t, gentle.y) == ((-1, 2), (-2, 4))
    assert (steep.t, steep.y) == ((1, 4), (-2, 28))


@pytest.mark.parametrize(("figure", "end"), [("figure_04", 4), ("figure_05", 1.5)])
def test_rise_and_run_are_drawn_as_a_corner_below_the_chord(figure: str, end: float) -> None:
    corner = elements(figure, "guide")[1]
    assert (corner.t, corner.y) == ((1, end, end), (1, 1, end**2))


@pytest.mark.parametrize("figure", drawings.CALCULATIONS)
def test_each_line_but_the_last_shows_what_is_acted_on_and_each_arrow_leads_to_an_x(figure: str) -> None:
    (found,) = frames(drawings.calculations({figure: STYLES[figure]})).values()
    rows = list(found[["line", "position", "text", "mark", "arrow", "raised"]].itertuples(index=False))
    last = len(drawings.calculation(figure).lines(STYLES[figure])) - 1
    marked = {int(line) for line, _, _, mark, _, _ in rows if mark}
    assert marked == set(range(1, last))
    at = {(int(line), int(position)): text for line, position, text, *_ in rows}
    arrows = [row for row in rows if row[4] >= 0]
    assert bool(arrows) == (figure != "figure_10")
    for line, _, _, mark, arrow, raised in arrows:
        assert mark
        assert raised
        assert at[int(line), int(arrow)] == "x"


# What is measured


@pytest.mark.parametrize(
    ("delta", "error"),
    [(1e-4, "2.0e-04"), (1e-8, "2.4e-08"), (1e-9, "3.3e-07"), (1e-12, "3.6e-04"), (1e-15, "4.4e-01")],
)
def test_divided_by_delta_the_error_grows_again(delta: float, error: str) -> None:
    assert f"{measured()[measurements.BY_DELTA, delta][1]:.1e}" == error


def test_divided_by_the_step_taken_the_result_is_exact_until_the_step_vanishes() -> None:
    found = measured()
    for power in range(8, 16):
        assert found[measurements.BY_STEP, float(f"1e-{power}")] == (4.0, 0.0)
    assert found[measurements.BY_DELTA, 1e-16] == (0.0, 4.0)
    assert math.isnan(found[measurements.BY_STEP, 1e-16][0])


def test_the_forward_error_is_twice_delta_and_the_central_error_nothing() -> None:
    found = measured()
    for power in range(1, 21):
        assert found["forward_1", 2.0**-power][1] == 2.0 ** (1 - power)
        assert found["central_2", 2.0**-power] == (4.0, 0.0)


def test_a_chord_at_a_corner_has_the_slope_of_its_side() -> None:
    found = measured()
    for delta in (1.0, 1e-16):
        slopes = [found[f"{name}: {way}", delta][0] for name in ("abs", "relu") for way, _ in drawings.SIDES]
        assert slopes == [-1, 1, 0, 0, 1, 0.5]


def test_a_forward_pass_is_counted_for_each_parameter_and_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = measurements.Layer(3, measurements.BATCH)
    calls = []
    losses = dk.Network.losses
    monkeypatch.setattr(dk.Network, "losses", lambda *given, **more: calls.append(1) or losses(*given, **more))
    passes = {}
    for way, gradient in measurements.GRADIENTS.items():
        calls.clear()
        _, passes[way] = gradient(layer)
        assert len(calls) == (0 if way == measurements.ANALYTICAL else passes[way]), way
    assert list(passes.values()) == [(layer.network.count + 1) * measurements.BATCH, layer.network.count + 1, 1]


def test_all_ways_to_the_gradient_agree_and_leave_the_layer_as_it_was() -> None:
    layer = measurements.Layer(3, measurements.BATCH)
    before, x = layer.parameters.copy(), layer.samples.inputs
    exact, _ = layer.analytical()
    for way, gradient in measurements.GRADIENTS.items():
        # The loss is quadratic in each parameter: the forward error is delta times half its second derivative,
        # which is 2 mean(x^2) / OUTPUTS at most, and 2 / OUTPUTS for a bias; rounding is far below.
        bound = drawings.DELTA * max(1.0, float((x**2).mean(axis=0).max())) / measurements.OUTPUTS
        assert np.max(np.abs(gradient(layer)[0] - exact)) < bound * (1 + 1e-6), way
    np.testing.assert_array_equal(layer.parameters, before)


def test_a_wrong_gradient_is_told_by_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def doubled(layer: measurements.Layer) -> tuple[np.ndarray, int]:
        gradient, passes = layer.brute_force(layer.samples)
        return 2 * gradient, passes

    monkeypatch.setattr(measurements, "GRADIENTS", {**measurements.GRADIENTS, measurements.WHOLE_BATCH: doubled})
    (rows,) = frames(measurements.agreement(features=4, samples=16)).values()
    errors = dict(zip(rows["quantity"], rows["error"], strict=True))
    assert errors["gradient, brute force, whole batch"] > 0.01 > errors["gradient, brute force, sample by sample"]


@pytest.mark.parametrize("name", ["samples", "features", "repeats"])
def test_a_size_below_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=0: must be at least 1"):
        chapter.Config(**{name: 0})


def test_what_a_figure_leaves_out_is_chosen_in_its_configuration() -> None:
    without, with_ones = (
        drawings.calculation("figure_14").lines(drawings.styles(out)["figure_14"]) for out in (["figure_14 ones"], [])
    )
    assert [line.tree for line in without] != [line.tree for line in with_ones]
    assert chapter.Config().left_out == tuple(OmegaConf.load(ROOT / "conf/experiment/chapter.yaml").left_out)


@pytest.mark.parametrize("wrong", ["figure_14", "figure_9 ones", "figure_14 twos"])
def test_a_wrong_matter_of_taste_is_answered_in_one_line(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main([*SMALL, f"left_out=['{wrong}']"]) == 2
    assert "such as 'figure_14 ones'" in capsys.readouterr().err
