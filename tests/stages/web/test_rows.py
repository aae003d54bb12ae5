"""Rows of JSON lines and of Parquet files as pages."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from schemas.identity import doc_id
from stages.contract import Input, Quarantined
from stages.web.options import WebOptions
from stages.web.stage import WebSource
from tests.stages.web.one_input import HTML, run

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "web"


LINES = [
    json.dumps({"url": "http://e.org/1", "html": HTML.decode(), "label": "code"}).encode(),
    b'{"url": "http://e.org/2", "html": ',
    b"",
    json.dumps({"url": "http://e.org/3", "text": "Some text\nwith $x^2$."}).encode(),
    b"[1, 2]",
    b'{"url": "http://e.org/4"}',
    json.dumps({"url": "http://e.org/5", "html": "<p>lone \ud800 surrogate"}).encode(),
    json.dumps({"url": "http://e.org/6\udfff", "text": "a"}).encode(),
    json.dumps({"repo": "a/\udfff", "path": "\ud800", "text": "a"}).encode(),
    b'{"url": ' + b"9" * 5_000 + b', "text": "' + b"[" * 5_000 + b'"}',
    b'{"url": "http://e.org/", "text": ' + b"[" * 5_000 + b"}",
]


@pytest.mark.parametrize(
    ("name", "pack"),
    [("s.jsonl", bytes), ("s.jsonl.gz", gzip.compress), ("s.jsonl.zst", zstandard.compress)],
)
def test_json_lines(name: str, pack: Any) -> None:
    """Rows are numbered by line, broken ones are quarantined, text is taken as it is."""
    documents, others = run(name, pack(b"\n".join(LINES)))
    assert [document["doc_id"] for document in documents] == [
        doc_id(f"{name}:{row}") for row in (0, 3, 6, 7, 8)
    ]
    assert [(o.origin, o.reason) for o in others] == [
        (f"{name}:1", "broken_json"),
        (f"{name}:4", "broken_json"),
        (f"{name}:5", "no_page"),
        (f"{name}:9", "broken_json"),
        (f"{name}:10", "broken_json"),
    ]
    assert [document["url"] for document in documents[3:]] == [
        "http://e.org/6%EF%BF%BD",
        "repository://a/%EF%BF%BD/%EF%BF%BD",
    ]
    assert documents[1]["text"] == "Some text\nwith $x^2$."
    assert documents[1]["n_formulas"] == 1
    assert [document["warc_length"] for document in documents] == [
        len(LINES[row]) for row in (0, 3, 6, 7, 8)
    ]
    assert {document["crawled_at"] for document in documents} == {None}


def test_a_text_may_do_without_a_url() -> None:
    """It is named by its repository and path, else by its file and row; HTML needs one."""
    lines = [
        {"text": "a file", "repo": "google/gson", "path": "src/C#/a b.java"},
        {"text": "a file", "repo": "google/gson"},
        {"html": "<p>a page", "repo": "google/gson", "path": "a.html"},
        {"text": "a page", "url": "http://e.org/1", "repo": "google/gson", "path": "a"},
        {"text": "a page", "url": ""},
    ]
    data = "\n".join(map(json.dumps, lines)).encode()
    documents, others = run("mine.jsonl", data)
    assert [document["url"] for document in documents] == [
        "repository://google/gson/src/C%23/a%20b.java",
        "row://mine.jsonl/1",
        "http://e.org/1",
    ]
    assert [document["domain"] for document in documents] == ["google", "mine.jsonl", "e.org"]
    assert [other if isinstance(other, str) else other.reason for other in others] == [
        "no_page",
        "no_url",
    ]


def test_json_lines_cut() -> None:
    """A compressed file that ends early says so after the rows before."""
    data = gzip.compress(LINES[3] + b"\n") + gzip.compress(LINES[0] * 9)[:-15]
    documents, others = run("s.jsonl.gz", data)
    assert len(documents) == 1
    assert [other.reason for other in others] == ["truncated"]


def test_long_line() -> None:
    """A line above the limit is skipped, and counts as a row."""
    data = b'{"url": "' + b"x" * 99_999 + b'"}\n' + LINES[3]
    documents, others = run("s.jsonl", data, max_record_bytes=1000)
    assert [document["warc_offset"] for document in documents] == [1]
    assert others == ["too_large"]


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


@pytest.mark.parametrize("stream", [io.BytesIO, Pipe])
def test_parquet(stream: type[io.BytesIO]) -> None:
    """Rows of a Parquet file are pages, from streams that seek and that do not."""
    table = pa.table({"url": ["http://e.org/", None], "html": [HTML, HTML], "other": [1, 2]})
    out = io.BytesIO()
    pq.write_table(table, out)
    source = WebSource(WebOptions())
    events = list(source.read(Input("s.parquet", "", open=lambda: stream(out.getvalue()))))
    bad = [event for event in events if isinstance(event, Quarantined)]
    batches = [event for event in events if isinstance(event, pa.RecordBatch)]
    assert [event.origin for event in bad] == ["s.parquet:1"]
    (document,) = source.convert(batches[0]).to_pylist()
    assert (document["warc_offset"], document["warc_length"]) == (0, len(HTML))


def test_broken_parquet() -> None:
    """A file that is no Parquet is quarantined."""
    documents, (other,) = run("s.parquet", b"PAR1 nothing")
    assert documents == []
    assert other.reason == "broken_parquet"


def test_real_seeds() -> None:
    """Every row of a real seed file becomes a document."""
    path = DATA / "seeds" / "math_qa_stackexchange.jsonl.gz"
    if not path.exists():
        pytest.skip("no shared data")
    documents, others = run(path.name, path.read_bytes())
    assert (len(documents), others) == (6, [])
    assert all(document["n_formulas"] > 0 for document in documents)
