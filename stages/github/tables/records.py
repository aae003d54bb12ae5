"""What a table says of one file, whatever kind of table it is.

Values come as Arrow or JSON has them and differ between copies of one dump: times as text, as
timestamps of any unit or as seconds, counts as floats, licences as text or lists. What cannot be
what it should be costs the row (`WrongField`); what is merely missing is unknown.
"""

import datetime
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stages.github.entries import storable
from stages.github.licensing.names import canonical_license
from stages.github.metadata import MAX_TEXT_BYTES, Metadata, WrongField, is_repo, is_short_text

MAX_PATH_BYTES = 1 << 16
"""What is longer is skipped as an unsafe path; this much is looked at."""

_SECONDS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3), (0, 1))
"""From which number on a time is nanoseconds, microseconds, milliseconds, seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Record:
    """One file of a table. `index` is its place in the row where a row is a repository. `read`,
    valid until the next record is asked for, gives its bytes, or the reason why there are none."""

    number: int
    index: int | None
    fields: Mapping[str, Any]
    read: Callable[[], bytes | str]

    @property
    def place(self) -> str:
        """Row, and place in it."""
        return str(self.number) if self.index is None else f"{self.number}.{self.index}"


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A row, or the rest of the table from there on, that says nothing of a file."""

    number: int
    reason: str
    error: str
    head: bytes = b""


@dataclass(frozen=True, slots=True)
class Described:
    """What is known of a file."""

    repo: str | None
    revision: str | None
    path: str | None
    created_at: datetime.datetime | None
    stars: int | None
    license: str | None
    is_vendor: bool | None
    size: int | None
    is_binary: bool


def describe(fields: Mapping[str, Any]) -> Described:
    """The fields of a record, checked. `WrongField` names the first that cannot be."""
    known = Metadata.of(
        {
            "revision": fields.get("revision"),
            "created_at": _moment(fields.get("created_at")),
            "stars": fields.get("stars"),
        }
    )
    return Described(
        repo=_repo(fields.get("repo")),
        revision=known.revision,
        path=_path(fields.get("path")),
        created_at=known.created_at,
        stars=known.stars,
        license=_license(fields.get("license")),
        is_vendor=_truth("is_vendor", fields.get("is_vendor")),
        size=_size(fields.get("size")),
        is_binary=_truth("binary", fields.get("binary")) or False,
    )


def _repo(value: Any) -> str | None:
    """OWNER/REPO; a name without an owner is `local/NAME`."""
    if value is None or value == "":
        return None
    name = value.strip().removeprefix("https://github.com/") if isinstance(value, str) else ""
    for candidate in (name, f"local/{name}"):
        if is_repo(candidate):
            return candidate
    raise WrongField("repo", value, f"OWNER/REPO of at most {MAX_TEXT_BYTES} characters")


def _path(value: Any) -> str | None:
    """A path as it is, but from the root of the repository: The Stack v2 begins it with a slash."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise WrongField("path", value, "a path")
    return storable(value[:MAX_PATH_BYTES]).lstrip("/") or None


def _license(value: Any) -> str | None:
    """One licence as it is named; of several each must be kept to. Lists that are too long to
    stand beside every document are as good as none."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    names = []
    for one in values:
        if one is not None and not isinstance(one, str):
            raise WrongField("license", one, "a licence or a list of them")
        name = canonical_license(one)
        if name is not None:
            names.append(name)
    names = sorted(set(names))
    parts = [f"({name})" if " OR " in name and len(names) > 1 else name for name in names]
    text = " AND ".join(parts)
    return text if text and is_short_text(text) else None


def _truth(name: str, value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if value in (0, 1):
        return bool(value)
    text = str(value).strip().lower()
    if text in ("", "nan", "none", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    raise WrongField(name, value, "true or false")


def _size(value: Any) -> int | None:
    """A count of bytes, if it is one: contents tell their size themselves."""
    if isinstance(value, float) and math.isfinite(value):
        value = int(value)
    return value if isinstance(value, int) and value >= 0 else None


def _moment(value: Any) -> Any:
    """Numbers as times since 1970, of the unit that gives a year of ours; the rest as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return value
    unit = next(unit for least, unit in _SECONDS if abs(value) >= least)
    try:
        return datetime.datetime.fromtimestamp(value / unit, datetime.UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        raise WrongField("created_at", value, "a time since 1970") from None
