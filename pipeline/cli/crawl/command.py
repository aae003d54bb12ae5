"""`sluice crawl`: gathers inputs from where they are published."""

import datetime
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.shell.arguments import require_text
from pipeline.cli.shell.ending import resumable
from pipeline.github.access import API, CODELOAD, CONTENTS
from pipeline.github.access import CONNECTIONS as GITHUB_CONNECTIONS
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
    from pipeline.cli.crawl import printing  # noqa: PLC0415
    from pipeline.commoncrawl.selection import Query  # noqa: PLC0415
    from pipeline.storage.commoncrawl.access import CommonCrawl  # noqa: PLC0415

    require_text(where, "--where")
    if subset not in LISTINGS:
        raise ConfigError(f"--subset {subset}: expected one of {', '.join(LISTINGS)}")
    access = CommonCrawl(source=source, connections=connections, contact=contact)
    with resumable():
        printing.commoncrawl(Query(name, where, subset), access, out, file_bytes, dry_run=dry_run)


@crawl.command(
    epilog="Examples: sluice crawl github --repos list.txt --opt-out opted-out.txt -o crawl/mine · "
    "sluice crawl github --gharchive 'https://data.gharchive.org/2023-10-01-{0..23}.json.gz' "
    "--created-before 2023-11-01 --min-stars 5 -o crawl/october --dry-run · "
    "sluice crawl github --files the-stack-v2.parquet -o crawl/stack · "
    "sluice crawl github --discussions '2025-11-*.json.gz' -o crawl/november"
)
def github(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where everything goes.")],
    repos: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="OWNER/REPO or an address a line, # before a remark."),
    ] = None,
    gharchive: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Hourly files of GH Archive, by path, glob or URL, {0..23} for a range: every "
            "repository that an event names. May be repeated.",
        ),
    ] = None,
    files: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE",
            help="Instead of repositories: the files that Parquet or JSONL tables name and do not "
            "hold (The Stack v2, Nemotron-Pretraining-Code, BigQuery's files; or any with repo, "
            "commit, path). May be repeated, and be a glob.",
        ),
    ] = None,
    discussions: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Instead of repositories: the issues and pull requests whose words hourly files "
            "of GH Archive do not have, told by the API. May be repeated.",
        ),
    ] = None,
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="auto|contents|archives",
            help="Where files of --files come from: Software Heritage's store, by blob_id; the "
            "archive of their commit; auto is the store for all that have a blob_id.",
        ),
    ] = "auto",
    opt_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Owners and repositories that are not asked for; what is here of them is removed.",
        ),
    ] = None,
    created_before: Annotated[
        datetime.datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="DAY",
            help="Leave out repositories created on that day (UTC) or later; the paper's is "
            "2023-11-01.",
        ),
    ] = None,
    min_stars: Annotated[
        int, typer.Option(min=0, metavar="N", help="Leave out repositories with fewer stars.")
    ] = 0,
    without_api: Annotated[
        bool,
        typer.Option(
            "--without-api",
            help="Ask the API about those repositories alone that codeload does not find. Creation "
            "and stars are then what GH Archive says; what is not known speaks for a repository.",
        ),
    ] = False,
    update: Annotated[
        bool,
        typer.Option(
            "--update",
            help="Ask for all again, by ETag: what has not changed since is not sent again.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many there are; ask GitHub nothing.")
    ] = False,
    connections: Annotated[
        int,
        typer.Option(min=1, max=100, metavar="N", help="Requests at once, of all processes here."),
    ] = GITHUB_CONNECTIONS,
    max_bytes: Annotated[
        int, typer.Option(min=1, metavar="N", help="Larger archives are left out as too_large.")
    ] = 2 << 30,
    contact: Annotated[
        str, typer.Option(metavar="TEXT", help="How GitHub can reach you; in the User-Agent.")
    ] = "",
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A Ray cluster (auto, HOST:PORT, ray://HOST:PORT), with whose other crawls this "
            "one shares its limits.",
        ),
    ] = None,
    api: Annotated[
        str, typer.Option(metavar="URL", envvar="GITHUB_API_URL", help="GitHub's API.")
    ] = API,
    codeload: Annotated[
        str, typer.Option(metavar="URL", envvar="SLUICE_CODELOAD_URL", help="Where archives are.")
    ] = CODELOAD,
    contents: Annotated[
        str,
        typer.Option(
            metavar="URL", envvar="SLUICE_CONTENTS_URL", help="Where blobs are (AWS_* apply)."
        ),
    ] = CONTENTS,
) -> None:
    """Fetch repositories as archives, the files that a table names, or words of discussions.

    The API is asked what each is called today (a renamed one is followed), when it was created and
    how many stars it has; codeload packs its default branch. GITHUB_TOKEN, if it is set, allows
    5,000 repositories an hour instead of 60. Limits are kept as GitHub states them, for all
    processes of this machine together. DIR/ledger.jsonl says what became of each; an interrupted
    command goes on where it stopped when it is given again. With --files, DIR/files has the tables
    with contents and DIR/problems what could not be had, file by file. With --discussions,
    DIR/discussions has events to be read beside the hours, and DIR/discussions.jsonl says what
    became of each.
    """
    from pipeline.cli.crawl import github as printing  # noqa: PLC0415
    from pipeline.github.access import GitHub, token_of_the_environment  # noqa: PLC0415

    if sum(map(bool, (files, discussions, repos or gharchive))) != 1:
        raise ConfigError(
            "give either --files TABLE, or --discussions PATTERN, or --repos FILE and --gharchive "
            "PATTERN"
        )
    if discussions and (update or without_api):
        raise ConfigError("--discussions goes with neither --update nor --without-api")
    if source not in ("auto", "contents", "archives"):
        raise ConfigError(f"--from {source}: expected auto, contents or archives")
    request = printing.Request(
        repos or [],
        gharchive or [],
        opt_out or [],
        created_before and created_before.date(),
        min_stars,
        without_api,
        update,
        dry_run,
    )
    access = GitHub(
        api=api,
        codeload=codeload,
        contents=contents,
        connections=connections,
        contact=contact,
        max_bytes=max_bytes,
        token=token_of_the_environment(),
    )
    with resumable(), _limits_of(address):
        if files:
            printing.files(files, source, request, access, out)  # type: ignore[arg-type]
        elif discussions:
            printing.discussions(discussions, request, access, out)
        else:
            printing.repositories(request, access, out)


def _limits_of(address: str | None) -> AbstractContextManager[None]:
    """Those of a cluster; without one those of this machine."""
    if address is None:
        return nullcontext()
    from pipeline.engine.ray.executor import joined  # noqa: PLC0415 - Ray only where it is needed

    return joined(address)
