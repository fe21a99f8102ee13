"""Random formulas through every entry point, in one process: ``python fuzzed.py FIRST COUNT`` prints what goes wrong.

Before every call the number of the formula and the entry point are written, so that whoever started the process knows
where it ended. A line of JSON stands for every call that breaks a promise.
"""

from __future__ import annotations

import contextlib
import json
import random
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from formulas import CORPUS, DRAWN, random_tree

import derivkit as dk
from derivkit.expressions.tree import text_of
from derivkit.operations.elementary import ELEMENTARY

POINTS = (1.25, -0.5, 30.0, 1e20, 1e-300, 0.0)
NUMBERS = ("0", "1", "2", "7", "0.5", "1e20", "1e-400", "1e300", "491489", "1e-3", "pi", "e", "41")
TOKENS = (
    *NUMBERS,
    "x",
    "x",
    "x",
    "y",
    "(",
    ")",
    "+",
    "-",
    "*",
    "/",
    "^",
    "**",
    ",",
    "<",
    "True",
    "f(x)",
    "'",
    "!=",
    "=",
)
MEGABYTES = 200.0
"""Memory that the process may come to take, of which it begins with 60."""
FORMULAS = (dk.formula("central_2"), dk.formula("forward_1"))


def grammar(chance: random.Random) -> str:
    """A tree of the table, of any depth that fits."""
    with contextlib.suppress(ValueError):
        return text_of(random_tree(chance.randrange(10**9), depth=chance.randint(2, 6)))
    return "x"


def tower(chance: random.Random) -> str:
    """One construction on top of itself, or beside itself many times."""
    height, number = chance.randint(2, 40), chance.choice(NUMBERS)
    name = chance.choice([name for name in DRAWN if 1 in ELEMENTARY[name].arity])
    many = chance.choice(("logsumexp", "softmax", "max", "min"))
    return chance.choice(
        (
            "^".join(["x"] * height),
            f"{name}(" * height + "x" + ")" * height,
            chance.choice("+*/-").join([f"{name}({k}*x)" for k in range(height)]),
            f"{many}({', '.join(f'x*{k}' for k in range(height))})",
            "+".join(f"a{k}*x^{k}" for k in range(height * 4)),
            "(" * height + "x" + f"^{number})" * height,
            f"{name}(x)^" * min(height, 6) + number,
        )
    )


def mutation(chance: random.Random) -> str:
    """A formula of the corpus, or of the grammar, with extreme numbers and other signs in it."""
    text = chance.choice(CORPUS) if chance.random() < 0.5 else grammar(chance)
    for _ in range(chance.randint(1, 3)):
        places = [k for k, sign in enumerate(text) if sign in "x0123456789+-*/^"]
        if places:
            k = chance.choice(places)
            new = chance.choice("+-*/^") if text[k] in "+-*/^" else chance.choice((*NUMBERS, "x", "(x)", "exp(x)"))
            text = text[:k] + new + text[k + 1 :]
    return text


def soup(chance: random.Random) -> str:
    """Tokens in any order."""
    names = chance.choices(DRAWN, k=3)
    return " ".join(chance.choice((*TOKENS, *(f"{name}(" for name in names))) for _ in range(chance.randint(1, 30)))


KINDS = (grammar, grammar, grammar, mutation, mutation, tower, soup)


def formula(number: int) -> str:
    """The formula of a number."""
    chance = random.Random(number)
    return chance.choice(KINDS)(chance)


def entries(text: str, chance: random.Random) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every entry point in turn; what is not read is not asked further."""
    kept: dict[str, Any] = {}

    def keep(name: str, call: Callable[[], Any]) -> Callable[[], Any]:
        return lambda: kept.setdefault(name, call())

    yield "parse", keep("tree", lambda: dk.parse(text))
    tree = kept.get("tree")
    if tree is None:
        return
    yield "str", lambda: (str(tree), repr(tree), tree.text)
    point = {name: chance.choice(POINTS) for name in tree.variables} or {"x": 1.0}
    moving = next(iter(point))
    for order in (0, 1, 3):
        yield f"exact {order}", lambda order=order: dk.exact(tree, point, order, variable=moving)
    yield "taylor", lambda: dk.taylor(tree, point, 4, variable=moving)
    yield "accuracy", lambda: dk.accuracy(tree, point)
    if not tree.variables:
        yield "constant", lambda: dk.constant(text)
    yield "derive", keep("derivation", lambda: dk.derive(tree, moving, chance.choice((1, 1, 2))))
    found = kept.get("derivation")
    if found is not None:
        yield "derivation", lambda: (str(found), repr(found), str(found.result.short), *map(str, found.steps))
        for form in ("text", "markdown", "latex"):
            style = chance.choice(("full", "normal", "brief")), chance.choice(("prime", "leibniz"))
            yield f"{form} {style[0]}", lambda form=form, style=style: getattr(found, form)(*style)
        yield "call", lambda: found({**point, moving: np.array(POINTS)})
        yield "refusal", lambda: found.refusal(point)
        yield "accuracy of the derivative", lambda: found.accuracy(point)
        yield "result", lambda: str(found.result)
        yield "diagnose right", lambda: dk.diagnose(tree, found.result, moving)
    yield "diagnose wrong", lambda: dk.diagnose(tree, chance.choice(("x", "x + exp(-90)", "2*x*cos(x)", text)), moving)
    if len(tree.variables) > 1:
        return
    yield "function", keep("function", lambda: dk.Function.from_expression(text))
    f = kept.get("function")
    if f is not None:
        x = point[moving]
        yield "value", lambda: (f(x), f(np.array(POINTS)), f.predicted_value(np.array(POINTS)))
        yield "length scale", lambda: f.length_scale(x)
        yield "exact derivative", lambda: f.exact_derivative(np.array([x]))
        yield "predict error", lambda: dk.predict_error(f, x, 1e-4, formulas=FORMULAS)
        yield "predict optimum", lambda: dk.predict_optimum(f, x, formulas=FORMULAS)
        yield "truncation terms", lambda: dk.truncation_terms(f, x, formulas=FORMULAS, terms=3)
    numbers = {name: getattr(np, name) for name in ("exp", "sin", "cos", "tan", "log", "sqrt", "sinh", "cosh", "tanh")}
    program = {(step.operation, len(step.arguments)) for step in tree.program}
    infix = {(name, 2) for name in ("add", "subtract", "multiply", "divide", "power")}
    if program <= {*((name, 1) for name in numbers), *infix, ("negate", 1), ("number", 0), ("variable", 0)}:
        code = compile(str(tree), "formula", "eval")  # of names of the table alone
        yield "dual", lambda: dk.dual(lambda x: eval(code, numbers | {moving: x}), x)


REFUSALS: dict[str, type[Exception] | tuple[type[Exception], ...]] = {
    "dual": (dk.DualError, ValueError, OverflowError, ZeroDivisionError),  # Python's own numbers, which the code makes
}
"""What an entry point may raise: a ValueError, of which a ParseError is one."""
NEVER = ("str", "derivation", "result", "text", "markdown", "latex", "call", "refusal", "accuracy", "value")
"""Entry points that refuse nothing once there is a tree of one variable."""


def tried(name: str, call: Callable[[], Any]) -> dict[str, Any]:
    """What a call came to: its seconds of the processor, and the words of what it should not have raised."""
    start = time.process_time()
    problem, refused = "", False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            call()
    except REFUSALS.get(name, ValueError) as error:
        refused = True
        if name.split(maxsplit=1)[0] in NEVER and "unknown function" not in str(error):
            problem = f"{type(error).__name__}: {error}"
        elif "\n" in str(error).split("\n    ")[0]:
            problem = f"more than a line: {error}"
    except Exception as error:  # noqa: BLE001 -- it is what is looked for
        problem = f"{type(error).__name__}: {error}"
    return {"entry": name, "problem": problem[:300], "seconds": time.process_time() - start, "refused": refused}


def main(first: int, count: int, slowest: float, refused: float) -> None:
    """Try so many formulas from the first number on."""
    for number in range(first, first + count):
        text = formula(number)
        for name, call in entries(text, random.Random(number)):
            say(f"{number} {name}")
            before = peak()
            found = tried(name, call)
            slow = found["seconds"] > (refused if found["refused"] else slowest)
            large = peak() > max(before, MEGABYTES)
            if found["problem"] or slow or large:
                say(json.dumps({"number": number, "text": text, "megabytes": peak(), **found}))


def say(line: str) -> None:
    """Write a line at once: the next call may be the last."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def peak() -> float:
    """The most memory that the process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *map(float, sys.argv[3:5]))
