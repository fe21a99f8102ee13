"""Axes: logarithmic and linear, with round ticks that are fixed and labelled in plain text (10⁻⁴)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from experiments.figures.contract import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
ZERO_DEPTH = 0.085
"""How far below a logarithmic axis the row for exact zeros lies, as a part of it."""
PLAIN = 3
"""Powers of ten up to which numbers are written out, 0.001 and 1000."""
PAD = 0.04
"""How far a logarithmic axis goes beyond its data, as a part of them: half a marker."""


def place_ticks(axes: Axes, name: str, at: Sequence[float], labels: Sequence[str]) -> None:
    """Fix the ticks of the axis ``name`` (x or y) and their labels, with none between them."""
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator(list(at)))
    axis.set_major_formatter(FixedFormatter(list(labels)))
    axis.set_minor_locator(NullLocator())


def ten_to(exponent: float) -> float:
    """Ten to the power ``exponent``, or the nearest to it that a float can hold."""
    return float(10.0 ** min(max(exponent, -323.0), 308.25))


def decades_around(values: Floats) -> tuple[int, int]:
    """The powers of ten that hold all positive ``values`` between them, at least one decade apart."""
    low, high = math.floor(np.log10(values.min()) + 1e-9), math.ceil(np.log10(values.max()) - 1e-9)
    return (low, high) if high > low else (low - 1, high + 1)


def ends_around(values: Floats) -> tuple[float, float]:
    """The powers of ten at the ends of an axis that holds all positive ``values``: the least and the greatest of them.

    Where these are within one decade, and written out, the ends are 1, 2 or 5 times a power of ten; whole decades where
    there were no two powers of ten between them.
    """
    least, most = float(np.log10(values.min())), float(np.log10(values.max()))
    if max(-least, most) > PLAIN or most == least:
        return (least, most) if math.floor(most) > math.ceil(least) else decades_around(values)
    if most - least > 1.0:
        return least, most
    powers = _round_powers(least - 1.0, most + 1.0)
    return max(p for p in powers if p <= least + 1e-9), min(p for p in powers if p >= most - 1e-9)


def _round_powers(low: float, high: float) -> list[float]:
    """The logarithms between ``low`` and ``high`` of 1, 2 and 5 times the powers of ten."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    powers = [decade + math.log10(digit) for decade in decades for digit in (1, 2, 5)]
    return [power for power in powers if low - 1e-9 <= power <= high + 1e-9]


def power_text(power: float, base: int = 10) -> str:
    """A power of ten, or of another base, as 10⁻⁴."""
    return f"{base}{str(round(power)).translate(RAISED)}"


def row_below(low: float, high: float, depth: float) -> float:
    """The height that lies below the end ``low`` by the part ``depth`` of the axis."""
    return ten_to(low - depth * (high - low))


def log_axis(ax: Axes, name: str, low: float, high: float, *, zero: bool, most: int = 6) -> None:
    """Set limits at the ends and a little further, lest a marker is cut; add a row for 0 where needed.

    There are at most ``most`` and one decades with a label: a narrow panel has room for fewer, and there the one beside
    the row for 0 has none.
    """
    space = PAD * (high - low)
    first = low + ((0.5 / most) - ZERO_DEPTH) * (high - low) if zero else -math.inf
    powers = [power for power in _powers_between(low - space, high + space, most) if power >= first]
    plain = all(abs(power) <= PLAIN for power in powers)
    at = [ten_to(power) for power in powers]
    labels = [
        f"{float(f'{value:.0e}'):g}" if plain else power_text(power) for value, power in zip(at, powers, strict=True)
    ]
    if zero:
        at, labels = [row_below(low, high, ZERO_DEPTH), *at], ["0", *labels]
    ends = (row_below(low, high, 0.14 if zero else PAD), ten_to(high + space))
    (ax.set_xlim if name == "x" else ax.set_ylim)(*ends)
    place_ticks(ax, name, at, labels)


def _powers_between(low: float, high: float, most: int) -> list[float]:
    """Round powers for the ticks of an axis: decades where there are three, else 1, 2 and 5 times powers of ten.

    Decades too where others would have long labels.
    """
    first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
    powers = _round_powers(low, high)
    near = last - first < 2 and all(abs(power) <= PLAIN for power in powers)
    return powers if near or last < first else decades(first, last, most=most)


def decades(low: int, high: int, *, most: int) -> list[float]:
    """All multiples of a round step, of which there are at most ``most`` and one."""
    step = next(step for step in (1, 2, 4, 5, 10, 20, 50, 100, 200) if (high - low) // step <= most)
    return [power for power in range(low, high + 1) if power % step == 0]


def log_panel(ax: Axes, lines: Sequence[Floats], low: float, high: float) -> list[Floats]:
    """Give a panel logarithmic axes, that of y with powers of ten at its ends, and a row for 0 where a line has one.

    Returns the heights at which the lines are drawn: exact zeros lie on their row.
    """
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.grid(visible=True)
    log_axis(ax, "y", low, high, zero=any((y == 0).any() for y in lines))
    return [np.where(y == 0, row_below(low, high, ZERO_DEPTH), y) for y in lines]


def linear_axis(ax: Axes, name: str, values: Floats, pad: float, most: int = 5) -> None:
    """Set limits around ``values``, further by the part ``pad`` of their range, and ``most`` round ticks."""
    low, high = float(values.min()), float(values.max())
    space = pad * (high - low) if high > low else max(abs(high), 1.0) / 2
    low, high = low - space, high + space
    ticks = round_ticks(low, high, most)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else high - low
    place_ticks(ax, name, ticks, tick_texts(ticks, step))
    (ax.set_xlim if name == "x" else ax.set_ylim)(low, high)


def round_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most ``most`` round numbers (1, 2 or 5 times a power of ten apart) between ``low`` and ``high``."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def tick_texts(ticks: Sequence[float], step: float) -> list[str]:
    """Label ticks; where labels are too long for the margin, one stands as it is and the others tell how far off."""
    labels = [tick_text(tick, step) for tick in ticks]
    if max(map(len, labels)) <= 7:
        return labels
    base = min(range(len(ticks)), key=lambda place: len(labels[place]))
    away = [("+" if k > base else "\N{MINUS SIGN}") + tick_text(abs(k - base) * step, step) for k in range(len(ticks))]
    return [f"{ticks[base]:.6g}" if k == base else label for k, label in enumerate(away)]


def tick_text(value: float, step: float) -> str:
    """``value`` with the digits that tell it from its neighbour at a distance of ``step``."""
    size = max(abs(value), abs(step))
    if abs(step) >= 1.0 and size < 1e5:
        return f"{value:.0f}".replace("-", "\N{MINUS SIGN}")
    digits = max(1, math.floor(math.log10(size)) - math.floor(math.log10(abs(step))) + 1)
    if 1 <= size < 1e5:
        digits = max(digits, math.floor(math.log10(size)) + 1)  # 30, not 3e1
    text = f"{0.0 if abs(value) < abs(step) / 2 else value:.{digits}g}"
    return text.replace("e-0", "e-").replace("e+0", "e").replace("-", "\N{MINUS SIGN}")
