"""Run a study: ``python -m experiments.run delta=1e-4,1e-8``.

The command line is read with Hydra's own parser; ``--help`` says what it may hold.
"""

from __future__ import annotations

from experiments.messages import ConfigurationError
from experiments.terminal import commands, streams


@commands.command(interrupted="interrupted before the first job: nothing was written", refused=(ConfigurationError,))
def main(words: list[str]) -> int:
    """Run the command line and return the exit status.

    Returns
    -------
    int
        0 all done; 1 some job failed; 2 the configuration is wrong and nothing ran; 3 the results could not
        be gathered; 130 interrupted.
    """
    with commands.uncollected():
        from experiments.running import starting  # noqa: PLC0415 - Hydra and the mathematics, in which nothing is garbage

    return starting.start(words)


if __name__ == "__main__":
    streams.process(main)
