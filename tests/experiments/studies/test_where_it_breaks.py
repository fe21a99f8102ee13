"""The study of where derivatives break: every verdict, and what no method can see."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from derivkit.testing import BREAKS, VERDICTS, Answer
from experiments import figures, run
from experiments.running.run_figures import figures_of
from experiments.studies import where_it_breaks as study
from experiments.studies.where_it_breaks import NAMES, Config
from experiments.study import Tables, frames

PRESET = Path(__file__).resolve().parents[3] / "conf/experiment/where_it_breaks.yaml"


def tables(*names: str) -> Tables:
    """What a run over these cases computes and concludes."""
    gathered = Tables({})
    gathered.update(frames(study.measure(Config(case=names))))
    gathered.update(frames(study.conclude(gathered)))
    return gathered


@pytest.fixture(scope="module")
def everything() -> Tables:
    """A run over all cases."""
    return tables(*BREAKS)


def verdict_on(found: Tables, case: str, method: str) -> str:
    return str(found[study.Matrix].set_index("case").loc[case, method])


def test_every_verdict_appears_and_is_counted(everything: Any) -> None:
    summary = everything[study.Summary]
    assert all(summary[kind].sum() > 0 for kind in VERDICTS)
    assert np.all(summary[list(VERDICTS)].sum(axis=1) == len(BREAKS))
    assert summary["method"].tolist() == list(NAMES)


def test_what_no_values_can_show_is_silently_wrong_for_all_who_ask_for_values(everything: Any) -> None:
    for case in study.INVISIBLE:
        silent = {name for name in NAMES if verdict_on(everything, case, name) == "silently wrong"}
        assert silent == set(NAMES) - {"complex_step", study.ALONE}
        assert verdict_on(everything, case, study.ALONE) == "right"


def test_elsewhere_our_own_answer_is_never_silently_wrong(everything: Any) -> None:
    seen = [name for name in BREAKS if name not in study.INVISIBLE]
    assert [name for name in seen if verdict_on(everything, name, study.OURS) == "silently wrong"] == []


def test_a_method_that_lies_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {**study.ANSWERS, study.OURS: lambda f, x: Answer(value=0.25, bar=1e-15, status="ok")}
    monkeypatch.setattr(study, "ANSWERS", answers)
    found = tables("smooth", "kink")
    assert {verdict_on(found, name, study.OURS) for name in ("smooth", "kink")} == {"silently wrong"}
    assert any("dk.derivative is silently wrong in smooth" in text for text in study.tell(found))


def test_the_figures_of_the_preset_are_the_cases_and_each_has_its_lesson(everything: Tables) -> None:
    preset: Any = OmegaConf.to_container(OmegaConf.load(PRESET), resolve=True)
    drawn = figures_of(preset["figures"])
    assert list(drawn) == preset["case"] == list(BREAKS)
    assert everything[study.Lesson]["figure"].tolist() == list(BREAKS)
    for name, brief in drawn.items():
        spec = figures.completed(brief, {"pictures": study.Pictures})
        assert len(figures.draw({"pictures": everything[study.Pictures]}, spec).axes) == len(BREAKS[name].views)


def test_a_lesson_tells_the_truth_in_few_words_and_what_every_method_says_stands_beside_its_picture(
    everything: Any, tmp_path: Any
) -> None:
    for text in everything[study.Lesson]["text"]:
        assert " The derivative is " in text or " There is no derivative. " in text
        assert " dk.derivative: " in text
        assert len(text.split()) < 75
    words = [
        "experiment=where_it_breaks",
        "case=[kink,edge]",
        "figures.formats=[svg]",
        f"hydra.sweep.dir={tmp_path}/run",
    ]
    assert run.main(words) == 0
    page = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    beside = re.findall(r'<table class="beside-(\d)">.*?<tbody>(.*?)</tbody>', page, flags=re.DOTALL)
    assert [number for number, _ in beside] == ["1", "2"]
    for _, rows in beside:
        assert re.findall(r"<tr><td>(.*?)</td>", rows) == list(NAMES)


def test_the_number_of_rows_is_the_number_promised() -> None:
    assert len(tables("smooth", "edge")[study.Table]) == Config(case=("smooth", "edge")).rows == 2 * len(NAMES)


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ((), "case=[]: no case"),
        (("kinks",), "case=kinks: there are "),
        (("kink", "kink"), "one of them is there twice"),
    ],
)
def test_a_bad_configuration_is_refused_in_one_line(case: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        Config(case=case)
    assert says in str(caught.value)
