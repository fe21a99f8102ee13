"""The cells of a CSV file as a spreadsheet takes them: no text is a formula.

A spreadsheet computes what begins with one of a few signs, and may ask other places for it. Such a text gets an
apostrophe before it, which spreadsheets read as "this is text". Numbers stay what they are, and so do texts that are
numbers.
"""

from __future__ import annotations

from experiments.messages import printable

STARTS = ("=", "+", "-", "@", "\t", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}",
          "\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}")  # fmt: skip


def cell(value: object) -> object:
    """Return a value for a cell: a text without control characters, and none that is a formula.

    Examples
    --------
    >>> [cell(value) for value in ("=1+1", "-x", "-1e-5", -1.5, "x")]
    ["'=1+1", "'-x", '-1e-5', -1.5, 'x']
    """
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.lstrip(" \n").startswith(STARTS) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
