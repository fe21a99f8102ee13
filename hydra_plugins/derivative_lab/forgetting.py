"""What Hydra need not keep of a job that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from omegaconf import DictConfig


class Forgetting(Callback):
    """Keep the configuration of a job no longer than the job.

    Hydra holds it, about 80 kB, until the last job has ended, and workers send it back. Nobody reads it there: every
    job wrote its own.
    """

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Take the configuration out of what Hydra keeps."""
        del config, kwargs
        job_return.cfg = job_return.hydra_cfg = None
