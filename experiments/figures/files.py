"""Files: a figure in each format, whole or not at all, the same bytes whenever it is drawn."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
MARKERS, MARKER = (
    re.compile(rb"<g([^>]*)>(\s*(?:<use [^>]*/>\s*){2,})</g>"),
    re.compile(rb'<use [^>]*?( style="[^"]*")?/>'),
)
"""The markers of a line, and one of them with its style."""
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
    svg = MARKERS.sub(_styled_once, PLACES.sub(_brief, UNTURNED.sub(b"", CONTROL.sub(b"?", svg))))
    for font, stand_ins in STAND_INS.items():
        svg = svg.replace(font, stand_ins)
    return svg


def _styled_once(markers: re.Match[bytes]) -> bytes:
    """Markers of one style, which takes more bytes than their places, have it from their group."""
    group, uses = markers.groups()
    styles = set(MARKER.findall(uses))
    # Opacity of a group is not that of its members: where two lie on one another the lower would not be seen through.
    if len(styles) > 1 or styles == {b""} or b" opacity:" in (style := styles.pop()) or b'"opacity:' in style:
        return markers[0]
    return b"<g%s%s>%s</g>" % (group, style, uses.replace(style, b""))


def _brief(place: re.Match[bytes]) -> bytes:
    short = LONG.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip(".").encode(), place[0])
    return b" ".join(short.split()).replace(b"L ", b"L")
