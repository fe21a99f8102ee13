"""Other tools in processes of their own: nothing that a tool does stops who asks, and what it breaks is said."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import quick

import derivkit as dk
from experiments.peers import apart, formula_in
from experiments.peers.apart import AbsentError, Estimator, Tool, ToolError

TOOLS = """
import math, os, signal, sys, time

def central(f, x):
    return (f(x + 1e-5) - f(x - 1e-5)) / 2e-5, 1e-9

def value_alone(f, x):
    return central(f, x)[0]

def says_no(f, x):
    return (*central(f, x), x > 2.0)

def complex_step(f, x):
    return f(x + 1e-20j).imag / 1e-20, 1e-15

def of_arrays(f, x):
    import numpy as np
    right, left = f(x + np.array([1e-5, -1e-5]))
    return (right - left) / 2e-5, 1e-9

def prints(f, x):
    print("a number:", x, flush=True)
    os.write(1, b"past Python, too")
    os.write(2, b"and where errors go")
    return central(f, x)

def bad_at_two(what):
    def tool(f, x):
        return what(f, x) if x == 2.0 else central(f, x)
    return tool

def eats(f, x):
    kept = []
    while True:
        kept.append(bytearray(2**30))

def leaves(f, x):
    sys.exit(3)

hangs = bad_at_two(lambda f, x: time.sleep(1000))
kills_itself = bad_at_two(lambda f, x: os.kill(os.getpid(), signal.SIGKILL))
crashes = bad_at_two(lambda f, x: os.abort())
eats_memory = bad_at_two(eats)
exits = bad_at_two(leaves)
raises = bad_at_two(lambda f, x: 1 / 0)
refuses = bad_at_two(lambda f, x: (_ for _ in ()).throw(NotImplementedError("not at 2")))
infinite = bad_at_two(lambda f, x: (math.inf, 0.0))
text = lambda f, x: "0.54"
text_late = bad_at_two(lambda f, x: "0.54")
needs = lambda f, x: __import__("a_tool_that_nobody_has")
no_function = 1.0
"""
SINE = dk.Function.from_expression("sin(x)")
CASES = {
    "hangs": ("hung", "no answer within 0.5 s"),
    "kills_itself": ("killed", "SIGKILL"),
    "crashes": ("killed", "SIGABRT"),
    "eats_memory": ("raised", "MemoryError"),
    "exits": ("killed", "exit status 3"),
    "raises": ("raised", "ZeroDivisionError"),
    "refuses": ("refused", "not at 2"),
    "infinite": ("not_finite", "no finite value"),
    "text_late": ("raised", "'0.54'"),
}


Running = Callable[..., Estimator]


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    (tmp_path / "my_tools.py").write_text(TOOLS)
    monkeypatch.chdir(tmp_path)
    begun: list[Estimator] = []

    def begin(name: str, **changes: Any) -> Estimator:
        known: dict[str, Any] = {"name": name, "call": f"my_tools:{name}", "source": "a test", "install": "my-tools"}
        begun.append(Estimator(Tool(**{**known, **changes})))
        return begun[-1]

    yield begin
    for process in begun:
        process.close()


def test_a_tool_is_asked_at_every_point_and_its_values_of_f_are_counted_here(running: Running) -> None:
    asked = []

    def sine(x: np.ndarray) -> np.ndarray:
        asked.extend(np.atleast_1d(x).tolist())
        return np.sin(x)

    tool, x = running("central"), np.array([[0.5, 1.0], [2.0, 3.0]])
    replies = tool(dk.Function.from_callable(sine, name="sine", vectorized=True), x)
    assert replies.value.shape == x.shape
    np.testing.assert_allclose(replies.value, np.cos(x), atol=1e-9)
    assert (replies.error == 1e-9).all()
    assert set(replies.status.ravel()) == {"ok"}
    assert (replies.evaluations == 2).all()
    assert replies.total == 8
    assert sorted(asked) == sorted([*(x + 1e-5).ravel().tolist(), *(x - 1e-5).ravel().tolist()])
    assert (replies.seconds > 0.0).all()


@pytest.mark.parametrize("name", ["complex_step", "of_arrays", "prints"])
def test_a_tool_may_ask_for_complex_values_and_for_arrays_and_may_print(
    name: str, running: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    tool = running(name)
    reply = tool.ask(dk.Function.from_expression("sin(x)"), 1.0)
    assert reply.value == pytest.approx(np.cos(1.0), abs=1e-9)
    assert capfd.readouterr() == ("", "")


def test_what_a_tool_says_of_its_success_is_kept(running: Running) -> None:
    tool = running("says_no")
    assert tool(SINE, [1.0, 3.0]).status.tolist() == ["not_ok", "ok"]


def test_f_is_not_asked_outside_its_domain(running: Running) -> None:
    tool, f = running("central"), dk.Function.from_expression("sqrt(x)", domain=(1, None))
    assert tool(f, [1.0, 2.0]).status.tolist() == ["not_finite", "ok"]


@pytest.mark.parametrize("name", quick.part(CASES))
def test_whatever_a_tool_does_costs_that_call_alone(name: str, running: Running) -> None:
    status, words = CASES[name]
    tool = running(name, seconds=0.5 if name == "hangs" else 60.0)
    replies = tool(SINE, [1.0, 2.0, 3.0])
    assert replies.status.tolist() == ["ok", status, "ok"]
    assert words in replies.message[1]
    assert np.isfinite(replies.value).tolist() == [True, False, True]


def test_a_process_ends_with_who_asks(running: Running) -> None:
    tool = running("central")
    tool.ask(dk.Function.from_expression("x"), 1.0)
    child = tool._child
    tool.close()
    assert child is not None
    assert child.poll() is not None


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        (
            {"name": "needs"},
            AbsentError,
            "needs is not installed (No module named 'a_tool_that_nobody_has'); pip install",
        ),
        ({"name": "nothing"}, ToolError, "my_tools:nothing is no function: my_tools has no 'nothing'"),
        ({"name": "no_function"}, ToolError, "my_tools has no 'no_function' that can be called"),
        ({"call": "nowhere:central"}, ToolError, "nowhere:central cannot be found: No module named 'nowhere'"),
        ({"name": "text"}, ToolError, "gives '0.54', where (value, bar) is promised"),
        ({"name": "text", "bar": False}, ToolError, "gives '0.54', where numbers are promised"),
        ({"name": "value_alone"}, ToolError, "(value, bar) is promised; give both, or write bar: false"),
    ],
)
def test_a_tool_that_is_not_there_or_not_as_described_is_named_in_a_line(
    changes: dict[str, Any], error: type[Exception], words: str, running: Running
) -> None:
    tool = running(**{"name": "central", **changes})
    with pytest.raises(error) as raised:
        tool(SINE, [1.0])
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_bar_that_is_not_promised_is_not_taken(running: Running) -> None:
    tool = running("value_alone", bar=False)
    reply = tool.ask(dk.Function.from_expression("exp(x)"), 0.0)
    assert (reply.status, np.isnan(reply.error)) == ("ok", True)


def test_a_tool_of_another_environment_is_asked_there_and_a_missing_one_is_named(running: Running) -> None:
    code = "import sys\n\ndef where(f, x):\n    assert 'experiments' not in sys.modules\n    return f(x), 0.5\n"
    assert running("central").ask(SINE, 1.0).status == "ok"
    Path("alone").mkdir()
    Path("alone/apart_alone.py").write_text(code)
    tool = running("where", call="apart_alone:where", interpreter=sys.executable)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(apart, "ALONE", Path("alone").absolute())
        assert tool.ask(SINE, 1.0).value == pytest.approx(np.sin(1.0))
    absent = running("where", interpreter=".venv-nowhere/bin/python")
    with pytest.raises(AbsentError, match=r"there is no \.venv-nowhere/bin/python; python -m venv \.venv-nowhere && "):
        absent.ask(SINE, 1.0)


TABLE = {
    "max": "max(x, 1)", "min": "min(x, 1)", "cot": "cot(x)", "sech": "sech(x)", "power": "x^x", "atan": "atan(x)",
    "sigmoid": "sigmoid(x)",
}  # fmt: skip


@pytest.mark.parametrize("text", TABLE.values(), ids=TABLE)
def test_a_formula_as_a_tool_would_have_it_is_the_function(text: str) -> None:
    library = SimpleNamespace(**vars(np), sigmoid=lambda u: 1.0 / (1.0 + np.exp(-u)))
    written, f = formula_in(text, float, library), dk.Function.from_expression(text)
    for x in (0.3, 1.7):
        assert float(written(x)) == pytest.approx(f(x), rel=1e-14)


@pytest.mark.parametrize("text", [None, "softmax(x, 1)", "erf(x)"])
def test_what_a_tool_does_not_do_is_refused(text: str | None) -> None:
    with pytest.raises(NotImplementedError):
        formula_in(text, float, np)(1.0)
