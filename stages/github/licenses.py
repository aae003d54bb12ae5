"""The licence of a repository as an SPDX identifier.

Sources, in order: the metadata row, the core metadata of an installed package, the licence files
at the root. A text is recognised by telling phrases (`seeds/licenses.toml`) in its normalised
form (lower case, every run of other characters one space), so wrapping, punctuation and
copyright lines do not matter. The licence whose phrase stands first wins: texts mention other
licences later, never earlier. Of several files the first recognised one counts, plain `LICENSE`
before `LICENSE-APACHE` before `COPYING`.

A text cannot say "or any later version" (the notices in the files do), so the GNU licences carry
the names GitHub uses (`GPL-2.0`), as its metadata do. Checked against 22 repositories' known
licences in the tests; 0.5 ms a text.
"""

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from stages.github.metadata import is_short_text

MAX_LICENSE_BYTES = 1 << 18
MAX_LICENSE_FILES = 16

_LICENSE_FILE = re.compile(
    r"(?:(?:un)?licen[cs]es?|copying|copyright|(?:mit|bsd|apache)[-_]licen[cs]e)(?:[-_.].*)?",
    re.IGNORECASE,
)
_TAG = re.compile(r"SPDX-License-Identifier:\s*([A-Za-z0-9.+() -]+)")
_UNKNOWN = frozenset(["", "noassertion", "none", "other", "unknown", "null", "nan"])


@dataclass(frozen=True)
class License:
    """A row of the table: it matches if all phrases of one alternative occur and no `without`."""

    spdx: str
    alternatives: tuple[tuple[str, ...], ...]
    without: tuple[str, ...]

    def position(self, text: str) -> int | None:
        """Where in the normalised text the licence begins to show, or None if it does not."""
        if any(phrase in text for phrase in self.without):
            return None
        found = (
            min(text.index(phrase) for phrase in phrases)
            for phrases in self.alternatives
            if all(phrase in text for phrase in phrases)
        )
        return min(found, default=None)


@dataclass(frozen=True)
class LicenseTable:
    """The table in `seeds/licenses.toml`."""

    licenses: tuple[License, ...]
    identifiers: Mapping[str, str]
    classifiers: Mapping[str, str]


@functools.cache
def license_table() -> LicenseTable:
    """Load the table once per process."""
    data = tomllib.loads((files("seeds") / "licenses.toml").read_text("utf-8"))
    licenses = tuple(
        License(
            row["spdx"],
            tuple(tuple(map(normalise, phrases)) for phrases in row["any"]),
            tuple(map(normalise, row.get("without", ()))),
        )
        for row in data["license"]
    )
    identifiers = {row.spdx.lower(): row.spdx for row in licenses} | {
        name.lower(): name for name in data["identifiers"]
    }
    return LicenseTable(licenses, identifiers, data["classifiers"])


def is_license_file(name: str) -> bool:
    """Whether a file of this base name holds a licence."""
    return _LICENSE_FILE.fullmatch(name) is not None


def normalise(text: str) -> str:
    """Lower case, every run of anything but letters and digits one space."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def match_license(text: str) -> str | None:
    """The SPDX identifier of a licence text, or None."""
    tag = _TAG.search(text)
    if tag is not None:
        return canonical_license(tag[1])
    normal = normalise(text)
    found = (
        (position, rank, license_.spdx)
        for rank, license_ in enumerate(license_table().licenses)
        if (position := license_.position(normal)) is not None
    )
    return min(found, default=(0, 0, None))[2]


def match_files(texts: Mapping[str, bytes]) -> str | None:
    """The licence of the first recognised file, in the order the module states."""
    for name in sorted(texts, key=_file_rank):
        spdx = match_license(texts[name][:MAX_LICENSE_BYTES].decode("utf-8", "replace"))
        if spdx is not None:
            return spdx
    return None


def canonical_license(name: str | None) -> str | None:
    """A licence named by metadata: known identifiers in SPDX's spelling, others as they are,
    and None for the ways of saying nothing (`NOASSERTION`, `other`) and for what is no name but
    a text."""
    if name is None or name.strip().lower() in _UNKNOWN or not is_short_text(name.strip()):
        return None
    return license_table().identifiers.get(name.strip().lower(), name.strip())


def classified_license(classifiers: Iterable[str]) -> str | None:
    """The licence a package's trove classifiers name, if they name exactly one."""
    table = license_table().classifiers
    named = {table[text] for text in classifiers if text in table}
    return named.pop() if len(named) == 1 else None


def _file_rank(path: str) -> tuple[int, int, str]:
    name = path.rpartition("/")[2].lower()
    stem = re.split(r"[-_.]", name, maxsplit=1)[0]
    plain = 0 if re.fullmatch(r"[a-z]+(?:\.[a-z]+)?", name) else 1
    known = {"license": 0, "licence": 0, "unlicense": 1, "copying": 2}
    return (known.get(stem, 3), plain, name)
