"""The derivative of samples, as people have them: in any order, with gaps, duplicates, dates and several channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.arguments import as_array, counted, numbers, positive, whole
from derivkit.data.channel import Channel, Corner, in_order, solve
from derivkit.data.times import Clock, clock_of, with_span
from derivkit.presentation import DisplayWithBar, Framed, with_bar
from derivkit.types import Array

HIGHEST = 3
"""The highest order of a derivative: processes of order 4 know no more."""
STATUSES = ("ok", "edge", "gap", "corner", "jump", "unresolved")
"""What may become of a derivative of samples; the later is said in the place of the earlier."""
OF_TIMES = ("value", "error", "status", "curve", "curve_error")
"""What there is for every time."""
UNSURE = {
    "gap": "in gaps without samples, where the curve is a guess with its interval",
    "unresolved": "beyond the samples, where nothing is known",
}
"""Statuses that the message speaks of."""


@dataclass(frozen=True, repr=False)
class SampledDerivative(DisplayWithBar, Framed):
    """The derivative of samples.

    Attributes
    ----------
    t : ndarray
        The times at which it was wanted, as they were given.
    value, error : float, or ndarray of the shape of t, and of the channels if there are any
        The derivative, and half of its interval at 95 %.
    status : ndarray of str, of the same shape
        ``ok``; ``corner`` or ``jump``, where it may lie on either side of one; ``edge``, with samples on one side only;
        ``gap``; ``unresolved``: no value, as beyond the samples.
    curve, curve_error : ndarray, of the same shape
        The signal without noise, and half of its interval.
    noise, scale : float, or ndarray of shape ``(channels,)``
        Standard deviation of the noise, and the length over which samples were averaged: the record at most.
    corners : tuple of Corner
    outliers : tuple of int, or of pairs
        Which of the samples were taken for outliers: rows, or rows and channels.
    order : int
    unit : str
        Of the times, ``s`` where they were dates; else empty.
    message : str
        What was seen, in a sentence or more.

    Examples
    --------
    >>> d = from_samples([0, 1, 2, 3, 4], [0, 2, 4, 6, 8], at=2.5)
    >>> round(d.value, 6), d.status
    (2.0, 'ok')
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("t", "value", "error", "status", "noise", "scale")
    DETAILS: ClassVar[tuple[str, ...]] = ("corners", "outliers", "order", "unit", "message")
    t: Any
    value: Any
    error: Any
    status: Any
    curve: Any
    curve_error: Any
    noise: Any
    scale: Any
    corners: tuple[Corner, ...]
    outliers: tuple[Any, ...]
    order: int
    unit: str
    message: str

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """What there is for every time, a row for each, and for each channel if there are any, numbered from 0."""
        t, value = np.asarray(self.t), np.asarray(self.value)
        channels = value.shape[t.ndim :]
        count = channels[0] if channels else 1
        channel = {"channel": np.tile(np.arange(count), t.size)} if channels else {}
        of_times = {name: np.asarray(getattr(self, name)).ravel() for name in OF_TIMES}
        return {"t": np.repeat(t.ravel(), count), **channel, **of_times}

    @property
    def per(self) -> str:
        """What a unit of y is divided by, ``s^2`` for a second derivative by dates; empty where nobody knows."""
        return f"{self.unit}^{self.order}" if self.unit and self.order > 1 else self.unit


def from_samples(
    t: ArrayLike,
    y: ArrayLike,
    order: int = 1,
    *,
    at: ArrayLike | None = None,
    noise: float | None = None,
    period: float | None = None,
) -> SampledDerivative:
    """The derivative of samples with an interval that holds, and no number to be set by hand.

    The signal is taken for an integrated Wiener process with noise, of whatever order, roughness and noise the samples
    themselves make likely; these are averaged over, so that what is unknown of them is in the interval. Where the
    samples speak for it the roughness and the level of the noise change along the record, and there are corners, jumps
    and outliers. Without any noise it is interpolation, and the interval is that of the unknown curve between the
    samples.

    Parameters
    ----------
    t : array_like, shape ``(n,)``
        Times: numbers or dates, these also as texts such as ``"2026-01-31T12:30"``, in any order. Values at the same
        time are averaged.
    y : array_like, shape ``(n,)`` or ``(n, channels)``
        The samples; NaN where there is none. Channels are independent of each other.
    order : int
        Of the derivative, 1 to 3.
    at : array_like, optional
        Times at which it is wanted, of any shape: those of the samples, unless given. Nothing is known beyond these.
    noise : float, optional
        The standard deviation of the noise, by somebody who knows.
    period : float, optional
        After which the signal repeats.

    Returns
    -------
    SampledDerivative

    Raises
    ------
    ValueError, TypeError
        If t and y do not fit together, fewer than four times differ, or a number is infinite.

    References
    ----------
    Wahba (1978), J. R. Stat. Soc. B 40, 364: splines as expectations of integrated Wiener processes. Ansley & Kohn
    (1985), Ann. Stat. 13, 1286: the state-space form. de Jong & Penzer (1998), J. Am. Stat. Assoc. 93, 796: shocks.

    Examples
    --------
    >>> import derivkit as dk
    >>> t = np.linspace(0, 6, 60)
    >>> d = dk.from_samples(t, np.sin(t) + 0.05 * np.random.default_rng(0).normal(size=60))
    >>> bool(np.mean(abs(d.value - np.cos(t)) <= d.error) > 0.9), round(d.noise, 2)
    (True, 0.04)
    """
    order = whole("order", order, 1, HIGHEST)
    clock = clock_of(t)
    times = clock.read("t", t)
    if times.ndim != 1:
        raise ValueError(f"t has the shape {times.shape}: give one time for each sample, shape (n,)")
    columns, several = _columns(times, y), np.ndim(as_array(y)) > 1
    wanted = times if at is None else clock.read("at", at)
    known, repeats = _single("noise", noise), _single("period", period)
    channels = [solve(in_order(times, column, order, repeats), order, wanted.ravel(), known) for column in columns.T]
    return _combined(channels, as_array(t if at is None else at), order, clock, several=several)


def _single(name: str, value: float | None) -> float | None:
    """A positive number, where it is known."""
    if value is None:
        return None
    result = positive(name, value)
    if result.ndim:
        of_noise = "; where the noise changes along the record that is found without it" if name == "noise" else ""
        raise ValueError(f"{name} has the shape {result.shape}: give one number for the whole record{of_noise}")
    return float(result)


def _columns(times: Array, y: ArrayLike) -> Array:
    """The samples, shape ``(n, channels)``."""
    values = numbers("y", y)
    if values.ndim not in (1, 2) or len(values) != times.size:
        raise ValueError(f"t has {counted(times.size, 'time')} and y the shape {values.shape}: give as many rows of y")
    columns = values[:, None] if values.ndim == 1 else values
    if np.isinf(columns).any():
        row, column = np.argwhere(np.isinf(columns))[0].tolist()
        place = f"y[{row}]" if values.ndim == 1 else f"y[{row}, {column}]"
        raise ValueError(f"{place} is {float(columns[row, column])!r}: write NaN where there is no sample")
    return columns


# All channels


def _combined(
    channels: Sequence[Channel], t: NDArray[Any], order: int, clock: Clock, *, several: bool
) -> SampledDerivative:
    """The result of all channels: those of the times on the first axes, and on the last of the channels."""

    def stacked(name: str) -> Any:
        columns = [np.reshape(getattr(channel, name), t.shape if name in OF_TIMES else ()) for channel in channels]
        array = np.stack(columns, axis=-1) if several else columns[0]
        return array if array.ndim else array.item()

    corners = [
        replace(each, channel=k, t=clock.write(each.t), low=clock.write(each.low), high=clock.write(each.high))
        for k, channel in enumerate(channels)
        for each in channel.corners
    ]
    rows = [(row, k) if several else row for k, channel in enumerate(channels) for row in channel.outliers]
    result = SampledDerivative(
        t=t[()],
        value=stacked("value"),
        error=stacked("error"),
        status=stacked("status"),
        curve=stacked("curve"),
        curve_error=stacked("curve_error"),
        noise=stacked("noise"),
        scale=stacked("scale"),
        corners=tuple(corners),
        outliers=tuple(rows),
        order=order,
        unit=clock.unit,
        message="",
    )
    return replace(result, message=_description(result, channels))


def _description(result: SampledDerivative, channels: Sequence[Channel]) -> str:
    """What was seen, in sentences."""
    sentences = [f"noise of {', '.join(f'{one.noise:.2g}' for one in channels)}, {_averaging(channels, result.unit)}"]
    for k, one in enumerate(channels):
        least, most = (f"{level:.2g}" for level in one.levels)
        if least != most:
            which = f" of channel {k}" if len(channels) > 1 else ""
            sentences.append(f"the noise{which} changes along the record, from {least} to {most}")
    if result.unit:
        sentences.append(f"the derivative is per {result.per}")
    sentences += [
        f"a {corner.kind} at {_moment(corner)}: {with_bar(corner.left, corner.left_error)} before it,"
        f" {with_bar(corner.right, corner.right_error)} after"
        for corner in result.corners
    ]
    averaged = sum(one.averaged for one in channels)
    if averaged:
        sentences.append(f"{counted(averaged, 'sample')} averaged with others of the same time")
    if result.outliers:
        sentences.append(f"{counted(len(result.outliers), 'sample')} taken for outliers")
    for status, words in UNSURE.items():
        count = int(np.count_nonzero(result.status == status))
        if count:
            sentences.append(f"{counted(count, 'value')} {words}")
    return "; ".join(sentences)


def _averaging(channels: Sequence[Channel], unit: str) -> str:
    """Over what lengths samples are averaged; over less than a step there is nothing to average."""
    if all(one.scale < one.step for one in channels):
        return "with nothing to average: the curve goes through the samples"
    of_unit = f" {unit}" if unit else ""
    lengths = (f"{one.scale:.2g}{of_unit}" if one.scale >= one.step else "less than a step" for one in channels)
    return f"averaged over lengths of about {', '.join(lengths)}"


def _moment(corner: Corner) -> str:
    """A number, a date or a span of time, with its interval."""
    bar = 0.5 * (corner.high - corner.low)
    if isinstance(corner.t, float):
        return with_bar(corner.t, bar)
    if isinstance(corner.t, np.datetime64):
        return with_span(corner.t, (corner.high - corner.low) // 2)
    return f"{with_bar(*(float(one / np.timedelta64(1, 's')) for one in (corner.t, bar)))} s"
