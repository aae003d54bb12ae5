"""The annotations file: what is written, what stays as it was, what is refused."""

import datetime
import json
import os
import re
import threading
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.annotate.annotations_file import edit, read, render
from stages.errors import ConfigError
from stages.recall.sites.annotations import Annotation, read_annotations
from stages.recall.sites.url_patterns import canonical

TWICE = """version = 1

[[pattern]]
target = "code"
pattern = "a.org"
accept = true

[[pattern]]
target = "code"
pattern = "https://A.org/"
accept = false
"""
DATE = datetime.date(2026, 11, 3)
KEYS = ("target", "pattern", "accept", "iteration", "author", "note")


def annotation(pattern: str, accept: bool = True, target: str = "code") -> Annotation:
    return Annotation(
        target=target, pattern=pattern, accept=accept, author="ada", date=DATE, iteration=2
    )


def put(path: Path, *decisions: Annotation) -> None:
    for one in decisions:
        edit(path, lambda document, one=one: document.put(one.key, one))


def test_a_new_file_has_a_version_and_one_table_per_decision(tmp_path: Path) -> None:
    """The file says exactly what the format promises."""
    path = tmp_path / "folder" / "web.toml"
    put(path, annotation("docs.python.org/3/"), annotation("blog.python.org", accept=False))
    assert path.read_text() == (
        "version = 1\n\n"
        '[[pattern]]\ntarget = "code"\npattern = "docs.python.org/3/"\naccept = true\n'
        'author = "ada"\ndate = 2026-11-03\niteration = 2\n\n'
        '[[pattern]]\ntarget = "code"\npattern = "blog.python.org"\naccept = false\n'
        'author = "ada"\ndate = 2026-11-03\niteration = 2\n'
    )


def test_an_edit_keeps_comments_order_and_layout(tmp_path: Path) -> None:
    """Only the table that is decided about changes."""
    path = tmp_path / "web.toml"
    first = (
        '# Why: the reference\n[[ pattern ]] # kept\ntarget="code"\npattern="a.org"\naccept=true\n'
    )
    second = '[[pattern]]\ntarget = "code"\npattern = "b.org"\naccept = true\nnote = "asked Bo"\n'
    third = '# The last\n[[pattern]]\ntarget = "math"\npattern = "b.org"\naccept = false\n'
    path.write_text(f"# Reviewed.\nversion = 1\n\n{first}\n{second}\n{third}")
    put(path, annotation("b.org/", accept=False))
    after = render(annotation("b.org/", accept=False))
    assert path.read_text() == f"# Reviewed.\nversion = 1\n\n{first}\n{after}\n{third}"


def test_a_file_without_decisions_is_added_to(tmp_path: Path) -> None:
    """A header of comments stays on top."""
    path = tmp_path / "web.toml"
    path.write_text("# Decisions of spring.\nversion = 1  # format\n")
    put(path, annotation("a.org"))
    rendered = render(annotation("a.org"))
    assert path.read_text() == f"# Decisions of spring.\nversion = 1  # format\n\n{rendered}"


def test_a_removed_decision_leaves_no_trace(tmp_path: Path) -> None:
    """Deciding and withdrawing is as if nothing had been decided."""
    path = tmp_path / "web.toml"
    put(path, annotation("a.org"), annotation("c.org"))
    before = path.read_text()
    put(path, annotation("d.org"))
    edit(path, lambda document: document.put(("code", "d.org"), None))
    assert path.read_text().rstrip() == before.rstrip()
    assert list(read(path).decisions()) == [("code", "a.org"), ("code", "c.org")]


def test_of_two_decisions_on_one_pattern_the_last_holds(tmp_path: Path) -> None:
    """However it is spelled; the next edit leaves one."""
    path = tmp_path / "web.toml"
    path.write_text(TWICE)
    assert [one.accept for one in read(path).decisions().values()] == [False]
    put(path, annotation("a.org"))
    assert path.read_text() == f"version = 1\n\n{render(annotation('a.org'))}"
    path.write_text(TWICE)
    edit(path, lambda document: document.put(("code", "a.org"), None))
    assert path.read_text() == "version = 1\n\n"


def test_recall_reads_what_the_page_writes(tmp_path: Path) -> None:
    """With the same meaning."""
    path = tmp_path / "web.toml"
    decided = [("docs.python.org", True), ("docs.python.org/3/", False), ("ü.org/a b/c/", True)]
    put(path, *(annotation(pattern, accept) for pattern, accept in decided))
    found = read_annotations([str(path)])
    assert found.of("code") == dict(decided)
    assert found.until(1).of("code") == {}
    assert found.until(2).of("code") == dict(decided)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.tuples(st.text(min_size=1).filter(canonical), st.booleans()), max_size=6))
def test_any_pattern_survives_the_file(tmp_path: Path, decisions: list[tuple[str, bool]]) -> None:
    """Quotes, control characters, line separators and `[[pattern]]` inside a string are data."""
    path = tmp_path / "web.toml"
    path.unlink(missing_ok=True)
    texts = {annotation(text).key: (text, accept) for text, accept in decisions}
    put(path, *(annotation(text, accept) for text, accept in decisions))
    found = {key: (one.pattern, one.accept) for key, one in read(path).decisions().items()}
    assert found == texts
    if texts:
        entries = tomllib.loads(path.read_bytes().decode())["pattern"]
        assert {(one["pattern"], one["accept"]) for one in entries} == set(texts.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version = 2\n", "this Sluice reads 1"),
        ("[[pattern]]\n", "`version` is None"),
        ("version = 1\npattern = [{target='code', pattern='a', accept=true}]\n", "of its own"),
        ("version = 1\n[[pattern]]\ntarget='code'\npattern='a'\n", "1: `accept`: Field required"),
        ("version = 1\n[[pattern]]\ntarget='code'\npattern='a'\naccept='so'\n", "1: `accept`"),
        ("version = 1\n[[pattern\n", "not valid TOML"),
    ],
)
def test_a_bad_file_is_refused_by_entry_and_left_alone(
    tmp_path: Path, text: str, message: str
) -> None:
    """Nothing is written over a file that cannot be read."""
    path = tmp_path / "web.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        put(path, annotation("b.org"))
    assert path.read_text() == text


def test_concurrent_editors_lose_nothing(tmp_path: Path) -> None:
    """Each edit is made on what the file says at that moment."""
    path = tmp_path / "web.toml"

    def decide(name: str) -> None:
        put(path, *(annotation(f"{name}{n}.org") for n in range(10)))

    editors = [threading.Thread(target=decide, args=(name,)) for name in "abc"]
    for editor in editors:
        editor.start()
    for editor in editors:
        editor.join()
    assert len(read(path).decisions()) == 30


def test_the_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    """A symbolic link stays one; no temporary file stays behind."""
    path, link = tmp_path / "real.toml", tmp_path / "link.toml"
    put(path, annotation("a.org"))
    path.chmod(0o640)
    link.symlink_to(path)
    put(link, annotation("b.org"))
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert len(read(path).decisions()) == 2
    assert sorted(os.listdir(tmp_path)) == ["link.toml", "real.toml"]


VALUES = st.one_of(
    st.booleans(), st.integers(-1, 3), st.sampled_from(["", "yes", "a.org", "A.org/b", "/"])
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES), max_size=3))
def test_the_run_and_the_page_read_a_file_alike(
    tmp_path: Path, entries: list[dict[str, object]]
) -> None:
    """The same decisions, or the same refusal."""
    path = tmp_path / "web.toml"
    lines = ["version = 1"]
    for entry in entries:
        lines += ["[[pattern]]", *(f"{key} = {json.dumps(value)}" for key, value in entry.items())]
    path.write_text("\n".join(lines) + "\n")
    try:
        by_run = read_annotations([str(path)])
    except ConfigError as error:
        with pytest.raises(ConfigError, match=re.escape(str(error))):
            read(path)
    else:
        by_page = read(path).decisions().values()
        assert sorted(one.decision for one in by_page) == list(by_run.decisions)


def test_tables_in_one_line_are_read_but_not_edited(tmp_path: Path) -> None:
    """The run takes any layout; a file to write needs a table for each decision."""
    path = tmp_path / "web.toml"
    path.write_text("version = 1\npattern = [{target='code', pattern='a.org', accept=true}]\n")
    assert read_annotations([str(path)]).of("code") == {"a.org": True}
    with pytest.raises(ConfigError, match="of its own"):
        read(path)
