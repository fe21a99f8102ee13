"""The study of swelling formulas: its rows, its laws and what it says of them."""

from __future__ import annotations

from typing import Any

import pytest
from studies import Tables, gathered

import derivkit as dk
from experiments.studies import expression_swell as swell
from experiments.studies.expression_swell import Config


def tables(**config: Any) -> Tables:
    return gathered(swell, Config(**config))


def findings(**config: Any) -> list[str]:
    return tables(**config)["findings"]["finding"].tolist()


def test_the_number_of_rows_is_the_number_promised() -> None:
    config = Config(depth=(2, 3), derivative=2)
    assert len(tables(depth=(2, 3), derivative=2)["table"]["tree"]) == config.rows == 36


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
        found[way] = dk.fit_growth_law(counted["depth"][chosen].tolist(), counted["operations"][chosen].tolist()).degree
    assert found == {swell.ONCE: once, swell.AS_TREE: written}


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
        ({"depth": ()}, r"depth=\[\]: at least one is needed"),
        ({"derivative": 4}, "derivative=4: must be from 1 to 3"),
    ],
)
def test_a_wrong_size_is_refused(config: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Config(**config)
