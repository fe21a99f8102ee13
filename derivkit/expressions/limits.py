"""How long, deep and large a formula that is read may be."""

from __future__ import annotations

from fractions import Fraction

MAX_LENGTH = 2000
"""Characters: several times the longest formula a person types, and every later step is linear in it."""
MAX_DEPTH = 60
"""Open brackets: Python's own reader gives up at 200, and takes about 25 stack frames for each."""
MAX_NODES = 600
"""Nodes: a sum of 300 terms; it bounds every later walk over the tree."""
MAX_DIGITS = 30
"""Digits of one number: nearly twice what a double holds."""
MAX_DECIMAL_EXPONENT = 400
"""Size of the exponent of one number: doubles end at 1e308 and at 5e-324."""
MAX_POWER_BITS = 2048
"""Bits of a number to the power of a number: twice the 1024 at which a double overflows."""
MAX_VALUE_BITS = 4096
"""Bits of a number that numbers make by + - * /: the reciprocals of 300 primes sum to one of 2900."""
MAX_EXPONENT = 1_000_000
"""Size of an exponent that is a number: above it, x**n is 0 or inf in doubles unless |x| is near 1."""
WINDOW = 60
"""Characters of the text that an error shows: they fit on one line beside the margin."""


def bits(value: Fraction) -> int:
    """The length of the longer of numerator and denominator; 0 for 0, 1 and -1, whose powers do not grow."""
    longer = max(abs(value.numerator), value.denominator)
    return 0 if longer == 1 else longer.bit_length()
