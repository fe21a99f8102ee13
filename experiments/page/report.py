"""One self-contained HTML page per run: findings first, then figures, tables, configuration and record.

The page asks nothing of any other place: style, script and figures are written into it, and it tells the browser to
load nothing and to run no other script. Whatever came from outside (expressions, names, numbers as text) is escaped;
the figures' SVG is our own and is taken as markup. The script adds what a reader can do with the page (sort, filter,
move the slider); without it the page says the same.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from experiments.files import replacing
from experiments.messages import printable
from experiments.page.parts import parts_of
from experiments.words import counted

PAGE = Path(__file__).with_name("templates")
"""The template, its style and its scripts."""
SHRUNK = 0.7
"""How small a figure may become on a screen, by eye; on paper, which is sharper, so much of that again."""
AROUND = 22
"""Pixels of a card beside its figure: padding of 9.6 and a line on either side, and one for rounding."""
PIXELS_PER_POINT = 96 / 72
# A match begins where a word does, and nothing is given back: the work is linear however long a word is.
SMALL_NUMBER = re.compile(r"(?<![\w.])(?:(?:\w++ = )?+[\d.]++e-\d++|\d\d-\d\d-\d\d\b)")
"""What a browser would break into two lines at a minus: a number, with the name before it, or a run's time of day."""
NUMBERED = re.compile(r"figure_0*(\d+)")
"""The name of a figure that is called by its number."""
ID, REFERENCE = re.compile(r'\bid="([^"]*)"'), re.compile(r'(\bid="|\bhref="#|\burl\(#)([^")]*)')
"""The ids of a drawing, and where it names one. A scatter names one for each of its points: short ones spare half."""
STYLE, SCARCE = re.compile(r' style="([^"]*)"'), 2
"""The style of an element of a drawing, and how many must have it to be a class of the page."""
BEHIND = "Data behind the figures"
"""The heading of the tables that are folded."""
BROAD = 8
"""Columns above which paper is turned for a table."""
TEXT, WIDE, LONG = 24, 60, 100
"""Letters of a cell above which its column is broken into lines, into wider ones, and into those of a text; by eye."""
OPEN = 60
"""Lines of a configuration that is unfolded: about a screen."""


class Drawing(NamedTuple):
    """A figure: its name, its SVG as text, and its caption, of which an empty line parts the finding from the rest.

    A title that is empty is made of the name. ``rows`` stand beside it.
    """

    name: str
    svg: str
    caption: str
    title: str = ""
    rows: Table | None = None


class Table(NamedTuple):
    """The head of a table, as text, or if ``spread`` rows taken evenly from all of it; one that is ``folded`` is data
    that hardly anybody reads, such as the points of a figure.
    """

    name: str
    meaning: str
    columns: Sequence[str]
    meanings: Sequence[str]
    rows: Sequence[Sequence[str]]
    total: int
    spread: bool = False
    folded: bool = False


class Slider(NamedTuple):
    """What the slider over delta shows: its data by place and method, as ``page/slider.js`` reads it, and in words.

    ``left_out`` says what is not there, if anything.
    """

    places: Sequence[Mapping[str, Any]]
    sentences: Sequence[str]
    left_out: str = ""


class File(NamedTuple):
    """A file of the run by its path from the report."""

    name: str
    path: str


PlainTable = tuple[str, str, Sequence[str], Sequence[str], Sequence[Sequence[str]], int]


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a report says; each part that is empty is left out of the page.

    ``configuration`` is YAML text by job, ``record`` what is needed to repeat the run (a value may be a
    mapping or a list), ``notes`` are warnings. ``outcome`` says in a few words how it went, and ``well`` whether that
    is good; ``facts`` are a few words each. ``lesson`` has for some figures, by their names, a heading and what is said
    before them, ``printed`` the lines that the study printed. Figures, tables and files may be plain tuples, in the
    order of the fields of Drawing, Table and File; the last fields may be left out.
    """

    title: str
    command: str
    study: str
    question: str
    findings: Sequence[str] = ()
    figures: Sequence[tuple[str, str, str] | tuple[str, str, str, str] | Drawing] = ()
    tables: Sequence[PlainTable | Table] = ()
    configuration: Mapping[str, str] = field(default_factory=dict)
    record: Mapping[str, object] = field(default_factory=dict)
    notes: Sequence[str] = ()
    lesson: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    printed: Sequence[str] = ()
    files: Sequence[tuple[str, str]] = ()
    outcome: str = ""
    well: bool = True
    facts: Sequence[str] = ()
    slider: Slider | None = None


def write(path: Path, content: Content) -> None:
    """Write the page; it appears whole or not at all."""
    page = render(content).encode(errors="backslashreplace")  # bytes of a command line that are no UTF-8
    with replacing(path) as file:
        file.write(page)


def render(content: Content) -> str:
    """The page as text."""
    # A run that is refused for its configuration does not pay for these.
    import jinja2  # noqa: PLC0415
    from markupsafe import Markup  # noqa: PLC0415

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["whole_numbers"] = _whole_numbers
    page = environment.from_string(_part("report.html.j2"))
    script = "\n".join(map(_part, ("report.js", "slider.js") if content.slider else ("report.js",)))
    figures = [_figure(place, Drawing(*one), content.lesson) for place, one in enumerate(content.figures, start=1)]
    classes = _classes([one["svg"] for one in figures])
    for one in figures:
        one["svg"] = STYLE.sub(
            lambda style: f' class="{classes[style[1]]}"' if style[1] in classes else style[0], one["svg"]
        )
    tables = [_table(f"table-{number}", Table(*one)) for number, one in enumerate(content.tables, start=1)]
    sections = _sections(content)
    parts = {
        "figures": [(one["id"], f"{one['number']} {one['heading']}") for one in figures],
        "tables": [(one["id"], one["name"]) for one in tables if not one["folded"]]
        + [("data", BEHIND)] * any(one["folded"] for one in tables),
    }
    said = page.render(
        content=content,
        breakable=Markup("_<wbr>"),
        longest=OPEN,
        behind=BEHIND,
        policy=_policy(script),
        style=Markup(_part("style.css")),  # noqa: S704 - ours
        script=Markup(script),  # noqa: S704 - ours
        sections=sections,
        parts={name: parts.get(name, []) for name, _ in sections},
        classes=classes,
        figures=figures,
        tables=tables,
        beside=[one["rows"] for one in figures if one["rows"]],
        slider=content.slider,
        data=content.slider and Markup(_data(content.slider)),  # noqa: S704 - no markup can be in it
        sheets="\n".join(content.printed).split("\f\n"),  # a form feed begins a sheet of paper
        configuration=_grouped(content.configuration),
        record=[(key, _flat(value)) for key, value in content.record.items()],
        files=[(name, quote(path)) for name, path in content.files],
    )
    return printable(said)


def _whole_numbers(text: str) -> str:
    """A text as markup, in which no number is broken into two lines."""
    from markupsafe import Markup, escape  # noqa: PLC0415 - as in render

    return Markup(SMALL_NUMBER.sub(r'<span class="n">\g<0></span>', str(escape(text))))  # noqa: S704 - escaped


def _classes(drawings: Sequence[str]) -> dict[str, str]:
    """The styles that several elements of the drawings have, each with the name of a class."""
    counts = Counter(style for svg in drawings for style in STYLE.findall(svg))
    return {style: f"s{number}" for number, style in enumerate(s for s, n in counts.items() if n >= SCARCE)}


def _part(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """What the browser may do with the page: nothing from any place, and no script but ours, by its hash."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"


def _data(slider: Slider) -> str:
    """JSON that cannot end the element which holds it: it has no angle bracket and no ampersand."""
    text = json.dumps(slider.places, allow_nan=False, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _figure(place: int, one: Drawing, lesson: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """A figure as the page draws it; its number is that of its file where that has one, else its place on the page."""
    named = NUMBERED.fullmatch(one.name)
    number = int(named[1]) if named else place
    least = _least_width(one.svg)
    parts = parts_of(one.svg)
    heading = lesson[one.name][0] if one.name in lesson else one.title or words_of(one.name)
    return {
        "number": number,
        "id": f"figure-{place}",
        "svg": inline(one.svg, f"figure-{place}", parts.groups),
        "parts": parts,
        "least": least,
        "narrow": round(least * PIXELS_PER_POINT + AROUND),
        "tiny": round(SHRUNK * least * PIXELS_PER_POINT),
        "caption": one.caption.split("\n\n"),
        "label": f"{heading}: {' '.join(one.caption.split())}",
        "lesson": lesson.get(one.name),
        "heading": heading,
        "rows": one.rows and _table(f"beside-{place}", one.rows._replace(name=heading)),
    }


def words_of(name: str) -> str:
    """A name as the words of a heading."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def inline(svg: str, prefix: str, groups: Collection[str] = ()) -> str:
    """``svg`` as part of a page: without the prologue of a file, its ids and its style bound to ``prefix``.

    Of the ids of its groups those in ``groups`` are kept, which something on the page refers to. Two figures use the
    same ids for their glyphs; in one page the second would draw with the first's.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r">\s+<", "><", svg)
    svg = re.sub(r'<g id="([^"]*)"', lambda group: group[0] if group[1] in groups else "<g", svg).replace("<g/>", "")
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg)
    svg = svg.replace(' xlink:href="', ' href="')
    places = {name: f"{place:x}" for place, name in enumerate(dict.fromkeys(ID.findall(svg))) if name not in groups}
    svg = REFERENCE.sub(lambda found: f"{found[1]}{prefix}-{places.get(found[2], found[2])}", svg)
    svg = re.sub(r"(<style[^>]*>)\s*\*", rf"\1:where(#{prefix}) *", svg)
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" class="whole" ', 1)


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
        ("slider", "Move delta", content.slider or ()),
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


def _table(name: str, one: Table) -> dict[str, Any]:
    """A table as the page draws it: without the columns that are empty in all rows shown."""
    filled = [not one.rows or any(row[k].strip() for row in one.rows) for k in range(len(one.columns))]
    rows = [list(compress(row, filled)) for row in one.rows]
    kinds = [_kind(cells) for cells in zip(*rows, strict=True)] or [""] * sum(filled)
    return {
        "id": name,
        "name": words_of(one.name),
        "meaning": one.meaning,
        "folded": one.folded,
        "broad": len(kinds) > BROAD,
        "numbers": [place for place, kind in enumerate(kinds, start=1) if kind == "number"],
        "heads": list(zip(compress(one.columns, filled), compress(one.meanings, filled), kinds, strict=True)),
        "rows": [list(zip(row, kinds, strict=True)) for row in rows],
        "extent": _extent(len(rows), one.total, spread=one.spread) + _left_out(filled.count(False)),
    }


def _left_out(columns: int) -> str:
    """How many columns are not drawn."""
    if not columns:
        return ""
    return f" {counted(columns, 'column')} without a value here {'is' if columns == 1 else 'are'} left out."


def _extent(shown: int, total: int, *, spread: bool) -> str:
    """How many rows there are, and which of them the page holds."""
    if shown == total:
        return f"{counted(total, 'row')}."
    if spread:
        return f"{shown:,} of {total:,} rows, taken evenly from the first to the last; the file has all of them."
    return f"The first {shown:,} of {total:,} rows."


def _kind(cells: Sequence[str]) -> str:
    """How a column is set: numbers to the right, long texts in several lines."""
    if cells and all(_is_number(cell) for cell in cells):
        return "number"
    longest = max(map(len, cells), default=0)
    if longest > LONG:
        return "wide long"
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
    """The jobs' YAML texts, equal ones once."""
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
