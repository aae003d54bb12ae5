"""Arrow strings as NumPy arrays, without a copy: what every kernel takes."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Offsets = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


def utf8_buffers(array: pa.Array) -> tuple[Offsets, Bytes]:
    """The offsets (int64, n + 1) and bytes (uint8) of a string, large_string, binary or
    large_binary array. String i is `data[offsets[i]:offsets[i + 1]]`; slices are honoured, a null
    reads as the empty string when its offsets say so (Arrow writers do)."""
    large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    _, offsets_buffer, data_buffer = array.buffers()
    width = np.int64 if large else np.int32
    if offsets_buffer is None or len(array) == 0:
        return np.zeros(1, np.int64), np.zeros(0, np.uint8)
    offsets = np.frombuffer(offsets_buffer, width)[array.offset : array.offset + len(array) + 1]
    data = (
        np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.zeros(0, np.uint8)
    )
    return offsets.astype(np.int64, copy=False), data
