"""The formats of figures, by the ends of their files: a run that draws nothing knows them without matplotlib."""

from __future__ import annotations

FORMATS = ("svg", "png", "pdf")


def check_formats(formats: object) -> None:
    """Raise ValueError, in one line, unless every format is one of ``FORMATS``."""
    if not isinstance(formats, list | tuple):
        one = formats if isinstance(formats, str) and formats in FORMATS else "svg"
        message = f"figures.formats={formats!r:.60}: not a list; write a list, such as [{one}]"
        raise ValueError(message)  # noqa: TRY004 - whatever is wrong in a configuration is one kind of error
    for form in formats:
        if not isinstance(form, str) or form not in FORMATS:
            raise ValueError(f"figure format {form!r} is not known; there are {', '.join(FORMATS)}")
