"""What studies say and what is written below their figures, of functions that are no ordinary ones: no false words."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import quick
from families import built
from families import rows as rows_of
from omegaconf import OmegaConf
from studies import gathered

import derivkit as dk
from experiments import figures
from experiments.running import composition
from experiments.running.run_figures import figures_of
from experiments.studies import (
    analytical_vs_numerical,
    brute_force,
    chapter,
    convergence,
    delta_sweep,
    derivations,
    diagnose,
    expression_swell,
    gradient_check,
    honesty,
    network_gradient,
    noise,
    per_sample,
    precision,
    tangents,
    training,
    where_it_breaks,
    which_delta,
    worksheet,
)
from experiments.study import study_in

ROOT = Path(__file__).resolve().parents[3]
MAX_FINDINGS = 12
"""Of a preset as it comes; of many functions one more for each."""
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
TINY = dk.Network((4, 3, 2), name="tiny")


def families(name: str, count: int) -> Any:
    """The first functions of a population."""
    return built(dict(itertools.islice(rows_of(name).items(), count)))


OTHERS: list[tuple[ModuleType, dict[str, Any]]] = [
    (brute_force, {"network": (TINY,), "divide": (1,), "samples": (1, 2), "part": 2, "repeats": 1}),
    (chapter, {"samples": 4, "features": 4, "repeats": 1}),
    (derivations, {"expression": ("x", "x^2", "7")}),
    (derivations, {"expression": ("x*sin(x)/x",)}),
    (diagnose, {"expression": ("x^2",), "answer": ("2*x",)}),
    (diagnose, {"expression": ("x^3",), "answer": ("3*x^2", "x^2", "3*x")}),
    (expression_swell, {"depth": (2, 3), "family": ("product",)}),
    (gradient_check, {"activations": ("tanh",)}),
    (gradient_check, {"activations": ("relu",), "kinds": ("factor",), "correct": 1}),
    (honesty, {"population": families("tuning", 2), "points": 3}),
    (honesty, {"population": families("tuning", 1), "points": 1}),
    (honesty, {"population": families("no_derivative", 2), "points": 2}),
    (network_gradient, {"network": (TINY,)}),
    (noise, {"population": families("noisy", 2)}),
    (noise, {"population": families("noisy", 1), "points": 1, "levels": (1e-6,)}),
    (per_sample, {"network": (TINY,), "samples": 8, "steps": (0, 2), "draws": 20}),
    (training, {"network": (TINY,)}),
    (training, {"network": (TINY,), "method": ("central_2",), "delta": (1e-5,), "steps": 2}),
    (worksheet, {"operations": ("sin", "exp")}),
    (where_it_breaks, {"case": ("kink", "saturated")}),
]
"""Studies of other things, each at a size that takes a few seconds at most, some at one with a single point."""
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
    "a plural of 1": r"\b(?:[Aa]ll|[Bb]oth) [12]\b|(?<!of )\b1 (?:errors|points|cases|values|sweeps|rows|slopes|steps"
    r"|mistakes|functions|calls|goals)\b",
    "one of one": r"\b(\d+) of \1\b",
    "none of many": r"\b0 of \d",
    "the least float": r"4\.9e-324",
    "no number": r"\b(?:nan|None|infx?)\b",
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
@pytest.mark.parametrize("name", quick.part(FUNCTIONS))
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


@pytest.mark.parametrize(("study", "size"), OTHERS, ids=lambda value: getattr(value, "__name__", "").rpartition(".")[2])
def test_no_sentence_of_another_study_is_false(study: ModuleType, size: dict[str, Any]) -> None:
    refuse_false(list(both(study, study.Config(**size))))


@pytest.mark.parametrize("study", SIZES, ids=lambda study: study_in(study).name)
def test_of_many_functions_few_findings_are_told(study: ModuleType) -> None:
    problems = tuple(dk.Problem(*FUNCTIONS[name]) for name in FUNCTIONS if name in KNOWN)
    columns = gathered(study, study.Config(function=problems, **SIZES[study]))
    assert 1 <= len(columns["findings"]["finding"]) <= MAX_FINDINGS + len(problems)


def test_no_preset_tells_more_than_a_screen_of_findings() -> None:
    """Counted where all presets are held, at the size that each has there."""
    cases = json.loads((ROOT / "tests/yardstick.json").read_text(encoding="utf-8"))["cases"]
    counts = {
        case: table["rows"] for case, held in cases.items() for name, table in held["tables"].items()
        if name.endswith("findings")
    }  # fmt: skip
    assert len(counts) > 20
    assert {case: count for case, count in counts.items() if count > MAX_FINDINGS} == {}


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
