"""Which rule did an answer break, and where: one answer or those of a class, each beside the right derivation."""

from __future__ import annotations

import csv
import functools
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import derivkit as dk
from experiments import columns
from experiments.datafile import TextFile
from experiments.study import Frame, Lesson, Printed, Rows, Tables, column, key, rows_of
from experiments.words import counted, listed

FIGURES = tuple(f"mistake_{k}" for k in range(1, 9))
"""The figures of the preset: the mistakes that most answers show."""
MAX_ANSWERS = 1000
"""Most lines of a file of answers: some seconds of work, and what a page can hold."""
MAX_BYTES = 1_000_000
"""Largest file of answers: a thousand lines are a tenth of it."""
TOO_LONG = f"answers={{}}: a file has at most {MAX_ANSWERS:,} lines; write several files"
EXAMPLE = ("x*sin(x)", "cos(x)")
"""The function and the answer where neither is given."""
LEFT_SIDE = re.compile(
    r"\s*(?:y|[a-z]\([a-z]\)|[a-z]['\u2032\u2019](?:\s*\([a-z]\))?|d[a-z]?/d[a-z](?:\s*[a-z]\([a-z]\))?)\s*=(?!=)"
)
"""What may stand before an answer: f'(x) =, y' =, dy/dx =, d/dx f(x) =, and y = or f(x) = by somebody in haste."""
SEPARATOR = "; "
"""What stands between mistakes."""
LIST_HINT = "; two expressions go in a list"
"""How the hint begins that is none for a line of words and a comma."""
SEPARATORS = ("\t", ";", ":", ",")
"""What may stand between a name and an answer; all but the last occur in no formula."""
HEADS = frozenset({"answer", "answers", "derivative"})
"""What a first line has in the place of an answer if it names the columns."""
WRONG = (dk.Judgement.BROKEN, dk.Judgement.UNKNOWN)
"""The verdicts of what is seen to be wrong."""
UNREADABLE = "cannot be read"
"""The verdict of an answer that is no formula of these variables."""


# Tables


class Which(Rows, table=None):
    """An answer."""

    expression: str = key("the function")
    number: int = key("number of the answer, in a file that of its line; from 1")
    name: str = key("whose answer it is")


class Table(Which):
    """A row for every answer."""

    answer: str = column("the derivative as it was typed")
    verdict: str = column("right, right in another form, a rule is broken, no single mistake, or why there is none")
    right: bool = column("whether it is right, in whatever form")
    rule: str = column("the broken rule; of several that give the answer the likeliest")
    place: str = column("the piece that was differentiated wrongly")
    written: str = column("what was written for its derivative")
    places: int = column("at how many places the rule was broken")
    corrected: str = column("that step as it should be")
    derivative: str = column("the right answer")
    alternatives: str = column("further mistakes that give the same answer")
    note: str = column("what else is to be said of it")
    lines: int = column("lines of the derivation beside it")
    widest: int = column("letters of the longest of them")


class Pieces(Which, columns.Piece):
    """The derivation beside each answer, piece by piece."""


class Steps(columns.Figure, columns.Piece):
    """The pieces of those that are drawn."""


class Text(Which):
    """The derivation beside each answer as plain text."""

    text: str = column("one line of it")


class Mistakes(Rows):
    """How often each mistake was made."""

    expression: str = key("the function")
    mistake: str = key("the broken rule, or the verdict without one")
    place: str = key("where")
    answers: int = column("answers that show it")
    names: str = column("whose")


class Summary(Rows):
    """One line for every answer."""

    name: str = key("whose answer it is")
    answer: str = column("the derivative as it was typed")
    verdict: str = column("the broken rule, or the verdict without one")


# What is measured


class Answer(NamedTuple):
    """An answer: its number or that of its line, whose it is, and what was typed."""

    number: int
    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Config:
    """The function and the answers, typed or in a file; and how the lines beside them are written."""

    expression: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    answers: str = ""
    implicit: bool = True
    variable: str = ""
    level: str = "normal"
    notation: str = "prime"

    def __post_init__(self) -> None:
        if len(self.expression) > 1:
            raise ValueError(f"expression={list(self.expression)}: the answers are of one function; write one formula")
        if bool(self.expression) != bool(self.answer or self.answers):
            lacking = "'expression=x*sin(x)'" if self.answer or self.answers else "'answer=cos(x)' or answers=class.csv"
            raise ValueError(f"a function and an answer are compared; write {lacking} too")
        _derived(self.function, self.variable).text(self.level, self.notation)
        for entry in self.entries if not self.answers else ():
            found = diagnosed(self, entry.text)
            if not isinstance(found, dk.Diagnosis):
                raise ValueError(f"answer={entry.text}: {found}")  # noqa: TRY004 - a value that is wrong
        if not self.entries:
            raise ValueError(f"answers={self.answers}: no line has an answer; write lines such as Anna,2*x")

    @functools.cached_property
    def file(self) -> TextFile | None:
        """The file that has the answers."""
        return _read(self.answers) if self.answers else None

    @functools.cached_property
    def entries(self) -> list[Answer]:
        """The answers, each with its number and its name."""
        if self.file is not None:
            return _entries(self.file)
        typed = self.answer or (EXAMPLE[1],)
        return [Answer(k, f"answer {k}" if typed[1:] else "answer", text) for k, text in enumerate(typed, start=1)]

    @property
    def function(self) -> str:
        """The function that was to be differentiated."""
        return self.expression[0] if self.expression else EXAMPLE[0]

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return len(self.entries)


def _derived(expression: str, variable: str) -> dk.Derivation:
    """The function with its derivative; ValueError in one line, if it cannot be read or derived."""
    try:
        return dk.derive(expression, variable or None)
    except (ValueError, dk.RefutedError) as error:
        raise ValueError(f"expression={expression}: {getattr(error, 'line', error)}") from error


def _read(path: str) -> TextFile:
    """A file of answers.

    Raises
    ------
    ValueError
        In one line, if there is no such file, or it is no text of at most `MAX_BYTES`.
    """
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise ValueError(TOO_LONG.format(path))
        content = Path(path).read_bytes()
        return TextFile(name=path, sha256=hashlib.sha256(content).hexdigest(), text=content.decode("utf-8-sig"))
    except OSError as error:
        raise ValueError(f"answers={path}: {error.strerror}; a file has lines of a name and an answer") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"answers={path}: byte {error.start + 1} is no UTF-8; save the file as UTF-8") from error


def _entries(file: TextFile) -> list[Answer]:
    """The answers in a file.

    Raises
    ------
    ValueError
        In one line, if these are more than `MAX_ANSWERS`.
    """
    lines = enumerate(file.text.splitlines(), start=1)
    entries = [_entry(number, line) for number, line in lines if not _is_empty(line)]
    if len(entries) > MAX_ANSWERS:
        raise ValueError(TOO_LONG.format(file.name))
    return entries[1:] if entries and entries[0].text.lower() in HEADS else entries


def _is_empty(line: str) -> bool:
    """Whether a line has nothing, or a comment."""
    return not line.strip() or (line.startswith("#") and not any(one in line for one in SEPARATORS))


def _entry(number: int, line: str) -> Answer:
    """A line cut at the first separator of the rarest kind; without one, or within a bracket, it has no name.

    Examples
    --------
    >>> _entry(3, '"Doe, Jane",log(x, 2)'), _entry(4, "log(x, 2)").name
    (Answer(number=3, name='Doe, Jane', text='log(x, 2)'), 'line 4')
    """
    separator = next((one for one in SEPARATORS if one in line), SEPARATORS[-1])
    name, *answer = next(csv.reader([line], delimiter=separator))
    if not answer or name.count("(") > name.count(")"):
        return Answer(number, f"line {number}", line.strip())
    return Answer(number, name.strip() or f"line {number}", separator.join(answer).strip())


def measure(config: Config) -> Iterator[Rows]:
    """Yield what is said of one answer at a time, and the derivation beside it."""
    for entry in config.entries:
        which = {"expression": config.function, "number": entry.number, "name": entry.name}
        found = diagnosed(config, entry.text)
        if isinstance(found, str):
            yield Table(**which, answer=entry.text, **unreadable(found))
            continue
        text = found.text(config.level, config.notation).splitlines()
        spans = found.spans(config.level, config.notation)
        shown = {"lines": spans[-1].line + 1, "widest": max(map(len, text))}
        yield Table(**which, answer=entry.text, **described(found), **shown)
        yield Pieces(**which, **{name: [getattr(span, name) for span in spans] for name in columns.Piece.columns})
        yield Text(**which, text=text)


def diagnosed(config: Config, answer: str) -> dk.Diagnosis | str:
    """What is right or wrong with an answer, or why it cannot be read."""
    if not answer:
        return "there is no answer"
    try:
        return _diagnosis(config.function, LEFT_SIDE.sub("", answer), config.variable, config.implicit)
    except ValueError as error:
        line, hint, _ = str(getattr(error, "line", error)).partition(LIST_HINT)
        return f"{line}; an answer is one formula alone" if hint else line


@functools.lru_cache(maxsize=MAX_ANSWERS)
def _diagnosis(expression: str, answer: str, variable: str, implicit: bool) -> dk.Diagnosis:  # noqa: FBT001 - a key
    return dk.diagnose(expression, dk.parse(answer, implicit=implicit), variable or None)


def described(found: dk.Diagnosis) -> dict[str, object]:
    """The columns of a diagnosis."""
    likeliest = found.findings[0] if found.findings else None
    slips = likeliest.slips if likeliest else ()
    return {
        "verdict": str(found.verdict),
        "right": found.right,
        "rule": likeliest.rule if likeliest else "",
        "place": listed([dk.to_text(slip.place) for slip in slips]),
        "written": listed([dk.to_text(slip.written) for slip in slips]),
        "places": len(slips),
        "corrected": f"({dk.to_text(likeliest.place)})' = {dk.to_text(likeliest.right)}" if likeliest else "",
        "derivative": dk.to_text(found.derivative),
        "alternatives": SEPARATOR.join(found.rules[1:]),
        "note": found.note or (str(found) if found.verdict == dk.Judgement.NOT_PROVED else ""),
    }


def unreadable(why: str) -> dict[str, object]:
    """The columns of an answer that cannot be read."""
    blank = dict.fromkeys(("rule", "place", "written", "corrected", "derivative", "alternatives"), "")
    return {"verdict": UNREADABLE, "right": False, "places": 0, "lines": 0, "widest": 0, **blank, "note": why}


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the mistakes with how often each was made, the figures' steps, the words before them and the summary."""
    table = tables[Table].assign(mistake=mistakes_of(tables[Table]))
    yield from counted_mistakes(table)
    shown = list(zip(FIGURES, drawable(table), strict=False))
    for figure, group in shown:
        yield Steps.of(rows_of(tables[Pieces], group.iloc[0], Which.columns), figure=figure)
    if shown:
        yield Lesson(
            figure=[figure for figure, _ in shown],
            title=headings([group for _, group in shown], len(table)),
            text=[introduction(group) for _, group in shown],
        )
    lines = list(tables[Text]["text"]) if len(table) == 1 else list(notes(table))
    yield from (Printed(line=lines),) if lines else ()
    yield Summary(name=table["name"], answer=table["answer"], verdict=table["mistake"])


def mistakes_of(table: Frame) -> Frame:
    """The broken rule of every answer, or the verdict without one."""
    return table["rule"].where(table["rule"] != "", table["verdict"])


def groups_of(table: Frame) -> list[Frame]:
    """The answers with one mistake at one place, or alike and of no known kind; what most show comes first."""
    written = table["written"].where(table["rule"] != "", table["answer"])
    keys = [name for name in ("job", "expression", "mistake", "place") if name in table]
    groups = [group for _, group in table.groupby([*keys, written], sort=False)]
    return sorted(groups, key=len, reverse=True)


def counted_mistakes(table: Frame) -> Iterator[Mistakes]:
    """How often every mistake was made."""
    wrong = table[~table["right"]]
    for (expression, mistake, place), group in wrong.groupby(["expression", "mistake", "place"], sort=False):
        yield Mistakes(
            expression=expression, mistake=mistake, place=place, answers=len(group), names="; ".join(group["name"])
        )


def drawable(table: Frame) -> list[Frame]:
    """The groups of wrong answers that a figure can hold; the first right one, if none is wrong."""
    short = table[
        (table["lines"] > 0) & (table["lines"] <= columns.MAX_LINES) & (table["widest"] <= columns.MAX_LETTERS)
    ]
    wrong = short[short["verdict"].isin(WRONG)]
    return groups_of(wrong) if len(wrong) else [short.head(1)] * bool(len(short))


def headings(groups: Sequence[Frame], answers: int) -> list[str]:
    """The mistakes of groups: how often each was made, where there are several answers; of equal ones the answer."""
    plain = [f"{group['mistake'].iloc[0]}{times(group['places'].iloc[0])}" for group in groups]
    named = [
        f"{mistake}, {group['answer'].iloc[0]}" if plain.count(mistake) > 1 else mistake
        for mistake, group in zip(plain, groups, strict=True)
    ]
    often = [f": {len(group)} of {answers}" if answers > 1 else "" for group in groups]
    return [f"{one[:1].upper()}{one[1:]}{share}" for one, share in zip(named, often, strict=True)]


def times(places: int) -> str:
    """At how many places a mistake was made, if at several."""
    return f", at {places} places" if places > 1 else ""


def introduction(group: Frame) -> str:
    """What stands above the figure of a group: who wrote what, and what is right."""
    first = group.iloc[0]
    whose = listed(list(group["name"]))
    if first["right"]:
        return f"{first['answer']} is {first['verdict']}."
    return f"{whose[:1].upper()}{whose[1:]}: {listed(list(dict.fromkeys(group['answer'])))}. {correction(first)}"


def tell(tables: Tables) -> Iterator[str]:
    """Yield how many answers are right, what was wrong with the others, and which cannot be read."""
    table = tables[Table].assign(mistake=mistakes_of(tables[Table]))
    yield verdict_of(table.iloc[0]) if len(table) == 1 else how_many(table)
    groups = groups_of(table[~table["right"] & (table["verdict"] != UNREADABLE)])
    yield from (sentence(group) for group in groups if len(table) > 1)
    yield from notes(table)


def notes(table: Frame) -> Iterator[str]:
    """What else is to be said of answers, line by line: why they cannot be read, first of all."""
    for _, row in table[table["note"] != ""].iterrows():
        yield f"{place_of(row)}: {row['note']}."


def verdict_of(row: Any) -> str:
    """What is said of a single answer."""
    if row.verdict not in WRONG:
        return f"{row.answer}{' is' if row.right else ':'} {row.verdict}."
    where = f" at {row.place}" if row.place else ""
    return f"{row.answer} is wrong: {row.mistake}{where}. {correction(row)}"


def correction(row: Any) -> str:
    """What is right, and by what other mistakes the same answer comes about."""
    others = "Other mistakes that give" if SEPARATOR in row.alternatives else "Another mistake that gives"
    also = f" {others} this answer: {row.alternatives}." if row.alternatives else ""
    right = f"The right step is {row.corrected}." if row.corrected else f"The derivative is {row.derivative}."
    return right + also


def how_many(table: Frame) -> str:
    """How many of the answers that can be read are right, and how many of them in another form."""
    right, unread = table[table["right"]], int((table["verdict"] == UNREADABLE).sum())
    other = (right["verdict"] == dk.Judgement.OTHER_FORM).sum()
    form = f", {other} of them in another form" if other else ""
    rest = f"; {counted(unread, 'more answer')} cannot be read" if unread else ""
    all_read, verb = counted(len(table) - unread, "answer"), "is" if len(right) == 1 else "are"
    return f"{len(right)} of {all_read} {verb} right{form}{rest}."


def sentence(group: Frame) -> str:
    """Who made a mistake, and where."""
    row = group.iloc[0]
    where = f" at {row['place']}" if row["place"] else f": {row['answer']}"
    return f"{counted(len(group), 'answer')} ({listed(list(group['name']))}): {row['mistake']}{where}."


def place_of(row: Any) -> str:
    """Whose answer it is, and in which line where the name does not say."""
    name: str = row["name"]
    return name.capitalize() if name.startswith(("line ", "answer")) else f"Line {row['number']}, {name}"
