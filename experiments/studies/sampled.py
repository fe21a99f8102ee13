"""Derivatives of measured data: of somebody's table, with the curve, corners and intervals that hold; or without one,
what methods for measured data are worth on signals whose derivatives are known.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.testing import (
    SAMPLED_GOALS,
    SAMPLED_METHODS,
    Sampled,
    SampledMethod,
    Scores,
    Signal,
    Slopes,
    away_covered,
    geometric_mean,
    oracle,
    score,
)
from experiments import goals
from experiments.datafile import DataFile
from experiments.peers.apart import AbsentError, Process, ToolError, facts_of
from experiments.study import (
    Frame,
    Rows,
    Tables,
    column,
    key,
    refuse_below,
    refuse_empty,
    refuse_repeated,
)
from experiments.words import counted, first_of, listed, number, percent

Array = NDArray[np.float64]
Row = dict[str, Any]

FIRST, BREAK = "from_samples", "a corner or a jump"
SEEN = ("kind", "left", "left_error", "right", "right_error")
"""What there is of a corner beside its times."""
WIDE, POINTS_IN_GAP = 8.0, 15
"""So many times as wide as usual is a gap between samples, in which the curve is drawn through so many points."""
TOLD = 5
"""Times that were wanted, or signals that a tool fails on, which a finding tells of."""
FEWEST = 4
"""Different times that a derivative of first order needs."""
OK = "ok"
NOT_FINITE = "not_finite", "no finite value"
"""What becomes of a record whose slopes are no numbers, which nobody says."""
SAMPLES, NOISE = "samples", "noise in percent of the signal"
"""What records are sorted by."""
EDGES: Mapping[str, Array] = {
    SAMPLES: np.array([0.0, 100.0, 200.0, 400.0, 1000.0, np.inf]),
    NOISE: np.array([0.0, 1.0, 3.0, 10.0, np.inf]),
}
"""Where one group of records ends and the next begins; what lies on an edge is of the next."""

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
    date: str = column("the same as a date, where the file has dates")


class Gaps(Claim):
    """The derivative between samples that are far apart, through which the figures draw it."""

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
    noise_percent: float = column(
        "the same in percent of the standard deviation of the signal about its mean; none of a constant"
    )
    seed: int = key("of the noise, and of irregular times")


class Records(Record):
    """A row for every method and record of a signal."""

    status: str = column("ok, or why the method gives no derivative", moves=OUTCOME)
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
    seconds: float = column("which the method took", measured=True)


class Methods(Rows):
    """The methods, those of other tools included."""

    method: str = key("the method")
    source: str = column("where its way is described")
    claim: str = column("what it promises")
    version: str = column("of an installed tool; empty for what is part of this library")
    limit: float = column("seconds that a record may take; none for what is part of this library")
    absent: str = column("why it was not tried, and what to do; empty if it was")


class Failures(Rows):
    """Records of which a tool gave no derivative, by what it says of them."""

    method: str = key("the method")
    status: str = key("refused, raised, hung, killed or not_finite")
    message: str = key("why it refuses, what it raised, or how its process ended")
    signal: str = key("of which they are records")
    records: int = column("how many")


class Goals(goals.Goals):
    """What a derivative of measured data is to reach."""


class Summary(Rows):
    """One line for every method and set of signals."""

    method: str = key("the method")
    half: str = key("the set of signals")
    records: int = column("how many have a derivative")
    lost: int = column("how many have none")
    rms_over_oracle: float = column("error over the oracle's, geometric mean", moves=OUTCOME)
    worst: float = column("the largest", moves=OUTCOME)
    covered: float = column("percent of the samples away from breaks that are covered", moves=OUTCOME)
    least_covered: float = column("the same of the worst record", moves=OUTCOME)
    covered_at_breaks: float = column(
        "percent of the samples at breaks that are covered, or said to be at one", moves=OUTCOME
    )
    found: float = column("corners and jumps named, of those far beyond the noise, in percent", moves=OUTCOME)
    false: float = column("corners named where there is none", moves=OUTCOME)
    seconds: float = column("median for a record", measured=True)


class Trends(Rows):
    """The same of groups of records that are alike in their number of samples, or in their noise."""

    method: str = key("the method", axis="series")
    against: str = key("what the records of a group have in common")
    at_least: float = key("the least of it")
    below: float = column("and what it stays below")
    middle: float = column("its geometric mean in the group", axis="x", label="samples, or noise in percent")
    records: int = column("how many have a derivative")
    rms_over_oracle: float = column(
        "error over the oracle's, geometric mean", moves=OUTCOME, axis="y", label="error / the oracle's"
    )
    covered: float = column("percent of the samples away from breaks that are covered", moves=OUTCOME)
    missed: float = column("percent that are not", moves=OUTCOME, label="true slopes outside the interval, in percent")
    seconds: float = column("median for a record", measured=True, label="seconds for a record")


# What is measured


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to differentiate: the columns of a file; or without one, which signals by which methods."""

    file: DataFile | None = None
    order: int = 1
    noise: float | None = None
    period: float | None = None
    at: tuple[float | np.datetime64, ...] = ()
    signals: Mapping[str, tuple[Signal, ...]] = field(default_factory=dict)
    smoother: tuple[SampledMethod, ...] = tuple(SAMPLED_METHODS.values())
    samples: int = 500
    seeds: int = 1

    def __post_init__(self) -> None:
        refuse_below(1, self, "seeds", "samples")
        refuse_empty(self, "smoother")
        refuse_repeated(self, "smoother", shown=lambda method: method.name)
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
            dated = [one for one in self.at if isinstance(one, np.datetime64)]
            if dated and self.file.t.dtype.kind != "M":
                raise ValueError(f"at={dated[0]}: the times of {self.file.name} are numbers; write a number, at=0.5")

    def _refuse_keys_of_files(self) -> None:
        for name, usual in (("order", 1), ("noise", None), ("period", None), ("at", ())):
            if getattr(self, name) != usual:
                raise ValueError(f"{name}={getattr(self, name)}: is of a file; write data=run.csv too")
        if not self.records:
            raise ValueError(f"samples={self.samples}: no signal has so few; write samples=500")

    @property
    def idle(self) -> Mapping[str, str]:
        """The keys that change nothing here, each with the reason."""
        why = "is for judging methods on signals, which is done without data; leave out one of the two"
        return {} if self.file is None else dict.fromkeys(("signals", "smoother", "samples", "seeds"), why)

    @property
    def records(self) -> list[tuple[str, Signal]]:
        """The signals that are not too long, with the set that they are of."""
        return [(half, one) for half, some in self.signals.items() for one in some if one.samples <= self.samples]

    @property
    def drawn(self) -> str:
        """The set of signals that is drawn: the first that has any."""
        return self.records[0][0]

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        if self.file is not None:
            return self.file.t.size * len(self.file.channels)
        return sum(one.samples for half, one in self.records if half == self.drawn)


def refuse_short(file: DataFile, order: int) -> None:
    """Refuse a file with a column of fewer samples than a derivative needs."""
    fewest = max(FEWEST, order + 3)
    for name, y in file.channels.items():
        count = np.unique(file.t[np.isfinite(y)]).size
        if count < fewest:
            times = "one time only" if count == 1 else counted(count, "different time")
            raise ValueError(
                f"data={file.name}: column {name} has samples at {times}; a derivative of order {order} needs {fewest}"
            )


def measure(config: Config) -> Iterator[Rows]:
    """Yield what a file says; without one, the signals that are drawn and every method on every record."""
    if config.file is not None:
        yield from of_file(config, config.file)
        return
    try:
        methods, absent = present(config.smoother)
        yield from absent
        for half, signal in config.records:
            for seed in range(config.seeds):
                sampled = signal.draw(seed)
                if half == config.drawn and not seed:
                    yield from of_channel(signal.name, sampled.t, sampled.y, truth=sampled.slope)
                yield from judged(methods, half, signal, seed, sampled)
        yield from map(described, methods)
    finally:
        for method in config.smoother:
            if isinstance(method.call, Process):
                method.call.close()


def of_file(config: Config, file: DataFile) -> Iterator[Rows]:
    """Yield the rows of every column of samples."""
    yield Source(
        file=file.name, sha256=file.sha256, rows=file.t.size, time=file.time, channels=", ".join(file.channels)
    )
    hints: dict[str, Any] = {"order": config.order, "noise": config.noise, "period": config.period}
    for name, y in file.channels.items():
        yield from of_channel(name, file.t, y, **hints)
        if config.at:
            at = moments(file.t, config.at)
            result = dk.from_samples(file.t, y, at=at, **hints)
            yield At.of_result(result, channel=name, derivative=result.value, t=seconds(at, file.t), date=dates(at))


def of_channel(name: str, t: NDArray[Any], y: Array, truth: Array | None = None, **hints: Any) -> Iterator[Rows]:
    """Yield the rows of one column, and its corners."""
    result = dk.from_samples(t, y, **hints)
    outlier = np.isin(np.arange(y.size), result.outliers)
    yield Table.of_result(
        result, channel=name, row=np.arange(1, y.size + 1), t=seconds(t, t), date=dates(t), y=y,
        derivative=result.value, outlier=outlier, gradient=differences(seconds(t, t), y, result.order),
        truth=np.full(y.size, np.nan) if truth is None else truth,
    )  # fmt: skip
    between = in_gaps(t[np.isfinite(y)])
    if between.size:
        guess = dk.from_samples(t, y, at=between, **hints)
        yield Gaps.of_result(guess, channel=name, derivative=guess.value, t=seconds(between, t))
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


def in_gaps(t: NDArray[Any]) -> NDArray[Any]:
    """Times between samples that are far apart, numbers or dates."""
    times = np.unique(t)
    widths = np.diff(times)
    first = np.flatnonzero(widths > WIDE * np.median(widths))
    parts = np.arange(1, POINTS_IN_GAP + 1) / (POINTS_IN_GAP + 1.0)
    return np.asarray((times[first, None] + (widths[first, None] * parts).astype(widths.dtype)).ravel())


def moments(record: NDArray[Any], at: tuple[float | np.datetime64, ...]) -> NDArray[Any]:
    """Times as the record has them: a number among dates is so many seconds after the first."""
    if record.dtype.kind != "M":
        return np.array(at)
    first = record.min()
    return np.array([
        one if isinstance(one, np.datetime64) else first + np.timedelta64(round(1e9 * one), "ns") for one in at
    ])  # fmt: skip


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


def present(methods: Sequence[SampledMethod]) -> tuple[list[SampledMethod], list[Methods]]:
    """The methods that are there, processes of tools started; and a row for each that is not.

    Raises
    ------
    ValueError
        If none is there, with what to do for each.
    """
    there: list[SampledMethod] = []
    absent: dict[str, Methods] = {}
    for method in methods:
        try:
            if isinstance(method.call, Process):
                method.call.start()
            there.append(method)
        except (AbsentError, ToolError) as error:
            absent[str(error)] = described(method, absent=str(error))
    if not there:
        raise ValueError("; ".join(absent))
    return there, list(absent.values())


def described(method: SampledMethod, *, absent: str = "") -> Methods:
    """A method, and whether it is there."""
    return Methods.of_result(method, method=method.name, absent=absent, **facts_of(method.call))


def judged(methods: Sequence[SampledMethod], half: str, signal: Signal, seed: int, sampled: Sampled) -> Iterator[Rows]:
    """Yield what every method makes of a record, and why some make nothing of it."""
    least, rows = oracle(sampled), []
    for method in methods:
        slopes, seconds = timed(method, sampled)
        row = score(half, signal, seed, sampled, slopes)
        ratio = row["rms"] / least if signal.noise else math.nan
        lost = not math.isfinite(row["rms"])
        outcome = NOT_FINITE if lost and slopes.status == OK else (slopes.status, slopes.message)
        more = {"method": method.name, "status": outcome[0], "seconds": seconds, "rms_over_oracle": ratio}
        rows.append(row | more)
        if lost:
            yield Failures(method=method.name, status=outcome[0], message=outcome[1], signal=signal.name, records=1)
    relative = 100.0 * signal.noise / sampled.spread if sampled.spread else math.nan
    yield Records.of(rows, oracle=least, noise_percent=relative)


def timed(method: SampledMethod, sampled: Sampled) -> tuple[Slopes, float]:
    """What a method says of a record, and the seconds that it took: those in its process, if it has one.

    A tool that was lost, and does not start again, has lost this record, too.
    """
    begin = time.perf_counter()
    try:
        slopes = method.call(sampled.t, sampled.y)
    except ToolError as error:
        slopes = Slopes(value=np.full(sampled.t.shape, np.nan), status="killed", message=str(error))
    seconds = time.perf_counter() - begin
    return slopes, slopes.seconds if isinstance(method.call, Process) else seconds


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield what is drawn; of methods, how they compare and whether they reach the goals."""
    table = tables[Table]
    if len(table):
        yield from drawn(table, tables[Gaps], tables[Corners])
    records = tables[Records]
    if len(records):
        for method, rows in records.groupby("method", sort=False):
            yield Goals.of(goals.judged(str(method), SAMPLED_GOALS, scores_of(rows)))
        groups = records.groupby(["method", "half"], sort=False)
        yield Summary.of([summed_up(str(method), str(half), rows) for (method, half), rows in groups])
        for against in EDGES:
            yield Trends.of(trends(records, against))


def drawn(table: Frame, gaps: Frame, corners: Frame) -> Iterator[Rows]:
    """Yield the lines of the figures."""
    column = {name: table[name].to_numpy() for name in table}
    between = {name: gaps[name].to_numpy() for name in gaps}
    within = {"channel": between["channel"], "t": between["t"]}
    every = {"channel": column["channel"], "t": column["t"]}
    outlier = column["outlier"].astype(bool)
    yield Curves(**every, line="samples", y=np.where(outlier, np.nan, column["y"]), half_width=math.nan)
    if outlier.any():
        yield Curves(**every, line="outliers", y=np.where(outlier, column["y"], np.nan), half_width=math.nan)
    yield Curves(**every, line="curve", y=column["curve"], half_width=column["curve_error"])
    yield Curves(**within, line="curve", y=between["curve"], half_width=between["curve_error"])
    yield Derivatives(**every, line="np.gradient", y=column["gradient"], half_width=math.nan)
    yield Derivatives(**every, line=FIRST, y=column["derivative"], half_width=column["error"])
    yield Derivatives(**within, line=FIRST, y=between["derivative"], half_width=between["error"])
    if np.isfinite(column["truth"]).any():
        yield Derivatives(**every, line="the truth", y=column["truth"], half_width=math.nan)
    for channel, rows in corners.groupby("channel", sort=False):
        known = table[(table["channel"] == channel) & np.isfinite(table["curve"])].sort_values("t", kind="stable")
        mark = {"channel": channel, "line": BREAK, "t": rows["t"].to_numpy(), "half_width": math.nan}
        yield Curves(**mark, y=np.interp(rows["t"], known["t"], known["curve"]))
        yield Derivatives(**mark, y=0.5 * (rows["left"] + rows["right"]).to_numpy())


def scores_of(rows: Frame) -> Scores:
    """The records of a method that have a derivative."""
    known = rows[np.isfinite(rows["rms"])]
    return Scores(**{one.name: known[one.name].to_numpy() for one in fields(Scores)})


def summed_up(method: str, half: str, rows: Frame) -> Row:
    """What the records of a method and a set say together."""
    scores = scores_of(rows)
    covered = away_covered(scores)
    with np.errstate(all="ignore"):
        return {
            "method": method, "half": half, "records": scores.seed.size, "lost": len(rows) - scores.seed.size,
            "rms_over_oracle": geometric_mean(scores.ratio),
            "worst": float(np.fmax.reduce(scores.ratio, initial=math.nan)),
            "covered": mean(covered), "least_covered": float(np.fmin.reduce(covered, initial=math.nan)),
            "covered_at_breaks": float(100.0 * np.float64(scores.at_covered.sum()) / scores.at.sum()),
            "found": float(100.0 * np.float64(scores.found.sum()) / scores.strong.sum()),
            "false": float(scores.false.sum()), "seconds": rows["seconds"].median(),
        }  # fmt: skip


def mean(values: Array) -> float:
    """The mean; NaN of nothing."""
    return float(np.mean(values)) if values.size else math.nan


def trends(records: Frame, against: str) -> list[Row]:
    """The records of every method by their number of samples, or by their noise."""
    values = records["samples" if against == SAMPLES else "noise_percent"].to_numpy(dtype=np.float64)
    records, values = records[np.isfinite(values)], values[np.isfinite(values)]
    edges, rows = EDGES[against], []
    group = np.searchsorted(edges, values, side="right") - 1
    keys = records.groupby(["method", group], sort=False).indices
    for (method, place), which in keys.items():
        some = scores_of(records.iloc[which])
        covered = mean(away_covered(some))
        rows.append(
            {
                "method": method, "against": against, "at_least": edges[place], "below": edges[place + 1],
                "middle": geometric_mean(values[which]), "records": some.seed.size,
                "rms_over_oracle": geometric_mean(some.ratio), "covered": covered, "missed": 100.0 - covered,
                "seconds": records["seconds"].iloc[which].median(),
            }
        )  # fmt: skip
    return sorted(rows, key=lambda row: row["at_least"])


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
        yield from of_wanted(str(channel.channel), tables[At], str(source["time"]))
        yield from of_gradient(str(channel.channel), rows)
        empty = len(rows) - channel.samples
        if empty:
            yield (
                f"{channel.channel} has {counted(channel.samples, 'sample')} in {counted(len(rows), 'row')}:"
                f" {counted(empty, 'cell')} {'is' if empty == 1 else 'are'} empty."
            )
    yield (
        f"Read from {source['file']}: {counted(source['rows'], 'row')}, times in the column {source['time']}; SHA-256"
        f" {source['sha256']}."
    )


def of_wanted(channel: str, wanted: Frame, time: str) -> Iterator[str]:
    """The derivative at the first of the times that were wanted."""
    rows = wanted[wanted["channel"] == channel]
    each = [
        f"{dk.with_bar(one.derivative, one.error) if math.isfinite(one.derivative) else 'not known'} at {time} ="
        f" {one.date or f'{one.t:g}'}{'' if one.status == OK else f' ({one.status})'}"
        for one in rows.head(TOLD).itertuples()
    ]
    if each:
        more = f"; the table at has all {len(rows)}" if len(rows) > TOLD else ""
        yield f"The derivative of {channel} is {listed(each)}{more}."


def of_gradient(channel: str, rows: Frame) -> Iterator[str]:
    """How often np.gradient is outside the interval, and how far beyond its end it is then."""
    known = rows[np.isfinite(rows["gradient"]) & np.isfinite(rows["error"])]
    if len(known):
        beyond = (known["gradient"] - known["derivative"]).abs() - known["error"]
        outside = beyond > 0.0
        far = (beyond / known["error"])[outside].median()
        half = f", half of those by more than {number(far)} times its half-width" if math.isfinite(far) else ""
        yield (
            f"np.gradient of {channel} lies outside the interval at 95 % at {percent(float(outside.mean()))} of the"
            f" samples{half}."
        )


def of_methods(tables: Tables) -> Iterator[str]:
    """How methods compare on signals, the goals of the first, and what other tools refuse or lack."""
    records, summary, reached = tables[Records], tables[Summary], tables[Goals]
    if not len(records):
        return
    for half, rows in summary.groupby("half", sort=False):
        yield ranking(str(half), rows.sort_values("rms_over_oracle", kind="stable"))
    with_interval = summary[summary["covered"].notna()]
    if len(with_interval):
        shares = "; ".join(coverages(with_interval))
        yield f"Share of the true slopes away from corners and jumps that the interval at 95 % covers: {shares}."
    yield goals.of_goals(reached[reached["method"] == records["method"].iloc[0]])
    yield from of_tools(tables[Failures], tables[Methods].drop_duplicates("method"))


def ranking(half: str, rows: Frame) -> str:
    """The errors of all methods on a set, the least first, with how many records are without a derivative."""
    known = rows[rows["records"] > 0]
    each = [
        f"{one.method} {number(one.rms_over_oracle, 3)}{f' (without {one.lost})' if one.lost else ''}"
        for one in known.itertuples()
    ]
    count = counted(int((rows["records"] + rows["lost"]).max()), "record")
    return (
        f"Error divided by that of the best smoothing spline, geometric mean over the {count} of the set {half}:"
        f" {listed(each)}."
    )


def coverages(summary: Frame) -> Iterator[str]:
    """How much the intervals of every method cover, over all sets, in percent."""
    for method, rows in summary.groupby("method", sort=False):
        share = float(np.average(rows["covered"], weights=rows["records"]))
        yield f"{method} {number(share, 3)} %, in its worst record {number(float(rows['least_covered'].min()), 3)} %"


def of_tools(failures: Frame, methods: Frame) -> Iterator[str]:
    """Which records other tools gave no derivative of, in their words, and which tools are absent."""
    for (method, status, message), rows in failures.groupby(["method", "status", "message"], sort=False):
        count = counted(int(rows["records"].sum()), "record")
        signals = first_of(list(dict.fromkeys(rows["signal"])), TOLD)
        yield f"{method} gives no derivative of {count} ({signals}): {message.rstrip('.')} ({status})."
    absent = [str(one) for one in methods["absent"] if one]
    if absent:
        yield f"Not measured: {'; '.join(absent)}."
