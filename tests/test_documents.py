"""What the documentation says of the code is true."""

import re
import stat
import subprocess
import sys
import tomllib
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


def test_everything_names_the_same_versions_of_python() -> None:
    """The README, the package, its classifiers and the workflow that tests them all."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = [one.rpartition(" ")[2] for one in project["classifiers"]]
    minors = [int(version.partition(".")[2]) for version in named]
    assert minors == list(range(minors[0], minors[-1] + 1))
    assert project["requires-python"] == f">=3.{minors[0]},<3.{minors[-1] + 1}"
    assert f"Python {named[0]} to {named[-1]} " in (ROOT / "README.md").read_text("utf-8")
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    assert re.findall(r'"(3\.\d+)"', workflow) == named


@pytest.mark.parametrize(("minor", "is_fit"), [(10, False), (11, True), (13, True), (14, False)])
def test_the_set_up_refuses_another_python(minor: int, is_fit: bool, tmp_path: Path) -> None:
    """Before it makes anything; the message says which versions do."""
    python = tmp_path / "python"
    code = f"import sys; sys.version_info = (3, {minor}, 0); exec(sys.argv[2])"
    python.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} -c \'{code}\' "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    venv = tmp_path / "venv"
    done = subprocess.run(
        ["make", "--no-print-directory", f"PYTHON={python}", f"VENV={venv}", f"{venv}/.ready"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert ("Sluice needs Python 3.11 to 3.13" in done.stderr) is not is_fit
