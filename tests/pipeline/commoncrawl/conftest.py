"""A small crawl, and the server that plays its bucket."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.commoncrawl.bucket_server import BucketServer, serve_bucket
from tests.pipeline.conftest import page, write_warc

CRAWL = "CC-MAIN-2024-10"
N_FILES = 6


def key_of(number: int, subset: str = "warc") -> str:
    """The key of one of the crawl's files."""
    segment = f"crawl-data/{CRAWL}/segments/17079{number % 2}.{number}/{subset}"
    return f"{segment}/CC-MAIN-20240220211055-20240221001055-{number:05d}.warc.gz"


@pytest.fixture(scope="session")
def crawl_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Key → bytes: the list of files, in an order that is not the names', and the files."""
    folder = tmp_path_factory.mktemp("crawl")
    files = {}
    for number in range(N_FILES):
        pages = {
            f"https://www{n % 3}.site{number}.org/{n}": page(f"Page {number}.{n}", 4 + n)
            for n in range(4)
        }
        path = write_warc(folder / f"{number}.warc.gz", pages)
        files[key_of(number)] = path.read_bytes()
    keys = sorted(files, key=lambda key: key[::-1])[::-1]
    files[f"crawl-data/{CRAWL}/warc.paths.gz"] = gzip.compress("\n".join(keys).encode() + b"\n")
    return files


@pytest.fixture
def bucket(
    crawl_files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BucketServer]:
    """The crawl on a server. Limits of this machine are this test's alone."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    with serve_bucket(crawl_files) as server:
        yield server
