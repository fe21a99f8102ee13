"""Derivatives of measured data: of somebody's table, with the curve, corners and intervals that hold; or without one,
what methods for measured data are worth on signals whose derivatives are known.
"""

from __future__ import annotations

import importlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.testing import (
    SAMPLED_GOALS,
    SAMPLED_METHODS,
    Goal,
    Judgement,
    Sampled,
    Scores,
    Signal,
    Slopes,
    geometric_mean,
    oracle,
    score,
)
from experiments import peers
from experiments.datafile import DataFile
from experiments.study import (
    Frame,
    Rows,
    Tables,
    column,
    key,
    refuse_below,
    refuse_empty,
    refuse_repeated,
    refuse_unknown,
)
from experiments.words import counted, listed, number, percent

Array = NDArray[np.float64]
Row = dict[str, Any]

PEERS = {"scipy": "make_smoothing_spline"}
"""Methods of other tools that are judged where these are installed."""
FIRST, BREAK = "from_samples", "a corner or a jump"
DRAWN = "five"
"""The set of signals that is drawn."""
SEEN = ("kind", "left", "left_error", "right", "right_error")
"""What there is of a corner beside its times."""
FEWEST = 4
"""Different times that a derivative of first order needs."""

# Tables

OUTCOME: Mapping[str, Any] = {"follows": ()}
"""The rule of what is the outcome of a search for the likeliest models."""
CHANNEL = key("the column of the file, or the signal")
TIME = key("the time, in the unit of the file; of dates, seconds after the first one", axis="x", label="t")
ERROR = column("half of its interval at 95 %", moves=OUTCOME)
STATUS = column("ok, edge, gap, corner, jump or unresolved", moves=OUTCOME)


class Claim(Rows, table=None):
    """What dk.from_samples says at a time."""

    curve: float = column("the signal without noise", moves={"column": "curve_error"})
    curve_error: float = ERROR
    derivative: float = column("its derivative", moves={"column": "error"})
    error: float = ERROR
    status: str = STATUS


class Table(Claim):
    """A row for every sample of every channel, or of the signals that are drawn."""

    channel: str = CHANNEL
    row: int = key("which row of the file, from 1; of a signal, which sample")
    t: float = column("the time, in the unit of the file; of dates, seconds after the first one")
    date: str = column("the time as a date, where the file has dates")
    y: float = column("the sample")
    outlier: bool = column("whether the sample was taken for an outlier", moves=OUTCOME)
    gradient: float = column("what np.gradient says, of first order alone", moves=OUTCOME)
    truth: float = column("the derivative of a signal; not known of a file")


class At(Claim):
    """The derivative at times that were wanted."""

    channel: str = CHANNEL
    t: float = TIME


class Channels(Rows):
    """What was seen of every channel."""

    channel: str = CHANNEL
    samples: int = column("how many")
    unit: str = column("what the derivative is divided by: s of dates, to the power of the order; unknown of numbers")
    noise: float = column("standard deviation of the noise, as it was found", moves=OUTCOME)
    scale: float = column("the length over which samples were averaged", moves=OUTCOME)
    outliers: int = column("samples that were taken for outliers", moves=OUTCOME)
    message: str = column("what was seen, in words", moves=OUTCOME)


class Corners(Rows):
    """Corners and jumps."""

    channel: str = CHANNEL
    corner: int = key("which, from 1")
    kind: str = column("corner or jump", moves=OUTCOME)
    t: float = column("where", moves=OUTCOME)
    date: str = column("the same as a date, where the file has dates", moves=OUTCOME)
    low: float = column("between which it lies, at 95 %", moves=OUTCOME)
    high: float = column("and the other end", moves=OUTCOME)
    left: float = column("the derivative before it", moves=OUTCOME)
    left_error: float = ERROR
    right: float = column("the derivative after it", moves=OUTCOME)
    right_error: float = ERROR


class Source(Rows):
    """The file that was read."""

    file: str = key("its path as it was written")
    sha256: str = column("of its content")
    rows: int = column("how many")
    time: str = column("the column of times")
    channels: str = column("the columns of samples")


class Curves(Rows):
    """The samples and the curve through them."""

    channel: str = CHANNEL
    line: str = key("samples, outliers, the curve with its interval, or where it has corners", axis="series")
    t: float = TIME
    y: float = column("in the unit of the file", moves=OUTCOME, axis="y", label="y")
    half_width: float = column("half of the interval at 95 %, of the curve", moves=OUTCOME)


class Derivatives(Rows):
    """The derivative, and what others say."""

    channel: str = CHANNEL
    line: str = key(
        "the derivative with its interval, np.gradient, the truth, or where there are corners", axis="series"
    )
    t: float = TIME
    y: float = column("a unit of y for a unit of t", moves=OUTCOME, axis="y", label="derivative")
    half_width: float = column("half of the interval at 95 %, of the derivative", moves=OUTCOME)


class Record(Rows, table=None):
    """A method on a record."""

    method: str = key("the method", axis="series")
    half: str = key("the set of signals: tuning, held_out, or the five that others are shown on")
    signal: str = key("its name in conf/signals")
    kind: str = column("what it tries of a method")
    samples: int = column("how many", axis="x", label="samples")
    noise: float = column("standard deviation of the noise")
    seed: int = key("of the noise, and of irregular times")


class Records(Record):
    """A row for every method and record of a signal."""

    rms: float = column("root mean square error of the derivative", moves=OUTCOME)
    oracle: float = column("the least of a cubic smoothing spline, chosen knowing the truth", moves=OUTCOME)
    rms_over_oracle: float = column(
        "the first over the second; none without noise", moves=OUTCOME, axis="y", label="error / the oracle's"
    )
    away: int = column("samples away from corners and jumps")
    away_covered: float = column("how many of these the interval covers; none of a method without one", moves=OUTCOME)
    at: int = column("samples beside corners and jumps")
    at_covered: float = column("how many of these are covered, or said to be at a corner", moves=OUTCOME)
    strong: int = column("corners and jumps above ten standard deviations of the noise")
    found: float = column("how many of these are named; none of a method that names none", moves=OUTCOME)
    false: float = column("corners that are named where there is none", moves=OUTCOME)


class Goals(Rows):
    """What a derivative of measured data is to reach."""

    method: str = key("the method")
    measure: str = key("what is measured")
    unit: str = column("%, or x for a factor; else a number")
    bound: str = column("whether the goal is the most or the least that is allowed")
    goal: float = column("the goal")
    measured: float = column("what was measured; none where there was nothing to measure", moves=OUTCOME)
    cases: int = column("how many cases that is about")
    reached: str = column("yes, no, or not measured", moves=OUTCOME)


class Summary(Rows):
    """One line for every method and set of signals."""

    method: str = key("the method")
    half: str = key("the set of signals")
    records: int = column("how many")
    rms_over_oracle: float = column("error over the oracle's, geometric mean", moves=OUTCOME)
    worst: float = column("the largest", moves=OUTCOME)
    covered: float = column("percent of the samples away from breaks that are covered", moves=OUTCOME)
    least_covered: float = column("the same of the worst record", moves=OUTCOME)
    covered_at_breaks: float = column("percent of the samples at breaks that are covered, or told", moves=OUTCOME)
    found: float = column("corners and jumps named, of those far beyond the noise, in percent", moves=OUTCOME)
    false: float = column("corners named where there is none", moves=OUTCOME)


# What is measured


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to differentiate: the columns of a file; or without one, which signals by which methods."""

    file: DataFile | None = None
    order: int = 1
    noise: float | None = None
    period: float | None = None
    at: tuple[float, ...] = ()
    signals: Mapping[str, tuple[Signal, ...]] = field(default_factory=dict)
    smoother: tuple[str, ...] = tuple(SAMPLED_METHODS)
    samples: int = 500
    seeds: int = 1

    def __post_init__(self) -> None:
        refuse_below(1, self, "seeds", "samples")
        refuse_empty(self, "smoother")
        refuse_repeated(self, "smoother")
        refuse_unknown(self, "smoother", known_methods())
        if not 1 <= self.order <= 3:
            raise ValueError(f"order={self.order}: derivatives of order 1, 2 and 3 are known; write order=1")
        for name in ("noise", "period"):
            value = getattr(self, name)
            if value is not None and not value > 0.0:
                raise ValueError(f"{name}={value:g}: must be above 0; leave it out where it is not known")
        if self.file is None:
            self._refuse_keys_of_files()
        else:
            refuse_short(self.file, self.order)

    def _refuse_keys_of_files(self) -> None:
        for name, usual in (("order", 1), ("noise", None), ("period", None), ("at", ())):
            if getattr(self, name) != usual:
                raise ValueError(f"{name}={getattr(self, name)}: is of a file; write data=run.csv too")
        if not self.records:
            raise ValueError(f"samples={self.samples}: no signal has so few; write samples=500")

    @property
    def records(self) -> list[tuple[str, Signal]]:
        """The signals that are not too long, with the set that they are of."""
        return [(half, one) for half, some in self.signals.items() for one in some if one.samples <= self.samples]

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        if self.file is not None:
            return self.file.t.size * len(self.file.channels)
        return sum(one.samples for half, one in self.records if half == DRAWN)


def known_methods() -> list[str]:
    """The methods by name, those of other tools last."""
    return [*SAMPLED_METHODS, *PEERS]


def refuse_short(file: DataFile, order: int) -> None:
    """Refuse a file with a column of fewer samples than a derivative needs."""
    fewest = max(FEWEST, order + 3)
    for name, y in file.channels.items():
        count = np.unique(file.t[np.isfinite(y)]).size
        if count < fewest:
            raise ValueError(
                f"data={file.name}: column {name} has samples at {counted(count, 'different time')};"
                f" a derivative of order {order} needs {fewest}"
            )


def measure(config: Config) -> Iterator[Rows]:
    """Yield what a file says; without one, the signals that are drawn and every method on every record."""
    if config.file is not None:
        yield from of_file(config, config.file)
        return
    for half, signal in config.records:
        for seed in range(config.seeds):
            sampled = signal.draw(seed)
            if half == DRAWN and not seed:
                yield from of_channel(signal.name, sampled.t, sampled.y, truth=sampled.slope)
            yield judged(config, half, signal, seed, sampled)


def of_file(config: Config, file: DataFile) -> Iterator[Rows]:
    """Yield the rows of every column of samples."""
    yield Source(
        file=file.name, sha256=file.sha256, rows=file.t.size, time=file.time, channels=", ".join(file.channels)
    )
    hints: dict[str, Any] = {"order": config.order, "noise": config.noise, "period": config.period}
    for name, y in file.channels.items():
        yield from of_channel(name, file.t, y, **hints)
        if config.at:
            result = dk.from_samples(file.t, y, at=moments(file.t, config.at), **hints)
            yield At.of_result(result, channel=name, derivative=result.value, t=config.at)


def of_channel(name: str, t: NDArray[Any], y: Array, truth: Array | None = None, **hints: Any) -> Iterator[Rows]:
    """Yield the rows of one column, and its corners."""
    result = dk.from_samples(t, y, **hints)
    outlier = np.isin(np.arange(y.size), result.outliers)
    yield Table.of_result(
        result, channel=name, row=np.arange(1, y.size + 1), t=seconds(t, t), date=dates(t), y=y,
        derivative=result.value, outlier=outlier, gradient=differences(seconds(t, t), y, result.order),
        truth=np.full(y.size, np.nan) if truth is None else truth,
    )  # fmt: skip
    yield Channels.of_result(
        result, channel=name, samples=int(np.isfinite(y).sum()), outliers=len(result.outliers), unit=result.per
    )
    if result.corners:
        ends = {end: np.array([getattr(one, end) for one in result.corners]) for end in ("t", "low", "high")}
        yield Corners(
            channel=name, corner=np.arange(1, len(result.corners) + 1), date=dates(ends["t"]),
            **{end: seconds(some, t) for end, some in ends.items()},
            **{what: [getattr(one, what) for one in result.corners] for what in SEEN},
        )  # fmt: skip


def seconds(t: NDArray[Any], record: NDArray[Any]) -> Array:
    """Times as numbers: of dates, seconds after the first of the record."""
    if t.dtype.kind != "M":
        return np.asarray(t, dtype=np.float64)
    return np.asarray((t - record.min()) / np.timedelta64(1, "s"))


def moments(record: NDArray[Any], at: tuple[float, ...]) -> NDArray[Any]:
    """Times as the record has them: among dates, so many seconds after the first."""
    wanted = np.array(at)
    return record.min() + (1e9 * wanted).astype("timedelta64[ns]") if record.dtype.kind == "M" else wanted


def dates(t: NDArray[Any]) -> object:
    """Dates as texts; nothing of numbers."""
    return np.datetime_as_string(t, unit="ms").astype(object) if t.dtype.kind == "M" else ""


def differences(t: Array, y: Array, order: int) -> Array:
    """What np.gradient says in the order of time; NaN where it divides by 0, and of a higher order."""
    result = np.full(t.size, np.nan)
    known = np.flatnonzero(np.isfinite(y))
    known = known[np.argsort(t[known], kind="stable")]
    if order == 1:
        with np.errstate(all="ignore"):
            slope = np.gradient(y[known], t[known])
        result[known] = np.where(np.isfinite(slope), slope, np.nan)
    return result


def judged(config: Config, half: str, signal: Signal, seed: int, sampled: Sampled) -> Records:
    """Every method on a record."""
    calls = dict(methods_of(config))
    rows = [
        {"method": name, **score(half, signal, seed, sampled, call(sampled.t, sampled.y))}
        for name, call in calls.items()
    ]
    least = oracle(sampled)
    ratio = [row["rms"] / least if signal.noise else math.nan for row in rows]
    return Records.of(rows, oracle=least, rms_over_oracle=ratio)


def methods_of(config: Config) -> Iterator[tuple[str, Callable[[Array, Array], Slopes]]]:
    """The methods that are chosen, of other tools those that are installed."""
    for name in config.smoother:
        if name in SAMPLED_METHODS:
            yield name, SAMPLED_METHODS[name].call
        elif peers.installed(name):
            yield f"{name} {PEERS[name]}", of_peer(name)


def of_peer(name: str) -> Callable[[Array, Array], Slopes]:
    """The slopes that another tool gives."""
    slopes = importlib.import_module(f"experiments.peers.{name}").sampled_slopes
    return lambda t, y: Slopes(value=slopes(t, y))


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield what is drawn; of methods, how they compare and whether they reach the goals."""
    table = tables[Table]
    if len(table):
        yield from drawn(table, tables[Corners])
    records = tables[Records]
    if len(records):
        for method, rows in records.groupby("method", sort=False):
            scores = scores_of(rows)
            yield Goals.of([goal_row(str(method), goal, goal.judge(scores)) for goal in SAMPLED_GOALS])
        groups = records.groupby(["method", "half"], sort=False)
        yield Summary.of([summed_up(str(method), str(half), scores_of(rows)) for (method, half), rows in groups])


def drawn(table: Frame, corners: Frame) -> Iterator[Rows]:
    """Yield the lines of the figures."""
    column = {name: table[name].to_numpy() for name in table}
    every = {"channel": column["channel"], "t": column["t"]}
    outlier = column["outlier"].astype(bool)
    yield Curves(**every, line="samples", y=np.where(outlier, np.nan, column["y"]), half_width=math.nan)
    if outlier.any():
        yield Curves(**every, line="outliers", y=np.where(outlier, column["y"], np.nan), half_width=math.nan)
    yield Curves(**every, line="curve", y=column["curve"], half_width=column["curve_error"])
    yield Derivatives(**every, line="np.gradient", y=column["gradient"], half_width=math.nan)
    yield Derivatives(**every, line=FIRST, y=column["derivative"], half_width=column["error"])
    if np.isfinite(column["truth"]).any():
        yield Derivatives(**every, line="the truth", y=column["truth"], half_width=math.nan)
    for channel, rows in corners.groupby("channel", sort=False):
        known = table[(table["channel"] == channel) & np.isfinite(table["curve"])].sort_values("t", kind="stable")
        mark = {"channel": channel, "line": BREAK, "t": rows["t"].to_numpy(), "half_width": math.nan}
        yield Curves(**mark, y=np.interp(rows["t"], known["t"], known["curve"]))
        yield Derivatives(**mark, y=0.5 * (rows["left"] + rows["right"]).to_numpy())


def scores_of(rows: Frame) -> Scores:
    """The records of a method."""
    names = [name for name in Records.columns if name not in ("method", "rms_over_oracle")]
    return Scores(**{name: rows[name].to_numpy() for name in names})


def goal_row(method: str, goal: Goal[Scores], judgement: Judgement) -> Row:
    """A row of the table of goals."""
    return {
        "method": method, "measure": goal.measure, "unit": goal.unit, "bound": goal.bound, "goal": goal.goal,
        "measured": judgement.measured, "cases": judgement.cases, "reached": judgement.reached,
    }  # fmt: skip


def summed_up(method: str, half: str, scores: Scores) -> Row:
    """What the records of a method and a set say together."""
    with np.errstate(all="ignore"):
        covered = 100.0 * scores.away_covered / scores.away
        return {
            "method": method, "half": half, "records": scores.seed.size,
            "rms_over_oracle": geometric_mean(scores.ratio), "worst": float(np.fmax.reduce(scores.ratio)),
            "covered": float(np.mean(covered)), "least_covered": float(np.min(covered)),
            "covered_at_breaks": float(100.0 * np.float64(scores.at_covered.sum()) / scores.at.sum()),
            "found": float(100.0 * np.float64(scores.found.sum()) / scores.strong.sum()),
            "false": float(scores.false.sum()),
        }  # fmt: skip


# In words


def tell(tables: Tables) -> Iterator[str]:
    """Yield what was seen in every column; of methods, how they compare and which goals are reached."""
    if len(tables[Source]):
        yield from of_source(tables)
    else:
        yield from of_methods(tables)


def of_source(tables: Tables) -> Iterator[str]:
    """What is in a file."""
    source = tables[Source].iloc[0]
    for channel in tables[Channels].itertuples():
        rows = tables[Table][tables[Table]["channel"] == channel.channel]
        yield f"{channel.channel}: {channel.message}."
        yield from of_gradient(str(channel.channel), rows)
    yield (
        f"Read from {source['file']}: {counted(source['rows'], 'row')}, times in the column {source['time']}; SHA-256"
        f" {source['sha256']}."
    )


def of_gradient(channel: str, rows: Frame) -> Iterator[str]:
    """How far np.gradient is off."""
    known = rows[np.isfinite(rows["gradient"]) & np.isfinite(rows["error"])]
    if len(known):
        away = (known["gradient"] - known["derivative"]).abs()
        outside = float((away > known["error"]).mean())
        yield (
            f"np.gradient of {channel} lies outside the interval at 95 % at {percent(outside)} of the samples, half of"
            f" them by more than {number(float((away / known['error']).median()))} times its half-width."
        )


def of_methods(tables: Tables) -> Iterator[str]:
    """How methods compare on signals, and the goals of the first."""
    records, summary, goals = tables[Records], tables[Summary], tables[Goals]
    if not len(records):
        return
    for half, rows in summary.groupby("half", sort=False):
        ranked = rows.sort_values("rms_over_oracle", kind="stable")
        listing = listed([f"{one.method} {number(one.rms_over_oracle, 3)}" for one in ranked.itertuples()])
        yield (
            f"{half}, {counted(int(rows['records'].iloc[0]), 'record')}: error over that of the best smoothing spline,"
            f" geometric mean: {listing}."
        )
    first = str(records["method"].iloc[0])
    measured = goals[(goals["method"] == first) & (goals["reached"] != "not measured")]
    reached = Counter(measured["reached"])["yes"]
    yield f"{first} reaches {reached} of {counted(len(measured), 'goal')} that could be measured."
    for one in measured[measured["reached"] == "no"].itertuples():
        yield (
            f"Missed: {one.measure} is {number(one.measured, 3)}{' %' if one.unit == '%' else ''}, and is to be at"
            f" {one.bound} {number(one.goal, 3)}."
        )
