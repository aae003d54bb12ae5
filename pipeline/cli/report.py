"""`sluice report`: a run as one HTML file, or two runs side by side."""

from pathlib import Path
from typing import Annotated

import typer

from stages.errors import ConfigError


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/demo.")],
    compare: Annotated[
        Path | None,
        typer.Option(metavar="OTHER", help="Another run: both side by side, differences marked."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Labelled pages, as for `sluice recall evaluate`: precision against recall.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE.html",
            help="Where to write. Default: RUN/report/index.html, with --compare "
            "RUN/report/compare.html.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures as JSON and write nothing.")
    ] = False,
) -> None:
    """Write what a run made, and at what cost, as one HTML file that needs no network.

    Every run that wrote shards ends with it (`report = false` leaves it out). Verdicts that people
    judged (RUN/audit.parquet) are in it as error rates.
    """
    from pipeline.report.build import (  # noqa: PLC0415
        compared_figures,
        figures_of,
        make_comparison,
        make_report,
    )
    from pipeline.report.refresh import COMPARISON, REPORT  # noqa: PLC0415
    from pipeline.storage.location import location, open_storage  # noqa: PLC0415
    from pipeline.storage.replace import replacing  # noqa: PLC0415

    if compare is not None and labels is not None:
        raise ConfigError("--compare and --labels exclude each other")
    if as_json:
        from pipeline.cli.json_text import print_json  # noqa: PLC0415

        print_json(figures_of(run, labels) if compare is None else compared_figures(run, compare))
        return
    data = make_report(run, labels) if compare is None else make_comparison(run, compare)
    if out is not None:
        if out.is_dir():
            raise ConfigError(f"-o {out} is a folder: name a file in it, such as {out}/report.html")
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as stream:
            stream.write(data)
        print(out)
        return
    path = REPORT if compare is None else COMPARISON
    open_storage(run).write(path, data)
    print(f"{location(run)}/{path}")
