"""What the Tab key offers, to each shell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import laboratory
import pytest

from experiments import completion as command
from experiments.running import catalog
from experiments.running.completion import candidates

RUN = "derivative-lab run "


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("derivative-lab com", ["compare ", "completion "]),
        (f"{RUN}experiment=de", ["experiment=delta_sweep ", "experiment=derivations "]),
        (f"{RUN}der", ["derivative="]),
        (f"{RUN}experiment=derivations no", ["notation="]),
        (f"{RUN}method=forward_1,central_", [f"method=forward_1,central_{order} " for order in (2, 4, 6, 8)]),
        (f"{RUN}'method=[forward_1,central_", [f"method=[forward_1,central_{order}" for order in (2, 4, 6, 8)]),
        (f"{RUN}network=ti", ["network=tiny ", "network=tiny_tanh "]),
        (f"{RUN}estimator=ri", ["estimator=richardson ", "estimator=ridders "]),
        (f"{RUN}function=sin ", None),
        (f"{RUN}'expression=sin(x", []),
        (f"{RUN}--res", ["--resolve ", "--resume "]),
        ("derivative-lab compare --fail", ["--fail-on-change "]),
        ("derivative-lab check gr", ["gradient="]),
        ("derivative-lab check fail=", ["fail=true ", "fail=false "]),
        ("derivative-lab runs del", ["delta_sweep "]),
        ("derivative-lab nonsense --", ["--help "]),
    ],
)
def test_the_last_word_is_completed(line: str, offered: list[str] | None):
    answer = candidates(line)
    if offered is None:
        assert "delta=" in answer
        assert "function=" not in answer
    else:
        assert answer == offered


def test_functions_of_your_own_directory_are_offered_too(tmp_path: Path):
    (tmp_path / "function").mkdir()
    (tmp_path / "function/my_wave.yaml").write_text("my_wave: {expression: sin(x)}\n")
    assert candidates(f"{RUN}--config-dir {tmp_path} function=my_w") == ["function=my_wave "]


def test_runs_are_offered_by_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LAB_OUTPUTS", str(tmp_path / "none"))
    assert candidates("derivative-lab rerun la") == []
    (tmp_path / "none").mkdir()
    assert candidates("derivative-lab rerun la") == ["latest ", "latest~1 "]


@pytest.mark.parametrize("study", catalog.options("experiment"))
def test_the_keys_of_every_study_are_offered(study: str):
    offered = candidates(f"{RUN}experiment={study} ")
    assert {f"{key}=" for key in catalog.keys(study) if key != "figures"} <= set(offered)


@pytest.mark.parametrize("shell", command.SCRIPTS)
def test_there_is_a_script_for_each_shell(shell: str, capsys: Any):
    assert command.main([shell]) == 0
    assert f"derivative-lab completion {shell} --line" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (f"{RUN}function=sin_fa", ["sin_far ", "sin_fast "]),  # bash begins a word after the sign
        (f"{RUN}'method=[central_6,forward_8", []),
        (f"{RUN}'method=[central_6,forward_", [f"method=[central_6,forward_{order}" for order in range(1, 9)]),
    ],
)
def test_bash_inserts_what_follows_the_sign(line: str, reply: list[str]):
    words = f'derivative-lab() {{ "{sys.executable}" -m experiments "$@"; }}; COMP_LINE="$1" COMP_POINT=${{#1}}'
    script = f'{command.BASH}\n{words}; _derivative_lab; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "-c", script, "bash", line], capture_output=True, text=True, check=True, env=laboratory.environment()
    )
    assert [answer for answer in done.stdout.splitlines() if answer] == reply


def test_completion_imports_neither_hydra_nor_the_mathematics():
    heavy = "{'hydra', 'pandas', 'matplotlib', 'numpy', 'pyarrow'} & set(sys.modules)"
    answer = "completion.main(['bash', '--line', 'x run f'])"
    code = f"import sys; from experiments import completion; {answer}; print({heavy})"
    done = laboratory.python("-c", code, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
