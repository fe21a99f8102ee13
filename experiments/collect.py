"""Gather what a run left that was interrupted or lost its parent: ``python -m experiments.collect RUN``.

The tables of the jobs that are done are joined, drawn, reported and recorded as at the end of any run, and the jobs
without a result are named. Nothing is computed; ``python -m experiments.run --resume RUN`` computes what is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.messages import line_of
from experiments.running import runs
from experiments.running.status import Exit
from experiments.terminal import commands, streams
from experiments.terminal.progress import Terminal


def main(argv: Sequence[str] | None = None) -> int:
    """Gather the run that the command line names and return the exit status.

    Parameters
    ----------
    argv
        The words after the program's name; those of the process when None.

    Returns
    -------
    int
        0 every job is done and gathered; 1 some have no result, which is said; 2 there is no run to gather, and
        nothing was written; 3 the results could not be gathered; 130 interrupted.
    """
    try:
        args = _parser().parse_args(sys.argv[1:] if argv is None else argv)
        directory = runs.find(args.run, commands.outputs())
        return _collect(directory, open_report=args.open)
    except (ValueError, OSError) as error:
        Terminal().error(line_of(error))
        return Exit.WRONG
    except KeyboardInterrupt:
        Terminal().note("interrupted: the jobs' own results are as they were")
        return Exit.INTERRUPTED


def _collect(directory: Path, *, open_report: bool) -> int:
    runs.refuse_missing(directory)
    from experiments.running import recording, results  # noqa: PLC0415 - heavy, and a refusal does not pay for it

    run = recording.reopened(directory)
    with recording.taken_up(run):
        return results.finish(run, open_report=open_report)


def _parser() -> commands.Parser:
    described = " ".join((__doc__ or "").partition("\n\n")[2].replace("``", "").split())
    parser = commands.Parser("collect", description=described)
    parser.add_argument("run", metavar="RUN", help="the run: its directory, the last parts of it, or latest")
    parser.add_argument("--open", action="store_true", help="open the report in a browser")
    return parser


if __name__ == "__main__":
    streams.process(main)
