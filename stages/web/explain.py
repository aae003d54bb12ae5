"""What extraction makes of one page, block by block, for people who look for the reason."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stages.web.content.choose import Chosen, choose
from stages.web.content.parts import SKIP, tag_flags
from stages.web.extract import Extracted, written_page
from stages.web.markdown.source import Source
from stages.web.markdown.write import write
from stages.web.tree.build import Tree, build

_SHOWN_CLASSES = 2
_SHOWN_LEVELS = 4


@dataclass(frozen=True)
class Block:
    """A run of text and pictures in one block-level element, and what became of it."""

    place: str
    """The innermost elements around it, as a CSS selector would name them."""
    text: str
    probability: float | None
    """That it is main content, as the forests have it; null where they were not asked."""
    kept: bool
    why: str


@dataclass(frozen=True)
class Explained:
    """A page's text, the text of all that readers see, and the blocks in order."""

    page: Extracted
    everything: str
    blocks: tuple[Block, ...]


def explain(html: str, *, xml: bool = False) -> Explained:
    """What `extract` does with a decoded page, and why."""
    tree = build(html.encode("utf-8", "replace"), xml=xml)
    chosen = choose(tree)
    return Explained(
        written_page(tree, chosen.keep),
        write(tree).text,
        tuple(_blocks(tree, chosen)),
    )


def _blocks(tree: Tree, chosen: Chosen) -> Iterator[Block]:
    source, text = Source(tree), tree.text.tobytes()
    skipped = tag_flags()[0] & SKIP != 0
    runs: list[tuple[int, list[int]]] = []
    for node in np.flatnonzero(tree.end == np.arange(1, len(tree.tag) + 1)).tolist():
        if not tree.tag[node] or chosen.block[node] >= 0:
            number = int(chosen.block[node])
            before = runs[-1] if runs and runs[-1][0] == number else None
            if before and (number >= 0 or tree.parent[before[1][-1]] == tree.parent[node]):
                before[1].append(node)
            else:
                runs.append((number, [node]))
    for number, nodes in runs:
        spans = (text[tree.first[n] : tree.last[n]] for n in nodes if not tree.tag[n])
        words = b"".join(spans).decode("utf-8", "replace").strip()
        parent = int(tree.parent[nodes[0]])
        if number < 0:
            if words and not skipped[tree.tag[parent]]:
                yield Block(_place(source, parent), words, None, False, "not shown to readers")
            continue
        probability, kept = float(chosen.probability[number]), bool(chosen.kept[number])
        yield Block(
            _place(source, parent),
            words,
            probability,
            kept,
            _why(kept, probability, chosen.threshold),
        )


def _why(kept: bool, probability: float, threshold: float) -> str:
    if kept and probability > threshold:
        return f"likelier than {threshold:.2f}"
    if kept:
        return "code, a formula, or a picture between what is kept"
    return f"no likelier than {threshold:.2f}"


def _place(source: Source, node: int) -> str:
    names: list[str] = []
    while node >= 0 and len(names) < _SHOWN_LEVELS:
        identity = source.attributes(node).get("id", "").split()[:1]
        classes = source.classes(node)[:_SHOWN_CLASSES]
        names.append(
            source.name(node)
            + "".join(f"#{one}" for one in identity)
            + "".join(f".{one}" for one in classes)
        )
        node = source.parent[node]
    return " > ".join(reversed(names))
