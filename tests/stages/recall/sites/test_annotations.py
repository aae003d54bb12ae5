"""A person's decisions."""

import pytest

from stages.errors import ConfigError
from stages.recall.sites.annotations import ancestors, canonical, read_annotations

FILE = """
version = 1

[[pattern]]
target = "code"
pattern = "https://Docs.python.org/3"
accept = true
author = "ada"
date = 2026-11-03
iteration = 2

[[pattern]]
target = "code"
pattern = "docs.python.org"
accept = false
"""


def test_decisions_are_read_in_the_tables_spelling(tmp_path):
    """Scheme and case go, a directory ends in a slash; without an iteration it is 0."""
    path = tmp_path / "a.toml"
    path.write_text(FILE)
    found = read_annotations([str(path), str(tmp_path / "not-there.toml")])
    assert found.of("code") == {"docs.python.org/3/": True, "docs.python.org": False}
    assert found.until(1).of("code") == {"docs.python.org": False}
    assert found.of("math") == {}


def test_author_and_date_change_no_result(tmp_path):
    """The content hash is that of the decisions alone."""
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text(FILE)
    second.write_text(FILE.replace('"ada"', '"bob"'))
    assert (
        read_annotations([str(first)]).content_hash == read_annotations([str(second)]).content_hash
    )
    second.write_text(FILE.replace("true", "false"))
    assert (
        read_annotations([str(first)]).content_hash != read_annotations([str(second)]).content_hash
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version = 2", "`version` must be 1"),
        ("version = 1\n[[pattern]]\ntarget = 'code'", "pattern 1: `pattern` must be a str"),
        ("version = 1\n[[pattern]]\ntarget='c'\npattern='a'\naccept=1", "`accept` must be a bool"),
        ("version =", "recall.annotations"),
    ],
)
def test_a_broken_file_names_its_fault(tmp_path, text, message):
    """File, entry and field."""
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_annotations([str(path)])


def test_ancestors_go_up_to_the_host():
    """A pattern is its own first ancestor."""
    assert list(ancestors("a.org/b/c/")) == ["a.org/b/c/", "a.org/b/", "a.org"]
    assert list(ancestors("a.org")) == ["a.org"]
    assert canonical("a.org/") == "a.org"
