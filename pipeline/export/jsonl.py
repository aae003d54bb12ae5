"""JSON Lines: a row's text, its identity, and what is known of the documents in it.

A line is `{"text", "id", "meta": {"source", "split", "n_tokens", "parts"}}`; ids are hexadecimal,
and `parts` are those of the shards, `start` an offset in tokens. Text is decoded from the tokens,
so bytes that are no UTF-8 (of a token cut in two) would be U+FFFD.
"""

import json

from pipeline.export.files import settle
from pipeline.export.samples import Samples, Target, slices
from stages.kernels.bpe.tokenizer import Tokenizer

ROWS = 256
"""Rows described in Python at once."""


class JsonlWriter:
    """Writes STEM.jsonl."""

    def __init__(self, target: Target) -> None:
        self._tokenizer = Tokenizer(str(target.tokenizer))
        self._file = target.path(".jsonl").open("xb")

    def write(self, samples: Samples) -> None:
        """Append a line for each row."""
        for first, end in slices(samples, ROWS):
            rows = samples.described.slice(first, end - first).to_pylist()
            for number, row in enumerate(rows, first):
                ids = samples.tokens[samples.offsets[number] : samples.offsets[number + 1]]
                parts = [{**part, "doc_id": part["doc_id"].hex()} for part in row["parts"] or ()]
                line = {
                    "text": self._tokenizer.decode(ids),
                    "id": row["sample_id"].hex(),
                    "meta": {
                        "source": row["source"],
                        "split": row["split"],
                        "n_tokens": row["n_tokens"],
                        "parts": parts,
                    },
                }
                self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        """Make the file durable."""
        with self._file as stream:
            settle(stream)
