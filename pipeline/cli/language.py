"""`sluice language`: the classifier that names a file's language by its content."""

import sys
from pathlib import Path
from typing import Annotated

import typer

language = typer.Typer(no_args_is_help=True, help="Train the classifier of languages by content.")


@language.callback()
def _group() -> None:
    """Keep `train` a command of its own while it is the only one."""


@language.command(epilog="Example: sluice language train files.parquet -o language_features.arrow")
def train(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="Parquet, or JSONL (also .gz, .zst), with `content` or `text`, `language` (null: "
            "none of the 338), `source` (repository), and optionally `other`.",
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="MODEL", help="The table's file.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="max_entries, min_files, folds or seed."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Learn to name a file's language from what it contains.

    Figures are those of tables that saw none of a file's repository. The file holds its own record:
    which data, which settings, which figures.
    """
    from pipeline.cli.json_text import print_json  # noqa: PLC0415
    from pipeline.cli.rendering import show, show_bytes  # noqa: PLC0415
    from pipeline.inspection.counted import counted  # noqa: PLC0415
    from pipeline.language.training import train_on_files  # noqa: PLC0415

    made = train_on_files(
        table, out, set_ or [], lambda line: print(line, file=sys.stderr, flush=True)
    )
    record = made.table.record
    if as_json:
        print_json(record)
        return
    files, found = record["files"], record["cross_validated"]
    left_out = f", {counted(made.n_left_out, 'row')} left out" if made.n_left_out else ""
    show(
        f"{out}: {show_bytes(made.n_bytes)}, {files['n']:,} files of {files['languages']} "
        f"languages and of none, from {files['sources']:,} repositories{left_out}"
    )
    show(
        f"on repositories not seen: best guess {found['micro']:.3f} of files, {found['macro']:.3f} "
        f"over languages; {found['micro_known']:.3f} where another repository has the language"
    )
