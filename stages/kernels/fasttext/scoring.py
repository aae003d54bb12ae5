"""Scoring with a supervised fastText model at the price of a few look-ups a token.

A supervised fastText model averages one input row per word and per hashed word n-gram and
multiplies the average by the output matrix. Both steps are linear, so each input row is multiplied
by the output matrix once, after training: a row of 256 floats becomes one float per label. Softmax
does not see what all labels share, so the first label's float is subtracted from the others and
not stored: a classifier of two labels keeps one float a row (2 M buckets: 8 MB instead of 2 GB).

Words are token ids. fastText sees them as decimal strings; here they stay integers, and only their
hashes are those of the strings (`src/dictionary.cc` of fastText 0.9.2: `hash`, `addWordNgrams`,
`getLine`): 32-bit FNV-1a, sign-extended, n-gram hash h = h * 116049371 + hash(word), bucket by
modulo, `</s>` at the end, words below the minimum count enter n-grams all the same.

The file is one Arrow record batch (IPC): no pickle, the same bytes for the same model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stages.errors import ConfigError, InputError
from stages.kernels.fasttext.ngrams import Float32, Float64, Tokens, hashes_below, sum_scores

LABEL_PREFIX = "__label__"
END_OF_LINE = "</s>"
MAX_NGRAMS = 3
KNOWN_IDS = 1 << 17
"""Ids whose hash and score are tabled, at least; a larger id is hashed where it is met."""
TABLED_IDS = 1 << 20
"""Words up to this id are all tabled (any tokenizer's); where there are larger ones (hashes of
words), those beyond `KNOWN_IDS` are found by bisection."""

FORMAT = "sluice.fasttext.1"


@dataclass(frozen=True, eq=False)
class Collapsed:
    """A supervised model after the multiplication.

    `labels[0]` is the reference: its score is 0 in every row. Row c of `word_scores`
    [n_labels - 1, n_words] and of `bucket_scores` [n_labels - 1, buckets] belongs to
    `labels[c + 1]`; column w of `word_scores` to the word `word_ids[w]` (ascending).
    `end_scores` [n_labels - 1] are those of `</s>`, all NaN when it is not in the dictionary.
    """

    labels: tuple[str, ...]
    ngrams: int
    word_ids: Tokens
    word_scores: Float32
    end_scores: Float32
    bucket_scores: Float32

    @cached_property
    def _by_id(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8], Float32]:
        """Of every small id its hash, whether it is a word, and the word's scores: made when a
        document is scored, as many a model is read for what its metadata say."""
        last = int(self.word_ids[-1]) if len(self.word_ids) else 0
        n_ids = KNOWN_IDS if last >= TABLED_IDS else max(KNOWN_IDS, last + 1)
        tabled = self.word_ids[self.word_ids < n_ids]
        known = np.zeros(n_ids, np.uint8)
        known[tabled] = 1
        scores = np.zeros((len(self.labels) - 1, n_ids), np.float32)
        scores[:, tabled] = self.word_scores[:, : len(tabled)]
        return hashes_below(n_ids), known, scores

    @property
    def n_bytes(self) -> int:
        """Bytes of the numbers kept."""
        arrays = (self.word_ids, self.word_scores, self.end_scores, self.bucket_scores)
        return sum(array.nbytes for array in arrays)

    def logits(self, documents: pa.Array) -> Float64:
        """Scores relative to `labels[0]`, [n_documents, n_labels - 1], of a list array of token
        ids. A document without a single known row scores 0 (fastText predicts nothing there)."""
        offsets, tokens = list_buffers(documents)
        hashes, known, scores = self._by_id
        result = np.empty((len(documents), len(self.labels) - 1), np.float64)
        for column in range(len(self.labels) - 1):
            result[:, column] = sum_scores(
                offsets,
                tokens,
                hashes,
                known,
                scores[column],
                self.word_ids,
                self.word_scores[column],
                self.bucket_scores[column],
                float(self.end_scores[column]),
                self.ngrams,
            )
        return result

    def probabilities(self, documents: pa.Array) -> Float64:
        """Softmax over all labels, [n_documents, n_labels], in the order of `labels`.
        `fasttext.predict` reports the same numbers plus 1e-5, its guard against log(0)."""
        logits = self.logits(documents)
        logits = np.concatenate([np.zeros((len(logits), 1)), logits], axis=1)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)

    def to_bytes(self, metadata: Mapping[str, str] | None = None) -> bytes:
        """The model as an Arrow IPC file; `metadata` travels in its schema."""
        columns: dict[str, npt.NDArray[Any]] = {
            "word_ids": self.word_ids,
            "word_scores": self.word_scores.ravel(),
            "end_scores": self.end_scores,
            "bucket_scores": self.bucket_scores.ravel(),
        }
        batch = pa.record_batch({name: _one_list(values) for name, values in columns.items()})
        own = {"format": FORMAT, "labels": "\t".join(self.labels), "ngrams": str(self.ngrams)}
        batch = batch.replace_schema_metadata({**own, **(metadata or {})})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return bytes(sink.getvalue())


def from_bytes(data: bytes) -> tuple[Collapsed, dict[str, str]]:
    """The model of `Collapsed.to_bytes` and its metadata."""
    try:
        with pa.ipc.open_file(pa.BufferReader(data)) as reader:
            batch = reader.get_batch(0)
            batch.validate(full=True)  # of a damaged file, before anything is looked up in it
        metadata = _text(batch.schema)
    except (pa.ArrowException, OSError, IndexError, ValueError, AttributeError) as error:
        raise InputError(f"not a recall model: {error}") from error
    if metadata.pop("format", None) != FORMAT:
        raise InputError(f"not a recall model of format {FORMAT}")
    try:
        return _collapsed(batch, metadata), metadata
    except (KeyError, ValueError, AttributeError) as error:
        raise InputError(f"a damaged recall model: {error!r}") from error


def metadata_of(data: bytes) -> dict[str, str]:
    """The metadata of such a model, whose numbers are not looked at."""
    with pa.ipc.open_file(pa.BufferReader(data)) as reader:
        return _text(reader.schema)


def _text(schema: pa.Schema) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in schema.metadata.items()}


def _collapsed(batch: pa.RecordBatch, metadata: dict[str, str]) -> Collapsed:
    labels = tuple(metadata.pop("labels").split("\t"))
    values = {name: np.asarray(batch.column(name).values.to_numpy()) for name in batch.schema.names}
    return Collapsed(
        labels=labels,
        ngrams=int(metadata.pop("ngrams")),
        word_ids=values["word_ids"],
        word_scores=values["word_scores"].reshape(len(labels) - 1, -1),
        end_scores=values["end_scores"],
        bucket_scores=values["bucket_scores"].reshape(len(labels) - 1, -1),
    )


def collapse(model: Any, reference: str | None = None) -> Collapsed:
    """Multiply every input row of a supervised `fasttext` model, whose words are decimal token
    ids, by its output matrix. `reference` names the label that comes first (default: the model's
    first). The sum runs in a fixed order, so the bytes do not depend on a BLAS."""
    arguments = model.f.getArgs()
    if model.is_quantized() or arguments.model.name != "supervised" or arguments.maxn > 0:
        raise ConfigError("collapse needs a supervised, unquantised model without subwords")
    if arguments.loss.name != "softmax" or not 1 <= arguments.wordNgrams <= MAX_NGRAMS:
        raise ConfigError(
            f"collapse needs loss softmax and word n-grams of 1 to {MAX_NGRAMS}, not "
            f"{arguments.loss.name} and {arguments.wordNgrams}"
        )
    labels = [label.removeprefix(LABEL_PREFIX) for label in model.get_labels()]
    first = labels.index(reference) if reference is not None else 0
    order = [first, *(index for index in range(len(labels)) if index != first)]
    output = np.asarray(model.f.getOutputMatrix())[order].astype(np.float64)
    products = _multiply(np.asarray(model.f.getInputMatrix()), output[1:] - output[0])

    words = model.get_words()
    unknown = [word for word in words if word != END_OF_LINE and not word.isdecimal()]
    if unknown:
        raise ConfigError(f"collapse needs words that are token ids, not {unknown[0]!r}")
    end_scores = np.full(len(labels) - 1, np.nan, np.float32)
    if END_OF_LINE in words:
        end_scores = products[:, words.index(END_OF_LINE)].copy()
    rows = sorted((int(word), row) for row, word in enumerate(words) if word != END_OF_LINE)
    ids = np.array([word for word, _ in rows], np.uint32)
    return Collapsed(
        labels=tuple(labels[index] for index in order),
        ngrams=int(arguments.wordNgrams),
        word_ids=ids,
        word_scores=np.ascontiguousarray(products[:, [row for _, row in rows]]),
        end_scores=end_scores,
        bucket_scores=np.ascontiguousarray(products[:, len(words) :]),
    )


def list_buffers(documents: pa.Array) -> tuple[npt.NDArray[np.int64], Tokens]:
    """Offsets (int64, n + 1) and values (uint32) of a list array of token ids, without a copy of
    the values; slices are honoured."""
    if isinstance(documents, pa.ChunkedArray):
        documents = documents.combine_chunks()
    if len(documents) == 0:
        return np.zeros(1, np.int64), np.zeros(0, np.uint32)
    values = documents.values.to_numpy(zero_copy_only=True)
    return documents.offsets.to_numpy().astype(np.int64), values.astype(np.uint32, copy=False)


def _one_list(values: npt.NDArray[Any]) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), pa.array(values))


@njit(cache=True, nogil=True)
def _multiply(rows: Float32, output: Float64) -> Float32:  # pragma: no cover
    """rows [n, dim] float32 times output [labels, dim] float64, transposed: [labels, n] float32,
    each sum in order. Replaces numpy's matmul, whose order depends on the machine."""
    n, dim = rows.shape
    products = np.empty((output.shape[0], n), np.float32)
    for row in range(n):
        for label in range(output.shape[0]):
            total = 0.0
            for position in range(dim):
                total += rows[row, position] * output[label, position]
            products[label, row] = total
    return products
