"""`sluice tokenizer`: a vocabulary learned from the corpus."""

from pathlib import Path
from typing import Annotated

import typer

tokenizer = typer.Typer(no_args_is_help=True, help="Train a tokenizer on the shards of a run.")


@tokenizer.callback()
def _group() -> None:
    """Keep `train` a command of its own while it is the only one."""


@tokenizer.command(epilog="Example: sluice tokenizer train runs/demo -o tokenizer.json")
def train(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run that has emitted shards.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE", help="The tokenizer.json to write.")
    ],
    entries: Annotated[
        int | None,
        typer.Option(
            "--entries",
            metavar="N",
            help="Size of the vocabulary with its special tokens. Default: that of the run's "
            "tokenizer.",
        ),
    ] = None,
    tokens: Annotated[
        int,
        typer.Option(
            "--tokens",
            metavar="N",
            min=1,
            help="How much of the train split to learn from, in tokens of the run's tokenizer.",
        ),
    ] = 250_000_000,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="Chooses the samples.")
    ] = 0,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="SHARDSET", help="Such as code. May be repeated. Default: all."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was learned as JSON.")
    ] = False,
) -> None:
    """Learn a byte-level BPE vocabulary from the shards, parting words as the run's tokenizer does.

    The file serves every stage: `sluice run CONFIG --set tokenizer=FILE`.
    """
    from dataclasses import asdict  # noqa: PLC0415

    from rich.console import Console  # noqa: PLC0415

    from pipeline.cli.bars import bars  # noqa: PLC0415
    from pipeline.cli.json_text import print_json  # noqa: PLC0415
    from pipeline.cli.rendering import show  # noqa: PLC0415
    from pipeline.tokenizer.training import train_tokenizer  # noqa: PLC0415

    with bars(Console(stderr=True)) as progress:
        made = train_tokenizer(
            run, out, set_ or [], progress, entries=entries, max_tokens=tokens, seed=seed
        )
    if as_json:
        print_json(asdict(made))
        return
    show(f"{out}: {made.entries:,} entries, learned from {made.tokens_read:,} tokens")
    if made.before is None or made.after is None:
        show("no held-out samples: what it gains is not known")
    else:
        show(
            f"bytes a token on {made.heldout_bytes:,} held-out bytes: {made.before:.3f} before, "
            f"{made.after:.3f} with it"
        )
