"""What an event says of an issue or a pull request: the text that opened it, and a comment.

Every event about a discussion repeats title and body as they were then, so the latest has the
latest. Programs' words are not kept: a comment of a bot is none, and of what a bot opened there is
the title alone, for people's comments to stand under.
"""

import datetime
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from stages.github.gharchive.events import Event, Fields, fields, moment, number, text

BOTS = "bots.toml"

ISSUE, REVIEW, REVIEW_COMMENT = "issue", "review", "review_comment"
"""What a comment stands on; ids of each are counted apart."""

FORMS: Mapping[str, tuple[str, str | None]] = {
    "IssuesEvent": ("issue", None),
    "IssueCommentEvent": ("issue", ISSUE),
    "PullRequestEvent": ("pull_request", None),
    "PullRequestReviewEvent": ("pull_request", REVIEW),
    "PullRequestReviewCommentEvent": ("pull_request", REVIEW_COMMENT),
}
"""Type of event → which field of its payload is the discussion, and what the event comments on."""

_MARKED_BOT = "[bot]"
_NUMBER = re.compile(r"/(?:issues|pulls?)/(\d{1,18})(?:$|[#/?])")


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment; one that was deleted has no text."""

    id: int | None
    on: str
    text: str
    author: str | None
    created_at: datetime.datetime
    updated_at: datetime.datetime
    path: str | None
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class Discussion:
    """An issue or pull request as an event has it. Without a title nothing is known of the text
    that opened it."""

    number: int
    is_pull: bool
    title: str | None
    body: str
    author: str | None
    updated_at: datetime.datetime
    comment: Comment | None


@dataclass(frozen=True, slots=True)
class Mention:
    """Which discussion an event is about, and what it does not tell of it."""

    number: int
    has_opening: bool
    """Whether it has title and text."""
    is_opened_by_bot: bool
    """As far as the event tells."""
    lacks: str | None
    """What a person commented on, if the comment's words are not there."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Why an event adds nothing to a discussion."""

    reason: str


OTHER_EVENT = Nothing("other_event")
"""It is about none."""
NO_TEXT = Nothing("no_text")
"""The feed has no words of it (any more)."""
BOT = Nothing("bot")
"""All words are a program's."""


def discussion_of(event: Event) -> Discussion | Nothing:
    """What an event says of a discussion. `WrongField` for what cannot be."""
    if event.type not in FORMS:
        return OTHER_EVENT
    subject, on = FORMS[event.type]
    return _discussion(event, fields(event.payload, subject), on)


def mention_of(event: Event) -> Mention | None:
    """The discussion that an event is about, also where it has no words; null if it is about none
    or does not say which. `WrongField` for what cannot be."""
    if event.type not in FORMS:
        return None
    name, on = FORMS[event.type]
    subject, said = fields(event.payload, name), {} if on is None else _said(event, on)
    which = _number(event, subject)
    if which is None:
        return None
    actor_is_bot = is_program(event.actor)
    is_told = event.payload.get("action") == "deleted" or "body" in said
    is_of_bot = _person(said)[1] or (not said and actor_is_bot)
    return Mention(
        number=which,
        has_opening=bool(text("title", subject.get("title"))) and "body" in subject,
        is_opened_by_bot=_person(subject)[1]
        or (event.payload.get("action") == "opened" and actor_is_bot),
        lacks=None if is_told or is_of_bot else on,
    )


@cache
def bots() -> frozenset[str]:
    """Accounts of programs, in lower case."""
    return frozenset(tomllib.loads(files("seeds").joinpath(BOTS).read_text("utf-8"))["names"])


def is_program(login: str | None) -> bool:
    """Whether an account of this name writes by itself."""
    name = "" if login is None else login.lower()
    return name.endswith(_MARKED_BOT) or name in bots()


def _discussion(event: Event, subject: Fields, on: str | None) -> Discussion | Nothing:
    comment = None if on is None else _comment(event, on)
    title = text("title", subject.get("title"))
    which = _number(event, subject)
    has_words = comment is not None and (comment.text or comment.is_deleted)
    if which is None or not (has_words or title):
        return NO_TEXT
    author, opener_is_bot = _person(subject)
    is_bot = on is not None and _person(_said(event, on))[1]
    comment = comment if has_words and not is_bot else None
    if comment is None and (opener_is_bot or not title):
        return BOT
    return Discussion(
        number=which,
        is_pull=event.type.startswith("PullRequest") or "pull_request" in subject,
        title=title or None,
        body="" if opener_is_bot else text("body", subject.get("body")) or "",
        author=author,
        updated_at=moment("updated_at", subject.get("updated_at")) or event.at,
        comment=comment,
    )


def _number(event: Event, subject: Fields) -> int | None:
    given = subject.get("number", event.payload.get("number"))
    found = number("number", given)
    if found is None and event.url is not None and (match := _NUMBER.search(event.url)):
        found = int(match[1])
    return found or None


def _said(event: Event, on: str) -> Fields:
    return fields(event.payload, "review" if on == REVIEW else "comment")


def _comment(event: Event, on: str) -> Comment | None:
    said = _said(event, on)
    is_deleted = event.payload.get("action") == "deleted"
    if not said:
        return None
    created = moment("created_at", said.get("created_at", said.get("submitted_at"))) or event.at
    return Comment(
        id=number("comment.id", said.get("id")),
        on=on,
        text="" if is_deleted else (text("body", said.get("body")) or "").strip(),
        author=_person(said)[0],
        created_at=created,
        updated_at=moment("updated_at", said.get("updated_at")) or event.at,
        path=text("path", said.get("path")),
        is_deleted=is_deleted,
    )


def _person(subject: Fields) -> tuple[str | None, bool]:
    """Who wrote something, in lower case, and whether that is a program."""
    user = fields(subject, "user")
    login = text("user.login", user.get("login"))
    return login and login.lower(), user.get("type") == "Bot" or is_program(login)
