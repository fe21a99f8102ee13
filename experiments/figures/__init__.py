"""Figures of saved tables: ``draw(frames, spec)`` gives a matplotlib Figure, ``save`` writes it.

A figure is a function of tables as read back from disk and of its spec, a plain mapping from the configuration.
Whatever a figure shows was computed by the study; here numbers are only selected, thinned and placed.

One module has one kind of figure, `lines` to `parallel`: its docstring says what its keys mean, its last words are
its row ``KIND``, and the kind is called as the module is. A further kind is one new module: it is found by being here.
"""

import experiments.figures.backend  # noqa: F401 - before anything else imports matplotlib
from experiments.figures.drawing import KEYS, caption, check, columns_needed, completed, draw, empty, undrawn
from experiments.figures.files import save
from experiments.figures.selection import choose, panel_columns

__all__ = [
    "KEYS",
    "caption",
    "check",
    "choose",
    "columns_needed",
    "completed",
    "draw",
    "empty",
    "panel_columns",
    "save",
    "undrawn",
]
