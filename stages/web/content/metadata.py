"""What a page says of itself: its title and its language."""

import numpy as np

from stages.web.tree.build import Tree
from stages.web.tree.elements import KEYS, TAGS

_TITLE, _SVG = TAGS["title"], TAGS["svg"]
_LANGUAGES = (KEYS["lang"], KEYS["xml:lang"])


def title(tree: Tree) -> str | None:
    """The text of the first `<title>` that names the page and not a drawing in it."""
    for node in np.flatnonzero(tree.tag == _TITLE):
        if _is_within(tree, int(node), _SVG):
            continue
        texts = node + np.flatnonzero(tree.tag[node : tree.end[node]] == 0)
        if not len(texts):
            return None
        found = tree.text[tree.first[texts[0]] : tree.last[texts[-1]]].tobytes()
        return " ".join(found.decode("utf-8", "replace").split()) or None
    return None


def declared_language(tree: Tree) -> str | None:
    """The root's `lang`, else its `xml:lang`."""
    named: dict[int, str] = {}
    for key, _, _, start, stop in tree.attributes[tree.first[0] : tree.last[0]].tolist():
        named.setdefault(key, tree.page[start:stop].decode("utf-8", "replace").strip())
    return next((named[key] for key in _LANGUAGES if named.get(key)), None)


def _is_within(tree: Tree, node: int, tag: int) -> bool:
    while node >= 0:
        if tree.tag[node] == tag:
            return True
        node = int(tree.parent[node])
    return False
