"""GitHub's API: what a repository is called today, when it was created, how many stars it has."""

import datetime
import http.client
import json
from dataclasses import dataclass
from typing import Any

from pipeline.github.access import GitHub
from pipeline.github.answers import Unavailable, asking
from pipeline.storage.object_stores.retry import Transient
from pipeline.storage.politeness.gate import open_gate
from pipeline.storage.politeness.http import user_agent
from pipeline.storage.politeness.patience import Politeness
from stages.github.metadata import Metadata, WrongField

MAX_ANSWER_BYTES = 4 << 20


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
        url = f"{self._github.api.rstrip('/')}/repos/{repo}"
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": user_agent(self._github.contact),
            **({"If-None-Match": etag} if etag else {}),
        }

        def ask() -> Facts:
            with asking(url, headers, self._polite.gate, self._github.token) as answer:
                data = _read(answer)
                return _facts(data, answer.headers.get("ETag"), repo)

        return self._polite.call(url, ask)


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
        raise Unavailable("no_answer", f"the API's answer about {asked}: {what}") from error
    return Facts(
        known.repo or asked,
        number if isinstance(number, int) else None,
        known.created_at,
        known.stars,
        spdx if isinstance(spdx, str) and spdx != "NOASSERTION" else None,
        etag,
    )
