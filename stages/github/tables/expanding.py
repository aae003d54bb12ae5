"""The bytes of a Parquet page, expanded.

A page is about a megabyte in most files, but writers end one between batches of a thousand values,
so a repository's files may lie in one page of two gigabytes. A small page is expanded at once; of
a large one never more than a piece is held, whatever it says of itself.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from stages.github.archives.decompression import GZIP, ZSTD, ByteReader, expand
from stages.github.entries import Damaged
from stages.github.tables.snappy import unsnap
from stages.kernels.parquet_pages import Page

WHOLE_BYTES = 16 << 20
"""Pages up to this size are expanded at once."""
PIECE_BYTES = 1 << 20
NO_LIMIT = 1 << 62

_CODECS = {
    "SNAPPY": "snappy",
    "GZIP": "gzip",
    "ZSTD": "zstd",
    "BROTLI": "brotli",
    "LZ4": "lz4_raw",
}
"""Parquet's names to Arrow's."""


class Span:
    """Some bytes of a file, read forward; others may read elsewhere in it meanwhile."""

    def __init__(self, file: Any, at: int, n_bytes: int) -> None:
        self._file = file
        self._at = at
        self._left = n_bytes

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes, all that are left if it is negative."""
        size = self._left if size < 0 else min(size, self._left)
        self._file.seek(self._at)
        data: bytes = self._file.read(size) if size else b""
        self._at += len(data)
        self._left -= len(data)
        return data


def page_bytes(file: Any, page: Page, compression: str) -> ByteReader:
    """The values of a page, with its levels unless it is of the second kind."""
    levels = page.repetition_bytes + page.definition_bytes
    span = Span(file, page.at + levels, page.compressed_bytes - levels)
    if not page.is_compressed:
        compression = "UNCOMPRESSED"
    n_bytes = page.uncompressed_bytes - levels
    if n_bytes > WHOLE_BYTES or compression == "UNCOMPRESSED":
        return ByteReader(_pieces(span, compression, n_bytes), NO_LIMIT)
    if compression not in _CODECS:
        raise Damaged("corrupt", f"pages are compressed with {compression}, which nobody reads")
    data = span.read()
    try:
        whole = pa.Codec(_CODECS[compression]).decompress(data, n_bytes, asbytes=True)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise Damaged("corrupt", f"a page: {error}", offset=page.at) from error
    return ByteReader(iter((whole,)), NO_LIMIT)


def _pieces(span: Span, compression: str, n_bytes: int) -> Iterator[bytes]:
    magic = {"GZIP": GZIP, "ZSTD": ZSTD}.get(compression)
    if compression == "SNAPPY":
        yield from unsnap(span)
    elif compression == "UNCOMPRESSED":
        while data := span.read(PIECE_BYTES):
            yield data
    elif magic is not None:
        first = span.read(len(magic))
        if first != magic:
            raise Damaged("corrupt", f"a page that is not compressed with {compression}")
        yield from expand(span, first)
    else:
        problem = f"a page of {n_bytes} bytes, compressed with {compression}: above {WHOLE_BYTES}"
        raise Damaged("limit", problem)
