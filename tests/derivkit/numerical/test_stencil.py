"""Every formula is exact to its order and no further; its constant is the true one; a false row cannot be built."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import derivkit as dk
from derivkit.numerical.formulas import row
from derivkit.numerical.nodes import combine
from derivkit.numerical.stencil import Stencil, stencil

X, H = Fraction(1, 3), Fraction(1, 7)


def applied(formula: Stencil, degree: int) -> Fraction:
    """The formula on x^degree at X with the step H, in rational arithmetic, by the same code that floats use."""
    values = [(X + s * H) ** degree for s in formula.offsets]
    return combine(formula.weights, values, H**formula.derivative)


def true_derivative(degree: int, derivative: int) -> Fraction:
    return math.perm(degree, derivative) * X ** (degree - derivative) if degree >= derivative else Fraction(0)


def fornberg(offsets: list[Fraction], derivative: int) -> list[Fraction]:
    """Fornberg's recursion (1988), an algorithm that shares nothing with Lagrange polynomials."""
    weights = [[Fraction(0)] * (derivative + 1) for _ in offsets]
    weights[0][0] = Fraction(1)
    c1 = Fraction(1)
    for i in range(1, len(offsets)):
        c2 = Fraction(1)
        for j in range(i):
            c3 = offsets[i] - offsets[j]
            c2 *= c3
            if j == i - 1:
                for k in range(derivative, -1, -1):
                    lower = k * weights[i - 1][k - 1] if k else 0
                    weights[i][k] = c1 * (lower - offsets[i - 1] * weights[i - 1][k]) / c2
            for k in range(derivative, -1, -1):
                lower = k * weights[j][k - 1] if k else 0
                weights[j][k] = (offsets[i] * weights[j][k] - lower) / c3
        c1 = c2
    return [w[derivative] for w in weights]


def test_a_formula_is_exact_below_its_order(formula: Stencil) -> None:
    for degree in range(formula.derivative + formula.order):
        assert applied(formula, degree) == true_derivative(degree, formula.derivative)


def test_a_formula_misses_by_exactly_its_constant_at_its_order(formula: Stencil) -> None:
    degree = formula.derivative + formula.order
    miss = applied(formula, degree) - true_derivative(degree, formula.derivative)
    assert miss == formula.error_constant * math.factorial(degree) * H**formula.order
    assert miss != 0


def test_the_weights_are_those_of_fornbergs_recursion(formula: Stencil) -> None:
    offsets = sorted({Fraction(s) for s in formula.offsets} | {Fraction(0)})
    found = {s: w for s, w in zip(offsets, fornberg(offsets, formula.derivative), strict=True) if w}
    assert found == dict(zip(map(Fraction, formula.offsets), formula.weights, strict=True))


def test_the_peano_kernel_keeps_its_sign_so_that_the_constant_bounds_the_error(formula: Stencil) -> None:
    assert formula.bound_constant == abs(formula.error_constant)


def test_a_kernel_that_changes_sign_has_a_larger_bound() -> None:
    formula = stencil([-4, -3, 1])
    assert formula.bound_constant > abs(formula.error_constant)


@pytest.mark.parametrize("q", [1, 2, 3, 4])
def test_central_weights_have_the_closed_form(q: int) -> None:
    formula = dk.formula(f"central_{2 * q}")
    weights = dict(zip(formula.offsets, formula.weights, strict=True))
    for k in range(1, q + 1):
        closed = Fraction((-1) ** (k + 1) * math.factorial(q) ** 2, k * math.factorial(q - k) * math.factorial(q + k))
        assert weights[k] == closed == -weights[-k]


@pytest.mark.parametrize(
    ("name", "derivative", "weights"),
    [
        ("forward_1", 1, "-1 1"),
        ("forward_2", 1, "-3/2 2 -1/2"),
        ("backward_2", 1, "1/2 -2 3/2"),
        ("central_8", 1, "1/280 -4/105 1/5 -4/5 4/5 -1/5 4/105 -1/280"),
        ("central_4", 2, "-1/12 4/3 -5/2 4/3 -1/12"),
        ("central_2", 3, "-1/2 1 -1 1/2"),
        ("central_2", 4, "1 -4 6 -4 1"),
        ("forward_1", 4, "1 -4 6 -4 1"),
    ],
)
def test_weights_are_those_printed_in_the_literature(name: str, derivative: int, weights: str) -> None:
    assert dk.formula(name, derivative).weights == tuple(map(Fraction, weights.split()))


def test_a_row_with_a_false_order_names_claim_and_finding() -> None:
    with pytest.raises(ValueError, match=r"central_4: Somebody 1999 claims order 6, its moments give 4; write order=4"):
        row("central_4", 1, range(-2, 3), order=6, source="Somebody 1999")


def test_a_weight_off_by_a_thousandth_cannot_be_built() -> None:
    right = dk.formula("central_4")
    wrong = (right.weights[0] + Fraction(1, 1000), *right.weights[1:])
    with pytest.raises(ValueError, match="moment 0 is 1/1000, it must be 0"):
        Stencil("central_4", right.offsets, wrong, 1, 4, "Fornberg 1988")


def test_a_formula_without_a_source_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="needs its source"):
        Stencil("nameless", (0, 1), (Fraction(-1), Fraction(1)), 1, 1, "")


offsets = st.lists(st.fractions(-5, 5, max_denominator=7), min_size=3, max_size=8, unique=True)


@given(offsets, st.integers(1, 2))
def test_any_offsets_give_the_most_accurate_formula_on_them(points: list[Fraction], derivative: int) -> None:
    formula = stencil(points, derivative)
    for degree in range(formula.derivative + formula.order):
        assert applied(formula, degree) == true_derivative(degree, derivative)
    assert formula.order >= len(points) - derivative
    assert formula.bound_constant >= abs(formula.error_constant)


@pytest.mark.parametrize(
    ("points", "derivative", "says"),
    [
        ([0, 1, 1], 1, "must differ"),
        ([0], 1, "needs at least 2 offsets"),
        ([0, 1], 2, "needs at least 3 offsets"),
        ([0, 1], 0, "derivative=.*: write a whole number from 1 on"),
        ([0, 1], True, "derivative=.*: write a whole number from 1 on"),
        ([0, math.inf], 1, "a finite number"),
    ],
)
def test_offsets_that_make_no_formula_are_refused(points: list[float], derivative: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        stencil(points, derivative)


@given(
    st.lists(st.fractions(-4, 4, max_denominator=4), min_size=3, max_size=5, unique=True).map(sorted), st.integers(1, 2)
)
def test_a_name_that_carries_its_offsets_is_the_formula_on_them(points: list[Fraction], derivative: int) -> None:
    name = f"mine[{','.join(map(str, points))}]"
    named, written = dk.formula(name, derivative), stencil(points, derivative)
    assert (named.name, named.offsets, named.weights) == (name, written.offsets, written.weights)


@pytest.mark.parametrize(
    ("name", "derivative", "says"),
    [
        ("central_5", 1, "no formula named 'central_5'; did you mean central_"),
        ("central_4", 5, "has no row for derivative 5; it has 1, 2, 3, 4"),
        ("zzz", 1, "; there are "),
    ],
)
def test_an_unknown_formula_names_the_nearest(name: str, derivative: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        dk.formula(name, derivative)


def test_weights_over_their_denominator_are_the_weights(formula: Stencil) -> None:
    assert tuple(Fraction(n, formula.denominator) for n in formula.numerators) == formula.weights
    assert max(map(abs, formula.numerators)) < 2**53
