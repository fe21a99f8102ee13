"""The parser: a wrong text is met with its column and what to write, a right one is kept, none is run."""

from __future__ import annotations

import ast
import copy
import inspect
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from derivkit.expressions import expression
from derivkit.expressions.expression import parse
from derivkit.expressions.hints import IMPLICIT
from derivkit.expressions.limits import MAX_DEPTH, MAX_LENGTH, MAX_NODES
from derivkit.expressions.tokens import ParseError
from derivkit.expressions.tree import (
    CONSTANTS,
    Constant,
    Expression,
    Instruction,
    Node,
    Number,
    Operation,
    Unevaluated,
    Unknown,
    Variable,
    arguments_of,
    program_of,
    text_of,
    tree_of,
)
from derivkit.operations.elementary import COMPARISONS, ELEMENTARY, OPERATIONS


@pytest.mark.parametrize(
    "text",
    [
        "x.y",
        "x[0]",
        "'x'",
        "lambda: x",
        "[x]",
        "{x: 1}",
        "(x, y)",
        "x < 1",
        "x and y",
        "not x",
        "~x",
        "x @ y",
        "x // y",
        "x if x else y",
        "f'{x}'",
        "1j",
        "True",
        "None",
        "...",
        "k(x)",
        "f(x=1)",
        "piecewise(x, x < 1)",
        "piecewise((x, True), (1, True))",
        "piecewise((x, x == 1))",
        "piecewise((x, 0 < x < 1))",
        "piecewise((x < 1, x < 1))",
        "piecewise((x, y))",
        "piecewise((x, False))",
        "sin(x=1)",
        "sin(**x)",
        "sin(*x)",
        "(sin)(x)(x)",
        "(y := x)",
        "[x for x in y]",
        "x.sin(x)",
        "__import__('os')",
    ],
)
def test_the_gate_of_the_tree_stands_without_the_gate_of_the_tokens(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = expression.Source(text, [expression.Token("name", text, column) for column in range(len(text))])
    monkeypatch.setattr(
        expression, "_read", lambda _: (ast.parse(text, mode="eval").body, dict(enumerate(source.tokens)))
    )
    with pytest.raises(ParseError, match="has no place in a formula"):
        expression._build(source)


@pytest.mark.parametrize("kind", [SyntaxError, RecursionError, MemoryError, ValueError, OverflowError])
def test_what_the_reader_of_python_raises_becomes_an_error_with_a_column(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch, caught: Callable[[str], ParseError]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise kind

    monkeypatch.setattr(ast, "parse", fail)
    error = caught("  x + 1")
    assert error.column == 2
    assert kind.__name__ in error.reason


def test_an_error_survives_a_process_boundary(caught: Callable[[str], ParseError]) -> None:
    error = caught("1+2x")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.column, again.hint) == (str(error), 3, "write 2*x" + IMPLICIT)


def test_the_one_line_counts_columns_from_one(caught: Callable[[str], ParseError]) -> None:
    assert caught("2x").line == "'2x' at column 2: a multiplication sign is missing; write 2*x" + IMPLICIT
    assert str(caught("2x")).endswith("\n    2x\n     ^")


def test_an_error_in_a_long_text_shows_the_part_around_it(caught: Callable[[str], ParseError]) -> None:
    shown, caret = str(caught("x+" * 100 + "2y" + "+x" * 100)).split("\n")[1:]
    assert shown.strip().startswith("...")
    assert shown.endswith("...")
    assert shown[caret.index("^") - 1 :][:2] == "2y"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", Fraction(1, 10)),
        ("1e-6", Fraction(1, 10**6)),
        (".5", Fraction(1, 2)),
        ("2.", Fraction(2)),
        ("1.5E+3", Fraction(1500)),
        ("1e400", Fraction(10**400)),
        ("1e-400", Fraction(1, 10**400)),
        ("1e0000000000000000000000003", Fraction(1000)),
        ("0.30000000000000000000000000001", Fraction(30000000000000000000000000001, 10**29)),
        ("00", Fraction(0)),
    ],
)
def test_a_number_is_the_exact_decimal(text: str, value: Fraction) -> None:
    assert parse(text).root == Number(value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("-x^2", "-(x^2)"),
        ("2^3^2", "2^(3^2)"),
        ("2^-x", "2^(-x)"),
        ("2*x^2", "2*(x^2)"),
        ("x^2*y", "(x^2)*y"),
        ("x^y**z", "x**(y^z)"),
        ("-2^-x^2", "-(2^(-(x^2)))"),
        ("x-y-z", "(x-y)-z"),
        ("x/y*z", "(x/y)*z"),
        ("x+y*z", "x+(y*z)"),
        ("-x*y", "(-x)*y"),
        ("+x", "x"),
        ("x*-y", "x*(-y)"),
        ("e^x", "e**x"),
        ("x\n + 1\t", "x+1"),
        ("2\N{MULTIPLICATION SIGN}x\N{MIDDLE DOT}y", "2*x*y"),
        ("1\N{MINUS SIGN}x\N{EN DASH}y", "1-x-y"),
    ],
)
def test_precedence_is_that_of_paper(typed: str, meant: str) -> None:
    assert parse(typed).root == parse(meant).root


def test_the_order_typed_is_kept() -> None:
    two, x = Number(Fraction(2)), Variable("x")
    assert parse("x*2").root == Operation("multiply", (x, two))
    assert parse("2*x").root == Operation("multiply", (two, x))
    assert parse("x*2").root != parse("2*x").root
    assert parse("1+x-1").root == Operation(
        "subtract", (Operation("add", (Number(Fraction(1)), x)), Number(Fraction(1)))
    )
    assert parse("x+0").root == Operation("add", (x, Number(Fraction(0))))


def test_constants_are_not_variables_and_variables_come_in_order() -> None:
    assert parse("e*pi").root == Operation("multiply", (Constant("e"), Constant("pi")))
    assert parse("b*x + a^x - pi*b").variables == ("b", "x", "a")
    assert parse("w_1*x1 + _c").variables == ("w_1", "x1", "_c")
    assert parse("match + type + cost").variables == ("match", "type", "cost")
    assert str(parse(" b*x ")) == " b*x "


@pytest.mark.parametrize(
    "text", ["2**0.5", "exp(exp(exp(exp(1000))))", "9**9.5", "pi**1e6", "x**1e6", "1**1e6", "x/0.1"]
)
def test_what_is_large_or_irrational_but_harmless_is_read(text: str) -> None:
    assert parse(text).text == text


def test_the_bounds_are_reached_and_not_passed() -> None:
    assert parse("(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH).root == Variable("x")
    assert len(parse("-" * (MAX_NODES - 1) + "x").program) == MAX_NODES
    assert parse("x" + "+x" * 299).root is not None
    assert parse("x".ljust(MAX_LENGTH)).variables == ("x",)
    assert parse("2^1024").root is not None


@pytest.mark.parametrize("text", ["x" + "+x" * 299, "-" * 599 + "x", "^".join("x" * 300), "/".join("x" * 300)])
def test_a_deep_tree_is_hashed_compared_shown_and_stored_without_recursion(text: str) -> None:
    first, second = parse(text), parse(text)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 60)
    try:
        assert first == second
        assert first.root is not second.root
        assert hash(first) == hash(second)
        assert pickle.loads(pickle.dumps(first)) == first
        assert copy.deepcopy(first) == first
        shown = repr(first.root)
    finally:
        sys.setrecursionlimit(limit)
    assert len(shown) < 2 * MAX_LENGTH


def test_a_stored_tree_is_equal_in_another_process() -> None:
    code = (
        "import pickle, sys; from derivkit.expressions.expression import parse;"
        "a = pickle.load(sys.stdin.buffer); b = parse(str(a)); print(a == b and hash(a) == hash(b))"
    )
    stored = pickle.dumps(parse("sin(x)^2 + 1"))
    answer = subprocess.run([sys.executable, "-c", code], input=stored, capture_output=True, check=True, timeout=600)
    assert answer.stdout.strip() == b"True"


def test_an_operation_with_a_wrong_number_of_arguments_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="'sin' takes 1 arguments, not 2"):
        Operation("sin", (Variable("x"), Variable("x")))
    with pytest.raises(ValueError, match="'frob'"):
        Operation("frob", ())


def test_a_program_shares_equal_subtrees() -> None:
    program = parse("sin(x)*2 + sin(x)*3").program
    assert program == (
        Instruction("variable", (), "x"),
        Instruction("sin", (0,), None),
        Instruction("number", (), Fraction(2)),
        Instruction("multiply", (1, 2), None),
        Instruction("number", (), Fraction(3)),
        Instruction("multiply", (1, 4), None),
        Instruction("add", (3, 5), None),
    )


def test_a_program_is_linear_where_its_tree_is_exponential() -> None:
    node: Node = Variable("x")
    for _ in range(200):
        node = Operation("multiply", (node, node))
    assert len(program_of(node)) == 201
    assert tree_of(program_of(node)) == node
    assert len(repr(node)) < 2 * MAX_LENGTH


EXACT: dict[str, Callable[..., Fraction]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": lambda a, b: a**b,
    "negate": lambda a: -a,
    "abs": abs,
    "floor": lambda a: Fraction(math.floor(a)),
    "max": max,
    "min": min,
}


def evaluate(formula: Expression, values: dict[str, Fraction]) -> Fraction:
    done: list[Fraction] = []
    for step in formula.program:
        if step.operation == "number":
            assert isinstance(step.value, Fraction)
            done.append(step.value)
        elif step.operation == "variable":
            done.append(values[str(step.value)])
        else:
            done.append(EXACT[step.operation](*(done[i] for i in step.arguments)))
    return done[-1]


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "-x**2 + 3*x - 7",
        "2**3**2 - x",
        "(x+1)*(x-1)/(x**2+1)",
        "x - y - 3 - x*y/2/x",
        "max(x, y) - min(x, -y) + abs(x - 2*y)",
        "floor(7*x/2) + -(-x)**3",
        "x**-2 + (x+y)**3/(x+y)",
    ],
)
def test_a_program_gives_what_python_gives(text: str) -> None:
    x, y = Fraction(5, 3), Fraction(-7, 11)
    names = {"x": x, "y": y, "floor": EXACT["floor"], "abs": abs, "max": max, "min": min}
    assert evaluate(parse(text), {"x": x, "y": y}) == eval(text, {"__builtins__": {}}, names)


SPECIAL = {
    "polygamma": ("polygamma(2, x)", (Number(Fraction(2)), Variable("x"))),
    "piecewise": ("piecewise((x, x < y))", (Variable("x"), Operation("less", (Variable("x"), Variable("y"))))),
}


@pytest.mark.parametrize("name", ELEMENTARY)
def test_every_function_of_the_table_is_read(name: str) -> None:
    if name in SPECIAL:
        text, inner = SPECIAL[name]
        assert parse(text).root == Operation(name, inner)
        return
    for count in OPERATIONS[name].arity[:3]:
        inner = tuple(Variable(letter) for letter in "xyz"[:count])
        assert parse(f"{name}({', '.join('xyz'[:count])})").root == Operation(name, inner)


# --- Random trees and random text ---

LEAVES = st.one_of(
    st.builds(Variable, st.sampled_from(["x", "y", "w_1", "cost", "exponent"])),
    st.builds(Constant, st.sampled_from(CONSTANTS)),
    st.decimals(0, 1000, places=3).map(lambda value: Number(Fraction(value))),
)


COMPARED = [row.name for row in COMPARISONS]
PLAIN = [name for name in OPERATIONS if name not in {*COMPARED, *SPECIAL}]


def grown(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    def row(choice: tuple[str, int]) -> st.SearchStrategy[Node]:
        name, count = choice
        return st.tuples(*[children] * count).map(lambda parts: Operation(name, parts))

    condition = st.builds(lambda name, *sides: Operation(name, sides), st.sampled_from(COMPARED), children, children)
    pairs = st.lists(st.tuples(children, condition), min_size=1, max_size=3)
    return st.one_of(
        st.sampled_from([(name, count) for name in PLAIN for count in OPERATIONS[name].arity[:2]]).flatmap(row),
        st.builds(Unknown, st.sampled_from(["f", "g1"]), st.integers(0, 3), children),
        st.builds(lambda order, u: Operation("polygamma", (Number(Fraction(order)), u)), st.integers(0, 150), children),
        st.builds(
            lambda pairs, rest: Operation("piecewise", (*(part for pair in pairs for part in pair), *rest)),
            pairs,
            st.one_of(st.just(()), st.tuples(children)),
        ),
    )


TREES = st.recursive(LEAVES, grown, max_leaves=12)
SAID = ("division", "bits", "exponent is larger", "the most is", "brackets are open")
"""What the limits of the parser say of a tree that is made of numbers without end."""


@given(TREES)
def test_a_tree_that_is_written_out_is_read_back_as_the_same_tree(tree: Node) -> None:
    try:
        again = parse(text_of(tree))
    except ParseError as error:
        assert any(said in str(error) for said in SAID)  # noqa: PT017 - anything else is a fault
        return
    assert again.root == tree
    assert hash(again.root) == hash(tree)
    assert tree_of(again.program) == tree
    assert pickle.loads(pickle.dumps(tree)) == tree


def placed(node: Node) -> list[Node]:
    """The nodes of a tree as often as they are written."""
    return [node, *(inner for part in arguments_of(node) for inner in placed(part))]


@given(TREES)
def test_a_node_knows_how_many_nodes_it_has_and_whether_a_derivative_is_still_to_be_found(tree: Node) -> None:
    open_piece = Unevaluated(tree, "x")
    for node in (tree, open_piece, Operation("multiply", (tree, open_piece)), Unknown("f", 1, open_piece)):
        nodes = placed(node)
        assert node.size == len(nodes)
        assert node.pending == any(isinstance(part, Unevaluated) for part in nodes)
