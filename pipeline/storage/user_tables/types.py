"""What a column can hold, and what a library says if it cannot."""

import zlib

import pyarrow as pa
import zstandard

UNFIT = (
    pa.ArrowInvalid,
    pa.ArrowTypeError,
    pa.ArrowNotImplementedError,
    UnicodeEncodeError,
    OverflowError,
)
UNREADABLE = (
    *(OSError, EOFError, pa.ArrowException, zlib.error, zstandard.ZstdError),
    UnicodeDecodeError,  # names in a Parquet file's footer
)

JSON_TEXT = pa.json_(pa.large_string())
"""Of a JSONL column whose values are objects, lists, or of several types."""


def is_text(kind: pa.DataType) -> bool:
    """Whether it is a type of text."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def is_binary_type(kind: pa.DataType) -> bool:
    """Whether it is a type of bytes."""
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
