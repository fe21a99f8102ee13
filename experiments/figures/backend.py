"""Matplotlib, imported whatever window system the environment names: figures are only written to files.

A notebook names one of its own, and a command that is started from it may not find that. In the notebook itself pyplot
has it still, if it is there.
"""

import os
import sys
from contextlib import suppress

_first = "matplotlib" not in sys.modules
_named = os.environ.pop("MPLBACKEND", None)
try:
    import matplotlib as mpl
finally:
    if _named is not None:
        os.environ["MPLBACKEND"] = _named
if _first and _named is not None:
    with suppress(ValueError):  # a name that matplotlib does not know
        mpl.rcParams["backend"] = _named

__all__ = ["mpl"]
