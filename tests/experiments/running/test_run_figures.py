"""The figures that a configuration requests: one by one, or one for every case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import quick
from omegaconf import OmegaConf

from experiments import figures, rerun, run
from experiments.figures.drawing import KINDS
from experiments.messages import ConfigurationError
from experiments.running import catalog, check, composition, results, starting
from experiments.running.check import study_of
from experiments.running.run_figures import figures_of, said_once, with_keys
from experiments.study import Rows, column, key

PRESETS = sorted(path.stem for path in (catalog.CONF / "experiment").glob("*.yaml"))
CURVES = {"kind": "curves", "table": "pictures", "panel": "view"}


def test_a_block_with_cases_is_one_figure_for_each_of_them() -> None:
    draw = {"first": CURVES, "cases": {**CURVES, "where": {"size": 1}, "each": {"case": ["kink", "jump"]}}}
    assert figures_of({"draw": draw}) == {
        "first": CURVES,
        "kink": {**CURVES, "where": {"size": 1, "case": "kink"}},
        "jump": {**CURVES, "where": {"size": 1, "case": "jump"}},
    }


def test_a_figure_that_is_null_is_left_out_be_it_one_of_many_cases() -> None:
    draw = {"first": None, "cases": {**CURVES, "each": {"case": ["kink", "jump"]}}, "kink": None}
    assert list(figures_of({"draw": draw})) == ["jump"]
    assert figures_of({"draw": None}) == {}


def test_a_block_of_the_name_of_a_case_changes_that_case_alone() -> None:
    block = {**CURVES, "each": {"case": ["kink", "jump"]}}
    draw = {"cases": block, "kink": {"panels": 2, "where": {"view": "near"}, "panel": None}}
    kink, jump = figures_of({"draw": draw}).values()
    assert kink == {**CURVES, "panels": 2, "panel": None, "where": {"case": "kink", "view": "near"}}
    assert jump == figures_of({"draw": {"cases": block}})["jump"]


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        ({"cases": {**CURVES, "each": "case"}}, "figures.draw.cases.each=case: no cases; write a column"),
        ({"cases": {**CURVES, "each": {"case": "kink"}}}, "no cases; write a column and its values"),
        ({"cases": {**CURVES, "each": {"case": ["a"], "view": ["b"]}}}, "no cases; write a column and its values"),
        ({"cases": {**CURVES, "each": {"case": []}}}, "no cases; write a column and its values"),
        (
            {name: {**CURVES, "each": {"case": ["kink"]}} for name in ("near", "far")},
            "figures.draw.far.each: near draws a figure kink too; two have one name",
        ),
        ({"cases": {**CURVES, "each": {"case": ["a/b"]}}}, "figures.draw.a/b: a figure's file is named so"),
    ],
)
def test_cases_that_are_none_are_refused_in_one_line(draw: Any, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        figures_of({"draw": draw})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


class Pictures(Rows):
    view: str = key("a panel")
    line: str = column("a line", axis="series")
    t: float = column("abscissa", axis="x", label="distance from x")
    y: float = column("ordinate", axis="y")


def test_what_a_figure_does_not_say_is_taken_from_the_columns_of_its_table() -> None:
    spec = figures.completed(CURVES, {"pictures": Pictures})
    assert spec == {**CURVES, "series": "line", "x": "t", "y": "y", "xlabel": "distance from x"}
    figures.check(spec, {"pictures": list(Pictures.columns)})
    assert figures.completed({**CURVES, "x": "y", "xlabel": "height"}, {"pictures": Pictures})["x"] == "y"


def test_a_figure_takes_no_column_that_its_kind_does_not_draw() -> None:
    spec = {"kind": "steps", "table": "pictures", "line": "line"}
    assert figures.completed(spec, {"pictures": Pictures}) == spec


def test_a_figure_of_no_kind_is_completed_by_nothing_and_refused_by_the_check() -> None:
    spec = {**CURVES, "kind": "pie"}
    assert figures.completed(spec, {"pictures": Pictures}) == spec
    with pytest.raises(ValueError, match="a figure of kind 'pie' is not known"):
        figures.check(spec, {"pictures": list(Pictures.columns)})


def test_a_figure_of_negative_values_on_logarithmic_axes_is_named_in_the_terminal_and_on_the_page(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["function=cos", "x=1", "method=central_2", "delta=1e-2,1e-3", "figures.formats=[svg]"]
    assert run.main([*words, "figures.draw.error.y=estimate", f"hydra.sweep.dir={place}/signed"]) == 0
    note = "figure error is not drawn: estimate has no positive value where both axes are logarithmic"
    assert f"{note}; figures.draw.error.kind=curves has linear axes\n" in capsys.readouterr().err
    assert note in (place / "signed" / "report.html").read_text(encoding="utf-8")
    assert not (place / "signed" / "figures" / "error.svg").exists()


def composed(*words: str) -> dict[str, Any]:
    """The configuration of the first job of a command line."""
    composition.prepare()
    args = starting.arguments(words)
    with composition.opened(args) as loader:
        return composition.command(loader, args).first


@pytest.mark.parametrize("preset", PRESETS)
def test_every_figure_of_a_preset_has_a_sentence_that_says_how_it_is_read(preset: str) -> None:
    written = OmegaConf.to_container(OmegaConf.load(composition.CONF / f"experiment/{preset}.yaml"))
    assert isinstance(written, dict)
    drawn = figures_of(written.get("figures", {}))
    captions = [spec.get("caption", "") for spec in drawn.values() if "kind" in spec]
    for caption in captions:
        assert caption[:1].isupper()
        assert caption.endswith(".")


def test_every_preset_and_every_figure_has_a_title_of_its_own() -> None:
    read = {preset: OmegaConf.load(composition.CONF / f"experiment/{preset}.yaml") for preset in PRESETS}
    written = {preset: OmegaConf.to_container(one)["figures"] for preset, one in read.items()}
    titles = [figures["title"] for figures in written.values()]
    assert len(set(titles)) == len(titles)
    assert all(title[:1].isupper() or title.startswith("float32") for title in titles)
    for part in written.values():
        blocks = [block for block in (part.get("draw") or {}).values() if block and "kind" in block]
        single = [
            block["title"] for block in blocks if "each" not in block and not block.get("where", {}).get("figure")
        ]
        assert len(set(single)) == len(single)
        assert all(title[:1].isupper() for title in single)


def test_a_title_is_a_text() -> None:
    with pytest.raises(ConfigurationError, match=r"figures.title=\[1\]: no text; write figures.title='My sweep'"):
        results.refuse_figures(study_of({"runner": "delta_sweep"}), {"title": [1], "formats": ["svg"]})


@pytest.mark.parametrize("preset", quick.part(PRESETS))
def test_every_key_of_every_figure_of_a_preset_is_known_on_the_command_line(preset: str) -> None:
    plain = composed(f"experiment={preset}")
    known = with_keys(plain, plain["figures"])
    for name, spec in figures_of(plain["figures"]).items():
        kind = KINDS[spec["kind"]]
        for place in ("", *(f".{one}" for one in (*kind.required, *kind.optional, "where", *spec))):
            check.refuse_unknown_key(f"figures.draw.{name}{place}", known, (), preset)
    for name, block in (plain["figures"].get("draw") or {}).items():
        if block is not None:
            check.refuse_unknown_key(f"figures.draw.{name}.each", known, (), preset)


@pytest.mark.parametrize(
    ("words", "name", "changes"),
    quick.part([
        (["figures.draw.error.x=x", "figures.draw.error.xlabel=point"], "error", {"x": "x", "xlabel": "point"}),
        (["figures.draw.error.where={method: central_2}"], "error", {"where": {"method": "central_2"}}),
        (["figures.draw.error.where.method=central_2"], "error", {"where": {"method": "central_2"}}),
        (["figures.draw.error.panels=2", "figures.draw.law=null"], "error", {"panels": 2}),
        (["+figures.draw.error.panels=2"], "error", {"panels": 2}),
        (["figures.draw.error.kind=map", "figures.draw.error.value=ulps"], "error", {"kind": "map", "value": "ulps"}),
        (["experiment=where_it_breaks", "figures.draw.kink.y=t"], "kink", {"y": "t"}),
        (["experiment=where_it_breaks", "+figures.draw.kink.panels=2", "case=[jump]"], "kink", {"panels": 2}),
        (["experiment=where_it_breaks", "figures.draw.kink.where.case=jump"], "kink", {"where": {"case": "jump"}}),
        (["experiment=where_it_breaks", "figures.draw.kink={panels: 2}"], "kink", {"panels": 2}),
    ]),
)  # fmt: skip
def test_a_word_changes_a_key_that_the_preset_does_not_hold(words: list[str], name: str, changes: dict[str, Any]):
    preset = [word for word in words if word.startswith("experiment=")]
    before, now = (figures_of(composed(*some)["figures"]) for some in (preset, words))
    assert now[name] == {**before[name], **changes}


@pytest.mark.parametrize(("preset", "name"), [("where_it_breaks", "kink"), ("chapter", "figure_03")])
def test_a_figure_of_a_case_is_left_out_by_a_word(preset: str, name: str) -> None:
    before, now = (
        figures_of(composed(f"experiment={preset}", *words)["figures"]) for words in ([], [f"figures.draw.{name}=null"])
    )
    assert set(before) - set(now) == {name}


def test_cases_that_are_left_out_of_a_run_keep_their_figures_for_another_job_of_it() -> None:
    preset = "experiment=where_it_breaks"
    assert composed(preset, "case=[kink]")["figures"] == composed(preset)["figures"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["figures.draw.error.xlabl=a"], "no key 'figures.draw.error.xlabl'; did you mean figures.draw.error.xlabel"),
        (["experiment=where_it_breaks", "figures.draw.kin=null"], "did you mean figures.draw.kink or"),
        (["figures.draw.error.where.methd=central_2"], "did you mean figures.draw.error.where.method"),
        (["experiment=where_it_breaks", "figures.draw.kink.panls=1"], "did you mean figures.draw.kink.panels or"),
        (["figures.draw=null", "figures.draw.error.x=a"], "no key 'figures.draw.error.x'"),
    ],
)  # fmt: skip
def test_a_misspelt_key_of_a_figure_is_answered_with_the_nearest(words: list[str], says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        composed(*words)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_hydra_prints_holds_a_key_that_the_preset_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--cfg", "job", "figures.draw.error.xlabel=step"]) == 0
    assert "xlabel: step" in capsys.readouterr().out


@pytest.mark.slow
def test_a_changed_figure_is_recorded_resumed_and_repeated(place: Path) -> None:
    words = ["function=sin", "method=central_2", "delta=1e-3", "figures.formats=[svg]", "hydra.sweep.dir=run"]
    assert run.main([*words, "figures.draw.error.xlabel=step", "figures.draw.law=null"]) == 0
    recorded = (place / "run/run.json").read_text()
    assert "step" in (place / "run/figures/error.svg").read_text()
    assert '"xlabel": "step"' in recorded
    assert run.main(["--resume", "run"]) == 0
    assert rerun.main(["run"]) == 0


def test_a_long_caption_is_said_once_and_a_short_one_again() -> None:
    explained: dict[str, str] = {}
    long, short = {"caption": "Word " * 100}, {"caption": "A line is a method."}
    assert said_once(long, "first", explained) == long
    assert said_once(long, "second", explained)["caption"] == "This figure is read like that of first above."
    assert said_once(short, "third", explained) == said_once(short, "fourth", explained) == short
