"""The one way to call f: how it is called, what is counted, remembered, refused and recorded."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import derivkit as dk
from derivkit.asker import TRIES, Asker
from derivkit.testing.statements import Counter


def calls_of(f: Any, x: Any, **known: Any) -> tuple[np.ndarray, list[int], Asker]:
    """The values, the number of points in each call of f, and the evaluator."""
    sizes: list[int] = []

    def counted(v: Any) -> Any:
        sizes.append(np.size(v))
        return f(v)

    evaluate = Asker(counted, **known)
    return evaluate(np.asarray(x, dtype=np.float64)), sizes, evaluate


def test_an_f_that_takes_arrays_is_called_once_and_probed_at_two_points() -> None:
    values, sizes, evaluate = calls_of(np.sin, [0.1, 0.2, 0.3])
    assert sizes == [1, 3, 1]
    assert evaluate.total == 3
    np.testing.assert_array_equal(values, np.sin([0.1, 0.2, 0.3]))
    evaluate(np.array([0.4, 0.5]))
    assert sizes == [1, 3, 1, 2], "what was proved is not proved again"


def test_an_f_that_takes_numbers_is_asked_once_more_at_one_point() -> None:
    values, sizes, evaluate = calls_of(math.sin, [0.1, 0.2, 0.3])
    assert sizes == [1, 3, 1, 1, 1]
    assert evaluate.total == 3
    np.testing.assert_array_equal(values, [math.sin(v) for v in (0.1, 0.2, 0.3)])
    evaluate(np.array([0.4, 0.5]))
    assert sizes == [1, 3, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(("known", "expected"), [(True, [3]), (False, [1, 1, 1])])
def test_nothing_is_probed_where_somebody_knows(known: bool, expected: list[int]) -> None:  # noqa: FBT001 -- a table
    _, sizes, _ = calls_of(np.sin, [0.1, 0.2, 0.3], vectorized=known)
    assert sizes == expected


@pytest.mark.parametrize(
    "mixing", [np.cumsum, lambda v: v / np.max(v), lambda v: np.exp(v) / np.exp(v).sum(), lambda v: np.ravel(v)[::-1]]
)
def test_an_f_that_mixes_its_entries_is_called_point_by_point(mixing: Any) -> None:
    values, _, _ = calls_of(mixing, [0.5, 2.0, 1.0])
    np.testing.assert_array_equal(values, [float(np.ravel(mixing(np.array([v])))[0]) for v in (0.5, 2.0, 1.0)])


def test_points_are_not_moved_by_an_f_that_works_in_place() -> None:
    def doubled(v: Any) -> Any:
        v *= 2.0
        return v

    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(Asker(doubled)(x), [2.0, 4.0])
    np.testing.assert_array_equal(x, [1.0, 2.0])


@pytest.mark.parametrize("noise", [1e-3, 1e-15])
def test_an_f_that_gives_two_answers_for_one_point_is_found_out(noise: float) -> None:
    draws = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"two answers for x = 0\.1: \[.*\] and \[.*\]; .* fix the seed") as caught:
        calls_of(lambda v: math.sin(v) + noise * draws.standard_normal(), [0.1, 0.2])
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="two answers"):
        calls_of(lambda v: np.sin(v) + 1e-3 * draws.standard_normal(np.shape(v)), [0.1, 0.2])


def test_the_probe_goes_to_a_point_at_which_f_has_a_value() -> None:
    draws = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"two answers for x = 4\.0"):
        calls_of(lambda v: math.sqrt(v) + draws.standard_normal(), [-1.0, 4.0])
    values, _, evaluate = calls_of(math.sqrt, [-1.0, 4.0])
    np.testing.assert_array_equal(values, [math.nan, 2.0])
    assert [(entry.count, entry.point) for entry in evaluate.raised] == [(1, -1.0)]


def test_an_f_of_several_values_adds_an_axis() -> None:
    x = [0.5, 1.0, 2.0]
    expected = np.stack([np.sin(x), np.cos(x)], axis=-1)
    together, _, _ = calls_of(lambda v: np.stack([np.sin(v), np.cos(v)], axis=-1), x, several=True)
    np.testing.assert_array_equal(together, expected)
    single, _, _ = calls_of(lambda v: [math.sin(v), math.cos(v)], x, several=True)
    np.testing.assert_array_equal(single, [[math.sin(v), math.cos(v)] for v in x])
    holes, _, _ = calls_of(lambda v: [math.sqrt(v), 1.0], [-1.0, 4.0], several=True)
    np.testing.assert_array_equal(holes, [[math.nan, math.nan], [2.0, 1.0]])
    np.testing.assert_array_equal(calls_of(lambda v: [math.sin(v), 1.0], x)[0], [math.nan] * 3)


@pytest.mark.parametrize("f", [lambda v: [v] * (2 + (v > 0.6)), lambda v: [v, v] if v > 0.6 else v])
def test_an_f_that_gives_more_values_here_than_there_is_refused(f: Any) -> None:
    with pytest.raises(ValueError, match=r"f gives (1 number|2 numbers) at x = 0\.5, and [23] elsewhere"):
        calls_of(f, [0.5, 0.7], several=True)


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda v: None, "TypeError: f gives None; is a return missing?"),
        (lambda v: complex(v, 1.0), "TypeError: f gives complex numbers"),
        (lambda v: "text", "TypeError: f gives the text 'text'"),
        (lambda v: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
)
def test_what_f_did_instead_of_giving_a_number_is_kept(f: Any, said: str) -> None:
    values, _, evaluate = calls_of(f, [0.5, 0.7])
    assert np.isnan(values).all()
    (entry,) = evaluate.raised
    assert entry.message.startswith(said)
    assert (entry.point, entry.count) == (0.5, 2)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("vectorized", [None, True, False])
def test_what_must_stop_a_program_passes_through(stop: type[BaseException], vectorized: bool | None) -> None:  # noqa: FBT001 -- a table
    def f(v: Any) -> Any:
        raise stop(str(v))

    with pytest.raises(stop):
        calls_of(f, [0.5, 0.7], vectorized=vectorized)


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 3)])
@pytest.mark.parametrize("f", [np.sin, math.sin])
def test_values_have_the_shape_of_x(f: Any, shape: tuple[int, ...]) -> None:
    x = np.linspace(0.1, 0.9, math.prod(shape)).reshape(shape)
    found = Asker(f)(x)
    assert found.shape == shape
    np.testing.assert_allclose(found, np.sin(x), rtol=4e-16)


def test_float32_and_integers_become_float64() -> None:
    assert calls_of(np.float32, [0.5, 0.25])[0].dtype == np.float64
    assert calls_of(lambda v: np.asarray(v).astype(int), [1.0, 2.0])[0].dtype == np.float64


# Points of several entries


def sum_of_squares(v: Any) -> Any:
    return np.sum(np.square(v), axis=-1)


def test_points_of_several_entries_are_one_batch_of_which_two_are_compared() -> None:
    shapes: list[tuple[int, ...]] = []
    ask = Asker(lambda v: (shapes.append(np.shape(v)), sum_of_squares(v))[1], shape=(2,))
    points = np.arange(10.0).reshape(5, 2)
    np.testing.assert_array_equal(ask(points)[:, 0], sum_of_squares(points))
    assert shapes == [(2,), (5, 2), (2,)]
    assert (ask.total, ask.width) == (5, 1)


def test_a_batch_as_long_as_a_point_is_taken_in_two() -> None:
    shapes: list[tuple[int, ...]] = []
    ask = Asker(lambda v: (shapes.append(np.shape(v)), sum_of_squares(v))[1], shape=(5,))
    points = np.arange(25.0).reshape(5, 5)
    np.testing.assert_array_equal(ask(points)[:, 0], sum_of_squares(points))
    assert shapes == [(5,), (4, 5), (5,), (1, 5)]
    assert ask.total == 5


def test_the_first_point_tells_how_many_numbers_f_gives_and_is_not_computed_twice() -> None:
    count = Counter(lambda v: [v[0], v[1], 1.0])
    ask = Asker(count, shape=(2,), several=True)
    points = np.array([[1.0, 2.0], [3.0, 4.0]])
    ask.meet(points[0])
    assert (ask.width, ask.room) == (3, Asker(count, shape=(3,)).room)
    np.testing.assert_array_equal(ask(points), [[1.0, 2.0, 1.0], [3.0, 4.0, 1.0]])
    assert count.counted == points.size


@pytest.mark.parametrize("function", [dk.gradient, dk.jacobian, dk.hessian])
def test_derivatives_in_many_variables_find_out_an_f_that_gives_two_answers(function: Any) -> None:
    draws = np.random.default_rng(0)

    def f(v: Any) -> float:
        return float(np.sum(np.ravel(v)[:2])) + 1e-3 * draws.standard_normal()

    with pytest.raises(ValueError, match=r"f gives two answers for x = \[.*fix the seed"):
        function(f, [1.0, 2.0], formula="central_2", delta=0.25)


def test_sums_that_are_rounded_in_another_order_are_one_answer() -> None:
    calls = 0

    def f(v: Any) -> float:
        nonlocal calls
        calls += 1
        if np.ndim(v) != 1:
            raise TypeError
        return math.nextafter(3.0, 4.0) if calls % 2 else 3.0

    found = dk.gradient(f, [1.0, 2.0], formula="central_2", delta=0.25)
    assert found.status.tolist() == ["below_resolution", "below_resolution"]  # a last digit tells no slope


# Complex points


def test_complex_points_are_called_and_counted_as_real_ones_are() -> None:
    sizes: list[int] = []
    ask = Asker(lambda z: (sizes.append(np.size(z)), np.exp(z))[1], kind=np.complex128)
    z = np.array([0.5, 1.0, 2.0]) + 1e-20j
    np.testing.assert_array_equal(ask(z), np.exp(z))
    assert (sizes, ask.total) == ([1, 3, 1], 3)


def test_a_discarded_imaginary_part_is_no_value() -> None:
    ask = Asker(lambda z: np.asarray(z).astype(np.float64), kind=np.complex128)
    assert np.isnan(ask(np.array([1.0 + 1.0j, 2.0 + 1.0j]))).all()
    assert ask.raised[0].message.startswith("ComplexWarning")
    assert ask.raised[0].point == 1.0


def test_the_complex_step_finds_out_an_f_that_gives_two_answers() -> None:
    draws = np.random.default_rng(0)
    with pytest.raises(ValueError, match="f gives two answers for x = 1"):
        dk.complex_step(lambda z: np.exp(z) + 1e-3 * draws.standard_normal(), [1.0, 2.0], probe=False)


# Memory


def test_a_requested_value_is_computed_once_and_charged_to_the_first_who_wants_it() -> None:
    count = Counter(np.sin)
    ask = Asker(count, owners=2, vectorized=True)
    both = np.arange(2)
    first = ask.values_for(np.array([[0.5, 1.0], [1.0, 1.5]]), both)
    np.testing.assert_array_equal(first, np.sin([[0.5, 1.0], [1.0, 1.5]]))
    assert ask.charged.tolist() == [1, 2]
    again = ask.values_for(np.array([[1.5, 0.5, 2.0]]), np.array([1, 0, 0]))
    np.testing.assert_array_equal(again, np.sin([[1.5, 0.5, 2.0]]))
    assert ask.charged.tolist() == [2, 2]
    assert count.counted == count.distinct == ask.total == 4


@pytest.mark.parametrize("kind", [np.float64, np.complex128])
def test_what_is_requested_outside_the_domain_is_neither_computed_nor_charged(kind: type) -> None:
    count = Counter(np.sqrt)
    ask = Asker(count, kind=kind, domain=(0.0, 1.0), owners=1, vectorized=True)
    values = ask.values_for(
        np.array([[-1.0], [0.25], [4.0], [math.nan], [math.inf]], dtype=kind), np.zeros(1, dtype=int)
    )
    assert values[1, 0] == 0.5
    assert np.isnan(values[[0, 2, 3, 4]]).all()
    assert (ask.charged.tolist(), count.counted) == ([1], 1)


def test_an_f_that_has_given_a_number_for_a_number_is_called_once_where_it_fails() -> None:
    calls: list[object] = []

    def f(x: float) -> float:
        calls.append(x)
        return math.sqrt(x)

    Asker(f)(np.array([4.0, 1.0, -1.0, -2.0, -3.0]))
    assert sum(isinstance(x, float) and x < 0.0 for x in calls) == 3
    assert not any(np.shape(x) == (1,) for x in calls)


def test_an_f_that_fails_everywhere_is_given_arrays_of_one_at_a_few_points_only() -> None:
    calls: list[object] = []

    def f(x: float) -> float:
        calls.append(x)
        raise RuntimeError("no convergence")

    Asker(f)(np.arange(1.0, 100.0))
    assert len(calls) <= 99 + TRIES + 3


def test_an_f_that_takes_arrays_of_one_alone_has_its_values_among_points_where_it_fails() -> None:
    def f(x: np.ndarray) -> float:
        if x[0] < 0.0:
            raise ValueError("negative")
        return float(np.sqrt(x[0]))

    x = np.array([4.0, -1.0, -2.0, -3.0, 9.0, -4.0, -5.0, 1.0])
    np.testing.assert_array_equal(Asker(f)(x), np.sqrt(np.where(x < 0.0, np.nan, x)))
