"""Parameters as people have them: numbers, arrays, series, and lists, tuples and dicts of these, as one flat vector.

The entries of the vector are those of the arrays one after the other, each in the order of ``ravel()``, dicts in the
order of their keys.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterator, Mapping, MappingView, Sequence
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import numpy as np

from derivkit.arguments import as_array, counted, entry_of, number, numbers, shown, spread
from derivkit.types import EPS, EPS32, Array, Mask, Numbers

FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)
GIVEN_TYPES = (FLOAT64, FLOAT32)
"""Types that f is given as x has them: float16 has too few digits for a difference, longdouble more than results."""
MAX_KEYS = 6
"""Keys that a message shows."""
NO_ARRAYS: tuple[tuple[Callable[[Any], Any], str], ...] = (
    (lambda x: isinstance(x, Iterator | MappingView), "list({}), or dict({}) of pairs of a name and an array"),
    (lambda x: hasattr(x, "named_parameters"), "dk.torch_function(loss, {}.named_parameters())"),
    (lambda x: is_dataclass(x) and not isinstance(x, type), "dataclasses.asdict({}), a dict of its fields"),
)
"""What holds numbers and is none of the structures, and what to write instead."""


Block = tuple[str, slice, tuple[int, ...]]
"""An array among the parameters: its name, its place in the flat vector, its shape."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Leaf:
    """An array, a number or a series.

    Attributes
    ----------
    path : str
        What is written after x.
    array : ndarray
        Its numbers in float64.
    source : object
        What the user has there.
    dtype : dtype
        Of the array that f is given: float64 or float32.
    converted : str
        The type that it has, where f is given another; empty otherwise.
    container : callable
        From an array to what f is given.
    """

    path: str
    array: Array
    source: Any
    dtype: np.dtype[Any]
    converted: str
    container: Callable[[Numbers], Any]

    @property
    def leaves(self) -> Iterator[Leaf]:
        """Itself alone."""
        yield self

    def build(self, leaves: Iterator[Any]) -> Any:
        """What stands in its place."""
        return next(leaves)

    def paired(self, other: Any, name: str) -> Iterator[tuple[Leaf, Any]]:  # noqa: ARG002 -- as of a branch
        """Itself and what another tree has in its place."""
        yield self, other

    def matched(self, other: Any, name: str) -> Array:
        """The numbers of another array of this shape and with these labels, in a row."""
        array = numbers(f"{name}{self.path}", other)
        if array.shape != self.array.shape:
            hint = " (is it transposed?)" if array.shape == self.array.shape[::-1] else ""
            raise ValueError(
                f"{name}{self.path} has shape {array.shape} and x{self.path} has {self.array.shape}; they must be the "
                f"same{hint}"
            )
        if array.ndim and None not in (labels_of(other), labels_of(self.source)):
            for theirs, ours in zip(labels_of(other) or (), labels_of(self.source) or (), strict=True):
                if theirs != ours:
                    raise ValueError(
                        f"{name}{self.path} has the labels {_listed(theirs)} and x{self.path} has {_listed(ours)}; "
                        f"they must be the same, as those of {name}.reindex_like(x) are"
                    )
        return array.ravel()

    def each(self, value: Any, name: str) -> Array:
        """One number for all entries, or one for each, in a row."""
        if labels_of(value) is not None:
            return self.matched(value, name)
        name = f"{name}{self.path}"
        return spread(name, numbers(name, value), self.array.shape).ravel()

    def entry(self, k: int) -> str:
        """How the entry at place k of ``ravel()`` is written."""
        shape, labels = self.array.shape, labels_of(self.source)
        if not shape:
            return self.path
        if labels is None:
            return f"{self.path}{entry_of(k, shape)}"
        if any(len(set(axis)) < len(axis) for axis in labels):
            return f"{self.path}.iloc{entry_of(k, shape)}"
        index = np.unravel_index(k, shape)
        keys = ", ".join(repr(axis[i]) for axis, i in zip(labels, index, strict=True))
        return f"{self.path}{'.loc' if len(shape) > 1 else ''}[{keys}]"

    def place(self, index: tuple[Any, ...]) -> int:
        """The place in ``ravel()`` of one index for each dimension, or of one label for each."""
        labels, shape = labels_of(self.source), self.array.shape
        if labels is not None and len(index) == len(labels) and all(map(_contains, labels, index)):
            index = tuple(axis.index(key) for axis, key in zip(labels, index, strict=True))
        try:
            places = [operator.index(k) for k in index]
        except TypeError:
            if labels is not None:
                there = " and ".join(map(_listed, labels))
                raise ValueError(f"x{self.path} has no label {_unpacked(index)}; it has {there}") from None
            raise TypeError(f"an index is an int or a tuple of ints, not {_unpacked(index)}") from None
        if len(places) != len(shape) or not all(-n <= k < n for k, n in zip(places, shape, strict=True)):
            raise ValueError(f"x{self.path} of shape {shape} has no entry {_unpacked(index)}")
        if not shape:
            return 0
        return int(np.ravel_multi_index(tuple(k % n for k, n in zip(places, shape, strict=True)), shape))


@dataclass(frozen=True, kw_only=True, eq=False)
class Branch:
    """A list, a tuple or a dict, with what it holds under its keys, and how another is made of other contents."""

    path: str
    children: Mapping[Any, Leaf | Branch]
    make: Callable[[list[Any]], Any]
    mapping: bool = False

    @property
    def leaves(self) -> Iterator[Leaf]:
        """The arrays in their order."""
        for child in self.children.values():
            yield from child.leaves

    def build(self, leaves: Iterator[Any]) -> Any:
        """The same nesting with other leaves."""
        return self.make([child.build(leaves) for child in self.children.values()])

    def paired(self, other: Any, name: str) -> Iterator[tuple[Leaf, Any]]:
        """The leaves and what another tree, which must have the same nesting, has in their places."""
        contents = self._contents(other, name)
        for key, child in self.children.items():
            if key not in contents:
                raise ValueError(f"{name}{child.path} is missing; x{child.path} is {_kind(child)}")
            yield from child.paired(contents[key], name)

    def _contents(self, other: Any, name: str) -> Mapping[Any, Any]:
        """What the other has under its keys; refused if these are others."""
        here, keys = f"{name}{self.path}", list(self.children)
        if self.mapping:
            if not isinstance(other, Mapping):
                raise TypeError(f"{here} is no dict; write one with the keys of x{self.path}: {_listed(keys)}")
            extra = next((key for key in other if key not in self.children), None)
            if extra is not None:
                raise ValueError(f"{here}[{extra!r}] is not in x{self.path}, whose keys are {_listed(keys)}")
            return other
        if not isinstance(other, list | tuple):
            raise TypeError(
                f"{here} is neither a list nor a tuple; write one of {counted(len(keys), 'entry')}, as x{self.path}"
            )
        if len(other) != len(keys):
            raise ValueError(
                f"{here} has {counted(len(other), 'entry')} and x{self.path} has {len(keys)}; write one for each"
            )
        return dict(zip(keys, other, strict=True))

    def place(self, index: tuple[Any, ...]) -> tuple[Leaf, tuple[Any, ...]]:
        """The leaf to which a path leads, and what is left of the path."""
        if not index or not _contains(self.children, index[0]):
            missing = f" {shown(index[0])}" if index else ""
            raise ValueError(f"x{self.path} has no entry{missing}; it has {_listed(list(self.children))}")
        child = self.children[index[0]]
        return child.place(index[1:]) if isinstance(child, Branch) else (child, index[1:])


class Structure:
    """A nesting of arrays beside the vector of its numbers.

    Parameters
    ----------
    root : Leaf or Branch
        The nesting; :meth:`of` makes it from parameters.

    Attributes
    ----------
    flat : ndarray
        The numbers, float64, shape ``(n,)``.
    shape : tuple of int
        Of x where it is one array or a number; ``(n,)`` where it is a nesting.
    blocks : tuple of Block
        The name, the slice of the flat vector and the shape of every array.
    remark : str
        Which arrays f is given in another type than they have, in a sentence; empty where there are none.
    plain : bool
        Whether x is a float64 array, or a number or a list that is given to f as one.

    Examples
    --------
    >>> structure = Structure.of({"W1": [[1.0, 2.0], [3.0, 4.0]], "b1": 5.0})
    >>> structure.flat.tolist(), structure.name(2), structure.name(4)
    ([1.0, 2.0, 3.0, 4.0, 5.0], "x['W1'][1, 0]", "x['b1']")
    >>> structure.restore(2.0 * structure.flat)
    {'W1': array([[2., 4.],
           [6., 8.]]), 'b1': 10.0}
    """

    def __init__(self, root: Leaf | Branch) -> None:
        self._root, self._leaves = root, tuple(root.leaves)
        arrays = [leaf.array for leaf in self._leaves]
        ends = np.cumsum([0, *(array.size for array in arrays)]).tolist()
        self.flat: Array = np.concatenate([np.empty(0), *(array.ravel() for array in arrays)])
        self.shape: tuple[int, ...] = arrays[0].shape if isinstance(root, Leaf) else self.flat.shape
        self.blocks: tuple[Block, ...] = tuple(
            (f"x{leaf.path}", slice(start, stop), leaf.array.shape)
            for leaf, start, stop in zip(self._leaves, ends[:-1], ends[1:], strict=True)
        )
        self.remark = _remark(self._leaves)
        self.plain = isinstance(root, Leaf) and root.container in (_itself, _number) and root.dtype == FLOAT64

    @classmethod
    def of(cls, x: Any) -> Structure:
        """The structure of x.

        Parameters
        ----------
        x : array_like, series, or a list, tuple or dict of these, nested
            Real finite numbers, at least one. A list of numbers is a vector, as NumPy takes it; a list that holds an
            array, a dict or a series is a nesting, and so is a named tuple.

        Raises
        ------
        TypeError, ValueError
            If x holds anything else, with the name of the entry.
        """
        structure = cls(_node(x, ""))
        if not structure.size:
            raise ValueError("x has no entries, so there is nothing to differentiate by; give at least one number")
        wrong = np.flatnonzero(~np.isfinite(structure.flat))
        if wrong.size:
            entry = structure.name(int(wrong[0]))
            raise ValueError(f"{entry} is {structure.flat[wrong[0]]}; the entries of x must be finite numbers")
        return structure

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.flat.size

    @property
    def is_float64(self) -> bool:
        """Whether f is given all numbers in float64."""
        return all(leaf.dtype == FLOAT64 for leaf in self._leaves)

    @property
    def float32(self) -> Mask:
        """Where f is given float32, shape ``(n,)``."""
        sizes = [leaf.array.size for leaf in self._leaves]
        return np.repeat([leaf.dtype == FLOAT32 for leaf in self._leaves], sizes)

    @property
    def precision(self) -> str:
        """Which arrays f is given in float32, and what that means, in a sentence; empty where there are none."""
        narrow = [leaf for leaf in self._leaves if leaf.dtype == FLOAT32]
        return f"{_given(narrow)} in float32: derivatives have more digits where it is float64." if narrow else ""

    def widened(self) -> Structure:
        """The same of which f is given all arrays in float64, which `remark` says of those that are not."""
        wide = copy.copy(self)
        wide._leaves = tuple(replace(leaf, dtype=FLOAT64) for leaf in self._leaves)  # noqa: SLF001 -- its own class
        narrow = [leaf for leaf in self._leaves if leaf.dtype == FLOAT32]
        wide.remark = " ".join(filter(None, [self.remark, f"{_given(narrow)} in float64, as f computes in that."]))
        return wide

    @property
    def eps(self) -> Array:
        """Of the type in which f is given an entry, shape ``(n,)``."""
        return np.where(self.float32, EPS32, EPS)

    @property
    def container(self) -> Callable[[Array], Any] | None:
        """From a point of shape `shape` to what f is given; None where f is given the point as it is."""
        return None if self.plain else lambda point: self.restore(point.ravel())

    def representable(self, flat: Array) -> Array:
        """The numbers `flat` of shape ``(..., n)`` as f is given them: those of float32 arrays rounded."""
        if self.is_float64:
            return flat
        with np.errstate(over="ignore"):
            return np.where(self.float32, flat.astype(np.float32), flat)

    def restore(self, flat: Array) -> Any:
        """Other numbers in the structure of x, with its types, containers and labels.

        Parameters
        ----------
        flat : ndarray
            Shape ``(n,)``; what is restored shares no memory with it.
        """
        parts = self._parts(flat)
        with np.errstate(over="ignore"):
            given = (leaf.container(part.astype(leaf.dtype)) for leaf, part in zip(self._leaves, parts, strict=True))
            return self._root.build(given)

    def shaped(self, values: Numbers) -> Any:
        """Results for all entries, such as derivatives or statuses, in the structure of x, labelled as x is.

        Parameters
        ----------
        values : ndarray
            Of any type, shape ``(n,)``.
        """
        pairs = zip(self._leaves, self._parts(values), strict=True)
        return self._root.build(_labelled(leaf.source, part) for leaf, part in pairs)

    def _parts(self, flat: Numbers) -> Iterator[Numbers]:
        return (flat[place].reshape(shape) for _, place, shape in self.blocks)

    def like(self, other: Any, name: str) -> Array:
        """The numbers of something that must have the structure of x, such as a gradient, shape ``(n,)``.

        Parameters
        ----------
        other : object
            Arrays of the same shapes in the same nesting; labels, where both have any, must be the same.
        name : str
            What messages call it.

        Raises
        ------
        TypeError, ValueError
            If it has another structure, with the name of the first entry that differs.
        """
        return np.concatenate([leaf.matched(part, name) for leaf, part in self._root.paired(other, name)])

    def each(self, value: Any, name: str) -> Array:
        """One number for all entries, or in the structure of x one for each array or each entry; shape ``(n,)``.

        Parameters
        ----------
        value : object
            These numbers.
        name : str
            What messages call them.

        Raises
        ------
        TypeError, ValueError
            If they are no numbers, or in another structure.
        """
        if isinstance(self._root, Branch) and not (isinstance(value, list | tuple | Mapping) or np.ndim(value)):
            return np.full(self.size, number(name, value))
        return np.concatenate([leaf.each(part, name) for leaf, part in self._root.paired(value, name)])

    def name(self, k: int) -> str:
        """How the entry at place `k` of the flat vector is written, such as ``x['W1'][3, 0]``."""
        pairs = zip(self._leaves, self.blocks, strict=True)
        leaf, place = next((leaf, place) for leaf, (_, place, _) in pairs if place.start <= k < place.stop)
        return f"x{leaf.entry(k - place.start)}"

    def place(self, index: Any) -> int:
        """The place in the flat vector of an entry.

        Parameters
        ----------
        index : int, tuple or label
            The place itself, from the end where negative; or one index or label for each dimension of an array; or the
            path to an entry of a nesting, such as ``("W1", 3, 0)``.

        Raises
        ------
        TypeError, ValueError
            If it is no index, or x has no such entry.
        """
        if not isinstance(index, tuple) and not (isinstance(index, str) and self._has_keys):
            return self._flat_place(index)
        path = index if isinstance(index, tuple) else (index,)
        leaf, rest = self._root.place(path) if isinstance(self._root, Branch) else (self._root, path)
        return int(self.blocks[self._leaves.index(leaf)][1].start) + leaf.place(rest)

    @property
    def _has_keys(self) -> bool:
        return isinstance(self._root, Branch) or labels_of(self._root.source) is not None

    def _flat_place(self, index: Any) -> int:
        try:
            k = operator.index(index)
        except TypeError:
            raise TypeError(f"an index is an int or a tuple of ints, not {shown(index)}") from None
        if not -self.size <= k < self.size:
            raise ValueError(f"x of shape {self.shape} has no entry {shown(index)}")
        return k % self.size


def flattened(tree: Any) -> Numbers:
    """What `Structure.shaped` made of a vector, as a vector again."""
    if not isinstance(tree, list | tuple | Mapping):
        return np.ravel(tree)
    return np.concatenate([flattened(part) for part in (tree.values() if isinstance(tree, Mapping) else tree)])


# The nesting


def _node(x: Any, path: str) -> Leaf | Branch:
    if isinstance(x, Mapping):
        children = {key: _node(entry, f"{path}[{key!r}]") for key, entry in x.items()}
        return Branch(path=path, children=children, make=_maker(x), mapping=True)
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        children = {field: _node(entry, f"{path}.{field}") for field, entry in zip(x._fields, x, strict=True)}
        return Branch(path=path, children=children, make=x._make)  # type: ignore[attr-defined]
    if isinstance(x, list | tuple) and _nested(x):
        children = {k: _node(entry, f"{path}[{k}]") for k, entry in enumerate(x)}
        return Branch(path=path, children=children, make=list if isinstance(x, list) else tuple)
    return _leaf(x, path)


def _nested(x: Sequence[Any]) -> bool:
    """Whether a list is more than rows of numbers: somewhere it holds an array, a series, a dict or a named tuple."""
    return any(
        isinstance(entry, Mapping)
        or hasattr(entry, "_fields")
        or (_nested(entry) if isinstance(entry, list | tuple) else getattr(entry, "ndim", 0) > 0)
        for entry in x
    )


def _maker(x: Mapping[Any, Any]) -> Callable[[list[Any]], Any]:
    """What makes a dict of the kind of x, with its keys, of other contents; of a mapping that is no dict, a dict."""

    def make(contents: list[Any]) -> Any:
        again = copy.copy(x) if isinstance(x, dict) else {}
        again.update(zip(x, contents, strict=True))
        return again

    return make


def _leaf(x: Any, path: str) -> Leaf:
    array = np.array(_numbers(x, f"x{path}"))
    source_type = FLOAT64 if isinstance(x, list | tuple | float | int) else as_array(x).dtype.newbyteorder("=")
    dtype = source_type if source_type in GIVEN_TYPES else FLOAT64
    return Leaf(
        path=path,
        array=array,
        source=x,
        dtype=dtype,
        converted="" if source_type in GIVEN_TYPES or source_type.kind == "O" else source_type.name,
        container=container_of(x, array.astype(dtype, copy=False))
        or (_itself if np.ndim(array) or isinstance(x, np.ndarray) else _number),
    )


def _numbers(x: Any, name: str) -> Array:
    """What `numbers` reads, with what to write instead of some that it does not read."""
    try:
        return numbers(name, x)
    except TypeError:
        remedy = next((text for is_one, text in NO_ARRAYS if is_one(x)), "")
        if not remedy:
            raise
    raise TypeError(f"{name} is a {type(x).__name__}; write {remedy.replace('{}', name)}")


def _itself(values: Numbers) -> Numbers:
    return values


def _number(values: Numbers) -> Any:
    return values.item() if values.dtype == FLOAT64 else values[()]


def container_of(x: Any, array: Numbers) -> Callable[[Numbers], Any] | None:
    """What makes of an array such a container as x is, with its labels (a series, a frame, a tensor).

    It adds the array to zeros that the container makes itself: -0.0, which changes no number, nor the sign of 0. None
    for arrays, lists and numbers, and for what does not keep every digit and the type.
    """
    if isinstance(x, np.ndarray | np.generic) or not hasattr(x, "__array__"):
        return None

    def again(values: Numbers) -> Any:
        return (x - x) * -0.0 + (values if values.ndim else values.item())

    try:
        trial = np.asarray(np.nextafter(array, array.dtype.type(np.inf)))
        result = np.asarray(again(trial))
        exact = np.array_equal(result, trial) and result.dtype == array.dtype
    except Exception:  # noqa: BLE001 -- a container that cannot be added to is given to f as an array
        return None
    return again if exact else None


def labels_of(x: Any) -> tuple[list[Any], ...] | None:
    """The labels along every axis of a series or a frame; None for what has none."""
    axes = getattr(x, "axes", None)
    if not isinstance(axes, list) or not hasattr(x, "index"):
        return None
    return tuple(axis.tolist() for axis in axes)


def _labelled(x: Any, values: Numbers) -> Any:
    """Values in a series or a frame with the labels of x, where it has any; one value alone as Python has it."""
    if not values.ndim:
        return values.item()
    if labels_of(x) is None:
        return values
    return type(x)(values, *x.axes)


# Messages


def _remark(leaves: Sequence[Leaf]) -> str:
    converted = [leaf for leaf in leaves if leaf.converted]
    if not converted:
        return ""
    types = sorted({leaf.converted for leaf in converted})
    return f"{_given(converted)} in float64, not in {' or '.join(types)}."


def _given(leaves: Sequence[Leaf]) -> str:
    names = [f"x{leaf.path}" for leaf in leaves]
    shortened = names if len(names) <= MAX_KEYS else [*names[: MAX_KEYS - 1], f"{len(names) - MAX_KEYS + 1} more"]
    return f"{', '.join(shortened)} {'is' if len(names) == 1 else 'are'} given to f"


def _listed(keys: Sequence[Any]) -> str:
    more = ", ..." if len(keys) > MAX_KEYS else ""
    return ", ".join(map(repr, keys[:MAX_KEYS])) + more


def _kind(node: Leaf | Branch) -> str:
    if isinstance(node, Branch):
        return "a dict" if node.mapping else f"a list of {counted(len(node.children), 'entry')}"
    return f"an array of shape {node.array.shape}" if node.array.ndim else "a number"


def _unpacked(index: tuple[Any, ...]) -> str:
    return shown(index[0] if len(index) == 1 else index)


def _contains(keys: Any, key: Any) -> bool:
    try:
        return key in keys
    except TypeError:  # unhashable
        return False
