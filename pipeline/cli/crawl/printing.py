"""What the `sluice crawl` commands print."""

from pathlib import Path

from rich.console import Console

from pipeline.cli.bars import bars
from pipeline.cli.rendering import show, show_bytes
from pipeline.commoncrawl.records import cost, cut, fetch, places_of
from pipeline.commoncrawl.selection import Query, find_records
from pipeline.inspection.counted import counted
from pipeline.storage.commoncrawl.access import CommonCrawl
from pipeline.storage.commoncrawl.bucket import Bucket
from pipeline.storage.location import is_remote, location
from stages.errors import ConfigError, InputError


def commoncrawl(
    query: Query, crawl: CommonCrawl, folder: Path, file_bytes: int, *, dry_run: bool
) -> None:
    """Query, and unless `dry_run` fetch."""
    if is_remote(folder):
        raise ConfigError(f"-o {location(folder)}: expected a folder on a disk")
    bucket = Bucket(crawl)
    with bars(Console(stderr=True)) as progress:
        table = find_records(query, folder, bucket, crawl.connections, progress)
        files = cut(places_of(table), file_bytes)
        told = cost(files)
    show(
        f"{counted(told.records, 'record')}, {show_bytes(told.record_bytes)}; "
        f"{counted(told.requests, 'request')} of "
        f"{show_bytes(told.fetched_bytes)} in all; {counted(told.files, 'file')} in {folder}"
    )
    if dry_run:
        return
    with bars(Console(stderr=True)) as progress:
        done = fetch(query, files, folder, bucket, crawl.connections, progress)
    show(f"{folder}: {counted(done.files, 'file')}, {counted(done.records, 'record')}")
    if done.problems and not done.records:
        raise InputError(
            f"none of {counted(done.problems, 'record')} could be had: {folder}/*.problems.jsonl "
            "says why; remove the folder to try again"
        )
    if done.problems:
        show(
            f"{counted(done.problems, 'record')} could not be had; "
            f"{folder}/*.problems.jsonl says why"
        )
    if done.records:
        show(f"to read them: web.inputs = ['{folder}/*.warc.gz']")
