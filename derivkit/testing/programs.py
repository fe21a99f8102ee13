"""Functions that are code: special functions by series and quadrature, solvers, iterations, simulations.

Every program takes a number x and a namespace of functions, NumPy for arrays of float64. It does not stop by a
tolerance, and branches on x by functions of the namespace alone, so that it also runs on numbers that do not round
(:mod:`derivkit.trusted.program_series`), which gives the derivative of exactly this program, its nodes, its step and
its truncation included.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from derivkit.types import Array


@dataclass(frozen=True)
class Program:
    """A function as code, with what it stands for.

    Attributes
    ----------
    text : str
        What it computes, in words.
    run : callable
        Of x and of a namespace of functions.
    """

    text: str
    run: Callable[[Any, Any], Any]

    def __call__(self, x: Array) -> Array:
        """The values in float64, shape of x."""
        with np.errstate(all="ignore"):
            return np.asarray(self.run(x, np), dtype=np.float64)


# Special functions


def _mean(count: int, term: Callable[[Any, Any, float], Any]) -> Callable[[Any, Any], Any]:
    """The mean of a periodic function of the angle over so many midpoints, which converges exponentially."""
    angles = [(k + 0.5) * math.pi / count for k in range(count)]
    return lambda x, m: sum(term(x, m, angle) for angle in angles) * (1.0 / count)


def _gauss(count: int, term: Callable[[Any, Any, float], Any]) -> Callable[[Any, Any], Any]:
    """The integral from 0 to 1 by the rule of Gauss and Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    rule = list(zip((0.5 * (nodes + 1.0)).tolist(), (0.5 * weights).tolist(), strict=True))
    return lambda x, m: sum(term(x, m, t) * weight for t, weight in rule)


def _airy_ai(x: Any, _: Any) -> Any:
    """Ai = Ai(0) f + Ai'(0) g by their Maclaurin series (DLMF 9.4.1), 30 terms each."""
    cube = x * x * x
    f, g, u, v = 1.0 + 0.0 * x, x, 1.0 + 0.0 * x, x
    for k in range(1, 30):
        u, v = u * cube / ((3 * k - 1) * (3 * k)), v * cube / ((3 * k) * (3 * k + 1))
        f, g = f + u, g + v
    return 0.35502805388781724 * f - 0.25881940379280680 * g


def _kummer(x: Any, _: Any) -> Any:
    """Kummer's function M(1/2, 3/2, x) by 50 terms of its series (DLMF 13.2.2)."""
    total, term = 1.0 + 0.0 * x, 1.0 + 0.0 * x
    for k in range(50):
        term = term * x * (0.5 + k) / ((1.5 + k) * (1 + k))
        total = total + term
    return total


def _clausen(x: Any, m: Any) -> Any:
    """Clausen's integral by 20 terms of its series of sines."""
    return sum(m.sin(k * x) / (k * k) for k in range(1, 21))


def _bessel_k0(x: Any, m: Any) -> Any:
    """K_0(x), the integral of exp(-x cosh t), by the trapezoidal rule (DLMF 10.32.9)."""
    total = 0.5 * m.exp(-x)
    for k in range(1, 81):
        total = total + m.exp(-x * math.cosh(k / 16))
    return total / 16


def _lambert_w(x: Any, m: Any) -> Any:
    """W e^W = x by twelve steps of Newton from log(1 + x)."""
    w = m.log(1.0 + x)
    for _ in range(12):
        e = m.exp(w)
        w = w - (w * e - x) / (e * (1.0 + w))
    return w


def _zeta(x: Any, m: Any) -> Any:
    """Riemann's zeta function by Borwein's alternating sum of 24 terms (DLMF 25.2.3 accelerated)."""
    n = 24
    parts = [math.comb(n + k, 2 * k) * 4**k * n // (n + k) for k in range(n + 1)]
    sums = [sum(parts[: k + 1]) for k in range(n + 1)]
    total = 0.0 * x
    for k in range(n):
        total = total + m.exp(-x * math.log(k + 1)) * float((-1) ** k * (sums[n] - sums[k])) / float(sums[n])
    return total / (1.0 - 2.0 * m.exp(-x * math.log(2.0)))


def _elliptic_k(x: Any, m: Any) -> Any:
    """The complete elliptic integral K of the parameter x by six steps of the arithmetic-geometric mean."""
    a, b = 1.0 + 0.0 * x, m.sqrt(1.0 - x)
    for _ in range(6):
        a, b = 0.5 * (a + b), m.sqrt(a * b)
    return 0.5 * math.pi / a


def _dilogarithm(x: Any, _: Any) -> Any:
    """Li_2 by 60 terms of its power series, for |x| <= 1/2."""
    total = 0.0 * x
    for k in range(60, 0, -1):
        total = (total + 1.0 / (k * k)) * x
    return total


def _tan_fraction(x: Any, _: Any) -> Any:
    """Lambert's continued fraction of the tangent, 20 levels."""
    square, below = x * x, 41.0 + 0.0 * x
    for k in range(39, 0, -2):
        below = k - square / below
    return x / below


def _atan_fraction(x: Any, _: Any) -> Any:
    """Gauss's continued fraction of the arctangent, 40 levels."""
    square, below = x * x, 81.0 + 0.0 * x
    for k in range(40, 0, -1):
        below = (2 * k - 1) + k * k * square / below
    return x / below


def _exponential_integral(x: Any, m: Any) -> Any:
    """E_1 by its continued fraction (DLMF 6.9.1), 80 levels, for x >= 1."""
    below = x
    for k in range(80, 0, -1):
        below = x + k / (1.0 + k / below)
    return m.exp(-x) / below


# Polynomials


def _chebyshev(n: int) -> Callable[[Any, Any], Any]:
    def run(x: Any, _: Any) -> Any:
        before, here = 1.0 + 0.0 * x, x
        for _ in range(n - 1):
            before, here = here, 2.0 * x * here - before
        return here

    return run


def _legendre(n: int) -> Callable[[Any, Any], Any]:
    def run(x: Any, _: Any) -> Any:
        before, here = 1.0 + 0.0 * x, x
        for k in range(1, n):
            before, here = here, ((2 * k + 1) * x * here - k * before) / (k + 1)
        return here

    return run


def _hermite(n: int) -> Callable[[Any, Any], Any]:
    def run(x: Any, _: Any) -> Any:
        before, here = 1.0 + 0.0 * x, 2.0 * x
        for k in range(1, n):
            before, here = here, 2.0 * x * here - 2.0 * k * before
        return here

    return run


def _roots(n: int) -> Callable[[Any, Any], Any]:
    """(x - 1)(x - 2)...(x - n) as a product."""
    return lambda x, m: functools.reduce(lambda product, k: product * (x - float(k)), range(2, n + 1), x - 1.0)


def _horner(coefficients: list[float]) -> Callable[[Any, Any], Any]:
    """A polynomial, the highest coefficient first."""
    return lambda x, m: functools.reduce(lambda total, c: total * x + c, coefficients[1:], 0.0 * x + coefficients[0])


def _expanded(roots: range) -> list[float]:
    """The coefficients of the monic polynomial with whole roots, exact, the highest first."""
    product = [1]
    for root in roots:
        product = [a - root * b for a, b in zip([*product, 0], [0, *product], strict=True)]
    return [float(c) for c in product]


def _bernstein(x: Any, _: Any) -> Any:
    """A Bezier curve of degree 6 by de Casteljau's algorithm."""
    row = [c + 0.0 * x for c in (0.0, 2.0, -1.0, 3.0, 0.5, -2.0, 1.0)]
    while len(row) > 1:
        row = [(1.0 - x) * a + x * b for a, b in itertools.pairwise(row)]
    return row[0]


# Iterations and solvers


def _logistic_map(x: Any, _: Any) -> Any:
    y = x
    for _step in range(8):
        y = 3.75 * y * (1.0 - y)
    return y


def _sine_map(x: Any, m: Any) -> Any:
    y = x
    for _ in range(10):
        y = 0.96875 * m.sin(math.pi * y)
    return y


def _henon(x: Any, _: Any) -> Any:
    """The first coordinate after 12 steps of the Henon map from (x, 0)."""
    u, v = x, 0.0 * x
    for _ in range(12):
        u, v = 1.0 - 1.4 * u * u + v, 0.3 * u
    return u


def _kepler(x: Any, m: Any) -> Any:
    """E - e sin E = x for e = 0.3 by eight steps of Newton."""
    e = x + 0.3 * m.sin(x)
    for _ in range(8):
        e = e - (e - 0.3 * m.sin(e) - x) / (1.0 - 0.3 * m.cos(e))
    return e


def _cubic_solver(x: Any, _: Any) -> Any:
    """y^3 + y = x by forty steps of Newton from x."""
    y = x
    for _ in range(40):
        y = y - (y * y * y + y - x) / (3.0 * y * y + 1.0)
    return y


def _heron(x: Any, _: Any) -> Any:
    """The square root by Heron's rule, twelve steps from (1 + x)/2."""
    y = 0.5 * (1.0 + x)
    for _ in range(12):
        y = 0.5 * (y + x / y)
    return y


def _cosine_iteration(x: Any, m: Any) -> Any:
    """y = cos(x y) by 80 steps of fixed-point iteration from 1/2."""
    y = 0.5 + 0.0 * x
    for _ in range(80):
        y = m.cos(x * y)
    return y


def _nested_roots(x: Any, m: Any) -> Any:
    """sqrt(x + sqrt(x + ...)), 20 deep."""
    y = m.sqrt(x)
    for _ in range(20):
        y = m.sqrt(x + y)
    return y


def _power_iteration(x: Any, m: Any) -> Any:
    """The largest eigenvalue of [[2, x], [x, 1]] by the quotient of Rayleigh after 60 multiplications."""
    u, v = 1.0 + 0.0 * x, 0.5 + 0.0 * x
    for _ in range(60):
        u, v = 2.0 * u + x * v, x * u + v
        size = m.sqrt(u * u + v * v)
        u, v = u / size, v / size
    return 2.0 * u * u + 2.0 * x * u * v + v * v


def _annuity(x: Any, _: Any) -> Any:
    """What is left of a loan after 120 months at the monthly rate x, one unit paid back each month."""
    left = 100.0 + 0.0 * x
    for _ in range(120):
        left = left * (1.0 + x) - 1.0
    return left


def _weierstrass(x: Any, m: Any) -> Any:
    """Sum of 0.6^k cos(5^k pi x) over 24 terms: differentiable, but with no slope at any scale above 1e-16."""
    return sum(0.6**k * m.cos(5.0**k * math.pi * x) for k in range(24))


# Simulations


def _runge_kutta(
    slope: Callable[[Any, Any, list[Any]], list[Any]], start: Callable[[Any], list[Any]], *, until: float, steps: int
) -> Callable[[Any, Any], Any]:
    """The first component of y' = slope(x, y) at the end time, by the classical method of order 4."""
    h = until / steps

    def moved(y: list[Any], k: list[Any], by: float) -> list[Any]:
        return [a + by * b for a, b in zip(y, k, strict=True)]

    def run(x: Any, m: Any) -> Any:
        y = start(x)
        for _ in range(steps):
            k1 = slope(x, m, y)
            k2 = slope(x, m, moved(y, k1, 0.5 * h))
            k3 = slope(x, m, moved(y, k2, 0.5 * h))
            k4 = slope(x, m, moved(y, k3, h))
            y = [a + (h / 6.0) * (p + 2.0 * q + 2.0 * r + s) for a, p, q, r, s in zip(y, k1, k2, k3, k4, strict=True)]
        return y[0]

    return run


def _heat(x: Any, _: Any) -> Any:
    """The middle temperature of a rod of 15 cells with conductivity x and a source, by elimination (Thomas)."""
    n, diagonal, right = 15, 2.0 * x + 0.1, 1.0 + 0.0 * x
    factors, values = [], []
    pivot, value = diagonal, right
    for _ in range(n - 1):
        factors.append(x / pivot)
        values.append(value / pivot)
        pivot, value = diagonal - x * factors[-1], right + x * values[-1]
    unknown = value / pivot
    for k in range(n - 2, n // 2 - 1, -1):
        unknown = values[k] + factors[k] * unknown
    return unknown


def _network(x: Any, m: Any) -> Any:
    """A network of one input, two hidden layers of four tanh units and one output, with fixed weights."""
    hidden = [m.tanh(x * (0.5 * k - 0.75) + 0.25 * k) for k in range(4)]
    second = [m.tanh(sum(h * (0.375 * ((3 * j + 5 * k) % 7) - 1.0) for k, h in enumerate(hidden))) for j in range(4)]
    return sum(s * (1.0 - 0.5 * j) for j, s in enumerate(second))


# Tables, splines and networks that break


def _interpolated(knots: list[float], of: Callable[[float], float]) -> Callable[[Any, Any], Any]:
    """Linear interpolation in a table."""
    values = [of(knot) for knot in knots]
    return lambda x, m: m.interp(x, knots, values)


def _spline(start: float, spacing: float, count: int) -> Callable[[Any, Any], Any]:
    """A cubic spline whose second derivatives at the knots are those of a cosine, rounded to multiples of 6/1024.

    All its coefficients are short binary numbers, found by adding exactly: two derivatives are continuous to the bit.
    """
    knots = [start + spacing * k for k in range(count)]
    bends = [-6.0 * round(math.cos(knot) * 1024.0 / 6.0) / 1024.0 for knot in knots]
    value, slope, rows = math.floor(64.0 * math.cos(start)) / 64.0, -math.floor(64.0 * math.sin(start)) / 64.0, []
    for bend, after in itertools.pairwise(bends):
        third = (after - bend) / (6.0 * spacing)
        rows.append((value, slope, 0.5 * bend, third))
        value += spacing * (slope + spacing * (0.5 * bend + spacing * third))
        slope += 0.5 * spacing * (bend + after)
    columns = [list(column) for column in zip(*rows, strict=True)]

    def run(x: Any, m: Any) -> Any:
        piece = m.searchsorted(knots[1:-1], x, side="right")
        a, b, c, d = (m.take(column, piece) for column in columns)
        t = x - m.take(knots, piece)
        return ((t * d + c) * t + b) * t + a

    return run


def _relu_network(x: Any, m: Any) -> Any:
    """One hidden layer of eight relu units with kinks at -2, -1.5, -0.75, ..., and an output that is linear."""
    units = ((1, 2), (-2, -3), (0.5, 0.375), (3, 0.75), (-1.5, 0.75), (2, -2), (1.25, -2.1875), (-0.75, 1.875))
    weights = (0.5, -0.25, 1.5, -0.375, 0.875, 0.25, -1, 0.625)
    return sum(m.maximum(x * w + b, 0.0) * v for (w, b), v in zip(units, weights, strict=True))


def _deep_relu_network(x: Any, m: Any) -> Any:
    """Two hidden layers of four relu units each; those of the first have kinks at -1.5, -0.5, 0.25 and 1."""
    first = [m.maximum(x * w + b, 0.0) for w, b in ((1.5, 2.25), (-2, -1), (2.5, -0.625), (-0.75, 0.75))]
    rows = [[((3 * j + 5 * k) % 7) * 0.375 - 0.875 for k in range(4)] for j in range(4)]
    second = [m.maximum(sum(h * w for h, w in zip(first, row, strict=True)) + 0.3125, 0.0) for row in rows]
    return sum(h * (1.0 - 0.625 * j) for j, h in enumerate(second))


PROGRAMS: Mapping[str, Program] = MappingProxyType(
    {
        "bessel_j0": Program("J_0 by 40 midpoints", _mean(40, lambda x, m, t: m.cos(x * math.sin(t)))),
        "bessel_j5": Program("J_5 by 40 midpoints", _mean(40, lambda x, m, t: m.cos(5.0 * t - x * math.sin(t)))),
        "bessel_k0": Program("K_0 by 81 equidistant nodes", _bessel_k0),
        "bessel_i0": Program("I_0 by 40 midpoints", _mean(40, lambda x, m, t: m.exp(x * math.cos(t)))),
        "clausen": Program("20 terms of Clausen's series", _clausen),
        "airy_ai": Program("Ai by its Maclaurin series", _airy_ai),
        "kummer": Program("1F1(1/2, 3/2, x) by 50 terms of its series", _kummer),
        "sine_integral": Program("Si by Gauss's rule", _gauss(24, lambda x, m, t: m.sin(x * t) / t)),
        "dawson": Program(
            "Dawson's integral by Gauss's rule", _gauss(24, lambda x, m, t: x * m.exp(x * x * (t * t - 1)))
        ),
        "fresnel_s": Program(
            "Fresnel's S by Gauss's rule", _gauss(30, lambda x, m, t: x * m.sin(x * x * (1.5 * t * t)))
        ),
        "debye": Program(
            "Debye's function D_1 by Gauss's rule", _gauss(20, lambda x, m, t: x * t / (m.exp(x * t) - 1.0))
        ),
        "exponential_integral": Program("E_1 by a continued fraction", _exponential_integral),
        "lambert_w": Program("Lambert's W by Newton", _lambert_w),
        "zeta": Program("Riemann's zeta by Borwein's sum", _zeta),
        "elliptic_k": Program("K by the arithmetic-geometric mean", _elliptic_k),
        "dilogarithm": Program("Li_2 by its power series", _dilogarithm),
        "tan_fraction": Program("tan by a continued fraction", _tan_fraction),
        "atan_fraction": Program("atan by a continued fraction", _atan_fraction),
        "chebyshev_20": Program("T_20 by recurrence", _chebyshev(20)),
        "legendre_12": Program("P_12 by recurrence", _legendre(12)),
        "hermite_10": Program("H_10 by recurrence", _hermite(10)),
        "wilkinson_10": Program("(x-1)...(x-10) as a product", _roots(10)),
        "wilkinson_12": Program("(x-1)...(x-12) expanded, by Horner's rule", _horner(_expanded(range(1, 13)))),
        "exp_series": Program(
            "exp by 30 terms of its series", _horner([1.0 / math.factorial(k) for k in range(30, -1, -1)])
        ),
        "bezier": Program("a Bezier curve by de Casteljau", _bernstein),
        "logistic_map": Program("8 steps of the logistic map, rate 3.75", _logistic_map),
        "sine_map": Program("10 steps of the sine map", _sine_map),
        "henon": Program("12 steps of the Henon map", _henon),
        "kepler": Program("Kepler's equation by Newton", _kepler),
        "cubic_solver": Program("y^3 + y = x by Newton", _cubic_solver),
        "heron": Program("sqrt by Heron's rule", _heron),
        "cosine_iteration": Program("y = cos(x y) by iteration", _cosine_iteration),
        "nested_roots": Program("sqrt(x + sqrt(x + ...))", _nested_roots),
        "power_iteration": Program("the largest eigenvalue by iteration", _power_iteration),
        "annuity": Program("what is left of a loan after 120 months", _annuity),
        "weierstrass": Program("Weierstrass's function, 24 terms", _weierstrass),
        "pendulum": Program(
            "the angle of a pendulum from the angle x after time 4, by Runge and Kutta",
            _runge_kutta(lambda x, m, y: [y[1], -m.sin(y[0])], lambda x: [x, 0.0 * x], until=4.0, steps=24),
        ),
        "growth": Program(
            "y' = x y (1 - y) from 0.1 until time 3, by Runge and Kutta",
            _runge_kutta(lambda x, m, y: [x * y[0] * (1.0 - y[0])], lambda x: [0.1 + 0.0 * x], until=3.0, steps=24),
        ),
        "van_der_pol": Program(
            "van der Pol's oscillator with damping x after time 6, by Runge and Kutta",
            _runge_kutta(
                lambda x, m, y: [y[1], x * (1.0 - y[0] * y[0]) * y[1] - y[0]],
                lambda x: [2.0 + 0.0 * x, 0.0 * x],
                until=6.0,
                steps=48,
            ),
        ),
        "lorenz": Program(
            "Lorenz's system from (x, 1, 20) after time 1, by Runge and Kutta",
            _runge_kutta(
                lambda x, m, y: [
                    10.0 * (y[1] - y[0]),
                    y[0] * (28.0 - y[2]) - y[1],
                    y[0] * y[1] - y[2] * (8.0 / 3.0),
                ],
                lambda x: [x, 1.0 + 0.0 * x, 20.0 + 0.0 * x],
                until=1.0,
                steps=50,
            ),
        ),
        "falling": Program(
            "the speed of a fall with drag x after time 5, by Runge and Kutta",
            _runge_kutta(lambda x, m, y: [9.81 - x * y[0] * y[0]], lambda x: [0.0 * x], until=5.0, steps=32),
        ),
        "epidemic": Program(
            "the infected of an epidemic with contact rate x after time 10, by Runge and Kutta",
            _runge_kutta(
                lambda x, m, y: [x * y[0] * y[1] - 0.5 * y[0], -x * y[0] * y[1]],
                lambda x: [0.01 + 0.0 * x, 0.99 + 0.0 * x],
                until=10.0,
                steps=64,
            ),
        ),
        "heat": Program("the middle of a heated rod", _heat),
        "network": Program("a network of two hidden layers", _network),
        "interp_11": Program(
            "sin, interpolated between 11 knots", _interpolated([float(k) for k in range(11)], math.sin)
        ),
        "interp_3001": Program(
            "sin(3 x), interpolated between 3001 knots",
            _interpolated([-3.0 + k * 0.002 for k in range(3001)], lambda x: math.sin(3.0 * x)),
        ),
        "spline_31": Program("a cubic spline of 31 knots", _spline(-3.75, 0.25, 31)),
        "relu_network": Program("a network of eight relu units", _relu_network),
        "deep_relu_network": Program("a network of two layers of relu units", _deep_relu_network),
    }
)
"""THE table of programs."""


def program(name: str) -> Program:
    """The program of that name.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in PROGRAMS:
        raise ValueError(f"no program named {name!r}; there are {', '.join(PROGRAMS)}")
    return PROGRAMS[name]
