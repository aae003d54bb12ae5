"""A run's tables and its card as a test reads them: by DuckDB and by eye, without Sluice."""

from pathlib import Path
from typing import Any

import duckdb

UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


class Tables:
    """A run's Parquet files, asked without any of Sluice's code."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.database = duckdb.connect()

    def rows(self, folder: str) -> str:
        """The SQL relation of a folder: its columns, the file's number and the row in it."""
        return (
            f"(select *, regexp_extract(filename, '([0-9]+)[.]parquet$', 1) as file "
            f"from read_parquet('{self.run}/{folder}/*.parquet', filename = true, "
            "file_row_number = true))"
        )

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return self.database.execute(query).fetchall()

    def beside(self, folder: str, corpus: str) -> str:
        """A stage's table with its documents' text size, languages and licence."""
        kinds = f"{self.run}/{corpus}/language"
        language, license_ = ("d.natural_language", "null")
        join = ""
        if corpus == "github":
            license_ = "d.license"
            language = "null"
            if Path(kinds).exists() and folder != "github/documents":
                language = "coalesce(l.language, l.other)"
                join = f"join {self.rows('github/language')} l using (file, file_row_number)"
        return (
            f"(select s.*, d.n_bytes as size_of_text, {language} as said_language, "
            f"{license_} as said_license from {self.rows(folder)} s "
            f"join {self.rows(f'{corpus}/documents')} d using (file, file_row_number) {join})"
        )


def by(rows: list[tuple[Any, ...]]) -> dict[Any, tuple[Any, ...]]:
    return {row[0]: tuple(row[1:]) for row in rows}


def groups_of(found: list[dict[str, Any]], *names: str) -> dict[Any, tuple[Any, ...]]:
    return {group["value"]: tuple(group[name] for name in names) for group in found}


def card_table(card: str, first: str) -> list[list[str]]:
    """The rows of the Markdown table whose head begins with these cells."""
    head = card.index(f"| {first} |")
    lines = card[head:].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return [[cell.strip(" `*") for cell in line[1:-1].split("|")] for line in lines]


def number(text: str) -> int:
    return int(text.replace(",", ""))


def is_size(text: str, n_bytes: float) -> bool:
    """Whether a size in words is this one, to its last digit."""
    amount, unit = text.split()
    return abs(float(amount.replace(",", "")) * UNITS[unit] - n_bytes) <= 0.051 * UNITS[unit]
