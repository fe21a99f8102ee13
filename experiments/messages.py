"""What is said to whoever typed something wrong: one line with the value, the rule and the nearest right word.

Only the standard library is needed, so that a command which reads records alone does not pay for the mathematics.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
"""Control characters but for the ends of lines and tabs, marks that turn the direction of what follows, and what is no
character."""
MAX_LETTERS = 1000
"""Most characters of what an exception says that a message, a record or a page holds."""


class ConfigurationError(ValueError):
    """A configuration that cannot be run: one line with the place, the value, the rule and the way out."""


@contextmanager
def located(where: str) -> Iterator[None]:
    """Say of what is wrong with a value, in a line, where it stands; a line that says so already is left as it is."""
    try:
        yield
    except ConfigurationError:
        raise
    except ValueError as error:
        raise ConfigurationError(f"{where}: {line_of(error)}") from error


def nearest(word: str, names: Iterable[str], *, otherwise: str = "") -> str:
    """Return a clause on the entries of ``names`` nearest to ``word``; if none is near on some, or ``otherwise``."""
    choices = sorted(set(names))
    lowered = {name.lower(): name for name in choices}
    close = [lowered[name] for name in difflib.get_close_matches(word.lower(), lowered, n=3, cutoff=0.6)]
    if close:
        return f"did you mean {' or '.join(close)}?"
    if otherwise:
        return otherwise
    return f"there are {', '.join(choices[:12])}{', ...' if len(choices) > 12 else ''}" if choices else "there are none"


def line_of(error: BaseException) -> str:
    """Return the message of an error as one line, of which a text without end is cut."""
    try:
        line = getattr(error, "line", None)
        text = line if isinstance(line, str) else str(error)
    except Exception as unsaid:  # noqa: BLE001 - somebody's own exception may fail at saying what it is
        text = f"its message cannot be read, as that raises {type(unsaid).__name__}"
    line = " ".join(text[: 2 * MAX_LETTERS].split())
    return line if len(text) <= MAX_LETTERS else f"{line[:MAX_LETTERS]}... ({len(text):,} characters)"


def named(error: BaseException) -> str:
    """Return the type of an error and, where it has one, its message, as one line."""
    name, line = type(error).__name__, line_of(error)
    return f"{name}: {line}" if line else name


def printable(text: str) -> str:
    """Return a text with a question mark for whatever a terminal or a page obeys instead of showing it."""
    return INVISIBLE.sub("?", text)


def show(value: object, width: int = 60) -> str:
    """Return a value for a message: on one line and shortened in the middle."""
    text = "null" if value is None else " ".join(str(value).split())
    return text if len(text) <= width else f"{text[: width // 2]}...{text[-width // 4 :]}"


def readable(size: float) -> str:
    """Return a number of bytes in a unit that leaves at most three digits before the point."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.0f} PB"


def near(path: Path) -> str:
    """Return a path relative to the current directory when that is shorter."""
    return min(os.path.relpath(path), str(path), key=len)
