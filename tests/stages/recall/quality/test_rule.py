"""The rule that picks seeds of quality, row by row."""

import csv
import re
import tomllib
from importlib.resources import files

import pyarrow as pa
import pytest

from stages.contract import MapStage
from stages.recall.options import QualityOptions
from stages.recall.quality.measure import HEAD_BYTES, QualityMeasure
from stages.recall.quality.rule import quality_rule, syntaxes


def read(name):
    """A table of `seeds/`."""
    return tomllib.loads(files("seeds").joinpath(name).read_text("utf-8"))


def languages(*names):
    """The names of language tables."""
    return {
        row["name"]
        for name in names
        for row in csv.DictReader(
            files("seeds").joinpath(name).read_text("utf-8").splitlines(), delimiter="\t"
        )
    }


TABLE = read("github-quality.toml")
SOUND = {
    "n_code": 100,
    "n_comment": 40,
    "n_words": 200,
    "n_header": 20,
    "is_generated": False,
}


def picks(path="src/core.py", language="Python", **changed):
    """What the rule says of a sound file with changes."""
    return quality_rule().picks(path, language, **(SOUND | changed))


def test_excluded_languages_are_supported_ones():
    """A language outside the 338 is never a seed and need not be listed."""
    excluded = TABLE["languages"]["excluded"]
    assert set(excluded) <= languages("languages.tsv")
    assert len(excluded) == len(set(excluded))


@pytest.mark.parametrize("row", TABLE["comment"], ids=lambda row: str(row.get("languages", row)))
def test_every_comment_row_is_one(row):
    """It is for languages that exist, or like a form of comments.toml, and has marks."""
    assert set(row) <= {"like", "languages", "line", "block", "quoted"}
    assert ("like" in row) != ("languages" in row)
    if "like" in row:
        assert row["like"] in {one["open"] for one in read("comments.toml")["comment"]}
    assert set(row.get("languages", ())) <= languages("languages.tsv", "languages_other.tsv")
    assert all(mark.strip() for mark in [*row.get("line", ["-"]), *row.get("quoted", ())])
    assert all(start and end for start, end in row.get("block", ()))


def test_no_language_has_two_rows():
    """Which one holds would be a matter of order."""
    named = [name for row in TABLE["comment"] for name in row.get("languages", ())]
    assert len(named) == len(set(named))


def test_every_supported_language_has_a_syntax():
    """With a mark at least."""
    numbers, known = syntaxes()
    assert languages("languages.tsv") <= set(numbers)
    sizes = known.ranges[1:] - known.ranges[:-1]
    assert (sizes > 0).all()


@pytest.mark.parametrize("kind", ["excluded", "readme", "tests"])
def test_path_patterns_compile_and_are_lower_case(kind):
    """They are matched with paths in lower case."""
    for pattern in TABLE["paths"][kind]:
        assert re.compile(pattern)
        assert pattern == pattern.lower()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"n_code": 20, "n_comment": 8}, True),
        ({"n_code": 19, "n_comment": 8}, False),
        ({"n_code": 2000, "n_comment": 400, "n_words": 1200}, True),
        ({"n_code": 2001, "n_comment": 400, "n_words": 1201}, False),
        ({"n_code": 85, "n_comment": 15}, True),
        ({"n_code": 86, "n_comment": 15}, False),
        ({"n_code": 25, "n_comment": 75, "n_words": 300}, True),
        ({"n_code": 25, "n_comment": 76, "n_words": 300}, False),
        ({"n_words": 120}, True),
        ({"n_words": 119}, False),
        ({"n_code": 100, "n_words": 60}, False),
        ({"n_code": 30, "n_comment": 20, "n_words": 60}, True),
        ({"n_code": 30, "n_comment": 20, "n_words": 59}, False),
        ({"n_header": 8}, True),
        ({"n_header": 7}, False),
        ({"is_generated": True}, False),
        ({"language": "HTML"}, False),
        ({"language": None}, False),
        ({"path": "vendor/lib/core.py"}, False),
        ({"path": "a/third_party/core.py"}, False),
        ({"path": "web/jquery.min.js"}, False),
        ({"path": "api/user_pb2.py"}, False),
        ({"path": "Vendored.py"}, True),
        ({"path": "distance/builder.py"}, True),
    ],
)
def test_a_file_is_picked_by_its_comments_size_and_place(changed, expected):
    """At each threshold, and one beyond it."""
    assert picks(**changed) == expected


@pytest.mark.parametrize(
    ("path", "is_readme", "is_test"),
    [
        ("README.md", True, False),
        ("readme", True, False),
        ("README.zh.rst", True, False),
        ("src/README.md", False, False),
        ("numpy-2.4.0.dist-info/METADATA", True, False),
        ("tests/test_core.py", False, True),
        ("pkg/core_test.go", False, True),
        ("src/CoreTest.java", False, True),
        ("src/core.spec.ts", False, True),
        ("t/basic.t", False, True),
        ("src/latest.py", False, False),
        ("src/contest.py", False, False),
        ("src/attestation/core.c", False, False),
    ],
)
def test_readmes_and_tests_are_known_by_their_names(path, is_readme, is_test):
    """A repository without either gives no seeds."""
    assert quality_rule().is_readme(path) == is_readme
    assert quality_rule().is_test(path) == is_test


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("// Code generated by protoc-gen-go. DO NOT EDIT.", True),
        ("# This file was automatically generated by SWIG", True),
        ("/* AUTO-GENERATED */", True),
        ("# @generated by a tool", True),
        ("# This module generates parsers.", False),
        ("é" * (HEAD_BYTES // 2 - 6) + "@generated", True),
        ("é" * (HEAD_BYTES // 2 - 5) + "@generated", True),
        ("é" * (HEAD_BYTES // 2 - 4) + "@generated", False),
        ("", False),
        (None, False),
    ],
)
def test_generated_files_say_so(head, expected):
    """By the marks of the table, in the first bytes, be the last of them half a letter."""
    text = pa.array([head], pa.large_string())
    batch = pa.record_batch({"language": pa.array(["Go"]), "text": text})
    found = QualityMeasure(QualityOptions()).process(batch)
    assert found["is_generated"].to_pylist() == [expected]


def test_each_language_is_measured_by_its_own_comments():
    """The same text is a comment in one language and code in another."""
    stage = QualityMeasure(QualityOptions())
    assert isinstance(stage, MapStage)
    text = "-- what the query is for\nselect 1\n"
    names = ["SQL", "Python", None, "no such language"]
    batch = pa.record_batch(
        {"language": pa.array(names), "text": pa.array([text] * 4, pa.large_string())}
    )
    found = stage.process(batch).to_pylist()
    assert [row["n_comment_lines"] for row in found] == [1, 0, 0, 0]
    assert [row["n_comment_words"] for row in found] == [5, 0, 0, 0]
