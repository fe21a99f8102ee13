"""Write the functions that judge derivatives, for tools in any language: ``python -m experiments.population DIR``.

DIR is a run of the study population, whose keys may follow, such as population=held_out points=20 seed=1, with a Data
Package of Frictionless beside its Parquet tables, datapackage.json, which says what every column means, and under
grammar how a formula is read: its operators, which of them bind first, its constants and functions. An answer,
value and error, is true if |value - truth - truth_low| is at most error + slack + half a unit in the last place of
truth. Answers in a CSV file with the columns function, x, value and error are judged by python -m experiments.run
experiment=leaderboard answers=mine.csv.
"""

from __future__ import annotations

from pathlib import Path

from experiments import run
from experiments.messages import ConfigurationError
from experiments.terminal import commands, streams
from experiments.terminal.exits import Exit


@commands.command()
def main(words: list[str]) -> int:
    """Run the study into a directory, and describe its tables there.

    Returns
    -------
    int
        That of ``python -m experiments.run``.
    """
    parser = commands.Parser("population", __doc__)
    parser.add_argument("directory", metavar="DIR", help="a new directory, or one that is empty")
    parser.add_argument("keys", nargs="*", default=[], metavar="KEY=VALUE", help="keys of the study population")
    args = parser.parse_args(words)
    if "=" in args.directory:
        raise ConfigurationError(
            f"{args.directory}: a directory is wanted first; write {parser.prog} DIR {args.directory}"
        )
    directory = Path(args.directory).absolute()
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigurationError(f"{args.directory}: there is something already; name a directory that is not there")
    status = run.main(["experiment=population", f"hydra.sweep.dir='{directory}'", *args.keys])
    if status == Exit.DONE:
        from experiments.running import datapackage  # noqa: PLC0415 - heavy, and a refusal does not pay for it

        datapackage.write(directory)
    return status


if __name__ == "__main__":
    streams.process(main)
