"""Events in the forms that GH Archive has had, by the schemas that GitHub documents.

`Feed` writes what the Events API gave until 2025-10-07, `Trimmed` what it has given since, and
`Timeline` what the timeline gave from 2012 to 2014.
"""

import gzip
import itertools
import json
from typing import Any

Row = dict[str, Any]

NEVER = "2020-01-01T00:00:00Z"


class Feed:
    """Events since 2015."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)

    def event(
        self, kind: str, payload: Row, *, at: str, repo: tuple[int, str], actor: str = "alice"
    ) -> Row:
        """Any event."""
        repo_id, name = repo
        return {
            "id": str(next(self._ids)),
            "type": kind,
            "actor": {"id": 7, "login": actor, "url": f"https://api.github.com/users/{actor}"},
            "repo": {"id": repo_id, "name": name, "url": f"https://api.github.com/repos/{name}"},
            "payload": payload,
            "public": True,
            "created_at": at,
        }

    def issue(
        self,
        repo: tuple[int, str],
        number: int,
        title: str,
        body: str | None,
        *,
        at: str,
        user: str = "alice",
        action: str = "opened",
    ) -> Row:
        """An issue that is opened, closed or edited."""
        subject = _subject(number, title, body, user, at)
        payload = {"action": action, "issue": subject}
        return self.event("IssuesEvent", payload, at=at, repo=repo, actor=user)

    def comment(
        self,
        repo: tuple[int, str],
        number: int,
        comment_id: int,
        text: str,
        *,
        at: str,
        user: str = "bob",
        title: str = "A title",
        body: str | None = "A body",
        author: str = "alice",
        opened: str = NEVER,
        action: str = "created",
    ) -> Row:
        """A comment on an issue, or on a pull request as an issue."""
        subject = _subject(number, title, body, author, opened)
        comment = {
            "id": comment_id,
            "user": _user(user),
            "created_at": at,
            "updated_at": at,
            "body": text,
        }
        payload = {"action": action, "issue": subject, "comment": comment}
        return self.event("IssueCommentEvent", payload, at=at, repo=repo, actor=user)

    def pull(
        self,
        repo: tuple[int, str],
        number: int,
        title: str,
        body: str | None,
        *,
        at: str,
        user: str = "alice",
        created_at: str = "2014-05-06T07:08:09Z",
        stars: int = 5,
        forks: int = 2,
    ) -> Row:
        """A pull request, which says much of its repository."""
        base = {
            "id": repo[0],
            "full_name": repo[1],
            "created_at": created_at,
            "stargazers_count": stars,
            "forks_count": forks,
        }
        subject = {**_subject(number, title, body, user, at), "base": {"ref": "m", "repo": base}}
        payload = {"action": "opened", "number": number, "pull_request": subject}
        return self.event("PullRequestEvent", payload, at=at, repo=repo, actor=user)

    def review_comment(
        self, repo: tuple[int, str], number: int, comment_id: int, text: str, *, at: str
    ) -> Row:
        """A comment on a line of a pull request."""
        pull = self.pull(repo, number, "Add a thing", "It adds it.", at=NEVER)["payload"]
        comment = {
            "id": comment_id,
            "path": "src/thing.py",
            "user": _user("bob"),
            "created_at": at,
            "updated_at": at,
            "body": text,
        }
        payload = {
            "action": "created",
            "comment": comment,
            "pull_request": pull["pull_request"],
        }
        return self.event("PullRequestReviewCommentEvent", payload, at=at, repo=repo, actor="bob")

    def created(self, repo: tuple[int, str], *, at: str) -> Row:
        """A new repository."""
        return self.event("CreateEvent", {"ref": None, "ref_type": "repository"}, at=at, repo=repo)

    def watch(self, repo: tuple[int, str], *, at: str) -> Row:
        """A star."""
        return self.event("WatchEvent", {"action": "started"}, at=at, repo=repo)

    def fork(self, repo: tuple[int, str], fork: tuple[int, str], *, at: str) -> Row:
        """A fork, which is a repository of its own."""
        forkee = {
            "id": fork[0],
            "full_name": fork[1],
            "created_at": at,
            "stargazers_count": 0,
            "forks_count": 0,
        }
        return self.event("ForkEvent", {"forkee": forkee}, at=at, repo=repo)

    def push(self, repo: tuple[int, str], *, at: str) -> Row:
        """A push, of which nothing is used."""
        return self.event("PushEvent", {"size": 1, "commits": []}, at=at, repo=repo)


class Trimmed(Feed):
    """Events since 2025-10-07: a pull request is no more than its number."""

    def pull(
        self,
        repo: tuple[int, str],
        number: int,
        title: str = "",
        body: str | None = None,
        *,
        at: str,
        user: str = "alice",
        created_at: str = "",
        stars: int = 0,
        forks: int = 0,
    ) -> Row:
        name = repo[1]
        base = {"id": repo[0], "name": name.partition("/")[2], "url": f"https://api/repos/{name}"}
        subject = {
            "id": 9,
            "number": number,
            "url": f"https://api.github.com/repos/{name}/pulls/{number}",
            "base": {"ref": "main", "sha": "0" * 40, "repo": base},
        }
        payload = {"action": "opened", "number": number, "pull_request": subject}
        return self.event("PullRequestEvent", payload, at=at, repo=repo, actor=user)


class Timeline:
    """Events of 2012 to 2014."""

    def event(self, kind: str, payload: Row, *, at: str, repo: tuple[int, str]) -> Row:
        """Any event. `at` is written `2012/03/11 00:00:00 -0800`."""
        repo_id, full = repo
        owner, _, name = full.partition("/")
        return {
            "type": kind,
            "actor": "carol",
            "actor_attributes": {"login": "carol", "type": "User"},
            "repository": {
                "id": repo_id,
                "owner": owner,
                "name": name,
                "created_at": "2011/02/03 04:05:06 -0800",
                "watchers": 11,
                "forks": 3,
            },
            "payload": payload,
            "public": True,
            "url": f"https://github.com/{full}/issues/1#issuecomment-2",
            "created_at": at,
        }

    def comment(self, repo: tuple[int, str], *, at: str) -> Row:
        """A comment, of which there is a number."""
        return self.event("IssueCommentEvent", {"issue_id": 1, "comment_id": 2}, at=at, repo=repo)

    def pull(self, repo: tuple[int, str], number: int, title: str, body: str, *, at: str) -> Row:
        """A pull request, which the timeline had as a whole."""
        subject = {"number": number, "title": title, "body": body, "user": {"login": "carol"}}
        payload = {"action": "opened", "number": number, "pull_request": subject}
        return self.event("PullRequestEvent", payload, at=at, repo=repo)


def hour(*rows: Row | bytes) -> bytes:
    """The events as an hourly file; bytes are lines as they are."""
    lines = (row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)
    return gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)


def _user(login: str) -> Row:
    kind = "Bot" if login.endswith("[bot]") else "User"
    return {"id": sum(login.encode()), "login": login, "type": kind}


def _subject(number: int, title: str, body: str | None, user: str, at: str) -> Row:
    return {
        "id": 1000 + number,
        "number": number,
        "title": title,
        "body": body,
        "user": _user(user),
        "state": "open",
        "created_at": at,
        "updated_at": at,
    }
