"""Opening files that somebody else put there: regular ones alone.

Opening a pipe without a writer waits for ever, a device may never end, and what a name means can
change between asking and opening. So a file is opened without waiting and looked at afterwards.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotRegular(OSError):  # noqa: N818  (what it is, beside FileNotFoundError)
    """A pipe, a device, a folder: not to be read, now or later."""


def read_regular(path: str | Path) -> bytes:
    """The content of the file at `path`; errors as `open_regular`."""
    with open_regular(path) as stream:
        return stream.read()


def open_regular(path: str | Path) -> BinaryIO:
    """The file at `path` (behind links), to read; OSError where nothing is, `NotRegular` where
    something else is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
            raise NotRegular(errno.EINVAL, f"{kind} and no file", os.fspath(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise
