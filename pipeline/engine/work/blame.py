"""Whose fault an exception is: the record's, or the machine's and ours.

Whatever a record provokes in a stage is data, and the record is quarantined. What says more of the
machine or of the code ends the task instead, or good documents would be thrown away under a
fingerprint that calls them judged: no memory, no disk, no thread, a library that cannot be
imported, and what a stage raises on purpose.
"""

import errno

from stages.errors import InputError, SluiceError

EXHAUSTED = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.EAGAIN,
        errno.EROFS,
    }
)
"""What the system says when it is the machine that has run out of something."""

_DATA = (RecursionError, NotImplementedError)
"""RuntimeErrors that a record provokes: nesting, and features no library has."""


def is_ours(error: BaseException) -> bool:
    """Whether an exception of `process` or `convert`, which look at bytes in memory and at nothing
    else, is no record's fault."""
    if isinstance(error, OSError):
        return error.errno is not None
    if isinstance(error, RuntimeError):
        return not isinstance(error, _DATA)
    return not isinstance(error, Exception) or isinstance(
        error, MemoryError | ImportError | SluiceError
    )


def is_ours_while_reading(error: BaseException) -> bool:
    """Whether an exception of `read`, which also opens what it is given, is no input's fault."""
    if isinstance(error, OSError):
        return error.errno in EXHAUSTED
    return not isinstance(error, InputError) and is_ours(error)


def describe(error: BaseException) -> str:
    """The exception as a record of the quarantine tells it."""
    return f"{type(error).__name__}: {error}"
