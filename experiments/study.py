"""What a study is made of: rows whose columns say what they mean, and the frames that are concluded from them.

A study is a module of ``experiments.studies`` with these names::

    Config                     what is computed: a frozen dataclass with `rows`, the number of rows of the main table,
                               and as it likes `idle`: the keys that change nothing in it, each with the reason
    class Table(Rows)          the columns of the main table; each further table is a further class
    measure(config)            yields rows; mathematics comes from derivkit
    conclude(tables)           yields rows that only the whole run can say; optional
    tell(tables)               yields findings, in sentences; optional
    advise(tables, job)        yields sentences about the best job of a search; optional
    ANSWERS = True             that `measure` yields the answers of the functions itself; else the pipeline has them

What all rooms need to know of a column (its type, its meaning, whether it tells rows apart, how far rounding may move
it, whether a clock measured it, what a figure takes it for) is said once, where the column is declared.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np

from experiments.messages import nearest

TYPES = (str, float, int, bool)
"""What a column may hold."""
MAIN, FINDINGS = "table", "findings"
"""The names of the main table, and of the table of what a study tells."""
COLUMN, RELATIVE, ABSOLUTE, FOLLOWS = WAYS = ("column", "relative", "absolute", "follows")
"""In which way a rule bounds how far a value moves; ``experiments.comparison.tolerance`` explains them."""

Rule = Mapping[str, Any]
Shape = Mapping[str, tuple[type, str]]
"""The columns of a table on disk: type and meaning."""
Frame: TypeAlias = Any
"""A pandas DataFrame: a type checker does not know what its columns hold."""
Chunk = tuple[str, Mapping[str, object]]
"""The name of a table, and rows of it as columns."""


# Columns


@dataclass(frozen=True, kw_only=True)
class Column:
    """What is known of a column; `key` and `column` make them, and explain the fields."""

    meaning: str
    type: type = float
    key: bool = False
    moves: Rule | None = None
    between: tuple[str, str] | None = None
    measured: bool = False
    axis: str | None = None
    label: str | None = None
    name: str | None = None
    good_to: str | None = None


def key(meaning: str, *, moves: Rule | None = None, axis: str | None = None, label: str | None = None) -> Any:
    """A column that tells rows apart when runs are compared; the arguments are those of `column`.

    Rows of a run and of its repetition are not told apart by a key that has a rule how far it moves.
    """
    return Column(meaning=meaning, key=True, moves=moves, axis=axis, label=label)


def column(
    meaning: str,
    *,
    moves: Rule | None = None,
    between: tuple[str, str] | None = None,
    measured: bool = False,
    axis: str | None = None,
    label: str | None = None,
    name: str | None = None,
    good_to: str | None = None,
) -> Any:
    """A column with a value.

    Parameters
    ----------
    meaning
        One line for whoever reads the table.
    moves
        By how much rounding may move it in a repetition: ``{"relative": 1e-12}``, ``{"absolute": 0.05}``,
        ``{"column": "rounding"}`` or ``{"follows": ("slope", "y")}``. Numbers without a rule may move by some ulps.
    between
        Two columns to whose distance it is proportional: it moves as far as they do.
    measured
        Whether a clock or a memory meter measured it, or its words tell such numbers: no content hash holds it.
    axis
        Which key of a figure of this table it is where the figure does not say: ``x``, ``y``, ``series``, ``line``.
    label
        How an axis that shows it is labelled; by default with the name of the column.
    name
        Its name, where that is none of Python's, such as ``above_1e-10``; by default that of the field.
    good_to
        The column that says how far it may be off: a terminal prints as many digits as that vouches for.
    """
    return Column(
        meaning=meaning, moves=moves, between=between, measured=measured, axis=axis, label=label, name=name,
        good_to=good_to,
    )  # fmt: skip


# Tables


class Rows:
    """Some rows of a table: for each column a value, or an array of values; broadcast, and flattened in C order.

    Text may also be a pair of whole-number codes and labels. The class names the table, `ApproachDots` the table
    ``approach_dots``; with ``table=None`` a class is no table but columns that several tables share. A table has the
    columns of its bases, from the first to the last, and then its own.

    Examples
    --------
    >>> class Squares(Rows):
    ...     '''Squares of whole numbers.'''
    ...
    ...     x: int = key("a number")
    ...     y: int = column("its square")
    >>> Squares.table, Squares.keys
    ('squares', ('x',))
    >>> Squares(x=[1, 2], y=[1, 4]).chunk["y"]
    array([1, 4])
    """

    table: ClassVar[str | None] = None
    columns: ClassVar[Mapping[str, Column]] = MappingProxyType({})
    keys: ClassVar[tuple[str, ...]] = ()
    """The columns that tell rows apart."""
    rules: ClassVar[Mapping[str, Rule]] = MappingProxyType({})
    """The columns with a rule by how much rounding may move them."""
    pairs: ClassVar[Mapping[str, tuple[str, str]]] = MappingProxyType({})
    """The columns that are proportional to the distance of two others."""
    shape: ClassVar[Shape] = MappingProxyType({})
    """Type and meaning of every column."""
    ranked: ClassVar[bool] = False
    """Whether the first rows matter most: a page that has no room for all has these, and else rows taken evenly."""

    def __init_subclass__(cls, *, table: str | None = "", ranked: bool = False, **options: Any) -> None:
        super().__init_subclass__(**options)
        declared = {one.name or name: one for name, one in _declared(cls).items()}
        inherited = [one for base in cls.__bases__ for one in getattr(base, "columns", {}).items()]
        columns = dict(inherited) | declared
        faults = list(_faults(columns))
        if faults:
            raise TypeError(f"{cls.__name__}: {'; '.join(faults)}")
        cls.table = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower() if table == "" else table
        cls.columns, cls.ranked = MappingProxyType(columns), ranked
        cls.keys = tuple(name for name, one in columns.items() if one.key)
        cls.rules = {name: one.moves for name, one in columns.items() if one.moves is not None}
        cls.pairs = {name: one.between for name, one in columns.items() if one.between is not None}
        cls.shape = {name: (one.type, one.meaning) for name, one in columns.items()}

    def __init__(self, **values: object) -> None:
        lacking = [name for name in self.columns if name not in values]
        unknown = [name for name in values if name not in self.columns]
        if lacking or unknown:
            faults = [f"lacks {', '.join(lacking)}"] if lacking else []
            faults += [f"has no column {name}, {nearest(name, self.columns)}" for name in unknown]
            raise TypeError(f"{type(self).__name__} {' and '.join(faults)}")
        self.values = values

    @classmethod
    def of(cls, rows: Frame | Sequence[Mapping[str, Any]], **more: object) -> Self:
        """The columns of this table that a frame or a list of rows has; `more` are the others, or replace some."""
        needed = [name for name in cls.columns if name not in more]
        if isinstance(rows, Sequence):
            return cls(**{name: [row[name] for row in rows] for name in needed}, **more)
        return cls(**{name: rows[name].to_numpy() for name in needed if name in rows}, **more)

    @classmethod
    def of_result(cls, result: object, **more: object) -> Self:
        """The columns of this table that a result has as attributes; `more` are the others, or replace some."""
        needed = [name for name in cls.columns if name not in more]
        return cls(**{name: getattr(result, name) for name in needed if hasattr(result, name)}, **more)

    def excerpt(self, rows: slice) -> Self:
        """Some of the rows, as they are counted when flattened."""
        return type(self)(**{name: _excerpt(value, rows) for name, value in self.chunk.items()})

    @property
    def chunk(self) -> dict[str, object]:
        """The rows as columns of one length; single values among them stay what they are."""
        arrays = {name: _array(value, self.columns[name].type) for name, value in self.values.items()}
        shape = np.broadcast_shapes(*(_values(one).shape for one in arrays.values()))
        return {
            name: one if shape and not _values(one).ndim else _filled(one, shape or (1,))
            for name, one in arrays.items()
        }


def _declared(cls: type[Rows]) -> dict[str, Column]:
    """The columns that a class declares itself, of the types that it says."""
    types = inspect.get_annotations(cls, eval_str=True)
    without = [name for name in types if not isinstance(vars(cls).get(name), Column)]
    if without:
        raise TypeError(f"{cls.__name__}.{without[0]} is no column; write {without[0]}: float = column('its meaning')")
    declared = {name: replace(vars(cls)[name], type=kind) for name, kind in types.items()}
    for name in declared:
        delattr(cls, name)  # a column may be called as what a table says of itself is
    return declared


def _faults(columns: Mapping[str, Column]) -> Iterator[str]:
    """What is wrong with columns that were declared."""
    for name, one in columns.items():
        if one.type not in TYPES:
            yield f"{name} is of no type that a table holds; write str, float, int or bool"
        if not one.meaning:
            yield f"{name} has no meaning"
        rules = (one.moves, None if one.between is None else {"between": one.between})
        for rule in rules:
            yield from () if rule is None else (f"{name} {fault}" for fault in _faults_of_rule(name, rule, columns))


def _faults_of_rule(name: str, rule: Rule, columns: Mapping[str, Column]) -> Iterator[str]:
    """What is wrong with how far a column may move."""
    way, bound = _sole(rule)
    if way not in (*WAYS, "between"):
        yield f"has no rule of {', '.join(WAYS)}"
    named = bound if way in (FOLLOWS, "between") else [bound] if way == COLUMN else []
    yield from (f"has a rule with {one}, which is no column" for one in named if one not in columns)
    numbers = {FOLLOWS: (), "between": (name, *named), COLUMN: (name, *named)}.get(way, (name,))
    kinds = {one: columns[one].type for one in numbers if one in columns}
    yield from (f"has a rule with {one}, which is no number" for one, kind in kinds.items() if kind is not float)
    if way in (RELATIVE, ABSOLUTE) and not 0.0 < bound < 1.0:
        yield f"may move by {bound}, which is not between 0 and 1"


def _sole(rule: Rule) -> tuple[str, Any]:
    """The way of a rule and its bound; no way if there is more than one."""
    return next(iter(rule.items())) if len(rule) == 1 else ("", None)


def _array(value: Any, kind: type) -> Any:
    """A value of a column as an array, or as a pair of codes and labels."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], np.ndarray):
        return value
    return np.asarray(value, dtype=object if kind is str else None)


def _values(array: Any) -> np.ndarray[Any, Any]:
    """An array, or the codes of a pair."""
    values: np.ndarray[Any, Any] = array[0] if isinstance(array, tuple) else array
    return values


def _filled(array: Any, shape: tuple[int, ...]) -> Any:
    """An array of a shape, flattened."""
    filled = np.broadcast_to(_values(array), shape).ravel()
    return (filled, array[1]) if isinstance(array, tuple) else filled


def _excerpt(array: Any, rows: slice) -> Any:
    """Some entries of a flat array, of its codes, or a single value as it is."""
    if isinstance(array, tuple):
        return array[0][rows], array[1]
    return array[rows] if array.ndim else array


def _texts(array: Any) -> Any:
    """Values as a frame takes them."""
    return np.array(array[1], dtype=object)[array[0]] if isinstance(array, tuple) else array


class Tables(dict[type[Rows], Frame]):
    """The frames of a run, by the tables that they are of; one without rows where nothing was yielded.

    Parameters
    ----------
    columns
        For each table that was written, by name, its columns as arrays, ``job`` among them.
    """

    def __init__(self, columns: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__()
        self.columns = dict(columns)

    def __missing__(self, table: type[Rows]) -> Frame:
        import pandas as pd  # noqa: PLC0415 - heavy, and a run that is refused does not pay for it

        types = {name: object if one.type is str else one.type for name, one in table.columns.items()}
        empty: dict[str, Any] = {name: np.empty(0, dtype=kind) for name, kind in types.items()}
        self[table] = pd.DataFrame(dict(self.columns.get(str(table.table), empty)))
        return self[table]


def frames(rows: Iterable[Rows]) -> dict[type[Rows], Frame]:
    """Return the frame of every table that rows are of."""
    import pandas as pd  # noqa: PLC0415 - as above

    parts: dict[type[Rows], list[Frame]] = {}
    for some in rows:
        columns = {name: _texts(values) for name, values in some.chunk.items()}
        parts.setdefault(type(some), []).append(pd.DataFrame(columns))
    return {table: pd.concat(found, ignore_index=True) for table, found in parts.items()}


def rows_of(table: Frame, row: Mapping[str, Any], keys: Iterable[str]) -> Frame:
    """Return the rows that have a row's values under some columns, and are of its job where there are several."""
    names = [name for name in (*keys, "job") if name in table]
    return table[(table[names] == [row[name] for name in names]).all(axis=1)]


# Tables that many studies have


class Lesson(Rows):
    """What the page says before a figure."""

    figure: str = key("the figure that follows")
    title: str = column("its heading")
    text: str = column("what it shows")


class Findings(Rows):
    """What a study tells."""

    finding: str = column("what the tables say, in a sentence")


class Answers(Rows):
    """What dk.derivative says of every point."""

    function: str = key("name of the function")
    x: float = key("the point")
    expression: str = column("what the function computes")
    status: str = column("what dk.derivative says")
    value: float = column("its derivative, in float64")
    bar: float = column("how far off it says that it may be")
    exact: float = column("the derivative, where an expression is known")
    error: float = column("|value - exact|")
    noise: float = column("standard deviation of the values of f, as measured")
    reach: float = column("how far to both sides f was seen to be smooth: the largest step of the window that was used")
    left: float = column("derivative of the left side, where the two differ")
    right: float = column("derivative of the right side, where the two differ")
    exponent: float = column("of a vertical tangent, the power of the distance that f follows")
    evaluations: int = column("values of f that it took")
    said: str = column("the same in words")
    answer: str = column("the same in a sentence, with the digits that the bar vouches for")


NEW_SHEET = "\f"
"""A printed line, the form feed, with which a new sheet of paper begins."""


class Printed(Rows):
    """What a run prints."""

    line: str = column("one line of what is printed")


class Failed(Rows):
    """What makes the command fail, although all jobs are done."""

    line: str = column("one line of what is printed as an error; any makes the exit status 1")


SENTENCES: Mapping[type[Rows], str] = {Lesson: "text", Findings: "finding"}
"""The tables that any study may have, and their column of sentences."""


def lessons(module: str, sentences: Mapping[str, Iterable[str]]) -> Iterator[Lesson]:
    """Yield what is said before every figure: what always holds, from the text beside a study, and what a run shows.

    Parameters
    ----------
    module
        The file of the study, or its folder. In the text beside it is a block for every figure: ``name: heading`` in
        the first line, and below it what always holds.
    sentences
        For some of the figures what this run shows.
    """
    for block in Path(module).with_suffix(".txt").read_text(encoding="utf-8").strip().split("\n\n"):
        head, *lines = block.split("\n")
        figure, title = head.split(": ", 1)
        yield Lesson(figure=figure, title=title, text=" ".join([*lines, *sentences.get(figure, ())]))


# Studies


def refuse_below(least: int, config: object, *names: str) -> None:
    """Refuse a Config of which a number, or one of several under a name, is less than it must be.

    Raises
    ------
    ValueError
        With the name, the number and the least.
    """
    for name in names:
        value = getattr(config, name)
        for number in value if isinstance(value, tuple) else (value,):
            if number < least:
                raise ValueError(f"{name}={number}: must be at least {least}")


def refuse_empty(config: object, *names: str) -> None:
    """Refuse a Config in which there is nothing under a name.

    Raises
    ------
    ValueError
        With the name.
    """
    for name in names:
        if not getattr(config, name):
            raise ValueError(f"{name}=[]: at least one is needed")


def unknown(name: str, known: Iterable[str], place: str) -> str:
    """Say that a place has no such name, and which names are near."""
    return f"is no {place}: {nearest(name, known)}"


def refuse_repeated(config: object, *names: str, shown: Callable[[Any], object] = lambda value: value) -> None:
    """Refuse a Config in which one of several values under a name is there twice, or `shown` alike.

    Raises
    ------
    ValueError
        With the name and the values.
    """
    for name in names:
        values = getattr(config, name)
        if len(set(map(shown, values))) < len(values):
            raise ValueError(f"{name}={list(values)}: one of them is there twice")


def refuse_unknown(config: object, name: str, known: Collection[str]) -> None:
    """Refuse a Config in which one of several words under a name is not known.

    Raises
    ------
    ValueError
        With the name, the word and those that are known.
    """
    for word in getattr(config, name):
        if word not in known:
            raise ValueError(f"{name}={word}: there are {', '.join(known)}")


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study as the pipeline knows it: its name, the first sentence of its module, its tables and its functions."""

    name: str
    question: str
    Config: Any
    tables: Mapping[str, type[Rows]]
    measure: Callable[[Any], Iterable[Rows]]
    conclude: Callable[[Tables], Iterable[Rows]] | None = None
    tell: Callable[[Tables], Iterable[str]] | None = None
    advise: Callable[[Tables, int], Iterable[str]] | None = None
    unanswered: bool = False
    """Whether it takes functions, and does not yield the table of answers itself."""

    @property
    def main(self) -> type[Rows]:
        """The main table."""
        return self.tables[MAIN]

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """The columns of every table, the main one first."""
        return {name: table.shape for name, table in self.tables.items()}

    @cached_property
    def measured(self) -> Mapping[str, tuple[str, ...]]:
        """The columns that a clock measured, by table; where there are any, sentences may tell of them."""
        found = {
            name: tuple(c for c, one in table.columns.items() if one.measured) for name, table in self.tables.items()
        }
        measured = {name: columns for name, columns in found.items() if columns}
        sentences = {str(one.table): (text,) for one, text in SENTENCES.items() if one in self.tables.values()}
        return measured | sentences if measured else {}

    @property
    def concludes(self) -> bool:
        """Whether there is anything that only the whole run can say."""
        return self.conclude is not None or self.tell is not None

    def measurements(self, config: Any, before: Iterable[Rows] = ()) -> Iterator[Chunk]:
        """Yield what a job computes, after the rows that the pipeline has of it."""
        for rows in itertools.chain(before, self.measure(config)):
            yield str(rows.table), rows.chunk

    def conclusions(self, columns: Mapping[str, Mapping[str, Any]]) -> Iterator[Chunk]:
        """Yield what the gathered tables say; findings, which may be read off what was concluded, come last."""
        tables, concluded = Tables(columns), []
        for rows in self.conclude(tables) if self.conclude else ():
            concluded.append(rows)
            yield str(rows.table), rows.chunk
        tables.update(frames(concluded) if self.tell else {})
        sentences = list(self.tell(tables)) if self.tell else []
        if sentences:
            yield FINDINGS, self.tables[FINDINGS](finding=sentences).chunk


def study_in(module: ModuleType) -> Study:
    """Return the study that a module holds."""
    rows = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Rows)]
    homes = (f"{module.__name__}.", f"{__name__}.")
    declared = [one for home in homes for one in rows if f"{one.__module__}.".startswith(home)]
    tables = {str(one.table): one for one in declared if one.table is not None}
    if hasattr(module, "lessons"):
        tables.setdefault(str(Lesson.table), Lesson)
    if hasattr(module, "tell"):
        tables.setdefault(FINDINGS, Findings)
    takes_functions = "function" in getattr(module.Config, "__dataclass_fields__", ())
    if takes_functions:
        tables[str(Answers.table)] = Answers
    if MAIN not in tables:
        raise TypeError(f"{module.__name__} has no main table; write class Table(Rows)")
    if not hasattr(module.Config, "rows") and "rows" not in getattr(module.Config, "__dataclass_fields__", ()):
        raise TypeError(
            f"{module.__name__}: Config has no rows; write a property `rows`, the number of rows of the main table"
        )
    return Study(
        name=module.__name__.rpartition(".")[2],
        question=" ".join((module.__doc__ or "").split("\n\n")[0].split()),
        Config=module.Config,
        tables={MAIN: tables.pop(MAIN), **tables},
        measure=module.measure,
        unanswered=takes_functions and not getattr(module, "ANSWERS", False),
        **{name: getattr(module, name, None) for name in ("conclude", "tell", "advise")},
    )
