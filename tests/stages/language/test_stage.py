"""The language stage on names, contents and real files."""

from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.language import LANGUAGE_MEASURES, METHODS
from stages.contract import MapStage
from stages.language.options import LanguageOptions
from stages.language.stage import LanguageStage

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "languages"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="no shared data")

TWINS = [
    {"Bro", "Zeek"},
    {"Docker", "Dockerfile"},
    {"Jade", "Pug"},
    {"HTML ERB", "RHTML"},
    {"R", "S"},
]


def identify(**columns: object) -> list[dict[str, object]]:
    batch = pa.record_batch(columns)
    result = LanguageStage(LanguageOptions()).process(batch)
    assert result.schema.equals(LANGUAGE_MEASURES)
    assert result.num_rows == batch.num_rows
    rows: list[dict[str, object]] = result.to_pylist()
    return rows


def test_is_a_map_stage() -> None:
    """The stage satisfies the protocol."""
    assert isinstance(LanguageStage(LanguageOptions()), MapStage)


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("src/a.py", "", ("Python", None, "extension")),
        ("Makefile", "", ("Makefile", None, "name")),
        ("x/Dockerfile", "", ("Dockerfile", None, "name")),
        ("Makefile.linux", "", ("Makefile", None, "name")),
        ("A.F90", "", ("Fortran", None, "extension")),
        ("A.PY", "", ("Python", None, "extension")),
        ("page.html.erb", "", ("HTML ERB", None, "extension")),
        ("deploy.yml", "", (None, "YAML", "extension")),
        ("README.md", "", (None, "Markdown", "extension")),
        ("Cargo.toml", "", (None, "TOML", "extension")),
        ("n.ipynb", "import os\n", ("Jupyter Notebook", None, "extension")),
        ("run", "#!/usr/bin/env python3\n", ("Python", None, "shebang")),
        ("a.cgi", "#!/bin/bash\n", ("Shell", None, "shebang")),
        ("a.h", "class A {\n", ("C++", None, "heuristic")),
        ("a.h", "", ("C", None, "extension")),
        ("a.pl", ":- initialization(main).\n", (None, "Prolog", "heuristic")),
        ("libm.so.6", "\x7fELF", (None, None, None)),
        ("photo.png", "\x89PNG", (None, None, None)),
        ("issues/7", "It fails.", (None, None, None)),
        ("", "", (None, None, None)),
    ],
)
def test_one_file(path: str, text: str, expected: tuple[str | None, ...]) -> None:
    """Name, then extension, then interpreter or content say what a file is."""
    (row,) = identify(path=[path], text=pa.array([text], pa.large_string()))
    assert (row["language"], row["other"], row["method"]) == expected
    assert row["method"] is None or row["method"] in METHODS
    assert (row["confidence"] is None) == (row["method"] is None)


def test_columns_may_be_absent() -> None:
    """A path alone, a text alone and raw content alone are enough."""
    assert identify(path=["a.m", None])[0]["language"] == "Objective-C"
    assert identify(text=["#!/bin/sh\n", "?"])[0]["language"] == "Shell"
    utf16 = "\ufeff#!/bin/sh\n".encode("utf-16-le")
    contents = [b"\xef\xbb\xbf#!/usr/bin/ruby\n", utf16, b"\xff\xfe\xff", b""]
    found = identify(content=pa.array(contents, pa.binary()))
    assert [row["language"] for row in found] == ["Ruby", "Shell", None, None]


def test_slices_read_their_own_rows() -> None:
    """A slice of a batch is judged by its own content."""
    batch = pa.record_batch({"path": ["a.h", "b.h"], "text": ["int a;\n", "class B {\n"]}).slice(1)
    assert LanguageStage(LanguageOptions()).process(batch)["language"].to_pylist() == ["C++"]


def test_content_beyond_the_limit_is_not_read() -> None:
    """Rules see the configured first bytes alone."""
    batch = pa.record_batch({"path": ["a.h"], "text": ["int a;\nclass B {\n"]})
    stage = LanguageStage(LanguageOptions(max_heuristic_bytes=7))
    assert stage.process(batch)["language"].to_pylist() == ["C"]


def test_names_need_no_content() -> None:
    """100,000 distinct paths are identified by their names alone."""
    batch = pa.record_batch({"path": [f"src/d{i % 97}/file_{i}.py" for i in range(100_000)]})
    stage = LanguageStage(LanguageOptions())
    assert set(stage.process(batch)["language"].to_pylist()) == {"Python"}


@needs_data
def test_accuracy_with_true_names() -> None:
    """Of the labelled files with true names 99 % are named rightly, of the languages' shares the
    mean is as good."""
    table = pq.read_table(DATA / "dev.parquet")
    table = table.filter(table["name_is_real"])
    found = identify(path=table["path"].combine_chunks(), content=table["content"].combine_chunks())
    wanted = table["language"].to_pylist()
    right: dict[str, list[bool]] = defaultdict(list)
    for row, name in zip(found, wanted, strict=True):
        right[name].append(row["language"] == name or {row["language"], name} in TWINS)
    assert sum(map(sum, right.values())) / len(wanted) >= 0.99
    assert sum(sum(answers) / len(answers) for answers in right.values()) / len(right) >= 0.99


@needs_data
def test_files_of_no_supported_language() -> None:
    """Of the files of no supported language at least 97 % are not given one."""
    table = pq.read_table(DATA / "negatives_dev.parquet")
    found = identify(path=table["path"].combine_chunks(), content=table["content"].combine_chunks())
    assert sum(row["language"] is None for row in found) / len(found) >= 0.97


GO = """package main

import (
\t"bufio"
\t"fmt"
\t"os"
)

func main() {
\tlines := bufio.NewScanner(os.Stdin)
\tfor lines.Scan() {
\t\tif err := lines.Err(); err != nil {
\t\t\treturn
\t\t}
\t\tfmt.Println(lines.Text())
\t}
}
"""
PYTHON = "import os\n\n\nclass A:\n    def __init__(self):\n        self.x = os.environ\n"
PROSE = "The reader will find that most of what follows was written long before it was read.\n" * 9


@pytest.mark.parametrize("path", [None, "reader", "bin/reader", ".reader"])
def test_content_names_what_no_name_does(path: str | None) -> None:
    """Without an extension the classifier says what a file is, or that it is nothing."""
    code, prose = identify(path=[path, path], text=[GO, PROSE])
    assert (code["language"], code["method"]) == ("Go", "classifier")
    assert 0.4 <= float(str(code["confidence"])) <= 1
    assert (prose["language"], prose["method"]) == (None, None)


def test_an_unknown_extension_is_a_name() -> None:
    """A file of a language that no table knows is not named by what it resembles."""
    assert identify(path=["reader.kak"], text=[GO])[0]["language"] is None


def test_the_confidence_asked_for_is_a_setting() -> None:
    """At 1 the classifier names nothing."""
    stage = LanguageStage(LanguageOptions(min_confidence=1.0))
    assert stage.process(pa.record_batch({"text": [GO]}))["language"].to_pylist() == [None]


def test_names_that_lie_are_overruled_if_asked() -> None:
    """With `check_names` content overrules a name; what it agrees with stays as it was."""
    batch = pa.record_batch({"path": ["a.ada", "b.go", "c.c"], "text": [GO * 3, GO, "x"]})
    plain, checked = (
        LanguageStage(LanguageOptions(check_names=check)).process(batch) for check in (False, True)
    )
    assert plain["language"].to_pylist() == ["Ada", "Go", "C"]
    assert checked["language"].to_pylist() == ["Go", "Go", "C"]
    assert checked["method"].to_pylist() == ["classifier", "extension", "extension"]


def test_content_chooses_where_rules_leave_several() -> None:
    """Of the languages of an extension content picks one; twins stay what the extension says."""
    found = identify(path=["a.cgi", "a.cgi", "b.jade"], text=[PYTHON, "", "div\n  p hello\n"])
    assert [(row["language"], row["method"]) for row in found] == [
        ("Python", "classifier"),
        ("Perl", "extension"),
        ("Jade", "extension"),
    ]


@pytest.mark.parametrize(
    ("path", "text", "language"),
    [
        ("a.h", "/* -*- Mode: C++; tab-width: 8 -*- */\nint f();\n", "C++"),
        ("a.h", "/* vim: set sw=4 et: */\nint f(void);\n", "C"),
        ("a.pl", "% -*- Mode: Prolog -*-\nbar.\n", "Prolog"),
        ("a.inc", "<h1>x</h1>\n<!-- vim: set ft=php: -->\n", "PHP"),
        ("a.t", "ok 1;\n\n# vim: ft=perl6\n", "Perl 6"),
        ("a.S", "/* -*- mode: asm -*- */\n\t.text\n\t.globl f\n", "GAS"),
        ("a.sql", "-- vim: ft=sql\nDECLARE @x INT;\nGO\n", "Transact-SQL"),
        ("a.conf", "# vim: ft=conf\nserver {\n listen 80;\n}\n", "Nginx Configuration File"),
        ("a.h", "// -*- python -*-\nint f(void);\n", "C"),
    ],
)
def test_a_modeline_chooses_among_the_languages_of_an_extension(path, text, language):
    """It decides if one of them is edited in its mode, and else says nothing."""
    (found,) = identify(path=[path], text=[text])
    assert (found["language"] or found["other"]) == language
