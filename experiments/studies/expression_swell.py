"""How formulas swell when they are differentiated: operations against depth, as a tree and with every part once.

A tree is never walked: its program has every part once, and the tree's operations are summed over it by arithmetic.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from derivkit.expressions.algebra import ONE, TWO, apply, product, rational
from derivkit.expressions.tree import Instruction, Node, Variable, joint_program, program_of, tree_of
from derivkit.symbolic.differentiation import differentiate

Columns = Mapping[str, Any]

COUNTS: dict[str, tuple[type, str]] = {
    "tree": (float, "operations of the formula written out; numbers and variables are not counted"),
    "shared": (int, "operations if every part that occurs twice is computed once"),
}

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        "family": (str, "how the formula is nested: see FAMILIES"),
        "derivative": (int, "how often it was differentiated; 0 is the formula itself"),
        "depth": (int, "how often it is nested"),
        **COUNTS,
        "program": (int, "steps of the program: the shared operations, and each number and variable once"),
    },
    "counted": {
        "family": (str, "how the formula is nested"),
        "count": (str, "of the formula or of a derivative of it, and how operations are counted"),
        "depth": (int, "how often it is nested"),
        "operations": (float, "its operations"),
    },
    "gradient": {
        "way": (str, "how all derivatives of a network's loss are computed: see WAYS"),
        "depth": (int, "layers, each with one weight and one bias"),
        "derivatives": (int, "derivatives, one per weight and bias"),
        "operations": (float, "operations for all of them, those of the loss included where they are shared"),
        "ratio": (float, "the same over the operations of the loss alone"),
    },
    "laws": {
        "family": (str, "how the formula is nested; gradient: all derivatives of the network's loss"),
        "count": (str, "what was counted"),
        "exponent": (float, "slope of log operations against log depth between the two greatest depths"),
        "growth": (float, "factor per level between the two greatest depths"),
        "law": (str, "the polynomial in the depth n that all greater depths obey exactly, else the kind of growth"),
    },
    "summary": {
        "family": (str, "how the formula is nested"),
        "depth": (int, "the greatest depth"),
        "formula": (int, "operations of the formula, every part once"),
        "derivative": (int, "operations of its derivative, every part once"),
        "as_tree": (float, "operations of its derivative written out"),
        "swell": (float, "as_tree / derivative"),
        "law": (str, "how the derivative grows, every part once"),
        "tree_law": (str, "how it grows written out"),
    },
    "findings": {"finding": (str, "what the tables say, in a sentence")},
}

KEYS = ("family", "derivative", "depth")
"""What tells the rows of the table apart when runs are compared."""

FAMILIES = {
    "nested tanh": "tanh(tanh(... tanh(x)))",
    "nested roots": "sqrt(x + sqrt(x + ... sqrt(x)))",
    "product": "(x + 1)(x + 2) ... (x + n)",
    "tower": "x^x^...^x, n times",
    "both": "u becomes sin(u) cos(u), n times, from u = x",
    "network": "tanh(w u + b) with a weight and a bias of its own per layer, from u = x",
}
"""Families with their meaning."""
WAYS = {
    "formulas, written out": "each derivative as a tree",
    "formulas, one by one": "each derivative with its parts computed once, nothing shared between derivatives",
    "formulas, all shared": "every part computed once for the loss and all derivatives together",
    "backpropagation": "the same rules applied to the steps of the loss, from the last to the first",
    "the loss alone": "no derivative",
}
"""Ways with their meaning."""
NAMES = ("formula", "derivative", "2nd derivative", "3rd derivative")
AS_TREE, ONCE = "written out", "every part once"
MOST_DEPTH, MOST_ORDER = 64, 3
"""A third derivative at depth 64 takes minutes; constants without a derivation."""
DEGREE = 4
"""The highest degree of a polynomial that is looked for."""
UPPER = 4
"""Laws are read off depths from a quarter of the greatest on; a constant without a derivation."""

X = Variable("x")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which families, how deep, and how often they are differentiated: small here, real in the preset."""

    family: tuple[str, ...] = tuple(FAMILIES)
    depth: tuple[int, ...] = (1, 2, 3, 4)
    derivative: int = 1

    def __post_init__(self) -> None:
        for name in self.family:
            if name not in FAMILIES:
                raise ValueError(f"family={name}: there are {', '.join(FAMILIES)}")
        for depth in self.depth:
            if not 1 <= depth <= MOST_DEPTH:
                raise ValueError(f"depth={depth}: must be from 1 to {MOST_DEPTH}")
        if not (self.family and self.depth):
            raise ValueError("at least one family and one depth are needed")
        if not 1 <= self.derivative <= MOST_ORDER:
            raise ValueError(f"derivative={self.derivative}: must be from 1 to {MOST_ORDER}")

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return len(self.family) * len(self.depth) * (self.derivative + 1)


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the counts of one formula at a time, and those of the network's gradient."""
    for family, depth in itertools.product(config.family, config.depth):
        formulas = list(_derivatives(formula(family, depth), config.derivative))
        counts = [operations(program_of(root)) for root in formulas]
        whole = {"family": family, "depth": depth}
        yield (
            "table",
            {
                **whole,
                "derivative": np.arange(len(formulas)),
                "tree": np.array([tree for tree, _ in counts], dtype=np.float64),
                "shared": np.array([shared for _, shared in counts]),
                "program": np.array([len(program_of(root)) for root in formulas]),
            },
        )
        yield (
            "counted",
            {
                **whole,
                "count": [_counted(order, way) for order in range(len(formulas)) for way in (AS_TREE, ONCE)],
                "operations": np.array(counts, dtype=np.float64).ravel(),
            },
        )
    if "network" in config.family:
        for depth in config.depth:
            yield "gradient", _gradient(depth)


def _counted(order: int, way: str) -> str:
    return f"{NAMES[order]}, {way}"


def _derivatives(root: Node, order: int) -> Iterator[Node]:
    yield root
    for _ in range(order):
        root = differentiate(root, X).result.root
        yield root


# The formulas


def formula(family: str, depth: int) -> Node:
    """A formula of a family, nested so often."""
    return BUILDERS[family](depth)


def _nested(step: Callable[[Node, int], Node]) -> Callable[[int], Node]:
    """Apply a step to x again and again; it is told how often it was applied before."""

    def build(depth: int) -> Node:
        node: Node = X
        for level in range(depth):
            node = step(node, level)
        return node

    return build


def _layer(u: Node, level: int) -> Node:
    return apply("tanh", apply("add", apply("multiply", Variable(f"w{level}"), u), Variable(f"b{level}")))


def _loss(depth: int) -> Node:
    return apply("power", apply("subtract", formula("network", depth), Variable("y")), TWO)


BUILDERS: Mapping[str, Callable[[int], Node]] = {
    "nested tanh": _nested(lambda u, level: apply("tanh", u)),
    "nested roots": _nested(lambda u, level: apply("sqrt", apply("add", X, u) if level else u)),
    "product": lambda depth: product([apply("add", X, rational(Fraction(k + 1))) for k in range(depth)]),
    "tower": _nested(lambda u, level: apply("power", X, u) if level else u),
    "both": _nested(lambda u, level: apply("multiply", apply("sin", u), apply("cos", u))),
    "network": _nested(_layer),
}


# The counts


def operations(program: Sequence[Instruction]) -> tuple[int, int]:
    """Operations of a program's last value written out as a tree, and of the program itself.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> operations(parse("exp(x^2) + x^2").program)
    (4, 3)
    """
    written: list[int] = []
    for step in program:
        written.append(bool(step.arguments) + sum(written[k] for k in step.arguments))
    return written[-1], shared_operations(program)


def shared_operations(program: Sequence[Instruction]) -> int:
    """Operations of a program; numbers and variables are none."""
    return sum(bool(step.arguments) for step in program)


def _gradient(depth: int) -> Columns:
    """All derivatives of the loss of a network, in every way."""
    loss = _loss(depth)
    names = [Variable(f"{letter}{level}") for level in range(depth) for letter in "wb"]
    apart = [differentiate(loss, name).result.root for name in names]
    counts = [operations(program_of(root)) for root in apart]
    alone = shared_operations(program_of(loss))
    found = {
        "formulas, written out": sum(tree for tree, _ in counts),
        "formulas, one by one": sum(shared for _, shared in counts),
        "formulas, all shared": shared_operations(joint_program([loss, *apart])[0]),
        "backpropagation": shared_operations(joint_program([loss, *backpropagated(loss, names)])[0]),
        "the loss alone": alone,
    }
    values = np.array([found[way] for way in WAYS], dtype=np.float64)
    return {
        "way": list(WAYS),
        "depth": depth,
        "derivatives": len(names),
        "operations": values,
        "ratio": values / alone,
    }


def backpropagated(root: Node, names: Sequence[Variable]) -> list[Node]:
    """The derivatives of a formula in several variables, found from its last step to its first.

    Every step hands to each of its arguments its own derivative times its slope in that argument, the slope being that
    of the table of rules. What is handed to one place from several is added.
    """
    program = program_of(root)
    nodes = [tree_of(program[: k + 1]) for k in range(len(program))]
    handed: list[Node | None] = [None] * len(program)
    handed[-1] = ONE
    for step, above in zip(reversed(program), reversed(range(len(program))), strict=True):
        adjoint = handed[above]
        if adjoint is None or not step.arguments:
            continue
        places = [Variable(f"u{k}") for k in range(len(step.arguments))]
        local = apply(step.operation, *places)
        values = dict(zip(places, (nodes[k] for k in step.arguments), strict=True))
        for place, below in zip(places, step.arguments, strict=True):
            if program[below].operation not in {"number", "constant"}:
                part = _times(adjoint, _put(differentiate(local, place).result.root, values))
                before = handed[below]
                handed[below] = part if before is None else apply("add", before, part)
    found = dict(zip(nodes, handed, strict=True))
    return [found.get(name) or rational(Fraction(0)) for name in names]


def _times(a: Node, b: Node) -> Node:
    return b if a == ONE else a if b == ONE else apply("multiply", a, b)


def _put(root: Node, values: Mapping[Variable, Node]) -> Node:
    """A tree with other trees in the place of its variables."""
    program = program_of(root)
    nodes: list[Node] = []
    for place, step in enumerate(program):
        if step.arguments:
            nodes.append(apply(step.operation, *(nodes[k] for k in step.arguments)))
        else:
            leaf = tree_of(program[: place + 1])
            nodes.append(values.get(leaf, leaf) if isinstance(leaf, Variable) else leaf)
    return nodes[-1]


# What follows from the counts


@dataclass(frozen=True, kw_only=True)
class Law:
    """How a count grows with the depth: a polynomial that it obeys exactly if `degree` is there, else by `text`."""

    exponent: float
    growth: float
    degree: int | None
    text: str


def law_of(depth: Sequence[int], count: Sequence[float]) -> Law:
    """Find how a count grows, from its greater depths.

    Examples
    --------
    >>> law_of([1, 2, 3, 4, 5, 6], [1, 3, 7, 13, 21, 31]).text
    'n^2 - n + 1'
    >>> law_of([3, 4, 5, 6], [8, 16, 32, 64]).text
    'like 2^n'
    """
    seen = ((n, Fraction(c)) for n, c in zip(depth, count, strict=True))
    pairs = sorted((n, c) for n, c in seen if n >= max(depth) / UPPER and c)  # of no operations no law is asked
    if len(pairs) < 3:
        return Law(exponent=math.nan, growth=math.nan, degree=None, text="")
    n, logs = np.array([n for n, _ in pairs], dtype=np.float64), np.log([float(c) for _, c in pairs])
    powers, rates = np.diff(logs) / np.diff(np.log(n)), np.diff(logs) / np.diff(n)
    coefficients = _polynomial(pairs)
    if coefficients:
        text = _spelt(coefficients)
    elif np.ptp(rates) * abs(powers[-1]) < np.ptp(powers) * abs(rates[-1]):
        text = f"like {math.exp(rates[-1]):.3g}^n"
    else:
        text = f"like n^{powers[-1]:.2f}"
    return Law(
        exponent=float(powers[-1]),
        growth=math.exp(rates[-1]),
        degree=len(coefficients) - 1 if coefficients else None,
        text=text,
    )


def _polynomial(pairs: Sequence[tuple[int, Fraction]]) -> list[Fraction]:
    """Coefficients, the constant first, of the polynomial of least degree through all; none if it proves nothing.

    Newton's divided differences; a polynomial of degree d through d + 1 points proves nothing.
    """
    places = [n for n, _ in pairs]
    column = [value for _, value in pairs]
    newton: list[Fraction] = []
    while any(column) and len(newton) <= DEGREE:
        newton.append(column[0])
        span = len(newton)
        column = [(b - a) / (places[k + span] - places[k]) for k, (a, b) in enumerate(itertools.pairwise(column))]
    if any(column) or not column:
        return []
    result = [Fraction(0)]
    for k in reversed(range(len(newton))):  # Horner: result (n - places[k]) + newton[k]
        shifted = [Fraction(0), *result]
        result = [a - places[k] * b for a, b in zip(shifted, [*result, Fraction(0)], strict=True)]
        result[0] += newton[k]
    return result[: len(newton)]


def _spelt(coefficients: Sequence[Fraction]) -> str:
    """A polynomial in n as text."""
    said = ""
    for power, c in reversed(list(enumerate(coefficients))):
        if c:
            name = ("", "n", f"n^{power}")[min(power, 2)]
            size = "" if abs(c) == 1 and power else str(abs(c))
            joint = (" - " if c < 0 else " + ") if said else "-" * (c < 0)
            said += f"{joint}{size}{' ' * bool(size and name)}{name}"
    return said or "0"


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield the laws, the summary and what was found."""
    laws = _laws(tables)
    rows = [(*key, law.exponent, law.growth, law.text) for key, law in laws.items()]
    yield "laws", _transposed("laws", rows)
    yield "summary", _summary(tables["table"], laws)
    yield "findings", {"finding": list(_findings(tables, laws))}


Laws = Mapping[tuple[str, str], Law]


def _transposed(table: str, rows: Sequence[tuple[Any, ...]]) -> Columns:
    shape = TABLES[table].items()
    columns = zip(*rows, strict=True)
    return {
        name: list(values) if kind is str else np.array(values, dtype=kind)
        for (name, (kind, _)), values in zip(shape, columns, strict=True)
    }


def _laws(tables: Mapping[str, Columns]) -> dict[tuple[str, str], Law]:
    """The law of every count, by family and by what was counted."""
    counts: dict[tuple[str, str], dict[int, float]] = {}
    for part in _records(tables["counted"]):
        counts.setdefault((part["family"], part["count"]), {})[int(part["depth"])] = part["operations"]
    for part in _records(tables.get("gradient", {})):
        counts.setdefault(("gradient", part["way"]), {})[int(part["depth"])] = part["operations"]
    return {key: law_of(list(found), list(found.values())) for key, found in counts.items()}


def _records(columns: Columns) -> Iterator[dict[str, Any]]:
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _summary(table: Columns, laws: Laws) -> Columns:
    rows = list(_records(table))
    found = []
    for family in dict.fromkeys(row["family"] for row in rows):
        own = [row for row in rows if row["family"] == family]
        deepest = max(int(row["depth"]) for row in own)
        by_order = {int(row["derivative"]): row for row in own if row["depth"] == deepest}
        tree, shared = float(by_order[1]["tree"]), int(by_order[1]["shared"])
        said = [laws[str(family), _counted(1, way)].text for way in (ONCE, AS_TREE)]
        found.append((family, deepest, int(by_order[0]["shared"]), shared, tree, tree / shared, *said))
    return _transposed("summary", found)


def _findings(tables: Mapping[str, Columns], laws: Laws) -> Iterator[str]:
    summary = list(_records(_summary(tables["table"], laws)))
    yield from _first(summary, laws)
    yield from _why_networks(tables.get("gradient", {}), laws)
    for row in summary:
        yield (
            f"{row['family']} ({FAMILIES[row['family']]}), depth {row['depth']}: its derivative has "
            f"{_number(row['as_tree'])} operations written out and {row['derivative']} with every part once, the "
            f"formula itself {row['formula']}{_growing(row)}."
        )
    yield from _second(laws)


def _first(summary: Sequence[Mapping[str, Any]], laws: Laws) -> Iterator[str]:
    """How many of the families grow quadratically written out, and linearly with every part once."""
    written, once = ([laws[str(row["family"]), _counted(1, way)] for row in summary] for way in (AS_TREE, ONCE))
    if not all(law.text for law in (*written, *once)):
        return
    quadratic, linear = sum(law.degree == 2 for law in written), sum(law.degree == 1 for law in once)
    both = sum(a.degree != 1 and b.degree == 1 for a, b in zip(written, once, strict=True))
    more = (
        " There it is not the derivative that swells but its notation, which says the same part again and again."
        if both
        else ""
    )
    yield (
        f"Of {len(summary)} families the derivative grows exactly quadratically written out in {quadratic}, and "
        f"exactly linearly with every part once in {linear}.{more}"
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value < 1e7 else f"{value:.2g}"


def _growing(row: Mapping[str, Any]) -> str:
    return f"; {row['tree_law']} against {row['law']} at depth n" if row["tree_law"] else ""


def _second(laws: Laws) -> Iterator[str]:
    """What differentiating again adds."""
    said = []
    for (family, what), law in laws.items():
        if what == _counted(2, ONCE) and law.text:
            said.append(f"{family} {law.text} (written out {laws[family, _counted(2, AS_TREE)].text})")
    if said:
        yield f"The second derivative, every part once: {'; '.join(said)}."


def _why_networks(gradient: Columns, laws: Laws) -> Iterator[str]:
    """Why networks are differentiated backwards."""
    rows = list(_records(gradient))
    if not rows:
        return
    deepest = max(int(row["depth"]) for row in rows)
    at = {row["way"]: row for row in rows if row["depth"] == deepest}
    counts = {way: _number(row["operations"]) for way, row in at.items()}
    whole, one, shared, back, alone = (counts[way] for way in WAYS)
    yield (
        f"A network of {deepest} layers has {int(at['backpropagation']['derivatives'])} derivatives, one for every "
        f"weight and bias. Its loss takes {alone} operations; all derivatives take {whole} as formulas written out, "
        f"{one} as formulas one by one, {shared} if everything that they have in common is computed once, and {back} "
        "by backpropagation."
    )
    laws_of = {way: laws["gradient", way] for way in WAYS}
    if all(law.text for law in laws_of.values()):
        said = "; ".join(f"{way}: {law.text}" for way, law in laws_of.items())
        yield f"In the number of layers n that is: {said}."
    if laws_of["backpropagation"].degree == 1 and laws_of["formulas, one by one"].exponent > 1.5:
        yield (
            f"Why networks use backpropagation and not formulas: it applies the same rules, with every part kept and "
            f"computed once, and costs {at['backpropagation']['ratio']:.2f} times the loss at {deepest} layers, while "
            f"formulas one by one cost {at['formulas, one by one']['ratio']:.0f} times the loss, and more with every "
            "layer."
        )
