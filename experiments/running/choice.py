"""The runs that the words of a comparison choose: by their names, or by filters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.messages import ConfigurationError
from experiments.running import runs
from experiments.running.filters import chosen, is_filter
from experiments.running.listing import entries, unfinished
from experiments.running.status import Status

EXAMPLE = "python -m experiments.compare latest~1 latest"


def several(words: Sequence[str], outputs: Path) -> tuple[list[runs.Stored], list[str]]:
    """Return at least two runs, those that are named before those that fit, and which of these were left out.

    Raises
    ------
    ConfigurationError
        If there are fewer, if a name means none, or if those that fit are of several studies.
    """
    filters = [word for word in words if is_filter(word) and not Path(word).exists()]
    named = [runs.load(_directory(word, outputs)) for word in words if word not in filters]
    if filters:
        return _with_fitting(named, filters, outputs)
    if len(named) < 2:
        count = f"one run only, {words[0]}" if named else "no run"
        raise ConfigurationError(f"{count}; name at least two, such as: {EXAMPLE}")
    return named, []


def _with_fitting(
    named: Sequence[runs.Stored], filters: Sequence[str], outputs: Path
) -> tuple[list[runs.Stored], list[str]]:
    listed, _ = entries(outputs, outputs)
    if not listed:
        raise ConfigurationError(f"there are no runs below {outputs}")
    known = {run.directory for run in named}
    fitting = [entry for entry in chosen(listed, filters) if entry.directory not in known][::-1]
    finished = [entry for entry in fitting if entry.state == Status.DONE]
    _refuse_studies(Counter(entry.study for entry in finished))
    every = [*named, *(runs.stored(entry.directory, entry.record) for entry in finished if entry.record)]
    left_out = unfinished(fitting)
    if len(every) < 2:
        raise ConfigurationError(
            f"{' '.join(filters)}: {len(every) or 'no'} finished run fits, two are needed{left_out and f'; {left_out}'}"
        )
    return every, [f"{left_out[0].upper()}{left_out[1:]}."] if left_out else []


def _directory(name: str, outputs: Path) -> Path:
    try:
        return runs.find(name, outputs)
    except ConfigurationError as error:
        if name and (outputs / name).is_dir():
            raise ConfigurationError(f"{name} is no run; study={name} chooses all finished runs of it") from error
        raise


def _refuse_studies(counts: Mapping[str, int]) -> None:
    if len(counts) > 1:
        several_studies = ", ".join(f"{count} of {study}" for study, count in counts.items())
        raise ConfigurationError(
            f"{several_studies} fit; runs of one study are compared: add study={next(iter(counts))}"
        )
