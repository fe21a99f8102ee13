"""The parser against hostile and mistyped texts: each is met with its column and what to write, none is run."""

from __future__ import annotations

import ast
import builtins
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from derivkit.expressions import limits
from derivkit.expressions.expression import parse
from derivkit.expressions.limits import MAX_DEPTH, MAX_LENGTH, MAX_NODES
from derivkit.expressions.tokens import ParseError
from derivkit.expressions.tree import Expression, text_of, tree_of

SLOWEST = 0.1 if "LAB_FUZZ" in os.environ else 30.0
"""Seconds of the processor that any text may take: by hand a tenth, else so many that no other work fails a test."""
FUZZED = int(os.environ.get("LAB_FUZZ", "2000"))
"""How many random texts of each kind are tried; 50000 by hand."""

# text, column counted from 0, and a part of the one line that the user sees
WRONG: list[tuple[str, int, str]] = [
    # products and functions as on paper
    ("2x", 1, "write 2*x"),
    ("2(x+1)", 1, "write 2*(x+1)"),
    ("(x+1)(x-1)", 5, "write (x+1)*(x-1)"),
    ("5*x^5+4x", 7, "write 4*x"),
    ("x sin(x)", 2, "write x*sin(x)"),
    ("sin(x)cos(x)", 6, "write sin(x)*cos(x)"),
    ("sin(2x)", 5, "write 2*x"),
    ("2pi", 1, "write 2*pi"),
    ("1e5x", 3, "write 1e5*x"),
    ("0.1e", 3, "write 0.1*e"),
    ("  2x", 3, "write 2*x"),
    ("2 3", 2, "a sign is missing between two numbers"),
    ("sin x", 0, "write sin(x)"),
    ("sin 2x", 0, "write sin(2*x)"),
    ("sin cos(x)", 0, "write sin(cos(x))"),
    ("sin", 0, "write sin(x)"),
    ("1 + sin*x", 4, "sin is a function and needs brackets"),
    ("max", 0, "write max(x, y)"),
    ("sinx", 0, "write sin(x)"),
    ("xsin(x)", 0, "write x*sin(x)"),
    ("sin^2(x)", 0, "write sin(x)**2"),
    ("sin**2(x)", 0, "write sin(x)**2"),
    ("sin^2 x", 0, "write sin(x)**2"),
    ("sin^-1(x)", 0, "write asin(x)"),
    ("|x+1|", 0, "write abs(x+1)"),
    ("2*|", 2, "write abs(x)"),
    # names
    ("sinn(x)", 0, "unknown function 'sinn'; did you mean sin?"),
    ("Sin(x)", 0, "write sin(x)"),
    ("tg(x)", 0, "write tan(x)"),
    ("lg(x)", 0, "write log10(x)"),
    ("ln x", 0, "write ln(x)"),
    ("pow(x,2)", 0, "write x**2"),
    ("x(x+1)", 0, "'x' is a variable, not a function; write x*(x+1)"),
    ("foo*foo(2)", 4, "'foo' is a variable, not a function; write foo*(2)"),
    ("e(x+1)", 0, "'e' is a constant, not a function; write e*(x+1)"),
    ("frob(x)", 0, "unknown function 'frob'; there are abs,"),
    ("Pi*x", 0, "write pi"),
    ("x - inf", 4, "numbers are finite"),
    ("x__y", 0, "two underscores"),
    # numbers of arguments
    ("log(x,2,3)", 0, "log takes 1 or 2 arguments, not 3"),
    ("sin()", 0, "sin takes 1 argument, not 0"),
    ("x+max(x)", 2, "max takes 2 or more arguments, not 1; write max(x, y)"),
    ("max(x,)", 6, "a value is missing"),
    ("max(,x)", 4, "a value is missing"),
    # two things at once
    ("x==2", 1, "a condition"),
    ("x<1", 1, "a condition"),
    ("x>=1", 1, "a condition"),
    ("x=2", 1, "'=' has no place"),
    ("y = x^2", 2, "write only the right-hand side"),
    ("x:=2", 1, "':=' has no place"),
    ("x,y", 1, "['x','y']"),
    ("sin(x),exp(x)", 6, "two expressions go in a list, each in quotes: ['sin(x)','exp(x)']"),
    ("(x,y)", 2, "two expressions go in a list"),
    ("x;y", 1, "only one formula"),
    ("0,5*x", 1, "write 0.5"),
    # Python that is no formula
    ("'x'", 0, "leave the quotes out"),
    ('exec("x")', 0, "unknown function 'exec'"),
    ('f"{x}"', 1, "leave the quotes out"),
    ("__import__('os').system('touch owned')", 0, "two underscores"),
    ("x.__class__.__mro__", 1, "there are no attributes"),
    ("().__class__", 1, "nothing between the brackets"),
    ("x.y", 1, "there are no attributes"),
    ("x[0]", 1, "only round brackets"),
    ("{x}", 0, "only round brackets"),
    ("[x for x in y]", 0, "only round brackets"),
    ("(x for x in y)", 3, "'for' is a word of the Python language"),
    ("lambda x: x", 0, "'lambda' is a word of the Python language"),
    ("x if y else z", 2, "'if' is a word of the Python language"),
    ("not x", 0, "no operations on truth values"),
    ("True", 0, "write 1 or 0"),
    ("None", 0, "'None' is a word"),
    ("max(*x)", 4, "a value is missing before '*'"),
    ("log(x=2)", 5, "'=' has no place"),
    ("x//2", 1, "write floor(x/y)"),
    ("x%2", 1, "no remainder"),
    ("x!", 1, "no factorial"),
    ("x & y", 2, "bits"),
    ("~x", 0, "bits"),
    ("x @ y", 2, "COMMERCIAL AT"),
    ("x # y", 2, "NUMBER SIGN"),
    ("\\frac{1}{x}", 0, "LaTeX"),
    # brackets and signs
    ("((x)", 0, "never closed"),
    ("(", 0, "never closed"),
    ("x)", 1, "never opened"),
    ("sin(x))+(1", 6, "never opened"),
    ("()", 1, "nothing between the brackets"),
    ("x+", 2, "a value is missing after '+'"),
    ("x  +  ", 4, "a value is missing after '+'"),
    ("*x", 0, "a value is missing before '*'"),
    ("x* *2", 3, "for a power write **"),
    ("x^", 2, "a value is missing after '^'"),
    ("-", 1, "a value is missing after '-'"),
    # numbers
    ("1j", 1, "there are no complex numbers; if j is a variable, write 1*j"),
    ("0x10", 1, "numbers are decimal"),
    ("1_000", 1, "write 1000"),
    ("007", 0, "write 7"),
    ("1.2.3", 3, "one decimal point"),
    ("1/0", 2, "a division by the number 0"),
    ("x/(1-1)", 3, "a division by the number 0"),
    ("1+0**-1", 2, "a division by 0"),
    ("9**9**9**9", 6, "larger than 1000000"),
    ("9**9**9", 3, "larger than 1000000"),
    ("x**9**9**9", 6, "larger than 1000000"),
    ("x**(10^7)", 4, "larger than 1000000"),
    ("1+2**1025", 2, "more than 2048 bits"),
    ("(1/3)^-2000", 0, "more than 2048 bits"),
    ("1e400*1e400*1e400*1e400", 0, "more than 4096 bits"),
    ("1e999999", 0, "out of range"),
    ("1e-401", 0, "out of range"),
    ("x+1e" + "9" * 1900, 2, "out of range"),
    ("1" * 31, 0, "more than 30 digits"),
    # characters
    ("", 0, "there is no formula"),
    (" \t\n", 0, "there is no formula"),
    ("x\0", 1, "null byte"),
    ("\0", 0, "null byte"),
    ("1+\N{GREEK SMALL LETTER ALPHA}", 2, "GREEK SMALL LETTER ALPHA"),
    ("2*\N{GREEK SMALL LETTER PI}", 2, "write pi"),
    ("\N{SQUARE ROOT}x", 0, "write sqrt(x)"),
    ("x\N{SUPERSCRIPT TWO}", 1, "write ^2"),
    ("\N{FULLWIDTH LATIN SMALL LETTER S}in(x)", 0, "FULLWIDTH LATIN SMALL LETTER S"),
    ("x\N{NO-BREAK SPACE}+1", 1, "NO-BREAK SPACE"),
    ("\x1b[31mx", 0, "is not known here"),
    ("\ud800", 0, "is not known here"),
    # size
    ("(" * 10_000, MAX_LENGTH, "10000 characters"),
    ("-" * 200_000 + "x", MAX_LENGTH, "200001 characters"),
    ("x" * 1_000_000, MAX_LENGTH, "1000000 characters"),
    ("(" * 1000 + "x" + ")" * 999, MAX_DEPTH, "more than 60 brackets"),
    ("sin(" * 400, 4 * MAX_DEPTH + 3, "more than 60 brackets"),
    (")" * 1000, 0, "a value is missing"),
    ("-" * 1999 + "x", MAX_NODES, "the most is 600"),
    ("x^" * 999 + "x", MAX_NODES, "the most is 600"),
    ("x+" * 300 + "x", MAX_NODES, "the most is 600"),
    ("x(" * 900, 0, "is a variable"),
    ("x," * 900, 1, "two expressions"),
    ("|" * 1900, 0, "write abs(x)"),
    ("a" * 1900 + "(x)", 0, "unknown function"),
    # Python that runs code elsewhere
    ("__import__('os').getpid()", 0, "write a name such as x_1"),
    ("__import__", 0, "write a name such as x_1"),
    ("__builtins__", 0, "write a name such as x_1"),
    ("__class__", 0, "write a name such as x_1"),
    ("x.__class__", 1, "write x*y for a product"),
    ("(1).__class__.__bases__[0].__subclasses__()", 3, "write x*y for a product"),
    ("x.__init__.__globals__", 1, "write x*y for a product"),
    ("Symbol.__mro__", 6, "write x*y for a product"),
    ("os.system('ls')", 2, "write x*y for a product"),
    ("os.system(1)", 2, "write x*y for a product"),
    ("eval('1')", 0, "unknown function 'eval'"),
    ("eval(x)", 0, "unknown function 'eval'"),
    ("exec(x)", 0, "unknown function 'exec'"),
    ("compile(x)", 0, "unknown function 'compile'"),
    ("open('/etc/passwd')", 0, "unknown function 'open'"),
    ("open(x)", 0, "unknown function 'open'"),
    ("input()", 0, "unknown function 'input'"),
    ("exit()", 0, "did you mean sigmoid?"),
    ("quit()", 0, "unknown function 'quit'"),
    ("print(x)", 0, "unknown function 'print'"),
    ("getattr(x,y)", 0, "unknown function 'getattr'"),
    ("globals()", 0, "unknown function 'globals'"),
    ("locals()", 0, "unknown function 'locals'"),
    ("vars(x)", 0, "unknown function 'vars'"),
    ("dir(x)", 0, "unknown function 'dir'"),
    ("type(x)(x)", 0, "unknown function 'type'"),
    ("breakpoint()", 0, "unknown function 'breakpoint'"),
    ("help(x)", 0, "unknown function 'help'"),
    ("id(x)", 0, "unknown function 'id'"),
    ("str(x)", 0, "unknown function 'str'"),
    ("chr(x)+chr(y)", 0, "unknown function 'chr'"),
    ("sys.exit(1)", 3, "write x*y for a product"),
    ("import os", 0, "choose another name, such as import_"),
    ("from os import system", 0, "choose another name, such as from_"),
    ("del x", 0, "choose another name, such as del_"),
    ("raise x", 0, "choose another name, such as raise_"),
    ("assert x", 0, "choose another name, such as assert_"),
    ("yield x", 0, "choose another name, such as yield_"),
    ("await x", 0, "choose another name, such as await_"),
    ("async x", 0, "choose another name, such as async_"),
    ("return x", 0, "choose another name, such as return_"),
    ("global x", 0, "choose another name, such as global_"),
    ("with x as y", 0, "choose another name, such as with_"),
    ("while x", 0, "choose another name, such as while_"),
    ("class x", 0, "choose another name, such as class_"),
    ("def f(x)", 0, "choose another name, such as def_"),
    ("pass", 0, "choose another name, such as pass_"),
    ("lambda: 0", 0, "choose another name, such as lambda_"),
    ("lambda x:x**2", 0, "choose another name, such as lambda_"),
    ("(lambda x: x)(1)", 1, "choose another name, such as lambda_"),
    ("(lambda: 0)()", 1, "choose another name, such as lambda_"),
    ("f'{x}'", 1, "leave the quotes out"),
    ("f\"{__import__('os')}\"", 1, "leave the quotes out"),
    ("rb'x'", 2, "leave the quotes out"),
    ("u'x'", 1, "leave the quotes out"),
    ("b'x'", 1, "leave the quotes out"),
    ('"""x"""', 0, "leave the quotes out"),
    ("'''x'''", 0, "leave the quotes out"),
    ("`x`", 0, "leave the quotes out"),
    ("x;import os", 1, "two go in a list, each in quotes"),
    ("x\nimport os", 2, "choose another name, such as import_"),
    ("x\n\nexec(1)", 3, "write x*exec"),
    ("x #comment", 2, "remove it"),
    ("x\\\n+1", 1, "write sin(x), not \\sin x"),
    ("$x", 0, "remove it"),
    ("${x}", 0, "remove it"),
    ("$(ls)", 0, "remove it"),
    ("x?y:z", 1, "remove it"),
    ("x->y", 2, "write one, such as x"),
    ("x=>y", 1, "write only the right-hand side; the point is"),
    ("x@y", 1, "remove it"),
    ("@x", 0, "remove it"),
    ("x!=y", 1, "write one side only, or the difference of the two;"),
    ("x<>y", 1, "write one side only, or the difference of the two;"),
    ("x<<2", 1, "write one side only, or the difference of the two;"),
    ("x>>2", 1, "write one side only, or the difference of the two;"),
    ("x^^2", 2, "write one, such as x"),
    ("x***2", 3, "write one, such as x"),
    ("x+++y*", 6, "write one, such as x"),
    ("x--", 3, "write one, such as x"),
    ("x//y", 1, "write floor(x/y)"),
    ("x%y", 1, "write x - y*floor(x/y)"),
    ("x and y", 2, "write one comparison for each piece, as in"),
    ("x or y", 2, "write one comparison for each piece, as in"),
    ("x in y", 2, "choose another name, such as in_"),
    ("x is y", 2, "choose another name, such as is_"),
    ("x if x else x", 2, "choose another name, such as if_"),
    ("**x", 0, "write one, such as x"),
    ("sin(*x)", 4, "write one, such as x"),
    ("sin(**x)", 4, "write one, such as x"),
    ("sin(x=1)", 5, "write only the right-hand side; the point is"),
    ("sin(x:=1)", 5, "write only the right-hand side"),
    ("(x:=1)", 2, "write only the right-hand side"),
    ("[1,2,3]", 0, "write ( and )"),
    ("[x]", 0, "write ( and )"),
    ("{x:1}", 0, "write ( and )"),
    ("{}", 0, "write ( and )"),
    ("[]", 0, "write ( and )"),
    ("x[1:2]", 1, "write ( and )"),
    ("x.real", 1, "write x*y for a product"),
    ("x.subs(x,1)", 1, "write x*y for a product"),
    ("1.real", 2, "write 1.*real"),
    ("1 .real", 2, "write x*y for a product"),
    ("1..real", 2, "write x*y for a product"),
    ("...", 0, "write x*y for a product"),
    ("x...", 1, "write x*y for a product"),
    ("..", 0, "write x*y for a product"),
    ("x.", 1, "write x*y for a product"),
    (".x", 0, "write x*y for a product"),
    (".", 0, "write x*y for a product"),
    ("False", 0, "write 1 or 0"),
    ("True+1", 0, "write 1 or 0"),
    ("sin(True)", 4, "write 1 or 0"),
    ("1 if True else 2", 2, "choose another name, such as if_"),
    ("self.x", 4, "write x*y for a product"),
    ("x->x", 2, "write one, such as x"),
    ("%s", 0, "write x - y*floor(x/y)"),
    ("{0}", 0, "write ( and )"),
    ("%(x)s", 0, "write x - y*floor(x/y)"),
    ("{{x}}", 0, "write ( and )"),
    ("<script>alert(1)</script>", 0, "write one, such as x"),
    ("'; DROP TABLE x; --", 0, "leave the quotes out"),
    ("../../etc/passwd", 0, "write x*y for a product"),
    ("!ls", 0, "write gamma(x+1)"),
    ("| ls", 0, "write abs(x)"),
    ("x | ls", 2, "write abs(x)"),
    ("&& ls", 0, "use + - * / ^ and functions"),
    ("x && y", 2, "use + - * / ^ and functions"),
    ("x || y", 2, "write abs(x)"),
    ("!x", 0, "write gamma(x+1)"),
    ("5!", 1, "write gamma(x+1)"),
    ("x!!", 1, "write gamma(x+1)"),
    ("-~x", 1, "use + - * / ^ and functions"),
    # numbers
    ("0x1F", 1, "write the number with the digits 0 to 9"),
    ("0b101", 1, "write the number with the digits 0 to 9"),
    ("0o17", 1, "write the number with the digits 0 to 9"),
    ("1e", 1, "write 1*e"),
    ("1e+", 1, "write 1*e"),
    ("1.5.2", 3, "leave the other out"),
    ("1..2", 2, "leave the other out"),
    ("1,5", 1, "for a decimal number write 1.5"),
    ("sin(0,5*x)", 0, "write sin(x); for a decimal number write 0.5"),
    ("1'000", 1, "leave the quotes out"),
    ("1_0", 1, "write 10"),
    ("1__0", 1, "write a name such as x_1"),
    ("1e5.5", 3, "leave the other out"),
    ("1e400000", 0, "write an exponent of at most 400"),
    ("1e-99999999999999999999", 0, "write an exponent of at most 400"),
    ("2J", 1, "if J is a variable, write 2*J"),
    ("1l", 1, "write 1*l"),
    ("1f", 1, "write 1*f"),
    ("1.0f", 3, "write 1.0*f"),
    ("00012", 0, "write 12"),
    ("08", 0, "write 8"),
    ("1 000", 2, "write 1000"),
    ("1e 5", 1, "write 1*e"),
    ("1 .5", 2, "write 1*.5"),
    ("12e", 2, "write 12*e"),
    ("9" * 31, 0, "write fewer, as in 1.5e30"),
    ("0." + "1" * 40, 0, "write fewer, as in 1.5e30"),
    ("1e1e1", 3, "write 1e1*e1"),
    ("+-*1", 2, "write one, such as x"),
    ("nan", 0, "numbers are finite here"),
    ("inf", 0, "numbers are finite here"),
    ("-inf", 1, "numbers are finite here"),
    ("Infinity(x)", 0, "numbers are finite here"),
    ("oo(x)", 0, "numbers are finite here"),
    ("zoo(x)", 0, "numbers are finite here"),
    ("2**3**4**5", 3, "write a smaller one, or use exp and log"),
    ("10^10^10", 3, "write a smaller one, or use exp and log"),
    ("x^10^10", 2, "write a smaller one, or use exp and log"),
    ("(9^9)^(9^9)", 7, "write a smaller one, or use exp and log"),
    ("2^(2^(2^(2^(2^2))))", 3, "write a smaller one, or use exp and log"),
    ("0/0", 2, "write a divisor that is not 0"),
    ("x/0", 2, "write a divisor that is not 0"),
    ("x/(2-2)", 3, "write a divisor that is not 0"),
    ("0^-1", 0, "write another base"),
    ("0**-x/0", 6, "write a divisor that is not 0"),
    ("1/(1/3-1/3)", 3, "write a divisor that is not 0"),
    ("(10^300)^10", 0, "write a smaller one, or use exp and log"),
    ("3^2000", 0, "write a smaller one, or use exp and log"),
    ("2^-5000", 0, "write a smaller one, or use exp and log"),
    ("7^7^7", 0, "write a smaller one, or use exp and log"),
    ("99999999999^99999999999", 12, "write a smaller one, or use exp and log"),
    ("x^1000001", 2, "write a smaller one, or use exp and log"),
    ("x^-1e9", 2, "write a smaller one, or use exp and log"),
    ("(x^2)^9999999", 6, "write a smaller one, or use exp and log"),
    # brackets, commas, signs
    (")", 0, "write one, such as x"),
    ("(()", 2, "write a value, such as (x)"),
    ("())", 1, "write a value, such as (x)"),
    (")(", 0, "write one, such as x"),
    ("((((x)))", 0, "write ) after it"),
    ("sin((x)", 3, "write ) after it"),
    ("sin)x(", 0, "write sin(x)"),
    ("sin(x))", 6, "write ( before it"),
    ("f(", 1, "write ) after it"),
    ("f)", 1, "write ( before it"),
    ("f()", 0, "write f(x)"),
    ("f(x", 1, "write ) after it"),
    ("f(x))", 4, "write ( before it"),
    ("f(,)", 2, "write one, such as x"),
    ("max(", 3, "write ) after it"),
    ("max()", 0, "write max(x, y) or max(x, y, z)"),
    ("max(,)", 4, "write one, such as x"),
    ("max(x,,y)", 6, "write one, such as x"),
    ("max(x,y,)", 8, "write one, such as x"),
    ("(x,)", 2, "two expressions go in a list, each in quotes:"),
    ("(,x)", 1, "write one, such as x"),
    (",", 0, "write one, such as x"),
    (",,", 0, "write one, such as x"),
    ("x,", 1, "leave it out"),
    (",x", 0, "write one, such as x"),
    ("sin(x,y)", 0, "write sin(x)"),
    ("exp(1,2,3)", 0, "write exp(x)"),
    ("log()", 0, "write log(x) or log(x, y)"),
    ("abs()", 0, "write abs(x)"),
    ("atan(x,y)", 0, "write atan(x)"),
    ("softmax()", 0, "write softmax(x, y) or softmax(x, y, z)"),
    ("logsumexp()", 0, "write logsumexp(x, y) or logsumexp(x, y, z)"),
    ("leaky_relu(x,1,2)", 0, "write leaky_relu(x) or leaky_relu(x, y)"),
    ("polygamma(x)", 0, "write polygamma(1, x)"),
    ("polygamma(x,x)", 10, "write polygamma(1, x)"),
    ("polygamma(1/2,x)", 10, "write polygamma(1, x)"),
    ("polygamma(-1,x)", 10, "write polygamma(1, x)"),
    ("polygamma(151,x)", 10, "write polygamma(1, x)"),
    ("polygamma(1,2,3)", 0, "write polygamma(1, x)"),
    ("f(x,y)", 0, "write f(x)"),
    ("g1(x,y,z)", 0, "write g1(x)"),
    ("f+f(x)", 2, "write f*(x)"),
    ("f(x)+f'(x)*f", 0, "write f*(x)"),
    ("f'", 1, "write f'(x), or the derivative itself"),
    ("f'+1", 1, "write f'(x), or the derivative itself"),
    ("f''x", 1, "write f'(x), or the derivative itself"),
    ("k(x)", 0, "write k*(x)"),
    ("k'(x)", 0, "write the derivative out, or f'(x)"),
    ("sin'(x)", 0, "write the derivative out, or f'(x)"),
    ("x'", 1, "write f'(x), or the derivative itself"),
    ("x''", 1, "write f'(x), or the derivative itself"),
    ("(x)'", 3, "leave the quotes out"),
    ("f(x)'", 4, "leave the quotes out"),
    ("d/dx(x^2)", 2, "write the formula alone: its derivative is requested"),
    ("dx(x)", 0, "write the formula alone: its derivative is requested"),
    ("D(x)", 0, "write D*(x)"),
    ("diff(x)", 0, "write the formula alone: its derivative is requested"),
    ("y'=2*x", 1, "write f'(x), or the derivative itself"),
    # conditions
    ("x<=1", 1, "write one side only, or the difference of the two;"),
    ("x>1", 1, "write one side only, or the difference of the two;"),
    ("x\u22641", 1, "write one side only, or the difference of the two;"),
    ("x==1", 1, "write one side only, or the difference of the two;"),
    ("x!=1", 1, "write one side only, or the difference of the two;"),
    ("x=1", 1, "write only the right-hand side; the point is"),
    ("sin(x<1)", 5, "write one side only, or the difference of the two;"),
    ("(x<1)", 2, "write one side only, or the difference of the two;"),
    ("max(x,x<1)", 7, "write one side only, or the difference of the two;"),
    ("(x<1)*x", 2, "write one side only, or the difference of the two;"),
    ("piecewise", 0, "write piecewise((x, x<1), (2*x, True))"),
    ("piecewise()", 0, "write piecewise((x, x<1), (2*x, True))"),
    ("piecewise(x)", 10, "write piecewise((x, x<1), (2*x, True))"),
    ("piecewise(x,1)", 10, "write piecewise((x, x<1), (2*x, True))"),
    ("piecewise(x,x<1)", 10, "write piecewise((x, x<1), (2*x, True))"),
    ("piecewise((x))", 10, "write piecewise((x, x<1), (2*x, True))"),
    ("piecewise((x,))", 13, "write one, such as x"),
    ("piecewise((x,1))", 10, "write piecewise((x, x<1), (2*x, True))"),
    ("piecewise((x,y))", 10, "write piecewise((x, x<1), (2*x, True))"),
    ("piecewise((x,x))", 10, "write piecewise((x, x<1), (2*x, True))"),
    ("piecewise((x,x<1,2))", 10, "write piecewise((x, x<1), (2*x, True))"),
    ("piecewise((x,x<1)", 9, "write ) after it"),
    ("piecewise((x,x<1),)", 18, "write one, such as x"),
    ("piecewise((x,x<1),x)", 18, "write piecewise((x, x<1), (2*x, True))"),
    ("piecewise(x,(x,x<1))", 10, "write piecewise((x, x<1), (2*x, True))"),
    ("piecewise((x,x<1)+1)", 17, "write piecewise((x, x<1), (2*x, True))"),
    ("piecewise((x,x<1)(x,True))", 17, "write (x, x<1), (2*x, True)"),
    ("piecewise((x,True))", 0, "write piecewise((x, x<1), (2*x, True))"),
    ("piecewise((x,True),(1,x<1))", 19, "move (..., True) to the end"),
    ("piecewise((x,x<1),(1,True),(2,True))", 27, "move (..., True) to the end"),
    ("piecewise((x,0<x<1))", 16, "write 0<x<1 as two pieces, (..., x<=0), (..., x<1)"),
    ("piecewise((x,x==1))", 14, "write the formula without the piece for a single point"),
    ("piecewise((x,x=1))", 14, "write only the right-hand side; the point is"),
    ("piecewise((x,x<1 and x>0))", 17, "write one comparison for each piece, as in"),
    ("piecewise((x,x<1 & x>0))", 17, "use + - * / ^ and functions"),
    ("piecewise((x,(x<1)))", 15, "write (x, x<1) for a piece"),
    ("piecewise((x,not x))", 13, "write one comparison for each piece, as in"),
    ("piecewise((x,False))", 13, "write 1 or 0"),
    ("piecewise((x,True+1))", 13, "write 1 or 0"),
    ("piecewise((True,x<1))", 11, "write 1 or 0"),
    ("piecewise((x<1,x<1))", 12, "write one side only, or the difference of the two;"),
    ("piecewise((x,<1))", 13, "write one, such as x"),
    ("piecewise((x,x<))", 15, "write one, such as x"),
    ("piecewise((x,x< <1))", 16, "write one, such as x"),
    ("piecewise((x,x<1)),", 18, "leave it out"),
    ("piecewise(((x,x<1)))", 13, "two expressions go in a list, each in quotes:"),
    ("piecewise([x,x<1])", 10, "write ( and )"),
    ("if(x<1,x,2)", 0, "choose another name, such as if_"),
    ("where(x<1,1,2)", 0, "write piecewise((x, x<1), (2*x, True))"),
    ("cases(x,y)", 0, "write piecewise((x, x<1), (2*x, True))"),
    ("Piecewise((x,x<1),(2,otherwise))", 18, "write piecewise((x, x<1), (2*x, True))"),
    ("Piecewise((x, Eq(x,1)), (2, True))", 14, "write one comparison for each piece, as in"),
    ("Piecewise((x, And(x>0,x<1)), (2, True))", 14, "write one comparison for each piece, as in"),
    # names
    ("2 x", 2, "write 2*x"),
    ("x2y(3)", 0, "unknown function 'x2y'"),
    ("xy(2)", 0, "unknown function 'xy'"),
    ("x y", 2, "write x*y"),
    ("2sin(x)", 1, "write 2*sin(x)"),
    ("x sin x", 2, "write x*sin(x)"),
    ("sin x cos x", 0, "write sin(x)"),
    ("sin2x", 0, "write sin(2*x)"),
    ("cosx", 0, "write cos(x)"),
    ("lnx", 0, "write ln(x)"),
    ("tanx*2", 0, "write tan(x)"),
    ("sin\xb2(x)", 3, "write ^2"),
    ("cos^-1(x)", 0, "write acos(x), or 1/cos(x)"),
    ("sin^x(x)", 0, "write sin(x)"),
    ("exp^2", 0, "write exp(x)"),
    ("log10x", 0, "write log10(x)"),
    ("sqrtx", 0, "write sqrt(x)"),
    ("sqrt 2", 0, "write sqrt(2)"),
    ("cosinus(x)", 0, "write cos(x)"),
    ("SIN(x)", 0, "write sin(x)"),
    ("sIn(x)", 0, "write sin(x)"),
    ("ReLU(x)", 0, "write relu(x)"),
    ("LeakyReLU(x)", 0, "write leaky_relu(x)"),
    ("GELU(x)", 0, "write gelu(x)"),
    ("Sigmoid(x)", 0, "write sigmoid(x)"),
    ("ctg(x)", 0, "write cot(x)"),
    ("arctg(x)", 0, "write atan(x)"),
    ("cosec(x)", 0, "write csc(x)"),
    ("sgn(x)", 0, "write sign(x)"),
    ("sgm(x)", 0, "unknown function 'sgm'"),
    ("expp(x)", 0, "did you mean exp?"),
    ("sqr(x)", 0, "write x**2, or sqrt(x)"),
    ("square(x)", 0, "write x**2"),
    ("root(x)", 0, "write x**(1/3)"),
    ("cube(x)", 0, "write x**3"),
    ("power(x,2)", 0, "write x**2"),
    ("integrate(x)", 0, "write the formula alone: its derivative is requested"),
    ("limit(x)", 0, "write the formula alone: its derivative is requested"),
    ("sum(x)", 0, "unknown function 'sum'"),
    ("factorial(x)", 0, "write gamma(x+1)"),
    ("besselj(1,x)", 0, "unknown function 'besselj'"),
    ("zeta(x)", 0, "unknown function 'zeta'"),
    ("lambertw(x)", 0, "unknown function 'lambertw'"),
    ("x(1)", 0, "write x*(1)"),
    ("x(x)", 0, "write x*(x)"),
    ("pi(x)", 0, "write pi*(x)"),
    ("pi x", 3, "write pi*x"),
    ("e(2)", 0, "write e*(2)"),
    ("e x", 2, "write e*x"),
    ("E^x(2)", 0, "write e for Euler's number"),
    ("Pi", 0, "write pi"),
    ("PI*2", 0, "write pi"),
    ("\u03c0", 0, "write pi"),
    ("x__1", 0, "write a name such as x_1"),
    ("__x", 0, "write a name such as x_1"),
    ("_(x)", 0, "unknown function '_'"),
    ("lambda", 0, "choose another name, such as lambda_"),
    ("lambda*x", 0, "choose another name, such as lambda_"),
    ("if", 0, "choose another name, such as if_"),
    ("for x", 0, "choose another name, such as for_"),
    ("gamma", 0, "write gamma(x)"),
    ("gamma+1", 0, "write gamma(x)"),
    ("erf", 0, "write erf(x)"),
    ("beta(x,y)", 0, "unknown function 'beta'"),
    ("S(1)", 0, "write S*(1)"),
    ("N(x)", 0, "write N*(x)"),
    ("Q(x)", 0, "write Q*(x)"),
    ("O(x)", 0, "write O*(x)"),
    ("I(x)", 0, "there are no complex numbers"),
    ("Symbol('x')", 0, "unknown function 'Symbol'"),
    ("Function(x)", 0, "unknown function 'Function'"),
    ("sympify(x)", 0, "unknown function 'sympify'"),
    # characters
    ("\uff58", 0, "write x"),
    ("\u0445", 0, "it only looks like x: type it on a Latin keyboard"),
    ("\u0441os(x)", 0, "it only looks like c: type it on a Latin keyboard"),
    ("sin(\u0445)", 4, "it only looks like x: type it on a Latin keyboard"),
    ("\u0455in(x)", 0, "it only looks like s: type it on a Latin keyboard"),
    ("\u03bf+1", 0, "it only looks like o: type it on a Latin keyboard"),
    ("\U0001d465", 0, "write x"),
    ("\U0001d465^2", 0, "write x"),
    ("x\xb3+1", 1, "write ^3"),
    ("x\u2074", 1, "write ^4"),
    ("x\u2081", 1, "write 1"),
    ("x\u2009y", 1, "write a plain blank"),
    ("x\u200b+1", 1, "remove it"),
    ("\u200bx", 0, "remove it"),
    ("x\u200d", 1, "remove it"),
    ("x\ufeff", 1, "remove it"),
    ("\ufeffx", 0, "remove it"),
    ("x\u202e+1", 1, "remove it"),
    ("\u202ex", 0, "remove it"),
    ("x\u2066+1\u2069", 1, "remove it"),
    ("x\u061c", 1, "remove it"),
    ("x\xad+1", 1, "remove it"),
    ("x\u2260 1", 1, "write one side only, or the difference of the two;"),
    ("x\u2264 1", 1, "write one side only, or the difference of the two;"),
    ("x\u2a7d 1", 1, "write <="),
    ("x\xf7 2", 1, "write /"),
    ("x\u2044 2", 1, "write /"),
    ("x\u2215 2", 1, "write /"),
    ("x\u2217 2", 1, "write *"),
    ("x\u22c5 2", 1, "write *"),
    ("x\u2022 2", 1, "write *"),
    ("\u221bx", 0, "write cbrt(x)"),
    ("\u221a(x)", 0, "write sqrt(x)"),
    ("\u2211x", 0, "remove it"),
    ("\u222bx", 0, "remove it"),
    ("\u2202x", 0, "remove it"),
    ("\u221e", 0, "numbers are finite here"),
    ("x\u2192 y", 1, "remove it"),
    ("\xbd*x", 0, "write 1/2"),
    ("x\u2014 1", 1, "write -"),
    ("x\u2010 1", 1, "write -"),
    ("x\uff0b1", 1, "write +"),
    ("x\uff0d1", 1, "write -"),
    ("\uff08x\uff09", 0, "write ("),
    ("x\uff0c y", 1, "write ,"),
    ("\u201cx\u201d", 0, "leave the quotes out"),
    ("\u2018x\u2019", 0, "leave the quotes out"),
    ("x\u2019", 1, "write f'(x), or the derivative itself"),
    ("x\u2032", 1, "write f'(x), or the derivative itself"),
    ("\u03b1*x", 0, "names are of the letters a-z, digits and _"),
    ("\u0394x", 0, "names are of the letters a-z, digits and _"),
    ("\xe9", 0, "names are of the letters a-z, digits and _"),
    ("na\xefve", 2, "names are of the letters a-z, digits and _"),
    ("\xdf", 0, "names are of the letters a-z, digits and _"),
    ("\u4e2d", 0, "names are of the letters a-z, digits and _"),
    ("\U0001f600", 0, "remove it"),
    ("x\U0001f600", 1, "remove it"),
    ("\x00x", 0, "write a formula, such as x**2"),
    ("x\x00y", 1, "write a formula, such as x**2"),
    ("x\x07", 1, "remove it"),
    ("x\x1b[0m", 1, "remove it"),
    ("x\x7f", 1, "remove it"),
    ("x\x85y", 1, "write a plain blank"),
    ("x\u2028y", 1, "write a plain blank"),
    ("x\udfff", 1, "remove it"),
    ("\U0010ffff", 0, "remove it"),
    ("\u0660", 0, "write 0"),
    ("\u0661+x", 0, "write 1"),
    ("\u096a", 0, "write 4"),
    ("x\u0301", 1, "remove it"),
    ("e\u0301", 1, "remove it"),
    ("\u212f^x", 0, "write e"),
    ("\u2147", 0, "write e"),
    ("\u210e", 0, "write h"),
    ("\xb5*x", 0, "names are of the letters a-z, digits and _"),
    ("\u2126", 0, "names are of the letters a-z, digits and _"),
    ("\u212b", 0, "names are of the letters a-z, digits and _"),
    # size
    ("x" * 2001, 2000, "split the formula, or write it as a Python function"),
    ("(" * 61 + "x" + ")" * 61, 60, "split the formula, or leave brackets out"),
    ("[" * 500, 0, "write ( and )"),
    ("-" * 601 + "x", 600, "split the formula, or write it as a Python function"),
    (
        "x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x",
        600,
        "split the formula, or write it as a Python function",
    ),
    ("sin(" * 61 + "x" + ")" * 61, 243, "split the formula, or leave brackets out"),
    ("x" + "'" * 1900, 1, "write f'(x), or the derivative itself"),
    ("f" + "'" * 1900, 1, "write f'(x), or the derivative itself"),
    ("f" * 1000 + "(x)", 0, "unknown function 'ffffffffffffffffffffffffffffff...'"),
    ("1" * 1999, 0, "write fewer, as in 1.5e30"),
    ("1." + "0" * 1990, 0, "write fewer, as in 1.5e30"),
    ("1e" + "9" * 1990, 0, "write an exponent of at most 400"),
    ("x^" * 900, 1800, "write one, such as x"),
    ("((" * 700, 60, "split the formula, or leave brackets out"),
    ("()" * 900, 1, "write a value, such as (x)"),
    (
        "x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x",
        1,
        "two expressions go in a list, each in quotes:",
    ),
    ("max(" + ",".join("x" * 900) + ")", 1202, "split the formula, or write it as a Python function"),
    ("f(" * 61 + "x" + ")" * 61, 121, "split the formula, or leave brackets out"),
    ("piecewise(" * 100, 10, "write piecewise((x, x<1), (2*x, True))"),
    ("piecewise((" * 31 + "x", 339, "split the formula, or leave brackets out"),
    ("2**" * 600 + "2", 900, "split the formula, or write it as a Python function"),
    ("9^9^" * 300 + "9", 600, "split the formula, or write it as a Python function"),
    ("(9^9)^" * 200 + "9", 901, "split the formula, or write it as a Python function"),
    ("1/" * 600 + "0", 600, "split the formula, or write it as a Python function"),
    ("0/0+" * 300 + "0", 600, "split the formula, or write it as a Python function"),
    ("sin " * 400, 0, "write sin(x)"),
    ("x " * 900, 2, "write x*x"),
    ("\U0001f600" * 1900, 0, "remove it"),
    ("\\" * 1900, 0, "write sin(x), not \\sin x"),
    ("\x00" * 1900, 0, "write a formula, such as x**2"),
    ("'" * 1900, 0, "leave the quotes out"),
    ("<" * 1900, 0, "write one, such as x"),
    ("=" * 1900, 0, "write one, such as x"),
    ("." * 1900, 0, "write x*y for a product"),
    ("_" * 1900, 0, "write a name such as x_1"),
    ("a_" * 900 + "(x)", 0, "unknown function 'a_a_a_a_a_a_a_a_a_a_a_a_a_a_a_...'"),
    ("x\n" * 900, 2, "write x*x"),
    ("\n" * 1900, 0, "write one, such as x**2"),
    (" " * 2000, 0, "write one, such as x**2"),
    ("#" * 1900, 0, "remove it"),
    ("lambda " * 200, 0, "choose another name, such as lambda_"),
    ("not " * 400, 0, "write one comparison for each piece, as in"),
    ("e" * 1900 + "(x)", 0, "unknown function 'eeeeeeeeeeeeeeeeeeeeeeeeeeeeee...'"),
]


@pytest.mark.parametrize(("text", "column", "said"), WRONG, ids=[repr(row[0][:20]) for row in WRONG])
def test_a_wrong_text_is_met_with_its_column_and_a_hint(
    text: str, column: int, said: str, caught: Callable[[str], ParseError]
) -> None:
    error = caught(text)
    assert error.column == column
    assert said in error.line
    assert error.text == text
    first, shown, caret = str(error).split("\n")
    assert first == error.line
    assert "\n" not in first
    assert f"at column {column + 1}: " in first
    assert caret.strip() == "^"
    if column < len(text) and text[column].isprintable() and not text[column].isspace():
        assert shown[caret.index("^")] == text[column]
    assert len(shown) <= limits.WINDOW + 10
    assert shown.isprintable()


def test_no_wrong_text_takes_long(caught: Callable[[str], ParseError]) -> None:
    start = time.process_time()
    for text, _, _ in WRONG:
        caught(text)
    assert time.process_time() - start < SLOWEST


def test_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        pytest.fail("the parser ran something")

    def compile_only_reads(*arguments: object, **options: object) -> object:
        flags = arguments[3] if len(arguments) > 3 else options.get("flags", 0)
        assert isinstance(flags, int)
        assert flags & ast.PyCF_ONLY_AST
        return real(*arguments, **options)  # type: ignore[call-overload]

    real = builtins.compile
    monkeypatch.setattr(builtins, "eval", forbidden)
    monkeypatch.setattr(builtins, "exec", forbidden)
    monkeypatch.setattr(builtins, "compile", compile_only_reads)
    for text, _, _ in WRONG:
        with pytest.raises(ParseError):
            parse(text)
    parse("sin(x)^2 + 1e-6")


@given(st.text(max_size=60))
@example("\x85")
@example("1" * 5000)
def test_no_text_raises_anything_but_a_parse_error(text: str) -> None:
    try:
        parse(text)
    except ParseError as error:
        assert 0 <= error.column <= len(text)  # noqa: PT017 - most texts raise, some do not
        assert str(error).startswith("'")  # noqa: PT017 - as above


PIECES = [
    "x",
    "2",
    "1e3",
    ".5",
    "sin",
    "log",
    "max",
    "ln",
    "pi",
    "e",
    "+",
    "-",
    "*",
    "/",
    "^",
    "**",
    "(",
    ")",
    ",",
    " ",
]
PIECES += ["0", "foo", "lambda", "|", "=", "==", "'", "[", ".", "j", "__", "\N{MIDDLE DOT}", "\n", "9999999"]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_no_near_formula_raises_anything_but_a_parse_error(text: str) -> None:
    try:
        formula = parse(text)
    except ParseError as error:
        assert 0 <= error.column <= len(text)  # noqa: PT017 - most texts raise, some do not
        assert "Python cannot read" not in error.reason  # noqa: PT017 - the first gate must have said why
    else:
        assert tree_of(formula.program) == formula.root


# --- Random texts, with a watch on what the interpreter does ---

FORBIDDEN = ("exec", "import", "open", "os.", "subprocess.", "socket.", "ctypes.", "pty.", "shutil.", "code.")
"""Events of the interpreter that a parser has no business with; compiling to a tree only is `compile`."""
watched: list[str] = []
watching = [False]


def _watch(event: str, _: object) -> None:
    if watching[0] and event.startswith(FORBIDDEN):
        watched.append(event)


sys.addaudithook(_watch)


@contextmanager
def nothing_happens() -> Iterator[None]:
    watched.clear()
    watching[0] = True
    try:
        yield
    finally:
        watching[0] = False
    assert watched == []


def tried(text: str) -> bool:
    """Whether the text is a formula; it is read in time, or refused with a ParseError that points into it."""
    start = time.process_time()
    try:
        formula: Expression | None = parse(text)
    except ParseError as error:
        formula = None
        assert 0 <= error.column <= len(text), repr(text)  # noqa: PT017 - most texts raise, some do not
        assert "Python cannot read" not in error.reason, repr(text)  # noqa: PT017 - the first gate must say why
        assert "has no place in a formula" not in error.reason or "=" in text or "\\" in text or ":" in text, repr(text)  # noqa: PT017
        assert error.line.isprintable(), repr(text)  # noqa: PT017 - as above
    assert time.process_time() - start < SLOWEST, repr(text)
    if formula is None:
        return False
    again = text_of(formula.root)
    assert parse(again).root == formula.root, (text, again)
    return True


ATOMS = ("x", "y", "w_1", "2", "0.5", "1e-3", "pi", "e", "f(x)", "g'(y)", "h''(2*x)")
CALLS = ("sin", "log", "ln", "abs", "Abs", "erf", "gamma", "gelu", "f", "g1", "f'")
MANY_CALLS = ("max", "Max", "min", "log", "softmax", "logsumexp", "leaky_relu")


def grammatical(chance: random.Random, depth: int) -> str:
    """A random formula, as somebody might type it."""
    if depth == 0 or chance.random() < 0.15:
        return chance.choice(ATOMS)
    a, b = grammatical(chance, depth - 1), grammatical(chance, depth - 1)
    return chance.choice(
        [
            f"{a}{chance.choice('+-*/^')}{b}",
            f"{a} {chance.choice('+-*/')} {b}",
            f"({a}) {chance.choice('+-*/')} ({b})",
            f"-{a}",
            f"({a})**{chance.choice(['2', '-1', '0.5', 'x', '(1/3)'])}",
            f"{chance.choice(CALLS)}({a})",
            f"{chance.choice(MANY_CALLS)}({a}, {b})",
            f"piecewise(({a}, x{chance.choice(['<', '<=', '>', '>='])}{b}), ({b}, True))",
        ]
    )


JUNK = [
    *"()+-*/^,.'\"=<>!|[]{}_;:\\ \n\0#@",
    "**",
    "__",
    "True",
    "lambda ",
    "sin",
    "piecewise(",
    "2",
    "1e999",
    "\u202e",
    "\u0445",
    "f'",
    "9^9^9",
]


def spoilt(chance: random.Random, text: str) -> str:
    """The text with one to three pieces taken out, put in, doubled or moved."""
    for _ in range(chance.randint(1, 3)):
        i, j = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        text = chance.choice(
            [
                text[:i] + chance.choice(JUNK) + text[i:],
                text[:i] + text[i + 1 :],
                text[:j] + text[i:j] + text[j:],
                text[j:] + text[:j],
                text[:i] + chance.choice(JUNK) + text[i + 1 :],
            ]
        )
    return text


@nothing_happens()
def test_random_formulas_are_read_and_written_out_again() -> None:
    chance = random.Random(4)
    read = sum(tried(grammatical(chance, chance.randint(1, 5))) for _ in range(FUZZED))
    assert read > 0.5 * FUZZED, "most are no formulas: this tests nothing"


@nothing_happens()
def test_spoilt_formulas_are_read_or_refused_with_a_hint() -> None:
    chance = random.Random(5)
    read = sum(tried(spoilt(chance, grammatical(chance, chance.randint(1, 4)))) for _ in range(FUZZED))
    assert 0.05 * FUZZED < read < 0.95 * FUZZED, "these texts are too good, or too bad, to test anything"


@nothing_happens()
def test_random_bytes_are_refused_or_read() -> None:
    chance = random.Random(6)
    for k in range(FUZZED):
        raw = chance.randbytes(chance.randint(1, 60 if k % 100 else 4000))
        tried(
            raw.decode(
                chance.choice(["latin-1", "utf-8", "ascii"]),
                errors="surrogateescape" if k % 2 else "replace",
            )
            if k % 3
            else "".join(chr(32 + byte % 95) for byte in raw)
        )


def test_a_watch_that_sees_nothing_would_be_noticed() -> None:
    with pytest.raises(AssertionError), nothing_happens():
        exec("1")
