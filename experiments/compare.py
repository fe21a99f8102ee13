"""Compare runs of one study: ``python -m experiments.compare RUN RUN [RUN ...]``, or ``... study=delta_sweep``.

A run is named by its path, by the last parts of it (``10-11-51``, ``delta_sweep/2026-11-23/10-11``), or as ``latest``,
``latest~1``. Words with a sign, such as ``function=sin`` or ``'best<1e-10'``, choose all finished runs that fit, as in
``python -m experiments.runs``. Up to four runs are compared row by row with the first; more are ranked by their best
error, with figures over the keys that changed.
"""

from __future__ import annotations

import shlex

from experiments.running import runs
from experiments.terminal import commands, streams
from experiments.terminal.exits import Exit


@commands.command(interrupted="interrupted: nothing was written")
def main(words: list[str]) -> int:
    """Compare the runs that the command line names and return the exit status.

    Returns
    -------
    int
        0 compared; 1 something changed, and ``--fail-on-change`` asked to be told so; 2 there is nothing that
        could be compared, and nothing was written; 130 interrupted.
    """
    args, outputs = parser().parse_intermixed_args(words), commands.outputs()
    with commands.uncollected():
        chosen, notes = runs.several(args.runs, outputs)
        from experiments.comparison.comparing import compare  # noqa: PLC0415 - heavy, and a refusal does not pay for it

    command = shlex.join(commands.line("compare", words))
    changed = compare(chosen, outputs / "compare", ulps=args.ulps, command=command, notes=notes)
    return Exit.FAILED if changed and args.fail_on_change else Exit.DONE


def parser() -> commands.Parser:
    """Return what reads the words of the command."""
    reader = commands.Parser("compare", __doc__)
    reader.add_argument("runs", nargs="*", metavar="RUN", help="a run, or a word that chooses some")
    reader.add_argument(
        "--fail-on-change",
        action="store_true",
        help="exit with status 1 if a joined value differs or rows appeared or vanished",
    )
    reader.takes_ulps(
        0, "units in the last place by which numbers may differ; errors may move with their estimates (default 0)"
    )
    return reader


if __name__ == "__main__":
    streams.process(main)
