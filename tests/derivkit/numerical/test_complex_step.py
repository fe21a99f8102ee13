"""The complex step: right to rounding where f is analytic, refused where it is not, its bar held on a population."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from counted import Counted
from omegaconf import OmegaConf

import derivkit as dk
from derivkit.numerical import complex_step as room
from experiments.running.settings import CONVERTERS

FUNCTIONS = sorted((Path(__file__).resolve().parents[3] / "conf/function").glob("*.yaml"))
SILENT: dict[str, Any] = {
    "abs": abs,
    "conj": lambda z: np.conj(z) * z,
    "real": lambda z: np.real(z) ** 2,
    "norm": lambda z: np.sqrt(np.abs(z) ** 2 + 1.0),
    "maximum": lambda z: np.maximum(np.real(z), 0.5),
    "half of it": lambda z: z * np.abs(z),
    "a millionth of it": lambda z: z * z + 1e-6 * np.abs(z),
    "an imaginary part of absolute accuracy": lambda z: z * z + (1e-17j if np.iscomplexobj(z) else 0.0),
    "another branch": lambda z: np.sqrt(z * z) if np.iscomplexobj(z) else z,
}
REFUSING: dict[str, Any] = {
    "float": float,
    "math": math.sin,
    "a cast": lambda z: np.sin(np.asarray(z).astype(np.float64)),
    "cbrt": np.cbrt,
    "another function": lambda z: z * z + (1.0 if np.iscomplexobj(z) else 0.0),
}


def wrong_without(name: str) -> float:
    """A point at which the function's complex step is wrong by its very nature."""
    return -1.7 if name == "another branch" else 1.7


@pytest.mark.parametrize("name", SILENT)
def test_code_that_is_not_analytic_is_refused_and_would_be_answered_without_the_probe(name: str) -> None:
    f, x = SILENT[name], wrong_without(name)
    found = dk.complex_step(f, x)
    assert found.status == "unresolved"
    assert math.isnan(found.value)
    assert found.message
    trusting = dk.complex_step(f, x, probe=False)
    slope = dk.gsl_central(f, x)
    assert trusting.status == "ok"
    assert abs(trusting.value - slope.value) > 100 * slope.error
    assert "not probed" in trusting.message


def test_a_probe_that_confirms_everything_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room._Probe, "code", lambda self: np.zeros(self.error.shape, dtype=np.intp))
    assert dk.complex_step(abs, 1.7).value == 0.0
    with pytest.raises(AssertionError):
        test_code_that_is_not_analytic_is_refused_and_would_be_answered_without_the_probe("abs")


@pytest.mark.parametrize("name", REFUSING)
def test_code_that_takes_no_complex_numbers_is_refused_with_the_reason(name: str) -> None:
    for x in (1.7, np.array([1.7, 2.3])):
        found = dk.complex_step(REFUSING[name], x)
        assert np.all(found.status == "unresolved")
        assert np.all(np.isinf(found.error))
    assert "f takes no complex numbers: TypeError" in dk.complex_step(float, 1.7).message


@pytest.mark.parametrize(
    ("f", "left", "right"),
    [(abs, -1, 1), (lambda z: np.maximum(0.0, z), 0, 1), (lambda z: z + abs(z), 0, 2)],
    ids=["abs", "relu", "x+|x|"],
)
@pytest.mark.parametrize("x", [0.0, 1e-100, -1e-100, 1e-5, -1e-5])
def test_at_a_kink_there_is_no_answer_and_beside_it_none_that_is_wrong(f: Any, left: int, right: int, x: float) -> None:
    found = dk.complex_step(f, x)
    if x == 0.0:
        assert found.status == "unresolved"
    assert found.status != "ok" or abs(found.value - (right if x > 0.0 else left)) <= found.error


def test_a_branch_that_the_code_takes_by_comparing_is_followed() -> None:
    found = dk.complex_step(lambda z: z * z if z > 0.0 else -z, np.array([1.7, -2.0]))
    assert found.value.tolist() == [3.4, -1.0]


@pytest.mark.parametrize("share", [1e-3, 1e-6, 1e-9, 1e-12])
def test_what_the_probe_cannot_see_is_within_the_bar(share: float) -> None:
    found = dk.complex_step(lambda z: z * z + share * np.abs(z), 1.7)
    assert found.status != "ok" or abs(found.value - (3.4 + share)) <= found.error


@pytest.mark.parametrize("name", ["exp", "sin", "cosh", "sqrt", "log", "atan"])
def test_an_analytic_function_is_right_to_a_few_ulp(name: str) -> None:
    x = np.random.default_rng(3).uniform(0.3, 5.0, 40)
    found = dk.complex_step(getattr(np, {"atan": "arctan"}.get(name, name)), x)
    with mpmath.workdps(40):
        exact = np.array([float(mpmath.diff(getattr(mpmath, name), mpmath.mpf(float(t)))) for t in x])
    assert np.all(found.status == "ok")
    assert np.all(np.abs(found.value - exact) <= 8 * np.spacing(np.abs(exact)))
    assert np.all(np.abs(found.value - exact) <= found.error)
    assert np.all(found.error <= 1e-10 * np.maximum(np.abs(exact), 1.0))


def test_without_the_probe_the_functions_of_the_laboratory_are_wrong_in_silence_and_with_it_none_is() -> None:
    wrong, uncovered, answered = 0, [], 0
    for path in FUNCTIONS:
        (problem,) = CONVERTERS["function"]({"function": OmegaConf.to_container(OmegaConf.load(path))})  # type: ignore[misc]
        x = np.array(problem.points)
        exact = problem.function.exact_derivative(x)
        trusting, found = (dk.complex_step(problem.function, x, probe=probe) for probe in (False, True))
        slack = np.abs(found.value - exact) <= found.error + 2 * np.spacing(np.abs(exact))
        uncovered += [path.stem for k in np.flatnonzero((found.status == "ok") & np.isfinite(exact)) if not slack[k]]
        wrong += int(np.sum((trusting.status == "ok") & (np.abs(trusting.value - exact) > 1e-6 * np.abs(exact))))
        answered += int(np.sum(found.status == "ok"))
    assert uncovered == []
    assert wrong >= 5
    assert answered >= 100


def test_a_point_costs_three_real_and_three_complex_values() -> None:
    asked = Counted(np.exp)
    found = dk.complex_step(asked, 1.0)
    real, imaginary = ([p for p in asked.counts if isinstance(p, kind)] for kind in (float, complex))
    assert (len(real), len(imaginary), found.total) == (3, 3, 6)
    assert dk.complex_step(np.exp, 1.0, probe=False).total == 1


def test_no_point_is_asked_twice_and_every_point_is_counted() -> None:
    asked = Counted(np.exp)
    found = dk.complex_step(asked, [0.0, 1e-9, 1.0, 1.0, 700.0])
    probes = 4
    assert found.total == len(asked.counts) == sum(asked.counts.values()) - probes == int(np.sum(found.evaluations))


@pytest.mark.parametrize("x", [1.0, 1.00001, 1.5, 1.99999, 2.0])
def test_the_domain_is_never_left_and_its_ends_are_answered(x: float) -> None:
    asked = Counted(np.exp)
    found = dk.complex_step(asked, x, domain=(1.0, 2.0))
    assert all(1.0 <= complex(point).real <= 2.0 for point in asked.counts)
    assert (found.status, found.value) == ("ok", pytest.approx(math.exp(x), rel=1e-15))


def test_outside_the_domain_f_is_not_asked() -> None:
    asked = Counted(np.exp)
    assert dk.complex_step(asked, 3.0, domain=(1.0, 2.0)).status == "not_finite"
    assert not asked.counts


def test_a_function_that_mixes_its_entries_is_called_point_by_point() -> None:
    def mixing(z: Any) -> Any:
        return np.exp(z) / np.sum(np.exp(z)) if np.ndim(z) else np.exp(z)

    found = dk.complex_step(mixing, [0.3, 1.1])
    np.testing.assert_allclose(found.value, np.exp([0.3, 1.1]), rtol=1e-15)


def test_a_warning_of_a_lost_imaginary_part_is_no_business_of_the_caller() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        dk.complex_step(lambda z: np.sin(np.asarray(z).astype(np.float64)), [1.0, 2.0])
    assert seen == []


def test_the_imaginary_step_may_be_given() -> None:
    assert dk.complex_step(lambda z: z**3, 1.0, delta=0.5, probe=False).value == 3.0 - 0.25
    assert dk.complex_step(lambda z: z**3, 1.0, delta=0.5).status == "unresolved"


# Where the imaginary part underflows


UNDERFLOWING: dict[str, tuple[Any, float, str]] = {
    "a square": (lambda x: x**2, 1e-170, "2*x"),
    "a square, less near 0": (lambda x: x**2, 1e-155, "2*x"),
    "a square of which digits are left": (lambda x: x * x, 1e-150, "2*x"),
    "a cube": (lambda x: x**3, 1e-110, "3*x^2"),
    "a cube on the left": (lambda x: x**3, -1e-103, "3*x^2"),
    "a tenth power": (lambda x: x**10, 1e-33, "10*x^9"),
    "magnified again": (lambda x: x**2 * 1e300, 1e-170, "2*x*1e300"),
    "a cube magnified again": (lambda x: x**3 * 1e250, 1e-110, "3*x^2*1e250"),
    "a product": (lambda x: (1e-200 * x) * (1e-100 * x), 1e-20, "2e-300*x"),
    "flat at 0": (lambda x: np.exp(-1 / x), 1e-3, "exp(-1/x)/x^2"),
    "flat at 0, least floats": (lambda x: np.exp(-1 / x), 1 / 720, "exp(-1/x)/x^2"),
    "flat at 0, a few digits": (lambda x: np.exp(-1 / x), 1 / 700, "exp(-1/x)/x^2"),
    "values among the least floats": (lambda x: 1e-310 * np.sin(x), 1.0, "1e-310*cos(x)"),
    "slopes among the least floats": (lambda x: 1e-300 * np.sin(x), 1.0, "1e-300*cos(x)"),
    "a far tail": (lambda x: np.exp(-x * x), 26.9, "-2*x*exp(-x^2)"),
}


@pytest.mark.parametrize("name", UNDERFLOWING)
def test_where_the_imaginary_part_underflows_the_bar_is_true(name: str) -> None:
    f, x, slope = UNDERFLOWING[name]
    found = dk.complex_step(f, x)
    truth = float(dk.exact(slope, x, order=0).value)
    assert found.status == "ok"
    assert abs(found.value - truth) <= found.error
    assert ("below the least floats" in found.message) == (found.error >= abs(found.value))


def test_digits_lost_on_the_way_are_refused_where_real_values_keep_them() -> None:
    found = dk.complex_step(lambda x: x**2 * 1e300, 1e-155)
    assert (found.status, math.isnan(found.value)) == ("unresolved", True)
    assert "loses digits inside" in found.message


def test_a_bar_that_forgets_the_underflow_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LOST_IN_PART", 0.0)
    monkeypatch.setattr(room, "SMALL_POINT", 0.0)
    missed = []
    for name, (f, x, slope) in UNDERFLOWING.items():
        found = dk.complex_step(f, x)
        if found.status != "ok" or abs(found.value - float(dk.exact(slope, x, order=0).value)) > found.error:
            missed.append(name)
    assert len(missed) > 8


@pytest.mark.parametrize("x", [2.0, [2.0, 3.0]])
def test_of_a_function_with_complex_values_it_is_said_that_they_are(x: Any) -> None:
    message = np.atleast_1d(dk.complex_step(lambda z: 1j * z**2, x).message)[0]
    assert "f gives complex numbers" in message
