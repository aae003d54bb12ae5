"""A loopback server that plays GitHub's API and codeload, with all their moods.

`faults` holds what becomes of the next requests of a kind (`api`, `codeload`), in order; `always`
what becomes of every request for a repository. "" is a plain answer; a number is that status, with
`:N` a Retry-After; `secondary` is a 403 whose body speaks of a rate limit; `reset` and `short` end
half-way (a reset; a plain close); `cut` ends the body half-way, but as HTTP wants it; `hang-up`
never answers; `garbage` is no gzip. With `quota`, so many requests of the API are answered in a
window, and headers say so; who asks on is refused, and counted in `violations`. A page has two
comments.
"""

import hashlib
import http.server
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.pipeline.loopback import Loopback

PAGE_COMMENTS = 2


@dataclass
class Repo:
    """A repository. `archives` are by ref."""

    name: str
    archives: dict[str, bytes]
    id: int = 1
    created_at: str = "2020-02-02T02:02:02Z"
    stars: int = 7
    license: str | None = "MIT"
    lists: dict[str, Any] = field(default_factory=dict)
    """What is at `issues/7`, `issues/7/comments`, …; a number is a status, text another place."""


@dataclass(frozen=True)
class Asked:
    """One request."""

    kind: str
    repo: str
    at: float
    fault: str
    headers: dict[str, str]
    path: str = ""
    """Below the repository."""


@dataclass
class Quota:
    """So many requests a window of so many seconds."""

    limit: int
    seconds: int
    left: int = 0
    until: int = 0


@dataclass
class GitHubServer:
    """Plays GitHub on loopback."""

    repos: dict[str, Repo]
    moved: dict[str, str] = field(default_factory=dict)
    """Old name → today's; the API knows both, codeload only if `codeload_follows`."""
    place: str = ""
    """Where the API says that they are, instead of their place."""
    codeload_follows: bool = False
    knows_ranges: bool = False
    states_length: bool = False
    faults: dict[str, list[str]] = field(default_factory=lambda: {"api": [], "codeload": []})
    always: dict[str, str] = field(default_factory=dict)
    quota: Quota | None = None
    pause: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    violations: int = 0
    open_now: int = 0
    open_at_most: int = 0

    def __post_init__(self) -> None:
        self.mutex = threading.Lock()
        owner_of_all = self

        class Handler(_Handler):
            owner = owner_of_all

        self._loopback = Loopback(Handler)
        self.url = self._loopback.url

    def close(self) -> None:
        self._loopback.close()

    def repos_asked(self, kind: str) -> list[str]:
        """What was asked for, in order."""
        return [one.repo for one in self.asked if one.kind == kind]


class _Handler(http.server.BaseHTTPRequestHandler):
    owner: GitHubServer
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        parts = urlsplit(self.path).path.strip("/").split("/")
        kind = "codeload" if parts[0] == "codeload" else "api"
        self.close_connection = True
        repo = "/".join(parts[1:3] if kind == "codeload" else parts[2:4])
        if kind == "api" and parts[1:2] == ["repositories"]:
            repo = next(one.name for one in self.owner.repos.values() if str(one.id) == parts[2])
        with self.owner.mutex:
            waiting = self.owner.faults[kind]
            fault = self.owner.always.get(repo) or (waiting.pop(0) if waiting else "")
            headers = {name.lower(): value for name, value in self.headers.items()}
            path = "/".join(parts[4:])
            self.owner.asked.append(Asked(kind, repo, time.time(), fault, headers, path))
            self.owner.open_now += 1
            self.owner.open_at_most = max(self.owner.open_at_most, self.owner.open_now)
        time.sleep(self.owner.pause)
        with self.owner.mutex:
            self.owner.open_now -= 1
        if kind == "api" and not self._within_quota():
            return
        if fault == "hang-up":
            self._reset()
        elif fault == "secondary":
            self._say(403, b'{"message": "You have exceeded a secondary rate limit."}')
        elif fault.partition(":")[0].isdecimal():
            code, _, seconds = fault.partition(":")
            self._say(int(code), b"{}", {"Retry-After": seconds} if seconds else {})
        elif kind == "api" and path:
            self._discussion(repo, path)
        elif kind == "api":
            self._facts(repo, moved=parts[1:2] == ["repos"])
        else:
            self._archive(repo, "/".join(parts[4:]), fault)

    def _within_quota(self) -> bool:
        quota = self.owner.quota
        self.extra: dict[str, str] = {}
        if quota is None:
            return True
        with self.owner.mutex:
            now = time.time()
            if now >= quota.until:
                quota.left, quota.until = quota.limit, int(now) + quota.seconds
            is_allowed = quota.left > 0
            quota.left = max(0, quota.left - 1)
            self.extra = {
                "X-RateLimit-Remaining": str(quota.left),
                "X-RateLimit-Reset": str(quota.until),
            }
            self.owner.violations += not is_allowed
        if not is_allowed:
            self._say(403, b'{"message": "API rate limit exceeded"}')
        return is_allowed

    def _facts(self, name: str, *, moved: bool) -> None:
        owner = self.owner
        now = owner.moved.get(name.lower())
        if now is not None and moved:
            number = owner.repos[now.lower()].id
            place = owner.place or f"{owner.url}/api/repositories/{number}"
            self._say(301, b'{"message": "Moved Permanently"}', {"Location": place})
            return
        repo = owner.repos.get(name.lower())
        if repo is None:
            self._say(404, b'{"message": "Not Found"}')
            return
        row = {
            "id": repo.id,
            "full_name": repo.name,
            "created_at": repo.created_at,
            "stargazers_count": repo.stars,
            "license": repo.license and {"spdx_id": repo.license},
        }
        body = json.dumps(row).encode()
        etag = f'W/"{hashlib.md5(body).hexdigest()}"'
        if self.headers.get("If-None-Match") == etag:
            self._say(304, b"")
        else:
            self._say(200, body, {"ETag": etag})

    def _discussion(self, name: str, path: str) -> None:
        found = self.owner.repos[name.lower()].lists.get(path, 404)
        if isinstance(found, int):
            self._say(found, b"{}")
        elif isinstance(found, str):
            self._say(301, b"{}", {"Location": f"{self.owner.url}/api/repos/{found}"})
        elif isinstance(found, list):
            page = int(parse_qs(urlsplit(self.path).query)["page"][0])
            first, end = (page - 1) * PAGE_COMMENTS, page * PAGE_COMMENTS
            link = {"Link": '<https://elsewhere/>; rel="next"'} if end < len(found) else {}
            self._say(200, json.dumps(found[first:end]).encode(), link)
        else:
            self._say(200, json.dumps(found).encode())

    def _archive(self, name: str, ref: str, fault: str) -> None:
        self.extra = {}
        owner = self.owner
        now = owner.moved.get(name.lower())
        if now is not None and owner.codeload_follows:
            place = f"{owner.url}/codeload/{now}/tar.gz/{ref}"
            self._say(301, b"", {"Location": place})
            return
        repo = owner.repos.get(name.lower())
        content = repo and next(
            (data for known, data in repo.archives.items() if known.startswith(ref)), None
        )
        if content is None:
            self._say(404, b"404: Not Found")
            return
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        if self.headers.get("If-None-Match") == etag:
            self._say(304, b"")
            return
        start = 0
        given = self.headers.get("Range")
        if given and owner.knows_ranges and self.headers.get("If-Range") == etag:
            start = int(given.removeprefix("bytes=").partition("-")[0])
        self._send(b"no gzip" * 99 if fault == "garbage" else content, start, etag, fault)

    def _send(self, content: bytes, start: int, etag: str, fault: str) -> None:
        body = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("ETag", etag)
        self.send_header("Content-Type", "application/x-gzip")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.owner.states_length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if fault in ("reset", "short", "cut"):
            self._piece(body[: len(body) // 2])
            self.wfile.flush()
            if fault == "reset":
                time.sleep(0.05)  # what was sent should arrive before the reset
                self._reset()
            if fault != "cut":
                return
        else:
            self._piece(body)
        if not self.owner.states_length:
            self.wfile.write(b"0\r\n\r\n")

    def _piece(self, data: bytes) -> None:
        if not self.owner.states_length:
            data = b"%x\r\n%s\r\n" % (len(data), data)
        self.wfile.write(data)

    def _say(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({} if headers is None else headers).items():
            self.send_header(name, value)
        for name, value in self.extra.items() if hasattr(self, "extra") else ():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if status != 304:
            self.wfile.write(body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.wfile = _Closed()  # type: ignore[assignment]
        self.connection.close()

    def log_message(self, *_: object) -> None: ...


class _Closed:
    closed = True

    def flush(self) -> None: ...

    def close(self) -> None: ...


@contextmanager
def serve_github(repos: dict[str, Repo]) -> Iterator[GitHubServer]:
    """A server of these repositories, by name in lower case."""
    server = GitHubServer(repos)
    try:
        yield server
    finally:
        server.close()
