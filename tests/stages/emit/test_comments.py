import csv
import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.emit.comments import path_comment

TABLE = tomllib.loads(files("seeds").joinpath("comments.toml").read_text("utf-8"))
LISTED = [language for row in TABLE["comment"] for language in row["languages"]]


def known(name: str) -> set[str]:
    table = files("seeds").joinpath(name).read_text("utf-8").splitlines()
    return {row["name"] for row in csv.DictReader(table, delimiter="\t")}


def test_every_supported_language_has_its_comment_once() -> None:
    """The table lists each of the 338 languages, nothing twice and nothing unknown."""
    supported = known("languages.tsv")
    assert len(supported) == 338
    assert supported <= set(LISTED)
    assert len(LISTED) == len(set(LISTED))
    assert set(LISTED) <= supported | known("languages_other.tsv")


@pytest.mark.parametrize("row", TABLE["comment"], ids=lambda row: row["languages"][0])
def test_every_row_is_a_comment(row: dict[str, str]) -> None:
    """A row opens with something and no part of it breaks the line."""
    assert row["open"].strip()
    assert set(row) == {"open", "close", "languages"}
    assert len((row["open"] + row["close"]).splitlines()) == 1


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("Python", "# src/a.py\n"),
        ("C++", "// src/a.py\n"),
        ("HTML", "<!-- src/a.py -->\n"),
        ("OCaml", "(* src/a.py *)\n"),
        ("SQL", "-- src/a.py\n"),
        ("Emacs Lisp", ";; src/a.py\n"),
        ("a language nobody listed", "# src/a.py\n"),
        (None, "# src/a.py\n"),
    ],
)
def test_a_path_is_a_comment_in_the_languages_own_syntax(language: str | None, line: str) -> None:
    """The line follows the table, and the default where the table is silent."""
    assert path_comment("src/a.py", language) == line


@given(st.text(), st.sampled_from(LISTED))
def test_no_path_ends_its_comment_early(path: str, language: str) -> None:
    """Line ends and closing marks in a path stay inside the comment."""
    line = path_comment(path, language)
    row = next(row for row in TABLE["comment"] if language in row["languages"])
    inside = line.removeprefix(row["open"]).removesuffix(row["close"] + "\n")
    assert len(line.splitlines()) == 1
    assert not row["close"] or row["close"].strip() not in inside
