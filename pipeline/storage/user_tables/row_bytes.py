"""What each row of a batch weighs, in bytes, and batches cut by it.

Every column counts, and a value of a dictionary as often as rows name it: that is what decoding
will make of it.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

OFFSET_BYTES = 4

Predicate = Callable[[pa.DataType], bool]
Measure = Callable[[pa.Array], NDArray[np.int64]]


def row_bytes(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """Bytes of every row."""
    total = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        total += _value_bytes(column)
    return total


def cut_by_bytes(batch: pa.RecordBatch, max_rows: int, max_bytes: int) -> Iterator[pa.RecordBatch]:
    """The batch in slices of at most so many rows and bytes, and of one row at least. Nothing is
    copied."""
    sizes = row_bytes(batch)
    if 0 < len(sizes) <= max_rows and sizes.sum() <= max_bytes:
        yield batch
        return
    start = size = 0
    for row, n_bytes in enumerate(sizes.tolist()):
        if row > start and (row - start == max_rows or size + n_bytes > max_bytes):
            yield batch.slice(start, row - start)
            start, size = row, 0
        size += n_bytes
    if batch.num_rows > start:
        yield batch.slice(start)


def _value_bytes(array: pa.Array) -> NDArray[np.int64]:
    if isinstance(array, pa.ExtensionArray):
        return _value_bytes(array.storage)
    for predicates, measure in _MEASURES:
        if any(is_kind(array.type) for is_kind in predicates):
            return measure(array)
    return np.full(len(array), _width(array), np.int64)


def _nothing(array: pa.Array) -> NDArray[np.int64]:
    return np.zeros(len(array), np.int64)


def _string_bytes(array: pa.Array) -> NDArray[np.int64]:
    lengths = pc.fill_null(pc.binary_length(array), 0)
    return _int64(lengths) + OFFSET_BYTES


def _dictionary_bytes(array: pa.Array) -> NDArray[np.int64]:
    sizes = np.append(_value_bytes(array.dictionary), 0)
    return sizes[_int64(pc.fill_null(array.indices.cast(pa.int64()), len(sizes) - 1))]


def _struct_bytes(array: pa.Array) -> NDArray[np.int64]:
    return sum(map(_value_bytes, array.flatten()), _nothing(array))


def _list_bytes(array: pa.Array) -> NDArray[np.int64]:
    before = np.append(0, np.cumsum(_value_bytes(array.values)))
    sizes: NDArray[np.int64] = np.diff(before[array.offsets.to_numpy()]) + OFFSET_BYTES
    return sizes


def _fixed_list_bytes(array: pa.Array) -> NDArray[np.int64]:
    n = array.type.list_size
    values = array.values.slice(array.offset * n, len(array) * n)
    sizes: NDArray[np.int64] = _value_bytes(values).reshape(len(array), n).sum(axis=1)
    return sizes


def _width(array: pa.Array) -> int:
    """Bytes of a value whose type gives all values the same; of any other type, the mean."""
    try:
        return (int(array.type.bit_width) + 7) // 8
    except ValueError:
        return int(array.nbytes) // max(len(array), 1)


def _int64(array: pa.Array) -> NDArray[np.int64]:
    return np.asarray(array.to_numpy(zero_copy_only=False), np.int64)


_MEASURES: tuple[tuple[tuple[Predicate, ...], Measure], ...] = (
    ((pa.types.is_null,), _nothing),
    (
        (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_binary_view,
        ),
        _string_bytes,
    ),
    ((pa.types.is_dictionary,), _dictionary_bytes),
    ((pa.types.is_struct,), _struct_bytes),
    ((pa.types.is_list, pa.types.is_large_list, pa.types.is_map), _list_bytes),
    ((pa.types.is_fixed_size_list,), _fixed_list_bytes),
)
