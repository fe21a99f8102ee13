"""The pages of the reference that follow from the laboratory's own tables: nothing on them is typed a second time."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

import derivkit as dk
from derivkit.operations.elementary import ELEMENTARY
from derivkit.testing import METHODS, SAMPLED_METHODS
from experiments.figures.drawing import KINDS
from experiments.messages import show
from experiments.running import catalog
from experiments.study import Column, Rows, Study, study_in
from experiments.terminal.commands import COMMANDS

PRESETS = catalog.options("experiment")
SPECIAL = re.compile(r"([\\`*_<>\[\]|~$#])")
"""What Markdown reads as more than a character."""
KEY = re.compile(r"^ {2}(?P<example>\S+(?: \S+)*?)(?: {2,}|\n {3,})(?P<meaning>.*(?:\n {3,}.*)*)", re.MULTILINE)
"""What the help of a preset says of a key: an example at the margin, its meaning beside it or below."""


def write(directory: Path) -> None:
    """Write every page into a folder below a directory, and take away those of what is no longer there.

    A page that is right already keeps its time, so that Sphinx does not read it again.
    """
    written = {directory / f"{name}.md": text for name, text in pages()}
    for stale in {*directory.glob("*/*.md")} - {*written}:
        stale.unlink()
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every page."""
    rooms = _rooms()
    yield "dk/index", _page("The library", LIBRARY, *map(_summaries, rooms, rooms.values()), _tree(map(_short, rooms)))
    yield from ((f"dk/{_short(room)}", _room(room, names)) for room, names in rooms.items())
    yield "studies/index", _page("Studies", STUDIES, _questions(), _tree(PRESETS))
    yield from ((f"studies/{name}", _preset(name)) for name in PRESETS)
    yield "choices/index", _page("Names to choose from", *(_choice(*one) for one in CHOICES))
    yield "choices/operations", _page("What an expression may hold", EXPRESSIONS, _operators(), _operations())
    yield "choices/figures", _page("Kinds of figures", FIGURES, *map(_kind, sorted(KINDS)))
    yield "choices/errors", table(("status", "meaning"), _reasons()) + "\n"
    yield "commands/index", _page("Commands", *map(_command, COMMANDS))


def _read(group: str, name: str) -> Mapping[str, Any]:
    """What a file of the configuration holds."""
    return yaml.safe_load((catalog.CONF / group / f"{name}.yaml").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


# Markdown


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", *parts]) + "\n"


def escaped(text: object) -> str:
    """Return a text as Markdown shows it unchanged, on one line."""
    return SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def code(text: object) -> str:
    """Return a text as code in a cell of a table; nothing for nothing."""
    shown = " ".join(str(text).split()).replace("|", r"\|")
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`" if shown else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are Markdown already, without the columns that are empty."""
    body = list(rows)
    shown = [place for place in range(len(head)) if any(row[place] for row in body)]
    lines = [[row[place] for place in shown] for row in [head, ["---"] * len(head), *body]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _tree(names: Iterable[str]) -> str:
    entries = [f"{name} <{name}>" for name in names]
    return "\n".join(["```{toctree}", ":hidden:", "", *entries, "```"])


def _as_markdown(docstring: str) -> str:
    """A sentence of a docstring, whose code stays code."""
    pieces = re.split(r"(`+)(.+?)\1", re.sub(r":\w+:`[~.]?([^`<]+)`", r"`\1`", docstring))
    kinds = ("text", "ticks", "code")
    return "".join(
        code(piece) if kind == "code" else escaped(piece) if piece.strip() else piece
        for piece, kind in zip(pieces, kinds * len(pieces), strict=False)
        if kind != "ticks"
    )


# The library

LIBRARY = """Everything that `import derivkit as dk` offers, by the room in which it is defined. NumPy is all that it
needs, and python-flint once a trusted value is requested."""


def _rooms() -> dict[str, list[str]]:
    """The public names by the room of the library in which they are defined, functions before classes."""
    rooms: dict[str, list[str]] = {}
    for name in sorted(dk.__all__, key=lambda name: (inspect.isclass(getattr(dk, name)), name)):
        rooms.setdefault(".".join(getattr(dk, name).__module__.split(".")[:2]), []).append(name)
    return dict(sorted(rooms.items()))


def _short(module: str) -> str:
    return module.rpartition(".")[2]


def _first_sentence(value: object) -> str:
    text = " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())
    return re.split(r"(?<=[.!?]) (?=[A-Z])", text)[0]


def _title(room: str) -> str:
    return _first_sentence(importlib.import_module(room)).partition(":")[0].rstrip(".")


def _summaries(room: str, names: Sequence[str]) -> str:
    """The names of a room, each with its first sentence."""
    rows = [(f"[`{name}`](#derivkit.{name})", _as_markdown(_first_sentence(getattr(dk, name)))) for name in names]
    return f"## [{_title(room)}]({_short(room)}.md)\n\n{table(('name', 'what it is'), rows)}"


def _room(room: str, names: Sequence[str]) -> str:
    kinds = {name: "class" if inspect.isclass(getattr(dk, name)) else "function" for name in names}
    entries = "\n\n".join(f".. auto{kind}:: derivkit.{name}" for name, kind in kinds.items())
    return _page(_title(room), f"```{{eval-rst}}\n.. currentmodule:: derivkit\n\n{entries}\n```")


# Studies

STUDIES = """A study answers one question by measurement: `python -m experiments.run experiment=NAME`. Each page has its
keys with their defaults, and the columns of every table that the study writes."""


def _base(preset: str) -> str | None:
    """The preset that another one changes."""
    content = _read("experiment", preset)
    names = [name for name in content["defaults"] if isinstance(name, str) and name != "_self_"]
    return None if "runner" in content else names[0]


def study_of(preset: str) -> Study:
    """Return the study of a preset, which may be that of its base."""
    runner = _read("experiment", _base(preset) or preset)["runner"]
    return study_in(importlib.import_module(f"experiments.studies.{runner}"))


def _questions() -> str:
    rows = [(f"[`{name}`]({name}.md)", escaped(line)) for name, line in catalog.lines("experiment").items()]
    return table(("study", "what it shows"), rows)


def _preset(name: str) -> str:
    study, base = study_of(name), _base(name)
    command = f"```sh\npython -m experiments.run experiment={name}\n```"
    told = f"This is the study [`{study.name}`]({study.name}.md) with keys of its own; its tables are described there."
    tables = [told] if base else [_table(name, rows) for name, rows in study.tables.items()]
    figures, question = _read("experiment", name).get("figures", {}), escaped(catalog.lines("experiment")[name])
    parts = [question, command, _keys(name), *_drawn(figures), *tables, *_statuses(study.name)]
    return _page(escaped(figures.get("title") or name), *parts)


def _drawn(figures: Mapping[str, Any]) -> Iterator[str]:
    """What the figures of a preset are called, and how they are read."""
    drawn = {name: spec for name, spec in (figures.get("draw") or {}).items() if isinstance(spec, Mapping)}
    rows = [
        (code(name), escaped(spec.get("title", "")), escaped(spec["caption"]))
        for name, spec in drawn.items()
        if "caption" in spec
    ]
    if rows:
        yield f"## Figures\n\n{table(('figure', 'title', 'how to read it'), rows)}"


def _statuses(study: str) -> Iterator[str]:
    """The statuses that a study has of its own."""
    own = getattr(importlib.import_module(f"experiments.studies.{study}"), "STATUSES", None)
    if isinstance(own, Mapping):
        rows = [(code(status), escaped(meaning)) for status, meaning in own.items()]
        yield f"## Statuses\n\n{table(('status', 'meaning'), rows)}"


def _keys(preset: str) -> str:
    defaults = {key: code(_shown(value)) for key, value in defaults_of(preset).items()}
    described = described_keys(preset)
    rows = [
        (code(key), f"{escaped(meaning)}: {code(example)}" if example else "", defaults.get(key, ""))
        for key in dict.fromkeys([*defaults, *described])
        for example, meaning in [described.get(key, ("", ""))]
    ]
    return f"## Keys\n\n{table(('key', 'meaning and example', 'default'), rows)}"


def described_keys(preset: str) -> dict[str, tuple[str, str]]:
    """Return an example and the meaning of every key as the help of a preset gives them, or that of its base."""
    base = _base(preset)
    entries = {
        re.split("[=']", one["example"].lstrip("'"))[0]: (one["example"], " ".join(one["meaning"].split()))
        for one in KEY.finditer(catalog.header(preset))
    }
    return (described_keys(base) if base else {}) | entries


def defaults_of(preset: str) -> dict[str, Any]:
    """Return the value of every key before somebody sets it, without those of figures, which all studies have."""
    return {key: value for key, value in catalog.keys(preset).items() if key != "figures"}


def _shown(value: object) -> str:
    """A value as YAML and the command line write it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    return show(value).lower() if value is None or isinstance(value, bool) else str(value)


def _table(name: str, rows: type[Rows]) -> str:
    head = ("column", "type", "meaning", "")
    body = [(code(column), one.type.__name__, _meaning(one), _mark(one)) for column, one in rows.columns.items()]
    return f"## Table `{name}`\n\n{_as_markdown(_first_sentence(rows))}\n\n{table(head, body)}"


def _meaning(one: Column) -> str:
    """The meaning of a column, with a link to the statuses where it names them."""
    return escaped(one.meaning).replace("STATUSES", "[statuses](../statuses.md)")


def _mark(one: Column) -> str:
    return ", ".join(word for word, holds in (("key", one.key), ("measured", one.measured)) if holds)


# Names to choose from


def _choice(title: str, head: Sequence[str], rows: Callable[[], Iterable[Sequence[str]]]) -> str:
    return f"## {title}\n\n{table(head, rows())}"


def _group(name: str, *described: tuple[str, str]) -> Callable[[], Iterator[Sequence[str]]]:
    """What reads the entries of a group of files, one in each: its name, what it is, why it is there.

    What an entry is, is said by words before the values of some of its keys.
    """

    def rows() -> Iterator[Sequence[str]]:
        for entry in catalog.options(name):
            spec = _read(name, entry)[entry]
            parts = [f"{words}{code(_shown(spec[key]))}" for words, key in described if key in spec]
            yield [code(entry), " ".join(parts), escaped(spec["reason"])]

    return rows


def _formulas() -> Iterator[Sequence[str]]:
    for one in dk.formulas():
        offsets, weights = (", ".join(map(str, numbers)) for numbers in (one.offsets, one.weights))
        yield [code(one.name), str(one.derivative), str(one.order), offsets, weights, escaped(one.source)]


def _estimators() -> Iterator[Sequence[str]]:
    for name, one in METHODS.items():
        yield [code(name), _as_markdown(_first_sentence(one.call)), escaped(one.source)]


def _smoothers() -> Iterator[Sequence[str]]:
    for name, one in SAMPLED_METHODS.items():
        yield [code(name), escaped(one.claim), escaped(one.source)]
    for name in catalog.options("smoother"):
        if name not in SAMPLED_METHODS:
            spec = _read("smoother", name)[name]
            claim = "an interval at 95 %" if spec.get("bar", True) else "no interval"
            yield [code(name), claim, escaped(f"{spec['source']}; pip install {spec['install']}")]


FUNCTION = (("", "expression"), ("", "black_box"), ("at ", "points"), ("on ", "domain"))
NETWORK = (("", "sizes"), ("", "activation"), ("", "activations"), ("", "loss"), ("l1 ", "l1"), ("l2 ", "l2"))
WHY = ("name", "what it is", "why it is there")
CHOICES = (
    ("Functions", WHY, _group("function", *FUNCTION)),
    ("Formulas", ("name", "derivative", "order", "offsets", "weights", "source"), _formulas),
    ("Methods with an error bar", ("name", "what it does", "source"), _estimators),
    ("Methods for measured data", ("name", "what it promises", "source"), _smoothers),
    ("Networks", WHY, _group("network", *NETWORK)),
)
"""Tables of names: their titles, heads and rows."""
EXPRESSIONS = """An expression is made of numbers, variables, brackets, the operators of the first table, those that
bind most tightly first, the constants `pi` and `e`, and the functions of the second; `u` stands for the argument."""
FIGURES = """What a block of `figures.draw` in a preset may be. Every kind has a panel for each of the values of the
columns `panel`, and takes the rows that `where` chooses."""


def _operators() -> str:
    return table(
        ("operator", "meaning"), [(code(sign), escaped(text)) for sign, text in dk.grammar().operators.items()]
    )


def _operations() -> str:
    meanings = dk.grammar().functions
    rows = [
        (code(one.name), code(", ".join(one.synonyms)), escaped(meanings[one.name]), code(one.slope))
        for one in ELEMENTARY.values()
    ]
    return table(("name", "also read", "meaning", "slope"), rows)


def _reasons() -> Iterator[Sequence[str]]:
    for status, reason in zip(dk.ErrorSweep.STATUSES, dk.ErrorSweep.REASONS, strict=True):
        yield [code(status), escaped(reason)]


def _kind(name: str) -> str:
    """A kind of figure as its module describes it."""
    kind, text = KINDS[name], inspect.getdoc(importlib.import_module(f"experiments.figures.{name}")) or ""
    keys = f"It needs {', '.join(map(code, kind.required))}, and takes {', '.join(map(code, kind.optional))}."
    return "\n\n".join([f"## `{name}`", *map(_as_markdown, text.split("\n\n")), keys])


# Commands


def _command(name: str) -> str:
    return f"## `python -m experiments.{name}`\n\n```none\n{_help(name)}\n```"


def _help(name: str) -> str:
    """What a command prints when it is asked for help, as wide as a page."""
    os.environ["COLUMNS"] = "100"
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
        importlib.import_module(f"experiments.{name}").main(["--help"])
    return printed.getvalue().rstrip()
