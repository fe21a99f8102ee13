"""Formulas that the tests of the analytical rooms share: the everyday ones, and as many random ones as wanted."""

import random
from fractions import Fraction

import numpy as np

from derivkit.expressions.tree import Constant, Number, Operation, Variable
from derivkit.operations.elementary import IN_FLOATS, OPERATIONS
from derivkit.operations.formulas import worked_out

EVERYDAY = """
1; x; 2*x; m*x; m*x+b; 3*x**2; 3*x**2+5*x; 5*x**5+4*x**3-5; x**3+2*x**2-5*x+7; 2*x**2; x**-1; 1/x; 1/x**3; sqrt(x);
x**(2/3); x**a; (x**2+1)**3; (3*x-1)**10; sqrt(1-x**2); 1/(1+x**2); x/(1+x**2); (x+1)*(x-1); (2*x+1)*(x**2-3)*(x+5);
x*exp(x); exp(-x**2/2); exp(2*x+1); 2**x; a**x; 10**(3*x); x**x; x**sin(x); (1+x**2)**x; log(x); log(x**2+1);
log(x, 2); log(3*x+1, 10); x*log(x)-x; log(log(x)); sin(x); cos(3*x); tan(x); sec(x); csc(2*x); cot(x); sin(x)**2;
sin(x**2); sin(cos(x)); sin(x)*cos(x); exp(x)*sin(2*x); sin(x)/x; asin(x); acos(x/2); atan(x**2); acot(x); asec(x);
sinh(x); cosh(2*x); tanh(x); asinh(x); acosh(x); atanh(x/3); 1/(1+exp(-x)); log(1+exp(x)); tanh(w*x+b); Abs(x);
Abs(x**2-1); sign(x); Max(0, x); Max(0, w*x+b); Min(x, 1-x); Piecewise((x**2, x<1), (2*x-1, True));
Piecewise((x, x>0), (a*(exp(x)-1), True)); Heaviside(x); floor(x); erf(x); gamma(x); x*(1+erf(x/sqrt(2)))/2;
exp(x)/(exp(x)+exp(y)); log(exp(x)+exp(y)+exp(z)); -log(exp(x)/(exp(x)+exp(y)+exp(z))); (w*x+b-y)**2;
(1/(1+exp(-(w*x+b)))-y)**2; -(y*log(1/(1+exp(-x)))+(1-y)*log(1-1/(1+exp(-x)))); sqrt(x+sqrt(x+sqrt(x)));
exp(sin(cos(x**2))); f(x); x*f(x); 14+367*x**2/(x**2+100)
"""
CORPUS = tuple(text.strip() for text in EVERYDAY.split(";"))
"""88 expressions of textbooks and of machine learning, as SymPy spells them."""

FORMS = """
x^2 : x + x; x^2 : 2*(x + 1) - 2; x^3 : 3*x*x; (x+1)^2 : 2*x + 2; (x+1)^3 : 3*x^2 + 6*x + 3; (x-1)*(x+1) : x + x;
(x+1)*(x+2) : (x + 1) + (x + 2); x^2*(x+1) : x*(3*x + 2); (2*x+1)^2 : 8*x + 4; (3*x-1)^3 : 81*x^2 - 54*x + 9;
1/x : -x^-2; 1/x : -1/(x*x); 1/x^3 : -3*x^(-4); x/(1+x) : 1/(1+x)^2; (x+1)/(x-1) : -2/(x-1)^2;
x/(1+x^2) : (1-x^2)/(1+x^2)^2; x/(1+x^2) : 1/(1+x^2) - 2*x^2/(1+x^2)^2; 1/(1+x^2) : -2*x/(x^4+2*x^2+1);
sqrt(x) : x^(-1/2)/2; sqrt(x) : sqrt(x)/(2*x); sqrt(1-x^2) : -x/sqrt(1-x^2); sqrt(1-x^2) : -x*(1-x^2)^(-1/2);
x^(3/2) : 3*sqrt(x)/2; x*sqrt(x) : 1.5*sqrt(x); cbrt(x) : x^(-2/3)/3; x^(2/3) : 2/(3*cbrt(x));
sin(x)^2 : sin(2*x); sin(x)*cos(x) : cos(2*x); sin(x)*cos(x) : 1 - 2*sin(x)^2; cos(x)^2 : -sin(2*x);
sin(x)^2 + cos(x)^2 : 0; tan(x) : 1 + tan(x)^2; tan(x) : sec(x)^2; cot(x) : -csc(x)^2; cot(x) : -1 - cot(x)^2;
sec(x) : sin(x)/cos(x)^2; csc(x) : -cos(x)/sin(x)^2; sin(2*x) : 2 - 4*sin(x)^2; sin(x) : sin(x + pi/2);
cos(x) : cos(x + pi/2); sin(x)^4 : 2*sin(x)^2*sin(2*x); log(x^2) : 2/x; log(x) : x^-1; log(3*x) : 1/x;
log(x^3*2) : 3/x; log(sqrt(x)) : 1/(2*x); log(x, 2) : 1/(x*log(2)); log(x, 10) : 1/(log(10)*x); log(1/x) : -1/x;
x*log(x) : log(x) + 1; x*log(x) : log(e*x); x*log(x) - x : log(x^2)/2; log(x)/x : (1 - log(x))/x^2;
exp(x)^2 : 2*exp(2*x); exp(2*x) : 2*e^(2*x); exp(x) : e^x; exp(-x) : -1/exp(x); 2^x : log(2)*exp(x*log(2));
4^x : 2*log(2)*2^(2*x); x^x : exp(x*log(x))*(1 + log(x)); x*exp(x) : (x + 1)*exp(x); exp(x)/x : exp(x)*(x - 1)/x^2;
sinh(x) : (exp(x) + exp(-x))/2; cosh(x) : (exp(x) - exp(-x))/2; tanh(x) : 1 - tanh(x)^2; tanh(x) : sech(x)^2;
1/(1+exp(-x)) : exp(x)/(1+exp(x))^2; sigmoid(x) : sigmoid(x)*(1 - sigmoid(x)); softplus(x) : exp(x)/(1+exp(x));
log(1+exp(x)) : 1/(1+exp(-x)); atan(x) : 1/(x^2+1); asin(x) : (1-x^2)^(-1/2); acos(x) : -1/sqrt((1-x)*(1+x));
atan(1/x) : -1/(1+x^2); abs(x) : x/abs(x); abs(x)^2 : 2*x; relu(x)^2 : 2*relu(x); max(0, x) : heaviside(x);
m*x + b : m + 0*x; (w*x+b-y)^2 : 2*w^2*x + 2*w*b - 2*w*y; exp(x)*sin(2*x) : exp(x)*(sin(2*x) + 2*cos(2*x));
f(x)*x : f(x) + x*f'(x); 5 : 1 - 1; sin(x^2) : x*cos(x^2) + cos(x^2)*x
"""
CORRECT = [tuple(part.strip() for part in one.split(" : ")) for one in FORMS.split(";")]
"""Formulas and their derivatives in another form."""

FROZEN = """
exp expm1 log log1p log2 log10 sqrt cbrt sin cos tan sec csc cot asin acos atan sinh cosh tanh asinh acosh atanh asec
acsc acot sech csch coth erf gamma digamma polygamma gelu sigmoid softplus abs relu leaky_relu max min softmax logsumexp
piecewise sign floor heaviside
"""
DRAWN = tuple(FROZEN.split())
"""The functions that random trees draw from. The list is frozen, so that a new operation reshuffles no tree; that one
passes every entry point in tests/derivkit/operations/test_every_operation.py."""
ARITHMETIC = ("add", "add", "subtract", "multiply", "multiply", "divide", "power", "negate")
COMPARISONS = ("less", "less_equal", "greater", "greater_equal")


def random_tree(seed, depth=6):
    """A formula of x, and at times of y, from every operation of the frozen list."""
    return _tree(random.Random(seed), depth)


def _tree(chance, depth):
    if depth == 0 or chance.random() < 0.12:
        return _leaf(chance)
    name = chance.choice(ARITHMETIC if chance.random() < 0.55 else DRAWN)
    arity = chance.choice([count for count in OPERATIONS[name].arity if count <= 5])
    parts = [_tree(chance, depth - 1) for _ in range(arity)]
    if name == "power" and chance.random() < 0.7:
        parts[1] = Number(Fraction(chance.choice([2, 3, 2, 4])))
    if name == "polygamma":
        parts[0] = Number(Fraction(chance.randrange(3)))
    if name == "piecewise":
        parts = _pieces(chance, parts)
    return Operation(name, tuple(parts))


def _pieces(chance, parts):
    for k in range(1, len(parts), 2):
        parts[k] = Operation(chance.choice(COMPARISONS), (parts[k], _leaf(chance)))
    return parts


def _leaf(chance):
    kind = chance.random()
    if kind < 0.7:
        return Variable("x" if kind < 0.62 else "y")
    if kind < 0.95:
        return Number(Fraction(chance.choice(["1", "2", "3", "0.5", "10", "7"])))
    return Constant(chance.choice(["pi", "e"]))


RELATIONS = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "≠": lambda a, b: a != b,
    "is not an integer": lambda a, _: a != np.rint(a),
    "is not 0, -1, -2, ...": lambda a, _: (a > 0) | (a != np.rint(a)),
}


def inside(region, x):
    """Where x lies in a region of the table."""
    if region is None:
        return np.ones(np.shape(x), dtype=bool)
    return RELATIONS[region.relation](worked_out(region.left, x, IN_FLOATS), float(region.right))
