"""How what is compared looks: one colour and one marker for every method, the same on all figures and pages.

The colours are those of Okabe and Ito (2008), told apart by colour-blind readers, without their yellow, too pale on
white. Black is what others are measured against.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

COLOURS = BLUE, VERMILLION, GREEN, PINK, AMBER, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
BLACK = "#000000"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
"""As matplotlib names them."""


class Look(NamedTuple):
    """A colour, a marker, and how many series of the same colour there are before this one in a figure."""

    colour: str
    marker: str
    before: int = 0


METHODS: Mapping[str, Look] = {
    "forward_1": Look(BLUE, "o"),
    "central_2": Look(VERMILLION, "s"),
    "central_4": Look(GREEN, "^"),
    "central_6": Look(PINK, "D"),
    "central_8": Look(AMBER, "v"),
    "forward_2": Look(SKY, "P"),
    **{f"forward_{order}": Look(colour, "X") for order, colour in enumerate(COLOURS, start=3)},
    **{f"backward_{order}": Look(colour, "h") for order, colour in enumerate(COLOURS, start=1)},
    "backward_7": Look(GREEN, "o"),
    "backward_8": Look(PINK, "o"),
    "derivative": Look(BLUE, "D"),
    "complex_step": Look(VERMILLION, "o"),
    "gsl_central": Look(GREEN, "s"),
    "richardson": Look(AMBER, "^"),
    "ridders": Look(PINK, "v"),
    "from_samples": Look(BLUE, "^"),
    "smoother_1": Look(SKY, "s"),
    "smoother_2": Look(GREEN, "D"),
    "smoother_3": Look(PINK, "P"),
    "smoother_4": Look(SKY, "v"),
    "local_quadratic": Look(PINK, "^"),
    "np.gradient": Look(AMBER, "o"),
    "scipy_smoothing_spline": Look(VERMILLION, "D"),
    "alprd": Look(AMBER, "s"),
    "derivative_kalman": Look(AMBER, "D"),
    "pynumdiff_splinediff": Look(SKY, "D"),
    "pynumdiff_rtsdiff": Look(BLUE, "P"),
    "pynumdiff_savgoldiff": Look(AMBER, "P"),
    "scipy check_grad": Look(VERMILLION, "v"),
    "analytical": Look(BLACK, "o"),
    "dual numbers": Look(SKY, "o"),
    "backprop": Look(BLACK, "D"),
    "naive": Look(BLUE, "s"),
    "batched": Look(VERMILLION, "^"),
    "incremental": Look(GREEN, "P"),
    "float16": Look(BLUE, "v"),
    "bfloat16": Look(SKY, "^"),
    "float32": Look(VERMILLION, "P"),
    "float64": Look(GREEN, "v"),
    "longdouble": Look(PINK, "s"),
}
"""The methods, and the types that are computed in."""
SYNONYMS: Mapping[str, str] = {
    "dk.derivative": "derivative",
    "dk.check_gradient": "derivative",
    "numerical tangent": "derivative",
    "tangent by dk.derivative": "derivative",
    "curve": "from_samples",
    "analytical gradient": "analytical",
    "backpropagation": "backprop",
}
REFERENCES = (
    "f",
    "exact tangent",
    "bar = true error",
    "theory allows",
    "the goal",
    "the truth",
    "the loss alone",
    "least for its loss",
    "no signal",
    "level of the noise",
    "beaten by none",
    "beaten by none that keeps 95 %",
)
"""Lines that are no method but what methods are measured against."""
ENDS = (", ", " (", " of ")
"""What parts a method from what more a series is called: "forward_1, delta 0.01"."""


def is_reference(name: str) -> bool:
    """Whether a series is a line that others are measured against."""
    return _head(name, REFERENCES) is not None


def looks_of(names: Sequence[str]) -> dict[str, Look]:
    """Return how each series of a figure looks: no two have both the colour and the marker in common.

    Of several series of one method each has its colour, and all but the first another marker; series of no method
    take the colours that fewest have.

    Examples
    --------
    >>> looks = looks_of(["forward_1, float64", "forward_1, float32", "mine"])
    >>> looks["forward_1, float32"].colour == METHODS["forward_1"].colour
    True
    >>> looks["mine"].colour in {looks[name].colour for name in ("forward_1, float64", "forward_1, float32")}
    False
    """
    methods = {name: method for name in names if (method := method_of(name)) is not None}
    first = {method: name for name, method in reversed(methods.items())}
    own = {name: METHODS[method] for method, name in first.items()}
    taken = set(own.values())
    uses = Counter(METHODS[method].colour for method in methods.values())
    before = Counter[str]()
    looks = {}
    for place, name in enumerate(names):
        if is_reference(name):
            looks[name] = Look(BLACK, "", before[BLACK])
            before[BLACK] += 1
            continue
        colour = METHODS[methods[name]].colour if name in methods else min(COLOURS, key=uses.__getitem__)
        look = own.get(name) or _free(colour, place, taken)
        uses[colour] += name not in methods
        taken.add(look)
        looks[name] = look._replace(before=before[colour])
        before[colour] += 1
    return looks


def _free(colour: str, place: int, taken: set[Look]) -> Look:
    """A look of a colour that is not taken, from a marker on; that one where all are taken."""
    some = [Look(colour, MARKERS[(place + more) % len(MARKERS)]) for more in range(len(MARKERS))]
    return next((look for look in some if look not in taken), some[0])


def method_of(name: str) -> str | None:
    """The method that a series is of, if it is of a known one."""
    head = _head(name, (*METHODS, *SYNONYMS))
    return SYNONYMS.get(head, head) if head is not None else None


def _head(name: str, known: Sequence[str]) -> str | None:
    """The beginning of a name, or all of it, that is known."""
    heads = [name, *(name.split(end, 1)[0] for end in ENDS)]
    return next((head for head in heads if head in known), None)
