"""The commands of the laboratory: ``derivative-lab run delta=1e-4,1e-8``, or ``python -m experiments.run delta=...``.

The laboratory computes derivatives and their errors, keeps every result below ``outputs``, and compares and repeats
runs.
"""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import NoReturn

from experiments.messages import ConfigurationError, nearest
from experiments.terminal import commands, streams
from experiments.terminal.exits import Exit
from experiments.terminal.progress import Terminal


@commands.command()
def main(words: list[str]) -> int:
    """Do what the command says that comes first, or print every command with what it does, in a line each.

    Returns
    -------
    int
        What the command returns; 0 listed; 2 there is no such command or option.
    """
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if words and words[0] in commands.COMMANDS:
        return int(importlib.import_module(f"experiments.{words[0]}").main(words[1:]))  # which alone is imported
    if words and words != ["version"] and not words[0].startswith("-"):
        raise ConfigurationError(f"no command {words[0]!r}; {_meant(words)}")
    parser = commands.Parser("", __doc__, epilog="\n".join(summaries()))
    parser.add_argument("command", nargs="?", help="a command, of which its own --help tells all")
    parser.parse_args(["--version"] if words == ["version"] else words)
    Terminal().printed([*summaries(), "--help after any of them says more; --version is that of the laboratory"])
    return streams.written(Exit.DONE)


def _meant(words: list[str]) -> str:
    """Say how the words are written that are no command: those of a run, a study's name first, or another command."""
    from experiments.running import catalog  # noqa: PLC0415 - YAML, which only this needs

    run = commands.program("run")
    if words[0] in catalog.options("experiment"):
        return f"write {run} {' '.join([f'experiment={words[0]}', *words[1:]])}"
    return f"write {run} {' '.join(words)}" if "=" in words[0] else nearest(words[0], commands.COMMANDS)


def summaries() -> list[str]:
    """Return each command as it is typed, with what it does."""
    typed = [commands.program(name) for name in commands.COMMANDS]
    width = max(map(len, typed))
    return [f"{line:<{width}}  {summary_of(name)}" for line, name in zip(typed, commands.COMMANDS, strict=True)]


def summary_of(name: str) -> str:
    """Return what a command does: the first words of its module, which is not imported for that."""
    text = ast.get_docstring(ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))) or ""
    return text.partition(": ``")[0]


def process() -> NoReturn:
    """Be the process of the script ``derivative-lab``."""
    streams.process(main)


if __name__ == "__main__":
    process()
