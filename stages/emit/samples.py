"""From living documents to tokenised training samples: the map step of emit.

Every document is tokenised alone (path comment, then the text with redacted spans replaced), so a
document has the same tokens in whatever sample it stands. Where its text's tokens are stored, only
what differs is split: the comment, which ends its line and so changes no token behind it, and
documents with redacted spans. A sample of one document leaves with its
batch; the parts of a longer one are spread over the shard, wait in a spool (64 MiB in memory, then
a temporary file) and leave when the shard has been read. Besides the spool a task holds one batch
and about 1 KB a waiting document.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from schemas.shards import PART, SHARDS, web_set
from schemas.tokens import TOKENS
from stages.contract import PARTITION, Batches, NamesFiles
from stages.emit.comments import path_comment
from stages.emit.placement import github_sets, order_hash, partition_of, split_of
from stages.emit.spool import Spooled, TokenSpool
from stages.errors import StageError
from stages.kernels.bpe.encoder import Ids
from stages.kernels.bpe.tokenizer import load_tokenizer
from stages.kernels.spans import replace_spans

ORDER = "order"
"""Column of the shuffle: the sample's order hash."""

BATCH_BYTES = 16 << 20

READS: dict[str, tuple[str, ...]] = {
    "github": ("doc_id", "uri", "kind", "text", "repo", "path", "license"),
    "web": ("doc_id", "uri", "kind", "text", "domain", "natural_language"),
}
"""Columns of the documents table that emit reads."""

COMMENTED_KINDS = ("source", "markdown")

Row = dict[str, Any]


class Sample(NamedTuple):
    """One row of the product before it is laid out in columns."""

    sample_id: bytes
    shard_set: str
    split: str
    tokens: list[Ids]
    parts: list[Row]


@dataclass
class Waiting:
    """A sample whose documents are still coming: (position, part, tokens)."""

    row: Row
    parts: list[tuple[int, Row, Spooled]] = field(default_factory=list)


@dataclass(frozen=True)
class TokenizeSamples:
    """Tokenises the living documents of a shard and yields its samples."""

    corpus: str
    sets: tuple[str, ...]
    tokenizer: Annotated[str, NamesFiles()]
    tokenizer_hash: str
    seed: int
    heldout_rate: float
    path_comments: bool
    comments_hash: str
    columns: tuple[str, ...]
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field(ORDER, pa.uint64(), nullable=False),
            *SHARDS,
        ]
    )

    def __call__(self, batches: Batches) -> Batches:
        tokenizer = load_tokenizer(self.tokenizer, self.tokenizer_hash)
        uses_stored = TOKENS in self.columns and tokenizer.parts_at_line_ends
        waiting: dict[bytes, Waiting] = {}
        with TokenSpool() as spool:
            for batch in batches:
                large = {"text", TOKENS} & set(batch.schema.names)
                rows = batch.drop_columns(sorted(large)).to_pylist()
                stored: list[Ids | None] = [None] * len(rows)
                if uses_stored:
                    stored = self._stored(rows, batch.column(TOKENS))
                texts = self._texts(rows, batch.column("text"), stored)
                offsets, ids = tokenizer.encode_buffers(pa.array(texts, pa.large_binary()))
                arrived = self._arrived(rows, offsets.tolist(), ids, stored, waiting, spool)
                yield from self._laid_out(arrived)
            yield from self._laid_out(self._completed(waiting, spool))

    def _stored(self, rows: list[Row], tokens: pa.Array) -> list[Ids | None]:
        """The tokens of each text that is emitted as it is; None: it has to be split."""
        ids, offsets = tokens.values.to_numpy(), tokens.offsets.to_numpy().tolist()
        known = tokens.is_valid().to_pylist()
        return [
            ids[offsets[i] : offsets[i + 1]] if known[i] and not row.get("spans") else None
            for i, row in enumerate(rows)
        ]

    def _texts(self, rows: list[Row], texts: pa.Array, stored: list[Ids | None]) -> Iterator[bytes]:
        """What is split of each row, as UTF-8: the comment, and the text unless its tokens are
        stored."""
        for row, text, tokens in zip(rows, texts, stored, strict=True):
            comment = self._comment(row).encode()
            yield comment if tokens is not None else comment + _redacted(row, text)

    def _comment(self, row: Row) -> str:
        if not self.path_comments or row["kind"] not in COMMENTED_KINDS or "path" not in row:
            return ""
        language = self._language(row) or ("Markdown" if row["kind"] == "markdown" else None)
        return path_comment(row["path"], language)

    def _arrived(
        self,
        rows: list[Row],
        offsets: list[int],
        ids: Ids,
        stored: list[Ids | None],
        waiting: dict[bytes, Waiting],
        spool: TokenSpool,
    ) -> Iterator[Sample]:
        """The samples that are complete with this batch; the others' parts go to the spool."""
        for i, row in enumerate(rows):
            tokens, known = ids[offsets[i] : offsets[i + 1]], stored[i]
            if known is not None:
                tokens = np.concatenate([tokens, known])
            for shard_set in self._sets(row):
                sample_id = row.get("sample_id") or row["doc_id"]
                if shard_set != "code" or sample_id == row["doc_id"]:
                    part = self._part(row, 0, len(tokens))
                    yield Sample(row["doc_id"], shard_set, self._split(row), [tokens], [part])
                else:
                    sample = waiting.setdefault(sample_id, Waiting(row))
                    part = self._part(row, 0, len(tokens))
                    sample.parts.append((row["position"], part, spool.append(tokens)))

    def _completed(self, waiting: dict[bytes, Waiting], spool: TokenSpool) -> Iterator[Sample]:
        for sample_id, sample in waiting.items():
            parts, tokens, start = [], [], 0
            for _, part, place in sorted(sample.parts, key=lambda item: item[0]):
                parts.append({**part, "start": start})
                tokens.append(spool.read(place))
                start += place.n_tokens
            yield Sample(sample_id, "code", self._split(sample.row), tokens, parts)

    def _laid_out(self, samples: Iterable[Sample]) -> Batches:
        """Samples as batches of about `BATCH_BYTES` of tokens."""
        pending: list[Sample] = []
        n_bytes = 0
        for sample in samples:
            pending.append(sample)
            n_bytes += sum(ids.nbytes for ids in sample.tokens)
            if n_bytes >= BATCH_BYTES:
                yield self._batch(pending)
                pending, n_bytes = [], 0
        if pending:
            yield self._batch(pending)

    def _batch(self, samples: list[Sample]) -> pa.RecordBatch:
        orders = [order_hash(self.seed, sample.sample_id) for sample in samples]
        lengths = np.array([sum(map(len, sample.tokens)) for sample in samples], np.int64)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        ids = np.concatenate([ids for sample in samples for ids in sample.tokens])
        columns = {
            PARTITION: [
                partition_of(self.sets, sample.shard_set, sample.split, order)
                for sample, order in zip(samples, orders, strict=True)
            ],
            ORDER: orders,
            "sample_id": [sample.sample_id for sample in samples],
            "source": [sample.shard_set for sample in samples],
            "split": [sample.split for sample in samples],
            "tokens": pa.ListArray.from_arrays(
                pa.array(offsets).cast(pa.int32()), pa.array(ids, pa.uint32())
            ),
            "n_tokens": lengths,
            "parts": pa.array([sample.parts for sample in samples], pa.list_(PART)),
        }
        routed = pa.schema([pa.field(PARTITION, pa.uint32(), nullable=False), *self.schema])
        return pa.RecordBatch.from_pydict(columns, schema=routed)

    def _sets(self, row: Row) -> tuple[str, ...]:
        if self.corpus == "github":
            return github_sets(row["kind"], row.get("recalled"))
        return (web_set(row.get("target")),)

    def _split(self, row: Row) -> str:
        key: str | bytes = (
            row["repo"] if self.corpus == "github" else row.get("cluster") or row["domain"]
        )
        return split_of(self.seed, key.encode() if isinstance(key, str) else key, self.heldout_rate)

    def _language(self, row: Row) -> str | None:
        if self.corpus == "github":
            return row.get("language") or row.get("other")
        language: str | None = row["natural_language"]
        return language

    def _part(self, row: Row, start: int, n_tokens: int) -> Row:
        return {
            "doc_id": row["doc_id"],
            "uri": row["uri"],
            "language": self._language(row),
            "license": row.get("license"),
            "start": start,
            "n_tokens": n_tokens,
        }


def _redacted(row: Row, text: pa.Scalar) -> bytes:
    """The text with its spans replaced."""
    try:
        return replace_spans(text.as_buffer().to_pybytes(), row.get("spans"))
    except ValueError as error:
        raise StageError(
            f"emit: {row['uri']}: spans do not fit the text: {error}; run redact again"
        ) from error
