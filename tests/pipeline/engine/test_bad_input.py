"""Bad input is data: the run ends well, and every record is kept, skipped or quarantined."""

import gzip
import io
import itertools
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from warcio.archiveiterator import ArchiveIterator

from pipeline.configuration import load
from pipeline.inspection.verify import verify
from pipeline.run import run
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.storage import LocalStorage
from tests.pipeline.conftest import page, read_shards, write_tar, write_warc

GOOD = b"def answer():\n    return 42\n"
BOMB_BYTES = 2 << 30


def member_offsets(warc: Path) -> list[int]:
    with warc.open("rb") as stream:
        iterator = ArchiveIterator(stream)
        offsets = []
        for record in iterator:
            record.content_stream().read()
            offsets.append(iterator.get_record_offset())
    return offsets


def broken_crawl(path: Path) -> None:
    """Ten pages; the fifth member ends in the middle, the eighth lies about its length."""
    pages = {f"https://example.org/{n}": page(f"Page number {n}", 6) for n in range(10)}
    whole = path.with_name("whole.warc.gz")
    write_warc(whole, pages)
    offsets = [*member_offsets(whole), whole.stat().st_size]
    data = whole.read_bytes()
    whole.unlink()
    members = [data[a:b] for a, b in itertools.pairwise(offsets)]
    members[4] = members[4][: len(members[4]) // 2]
    lying = gzip.decompress(members[7]).replace(b"Content-Length: ", b"Content-Length: 9", 1)
    members[7] = gzip.compress(lying, mtime=0)
    path.write_bytes(b"".join(members))


def hostile_tar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name in ("top/good.py", "top/../../escape.py", "/etc/absolute.py"):
            info = tarfile.TarInfo(name)
            info.size = len(GOOD)
            archive.addfile(info, io.BytesIO(GOOD))
        for name, target in (("top/a", "b"), ("top/b", "a")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)


def bomb(path: Path) -> None:
    """A zip with a good file and one that expands to 2 GiB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("top/good.py", GOOD + b"# in the zip\n")
        with archive.open("top/huge.txt", "w", force_zip64=True) as member:
            block = bytes(1 << 24)
            for _ in range(BOMB_BYTES // len(block)):
                member.write(block)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    broken_crawl(folder / "broken.warc.gz")
    (folder / "dangling.warc.gz").symlink_to(folder / "nowhere")
    (folder / "folder.warc.gz").mkdir()
    (folder / "noise.warc.gz").write_bytes(b"this is no crawl at all\n" * 40)
    (folder / "empty.warc.gz").write_bytes(b"")
    hostile_tar(folder / "hostile__tar.tar.gz")
    bomb(folder / "someone__bomb.zip")
    files = {
        "nul.c": bytes(5000),
        "invalid.py": b"# \xff\xfe\xfd caf\xe9 \x80\x81\n" * 3,
        "empty.py": b"",
        "good.py": GOOD + b"# beside the bad ones\n",
    }
    write_tar(folder / "mixed__files.tar.gz", "files-main", files)
    write_tar(folder / "empty__archive.tar.gz", "archive-main", {})
    (folder / "cut__short.tar.gz").write_bytes((folder / "mixed__files.tar.gz").read_bytes()[:-20])
    (folder / "dangling__link.tar.gz").symlink_to(folder / "nowhere")
    config = load(
        None,
        [
            f"github.inputs=['{folder}/*.tar.gz', '{folder}/*.zip']",
            f"web.inputs=['{folder}/*.warc.gz']",
        ],
        folder / "run",
    )
    run(config, address="local")
    return folder / "run"


def quarantined(finished: Path, corpus: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for path in sorted((finished / "quarantine" / corpus / "documents").glob("*.parquet")):
        rows += pq.read_table(path).to_pylist()
    return rows


def skipped(finished: Path, corpus: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for receipt in parse_receipts(LocalStorage(finished), f"{corpus}/documents").values():
        counts.update(receipt.summary["skipped"])
    return counts


def test_every_member_after_a_broken_one_is_read(finished: Path) -> None:
    """One page is lost to the broken member, with its origin; nine are there."""
    documents = read_shards(finished / "web" / "documents", ["url", "warc"])
    urls = set(documents.column("url").to_pylist())
    assert urls == {f"https://example.org/{n}" for n in range(10) if n != 4}
    origins = [str(row["origin"]) for row in quarantined(finished, "web")]
    assert any(origin.startswith("broken.warc.gz:") for origin in origins)


def test_inputs_that_cannot_be_read_are_named(finished: Path) -> None:
    """A dangling link and a folder in an archive's clothes are quarantined by name."""
    web = {row["origin"]: row["reason"] for row in quarantined(finished, "web")}
    github = {row["origin"]: row["reason"] for row in quarantined(finished, "github")}
    assert web["dangling.warc.gz"] == web["folder.warc.gz"] == "unreadable"
    assert github["dangling__link.tar.gz"] == "unreadable"


def test_good_files_survive_hostile_archives(finished: Path) -> None:
    """Every good file of every archive is a document; nothing escaped to disk."""
    documents = read_shards(finished / "github" / "documents", ["repo", "path"])
    found = {(row["repo"], row["path"]) for row in documents.to_pylist()}
    assert {repo for repo, path in found if path.endswith("good.py")} >= {
        "hostile/tar",
        "someone/bomb",
        "mixed/files",
    }
    assert ("mixed/files", "empty.py") in found
    assert not list(finished.parent.rglob("escape.py"))
    counts = skipped(finished, "github")
    assert counts["unsafe_path"] == 2
    assert counts["symlink"] == 2


def test_limits_and_truncation_have_their_reasons(finished: Path) -> None:
    """The huge member is passed over, the short archive's end is quarantined."""
    reasons = {str(row["reason"]) for row in quarantined(finished, "github")}
    counts = skipped(finished, "github")
    assert "truncated" in reasons
    assert counts["too_large"] == 1


def test_the_run_is_whole(finished: Path) -> None:
    """Verify finds nothing, and the empty file was dropped by the rules."""
    assert verify(finished) == []
    rules = read_shards(finished / "github" / "rules", ["reason"])
    assert "empty" in rules.column("reason").to_pylist()
