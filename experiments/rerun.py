"""Run a recorded run again and say whether it came out the same: ``python -m experiments.rerun RUN``.

The recorded configuration is executed as it was resolved then, in a new directory, and every table is compared with
the original: identical, within tolerance of rounding, or different, which is exit status 1. The original is left as
it is. A run is named by its path, by the last parts of it, or as ``latest``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from experiments.messages import line_of
from experiments.running import runs
from experiments.running.status import Exit
from experiments.terminal import commands, streams
from experiments.terminal.progress import Terminal


def main(argv: Sequence[str] | None = None) -> int:
    """Repeat the run that the command line names and return the exit status.

    Parameters
    ----------
    argv
        The words after the program's name; those of the process when None.

    Returns
    -------
    int
        0 identical, or within tolerance; 1 different; 2 it cannot be run again, and nothing was written;
        130 interrupted.
    """
    typed = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser().parse_args(typed)
        outputs = commands.outputs()
        original = runs.load(runs.find(args.run, outputs), purpose="repeated")
        from experiments.comparison.repeating import repeat  # noqa: PLC0415 - heavy, and a refusal does not pay for it

        command = ("python", "-m", "experiments.rerun", *typed)
        return repeat(original, outputs, ulps=args.ulps, command=command)
    except (ValueError, OSError) as error:
        Terminal().error(line_of(error))
        return Exit.WRONG
    except KeyboardInterrupt as stop:
        Terminal().note(str(stop) or "interrupted before the first job: nothing was written")
        return Exit.INTERRUPTED


def _parser() -> commands.Parser:
    described = " ".join((__doc__ or "").partition("\n\n")[2].replace("``", "").split())
    parser = commands.Parser("rerun", description=described)
    parser.add_argument("run", metavar="RUN", help="the run: its directory, the last parts of it, or latest")
    parser.add_argument(
        "--ulps",
        type=commands.ulps,
        default=4,
        metavar="N",
        help="units in the last place by which numbers without a bound of their own may move (default 4: two versions"
        " of an elementary function, each right to 2)",
    )
    return parser


if __name__ == "__main__":
    streams.process(main)
