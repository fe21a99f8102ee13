"""Every public name says what it takes, gives and refuses, of which shape, from which source, and shows an example."""

from __future__ import annotations

import ast
import enum
import functools
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import derivkit as dk
from derivkit import arguments
from derivkit.testing import METHODS

ARRAY = re.compile(r"\b(ArrayLike|Array|NDArray|Mask|Codes|Texts|Indices)\b")
"""Annotations of arrays, whose shape is said."""
SHAPED = re.compile(r"\b(shapes?|scalar|as (of|in) :func:)", re.IGNORECASE)
SECTION = re.compile(r"^([A-Z][a-z ]+)\n-{3,}$", re.MULTILINE)
ENTRY = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: : .*)?$", re.MULTILINE)


def sections_of(text: str) -> dict[str, str]:
    """The sections of a docstring of numpydoc, each with its text; the summary and all that follows it under ''."""
    parts = SECTION.split(text)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def entries_of(section: str) -> dict[str, str]:
    """The names that a section describes, each with its description."""
    parts = re.split(r"^(?=\S)", section.strip("\n"), flags=re.MULTILINE)
    return {
        name.strip("*"): part
        for part in parts
        if (head := ENTRY.match(part.partition("\n")[0]))
        for name in head[1].split(", ")
    }


def names_called(function: FunctionType) -> set[str]:
    calls = (node.func for node in body_of(function) if isinstance(node, ast.Call))
    return {call.id for call in calls if isinstance(call, ast.Name)}


@functools.cache
def body_of(function: FunctionType) -> tuple[ast.AST, ...]:
    """All nodes of a function but those of functions within it, which are called later."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    nodes, stack = [], list(ast.iter_child_nodes(definition))
    while stack:
        node = stack.pop()
        nodes.append(node)
        stack += [] if isinstance(node, ast.FunctionDef | ast.Lambda) else ast.iter_child_nodes(node)
    return tuple(nodes)


def raises_itself(function: FunctionType) -> bool:
    return any(isinstance(node, ast.Raise) and node.exc is not None for node in body_of(function))


CHECKS = {name for name, value in vars(arguments).items() if inspect.isfunction(value) and raises_itself(value)}
"""Functions that are there to refuse arguments."""


def raises(function: FunctionType) -> bool:
    """Whether a function refuses something by itself, or by a function that is there for that."""
    checks = (name in CHECKS or name.startswith(("refuse", "_refuse", "check")) for name in names_called(function))
    return raises_itself(function) or any(checks)


def faults_of_function(function: FunctionType, *, example: bool = True) -> Iterator[str]:
    said = sections_of(inspect.getdoc(function) or "")
    described = entries_of(said.get("Parameters", ""))
    signature = inspect.signature(function)
    for name, parameter in signature.parameters.items():
        if name in {"self", "cls"}:
            continue
        if name not in described:
            yield f"no parameter {name}"
        elif ARRAY.search(str(parameter.annotation)) and not SHAPED.search(described[name]):
            yield f"no shape of {name}"
    returned = str(signature.return_annotation)
    if returned not in {"None", "NoReturn"}:
        if not said.keys() & {"Returns", "Yields"}:
            yield "no Returns"
        elif ARRAY.search(returned) and not SHAPED.search(said["Returns"]):
            yield "no shape of what it returns"
    if raises(function) and "Raises" not in said:
        yield "no Raises"
    if example and ">>> " not in said.get("Examples", ""):
        yield "no Examples"


def public_members(cls: type) -> Iterator[tuple[str, Any]]:
    """Properties and methods that a class of derivkit, or a base of its, defines for others."""
    for base in cls.__mro__:
        if base.__module__.startswith("derivkit"):
            yield from ((name, value) for name, value in vars(base).items() if not name.startswith("_"))


def faults_of_class(cls: type) -> Iterator[str]:
    said = sections_of(inspect.getdoc(cls) or "")
    if ">>> " not in said.get("Examples", ""):
        yield "no Examples"
    described = entries_of(said.get("Attributes", "")) | entries_of(said.get("Parameters", ""))
    names = [field.name for field in fields(cls)] if is_dataclass(cls) else []
    if not issubclass(cls, enum.Enum) and "__init__" in vars(cls):
        names += [name for name in inspect.signature(cls).parameters if name not in {"args", "kwargs"}]
    yield from (
        f"no field {name}" for name in dict.fromkeys(names) if not name.startswith("_") and name not in described
    )
    for name, value in public_members(cls):
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if isinstance(value, property | functools.cached_property) and not value.__doc__:
            yield f"no docstring of {name}"
        if isinstance(function, FunctionType):
            yield from (f"{fault} of {name}" for fault in faults_of_method(function))


def faults_of_method(function: FunctionType) -> Iterator[str]:
    """A method says at least in its summary what its parameters are."""
    text = inspect.getdoc(function) or ""
    if not text:
        yield "no docstring"
    described = entries_of(sections_of(text).get("Parameters", ""))
    for name in list(inspect.signature(function).parameters)[1:]:
        if name not in described and f"`{name}`" not in text:
            yield f"no parameter {name}"
    if raises(function) and "Raises" not in sections_of(text) and not text.startswith("Refuse "):
        yield "no Raises"


def faults_of(name: str) -> list[str]:
    """What is missing in the docstring of a public name."""
    value = getattr(dk, name)
    return list(faults_of_class(value) if inspect.isclass(value) else faults_of_function(value))


@pytest.mark.parametrize("name", dk.__all__)
def test_a_public_name_is_described_whole(name: str) -> None:
    assert faults_of(name) == []


@pytest.mark.parametrize("name", METHODS)
def test_a_method_names_its_source_with_the_year(name: str) -> None:
    years, described = (
        set(re.findall(r"\b[12]\d{3}\b", text)) for text in (METHODS[name].source, METHODS[name].call.__doc__)
    )
    assert years <= described


BARE = '''
from __future__ import annotations

def f(x: ArrayLike, n: int) -> Array:
    """Something.

    Parameters
    ----------
    x : array_like
        Points.
    """
    raise ValueError
'''


def test_what_is_missing_in_a_docstring_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bare.py").write_text(BARE)
    monkeypatch.syspath_prepend(tmp_path)
    function = importlib.import_module("bare").f
    assert list(faults_of_function(function)) == [
        "no shape of x", "no parameter n", "no Returns", "no Raises", "no Examples"
    ]  # fmt: skip
