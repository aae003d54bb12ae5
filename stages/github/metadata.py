"""What a row of `github.metadata` may say of a repository, checked field by field.

The configuration's reader checks every row before anything runs, so that a wrong one is the user's
to correct and not the run's to stumble over; the source asks the same functions again. Values come
from JSON or Parquet: text, numbers (7.0 is a count: columns with gaps are floats), timestamps,
null.
"""

import datetime
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_TEXT_BYTES = 256
"""Of OWNER/REPO, a revision and a licence: every document of the repository carries them."""

MAX_STARS = (1 << 63) - 1

FIELDS = ("repo", "revision", "created_at", "stars", "license")

_SEGMENT = r"[A-Za-z0-9_.~+-]+"
_REPO = re.compile(rf"{_SEGMENT}/{_SEGMENT}")


class WrongField(ValueError):  # noqa: N818  (what is wrong, not who raised it)
    """A field that cannot be what it says."""

    def __init__(self, name: str, value: Any, expected: str) -> None:
        try:
            shown = repr(value)
        except RecursionError:  # JSON may be nested as deep as it can just be read
            shown = f"a {type(value).__name__}, nested very deeply"
        shown = shown if len(shown) <= 100 else f"{shown[:97]}..."
        super().__init__(f"{name} = {shown}; expected {expected}")


@dataclass(frozen=True)
class Metadata:
    """What is known of a repository; null where nothing is."""

    repo: str | None = None
    revision: str | None = None
    created_at: datetime.datetime | None = None
    stars: int | None = None
    license: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Metadata":
        """The known fields of a row, other columns left out; `WrongField` names the first wrong
        one."""
        return cls(
            _repo(row.get("repo")),
            _text("revision", row.get("revision")),
            _moment(row.get("created_at")),
            _stars(row.get("stars")),
            _text("license", row.get("license")),
        )

    def values(self) -> dict[str, str | int]:
        """The fields that are known, as JSON has them; `of` reads them back."""
        fields = {name: getattr(self, name) for name in FIELDS}
        if self.created_at is not None:
            fields["created_at"] = self.created_at.isoformat()
        return {name: value for name, value in fields.items() if value is not None}


def is_repo(name: str) -> bool:
    """Whether this is OWNER/REPO, of a length that can be told."""
    return len(name) <= MAX_TEXT_BYTES and _REPO.fullmatch(name) is not None


def is_short_text(text: str) -> bool:
    """Whether every document may carry this text: printable, and not long."""
    return text.isprintable() and len(text.encode()) <= MAX_TEXT_BYTES


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _text(name: str, value: Any) -> str | None:
    """A field as text; null, blank and NaN mean unknown."""
    if _is_nothing(value):
        return None
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        text = str(value).strip()
        if is_short_text(text):
            return text or None
    raise WrongField(name, value, f"printable text of at most {MAX_TEXT_BYTES} bytes")


def _repo(value: Any) -> str | None:
    text = _text("repo", value)
    if text is not None and not is_repo(text):
        raise WrongField("repo", value, "OWNER/REPO")
    return text


def _stars(value: Any) -> int | None:
    if _is_nothing(value) or value == "":
        return None
    try:
        if isinstance(value, str):
            value = float(value) if re.search(r"[.eE]", value) else int(value)
        if isinstance(value, int | float) and value == int(value) and not isinstance(value, bool):
            stars = int(value)
            if 0 <= stars <= MAX_STARS:
                return stars
    except (ValueError, OverflowError):
        pass
    raise WrongField("stars", value, f"a count of at most {MAX_STARS}")


def _moment(value: Any) -> datetime.datetime | None:
    """A timestamp or ISO 8601; UTC unless it says otherwise."""
    if _is_nothing(value) or str(value) in ("", "NaT"):
        return None
    try:
        moment = datetime.datetime.fromisoformat(str(value).strip())
        if moment.tzinfo is None:
            return moment.replace(tzinfo=datetime.UTC)
        return moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise WrongField("created_at", value, "ISO 8601, in the years 1 to 9999") from None
