"""`sluice crawl github --files`: each file that a table names, or why it cannot be had."""

import datetime
import gzip
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.configuration import load
from pipeline.run import run
from pipeline.storage.object_stores.s3 import S3Store
from tests.pipeline.conftest import Sluice, read_shards, write_tar
from tests.pipeline.github.conftest import NAMES, commit_of, files_of, json_lines
from tests.pipeline.github.github_server import GitHubServer
from tests.pipeline.object_store import BUCKET, FaultProxy

RUSSIAN = "# Привет\nимя = 'мир'\n"


def blob_id(content: bytes) -> str:
    """The name of contents in Software Heritage's store."""
    return hashlib.sha1(content).hexdigest()


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content)).hexdigest()


def listed(name: str, path: str, content: bytes, **more: Any) -> dict[str, Any]:
    """A row of The Stack v2."""
    return {
        "blob_id": blob_id(content),
        "path": f"/{path}",
        "repo_name": name,
        "revision_id": commit_of(name),
        "src_encoding": "UTF-8",
        "length_bytes": len(content),
        "star_events_count": 5,
        "gha_created_at": datetime.datetime(2019, 1, 2, tzinfo=datetime.UTC),
        "detected_licenses": ["MIT"],
        "is_vendor": False,
        **more,
    }


@pytest.fixture
def store(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """Software Heritage's store, with the files of all repositories."""
    monkeypatch.setenv("SLUICE_CONTENTS_URL", f"s3://{BUCKET}/content")
    store = S3Store(BUCKET)
    for name in NAMES:
        for content in files_of(name).values():
            store.put(f"content/{blob_id(content)}", gzip.compress(content, mtime=0))
    proxy.requests.clear()
    return store


def table(path: Path, rows: list[dict[str, Any]]) -> str:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


def fetched(tmp_path: Path) -> list[dict[str, Any]]:
    return read_shards(tmp_path / "out/files").to_pylist()


def problems(tmp_path: Path) -> dict[str, str]:
    """Path → reason."""
    paths = sorted((tmp_path / "out/problems").iterdir())
    return {row.get("path", ""): row["reason"] for path in paths for row in json_lines(path)}


def test_the_stack_by_its_blobs(
    github: GitHubServer, store: S3Store, proxy: FaultProxy, sluice: Sluice, tmp_path: Path
) -> None:
    """Whatever happens meanwhile; text of another encoding becomes UTF-8; a run reads it with the
    identities that the dump would have with its contents."""
    raw = RUSSIAN.encode("koi8-r")
    store.put(f"content/{blob_id(raw)}", gzip.compress(raw))
    rows = [
        listed(name, path, content) for name in NAMES for path, content in files_of(name).items()
    ]
    rows.append(listed("bob/beta", "privet.py", raw, src_encoding="KOI8-R"))
    proxy.script = ["truncate", "", "error", "short", "", "drop", "slow_down"]
    arguments = ("--files", table(tmp_path / "ids.parquet", rows), "-o", str(tmp_path / "out"))
    code, out, _ = sluice("crawl", "github", *arguments, "--dry-run")
    assert code == 0
    assert "10 files" in out
    assert "10 of them with a blob; of 3 commits in 3 repositories" in out
    assert not (tmp_path / "out/files").exists()
    assert sluice("crawl", "github", *arguments)[0] == 0
    assert github.asked == []
    assert problems(tmp_path) == {}
    report = run(
        load(None, [f"github.inputs=['{tmp_path}/out/files']"], tmp_path / "run"),
        stages=["github.documents"],
        address="local",
    )
    assert report.steps["github.documents"].quarantined == 0
    documents = read_shards(tmp_path / "run/github/documents")
    texts = dict(zip(documents["uri"].to_pylist(), documents["text"].to_pylist(), strict=True))
    assert texts == {
        **{
            f"{name}@{commit_of(name)}:{path}": content.decode()
            for name in NAMES
            for path, content in files_of(name).items()
        },
        f"bob/beta@{commit_of('bob/beta')}:privet.py": RUSSIAN,
    }
    assert set(documents["stars"].to_pylist()) == {5}
    assert set(documents["license"].to_pylist()) == {"MIT"}
    assert {str(day.date()) for day in documents["repo_created_at"].to_pylist()} == {"2019-01-02"}


def test_blobs_that_cannot_be_had(
    github: GitHubServer, store: S3Store, sluice: Sluice, tmp_path: Path
) -> None:
    """Missing, of another content, damaged, too large, hostile, opted out: each with its reason.
    Git's own hash of the contents will do, too."""
    fine = files_of("bob/beta")["src/main.py"]
    store.put(f"content/{git_blob(fine)}", gzip.compress(fine))
    store.put(f"content/{'b' * 40}", gzip.compress(b"something else"))
    store.put(f"content/{'c' * 40}", gzip.compress(fine)[:-9])
    store.put(f"content/{'d' * 40}", b"no gzip")
    store.put(f"content/{'e' * 40}", gzip.compress(bytes(17 << 20)))
    (tmp_path / "no.txt").write_text("eve\n")
    rows = [
        listed("bob/beta", "fine.py", fine, blob_id=git_blob(fine)),
        *(
            listed("bob/beta", path, fine, blob_id=digit * 40)
            for digit, path in (("a", "a"), ("b", "b"), ("c", "c"), ("d", "d"), ("e", "e"))
        ),
        listed("bob/beta", "f", fine, blob_id="../../secrets"),
        listed("bob/beta", "g", fine, length_bytes=1 << 30),
        listed("eve/gamma", "h", fine),
        listed("bob/beta", "i", fine, gha_created_at=datetime.datetime(2024, 1, 1)),
        listed("not a name", "j", fine),
    ]
    options = ("--opt-out", str(tmp_path / "no.txt"), "--created-before", "2023-11-01")
    arguments = ("--files", table(tmp_path / "ids.parquet", rows), "-o", str(tmp_path / "out"))
    assert sluice("crawl", "github", *arguments, *options)[0] == 0
    assert [row["content"] for row in fetched(tmp_path)] == [fine]
    assert {path.lstrip("/"): reason for path, reason in problems(tmp_path).items()} == {
        "a": "not_found",
        "b": "wrong_hash",
        "c": "damaged",
        "d": "damaged",
        "e": "too_large",
        "f": "wrong_field",
        "g": "too_large",
        "h": "opt_out",
        "i": "created_late",
        "j": "wrong_field",
    }


def nemotron(name: str, path: str, commit: str) -> dict[str, Any]:
    return {"repo": name, "rel_path": path, "commit_id": commit, "language": "Python"}


@pytest.mark.parametrize("codeload_follows", [True, False])
def test_files_out_of_the_archive_of_their_commit(
    github: GitHubServer, sluice: Sluice, tmp_path: Path, codeload_follows: bool
) -> None:
    """Each archive once, by the short commit that the list has, the whole one recorded; a renamed
    repository by its new name. What is not there is told."""
    github.moved["old/name"] = "bob/beta"
    github.codeload_follows = codeload_follows
    rows = [
        nemotron("Ann/alpha", path, commit_of("Ann/alpha")[:7]) for path in files_of("Ann/alpha")
    ]
    rows += [
        nemotron("old/name", "src/main.py", commit_of("bob/beta")[:7]),
        nemotron("Ann/alpha", "left/out.py", commit_of("Ann/alpha")[:7]),
        nemotron("eve/gamma", "unknown.py", "0123456"),
        nemotron("no/body", "gone.py", "0123456"),
        nemotron("no/body", "evil.py", "../../etc"),
    ]
    lines = tmp_path / "list.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "out"
    code, told, _ = sluice("crawl", "github", "--files", str(lines), "-o", str(out))
    assert code == 0
    found = {(row["repo"], row["path"]): row for row in fetched(tmp_path)}
    assert {key: row["content"] for key, row in found.items()} == {
        **{("Ann/alpha", path): content for path, content in files_of("Ann/alpha").items()},
        ("bob/beta", "src/main.py"): files_of("bob/beta")["src/main.py"],
    }
    assert found["bob/beta", "src/main.py"]["asked"] == "old/name"
    assert {row["revision"] for row in found.values()} == {
        commit_of("Ann/alpha"),
        commit_of("bob/beta"),
    }
    assert problems(tmp_path) == {
        "left/out.py": "not_in_archive",
        "unknown.py": "not_found",
        "gone.py": "not_found",
        "evil.py": "wrong_field",
    }
    counts = Counter(github.repos_asked("codeload"))
    assert counts == {"Ann/alpha": 1, "old/name": 1, "bob/beta": 1, "eve/gamma": 1, "no/body": 1}
    assert "not_found" in told
    assert not (out / ".archives").exists()


def test_archives_are_held_against_blobs(
    github: GitHubServer, sluice: Sluice, tmp_path: Path
) -> None:
    """BigQuery's files say git's hash of each; an archive of another commit is not taken."""
    files = files_of("bob/beta")
    rows = [
        {"repo_name": "bob/beta", "ref": "refs/heads/main", "path": path, "id": git_blob(content)}
        for path, content in files.items()
    ]
    rows[0]["id"] = "0" * 40
    github.repos["bob/beta"].archives["refs/heads/main"] = github.repos["bob/beta"].archives["HEAD"]
    other = write_tar(tmp_path / "made/other.tar.gz", "x", {"a.py": b"a"}, "f" * 40).read_bytes()
    github.repos["eve/gamma"].archives = {"abcdef0": other}
    list_ = table(tmp_path / "files.parquet", rows)
    more = table(
        tmp_path / "more.parquet",
        [{"slug": "eve/gamma", "commit": "abcdef0", "path": "a.py", "is_vendor": False}],
    )
    arguments = ("--files", list_, "--files", more, "-o", str(tmp_path / "out"))
    assert sluice("crawl", "github", *arguments)[0] == 0
    assert {row["path"] for row in fetched(tmp_path)} == set(list(files)[1:])
    assert problems(tmp_path) == {next(iter(files)): "wrong_hash", "a.py": "wrong_commit"}


def test_a_row_a_repository(
    github: GitHubServer, store: S3Store, sluice: Sluice, tmp_path: Path
) -> None:
    """The Stack v2's full ids nest files; from archives if that is asked for."""
    names = ("blob_id", "path", "src_encoding", "detected_licenses", "is_vendor", "length_bytes")
    rows = []
    for name in NAMES:
        files = [listed(name, path, content) for path, content in files_of(name).items()]
        rows.append(
            {
                "repo_name": name,
                "revision_id": commit_of(name),
                "gha_created_at": "2018-03-04 05:06:07",
                "star_events_count": 3.0,
                "files": [{key: file[key] for key in names} for file in files],
            }
        )
    ids = table(tmp_path / "ids.parquet", rows)
    for source in ("contents", "archives"):
        out = tmp_path / source
        assert sluice("crawl", "github", "--files", ids, "--from", source, "-o", str(out))[0] == 0
        found = read_shards(out / "files").to_pylist()
        assert {(row["repo"], row["path"]): row["content"] for row in found} == {
            (name, path): content for name in NAMES for path, content in files_of(name).items()
        }
        assert {(row["stars"], row["license"]) for row in found} == {(3, "MIT")}
        assert {str(row["created_at"]) for row in found} == {"2018-03-04 05:06:07+00:00"}
    assert sorted(github.repos_asked("codeload")) == sorted(NAMES)


def test_parts_that_are_done_are_not_fetched_again(
    github: GitHubServer,
    store: S3Store,
    proxy: FaultProxy,
    sluice: Sluice,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was interrupted goes on with the part it was at; another table needs another folder."""
    monkeypatch.setattr("pipeline.github.materialise.PART_FILES", 3)
    rows = [
        listed(name, path, content) for name in NAMES for path, content in files_of(name).items()
    ]
    ids = table(tmp_path / "ids.parquet", rows)
    arguments = ("crawl", "github", "--files", ids, "-o", str(tmp_path / "out"))
    assert sluice(*arguments)[0] == 0
    parts = sorted((tmp_path / "out/files").iterdir())
    assert [pq.read_metadata(part).num_rows for part in parts] == [3, 3, 3]
    before = [part.read_bytes() for part in parts]
    parts[1].unlink()
    proxy.requests.clear()
    code, out, _ = sluice(*arguments)
    assert code == 0
    assert "9" in out
    assert len(proxy.requests) == 3
    assert [part.read_bytes() for part in parts] == before
    other = table(tmp_path / "other.parquet", rows[:1])
    code, _, err = sluice("crawl", "github", "--files", other, "-o", str(tmp_path / "out"))
    assert code == 2
    assert "made of other tables" in err


def test_who_opts_out_later(
    github: GitHubServer, store: S3Store, proxy: FaultProxy, sluice: Sluice, tmp_path: Path
) -> None:
    """Its files are taken out of the parts that are here, and told; nothing is fetched again."""
    rows = [
        listed(name, path, content) for name in NAMES for path, content in files_of(name).items()
    ]
    ids = table(tmp_path / "ids.parquet", rows)
    arguments = ("crawl", "github", "--files", ids, "-o", str(tmp_path / "out"))
    assert sluice(*arguments)[0] == 0
    before = fetched(tmp_path)
    (tmp_path / "no.txt").write_text("BOB\n")
    proxy.requests.clear()
    for _ in range(2):
        assert sluice(*arguments, "--opt-out", str(tmp_path / "no.txt"))[0] == 0
        assert fetched(tmp_path) == [row for row in before if row["repo"] != "bob/beta"]
        told = json_lines(tmp_path / "out/problems/part-00000.jsonl")
        assert sorted(row["path"] for row in told) == sorted(files_of("bob/beta"))
        assert {(row["repo"], row["reason"]) for row in told} == {("bob/beta", "opt_out")}
    assert proxy.requests == []


def test_tables_that_name_no_files(sluice: Sluice, tmp_path: Path) -> None:
    """The message says what they lack, and of what."""
    wrong = table(tmp_path / "wrong.parquet", [{"blob_id": "a", "name": "b"}])
    for given, message in (
        (wrong, "lacks repo_name"),
        (str(tmp_path / "none.parquet"), "nothing matches"),
    ):
        code, _, err = sluice("crawl", "github", "--files", given, "-o", str(tmp_path / "out"))
        assert code in (1, 2)
        assert message in err


def test_a_store_that_refuses_everything(
    github: GitHubServer, store: S3Store, proxy: FaultProxy, sluice: Sluice, tmp_path: Path
) -> None:
    """Ends the command; that it refuses one blob among others is that blob's."""
    rows = [
        listed("bob/beta", f"{number}.py", b"x", blob_id=f"{number:040x}") for number in range(40)
    ]
    ids = table(tmp_path / "ids.parquet", rows)
    arguments = ("crawl", "github", "--files", ids, "--connections", "1")
    proxy.script = ["deny"] * 40
    code, _, err = sluice(*arguments, "-o", str(tmp_path / "all"))
    assert code == 1
    assert "answers in a row brought nothing" in err
    fine = files_of("bob/beta")["README.md"]
    rows[0] = listed("bob/beta", "0.py", fine)
    proxy.script = ["", *["deny"] * 39]
    ids = table(tmp_path / "ids.parquet", rows)
    assert sluice(*arguments, "-o", str(tmp_path / "out"))[0] == 0
    assert Counter(problems(tmp_path).values()) == {"forbidden": 39}
