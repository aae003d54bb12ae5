"""A person's decisions on URL patterns, from reviewable TOML files.

    version = 1

    [[pattern]]
    target = "code"
    pattern = "docs.python.org/3/library/"
    accept = true
    author = "ada"
    date = 2026-11-03
    iteration = 1

A decision holds for every page under its pattern; one on a deeper pattern wins over it, and a later
one over an earlier one of the same pattern. `iteration` is the one whose proposals it answers
(0 or none: given beforehand). Author and date are for people: no result depends on them.
"""

import json
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from stages.errors import ConfigError

VERSION = 1


@dataclass(frozen=True, order=True)
class Decision:
    """One yes or no."""

    target: str
    pattern: str
    accept: bool
    iteration: int = 0


@dataclass(frozen=True)
class Annotations:
    """Decisions, at most one for a target and pattern; a step's field: its content is its hash."""

    decisions: tuple[Decision, ...] = ()

    @property
    def content_hash(self) -> str:
        """xxh3_128 of the decisions."""
        rows = [(d.target, d.pattern, d.accept, d.iteration) for d in self.decisions]
        return xxhash.xxh3_128_hexdigest(json.dumps(rows).encode())

    def until(self, iteration: int) -> "Annotations":
        """The decisions made by the end of an iteration."""
        return Annotations(tuple(d for d in self.decisions if d.iteration <= iteration))

    def of(self, target: str) -> dict[str, bool]:
        """Pattern → decision."""
        return {d.pattern: d.accept for d in self.decisions if d.target == target}


def read_annotations(paths: Iterable[str]) -> Annotations:
    """The decisions of all files; one that is not there has none yet."""
    found: dict[tuple[str, str], Decision] = {}
    for name in paths:
        path = Path(name)
        try:
            content = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"recall.annotations: {name}: {error}") from error
        if content.get("version") != VERSION:
            raise ConfigError(f"recall.annotations: {name}: `version` must be {VERSION}")
        for number, row in enumerate(content.get("pattern", []), start=1):
            decision = _decision(row, f"recall.annotations: {name}: pattern {number}")
            found[decision.target, decision.pattern] = decision
    return Annotations(tuple(sorted(found.values())))


def ancestors(pattern: str) -> Iterator[str]:
    """The pattern, then each directory above it, to the host."""
    yield pattern
    parts = pattern.rstrip("/").split("/")
    for depth in range(len(parts) - 1, 0, -1):
        yield "/".join(parts[:depth]) + ("/" if depth > 1 else "")


def canonical(pattern: str) -> str:
    """The spelling the tables use: no scheme; a bare host without a slash, a directory with."""
    _, _, rest = pattern.strip().rpartition("://")
    host, _, path = rest.partition("/")
    path = path.strip("/")
    return f"{host.lower()}/{path}/" if path else host.lower()


def _decision(row: Any, where: str) -> Decision:
    kinds = {"target": str, "pattern": str, "accept": bool}
    for key, kind in kinds.items():
        if not isinstance(row, dict) or not isinstance(row.get(key), kind):
            raise ConfigError(f"{where}: `{key}` must be a {kind.__name__}")
    iteration = row.get("iteration", 0)
    if not isinstance(iteration, int) or iteration < 0 or not canonical(row["pattern"]):
        raise ConfigError(f"{where}: `iteration` must be 0 or more, and `pattern` not empty")
    return Decision(row["target"], canonical(row["pattern"]), row["accept"], iteration)
