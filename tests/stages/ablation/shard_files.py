"""Shards of given documents, for tests."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from schemas.shards import SHARDS


def write_shards(
    path: Path, documents: Iterable[tuple[str, list[int]]], *, split: str, language: str = "Python"
) -> Path:
    """One file of `documents` (name and token ids), a document a row; its folder is the set."""
    rows = []
    for name, tokens in documents:
        doc_id = xxhash.xxh3_128_digest(name.encode())
        part = {
            "doc_id": doc_id,
            "uri": name,
            "language": language,
            "license": None,
            "start": 0,
            "n_tokens": len(tokens),
        }
        rows.append(
            {
                "sample_id": doc_id,
                "source": path.parent.name,
                "split": split,
                "tokens": tokens,
                "n_tokens": len(tokens),
                "parts": [part],
            }
        )
    rows.sort(key=lambda row: row["sample_id"])
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SHARDS), path)
    return path
