"""A person's decisions on URL patterns, from reviewable TOML files.

    version = 1

    [[pattern]]
    target = "code"
    pattern = "docs.python.org/3/library/"
    accept = true
    author = "ada"
    date = 2026-11-03
    iteration = 1

    [[rest]]
    target = "code"
    iteration = 1

A decision holds for every page under its pattern; one on a deeper pattern wins over it, and a later
one over an earlier one of the same pattern. `iteration` is the one whose proposals it answers
(0 or none: given beforehand). A `[[rest]]` leaves an iteration's patterns of a target that nobody
decided to the rule. Author and date are for people: no result depends on them. The run and the page
that writes these files read them with the same eyes, here.
"""

import datetime
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import xxhash
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from stages.errors import ConfigError
from stages.recall.sites.url_patterns import canonical
from stages.regular_files import read_regular

VERSION = 1

Entry = TypeVar("Entry", bound=BaseModel)
Key = tuple[str, str]
"""What a decision is about: the target and the pattern in its canonical spelling."""
RestKey = tuple[str, int]
"""What is left to the rule: the target and the iteration whose patterns these are."""


@dataclass(frozen=True, order=True)
class Decision:
    """One yes or no."""

    target: str
    pattern: str
    accept: bool
    iteration: int = 0


class Annotation(BaseModel):
    """One `[[pattern]]` of a file. Unknown keys of newer files are not read."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    target: str = Field(min_length=1)
    pattern: str
    accept: bool
    author: str = ""
    date: datetime.date | None = Field(None, strict=False)
    iteration: int | None = Field(None, ge=0)

    @field_validator("pattern")
    @classmethod
    def _names_a_host(cls, pattern: str) -> str:
        if not canonical(pattern):
            raise ValueError("should be a host, or a host and a directory")
        return pattern

    @property
    def key(self) -> Key:
        """Target and canonical pattern."""
        return self.target, canonical(self.pattern)

    @property
    def decision(self) -> Decision:
        """What results depend on."""
        return Decision(*self.key, self.accept, self.iteration or 0)


class Rest(BaseModel):
    """One `[[rest]]` of a file."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    target: str = Field(min_length=1)
    iteration: int = Field(ge=1)
    author: str = ""
    date: datetime.date | None = Field(None, strict=False)

    @property
    def key(self) -> RestKey:
        """Target and iteration."""
        return self.target, self.iteration


@dataclass(frozen=True)
class Annotations:
    """Decisions, at most one for a target and pattern; a step's field: its content is its hash."""

    decisions: tuple[Decision, ...] = ()
    rests: tuple[RestKey, ...] = ()

    @property
    def content_hash(self) -> str:
        """xxh3_128 of the decisions, and of what is left to the rule if anything is."""
        rows: list[Any] = [(d.target, d.pattern, d.accept, d.iteration) for d in self.decisions]
        if self.rests:
            rows = [rows, self.rests]
        return xxhash.xxh3_128_hexdigest(json.dumps(rows).encode())

    def until(self, iteration: int) -> "Annotations":
        """The decisions made by the end of an iteration, and what of it is left to the rule."""
        return Annotations(
            tuple(d for d in self.decisions if d.iteration <= iteration),
            tuple(rest for rest in self.rests if rest[1] == iteration),
        )

    def leaves_rest(self, target: str) -> bool:
        """Whether the rule decides what nobody did."""
        return any(name == target for name, _ in self.rests)

    def of(self, target: str) -> dict[str, bool]:
        """Pattern → decision."""
        return {d.pattern: d.accept for d in self.decisions if d.target == target}


def read_annotations(paths: Iterable[str]) -> Annotations:
    """The decisions of all files, a later one over an earlier one; a file that is not there has
    none yet."""
    found: dict[Key, Decision] = {}
    rests: set[RestKey] = set()
    for name in paths:
        decided, left = parse_annotations(name, read_text(Path(name)))
        found |= {one.key: one.decision for one in decided}
        rests |= {one.key for one in left}
    return Annotations(tuple(sorted(found.values())), tuple(sorted(rests)))


def read_text(path: Path) -> str | None:
    """The content of an annotations file; None if there is no such file."""
    try:
        return read_regular(path).decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error


def parse_annotations(name: str | Path, text: str | None) -> tuple[list[Annotation], list[Rest]]:
    """Every `[[pattern]]` and `[[rest]]` of a file, in its order; ConfigError says which entry is
    wrong."""
    return ([], []) if text is None else entries_of(name, parse_toml(name, text))


def entries_of(name: str | Path, table: Mapping[str, Any]) -> tuple[list[Annotation], list[Rest]]:
    """As `parse_annotations`, of a file's TOML."""
    if table.get("version") != VERSION:
        raise ConfigError(
            f"{name}: `version` is {table.get('version')!r}, this Sluice reads {VERSION}"
        )
    return _validated(Annotation, name, table, "pattern"), _validated(Rest, name, table, "rest")


def parse_toml(name: str | Path, text: str) -> Mapping[str, Any]:
    """The text as TOML; ConfigError if it is none. Beside `TOMLDecodeError` the library raises
    ValueError for integers of thousands of digits and RecursionError for deep nesting."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: not valid TOML: {error}") from error


def _validated(
    model: type[Entry], name: str | Path, table: Mapping[str, Any], kind: str
) -> list[Entry]:
    entries = table.get(kind, [])
    if not isinstance(entries, list):
        raise ConfigError(f"{name}: write each decision as a [[{kind}]] table of its own")
    found = []
    for number, entry in enumerate(entries, start=1):
        try:
            found.append(model.model_validate(entry))
        except ValidationError as error:
            first = error.errors()[0]
            where = "".join(f"`{part}`: " for part in first["loc"])
            raise ConfigError(f"{name}: [[{kind}]] {number}: {where}{first['msg']}") from error
    return found
