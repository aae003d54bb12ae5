"""What `sluice extract` prints: a page's text, its blocks, or what was dropped."""

import difflib

from rich.console import Console, RenderableType
from rich.text import Text

from pipeline.apply.page import explain_page
from pipeline.cli.rendering import DIFF_LINES, printable, rows_table, show, show_diff
from pipeline.inspection.counted import counted
from stages.web.explain import Explained

MAX_BLOCK_CHARACTERS = 72


def extract(place: str, *, blocks: bool, diff: bool) -> None:
    """Extract one page and print what was asked for; what it is goes to the standard error."""
    explained = explain_page(place)
    if blocks:
        show(_blocks_table(explained))
    elif diff:
        show(_dropped(explained))
    else:
        print(printable(explained.page.text))
    Console(stderr=True, highlight=False).print(Text(_summary(explained)), soft_wrap=True)


def _summary(explained: Explained) -> str:
    page = explained.page
    n_kept = sum(block.kept for block in explained.blocks)
    facts = [
        f"title {printable(page.title)!r}" if page.title else "no title",
        f"language {page.natural_language or 'unknown'}",
        f"{n_kept:,} of {len(explained.blocks):,} blocks kept",
        f"{len(page.text):,} of {len(explained.everything):,} characters",
        counted(page.n_code_blocks, "code block"),
        counted(page.n_formulas, "formula"),
    ]
    return " · ".join(facts)


def _blocks_table(explained: Explained) -> RenderableType:
    return rows_table(
        ["kept", "probability", "why", "in", "text"],
        [
            [
                "yes" if block.kept else "no",
                "–" if block.probability is None else f"{block.probability:.2f}",
                block.why,
                block.place,
                " ".join(block.text[: 2 * MAX_BLOCK_CHARACTERS].split())[:MAX_BLOCK_CHARACTERS],
            ]
            for block in explained.blocks
        ],
    )


def _dropped(explained: Explained) -> RenderableType:
    everything, kept = (
        text.splitlines()[:DIFF_LINES] for text in (explained.everything, explained.page.text)
    )
    return show_diff(
        difflib.unified_diff(everything, kept, "all of the page", "kept", lineterm="", n=1)
    )
