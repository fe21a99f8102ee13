"""Functions of all kinds: expressions, callables, black boxes; domains, counting, lines."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import derivkit as dk
from derivkit.asker import Asker
from derivkit.function import BLACK_BOXES, uniform_noise


def test_a_domain_is_never_left() -> None:
    asked: list[float] = []

    def f(v: float) -> float:
        asked.extend(np.ravel(v).tolist())
        return math.sqrt(v)

    function = dk.Function.from_callable(f, name="root", domain=(0.0, 2.0))
    found = dk.sweep(function, [0.0, 0.5, 2.0], [0.3, 1e-3], formulas=["central_4", "forward_1"])
    assert min(asked) >= 0.0
    assert max(asked) <= 2.0
    assert np.isnan(found.estimate[0, 0]).all()
    assert np.isfinite(found.estimate[1, 1]).all()


def test_points_outside_the_domain_are_not_counted() -> None:
    evaluate = Asker(dk.Function.from_expression("sqrt(x)", domain=(0.0, 1.0)))
    values = evaluate(np.array([-1.0, 0.25, 4.0]))
    assert values[1] == 0.5
    assert np.isnan(values[[0, 2]]).all()
    assert evaluate.total == 1


def test_a_point_outside_the_domain_is_refused_with_function_point_and_domain() -> None:
    with pytest.raises(ValueError, match=r"x = -1 lies outside the domain \[0, 12\] of root"):
        dk.Problem(dk.Function.from_expression("sqrt(x)", name="root", domain=(0, 12)), (0.5, -1.0))


@pytest.mark.parametrize("domain", [(1.0, 1.0), (2.0, 1.0), (math.nan, 1.0)])
def test_a_domain_without_an_inside_is_refused(domain: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="write its two ends, the lower one first"):
        dk.Function.from_expression("x", domain=domain)


def test_a_function_of_two_variables_is_refused() -> None:
    with pytest.raises(ValueError, match="has the variables w, b; a function of one variable is needed"):
        dk.Function.from_expression("w*b")


def test_any_name_of_the_variable_will_do() -> None:
    assert dk.Function.from_expression("t^2+t")(3.0) == 12.0


@pytest.mark.parametrize("name", sorted(BLACK_BOXES))
def test_a_black_box_stays_within_its_stated_distance_of_the_mathematics(name: str) -> None:
    box = BLACK_BOXES[name]
    truth = {"sqrt_bisection": np.sqrt}.get(name, np.sin)
    x = np.random.default_rng(2).uniform(0.1, 9.0, 5000)
    distance = np.abs(box.call(x) - truth(x))
    assert np.all(distance <= box.value_error(x) + 4 * np.spacing(1.0))
    assert np.max(distance) > 1e-9, "a black box that is as good as its expression teaches nothing"


@pytest.mark.parametrize("name", sorted(BLACK_BOXES))
def test_a_black_box_gives_one_answer_for_one_point(name: str) -> None:
    x = np.linspace(0.3, 2.0, 50)
    box = dk.Function.from_black_box(name)
    assert np.array_equal(box(x), box(x[::-1])[::-1])
    assert box(float(x[7])) == box(x)[7]


def test_the_noise_is_uniform_and_without_a_trend() -> None:
    noise = uniform_noise(np.linspace(1.0, 2.0, 100_000))
    assert abs(np.mean(noise)) < 5 / math.sqrt(3 * noise.size)
    assert np.mean(noise**2) == pytest.approx(1 / 3, rel=0.02)
    assert abs(np.mean(noise[1:] * noise[:-1])) < 0.01


def test_an_unknown_black_box_is_named() -> None:
    with pytest.raises(ValueError, match="no black box named 'nosuch'; there are sin_float32"):
        dk.Function.from_black_box("nosuch")


@pytest.mark.parametrize(
    ("f", "x", "value"),
    [
        (math.sin, 0.5, math.sin(0.5)),
        (lambda v: 1, 0.5, 1.0),
        (complex, 0.5, math.nan),
        (lambda v: "text", 0.5, math.nan),
        (lambda v: [v, v], 0.5, math.nan),
        (lambda v: math.log(-v), 0.5, math.nan),
    ],
)
def test_whatever_f_gives_becomes_a_number_or_nan(f: Any, x: float, value: float) -> None:
    np.testing.assert_equal(dk.Function.from_callable(f, name="f")(x), value)
    np.testing.assert_equal(dk.Function.from_callable(f, name="f")(np.array([x, x])), [value, value])


# How f is called


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


def test_the_length_scale_is_the_scale_of_the_function() -> None:
    for text, scale in (("exp(x)", 1.0), ("sin(1000*x)", 1e-3), ("exp(-x/1e6)", 1e6), ("1/(x-1)", 1e-3)):
        found = dk.Function.from_expression(text).length_scale(1.001)
        assert scale / 4 <= found <= 4 * scale, text
    assert dk.Function.from_expression("2*x").length_scale(3.0) == 1.0


def test_a_line_goes_through_its_points() -> None:
    line = dk.secant(lambda v: 2 * v**2, 1.0, 3.0)
    assert (line.slope, line.intercept) == (8.0, -6.0)
    assert [line(1.0), line(3.0)] == [2.0, 18.0]


def test_the_tangent_of_the_chapter_comes_out_to_the_bit() -> None:
    line = dk.tangent(lambda v: 2 * v**2, 2, 0.0001)
    assert line.slope == 8.000199999998785
    assert line.intercept == -8.00039999999757


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_the_slope_of_a_line_is_its_slope(x0: float, x1: float) -> None:
    if x0 == x1:
        with pytest.raises(ValueError, match="different x"):
            dk.slope((x0, 0.0), (x1, 1.0))
    else:
        assert dk.slope((x0, 2 * x0), (x1, 2 * x1)) == pytest.approx(2.0, rel=1e-9)


def test_the_solver_ends_where_its_tolerance_is_below_the_spacing_of_floats() -> None:
    assert dk.Function.from_black_box("sqrt_bisection")(1e20) == pytest.approx(1e10)


def test_a_table_says_nothing_beyond_its_ends() -> None:
    assert BLACK_BOXES["sin_table"].value_error(np.array([25.0]))[0] == math.inf
