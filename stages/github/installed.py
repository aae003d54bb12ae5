"""Installed Python distributions, read as repositories `pypi/NAME@VERSION`.

The files are those of `RECORD` that came with the package, in sorted order. What the installer
wrote on this machine is left out and not counted, so that two machines agree: byte code, and of
the `.dist-info` folder all but the core metadata, the entry points and the licences. Launchers
lie outside the folder (`../../../bin/NAME`) and count as `unsafe_path`. Links are followed (some
installers link every file to their cache), but only regular files are opened.
"""

import csv
import io
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from functools import partial
from pathlib import Path, PurePosixPath

from stages.contract import Input
from stages.github.entries import Damaged, Entry, EntryType, clean_path
from stages.github.identity import INSTALLED, normalised_distribution
from stages.github.licensing.names import (
    canonical_license,
    classified_license,
    named_license,
)
from stages.github.licensing.repository import (
    MAX_LICENSE_BYTES,
    MAX_LICENSE_FILES,
    is_license_file,
    match_files,
)
from stages.github.metadata import is_short_text
from stages.regular_files import NotRegular, open_regular

MAX_RECORD_BYTES = 1 << 26
MAX_METADATA_BYTES = 1 << 22

_KEPT_METADATA = frozenset(["METADATA", "entry_points.txt", "top_level.txt"])
_BYTE_CODE = (".pyc", ".pyo")


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution with the files that are the package's own, sorted by path."""

    name: str
    version: str
    folder: Path
    files: tuple[tuple[str, int], ...]
    metadata: Message


def open_distribution(source: Input) -> Distribution:
    """Find `installed:NAME` in the input's folder; raises `Damaged` if it cannot be listed."""
    wanted = source.name.removeprefix(INSTALLED)
    assert source.folder is not None
    info = _dist_info(source.folder, wanted)
    if info is None:
        raise Damaged("unreadable", f"no distribution {wanted!r} in {source.folder.name}")
    record = _read_text(info / "RECORD", MAX_RECORD_BYTES)
    if record is None:
        raise Damaged("unreadable", f"the distribution {wanted!r} has no RECORD")
    try:
        rows = {row[0]: _size(row) for row in csv.reader(io.StringIO(record)) if row}
    except csv.Error as error:
        raise Damaged("corrupt", f"RECORD of {wanted!r}: {error}") from error
    metadata = message_from_string(_read_text(info / "METADATA", MAX_METADATA_BYTES) or "")
    version = str(metadata.get("Version", "0"))
    if not is_short_text(version):
        raise Damaged("corrupt", f"METADATA of {wanted!r}: a version of {len(version)} characters")
    return Distribution(
        normalised_distribution(wanted),
        version,
        source.folder,
        tuple(sorted((path, size) for path, size in rows.items() if _is_package_file(path))),
        metadata,
    )


def read_entries(distribution: Distribution) -> Iterator[Entry]:
    """The distribution's files; a listed file that is gone is `Damaged` when read."""
    for path, listed_size in distribution.files:
        clean = clean_path(path)
        if clean is None:
            yield Entry(path, "file", listed_size, None, bytes)
            continue
        location = distribution.folder / clean
        kind: EntryType = "file"
        size = listed_size
        try:
            state = location.stat()
        except OSError:
            size = 0
        else:
            kind = "file" if stat.S_ISREG(state.st_mode) else "special"
            size = state.st_size
        yield Entry(path, kind, size, None, partial(_read_file, location, size))


def license_of(distribution: Distribution) -> str | None:
    """`License-Expression`, else a telling classifier, else the licence files, else `License`
    where that is a known identifier (it is often the whole text or a free phrase)."""
    metadata = distribution.metadata
    expression = canonical_license(str(metadata.get("License-Expression", "")))
    if expression is not None:
        return expression
    classified = classified_license(metadata.get_all("Classifier") or ())
    if classified is not None:
        return classified
    texts: dict[str, bytes] = {}
    for path, _ in distribution.files:
        if _in_dist_info(path) and is_license_file(PurePosixPath(path).name):
            location = distribution.folder / path
            if len(texts) < MAX_LICENSE_FILES:
                with suppress(OSError, ValueError), open_regular(location) as stream:
                    texts[path] = stream.read(MAX_LICENSE_BYTES)
    named = str(metadata.get("License", "")).strip()
    found = match_files(texts) or named_license(named)
    return str(found) if found is not None else None


def _dist_info(folder: Path, wanted: str) -> Path | None:
    """The `NAME-VERSION.dist-info` folder of a distribution."""
    found = (
        child
        for child in folder.glob("*.dist-info")
        if normalised_distribution(child.name.partition("-")[0]) == normalised_distribution(wanted)
    )
    return min(found, default=None)


def _read_text(location: Path, limit: int) -> str | None:
    """A file of the `.dist-info` folder, None where there is none."""
    try:
        with open_regular(location) as stream:
            data = stream.read(limit + 1)
    except FileNotFoundError:
        return None
    except NotRegular as error:
        raise Damaged("unreadable", f"{location.name} is not a regular file") from error
    if len(data) > limit:
        raise Damaged("limit", f"{location.name} has more than {limit} bytes")
    try:
        return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise Damaged("corrupt", f"{location.name} is not UTF-8: {error}") from error


def _read_file(location: Path, size: int) -> bytes:
    try:
        with open_regular(location) as stream:
            payload = stream.read(size + 1)
    except OSError as error:
        raise Damaged("unreadable", f"listed in RECORD: {error.strerror}") from error
    if len(payload) > size:
        raise Damaged("unreadable", f"listed in RECORD: it has grown beyond its {size} bytes")
    return payload


def _size(row: list[str]) -> int:
    digits = row[2] if len(row) > 2 else ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else 0


def _in_dist_info(path: str) -> bool:
    return path.partition("/")[0].endswith(".dist-info")


def _is_package_file(path: str) -> bool:
    pure = PurePosixPath(path)
    if "__pycache__" in pure.parts or pure.suffix in _BYTE_CODE:
        return False
    if not _in_dist_info(path):
        return True
    inside = pure.parts[1:]
    return inside[-1:] != () and (
        (len(inside) == 1 and inside[0] in _KEPT_METADATA)
        or inside[0] in ("licenses", "license_files")
        or (len(inside) == 1 and is_license_file(inside[0]))
    )
