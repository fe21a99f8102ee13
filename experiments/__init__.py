"""Experiments: from a configuration to tables, figures, a report and a record.

Importing the package pins NumPy's BLAS to one thread, as the bits of a product and every time measured depend on how
many there are: a result is then the same whatever started it. BLAS reads these variables once, when NumPy is first
imported. Whoever sets one of them, or ``OMP_NUM_THREADS``, has chosen, and is left alone; ``run.json`` records what was
set and how many threads BLAS really has.

It also looks whether ``derivkit`` is the laboratory's own: an unrelated package of that name, installed over it or
before it, would answer with an AttributeError, and takes ``derivkit/__init__.py`` along when it is uninstalled.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""What OpenBLAS, MKL, BLIS and Apple's Accelerate read."""

# OMP_NUM_THREADS is left out: Arrow reads it too, and what it does has the same bits in any number of threads.
if not any(name in os.environ for name in (*THREADS, "OMP_NUM_THREADS")):
    os.environ.update(dict.fromkeys(THREADS, "1"))

OURS = '__distribution__ = "derivative-lab"'
"""A line of ``derivkit/__init__.py``."""


def _namesake() -> str:
    """Say what is wrong where ``import derivkit`` would find no package, or another one than the laboratory's."""
    spec = find_spec("derivkit")
    if spec is None or spec.origin is None:
        fault = "derivkit/__init__.py is missing, as after uninstalling an unrelated package of that name:"
    else:
        try:
            ours = OURS in Path(spec.origin).read_text(encoding="utf-8")
        except OSError:  # inside an archive
            return ""
        fault = "" if ours else f"{spec.origin} is of an unrelated package of that name: pip uninstall derivkit, then"
    return fault and f"{fault} install the laboratory again, pip install --force-reinstall --no-deps -e . in its clone"


def _bare() -> str:
    """Say so where a command starts in an environment in which nothing was installed."""
    if find_spec("hydra") is not None:
        return ""
    return f"Hydra is not installed for {sys.executable}; activate the laboratory's environment, or pip install -e ."


_STARTING = sys.argv[:1] == ["-m"]  # so it is while a command is looked for: it answers in a line, as they all do
_PROBLEM = _namesake() or (_bare() if _STARTING else "")
if _PROBLEM and _STARTING:
    sys.stderr.write(f"error: {_PROBLEM}\n")
    raise SystemExit(2)
if _PROBLEM:
    raise ImportError(_PROBLEM, name="derivkit")
