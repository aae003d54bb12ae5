"""`sluice crawl`: gathers inputs from where they are published."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.arguments import require_text
from pipeline.cli.ending import resumable
from pipeline.storage.commoncrawl.access import CONNECTIONS, HTTPS, LISTINGS
from stages.errors import ConfigError

crawl = typer.Typer(no_args_is_help=True, help="Gather inputs from where they are published.")


@crawl.command(
    epilog="Example: sluice crawl commoncrawl CC-MAIN-2024-10 --dry-run -o crawl/stackoverflow "
    "--where \"url_host_registered_domain = 'stackoverflow.com' and fetch_status = 200\" · "
    "then without --dry-run · then web.inputs = ['crawl/stackoverflow/*.warc.gz']"
)
def commoncrawl(
    name: Annotated[
        str, typer.Argument(metavar="CRAWL", help="Its name at https://index.commoncrawl.org.")
    ],
    where: Annotated[
        str,
        typer.Option(
            metavar="SQL",
            help="A condition over the columnar index, in DuckDB's SQL. Columns: url, "
            "url_host_registered_domain, url_host_tld, url_path, fetch_time, fetch_status, "
            "content_mime_detected, content_languages ('eng,deu'), … (docs/commoncrawl.md). One on "
            "host, domain or TLD is answered by few requests, since the index is sorted by them.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR", help="Where the WARC files go.")
    ],
    subset: Annotated[
        str, typer.Option(metavar="|".join(LISTINGS), help="The part of the crawl.")
    ] = "warc",
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Query the index and say how many records and bytes there are; fetch none. What "
            "was found is kept in DIR, so that nothing is asked twice.",
        ),
    ] = False,
    file_bytes: Annotated[
        int, typer.Option(min=1, metavar="N", help="Stored bytes of the records of one file.")
    ] = 1_000_000_000,
    source: Annotated[
        str, typer.Option(metavar="URL", help="Where the bucket is, such as s3://commoncrawl.")
    ] = HTTPS,
    connections: Annotated[
        int,
        typer.Option(min=1, max=100, metavar="N", help="Requests at once, of all processes here."),
    ] = CONNECTIONS,
    contact: Annotated[
        str,
        typer.Option(metavar="TEXT", help="How Common Crawl can reach you; in the User-Agent."),
    ] = "",
) -> None:
    """Fetch the records of a crawl that a condition over its index names.

    They are written as WARC files that say where each record came from, so that pages keep the
    identities they have in the crawl. For whole files, set web.inputs = ["cc:CRAWL?n=100"] instead.
    An interrupted command goes on where it stopped when it is given again.
    """
    from pipeline.cli import crawl_printing as printing  # noqa: PLC0415
    from pipeline.commoncrawl.selection import Query  # noqa: PLC0415
    from pipeline.storage.commoncrawl.access import CommonCrawl  # noqa: PLC0415

    require_text(where, "--where")
    if subset not in LISTINGS:
        raise ConfigError(f"--subset {subset}: expected one of {', '.join(LISTINGS)}")
    access = CommonCrawl(source=source, connections=connections, contact=contact)
    with resumable():
        printing.commoncrawl(Query(name, where, subset), access, out, file_bytes, dry_run=dry_run)
