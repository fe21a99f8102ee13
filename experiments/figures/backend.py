"""Matplotlib, imported whatever window system the environment names: figures are only written to files.

A notebook names one of its own, and a command that is started from it may not find that.
"""

import os

_named = os.environ.pop("MPLBACKEND", None)
try:
    import matplotlib as mpl
finally:
    if _named is not None:
        os.environ["MPLBACKEND"] = _named

__all__ = ["mpl"]
