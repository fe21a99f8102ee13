"""No formula ends the process: random ones through every entry point, in processes of their own.

``LAB_FORMULAS=20000 python -m pytest -s`` with the path of this file tries twenty thousand and holds the times as well;
``LAB_FORMULAS_SEED`` draws others.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import fuzzed
import numpy as np
import pytest
import quick

import derivkit as dk
from derivkit.operations import balls

TESTS = Path(__file__).resolve().parents[2]
BY_HAND = "LAB_FORMULAS" in os.environ
FORMULAS = int(os.environ.get("LAB_FORMULAS", "60"))
FIRST = int(os.environ.get("LAB_FORMULAS_SEED", "0")) * 1_000_000
BATCH = 250 if BY_HAND else 15
SLOWEST, REFUSED = (1.0, 0.2) if BY_HAND else (1e3, 1e3)
"""Seconds of the processor that a call, and a refusal, may take: held by hand only, as other work slows a test."""


@dataclass(frozen=True)
class Batch:
    """What became of one process: what it found, where it was last, and its exit status."""

    problems: tuple[str, ...]
    last: str
    status: int


def batch(first: int, count: int, script: Path = TESTS / "fuzzed.py") -> Batch:
    """Try so many formulas in a process of its own."""
    command = [sys.executable, str(script), *map(str, (first, count, SLOWEST, REFUSED))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS.parent), str(TESTS)))}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    lines = done.stdout.splitlines()
    problems = tuple(line for line in lines if line.startswith("{"))
    last = next((line for line in reversed(lines) if not line.startswith("{")), done.stderr)
    return Batch(problems, last, done.returncode)


@pytest.mark.parametrize("first", quick.part(range(FIRST, FIRST + FORMULAS, BATCH)))
def test_no_formula_ends_the_process_warns_or_raises_what_is_not_said(
    first: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found = batch(first, min(BATCH, FIRST + FORMULAS - first))
    if BY_HAND:
        with capsys.disabled():
            sys.stdout.write("\n".join([f"{first}: {len(found.problems)}", *found.problems, ""]))
    assert found.status == 0, f"the process ended at {found.last}"
    assert BY_HAND or found.problems == ()


def test_a_formula_that_ends_the_process_is_found_out(tmp_path: Path) -> None:
    sound = (TESTS / "fuzzed.py").read_text(encoding="utf-8")
    broken = sound.replace(
        "            call()\n", "            __import__('os').abort() if name == 'exact 1' else call()\n"
    )
    assert broken != sound
    (tmp_path / "broken.py").write_text(broken, encoding="utf-8")
    found = batch(0, 5, tmp_path / "broken.py")
    assert found.status < 0
    assert found.last.endswith("exact 1")


@pytest.mark.parametrize("problem", [RuntimeWarning("overflow"), TypeError("no"), OverflowError("int too large")])
def test_a_warning_and_an_exception_that_is_not_said_are_found_out(problem: Exception) -> None:
    def call() -> None:
        raise problem

    assert fuzzed.tried("exact 1", call)["problem"] == f"{type(problem).__name__}: {problem}"


def test_every_kind_of_formula_is_tried() -> None:
    texts = [fuzzed.formula(number) for number in range(500)]
    for kind in (fuzzed.grammar, fuzzed.tower, fuzzed.mutation, fuzzed.soup):
        assert any(kind(random.Random(number)) for number in range(5))
    assert len(set(texts)) > 400
    assert any("^x^x^x" in text for text in texts)


# What ended the process, warned, or took long

TALL = (
    "abs(" * 33 + "x" + ")" * 33,
    "^".join("x" * 24),
    "^".join("x" * 30),
    "logsumexp(" + ", ".join(f"x*{k}" for k in range(29)) + ")",
    "softmax(" + ", ".join(f"x*{k}" for k in range(29)) + ")",
    "max(" + ", ".join(f"x*{k}" for k in range(29)) + ")",
    "acot(" * 30 + "x" + ")" * 30,
    "(" * 26 + "x" + "^491489)" * 26,
    "+".join(f"a{k}*x" for k in range(120)),
    "x^exp(-exp(x^6))",
    "x^exp(-exp(x^7))",
    "x^exp(-exp(x^9))",
    "2^sech(1e20*x)",
    "(x^491489)^41",
    "floor((-(polygamma(5,leaky_relu(x))))/((1e-400)**(polygamma(20,(x)*((x)^(pi))))))",
    "softplus((asinh(x))^((x)^(1e-400)))",
)


@pytest.mark.slow
@pytest.mark.parametrize("text", TALL)
def test_a_formula_that_was_too_much_passes_every_entry_point(text: str) -> None:
    for name, call in fuzzed.entries(text, random.Random(0)):
        assert fuzzed.tried(name, call)["problem"] == ""


@pytest.mark.parametrize("text", ["2^sech(1e20)", "2^exp(-1e30)", "(1+exp(-1e19))^exp(-exp(50))"])
def test_a_constant_with_a_tiny_exponent_has_its_value(text: str) -> None:
    assert dk.constant(text) == 1.0


def test_the_accuracy_of_a_power_with_a_tiny_exponent_is_known() -> None:
    assert dk.accuracy("x^sech(x)", 1e20).trusted == 1.0


@pytest.mark.parametrize(
    "name", ["gamma", "digamma", "erf", "exp", "sin", "tan", "cosh", "asinh", "atan", "log1p", "sqrt"]
)
@pytest.mark.parametrize("exponent", [2**70, -(2**70), 2**40, 1000, -5000])
def test_a_function_of_a_ball_of_any_size_is_bounded_or_left_open(name: str, exponent: int) -> None:
    numbers = balls.Numbers(1e12)
    for bits in (64, 1024):
        with balls.precision(bits):
            for radius in (None, exponent - bits, exponent):
                ball = balls.arb((1, exponent))
                ball = ball if radius is None else ball + balls.arb(0, balls.arb((1, radius)))
                found = getattr(numbers.at(bits), name)(balls.Ball(ball)).number
                assert found is None or found.is_finite() in {True, False}


def test_a_function_called_where_it_overflows_warns_of_nothing() -> None:
    f = dk.Function.from_expression("exp(x)^2/(1 - x)")
    assert np.isnan(f(np.array([1e3, 1.0]))).all()


@pytest.mark.slow
def test_a_text_that_is_too_long_is_begun() -> None:
    tree = dk.parse("x")
    root = tree.root
    for _ in range(40):
        root = type(dk.parse("x*x").root)("multiply", (root, root))
    long = dk.Expression(root)
    assert str(long).endswith("operations)")
    with pytest.raises(ValueError, match="1000000 characters"):
        _ = long.text
