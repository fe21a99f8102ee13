"""Gather what a run left that was interrupted or lost its parent: ``python -m experiments.collect RUN``.

The tables of the jobs that are done are joined, drawn, reported and recorded as at the end of any run, and the jobs
without a result are named. Nothing is computed; ``python -m experiments.run --resume RUN`` computes what is missing.
"""

from __future__ import annotations

from experiments.running import runs
from experiments.terminal import commands, streams


@commands.command(interrupted="interrupted: the jobs' own results are as they were")
def main(words: list[str]) -> int:
    """Gather the run that the command line names and return the exit status.

    Returns
    -------
    int
        0 every job is done and gathered; 1 some have no result, which is said; 2 there is no run to gather, and
        nothing was written; 3 the results could not be gathered; 130 interrupted.
    """
    args = parser().parse_args(words)
    directory = runs.find(args.run, commands.outputs())
    runs.refuse_missing(directory)
    from experiments.running import results  # noqa: PLC0415 - heavy, and a refusal does not pay for it

    return results.collect(directory, open_report=args.open)


def parser() -> commands.Parser:
    """Return what reads the words of the command."""
    reader = commands.Parser("collect", __doc__)
    reader.takes_run()
    reader.takes_open()
    return reader


if __name__ == "__main__":
    streams.process(main)
