"""Run a recorded run again and say whether it came out the same: ``python -m experiments.rerun RUN``.

The recorded configuration is executed as it was resolved then, in a new directory, and every table is compared with
the original: identical, within tolerance of rounding, or different, which is exit status 1. The original is left as
it is. A run is named by its path, by the last parts of it, or as ``latest``.
"""

from __future__ import annotations

from experiments.running import runs
from experiments.terminal import commands, streams

ULPS = 4
"""Units in the last place by which numbers without a bound may move: two versions of a function, each right to 2."""


@commands.command(interrupted="interrupted before the first job: nothing was written")
def main(words: list[str]) -> int:
    """Repeat the run that the command line names and return the exit status.

    Returns
    -------
    int
        0 identical, or within tolerance; 1 different; 2 it cannot be run again, and nothing was written;
        130 interrupted.
    """
    args = parser().parse_args(words)
    original = runs.load(runs.find(args.run, commands.outputs()), purpose="repeated")
    from experiments.comparison.repeating import repeat  # noqa: PLC0415 - heavy, and a refusal does not pay for it

    return repeat(original, commands.outputs(), ulps=args.ulps, command=commands.line("rerun", words))


def parser() -> commands.Parser:
    """Return what reads the words of the command."""
    reader = commands.Parser("rerun", __doc__)
    reader.takes_run()
    reader.takes_ulps(
        ULPS,
        f"units in the last place by which numbers without a bound of their own may move (default {ULPS}: two versions"
        " of an elementary function, each right to 2)",
    )
    return reader


if __name__ == "__main__":
    streams.process(main)
