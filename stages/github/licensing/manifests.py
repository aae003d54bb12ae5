"""What a package's own metadata says its licence is.

The fields are few and alike, so a manifest is not parsed for more than them: JSON and TOML by their
parsers, XML by its element, everything else by the line that assigns `license`. A list means a
choice. `SEE LICENSE IN …` and file names say nothing.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterable
from typing import Any

from schemas.licenses import Licenses, joined, read_expression
from stages.github.licensing.names import classified_license, named_license

MAX_MANIFEST_BYTES = 1 << 18

_XML = re.compile(
    r"<(?:PackageLicenseExpression|license type=\"expression\"|license)>"
    r"(?:\s*+<name>)?\s*([^<]{1,200})<"
)
_LINE = re.compile(
    r"^[^\S\n]*(?:[\w.]+\.)?[\"':]?licen[cs]es?[\"']?\s*(?:=>|:=|=|:|\s(?=[\"'(\[]))\s*(.{1,300})$",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTED = re.compile(r"[\"']([^\"']{2,100})[\"']")
_CLASSIFIER = re.compile(r"License :: [^\"'\n]{3,120}")
_R_VERSION = re.compile(r"\s*\((?:>=|==)\s*([0-9.]+)\)")


def manifest_license(name: str, data: bytes) -> Licenses | None:
    """The licence that a manifest of this base name states, or None."""
    read = _reader(name)
    if read is None or len(data) > MAX_MANIFEST_BYTES:
        return None
    try:
        said = list(read(data.decode("utf-8-sig", "replace")))
    except (ValueError, RecursionError):
        return None
    found = [licenses for text in said if (licenses := named_license(text)) is not None]
    return joined("OR", found) if found and len(found) == len(said) else None


def is_manifest(name: str) -> bool:
    """Whether a file of this base name states a package's licence."""
    return _reader(name) is not None


_Reader = Callable[[str], Iterable[str]]


def _reader(name: str) -> _Reader | None:
    lower = name.lower()
    if lower in _BY_NAME:
        return _BY_NAME[lower]
    return _BY_SUFFIX.get(lower.rpartition(".")[2]) if "." in lower else None


def _json(text: str) -> Iterable[str]:
    data = json.loads(text)
    if not isinstance(data, dict):
        return []
    return _strings(data.get("license") or data.get("licenses"))


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [] if value.upper().startswith("SEE ") else [value]
    if isinstance(value, dict):
        return _strings(value.get("type") or value.get("name") or value.get("text"))
    if isinstance(value, list):
        return [text for item in value[:8] for text in _strings(item)]
    return []


def _toml(text: str) -> Iterable[str]:
    data = tomllib.loads(text)
    for path in (
        ("package", "license"),
        ("workspace", "package", "license"),
        ("project", "license"),
        ("tool", "poetry", "license"),
        ("tool", "flit", "metadata", "license"),
        ("license",),
    ):
        value: Any = data
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if said := _strings(value):
            return said
    project = data.get("project")
    return _classified(project.get("classifiers") if isinstance(project, dict) else None)


def _classified(classifiers: Any) -> list[str]:
    if not isinstance(classifiers, list):
        return []
    found = classified_license(each for each in classifiers if isinstance(each, str))
    return [found] if found else []


def _xml(text: str) -> Iterable[str]:
    return [found[1].strip() for found in _XML.finditer(text)][:4]


def _line(text: str) -> Iterable[str]:
    for found in _LINE.finditer(text):
        value = found[1].strip().rstrip(",;")
        said = _QUOTED.findall(value) if value[:1] in "\"'[({%" else [value]
        if read_expression(value.strip("\"'")) is not None and len(said) == 1:
            said = [value.strip("\"'")]
        if any(named_license(one) for one in said):
            return [one for one in said if named_license(one)]
    return _classified(_CLASSIFIER.findall(text))


def _description(text: str) -> Iterable[str]:
    """R's `License: GPL (>= 2) | file LICENSE`."""
    found = re.search(r"^License:\s*(.+)$", text, re.MULTILINE)
    parts = re.split(r"\s*\|\s*", found[1]) if found else []
    said = [re.sub(r"\s*\+?\s*file LICEN[CS]E\s*", "", part).strip() for part in parts]
    return [
        _R_VERSION.sub(lambda v: f"-{v[1] if '.' in v[1] else v[1] + '.0'}-or-later", part)
        for part in said
        if part
    ]


_BY_NAME: dict[str, _Reader] = {
    "package.json": _json,
    "composer.json": _json,
    "bower.json": _json,
    "elm.json": _json,
    "dub.json": _json,
    "haxelib.json": _json,
    "deno.json": _json,
    "jsr.json": _json,
    "codemeta.json": _json,
    "cargo.toml": _toml,
    "pyproject.toml": _toml,
    "gleam.toml": _line,
    "pom.xml": _xml,
    "setup.cfg": _line,
    "setup.py": _line,
    "mix.exs": _line,
    "package.yaml": _line,
    "citation.cff": _line,
    "dist.ini": _line,
    "description": _description,
}
_BY_SUFFIX: dict[str, _Reader] = {
    "nuspec": _xml,
    "csproj": _xml,
    "fsproj": _xml,
    "props": _xml,
    "gemspec": _line,
    "podspec": _line,
    "rockspec": _line,
    "cabal": _line,
    "opam": _line,
    "nimble": _line,
}
