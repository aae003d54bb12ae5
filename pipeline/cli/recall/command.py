"""`sluice recall`: classifiers by hand, and recall compared with labels."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

recall = typer.Typer(no_args_is_help=True, help="Train, use and judge the classifiers of recall.")

Table = Annotated[
    Path, typer.Argument(metavar="TABLE", help="Parquet, or JSONL (also .gz, .zst), with `text`.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@recall.command(
    epilog="Example: sluice recall evaluate runs/dev --labels labels.parquet --plot recall.svg"
)
def evaluate(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder whose web pages were recalled.")
    ],
    labels: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Parquet or JSONL with `label`, and `doc_id`, or `warc` and `offset`, or `url`; "
            "optional `also`, `scorable`, `ambiguous`, `natural_language`.",
        ),
    ],
    worst: Annotated[
        int, typer.Option(min=0, metavar="N", help="Domains with the most errors to show.")
    ] = 10,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.svg", help="Draw precision against recall, per target and iteration."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare recall with labels: precision, recall and F1 by iteration, language and domain.

    Supplied seeds, and pages that recall never judged (such as duplicates), are left out and
    counted.
    """
    from pipeline.cli.recall import printing  # noqa: PLC0415

    printing.evaluate(run, labels, worst, plot, as_json=as_json)


@recall.command(epilog="Example: sluice recall train pages.parquet --target code -o code.arrow")
def train(
    table: Table,
    target: Annotated[
        str, typer.Option(metavar="NAME", help="The value of `label` that is positive.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="MODEL", help="The model file.")],
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A setting of `recall`: recipe, mode, precision, …"
        ),
    ] = None,
    full: Annotated[
        Path | None,
        typer.Option(
            "--bin",
            metavar="FILE",
            help="Write fastText's own model, too: up to 2 GB, for programs that want it.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train one classifier on a table with `text` and `label`.

    Of the other rows all are negatives. `domain` (or `url`) says what is held out together.
    """
    from pipeline.cli.recall import printing  # noqa: PLC0415

    printing.train(table, target, out, set_ or [], full, as_json=as_json)


@recall.command(
    epilog="Example: sluice recall score new.parquet --model code.arrow -o scored.jsonl"
)
def score(
    table: Table,
    model: Annotated[
        Path,
        typer.Option(metavar="MODEL", help="Of `sluice recall train`, or of a run's iteration."),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="OUT", help="Parquet or JSONL (also .gz, .zst).")
    ],
    target: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Compare with `label`: this value is positive."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, metavar="P", help="Probability to recall a row. Default: the model's."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score every row of a table: `score` (a probability) and `recalled`, row for row."""
    from pipeline.cli.recall import printing  # noqa: PLC0415

    printing.score(table, model, out, target, threshold, as_json=as_json)


@recall.command(epilog="Example: sluice recall annotate runs/dev --author ada --enough 0.95")
def annotate(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder whose recall proposed patterns.")
    ],
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="TOML",
            help="Where decisions go. Default: the first of the run's `recall.annotations`, else "
            "annotations.toml in RUN.",
        ),
    ] = None,
    author: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who decides. Default: the login name.")
    ] = None,
    iteration: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Whose patterns. Default: the iteration that the run waits for, else the latest.",
        ),
    ] = None,
    enough: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            metavar="SHARE",
            help="Leave the rest to the rule once decisions cover this share of a target's pages.",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port. Default: any free one.")
    ] = 0,
) -> None:
    """Accept or reject URL patterns in a browser, on this machine alone.

    Every decision is saved at once and can be undone. It holds for what lies
    under a pattern, unless that has one of its own. Of very many patterns decide
    the largest, all that a filter chooses at once, and leave the rest to the rule.
    """
    from pipeline.annotate.serve import annotate as serve_page  # noqa: PLC0415

    say = partial(print, flush=True)
    serve_page(
        run, say=say, file=file, author=author, iteration=iteration, enough=enough, port=port
    )
