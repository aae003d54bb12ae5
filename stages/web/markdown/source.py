"""A page's tree as Python sees it: for the few nodes that need more than a number.

The lists are made on first use, since most pages need none of them.
"""

from collections.abc import Iterator
from functools import cached_property
from html import unescape

from stages.web.tree.build import Tree
from stages.web.tree.elements import NAMES
from stages.web.tree.state import NAME, NAME_END, VALUE, VALUE_END

MAX_CONVERTED = 200_000
"""Nodes of formulas that are converted, of a page: at 10 µs each."""


class Source:
    """Nodes by number: their names, attributes, children and text."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._attributes: dict[int, dict[str, str]] = {}
        self.n_converted = 0

    @cached_property
    def tag(self) -> list[int]:
        return list(self.tree.tag.tolist())

    @cached_property
    def parent(self) -> list[int]:
        return list(self.tree.parent.tolist())

    @cached_property
    def end(self) -> list[int]:
        return list(self.tree.end.tolist())

    @cached_property
    def first(self) -> list[int]:
        return list(self.tree.first.tolist())

    @cached_property
    def last(self) -> list[int]:
        return list(self.tree.last.tolist())

    @cached_property
    def _text(self) -> bytes:
        return self.tree.text.tobytes()

    @property
    def is_exhausted(self) -> bool:
        """Whether a page made to be slow has used up what may be converted of it."""
        return self.n_converted >= MAX_CONVERTED

    def name(self, node: int) -> str:
        return NAMES[self.tag[node]]

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
        if not self.tag[node] or self.first[node] == self.last[node]:
            return found
        page = self.tree.page
        for row in self.tree.attributes[self.first[node] : self.last[node]].tolist():
            name = page[row[NAME] : row[NAME_END]].decode("utf-8", "replace").lower()
            if name not in found:
                value = page[row[VALUE] : row[VALUE_END]].decode("utf-8", "replace")
                found[name] = unescape(value) if "&" in value else value
        return found

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
