"""Held-out documents from shards, as a model reads them.

A folder of shard sets has a tokenizer.json of its own. For a model with the same one the tokens are
taken as they are; for any other, documents are decoded and encoded again, with the strings of
special tokens as plain text, as in the shards. So models of different tokenizers are scored on the
same bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tokenizers
import xxhash

from stages.ablation.evaluation.bits_per_byte import Document
from stages.errors import InputError

COLUMNS = ("sample_id", "source", "split", "tokens", "parts")
SPLIT = "heldout"
TOKENIZER = "tokenizer.json"
DECODED_ROWS = 256


@dataclass(frozen=True)
class HeldoutSet:
    """The documents in order of source, file and row. `fingerprint` changes with their identities
    and their texts' lengths."""

    documents: tuple[Document, ...]
    fingerprint: str

    @property
    def n_bytes(self) -> int:
        """Of all texts, in UTF-8."""
        return sum(document.n_bytes for document in self.documents)


def read_heldout(folder: Path, model_tokenizer: Path) -> HeldoutSet:
    """The rows of split `heldout` in the shard sets under `folder` (or `folder`/shards), tokenised
    for a model. InputError where there are none."""
    root = folder / "shards" if (folder / "shards").is_dir() else folder
    files = sorted(root.glob("*/*.parquet"))
    if not files:
        raise InputError(f"{folder}: no shard sets (SET/00000.parquet) here")
    own = _load(root / TOKENIZER)
    other = _load(model_tokenizer)
    same = own.to_str() == other.to_str()
    documents = tuple(
        document
        for path in files
        for rows in _rows(path)
        for document in _documents(rows, own, None if same else other)
    )
    if not documents:
        raise InputError(f"{folder}: no row of the shards has split = {SPLIT}")
    marks = xxhash.xxh3_128()
    for document in documents:
        marks.update(document.doc_id + document.n_bytes.to_bytes(8, "big"))
    return HeldoutSet(documents, marks.hexdigest())


def _load(path: Path) -> tokenizers.Tokenizer:
    try:
        tokenizer = tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except Exception as error:
        raise InputError(f"{path}: not a tokenizer.json: {error}") from error
    tokenizer.encode_special_tokens = True
    return tokenizer


def _rows(path: Path) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(path) as file:
            missing = set(COLUMNS) - set(file.schema_arrow.names)
            if missing:
                raise InputError(f"{path}: no column {min(missing)}: not a shard")
            for batch in file.iter_batches(DECODED_ROWS, columns=list(COLUMNS)):
                table = pa.Table.from_batches([batch])
                yield table.filter(pa.compute.equal(table["split"], SPLIT))
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path}: not a Parquet shard: {error}") from error


def _documents(
    rows: pa.Table, own: tokenizers.Tokenizer, other: tokenizers.Tokenizer | None
) -> Iterator[Document]:
    tokens: Sequence[list[int]] = rows["tokens"].to_pylist()
    texts = own.decode_batch(tokens, skip_special_tokens=False)
    if other is not None:
        tokens = [one.ids for one in other.encode_batch(texts, add_special_tokens=False)]
    for row, ids, text in zip(
        rows.select(["sample_id", "source", "parts"]).to_pylist(), tokens, texts, strict=True
    ):
        yield Document(
            doc_id=row["sample_id"],
            source=row["source"],
            language=row["parts"][0]["language"] if row["parts"] else None,
            n_bytes=len(text.encode()),
            tokens=np.array(ids, np.uint32),
        )
