"""The sweep over jobs that were checked before the first of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

if TYPE_CHECKING:
    from collections.abc import Sequence


class CheckedSweeper(BasicSweeper):
    """Hydra's own sweep of the words given, without its composing every job once more before the first.

    ``experiments.run`` has composed each value of each sweep by then. Hydra's check takes as long as all the
    compositions that the jobs need anyhow, in one process, while the other cores wait. A preset's own sweeps are among
    the words, where they were planned: Hydra would put them before those that are typed.
    """

    def _parse_config(self) -> list[str]:
        """Take nothing from the preset."""
        return []

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Take the jobs as they are."""
