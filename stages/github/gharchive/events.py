"""GH Archive's hourly files, event by event, in the three forms that they have had.

- Since 2015 an event is what GitHub's Events API gives: `repo {id, name}`, `actor {login}`, and a
  `payload` with whole issues, comments and pull requests.
- From 2012 to 2014 it is what GitHub's timeline gave: `repository {id, owner, name, created_at,
  watchers, forks}`, `actor` a name, and a payload that mostly names issues and comments by number.
  Events of 2011 are a mixture, and may have no id, or a repository without one.
- Since 2025-10-07 payloads have lost most fields: pull requests have neither title nor body, and
  of their repository no more than id and name.

So every field may be absent, and what is absent is unknown. What is there and cannot be what it
should be (a number that is text, a time that is none) costs the event. A line holds one event;
early files have some where several follow one another without a break, and some that broke off.

Cost: 60 MB/s of expanded JSON on one core, nearly all of it JSON's own.
"""

import datetime
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from stages.github.archives.decompression import expand
from stages.github.metadata import MAX_STARS, WrongField, is_repo
from stages.github.tables.json_lines import MAX_LINE_BYTES, lines

HEAD_BYTES = 4096

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"\s*")
_TIMELINE_TIME = "%Y/%m/%d %H:%M:%S %z"
_MAX_ID = (1 << 63) - 1

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `payload` and `repository` are as the file has them."""

    line: int
    index: int
    """Which event of its line, nearly always 0."""
    type: str
    at: datetime.datetime
    actor: str | None
    repo_id: int | None
    repo: str | None
    """OWNER/REPO, as it was called then."""
    payload: Fields
    repository: Fields
    """What the timeline says of it; empty in the Events API's form."""
    url: str | None

    @property
    def place(self) -> str:
        """Where in its file."""
        return place(self.line, self.index)


@dataclass(frozen=True, slots=True)
class BadEvent:
    """What is no event: `broken_json`, `too_large` or `wrong_field`."""

    line: int
    index: int
    reason: str
    error: str
    head: bytes = b""

    @property
    def place(self) -> str:
        """Where in its file."""
        return place(self.line, self.index)


@dataclass(frozen=True, slots=True)
class Stated:
    """What an event says of a repository: its name then, and null where it says nothing."""

    repo_id: int
    name: str
    at: datetime.datetime
    created_at: datetime.datetime | None = None
    stars: int | None = None
    forks: int | None = None


def place(line: int, index: int) -> str:
    """A line, from 1, and which event of it, if not its first."""
    return f"{line}.{index}" if index else str(line)


def read_events(stream: BinaryIO) -> Iterator[Event | BadEvent]:
    """The events of an hourly file (gzip, Zstandard or plain), in its order, and what is none.
    `Damaged` where the file itself cannot be read on. Memory: one line."""
    for number, line in enumerate(lines(expand(stream, stream.read(4))), 1):
        if line is None:
            yield BadEvent(number, 0, "too_large", f"a line above {MAX_LINE_BYTES} bytes")
            continue
        for index, found in enumerate(_objects(line)):
            if isinstance(found, ValueError | RecursionError):
                yield BadEvent(number, index, "broken_json", str(found), line[:HEAD_BYTES])
                continue
            try:
                yield _event(number, index, found)
            except WrongField as error:
                yield BadEvent(number, index, "wrong_field", str(error), _head(found))


def stated_repositories(event: Event) -> list[Stated]:
    """What an event says of repositories: of its own, and of the fork that it is about. None where
    it has no id or no name. `WrongField` for what cannot be."""
    if event.repo_id is None or event.repo is None:
        return []
    pull = fields(event.payload, "pull_request")
    base = fields(fields(pull, "base"), "repo")
    own = event.repository or (base if base.get("id") == event.repo_id else {})
    known = _stated(event.repo_id, event.repo, event.at, own)
    if known.created_at is None and _creates(event):
        known = Stated(known.repo_id, known.name, known.at, event.at, known.stars, known.forks)
    return [known, *_fork(event)]


def fields(parent: Fields, name: str) -> Fields:
    """An object in an object; empty where there is none."""
    found = parent.get(name)
    return found if isinstance(found, dict) else {}


def text(name: str, value: Any) -> str | None:
    """A field that is text or null. Lines end with one character; lone surrogates, which JSON can
    write and no text may hold, are replaced."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise WrongField(name, value, "text")
    return value.replace("\r\n", "\n").encode("utf-8", "replace").decode()


def number(name: str, value: Any, most: int = _MAX_ID) -> int | None:
    """A field that counts or identifies, or null."""
    if value is None:
        return None
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise WrongField(name, value, f"a whole number of at most {most}")
    return value


def moment(name: str, value: Any) -> datetime.datetime | None:
    """A time, or null. The timeline wrote `2012/03/11 00:00:00 -0800`."""
    if value is None or value == "":
        return None
    try:
        if "/" in str(value):
            found = datetime.datetime.strptime(str(value), _TIMELINE_TIME)
        else:
            found = datetime.datetime.fromisoformat(value)
        if found.tzinfo is None:
            return found.replace(tzinfo=datetime.UTC)
        return found.astimezone(datetime.UTC)
    except (ValueError, TypeError, OverflowError):
        raise WrongField(name, value, "a time") from None


def _objects(line: bytes) -> Iterator[Any]:
    """The JSON values of a line, one after another, and the error that ends them."""
    try:
        content = line.decode("utf-8", "replace")
        at = _SPACE.match(content, 0).end()  # type: ignore[union-attr]  # matches everywhere
        while at < len(content):
            found, at = _DECODER.raw_decode(content, at)
            yield found
            at = _SPACE.match(content, at).end()  # type: ignore[union-attr]
    except (ValueError, RecursionError) as error:
        yield error


def _head(value: Any) -> bytes:
    """How a value begins; nothing of one that is nested too deeply to be written."""
    try:
        return json.dumps(value).encode()[:HEAD_BYTES]
    except RecursionError:
        return b""


def _event(line: int, index: int, row: Any) -> Event:
    if not isinstance(row, dict):
        raise WrongField("event", row, "an object")
    kind = row.get("type")
    at = moment("created_at", row.get("created_at"))
    if not isinstance(kind, str) or not kind:
        raise WrongField("type", kind, "text")
    if at is None:
        raise WrongField("created_at", None, "a time")
    timeline, repo = fields(row, "repository"), fields(row, "repo")
    actor = row.get("actor")
    login = actor.get("login") if isinstance(actor, dict) else actor
    url = row.get("url")
    return Event(
        line=line,
        index=index,
        type=kind,
        at=at,
        actor=login if isinstance(login, str) and login else None,
        repo_id=number("repo.id", (repo or timeline).get("id")) or None,
        repo=_name(repo.get("name") if repo else _timeline_name(timeline)),
        payload=fields(row, "payload"),
        repository=timeline,
        url=url if isinstance(url, str) else None,
    )


def _timeline_name(repository: Fields) -> Any:
    owner, name = repository.get("owner"), repository.get("name")
    return f"{owner}/{name}" if owner and name else None


def _name(value: Any) -> str | None:
    """OWNER/REPO; `/`, as some rows of 2011 have it, is none."""
    return value if isinstance(value, str) and is_repo(value) else None


def _stated(repo_id: int, name: str, at: datetime.datetime, facts: Fields) -> Stated:
    return Stated(
        repo_id,
        name,
        at,
        moment("repository.created_at", facts.get("created_at")),
        _first_count(facts, "stargazers_count", "stargazers", "watchers"),
        _first_count(facts, "forks_count", "forks"),
    )


def _first_count(facts: Fields, *names: str) -> int | None:
    found = (number(f"repository.{name}", facts.get(name), MAX_STARS) for name in names)
    return next((count for count in found if count is not None), None)


def _creates(event: Event) -> bool:
    """Whether the event is the creation of its repository."""
    return event.type == "CreateEvent" and event.payload.get("ref_type") == "repository"


def _fork(event: Event) -> list[Stated]:
    forkee = fields(event.payload, "forkee")
    repo_id, name = number("forkee.id", forkee.get("id")), _name(forkee.get("full_name"))
    if event.type != "ForkEvent" or repo_id is None or name is None:
        return []
    return [_stated(repo_id, name, event.at, forkee)]
