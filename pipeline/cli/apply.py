"""`sluice apply`: one stage over any table."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.shell import completion


def apply(
    stage: Annotated[
        str,
        typer.Argument(
            metavar="STAGE",
            help="language, rules, extract, tokenize, dedup, recall, redact or decontaminate.",
            autocompletion=completion.stages_to_apply,
        ),
    ],
    source: Annotated[
        Path,
        typer.Argument(metavar="INPUT", help="Parquet, or JSONL (also .gz, .zst), with `text`."),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="OUT", help="Parquet or JSONL (also .gz, .zst).")
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="An option of the stage, such as threshold=0.8."
        ),
    ] = None,
    with_input: Annotated[
        bool, typer.Option("--with-input", help="Also write the columns of INPUT.")
    ] = False,
    kept_only: Annotated[
        bool, typer.Option("--kept-only", help="Only write the rows that are kept.")
    ] = False,
) -> None:
    """Apply one stage to any table; the answer has one row for each of INPUT's.

    A record the stage cannot process is quarantined: `keep` is false, `reason` is "quarantined".
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from pipeline.apply.map import apply as apply_stage  # noqa: PLC0415
    from pipeline.inspection.counted import counted  # noqa: PLC0415

    applied = apply_stage(
        stage, source, out, set_ or [], with_input=with_input, kept_only=kept_only
    )
    console = Console(stderr=True, highlight=False)
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in applied.reasons.items())
    dropped = f" ({reasons})" if reasons else ""
    console.print(
        Text(f"{out}: {counted(applied.rows, 'row')}, {applied.kept:,} kept{dropped}"),
        soft_wrap=True,
    )
    for error in applied.errors:
        console.print(Text(f"  quarantined {error}"), soft_wrap=True)
