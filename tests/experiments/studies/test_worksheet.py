"""The sheet of tasks: every answer is checked here by other means, the seed says all, and the key stands apart."""

from __future__ import annotations

import functools
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quick
from studies import gathered

import derivkit as dk
from experiments import run
from experiments.studies import worksheet as study
from experiments.studies.worksheet import Config
from experiments.study import NEW_SHEET

SIZE: dict[str, Any] = {
    "operations": ("sin", "cos", "exp", "log", "sqrt"), "tasks": 7, "slopes": 6, "mistakes": 3,
}  # fmt: skip
POINTS = (0.7, 1.3)


@functools.cache
def sheet(seed: int) -> tuple[study.Task, ...]:
    return Config(**SIZE, seed=seed).every_task


def value(text: str, x: float) -> float:
    return float(dk.Function.from_expression(text)(x))


def quotient(text: str, f: dk.Function) -> float:
    """A quotient as a task writes it, with the values of f in the places of f(...)."""
    return dk.constant(re.sub(r"f\(([^()]*)\)", lambda found: repr(float(f(dk.constant(found[1])))), text))


def right_side(text: str) -> str:
    """A formula behind the last sign of equality, as it stands on paper, in the signs that are typed."""
    return text.rpartition("= ")[2].replace("·", "*").replace("√x", "sqrt(x)").replace("√", "sqrt")


@pytest.mark.parametrize("seed", quick.part(range(4)))
def test_every_derivative_of_the_key_is_that_of_its_task(seed: int) -> None:
    for task in sheet(seed):
        if task.kind != study.ESTIMATE:
            f = dk.Function.from_expression(task.expression)
            claimed = str(dk.parse(right_side(task.answer), implicit=True))
            for x in POINTS:
                assert f.derivative(x).value == pytest.approx(value(claimed, x), rel=1e-9)


@pytest.mark.parametrize("seed", quick.part(range(4)))
def test_every_slope_is_the_quotient_with_an_error_that_theory_allows(seed: int) -> None:
    for task in sheet(seed):
        if task.kind == study.ESTIMATE:
            name, order, reach = ("central_2", 3, 1.0) if " - 0" in task.task else ("forward_1", 2, 0.0)
            f = dk.Function.from_expression(task.expression)
            assert task.estimate == pytest.approx(float(dk.difference(f, task.x, task.delta, formula=name)), rel=1e-9)
            assert task.exact == pytest.approx(f.derivative(task.x).value, rel=1e-9)
            steepest = max(
                abs(dk.exact(task.expression, task.x + k * task.delta, order=order).value)
                for k in np.linspace(-reach, 1.0, 21)
            )
            largest = steepest * task.delta ** (order - 1) / math.factorial(order)
            assert task.error == abs(task.estimate - task.exact) <= largest * (1 + 1e-3)
            assert quotient(task.task.split(": ")[1], f) == pytest.approx(task.estimate, rel=1e-6)


@pytest.mark.parametrize("seed", quick.part(range(4)))
def test_a_wrong_derivative_is_wrong_and_its_one_rule_is_in_the_key(seed: int) -> None:
    for task in sheet(seed):
        if task.kind == study.FIND:
            answer = dk.parse(right_side(task.task), implicit=True)
            found = dk.diagnose(task.expression, answer)
            assert (found.verdict, found.rules) == (dk.Judgement.BROKEN, (task.rule,))
            assert task.answer.startswith(task.rule)
            assert any("≠" in line and task.rule in line for line in task.lines)


def test_the_same_seed_gives_the_same_sheet_and_another_another() -> None:
    one, same, other = (gathered(study, Config(**SIZE, seed=seed)) for seed in (1, 1, 2))
    for name, table in one.items():
        for column, values in table.items():
            np.testing.assert_array_equal(values, same[name][column], err_msg=f"{name}.{column}")
    assert list(one["table"]["task"]) != list(other["table"]["task"])
    assert len(set(one["table"]["expression"])) == len(one["table"]["task"]) == Config(**SIZE).rows


def test_functions_of_ones_own_come_first() -> None:
    found = Config(expression=("x^2*exp(x)", "tan(x)"), tasks=3).every_task
    assert [task.expression for task in found[:2]] == ["x^2*exp(x)", "tan(x)"]


def test_the_tasks_do_not_tell_the_answers_and_the_key_stands_on_a_sheet_of_its_own() -> None:
    found = gathered(study, Config(**SIZE))
    lines = list(found["printed"]["line"])
    place = lines.index(NEW_SHEET)
    sheet, key = "\n".join(lines[:place]), "\n".join(lines[place + 1 :])
    for task, answer in zip(found["table"]["task"], found["table"]["answer"], strict=True):
        assert str(task) in sheet
        assert str(answer) not in sheet
        assert str(answer) in key
    assert not any(str(answer) in " ".join(found["findings"]["finding"]) for answer in found["table"]["answer"])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"operations": ()}, "operations=[]: at least one is needed"),
        ({"operations": ("sine",)}, "operations=sine: 'sine(x)' at column 1: unknown function 'sine'"),
        ({"operations": ("max",)}, "operations=max: 'max(x)' at column 1: max takes 2 or more arguments"),
        ({"operations": ("sin",), "tasks": 20, "slopes": 20}, "too few for so many tasks"),
        ({"operations": ("asin",), "tasks": 0, "slopes": 5}, "is no task; write a function that is smooth there"),
        ({"tasks": 21}, "tasks=21: a sheet has at most 20 of them"),
        ({"tasks": 0, "slopes": 0, "mistakes": 0}, "a sheet without a task; write tasks=6"),
        ({"seed": -1}, "seed=-1: must be at least 0"),
        ({"level": "long"}, "level=long: there are full, normal, brief"),
        ({"expression": ("sin(t)",)}, "expression=sin(t): a sheet has functions of x; write x for t"),
        ({"expression": ("2x",)}, "expression=2x: '2x' at column 2: a multiplication sign is missing"),
        ({"expression": ("7",), "tasks": 0, "slopes": 0}, "expression=7: "),
    ],
)
def test_what_makes_no_sheet_is_refused_in_one_line(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        Config(**{**SIZE, **changes})
    assert says in str(caught.value)


def test_the_page_has_a_block_for_every_sheet_and_the_text_a_form_feed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run.main(["experiment=worksheet", "tasks=2", "hydra.sweep.dir=run"]) == 0
    tasks_sheet, key = re.findall(
        r'<pre class="printed"[^>]*><code>(.*?)</code></pre>', (tmp_path / "run/report.html").read_text(), re.DOTALL
    )
    assert tasks_sheet.startswith("Tasks\n")
    assert key.startswith("Key\n")
    assert "\f" not in capsys.readouterr().out
    assert (tmp_path / "run/printed.txt").read_text().split("\f\n")[1].startswith("Key\n")
