"""Where numerical derivatives break: kinks, jumps, ends of domains, waves between the steps, spikes and noise, and what
each method says there beside the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.numerical.methods import METHODS

Columns = Mapping[str, Any]
Array = NDArray[np.float64]

OURS = "dk.derivative"
EPS = float(np.finfo(np.float64).eps)
TEXTBOOK = {"forward_1": EPS ** (1 / 2), "central_2": EPS ** (1 / 3), "central_4": EPS ** (1 / 5)}
"""The delta that textbooks give for a formula of order p where nothing is known of f: eps^(1 / (p + 1)) max(|x|, 1)."""
ALONE = "complex_step alone"
"""The complex step without the probe that this library puts before it."""
NAMES = (OURS, *TEXTBOOK, "richardson", "ridders", "gsl_central", "complex_step", ALONE)

VERDICTS = {
    "right": "within its bar; without a bar, right to four digits",
    "right, bar too small": "right to four digits, but not within its bar",
    "right refusal": "there is no derivative, and it gives none",
    "needless refusal": "there is a derivative, but it gives none",
    "wrong but flagged": "a wrong value with a warning, or with a bar as large as itself",
    "silently wrong": "a wrong value, and nothing says so",
}
"""Verdicts with their meaning, the best first."""
GOOD = 1e-4
"""Four digits: what even a method that says nothing of its error is expected to give. A choice."""
SURE = ("ok", "one_sided")
"""Statuses that are no warning."""

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        "case": (str, "name of the case"),
        "x": (float, "the point"),
        "method": (str, "who answers"),
        "value": (float, "its answer; none if it refuses"),
        "bar": (float, "how far off it says that it may be; none if it says nothing of that"),
        "truth": (float, "the derivative, one-sided where the domain ends; none where none exists"),
        "error": (float, "|value - truth|"),
        "status": (str, "its status; of a fixed formula ok, or not_finite"),
        "verdict": (str, "what that is worth: see VERDICTS"),
    },
    "cases": {
        "case": (str, "name of the case"),
        "expression": (str, "the function"),
        "x": (float, "the point"),
        "truth": (float, "the derivative; none where none exists"),
        "said": (str, "what dk.derivative says"),
        "why": (str, "what is to be seen here"),
    },
    "pictures": {
        "case": (str, "name of the case"),
        "view": (str, "how far the picture reaches"),
        "line": (str, "f, or whose slope"),
        "t": (float, "distance from the point"),
        "y": (float, "f(x + t) - f(x), less a straight line where the view says so"),
    },
    "matrix": {
        "case": (str, "name of the case"),
        **{name: (str, f"the verdict on {name}") for name in NAMES},
    },
    "summary": {
        "method": (str, "who answers"),
        **{name: (int, f"cases: {meaning}") for name, meaning in VERDICTS.items()},
    },
    "lesson": {
        "figure": (str, "name of the figure"),
        "title": (str, "its heading"),
        "text": (str, "what is said before it"),
    },
    "findings": {"finding": (str, "what the tables say, in a sentence")},
}

KEYS = ("case", "method")
"""What tells the rows of the table apart when runs are compared."""
ERRORS = {"error": ("value", "truth")}
"""A column that is proportional to the distance of two others, and moves when these do."""

TOLERANCES: Mapping[str, Mapping[str, object]] = {
    "value": {"column": "bar"},
    "bar": {"follows": ()},
    "verdict": {"follows": ("value", "bar", "error")},
    "status": {"follows": ("bar",)},
}
"""By how much rounding may move a column when a run is repeated. Two answers lie apart by no more than both their bars,
which is what a bar says; how long it is, and with it the status, is the outcome of a search. A fixed formula has no bar
and may move by a few ulps only."""

SAMPLES = 801
DRAWN = ("central_2", "ridders")
"""Whose slopes are drawn beside that of dk.derivative."""
UNSEEN = ("ripple", "spike")
"""The cases of which a method that asks for values alone cannot know."""


@dataclass(frozen=True, kw_only=True)
class Case:
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
    domain: tuple[float, float] = (-math.inf, math.inf)

    @property
    def function(self) -> dk.Function:
        """The function as the methods are given it."""
        if self.box is not None:
            return dk.Function.from_black_box(self.box, expression=self.expression)
        return dk.Function.from_expression(self.expression, domain=self.domain)

    @property
    def truth(self) -> float:
        """The derivative; NaN where there is none."""
        return math.nan if self.derivative is None else float(dk.exact(dk.parse(self.derivative), self.x, 0).value)


CASES: Mapping[str, Case] = {
    "smooth": Case(
        heading="Nothing special",
        expression="exp(x)",
        x=1.0,
        derivative="exp(x)",
        why="A smooth function, to begin with: here every method is right, and they differ in digits alone.",
    ),
    "kink": Case(
        heading="A kink",
        expression="abs(x)",
        x=0.0,
        derivative=None,
        why="The slope is -1 on the left and 1 on the right, so there is no derivative. A central formula sees "
        "the same value on both sides and says 0, at any delta and with the smallest of bars.",
    ),
    "tiny_kink": Case(
        heading="A kink that no eye sees",
        expression="cos(x)+0.000001*abs(x-0.5)",
        x=0.5,
        derivative=None,
        why="The slopes of the two sides differ by two millionths. Every method that pairs x + h with x - h "
        "says their mean; only one that looks at each side by itself can know. The right picture has the "
        "slope taken off.",
        views=((1.0, False), (2e-6, True)),
    ),
    "two_kinks": Case(
        heading="Two kinks close together",
        expression="abs(x)+abs(x-0.001)",
        x=0.0,
        derivative=None,
        why="Large steps see one blunt corner, small ones that there are two. Methods that begin with a step of "
        "0.1 extrapolate from a function that is another one near x.",
        views=((0.1, False), (0.003, False)),
    ),
    "beside_a_kink": Case(
        heading="A kink next door",
        expression="abs(x-1)",
        x=1.0003,
        derivative="1",
        why="At x = 1.0003 the derivative is 1: the kink is at 1. A method whose step is longer than the way to "
        "the kink mixes the two sides, and a bar from differences of its own answers does not notice.",
        views=((0.1, False), (1e-3, False)),
    ),
    "smooth_corner": Case(
        heading="A derivative, but no second one",
        expression="x*abs(x)",
        x=0.0,
        derivative="0",
        size=1.0,
        why="Two parabolas meet with the same slope 0, so there is a derivative; the second one jumps. "
        "Extrapolation relies on Taylor's series and promises digits that it does not have.",
    ),
    "jump": Case(
        heading="A jump",
        expression="floor(x)",
        x=1.0,
        derivative=None,
        why="The value changes at once. The quotient grows as delta shrinks, so that each method says another "
        "number; a forward formula looks to the flat side and says 0.",
        views=((1.5, False),),
    ),
    "tiny_jump": Case(
        heading="A jump of a hundred millionth",
        expression="piecewise((exp(x), x < 1), (exp(x)+1e-8, True))",
        x=1.0,
        derivative=None,
        why="From afar a small jump looks like noise of the values, which is how a flagged answer comes about: "
        "a value with the remark that the function is noisy. There is no derivative all the same.",
        views=((1.0, False), (3e-8, False)),
    ),
    "vertical": Case(
        heading="A vertical tangent",
        expression="cbrt(x)",
        x=0.0,
        derivative=None,
        why="The graph stands upright: the quotient grows like delta to the power -2/3 and has no limit. Any "
        "number that a method gives is the size of its last step in disguise.",
    ),
    "root": Case(
        heading="A vertical tangent at the end of the domain",
        expression="sqrt(x)",
        x=0.0,
        derivative=None,
        why="No values on the left, and upright on the right. Central formulas find no value to the left and "
        "stop, which is right by luck: they would stop just so if there were a derivative.",
    ),
    "edge": Case(
        heading="The end of a domain",
        expression="exp(x)",
        x=0.0,
        derivative="exp(x)",
        domain=(0.0, math.inf),
        why="The function may be asked for x >= 0 only, and its one-sided derivative at 0 is 1. Central "
        "formulas cannot be used; a forward formula can, and so can a method that notices the end.",
    ),
    "pole": Case(
        heading="A pole",
        expression="1/x",
        x=0.0,
        derivative=None,
        why="There is no point of the graph at x, so no tangent. A central formula never asks for f(x) itself "
        "and gives a large number that means nothing.",
    ),
    "near_pole": Case(
        heading="A pole next door",
        expression="1/(x-1.0001220703125)",
        x=1.0,
        derivative="-1/(x-1.0001220703125)^2",
        why="The function changes within 0.0001, and a step of 0.1 or 0.001 leaps over the pole: the answer has "
        "the wrong sign and the wrong size.",
        views=((0.1, False), (1e-4, False)),
    ),
    "swinging": Case(
        heading="No limit at all",
        expression="piecewise((x*sin(1/x), abs(x) > 0), (0, True))",
        x=0.0,
        derivative=None,
        why="The function goes to 0, but the quotient swings between -1 and 1 for ever. It is even, so that "
        "central formulas say 0 with a tiny bar.",
        views=((0.5, False), (0.01, False)),
    ),
    "aliasing": Case(
        heading="A wave that every step hits at the same phase",
        expression="x+sin(2000*pi*x)/1000",
        x=1.0,
        derivative="1+2*pi*cos(2000*pi*x)",
        why="The wave has the period 0.001, and steps of 0.1, 0.05, 0.001 or 0.0005 meet it only where it is 0: "
        "what they see is a straight line. Steps whose ratio is no whole number cannot all be fooled.",
        views=((0.1, False), (0.002, False)),
    ),
    "fast": Case(
        heading="A fast wave",
        expression="sin(1000*x)",
        x=1.0,
        derivative="1000*cos(1000*x)",
        why="Half a wave is 0.003 long. A first step of 0.1 takes in thirty of them: whoever does not look at "
        "smaller steps gives a number that has nothing to do with the slope.",
        views=((0.1, False), (0.003, False)),
    ),
    "ripple": Case(
        heading="A ripple below the noise",
        expression="sin(x)+sin(10000000000*x)/10000000000000",
        x=1.0,
        derivative="cos(x)+cos(10000000000*x)/1000",
        why="The ripple is 1e-13 high, hardly above rounding, but so short that it changes the slope by up to "
        "0.001. From values alone it cannot be told from noise: no black-box method sees it, this library's "
        "neither.",
        views=((1.0, False), (1.5e-9, True)),
    ),
    "spike": Case(
        heading="A spike that no step hits",
        expression="sin(x)+100000000*(x-1)*exp(-((x-1)*1000000000000)^2)",
        x=1.0,
        derivative="cos(x)+100000000*(1-2*((x-1)*1000000000000)^2)*exp(-((x-1)*1000000000000)^2)",
        why="All of the spike lies within 1e-11 of x, where nobody looks, and at x itself it is 0. Values "
        "elsewhere know nothing of it: every black-box method gives the slope without the spike. The "
        "complex step evaluates the code at x itself, and its derivative is the true one.",
        views=((1.0, False), (4e-12, False)),
    ),
    "steep_step": Case(
        heading="A steep step on a slow wave",
        expression="sin(x)+0.001*tanh(1000000*(x-1))",
        x=1.0,
        derivative="cos(x)+1000/cosh(1000000*(x-1))^2",
        why="From afar a jump of 0.002, from near a slope of 1000. The derivative is that of the near view, for "
        "which the step must be well below a millionth.",
        views=((1.0, False), (4e-6, False)),
    ),
    "cancellation": Case(
        heading="A formula that loses its digits",
        expression="(1-cos(x))/x^2",
        x=1e-4,
        derivative="-x/12+x^3/180",
        why="The function is smooth, but computed like this half of its digits are gone: its values have noise "
        "of 1e-9. A delta made for noise of 1e-16 divides that noise and shows it instead of the slope.",
        views=((1.0, False), (1e-6, True)),
    ),
    "noise": Case(
        heading="Noise",
        expression="sin(x)",
        box="sin_noise",
        x=1.0,
        derivative="cos(x)",
        why="Values with noise of 1e-8, as from a measurement or a simulation. Small steps divide noise by a "
        "small number; who does not measure the noise cannot know how small is too small.",
        views=((1.0, False), (1e-4, True)),
    ),
    "float32": Case(
        heading="Single precision inside",
        expression="sin(x)",
        box="sin_float32",
        x=1.0,
        derivative="cos(x)",
        why="Values that were computed in float32 come in steps of 6e-8. A forward formula with delta 1.5e-8 "
        "sees the same step twice, or one step too much.",
        views=((1.0, False), (1e-6, False)),
    ),
    "saturated": Case(
        heading="A slope that is too small",
        expression="tanh(x)",
        x=20.0,
        derivative="1/cosh(x)^2",
        size=1.0,
        why="The derivative is 1.7e-17, and all values near x are exactly 1. From values nothing more can be "
        "said than that it is within 1e-15 of 0; that is a bound, and true.",
        views=((21.0, False), (1.0, False)),
    ),
    "branch": Case(
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


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which cases to look at."""

    case: tuple[str, ...] = ("smooth", "kink", "ripple")

    def __post_init__(self) -> None:
        if not self.case:
            raise ValueError(f"case=[]: no case is named; there are {', '.join(CASES)}")
        for name in self.case:
            if name not in CASES:
                raise ValueError(f"case={name}: not known; there are {', '.join(CASES)}")
        if len(set(self.case)) < len(self.case):
            raise ValueError(f"case=[{','.join(self.case)}]: name each once")

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return len(self.case) * len(NAMES)


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
        return self.status not in SURE or (math.isfinite(self.bar) and self.bar >= max(abs(self.value), GOOD))


def _ours(f: dk.Function, x: float) -> Answer:
    found = dk.derivative(f, x)
    return Answer(value=float(found.value), bar=float(found.error), status=str(found.status))


def _fixed(name: str) -> Callable[[dk.Function, float], Answer]:
    def answer(f: dk.Function, x: float) -> Answer:
        value = float(dk.difference(f, x, TEXTBOOK[name] * max(1.0, abs(x)), formula=name))
        return Answer(value=value, bar=math.nan, status="ok" if math.isfinite(value) else "not_finite")

    return answer


def _classical(name: str, **keywords: Any) -> Callable[[dk.Function, float], Answer]:
    def answer(f: dk.Function, x: float) -> Answer:
        found = METHODS[name](f, x, **keywords)
        return Answer(value=float(found.value), bar=float(found.error), status=str(found.status))

    return answer


ASKED: Mapping[str, Callable[[dk.Function, float], Answer]] = {
    OURS: _ours,
    **{name: _fixed(name) for name in TEXTBOOK},
    **{name: _classical(name) for name in ("richardson", "ridders", "gsl_central", "complex_step")},
    ALONE: _classical("complex_step", probe=False),
}
"""Everybody who is asked, in the order of NAMES."""


def verdict(answer: Answer, truth: float, size: float | None = None) -> str:
    """What an answer is worth beside the truth, which is NaN where there is no derivative.

    Four digits are counted of the truth, or of ``size``.
    """
    exists, given = math.isfinite(truth), math.isfinite(answer.value)
    if not given:
        return "needless refusal" if exists else "right refusal"
    off = abs(answer.value - truth)
    if off <= answer.bar:
        return "right"
    if off <= GOOD * (abs(truth) if size is None else size):
        return "right" if math.isnan(answer.bar) else "right, bar too small"
    return "wrong but flagged" if answer.flagged else "silently wrong"


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the tables of one job, case by case."""
    for name in config.case:
        case = CASES[name]
        f, truth = case.function, case.truth
        answers = {who: ask(f, case.x) for who, ask in ASKED.items()}
        yield "table", _rows(name, case, answers, truth)
        found = dk.derivative(f, case.x)
        yield (
            "cases",
            {
                "case": [name],
                "expression": f.text,
                "x": case.x,
                "truth": truth,
                "said": str(found.message),
                "why": case.why,
            },
        )
        for half, straightened in case.views:
            yield "pictures", {"case": name, **_picture(case, found, half, straightened=straightened)}


def _rows(name: str, case: Case, answers: Mapping[str, Answer], truth: float) -> Columns:
    value = np.array([answer.value for answer in answers.values()])
    return {
        "case": name,
        "x": case.x,
        "method": list(answers),
        "value": np.where(np.isfinite(value), value, np.nan),
        "bar": np.array([answer.bar if math.isfinite(answer.value) else math.nan for answer in answers.values()]),
        "truth": truth,
        "error": np.where(np.isfinite(value), np.abs(value - truth), np.nan),
        "status": [answer.status for answer in answers.values()],
        "verdict": [verdict(answer, truth, case.size) for answer in answers.values()],
    }


def _picture(case: Case, found: dk.Derivative, half: float, *, straightened: bool) -> Columns:
    """The graph around x, and the slopes that dk.derivative and two others claim; distances from (x, f(x))."""
    f, x = case.function, case.x
    lo, hi = max(x - half, case.domain[0]) - x, min(x + half, case.domain[1]) - x
    t = np.linspace(lo, hi, SAMPLES)
    at = x + t
    y, centre = f(at), f(x)
    base = centre if math.isfinite(centre) else 0.0
    slope = (y[-1] - y[0]) / (at[-1] - at[0]) if straightened else 0.0
    graph = y - base - slope * (at - x)
    lines = [("f", at - x, graph)]
    knees = np.array([lo, 0.0, hi])
    if math.isinf(found.value):
        lines.append((OURS, np.zeros(2), np.array([np.nanmin(graph), np.nanmax(graph)])))
    elif str(found.status) == "kink":
        lines.append((OURS, knees, (np.array([found.left, 0.0, found.right]) - slope) * knees))
    claims = [(OURS, found.value), *((name, ASKED[name](f, x).value) for name in DRAWN)]
    for name, value in claims:
        if math.isfinite(value) and math.isfinite(centre):
            lines.append((name, knees, (value - slope) * knees))
    return {
        "view": f"{half:g} to both sides{', less a line' if straightened else ''}",
        "line": [name for name, part, _ in lines for _ in part],
        "t": np.concatenate([part for _, part, _ in lines]),
        "y": np.concatenate([part for _, _, part in lines]),
    }


# What the whole run says


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield the verdicts by case and by method, a lesson for every case, and findings."""
    table, cases = _once(tables["table"], *KEYS), _once(tables["cases"], "case")
    names = [str(name) for name in cases["case"]]
    verdicts = {
        (str(case), str(method)): str(found)
        for case, method, found in zip(table["case"], table["method"], table["verdict"], strict=True)
    }
    yield "matrix", {"case": names, **{who: [verdicts[name, who] for name in names] for who in NAMES}}
    counts = {who: [verdicts[name, who] for name in names] for who in NAMES}
    yield (
        "summary",
        {
            "method": list(NAMES),
            **{kind: np.array([counts[who].count(kind) for who in NAMES]) for kind in VERDICTS},
        },
    )
    rows = [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
    told = [dict(zip(cases, values, strict=True)) for values in zip(*cases.values(), strict=True)]
    yield (
        "lesson",
        {
            "figure": names,
            "title": [
                f"{CASES[name].heading}: {one['expression']} at x = {one['x']:g}"
                for name, one in zip(names, told, strict=True)
            ],
            "text": [_lesson(one, [row for row in rows if row["case"] == one["case"]]) for one in told],
        },
    )
    yield "findings", {"finding": list(_findings(rows, counts, names))}


def _once(columns: Columns, *names: str) -> dict[str, NDArray[Any]]:
    """The first row of every distinct key, in the order of first appearance: jobs may share cases."""
    whole = {name: np.asarray(values) for name, values in columns.items()}
    first: dict[tuple[Any, ...], int] = {}
    for k, key in enumerate(zip(*(whole[name] for name in names), strict=True)):
        first.setdefault(key, k)
    return {name: values[list(first.values())] for name, values in whole.items()}


def _lesson(one: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Why the case is there, the truth, what dk.derivative says, and the others by verdict."""
    truth = f"The truth: {one['truth']:.9g}." if math.isfinite(one["truth"]) else "The truth: no derivative."
    ours = next(row for row in rows if row["method"] == OURS)
    others = [row for row in rows if row["method"] != OURS]
    groups = [(kind, [row for row in others if row["verdict"] == kind]) for kind in reversed(VERDICTS)]
    rest = " ".join(f"{kind.capitalize()}: {'; '.join(map(_quoted, group))}." for kind, group in groups if group)
    return f"{one['why']} {truth} {OURS} ({ours['verdict']}) says: {one['said']} {rest}"


def _quoted(row: Mapping[str, Any]) -> str:
    """A method with its answer."""
    if not math.isfinite(row["value"]):
        return str(row["method"])
    bar = f" within {row['bar']:.1e}" if math.isfinite(row["bar"]) else ""
    return f"{row['method']} says {row['value']:.6g}{bar}"


PHRASES: Mapping[str, str] = {
    "silently wrong": "is silently wrong",
    "wrong but flagged": "is wrong but says that something is odd",
    "needless refusal": "gives nothing though there is a derivative",
    "right, bar too small": "is right to four digits with a bar that is too small",
}
"""What is said of a verdict on our own answer that is not as it should be."""


def _findings(
    rows: Sequence[Mapping[str, Any]], counts: Mapping[str, Sequence[str]], names: Sequence[str]
) -> Iterator[str]:
    many = f"{len(names)} cases" if len(names) > 1 else "one case"
    silent = {who: found.count("silently wrong") for who, found in counts.items()}
    yield (
        f"Silently wrong among {many}: {', '.join(f'{who} {count}' for who, count in silent.items())}. That is the "
        "count to look at: a wrong number that nothing warns of."
    )
    ours = [row for row in rows if row["method"] == OURS]
    for kind in PHRASES:
        own = [row for row in ours if row["verdict"] == kind]
        if own:
            yield f"{OURS} {PHRASES[kind]} in {', '.join(_where(row) for row in own)}."
    unseen = [row for row in rows if row["case"] in UNSEEN]
    for case in dict.fromkeys(str(row["case"]) for row in unseen):
        own = [row for row in unseen if row["case"] == case]
        wise = [str(row["method"]) for row in own if row["verdict"] == "right"]
        seen = f"right: {', '.join(wise)}, which evaluates the code at x itself" if wise else "nobody is right"
        yield (
            f"{CASES[case].heading} ({case}): {seen}. Values of f at the steps do not hold what would be needed; no "
            "method that asks for values alone can see it, and this is why none may be trusted blindly."
        )
    none = [row for row in rows if math.isnan(row["truth"])]
    if none:
        cases = len({str(row["case"]) for row in none})
        given = {who: sum(row["method"] == who and math.isfinite(row["value"]) for row in none) for who in NAMES}
        yield (
            f"Where there is no derivative ({cases} of {many}) a number comes all the same from "
            f"{', '.join(f'{who} {count} times' for who, count in given.items() if count) or 'nobody'}."
        )
    barred = [
        row for row in rows if math.isfinite(row["bar"]) and math.isfinite(row["value"]) and row["method"] != ALONE
    ]
    held = {who: [_holds(row) for row in barred if row["method"] == who] for who in NAMES}
    yield (
        "A bar holds if the truth is within it; where there is no derivative none does. Bars held: "
        f"{', '.join(f'{who} {sum(own)} of {len(own)}' for who, own in held.items() if own)}."
    )


def _holds(row: Mapping[str, Any]) -> bool:
    return bool(math.isfinite(row["truth"]) and row["error"] <= row["bar"])


def _where(row: Mapping[str, Any]) -> str:
    value = f"{row['value']:.6g}, status {row['status']}" if math.isfinite(row["value"]) else f"status {row['status']}"
    truth = f"the derivative is {row['truth']:.6g}" if math.isfinite(row["truth"]) else "there is no derivative"
    return f"{row['case']} ({value}; {truth})"
