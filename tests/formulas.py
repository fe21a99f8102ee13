"""Formulas that the tests of the analytical rooms share: the everyday ones, and as many random ones as wanted."""

import random
from fractions import Fraction

from derivkit.analytical.elementary import OPERATIONS
from derivkit.analytical.tree import Constant, Number, Operation, Variable

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

ARITHMETIC = ("add", "add", "subtract", "multiply", "multiply", "divide", "power", "negate")
COMPARISONS = ("less", "less_equal", "greater", "greater_equal")


def random_tree(seed, depth=6):
    """A formula of x, and at times of y, from every operation of the table."""
    return _tree(random.Random(seed), depth)


def _tree(chance, depth):
    if depth == 0 or chance.random() < 0.12:
        return _leaf(chance)
    functions = [name for name in OPERATIONS if name not in (*ARITHMETIC, *COMPARISONS)]
    name = chance.choice(ARITHMETIC if chance.random() < 0.55 else functions)
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
