"""List runs: ``python -m experiments.runs [WORD ...]``, such as ``delta_sweep function=sin since=2d 'best<1e-10'``.

A run is listed with the name by which ``python -m experiments.compare`` finds it. Only records are read, no tables.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from experiments import spreadsheet
from experiments.messages import ConfigurationError, line_of, readable
from experiments.running.filters import FIELDS, NothingFitsError, chosen
from experiments.running.listing import Entry, entries
from experiments.running.status import Exit, Status
from experiments.terminal import commands, streams
from experiments.terminal.progress import Terminal

COMPLAINTS = 3
"""Damaged records that are told one by one."""
SPARE = ("size", "age", "study", "best error", "asked")
"""Columns that a narrow terminal goes without, the first of them first."""
SORTED: Mapping[str, Callable[[Entry], Any]] = {
    "age": lambda one: 0,  # they come with the newest first
    "best": lambda one: (one.best is None, one.best or 0.0),
    "size": lambda one: -(one.size or 0),
    "seconds": lambda one: -(one.seconds or 0.0),
    "jobs": lambda one: -len(one.jobs),
    "study": lambda one: one.study,
    "status": lambda one: one.status,
    "name": lambda one: one.place,
}
"""By what runs are sorted: the newest, best, largest, slowest first, texts by the alphabet."""
SPANS = ((60, "s"), (60, "min"), (24, "h"), (7, "d"), (52, "w"))
"""Units of an age, each with how many of it are one of the next."""
EXAMPLES = """
words:
  delta_sweep              in the name, the study, the overrides or the status
  function=sin             that computed sin; so for every key of the configuration
  method=central_*         any of them; method=forward_1,central_2 one of the two, method!=central_2 all others
  'delta<1e-6'             with a delta below; < and > need quotes, lest the shell takes them
"""


def main(argv: Sequence[str] | None = None) -> int:
    """List the runs that the command line describes and return the exit status.

    Parameters
    ----------
    argv
        The words after the program's name; those of the process when None.

    Returns
    -------
    int
        0 listed; 1 there are runs, and none of them fits; 2 there is nothing to list, or a word means nothing;
        130 interrupted.
    """
    terminal = Terminal()
    try:
        args = _parser().parse_intermixed_args(list(sys.argv[1:] if argv is None else argv))
        outputs = commands.outputs()
        root, words = _split(args.words, outputs)
        listed, refused = entries(root, outputs)
        _refuse_nonsense(listed, refused, root)
        shown = sorted(chosen(listed, words), key=SORTED[args.sort])
        shown = (shown[::-1] if args.reverse else shown)[: args.n]
        if args.mlflow is not None:
            _export(shown, args.mlflow, terminal, files=args.files)
        else:
            args.form(shown, len(listed), terminal)
        for line in [*refused, *_complaints(shown)]:
            terminal.note(line)
    except NothingFitsError as none:
        terminal.error(line_of(none))
        return Exit.FAILED
    except (ValueError, OSError) as error:
        terminal.error(line_of(error))
        return Exit.WRONG
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return streams.written(Exit.DONE)


def _parser() -> commands.Parser:
    fields = "\n".join(f"  {field.example:<24} {field.meaning}" for field in FIELDS.values())
    parser = commands.Parser(
        "runs",
        description="List runs, the newest first.",
        epilog=EXAMPLES + fields,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="what a run must fit; or a directory to look below")
    parser.add_argument("--sort", choices=SORTED, default="age", help="by what; the newest, best, largest come first")
    parser.add_argument("--reverse", action="store_true", help="the other way round")
    parser.add_argument("-n", type=_count, metavar="N", help="list so many of them only")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--csv", dest="form", action="store_const", const=_csv, help="for scripts: a table as text")
    forms.add_argument("--json", dest="form", action="store_const", const=_json, help="for scripts: a list of objects")
    forms.add_argument("--mlflow", metavar="URI", help="export the finished ones: runs.db, or the address of a server")
    parser.add_argument("--files", action="store_true", help="with --mlflow: report, table, record and figures too")
    parser.set_defaults(form=_table)
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of runs; write 1, 2 or more")
    return int(text)


def _split(words: Sequence[str], outputs: Path) -> tuple[Path, list[str]]:
    """Return the directory to look below, and the other words."""
    places = [word for word in words if word and Path(word).is_dir()]
    if len(places) > 1:
        raise ConfigurationError(f"{' and '.join(places)} are directories; name one to look below")
    for word in words:
        if word.startswith(("/", "./", "../", "~")) and word not in places:
            raise ConfigurationError(f"no directory {word}")
    root = Path(places[0]).absolute() if places else outputs
    return root, [word for word in words if word not in places]


def _refuse_nonsense(listed: Sequence[Entry], refused: Sequence[str], root: Path) -> None:
    if not root.exists():
        raise ConfigurationError(f"there are no runs: no directory {root}; python -m experiments.run makes one")
    if not listed:
        raise ConfigurationError(f"there are no runs below {root}" + (f": {refused[0]}" if refused else ""))
    if all(one.state == Status.DAMAGED for one in listed):
        more = f", and so are {len(listed) - 1} more" if len(listed) > 1 else ""
        raise ConfigurationError(f"{listed[0].problem}{more}; no other run is below {root}")


def _complaints(shown: Sequence[Entry]) -> list[str]:
    told = [one.problem for one in shown if one.problem]
    more = [f"and {len(told) - COMPLAINTS} more damaged records"] if len(told) > COMPLAINTS else []
    return [*told[:COMPLAINTS], *more]


# Ways to say it


def _table(shown: Sequence[Entry], available: int, terminal: Terminal) -> None:
    now = datetime.now(UTC)
    columns = {
        "run": [one.name for one in shown],
        "study": [one.study for one in shown],
        "asked": [" ".join(one.overrides) for one in shown],
        "status": [one.status for one in shown],
        "best error": ["" if one.best is None else f"{one.best:.2g}" for one in shown],
        "size": ["" if one.size is None else readable(one.size) for one in shown],
        "age": [_age(one, now) for one in shown],
    }
    terminal.listing(columns, numbers=("best error", "size", "age"), spare=SPARE)
    if len(shown) < available:
        terminal.note(f"{len(shown)} of {available} runs")


def _age(one: Entry, now: datetime) -> str:
    if one.started is None:
        return ""
    count = max(0.0, (now - one.started).total_seconds())
    for size, unit in SPANS:
        if count < size:
            return f"{count:.0f} {unit}"
        count /= size
    return f"{count:.1f} years"


def _record(one: Entry) -> dict[str, Any]:
    return {
        "name": one.name,
        "study": one.study,
        "overrides": one.overrides,
        "status": one.status,
        "jobs": len(one.jobs),
        "done": one.done,
        "best": one.best,
        "where": one.where,
        "bytes": one.size,
        "started": one.started.isoformat() if one.started else None,
        "seconds": one.seconds,
        "commit": one.commit or None,
        "host": one.host or None,
        "directory": str(one.directory),
        "problem": one.problem,
    }


def _json(shown: Sequence[Entry], available: int, terminal: Terminal) -> None:
    del available
    terminal.printed([json.dumps([_record(one) for one in shown], indent=1)])


def _csv(shown: Sequence[Entry], available: int, terminal: Terminal) -> None:
    del available
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    rows = [_record(one) for one in shown]
    writer.writerow(rows[0])
    writer.writerows([spreadsheet.cell(_field(value)) for value in row.values()] for row in rows)
    terminal.printed(text.getvalue().splitlines())


def _field(value: object) -> object:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return " ".join(f"{key}={one}" for key, one in value.items()) if isinstance(value, dict) else value


def _export(shown: Sequence[Entry], uri: str, terminal: Terminal, *, files: bool) -> None:
    """Hand the finished runs to MLflow, and name the others."""
    from experiments.running import tracking  # noqa: PLC0415 - a list does not pay for it

    finished = [one for one in shown if one.state == Status.DONE]
    done = tracking.export(finished, uri, files=files)
    known = f"; {done.known} were there already" if done.known else ""
    terminal.line(f"exported {done.fresh} of {len(finished)} finished runs to {uri}{known}")
    others = [f"{one.name} ({one.status})" for one in shown if one.state != Status.DONE]
    if others:
        terminal.note(f"left out, as they are not finished: {', '.join(others[:6])}{', ...' * (len(others) > 6)}")


if __name__ == "__main__":
    streams.process(main)
