"""The derivatives of statsmodels, with their default steps."""

from __future__ import annotations

from typing import Any

import numpy as np


def centered(f: Any, x: float) -> Any:
    """By a central difference; no bar."""
    from statsmodels.tools.numdiff import approx_fprime  # noqa: PLC0415 -- for those alone who compare

    return approx_fprime(np.array([x]), f, centered=True)


def complex_step(f: Any, x: float) -> Any:
    """By a complex step; no bar."""
    from statsmodels.tools.numdiff import approx_fprime_cs  # noqa: PLC0415 -- as above

    return approx_fprime_cs(np.array([x]), f)
