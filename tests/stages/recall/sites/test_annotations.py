"""A person's decisions."""

import pytest

from stages.errors import ConfigError
from stages.recall.sites.annotations import read_annotations

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

ENTRY = "version = 1\n[[pattern]]\ntarget = 'code'\npattern = 'a.org'\n"


def test_decisions_are_read_in_the_tables_spelling(tmp_path):
    """Scheme and case go, a directory ends in a slash; without an iteration it is 0."""
    path = tmp_path / "a.toml"
    path.write_text(FILE)
    found = read_annotations([str(path), str(tmp_path / "not-there.toml")])
    assert found.of("code") == {"docs.python.org/3/": True, "docs.python.org": False}
    assert found.until(1).of("code") == {"docs.python.org": False}
    assert found.of("math") == {}


def test_what_is_left_to_the_rule_is_of_one_iteration(tmp_path):
    """It is part of the content, unless there is none: then runs that exist stay as they are."""
    path = tmp_path / "a.toml"
    path.write_text(FILE)
    without = read_annotations([str(path)])
    path.write_text(f"{FILE}\n[[rest]]\ntarget = 'code'\niteration = 1\n")
    found = read_annotations([str(path)])
    assert (found.until(1).leaves_rest("code"), found.until(1).leaves_rest("math")) == (True, False)
    assert not found.until(2).leaves_rest("code")
    assert found.until(2).content_hash == without.until(2).content_hash
    assert found.until(1).content_hash != without.until(1).content_hash
    path.write_text("version = 1\n[[rest]]\ntarget = 'code'\n")
    with pytest.raises(ConfigError, match=r"\[\[rest\]\] 1: `iteration`"):
        read_annotations([str(path)])


def test_a_later_file_wins_over_an_earlier_one(tmp_path):
    """Of decisions on one pattern in any spelling, the last holds."""
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text(f"{ENTRY}accept = true")
    second.write_text(f"{ENTRY.replace('a.org', 'http://A.org/')}accept = false\niteration = 3")
    found = read_annotations([str(first), str(second)])
    assert (found.of("code"), len(found.decisions)) == ({"a.org": False}, 1)
    assert read_annotations([str(second), str(first)]).of("code") == {"a.org": True}


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
        ("version = 2", "`version` is 2, this Sluice reads 1"),
        ("version = 1\npattern = 3", "table of its own"),
        ("version = 1\npattern = [3]", r"\[\[pattern\]\] 1: .* valid dictionary"),
        ("version = 1\n[[pattern]]\ntarget = 'code'", "1: `pattern`: Field required"),
        (f"{ENTRY}accept = 1", "1: `accept`: Input should be a valid boolean"),
        (f"{ENTRY}accept = 'yes'", "1: `accept`: Input should be a valid boolean"),
        (f"{ENTRY}accept = true\niteration = true", "1: `iteration`: .* valid integer"),
        (f"{ENTRY}accept = true\niteration = -1", "1: `iteration`: .* greater than or equal to 0"),
        (f"{ENTRY}accept = true\ndate = 'soon'", "1: `date`"),
        (f"{ENTRY.replace('a.org', '/b/')}accept = true", "1: `pattern`: .* a host"),
        ("version =", "not valid TOML"),
        (f"version = {'9' * 5000}", "not valid TOML"),
        (f"version = {'[' * 5000}", "not valid TOML"),
    ],
)
def test_a_broken_file_names_its_fault(tmp_path, text, message):
    """File, entry and field."""
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_annotations([str(path)])
