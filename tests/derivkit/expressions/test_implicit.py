"""Formulas without their multiplication signs: read as with them, or refused where there are two readings."""

from __future__ import annotations

import random

import pytest
from formulas import CORPUS, random_tree
from hypothesis import given, settings
from hypothesis import strategies as st

import derivkit as dk
from derivkit.expressions.implicit import multiplied
from derivkit.expressions.tokens import ParseError, Source, Token, scan
from derivkit.expressions.tree import text_of

READ = """
3x^2 : 3*x^2; 2x : 2*x; 2(x+1) : 2*(x+1); x sin(x) : x*sin(x); x(x+1) : x*(x+1); (x+1)(x-1) : (x+1)*(x-1);
sin(x)cos(x) : sin(x)*cos(x); x^2y : x^2*y; e^x sin(x) : e^x*sin(x); 2e^(3x) : 2*e^(3*x); 2e3 : 2e3; 2e3x : 2e3*x;
2e-x : 2*e-x; 2pi x : 2*pi*x; f(x) + 2f'(x) : f(x) + 2*f'(x); x1 x2 : x1*x2; -2x^2 : -2*x^2; x/(2y) : x/(2*y);
1/2*3x : 1/2*3*x; h h(x) : h*h*(x); alpha x : alpha*x; 2(3) : 2*(3); log(2)x : log(2)*x; 3  x : 3*x; 2^(3)x : 2^(3)*x;
x_in y : x_in*y; piecewise((2x, x<1), (3x^2, True)) : piecewise((2*x, x<1), (3*x^2, True));
sin(2x)^2(x+1) : sin(2*x)^2*(x+1); x**2(x+1) : x**2*(x+1); 5 : 5; pi(x+1) : pi*(x+1); 2 max(x, 3x) : 2*max(x, 3*x)
"""
REFUSED = {
    "1/2x": "1/2x has two readings; write 1/(2*x) or (1/2)*x",
    "1/2x^2": "write 1/(2*x^2) or (1/2)*x^2",
    "1/x^2y": "write 1/(x^2*y) or (1/x^2)*y",
    "1/-2x": "write 1/(-2*x) or (1/-2)*x",
    "1/x(x+1)": "write 1/(x*(x+1)) or (1/x)*(x+1)",
    "1/sin(x)cos(x)": "write 1/(sin(x)*cos(x)) or (1/sin(x))*cos(x)",
    "2x/3y": "write x/(3*y) or (x/3)*y",
    "e^2x": "e^2x has two readings; write e^(2*x) or e^2*x",
    "e^-2x": "write e^(-2*x) or e^-2*x",
    "2^3x": "write 2^(3*x) or 2^3*x",
    "e2": "write e^2, 2*e, or e_2 for a variable",
    "xy": "write x*y, or xy_ for one variable",
    "x1x2": "write x1*x2, or x1x2_ for one variable",
    "sin 2x": "sin is a function and needs brackets; write sin(2*x)",
    "2sin^2(x)": "write sin(x)**2",
    "xsin(x)": "write x*sin(x)",
    "2 3": "a sign is missing between two numbers; write 2*3",
    "(x+1)2": "a multiplication sign is missing; write (x+1)*2",
    "0x1F": "numbers are decimal",
    "1_000 x": "a number has no underscores; write 1000",
    "piecewise((x, x<1)(2x, True))": "a comma is missing between two pieces",
    "Sin x": "write sin(x)",
    "x(1, 2)": "unknown function 'x'",
    "2Pi": "write pi",
}


@pytest.mark.parametrize("case", [one.strip() for one in READ.split(";")])
def test_a_sign_that_is_left_out_multiplies_like_one_that_is_written(case: str) -> None:
    typed, explicit = (part.strip() for part in case.split(" : "))
    assert dk.parse(typed, implicit=True).root == dk.parse(explicit).root


@pytest.mark.parametrize(("typed", "words"), REFUSED.items())
def test_what_has_two_readings_is_refused_with_both(typed: str, words: str) -> None:
    with pytest.raises(ParseError) as error:
        dk.parse(typed, implicit=True)
    assert words in error.value.line
    assert "implicit" not in error.value.hint


def test_both_readings_can_be_written_and_are_not_one() -> None:
    for typed, words in REFUSED.items():
        if " has two readings" in words or (words.startswith("write 1/") and " or " in words):
            one, other = words.partition("write ")[2].split(" or ")
            assert dk.parse(one).root != dk.parse(other).root, typed


@pytest.mark.parametrize("typed", ["2x", "x(x+1)", "pi(x+1)", "(x+1)(x-1)", "3 sin(x)"])
def test_the_hint_names_what_allows_it(typed: str) -> None:
    with pytest.raises(ParseError) as error:
        dk.parse(typed)
    assert error.value.hint.endswith("leave the sign out with implicit=True (in Python, of dk.parse)")
    dk.parse(typed, implicit=True)


def test_the_formula_has_all_its_signs_afterwards() -> None:
    formula = dk.parse(" 3x^2 +  x sin(2x)", implicit=True)
    assert str(formula).strip() == "3*x^2 +  x*sin(2*x)"
    assert dk.parse(str(formula)).root == formula.root


def with_signs_left_out(text: str, seed: int) -> str:
    """A text in which some multiplication signs are blanks, or nothing where no name or number grows by it."""
    chance = random.Random(seed)
    pieces = []
    tokens = scan(text)
    for index, token in enumerate(tokens):
        if token.text == "*" and tokens[index + 1].role != "sign" and chance.random() < 0.7:
            letters = tokens[index - 1].text[-1:] + tokens[index + 1].text[:1]
            apart = letters[0].isdigit() and letters[1].isalpha() and letters[1] not in "eE"  # not 2e3
            grows = all(letter.isalnum() or letter in "._" for letter in letters) and not apart
            pieces.append(" " if grows or chance.random() < 0.5 else "")
        else:
            pieces.append(token.text)
    return "".join(pieces)


def is_read(typed: str) -> bool:
    try:
        return bool(dk.parse(typed, implicit=True))
    except ParseError:
        return False


def read_as(typed: str, text: str) -> bool:
    """Whether a text without some signs is read as that with them; it may be refused, and only that."""
    return not is_read(typed) or dk.parse(typed, implicit=True).root == dk.parse(text).root


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(0, 99))
def test_a_text_without_signs_is_read_as_with_them_or_refused(tree: int, seed: int) -> None:
    text = text_of(random_tree(tree, depth=3))
    typed = with_signs_left_out(text, seed)
    assert read_as(typed, text), typed


def test_everyday_formulas_are_read_without_their_signs() -> None:
    typed = {with_signs_left_out(text, 1): text for text in CORPUS}
    assert all(read_as(short, text) for short, text in typed.items())
    refused = [short for short in typed if not is_read(short)]
    assert len(refused) < 0.1 * len(typed), refused


def test_signs_that_bind_too_weakly_are_found_out() -> None:
    source = multiplied(Source("2x^3", scan("2x^3")))
    assert source.tokens[1] == Token("operator", "*", 1)
    assert not read_as("2(x + 1)", "2*x + 1")
