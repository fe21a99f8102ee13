r"""Slopes along lines of a function that computes in float32, or in another type with few digits.

Its noise hides kinks: windows as `derivative` takes them in float64 are so large there that kinks of relu look like
noise, which they are not, as they move the slope by much more than they scatter the values. So a window is one in which
f is, up to the noise that much smaller windows show,

.. math:: f(x + t v) = f(x) + a t + b \lvert t\rvert + c t^2 + d t^3,

where b stands for kinks near x. Of one kink anywhere in the window the residuals of this fit and b tell enough: the
slope a is off by at most SAFETY standard deviations as computed from them, plus abs(b) (the worst place reaches 0.99 of
that sum). The bar is that sum, and once more the standard deviations for the noise itself.

The steps of all windows are on one grid, and every other window has half of its steps in common with the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from derivkit.multivariate.checking.slopes import Calls, Slope, Window
from derivkit.numerical.analysis import LEVEL_WEIGHT, SAFETY, noise_bound
from derivkit.numerical.status import Status
from derivkit.numerical.windows import RATIO, TWIST, window
from derivkit.types import Array, Mask

SIDES = (1, -1)
STEPS = (0, 1, 2, 4)
"""Exponents of a window of eight values."""
WINDOW = window(STEPS, SIDES)
POLYNOMIALS = 4
"""Those of degrees 0 to 3 are fitted."""
CORNER = (WINDOW.basis @ np.abs(WINDOW.nodes))[POLYNOMIALS:]
"""What the polynomials leave of abs(t), by degrees."""
SLOPE_GAIN = float(WINDOW.gains[1, POLYNOMIALS - 1])
CORNER_GAIN = float(1.0 / np.linalg.norm(CORNER))
"""Standard deviations of a and b for noise of 1 and a largest step of 1."""
CORNER_SHARE = CORNER_GAIN / (2.0 * SAFETY * SLOPE_GAIN)
"""Standard deviation of b as a part of the bar of a without abs(b)."""
FREEDOM = len(CORNER) - 1
"""Residuals of the fit less its corner."""
NOISY, NOISIER = 3.0, 4.0
"""Residuals are noise up to so many times its standard deviation, where this is known and where it is being measured
from small windows upwards: quantiles of 99.9 % of F with 4 and 15, and with 4 and 7 degrees of freedom."""
SIGNIFICANT = 3.0
"""A corner is one from so many standard deviations on."""
ROUNDED_STEPS = 2.0**9
"""The least window in units of the spacing of numbers of the type at x: its steps are rounded to half a per cent."""
CLOSER = 2
"""Exponents from a window to the next."""
LOOKS, FURTHER = 8, 12
"""Windows of a line that are tried at most: smaller than a known one, and larger than the least."""
LEAP = 8
"""Windows that are left out at a time where f does not move, as it does not where x is tiny."""
PERSISTENT = 4
"""Exponents to a smaller window, a fifth, in which a corner that is still there is one at x itself."""


class Fit(NamedTuple):
    """The slope, the corner and the root mean square of the residuals, shape ``(m,)`` each."""

    slope: Array
    corner: Array
    residual: Array


class Line:
    """Windows of f on the line t -> f(x + t direction), whose values are computed once.

    Parameters
    ----------
    calls : Calls
    x, value : ndarray
        The point, shape ``(n,)``, and f there, shape ``(m,)``.
    direction : ndarray, shape ``(n,)``
    """

    def __init__(self, calls: Calls, x: Array, value: Array, direction: Array) -> None:
        self._calls, self._x, self._value, self._direction = calls, x, value, direction
        self._rises: dict[tuple[int, int], Array] = {}
        size = np.linalg.norm(x * direction) / np.linalg.norm(direction**2)
        self._least = ROUNDED_STEPS * calls.eps * float(size or 1.0)

    def step(self, exponent: float) -> float:
        """The step of an exponent."""
        return float(self._least * RATIO**exponent)

    def exponent(self, step: float) -> int:
        """That of the largest step up to this one."""
        return int(np.floor(np.log(step / self._least) / np.log(RATIO) + 1e-6))

    def _values(self, exponent: int) -> Array:
        """f less f(x) at the steps of a window, shape ``(8, m)``."""
        keys = [(exponent - k, side) for side in SIDES for k in STEPS]
        new = [key for key in keys if key not in self._rises]
        steps = np.array([self.step(k) * (1.0 if side > 0 else -TWIST) for k, side in new])
        points = self._x + steps[:, None] * self._direction
        self._calls.ahead(points)
        self._rises |= {key: self._calls(point) - self._value for key, point in zip(new, points, strict=True)}
        return np.array([self._rises[key] for key in keys])

    def fit(self, exponent: int) -> Fit:
        """Of the window whose largest step has that exponent; NaN where f has no value at one of its steps."""
        with np.errstate(all="ignore"):
            coefficients = WINDOW.basis @ self._values(exponent)
            rest = coefficients[POLYNOMIALS:]
            corner = CORNER @ rest * CORNER_GAIN**2
            residual = np.sqrt(np.sum((rest - np.outer(CORNER, corner)) ** 2, axis=0) / FREEDOM)
            slope = WINDOW.at_zero[1, :POLYNOMIALS] @ coefficients[:POLYNOMIALS]
            return Fit(slope / self.step(exponent), corner / self.step(exponent), residual)

    def window(self, least: int = 0) -> Window:
        """The largest window whose residuals are noise, and the noise, both from the window of an exponent upwards."""
        squares, freedom, best, failures = LEVEL_WEIGHT * self._calls.rounding(self._value) ** 2, LEVEL_WEIGHT, least, 0
        for exponent in self._upwards(least):
            residual = self.fit(exponent).residual
            noise = np.sqrt(squares / freedom)
            if exponent > least and not np.all(residual <= NOISIER * noise):
                failures += 1
                if failures > 1:  # one alone may be chance
                    break
                continue
            failures, best = 0, exponent
            squares, freedom = squares + FREEDOM * residual**2, freedom + FREEDOM
        return Window(float(best), np.sqrt(squares / freedom))

    def _upwards(self, exponent: int) -> Iterator[int]:
        """Exponents of larger and larger windows, in great leaps where f does not move, up to steps of 1."""
        while exponent < CLOSER * FURTHER:
            yield exponent
            exponent += CLOSER
        while self.step(exponent) < 1.0 and not any(rise.any() for rise in self._rises.values()):
            yield exponent
            exponent += CLOSER * LEAP

    def slope(self, known: Window) -> Slope | None:
        """From that window, or from a smaller one where this shows more than noise; None where all do."""
        first: int | None = None
        for look in range(LOOKS):
            exponent = int(known.top) - CLOSER * look
            fit, noise = self.fit(exponent), self._bound(exponent, known.noise)
            if not np.all(fit.residual <= NOISY * known.noise):
                continue
            corners = np.abs(fit.corner) > SIGNIFICANT * noise / SAFETY * CORNER_GAIN / self.step(exponent)
            if not corners.any():
                return self._result(exponent, known.noise)
            first = exponent if first is None else first
            if exponent <= first - PERSISTENT and self._persists(first, exponent, corners, known.noise):
                return self._result(first, known.noise, corners)
        return None

    def _persists(self, first: int, exponent: int, corners: Mask, noise: Array) -> bool:
        """Whether a corner is the same in two windows."""
        wide, close = self.fit(first), self.fit(exponent)
        deviations = [self._bound(k, noise) / SAFETY * CORNER_GAIN / self.step(k) for k in (first, exponent)]
        same = np.abs(wide.corner - close.corner) <= SAFETY * np.hypot(*deviations)
        return bool(np.any(corners & same))

    def _bound(self, exponent: int, noise: Array) -> Array:
        """What the noise is hardly above."""
        residual = self.fit(exponent).residual
        return np.asarray(noise_bound(residual, np.full(residual.shape, FREEDOM), noise))

    def _result(self, exponent: int, noise: Array, corners: Mask | None = None) -> Slope:
        fit, step = self.fit(exponent), self.step(exponent)
        error = 2.0 * self._bound(exponent, noise) * SLOPE_GAIN / step + np.abs(fit.corner)
        kinked = np.zeros(error.shape, dtype=bool) if corners is None else corners
        return Slope(
            value=fit.slope,
            error=error,
            status=np.where(kinked, str(Status.KINK), str(Status.OK)),
            left=fit.slope - fit.corner,
            right=fit.slope + fit.corner,
            noise=noise,
            delta=np.full(error.shape, step),
        )
