"""Run a recorded run again and say whether it came out the same: ``python -m experiments.rerun RUN``.

The recorded configuration is executed as it was resolved then, in a new directory, and every table is compared with
the original: identical, within tolerance of rounding, or different, which is exit status 1. The original is left as
it is. A run is named by its path, by the last parts of it, or as ``latest``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from experiments.pipeline import runs
from experiments.pipeline.check import Exit
from experiments.pipeline.messages import ConfigurationError, line_of
from experiments.pipeline.terminal import Terminal


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
        outputs = Path(os.environ.get("LAB_OUTPUTS") or "outputs").absolute()
        original = runs.load(runs.find(args.run, outputs), purpose="repeated")
        from experiments.pipeline.repetition.repeating import repeat  # noqa: PLC0415 - heavy, and a refusal does not pay for it

        command = ("python", "-m", "experiments.rerun", *typed)
        return repeat(original, outputs, ulps=args.ulps, command=command)
    except (ValueError, OSError) as error:
        Terminal().error(line_of(error))
        return Exit.WRONG
    except KeyboardInterrupt:
        Terminal().note("interrupted before the first job: nothing was written")
        return Exit.INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    described = " ".join((__doc__ or "").partition("\n\n")[2].replace("``", "").split())
    parser = argparse.ArgumentParser(prog="python -m experiments.rerun", description=described)
    parser.add_argument("run", metavar="RUN", help="the run: its directory, the last parts of it, or latest")
    parser.add_argument(
        "--ulps",
        type=_whole,
        default=4,
        metavar="N",
        help="units in the last place by which numbers without a bound of their own may move (default 4: two versions"
        " of an elementary function, each right to 2)",
    )

    def refuse(message: str) -> NoReturn:
        raise ConfigurationError(f"{message}; see python -m experiments.rerun --help")

    parser.error = refuse  # type: ignore[method-assign]  # argparse would print its usage and leave
    return parser


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of ulps; write 0, 1, 2 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
