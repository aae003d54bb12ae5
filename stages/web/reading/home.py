"""Where a record is at home: in the file that is read, or in that from which it was taken.

Tools that copy single records out of a crawl (`sluice crawl commoncrawl`, cdx_toolkit) write where
each came from, in the headers `WARC-Source-URI` and `WARC-Source-Range`. Such a page is the page of
the crawl: one identity, however it was fetched.
"""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from stages.web.reading.warc import Record

MAX_NAME_CHARACTERS = 255

_RANGE = re.compile(r"bytes[= ](\d{1,18})-(\d{1,18})")


class Home(NamedTuple):
    """A file's base name and a record's place in it; `place` tells apart records of one offset."""

    warc: str
    offset: int
    length: int
    place: str

    @property
    def origin(self) -> str:
        """What the record is identified by."""
        return f"{self.warc}:{self.place}"


def home_of(name: str, record: Record) -> Home:
    """Where a record is at home, `name` being the file that is read."""
    found = _RANGE.fullmatch(record.headers.get("warc-source-range", ""))
    warc = _base_name(record.headers.get("warc-source-uri", ""))
    if found is None or not warc or int(found[2]) < int(found[1]):
        place = f"{record.offset}+{record.position}" if record.is_inner else f"{record.offset}"
        return Home(name, record.offset, record.length, place)
    first, last = int(found[1]), int(found[2])
    return Home(warc, first, last - first + 1, str(first))


def _base_name(uri: str) -> str:
    """Of a URL or path; empty if it has none. A query is no part of a name."""
    try:
        base = urlsplit(uri.strip("<> ")).path.rpartition("/")[2]
    except ValueError:
        return ""
    return base if len(base) <= MAX_NAME_CHARACTERS else ""
