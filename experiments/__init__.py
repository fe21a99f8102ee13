"""Experiments: from a configuration to tables, figures, a report and a record.

Importing the package pins NumPy's BLAS to one thread, as the bits of a product and every time measured depend on how
many there are: a result is then the same whatever started it. BLAS reads these variables once, when NumPy is first
imported. Whoever sets one of them, or ``OMP_NUM_THREADS``, has chosen, and is left alone; ``run.json`` records what was
set and how many threads BLAS really has.
"""

import os

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""What OpenBLAS, MKL, BLIS and Apple's Accelerate read."""

# OMP_NUM_THREADS is left out: Arrow reads it too, and what it does has the same bits in any number of threads.
if not any(name in os.environ for name in (*THREADS, "OMP_NUM_THREADS")):
    os.environ.update(dict.fromkeys(THREADS, "1"))
