"""Derivations as lines: every line is read back as it was, equals the line before it, and the chapter's come out."""

import itertools
from dataclasses import replace
from fractions import Fraction

import pytest
import quick
from formulas import CORPUS, random_tree
from matplotlib.mathtext import MathTextParser

from derivkit.expressions.algebra import ONE, apply
from derivkit.expressions.expression import parse
from derivkit.expressions.layout import path_of
from derivkit.expressions.tree import Expression, Number, Unevaluated, Variable, arguments_of, nodes_of, program_of
from derivkit.operations import balls
from derivkit.operations.elementary import OPERATIONS
from derivkit.operations.taylor import Taylor
from derivkit.symbolic.derivation import derive
from derivkit.symbolic.notation import (
    LEVELS,
    NOTATIONS,
    ReadingError,
    Style,
    latex,
    lines,
    lines_of,
    pieces_of,
    printing,
    read,
    rewriting,
    spans_of,
    typesetting,
    writing,
    written,
)
from derivkit.symbolic.notation.lines import Mark
from derivkit.symbolic.notation.rewriting import nodes_with_places
from derivkit.symbolic.points import stand_in

# The values of lines, d/dx taken numerically

BITS = 600
STEP = Fraction(1, 2**130)
TWENTY_DIGITS = Fraction(1, 10**20)


def value(root, point, numbers):
    """A tree's value to 180 digits, enclosed; a derivative in it by a central difference, good to 78."""
    program = program_of(root)
    point = {name: balls.lifted(at) for name, at in point.items()}
    found = []
    for step in program:
        if step.operation == "unevaluated":
            place = step.arguments[0]
            at = point[step.value]
            low, high = (
                value_of(program[: place + 1], {**point, step.value: at + balls.lifted(d)}, numbers)
                for d in (-STEP, STEP)
            )
            found.append((high - low) / balls.lifted(2 * STEP))
        else:
            found.append(one(step, [found[k] for k in step.arguments], point, numbers))
    return found[-1]


def value_of(program, point, numbers):
    found = []
    for step in program:
        arguments = [found[k] for k in step.arguments]
        # The program of a piece holds what was met before it, derivatives too, which the piece does not take.
        idle = step.operation == "unevaluated" or any(part is None for part in arguments)
        found.append(None if idle else one(step, arguments, point, numbers))
    return found[-1]


def one(step, arguments, point, numbers):
    if step.operation == "variable":
        return point[step.value]
    if step.operation in {"number", "constant"}:
        return numbers.lift(step.value)
    if step.operation == "unknown":
        rate, order = stand_in(step.value)
        return numbers.exp(arguments[0] * rate) * rate**order
    return OPERATIONS[step.operation].series(Taylor(0, numbers), *([a] for a in arguments))[0]


def points_of(derivation):
    """Three points of the domain: those of the check, and beside them, within the margin it keeps."""
    points = [dict(point) for point in derivation.verification.points]
    points = [{derivation.variable: 0.75, **point} for point in points]
    points += [{name: at + 2.0**-11 * (k + 1) / 2 for name, at in points[0].items()} for k in range(2)]
    return points[:3]


def unequal(derivation, lines):
    """The numbers of the lines that are not proved equal, to 20 digits, to the line before."""
    found = set()
    numbers = balls.Numbers(1e12).at(BITS)
    with balls.precision(BITS):
        for point in points_of(derivation):
            # The values of a derivative's lines; the function itself is no line of it.
            values = [(line.order, value(line.tree, point, numbers)) for line in lines]
            for k, ((order, before), (next_order, after)) in enumerate(itertools.pairwise(values), start=1):
                allowed = (abs(before) + abs(after) + TWENTY_DIGITS) * TWENTY_DIGITS
                if order == next_order and (abs(after - before) > allowed) is not False:
                    found.add(k)
    return sorted(found)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("text", quick.part(CORPUS))
def test_every_line_equals_the_line_before_at_three_points(text, level):
    found = derive(text)
    assert len(points_of(found)) == 3
    assert unequal(found, lines_of(found, Style(level=level))) == []


def test_of_a_function_of_what_is_constant_no_infinite_slope_is_written():
    found = derive("acosh(x/x) + x")
    lines = lines_of(found, Style(level="full"))
    assert unequal(found, lines) == []
    assert "its argument is constant" in found.text("full")


@pytest.mark.parametrize("seed", quick.part(range(60)))
def test_every_line_of_a_random_derivation_equals_the_line_before(seed):
    found = derive(Expression(random_tree(seed, depth=4)), "x")
    if found.verification.points:
        assert unequal(found, lines_of(found, Style(level="full"))) == []


@pytest.mark.parametrize("style", [{"ones": False}, {"zeros": False}, {"zeroth": False}])
@pytest.mark.parametrize("text", quick.part(CORPUS))
def test_a_matter_of_style_changes_no_value(text, style):
    found = derive(text)
    assert unequal(found, lines_of(found, Style(level="full", **style))) == []


@pytest.mark.parametrize("text", ["x*f(x) + exp(x)/x", "sin(x^2)", "3*x^2 + 5*x"])
def test_every_line_of_higher_derivatives_equals_the_line_before(text):
    found = derive(text, order=3)
    lines = lines_of(found, Style(level="full"))
    assert {line.order for line in lines} == {0, 1, 2, 3}
    assert unequal(found, lines) == []


@pytest.mark.parametrize("text", ["3*x^2 + 5*x", "exp(sin(cos(x^2)))", "x^x", "softmax(x, y, x^2)"])
def test_a_line_broken_on_purpose_is_caught(text):
    found = derive(text, "x")
    lines = list(lines_of(found, Style(level="full")))
    place = len(lines) - 2
    lines[place] = replace(lines[place], tree=apply("add", lines[place].tree, Number(Fraction(1, 10**18))))
    assert place in unequal(found, lines)


# Reading back


def read_back(derivation, style, notation):
    for line in lines_of(derivation, style):
        said = written(line.tree, notation)
        if not said.endswith("…"):
            assert read(said, derivation.variable) == line.tree, said


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("text", quick.part(CORPUS))
def test_every_line_is_read_back_as_the_tree_that_it_is(text, notation):
    for level in LEVELS:
        read_back(derive(text), Style(level=level), notation)


@pytest.mark.parametrize("seed", quick.part(range(100)))
def test_every_line_of_a_random_derivation_is_read_back(seed):
    found = derive(Expression(random_tree(seed, depth=4)), "x")
    for notation in NOTATIONS:
        read_back(found, Style(level="full"), notation)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3*x**2 + 5*x", "3x^2 + 5x"),
        ("sin(x)**2", "sin(x)^2"),
        ("abs(x)*abs(abs(x) - 1)", "|x|·||x| - 1|"),
        ("sqrt(x)/sqrt(x + 1)", "√x/√(x + 1)"),
        ("2*sin(x)", "2·sin(x)"),
        ("x/(2*y)", "x/(2y)"),
        ("x**(2/3)", "x^(2/3)"),
        ("(-x)**2 - -x", "(-x)^2 - (-x)"),
        ("2*e5", "2·e5"),
        ("(d)/dx", "(d)/dx"),
        ("2*d/(dx)", "(2d)/dx"),
        ("f''(2*x)", "f''(2x)"),
        ("piecewise((x**2, x < 1), (2*x - 1, True))", "{x^2 if x < 1; 2x - 1 otherwise}"),
        ("piecewise((x, x >= 1))", "{x if x ≥ 1}"),
        ("0.1*x*pi", "0.1·x·π"),
        ("1e300*x", "1e300·x"),
        ("max(x, y, 0)", "max(x, y, 0)"),
        ("x*(y*z)", "x·(y·z)"),
        ("x - (y - z)", "x - (y - z)"),
        ("2**3**x", "2^(3^x)"),
    ],
)
def test_formulas_are_written_as_readers_expect_and_read_back(text, said):
    tree = parse(text).root
    assert written(tree) == said
    assert read(said) == tree


def test_a_derivative_that_other_factors_follow_stands_in_brackets():
    tree = apply("multiply", Unevaluated(Variable("x"), "x"), apply("sin", Variable("x")))
    assert written(tree) == "(d/dx x)·sin(x)"
    assert written(tree, "prime") == "(x)'·sin(x)"
    assert read("(d/dx x)·sin(x)") == tree


@pytest.mark.parametrize("text", ["", "3x^", "d/dx", "2 +", "|x", "sin x", "x)", "x $ 2", "{x if }", "(" * 500, "x'"])
def test_what_is_no_line_is_refused_with_its_place(text):
    with pytest.raises(ReadingError, match=r"column|brackets"):
        read(text)


def test_a_line_that_is_too_long_is_not_read():
    with pytest.raises(ReadingError, match="characters"):
        read("x + " * 2000 + "x")


# The chapter

FACTS = {
    10: ("1", {}, "d/dx 1 = 0"),
    11: ("x", {}, "d/dx x = d/dx x^1 = 1·x^(1-1) = 1·x^0 = 1"),
    12: ("2*x", {}, "2·d/dx x^1 = 2·1·x^(1-1) = 2·1·x^0 = 2"),
    13: ("3*x^2", {}, "3·d/dx x^2 = 3·2x^(2-1) = 3·2x^1 = 6x"),
    14: (
        "3*x^2+5*x",
        {"ones": False},
        "d/dx 3x^2 + d/dx 5x^1 = 3·d/dx x^2 + 5·d/dx x^1 = 3·2x^(2-1)+5·1x^(1-1) = 3·2x^1+5·x^0 = 6x+5",
    ),
    15: (
        "5*x^5+4*x^3-5",
        {"zeros": False},
        "5·5x^(5-1)+4·3x^(3-1)-0 = 5·5x^4+4·3x^2 = 25x^4+12x^2",
    ),
    16: (
        "x^3+2*x^2-5*x+7",
        {"ones": False, "zeroth": False},
        "3x^(3-1)+2·2x^(2-1)-5·1x^(1-1)+0 = 3x^2+2·2x^1-5·1+0 = 3x^2+4x-5",
    ),
}
"""For each figure: the function, matters of style, and the chapter's lines."""


@pytest.mark.parametrize("figure", FACTS)
def test_the_chapters_lines_come_out_of_the_engine_as_trees(figure):
    text, style, said = FACTS[figure]
    wanted = [read(line) for line in said.split(" = ")]
    lines = [line.tree for line in lines_of(derive(text), Style(level="full", **style))]
    assert lines[-len(wanted) :] == wanted
    # What stands before them is the function and its derivative, still to be found.
    start = parse(text).root
    assert lines[0] == start
    assert lines[1] == Unevaluated(start, "x")


def test_the_chapter_takes_the_rules_one_kind_after_another():
    reasons = [line.reason for line in lines_of(derive("5*x^5+4*x^3-5"), Style(level="full"))]
    assert reasons == [
        "",
        "a sum is taken apart",
        "a constant factor moves out",
        "the exponent goes to the front, one less stays; a constant gives 0",
        "subtract in the exponents",
        "multiply",
        "",
    ]


# Marks and pieces


@pytest.mark.parametrize("text", quick.part(CORPUS))
def test_marks_are_places_of_the_tree_and_all_but_the_last_line_of_a_derivative_have_a_reason(text):
    lines = lines_of(derive(text), Style(level="full"))
    for line in lines:
        places = {path_of(place) for place, _ in nodes_with_places(line.tree)}
        for mark in line.marks:
            assert mark.path in places
            assert mark.front is None or mark.front in places
    assert all(line.reason for line in lines[1:-1])
    assert not lines[-1].reason


def test_the_pieces_of_a_line_show_the_exponent_raised_marked_and_with_an_arc_to_its_x():
    pieces = [piece for piece in spans_of(lines_of(derive("3*x^2"), Style(level="full"))) if piece.line == 2]
    assert [piece.text + "/" * bool(piece.below) + piece.below for piece in pieces] == ["=", "3", "·", "d/dx", "x", "2"]
    assert [piece.raised for piece in pieces] == [False] * 5 + [True]
    assert [piece.mark for piece in pieces] == [False] * 5 + [True]
    assert [piece.arrow for piece in pieces] == [-1] * 5 + [4]
    assert pieces[0].note == "the exponent goes to the front, one less stays"


def test_what_stands_on_the_left_is_written_on_the_first_line_of_each_derivative():
    pieces = spans_of(lines_of(derive("x^2", order=2), Style(level="brief")), left=("f(x)", "f'(x)", "f''(x)"))
    starts = [piece.text for piece in pieces if piece.position == 0]
    assert starts == ["f(x)", "f'(x)", "=", "f''(x)", "="]


def test_a_sign_alone_is_marked_where_a_sum_is_taken_apart():
    line = lines_of(derive("x^2 - x + 1"), Style(level="full"))[1]
    assert line.marks == (Mark((0,), sign=True), Mark((0, 0), sign=True))
    assert [piece.text for piece in spans_of([line]) if piece.mark] == ["-", "+"]


# What is done per line

DEEP = {
    "chain": lambda n: nested("tanh({})", n),
    "constants": lambda n: nested("2*sin({})", n),
    "quotients": lambda n: nested("x/(1 + {})", n),
    "powers": lambda n: nested("({} + 1)^2", n),
    "sum": lambda n: " + ".join(f"{k + 1}*x^{k + 2}" for k in range(n)),
    "product": lambda n: "*".join(f"sin({k + 1}*x)" for k in range(n)),
    "long quotient": lambda n: "/".join(f"(x + {k + 1})" for k in range(n)),
}
"""Formulas of n parts: of some a line changes in a few nodes, of others as deep as they are."""


def nested(form, depth):
    text = "x"
    for _ in range(depth):
        text = form.format(text)
    return text


def counted(monkeypatch, module, name):
    """The calls of a function of a module, counted as they come."""
    function, calls = getattr(module, name), []
    monkeypatch.setattr(module, name, lambda *args, **named: (calls.append(name), function(*args, **named))[1])
    return calls


@pytest.mark.parametrize("level", ["normal", "full"])
@pytest.mark.parametrize("depth", [12, 24])
@pytest.mark.parametrize("shape", DEEP)
def test_from_line_to_line_only_what_is_new_and_what_stands_around_a_derivative_is_looked_at(
    shape, depth, level, monkeypatch
):
    # A new node is rewritten, in two looks, and counted when it comes and when it goes; one around a derivative is
    # passed on the way to it, and rewritten. Where marks stand in the last calculation takes a walk over that one line.
    derivation = derive(DEEP[shape](depth))
    monkeypatch.setattr(lines, "MAX_WORK", 10**9)
    monkeypatch.setattr(rewriting, "MAX_NODES_MARKED", 0)
    looks = counted(monkeypatch, rewriting, "arguments_of")
    trees = [line.tree for line in lines_of(derivation, level)]
    different = {node for tree in trees for node in nodes_of(tree)}
    around = sum(node.pending for tree in trees for node in set(nodes_of(tree)))
    assert len(looks) <= 4 * (len(different) + around)


@pytest.mark.parametrize("shape", DEEP)
def test_a_part_of_several_lines_is_laid_out_once_with_a_factor_behind_it_and_once_without(shape, monkeypatch):
    derivation = derive(DEEP[shape](20))
    trees = [line.tree for line in lines_of(derivation)]
    parts = counted(monkeypatch, typesetting, "arguments_of")
    for _ in map(writing.text_writer("prime"), trees):
        pass
    different = {node for tree in trees for node in nodes_of(tree)}
    assert len(parts) <= 2 * sum(len(arguments_of(node)) for node in different)


@pytest.mark.parametrize("text", [*quick.part(CORPUS), *(form(8) for form in DEEP.values())])
def test_the_different_nodes_of_every_line_are_counted_from_those_of_the_line_before(text):
    inventory = rewriting.Inventory()
    for line in lines_of(derive(text), "full"):
        assert inventory.count(line.tree) == len(program_of(line.tree))


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("text", [*quick.part(CORPUS), *(form(8) for form in DEEP.values())])
def test_lines_written_together_are_each_as_its_pieces_are(text, notation):
    write = writing.text_writer(notation)
    for line in lines_of(derive(text), "full"):
        pieces = pieces_of(line.tree, notation)
        assert write(line.tree) == "".join(f"{one.text}/{one.below} " if one.below else one.text for one in pieces)


@pytest.mark.parametrize("seed", quick.part(range(40)))
def test_a_tree_that_is_flat_already_stays_the_object_that_it_is(seed):
    tree = random_tree(seed, depth=3)
    (flat,) = rewriting.rewritten([tree], rewriting.laid_flat)
    assert (flat is tree) == (flat == tree)


# Whole derivations


def test_the_text_of_a_derivation_names_the_rule_the_condition_and_the_check():
    said = derive("1/x").text()
    assert said.splitlines()[0] == "f(x)      = 1/x"
    assert "reciprocal: (c/u)' = -c u'/u^2" in said
    assert "It holds where x ≠ 0." in said
    assert said.endswith("Check of every step: verified.\n")


def test_the_letter_f_is_not_used_for_two_functions():
    assert derive("x*f(x)").text().startswith("g(x)")
    assert derive("x*f(x) + g(x)").text().startswith("h(x)")


def test_brief_is_the_result_alone_and_full_shows_each_calculation():
    found = derive("3*x^2")
    lengths = [len(lines_of(found, Style(level=level))) for level in ("brief", "normal", "full")]
    assert lengths == [3, 5, 6]


def test_unknown_levels_and_notations_are_refused():
    with pytest.raises(ValueError, match="no level named 'long'; there are full, normal, brief"):
        derive("x").text(level="long")
    for way in ("text", "markdown", "latex"):
        with pytest.raises(ValueError, match="no notation named 'newton'; there are prime, leibniz"):
            getattr(derive("x"), way)(notation="newton")


@pytest.mark.slow
@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("text", CORPUS)
def test_mathtext_accepts_every_line(text, notation):
    parser = MathTextParser("path")
    for line in lines_of(derive(text), Style(level="full")):
        parser.parse(f"${latex(line.tree, notation, mathtext=True)}$")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sin(x)**2", r"\sin^{2}\left(x\right)"),
        ("abs(x)/sqrt(x)", r"\frac{\left|x\right|}{\sqrt{x}}"),
        ("exp(-x**2/2)", r"e^{\frac{-x^{2}}{2}}"),
        ("log(x, 2)*log(x)", r"\log_{2}\left(x\right) \cdot \ln\left(x\right)"),
        ("alpha*x_1", r"\alpha \cdot x_{1}"),
        ("weight*x", r"\mathrm{weight} \cdot x"),
        ("f''''(x)", r"f^{(4)}\left(x\right)"),
        ("piecewise((x, x < 1), (2, True))", r"\begin{cases}x & \text{if } x < 1 \\ 2 & \text{otherwise}\end{cases}"),
    ],
)
def test_formulas_are_written_in_latex_as_readers_expect(text, said):
    assert latex(parse(text).root) == said


@pytest.mark.parametrize("text", quick.part(CORPUS))
def test_brackets_of_latex_and_of_markdown_are_closed(text):
    for said in (derive(text).latex("full"), derive(text).markdown("full")):
        assert said.count("{") - said.count(r"\{") == said.count("}") - said.count(r"\}")
        assert said.count(r"\left") == said.count(r"\right")


def test_markdown_shields_each_formula_from_the_signs_of_markdown():
    said = derive("x_1*abs(x_1)", "x_1").markdown()
    assert all(line.startswith("$`") for line in said.splitlines() if "=" in line and "*" not in line[:1])


@pytest.mark.slow
def test_what_is_exponentially_long_is_cut_and_says_so():
    tree = Variable("x")
    for _ in range(60):
        tree = apply("multiply", apply("add", tree, ONE), tree)
    said = written(tree)
    assert said.endswith("…")
    assert len(said) < 2100
    assert "too long" in latex(tree)
    # 40 products of one and the same thing: short as a program, 2^40 long when written out.
    node = Variable("x")
    for _ in range(40):
        node = apply("tanh", apply("multiply", node, node))
    found = derive(Expression(node), "x")
    for said in (found.text(), found.markdown(), found.latex()):
        assert len(said) < 300_000
    assert "cut after 2000 characters" in found.text()


@pytest.mark.slow
def test_a_derivation_of_very_many_operations_goes_on_to_the_result_and_is_true_so_far():
    nested = "x"
    for _ in range(55):
        nested = f"sin({nested}*x)"
    found = derive(nested)
    lines = lines_of(found, Style(level="full"))
    assert lines[-2].reason == "and so on"
    assert lines[-1].tree == found.result.root
    assert unequal(found, lines[-4:]) == []


def test_the_middle_of_very_many_lines_is_left_out_and_counted(monkeypatch):
    monkeypatch.setattr(printing, "MAX_LINES", 4)
    for said in (derive("3*x^2 + 5*x").text("full"), derive("3*x^2 + 5*x").markdown("full")):
        assert "In the middle 3 lines are left out." in said
    assert "(3 lines are left out)" in derive("3*x^2 + 5*x").latex("full")
