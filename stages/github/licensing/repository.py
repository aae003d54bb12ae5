"""The licence of a repository, from the files at its root.

In order: licence texts (`LICENSE`, `COPYING`, …), the package's metadata, the texts in `LICENSES/`
(REUSE, where every file names its own and all bind together), the README's words about it. Metadata
settles how several texts go together where it names the same licences; else the texts and the
README say `either` or `and`; else files that are named by their licence (`LICENSE-MIT`) are a
choice, and others bind together. `COPYING.LESSER` makes the GPL beside it the LGPL, which is
written as a permission on top of it. Licences of third parties and of documentation do not count.
"""

import re
from collections.abc import Mapping

from schemas.licenses import Licenses, joined, one
from stages.github.files.encodings import decode_file
from stages.github.licensing.manifests import is_manifest, manifest_license
from stages.github.licensing.names import how_joined, mentioned_licenses, normalise
from stages.github.licensing.texts import Reading, find_rider, read_license

MAX_LICENSE_BYTES = 1 << 18
MAX_LICENSE_FILES = 32
"""Of all kinds that are looked at, a repository."""

FOLDER = "LICENSES"
"""Where REUSE keeps texts (https://reuse.software/spec/)."""

_README_CHARACTERS = 1 << 16
_SECTION_CHARACTERS = 1500
_STATEMENT_CHARACTERS = 200

_LICENSE_FILE = re.compile(
    r"(?:(?:un)?licen[cs]es?|copying|copyright|(?:mit|bsd|apache|gpl|lgpl)[-_.]licen[cs]e)"
    r"(?:[-_.].*)?",
    re.IGNORECASE,
)
_FOLDER_LICENSE = re.compile(
    r"(?:(?:un)?licen[cs]e|copying)(?:[-_][\w-]+)?(?:\.(?:txt|md|rst|lesser))?", re.IGNORECASE
)
_OTHERS = re.compile(
    r"third|3rd|bundl|vendor|depend|extern|docs?\b|documentation|data\b|assets|fonts?\b|media"
    r"|images?\b|icons?\b|content"
)
_NAMED = re.compile(
    r"[-_.](?:mit|apache|asl|bsd|[al]?gpl|lesser|mpl|isc|unlicense|cc0|zlib|boost|bsl|epl|wtfpl"
    r"|cddl|commercial)|^(?:mit|bsd|apache|l?gpl)[-_.]"
)
_README = re.compile(r"readme(?:\.(?:md|markdown|rst|txt|adoc|org))?", re.IGNORECASE)
_HEADING = re.compile(
    r"^(?:#{1,6}|=+|\*+|[0-9.]+)?[ \t]*(?:licen[cs]e|licen[cs]ing|copying|legal)\b[^\n]{0,40}\n",
    re.IGNORECASE | re.MULTILINE,
)
_NEXT_HEADING = re.compile(r"\n(?:#{1,6} |={2,} \S|\* [A-Z]|[^\n]{3,60}\n[-=~]{3,}\n)")
_STATEMENT = re.compile(
    r"(?:licen[cs]ed|released|distributed|available|published|provided)(?: \w+)? under",
    re.IGNORECASE,
)


def is_license_file(name: str) -> bool:
    """Whether a file of this base name holds a licence."""
    return _LICENSE_FILE.fullmatch(name) is not None


def is_folder_license(name: str) -> bool:
    """Whether a file of this base name, in a folder, is the licence of that folder: a text, and
    not of third parties."""
    return _FOLDER_LICENSE.fullmatch(name) is not None and not _OTHERS.search(name.lower())


def is_of_interest(path: str) -> bool:
    """Whether a file of a repository says something about its licence."""
    folder, slash, name = path.rpartition("/")
    if slash:
        return folder == FOLDER
    return is_license_file(name) or is_manifest(name) or _README.fullmatch(name) is not None


def repository_license(files: Mapping[str, bytes]) -> str | None:
    """The licence that files of interest state together, or None."""
    texts = {path: text for path, data in files.items() if (text := _text(path, data)) is not None}
    readings = {
        path: read_license(texts[path])
        for path in sorted(texts, key=_file_rank)
        if "/" not in path and is_license_file(path) and not _OTHERS.search(path.lower())
    }
    stated = next(
        (said for path in sorted(files) if (said := manifest_license(path, files[path]))), None
    )
    section = _readme_section(texts)
    found = (
        _of_texts(readings, stated, section)
        or stated
        or _of_folder(texts)
        or (mentioned_licenses(section) if section else None)
    )
    rider = find_rider(section) if section and not readings else None
    if rider is not None:
        found = joined("AND", [*([found] if found else []), one(rider)])
    return str(found) if found is not None else None


def match_files(files: Mapping[str, bytes]) -> str | None:
    """The licence of licence files alone."""
    return repository_license({path.rpartition("/")[2]: data for path, data in files.items()})


def _of_texts(
    readings: Mapping[str, Reading], stated: Licenses | None, section: str
) -> Licenses | None:
    named = {path: read.licenses for path, read in readings.items() if read.licenses is not None}
    distinct = list(dict.fromkeys(named.values()))
    if any("LGPL" in str(each) for each in distinct):
        distinct = [each for each in distinct if not str(each).startswith("GPL")]
    if not distinct:
        return None
    names = {name for each in distinct for name in each.names()}
    if stated is not None and names <= set(stated.names()):
        return stated
    if len(distinct) == 1:
        return distinct[0]
    beside = " ".join(read.beside[:2000] for read in readings.values())
    are_choices = all(_NAMED.search(path.lower()) for path in named)
    operator = _said(section, distinct) or how_joined(beside) or ("OR" if are_choices else "AND")
    return joined(operator, distinct)


def _said(section: str, distinct: list[Licenses]) -> str | None:
    """How a README joins these licences, if it names more than one."""
    mentioned = mentioned_licenses(section) if section else None
    return how_joined(section) if mentioned is not None and len(mentioned.names()) > 1 else None


def _of_folder(texts: Mapping[str, str]) -> Licenses | None:
    found = [
        read.licenses
        for path in sorted(texts)
        if path.startswith(f"{FOLDER}/")
        and (read := read_license(texts[path])).licenses is not None
    ]
    return joined("AND", [each for each in found if each is not None]) if found else None


def _readme_section(texts: Mapping[str, str]) -> str:
    """What the README says about the licence, in normal form."""
    for path in sorted(texts):
        if _README.fullmatch(path) is None:
            continue
        text = texts[path][:_README_CHARACTERS]
        ends = [heading.end() for heading in _HEADING.finditer(text)]
        if ends:
            section = text[ends[-1] : ends[-1] + _SECTION_CHARACTERS]
            end = _NEXT_HEADING.search(section)
            return normalise(section[: end.start()] if end else section)
        statement = _STATEMENT.search(text)
        if statement is not None:
            return normalise(text[statement.start() : statement.start() + _STATEMENT_CHARACTERS])
    return ""


def _text(path: str, data: bytes) -> str | None:
    return decode_file(path, data[:MAX_LICENSE_BYTES]).text


def _file_rank(path: str) -> tuple[int, int, str]:
    name = path.lower()
    stem = re.split(r"[-_.]", name, maxsplit=1)[0]
    plain = 0 if re.fullmatch(r"[a-z]+(?:\.[a-z]+)?", name) else 1
    known = {"license": 0, "licence": 0, "unlicense": 1, "copying": 2}
    return (known.get(stem, 3), plain, name)
