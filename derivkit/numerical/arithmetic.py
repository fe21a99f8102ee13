"""The elementary functions by which a rule is written once, for arrays of points and for a single one.

A call of NumPy costs as much for one number as for a hundred, and twenty times as much as the same in plain Python.
What is told from the coefficients of a window is therefore written in terms of an `Arithmetic`: of arrays or numbers.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Arithmetic(NamedTuple):
    """Functions of numbers, or of arrays of them.

    Attributes
    ----------
    where, maximum, sqrt, log, exp, negated : callable
        As in NumPy.
    some : callable
        Whether a mask holds anywhere.
    rows : callable
        From the numbers of every order to a table of them.
    column : callable
        From a table with a column for every degree, and a degree for each point, to the columns of these.
    at : callable
        From a table with the points on its last axis, and degrees for each, to its entries.
    strongest : callable
        From such a table to the largest entries but for those of degree 0.
    """

    where: Callable[[Any, Any, Any], Any]
    maximum: Callable[[Any, Any], Any]
    sqrt: Callable[[Any], Any]
    log: Callable[[Any], Any]
    exp: Callable[[Any], Any]
    negated: Callable[[Any], Any]
    some: Callable[[Any], Any]
    rows: Callable[[list[Any]], Any]
    column: Callable[[Any, Any], Any]
    at: Callable[[Any, Any], Any]
    strongest: Callable[[Any], Any]


ARRAYS = Arithmetic(
    where=np.where,
    maximum=np.maximum,
    sqrt=np.sqrt,
    log=np.log,
    exp=np.exp,
    negated=np.logical_not,
    some=np.count_nonzero,
    rows=np.array,
    column=lambda table, degree: table.take(degree, axis=-1),
    at=lambda table, degrees: table[degrees, np.arange(degrees.shape[-1])],
    strongest=lambda power: np.maximum.reduce(power[1:]),
)
NUMBERS = Arithmetic(
    where=lambda condition, yes, no: yes if condition else no,
    maximum=max,
    sqrt=math.sqrt,
    log=math.log,
    exp=math.exp,
    negated=operator.not_,
    some=bool,
    rows=list,
    column=lambda table, degree: table[..., degree].tolist(),
    at=lambda table, degrees: [table[degree] for degree in degrees],
    strongest=lambda power: max(power[1:]),
)
