"""Derivations: built by rules alone, every step checked, and a broken rule caught wherever it is used."""

import os
import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import quick
from formulas import CORPUS, random_tree

import derivkit as dk
from derivkit.expressions.algebra import ONE, apply, product, rational
from derivkit.expressions.expression import parse
from derivkit.expressions.limits import MAX_VALUE_BITS, bits
from derivkit.expressions.tree import Expression, Number, Unevaluated, Unknown, Variable, program_of
from derivkit.operations.elementary import OPERATIONS
from derivkit.symbolic import derivation, differentiation, verification
from derivkit.symbolic.derivation import derive
from derivkit.symbolic.differentiation import differentiate
from derivkit.symbolic.rules import RULES
from derivkit.symbolic.steps import steps_of
from derivkit.symbolic.verification import RefutedError, Verdict

EVERY_RULE = [rule for rows in RULES.values() for rule in rows]
ENDS = 30.0
"""Seconds of the processor within which everything must end: no benchmark, ten times what a slow machine takes."""
RANDOM = int(os.environ.get("LAB_RANDOM_FORMULAS", "300"))


def test_the_corpus_is_whole():
    assert len(CORPUS) == len(set(CORPUS)) == 88


@pytest.mark.parametrize("text", CORPUS)
def test_every_step_of_an_everyday_derivation_is_verified(text):
    found = derive(text)
    assert found.verification.verdict == Verdict.VERIFIED
    assert len(found.verification.points) >= 1
    assert found.steps[-1] is found.roots[-1]


@pytest.mark.parametrize("text", [text for text in CORPUS if parse(text).variables == ("x",) and "f(" not in text])
def test_the_result_is_what_taylor_mode_finds(text):
    found = derive(text)
    for point in found.verification.points:
        want = dk.exact(text, point["x"])
        if want.status == "ok":
            # Both are right to the last bit.
            assert dk.exact(found.result, point["x"], 0).value == want.value


@pytest.mark.parametrize("seed", quick.part(range(RANDOM)))
def test_a_random_formula_is_derived_and_no_step_is_refuted(seed):
    tree = random_tree(seed)
    found = derive(Expression(tree), "x")
    assert found.verification.verdict in set(Verdict)


def test_most_random_formulas_are_verified():
    verdicts = [derive(Expression(random_tree(seed, depth=3)), "x").verification.verdict for seed in range(100)]
    assert verdicts.count(Verdict.VERIFIED) >= 70


# Broken on purpose


def broken(rule):
    """The rule with a wrong answer: off by one, or by two in its second argument."""
    if rule.slopes:
        slopes = rule.slopes
        # Not the same in each argument, as (x)' + (1 - x)' is 0.
        return replace(
            rule,
            slopes=lambda *parts: [apply("add", one, rational(Fraction(k))) for k, one in enumerate(slopes(*parts), 1)],
        )
    build = rule.build
    return replace(rule, build=lambda node, varies, d: apply("add", build(node, varies, d), ONE))


SPECIMENS = {
    "add": "x + sin(x)", "subtract": "x - sin(x)", "negate": "-sin(x)", "log": "log(x^2 + 1)",
    "polygamma": "polygamma(1, x^2)", "max": "max(sin(x), x/2, 1/4)", "min": "min(sin(x), x/2)",
    "softmax": "softmax(x, y, x^2)", "logsumexp": "logsumexp(x, y, x^2)",
    "piecewise": "piecewise((x^2, x < 1), (sin(x), x < 2), (x, True))",
}  # fmt: skip
PATTERNS = {
    ("multiply", "constant multiple"): "3*sin(x)", ("multiply", "product"): "x*sin(x)*exp(x)",
    ("divide", "constant multiple"): "sin(x)/3", ("divide", "reciprocal"): "3/(x^2 + 1)",
    ("divide", "quotient"): "sin(x)/x",
    ("power", "power"): "(x^2 + 1)^3", ("power", "exponential"): "2^(x^2)",
    ("power", "logarithmic differentiation"): "(x^2 + 1)^x",
}  # fmt: skip


def specimen(rule):
    """A formula that the rule is used in."""
    inner = {"acosh": "x^2 + 2", "asec": "x^2 + 2", "acsc": "x^2 + 2", "asin": "x/40", "acos": "x/40", "atanh": "x/40"}
    text = PATTERNS.get((rule.operation, rule.name)) or SPECIMENS.get(rule.operation)
    return text or f"{rule.operation}({inner.get(rule.operation, 'x^2 + x/3')})"


def uses(root, rule):
    """Whether a step is of the rule."""
    return any(
        step.rule == rule.name and getattr(step.piece.root, "name", "") == rule.operation for step in steps_of(root)
    )


@pytest.mark.parametrize("rule", quick.part(EVERY_RULE), ids=lambda rule: f"{rule.operation}-{rule.name}")
def test_a_broken_rule_is_caught_in_every_formula_that_uses_it(rule, monkeypatch):
    texts = [specimen(rule), *(text for text in CORPUS if uses(differentiate(parse(text).root, Variable("x")), rule))]
    for text in texts:
        assert uses(differentiate(parse(text).root, Variable("x")), rule), text
    rows = tuple(broken(one) if one is rule else one for one in RULES[rule.operation])
    monkeypatch.setattr(differentiation, "RULES", {**RULES, rule.operation: rows})
    for text in texts:
        with pytest.raises(RefutedError, match=rule.name):
            derive(text, "x")


def test_every_operation_has_a_rule_but_the_comparisons():
    comparisons = {"less", "less_equal", "greater", "greater_equal"}
    assert set(OPERATIONS) - set(RULES) == comparisons


# The tree of steps


@pytest.mark.parametrize("text", ["5*x^5 + 4*x^3 - 5", "exp(sin(cos(x^2)))", "x*exp(x)*sin(x)", "(x^2+1)^3", "x^x"])
def test_what_a_rule_writes_names_the_derivatives_that_its_children_found(text):
    for step in derive(text).steps:
        waiting = {part.piece for part in nodes_of(step.unfolded) if isinstance(part, Unevaluated)}
        assert waiting <= {child.piece.root for child in step.children}


def nodes_of(root):
    stack, met = [root], []
    while stack:
        node = stack.pop()
        met.append(node)
        stack += getattr(node, "arguments", ())
    return met


def test_a_piece_that_occurs_twice_is_differentiated_once():
    found = derive("sin(x^2) + cos(x^2)")
    pieces = [step.piece.root for step in found.steps if step.rule == "power"]
    assert pieces == [parse("x^2").root]


def test_the_steps_of_the_chapter_have_the_names_of_the_chapter():
    names = {step.rule for step in derive("5*x^5 + 4*x^3 - 5").steps}
    assert names == {"sum", "constant multiple", "power", "constant"}


# Results


@pytest.mark.parametrize(
    ("text", "variable", "result"),
    [
        ("5*x^5 + 4*x^3 - 5", "x", "25*x**4 + 12*x**2"),
        ("x^3 + 2*x^2 - 5*x + 7", "x", "3*x**2 + 4*x - 5"),
        ("m*x + b", "x", "m"),
        ("m*x + b", "b", "1"),
        ("(relu(w*x + b) - y)^2", "w", "2*x*(relu(w*x + b) - y)*heaviside(w*x + b)"),
        ("(relu(w*x + b) - y)^2", "b", "2*(relu(w*x + b) - y)*heaviside(w*x + b)"),
        ("x^x", "x", "x**x*(log(x) + 1)"),
        ("(x + 1)*(x - 1)", "x", "2*x"),
        ("sin(x)/x", "x", "(x*cos(x) - sin(x))/x**2"),
        ("sin(x)^2 + cos(x)^2", "x", "0"),
        ("e^x", "x", "e**x"),
        ("3", "x", "0"),
        ("x*x*x", "x", "3*x**2"),
        ("e^(-x^2)", "x", "-2*x*e**(-x**2)"),
        ("x^-1", "x", "-x**-2"),
        ("x^2*x^3", "x", "5*x**4"),
        ("1/x^2", "x", "-2/x**3"),
        ("log(1/x)", "x", "-1/x"),
        ("sin(x)*cos(x)", "x", "cos(x)**2 - sin(x)**2"),
        ("e^(2*x)*x", "x", "2*x*e**(2*x) + e**(2*x)"),
        ("max(x, x^2)", "x", "piecewise((1, x > x**2), (2*x, True))"),
        ("max(x, y, 0)", "x", "piecewise((1, x > max(y, 0)), (0, True))"),
        ("max(x, x)", "x", "1"),
        ("max(0, 1 - y*x)", "x", "piecewise((-y, 1 - y*x > 0), (0, True))"),
        ("y^2", "x", "0"),
    ],
)
def test_a_result_looks_as_a_person_would_write_it(text, variable, result):
    assert derive(text, variable).result.text == result


def test_an_unknown_function_keeps_its_name():
    root = derive("x*f(x^2)").result.root
    assert Unknown("f", 1, parse("x^2").root) in nodes_of(root)


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("text", ["x^5*exp(x)", "sin(x^2)", "log(x)/x", "tanh(x)", "softplus(3*x)"])
def test_higher_derivatives_are_derivatives_of_derivatives(text, order):
    found = derive(text, order=order)
    assert [step.piece.root for step in found.roots[1:]] == [step.result.root for step in found.roots[:-1]]
    for x in (0.37, 1.9):
        assert dk.exact(found.result, x, 0).value == dk.exact(text, x, order).value


# Conditions


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("log(x - 2)", "x - 2 > 0"), ("abs(x^2 - 1)", "x**2 - 1 ≠ 0"), ("floor(3*x)", "3*x is not an integer"),
        ("max(x, 1 - x)", "x ≠ 1 - x"), ("sqrt(x)", "x > 0"), ("1/x", "x ≠ 0"), ("asin(x/2)", "abs(x/2) < 1"),
        ("piecewise((x^2, x < 1), (x, True))", "x ≠ 1"), ("x^(1/3)", "x > 0"), ("x^-2", "x ≠ 0"), ("x^x", "x > 0"),
        ("gamma(x)", "x is not 0, -1, -2, ..."), ("acosh(x)", "x > 1"),
    ],
)  # fmt: skip
def test_a_rule_says_when_it_holds(text, condition):
    assert condition in map(str, derive(text).conditions)


@pytest.mark.parametrize(
    "text",
    ["x^3 + 2*x", "sin(x)*exp(x)", "abs(x - x)", "floor(sin(x)^2 + cos(x)^2)", "2^x", "max(x, x)", "log(exp(x))",
     "1/(1 + exp(-x))", "sqrt(x^2 + 1)", "1/(1 + x^2*x^4 + sin(x)^2)", "log(softplus(x) + cosh(x))",
     "piecewise((x, x*y > x*y), (2*x, y < 3), (x^2, True))"],
)  # fmt: skip
def test_what_always_holds_is_no_condition(text):
    assert derive(text).conditions == ()


@pytest.mark.parametrize("text", ["abs(x)", "relu(x - 1)", "min(x^2, 1)", "piecewise((x, x < 1), (3, True))"])
def test_a_formula_with_a_kink_is_verified_on_both_sides_of_it(text):
    found = derive(text)
    (condition,) = found.conditions
    gap = Expression(apply("subtract", condition.left, condition.right))
    sides = {np.sign(dk.exact(gap, point["x"], 0).value) for point in found.verification.points}
    assert sides == {-1.0, 1.0}


def test_a_power_whose_exponent_may_be_whole_has_a_derivative_at_negative_numbers_too():
    found = derive("x^n")
    assert found(-3.0, n=2.0) == -6.0
    assert found(0.0, n=3.0) == 0.0
    assert found(-2.0, n=-1.0) == -0.25
    assert np.isnan(found([-3.0, -3.0, 0.0], n=[2.5, -0.5, -2.0])).all()
    assert "raised to a whole number" in found.refusal(-3.0, n=2.5)
    assert not found.refusal(-3.0, n=2.0)
    assert np.isnan(derive("n^x", "x")(2.0, n=-3.0))


@pytest.mark.parametrize(
    ("text", "x", "value"),
    [("abs(x^2)", 0.0, 0.0), ("relu(relu(x))", -1.0, 0.0), ("max(0, 3*max(0, x))", -1.0, 0.0), ("relu(x^3)", 0.0, 0.0),
     ("max(x, sin(x))", 0.0, 1.0), ("max(x, y, 0)", -2.0, 0.0), ("leaky_relu(x^2)", 0.0, 0.0)],
)  # fmt: skip
def test_two_branches_that_meet_with_one_slope_are_no_kink(text, x, value):
    assert derive(text)(x, y=-2.0) == value == dk.exact(text, {"x": x, "y": -2.0}, variable="x").value


@pytest.mark.parametrize(
    ("text", "x", "value"),
    [("piecewise((log(x), x > 0), (x, True))", -1.0, 1.0), ("piecewise((x, x <= 0), (x*log(x), True))", -1.0, 1.0),
     ("piecewise((x, x < 1), (log(x - 1), x > 1))", 0.5, 1.0), ("max(abs(x), 1)", 0.0, 0.0),
     ("piecewise((piecewise((abs(x), x > -1), (sqrt(-x), True)), x < 1), (log(x), True))", -4.0, -0.25),
     ("piecewise((piecewise((abs(x), x > -1), (sqrt(-x), True)), x < 1), (log(x), True))", 0.5, 1.0),
     ("piecewise((x, y < 3), (2*x, True))", 3.0, 2.0)],
)  # fmt: skip
def test_a_condition_counts_only_in_the_piece_that_it_is_of(text, x, value):
    found = derive(text, "x")
    assert found(x, y=3.0) == value
    assert found.refusal(x, y=3.0) == ""
    assert found.verification.verdict == Verdict.VERIFIED


def test_every_piece_of_a_formula_is_checked_where_it_is_chosen(monkeypatch):
    text = "piecewise((log(x), x > 0), (sin(x), True))"
    assert {np.sign(point["x"]) for point in derive(text).verification.points} == {-1.0, 1.0}
    assert derive("piecewise((sqrt(-1 - x^2), x > 0), (sin(x), True))").verification.verdict == Verdict.NO_REAL_POINT
    (rule,) = RULES["sin"]
    monkeypatch.setattr(differentiation, "RULES", {**RULES, "sin": (broken(rule),)})
    with pytest.raises(RefutedError, match="sine"):
        derive(text)


def test_a_condition_within_a_piece_says_where_it_counts():
    text = "piecewise((log(x - 2), x > 0), (abs(x + 3), True))"
    want = ["x - 2 > 0 where x > 0", "x + 3 ≠ 0 unless x > 0", "x ≠ 0"]
    assert list(map(str, derive(text).conditions)) == want
    assert "x + 3 ≠ 0 unless x > 0, where x + 3 is 0.0 at x = -3.0" in derive(text).refusal(-3.0)


@pytest.mark.parametrize(
    ("text", "point"),
    [("x + log(y)", {"y": -1.0}), ("x + log(y)", {"y": 0.0}), ("x + 1/y", {"y": 0.0}), ("x*y/y", {"y": 0.0}),
     ("x + log(-1)", {}), ("floor(x)*0 + log(floor(x))", {"x": -1.5}), ("x + y^-1", {"y": 0.0}),
     ("x + log(3, y)", {"y": 1.0}), ("x + atanh(y)", {"y": -1.0}), ("x + gamma(y)", {"y": -2.0}),
     ("piecewise((x, x < 0), (2*x, x > 1))", {"x": 0.5}), ("max(1, log(x))", {"x": -1.0}), ("x*asin(2)", {}),
     ("x + csch(y)", {"y": 0.0}), ("max(1, 1/x)", {"x": 0.0}), ("max(1, x^x)", {"x": -2.0})],
)  # fmt: skip
def test_where_the_function_is_not_defined_it_has_no_derivative(text, point):
    found = derive(text, "x")
    given = {"x": 0.5, **point}
    assert np.isnan(found(given))
    assert found.refusal(given)
    assert dk.exact(text, given, variable="x").status == "no_derivative"


def test_a_function_that_leaves_the_range_of_float64_still_has_its_derivative():
    assert derive("x + exp(y)", "x")(0.5, y=1000.0) == 1.0
    assert derive("x*y + exp(exp(x))")(10.0, y=1.0) == np.inf


@pytest.mark.parametrize(("text", "x"), [("max(x, x^2, 0)", 1.0), ("relu(relu(x))", 0.0), ("max(x, y, 0)", 3.0)])
def test_two_branches_that_meet_with_two_slopes_are_a_kink(text, x):
    assert np.isnan(derive(text)(x, y=3.0))


def test_the_second_derivative_knows_the_jump_of_the_first():
    assert np.isnan(derive("abs(x^2)", order=3)(0.0))


# Values


@pytest.mark.parametrize("text", ["x^2*exp(x)", "sin(x^2)/x", "abs(x^2 - 1)", "softplus(3*x)", "max(x, 1 - x)"])
def test_fast_values_have_the_shape_of_x_and_are_those_of_the_formula(text):
    found = derive(text)
    grid = np.linspace(0.3, 2.9, 12).reshape(3, 4)
    values = found(grid)
    assert values.shape == (3, 4)
    assert isinstance(found(0.7), float)
    assert found(grid[1:2, 1]).shape == (1,)
    for x, value in zip(grid.ravel(), values.ravel(), strict=True):
        # float64 may lose a digit or two where it subtracts.
        assert value == pytest.approx(dk.exact(text, x).value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "broken"),
    [("abs(x)", 0.0), ("floor(x)", 3.0), ("max(x, 1 - x)", 0.5), ("log(x)", -1.0), ("1/x", 0.0), ("sqrt(x)", -1.0),
     ("piecewise((x^2, x < 1), (x, True))", 1.0), ("gamma(x)", -2.0), ("asin(x)", 1.5), ("sign(x)", -0.0)],
)  # fmt: skip
def test_where_a_condition_is_broken_there_is_no_value_and_the_condition_is_named(text, broken):
    found = derive(text)
    assert np.isnan(found(broken))
    assert np.isnan(found(np.array([broken, broken]))).all()
    (condition,) = found.conditions
    assert f"needs {condition}, where" in found.refusal(broken)
    assert np.isnan(found.accuracy(broken).trusted)


def test_where_all_holds_nothing_is_refused():
    found = derive("log(x)")
    assert found.refusal(2.0) == ""
    assert found(2.0) == 0.5


def test_values_of_several_variables_are_given_by_name():
    found = derive("(relu(w*x + b) - y)^2", "w")
    assert found(1.0, x=2.0, b=0.5, y=1.0) == 2 * 2.0 * (2.5 - 1.0)
    assert found({"w": 1.0, "x": 2.0, "b": 0.5, "y": 1.0}) == found(1.0, x=2.0, b=0.5, y=1.0)
    assert found(np.ones(3), x=2.0, b=0.5, y=np.zeros((2, 1))).shape == (2, 3)
    with pytest.raises(ValueError, match=r"needs a value of x, b, y: give it by name, as x=1\.0"):
        found(1.0)


def test_an_unknown_function_has_no_values():
    with pytest.raises(ValueError, match="unknown function f"):
        derive("x*f(x)")(1.0)


def test_a_variable_that_does_not_occur_gives_zeros_of_the_right_shape():
    assert derive("y^2", "x")(np.ones((2, 3)), y=1.0).tolist() == [[0.0] * 3] * 2


def test_where_float64_loses_digits_it_is_said():
    found = derive("(1 - cos(x))/x^2").accuracy(1e-4)
    assert found.flagged
    assert found.trusted == dk.exact("(1 - cos(x))/x^2", 1e-4).value
    assert not derive("x^2").accuracy(3.0).flagged


def test_a_branch_that_is_not_chosen_does_not_spoil_the_value():
    assert derive("max(x, -exp(x))")(800.0) == 1.0


# What cannot be checked is said


def test_a_formula_without_a_real_point_is_not_called_verified():
    assert derive("log(-1 - x^2)").verification.verdict == Verdict.NO_REAL_POINT
    assert derive("sqrt(sin(x) - 2)").verification.verdict == Verdict.NO_REAL_POINT


def test_a_domain_far_away_is_found():
    assert derive("log(x - 2000)").verification.verdict == Verdict.VERIFIED


def test_more_work_than_the_limit_is_not_begun(monkeypatch):
    text = "*".join(f"(x+{k})" for k in range(1, 30))
    assert derive(text).verification.verdict == Verdict.VERIFIED
    monkeypatch.setattr(verification, "MAX_OPERATIONS", 1000)
    assert derive(text).verification.verdict == Verdict.OVER_THE_WORK_LIMIT


def test_a_tower_of_exponentials_ends():
    assert derive("exp(exp(exp(exp(x))))").verification.verdict in {Verdict.VERIFIED, Verdict.NO_REAL_POINT}


@pytest.mark.parametrize("factor", ["x", "(x+{})", "sin({}*x)"])
def test_the_work_of_a_product_does_not_grow_as_the_cube_of_its_factors(factor):
    text = "*".join(factor.format(k) for k in range(1, 100))
    begin = time.process_time()
    differentiate(parse(text).root, Variable("x"))
    assert time.process_time() - begin < ENDS


# In a shell


def test_what_a_shell_shows_of_a_derivation_is_one_line():
    found = derive("x*abs(x)")
    assert repr(found) == "<Derivation d/dx (x*abs(x)) = abs(x) + x*sign(x) if x ≠ 0 [verified]>"
    assert repr(found.steps[-1]) == "<Step product: d/dx (x*abs(x)) = abs(x) + x*sign(x)>"
    assert repr(derive("sin(x^2)").roots[0].children[0]) == "<Step sine: d/d(x**2) (sin(x**2)) = cos(x**2)>"
    assert repr(found.result) == "<Expression abs(x) + x*sign(x)>"
    assert repr(found.conditions) == "(<Condition x ≠ 0>,)"
    assert str(derive("x^3", order=2)) == "d^2/dx^2 (x^3) = 6*x [verified]"
    assert str(dk.exact("x/3", 1.0)) == "0.3333333333333333 (off by 2e-17)"
    assert str(dk.exact("log(x)", -1.0, 0)) == "no derivative"
    assert str(dk.accuracy(parse("(1-cos(x))/x^2"), 1e-8)) == "0.0 in float64, 0.5 in truth: 15.95 digits lost"


@pytest.mark.parametrize(
    "text", ["*".join(f"sin({k}*x)" for k in range(1, 15)), "sin(" * 55 + "x" + ")" * 55, "x^" * 99 + "x"]
)
def test_what_a_shell_shows_of_a_huge_derivation_is_short(text):
    found = derive(text, "x", order=2)
    for thing in (found, found.result, found.expression, *found.steps[-9:]):
        assert len(repr(thing)) < 1500
    assert all(len(str(one)) < 1500 for one in found.conditions)
    assert len(found.refusal(-1e300)) < 2000


@pytest.mark.parametrize(
    "text",
    ["abs(sech(max(x, x, x)))", "floor(cosh(x)/floor(x))", "acot(relu(cot(gamma(logsumexp(x, 3)))))", "relu(csch(x))",
     "heaviside(sigmoid(x))", "relu(cbrt(acos(csch(x)))/erf(-x*(e - x))*(csch(y)*x))"],
)  # fmt: skip
def test_points_where_a_function_is_too_near_to_its_breakpoint_refute_nothing(text):
    assert derive(text, "x").verification.verdict in set(Verdict)


# Bad input


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ({"order": 0}, "the order 0 is not a whole number from 1 to 20; write 1, 2, ..."),
        ({"order": 1.5}, "the order 1.5 is not a whole number from 1 to 20; write 1, 2, ..."),
        ({"order": True}, "the order True is not a whole number from 1 to 20; write 1, 2, ..."),
        ({"variable": "2*x"}, "'2*x' is no variable; write a name such as 'x'"),
        ({"variable": "pi"}, "'pi' is no variable; write a name such as 'x'"),
    ],
)
def test_a_wrong_question_is_answered_in_one_line(arguments, answer):
    with pytest.raises(ValueError, match="^" + answer.replace("*", r"\*").replace(".", r"\.")):
        derive("x^2", **arguments)


@pytest.mark.parametrize("ask", [dk.parse, dk.derive, lambda f: dk.exact(f, 1.0), lambda f: dk.accuracy(f, 1.0)])
@pytest.mark.parametrize("thing", [5, None, b"x", ["x"]])
def test_what_is_no_formula_is_said_to_be_none(ask, thing):
    with pytest.raises(TypeError, match=r"^a formula is a text, such as 'x\*\*2', not "):
        ask(thing)


def test_a_formula_may_be_given_as_text_or_tree_and_the_order_as_a_number_of_numpy():
    assert derive(parse("x^3").root, order=np.int64(2)).result.text == "6*x"
    assert dk.accuracy("x^2", 3.0).value == 9.0


def test_of_several_variables_without_x_one_must_be_named():
    with pytest.raises(ValueError, match=r"^w\*b has the variables w, b; say which: variable='w'$"):
        derive("w*b")
    assert derive("t^2").variable == "t"


def test_a_derivative_that_grows_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(derivation, "MAX_OPERATIONS", 30)
    with pytest.raises(ValueError, match="ask for a lower order"):
        derive("sin(x)*exp(x)/(1+x^2)", order=4)


def test_a_derivative_that_grows_without_end_is_refused_before_it_is_written():
    text = "*".join(f"sin({k}*x)" for k in range(1, 99))
    begin = time.process_time()
    with pytest.raises(ValueError, match=r"more than 20,000 factors for cos.{,300}; ask for a lower order"):
        derive(text, order=2)
    assert time.process_time() - begin < ENDS


def test_equal_trees_that_are_different_objects_do_not_cost_the_square_of_their_size():
    begin = time.process_time()
    assert derive("x^x^x^x^x^x^x^x^x", order=4).verification.verdict == Verdict.VERIFIED
    assert time.process_time() - begin < ENDS


def test_equal_parts_of_a_formula_are_one_operation():
    assert len(program_of(derive("exp(exp(exp(x)))", order=3).result.root)) < 40


# The precision of the check follows the size of the arguments


@pytest.mark.parametrize(
    "text",
    [
        "sin(1e300*x)", "cos(1e200*x^2)", "sin(1e60*x)", "x + 1e-250*sin(1e300*x)", "tan(1e250*x)",
        "log(2 + sin(1e280*x))", "sin(exp(690)*x)", "exp(sin(1e150*x))*1e-200", "sin(1e300*x)*cos(1e290*x)",
        "sin(1e150*x)^2 + x", "1e-300*sin(1e300*x)", "atan(1e305*x)", "tanh(1e300*(x - 1))", "erf(1e299*x)",
        "exp(-1e3*x)*sin(1e300*x)", "sin(1e100*sin(1e100*x))",
    ],
)  # fmt: skip
def test_a_right_rule_is_verified_however_large_the_argument_is(text):
    assert derive(text).verification.verdict == Verdict.VERIFIED


@pytest.mark.parametrize("text", ["sin(1e300*x)", "x + 1e-250*sin(1e300*x)", "cos(1e200*x^2)", "sin(1e3*x)"])
@pytest.mark.parametrize("off", ["1 + 1e-40", "1 - 1e-50"])
def test_a_rule_that_is_wrong_by_very_little_is_refuted_however_large_the_argument_is(text, off, monkeypatch):
    (rule,) = RULES["sin" if "sin" in text else "cos"]
    wrong = replace(rule, slopes=lambda u: (product([*rule.slopes(u), parse(off).root]),))
    monkeypatch.setattr(differentiation, "RULES", {**RULES, rule.operation: (wrong,)})
    with pytest.raises(RefutedError, match="at x = "):
        derive(text)


def test_what_the_work_allowed_leaves_open_is_over_the_work_limit_and_never_refuted(monkeypatch):
    monkeypatch.setattr(verification, "PRECISIONS", verification.PRECISIONS[:1])
    assert derive("sin(1e300*x)").verification.verdict == Verdict.OVER_THE_WORK_LIMIT
    monkeypatch.setattr(verification, "WORK", 1.0)
    assert derive("sin(x)").verification.verdict == Verdict.OVER_THE_WORK_LIMIT


def numbers_of(node):
    if isinstance(node, Number):
        return [node.value]
    return [value for part in getattr(node, "arguments", ()) for value in numbers_of(part)]


@pytest.mark.parametrize(
    "text", ["1e300*(1e300*(1e300*(1e300*(1e300*x))))", "(1e-400*x)^3*exp(1e300*x)*(1e-400*x)^2*1e-300"]
)
def test_numbers_that_a_derivation_multiplies_stay_within_the_bits_of_a_formula(text):
    assert max(map(bits, numbers_of(derive(text).result.root))) <= MAX_VALUE_BITS
