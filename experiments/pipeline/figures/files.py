"""Files: a figure in each format, whole or not at all, the same bytes whenever it is drawn."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from experiments.pipeline.figures.paper import rc
from experiments.pipeline.files import replacing

FORMATS: Mapping[str, Mapping[str, Any]] = {
    "svg": {"metadata": {"Date": None, "Creator": None, "Format": None, "Type": None}},
    # Level 3 of 9 takes half the time of the usual 6, for a tenth more bytes: measured on figures of many lines.
    "png": {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}},
    "pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}},
}
"""Each format with the arguments that keep clocks and version numbers out of the file."""


def save(figure: Figure, directory: Path, name: str, formats: Sequence[str]) -> list[Path]:
    """Write ``figure`` as ``directory/name.<format>`` for each format; files appear whole or not at all."""
    check_formats(formats)
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    with mpl.rc_context(rc()), warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; that is no reason to disturb a run.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        for form in formats:
            paths.append(directory / f"{name}.{form}")
            with replacing(paths[-1]) as file:
                figure.savefig(file, format=form, **FORMATS[form])
    return paths


def check_formats(formats: Sequence[str]) -> None:
    """Raise ValueError, in one line, unless every format is one of ``FORMATS``."""
    if isinstance(formats, str):
        message = f"figure formats: {formats!r} is one text; write a list, such as [{formats}]"
        raise ValueError(message)  # noqa: TRY004 - whatever is wrong in a configuration is one kind of error
    for form in formats:
        if form not in FORMATS:
            raise ValueError(f"figure format {form!r} is not known; there are {', '.join(FORMATS)}")
