"""Check a gradient: ``python -m experiments.check python=mymodule:loss gradient=mymodule:grad x=mymodule:start``.

It is the study gradient_check, as ``python -m experiments.run experiment=gradient_check fail=true`` runs it: status 1
says that the gradient does not agree with its loss. ``--help`` tells its keys.
"""

from __future__ import annotations

from experiments import run
from experiments.messages import ConfigurationError
from experiments.terminal import commands, streams

EXAMPLE = "python=mymodule:loss gradient=mymodule:grad x=mymodule:start"
WORDS = ("experiment=gradient_check", "fail=true")


@commands.command()
def main(words: list[str]) -> int:
    """Run the study with the words of the command line and return the exit status.

    Returns
    -------
    int
        0 the gradient agrees; 1 it does not, or is not resolved; else that of ``python -m experiments.run``.
    """
    keys = {word.partition("=")[0] for word in words}
    if not keys & {"python", "-h", "--help", "--version", "--resume"}:
        raise ConfigurationError(f"a loss and its gradient are needed; write {commands.program('check')} {EXAMPLE}")
    return run.main([*(word for word in WORDS if word.partition("=")[0] not in keys), *words])


if __name__ == "__main__":
    streams.process(main)
