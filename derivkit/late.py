"""Modules that are imported when something of them is first used.

Ball arithmetic and the proofs that stand on it need python-flint, which `import derivkit` must not pay for; what calls
f needs formulas only where f is one. Nor does `import derivkit` pay for what nobody uses of the laboratory: its public
names, of which a command that refuses a word needs a tenth.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from types import ModuleType
from typing import Any


class Late:
    """A module under its name, which stands for it and imports it at its first use.

    Parameters
    ----------
    name : str
        The module, written out.

    Examples
    --------
    >>> Late("fractions").Fraction(1, 3)
    Fraction(1, 3)
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def _module(self) -> ModuleType:
        return importlib.import_module(self._name)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._module, attribute)

    def __repr__(self) -> str:
        return f"<Late {self._name}>"


def face(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a package that imports each of its public names at its first use.

    The names are those that the package imports under ``if TYPE_CHECKING:``, which says once, to people, type checkers
    and Python alike, where they come from, as a stub does for `lazy_loader` (Scientific Python, SPEC 1, 2022).

    Parameters
    ----------
    package : str
        Its ``__name__``. No module inside may have a public name: once imported, it would stand in the place of that.

    Returns
    -------
    getattr, dir : callable
        To be bound to ``__getattr__`` and ``__dir__``.

    Examples
    --------
    >>> getattr_, dir_ = face("derivkit")
    >>> getattr_("slope")((0, 0), (2, 1)), "slope" in dir_()
    (0.5, True)
    """
    module = importlib.import_module(package)

    def attribute(name: str) -> Any:
        home = homes(package).get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=module)
        value = getattr(importlib.import_module(home), name)
        setattr(module, name, value)
        return value

    return attribute, lambda: sorted({*vars(module), *homes(package)} - {"TYPE_CHECKING", "face"})


@cache
def homes(package: str) -> Mapping[str, str]:
    """The public names of a package that has a `face`, and the module in which each is.

    Examples
    --------
    >>> homes("derivkit")["slope"]
    'derivkit.secants'
    """
    source = pkgutil.get_data(package, "__init__.py") or b""  # which a package inside an archive has, too
    guarded = [node for node in ast.parse(source).body if isinstance(node, ast.If)]
    return {
        alias.name: str(node.module)
        for guard in guarded
        for node in guard.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


balls = Late("derivkit.operations.balls")
enclosures = Late("derivkit.operations.enclosures")
equivalence = Late("derivkit.trusted.equivalence")
evaluation = Late("derivkit.expressions.evaluation")
program_series = Late("derivkit.trusted.program_series")
vertical_tangents = Late("derivkit.trusted.vertical_tangents")
