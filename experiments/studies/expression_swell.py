"""How formulas swell when they are differentiated: operations against depth, as a tree and with every part once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import derivkit as dk
from derivkit.testing import NESTED, nested_derivatives, network_loss
from experiments.study import Frame, Rows, Tables, column, key, refuse_empty, refuse_unknown
from experiments.words import number

NAMES = ("formula", "derivative", "2nd derivative", "3rd derivative")
AS_TREE, ONCE = "written out", "every part once"
WAYS = {
    "formulas, written out": "written_out",
    "formulas, one by one": "one_by_one",
    "formulas, all shared": "shared",
    "backpropagation": "backpropagation",
    "the loss alone": "function",
}
"""Ways to all derivatives of a loss, by their names in `dk.GradientOperations`."""
MAX_DEPTH, MAX_ORDER = 64, 3
"""A third derivative at depth 64 takes minutes; constants without a derivation."""

Laws = Mapping[tuple[str, str], dk.GrowthLaw]


# Tables


class Table(Rows):
    """A row for every formula and derivative."""

    family: str = key("how the formula is nested: see derivkit.testing.NESTED")
    derivative: int = key("how often it was differentiated; 0 is the formula itself")
    depth: int = key("how often it is nested")
    tree: float = column("operations of the formula written out; numbers and variables are not counted")
    shared: int = column("operations if every part that occurs twice is computed once")
    program: int = column("steps of the program: the shared operations, and each number and variable once")


class Counted(Rows):
    """The operations in long form, for the figure."""

    family: str = key("how the formula is nested")
    count: str = key("of the formula or of a derivative of it, and how operations are counted", axis="series")
    depth: int = key("how often it is nested", axis="x")
    operations: float = column("its operations", axis="y")


class Gradient(Rows):
    """All derivatives of a network's loss."""

    way: str = key("how all derivatives of a network's loss are computed: see WAYS", axis="series")
    depth: int = key("layers, each with one weight and one bias", axis="x", label="layers")
    derivatives: int = column("derivatives, one per weight and bias")
    operations: float = column(
        "operations for all of them, those of the loss included where they are shared",
        axis="y", label="operations for all derivatives",
    )  # fmt: skip
    ratio: float = column("the same over the operations of the loss alone")


class LawsFound(Rows, table="laws"):
    """By which law every count grows."""

    family: str = key("how the formula is nested; gradient: all derivatives of the network's loss")
    count: str = key("what was counted")
    exponent: float = column("slope of log operations against log depth between the two greatest depths")
    growth: float = column("factor per level between the two greatest depths")
    law: str = column("the polynomial in the depth n that all greater depths obey exactly, else the kind of growth")


class Summary(Rows):
    """One line for every family."""

    family: str = key("how the formula is nested")
    depth: int = column("the greatest depth")
    formula: int = column("operations of the formula, every part once")
    derivative: int = column("operations of its derivative, every part once")
    as_tree: float = column("operations of its derivative written out")
    swell: float = column("as_tree / derivative")
    law: str = column("how the derivative grows, every part once")
    tree_law: str = column("how it grows written out")


# What is measured


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which families, how deep, and how often they are differentiated: small here, real in the preset."""

    family: tuple[str, ...] = tuple(NESTED)
    depth: tuple[int, ...] = (1, 2, 3, 4)
    derivative: int = 1

    def __post_init__(self) -> None:
        refuse_empty(self, "family", "depth")
        refuse_unknown(self, "family", NESTED)
        for depth in self.depth:
            if not 1 <= depth <= MAX_DEPTH:
                raise ValueError(f"depth={depth}: must be from 1 to {MAX_DEPTH}")
        if not 1 <= self.derivative <= MAX_ORDER:
            raise ValueError(f"derivative={self.derivative}: must be from 1 to {MAX_ORDER}")

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return len(self.family) * len(self.depth) * (self.derivative + 1)


def measure(config: Config) -> Iterator[Rows]:
    """Yield the counts of one formula at a time, and those of the network's gradient."""
    for family, depth in itertools.product(config.family, config.depth):
        formulas = nested_derivatives(family, depth, config.derivative)
        counts = np.array([(one.tree_operations, one.operations) for one in formulas], dtype=np.float64)
        yield Table(
            family=family, derivative=range(len(formulas)), depth=depth, tree=counts[:, 0],
            shared=[one.operations for one in formulas], program=[len(one.program) for one in formulas],
        )  # fmt: skip
        yield Counted(
            family=family, count=[[counted(order, way) for way in (AS_TREE, ONCE)] for order in range(len(formulas))],
            depth=depth, operations=counts,
        )  # fmt: skip
    if "network" in config.family:
        yield from map(gradient, config.depth)


def counted(order: int, way: str) -> str:
    """What is counted, and how."""
    return f"{NAMES[order]}, {way}"


def gradient(depth: int) -> Gradient:
    """All derivatives of the loss of a network, in every way."""
    loss, parameters = network_loss(depth)
    counts = dk.gradient_operations(loss, parameters)
    values = np.array([getattr(counts, field) for field in WAYS.values()], dtype=np.float64)
    return Gradient(
        way=list(WAYS), depth=depth, derivatives=len(parameters), operations=values, ratio=values / counts.function
    )


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the laws and the summary."""
    laws = laws_in(tables)
    yield LawsFound.of([
        {"family": family, "count": count, "exponent": law.exponent, "growth": law.growth, "law": law.text}
        for (family, count), law in laws.items()
    ])  # fmt: skip
    for family, rows in tables[Table].groupby("family", sort=False):
        deepest = rows[rows["depth"] == rows["depth"].max()].drop_duplicates("derivative", keep="last")
        by_order = deepest.set_index("derivative")
        tree, shared = by_order["tree"][1], by_order["shared"][1]
        yield Summary(
            family=family, depth=rows["depth"].max(), formula=by_order["shared"][0], derivative=shared, as_tree=tree,
            swell=tree / shared, law=laws[str(family), counted(1, ONCE)].text,
            tree_law=laws[str(family), counted(1, AS_TREE)].text,
        )  # fmt: skip


def laws_in(tables: Tables) -> Laws:
    """The law of every count, by family and by what was counted."""
    counts = dict(list(tables[Counted].groupby(["family", "count"], sort=False)))
    counts |= {("gradient", way): rows for way, rows in tables[Gradient].groupby("way", sort=False)}
    latest = {count: rows.drop_duplicates("depth", keep="last") for count, rows in counts.items()}
    return {
        count: dk.fit_growth_law(rows["depth"].tolist(), rows["operations"].tolist()) for count, rows in latest.items()
    }


def tell(tables: Tables) -> Iterator[str]:
    """Yield how families grow, why networks are differentiated backwards, and what differentiating again adds."""
    laws, summary = laws_in(tables), tables[Summary]
    yield from of_families(summary, laws)
    yield from of_networks(tables[Gradient], laws)
    for row in summary.itertuples():
        growing = f"; {row.tree_law} against {row.law} at depth n" if row.tree_law else ""
        yield (
            f"{row.family} ({NESTED[row.family]}), depth {row.depth}: its derivative has {amount(row.as_tree)}"
            f" operations written out and {row.derivative} with every part once, the formula itself"
            f" {row.formula}{growing}."
        )
    yield from of_second(laws)


def of_families(summary: Frame, laws: Laws) -> Iterator[str]:
    """How many of the families grow quadratically written out, and linearly with every part once."""
    written, once = ([laws[family, counted(1, way)] for family in summary["family"]] for way in (AS_TREE, ONCE))
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


def amount(value: float) -> str:
    """A count in full, a huge one in two digits."""
    return f"{value:.0f}" if value < 1e7 else number(value)


def of_second(laws: Laws) -> Iterator[str]:
    """What differentiating again adds."""
    grown = [
        f"{family} {law.text} (written out {laws[family, counted(2, AS_TREE)].text})"
        for (family, what), law in laws.items()
        if what == counted(2, ONCE) and law.text
    ]
    if grown:
        yield f"The second derivative, every part once: {'; '.join(grown)}."


def of_networks(gradient: Frame, laws: Laws) -> Iterator[str]:
    """Why networks are differentiated backwards."""
    if gradient.empty:
        return
    deepest = gradient["depth"].max()
    at: Any = gradient[gradient["depth"] == deepest].drop_duplicates("way", keep="last").set_index("way")
    whole, one, shared, back, alone = (amount(at["operations"][way]) for way in WAYS)
    yield (
        f"A network of {deepest} layers has {at['derivatives']['backpropagation']} derivatives, one for every "
        f"weight and bias. Its loss takes {alone} operations; all derivatives take {whole} as formulas written out, "
        f"{one} as formulas one by one, {shared} if everything that they have in common is computed once, and {back} "
        "by backpropagation."
    )
    laws_of = {way: laws["gradient", way] for way in WAYS}
    if all(law.text for law in laws_of.values()):
        texts = "; ".join(f"{way}: {law.text}" for way, law in laws_of.items())
        yield f"In the number of layers n that is: {texts}."
    if laws_of["backpropagation"].degree == 1 and laws_of["formulas, one by one"].exponent > 1.5:
        yield (
            f"Why networks use backpropagation and not formulas: it applies the same rules, with every part kept and "
            f"computed once, and costs {at['ratio']['backpropagation']:.2f} times the loss at {deepest} layers, while "
            f"formulas one by one cost {at['ratio']['formulas, one by one']:.0f} times the loss, and more with every "
            "layer."
        )
