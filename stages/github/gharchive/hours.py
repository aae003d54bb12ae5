"""Which hour a file of GH Archive is (`2024-01-31-7.json.gz`), and which hours there never were.

Beside hours there are files of events that the API told (`hydrated-0123456789ab.json`, written by
`sluice crawl github --discussions`): they are of no hour.
"""

import datetime
import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

MISSING = "gharchive_missing.toml"

FIRST = datetime.datetime(2011, 2, 12, 0, tzinfo=datetime.UTC)
"""The archive's first hour."""

_NAME = re.compile(
    r"(?P<day>\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))-(?P<hour>1?\d|2[0-3])"
    r"\.json(?:\.gz|\.zst)?"
)
_HYDRATED = re.compile(r"hydrated-[0-9a-f]{12}\.json(?:\.gz|\.zst)?")
_HOUR = datetime.timedelta(hours=1)


def hour_of(name: str) -> datetime.datetime | None:
    """The hour (UTC) that a file's base name says; None for any other file."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        day = datetime.datetime.fromisoformat(match["day"])
    except ValueError:  # the 30th of February
        return None
    return day.replace(hour=int(match["hour"]), tzinfo=datetime.UTC)


def holds_events(name: str) -> bool:
    """Whether a file of this base name holds events: those of an hour, or told by the API."""
    return hour_of(name) is not None or _HYDRATED.fullmatch(name) is not None


def hydrated_name(digest: str) -> str:
    """What a file of events that the API told is called, by 12 hex digits."""
    return f"hydrated-{digest}.json"


def hour_name(hour: datetime.datetime) -> str:
    """An hour as GH Archive writes it: the day, and the hour without a leading zero."""
    return f"{hour:%Y-%m-%d}-{hour.hour}"


@cache
def missing_hours() -> frozenset[datetime.datetime]:
    """The hours that GH Archive never had."""
    table = tomllib.loads(files("seeds").joinpath(MISSING).read_text("utf-8"))
    hours: set[datetime.datetime] = set()
    for first, last in table["gaps"]:
        begin, end = hour_of(f"{first}.json"), hour_of(f"{last}.json")
        assert begin is not None
        assert end is not None
        hours.update(begin + n * _HOUR for n in range((end - begin) // _HOUR + 1))
    return frozenset(hours)


def absent_hours(
    present: Iterable[datetime.datetime],
) -> tuple[list[datetime.datetime], list[datetime.datetime]]:
    """The hours between the first and the last that are not there: those that GH Archive never
    had, and the others. Both sorted."""
    there = set(present)
    if not there:
        return [], []
    first, last = min(there), max(there)
    between = (first + n * _HOUR for n in range((last - first) // _HOUR + 1))
    absent = [hour for hour in between if hour not in there]
    known = missing_hours()
    return [one for one in absent if one in known], [one for one in absent if one not in known]
