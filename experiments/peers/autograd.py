"""The check of a gradient by autograd, of all its arguments; the derivative of a formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.peers import formula_in


def accepts(f: Callable[[Any], float], claim: NDArray[Any], x: NDArray[Any]) -> bool:
    """The verdict of ``autograd.test_util.check_grads`` with its default tolerance; see `experiments.peers`.

    Its direction comes from NumPy's global random state, which begins at 0 here and is put back.
    """
    from autograd.extend import defvjp, primitive  # noqa: PLC0415 -- for those alone who compare
    from autograd.test_util import check_grads  # noqa: PLC0415 -- as above

    loss, state = primitive(f), np.random.get_state()  # noqa: NPY002 -- what the tool draws from
    defvjp(loss, lambda _, __: lambda g: g * claim)
    np.random.seed(0)  # noqa: NPY002 -- as above
    try:
        check_grads(loss, modes=["rev"], order=1)(x)
    except AssertionError:
        return False
    finally:
        np.random.set_state(state)  # noqa: NPY002 -- as above
    return True


def derivative(f: Any, x: float) -> Any:
    """The derivative of a function that has a formula; no bar."""
    import autograd  # noqa: PLC0415 -- as above
    import autograd.scipy.special  # noqa: PLC0415 -- as above

    return autograd.grad(formula_in(f.expression, float, autograd.numpy, autograd.scipy.special))(x)
