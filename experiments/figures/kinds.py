"""Kinds: THE table of the kinds of figure there are."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.figures import compared, curves, lines, maps, observed, overlaid, parallel, scene, steps
from experiments.figures.contract import Kind

KINDS: Mapping[str, Kind] = {
    "lines": lines.KIND,
    "curves": curves.KIND,
    "observed": observed.KIND,
    "scene": scene.KIND,
    "steps": steps.KIND,
    "map": maps.KIND,
    "compared": compared.KIND,
    "overlaid": overlaid.KIND,
    "parallel": parallel.KIND,
}
"""Every kind of figure by its name; the module of each says what its keys mean.

Each has one panel per distinct values of the columns ``panel``, and may choose its rows by ``where``, a mapping of
columns to the values that they must have.
"""
