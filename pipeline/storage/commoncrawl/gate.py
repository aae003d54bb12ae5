"""Common Crawl as a service: its limit, its rule, and a connection that is held for a child."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pipeline.storage.commoncrawl.access import CommonCrawl
from pipeline.storage.politeness.gate import Connection, Gate, Held, OwnGate, open_gate
from pipeline.storage.politeness.service import Service

BLOCKED = (
    "Common Crawl has blocked this address (or, on S3, these credentials may not read its bucket). "
    "Nothing more is asked for. Wait a day, use fewer connections (commoncrawl.connections), then "
    "give the same command again: it goes on where it stopped"
)


def service_of(crawl: CommonCrawl) -> Service:
    """Its rules, with the connections that are set."""
    return Service("commoncrawl", crawl.connections, BLOCKED)


def gate_of(crawl: CommonCrawl) -> Gate:
    """The gate that all share. A process whose parent holds a connection for it (a child that
    reads in isolation) keeps the pace by itself."""
    return OwnGate() if crawl.is_granted else open_gate(service_of(crawl))


@contextmanager
def granted(crawl: CommonCrawl | None) -> Iterator[tuple[CommonCrawl | None, Connection]]:
    """A connection for a child of this process, and the settings by which the child knows it."""
    if crawl is None:
        yield None, Held()
        return
    with gate_of(crawl).connection() as connection:
        yield replace(crawl, is_granted=True), connection
