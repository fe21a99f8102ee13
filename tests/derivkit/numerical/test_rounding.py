"""An expression in another precision: every operation is rounded to it, once, and correctly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from derivkit.expressions import evaluation
from derivkit.expressions.evaluation import DECIMALS, float_function, nearest_in, rounded_function, significand
from derivkit.expressions.expression import parse

HALVES = np.arange(2**16, dtype=np.uint16).view(np.float16)
TYPES = (np.float16, np.float32, np.float64, np.longdouble)
WIDER = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant
RATIONAL = "(x^2 + 1)/(x - 3)*x - 2/x"


def by_numpy(x: Any) -> Any:
    """The same in the arithmetic of the array's own type, operation by operation."""
    one, two, three = (x.dtype.type(k) for k in (1, 2, 3))
    return (x * x + one) / (x - three) * x - two / x


def numbers(dtype: type) -> Any:
    """All of float16, or numbers over many binades and near 3, where there is cancellation."""
    if dtype is np.float16:
        return HALVES
    rng = np.random.default_rng(0)
    wide = np.exp2(rng.uniform(-20, 20, 20000)) * rng.choice([-1, 1], 20000)
    return np.concatenate([wide, 3 + np.exp2(rng.uniform(-22, 0, 20000))]).astype(dtype)


def agree_with_numpy(f: Callable[[Any], Any], dtype: type) -> bool:
    x = numbers(dtype)
    with np.errstate(all="ignore"):
        return np.array_equal(f(x), by_numpy(x), equal_nan=True)


@pytest.mark.parametrize("dtype", TYPES)
def test_plus_minus_times_over_are_those_of_numpy_in_every_type_to_the_bit(dtype: type) -> None:
    assert agree_with_numpy(rounded_function(parse(RATIONAL), dtype), dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_function_that_is_rounded_at_its_end_only_is_caught(dtype: type) -> None:
    assert not agree_with_numpy(lambda x: float_function(parse(RATIONAL))(x.astype(np.float64)).astype(dtype), dtype)


def test_a_lost_rounding_of_the_operations_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    f = rounded_function(parse(RATIONAL), np.float16)
    assert agree_with_numpy(f, np.float16)
    divide = evaluation.OPERATIONS["divide"]
    chopped = {**evaluation.OPERATIONS, "divide": replace(divide, value=towards_zero)}
    monkeypatch.setattr(evaluation, "OPERATIONS", chopped)
    assert not agree_with_numpy(f, np.float16)


def towards_zero(a: Any, b: Any) -> Any:
    """A quotient cut to 11 bits, as if the hardware chopped."""
    fraction, exponent = np.frexp(a / b)
    return np.ldexp(np.trunc(fraction * 2**11) / 2**11, exponent)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_square_root_is_rounded_correctly(dtype: type) -> None:
    x = np.abs(numbers(dtype))
    x = x[np.isfinite(x)]
    assert np.array_equal(rounded_function(parse("sqrt(x)"), dtype)(x), np.sqrt(x), equal_nan=True)


# NumPy rounds these twice when it turns a longdouble, or its own result in float32, into float16.
TRAPS = np.array([0.02269, 0.0246, 0.007298, 0.2094, 300, 0.0284, 0.2096, 6.43], dtype=np.float16)


@pytest.mark.parametrize("name", ["exp", "sin", "log", "tanh", "atan"])
def test_an_elementary_function_of_float16_is_the_longdouble_one_rounded_once(name: str) -> None:
    x = np.concatenate([TRAPS, HALVES[1:0x4900:3]])  # up to 10
    witness = getattr(np, {"atan": "arctan"}.get(name, name))(x.astype(np.longdouble))
    x, witness = x[np.abs(witness) < 65504], witness[np.abs(witness) < 65504]
    rounded = [nearest_in(Fraction(*value.as_integer_ratio()), np.float16) for value in witness]
    assert np.array_equal(rounded_function(parse(f"{name}(x)"), np.float16)(x), rounded)


@pytest.mark.parametrize("text", ["exp(x)*sin(5*x)/x^3", "sigmoid(x) - 0.1*pi", "x^0.5 + 2^x", "softplus(x)/e", "7"])
def test_in_float64_it_is_the_function_in_float64(text: str) -> None:
    x = np.linspace(0.1, 9.0, 1001)
    assert np.array_equal(rounded_function(parse(text), np.float64)(x), float_function(parse(text))(x))


@pytest.mark.skipif(not WIDER, reason="longdouble is float64 here")
def test_longdouble_keeps_its_digits_through_powers_numbers_and_constants() -> None:
    x = np.array([3], dtype=np.longdouble) / 7
    found = rounded_function(parse("x^3 + 0.1 + pi"), np.longdouble)(x)
    assert abs(found - (x * x * x + np.longdouble("0.1") + np.longdouble("3.14159265358979323846264338"))) < 1e-18


@pytest.mark.parametrize("dtype", TYPES)
def test_the_significand_is_that_of_finfo(dtype: type) -> None:
    bits, lowest = significand(dtype)
    assert bits == np.finfo(dtype).nmant + 1
    assert np.ldexp(dtype(1), lowest) == np.finfo(dtype).smallest_subnormal


@pytest.mark.parametrize(
    "value", [Fraction(1, 3), Fraction(-10, 7), Fraction(10) ** 300, Fraction(1, 10) ** 320, Fraction(0)]
)
def test_a_number_in_float64_is_that_of_python(value: Fraction) -> None:
    assert nearest_in(value, np.float64) == float(value)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_number_just_above_the_middle_of_two_is_not_rounded_twice(dtype: type) -> None:
    low, high = dtype(1), np.nextafter(dtype(1), dtype(2))
    middle = (Fraction(float(low)) + Fraction(float(high))) / 2
    least = Fraction(1, 2**90)
    assert dtype(float(middle + least)) == low, "the trap: by way of float64 it would be lost"
    assert [nearest_in(middle + k * least, dtype) for k in (-1, 0, 1)] == [low, low, high]


def test_numbers_beyond_the_range_are_infinite_and_the_least_are_subnormal() -> None:
    assert nearest_in(Fraction(65519), np.float16) == 65504
    assert nearest_in(Fraction(-65520), np.float16) == -np.inf
    assert nearest_in(Fraction(3, 2**25), np.float16) == 2.0**-23  # a tie, to even
    assert nearest_in(Fraction(1, 2**25), np.float16) == 0


@pytest.mark.parametrize("name", sorted(DECIMALS))
@pytest.mark.parametrize("dtype", TYPES)
def test_the_constants_are_the_nearest_numbers(name: str, dtype: type) -> None:
    digits = {"pi": "3.1415926535897932384626433832795029", "e": "2.7182818284590452353602874713526625"}[name]
    assert nearest_in(DECIMALS[name], dtype) == dtype(digits)


def test_two_variables_are_refused() -> None:
    with pytest.raises(ValueError, match="has the variables x, y"):
        rounded_function(parse("x*y"), np.float16)
