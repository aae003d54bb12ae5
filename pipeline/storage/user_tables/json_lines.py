"""JSON Lines of unknown origin (plain, .gz, .zst), a line at a time; none may be too long."""

import gzip
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from pipeline.storage.tables import BATCH_BYTES
from stages.regular_files import open_regular

ROW_BYTES = BATCH_BYTES
"""A larger row is broken: it is not worth the memory of all others."""
PASS_BYTES = 1 << 16


def json_records(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Length of each line and its object, or what is wrong with it; blank lines are no rows."""
    with _open_read(path) as stream:
        for line in _lines(stream):
            if line is None:
                yield 0, f"a line above {ROW_BYTES} bytes"
            elif line.strip():
                yield len(line), _parsed(line)


def _parsed(line: bytes) -> dict[str, Any] | str:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    return record if isinstance(record, dict) else f"not a JSON object but {type(record).__name__}"


def _lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """The lines; None for one that is too long, which is passed over without being held."""
    while line := stream.readline(ROW_BYTES + 1):
        is_whole = len(line) <= ROW_BYTES or line.endswith(b"\n")
        yield line if is_whole else None
        while not is_whole and (line := stream.readline(PASS_BYTES)):
            is_whole = line.endswith(b"\n")


@contextmanager
def _open_read(path: Path) -> Iterator[BinaryIO]:
    with open_regular(path) as raw:
        if path.name.endswith(".gz"):
            with gzip.open(raw) as stream:
                yield io.BufferedReader(stream)
        elif path.name.endswith(".zst"):
            reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
            yield io.BufferedReader(reader)
        else:
            yield raw
