"""What the parser says to write instead can be written, and means what was typed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pytest
import sympy

import derivkit as dk
from derivkit.expressions import hints
from derivkit.expressions.evaluation import named_function
from derivkit.expressions.tokens import ROLES, ParseError

POINT = {"x": 0.7, "y": 1.3}
HINTS = """
acoth(x) : atanh(1/x); acoth(2*x) : atanh(1/(2*x)); arcoth(x) : atanh(1/x); arccoth(x + 1) : atanh(1/(x+1));
asech(x) : acosh(1/x); arcsch(x) : asinh(1/x); sinc(x) : sin(x)/x; elu(x) : piecewise((x, x>0), (exp(x)-1, True));
silu(x) : x*sigmoid(x); rsqrt(x) : 1/sqrt(x); np.sin(x) : sin(x); math.sin(2*x) : sin(2*x); numpy.exp(x) : exp(x);
torch.relu(x) : relu(x); np.arctan2(y, x) : atan(y/x); np.pi*x : pi; math.e : e; scipy.special.erf(x) : erf(x);
torch.nn.functional.silu(x) : x*sigmoid(x); np.maximum(x, 0) : max(x,0); jnp.square(x + 1) : (x+1)**2;
pow(x, 2) : x**2; pow(x + 1, y) : (x+1)**y; lg(x, 2) : log10(x); hypot(x, y) : sqrt(x**2 + y**2);
ceil(2*x) : -floor(-(2*x)); xsin(x) : x*sin(x); E*x : e; 1.sin(x) : 1.*sin(x);
acoth(foo(x)) : atanh(1/x)
"""
SAID = {
    "erfi(x)": "write a Python function", "besselj(1, x)": "write a Python function",
    "np.linalg.norm(x)": "write a Python function",
    "d/dx x^2": "write the formula alone", "dy/dx": "write the formula alone", "d/dx": "write the formula alone",
    "df/dx = 2*x": "write the formula alone", "dy/dt + x": "write the formula alone",
    "piecewise((sin(x)/x, x != 0), (1, True))": "without the piece for a single point",
    "I*x": "no complex numbers", "np.inf*x": "numbers are finite", "x.real": "write x*y for a product",
    "dlog(x)": "did you mean log?", "csqrt(x)": "did you mean sqrt?",
}  # fmt: skip


def hint(text: str) -> str:
    with pytest.raises(ParseError) as error:
        dk.parse(text)
    return error.value.hint


def forms(said: str) -> list[str]:
    """The formulas that a hint says to write."""
    if not said.startswith("write "):
        return []
    first = re.split(r", which|, between| for Euler|, or leave|; ", said.removeprefix("write "))[0]
    return re.split(", or | or ", first)


@pytest.mark.parametrize("case", [one.strip() for one in HINTS.split(";") if one.strip()])
def test_a_hint_says_what_was_meant(case: str) -> None:
    text, expected = case.split(" : ")
    assert forms(hint(text))[0] == expected
    dk.parse(expected)


@pytest.mark.parametrize(("text", "words"), SAID.items())
def test_a_hint_misleads_nobody(text: str, words: str) -> None:
    assert words in hint(text)


def named(module: Any) -> dict[str, Callable[..., Any]]:
    return {name: one for name in dir(module) if not name.startswith("_") and callable(one := getattr(module, name))}


NAMES = sorted({*named(math), *named(np), *hints.ELSEWHERE, *hints.ALIASES, *named(sympy.functions)})


@pytest.mark.parametrize("count", [1, 2])
def test_whatever_a_hint_says_to_write_is_read(count: int) -> None:
    arguments = ", ".join(("x", "y + 1")[:count])
    for name in NAMES:
        for text in (f"{name}({arguments})", f"np.{name}({arguments})"):
            try:
                dk.parse(text)
            except ParseError as error:
                for form in forms(error.hint):
                    if form not in WORDS:
                        dk.parse(form)


WORDS = {
    "a Python function", "the formula alone: its derivative is requested separately", "x*y for a product",
    "one comparison for each piece, as in piecewise((x, x<1), (2*x, True))",
}  # fmt: skip
OTHERWISE = {"sinc", "clip", "round", "rint", "remainder"}
"""Functions that are several: sin(x)/x too, between other bounds, halves to even, the nearest remainder."""


@pytest.mark.parametrize("module", [math, np])
def test_what_is_written_instead_has_the_values_of_the_function(module: Any) -> None:
    checked = 0
    functions = {name: one for name, one in named(module).items() if module is math or isinstance(one, np.ufunc)}
    for name, function in functions.items():
        for arguments in (("x",), ("x", "y")):
            numbers = [POINT[one] for one in arguments]
            text = f"{name}({', '.join(arguments)})"
            try:
                with np.errstate(all="ignore"):
                    value = float(function(*numbers))
            except (TypeError, ValueError, AttributeError):
                continue
            try:
                found = [text] if dk.parse(text) else []
            except ParseError as error:
                found = [form for form in forms(error.hint) if form not in WORDS]
            if name in OTHERWISE or not found or math.isnan(value):
                continue
            if {*dk.parse(found[0]).variables} <= {*arguments}:
                checked += 1
                assert named_function(dk.parse(found[0]))(POINT) == pytest.approx(value, rel=1e-12), text
    assert checked >= 30


def in_vain(names: Collection[str]) -> set[str]:
    """The names with a hint, which nobody sees, as the parser reads them as a function of the table."""
    return set(names) & set(ROLES)


def test_no_hint_is_for_an_operation_that_exists() -> None:
    assert in_vain(hints.ELSEWHERE) == set()
    assert in_vain(hints.ALIASES) == set()
    assert in_vain({**hints.ELSEWHERE, "sinh": "write (exp({w}) - exp(-{u}))/2", "ln": "write log({w})"}) == {
        "sinh",
        "ln",
    }


def test_a_hint_that_misleads_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "ELSEWHERE", {**hints.ELSEWHERE, "exp2": "write 3**{u}"})
    with pytest.raises(AssertionError):
        test_what_is_written_instead_has_the_values_of_the_function(math)
    monkeypatch.setattr(hints, "ELSEWHERE", {**hints.ELSEWHERE, "exp2": "write 2x"})
    with pytest.raises(ParseError):
        test_whatever_a_hint_says_to_write_is_read(1)


@pytest.mark.parametrize(
    "call",
    [dk.parse, dk.derive, lambda one: dk.exact(one, 1.0), lambda one: dk.accuracy(one, 1.0),
     lambda one: dk.taylor(one, 1.0, 2), lambda one: dk.diagnose(one, "x"), lambda one: dk.diagnose("x", one),
     dk.Function.from_expression],
)  # fmt: skip
def test_a_formula_that_sympy_holds_is_told_the_way_out(call: Callable[[Any], Any]) -> None:
    x = sympy.Symbol("x")
    with pytest.raises(TypeError, match=r"not x\*\*2\*sin\(x\) of sympy: write str\(...\) of it"):
        call(sympy.sin(x) * x**2)
    call(str(sympy.sin(x) * x**2)) if call is dk.parse else None


@pytest.mark.parametrize("text", ["E", "I"])
def test_the_constants_of_sympy_are_no_variables_unseen(text: str) -> None:
    with pytest.raises(ParseError, match=f"'{text}' is not a variable"):
        dk.parse(f"{text}*x")
    assert dk.parse(f"{text}_1*x").variables == (f"{text}_1", "x")
