"""What somebody's own module has under a name, ``module:attribute``: imported, or refused in a line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from experiments.messages import ConfigurationError, named, nearest, show
from experiments.running import surroundings


def load(name: str) -> Callable[..., object]:
    """Return the callable that ``module:attribute`` names; the current directory is looked in first."""
    function, module, attribute = attribute_of("python", name)
    if not callable(function):
        kind = type(function).__name__
        raise ConfigurationError(
            f"python={show(name)}: {attribute!r} is no function but {'an' if kind[:1] in 'aeiou' else 'a'} {kind};"
            f" {_functions_of(module, attribute)}"
        )
    return function  # type: ignore[no-any-return]  # attrgetter is untyped; callable() was asked just above


def attribute_of(key: str, name: str) -> tuple[Any, ModuleType, str]:
    """What ``module:attribute`` names, its module and the name of the attribute."""
    module_name, _, attribute = name.partition(":")
    written = all(part.isidentifier() for part in [*module_name.split("."), *attribute.split(".")])
    if not written or module_name.endswith(".py"):
        raise ConfigurationError(f"{key}={show(name)}: not module:attribute; write {key}={_meant(name)}")
    module = _import(key, name, module_name)
    try:
        return attrgetter(attribute)(module), module, attribute
    except AttributeError:
        raise ConfigurationError(
            f"{key}={show(name)}: module {module_name!r} has no {attribute!r}; {_functions_of(module, attribute)}"
        ) from None


def value_of(x: str) -> object:
    """What a module has under a name, or what its function gives."""
    value, *_ = attribute_of("x", x)
    if not callable(value):
        return value
    try:
        return value()
    except Exception as error:  # somebody's function may fail in any way
        raise ConfigurationError(
            f"x={show(x)}: calling it without arguments failed: {named(error)};"
            " write a function that gives the parameters"
        ) from error


def _functions_of(module: ModuleType, attribute: str) -> str:
    public = [entry for entry, value in vars(module).items() if callable(value) and not entry.startswith("_")]
    return nearest(attribute, public) if public else f"{module.__name__!r} has no function"


def _meant(name: str) -> str:
    """Return module:attribute for what names the file of a module, or is something else altogether."""
    path, _, attribute = name.partition(":")
    words = path.replace("\\", "/").removesuffix(".py").removeprefix("./").replace("/", ".")
    if "." in words and words == path and not attribute:  # math.sin, as Python writes it
        words, _, attribute = words.rpartition(".")
    module = words if all(part.isidentifier() for part in words.split(".")) else "mymodule"
    return f"{module}:{attribute if attribute.isidentifier() else 'f'}"


def _import(key: str, name: str, module_name: str) -> ModuleType:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        with surroundings.restored():
            return importlib.import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # somebody's module may fail in any way while it is imported
        raise ConfigurationError(
            f"{key}={show(name)}: importing {module_name!r} failed: {named(error)};"
            f" it is looked for in {here} and among the installed packages"
        ) from error
    finally:
        with suppress(ValueError):  # the module may have taken it out
            sys.path.remove(here)
