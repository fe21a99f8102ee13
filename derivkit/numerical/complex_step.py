r"""The complex step, and a probe that finds out whether it may be believed.

For an analytic f, :math:`f(x + ih) = f(x) + ih f'(x) - \tfrac{1}{2} h^2 f''(x) - \ldots`, so that
:math:`f'(x) = \Im f(x + ih)/h + O(h^2)`: no difference is formed, nothing cancels, and h may be so small that the
remainder is below rounding (Lyness and Moler, *SIAM J. Numer. Anal.* 4:202-210, 1967; Squire and Trapp, *SIAM Review*
40:110-112, 1998).

It fails in silence where the code is not analytic: ``abs``, ``conj``, ``.real``, a norm or a cast to float drop the
imaginary part, and the answer is 0; a branch cut gives another function; a library routine may compute the imaginary
part only to an absolute accuracy, which the division by h blows up. An analytic function obeys the equations of Cauchy
and Riemann, by which the derivative along the imaginary axis is the one along the real axis. The probe asks for them in
the form of an integral, which needs no small step: with g(t) the answer of the complex step at t,

.. math:: f(x + d) - f(x - d) = \int_{x-d}^{x+d} g \approx \frac{2d}{6}\,(g(x - d) + 4 g(x) + g(x + d)),

on the left two real values, on the right Simpson's rule, whose error :math:`d^5 f^{(5)}/90` is far below that of a
difference with the same d. What the two sides leave open, together with the rounding of the left one, is the error bar.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.arguments import positive, spread
from derivkit.numerical.estimate import Estimate, Outcome, Task
from derivkit.numerical.methods import method
from derivkit.numerical.status import Status
from derivkit.types import EPS, LEAST_FLOAT, LEAST_NORMAL, Array, Ends, FunctionLike, Indices, Mask

RELATIVE_STEP = 1e-20
"""h over |x|: its square is far below eps, and f' h far above the least float wherever f is."""
STEP_AT_ZERO = 1e-200
"""h at x = 0, where nothing is known of the scale of f."""
FIRST_WIDTH = 3e-4
"""d over the scale at the first trial. With f^(k) = k! f / L^k rounding leaves eps L / d, Simpson's rule (d / L)^4:
they meet at d = eps^(1/5) L = 7e-4 L; half of that, since L is not known."""
TRIALS = ((FIRST_WIDTH, False), (FIRST_WIDTH, True), (1e-3 * FIRST_WIDTH, False), (1e-6 * FIRST_WIDTH, False))
"""The widths that are tried in turn until one confirms, over |x|, or where that is said over max(|x|, 1): f may change
over a distance much less than |x|, or, where x is next to 0, much more. A choice."""
CONFIRMED_SHARE = 1e-8
"""A bar of this share of the answer ends the trials: half the digits. A choice."""
SAME_VALUE = float(np.sqrt(EPS))
"""How far the real part of f(x + ih) may lie from f(x), relatively: complex functions are rounded in other ways than
real ones, and what cancels inside f magnifies that. Half the digits; the integral judges more finely."""

LOST_IN_PART = 4.0 * LEAST_FLOAT
"""Rounding of an imaginary part among the least floats: 1/2 of the least one for each of a few operations. Over h it is
an error of the derivative, however small that is."""
SMALL_POINT = 2.0**-128
"""Next to 0 nothing follows from values that are all 0: below this the eighth power of x underflows."""

OUTCOMES: tuple[Outcome, ...] = (
    (Status.OK, "the complex step and a real difference agree within the error"),
    (Status.NOT_FINITE, "f has no finite value at x, or x lies outside the domain"),
    (Status.UNRESOLVED, "f gives no finite value at x + ih"),
    (Status.UNRESOLVED, "the real part of f(x + ih) is not f(x): the complex code computes another function"),
    (Status.UNRESOLVED, "f has no finite values beside x to compare with"),
    (
        Status.UNRESOLVED,
        "the complex step and a real difference disagree: f is not analytic here, or loses digits inside",
    ),
    (Status.UNRESOLVED, "the slope of f jumps at x, or bends at every distance that was tried"),
)
OK, NO_VALUE, NO_COMPLEX, OTHER_VALUE, NO_PROBE, NOT_ANALYTIC, NOT_SMOOTH = range(7)
VANISHED = "the imaginary part of f(x + ih) is 0 or below the least floats: the error is a bound of the derivative"
UNPROBED = "f was not probed: code that is not analytic gives a wrong answer here, often 0"


@method("Lyness and Moler 1967; Squire and Trapp 1998")
def complex_step(
    f: FunctionLike,
    x: ArrayLike,
    *,
    delta: ArrayLike | None = None,
    domain: Ends | None = None,
    probe: bool = True,
    vectorized: bool | None = None,
) -> Estimate:
    """The derivative of f at x from one value at x + ih, believed only where real values confirm it.

    Parameters
    ----------
    f : callable or formula
        Of one number or of an array, real and complex.
    x : array_like
        Points, of any shape.
    delta : array_like, optional
        The imaginary step h, in x's unit, one or of x's shape; 1e-20 |x| if not given, and 1e-200 at 0.
    domain : tuple of float, optional
        The closed interval in which f may be evaluated, never left; of complex points the real part counts. None for an
        open end.
    probe : bool
        Whether to compare with real values. Without, f is evaluated once for each point and there is no error bar.
    vectorized : bool, optional
        Whether f takes arrays, if known.

    Returns
    -------
    Estimate
        Of x's shape. Where f is analytic ``value`` is right to a few roundings of the code of f. ``error`` is what the
        probe can confirm, and so much larger. Where the probe refutes the answer, or cannot be made, the status is
        ``unresolved``.

    Raises
    ------
    ValueError
        If a step is not positive and finite, or the domain is no interval.

    Notes
    -----
    Lyness and Moler, *SIAM J. Numer. Anal.* 4:202-210, 1967; Squire and Trapp, *SIAM Review* 40:110-112, 1998. With the
    probe f is evaluated at x, at x + ih, and for each of at most four distances d at x +- d and x +- d + ih. What is
    smaller than the error bar the probe cannot see: code that is not analytic in a term of 1e-12 of the whole.

    Examples
    --------
    >>> import numpy as np
    >>> complex_step(np.exp, 0.0).value, complex_step(np.exp, 0.0).evaluations
    (1.0, 6)
    >>> complex_step(abs, 2.0).message
    'the complex step says 0 and a real difference 1: f is not analytic here, or loses digits inside'
    """
    task = Task(f, x, domain, vectorized=vectorized, example="dk.complex_step(np.sin, 1.0)")
    steps = _ImaginarySteps(task, delta)
    with np.errstate(all="ignore"):
        slope = steps.slope(task.x[None], task.all)[0]
        return steps.probed(slope) if probe else steps.unprobed(slope)


class _ImaginarySteps:
    """The imaginary steps of a task, and the values of f at complex points."""

    def __init__(self, task: Task, delta: ArrayLike | None) -> None:
        scale = np.where(task.points == 0.0, STEP_AT_ZERO / RELATIVE_STEP, np.abs(task.points))
        steps = RELATIVE_STEP * scale if delta is None else positive("delta", delta)
        self.task, self.h = task, spread("delta", steps, task.points.shape).ravel()
        self.imaginary = task.asker(np.complex128)

    def slope(self, at: Array, owner: Indices) -> Array:
        """The complex step at real abscissae, shape ``(k, n)``, whose columns belong to the points ``owner``."""
        return np.asarray(self.imaginary.values_for(at + 1j * self.h[owner], owner).imag / self.h[owner])

    def unprobed(self, slope: Array) -> Estimate:
        """The answer as published."""
        code = np.where(np.isfinite(slope), OK, NO_COMPLEX)
        outcomes = ((Status.OK, UNPROBED), *OUTCOMES[1:])
        return self.task.estimate(value=slope, error=np.full(slope.shape, np.nan), code=code, outcomes=outcomes)

    def probed(self, slope: Array) -> Estimate:
        """The answer where the real values confirm it."""
        value = self.task.real.values_for(self.task.x[None], self.task.all)[0]
        lifted = self.imaginary.values_for((self.task.x + 1j * self.h)[None], self.task.all)[0].real
        other = np.abs(lifted - value) > SAME_VALUE * (np.abs(value) + np.abs(self.task.x * slope))
        code = np.select([~np.isfinite(value), ~np.isfinite(slope), other], [NO_VALUE, NO_COMPLEX, OTHER_VALUE], OK)
        probe = _Probe(self, slope)
        active = self.task.all[code == OK]
        for share, wide in TRIALS:
            active = probe.try_width(active, share, wide=wide)
        code = np.where(code == OK, probe.code(), code)
        message = self._messages(code, slope, probe.difference)
        message[(code == OK) & (np.abs(slope * self.h) < LEAST_NORMAL) & (probe.error >= np.abs(slope))] = VANISHED
        return self.task.estimate(
            value=slope, error=probe.error, code=code, outcomes=OUTCOMES, message=message.astype(np.str_)
        )

    def _messages(self, code: Indices, slope: Array, difference: Array) -> NDArray[np.object_]:
        messages = np.array([text for _, text in OUTCOMES], dtype=object)[code]
        for k in self.task.all[code == NOT_ANALYTIC]:
            messages[k] = (
                f"the complex step says {slope[k]:.4g} and a real difference {difference[k]:.4g}: "
                "f is not analytic here, or loses digits inside"
            )
        if self.task.raised:
            messages[code == NO_PROBE] += f": {self.task.raised[0]}"
        if self.imaginary.raised:
            messages[code == NO_COMPLEX] = f"f takes no complex numbers: {self.imaginary.raised[0].message}"
        return messages


@dataclass(frozen=True)
class _Trial:
    """The comparison at one width: what the sides leave open, and what may explain it.

    Attributes
    ----------
    width : ndarray, shape ``(n,)``
    gap : ndarray
        The real difference less the mean of the complex steps.
    bend : ndarray
        The truncation of Simpson's rule.
    doubt : ndarray
        That and rounding.
    silent : ndarray of bool
        Where all values vanish next to 0, from which nothing follows.
    """

    width: Array
    gap: Array
    bend: Array
    doubt: Array
    silent: Mask

    @property
    def error(self) -> Array:
        """The bar that the comparison leaves."""
        return np.maximum(np.abs(self.gap) + self.doubt, LEAST_FLOAT)


class _Probe:
    """The comparison with real values so far: of every point the trial that decides.

    Attributes
    ----------
    error : ndarray
        The bar of the trial that decides.
    difference : ndarray
        The real difference, cleared of truncation, of the narrowest trial that refutes; NaN where none does.
    """

    def __init__(self, steps: _ImaginarySteps, slope: Array) -> None:
        self._steps, self._task, self._slope = steps, steps.task, slope
        unknown = np.full(slope.shape, np.nan)
        self.error, self.difference = np.full(slope.shape, np.inf), unknown.copy()
        self._doubt, self._width, self._refuted = (np.full(slope.shape, np.inf) for _ in range(3))
        self._bend, self._first_bend, self._least_bend = unknown.copy(), unknown.copy(), unknown.copy()

    def code(self) -> Indices:
        """The outcome of every point: confirmed, refuted, or never compared.

        A derivative is local: what agrees at some width counts only if no narrower comparison refutes it. Around a kink
        the slopes of both sides differ as much at any width.
        """
        compared = np.isfinite(self._doubt)
        refuted = self._refuted <= self._width
        unconfirmed = self.error > CONFIRMED_SHARE * np.abs(self._slope)
        bends = (2.0 * self._bend > self._doubt) & (self._least_bend > 0.1 * self._first_bend)
        return np.select([~compared, refuted, unconfirmed & bends], [NO_PROBE, NOT_ANALYTIC, NOT_SMOOTH], OK)

    def try_width(self, active: Indices, share: float, *, wide: bool) -> Indices:
        """Compare the points at one width, and return those that are not confirmed by it.

        The trial that decides is one that confirms, else the one with the least doubt: at a width that is too small
        anything agrees, and at one that is too large nothing.
        """
        trial = self._compare(active, share, wide=wide)
        refutes = (np.abs(trial.gap) > trial.doubt) & (trial.width < self._refuted[active])
        self._refuted[active[refutes]] = trial.width[refutes]
        self.difference[active[refutes]] = (self._slope[active] + trial.gap)[refutes]
        self._first_bend[active] = np.where(np.isnan(self._first_bend[active]), trial.bend, self._first_bend[active])
        self._least_bend[active] = np.fmin(self._least_bend[active], trial.bend)
        small = trial.error <= CONFIRMED_SHARE * np.abs(self._slope[active])
        confirmed = (trial.width < self._refuted[active]) & small
        doubt = np.where(trial.silent, np.finfo(np.float64).max, trial.doubt)
        decides = confirmed | (doubt < self._doubt[active])
        chosen = active[decides]
        self._doubt[chosen], self._width[chosen] = doubt[decides], trial.width[decides]
        self._bend[chosen], self.error[chosen] = trial.bend[decides], trial.error[decides]
        return np.asarray(active[~confirmed])

    def _compare(self, active: Indices, share: float, *, wide: bool) -> _Trial:
        x, h = self._task.x[active], self._steps.h[active]
        scale = np.where(x == 0.0, 1.0, np.maximum(np.abs(x), 1.0) if wide else np.abs(x))
        left, centre, right = self._nodes(x, share * scale)
        slopes = self._steps.slope(np.array([left, centre, right]), active)
        values = self._task.real.values_for(np.array([left, right]), active)
        width = right - left
        mean = (slopes[0] + 4.0 * slopes[1] + slopes[2]) / 6.0
        bend = self._truncation(slopes)
        vanished = np.all(np.abs(values) < LEAST_NORMAL, axis=0) & np.all(np.abs(slopes * h) < LEAST_NORMAL, axis=0)
        return _Trial(
            width=width,
            gap=(values[1] - values[0]) / width - mean,
            bend=bend,
            doubt=self._rounding(x, values, slopes, width) + LOST_IN_PART / h + bend,
            silent=vanished & (np.abs(x) < SMALL_POINT),
        )

    def _nodes(self, x: Array, d: Array) -> tuple[Array, Array, Array]:
        """Three points at equal distances as floats, x among them and in the middle if the domain lets it."""
        lo, hi = self._task.domain
        d = (x + d) - x
        centre = np.where(x - d < lo, x + d, np.where(x + d > hi, x - d, x))
        return centre - d, centre, centre + d

    @staticmethod
    def _rounding(x: Array, values: Array, slopes: Array, width: Array) -> Array:
        """Rounding of the real difference: 2 ulp of each value, and |x| f' eps for what is rounded inside f."""
        of_points = 2.0 * np.abs(x) * np.max(np.abs(slopes), axis=0)
        return np.asarray(EPS * (2.0 * np.sum(np.abs(values), axis=0) + of_points) / width)

    @staticmethod
    def _truncation(slopes: Array) -> Array:
        """Simpson's error, d^4 g''''/180, from the second difference s = d^2 g''.

        If Taylor's terms fall like those of a geometric series, g^(k) = k! g / L^k, then s = 2 g (d/L)^2 and the error
        is 24/180 g (d/L)^4 = s^2 / (30 g). Taken thirtyfold.
        """
        bend = np.abs(slopes[0] - 2.0 * slopes[1] + slopes[2])
        largest = np.max(np.abs(slopes), axis=0)
        return np.asarray(np.where(bend == 0.0, 0.0, bend * (bend / largest)))
