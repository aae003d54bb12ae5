"""MosaicML's streaming datasets (MDS): a folder of shards, and `index.json` that lists them.

Source: `streaming/base/format/mds` of mosaicml-streaming, version 2 of the format. A shard is,
little-endian and without padding,

    uint32      n, the number of samples
    uint32      n + 1 places of samples, in bytes from the beginning of the file
    JSON        the columns and their encodings
    n samples   uint32 sizes of the columns in bytes, then the columns

A sample has `id` (the `sample_id` in hexadecimal, `str`) and `tokens` (`ndarray:int32` or
`ndarray:uint16`: a byte that says one axis and the width of its length, the length, the ids).
"""

import json
import struct
from typing import Any

import numpy as np

from pipeline.export.files import token_type, write_new
from pipeline.export.samples import Samples, Target

SHARD_BYTES = 1 << 26
"""What a shard should hold at most, the library's own default."""


class MdsWriter:
    """Writes STEM/shard.00000.mds … and STEM/index.json."""

    def __init__(self, target: Target) -> None:
        self._dtype = token_type(target.vocabulary_size)
        self._folder = target.stem
        self._folder.mkdir()
        self._columns = {
            "column_encodings": ["str", f"ndarray:{np.dtype(self._dtype).name}"],
            "column_names": ["id", "tokens"],
            "column_sizes": [None, None],
            "compression": None,
            "format": "mds",
            "hashes": [],
            "size_limit": SHARD_BYTES,
            "version": 2,
        }
        self._header = json.dumps(self._columns, sort_keys=True).encode()
        self._samples: list[bytes] = []
        self._size = 0
        self._shards: list[dict[str, Any]] = []

    def write(self, samples: Samples) -> None:
        """Append a sample for each row; shards that are full are written."""
        tokens = samples.tokens.astype(self._dtype)
        identities = samples.described.column("sample_id").to_pylist()
        for row, identity in enumerate(identities):
            ids = tokens[samples.offsets[row] : samples.offsets[row + 1]]
            name, array = identity.hex().encode(), _axis(len(ids)) + ids.tobytes()
            sample = struct.pack("<II", len(name), len(array)) + name + array
            if self._samples and self._size + len(sample) > SHARD_BYTES:
                self._end_shard()
            self._samples.append(sample)
            self._size += len(sample)

    def close(self) -> None:
        """Write the last shard and the index."""
        self._end_shard()
        index = {"shards": self._shards, "version": 2}
        write_new(self._folder / "index.json", [json.dumps(index, sort_keys=True).encode()])

    def _end_shard(self) -> None:
        if not self._samples:
            return
        n = len(self._samples)
        begin = 4 + 4 * (n + 1) + len(self._header)
        places = begin + np.cumsum([0, *map(len, self._samples)], dtype=np.int64)
        name = f"shard.{len(self._shards):05d}.mds"
        head = struct.pack("<I", n) + places.astype("<u4").tobytes() + self._header
        write_new(self._folder / name, [head, *self._samples])
        raw = {"basename": name, "bytes": int(places[-1]), "hashes": {}}
        self._shards.append({**self._columns, "raw_data": raw, "samples": n, "zip_data": None})
        self._samples, self._size = [], 0


def _axis(length: int) -> bytes:
    """One axis of this length, in the fewest bytes."""
    code, form = next(
        (code, form) for code, form in enumerate("BHI") if length < 1 << 8 * struct.calcsize(form)
    )
    return struct.pack(f"<B{form}", 1 << 2 | code, length)
