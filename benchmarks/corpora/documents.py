"""Every document of the real data: files of repositories, the text of pages, and whatever else rows
of tables and of JSON lines hold as strings."""

import gzip
import json
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.corpora import DATA, read_rows
from stages.web.decoding.charset import decode_page
from stages.web.extract import extract
from stages.web.reading.http import decode_payload, parse_response
from stages.web.reading.records import read_batches

MAX_BYTES = 16 << 20
SHORTEST = 64
"""Characters of a string that is a document, and neither a name nor a label."""


def read_documents(folder: Path = DATA) -> Iterator[tuple[str, str]]:
    """Each document's source, the path below `folder`, and its text."""
    for path in sorted(folder.rglob("*")):
        for text in _documents(path):
            yield str(path.relative_to(folder)), text


def _documents(path: Path) -> Iterator[str]:
    if path.name.endswith(".warc.gz"):
        for html in read_pages(path):
            yield extract(html).text
    elif path.name.endswith(".tar.gz"):
        yield from _members(path)
    elif path.name.endswith(".parquet"):
        for batch in pq.ParquetFile(path).iter_batches():
            yield from _strings(batch.to_pylist())
    elif path.name.endswith(".jsonl.zst"):
        yield from _strings(read_rows(path))
    elif path.name.endswith((".jsonl", ".jsonl.gz")):
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
            yield from _strings(map(json.loads, lines))
    elif path.suffix in {".md", ".tsv", ".json", ".html", ".txt", ".py"}:
        yield _decoded(path.read_bytes())


def read_pages(path: Path) -> Iterator[str]:
    """The HTML pages of a WARC file, decoded."""
    with path.open("rb") as stream:
        for event in read_batches(path.name, stream, MAX_BYTES):
            for record in event.to_pylist() if isinstance(event, pa.RecordBatch) else []:
                response = parse_response(record["body"])
                if response is not None and response.mime == "text/html":
                    body = record["body"][response.payload_start :]
                    payload = decode_payload(body, response.encodings, MAX_BYTES)
                    yield decode_page(payload, response.charset)


def _members(path: Path) -> Iterator[str]:
    with tarfile.open(path) as archive:
        for member in archive:
            if (stream := archive.extractfile(member)) is not None:
                yield _decoded(stream.read())


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _strings(value: Any) -> Iterator[str]:
    """All strings inside of rows, however deep, that are long enough."""
    if isinstance(value, bytes):
        value = _decoded(value)
    if isinstance(value, str):
        if len(value) >= SHORTEST:
            yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _strings(extract(one).text if key == "html" else one)
    elif isinstance(value, Iterable):
        for one in value:
            yield from _strings(one)
