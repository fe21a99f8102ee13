"""What studies say and what is written below their figures, of functions that are no ordinary ones: no false words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from studies import gathered

import derivkit as dk
from experiments import figures
from experiments.running import composition
from experiments.running.run_figures import figures_of
from experiments.studies import (
    analytical_vs_numerical,
    convergence,
    delta_sweep,
    derivations,
    expression_swell,
    precision,
    tangents,
    where_it_breaks,
    which_delta,
)
from experiments.study import study_in

GRID = tuple((10.0 ** np.arange(-16.0, 0.5, 0.5)).tolist())
SIZES: dict[ModuleType, dict[str, Any]] = {
    analytical_vs_numerical: {"samples": 4, "cancelling": (), "repeats": 1},
    convergence: {"method": ("forward_1", "central_2"), "delta": tuple(2.0**-k for k in range(1, 31))},
    delta_sweep: {"delta": GRID},
    precision: {"precision": ("float16", "float32"), "delta": (0.5, 2.0**-8), "lowest_exponent": -1,
                "highest_exponent": 0},
    tangents: {"delta": (1.0, 1e-3, 1e-8, 1e-15)},
    which_delta: {"deltas": 17},
}  # fmt: skip
"""Studies of functions, each at a size that takes a part of a second."""
OTHERS: dict[ModuleType, dict[str, Any]] = {
    derivations: {"expression": ("x", "x^2", "7")},
    expression_swell: {"depth": (2, 3), "family": ("product",)},
    where_it_breaks: {"case": ("kink", "saturated")},
}
FUNCTIONS: dict[str, tuple[dk.Function, tuple[float, ...]]] = {
    "smooth": (dk.Function.from_expression("sin(x)", name="sin"), (1.0,)),
    "kink": (dk.Function.from_expression("abs(x)", name="absolute"), (0.0, 0.7)),
    "constant": (dk.Function.from_expression("7", name="constant"), (1.0,)),
    "line": (dk.Function.from_expression("max(0, x)", name="relu"), (1.0,)),
    "parabola": (dk.Function.from_expression("x^2", name="square"), (3.0,)),
    "box": (dk.Function.from_callable(math.sin, name="math:sin"), (1.0,)),
    "bent box": (dk.Function.from_callable(abs, name="builtins:abs"), (0.0,)),
}
KNOWN = {name for name, (f, _) in FUNCTIONS.items() if f.expression is not None}

FALSE = {
    "a number of one digit by its power": r"\d\.0e[+-]",
    "1 by its power": r"e[+-]00",
    "a plural of 1": r"\b(?:[Aa]ll|[Bb]oth) 1\b|(?<!of )\b1 (?:errors|points|cases|values|sweeps|rows|slopes|steps)\b",
    "one of one": r"\b(\d+) of \1\b",
    "none of many": r"\b0 of \d",
    "the least float": r"4\.9e-324",
    "no number": r"\b(?:nan|None|inf)\b",
    "a least value, which may be luck": r"gets no lower|has the least|The least of all",
    "a calculation that comes to notation": r"comes to ",
    "approximately nothing": r"\b0 or so",
    "an end that is none": r"(?<!\.)\.\.(?!\.)|\s\.(?!\.)|  ",
}  # fmt: skip


def both(module: ModuleType, config: Any) -> Iterator[str]:
    """Findings, and the captions of all figures of the preset that can be drawn."""
    study, tables = study_in(module), gathered(module, config)
    yield from map(str, tables.get("findings", {}).get("finding", ()))
    frames = {name: pd.DataFrame(columns) for name, columns in tables.items()}
    written = OmegaConf.to_container(OmegaConf.load(composition.CONF / f"experiment/{study.name}.yaml"))
    assert isinstance(written, dict)
    for brief in figures_of(written["figures"]).values():
        spec = figures.completed(brief, study.tables)
        if figures.columns_needed(spec).keys() <= frames.keys() and not figures.empty(frames, spec):
            yield figures.caption(frames, spec)


def mixed(text: str) -> bool:
    """Whether a number stands as 0.0001 and another as 1e-03."""
    return bool(re.search(r"\b0\.00\d", text) and re.search(r"\de-0[1-4]\b", text))


def refuse_false(sentences: list[str]) -> None:
    assert sentences
    faults = [(why, text) for text in sentences for why, pattern in FALSE.items() if re.search(pattern, text)]
    assert faults == []
    assert [text for text in sentences if mixed(text)] == []
    assert [text for text in sentences if not text.rstrip().endswith((".", "?"))] == []


@pytest.mark.parametrize("study", SIZES, ids=lambda study: study_in(study).name)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_sentence_is_false_of_a_function(study: ModuleType, name: str) -> None:
    if name not in KNOWN and study in (analytical_vs_numerical, precision):
        pytest.skip("needs an expression")
    refuse_false(list(both(study, study.Config(function=(dk.Problem(*FUNCTIONS[name]),), **SIZES[study]))))


@pytest.mark.parametrize("study", [tangents, delta_sweep, which_delta], ids=lambda study: study_in(study).name)
@pytest.mark.parametrize("delta", [(1e-4,), (1e-4, 1e-8)])
def test_no_sentence_is_false_of_few_deltas(study: ModuleType, delta: tuple[float, ...]) -> None:
    size = {"deltas": 9} if study is which_delta else {"delta": delta}
    problems = tuple(dk.Problem(*FUNCTIONS[name]) for name in ("parabola", "kink"))
    refuse_false(list(both(study, study.Config(function=problems, **size))))


@pytest.mark.parametrize("study", OTHERS, ids=lambda study: study_in(study).name)
def test_no_sentence_of_another_study_is_false(study: ModuleType) -> None:
    refuse_false(list(both(study, study.Config(**OTHERS[study]))))


@pytest.mark.parametrize(
    "text",
    [
        "The error is 1.0e-04.", "It is 1.3e+00.", "All 1 errors lie below.", "0 of 1 points differ.", "18 of 18 are.",
        "It is within 4.9e-324 of 0.", "forward_1 gets no lower than 0.", "It comes to f'(x) = 2.", "2 and nan.",
        "It lies at 0.0001 and 1e-03.", "It ends",
    ],
)  # fmt: skip
def test_false_sentences_are_found(text: str) -> None:
    with pytest.raises(AssertionError):
        refuse_false([text])
