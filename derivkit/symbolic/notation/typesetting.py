"""Trees that share parts, as the lines of a derivation do, set as tokens: every part is set once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from functools import cache
from typing import Generic, NamedTuple, TypeVar

from derivkit.expressions.layout import Layout, Part
from derivkit.expressions.tree import Node, arguments_of

T = TypeVar("T", bound=Sized)


class _Standing(NamedTuple):
    """A node, and whether a factor comes behind it."""

    node: Node
    followed: bool


class Typesetter(Generic[T]):
    """Sets trees as tokens, and stores those of every part for the trees that follow.

    Parameters
    ----------
    layout : callable
        From a node, and the keyword ``followed``, to its layout.
    opening, closing : token
        The brackets.
    most : int
        Characters, beyond which a tree is cut: behind the first token with which there are more.
    """

    def __init__(self, layout: Callable[..., Layout[T]], opening: T, closing: T, most: int) -> None:
        self._layout = cache(lambda node, followed: layout(node, followed=followed))
        self._opening, self._closing, self._most = opening, closing, most
        self._known: dict[_Standing, tuple[list[T], int]] = {}

    def __call__(self, root: Node) -> tuple[list[T], bool]:
        """The tokens of a tree, and whether it is cut."""
        tokens: list[T] = []
        length = 0
        start = _Standing(root, followed=False)
        around = [(start, self._items(start), 0, 0)]  # the nodes around the next token, and where each of them starts
        while around and length <= self._most:
            standing, items, first, before = around[-1]
            item = next(items, None)
            if item is None:
                around.pop()
                self._known[standing] = tokens[first:], length - before
            elif not isinstance(item, _Standing):
                tokens.append(item)
                length += len(item)
            elif known := self._known.get(item):
                tokens += known[0]
                length += known[1]
            else:
                around.append((item, self._items(item), len(tokens), length))
        while length - len(tokens[-1]) > self._most:
            length -= len(tokens.pop())
        # A part that starts the tree and is too long is so in every other tree; of the others the end is not known.
        self._known |= {standing: (tokens, length) for standing, _, first, _ in around if not first}
        return tokens, length > self._most

    def _items(self, standing: _Standing) -> Iterator[T | _Standing]:
        """The layout of a node, with brackets where a part binds too weakly; in them nothing comes behind it."""
        for item in self._layout(*standing)[1]:
            if not isinstance(item, Part):
                yield item
                continue
            node = standing.node
            for index in (item.index, *item.deeper):
                node = arguments_of(node)[index]
            followed = standing.followed if item.followed is None else item.followed
            if self._layout(node, followed)[0] < item.least:
                yield from (self._opening, _Standing(node, followed=False), self._closing)
            else:
                yield _Standing(node, followed)
