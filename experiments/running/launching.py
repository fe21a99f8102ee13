"""Hydra runs the jobs of a plan: it is handed what was checked, composes nothing, and calls `Task` for every job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from experiments.calls import MAX_UNANNOUNCED
from experiments.messages import show
from experiments.running import jobs, launchers, provenance, recording, search
from experiments.running.composition import Space, prepare
from experiments.running.execution import Run
from experiments.running.hydra_errors import REFUSALS, sentence
from experiments.running.planning import Plan
from experiments.terminal.progress import Terminal


@dataclass(frozen=True)
class Task:
    """One job: what Hydra calls, here or in a worker of a launcher. What a search makes small is returned."""

    space: Space

    def __call__(self, config: DictConfig) -> float | None:
        """Do the job of the words that Hydra runs now; what the study raises is written down, and not raised."""
        del config  # it is Hydra's part alone
        mine = HydraConfig.get()
        # In RUN mode Hydra gives the job no number.
        number = 0 if OmegaConf.is_missing(mine.job, "num") else int(mine.job.num)
        overrides = tuple(mine.overrides.task)
        job = jobs.Job(
            number=number,
            directory=Path(mine.runtime.output_dir),
            overrides=overrides,
            configuration=self.space.configuration(overrides),
        )
        jobs.perform(job)
        return jobs.objective(job) if mine.runtime.choices["hydra/sweeper"] in search.EXTRAS else None


class Checked:
    """What was checked, in the place of what Hydra would compose anew: of the run, and of each of its jobs."""

    def __init__(self, loader: ConfigLoader, config: DictConfig) -> None:
        self._loader, self._config = loader, config

    def load_configuration(self, *_: object, **__: object) -> DictConfig:
        """Return the configuration of the run."""
        return self._config

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return Hydra's part of the configuration of a job; `Task` has the study's."""
        config = OmegaConf.masked_copy(master_config, "hydra")
        OmegaConf.set_readonly(config.hydra, False)  # noqa: FBT003 - Hydra 1.4 has resolved interpolations of the master
        config.hydra.overrides.task = sweep_overrides
        return config

    def __getattr__(self, name: str) -> Any:
        """Leave all other questions to Hydra's own loader."""
        if name.startswith("_"):  # as while it is unpickled
            raise AttributeError(name)
        return getattr(self._loader, name)


def launch(plan: Plan, run: Run) -> None:
    """Let Hydra run the jobs. A launcher may raise for a worker that died: what others wrote is kept."""
    terminal = Terminal()
    if plan.search is not None:
        search.tell(plan.search, verbose=bool(plan.config.hydra.verbose))
    for text in announcements(plan):
        terminal.note(text)
    with terminal.progress(jobs=len(plan.jobs), rows=plan.rows) as progress, ExitStack() as stack:
        if plan.launcher == "basic":
            stack.callback(jobs.PROGRESS.reset, jobs.PROGRESS.set(progress))
        else:
            stack.enter_context(launchers.watched(run.directory, progress.finished))
        try:
            with launchers.attended(plan.launcher), launchers.settled(plan.launcher, run.directory):
                _start(plan, run.directory)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever it was, the results that exist are gathered
            if isinstance(error, REFUSALS) and recording.discarded(run):
                raise
            reason = f"{type(error).__name__}: {show(sentence(error), 160)}"
            terminal.note(f"the launcher gave up: {reason}{recording.log_error(run, error)}")


def announcements(plan: Plan) -> Iterator[str]:
    """Yield what is said before the first job: of words meant otherwise, perhaps, and of calls of somebody's code."""
    yield from plan.remarks
    yield from (one.announcement for one in plan.calls if one.most > MAX_UNANNOUNCED)


def _start(plan: Plan, directory: Path) -> None:
    """Hand the plan over to Hydra."""
    app: Any = GlobalHydra.instance().hydra
    app.config_loader = Checked(app.config_loader, _master(plan, directory))
    start = app.run if plan.single else app.multirun
    start(config_name=plan.config_name, task_function=Task(plan.space), overrides=[])


def _master(plan: Plan, directory: Path) -> DictConfig:
    """Return the configuration of a run for Hydra: with all words, and in a directory of its own."""
    hydra = plan.config.hydra
    OmegaConf.set_readonly(hydra, False)  # noqa: FBT003 - which it is once interpolations of it were resolved
    with open_dict(hydra):
        hydra.mode = RunMode.RUN if plan.single else RunMode.MULTIRUN
        hydra.sweep.dir = str(directory)
        hydra.overrides.task = [word for word in plan.words if not word.lstrip("+~").startswith(("hydra.", "hydra/"))]
        limited = any("hydra.sweeper.max" in word for word in plan.words)
        if launchers.named(plan.launcher).together and plan.search is None and not limited:
            hydra.sweeper.max_batch_size = provenance.usable_processors()
    return plan.config


# A worker imports this module for `Task`.
prepare()
launchers.leave_with_the_run()
