"""No record, however malformed, ends a run; the good ones beside it are read."""

import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.configuration import load
from pipeline.inspection.verify import verify
from pipeline.run import run
from tests.pipeline.conftest import page, read_shards, write_tar, write_warc

ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"
END_OF_DIRECTORY = b"PK\x05\x06"


def record(headers: str, body: bytes) -> bytes:
    head = f"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\n{headers}\r\n\r\n"
    return head.encode() + body + b"\r\n\r\n"


def member(headers: str) -> bytes:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + page("Malformed", 4).encode()
    target = f"WARC-Target-URI: https://malformed.example.org/\r\n{headers}"
    return gzip.compress(record(target.format(n=len(answer)), answer))


def far_zip() -> bytes:
    """A zip whose directory lies at 2⁶⁴−1, as its zip64 record says."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.py", "a = 1\n")
    data = buffer.getvalue()
    end = data.index(END_OF_DIRECTORY)
    far = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 60, 2**64 - 1)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    most = 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1
    return data[:end] + far + locator + struct.pack("<4sHHHHLLH", END_OF_DIRECTORY, 0, 0, *most, 0)


WEB: dict[str, Callable[[], bytes]] = {
    "date-far.warc.gz": lambda: member(
        "WARC-Date: 9999-12-31T23:59:59-23:00\r\nContent-Length: {n}"
    ),
    "date-early.warc.gz": lambda: member(
        "WARC-Date: 0001-01-01T00:00:00+23:00\r\nContent-Length: {n}"
    ),
    "length-digits.warc.gz": lambda: member(f"Content-Length: {'9' * 5000}"),
    "length-letters.warc.gz": lambda: member("Content-Length: ²³"),
    "dictionary.warc.zst": lambda: ZSTD_DICTIONARY + struct.pack("<L", 64) + bytes(64),
    "dictionary-short.warc.zst": lambda: ZSTD_DICTIONARY + struct.pack("<L", 2**32 - 1) + b"x",
    "surrogate-url.jsonl": lambda: rb'{"url": "https://x\ud800.org/", "text": "lone"}',
    "surrogate-repo.jsonl": lambda: rb'{"repo": "o/\udfff", "path": "p", "text": "lone"}',
    "surrogate-path.jsonl": lambda: rb'{"repo": "o/r", "path": "\ud800", "text": "lone"}',
    "surrogate-text.jsonl": lambda: rb'{"url": "https://x.org/", "text": "\udc00 lone"}',
    "digits.jsonl": lambda: b'{"url": ' + b"1" * 5000 + b', "text": "many digits"}',
    "deep.jsonl": lambda: b"[" * 100_000,
    "kinds.jsonl": lambda: b'{"url": ["a"], "text": {"b": 1}}',
    "no.parquet": lambda: b"PAR1" + bytes(40) + b"PAR1",
}

GITHUB: dict[str, Callable[[], bytes]] = {
    "far.zip": far_zip,
    "empty.zip": lambda: b"PK\x05\x06" + bytes(17),
    "no.tar.zst": lambda: b"\x28\xb5\x2f\xfd" + bytes(40),
    "half.tar.gz": lambda: gzip.compress(b"x" * 5000)[:-9],
}


@pytest.mark.parametrize("corpus", ["web", "github"])
def test_no_malformed_record_ends_a_run(tmp_path: Path, corpus: str) -> None:
    """Each in an input of its own, and again behind a good record of the same input."""
    good = tmp_path / "good.warc.gz"
    write_warc(good, {"https://good.example.org/": page("Good", 6)})
    write_tar(tmp_path / "one__two.tar.gz", "two-main", {"good.py": b"good = value\n"})
    row = json.dumps({"url": "https://row.example.org/", "text": "A good row."}).encode() + b"\n"
    behind = {".jsonl": row, ".warc.gz": good.read_bytes()}
    for name, content in (WEB | GITHUB).items():
        (tmp_path / name).write_bytes(content())
        for ending, first in behind.items():
            if name.endswith(ending):
                after = b"\n" + row if ending == ".jsonl" else first
                (tmp_path / f"behind-{name}").write_bytes(first + content() + after)
    config = load(None, [f"{corpus}.inputs=['{tmp_path}']"], tmp_path / "run")
    run(config, address="local")
    assert verify(tmp_path / "run") == []
    texts = read_shards(tmp_path / "run" / corpus / "documents", ["text"])["text"].to_pylist()
    if corpus == "github":
        assert "good = value\n" in texts
        return
    n_rows = sum(name.endswith(".jsonl") for name in WEB)
    n_crawls = sum(name.endswith(".warc.gz") for name in WEB)
    assert sum("A good row." in text for text in texts) >= n_rows
    assert sum("Good" in text for text in texts) >= 1 + n_crawls
