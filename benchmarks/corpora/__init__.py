"""What benchmarks read: real texts, the same for Sluice and its peer."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

DEFAULT = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "github"


def read_texts(source: Path, n_bytes: int) -> list[str]:
    """Texts from repository archives, or the `text` column of a Parquet file, to `n_bytes`."""
    texts: list[str] = []
    total = 0
    for text in _parquet(source) if source.is_file() else _archives(source):
        texts.append(text)
        total += len(text.encode())
        if total >= n_bytes:
            break
    return texts


def _parquet(path: Path) -> Iterator[str]:
    for batch in pq.ParquetFile(path).iter_batches(columns=["text"]):
        yield from batch["text"].to_pylist()


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
