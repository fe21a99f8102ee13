"""The panels of a figure one below the other: nothing of it is lost, and what cannot be cut is left whole."""

from __future__ import annotations

from xml.etree.ElementTree import Element, fromstring

import pytest
from matplotlib.figure import Figure

from experiments.figures.contract import Panel, Plan
from experiments.figures.files import save
from experiments.figures.paper import entry, inked, lay_out
from experiments.page.parts import SVG, Box, parts_of

TICKS = ["0.001", "10⁻¹²"]


def sheet(directory, titles, *, more=lambda figure: None, ticks=TICKS) -> str:
    """A figure of so many panels, of which the first of a row has ticks with texts, as matplotlib writes it."""
    panels = tuple(Panel(key=(title,), title=title, content=[]) for title in titles)
    plan = Plan(panels=panels, available=len(panels), empty=(), names=("a", "b"), names_available=2)
    with inked():
        figure, axes = lay_out(plan, {"xlabel": "delta", "ylabel": "error"}, [entry("a", marker="o")], [entry("b & c")])
        for ax in axes:
            ax.set_yticks([0.2, 0.8], ticks if ax in axes[::3] else ["", ""])
        more(figure)
        (path,) = save(figure, directory, "sheet", ["svg"])
    return path.read_text(encoding="utf-8")


def groups(svg: str) -> dict[str, Element]:
    return {group.get("id"): group for group in fromstring(svg[svg.index("<svg") :]).iter(f"{SVG}g")}


def texts(group: Element) -> set[str]:
    return {text.text for text in group.iter(f"{SVG}text") if text.text}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_every_panel_is_a_part_with_its_axis_named_and_every_entry_of_the_legend_a_text(tmp_path, count):
    titles = [f"sin at x = {k}" for k in range(count)]
    svg = sheet(tmp_path, titles)
    parts, named = parts_of(svg), groups(svg)
    assert parts.groups <= named.keys()
    assert [entry.text for entry in parts.entries] == ["a", "b & c"]
    shown = [[named[panel.group], *(named[name] for name, _ in panel.borrowed)] for panel in parts.panels]
    assert [next(title for title in titles if title in texts(own[0])) for own in shown] == titles
    for part in shown:
        assert {"delta", "error"} <= set().union(*map(texts, part))


def test_a_part_holds_its_frame_and_all_its_texts_and_its_neighbours_are_as_wide(tmp_path):
    parts = parts_of(sheet(tmp_path, ["one", "two", "three, which has a long title of many words that goes on"]))
    one, two, three = (panel.box for panel in parts.panels)
    assert one.width == pytest.approx(two.width, abs=3.0)
    assert three.width > two.width
    for panel, box in zip(parts.panels, (one, two, three), strict=True):
        assert isinstance(box, Box)
        assert box.left >= 0 or not panel.borrowed
        assert box.bottom - box.top > 2.4 * 72


def test_what_stands_beside_the_first_panel_of_a_row_is_borrowed_by_the_others(tmp_path):
    first, second, third = parts_of(sheet(tmp_path, ["one", "two", "three"])).panels
    assert first.borrowed == ()
    assert len(second.borrowed) == 1 + len(TICKS)
    assert [name for name, _ in second.borrowed] == [name for name, _ in third.borrowed]
    step = second.borrowed[0][1]
    assert step == pytest.approx((2.6 + 0.55) * 72, abs=0.1)
    assert {round(shift / step) for _, shift in third.borrowed} == {2}


@pytest.mark.parametrize(
    "more",
    [
        lambda figure: figure.add_axes((0.9, 0.3, 0.02, 0.4)),
        lambda figure: figure.axes[0].set_position((0.1, 0.3, 0.2, 0.3)),
        lambda figure: figure.axes[0].set_axis_off(),
    ],
    ids=["a bar of colours", "another size", "no frame"],
)
def test_what_would_be_torn_is_left_whole(tmp_path, more):
    assert parts_of(sheet(tmp_path, ["one", "two"], more=more)).panels == ()


def test_a_drawing_without_axes_has_no_parts(tmp_path):
    (path,) = save(Figure(), tmp_path, "empty", ["svg"])
    assert parts_of(path.read_text(encoding="utf-8")).panels == ()
