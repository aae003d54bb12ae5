"""Files that are no files of their own: pointers to contents kept elsewhere, and what macOS adds.

Git LFS (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md) and its forerunners leave a few
lines of text in place of a large file, git-annex a line that names a key, whatever the file is
called. macOS's `tar` and `zip` write a file's attributes as a second file `._NAME` (AppleDouble,
RFC 1740) or under `__MACOSX/`. None of it is anything that an author wrote.
"""

import re

from stages.github.entries import MACOS_FOLDER, is_macos_name

MAX_POINTER_BYTES = 1024
"""As the specification has it."""
APPLE_DOUBLE = b"\x00\x05\x16\x07"

_LFS_VERSION = re.compile(
    rb"version https?://(?:git-lfs\.github\.com/spec|hawser\.github\.com/spec|git-media\.io)/v/?\d"
)
_LFS_LINE = re.compile(rb"([a-z0-9.-]+) [^\r\n]+")
_ANNEX = re.compile(rb"/annex/objects/[A-Z0-9_]+(?:-[A-Za-z]\d+)*--[^\r\n]+\s*")


def stand_in(path: str, payload: bytes) -> str | None:
    """Why this is no file of its own (`lfs_pointer`, `macos_metadata`), or None."""
    if is_macos_name(path) and (payload.startswith(APPLE_DOUBLE) or path.startswith(MACOS_FOLDER)):
        return "macos_metadata"
    if len(payload) <= MAX_POINTER_BYTES and (_is_lfs(payload) or _ANNEX.fullmatch(payload)):
        return "lfs_pointer"
    return None


def _is_lfs(payload: bytes) -> bool:
    """`KEY VALUE` lines alone: the version, and among others `oid` and `size`."""
    version, *lines = payload.rstrip().splitlines() or [b""]
    if _LFS_VERSION.fullmatch(version) is None:
        return False
    found = [_LFS_LINE.fullmatch(line) for line in lines]
    keys = {match[1] for match in found if match is not None}
    return None not in found and {b"oid", b"size"} <= keys
