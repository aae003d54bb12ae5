"""`sluice browse`: documents in a browser, and whether the verdicts on them are right."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer


def browse(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/demo.")],
    author: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who judges. Default: the login name.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=10**9,
            metavar="N",
            help="Of the random draws: the same seed shows the same documents. Default: a new one.",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port. Default: any free one.")
    ] = 0,
) -> None:
    """Look at kept and dropped documents in a browser, and judge the verdicts.

    Random ones by stage, reason, language, domain or a measure, on this machine
    alone: code in colours, formulas drawn, a near-duplicate beside the kept one.
    Judgements go to RUN/audit.parquet and give every stage its error rate.
    """
    from pipeline.browse.serve import browse as serve_page  # noqa: PLC0415

    serve_page(run, say=partial(print, flush=True), author=author, seed=seed, port=port)
