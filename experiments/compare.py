"""Compare runs of one study: ``python -m experiments.compare RUN RUN [RUN ...]``, or ``... study=delta_sweep``.

A run is named by its path, by the last parts of it (``10-11-51``, ``delta_sweep/2026-11-23/10-11``), or as ``latest``,
``latest~1``. Words with a sign, such as ``function=sin`` or ``'best<1e-10'``, choose all finished runs that fit, as in
``python -m experiments.runs``. Up to four runs are compared row by row with the first; more are ranked by their best
error, with figures over the keys that changed.
"""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.messages import ConfigurationError, line_of
from experiments.running import runs
from experiments.running.filters import chosen, is_filter
from experiments.running.listing import entries
from experiments.running.status import Exit, Status
from experiments.terminal import commands, streams
from experiments.terminal.progress import Terminal
from experiments.words import first_of

MAX_NAMED = 6
"""Runs that a message names at most."""


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
        args = _parser().parse_intermixed_args(typed)
        outputs = commands.outputs()
        with commands.uncollected():
            compared, notes = _chosen(args.runs, outputs)
            from experiments.comparison.comparing import compare  # noqa: PLC0415 - heavy, and a refusal does not pay for it

        command = shlex.join(["python", "-m", "experiments.compare", *typed])
        changed = compare(compared, outputs / "compare", ulps=args.ulps, command=command, notes=notes)
    except (ValueError, OSError) as error:
        Terminal().error(line_of(error))
        return Exit.WRONG
    except KeyboardInterrupt:
        Terminal().note("interrupted: nothing was written")
        return Exit.INTERRUPTED
    return Exit.FAILED if changed and args.fail_on_change else Exit.DONE


def _chosen(words: Sequence[str], outputs: Path) -> tuple[list[runs.Stored], list[str]]:
    """Return the runs that are named, then those that fit the filters, and which of these were left out."""
    filters = [word for word in words if is_filter(word) and not Path(word).exists()]
    named = [runs.load(_found(word, outputs)) for word in words if word not in filters]
    if not filters:
        return list(_several(named, words)), []
    listed, _ = entries(outputs, outputs)
    if not listed:
        raise ConfigurationError(f"there are no runs below {outputs}")
    fitting = [one for one in chosen(listed, filters) if one.directory not in {run.directory for run in named}][::-1]
    unfinished = [f"{one.name} ({one.status})" for one in fitting if one.state != Status.DONE]
    fitting = [one for one in fitting if one.state == Status.DONE]
    _refuse_studies(Counter(one.study for one in fitting))
    found = [*named, *(runs.stored(one.directory, one.record) for one in fitting if one.record)]
    if len(found) < 2:
        left = f"; left out, as they are not finished: {first_of(unfinished, MAX_NAMED)}" if unfinished else ""
        raise ConfigurationError(f"{' '.join(filters)}: {len(found) or 'no'} finished run fits, two are needed{left}")
    return found, [f"Left out, as they are not finished: {first_of(unfinished, MAX_NAMED)}."] if unfinished else []


def _found(name: str, outputs: Path) -> Path:
    try:
        return runs.find(name, outputs)
    except ConfigurationError as error:
        if name and (outputs / name).is_dir():
            raise ConfigurationError(f"{name} is no run; study={name} chooses all finished runs of it") from error
        raise


def _refuse_studies(counts: Mapping[str, int]) -> None:
    if len(counts) > 1:
        told = ", ".join(f"{count} of {study}" for study, count in counts.items())
        raise ConfigurationError(f"{told} fit; runs of one study are compared: add study={next(iter(counts))}")


def _parser() -> commands.Parser:
    parser = commands.Parser("compare", description=(__doc__ or "").split("\n\n", 1)[1])
    parser.add_argument("runs", nargs="*", metavar="RUN", help="a run, or a word that chooses some")
    parser.add_argument(
        "--fail-on-change",
        action="store_true",
        help="exit with status 1 if a joined value differs or rows appeared or vanished",
    )
    parser.add_argument(
        "--ulps",
        type=commands.ulps,
        default=0,
        metavar="N",
        help="units in the last place by which numbers may differ; errors may move with their estimates (default 0)",
    )
    return parser


def _several(found: Sequence[runs.Stored], names: Sequence[str]) -> Sequence[runs.Stored]:
    if len(found) < 2:
        given = f"one run only, {names[0]}" if names else "no run"
        raise ConfigurationError(f"{given}; name at least two, such as: python -m experiments.compare latest~1 latest")
    return found


if __name__ == "__main__":
    streams.process(main)
