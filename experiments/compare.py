"""Compare runs of one study: ``python -m experiments.compare RUN RUN [RUN ...]``.

A run is named by its path, by the last parts of it (``10-11-51``, ``delta_sweep/2026-11-23/10-11``), or as
``latest``, ``latest~1``. The first is what the others are compared with.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from experiments.pipeline import runs
from experiments.pipeline.check import Exit
from experiments.pipeline.messages import ConfigurationError, line_of
from experiments.pipeline.terminal import Terminal


def main(argv: Sequence[str] | None = None) -> int:
    """Compare the runs that the command line names and return the exit status.

    Parameters
    ----------
    argv
        The words after the program's name; those of the process when None.

    Returns
    -------
    int
        0 compared; 1 something changed, and ``--fail-on-change`` asked to be told so; 2 there is nothing that
        could be compared, and nothing was written; 130 interrupted.
    """
    typed = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser().parse_args(typed)
        outputs = Path(os.environ.get("LAB_OUTPUTS") or "outputs").absolute()
        chosen = [runs.load(runs.find(name, outputs)) for name in _several(args.runs)]
        from experiments.pipeline.comparison.comparing import compare  # noqa: PLC0415 - heavy, and a refusal does not pay for it

        command = shlex.join(["python", "-m", "experiments.compare", *typed])
        changed = compare(chosen, outputs / "compare", ulps=args.ulps, command=command)
    except (ValueError, OSError) as error:
        Terminal().error(line_of(error))
        return Exit.WRONG
    except KeyboardInterrupt:
        Terminal().note("interrupted: nothing was written")
        return Exit.INTERRUPTED
    return Exit.FAILED if changed and args.fail_on_change else Exit.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m experiments.compare", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("runs", nargs="*", metavar="RUN", help="a run; the first is what the others are compared with")
    parser.add_argument(
        "--fail-on-change",
        action="store_true",
        help="exit with status 1 if a joined value differs or rows appeared or vanished",
    )
    parser.add_argument(
        "--ulps",
        type=_whole,
        default=0,
        metavar="N",
        help="units in the last place by which numbers may differ; errors may move with their estimates (default 0)",
    )

    def refuse(message: str) -> NoReturn:
        raise ConfigurationError(f"{message}; see python -m experiments.compare --help")

    parser.error = refuse  # type: ignore[method-assign]  # argparse would print its usage and leave
    return parser


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of ulps; write 0, 1, 2 or more")
    return int(text)


def _several(names: Sequence[str]) -> Sequence[str]:
    if len(names) < 2:
        given = f"one run only, {names[0]}" if names else "no run"
        raise ConfigurationError(f"{given}; name at least two, such as: python -m experiments.compare latest~1 latest")
    return names


if __name__ == "__main__":
    sys.exit(main())
