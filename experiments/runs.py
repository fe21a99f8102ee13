"""List runs: ``python -m experiments.runs [WORD ...]``, such as ``delta_sweep function=sin since=2d 'best<1e-10'``.

A run is listed, the newest first, with the name by which ``python -m experiments.compare`` finds it. Only records are
read, no tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.messages import ConfigurationError, line_of
from experiments.running import inventory
from experiments.running.filters import FIELDS, NothingFitsError, chosen
from experiments.running.listing import Entry, entries
from experiments.running.record import Status
from experiments.terminal import commands, streams
from experiments.terminal.exits import Exit
from experiments.terminal.progress import Terminal

MAX_COMPLAINTS = 3
"""Damaged records that are told one by one."""
SORTED: Mapping[str, Callable[[Entry], Any]] = {
    "age": lambda entry: 0,  # they come with the newest first
    "best": lambda entry: (entry.best is None, entry.best or 0.0),
    "size": lambda entry: -(entry.size or 0),
    "seconds": lambda entry: -(entry.seconds or 0.0),
    "jobs": lambda entry: -len(entry.jobs),
    "study": lambda entry: entry.study,
    "status": lambda entry: entry.status,
    "name": lambda entry: entry.place,
}
"""By what runs are sorted: the newest, best, largest, slowest first, texts by the alphabet."""
EXAMPLES = """
words:
  delta_sweep              in the name, the study, the overrides or the status
  function=sin             that computed sin; so for every key of the configuration
  method=central_*         any of them; method=forward_1,central_2 one of the two, method!=central_2 all others
  'delta<1e-6'             with a delta below; < and > need quotes, lest the shell takes them
"""


@commands.command()
def main(words: list[str]) -> int:
    """List the runs that the command line describes and return the exit status.

    Returns
    -------
    int
        0 listed; 1 there are runs, and none of them fits; 2 there is nothing to list, or a word means nothing;
        130 interrupted.
    """
    args, terminal = parser().parse_intermixed_args(words), Terminal()
    root, sought = _split(args.words, commands.outputs())
    listed, refused = entries(root, commands.outputs())
    _refuse_nonsense(listed, refused, root)
    try:
        shown = sorted(chosen(listed, sought), key=SORTED[args.sort])
    except NothingFitsError as none:
        terminal.error(line_of(none))
        return Exit.FAILED
    shown = (shown[::-1] if args.reverse else shown)[: args.n]
    if args.mlflow is not None:
        inventory.export(shown, args.mlflow, terminal, files=args.files)
    else:
        args.form(shown, len(listed), terminal)
    for line in [*refused, *_complaints(shown)]:
        terminal.note(line)
    return streams.written(Exit.DONE)


def parser() -> commands.Parser:
    """Return what reads the words of the command."""
    fields = "\n".join(f"  {field.example:<24} {field.meaning}" for field in FIELDS.values())
    reader = commands.Parser("runs", __doc__, epilog=EXAMPLES + fields)
    reader.add_argument("words", nargs="*", metavar="WORD", help="what a run must fit; or a directory to look below")
    reader.add_argument("--sort", choices=SORTED, default="age", help="by what; the newest, best, largest come first")
    reader.add_argument("--reverse", action="store_true", help="the other way round")
    reader.add_argument("-n", type=_count, metavar="N", help="list so many of them only")
    forms = reader.add_mutually_exclusive_group()
    forms.add_argument(
        "--csv", dest="form", action="store_const", const=inventory.write_csv, help="for scripts: a table as text"
    )
    forms.add_argument(
        "--json", dest="form", action="store_const", const=inventory.write_json, help="for scripts: a list of objects"
    )
    forms.add_argument("--mlflow", metavar="URI", help="export the finished ones: runs.db, or the address of a server")
    reader.add_argument("--files", action="store_true", help="with --mlflow: report, table, record and figures too")
    reader.set_defaults(form=inventory.write_table)
    return reader


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
        raise ConfigurationError(f"there are no runs: no directory {root}; {commands.program('run')} makes one")
    if not listed:
        raise ConfigurationError(f"there are no runs below {root}" + (f": {refused[0]}" if refused else ""))
    if all(entry.state == Status.DAMAGED for entry in listed):
        more = f", and so are {len(listed) - 1} more" if len(listed) > 1 else ""
        raise ConfigurationError(f"{listed[0].problem}{more}; no other run is below {root}")


def _complaints(shown: Sequence[Entry]) -> list[str]:
    problems = [entry.problem for entry in shown if entry.problem]
    more = [f"and {len(problems) - MAX_COMPLAINTS} more damaged records"] if len(problems) > MAX_COMPLAINTS else []
    return [*problems[:MAX_COMPLAINTS], *more]


if __name__ == "__main__":
    streams.process(main)
