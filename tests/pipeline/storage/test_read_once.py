"""A stored input is read once, and what follows `?` in its URL says nothing of it."""

import gzip
import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import botocore.session
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

from pipeline.configuration import load
from pipeline.run import run
from pipeline.storage.location import open_storage
from pipeline.storage.object_stores.s3 import S3Store
from pipeline.storage.receipts import Receipts
from tests.pipeline.conftest import page, read_shards, write_tar, write_warc
from tests.pipeline.object_store import BUCKET, FaultProxy
from tests.pipeline.storage.test_credentials import written

QUERY = "X-Amz-Signature=5ecret&response-content-disposition=x.parquet"


class Served(http.server.ThreadingHTTPServer):
    """Files in memory; `sent` counts the bytes of each that went out."""

    files: Mapping[str, bytes]
    sent: dict[str, int]
    daemon_threads = True


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Served

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        name = self.path.partition("?")[0].lstrip("/")
        data = self.server.files[name]
        start, end = 0, len(data)
        asked = self.headers.get("Range")
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(end, int(last) + 1 if last else end)
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - start))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        self.end_headers()
        if with_body:
            self.wfile.write(data[start:end])
            self.server.sent[name] = self.server.sent.get(name, 0) + end - start

    def log_message(self, *_: object) -> None: ...


@contextmanager
def served(files: Mapping[str, bytes]) -> Iterator[tuple[str, dict[str, int]]]:
    server = Served(("127.0.0.1", 0), _Handler)
    server.files, server.sent = files, {}
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.sent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def crawl(folder: Path) -> bytes:
    pages = {f"https://example.org/{n}": page(f"P{n}", 6) for n in range(30)}
    return write_warc(folder / "made.warc.gz", pages).read_bytes()


def archive(folder: Path) -> bytes:
    files = {f"a{n}.py": f"x = {n}\n".encode() * 50 for n in range(40)}
    return write_tar(folder / "made.tar.gz", "r-main", files).read_bytes()


def inputs_read(folder: Path, corpus: str, source: str) -> list[Any]:
    config = load(None, [f"{corpus}.inputs={json.dumps([source])}"], folder)
    run(config, stages=[f"{corpus}.documents"], address="local")
    lines = json.loads((folder / "inputs.json").read_text())[corpus]
    return [*lines, read_shards(folder / f"{corpus}/documents").num_rows]


@pytest.mark.parametrize(
    ("corpus", "name"),
    [("web", "c.warc.gz"), ("web", "c.warc"), ("github", "o__r.tar.gz"), ("github", "o__r.tar")],
)
def test_a_crawl_and_an_archive_are_read_once(tmp_path: Path, corpus: str, name: str) -> None:
    """Their hash is taken of the bytes that pass. (A zip's directory is at its end: its bytes
    cannot all be read once, in order.)"""
    data = crawl(tmp_path) if corpus == "web" else archive(tmp_path)
    data = data if name.endswith(".gz") else gzip.decompress(data)
    with served({name: data}) as (url, sent):
        *_, n_rows = inputs_read(tmp_path / "run", corpus, f"{url}/{name}")
        assert sent == {name: len(data)}
    assert n_rows in (30, 40)
    (receipt,) = Receipts(open_storage(tmp_path / "run"), f"{corpus}/documents").load().values()
    assert [one["xxh3"] for one in receipt.summary["inputs"]] == [xxhash.xxh3_128_hexdigest(data)]


@pytest.mark.parametrize("name", ["c.warc.gz", "c.jsonl", "c.parquet"])
def test_a_query_decides_no_format_and_is_nowhere(tmp_path: Path, name: str) -> None:
    """The name before it does, though it holds the name of another file."""
    rows = [{"url": f"https://example.org/{n}", "html": page(f"P{n}", 6)} for n in range(3)]
    if name == "c.warc.gz":
        data = crawl(tmp_path)
    elif name == "c.jsonl":
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    else:
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
        data = (tmp_path / name).read_bytes()
    with served({name: data}) as (url, _):
        row, n_rows = inputs_read(tmp_path / "run", "web", f"{url}/{name}?{QUERY}&f=x.jsonl.gz")
        assert (row["name"], row["uri"], n_rows > 2) == (name, f"{url}/{name}", True)
    found = written(tmp_path / "run")
    assert "5ecret" not in found
    assert "x.parquet" not in found.replace(json.dumps(QUERY), "")


def test_a_presigned_object_of_s3_is_the_same_object(
    proxy: FaultProxy, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Signed by the real client, twice: one input, one identity, no signature anywhere."""
    S3Store(BUCKET).put("signed/c.warc.gz", crawl(tmp_path))
    client = botocore.session.get_session().create_client(
        "s3", region_name="us-east-1", endpoint_url=proxy.url
    )
    names = []
    for seconds in (600, 700):
        url = client.generate_presigned_url(
            "get_object", {"Bucket": BUCKET, "Key": "signed/c.warc.gz"}, seconds
        )
        assert "Signature=" in url
        row, n_rows = inputs_read(tmp_path / "run", "web", url)
        names.append((row["name"], row["uri"], n_rows))
    assert names == [("c.warc.gz", f"{proxy.url}/{BUCKET}/signed/c.warc.gz", 30)] * 2
    told = written(tmp_path / "run") + caplog.text
    assert "Signature=" not in told
    assert "test-key-id" not in told
