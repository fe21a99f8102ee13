"""Speed and memory, as ratios within one run: what the lab adds to the evaluations, to the file and to the imports.

The gradients of a network are set against what they cannot do without: backprop against its own matrix products,
gradients of every sample against writing as many bytes, brute force against one forward pass. Other tools stand beside
backprop where they are installed, in one thread as it is.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import math
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from experiments import peers
from experiments.study import Rows, Tables, column, key, refuse_below
from experiments.timing import least_in_turns, least_seconds
from experiments.words import counted

Array = NDArray[np.floating[Any]]
Action = Callable[[], object]

MAX_TOLD = 10
"""Most measurements that are told in sentences."""
FORMULAS = ("forward_1", "backward_1", "forward_2", "backward_2", "central_2", "central_4", "central_6", "central_8")
IMPORTS = "import hydra, numpy, pandas, matplotlib.figure, pyarrow.parquet, flint, jinja2"
MAIN = ("delta=1e-4,1e-8",)
BLOCK = 2**15
"""Values per call of f alone: the size at which f is fastest, which is the hardest reference."""


AIMED = (784, 128, 10)
"""Sizes of the network for which the next goals were set."""
GOALS: Mapping[tuple[str, int], float] = {
    ("backprop", 32): 1.15,
    ("backprop", 128): 1.15,
    ("gradients of every sample", 32): 1.5,
    ("squared norms of them", 32): 0.7,
    ("incremental brute force", 32): 1360.0,
}
"""Goals by what is measured and the number of samples."""
POINTS_GOALS: Mapping[int, float] = {100: 1.0, 1000: 1.0, 10_000: 1.2, 100_000: 1.0}
"""Goals of derivatives beside SciPy's, by the number of points."""
SAMPLES_GOALS: Mapping[int, float] = {10_000: 1.0}
"""Goals of derivatives of samples beside SciPy's smoothing spline, by the number of samples."""
SAMPLES_SECONDS: Mapping[int, float] = {100_000: 1.5}
"""Numbers of samples at which SciPy's spline fails, and the seconds that their derivatives may take."""
SAMPLES_NOISE = 0.1
"""Standard deviation of the noise of these samples, those of exp(sin(t)). A choice."""
QUICK_POINTS = 100
"""At so many points a derivative is quick."""
SLOW = 1e-3
"""Seconds of an f that costs far more than what is done with its values."""
DELTA = 1e-5
"""The step of brute force; the time does not depend on it."""
PASSES = 50
"""Forward passes in a row, so that they are not the first after something else."""


class Table(Rows):
    """A row for every benchmark."""

    benchmark: str = key("what was measured")
    seconds: float = column("the lab's time", measured=True)
    reference_seconds: float = column("the time of what it is compared with", measured=True)
    ratio: float = column("seconds / reference_seconds", measured=True)
    goal: float = column("the ratio aimed at; none where only a figure is reported")
    rows_per_second: float = column("rows of the table written per second by the whole command", measured=True)
    reference_rows_per_second: float = column(
        "rows per second of writing the same columns with pyarrow alone", measured=True
    )
    peak_megabytes: float = column("largest resident memory of the command", measured=True)
    beyond_megabytes: float = column("largest traced memory of the call beyond its result", measured=True)
    reference: str = key("what it is compared with")


class Summary(Rows):
    """The same in short."""

    benchmark: str = key("what was measured")
    ratio: float = column("the lab's time over the reference", measured=True)
    goal: float = column("the ratio aimed at")
    peak_megabytes: float = column("largest resident memory", measured=True)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes: small here, real in the preset."""

    network: tuple[dk.Network, ...] = field(default=(dk.Network((4, 16, 3)),))
    samples: tuple[int, ...] = (4,)
    points: int = 200
    many_points: tuple[int, ...] = (100, 1000)
    sampled: tuple[int, ...] = (100,)
    deltas: int = 33
    table_points: int = 50
    repeats: int = 2
    quick_repeats: int = 20

    def __post_init__(self) -> None:
        sizes = ("samples", "points", "many_points", "sampled", "deltas", "table_points", "repeats", "quick_repeats")
        refuse_below(1, self, *sizes)

    @property
    def tools(self) -> tuple[str, ...]:
        """The other tools that are there."""
        return tuple(tool for tool in peers.NETWORKS if peers.installed(tool))

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return (
            7
            + len(self.many_points)
            + len(self.sampled)
            + len(self.network) * len(self.samples) * (4 + len(self.tools))
        )


def measure(config: Config) -> Iterator[Rows]:
    """Yield one row per benchmark, as it is done."""
    yield _sweep_against_f(config)
    yield _dual_against_f(config)
    yield _derivative_of_one(config)
    yield _derivative_of_slow(config)
    yield from _derivatives_of_many(config)
    yield from _derivatives_of_samples(config)
    yield _table_against_pyarrow(config)
    for formats, goal in (("[svg]", 2.5), ("[svg,png]", 3.0)):
        yield _command_against_imports(config, formats, goal)
    # Last, as the peak memory of a process counts what the one that started it held, and other tools hold much.
    for network, count in itertools.product(config.network, config.samples):
        yield from _gradients(config, network, count)


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the summary."""
    yield Summary.of(tables[Table])


def tell(tables: Tables) -> Iterator[str]:
    """Yield measurements as sentences, those that have a goal before the others."""
    table = tables[Table]
    told = table.loc[table["goal"].isna().sort_values(kind="stable").index].head(MAX_TOLD)
    for row in told.itertuples():
        goal = f" ({'within' if row.ratio <= row.goal else 'above'} the goal of {row.goal:g})"
        rows = (
            f"; {row.rows_per_second:.3g} rows per second against {row.reference_rows_per_second:.3g} of pyarrow alone"
        )
        beyond = f"; {row.beyond_megabytes:.1f} MB of memory beyond the result"
        peak = f"; peak memory {row.peak_megabytes:.0f} MB"
        known = {"goal": goal, "rows_per_second": rows, "beyond_megabytes": beyond, "peak_megabytes": peak}
        more = "".join(text for name, text in known.items() if not math.isnan(getattr(row, name)))
        yield f"{row.benchmark}: {row.ratio:.2f} times {row.reference}{more}."
    if len(table) > len(told):
        yield f"The table summary has {counted(len(table) - len(told), 'more measurement')}."


def _row(benchmark: str, seconds: float, reference_seconds: float, reference: str, **more: float) -> Table:
    missing = ("goal", "rows_per_second", "reference_rows_per_second", "peak_megabytes", "beyond_megabytes")
    return Table(
        benchmark=benchmark, reference=reference, seconds=seconds, reference_seconds=reference_seconds,
        ratio=seconds / reference_seconds, **{name: more.get(name, math.nan) for name in missing},
    )  # fmt: skip


def _exp_sin(x: Any) -> Any:
    return np.exp(np.sin(x))


def _sweep_against_f(config: Config) -> Table:
    """dk.sweep over the same number of evaluations of f alone; least times of interleaved repeats."""
    x, delta = np.linspace(0.0, 3.0, config.points), dk.geomspace(1e-16, 1.0, config.deltas)
    total = dk.sweep(_exp_sin, x, delta, formulas=FORMULAS).total
    values = np.random.default_rng(0).uniform(0.0, 3.0, min(total, 2**22))

    def alone() -> None:
        for start in range(0, total, BLOCK):
            at = start % max(1, values.size - BLOCK)
            _exp_sin(values[at : at + min(BLOCK, total - start)])

    ours, theirs = least_in_turns(config.repeats, lambda: dk.sweep(_exp_sin, x, delta, formulas=FORMULAS), alone)
    name = f"sweep of {len(FORMULAS)} formulas x {config.points} points x {config.deltas} deltas"
    return _row(name, ours, theirs, "the same evaluations of f alone", goal=2.0)


def _dual_against_f(config: Config) -> Table:
    """Value and derivative by dual numbers over the value alone."""
    x = np.linspace(0.0, 3.0, config.points)
    ours, theirs = least_in_turns(config.repeats, lambda: dk.dual(_exp_sin, x), lambda: _exp_sin(x))
    return _row(f"value and derivative of exp(sin(x)) by dk.dual at {config.points} points", ours, theirs, "f alone")


def _derivatives_of_many(config: Config) -> Iterator[Table]:
    """dk.derivative with its error bars, at numbers of points."""
    for count in config.many_points:
        x = np.linspace(0.0, 10.0, count)
        ours = functools.partial(dk.derivative, _exp_sin, x)
        tracemalloc.start()
        found = ours()
        held, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        alone = functools.partial(_exp_sin, np.linspace(0.0, 10.0, found.total))
        del found
        repeats = max(config.repeats, config.quick_repeats * QUICK_POINTS // count)
        name = f"derivatives of exp(sin(x)) with error bars at {count} points"
        more = {"beyond_megabytes": (peak - held) / 1e6, "goal": POINTS_GOALS.get(count, math.nan)}
        yield _beside_scipy(name, repeats, ours, (_exp_sin, x), alone, **more)


def _derivatives_of_samples(config: Config) -> Iterator[Table]:
    """dk.from_samples with its intervals, at numbers of samples."""
    for count in config.sampled:
        t = np.linspace(0.0, 10.0, count)
        y = _exp_sin(t) + SAMPLES_NOISE * np.random.default_rng(0).standard_normal(count)
        ours = functools.partial(dk.from_samples, t, y)
        name = f"derivatives of {count} samples with intervals"
        if count in SAMPLES_SECONDS:
            most = SAMPLES_SECONDS[count]
            yield _row(name, least_seconds(config.repeats, ours), most, f"the {most:g} s that they may take", goal=1.0)
        elif peers.installed("scipy"):
            spline = importlib.import_module("experiments.peers.scipy").sampled_slopes
            times = least_in_turns(config.repeats, ours, functools.partial(spline, t, y))
            yield _row(name, *times, "SciPy's smoothing spline", goal=SAMPLES_GOALS.get(count, math.nan))
        else:
            yield _row(name, *least_in_turns(config.repeats, ours, functools.partial(np.gradient, y, t)), "np.gradient")


def _derivative_of_one(config: Config) -> Table:
    """dk.derivative at one point; SciPy needs an f of arrays."""
    ours = functools.partial(dk.derivative, math.sin, 1.0)
    points = [1.0] * ours().total
    repeats, name = 10 * config.quick_repeats, "the derivative of math.sin at 1 with its error bar"
    return _beside_scipy(name, repeats, ours, (np.sin, 1.0), lambda: [math.sin(x) for x in points], goal=0.75)


def _beside_scipy(
    name: str, repeats: int, ours: Action, theirs: tuple[Callable[[Any], Any], Any], alone: Action, **more: float
) -> Table:
    """Beside SciPy's derivative, which has no bars, of f at x; or beside the same evaluations alone."""
    if not peers.installed("scipy"):
        return _row(name, *least_in_turns(repeats, ours, alone), "the same evaluations alone", **more)
    peer = importlib.import_module("experiments.peers.scipy").derivative
    return _row(name, *least_in_turns(repeats, ours, functools.partial(peer, *theirs)), "scipy.differentiate", **more)


def _derivative_of_slow(config: Config) -> Table:
    """What dk.derivative adds to an f that takes a millisecond, whether it is given a number or an array."""
    calls: list[Any] = []

    def counted(x: Any) -> float:
        calls.append(x)
        return math.sin(x)

    def slow(x: float) -> float:
        _wait()
        return math.sin(x)

    dk.derivative(counted, 0.5)

    def alone() -> None:
        for _ in calls:
            _wait()

    ours = functools.partial(dk.derivative, slow, 0.5)
    name = "the derivative of an f that takes 1 ms"
    return _row(name, *least_in_turns(config.repeats, ours, alone), "its calls of f alone", goal=1.15)


def _wait() -> None:
    """Busily, for a millisecond."""
    end = time.perf_counter() + SLOW
    while time.perf_counter() < end:
        pass


class Comparison(NamedTuple):
    """What is timed in turns with what."""

    what: str
    reference: str
    ours: Action
    theirs: Action
    in_a_row: int = 1
    """How often the reference is done, where it is much quicker."""


def _gradients(config: Config, network: dk.Network, count: int) -> Iterator[Table]:
    """What gradients of a network cost; in rounds, as what disturbs a machine lasts for seconds."""
    compared = [*_own_comparisons(network, count), *_comparisons_with_tools(config, network, count)]
    least = np.full((len(compared), 2), np.inf)
    for _ in range(config.repeats):
        for place, one in enumerate(compared):
            repeats = config.quick_repeats if one.in_a_row == 1 else 1
            least[place] = np.minimum(least[place], least_in_turns(repeats, one.ours, one.theirs))
    for one, (seconds, reference_seconds) in zip(compared, least.tolist(), strict=True):
        goal = GOALS.get((one.what, count), np.nan) if network.sizes == AIMED else np.nan
        name = f"{one.what}, {'-'.join(map(str, network.sizes))}, {count} samples"
        yield _row(name, seconds, reference_seconds / one.in_a_row, one.reference, goal=goal)


def _own_comparisons(network: dk.Network, count: int) -> Iterator[Comparison]:
    parameters, samples = network.initial(), network.draw(dk.Data(), count)
    given = parameters, samples
    backprop = functools.partial(network.backprop, *given)
    products = f"its {3 * network.depth - 1} matrix products alone"
    yield Comparison("backprop", products, backprop, _products(network, *given))
    each = functools.partial(network.per_sample_gradients, *given)
    written = functools.partial(np.full, (count, network.count), 1.0)
    yield Comparison("gradients of every sample", "filling a new array of their size", each, written)
    norms = functools.partial(network.squared_norms, *given)
    yield Comparison("squared norms of them", "backprop", norms, backprop)

    def passes() -> None:
        for _ in range(PASSES):
            network.losses(*given)

    moved = functools.partial(dk.brute_force, network, *given, delta=DELTA)
    yield Comparison("incremental brute force", "one forward pass", moved, passes, in_a_row=PASSES)


def _comparisons_with_tools(config: Config, network: dk.Network, count: int) -> Iterator[Comparison]:
    given = network.initial(), network.draw(dk.Data(), count)
    for tool in config.tools:
        theirs = importlib.import_module(f"experiments.peers.{tool}").gradient(network, *given)
        backprop = functools.partial(network.backprop, *given)
        yield Comparison(f"the gradient by {tool}", "backprop", theirs, backprop)


def _products(network: dk.Network, parameters: Array, samples: dk.Samples) -> Callable[[], None]:
    """The matrix products of backprop with the same layouts, into arrays that are there."""
    layers, gradient = network.forward(parameters, samples), np.empty_like(parameters)
    sums, slopes = ([np.ones_like(layer.z) for layer in layers] for _ in range(2))
    products = [
        (matrix, layer.given, z) for matrix, layer, z in zip(network.matrices(parameters), layers, sums, strict=True)
    ]
    for k, (matrix, into) in reversed(
        list(enumerate(zip(*map(network.matrices, (parameters, gradient)), strict=True)))
    ):
        products.append((slopes[k], layers[k].given.T, into))
        if k:
            products.append((matrix[:, :-1].T, slopes[k], slopes[k - 1]))

    def once() -> None:
        for left, right, out in products:
            np.matmul(left, right, out=out)

    return once


def _table_against_pyarrow(config: Config) -> Table:
    """The whole command that computes, explains and writes a large table, and pyarrow writing the same columns."""
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "run"
        rows = config.table_points * config.deltas * len(FORMULAS)
        seconds, peak = _timed(
            *("-m", "experiments.run", "expression=exp(sin(x))", f"method=[{','.join(FORMULAS)}]"),
            *(f"x=${{linspace:0,3,{config.table_points}}}", f"delta=${{logspace:-16,0,{config.deltas}}}"),
            *("figures.formats=[svg]", f"hydra.sweep.dir={target}"),
        )
        again = f"seconds_to_store({str(target / 'table.parquet')!r})"
        code = f"from experiments.tables import seconds_to_store; print({again})"
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603 -- our own code
    reference = float(done.stdout)
    return _row(
        f"table of {rows} rows with errors, written",
        seconds,
        reference,
        "pyarrow writing the same columns",
        rows_per_second=rows / seconds,
        reference_rows_per_second=rows / reference,
        peak_megabytes=peak,
    )


def _command_against_imports(config: Config, formats: str, goal: float) -> Table:
    """The main command, whole process, over importing the libraries that it stands on."""
    with tempfile.TemporaryDirectory() as directory:
        peaks = []

        def command() -> None:
            peaks.append(_timed("-m", "experiments.run", *MAIN, f"figures.formats={formats}", outputs=directory)[1])

        ours, theirs = least_in_turns(config.repeats, command, lambda: _timed("-c", IMPORTS))
    name = f"{formats}: python -m experiments.run {' '.join(MAIN)}"
    return _row(name, ours, theirs, "importing its libraries", goal=goal, peak_megabytes=max(peaks))


def _timed(*arguments: str, outputs: str = "") -> tuple[float, float]:
    """Seconds and peak megabytes of a Python process; a run of the lab leaves its results below ``outputs``.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    start = time.perf_counter()
    surroundings = {**os.environ, **({"LAB_OUTPUTS": outputs} if outputs else {})}
    with tempfile.TemporaryFile() as said:
        command = [sys.executable, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, env=surroundings)  # noqa: S603 -- ours
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            said.seek(0)
            raise RuntimeError(f"python {' '.join(arguments)} failed: {said.read().decode(errors='replace').strip()}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024
