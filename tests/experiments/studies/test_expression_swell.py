"""The study of swelling formulas: its counts against a walk of the tree, its gradients against each other, its laws."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from derivkit.expressions.expression import parse
from derivkit.expressions.tree import Branch, Node, Variable, joint_program, program_of
from derivkit.operations.elementary import OPERATIONS
from derivkit.symbolic.differentiation import differentiate
from experiments.studies import expression_swell as swell
from experiments.studies.expression_swell import Config, law_of, operations


def walked(node: Node) -> int:
    """Operations of a tree, met one by one."""
    return 1 + sum(map(walked, node.arguments)) if isinstance(node, Branch) else 0


def tables(**config: Any) -> dict[str, dict[str, np.ndarray]]:
    """Every table that a run yields, whole."""
    parts: dict[str, list[dict[str, np.ndarray]]] = {}
    for name, columns in swell.run(Config(**config)):
        assert sorted(columns) == sorted(swell.TABLES[name]), name
        rows = max(len(v) for v in columns.values() if not isinstance(v, str) and np.ndim(v))
        full = {c: np.array([v] * rows if isinstance(v, str) or not np.ndim(v) else v) for c, v in columns.items()}
        assert {len(v) for v in full.values()} == {rows}
        parts.setdefault(name, []).append(full)
    return {
        name: {c: np.concatenate([p[c] for p in found]) for c in swell.TABLES[name]} for name, found in parts.items()
    }


def findings(**config: Any) -> list[str]:
    return list(dict(swell.conclude(tables(**config)))["findings"]["finding"])


def value(root: Node, point: dict[str, float]) -> float:
    values: list[Any] = []
    for step in program_of(root):
        if step.operation == "variable":
            values.append(point[str(step.value)])
        elif step.operation == "number":
            values.append(float(Fraction(str(step.value))))
        else:
            values.append(OPERATIONS[step.operation].value(*(values[k] for k in step.arguments)))
    return float(values[-1])


@pytest.mark.parametrize("family", swell.FAMILIES)
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_operations_of_a_tree_are_those_that_a_walk_meets(family: str, depth: int) -> None:
    first = differentiate(swell.formula(family, depth), swell.X).result.root
    second = differentiate(first, swell.X).result.root
    for root in (swell.formula(family, depth), first, second):
        assert operations(program_of(root))[0] == walked(root)


def test_a_tree_that_no_memory_could_hold_is_counted() -> None:
    tree, shared = operations(program_of(swell.formula("both", 64)))
    assert (tree, shared) == (3 * (2**64 - 1), 3 * 64)


@pytest.mark.parametrize(
    ("family", "text"),
    [
        ("nested tanh", "tanh(tanh(tanh(x)))"),
        ("nested roots", "sqrt(x + sqrt(x + sqrt(x)))"),
        ("product", "(x + 1)*(x + 2)*(x + 3)"),
        ("tower", "x^(x^x)"),
        ("network", "tanh(w2*tanh(w1*tanh(w0*x + b0) + b1) + b2)"),
    ],
)
def test_a_family_is_what_it_is_said_to_be(family: str, text: str) -> None:
    assert swell.formula(family, 3) == parse(text).root


def test_the_number_of_rows_is_the_number_promised() -> None:
    config = Config(depth=(2, 3), derivative=2)
    assert len(tables(depth=(2, 3), derivative=2)["table"]["tree"]) == config.rows == 36


def test_every_way_to_the_gradient_gives_the_same_numbers() -> None:
    loss = swell._loss(4)
    names = [Variable(f"{letter}{level}") for level in range(4) for letter in "wb"]
    point = {name.name: 0.3 + 0.1 * k for k, name in enumerate(names)} | {"x": 0.7, "y": 0.2}
    for name, backwards in zip(names, swell.backpropagated(loss, names), strict=True):
        forwards = value(differentiate(loss, name).result.root, point)
        nudged = [value(loss, point | {name.name: point[name.name] + h}) for h in (1e-6, -1e-6)]
        assert value(backwards, point) == pytest.approx(forwards, rel=1e-13)
        # Rounding of the loss, below 1, over the step: 2^-52 / 2e-6 = 1.1e-10; truncation is below 1e-12.
        assert forwards == pytest.approx((nudged[0] - nudged[1]) / 2e-6, abs=1e-9)


def test_what_comes_to_one_place_from_several_is_added_by_backpropagation() -> None:
    root = parse("x*sin(x) + x^2*y").root
    in_x, in_y, in_z = swell.backpropagated(root, [Variable("x"), Variable("y"), Variable("z")])
    point = {"x": 0.7, "y": 0.3}
    assert value(in_x, point) == pytest.approx(np.sin(0.7) + 0.7 * np.cos(0.7) + 1.4 * 0.3, rel=1e-14)
    assert value(in_y, point) == pytest.approx(0.49, rel=1e-14)
    assert value(in_z, point) == 0.0


def test_backpropagation_costs_as_much_more_as_the_theorem_of_baur_and_strassen_allows() -> None:
    """All derivatives of f cost at most 5 times f where every operation has at most two arguments."""
    for text in ("x*sin(x) + x^2*y", "exp(x*y)/(x + y)", "tanh(x*tanh(y*x + 1) + 2)"):
        root = parse(text).root
        back = swell.backpropagated(root, [Variable("x"), Variable("y")])
        cost = swell.shared_operations(joint_program([root, *back])[0])
        # Slopes of one operation take at most four more of the table, where the theorem counts them as one.
        assert cost <= 8 * swell.shared_operations(program_of(root))


@pytest.mark.parametrize(
    ("family", "once", "written"),
    [("nested tanh", 1, 2), ("nested roots", 1, 2), ("tower", 1, 2), ("network", 1, 2), ("product", 2, 2)],
)
def test_a_derivative_is_quadratic_written_out_and_linear_once_unless_it_is_a_product(
    family: str, once: int, written: int
) -> None:
    counted = tables(family=(family,), depth=(4, 6, 8, 12, 16))["counted"]
    found = {}
    for way in (swell.ONCE, swell.AS_TREE):
        chosen = counted["count"] == f"derivative, {way}"
        found[way] = law_of(counted["depth"][chosen].tolist(), counted["operations"][chosen].tolist()).degree
    assert found == {swell.ONCE: once, swell.AS_TREE: written}


def test_a_law_holds_at_every_depth_or_is_none() -> None:
    n = [4, 6, 8, 12, 16]
    quadratic = [2 * k * k - k + 3 for k in n]
    assert law_of(n, quadratic).text == "2 n^2 - n + 3"
    quadratic[2] += 1
    assert law_of(n, quadratic).degree is None
    assert law_of(n, [3.0**k for k in n]).text == "like 3^n"
    assert law_of(n, [float(round(k**1.5)) for k in n]).text.startswith("like n^1.")
    assert law_of([4, 6, 8], [1, 4, 2]).degree is None
    assert law_of([8], [1]).text == ""


def test_the_findings_say_why_networks_are_differentiated_backwards() -> None:
    said = findings(depth=(3, 4, 6, 8, 12, 16), derivative=2)
    assert said[0].startswith("Of 6 families the derivative grows exactly quadratically written out in 5, and exactly ")
    assert "exactly linearly with every part once in 5." in said[0]
    assert "A network of 16 layers has 32 derivatives" in said[1]
    assert "backpropagation: 9 n + 4; the loss alone: 3 n + 2." in said[2]
    assert said[3].startswith("Why networks use backpropagation and not formulas")


def test_too_few_depths_claim_no_law() -> None:
    said = findings(family=("network",), depth=(3,))
    assert not any("exactly" in sentence or "Why" in sentence for sentence in said)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"family": ("cube",)}, "family=cube: there are nested tanh, nested roots"),
        ({"depth": (0,)}, "depth=0: must be from 1 to 64"),
        ({"depth": (65,)}, "depth=65: must be from 1 to 64"),
        ({"depth": ()}, "at least one family and one depth are needed"),
        ({"derivative": 4}, "derivative=4: must be from 1 to 3"),
    ],
)
def test_a_wrong_size_is_refused(config: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Config(**config)
