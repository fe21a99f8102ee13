"""Wrong derivatives: the broken rule is named, right answers are right in any form, and nothing else is named."""

import random
from dataclasses import replace

import numpy as np
import pytest
import quick
from formulas import CORPUS, CORRECT, DRAWN, random_tree

import derivkit as dk
from derivkit.expressions.evaluation import float_values
from derivkit.expressions.expression import parse
from derivkit.expressions.tree import Expression, Variable, program_of
from derivkit.operations.elementary import ELEMENTARY
from derivkit.symbolic import candidate_mistakes, diagnosis
from derivkit.symbolic.candidate_mistakes import candidates_of
from derivkit.symbolic.diagnosis import diagnose
from derivkit.symbolic.differentiation import differentiate
from derivkit.symbolic.judgement import Judgement
from derivkit.symbolic.mistakes import MISTAKES
from derivkit.symbolic.points import float_stand_in, lattice_of

CLASSIC = """
x^2 | 2*x^2 | power not lowered; x^3 | x^2 | exponent not brought to the front; x^3 | 3*x^4 | exponent raised;
x^5 | 5*x^3 | lowered by two; x^-2 | -2*x^-1 | exponent raised; x^3 | x^4/4 | integrated; x^5 | 5*x | power lost;
x^-2 | 2*x^-3 | sign of the exponent lost; x^3 | x^3*log(x) | power treated as exponential;
2^x | x*2^(x-1) | exponential treated as power; e^x | x*e^(x-1) | exponential treated as power;
exp(x) | x*exp(x-1) | exponential treated as power; 2^x | 2^x | logarithm of the base forgotten;
sin(x^2) | cos(x^2) | inner derivative forgotten; (x^2+1)^3 | 3*(x^2+1)^2 | inner derivative forgotten;
exp(x^2) | exp(x^2) | inner derivative forgotten; log(x^2+1) | 1/(x^2+1) | inner derivative forgotten;
sin(x^2) | cos(2*x) | outer derivative taken at the inner; sin(x^2) | sin(2*x) | function of the inner derivative;
sin(x^2) | cos(x)*2*x | outer derivative taken at the variable; sin(x^2) | 2*x | outer derivative forgotten;
log(x^2+1) | (x^2+1)/(2*x) | inverted; log(x^2+1) | 2*x | outer derivative forgotten;
x*sin(x) | cos(x) | product of derivatives; x^2*exp(x) | 2*x*exp(x) | term of the product rule lost;
x^2*sin(x) | 2*x*sin(x) - x^2*cos(x) | minus instead of plus in the product rule;
x^2*sin(x) | 2*x + cos(x) | sum of derivatives; sin(x)/x | (sin(x) - x*cos(x))/x^2 | quotient rule reversed;
sin(x)/x | cos(x) | quotient of derivatives; sin(x)/x^2 | (cos(x)*x^2 - 2*x*sin(x))/x^2 | denominator not squared;
sin(x)/x | (x*cos(x) + sin(x))/x^2 | plus instead of minus; sin(x)/x | x*cos(x) - sin(x) | denominator forgotten;
1/sin(x) | cos(x)/sin(x)^2 | sign lost; 1/sin(x) | 1/cos(x) | reciprocal of the derivative;
x^3 + 5 | 3*x^2 + 5 | constant not dropped;
x^3 + 5 | 3*x^2 + 1 | constant taken as 1;
7*x^2 | 2*x | constant factor dropped; x^2 + sin(x) | 2*x | term lost; x^2 - sin(x) | 2*x + cos(x) | sign of a term;
cos(x) | sin(x) | sign of the derivative; sin(x) | -cos(x) | sign of the derivative;
tan(x) | 1/cos(x) | square forgotten; cot(x) | 1/sin(x)^2 | sign of the derivative;
acos(x) | 1/sqrt(1-x^2) | sign of the derivative; asin(x) | 1/sqrt(1+x^2) | plus instead of minus;
asin(x) | -cos(x)/sin(x)^2 | inverse taken for the reciprocal; atan(x) | 1/(1-x^2) | minus instead of plus;
sqrt(x) | 1/sqrt(x) | 1/2 of the root forgotten; log(x, 2) | 1/x | logarithm of the base forgotten;
relu(x) | heaviside(-x) | sides swapped; abs(x) | -sign(x) | sides swapped; abs(x) | 1 | sign forgotten;
x^2*y | x^2 | another variable; x^x | x*x^(x-1) | treated as a power; x^x | x^x*log(x) | treated as an exponential;
log(x) | log(x) | not differentiated; cosh(x) | -sinh(x) | sign of the derivative;
x^2 + 3*x | x^3/3 + 3*x^2/2 | integrated instead;
sigmoid(x) | sigmoid(x)*(1+sigmoid(x)) | plus instead of minus; -x^2 | 2*x | sign lost;
x^4 | 12*x^2 | differentiated twice; (x^2+1)^3 | (x^2+1)^2*2*x | exponent not brought to the front
"""
MISTAKEN = [tuple(part.strip() for part in one.split(" | ")) for one in CLASSIC.split(";")]
MORE = (
    "cos(x^2)*exp(3*x)", "x^2*log(x)*sin(x)", "sqrt(x^2+1)/x", "tan(x^3)+7", "acos(x/2)*x", "2^(x^2)", "csc(x^2)",
    "cbrt(x^2+1)", "abs(sin(x))", "relu(x^3)", "leaky_relu(x^2-1)", "gelu(2*x)", "expm1(x^2)", "log1p(x^2)",
    "log2(3*x)",
    "log10(x^2)", "sech(2*x)", "csch(x)", "coth(x)", "acsc(2*x)", "sigmoid(x^2)", "softplus(3*x)", "digamma(x^2)",
    "logsumexp(x, x^2)", "max(sin(x), x/2)", "-sin(x^2)", "-3*x^2", "(x^2+1)/7", "floor(2*x)", "sqrt(x)", "x^(-3/2)",
    "x*sin(x)", "x/(x+1)", "5/(x^2+1)", "log(x)^2", "log(sin(x))", "polygamma(1, x^2)", "softmax(x, x^2)",
    "atan(3*x)", "2*z*x^3",
)  # fmt: skip
FORMULAS = (*dict.fromkeys((*CORPUS, *MORE)),)
LATER = tuple(f"{name}(x^2 + x/3)" for name in ELEMENTARY if name not in DRAWN)
"""Operations that came later; a sample of mistakes in the formulas above does not change with them."""


def planted(text):
    """Every mistake that fits a formula, as (mistake, place, the answer that it gives)."""
    tree = parse(text)
    variable = Variable("x" if "x" in tree.variables or not tree.variables else tree.variables[0])
    case = diagnosis._Diagnosis(tree, tree, variable)
    return case, [(one.mistake.name, one.step.piece, case._rebuilt(one)[1]) for one in case._candidates()]


def values(case, node):
    lattice = {name: at[:40] for name, at in lattice_of(case._names, 64).items()}
    with np.errstate(all="ignore"):
        found = float_values(program_of(node), lattice, unknown=float_stand_in)[-1]
    return np.broadcast_to(np.asarray(found, dtype=float), (40,))


def close(a, b):
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    return not a.size or np.all(np.abs(a - b) <= 1e-7 * np.maximum(np.abs(a), np.abs(b)) + 1e-300)


def survey(texts, most, seed=0):
    """(unique, own, among, shared): of planted mistakes with a value of their own and of the rest, those named."""
    chance = random.Random(seed)
    unique, own, among, shared, failures = 0, 0, 0, 0, []
    for text in texts:
        case, plants = planted(text)
        right = values(case, case._top.result.root)
        seen = [values(case, answer) for _, _, answer in plants]
        real = [
            k for k, one in enumerate(seen) if (np.isfinite(one) & np.isfinite(right)).any() and not close(one, right)
        ]
        for k in chance.sample(real, min(most, len(real))):
            name, place, answer = plants[k]
            found = diagnose(text, Expression(answer), case._variable.name)
            named = [(one.rule, one.place.root) for one in found.findings]
            good = (name, place.root) in named
            if any(close(seen[k], other) for i, other in enumerate(seen) if i != k):
                shared, among = shared + 1, among + good
            else:
                own, unique = own + 1, unique + (good and len(named) == 1)
                good = good and len(named) == 1
            if not good:
                failures.append((text, name, str(place), str(Expression(answer)), found.verdict, named))
    return unique, own, among, shared, failures


@pytest.mark.slow
def test_planted_mistakes_are_named():
    unique, own, among, shared, failures = survey(FORMULAS, most=6)
    assert len(FORMULAS) >= 60
    assert own + shared >= 500
    assert unique >= 0.99 * own, failures
    assert among == shared, failures


@pytest.mark.parametrize(("text", "answer", "rule"), MISTAKEN)
def test_a_classic_mistake_is_named(text, answer, rule):
    found = diagnose(text, answer)
    assert found.verdict == Judgement.BROKEN
    assert any(rule in one for one in found.rules)


@pytest.mark.parametrize(("text", "answer"), CORRECT)
def test_a_right_answer_in_another_form_is_right(text, answer):
    assert diagnose(text, answer).right


def test_there_are_enough_other_forms():
    assert len(set(CORRECT)) >= 60


@pytest.mark.parametrize("text", CORPUS)
def test_the_derivative_itself_is_right(text):
    variable = dk.derive(text).variable
    assert (
        diagnose(text, differentiate(parse(text).root, Variable(variable)).result, variable).verdict == Judgement.RIGHT
    )


def falsely_named(count):
    """How many random answers are named; what is named gives the answer, whoever computes it."""
    named = total = 0
    for seed in range(count):
        text = FORMULAS[seed % len(FORMULAS)]
        variables = {*parse(text).variables, "x"}
        answer = Expression(random_tree(seed + 10_000, depth=3))
        if {*answer.variables} <= variables:
            found = diagnose(text, answer, "x")
            total += not found.right
            named += found.verdict == Judgement.BROKEN
            case = diagnosis._Diagnosis(parse(text), answer, Variable("x"))
            assert all(close(values(case, one.whole.root), values(case, answer.root)) for one in found.findings)
    return named, total


@pytest.mark.parametrize("many", [60, quick.slow(200)])
def test_random_answers_are_not_named(many):
    named, total = falsely_named(many)
    assert total >= many / 2
    # A random answer may be what a mistake gives: 0, x, or the function itself. Those apart, none is.
    assert named <= 0.05 * total


# The table


def test_every_row_is_a_mistake_somewhere():
    left = set(MISTAKES)
    for text in (*FORMULAS, *LATER):
        case, _ = planted(text)
        right = values(case, case._top.result.root)
        for one in candidates_of(case._steps, case._variable):
            if one.mistake in left and not close(values(case, case._rebuilt(one)[1]), right):
                left.discard(one.mistake)
    assert left == set()


def test_a_row_that_is_no_mistake_is_found_out(monkeypatch):
    row = next(row for row in MISTAKES if row.name == "quotient rule reversed")
    rows = tuple(replace(one, formula="(du*v - u*dv)/v^2") if one is row else one for one in MISTAKES)
    monkeypatch.setattr(candidate_mistakes, "MISTAKES", rows)
    assert diagnose("sin(x)/x", "(sin(x) - x*cos(x))/x^2").rules != ("quotient rule reversed",)


def test_an_answer_in_other_variables_is_refused_in_one_line():
    with pytest.raises(
        ValueError, match="the answer has t, the function does not; write the answer with x only"
    ) as error:
        diagnose("x^2", "2*t")
    assert "\n" not in str(error.value)


def test_an_answer_that_is_no_formula_says_where():
    with pytest.raises(dk.ParseError, match="column 2"):
        diagnose("x^2", "2x")


def test_of_two_mistakes_of_one_value_the_one_that_looks_like_the_answer_comes_first():
    assert diagnose("sin(3*x)", "cos(3*x)").rules[0] == "inner derivative forgotten"
    assert set(diagnose("sin(3*x)", "cos(3*x)").rules) == {"inner derivative forgotten", "constant factor dropped"}


def test_a_diagnosis_says_the_place_and_the_corrected_step():
    found = diagnose("exp(x) + x*sin(x)", "exp(x) + cos(x)")
    assert str(found.place) == "x*sin(x)"
    assert found.corrected == "(x*sin(x))' = sin(x) + x*cos(x)"


# Right only where it is proved, wrong only where it is seen

WRONG_BY_LITTLE = """
5 : exp(-200); sin(x) : cos(x) + 1e-40; x^2 : 2*x + exp(-90); x : tanh(50); x : 1 - 1e-300; x^2 : 2*x*(1 + 1e-300);
sin(x)^2 : 2*sin(x)*cos(x) + 1e-60; x : sin(x)^2 + cos(x)^2 + 1e-60; x : erf(30); x : erf(x^2 + 20);
exp(x) : exp(x + 1e-90); x : 1 + exp(-exp(9)); 5 : exp(-exp(10)); 7*x : 7 - sech(500); x : sigmoid(200);
f(x) : f'(x) + 1e-50; x^2 : 2*x^2 + 1e-40; x^2 : x + abs(x); x^2 : 2*abs(x); x^2 : max(2*x, 4*x - 10000);
x^2 : piecewise((2*x, x < 5000), (3*x, True)); x^2 : 2*x + relu(x - 4000); x^2 : 2*x*heaviside(x + 3500);
x*abs(x) : 2*x; relu(x)^2 : 2*x; x^2 : 2*sqrt(x^2); piecewise((x^2, x < 1), (x^3, True)) : 2*x; abs(x - 700) : 1;
2305843009213693951*x : 0*x; log(x) : 1/x + 1e-100*x; max(x, 1e5*x - 1e9) : 1; x^3 : 3*x^2 + 1e-30*floor(x);
a*x : a + 1e-99; cos(x) : -sin(x + 1e-70)
"""


@pytest.mark.parametrize("case", [one.strip() for one in WRONG_BY_LITTLE.split(";")])
def test_an_answer_that_is_wrong_by_very_little_or_on_one_side_only_is_wrong(case):
    text, answer = case.split(" : ")
    found = diagnose(text, answer, "x")
    assert found.verdict in {Judgement.BROKEN, Judgement.UNKNOWN}


@pytest.mark.parametrize(
    ("text", "answer"),
    [("x", "tanh(1e5)"), ("x", "1 + exp(-exp(12))"), ("floor(x)", "floor(x + 1) - floor(x) - 1")],
)
def test_what_is_neither_proved_nor_seen_to_be_wrong_is_said_with_its_digits(text, answer):
    found = diagnose(text, answer)
    assert found.verdict == Judgement.NOT_PROVED
    assert not found.right
    assert found.digits > 1000
    assert str(found) == f"equal to {found.digits} digits, not proved"


def test_without_a_proof_no_other_form_is_right(monkeypatch):
    monkeypatch.setattr("derivkit.trusted.equivalence.equivalent", lambda a, b: False)
    assert diagnose("sin(x)^2", "sin(2*x)").verdict == Judgement.NOT_PROVED
    assert diagnose("sin(x)^2", "2*sin(x)*cos(x)").verdict == Judgement.RIGHT


def test_a_mistake_is_named_only_where_it_gives_the_answer_to_the_last_digit():
    assert diagnose("x^2", "2*x^2").verdict == Judgement.BROKEN
    assert diagnose("x^2", "2*x^2 + 1e-200").verdict == Judgement.UNKNOWN


# The same mistake at every place

REPEATED = """
x^3+x^2 | 3*x^3+2*x^2 | power not lowered | 2; 5*x^5+4*x^3-5 | 5*x^4+4*x^2 | exponent not brought to the front | 2;
sin(2*x)+cos(3*x) | cos(2*x)-sin(3*x) | inner derivative forgotten | 2;
x^4+x^3+x^2 | x^3+x^2+x | exponent not brought | 3;
exp(x^2)+sin(x^3) | exp(x^2)+cos(x^3) | inner derivative forgotten | 2;
x*sin(x)+x^2*exp(x) | cos(x)+2*x*exp(x) | product of | 2;
cos(x)+cos(2*x) | sin(x)+2*sin(2*x) | sign of the derivative | 2;
3*x^2+5*sin(x) | 2*x+cos(x) | constant factor dropped | 2;
sqrt(x)+sqrt(x+1) | 1/sqrt(x)+1/sqrt(x+1) | 1/2 of the root | 2;
sin(x)/x+exp(x)/x^2 | cos(x)/1+exp(x)/(2*x) | quotient of derivatives | 2;
sin(2*x)*cos(3*x) | cos(2*x)*cos(3*x)-sin(2*x)*sin(3*x) | inner | 2;
(x^2+1)^3+(x^3+1)^2 | 3*(x^2+1)^2+2*(x^3+1) | inner derivative forgotten | 2;
tan(x)+tan(2*x) | 1/cos(x)+2/cos(2*x) | square | 2; x^3-x | 3*x^3-x | power not lowered | 2;
5*x^4+3*x^2+2*x | 20*x^4+6*x^2+2*x | power not lowered | 3; x^2*sin(x)+x*cos(x) | x^2*cos(x)-x*sin(x) | one term of | 2;
x^2*sin(x)-x*cos(x) | 2*x*sin(x)-x^2*cos(x)-cos(x)-x*sin(x) | minus instead of plus in the product rule | 2;
sin(2*x)+cos(3*x)+x^4+exp(5*x) | cos(2*x)-sin(3*x)+4*x^3+5*exp(5*x) | inner derivative forgotten | 2;
x^5+x^3+x^2 | x^4+x^2+2*x | exponent not brought | 2; x^5+x^3+x^2 | 5*x^5+3*x^3+2*x | power not lowered | 2;
cos(x)+cos(2*x)+cos(3*x) | sin(x)+2*sin(2*x)-3*sin(3*x) | sign of the derivative | 2
"""


@pytest.mark.parametrize("case", [one.strip() for one in REPEATED.split(";")])
def test_the_same_mistake_in_every_term_is_named(case):
    text, answer, rule, places = (part.strip() for part in case.split(" | "))
    found = diagnose(text, answer)
    assert found.verdict == Judgement.BROKEN
    first = next(one for one in found.findings if rule in one.rule)
    assert first.places == int(places)
    assert f"{places} places of" in str(found)
    assert (
        str(first.place) == text.replace("^", "**").replace("+", " + ").replace("-", " - ")
        or first.place.root == parse(text).root
    )


@pytest.mark.parametrize(("text", "answer"), [("2*z*x^3", "6*x^2"), ("2*z*x^3", "3*z*x^2"), ("a*b*sin(x)", "b*cos(x)")])
def test_a_constant_factor_that_is_dropped_in_part_is_named(text, answer):
    found = diagnose(text, answer, "x")
    assert found.rules == ("constant factor dropped in part",)
    assert found.findings[0].places == 1


def test_mistakes_of_two_kinds_are_no_single_one():
    assert diagnose("x^3 + sin(2*x)", "3*x^3 + cos(2*x)").verdict == Judgement.UNKNOWN


# The lines beside what was written

LINES = """
x*sin(x) | cos(x) | d/dx [x·sin(x)] | cos(x);
x^3 + x^2 | 3*x^3 + 2*x^2 | d/dx x^3 + d/dx x^2 | 3x^3 + 2x^2;
exp(x) + x*sin(2*x) | exp(x) + sin(2*x) + x*cos(2*x) | exp(x) + (d/dx x)·sin(2x) + x·d/dx sin(2x)
 | exp(x) + (d/dx x)·sin(2x) + x·cos(2x); x^2 | x^3/3 | d/dx x^2 | x^3/3;
sin(3*x) | 3*cos(3*x) + 1 | d/dx sin(3x) | 3·cos(3x) + 1; x^2 + sin(x) | 2*x | d/dx [x^2 + sin(x)] | 2x
"""


@pytest.mark.parametrize("case", [one.strip() for one in LINES.split(";")])
def test_what_was_written_stands_below_the_line_that_was_done_wrongly(case):
    text, answer, place, written = (" ".join(part.split()) for part in case.split("| "))
    found = diagnose(text, answer)
    lines = found.lines()
    (wrong,) = [k for k, line in enumerate(lines) if line.wrong]
    assert [line.text() for line in lines[wrong - 1 : wrong + 1]] == [place, written]
    assert {k for k, line in enumerate(lines) if line.marks} == {wrong - 1, wrong}
    assert lines[wrong].reason == (found.rules or (found.verdict,))[0]
    assert [line.tree for line in lines if not line.wrong] == [line.tree for line in dk.derive(text).lines()]


@pytest.mark.parametrize(("text", "answer"), CORRECT[:12])
def test_a_right_answer_has_the_lines_of_the_derivation(text, answer):
    assert diagnose(text, answer).lines() == dk.derive(text).lines()


@pytest.mark.parametrize(("text", "answer"), quick.part([one[:2] for one in MISTAKEN]))
def test_every_mistake_has_a_wrong_line_at_every_level(text, answer):
    found = diagnose(text, answer)
    for level in dk.Derivation.LEVELS:
        (wrong,) = [line for line in found.text(level).splitlines() if line.strip().startswith("≠")]
        assert wrong.endswith(found.rules[0])


def test_a_mistake_made_at_several_places_is_shown_at_each():
    found = diagnose("sin(2*x)*cos(3*x)", "cos(2*x)*cos(3*x) - sin(2*x)*sin(3*x)")
    assert [(str(slip.place), str(slip.written)) for slip in found.findings[0].slips] == [
        ("sin(2*x)", "cos(2*x)"),
        ("cos(3*x)", "-sin(3*x)"),
    ]
    assert [span.line for span in found.spans() if span.text == "≠"] == [3]
    assert {span.line for span in found.spans() if span.mark} == {2, 3}


def test_no_mistake_is_named_twice_for_the_same_places():
    found = diagnose("x^3 + x^2", "3*x^3 + 2*x^2")
    assert len(found.findings) == 1
