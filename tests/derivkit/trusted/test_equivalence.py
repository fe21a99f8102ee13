"""Proofs that two formulas are one function: what is one is proved, and nothing else is."""

from __future__ import annotations

import random

import numpy as np
import pytest
from formulas import CORRECT, random_tree

from derivkit.expressions.evaluation import float_values
from derivkit.expressions.expression import parse
from derivkit.expressions.tree import Node, Operation, Variable, program_of
from derivkit.symbolic.derivation import chosen_variable
from derivkit.symbolic.differentiation import differentiate
from derivkit.symbolic.points import float_stand_in, lattice_of
from derivkit.trusted import equivalence
from derivkit.trusted.equivalence import equivalent

EQUAL = """
sin(x)^2 + cos(x)^2 : 1; sin(3*x) : 3*sin(x) - 4*sin(x)^3; cos(x/2)^2 : (1 + cos(x))/2;
tan(x/2) : sin(x)/(1 + cos(x)); sin(x + y) : sin(x)*cos(y) + cos(x)*sin(y); cos(pi/4) : sqrt(2)/2; sin(pi/6) : 1/2;
cos(pi/3 + x) : cos(x)/2 - sqrt(3)*sin(x)/2; sin(pi*x + pi) : -sin(pi*x); sec(x)^2 : 1 + tan(x)^2;
csc(2*x) : (tan(x) + cot(x))/2; exp(x + y) : exp(x)*exp(y); exp(2*log(x)) : x^2; log(exp(x)) : x;
log(x*y) : log(x) + log(y); log(8) : 3*log(2); log(x, 2) : log(x)/log(2); log10(100*x) : 2 + log10(x); e^2 : exp(2);
x^pi : exp(pi*log(x)); 4^x : 2^(2*x); x^x : exp(x*log(x)); sqrt(8) : 2*sqrt(2); sqrt(x^2) : abs(x);
sqrt(x*y) : sqrt(x)*sqrt(y); x^0.5*x^0.5 : x; cbrt(x^3) : x; cbrt(-8) : -2; sqrt(x)^3 : x*sqrt(x);
cosh(x)^2 - sinh(x)^2 : 1; cosh(x) + sinh(x) : exp(x); tanh(x) : 2*sigmoid(2*x) - 1;
asinh(x) : log(x + sqrt(x^2 + 1)); acosh(x) : log(x + sqrt(x^2 - 1)); atanh(x) : log((1 + x)/(1 - x))/2;
asin(x) + acos(x) : pi/2; atan(-x) : -atan(x); softplus(x) - softplus(-x) : x; logsumexp(x, y) : y + softplus(x - y);
softmax(x, y) : sigmoid(x - y); relu(x) : (x + abs(x))/2; max(x, y) : x + relu(y - x); max(x, y) + min(x, y) : x + y;
abs(x*y) : abs(x)*abs(y); sign(x)*x : abs(x); sign(x^2 + 1) : 1; heaviside(x) : (1 + sign(x))/2;
leaky_relu(x) : max(x, x/100); piecewise((x, x > 0), (-x, True)) : abs(x); erf(-x) : -erf(x);
gelu(x) + gelu(-x) : x*erf(x/sqrt(2)); log(x)*abs(x) : log(x)*x; f(x)^2 - g(x)^2 : (f(x) - g(x))*(f(x) + g(x));
(x^2 - 1)/(x - 1) : x + 1; 1/(1 - 1/x) : x/(x - 1); expm1(2*x) : expm1(x)*(exp(x) + 1); log1p(x) : log(1 + x);
sech(x) : 2*exp(x)/(exp(2*x) + 1)
"""
UNEQUAL = """
x : abs(x); x : sqrt(x^2); log(x^2) : 2*log(x) + 1e-50; abs(x + y) : abs(x) + abs(y); sqrt(x + y) : sqrt(x) + sqrt(y);
sin(x) : x; piecewise((log(x), x > 1), (x - 1, True))*abs(x) : piecewise((log(x), x > 1), (x - 1, True))*x;
sin(x)^2 : sin(x^2); exp(x*y) : exp(x)*exp(y); log(x + y) : log(x) + log(y); floor(x) : x; cos(pi/5) : cos(2*pi/5);
tanh(50) : 1; exp(-300) : 0; sign(x) : 1; relu(x) : x; max(x, y) : x; heaviside(x) : 1; cbrt(x) : sqrt(x);
f(x) : g(x); f'(x) : f(x); asin(sin(x)) : x; acosh(x) : asinh(x); 2^x : x^2; sqrt(2) : 1.4142135623730950488;
e : 2.718281828459045; pi : 3.14159265358979; sign(x)^2 : sign(x); abs(sin(x)) : sin(x);
piecewise((x, x > 5000), (0, True)) : 0; erf(x) : tanh(x); gamma(x + 1) : gamma(x)
"""


def pairs(table: str) -> list[tuple[str, str]]:
    return [(a.strip(), b.strip()) for a, b in (one.split(" : ") for one in table.split(";"))]


@pytest.mark.parametrize(("a", "b"), pairs(EQUAL))
def test_an_identity_is_proved(a: str, b: str) -> None:
    assert equivalent(parse(a).root, parse(b).root)


@pytest.mark.parametrize(("a", "b"), pairs(UNEQUAL))
def test_what_is_no_identity_is_not_proved(a: str, b: str) -> None:
    assert not equivalent(parse(a).root, parse(b).root)


@pytest.mark.parametrize(("text", "answer"), CORRECT)
def test_every_other_form_of_a_derivative_is_proved(text: str, answer: str) -> None:
    tree = parse(text)
    derivative = differentiate(tree.root, Variable(chosen_variable(tree, None))).result.root
    assert equivalent(derivative, parse(answer).root)


def values(root: Node) -> np.ndarray:
    with np.errstate(all="ignore"):
        found = float_values(program_of(root), lattice_of(["x", "y"], 64), unknown=float_stand_in)[-1]
    return np.broadcast_to(np.asarray(found, dtype=np.float64), (64,))


def moved(root: Node, chance: random.Random) -> Node:
    """A formula with one of its parts changed."""
    if not isinstance(root, Operation) or chance.random() < 0.3:
        return Operation("add", (root, parse(chance.choice(("1", "x", "1e-3*y"))).root))
    k = chance.randrange(0, len(root.arguments), 2 if root.name == "piecewise" else 1)
    k = 1 if root.name == "polygamma" else k
    return Operation(root.name, tuple(moved(one, chance) if i == k else one for i, one in enumerate(root.arguments)))


def false_proofs(count: int) -> list[str]:
    """Random formulas, one part of each changed, that are proved to be what they were and have other values."""
    wrong = []
    for seed in range(count):
        a = random_tree(seed, depth=4)
        b = moved(a, random.Random(seed))
        if equivalent(a, b):
            first, second = values(a), values(b)
            real = np.isfinite(first) & np.isfinite(second) & (np.abs(first) < 1e100)
            if not np.allclose(first[real], second[real], rtol=1e-6, atol=1e-9):
                wrong.append(f"{seed}: {a!r}, {b!r}")
    return wrong


def test_nothing_that_has_other_values_is_proved() -> None:
    assert false_proofs(300) == []


def test_a_false_identity_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = {**equivalence._RULES, "sin": lambda f, a: f.number(0), "exp": lambda f, a: f.number(1)}
    monkeypatch.setattr(equivalence, "_RULES", rules)
    assert false_proofs(300)
