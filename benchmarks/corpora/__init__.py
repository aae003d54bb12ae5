"""What benchmarks read: real texts, the same for Sluice and its peer."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import zstandard

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
DEFAULT = DATA / "github"
WEB = DATA / "web" / "wcxb_dev.jsonl.zst"


def read_texts(source: Path, n_bytes: int) -> list[str]:
    """Texts from repository archives, or the `text` column of a Parquet file, or `main_content` of
    JSON lines, to `n_bytes`."""
    texts: list[str] = []
    total = 0
    for text in _texts(source):
        texts.append(text)
        total += len(text.encode())
        if total >= n_bytes:
            break
    return texts


def _texts(source: Path) -> Iterator[str]:
    if source.is_dir():
        return _archives(source)
    if source.name.endswith(".jsonl.zst"):
        return (row["main_content"] for row in read_rows(source))
    return _parquet(source)


def _parquet(path: Path) -> Iterator[str]:
    for batch in pq.ParquetFile(path).iter_batches(columns=["text"]):
        yield from batch["text"].to_pylist()


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of JSON lines compressed with Zstandard."""
    with path.open("rb") as stored:
        stream = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(stored)
        yield from map(json.loads, io.TextIOWrapper(stream, encoding="utf-8"))


def _archives(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.tar.gz")):
        with tarfile.open(path) as archive:
            for member in archive:
                stream = archive.extractfile(member)
                if stream is None or member.size > 1_000_000:
                    continue
                try:
                    yield stream.read().decode()
                except UnicodeDecodeError:
                    continue
