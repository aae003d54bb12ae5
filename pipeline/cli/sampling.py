"""`sluice sample`: a few training samples as text."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def sample(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/demo.")],
    shard_set: Annotated[str, typer.Argument(metavar="SET", help="Such as code or math-web.")],
    n: Annotated[int, typer.Option("-n", min=1, metavar="N", help="How many.")] = 5,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="SQL",
            help="A condition over the columns of the shards, such as \"split = 'heldout'\" or "
            "\"parts[1].language = 'Rust'\".",
        ),
    ] = None,
    lines: Annotated[
        int, typer.Option(min=1, metavar="N", help="Lines to show of each document.")
    ] = 20,
    color: Annotated[
        Literal["auto", "always", "never"],
        typer.Option(help="Whether code is in colours; auto: on a terminal."),
    ] = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object per sample, with all its text.")
    ] = False,
) -> None:
    """Print decoded training samples of a shard set, in their languages' colours."""
    from pipeline.cli.rendering import Color, sample_view  # noqa: PLC0415
    from pipeline.cli.rendering import show as show_text  # noqa: PLC0415
    from pipeline.cli.shell.arguments import require_text  # noqa: PLC0415
    from pipeline.inspection.sampling import draw  # noqa: PLC0415
    from pipeline.storage.json_text import json_text  # noqa: PLC0415

    require_text(shard_set, "SET")
    if where is not None:
        require_text(where, "--where")
    n_found = 0
    for number, found in enumerate(draw(run, shard_set, n, where)):
        n_found += 1
        if as_json:
            print(json_text(found.to_dict()))
            continue
        if number:
            print()
        show_text(sample_view(found, lines), Color(color))
    if not n_found and not as_json:
        show_text("no sample meets the condition")
