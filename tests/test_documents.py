"""What the documentation says of the code is true."""

import re
from pathlib import Path

import pytest

from docs.rooms import arrows, reach, reduced, with_picture

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")])
EXAMPLES = ("stages/comments/",)
"""Files that the documentation shows how to write."""

LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
OURS = re.compile(r"`((?:pipeline|stages|schemas|seeds|configs|docs|tests|demo)/[\w./-]+)`")


def test_the_picture_of_the_rooms_is_that_of_the_imports() -> None:
    """`python docs/rooms.py docs/architecture.md` draws it again."""
    document = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert with_picture(document) == document


def test_no_room_lies_above_itself() -> None:
    """A circle of imports would be a circle in the picture."""
    graph = arrows()
    assert [room for room in graph if room in reach(graph, room)] == []


def test_left_out_arrows_follow_from_the_others() -> None:
    """The reduced picture reaches what the whole one does."""
    graph = arrows()
    assert {room: reach(graph, room) for room in graph} == {
        room: reach(reduced(graph), room) for room in graph
    }


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_code_paths_exist(path: Path) -> None:
    """Every relative link, and every file of ours named in backquotes."""
    text = path.read_text(encoding="utf-8")
    missing = [link for link in LINK.findall(text) if not (path.parent / link).exists()]
    named = [name for name in OURS.findall(text) if not name.startswith(EXAMPLES)]
    missing += [name for name in named if not (ROOT / name).exists()]
    assert missing == []


def test_the_readme_is_short() -> None:
    """It is read in one go; the rest is in docs/."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 220
