"""What somebody else wrote says what is computed, and names no code, no place and no secret."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import pytest
import quick

from experiments import rerun, run
from experiments.messages import ConfigurationError
from experiments.running import trust

SMALL = ("function=sin", "method=central_2", "delta=1e-3", "figures.draw=null")
OWN = "import pathlib\n\npathlib.Path('imported').touch()\n\n\ndef f(x):\n    return x * x\n"

pytestmark = pytest.mark.usefixtures("place")


def preset(place: Path, hydra: Any, **more: Any) -> list[str]:
    """The words of a run by somebody's preset with settings of Hydra."""
    (place / "experiment").mkdir(exist_ok=True)
    content = {"defaults": ["delta_sweep", "_self_"], "hydra": hydra, **more}
    (place / "experiment/mine.yaml").write_text(f"# @package _global_\n{json.dumps(content)}")
    return ["--config-dir", str(place), "experiment=mine", *SMALL]


def handler(**spec: Any) -> dict[str, Any]:
    return {"version": 1, "root": {"handlers": ["a"]}, "handlers": {"a": spec}}


FORGETTING = "hydra_plugins.derivative_lab.forgetting.Forgetting"
EVIL: dict[str, Any] = {
    "a callback": {"callbacks": {"evil": {"_target_": "os.system", "command": "touch owned"}}},
    "a callback of the library": {"callbacks": {"evil": {"_target_": "sympy.sympify", "a": "1"}}},
    "a pickle": {"callbacks": {"evil": {"_target_": "numpy.load", "file": "x.npy", "allow_pickle": True}}},
    "a target within a callback": {"callbacks": {"evil": {"_target_": FORGETTING, "a": {"_target_": "a.b"}}}},
    "a target in a list": {"callbacks": {"evil": {"a": [[{"_target_": "shutil.copyfile"}]]}}},
    "a launcher": {"launcher": {"_target_": "evil.Launcher"}},
    "a sweeper": {"sweeper": {"_target_": "evil.Sweeper"}},
    "a sampler": {"sweeper": {"sampler": {"_target_": "evil.Sampler"}}},
    "a target of the environment": {"launcher": {"_target_": "${oc.env:EVIL}"}},
    "a mapping that is made": {"callbacks": {"evil": "${oc.create:'{_target_: os.system}'}"}},
    "a mapping that is decoded": {"callbacks": {"evil": "${oc.decode:${oc.env:EVIL}}"}},
    "callbacks that are made": {"callbacks": "${oc.create:'{a: {_target_: os.system}}'}"},
    "a resolver by a name that is made": {"callbacks": {"evil": "${oc.${x}:1}"}},
    "a handler": {"job_logging": handler(**{"class": "logging.handlers.SMTPHandler"})},
    "a factory": {"hydra_logging": handler(**{"()": "os.system", "command": "touch owned"})},
    "a file": {"job_logging": handler(**{"class": "logging.FileHandler", "filename": "/tmp/owned"})},
    "an attribute": {"job_logging": handler(**{"class": "logging.StreamHandler", "stream": "ext://evil.stream"})},
    "a name that is a path": {"job": {"name": "../../owned"}},
    "a command of the shell": {"launcher": {"setup": ["touch owned"]}},
    "packages to be installed": {"launcher": {"ray": {"init": {"runtime_env": {"pip": ["evil"]}}}}},
}


@pytest.mark.parametrize("name", EVIL)
def test_a_configuration_of_somebody_else_names_no_code(name: str):
    with pytest.raises(ConfigurationError, match="add --allow-targets if you trust whoever wrote it") as refused:
        trust.refuse_targets({"delta": [1.0], "hydra": EVIL[name]})
    assert str(refused.value).startswith("hydra.")


def test_what_the_laboratory_is_tried_with_is_taken():
    for target in trust.TARGETS:
        trust.refuse_targets({"hydra": {"launcher": {"_target_": target}}})
    trust.refuse_targets({"hydra": {"launcher": {"setup": ["module load"]}}}, typed=["hydra.launcher.setup"])
    log = handler(**{"class": "logging.FileHandler", "filename": trust.LOG_FILE})
    trust.refuse_targets({"hydra": {"job_logging": log, "sweeper": {"params": {"delta": "${logspace:-8,-1,8}"}}}})


def test_a_target_of_the_study_itself_is_refused_too():
    with pytest.raises(ConfigurationError, match=r"^function.f._target_=os.system: "):
        trust.refuse_targets({"function": {"f": {"_target_": "os.system"}}})


@pytest.mark.parametrize("words", quick.part([[], ["--cfg", "job"], ["--info", "config"], ["--hydra-help"]]), ids=str)
def test_a_preset_is_refused_before_anything_it_names_runs(words: list[str], place: Path, capsys: Any):
    (place / "evil.py").write_text("import pathlib\n\npathlib.Path('owned').touch()\n")
    typed = preset(place, {"callbacks": {"evil": {"_target_": "evil.Callback"}}})
    assert run.main([*typed, *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "hydra.callbacks.evil._target_=evil.Callback: " in err
    assert sorted(path.name for path in place.iterdir()) == ["evil.py", "experiment"]


def test_a_default_that_a_sweep_replaces_is_not_even_composed(place: Path, capsys: Any):
    (place / "function").mkdir()
    text = "# @package _global_\nhydra: {callbacks: {evil: {_target_: evil.Callback}}}\n"
    (place / "function/evil.yaml").write_text(text)
    words = preset(place, {}, defaults=["delta_sweep", {"override /function": "evil"}, "_self_"])
    assert run.main(["function=sin,exp" if word == "function=sin" else word for word in words]) == 0
    assert run.main(["function=evil" if word == "function=sin" else word for word in words]) == 2
    assert "hydra.callbacks.evil._target_=evil.Callback: " in capsys.readouterr().err


def test_code_runs_when_it_is_asked_for_and_resuming_asks_again(place: Path, capsys: Any, module_path: Path):
    (module_path / "mycallback.py").write_text(
        "import pathlib\n\nfrom hydra.experimental.callback import Callback\n\n\nclass Mine(Callback):\n"
        "    def __init__(self):\n        pathlib.Path('made').touch()\n"
    )
    words = preset(place, {"callbacks": {"mine": {"_target_": "mycallback.Mine"}}})
    assert run.main([*words, "--allow-targets", "hydra.sweep.dir=run"]) == 0
    (place / "made").unlink()
    capsys.readouterr()
    assert run.main(["--resume", "run"]) == 2
    assert "add --allow-targets" in capsys.readouterr().err
    assert not (place / "made").exists()
    assert run.main(["--resume", "run", "--allow-targets"]) == 0
    assert (place / "made").exists()


# Records


@pytest.fixture
def whole(place: Path) -> Path:
    (place / "own.py").write_text(OWN)
    words = ["python=own:f", "expression=x*x", *SMALL[1:], f"hydra.sweep.dir={place}/run"]
    assert run.main(words) == 0
    (place / "imported").unlink(missing_ok=True)
    return place / "run"


def edit(directory: Path, **changes: Any) -> None:
    record = json.loads((directory / "run.json").read_text())
    (directory / "run.json").write_text(json.dumps({**record, **changes}))


@pytest.mark.parametrize("command", ["rerun", "resume"])
def test_modules_that_a_foreign_record_names_are_told(command: str, whole: Path, capsys: Any):
    for host, told in ((platform.node(), False), ("elsewhere", True)):
        edit(whole, host=host)
        capsys.readouterr()
        assert (rerun.main([str(whole)]) if command == "rerun" else run.main(["--resume", str(whole)])) == 0
        err = capsys.readouterr().err
        assert ("was made on elsewhere, and its record has code imported from" in err) == told
        assert ("own:f" in err) == told
    assert json.loads((whole / "run.json").read_text())["host"] == "elsewhere"


@pytest.mark.parametrize("cwd", quick.part(["", None, ".", 3, "elsewhere"], every=3))
def test_nothing_is_imported_for_a_record_that_does_not_say_where_it_was_typed(cwd: Any, whole: Path, capsys: Any):
    edit(whole, cwd=cwd)
    capsys.readouterr()
    assert rerun.main([str(whole)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not Path("imported").exists()


@pytest.mark.parametrize("experiment", quick.part(["/elsewhere", "../elsewhere", "a/../../b", "", "a\nb"], every=3))
def test_a_record_does_not_say_where_its_repetition_is_written(experiment: str, whole: Path, place: Path, capsys: Any):
    edit(whole, experiment=experiment)
    before = sorted(place.rglob("*"))
    assert rerun.main([str(whole)]) == 2
    assert "run.json is damaged: experiment is" in capsys.readouterr().err
    assert sorted(place.rglob("*")) == before


def test_a_module_that_a_preset_names_is_told(place: Path, capsys: Any):
    (place / "own.py").write_text(OWN)
    words = [word for word in preset(place, {}, python="own:f", expression="x*x") if not word.startswith("function=")]
    assert run.main(words) == 0
    assert "a preset has code imported from" in capsys.readouterr().err


# Secrets


@pytest.mark.parametrize(
    "text",
    quick.part(
        ["${oc.env:TOKEN}", "a ${oc.env:TOKEN} b", "${oc.decode:${oc.env:TOKEN}}", "${oc.env:TOKEN,none}", "${x.y}"]
    ),
)
def test_a_secret_of_the_environment_is_written_nowhere(
    text: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
):
    monkeypatch.setenv("TOKEN", "verysecret42")
    (place / "function").mkdir()
    told = text if text != "${x.y}" else "${function.mine.source}"
    function = {"expression": "x*x", "points": [1.0], "reason": told, "source": "${oc.env:TOKEN}"}
    (place / "function/mine.yaml").write_text(json.dumps({"mine": function}))
    assert run.main(["--config-dir", str(place), "function=mine", *SMALL[1:]]) == 0
    said = "".join(capsys.readouterr())
    files = [path.read_bytes() for path in (place / "outputs").rglob("*") if path.is_file()]
    assert files
    assert not [one for one in (said.encode(), *files) if b"verysecret42" in one]
    (record,) = (place / "outputs").rglob("run.json")
    assert "${oc.env:TOKEN}" in json.loads(record.read_text())["jobs"][0]["configuration"]["function"]["mine"]["reason"]


def test_a_study_is_not_computed_from_the_environment(monkeypatch: pytest.MonkeyPatch, capsys: Any):
    monkeypatch.setenv("STEP", "0.001")
    assert run.main([*SMALL[:2], "delta=${oc.env:STEP}"]) == 2
    err = capsys.readouterr().err
    assert "${oc.env:STEP}: a study does not read the environment" in err
    assert os.environ["STEP"] not in err
