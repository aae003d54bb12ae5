"""What the `sluice crawl` commands print."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from pipeline.cli.rendering import show, show_bytes
from pipeline.commoncrawl.records import cost, cut, fetch, places_of
from pipeline.commoncrawl.selection import Progress, Query, find_records
from pipeline.storage.commoncrawl.access import CommonCrawl
from pipeline.storage.commoncrawl.bucket import Bucket
from pipeline.storage.location import is_remote, location
from stages.errors import ConfigError, InputError

LINE_SECONDS = 10.0


def commoncrawl(
    query: Query, crawl: CommonCrawl, folder: Path, file_bytes: int, *, dry_run: bool
) -> None:
    """Query, and unless `dry_run` fetch."""
    if is_remote(folder):
        raise ConfigError(f"-o {location(folder)}: expected a folder on a disk")
    bucket = Bucket(crawl)
    with _progress(Console(stderr=True)) as progress:
        table = find_records(query, folder, bucket, crawl.connections, progress)
        files = cut(places_of(table), file_bytes)
        told = cost(files)
    show(
        f"{told.records:,} records, {show_bytes(told.record_bytes)}; {told.requests:,} requests of "
        f"{show_bytes(told.fetched_bytes)} in all; {told.files:,} files in {folder}"
    )
    if dry_run:
        return
    with _progress(Console(stderr=True)) as progress:
        done = fetch(query, files, folder, bucket, crawl.connections, progress)
    show(f"{folder}: {done.files:,} files, {done.records:,} records")
    if done.problems and not done.records:
        raise InputError(
            f"none of {done.problems:,} records could be had: {folder}/*.problems.jsonl says why; "
            "remove the folder to try again"
        )
    if done.problems:
        show(f"{done.problems:,} records could not be had; {folder}/*.problems.jsonl says why")


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    """Bars on a terminal; elsewhere a line every ten seconds."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bars(*columns, TimeRemainingColumn(), console=console) as bars:
        tasks = {}

        def draw(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        yield draw


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._said = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        if time.monotonic() - self._said >= LINE_SECONDS:
            self._said = time.monotonic()
            self._console.print(f"{what}: {done:,} of {total:,}", highlight=False, soft_wrap=True)
