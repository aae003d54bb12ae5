"""The languages that are evaluated, as a table: `languages.toml` says what each field means."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent / "languages.toml"


@dataclass(frozen=True)
class Language:
    """One language: how its programs end, compile and run."""

    key: str
    name: str
    debian: str
    file: str
    tools: tuple[str, ...]
    run: tuple[str, ...]
    finish: str
    compile: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    closing_braces: int = 0
    before: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    address_space: int | None = None
    header: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def finished(self, tests: str, marker: str) -> str:
        """The tests with a statement that prints `marker` once all of them have passed.

        A program that leaves early, with `exit(0)` say, ends well and has proved nothing.
        """
        statement = self.finish.replace("{marker}", marker)
        end = len(tests)
        for _ in range(self.closing_braces):
            end = tests.rindex("}", 0, end)
        return f"{tests[:end]}\n{statement}\n{tests[end:]}"


@cache
def languages() -> dict[str, Language]:
    """Key → language, in the order of the table."""
    return {key: _language(key, row) for key, row in tomllib.loads(TABLE.read_text()).items()}


def _language(key: str, row: dict[str, Any]) -> Language:
    fields: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in row.items()
    }
    return Language(**{"key": key, **fields})
