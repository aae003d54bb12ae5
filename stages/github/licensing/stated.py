"""Licences that a repository states file by file, as REUSE does (https://reuse.software/spec-3.3/).

`FILE.license` speaks for FILE, in place of what FILE says itself. `REUSE.toml` annotates patterns
of paths below its folder, of which the last that matches counts; `.reuse/dep5` (Debian's copyright
format 1.0) does so for the folder that `.reuse` lies in. What an annotation is to a file's own tag
is its precedence: `closest`, it counts where the file says nothing; `aggregate`, both bind;
`override`, it alone counts, that of the uppermost folder before all others.

`LICENSE` in a folder speaks for what lies under it (`ee/LICENSE` of a project that is free but for
that folder), as `closest` does and behind all of these; one that nobody knows makes it unknown.

Patterns come from strangers: a wildcard gives up nothing that it took (a later match of what
follows it is never better than the first), so a path is matched in time that grows with its square
at most, and one of more than `MAX_PATH_CHARACTERS` is not matched at all.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

from schemas.licenses import Licenses, joined
from stages.github.licensing.names import named_license, tagged_license
from stages.github.licensing.repository import (
    MAX_LICENSE_BYTES,
    is_folder_license,
    match_files,
)

Precedence = Literal["closest", "aggregate", "override"]

SIDECAR = ".license"
MAX_SIDECAR_BYTES = 1 << 14
MAX_TABLE_BYTES = 1 << 18
MAX_SIDECARS, MAX_TABLES, MAX_ANNOTATIONS = 10_000, 32, 1000
"""Of a repository; what is beyond them is not heeded."""
MAX_FOLDERS, MAX_FOLDER_BYTES = 10_000, 1 << 24
"""Of a repository: folders with a licence, of whose texts those beyond so many bytes are taken for
unknown."""
MAX_PATH_CHARACTERS = 512

_TABLE = "REUSE.toml"
_DEBIAN = ".reuse/dep5"
_FIELD = re.compile(
    r"^(files|license)[ \t]*:[ \t]*(.*(?:\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE
)
_PIECE = re.compile(r"(\\.|\*\*+|\*|\?)", re.DOTALL)


class Stated(NamedTuple):
    """An SPDX expression, null where it is not known, and what it is to a tag in the file."""

    license: str | None
    precedence: Precedence


@dataclass(frozen=True, slots=True)
class _Annotation:
    matches: Callable[[str], object]
    licenses: Licenses
    precedence: Precedence


class FileLicenses:
    """What the files of a repository that state licences of others say, noted as they are met.
    Paths are those under which they were noted."""

    def __init__(self) -> None:
        self._sidecars: dict[str, Licenses] = {}
        self._tables: dict[str, list[_Annotation]] = {}
        self._n_annotations = 0
        self._folders: dict[str, dict[str, bytes]] = {}
        self._of_folders: dict[str, str | None] = {}
        self._n_folder_bytes = 0

    def wants(self, path: str, size: int) -> bool:
        """Whether a file of this path and size in bytes should be noted."""
        if path.endswith(SIDECAR):
            return 0 < size <= MAX_SIDECAR_BYTES and len(self._sidecars) < MAX_SIDECARS
        folder, slash, name = path.rpartition("/")
        if slash and is_folder_license(name):
            has_room = folder in self._folders or len(self._folders) < MAX_FOLDERS
            return has_room and 0 < size <= MAX_LICENSE_BYTES
        is_table = _is_called(path, _TABLE) or _is_called(path, _DEBIAN)
        return is_table and 0 < size <= MAX_TABLE_BYTES and len(self._tables) < MAX_TABLES

    def note(self, path: str, data: bytes) -> None:
        """Read a file that is wanted; one that cannot be read says nothing."""
        folder, _, name = path.rpartition("/")
        if is_folder_license(name):
            self._note_folder(folder, name, data)
            return
        text = data.decode("utf-8-sig", "replace")
        if path.endswith(SIDECAR):
            if (found := tagged_license(text)) is not None:
                self._sidecars[path.removesuffix(SIDECAR)] = found
            return
        read, name = (_read_toml, _TABLE) if _is_called(path, _TABLE) else (_read_debian, _DEBIAN)
        noted = self._tables.setdefault(path.removesuffix(name), [])
        for annotation in read(text):
            if self._n_annotations == MAX_ANNOTATIONS:
                return
            noted.append(annotation)
            self._n_annotations += 1

    def of(self, path: str, root: str = "") -> Stated | None:
        """What is stated of the file at this path in the repository's folder `root`, whose own
        licence is not asked for here."""
        if not self._sidecars and not self._tables and not self._folders:
            return None
        annotations = list(self._annotations(path))
        for each in annotations:
            if each.precedence == "override":
                return Stated(str(each.licenses), "override")
        together = [each.licenses for each in annotations if each.precedence == "aggregate"]
        own = self._sidecars.get(path)
        if own is not None:
            return Stated(str(joined("AND", [own, *together])), "override")
        closest = [each.licenses for each in annotations if each.precedence == "closest"][-1:]
        if not together and not closest:
            return self._of_folder(path, root)
        licenses = str(joined("AND", [*closest, *together]))
        return Stated(licenses, "aggregate" if together else "closest")

    def _note_folder(self, folder: str, name: str, data: bytes) -> None:
        self._n_folder_bytes += len(data)
        is_kept = self._n_folder_bytes <= MAX_FOLDER_BYTES
        self._folders.setdefault(folder, {}).update({name: data} if is_kept else {})

    def _of_folder(self, path: str, root: str) -> Stated | None:
        folder = path.rpartition("/")[0]
        while len(folder) > len(root):
            if folder in self._folders:
                if folder not in self._of_folders:
                    self._of_folders[folder] = match_files(self._folders[folder])
                return Stated(self._of_folders[folder], "closest")
            folder = folder.rpartition("/")[0]
        return None

    def _annotations(self, path: str) -> Iterator[_Annotation]:
        """The annotation of each table that speaks of this path, from the uppermost folder down."""
        for folder in sorted(self._tables, key=len):
            inside = path[len(folder) :]
            if not path.startswith(folder) or len(inside) > MAX_PATH_CHARACTERS:
                continue
            for annotation in reversed(self._tables[folder]):
                if annotation.matches(inside):
                    yield annotation
                    break


def _is_called(path: str, name: str) -> bool:
    return path == name or path.endswith(f"/{name}")


def _read_toml(text: str) -> Iterator[_Annotation]:
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    annotations = table.get("annotations")
    for each in annotations if isinstance(annotations, list) else []:
        if not isinstance(each, dict):
            continue
        precedence = each.get("precedence", "closest")
        licenses = _all_of(_texts(each, "SPDX-License-Identifier"))
        if licenses is not None and precedence in get_args(Precedence):
            yield _Annotation(_matcher(_texts(each, "path"), _glob), licenses, precedence)


def _read_debian(text: str) -> Iterator[_Annotation]:
    for paragraph in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")):
        fields = {name.lower(): value for name, value in _FIELD.findall(paragraph)}
        licenses = _all_of(fields.get("license", "").split("\n")[:1])
        if licenses is not None and "files" in fields:
            matches = _matcher(fields["files"].split(), partial(_glob, crosses=True))
            yield _Annotation(matches, licenses, "aggregate")


def _texts(table: Mapping[str, Any], name: str) -> list[str]:
    value = table.get(name)
    return [text for text in (value if isinstance(value, list) else [value]) if type(text) is str]


def _all_of(names: Iterable[str]) -> Licenses | None:
    found = [licenses for name in names if (licenses := named_license(name)) is not None]
    return joined("AND", found) if found else None


def _matcher(globs: Iterable[str], glob: Callable[[str], str]) -> Callable[[str], object]:
    return re.compile("|".join(map(glob, globs)) or r"(?!)", re.DOTALL).fullmatch


def _glob(written: str, crosses: bool = False) -> str:
    """A regular expression for a pattern: `*` is anything but a slash, `**` anything; with
    `crosses`, as Debian has it, `*` is anything and `?` one character."""
    parts = [""]
    for piece in _PIECE.split(written):
        if piece.startswith("**") or (piece == "*" and crosses):
            parts.append("")
        elif piece == "*":
            parts[-1] += "\0"
        elif piece == "?" and crosses:
            parts[-1] += "."
        else:
            parts[-1] += re.escape(piece[1:] if piece.startswith("\\") else piece)
    *before, last = parts
    first, *between = [*map(_committed, before), _committed(last, is_last=True)]
    if not between:
        return first
    return first + "".join(f"(?>.*?{each})" for each in between[:-1]) + f".*?{between[-1]}"


def _committed(part: str, is_last: bool = False) -> str:
    """What stands between two `**`, each `*` an atomic group with what follows it, but for one
    that has to reach the path's end."""
    first, *others = part.split("\0")
    free = others.pop() if others and is_last else None
    closed = "".join(f"(?>[^/]*?{each})" for each in others)
    return first + closed + ("" if free is None else f"[^/]*?{free}")
