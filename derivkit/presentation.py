"""How results show themselves: in a line, as a number with its bar, and in a notebook as HTML, Markdown and LaTeX.

A result names the attributes that it shows, in their order. What is absent (None, NaN, empty, 0 of something) is left
out, a value has the digits that its bar vouches for, and an array is cut. All languages are written from the same rows.
"""

from __future__ import annotations

import html
import importlib
import math
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derivkit.arguments import shown

MAX_ROWS = 12
"""Rows of many alike that a notebook shows; a choice."""
MAX_ENTRIES = 6
"""Entries of an array that a line shows; a choice."""
BAR_DIGITS = 2
SIZES = frozenset({"error", "delta", "noise", "detectable", "truncation", "rounding"})
"""Attributes that say how large something is about, and have as many digits as a bar."""
SPEC = re.compile(r"(?:\.(?P<digits>\d+)(?P<of_bar>u?))?(?P<kind>[efg]?)(?P<style>[SPL]?)")
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NUMBER = re.compile(r"-?(?:\d[\d.]*(?:e[-+]?\d+)?|inf)(?: ± [\d.]+(?:e[-+]?\d+)?)?")
"""A number, with or without its bar, as a cell writes it."""

CELL = '<td style="text-align: left">'
"""Notebooks set cells to the right, as suits numbers alone."""
EXPONENT = re.compile(r"e([-+]?\d+)")

Row = tuple[Any, ...]


class Bar(NamedTuple):
    """A value with the bar of its error, as one cell of a row."""

    value: float
    error: float

    def __str__(self) -> str:
        return "none" if math.isnan(self.value) else with_bar(*self)


def with_bar(value: float, error: float) -> str:
    """A value to the digit at which its bar begins, and the bar with two digits.

    Parameters
    ----------
    value, error : float
        The number, and the bar of its error.

    Returns
    -------
    str
        Without a bar that is positive and finite, the value in six digits.

    Examples
    --------
    >>> with_bar(0.18250909774986123, 3.61e-14), with_bar(1e-20, 3e-17), with_bar(2.0, math.inf)
    ('0.18250909774986 ± 3.6e-14', '1e-20 ± 3e-17', '2')
    """
    if not (math.isfinite(value) and math.isfinite(error) and error > 0.0):
        return f"{value:.6g}"
    return f"{trusted_digits(value, error)} ± {error:.{BAR_DIGITS}g}"


def trusted_digits(value: float, error: float) -> str:
    """A value with the digits that its bar vouches for, at least one and at most all 17.

    Examples
    --------
    >>> trusted_digits(4.000200000001, 3e-9), trusted_digits(2.0, 1e-30)
    ('4.000200000', '2.0000000000000000')
    """
    digits = min(max(_exponent(value) - _exponent(error) + 1, 1), 17)
    return f"{value:#.{digits}g}".rstrip(".").replace(".e", "e")


def _exponent(value: float) -> int:
    """The power of ten of the first digit; of 0, which has none, the least of all."""
    return math.floor(math.log10(abs(value))) if value else -324


def measured(value: float, error: float, spec: str) -> str:
    r"""A value with its bar in the formats of the package `uncertainties`, version 3.2 (Lebigot).

    Parameters
    ----------
    value, error : float
        The number, and the bar of its error.
    spec : str
        ``.Nu`` for N digits of the bar, ``.N`` with ``e``, ``f`` or ``g`` for digits of the value, neither for the
        digits of the bar that the Particle Data Group prints (*Review of Particle Physics*, 2024, section 5.3: two up
        to 354, else one); then ``S`` for the short form, ``P`` for ``±`` and exponents, ``L`` for LaTeX.

    Raises
    ------
    ValueError
        If it is no such thing.

    Examples
    --------
    >>> [measured(0.182509097749861, 3.6e-14, spec) for spec in ("S", ".2uS", ".3g", "P")]
    ['0.18250909774986(4)', '0.182509097749861(36)', '0.183+/-0.000', '0.18250909774986±0.00000000000004']
    >>> measured(1.23e-7, 4.5e-12, "L")
    '\\left(1.23000 \\pm 0.00005\\right) \\times 10^{-7}'
    """
    fields = SPEC.fullmatch(spec)
    if fields is None:
        raise ValueError(f"no format {spec!r} of a value with its bar; write such as '.2u', '.3g' or 'S'")
    kind, style = fields["kind"], fields["style"]
    if not (math.isfinite(value) and math.isfinite(error)):
        return _joined(f"{value}", f"{error}", None, style)
    last, bar = _last_place(fields, value, error)
    power = _exponent(round(max(abs(value), bar), -last)) if kind != "f" else 0
    digits = int(fields["digits"]) if fields["digits"] and not fields["of_bar"] else power - last + 1
    if kind != "e" and -4 <= power < digits:
        power = 0
    power = max(power, -300)  # below, 10**power is no float
    scaled, width = (f"{part / 10.0**power:.{max(0, power - last)}f}" for part in (value, bar))
    return _joined(scaled, width, power if power or kind == "e" else None, style)


def _last_place(fields: re.Match[str], value: float, error: float) -> tuple[int, float]:
    """The power of ten of the last digit, and the bar."""
    if fields["digits"] and fields["kind"] == "f" and not fields["of_bar"]:
        return -int(fields["digits"]), error
    if fields["digits"]:
        digits = max(int(fields["digits"]) + (fields["kind"] == "e" and not fields["of_bar"]), 1)
        number = error if fields["of_bar"] else max(abs(value), error)
        return _exponent(float(f"{number:.{digits - 1}e}")) - digits + 1, error
    first, leading = _exponent(error), int(f"{error:.16e}"[:4].replace(".", ""))
    return (first, 10.0 ** (first + 1)) if leading >= 950 else (first - (leading <= 354), error)


def _joined(value: str, bar: str, power: int | None, style: str) -> str:
    """Both numbers in a style, times a power of ten if there is one."""
    if style == "S":
        inner = bar.lstrip("0.") if bar.startswith("0.") and bar.strip("0.") else bar
        return f"{value}({inner})" + ("" if power is None else f"e{power:+03d}")
    sign = {"P": "±", "L": r" \pm "}.get(style, "+/-")
    if style == "L":
        value, bar = (LATEX_WORDS.get(part, part) for part in (value, bar))
    if power is None:
        return f"{value}{sign}{bar}"
    if style == "L":
        return rf"\left({value}{sign}{bar}\right) \times 10^{{{power}}}"
    return f"({value}{sign}{bar})" + (f"×10{str(power).translate(SUPERSCRIPTS)}" if style == "P" else f"e{power:+03d}")


LATEX_WORDS = {"nan": r"\mathrm{nan}", "inf": r"\infty", "-inf": r"-\infty"}


class Display:
    """A result that shows itself by the attributes that it names.

    Attributes
    ----------
    SHOWN : tuple of str
        The attributes of its line, ``error`` behind the value whose bar it is.
    DETAILS : tuple of str
        Those that a table in a notebook shows besides.
    """

    SHOWN: ClassVar[tuple[str, ...]] = ()
    DETAILS: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        parts = (f"{name}={self._in_line(name, value)}" for name, value in self._present(self.SHOWN))
        return f"{type(self).__name__}({', '.join(parts)})"

    def _in_line(self, name: str, value: Any) -> str:
        bar = getattr(self, "error", math.nan)
        if name == "value" and isinstance(value, float) and 0.0 < bar < math.inf:
            return trusted_digits(value, bar)
        return f"{value:.{BAR_DIGITS}g}" if name in SIZES and isinstance(value, float) else in_line(value)

    def _present(self, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        """The attributes of these names that are there; an infinite bar is none."""
        for name in names:
            value = getattr(self, name)
            if not (is_absent(value) or (name == "error" and not np.isfinite(value).any())):
                yield name, value

    def rows(self) -> Iterator[Row]:
        """What a notebook shows: a name and what it stands for, in each row."""
        bar = getattr(self, "error", None)
        for name, value in self._present((*self.SHOWN, *self.DETAILS)):
            label = name.replace("_", " ")
            if name == "value" and isinstance(value, float) and isinstance(bar, float):
                yield label, Bar(value, bar)
            elif name != "error" or not isinstance(getattr(self, "value", None), float):
                yield label, self._in_line(name, value) if isinstance(value, float) else value

    def _repr_html_(self) -> str:
        return table(self.rows(), "html")

    def _repr_markdown_(self) -> str:
        return table(self.rows(), "markdown")

    def _repr_latex_(self) -> str:
        return table(self.rows(), "latex")


class DisplayWithBar(Display):
    """One value with its bar that is also a number: ``float(d)``, and ``f"{d:.3g}"`` as `measured` writes it."""

    value: Any
    error: Any

    def __float__(self) -> float:
        return float(self.value)

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        if np.ndim(self.value):
            count = np.size(self.value)
            raise TypeError(f"the format {spec!r} is of one value with its bar, and there are {count}; write .value")
        return measured(float(self.value), float(self.error), spec)


class Framed(ABC):
    """A result that is also a table: `columns` has its columns by name."""

    @property
    @abstractmethod
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """The columns, all of one length."""

    def frame(self) -> Any:
        """The table as a DataFrame of pandas.

        Returns
        -------
        pandas.DataFrame
            One row for every estimate.

        Raises
        ------
        ImportError
            If there is no pandas.

        Examples
        --------
        >>> import derivkit as dk
        >>> dk.sweep("x^2", 1.0, [0.5, 0.25], formulas=["forward_1"]).frame()[["delta", "estimate"]].values.tolist()
        [[0.5, 2.5], [0.25, 2.25]]
        """
        try:
            pandas = importlib.import_module("pandas")
        except ImportError:
            raise ImportError("a frame needs pandas: pip install pandas, or take .columns, a dict of arrays") from None
        return pandas.DataFrame(self.columns)


class TableDisplay(Display, Framed):
    """A result that is a table and nothing else."""

    def rows(self) -> Iterator[Row]:
        """The names of the columns, then their entries."""
        yield tuple(self.columns)
        yield from first_rows(zip(*(column.tolist() for column in self.columns.values()), strict=True))


class FormulaDisplay:
    """A formula that a notebook typesets."""

    def _repr_html_(self) -> str:
        return str(_writer("to_html")(self))

    def _repr_markdown_(self) -> str:
        return self._repr_latex_()

    def _repr_latex_(self) -> str:
        return f"${_writer('to_latex')(self)}$"


def _writer(name: str) -> Callable[[Any], str]:
    """A public function of derivkit: those that write trees know their class, which thus cannot import them."""
    return getattr(sys.modules["derivkit"], name)  # type: ignore[no-any-return]


def first_rows(rows: Iterable[Row]) -> Iterator[Row]:
    """The first rows of many alike, and how many more there are.

    Examples
    --------
    >>> list(first_rows((k,) for k in range(14)))[-2:]
    [(11,), ('... and 2 more',)]
    """
    every = list(rows)
    yield from every[:MAX_ROWS]
    if len(every) > MAX_ROWS:
        yield (f"... and {len(every) - MAX_ROWS:,} more",)


def is_absent(value: object) -> bool:
    """Whether there is nothing to show: None, NaN, False, a count of 0, an empty text or tuple, or an array of NaN.

    Examples
    --------
    >>> [is_absent(value) for value in (None, math.nan, np.array([math.nan]), (), 0, 0.0)]
    [True, True, True, True, True, False]
    """
    if isinstance(value, float | np.ndarray) and np.asarray(value).dtype.kind == "f":
        return bool(np.isnan(value).all())
    return value is None or (isinstance(value, bool | int | str | tuple) and not value)


def in_line(value: Any) -> str:
    """A value in a line: numbers in six digits, arrays and tuples with their first entries.

    Examples
    --------
    >>> in_line((0.1 + 0.2, 1)), in_line(np.arange(9.0)), in_line("text")
    ('(0.3, 1)', '[0., 1., 2., ..., 6., 7., 8.]', "'text'")
    """
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Enum):
        return repr(value.value)
    if isinstance(value, tuple):
        rest = ", ..." if len(value) > MAX_ENTRIES else "," if len(value) == 1 else ""
        return f"({', '.join(map(in_line, value[:MAX_ENTRIES]))}{rest})"
    if isinstance(value, np.ndarray):
        text = np.array2string(
            value, threshold=MAX_ENTRIES, edgeitems=3, precision=6, max_line_width=10**4, separator=", "
        )
        return " ".join(text.split())
    if isinstance(value, str):
        return repr(value)
    return str(value) if "__str__" in vars(type(value)) else shown(value)


# Tables


class Language(NamedTuple):
    """How a table is written: around it, around a row, between cells, and a cell."""

    start: str
    end: str
    row: str
    between: str
    cell: Callable[[Any], str]


def table(rows: Iterator[Row], language: str) -> str:
    """Rows as a table of HTML, Markdown or LaTeX; of many, the first.

    Parameters
    ----------
    rows : iterable of tuple
        A name, and one or more cells.
    language : {"html", "markdown", "latex"}
        In which.

    Examples
    --------
    >>> print(table(iter([("value", Bar(0.5, 1e-3))]), "markdown"))
    |  |  |
    |---|---|
    | value | 0.500 ± 0.001 |
    """
    written, cells = LANGUAGES[language], list(rows)
    width = max(map(len, cells), default=2)
    lines = [
        written.row.format(written.between.join([*map(written.cell, row), *[""] * (width - len(row))])) for row in cells
    ]
    start, end = (part.replace("COLUMNS", "l" * width) for part in (written.start, written.end))
    start = start.replace("HEAD", f"|{'  |' * width}\n|{'---|' * width}")
    return "\n".join([start, *lines, *([end] if end else [])])


def _text_of(cell: Any) -> str:
    """A cell as text: what stands alone needs no quotes, and False nothing at all."""
    if isinstance(cell, tuple) and not isinstance(cell, Bar):
        return ", ".join(map(_text_of, cell))
    return "" if cell is False else str(cell) if isinstance(cell, str | Bar) else in_line(cell)


def _html(cell: Any) -> str:
    return cell._repr_html_() if hasattr(cell, "_repr_html_") else html.escape(_text_of(cell), quote=False)


def _markdown(cell: Any) -> str:
    if hasattr(cell, "_repr_markdown_"):
        return str(cell._repr_markdown_())
    return re.sub(r"([\\`*_|<>$\[\]])", r"\\\1", _text_of(cell))


def _latex(cell: Any) -> str:
    if hasattr(cell, "_repr_latex_"):
        return str(cell._repr_latex_()).strip("$")
    text = _text_of(cell)
    if NUMBER.fullmatch(text):
        return EXPONENT.sub(_power_of_ten, text.replace("±", r"\pm").replace("inf", r"\infty"))
    escaped = re.sub(r"([#$%&_{}])", r"\\\1", text)
    return rf"\text{{{escaped}}}"


def _power_of_ten(exponent: re.Match[str]) -> str:
    return rf" \times 10^{{{int(exponent[1])}}}"


LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {
        "html": Language("<table>", "</table>", f"<tr>{CELL}{{}}</td></tr>", f"</td>{CELL}", _html),
        "markdown": Language("HEAD", "", "| {} |", " | ", _markdown),
        "latex": Language(r"$$\begin{array}{COLUMNS}", r"\end{array}$$", r"{} \\", " & ", _latex),
    }
)
