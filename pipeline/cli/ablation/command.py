"""`sluice ablate`: is one corpus better than another? Train small models on both and see."""

from pathlib import Path
from typing import Annotated

import typer

ablate = typer.Typer(
    no_args_is_help=True,
    help="Train the same small model on two corpora and compare what they score.",
    epilog="Start with: sluice ablate run runs/demo",
)

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting: steps, seeds, preset, heldout_bytes, tokenizer, code_share, concatenate, "
        "… May be repeated.",
    ),
]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Tasks at once. Default: one per core.")
]
AddressOption = Annotated[
    str | None,
    typer.Option(metavar="auto|local|ray://…", help="Where tasks run, as in `sluice run`."),
]
BenchmarksOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="humaneval-LANGUAGE.jsonl and mbpp.jsonl: solve them, too. Programs run in a "
        "sandbox; languages without a compiler here are reported as not run.",
    ),
]


@ablate.command(epilog="Example: sluice ablate run runs/demo --set steps=400")
def run(
    run: RunFolder,
    benchmarks: BenchmarksOption = None,
    address: AddressOption = None,
    workers: WorkersOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare what rules alone keep of a run with what the whole chain makes.

    Writes both variants and a common held-out set (RUN/ablation/rules, full, heldout), trains a
    tiny model on each with three seeds, scores all of them, and prints the table, which stays as
    RUN/ablation/table.md and table.json. What is finished is not done again.
    """
    from pipeline.cli.ablation import bodies as commands  # noqa: PLC0415

    commands.ablate(run, benchmarks, address, workers, set_ or [], json=as_json)


@ablate.command(epilog="Example: sluice ablate emit runs/github --set tokenizer=deepseek-v2")
def emit(
    run: RunFolder,
    address: AddressOption = None,
    workers: WorkersOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the two variants and the held-out set of a run as shards, and train nothing.

    For models too large for this machine: train on RUN/ablation/rules/shards and full/shards where
    the GPUs are.
    """
    from pipeline.cli.ablation import bodies as commands  # noqa: PLC0415

    commands.emit(run, address, workers, set_ or [], json=as_json)


@ablate.command(
    epilog="Example: sluice ablate train old.json --set seed=1 --set output=models/old-1"
)
def train(
    configs: Annotated[
        list[Path],
        typer.Argument(metavar="CONFIG...", help="JSON: output, preset, tokens, sources, …"),
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", help="Replace a field, such as steps=200 or seed=1."
        ),
    ] = None,
) -> None:
    """Train a model on shards for each CONFIG; those of one shape share a compilation.

    The same command resumes an interrupted training. The fields are those of
    stages/ablation/training/configuration.py.

    On many GPUs: torchrun --standalone --nproc_per_node=8 -m stages.ablation.training.train CONFIG
    """
    from pipeline.cli.ablation import bodies as commands  # noqa: PLC0415

    commands.train(configs, set_ or [])


@ablate.command(
    "eval",
    epilog="Example: sluice ablate eval models/old-0 --heldout runs/x/ablation/heldout -o old-0",
)
def evaluate(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="A training's output folder, or any Hugging Face causal model."
        ),
    ],
    heldout: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER", help="Shard sets with rows of split heldout, and tokenizer.json."
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Evaluation folder.")],
    benchmarks: BenchmarksOption = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the corpus, in tables.")
    ] = None,
    context: Annotated[
        int | None,
        typer.Option(min=2, metavar="N", help="Tokens in a window. Default: the model's."),
    ] = None,
    stride: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Tokens between windows. Default: 3/4.")
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda", help="Where the model runs.")
    ] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Score a model: bits per byte on held-out documents, pass@1 on benchmarks if asked for."""
    from pipeline.cli.ablation import bodies as commands  # noqa: PLC0415

    commands.evaluate(model, heldout, out, benchmarks, name, context, stride, device, json=as_json)


@ablate.command(epilog="Example: sluice ablate table runs/x/ablation/rules runs/x/ablation/full")
def table(
    a: Annotated[
        Path,
        typer.Argument(metavar="A", help="An evaluation folder, or one that holds several seeds'."),
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="The same of the other corpus.")],
    resamples: Annotated[
        int, typer.Option(min=100, metavar="N", help="Draws of the bootstrap.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the draws.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Compare two corpora: pass@1 in the layout of DeepSeek-Coder-V2's Table 1, bits per byte.

    Values are `0.123 [0.110, 0.136]`: 95 % intervals of a paired bootstrap over documents (or
    problems) and training seeds; the difference is B - A.
    """
    from pipeline.cli.ablation import bodies as commands  # noqa: PLC0415

    commands.table(a, b, resamples, seed, json=as_json)
