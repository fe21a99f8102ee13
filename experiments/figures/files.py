"""Files: a figure in each format, whole or not at all, the same bytes whenever it is drawn."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.figures.paper import inked
from experiments.files import replacing
from experiments.formats import check_formats

CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
"""What no XML may hold, in UTF-8."""
FORMATS: Mapping[str, Mapping[str, Any]] = {
    "svg": {"metadata": {"Date": None, "Creator": None, "Format": None, "Type": None}},
    # Level 3 of 9 takes half the time of the usual 6, for a tenth more bytes: measured on figures of many lines.
    "png": {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}},
    "pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}},
}
"""Each format with the arguments that keep clocks and version numbers out of the file."""
PLACES = re.compile(rb'(?<= )(?:d|x|y|transform)="[^"]*"')
"""The attributes of an SVG that say where something is."""
LONG, UNTURNED = re.compile(rb"\d+\.\d{3,}"), re.compile(rb' transform="rotate\(-0 [^"]*"')
LINE, VERTEX = re.compile(rb'(?<= d=")(?:[ML] ?[-\d.]+ [-\d.]+\s+){12,}'), re.compile(rb"([ML]) ?([-\d.]+) ([-\d.]+)")
"""A line of so many points that it is shorter by the steps between them, and a point of it."""
STEPS = 10
"""Steps in a point, of which a long line has whole ones: half of one is a fifteenth of a pixel, which no eye sees."""
MARKERS, MARKER = (
    re.compile(rb"<g([^>]*)>(\s*(?:<use [^>]*/>\s*){2,})</g>"),
    re.compile(rb'<use xlink:href="#([^"]*)" x="([-\d.]+)" y="([-\d.]+)"( style="[^"]*")?/>'),
)
"""The markers of a line, and one of them: its form, its place and its style."""
CROWD = 12
"""Markers of one form and style from which on they are those of one line, which is not drawn itself."""
CROWDED = (
    b'<g%(group)s><defs><marker id="%(name)s" markerUnits="userSpaceOnUse" overflow="visible">'
    b'<use xlink:href="#%(form)s"%(style)s/></marker></defs><path d="%(line)s" marker-start="url(#%(name)s)" '
    b'marker-mid="url(#%(name)s)" marker-end="url(#%(name)s)" style="fill: none"/></g>'
)
STAND_INS: Mapping[bytes, bytes] = {
    b"'DejaVu Sans'": b"'DejaVu Sans', Verdana, sans-serif",
    b"'DejaVu Serif'": b"'DejaVu Serif', Georgia, serif",
}
"""The fonts of a text with those that take their place on a machine without them: their letters are about as wide."""


def save(figure: Figure, directory: Path, name: str, formats: Sequence[str]) -> list[Path]:
    """Write ``figure`` as ``directory/name.<format>`` for each format; files appear whole or not at all."""
    check_formats(formats)
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    with inked():
        for form in formats:
            paths.append(directory / f"{name}.{form}")
            with replacing(paths[-1]) as file:
                drawn = BytesIO()
                figure.savefig(drawn, format=form, **FORMATS[form])
                file.write(_readable(drawn.getvalue()) if form == "svg" else drawn.getvalue())
    return paths


def _readable(svg: bytes) -> bytes:
    """An SVG whose text any machine can set, with places to a hundredth of a point: a screen shows no more."""
    # Matplotlib repeats texts in comments as they are, and XML has no place for control characters.
    svg = PLACES.sub(_brief, UNTURNED.sub(b"", CONTROL.sub(b"?", svg)))
    svg = LINE.sub(_by_steps, MARKERS.sub(functools.partial(_joined, count=itertools.count(1)), svg))
    for font, stand_ins in STAND_INS.items():
        svg = svg.replace(font, stand_ins)
    return svg


def _joined(markers: re.Match[bytes], count: Iterator[int]) -> bytes:
    """Markers of one form and style, which take more bytes than their places, have both said once."""
    group, uses = markers.groups()
    every = MARKER.findall(uses)
    looks = {(form, style) for form, _, _, style in every}
    if len(looks) != 1 or len(every) != uses.count(b"<use "):
        return markers[0]
    ((form, style),) = looks
    if len(every) >= CROWD:
        name, line = b"crowd%d" % next(count), b"".join(b"M %s %s " % (x, y) for _, x, y, _ in every[:1])
        line += b"".join(b"L%s %s " % (x, y) for _, x, y, _ in every[1:])
        return CROWDED % {b"group": group, b"name": name, b"form": form, b"style": style, b"line": line}
    # Opacity of a group is not that of its members: where two lie on one another the lower would not be seen through.
    return (
        markers[0]
        if b" opacity:" in style or b'"opacity:' in style or not style
        else (b"<g%s%s>%s</g>" % (group, style, uses.replace(style, b"")))
    )


def _by_steps(line: re.Match[bytes]) -> bytes:
    """A line by its steps; they are between rounded places, so that what was rounded does not add up."""
    steps, at = [], (0, 0)
    for letter, *place in VERTEX.findall(line[0]):
        to = (round(STEPS * float(place[0])), round(STEPS * float(place[1])))
        across, up = (_tenths(after - before) for before, after in zip(at, to, strict=True))
        steps.append(f"{'m' * (letter == b'M')}{across}{'' if up.startswith('-') else ' '}{up}")
        at = to
    return " ".join(steps).replace(" -", "-").encode()


def _tenths(steps: int) -> str:
    """So many steps in points, with nothing before the point where that is 0."""
    whole, rest = divmod(abs(steps), STEPS)
    return f"{'-' * (steps < 0)}{whole or '' if rest else whole}{f'.{rest}' if rest else ''}"


def _brief(place: re.Match[bytes]) -> bytes:
    short = LONG.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip(".").encode(), place[0])
    return b" ".join(short.split()).replace(b"L ", b"L")
