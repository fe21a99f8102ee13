"""The sweep over jobs that were checked before the first of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper  # jobs have the words that it gives them

if TYPE_CHECKING:
    from collections.abc import Sequence


class CheckedSweeper(BasicSweeper):
    """Hydra's own sweep, without its looking at the configuration of every job before the first.

    Each of them has been checked by then. A preset's own sweeps are among the words, where they were planned: Hydra
    would put them before those that are typed.
    """

    def _parse_config(self) -> list[str]:
        """Take nothing from the preset."""
        return []

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Take the jobs as they are."""
