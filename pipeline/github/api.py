"""GitHub's API: what a repository is called today, when it was created, how many stars it has; and
what was said in its discussions."""

import datetime
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from pipeline.github.access import GitHub
from pipeline.github.answers import Unavailable, asking
from pipeline.storage.object_stores.retry import Transient
from pipeline.storage.politeness.gate import open_gate
from pipeline.storage.politeness.http import user_agent
from pipeline.storage.politeness.patience import Politeness
from stages.github.metadata import Metadata, WrongField

MAX_ANSWER_BYTES = 32 << 20
"""Of a page of comments; each has at most 65,536 characters."""
PAGE_COMMENTS = 100
"""The most that a page may have."""
TRANSFERRED, NO_ANSWER = "transferred", "no_answer"

Row = dict[str, Any]


@dataclass(frozen=True)
class Facts:
    """What the API says of a repository. `license` is GitHub's guess, null where it has none."""

    repo: str
    id: int | None = None
    created_at: datetime.datetime | None = None
    stars: int | None = None
    license: str | None = None
    etag: str | None = None


class Api:
    """Asks about repositories, at the pace of everybody who asks."""

    def __init__(self, github: GitHub) -> None:
        self._github = github
        service = github.api_service
        self._polite = Politeness(open_gate(service), service, github.retry)

    def stop(self, why: str) -> None:
        """Let nobody of this process ask for anything more."""
        self._polite.gate.block(why)

    def facts(self, repo: str, etag: str | None = None) -> Facts:
        """Of the repository that is called so, or was. `Unavailable` says why there are none,
        `Unchanged` that they are those of this ETag."""
        url = self._url(repo)
        headers = self._headers | ({"If-None-Match": etag} if etag else {})

        def ask() -> Facts:
            with asking(url, headers, self._polite.gate, self._github.token) as answer:
                data = _read(answer)
                return _facts(data, answer.headers.get("ETag"), repo)

        return self._polite.call(url, ask)

    def issue(self, repo: str, number: int) -> Row:
        """An issue or pull request, as an issue. `Unavailable` says why there is none."""
        found, _ = self._get(f"{repo}/issues/{number}")
        if not isinstance(found, dict) or found.get("number") != number:
            raise Unavailable(NO_ANSWER, f"the API's answer about {repo}#{number} is another's")
        return found

    def comments(self, repo: str, place: str) -> Iterator[Row]:
        """All comments of a list such as `issues/7/comments`, page by page."""
        page, is_more = 1, True
        while is_more:
            path = f"{repo}/{place}?per_page={PAGE_COMMENTS}&page={page}"
            found, is_more = self._get(path)
            if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
                raise Unavailable(NO_ANSWER, f"the API's answer to {path} is no list of objects")
            yield from found
            page += 1

    def _get(self, path: str) -> tuple[Any, bool]:
        """An answer about a discussion, and whether another page follows. Names of repositories are
        today's, so a move is one to another repository, which nobody chose."""
        url = self._url(path)

        def ask() -> tuple[Any, bool]:
            polite, token = self._polite, self._github.token
            with asking(url, self._headers, polite.gate, token, _refuse_to_move) as answer:
                data = _read(answer)
                return _json(data, path), 'rel="next"' in (answer.headers.get("Link") or "")

        return self._polite.call(url, ask)

    def _url(self, path: str) -> str:
        return f"{self._github.api.rstrip('/')}/repos/{path}"

    @property
    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": user_agent(self._github.contact),
        }


def _refuse_to_move(url: str) -> NoReturn:
    raise Unavailable(TRANSFERRED, f"it is at {url[:200]} now")


def _json(data: bytes, asked: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        what = f"{type(error).__name__}: {error}"
        raise Unavailable(NO_ANSWER, f"the API's answer about {asked}: {what}") from error


def _read(answer: Any) -> bytes:
    try:
        data: bytes = answer.read(MAX_ANSWER_BYTES)
    except (http.client.HTTPException, OSError) as error:
        raise Transient(f"{type(error).__name__}: {error}") from error
    if answer.length:
        raise Transient(f"the answer ended {answer.length} bytes too early")
    return data


def _facts(data: bytes, etag: str | None, asked: str) -> Facts:
    try:
        row = json.loads(data)
        known = Metadata.of(
            {
                "repo": row["full_name"],
                "created_at": row.get("created_at"),
                "stars": row.get("stargazers_count"),
            }
        )
        spdx, number = (row.get("license") or {}).get("spdx_id"), row.get("id")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, WrongField) as error:
        what = f"{type(error).__name__}: {error}"
        raise Unavailable(NO_ANSWER, f"the API's answer about {asked}: {what}") from error
    return Facts(
        known.repo or asked,
        number if isinstance(number, int) else None,
        known.created_at,
        known.stars,
        spdx if isinstance(spdx, str) and spdx != "NOASSERTION" else None,
        etag,
    )
