"""What the formats of an export share: the type of their tokens, and files that last."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

UINT16_VOCABULARY = 65_500
"""Megatron's bound, kept by all formats: ids of smaller vocabularies are uint16, others int32."""

TokenType = type[np.uint16 | np.int32]


def token_type(vocabulary_size: int) -> TokenType:
    """The type that holds every id."""
    return np.uint16 if vocabulary_size < UINT16_VOCABULARY else np.int32


def settle(stream: BinaryIO) -> None:
    """Make what was written durable."""
    stream.flush()
    os.fsync(stream.fileno())


def write_new(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Write a file that is not there yet, and make it durable."""
    with path.open("xb") as stream:
        for part in parts:
            stream.write(part)
        settle(stream)
