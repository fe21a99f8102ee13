"""Grids are the numbers nearest to the true ones, whatever the processor."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from derivkit import errors, grids, predictions, recommendation, sweeps
from derivkit.testing.population import Draw
from experiments.studies import honesty

mp = mpmath.mp.clone()
mp.dps = 60

EXPONENTS = st.floats(-320, 308).map(lambda value: round(value, 6))


def written(value: float) -> Fraction:
    return Fraction(str(value))


def nearest(value: mpmath.mpf) -> float:
    """By way of 50 digits, as mpmath itself rounds subnormal numbers twice."""
    return float(mp.nstr(value, 50))


def power_of_ten(exponent: Fraction) -> float:
    return nearest(mp.power(10, mp.mpf(exponent.numerator) / exponent.denominator))


@given(EXPONENTS, EXPONENTS, st.integers(1, 60))
def test_a_logarithmic_grid_holds_the_doubles_nearest_to_its_powers_of_ten(start: float, stop: float, count: int):
    low, high = written(start), written(stop)
    exact = [power_of_ten(low + k * (high - low) / max(count - 1, 1)) for k in range(count)]
    assert grids.logspace(start, stop, count).tolist() == exact


@given(st.floats(5e-324, 1.7e308), st.floats(5e-324, 1.7e308), st.integers(1, 40))
def test_a_geometric_grid_holds_the_doubles_nearest_to_its_ratios(start: float, stop: float, count: int):
    low, high = (mp.mpf(v.numerator) / v.denominator for v in (written(start), written(stop)))
    exact = [nearest(low * (high / low) ** (mp.mpf(k) / max(count - 1, 1))) for k in range(count)]
    assert grids.geomspace(start, stop, count).tolist() == exact
    assert grids.geomspace(start, stop, 2).tolist() == [start, stop]


def test_whole_powers_of_ten_are_those_that_are_written():
    assert grids.logspace(-323, 308, 632).tolist() == [float(f"1e{k}") for k in range(-323, 309)]


def test_halfway_between_two_doubles_the_even_one_is_taken():
    assert grids.logspace(23, 23, 1).tolist() == [1e23]  # 5^23 is odd and has 54 bits
    halfway = Fraction(2**53 + 1)
    assert grids._nearest(halfway, Fraction(2), Fraction(0)) == 2.0**53
    assert grids.geomspace(1, (2**27 + 1) ** 2, 3).tolist() == [1.0, 2.0**27 + 1, float((2**27 + 1) ** 2)]


def test_a_rational_ratio_is_found_to_be_rational():
    assert grids._rational(Fraction(9, 4), Fraction(3, 2)) == Fraction(27, 8)
    assert grids._rational(Fraction(9, 5), Fraction(3, 2)) is None
    assert grids._rational(Fraction(10), Fraction(-2)) == Fraction(1, 100)


def test_a_product_that_leaves_the_nearest_double_open_is_not_taken(monkeypatch: pytest.MonkeyPatch):
    asked: list[Fraction] = []
    exactly = grids._nearest
    monkeypatch.setattr(grids, "_nearest", lambda f, b, exponent: asked.append(exponent) or exactly(f, b, exponent))
    assert grids.logspace(20, 25, 6).tolist() == [1e20, 1e21, 1e22, 1e23, 1e24, 1e25]
    assert asked == [23]


def test_a_grid_of_a_million_is_that_of_its_parts():
    whole, part = grids.logspace(-12, -1, 1_000_001), grids.logspace(-12, -1, 11)
    assert whole[::100_000].tolist() == part.tolist()
    assert np.all(np.diff(whole) > 0.0)


@given(st.floats(-700, 700))
def test_exponentials_and_logarithms_are_correctly_rounded(x: float):
    assert grids.exp(x) == float(mp.exp(x))
    assert grids.log(math.exp(x)) == float(mp.log(math.exp(x)))


def test_the_decade_of_a_number_is_the_power_of_ten_next_to_it():
    values = [1e-323, 3.16e-5, 3.17e-5, 1.0, 3.1, 9e307, 0.0, math.inf]
    assert grids.decade(values).tolist() == [1e-323, 1e-5, 1e-4, 1.0, 1.0, 1e308, 0.0, math.inf]
    assert float(grids.decade(0.02)) == 0.01


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: grids.logspace(0, 400, 3), "exponents are from -323 to 308"),
        (lambda: grids.logspace(0, -1e9, 3), "exponents are from -323 to 308"),
        (lambda: grids.logspace(0, math.nan, 3), "exponents are from|not a finite number"),
        (lambda: grids.geomspace(-1, 1, 3), "greater than 0"),
        (lambda: grids.linspace(0, 1, 0), "a whole number from 1"),
        (lambda: grids.powers_of_two(0, 1024), "from -1074 to 1023"),
    ],
)
def test_a_grid_beyond_the_doubles_is_refused_in_a_line(call, words: str):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


# Every processor


def everything() -> dict[str, str]:
    """A digest of every grid, ladder and drawing; of NumPy's own power and exp too, which differ."""
    found = {
        "logspace": grids.logspace(-16, 0, 129),
        "geomspace": grids.geomspace(1e-9, 3, 500),
        "linspace": grids.linspace(-0.3, 0.7, 500),
        "errors": predictions.LADDER,
        "decades": grids.decade(np.ldexp(1.0, np.arange(-1000, 1000))),
        "sweep": sweeps.delta_ladder(17.0),
        "factors": np.array(honesty.FACTORS),
        "below": errors.BELOW,
        "growth": recommendation.GROWTH,
        **{
            how: Draw(how, 1e-3, 7.0)(np.random.default_rng(1), 2000)
            for how in ("uniform", "log_uniform", "signed_log_uniform")
        },
        "numpy": 10.0 ** np.linspace(-16, 0, 1290) + np.exp(np.linspace(-3, 3, 1290)),
    }
    return {name: hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest() for name, values in found.items()}


def tell() -> None:
    sys.stdout.write(json.dumps(everything()))


def test_grids_ladders_and_populations_are_the_same_whatever_the_processor_can():
    features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if not features:
        pytest.skip("NumPy uses nothing here that could be switched off")
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_grids as t; t.tell()"
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(features)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    here, there = everything(), json.loads(done.stdout)
    other = [name for name in here if here[name] != there[name]]
    assert other in ([], ["numpy"])
