"""Patterns become inputs, and inputs keep their shards."""

import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from pipeline.configuration import load as load_config
from pipeline.run import run
from pipeline.storage.intake.input_record import CorpusRecord, load, save
from pipeline.storage.intake.inputs import content_digest, expand, marked
from pipeline.storage.storage import LocalStorage
from stages.errors import ConfigError, InputError
from tests.pipeline.conftest import page, read_shards, write_tar, write_warc


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and its URL on a loopback server."""

    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_crawl_is_read_over_http(served: tuple[Path, str], tmp_path: Path) -> None:
    """A URL is an input like any other; its documents are those of the local file."""
    folder, url = served
    write_warc(folder / "crawl.warc.gz", {"https://example.org/a": page("A page", 6)})
    documents = []
    for name, source in (("remote", f"{url}/crawl.warc.gz"), ("local", f"{folder}/*.warc.gz")):
        config = load_config(None, [f"web.inputs=['{source}']"], tmp_path / name)
        run(config, stages=["web.documents"], address="local")
        documents.append(read_shards(tmp_path / name / "web/documents"))
    assert documents[0].num_rows == 1
    assert documents[0].equals(documents[1])


def test_a_crawl_that_broke_off_is_tried_again(
    served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that ends in the middle says nothing of the file, which keeps its mark: the run
    fails, the same command reads it anew, and a third time there is nothing to do."""
    folder, url = served
    write_warc(folder / "crawl.warc.gz", {f"https://example.org/{n}": page("P", 6) for n in "ab"})
    config = load_config(None, [f"web.inputs=['{url}/crawl.warc.gz']"], tmp_path / "run")

    def half(_: object, source: BinaryIO, target: BinaryIO) -> None:
        target.write(source.read()[:400])

    with monkeypatch.context() as patch:
        patch.setattr(http.server.SimpleHTTPRequestHandler, "copyfile", half)
        with pytest.raises(InputError, match=r"crawl\.warc\.gz"):
            run(config, stages=["web.documents"], address="local")
    reports = [run(config, stages=["web.documents"], address="local") for _ in range(2)]
    done = [report.steps.get("web.documents") for report in reports]
    assert [one and (one.tasks, one.quarantined) for one in done] == [(1, 0), None]
    assert read_shards(tmp_path / "run/web/documents").num_rows == 2


def test_folders_and_git_repositories_are_expanded(tmp_path: Path) -> None:
    """A folder stands for the archives and repositories in it; a repository for itself."""
    write_tar(tmp_path / "b.tar.gz", "b-main", {"b.py": b"b = 1\n"})
    (tmp_path / "notes.txt").write_text("not an archive")
    git = tmp_path / "a"
    git.mkdir()
    (git / "a.py").write_text("a = 1\n")
    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "a"],
    ):
        subprocess.run(["git", *arguments], cwd=git, check=True)
    assert [spec.name for spec in expand("github", [str(tmp_path)])] == ["a", "b.tar.gz"]
    assert [spec.name for spec in expand("github", [str(git)])] == ["a"]


def test_a_pattern_that_matches_nothing_is_an_error(tmp_path: Path) -> None:
    """The message names the setting and the pattern."""
    with pytest.raises(ConfigError, match=r"web\.inputs: nothing matches '.*\*\.warc\.gz'"):
        expand("web", [f"{tmp_path}/*.warc.gz"])


def test_two_crawls_of_one_name_are_an_error(tmp_path: Path) -> None:
    """A base name is an identity; both files are named."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_warc(tmp_path / folder / "crawl.warc.gz", {"https://example.org/": page("P", 5)})
    config = load_config(None, [f"web.inputs=['{tmp_path}/*/crawl.warc.gz']"], tmp_path / "run")
    with pytest.raises(InputError, match=r"one/crawl\.warc\.gz and .*two/crawl\.warc\.gz"):
        run(config, address="local")
    assert not (tmp_path / "run" / "inputs.json").exists()


def test_two_repositories_of_one_identity_are_an_error(tmp_path: Path) -> None:
    """Found when they are read, since the commit is inside; both files are named."""
    for name in ("owner__repo.tar.gz", "owner__repo.again.tar.gz"):
        write_tar(tmp_path / name, "repo-main", {"a.py": b"a = 1\n"})
    metadata = tmp_path / "metadata.jsonl"
    rows = [
        {"input": name, "repo": "owner/repo"}
        for name in ("owner__repo.tar.gz", "owner__repo.again.tar.gz")
    ]
    metadata.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = load_config(
        None,
        [f"github.inputs=['{tmp_path}/*.tar.gz']", f"github.metadata='{metadata}'"],
        tmp_path / "run",
    )
    with pytest.raises(InputError, match=r"owner__repo.*tar\.gz and .*owner__repo.*are both"):
        run(config, address="local")


@pytest.mark.parametrize("place", ["HEAD", "config", "packed-refs", "objects/info/alternates"])
def test_a_git_folder_with_a_pipe_is_an_input_that_cannot_be_read(
    tmp_path: Path, place: str
) -> None:
    """Nobody waits for it, neither when inputs are listed nor when they are read."""
    folder = tmp_path / "a__b"
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    pipe = folder / ".git" / place
    pipe.parent.mkdir(exist_ok=True)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    (spec,) = expand("github", [str(folder)])
    assert spec.mark.startswith("unreadable: git: ")
    assert place in spec.mark


def test_inputs_keep_their_shards(tmp_path: Path) -> None:
    """Repositories are packed in input order; new ones open new shards."""
    storage = LocalStorage(tmp_path)
    for name in "bcd":
        (tmp_path / f"{name}.tar.gz").write_bytes(bytes(100))
    first = place(storage, f"{tmp_path}/*.tar.gz")
    assert first == {"b.tar.gz": 0, "c.tar.gz": 0, "d.tar.gz": 1}
    (tmp_path / "a.tar.gz").write_bytes(bytes(100))
    again = place(storage, f"{tmp_path}/*.tar.gz")
    assert again == {"b.tar.gz": 0, "c.tar.gz": 0, "d.tar.gz": 1, "a.tar.gz": 2}


def place(storage: LocalStorage, pattern: str) -> dict[str, int]:
    record = CorpusRecord(storage, "github", load(storage).get("github", []))
    inputs = record.place(expand("github", [pattern]), shard_bytes=200, identify=lambda _: None)
    save(storage, {"github": inputs.recorded})
    return {spec.name: spec.shard for spec in inputs.current}


def test_a_repository_is_the_ref_that_its_metadata_name(tmp_path: Path) -> None:
    """It changes when that ref moves, not when HEAD's branch is the one that stays."""

    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    def states() -> list[tuple[str, str]]:
        (plain,) = expand("github", [str(tmp_path)])
        named = marked(replace(plain, metadata=(("revision", "dev"),)))
        return [(spec.mark, content_digest(spec)) for spec in (plain, named)]

    git("init", "-q", "-b", "main")
    git("commit", "-q", "--allow-empty", "-m", "One")
    git("branch", "dev")
    before = states()
    assert before[0] == before[1]
    git("checkout", "-q", "dev")
    git("commit", "-q", "--allow-empty", "-m", "Two")
    git("checkout", "-q", "main")
    after = states()
    assert after[0] == before[0]
    assert after[1][0] != before[1][0]
    assert after[1][1] != before[1][1]
