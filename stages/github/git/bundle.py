"""Git bundles: a repository in one file, the way `git bundle create` writes it.

A bundle is a list of refs and a pack (gitformat-bundle, versions 2 and 3). Both are put into an
empty repository in a temporary folder, git makes the pack's index, and the repository is read like
any other. A bundle that needs commits of another repository has only part of its files and is
refused.

Cost: the bundle's bytes once on disk, and `git index-pack` (20 MB/s a core).
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from stages.github.archives.stored import no_room
from stages.github.entries import Damaged
from stages.github.git.process import answer
from stages.github.git.tree import GitFolder

SIGNATURES = (b"# v2 git bundle\n", b"# v3 git bundle\n")
SIGNATURE_BYTES = len(SIGNATURES[0])
MAX_HEADER_BYTES = 1 << 24
COPY_BYTES = 1 << 20
BYTES_A_SECOND = 1 << 20
"""What `git index-pack` is sure to manage: it says nothing until it is done."""

_REF = re.compile(rb"([0-9a-f]{40}(?:[0-9a-f]{24})?) (HEAD|refs/[^\x00-\x20\x7f~^:?*\[\\]+)")


class Readable(Protocol):
    """A binary stream, forward and by lines."""

    def read(self, size: int = -1, /) -> bytes: ...
    def readline(self, size: int = -1, /) -> bytes: ...


@dataclass
class _Header:
    """What stands before the pack."""

    refs: dict[bytes, bytes] = field(default_factory=dict)
    object_format: str = "sha1"
    needs: bytes | None = None
    """The first commit that the bundle builds upon."""


@contextmanager
def unpacked(stream: Readable, seconds: float) -> Iterator[GitFolder]:
    """The bundle as a git folder that lasts as long as the context. Raises `Damaged` if it is
    broken or not the whole of a repository."""
    header = _read_header(stream)
    if header.needs is not None:
        commit = header.needs[:64].decode("ascii", "replace")
        raise Damaged("unreadable", f"git: the bundle needs commits it does not hold ({commit})")
    try:
        temporary = tempfile.TemporaryDirectory()
    except OSError as error:
        raise no_room(error) from error
    with temporary as name:
        folder = Path(name)
        pack = _write_repository(folder, header)
        while piece := stream.read(COPY_BYTES):
            try:
                with pack.open("ab") as target:
                    target.write(piece)
            except OSError as error:
                raise no_room(error) from error
        _index(folder, pack, seconds)
        yield GitFolder(folder, seconds, None)


def _read_header(stream: Readable) -> _Header:
    """The capabilities, needed commits and refs up to the empty line."""
    header, n_bytes = _Header(), 0
    if stream.readline(SIGNATURE_BYTES) not in SIGNATURES:
        raise Damaged("unreadable", "git: no bundle of version 2 or 3", offset=0)
    while (line := stream.readline(MAX_HEADER_BYTES)) != b"\n":
        n_bytes += len(line)
        if not line.endswith(b"\n") or n_bytes > MAX_HEADER_BYTES:
            reason = "limit" if n_bytes >= MAX_HEADER_BYTES else "truncated"
            raise Damaged(reason, "git: the bundle's list of refs has no end", head=line[:4096])
        line = line.rstrip(b"\n")
        found = _REF.fullmatch(line)
        if found is not None:
            header.refs.setdefault(found[2], found[1])
        elif line.startswith(b"-"):
            header.needs = header.needs or line[1:]
        elif line.startswith(b"@object-format="):
            header.object_format = line.partition(b"=")[2].decode("ascii", "replace")
        elif not line.startswith(b"@"):
            raise Damaged("corrupt", "git: no ref where the bundle should have one", head=line)
    return header


def _write_repository(folder: Path, header: _Header) -> Path:
    """An empty repository with the bundle's refs; where its pack is to be written."""
    for part in ("objects/pack", "refs"):
        os.makedirs(folder / part)
    is_sha1 = header.object_format == "sha1"
    version = 0 if is_sha1 else 1
    extension = "" if is_sha1 else f"[extensions]\n\tobjectFormat = {header.object_format}\n"
    core = f"[core]\n\trepositoryformatversion = {version}\n\tbare = true\n"
    (folder / "config").write_text(core + extension, "ascii", "replace")
    head = header.refs.pop(b"HEAD", b"ref: refs/heads/main")
    (folder / "HEAD").write_bytes(head + b"\n")
    lines = [commit + b" " + name + b"\n" for name, commit in sorted(header.refs.items())]
    (folder / "packed-refs").write_bytes(b"".join(lines))
    pack = folder / "objects" / "pack" / "pack-1.pack"
    pack.touch()
    return pack


def _index(folder: Path, pack: Path, seconds: float) -> None:
    """Have git make the index of the pack."""
    seconds += pack.stat().st_size / BYTES_A_SECOND
    arguments = ("index-pack", "--threads=1", str(pack.absolute()))
    code, _, message = answer(folder, *arguments, seconds=seconds, limit=COPY_BYTES)
    if code != 0:
        raise Damaged("corrupt", message or "git: the bundle's pack cannot be read")
