"""Points where numerical derivatives break, with the truth and what is to be learnt; verdicts on answers there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from derivkit.arguments import EVERYWHERE
from derivkit.expressions.expression import parse
from derivkit.function import Function
from derivkit.trusted.exact import exact
from derivkit.types import Domain

VERDICTS = {
    "right": "within its bar; without a bar, right to four digits",
    "right, bar too small": "right to four digits, but not within its bar",
    "right refusal": "there is no derivative, and it gives none",
    "needless refusal": "there is a derivative, but it gives none",
    "wrong but flagged": "a wrong value with a warning, or with a bar as large as itself",
    "silently wrong": "a wrong value, and nothing says so",
}
"""Verdicts with their meaning, the best first."""
FOUR_DIGITS = 1e-4
"""What even a method that says nothing of its error is expected to give. A choice."""
NO_WARNING = ("ok", "one_sided")
"""Statuses that are no warning."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a method says: value, bar (NaN if it says nothing of the error) and status."""

    value: float
    bar: float
    status: str

    @property
    def flagged(self) -> bool:
        """Whether it says itself that it may be wrong: by its status, or by a bar as large as the value.

        A value of 0 with a tiny bar is no warning: it claims a slope next to 0.
        """
        large = math.isfinite(self.bar) and self.bar >= max(abs(self.value), FOUR_DIGITS)
        return large or self.status not in NO_WARNING


def verdict(answer: Answer, truth: float, size: float | None = None) -> str:
    """What an answer is worth beside the truth, which is NaN where there is no derivative.

    Four digits are counted of the truth, or of ``size``.
    """
    exists = math.isfinite(truth)
    if not math.isfinite(answer.value):
        return "needless refusal" if exists else "right refusal"
    off = abs(answer.value - truth)
    if off <= answer.bar:
        return "right"
    if off <= FOUR_DIGITS * (abs(truth) if size is None else size):
        return "right" if math.isnan(answer.bar) else "right, bar too small"
    return "wrong but flagged" if answer.flagged else "silently wrong"


@dataclass(frozen=True, kw_only=True)
class Break:
    """A function at a point, its derivative there, and what is to be learnt from it.

    Attributes
    ----------
    heading : str
    expression : str
        The function, or what a black box stands for.
    x : float
    derivative : str or None
        An expression of the derivative, one-sided where the domain ends; None where there is none.
    why : str
        The lesson.
    views : tuple of (float, bool)
        How far pictures reach to both sides, and whether a straight line is taken off, so that what is small beside the
        slope is seen.
    size : float, optional
        What four digits are counted of, if not of the derivative: where that is 0, or next to 0.
    box : str, optional
        A black box instead of the expression.
    domain : tuple of float
    """

    heading: str
    expression: str
    x: float
    derivative: str | None
    why: str
    views: tuple[tuple[float, bool], ...] = ((1.0, False),)
    size: float | None = None
    box: str | None = None
    domain: Domain = EVERYWHERE

    @property
    def function(self) -> Function:
        """The function as the methods are given it."""
        if self.box is not None:
            return Function.from_black_box(self.box, expression=self.expression)
        return Function.from_expression(self.expression, domain=self.domain)

    @property
    def truth(self) -> float:
        """The derivative; NaN where there is none."""
        return math.nan if self.derivative is None else float(exact(parse(self.derivative), self.x, 0).value)


BREAKS: Mapping[str, Break] = {
    "smooth": Break(
        heading="Nothing special",
        expression="exp(x)",
        x=1.0,
        derivative="exp(x)",
        why="A smooth function, to begin with: here every method is right, and they differ in digits alone.",
    ),
    "kink": Break(
        heading="A kink",
        expression="abs(x)",
        x=0.0,
        derivative=None,
        why="The slope is -1 on the left and 1 on the right, so there is no derivative. A central formula sees "
        "the same value on both sides and says 0, at any delta and with the smallest of bars.",
    ),
    "tiny_kink": Break(
        heading="A kink that no eye sees",
        expression="cos(x)+0.000001*abs(x-0.5)",
        x=0.5,
        derivative=None,
        why="The slopes of the two sides differ by two millionths. Every method that pairs x + h with x - h "
        "says their mean; only one that looks at each side by itself can know. The right picture has the "
        "slope taken off.",
        views=((1.0, False), (2e-6, True)),
    ),
    "two_kinks": Break(
        heading="Two kinks close together",
        expression="abs(x)+abs(x-0.001)",
        x=0.0,
        derivative=None,
        why="Large steps see one blunt corner, small ones that there are two. Methods that begin with a step of "
        "0.1 extrapolate from a function that is another one near x.",
        views=((0.1, False), (0.003, False)),
    ),
    "beside_a_kink": Break(
        heading="A kink next door",
        expression="abs(x-1)",
        x=1.0003,
        derivative="1",
        why="At x = 1.0003 the derivative is 1: the kink is at 1. A method whose step is longer than the way to "
        "the kink mixes the two sides, and a bar from differences of its own answers does not notice.",
        views=((0.1, False), (1e-3, False)),
    ),
    "smooth_corner": Break(
        heading="A derivative, but no second one",
        expression="x*abs(x)",
        x=0.0,
        derivative="0",
        size=1.0,
        why="Two parabolas meet with the same slope 0, so there is a derivative; the second one jumps. "
        "Extrapolation relies on Taylor's series and promises digits that it does not have.",
    ),
    "jump": Break(
        heading="A jump",
        expression="floor(x)",
        x=1.0,
        derivative=None,
        why="The value changes at once. The quotient grows as delta shrinks, so that each method says another "
        "number; a forward formula looks to the flat side and says 0.",
        views=((1.5, False),),
    ),
    "tiny_jump": Break(
        heading="A jump of a hundred millionth",
        expression="piecewise((exp(x), x < 1), (exp(x)+1e-8, True))",
        x=1.0,
        derivative=None,
        why="From afar a small jump looks like noise of the values, which is how a flagged answer comes about: "
        "a value with the remark that the function is noisy. There is no derivative all the same.",
        views=((1.0, False), (3e-8, False)),
    ),
    "vertical": Break(
        heading="A vertical tangent",
        expression="cbrt(x)",
        x=0.0,
        derivative=None,
        why="The graph stands upright: the quotient grows like delta to the power -2/3 and has no limit. Any "
        "number that a method gives is the size of its last step in disguise.",
    ),
    "root": Break(
        heading="A vertical tangent at the end of the domain",
        expression="sqrt(x)",
        x=0.0,
        derivative=None,
        why="No values on the left, and upright on the right. Central formulas find no value to the left and "
        "stop, which is right by luck: they would stop just so if there were a derivative.",
    ),
    "edge": Break(
        heading="The end of a domain",
        expression="exp(x)",
        x=0.0,
        derivative="exp(x)",
        domain=(0.0, math.inf),
        why="The function may be asked for x >= 0 only, and its one-sided derivative at 0 is 1. Central "
        "formulas cannot be used; a forward formula can, and so can a method that notices the end.",
    ),
    "pole": Break(
        heading="A pole",
        expression="1/x",
        x=0.0,
        derivative=None,
        why="There is no point of the graph at x, so no tangent. A central formula never asks for f(x) itself "
        "and gives a large number that means nothing.",
    ),
    "near_pole": Break(
        heading="A pole next door",
        expression="1/(x-1.0001220703125)",
        x=1.0,
        derivative="-1/(x-1.0001220703125)^2",
        why="The function changes within 0.0001, and a step of 0.1 or 0.001 leaps over the pole: the answer has "
        "the wrong sign and the wrong size.",
        views=((0.1, False), (1e-4, False)),
    ),
    "swinging": Break(
        heading="No limit at all",
        expression="piecewise((x*sin(1/x), abs(x) > 0), (0, True))",
        x=0.0,
        derivative=None,
        why="The function goes to 0, but the quotient swings between -1 and 1 for ever. It is even, so that "
        "central formulas say 0 with a tiny bar.",
        views=((0.5, False), (0.01, False)),
    ),
    "aliasing": Break(
        heading="A wave that every step hits at the same phase",
        expression="x+sin(2000*pi*x)/1000",
        x=1.0,
        derivative="1+2*pi*cos(2000*pi*x)",
        why="The wave has the period 0.001, and steps of 0.1, 0.05, 0.001 or 0.0005 meet it only where it is 0: "
        "what they see is a straight line. Steps whose ratio is no whole number cannot all be fooled.",
        views=((0.1, False), (0.002, False)),
    ),
    "fast": Break(
        heading="A fast wave",
        expression="sin(1000*x)",
        x=1.0,
        derivative="1000*cos(1000*x)",
        why="Half a wave is 0.003 long. A first step of 0.1 takes in thirty of them: whoever does not look at "
        "smaller steps gives a number that has nothing to do with the slope.",
        views=((0.1, False), (0.003, False)),
    ),
    "ripple": Break(
        heading="A ripple below the noise",
        expression="sin(x)+sin(10000000000*x)/10000000000000",
        x=1.0,
        derivative="cos(x)+cos(10000000000*x)/1000",
        why="The ripple is 1e-13 high, hardly above rounding, but so short that it changes the slope by up to "
        "0.001. From values alone it cannot be told from noise: no black-box method sees it, this library's "
        "neither.",
        views=((1.0, False), (1.5e-9, True)),
    ),
    "spike": Break(
        heading="A spike that no step hits",
        expression="sin(x)+100000000*(x-1)*exp(-((x-1)*1000000000000)^2)",
        x=1.0,
        derivative="cos(x)+100000000*(1-2*((x-1)*1000000000000)^2)*exp(-((x-1)*1000000000000)^2)",
        why="All of the spike lies within 1e-11 of x, where nobody looks, and at x itself it is 0. Values "
        "elsewhere know nothing of it: every black-box method gives the slope without the spike. The "
        "complex step evaluates the code at x itself, and its derivative is the true one.",
        views=((1.0, False), (4e-12, False)),
    ),
    "steep_step": Break(
        heading="A steep step on a slow wave",
        expression="sin(x)+0.001*tanh(1000000*(x-1))",
        x=1.0,
        derivative="cos(x)+1000/cosh(1000000*(x-1))^2",
        why="From afar a jump of 0.002, from near a slope of 1000. The derivative is that of the near view, for "
        "which the step must be well below a millionth.",
        views=((1.0, False), (4e-6, False)),
    ),
    "cancellation": Break(
        heading="A formula that loses its digits",
        expression="(1-cos(x))/x^2",
        x=1e-4,
        derivative="-x/12+x^3/180",
        why="The function is smooth, but computed like this half of its digits are gone: its values have noise "
        "of 1e-9. A delta made for noise of 1e-16 divides that noise and shows it instead of the slope.",
        views=((1.0, False), (1e-6, True)),
    ),
    "noise": Break(
        heading="Noise",
        expression="sin(x)",
        box="sin_noise",
        x=1.0,
        derivative="cos(x)",
        why="Values with noise of 1e-8, as from a measurement or a simulation. Small steps divide noise by a "
        "small number; who does not measure the noise cannot know how small is too small.",
        views=((1.0, False), (1e-4, True)),
    ),
    "float32": Break(
        heading="Single precision inside",
        expression="sin(x)",
        box="sin_float32",
        x=1.0,
        derivative="cos(x)",
        why="Values that were computed in float32 come in steps of 6e-8. A forward formula with delta 1.5e-8 "
        "sees the same step twice, or one step too much.",
        views=((1.0, False), (1e-6, False)),
    ),
    "saturated": Break(
        heading="A slope that is too small",
        expression="tanh(x)",
        x=20.0,
        derivative="1/cosh(x)^2",
        size=1.0,
        why="The derivative is 1.7e-17, and all values near x are exactly 1. From values nothing more can be "
        "said than that it is within 1e-15 of 0; that is a bound, and true.",
        views=((21.0, False), (1.0, False)),
    ),
    "branch": Break(
        heading="Where complex numbers know another function",
        expression="cbrt(x)",
        x=-1.0,
        derivative="1/3",
        why="The cube root of a negative number is real on the real line, but its principal value among complex "
        "numbers is another one. The complex step differentiates that one, unless somebody compares the "
        "values.",
    ),
}
"""Every case by its name."""
