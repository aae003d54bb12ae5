"""`sluice dedup`: what near-duplicate removal compared."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from pipeline.inspection.pairs import ComparedPair

dedup = typer.Typer(no_args_is_help=True, help="Look at what near-duplicate removal compared.")

CONTEXT_LINES = 1
SIDE_LINES = 40
"""Lines of a pair that are shown."""


@dedup.callback()
def _group() -> None:
    """Keep `pairs` a command of its own while it is the only one."""


@dedup.command(epilog="Example: sluice dedup pairs runs/demo --corpus web --limit 3")
def pairs(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/demo.")],
    corpus: Annotated[
        str | None, typer.Option(metavar="CORPUS", help="github, web or seeds. Default: all.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="Pairs of each kind and corpus.")
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show accepted and rejected pairs near the threshold, side by side.

    First the accepted pairs that are least similar, then the rejected ones that are most.
    """
    from pipeline.cli.json_text import print_json  # noqa: PLC0415
    from pipeline.cli.rendering import show  # noqa: PLC0415
    from pipeline.inspection.pairs import nearest_pairs  # noqa: PLC0415

    found = nearest_pairs(run, corpus, limit)
    if as_json:
        print_json([pair.to_dict() for pair in found])
        return
    for pair in found:
        show(_beside(pair))


def _beside(pair: "ComparedPair") -> "Table":
    """The lines that differ, with a line around them."""
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from pipeline.cli.rendering import printable  # noqa: PLC0415

    verdict = "near-duplicates" if pair.accepted else "not near"
    table = Table(
        title=f"{pair.corpus}: {pair.similarity:.4f}, {verdict}", title_justify="left", expand=True
    )
    for side in (pair.left, pair.right):
        where = f" of {side.run}" if side.run is not None else ""
        name = printable(f"{side.uri or side.doc_id}{where}")
        table.add_column(Text(name), ratio=1, overflow="fold")
    lines = list(_aligned(pair.left.text.splitlines(), pair.right.text.splitlines()))
    for left, right, differs in lines[:SIDE_LINES]:
        styles = ("red", "green") if differs else ("dim", "dim")
        cells = zip((left, right), styles, strict=True)
        table.add_row(*(Text(printable(line), style=style) for line, style in cells))
    if len(lines) > SIDE_LINES:
        table.caption = f"and {len(lines) - SIDE_LINES:,} lines more"
    return table


def _aligned(left: Sequence[str], right: Sequence[str]) -> Iterator[tuple[str, str, bool]]:
    """Lines beside one another, and whether they differ; a gap is an ellipsis."""
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for place, group in enumerate(matcher.get_grouped_opcodes(CONTEXT_LINES)):
        if place:
            yield "⋮", "⋮", False
        for tag, a, b, c, d in group:
            for row in range(max(b - a, d - c)):
                one = left[a + row] if a + row < b else ""
                other = right[c + row] if c + row < d else ""
                yield one, other, tag != "equal"
