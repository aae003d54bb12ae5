"""Three repositories on a server that plays GitHub."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.conftest import Sluice, write_tar
from tests.pipeline.github.github_server import GitHubServer, Repo, serve_github

NAMES = ("Ann/alpha", "bob/beta", "eve/gamma")

Crawl = Callable[..., tuple[int, str, str]]


def commit_of(name: str) -> str:
    """The commit that a repository is at."""
    return hashlib.sha1(name.encode()).hexdigest()


def files_of(name: str) -> dict[str, bytes]:
    """What a repository holds; enough to be cut in halves."""
    code = "\n".join(f"def f{n}(x):\n    return x * {n} + {len(name)}\n" for n in range(60))
    return {
        "README.md": f"# {name}\n\nA repository of its own.\n".encode(),
        "src/main.py": f'"""Of {name}."""\n\n{code}'.encode(),
        "src/other.py": f"NAME = {name!r}\nprint(NAME)\n".encode(),
    }


def repo(folder: Path, name: str, number: int, **facts: Any) -> Repo:
    """A repository at its commit, as an archive of codeload."""
    top = f"{name.partition('/')[2]}-{commit_of(name)}"
    path = folder / f"{number}.tar.gz"
    data = write_tar(path, top, files_of(name), commit_of(name)).read_bytes()
    return Repo(name, {"HEAD": data, commit_of(name): data}, id=number, **facts)


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    """The server. Limits of this machine are this test's alone, and so is the token."""
    for folder in ("tmp", "made"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.delenv("GH_TOKEN", raising=False)
    monkeypatch.setenv("GITHUB_TOKEN", "of-the-test")
    repos = {
        name.lower(): repo(tmp_path / "made", name, number, stars=10 * number)
        for number, name in enumerate(NAMES, 1)
    }
    with serve_github(repos) as server:
        monkeypatch.setenv("GITHUB_API_URL", f"{server.url}/api")
        monkeypatch.setenv("SLUICE_CODELOAD_URL", f"{server.url}/codeload")
        yield server


@pytest.fixture
def crawl(github: GitHubServer, tmp_path: Path, sluice: Sluice) -> Crawl:
    """`sluice crawl github` of a list of names into `tmp_path/out`."""

    def call(*names: str, options: tuple[str, ...] = ()) -> tuple[int, str, str]:
        listed = ()
        if names:
            (tmp_path / "list.txt").write_text("\n".join(names))
            listed = ("--repos", str(tmp_path / "list.txt"))
        return sluice("crawl", "github", *listed, "-o", str(tmp_path / "out"), *options)

    return call


def json_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def outcomes(tmp_path: Path) -> dict[str, str]:
    """The last outcome of each repository, by the ledger."""
    return {row["asked"]: row["outcome"] for row in json_lines(tmp_path / "out/ledger.jsonl")}
