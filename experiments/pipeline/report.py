"""One self-contained HTML page per run: findings first, then figures, tables, configuration and record.

The page asks nothing of any other place: style and figures are written into it. Whatever came from outside
(expressions, names, numbers as text) is escaped; the figures' SVG is our own and is taken as markup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

TEMPLATE = Path(__file__).with_name("report.html.j2")
SHRUNK = 0.7
AROUND = 52
"""Pixels of the page beside a figure on a narrow screen: margins of 20, padding of 4.8 and a line on either side."""
PIXELS_PER_POINT = 96 / 72
TEXT, WIDE = 24, 60
"""Letters of a cell above which its column is broken into lines, and into wider lines; by eye."""
OPEN = 60
"""Lines of a configuration that is unfolded: about a screen."""


class Drawing(NamedTuple):
    """A figure: its name, its SVG as text, and its caption."""

    name: str
    svg: str
    caption: str


class Table(NamedTuple):
    """The head of a table, as text."""

    name: str
    meaning: str
    columns: Sequence[str]
    meanings: Sequence[str]
    rows: Sequence[Sequence[str]]
    total: int


class File(NamedTuple):
    """A file of the run by its path from the report."""

    name: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a report says; each part that is empty is left out of the page.

    ``configuration`` is YAML text by job, ``record`` what is needed to repeat the run (a value may be a
    mapping or a list), ``notes`` are warnings. ``lesson`` has for some figures, by their names, a heading and what is
    said before them, ``printed`` the lines that the study printed. Figures, tables and files may be plain tuples, in
    the order of the fields of Drawing, Table and File.
    """

    title: str
    command: str
    study: str
    question: str
    findings: Sequence[str] = ()
    figures: Sequence[tuple[str, str, str]] = ()
    tables: Sequence[tuple[str, str, Sequence[str], Sequence[str], Sequence[Sequence[str]], int]] = ()
    configuration: Mapping[str, str] = field(default_factory=dict)
    record: Mapping[str, object] = field(default_factory=dict)
    notes: Sequence[str] = ()
    lesson: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    printed: Sequence[str] = ()
    files: Sequence[tuple[str, str]] = ()


def write(path: Path, content: Content) -> None:
    """Write the page; it appears whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(render(content), encoding="utf-8")
    part.replace(path)


def render(content: Content) -> str:
    """The page as text."""
    # A run that is refused for its configuration does not pay for these.
    import jinja2  # noqa: PLC0415
    from markupsafe import Markup  # noqa: PLC0415

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    figures = [
        {
            "name": name,
            "id": f"figure-{k}",
            "svg": inline(svg, f"figure-{k}"),
            "least": _least_width(svg),
            "narrow": round(_least_width(svg) * PIXELS_PER_POINT + AROUND),
            "caption": caption,
            "lesson": content.lesson.get(name),
        }
        for k, (name, svg, caption) in enumerate(content.figures, start=1)
    ]
    return page.render(
        content=content,
        breakable=Markup("_<wbr>"),
        longest=OPEN,
        sections=_sections(content),
        figures=figures,
        tables=[_table(one) for one in content.tables],
        configuration=_grouped(content.configuration),
        record=[(key, _flat(value)) for key, value in content.record.items()],
        files=[(name, quote(path)) for name, path in content.files],
    )


def inline(svg: str, prefix: str) -> str:
    """``svg`` as part of a page: without the prologue of a file, its ids and its style bound to ``prefix``.

    Two figures use the same ids for their glyphs; in one page the second would draw with the first's.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r'\b(?:xlink:)?href="#', f'href="#{prefix}-', svg)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}-", svg)
    svg = re.sub(r"(<style[^>]*>)\s*\*", rf"\1#{prefix} *", svg)
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def _least_width(svg: str) -> float:
    """Width in points below which a figure is not shrunk: by eye, letters at SHRUNK of their size can be read."""
    width = re.search(r'<svg[^>]*\bwidth="([\d.]+)pt"', svg)
    return round(SHRUNK * float(width[1]), 1) if width else 0.0


def _sections(content: Content) -> list[tuple[str, str]]:
    """Id and heading of the sections that have something to say, in their order on the page.

    A lesson comes first, as it tells its findings at their places.
    """
    first: list[tuple[str, str, Sequence[object]]] = [
        ("findings", "Findings", content.findings),
        ("notes", "Notes", content.notes),
        ("figures", "Lesson" if content.lesson else "Figures", content.figures),
    ]
    sections = (
        *(reversed(first) if content.lesson else first),
        ("printed", "Printed", content.printed),
        ("tables", "Tables", content.tables),
        ("configuration", "Configuration", content.configuration),
        ("record", "Record", content.record),
        ("files", "Files", content.files),
    )
    return [(name, heading) for name, heading, part in sections if part]


def _table(
    one: tuple[str, str, Sequence[str], Sequence[str], Sequence[Sequence[str]], int],
) -> dict[str, Any]:
    name, meaning, columns, meanings, rows, total = one
    kinds = [_kind([row[k] for row in rows]) for k in range(len(columns))]
    cells = [list(zip(row, kinds, strict=True)) for row in rows]
    heads = list(zip(columns, meanings, kinds, strict=True))
    return {
        "name": name,
        "meaning": meaning,
        "heads": heads,
        "rows": cells,
        "total": total,
        "shown": len(rows),
    }


def _kind(cells: Sequence[str]) -> str:
    """How a column is set: numbers to the right, long texts in several lines."""
    if cells and all(_is_number(cell) for cell in cells):
        return "number"
    longest = max(map(len, cells), default=0)
    return "wide" if longest > WIDE else "text" if longest > TEXT else ""


def _is_number(text: str) -> bool:
    """Whether a cell stands at the right of its column: a number, or the sign that there is none."""
    if text.strip() in {"", "-"}:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _grouped(configuration: Mapping[str, str]) -> list[tuple[str, str]]:
    """The jobs' YAML texts, those that are equal told once."""
    jobs: dict[str, list[str]] = {}
    for job, text in configuration.items():
        jobs.setdefault(text, []).append(job)
    return [(", ".join(names), text) for text, names in jobs.items()]


def _flat(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_flat(part)}" for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_flat(part) for part in value)
    return "none" if value is None else str(value)
