"""A crawl's files kept on a disk as they are read, for those who ask (`commoncrawl.keep`).

What is read in order is written beside, under another name; at the end of the file it gets its
own. A file that is there is read from there. Nothing is kept of a file that was not read whole.
"""

import io
import os
import tempfile
from pathlib import Path
from typing import Any, BinaryIO, cast

from pipeline.storage.commoncrawl.access import CommonCrawl
from pipeline.storage.commoncrawl.bucket import Bucket
from stages.regular_files import open_regular


def open_file(key: str, crawl: CommonCrawl) -> BinaryIO:
    """A file of a crawl: from the bucket, or from the folder that keeps what was read."""
    if crawl.keep is None:
        return Bucket(crawl).open(key)
    place = Path(crawl.keep, key)
    if place.exists():
        return open_regular(str(place))
    return cast(BinaryIO, _Keeping(Bucket(crawl).open(key), place))


class _Keeping(io.RawIOBase):
    """A stream that writes down what it reads, as long as it is read in order."""

    def __init__(self, stream: BinaryIO, place: Path) -> None:
        self._stream = stream
        self._place = place
        self._position = 0
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor, self._partial = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
        self._copy = os.fdopen(descriptor, "wb")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        data = self._stream.read(-1 if size is None else size)
        written = self._copy.tell()
        fresh = data[max(0, written - self._position) :]
        if fresh and self._position <= written:
            self._copy.write(fresh)
        self._position += len(data)
        return data

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = self._stream.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        if self.closed:
            return
        size = self._stream.seek(0, io.SEEK_END)
        is_whole = self._copy.tell() == size
        if is_whole:
            self._copy.flush()
            os.fsync(self._copy.fileno())
        self._copy.close()
        if is_whole:
            os.replace(self._partial, self._place)
        else:
            os.unlink(self._partial)
        self._stream.close()
        super().close()
