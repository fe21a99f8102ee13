"""Parts: the panels of a figure one below the other, for a page that is too narrow for a row of them.

Nothing is drawn a second time: a part shows a group of the figure's own SVG. The entries of the legend become text of
the page, which breaks its lines where it must, each with its own sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element, fromstring

SVG = "{http://www.w3.org/2000/svg}"
LETTER = 0.6
"""Mean width of a letter as a part of its size, by eye: wider than most, as what is cut is lost."""
ROOM = 3.0
"""Points around a part."""
SIGN = 31.0
"""Points from the left end of the sign of an entry to its text, as matplotlib sets them for our legends."""
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

RECTANGLE = 8
"""Numbers of the outline of a rectangle: two for each of its corners."""


class Box(NamedTuple):
    """A rectangle of a drawing, in points."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def view(self) -> str:
        """Itself as an SVG has it."""
        return f"{self.left:.1f} {self.top:.1f} {self.right - self.left:.1f} {self.bottom - self.top:.1f}"

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left


class Panel(NamedTuple):
    """What a part shows: a group by its id, and what beside the vertical axis only the first panel of a row has."""

    group: str
    box: Box
    borrowed: tuple[tuple[str, float], ...]
    """Texts by the ids of their groups, each with how far it is moved to the right."""


class Entry(NamedTuple):
    """An entry of a legend: the group that its sign is in, where in it, and its text."""

    group: str
    box: Box
    text: str


class Parts(NamedTuple):
    """The parts of a figure."""

    panels: tuple[Panel, ...] = ()
    entries: tuple[Entry, ...] = ()

    @property
    def groups(self) -> set[str]:
        """The ids that parts name."""
        borrowed = {group for panel in self.panels for group, _ in panel.borrowed}
        return borrowed | {panel.group for panel in self.panels} | {entry.group for entry in self.entries}


def parts_of(svg: str) -> Parts:
    """Return the parts of a figure as matplotlib writes it, none unless all of its axes are panels of one size.

    A bar of colours, or axes that belong to others, would be torn from what they explain.
    """
    root = fromstring(svg[svg.index("<svg") :])  # noqa: S314 - our own drawing
    groups = [group for group in root.iter(f"{SVG}g") if group.get("id", "").startswith("axes_")]
    frames = [frame for group in groups if (frame := _frame(group))]
    if len(frames) < len(groups) or len({(round(one.width), round(one.bottom - one.top)) for one in frames}) != 1:
        return Parts()
    entries = tuple(entry for group in root.iter(f"{SVG}g") for entry in _entries(group))
    return Parts(tuple(_panels(groups, frames)), entries)


def _frame(group: Element) -> Box | None:
    """The rectangle that the axes span, their ground, which is drawn first; None where they are not drawn."""
    path = group.find(f"{SVG}g[1]/{SVG}path")
    numbers = [float(number) for number in NUMBER.findall(path.get("d", ""))] if path is not None else []
    if len(numbers) != RECTANGLE:
        return None
    across, up = numbers[0::2], numbers[1::2]
    return Box(min(across), min(up), max(across), max(up))


def _panels(groups: list[Element], frames: list[Box]) -> Iterator[Panel]:
    extents = [_extent(group, frame) for group, frame in zip(groups, frames, strict=True)]
    margin = max(frame.left - extent.left for frame, extent in zip(frames, extents, strict=True))
    last: dict[bool, list[tuple[str, float]]] = {}
    for group, frame, extent in zip(groups, frames, extents, strict=True):
        own = {upright: names for upright in (True, False) if (names := _beside(group, frame, upright=upright))}
        borrowed = [(name, frame.left - left) for kind in last.keys() - own for name, left in last[kind]]
        last |= {kind: [(name, frame.left) for name in names] for kind, names in own.items()}
        yield Panel(group.get("id", ""), extent._replace(left=frame.left - margin), tuple(borrowed))


def _beside(group: Element, frame: Box, *, upright: bool) -> list[str]:
    """The groups of the texts to the left of a frame: the upright name of its axis, or its ticks."""
    texts = {one.get("id", ""): text for one in group.iter(f"{SVG}g") for text in one.findall(f"{SVG}text")}
    return [
        name for name, text in texts.items() if _is_upright(text) is upright and _text_box(text).right <= frame.left
    ]


def _is_upright(text: Element) -> bool:
    return "rotate(-90" in text.get("transform", "")


def _extent(group: Element, frame: Box) -> Box:
    """The rectangle that holds the frame of axes and all texts around it."""
    boxes = [frame, *(_text_box(text) for text in group.iter(f"{SVG}text"))]
    left, top, right, bottom = zip(*boxes, strict=True)
    return Box(min(left) - ROOM, min(top) - ROOM, max(right) + ROOM, max(bottom) + ROOM)


def _text_box(text: Element) -> Box:
    style = text.get("style", "")
    size = float(re.search(r"font-size: ([\d.]+)px", style)[1])  # type: ignore[index]  # every text has its size
    x, y, width = float(text.get("x", 0)), float(text.get("y", 0)), LETTER * size * len(text.text or "")
    if _is_upright(text):
        return Box(x - size, y, x, y)
    left = x - width * (0.5 if "anchor: middle" in style else 1.0 if "anchor: end" in style else 0.0)
    return Box(left, y - size, left + width, y + 0.25 * size)


def _entries(group: Element) -> Iterator[Entry]:
    name = group.get("id", "")
    for text in group.iter(f"{SVG}text") if name.startswith("legend_") else ():
        right, _, _, bottom = _text_box(text)
        yield Entry(name, Box(right - SIGN, bottom - 12.0, right - 3.0, bottom + 1.0), text.text or "")
