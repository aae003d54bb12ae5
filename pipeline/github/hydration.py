"""Discussions that the feed does not tell, told by the API: `DIR/discussions/hydrated-….json`.

They are written as events, in the form and of the repository and time of the last one in the feed,
so that a run over the hours and these files puts discussions together as it always does, and the
table of repositories says what it said before. Of each, the issue is asked for, and its comments
only where the feed has some without words.

`DIR/discussions.jsonl` says what became of each. A repository is asked for first, so that it is the
one that is meant (by its number), wanted (by age, stars, today's name), and has not moved. Events
are written before the ledger's line: an interrupted crawl goes on, at worst with a discussion that
is there twice, which makes the same document.
"""

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.github.access import GitHub
from pipeline.github.answers import Unavailable
from pipeline.github.api import Api, Facts
from pipeline.github.crawl import ASKED_AGAIN, MAX_FAILED_IN_A_ROW, Choice
from pipeline.github.lacking import Lacking, discussion_name
from pipeline.github.ledger import DISCUSSIONS, FAILED, HAD, Entry, Ledger
from pipeline.github.wanted import refuses
from pipeline.storage.digest import bytes_digest
from pipeline.storage.politeness.turns import in_turn, workers
from pipeline.storage.progress import Progress
from pipeline.storage.replace import replacing
from stages.errors import StorageError
from stages.github.gharchive.discussions import FORMS, ISSUE, REVIEW, REVIEW_COMMENT
from stages.github.gharchive.hours import holds_events, hydrated_name
from stages.github.selection import OPT_OUT, Selection

FOLDER = "discussions"
FILE_BYTES = 64 << 20
"""A file is added to until it has so many."""
OTHER_REPOSITORY = "other_repository"

_PLACES = {
    ISSUE: "issues/{}/comments",
    REVIEW: "pulls/{}/reviews",
    REVIEW_COMMENT: "pulls/{}/comments",
}
_TYPES = {on: kind for kind, (_, on) in FORMS.items() if on is not None}
_OPENING = "IssuesEvent"
_OF_SUBJECT = ("number", "title", "body", "created_at", "updated_at")
_OF_COMMENT = ("id", "body", "path", "created_at", "submitted_at", "updated_at")

Row = dict[str, Any]


def is_open(entry: Entry | None, folder: Path) -> bool:
    """Whether a discussion has to be asked for."""
    if entry is None or entry.outcome in ASKED_AGAIN:
        return True
    return entry.outcome == HAD and not (folder / FOLDER / str(entry.archive)).exists()


def hydrate(
    wanted: Sequence[Lacking], choice: Choice, github: GitHub, folder: Path, progress: Progress
) -> Counter[str]:
    """Ask for what is not here yet; how many discussions came to which outcome."""
    ledger = Ledger(folder, DISCUSSIONS)
    events = _Events(folder / FOLDER)
    _withdraw(ledger, choice.selection, folder / FOLDER)
    visit = _Visit(choice, github, ledger, events)
    try:
        todo = [one for one in wanted if is_open(ledger.get(one.asked), folder)]
        done = len(wanted) - len(todo)
        progress("discussions", done, len(wanted))
        groups = (list(group) for _, group in groupby(todo, key=lambda one: one.repo_id))
        with workers(github.connections, visit.stop) as pool:
            for n_asked in in_turn(pool, visit.ask, groups, 4 * github.connections):
                done += n_asked
                progress("discussions", done, len(wanted))
    finally:
        events.close()
        ledger.close()
    outcomes = (ledger.get(one.asked) for one in wanted)
    return Counter(entry.outcome for entry in outcomes if entry is not None)


def _withdraw(ledger: Ledger, selection: Selection, folder: Path) -> None:
    """Remove what is here of repositories that have opted out since."""
    gone: dict[str, set[str]] = {}
    for entry in ledger:
        names = {entry.asked.partition("#")[0], entry.repo}
        if entry.outcome == HAD and OPT_OUT in map(selection.refuses, names):
            gone.setdefault(str(entry.archive), set()).add(entry.asked)
    for name, asked in gone.items():
        place = folder / name
        if place.exists():
            with place.open("rb") as lines, replacing(place) as stream:
                stream.writelines(line for line in lines if _asked(line) not in asked)
            if not place.stat().st_size:
                place.unlink()
        for one in sorted(asked):
            ledger.add(Entry(one, OPT_OUT))


def _asked(line: bytes) -> str:
    """What the ledger calls the discussion that an event of ours is about."""
    row = json.loads(line)
    subject, _ = FORMS[row["type"]]
    return discussion_name(row["repo"]["name"], row["payload"][subject]["number"])


class _Events:
    """The files of events; threads may add. None is open before the first is added."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._mutex = threading.Lock()
        self._stream: BinaryIO | None = None
        files = sorted(one for one in folder.iterdir() if holds_events(one.name))
        unfinished = [one for one in files if one.stat().st_size < FILE_BYTES]
        for one in unfinished:  # half a line is what a dying process leaves
            os.truncate(one, one.read_bytes().rfind(b"\n") + 1)
        self._place = next(iter(unfinished), None)

    def add(self, rows: Sequence[Row]) -> str:
        """Write events; the base name of the file that they are in."""
        data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        with self._mutex:
            if self._place is None:
                self._place = self._folder / hydrated_name(bytes_digest(data)[:12])
            if self._stream is None:
                self._stream = self._place.open("ab")
            name = self._place.name
            self._stream.write(data)
            self._stream.flush()
            if self._stream.tell() >= FILE_BYTES:
                self._end()
        return name

    def close(self) -> None:
        with self._mutex:
            self._end()

    def _end(self) -> None:
        if self._stream is not None:
            os.fsync(self._stream.fileno())
            self._stream.close()
        self._place = self._stream = None


@dataclass
class _Visit:
    """One crawl: what its threads share."""

    choice: Choice
    github: GitHub
    ledger: Ledger
    events: _Events
    n_failed: int = 0

    def __post_init__(self) -> None:
        self._api = Api(self.github)

    def stop(self, why: str) -> None:
        self._api.stop(why)

    def ask(self, discussions: Sequence[Lacking]) -> int:
        """Ask for discussions of one repository, and write down what became of each; how many."""
        latest = max(discussions, key=lambda one: (one.at, one.number))
        try:
            facts = self._facts(latest)
        except (Unavailable, StorageError) as error:
            reason, why = self._reason(error)
            for one in discussions:
                self.ledger.add(Entry(one.asked, reason, why))
        else:
            for one in discussions:
                self.ledger.add(self._told(one, facts))
        return len(discussions)

    def _facts(self, one: Lacking) -> Facts:
        """What the repository is today; `Unavailable` if it is not wanted, or another."""
        facts = self._api.facts(one.repo)
        if facts.id != one.repo_id:
            raise Unavailable(
                OTHER_REPOSITORY, f"{one.repo} was number {one.repo_id} and is {facts.id} now"
            )
        choice = self.choice
        reason = refuses(
            choice.selection, choice.min_stars, facts.repo, facts.created_at, facts.stars
        )
        if reason is not None:
            raise Unavailable(reason, f"by what the API says of {facts.repo}")
        return facts

    def _told(self, one: Lacking, facts: Facts) -> Entry:
        try:
            archive = self.events.add(list(self._rows(one, facts)))
        except (Unavailable, StorageError) as error:
            return Entry(one.asked, *self._reason(error), repo=facts.repo)
        self.n_failed = 0
        return Entry(one.asked, HAD, repo=facts.repo, id=facts.id, archive=archive)

    def _reason(self, error: Unavailable | StorageError) -> tuple[str, str]:
        """Why something was not had; StorageError where it seems that nothing will be."""
        if isinstance(error, Unavailable):
            return error.reason, error.error
        self.n_failed += 1
        if self.n_failed >= MAX_FAILED_IN_A_ROW:
            raise StorageError(
                f"{MAX_FAILED_IN_A_ROW} questions in a row had no answer; the last: {error}"
            ) from error
        return FAILED, str(error)

    def _rows(self, one: Lacking, facts: Facts) -> Iterator[Row]:
        """What the API says of a discussion, as events."""
        issue = self._api.issue(facts.repo, one.number)
        is_pull: Row = {"pull_request": {}} if "pull_request" in issue else {}
        opening = {name: issue.get(name) for name in _OF_SUBJECT}
        yield _event(one, facts, _OPENING, opening | is_pull | _user(issue))
        for on in sorted(one.lacks):
            for said in self._api.comments(facts.repo, _PLACES[on].format(one.number)):
                comment = {name: said[name] for name in _OF_COMMENT if name in said}
                subject = {"number": one.number, **is_pull}
                yield _event(one, facts, _TYPES[on], subject, comment | _user(said))


def _user(said: Mapping[str, Any]) -> Row:
    user = said.get("user")
    known = user if isinstance(user, dict) else {}
    return {"user": {name: known.get(name) for name in ("login", "type")}}


def _event(one: Lacking, facts: Facts, kind: str, subject: Row, comment: Row | None = None) -> Row:
    name, on = FORMS[kind]
    said = {} if comment is None else {"review" if on == REVIEW else "comment": comment}
    return {
        "type": kind,
        "created_at": one.at.isoformat(),
        "repo": {"id": one.repo_id, "name": one.repo},
        "repository": {
            "created_at": facts.created_at and facts.created_at.isoformat(),
            "stargazers_count": facts.stars,
        },
        "payload": {"action": "hydrated", name: subject, **said},
    }
