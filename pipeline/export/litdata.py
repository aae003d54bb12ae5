"""LitData's optimised datasets for its `TokensLoader`: chunks of tokens, and `index.json`.

Source: `litdata/streaming/{writer,item_loader}.py` of litdata. A chunk is, little-endian and
without padding,

    uint32      n, the number of items
    uint32      n + 1 places of items, in bytes from the beginning of the file
    n items     their ids, nothing between them

The loader cuts a chunk into blocks of the length that it is given, across items, and drops what is
left at its end.
"""

import json
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.export.files import TokenType, token_type, write_new
from pipeline.export.samples import Samples, Target

CHUNK_BYTES = 1 << 26
CODES: dict[TokenType, int] = {np.uint16: 20, np.int32: 16}
"""The library's numbers of the tensor's types."""

_ONE_TENSOR = [1, {"type": None, "context": None, "children_spec": []}]


class LitdataWriter:
    """Writes STEM/chunk-0-0.bin … and STEM/index.json."""

    def __init__(self, target: Target) -> None:
        self._dtype = token_type(target.vocabulary_size)
        self._folder = target.stem
        self._folder.mkdir()
        self._items: list[npt.NDArray[Any]] = []
        self._size = 0
        self._chunks: list[dict[str, Any]] = []

    def write(self, samples: Samples) -> None:
        """Append an item for each row; chunks that are full are written."""
        tokens = samples.tokens.astype(self._dtype)
        for start, end in zip(samples.offsets[:-1], samples.offsets[1:], strict=True):
            item = tokens[start:end]
            if self._items and self._size + item.nbytes > CHUNK_BYTES:
                self._end_chunk()
            self._items.append(item)
            self._size += item.nbytes

    def close(self) -> None:
        """Write the last chunk and the index."""
        self._end_chunk()
        config = {
            "chunk_bytes": CHUNK_BYTES,
            "chunk_size": None,
            "compression": None,
            "data_format": [f"no_header_tensor:{CODES[self._dtype]}"],
            "data_spec": json.dumps(_ONE_TENSOR),
            "encryption": None,
            "item_loader": "TokensLoader",
        }
        index = {"chunks": self._chunks, "config": config}
        write_new(self._folder / "index.json", [json.dumps(index, sort_keys=True).encode()])

    def _end_chunk(self) -> None:
        if not self._items:
            return
        n = len(self._items)
        sizes = [item.nbytes for item in self._items]
        places = 4 + 4 * (n + 1) + np.cumsum([0, *sizes], dtype=np.int64)
        name = f"chunk-0-{len(self._chunks)}.bin"
        head = struct.pack("<I", n) + places.astype("<u4").tobytes()
        write_new(self._folder / name, [head, *(item.tobytes() for item in self._items)])
        n_tokens = sum(map(len, self._items))
        chunk = {"chunk_bytes": int(places[-1]), "chunk_size": n, "dim": n_tokens}
        self._chunks.append({**chunk, "filename": name})
        self._items, self._size = [], 0
