"""Points of a round by threads, processes and other executors: the same bits, counts and refusals as without one."""

from __future__ import annotations

import math
import multiprocessing
import pickle
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from typing import Any

import numpy as np
import pytest

import derivkit as dk
from derivkit.asker import Asker
from derivkit.executor import AT_LEAST, Evaluation, ExecutorError

X = np.array([0.5, -1.25, 2.0])
FIXED = {"formula": "central_2", "delta": 1e-3}
Call = Callable[..., Any]


class InTurn:
    """Has a map, and remembers how many points were given together."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def map(self, function: Any, items: Any) -> Any:
        items = list(items)
        self.sizes.append(len(items))
        return map(function, items)


class Backwards:
    """Evaluates the last point first."""

    def map(self, function: Any, items: Any) -> Any:
        return [function(item) for item in items[::-1]][::-1]


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


def smooth(x: Any) -> float:
    a, b, c = x
    return math.exp(a) * math.sin(b) + math.sqrt(c)


def broken(x: Any) -> float:
    return math.sqrt(x[0] - 0.5) + x[1] * x[2]


def several(x: Any) -> list[float]:
    return [smooth(x), x[0] * x[1]]


def nested(p: Any) -> float:
    return smooth(p["x"])


CALLS: dict[str, Call] = {
    "gradient": lambda **how: dk.gradient(smooth, X, **how),
    "gradient by formula": lambda **how: dk.gradient(smooth, X, **FIXED, **how),
    "gradient where f raises": lambda **how: dk.gradient(broken, X, **how),
    "gradient where f raises, by formula": lambda **how: dk.gradient(broken, X, **FIXED, **how),
    "gradient of a nesting": lambda **how: dk.gradient(nested, {"x": X}, **how),
    "gradient of a function of arrays": lambda **how: dk.gradient(lambda x: np.sin(x[..., 0]), X, **how),
    "partial": lambda **how: dk.partial(smooth, X, 1, **how),
    "directional": lambda **how: dk.directional(smooth, X, [1.0, 2.0, -1.0], **how),
    "jacobian": lambda **how: dk.jacobian(several, X, **how),
    "jacobian by formula": lambda **how: dk.jacobian(several, X, **FIXED, **how),
    "sparse jacobian": lambda **how: dk.jacobian(np.tanh, X, sparsity=np.eye(3, dtype=bool), vectorized=False, **how),
    "hessian": lambda **how: dk.hessian(smooth, X, **how),
    "hessian by formula": lambda **how: dk.hessian(smooth, X, **FIXED, **how),
    "derivative": lambda **how: dk.derivative(math.exp, [0.5, 1.5], **how),
    "derivative at one point": lambda **how: dk.derivative(lambda x: math.log(x[0]), 0.1, **how),
    "derivatives": lambda **how: dk.derivatives(math.sin, 0.5, **how)[2],
}


def told(found: Any) -> list[Any]:
    """All that a result says."""
    arrays = [np.ravel(field["x"] if isinstance(field, dict) else field) for field in
              (found.value, found.error, found.status, found.left, found.right, found.evaluations)]  # fmt: skip
    return [*(array.tobytes() for array in arrays), str(found.raised), str(found.message)]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_result_is_that_without_an_executor_to_the_bit(call: Call, threads: ThreadPoolExecutor) -> None:
    alone = told(call())
    with ThreadPool(2) as pool:
        for executor in (threads, pool, InTurn(), Backwards()):
            assert told(call(executor=executor)) == alone


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_point_is_evaluated_by_the_executor_and_beside_it(call: Call) -> None:
    executor = InTurn()
    found = call(executor=executor)
    assert sum(executor.sizes) <= getattr(found, "total", np.sum(found.evaluations))


def test_the_points_of_a_round_are_given_together() -> None:
    executor = InTurn()
    dk.gradient(lambda p: float(np.sum(np.sin(p["w"]))), {"w": np.linspace(0.1, 2.0, 20)}, executor=executor)
    assert max(executor.sizes) >= 8 * 19  # the window of the lines after the pilot


def test_large_points_are_given_together_too() -> None:
    rooms = [Asker(np.sum, shape=(10**6,), vectorized=False, executor=executor) for executor in (None, InTurn())]
    for ask in rooms:
        ask.width = 1
    assert [ask.room for ask in rooms] == [1, AT_LEAST]


def test_processes_evaluate_what_modules_have() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as processes:
        found = dk.gradient(np.linalg.norm, X, vectorized=False, executor=processes)
        assert told(found) == told(dk.gradient(np.linalg.norm, X, vectorized=False))
        with pytest.raises(
            ValueError, match=r"failed: .*; processes take functions of modules alone, threads take any"
        ):
            dk.gradient(lambda x: x[0], X, vectorized=False, executor=processes)
    threads = ThreadPoolExecutor(1)
    threads.shutdown()
    with pytest.raises(ExecutorError, match=r"failed: (?!.*processes take)"):  # the same f, and another reason
        dk.gradient(lambda x: x[0], X, vectorized=False, executor=threads)


class SolverError(Exception):
    def __init__(self, code: int, place: str) -> None:
        super().__init__(f"code {code} at {place}")


def failing(place: str) -> float:
    raise SolverError(3, place)


def zero(x: float) -> float:
    return 1.0 / x


def test_what_f_raises_in_another_process_comes_back() -> None:
    away = pickle.loads(pickle.dumps(Evaluation(zero)))
    assert away(2.0)(2.0) == 0.5
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        pickle.loads(pickle.dumps(away(0.0)))(0.0)
    lost = pickle.loads(pickle.dumps(Evaluation(failing)))("the wall")
    with pytest.raises(RuntimeError, match="SolverError: code 3 at the wall"):
        pickle.loads(pickle.dumps(lost))("the wall")


def test_warnings_of_numpy_are_none_in_a_thread(threads: ThreadPoolExecutor) -> None:
    found = dk.gradient(lambda x: np.log(x[0] - 0.5) + x[1], X, vectorized=False, executor=threads)
    assert found.status.tolist() == ["not_finite"] * 3


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_passes_through(stop: type[BaseException], threads: ThreadPoolExecutor) -> None:
    def f(x: Any) -> float:
        if x[0] != X[0]:
            raise stop
        return 1.0

    for executor in (threads, InTurn()):
        with pytest.raises(stop):
            dk.gradient(f, X, vectorized=False, executor=executor)


def test_what_remembers_is_called_in_turn(threads: ThreadPoolExecutor) -> None:
    ledger = dk.Ledger(math.sin)
    found = dk.derivative(ledger, 0.5, executor=threads)
    assert told(found) == told(dk.derivative(dk.Ledger(math.sin), 0.5))
    assert ledger.total == found.total


class Futures:
    def map(self, function: Any, items: Any) -> Any:
        return [f"<Future: {function} pending>" for _ in items]


class Short:
    def map(self, function: Any, items: Any) -> Any:
        return map(function, items[:-1])


WRONG: dict[str, tuple[Any, str]] = {
    "number": (5, "executor=5 has no map to call; give one that has, such as concurrent.futures.ThreadPoolExecutor()"),
    "type": (ThreadPoolExecutor, "has no map to call; make one, such as concurrent.futures.ThreadPoolExecutor()"),
    "futures": (Futures(), "pending>' for a result; map(function, items) must give what function returns for every"),
    "short": (Short(), "; map(function, items) must give what function returns for every item, in their order"),
}  # fmt: skip


def loss(p: Any) -> float:
    return float(np.sum(np.maximum(p["W"] @ p["v"], 0.0) ** 2 + np.sin(p["v"])) + np.sum(p["W"] ** 3))


def slopes(p: Any) -> Any:
    active = 2.0 * np.maximum(p["W"] @ p["v"], 0.0)
    return {"W": np.outer(active, p["v"]) + 3.0 * p["W"] ** 2, "v": active @ p["W"] + np.cos(p["v"])}


def wrong(p: Any) -> Any:
    found = slopes(p)
    found["W"][1, 2] *= 1.01
    return found


def parameters(size: int) -> Any:
    random = np.random.default_rng(0)
    return {"W": random.standard_normal((size, size)), "v": random.standard_normal(size)}


CHECKS: dict[str, Call] = {
    "gradient": lambda f, **how: dk.check_gradient(f, slopes, parameters(9), **how),
    "wrong gradient": lambda f, **how: dk.check_gradient(f, wrong, parameters(9), **how),
    "gradient in float32": lambda f, **how: dk.check_gradient(
        f, slopes, {name: array.astype(np.float32) for name, array in parameters(9).items()}, **how
    ),
    "few variables": lambda f, **how: dk.check_gradient(f, wrong, parameters(3), **how),
    "jacobian": lambda f, **how: dk.check_jacobian(lambda x: f({"W": x, "v": x[0]}), np.ones((1, 9)), np.eye(3), **how),
    "hessian": lambda f, **how: dk.check_hessian(f, np.eye(6), parameters(2), **how),
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_a_check_says_the_same_to_the_bit_and_calls_f_as_often(check: Call, threads: ThreadPoolExecutor) -> None:
    alone = check(loss)
    for executor in (threads, InTurn(), Backwards()):
        calls: list[None] = []
        found = check(lambda p, calls=calls: (calls.append(None), loss(p))[1], executor=executor)
        assert repr(found) == repr(alone)
        assert found.evaluations == len(calls)
    executor = InTurn()
    check(loss, executor=executor)
    assert sum(executor.sizes) > 0.5 * alone.evaluations
    for executor, words in WRONG.values():
        with pytest.raises((TypeError, ValueError), match=re.escape(words)) as refusal:
            check(loss, executor=executor)
        assert str(refusal.value).count("executor=") == 1


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(("executor", "words"), WRONG.values(), ids=WRONG)
def test_what_is_no_executor_is_refused_in_one_line(call: Call, executor: Any, words: str) -> None:
    if call is CALLS["gradient of a function of arrays"] and isinstance(executor, Futures | Short):
        return  # which needs none
    with pytest.raises((TypeError, ValueError)) as refusal:
        call(executor=executor)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_executor_that_was_shut_down_says_so() -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(ValueError, match="failed: RuntimeError: cannot schedule new futures after shutdown"):
        dk.gradient(smooth, X, executor=executor)
