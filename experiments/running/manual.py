"""What ``--help`` of a study prints: its question, its keys, and a line for everything that may be chosen by name."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from experiments.running import catalog

USAGE = """\
KEY=A,B runs one job for each value and gathers all in one table; KEY=[A,B] is a list within one job.
Results go to outputs/: a table, figures, report.html and run.json."""
EXAMPLES = """\
Five examples
  {run} delta=1e-4,1e-8
  {run} 'expression=x**3*sin(x)' x=0.5,1
  {run} function=sin,exp 'method=[forward_1,central_4]' derivative=2
  {run} 'delta=${{logspace:-16,0,129}}' x=pi/2
  {run} python=mymodule:f 'expression=exp(x)' --open"""
NO_KEYS = "This preset does not describe its keys."
EVERY_STUDY = """\
For every study
  experiment=NAME             another study, named below; experiment=NAME --help tells its keys
  figures.formats=[svg]       which files to draw: svg, png, pdf
  hydra.sweep.dir=DIR         a directory for this run; else a new one below outputs/ (or $LAB_OUTPUTS)
  --cfg job                   print the configuration instead of running it
  --config-dir DIR            look for presets, functions, formulas, networks of your own in DIR/experiment,
                                DIR/function, DIR/method, DIR/network
  hydra/launcher=joblib       the jobs on all cores; submitit_slurm, ray on many machines
  --allow-targets             let presets name code to be run: you trust whoever wrote them
  --resume RUN                go on with a run that was interrupted, or of which jobs failed
  --quiet                     print errors and where the results are, no more
  --open                      open the report when it is ready
  --hydra-help                the options of Hydra, which reads this command line"""
GROUPS: Mapping[str, str] = {
    "function": "Functions",
    "method": "Formulas",
    "network": "Networks",
    "population": "Populations",
    "estimator": "Methods that choose their own step, and other tools",
    "smoother": "Methods for measured data, and other tools",
}
"""Groups from which a study that has a key of this name takes entries, and what these are."""
ALL_OF = "{group}=NAME, {group}=A,B, {group}=[A,B], or by a pattern: {group}=all, {group}={pattern}"


def of_study(study: str, places: Sequence[Path], *, run: str, width: int | None) -> Iterator[str]:
    """Yield the lines of the help of a study.

    Parameters
    ----------
    study
        The name of its preset.
    places
        The directories of configurations, the first before the others.
    run
        How a run is started, such as ``python -m experiments.run``.
    width
        Letters of a line, to which the descriptions of names are shortened; None for those of any length.
    """
    named = "" if study == catalog.STUDY else f" experiment={study}"
    question = catalog.lines("experiment", places).get(study, "")
    yield from (f"{run}{named} [KEY=VALUE ...]", "", *textwrap.wrap(f"{study}: {question}", width or 100), "")
    yield from USAGE.splitlines()
    if not named:
        yield from ("", *EXAMPLES.format(run=run).splitlines())
    yield from ("", *(catalog.header(study, places) or NO_KEYS).splitlines())
    yield from ("", *EVERY_STUDY.splitlines())
    keys = catalog.keys(study, places)
    for group, title in GROUPS.items():
        if group in keys:
            marks = catalog.marks(group, places)
            names = {
                name: f"({marks[name]}) {line}" if marks.get(name) else line
                for name, line in catalog.lines(group, places).items()
            }
            heading = ALL_OF.format(group=group, pattern=_pattern(names))
            yield from ("", f"{title}: {heading}", *_listing(names, width))
    yield from ("", "Studies: experiment=NAME", *_listing(catalog.lines("experiment", places), width))


def _pattern(names: Mapping[str, str]) -> str:
    """Return a pattern that some of the names fit: the commonest beginning."""
    first = [name.split("_")[0] for name in names]
    return f"'{max(first, key=first.count)}_*'"


def _listing(names: Mapping[str, str], width: int | None) -> Iterator[str]:
    """Yield each name with its line."""
    room = max(map(len, names), default=0)
    for name, line in names.items():
        text = f"  {name:<{room}}  {line}".rstrip()
        yield text if width is None or len(text) <= width else f"{text[: width - 3].rstrip()}..."
