"""Looks: a method keeps its colour and marker, and no two series of a figure are alike."""

from __future__ import annotations

import pytest

import derivkit as dk
from experiments.looks import BLACK, COLOURS, MARKERS, METHODS, REFERENCES, SYNONYMS, is_reference, looks_of


def test_no_two_methods_look_alike_and_every_colour_is_known():
    assert len(set(METHODS.values())) == len(METHODS)
    assert {look.colour for look in METHODS.values()} <= {*COLOURS, BLACK}
    assert {look.marker for look in METHODS.values()} <= set(MARKERS)
    assert set(SYNONYMS.values()) <= set(METHODS)


def test_every_formula_of_the_first_derivative_has_a_look_of_its_own_beside_the_usual_ones():
    for formula in dk.formulas(1):
        looks = looks_of(dict.fromkeys(["forward_1", "central_2", "central_4", formula.name]))
        assert len({look[:2] for look in looks.values()}) == len(looks)


@pytest.mark.parametrize(
    "shown", [["central_2"], ["mine", "central_2"], ["central_2", "central_2 of run-7"], list(METHODS)]
)
def test_a_method_keeps_its_look_beside_any_others(shown):
    looks = looks_of(shown)
    assert looks["central_2"][:2] == METHODS["central_2"][:2]
    assert len({look[:2] for look in looks.values()}) == len(shown)


def test_series_of_one_method_have_its_colour_and_differ_otherwise():
    looks = looks_of(["forward_1, delta 1e-15", "forward_1, delta 1", "central_2 (predicted)"])
    first, second, other = looks.values()
    assert first.colour == second.colour == METHODS["forward_1"].colour
    assert first.marker != second.marker
    assert (first.before, second.before) == (0, 1)
    assert other[:2] == METHODS["central_2"][:2]


def test_what_others_are_measured_against_is_black_and_nothing_else_is_but_the_analytical_and_backprop():
    assert all(is_reference(name) and looks_of([name])[name].colour == BLACK for name in REFERENCES)
    assert is_reference("the goal, 1.5")
    assert {name for name, look in METHODS.items() if look.colour == BLACK} == {"analytical", "backprop"}
