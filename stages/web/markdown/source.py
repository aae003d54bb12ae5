"""A page's tree as Python sees it: for the few nodes that need more than a number.

Columns are memory views: a number is made when it is asked for, and pages ask for few.
"""

from collections.abc import Iterator
from functools import cached_property
from html import unescape
from typing import Any, cast

from stages.web.tree.build import Tree
from stages.web.tree.elements import ATTRIBUTES, NAMES
from stages.web.tree.state import KEY, N_PLACES, NAME, NAME_END, VALUE, VALUE_END, Numbers

MAX_CONVERTED = 200_000
"""Nodes of formulas that are converted, of a page: at 10 µs each."""


class Source:
    """Nodes by number: their names, attributes, children and text."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.tag, self.parent = _view(tree.tag), _view(tree.parent)
        self.end, self.first, self.last = _view(tree.end), _view(tree.first), _view(tree.last)
        self._places = _view(tree.attributes.reshape(-1))
        self._attributes: dict[int, dict[str, str]] = {}
        self.n_converted = 0

    @cached_property
    def _text(self) -> bytes:
        return self.tree.text.tobytes()

    @property
    def is_exhausted(self) -> bool:
        """Whether a page made to be slow has used up what may be converted of it."""
        return self.n_converted >= MAX_CONVERTED

    def name(self, node: int) -> str:
        return NAMES[self.tag[node]]

    def tags(self, start: int, stop: int) -> list[int]:
        """The tags of nodes[start:stop]."""
        return self.tag[start:stop].tolist()

    def children(self, node: int) -> Iterator[int]:
        """The children in order, text included."""
        child, end = node + 1, self.end[node]
        while child < end:
            yield child
            child = max(self.end[child], child + 1)

    def attributes(self, node: int) -> dict[str, str]:
        """Names (lower case) and values of an element; of repeated ones the first counts."""
        known = self._attributes.get(node)
        if known is not None:
            return known
        found: dict[str, str] = {}
        self._attributes[node] = found
        if not self.tag[node]:
            return found
        page, places = self.tree.page, self._places
        for row in range(N_PLACES * self.first[node], N_PLACES * self.last[node], N_PLACES):
            key = places[row + KEY]
            if key:
                name = ATTRIBUTES[key]
            else:
                written = page[places[row + NAME] : places[row + NAME_END]]
                name = written.decode("utf-8", "replace").lower()
            if name not in found:
                value = page[places[row + VALUE] : places[row + VALUE_END]].decode(
                    "utf-8", "replace"
                )
                found[name] = unescape(value) if "&" in value else value
        return found

    def markup(self, node: int) -> bytes:
        """An element's attributes as they are written."""
        first, last = N_PLACES * self.first[node], N_PLACES * (self.last[node] - 1)
        if first > last:
            return b""
        return self.tree.page[self._places[first + NAME] : self._places[last + VALUE_END]]

    def written(self, node: int, key: int) -> bytes:
        """The value of an attribute as it is written, with its references; empty if there is
        none."""
        for row in range(N_PLACES * self.first[node], N_PLACES * self.last[node], N_PLACES):
            if self._places[row + KEY] == key:
                return self.tree.page[self._places[row + VALUE] : self._places[row + VALUE_END]]
        return b""

    def classes(self, node: int) -> list[str]:
        return self.attributes(node).get("class", "").split()

    def text(self, node: int) -> str:
        """All text below a node: its bytes are one run, as nodes stand in document order."""
        start, stop = self.text_span(node)
        return self._text[start:stop].decode("utf-8", "replace")

    def text_span(self, node: int) -> tuple[int, int]:
        tag, end = self.tag, self.end[node]
        first = node
        while first < end and tag[first]:
            first += 1
        if first == end:
            return 0, 0
        last = end - 1
        while tag[last]:
            last -= 1
        return self.first[first], self.last[last]


def _view(numbers: Numbers) -> "memoryview[int]":
    return memoryview(cast(Any, numbers))
