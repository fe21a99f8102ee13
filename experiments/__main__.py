"""List the commands of the laboratory: ``python -m experiments``.

Each is a module of this package: ``python -m experiments.run delta=1e-4,1e-8``.
"""

from __future__ import annotations

import ast
from pathlib import Path

from experiments.messages import ConfigurationError, nearest
from experiments.terminal import commands, streams
from experiments.terminal.exits import Exit
from experiments.terminal.progress import Terminal

COMMANDS = ("run", "runs", "compare", "rerun", "collect")
"""In the order in which somebody meets them."""


@commands.command()
def main(words: list[str]) -> int:
    """Print every command with what it does, in a line each, and return the exit status.

    Returns
    -------
    int
        0 listed; 2 there is no such command or option.
    """
    parser = commands.Parser("", __doc__)
    parser.add_argument("command", nargs="?", help="a command, of which its own --help tells all")
    _refuse(parser.parse_args(words).command)
    terminal = Terminal()
    terminal.paths([(f"python -m experiments.{name}", summary_of(name)) for name in COMMANDS])
    terminal.line("--help after any of them says more; --version is that of the laboratory")
    return streams.written(Exit.DONE)


def summary_of(name: str) -> str:
    """Return what a command does: the first words of its module, which is not imported for that."""
    text = ast.get_docstring(ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))) or ""
    return text.partition(": ``")[0]


def _refuse(name: str | None) -> None:
    """Refuse a word, and say how the command is written that somebody may mean."""
    if name in COMMANDS:
        raise ConfigurationError(f"commands are modules: write python -m experiments.{name}")
    if name is not None:
        raise ConfigurationError(f"no command {name!r}; {nearest(name, COMMANDS)}")


if __name__ == "__main__":
    streams.process(main)
