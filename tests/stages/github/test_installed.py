"""Installed packages as repositories."""

import importlib.metadata
import os
from pathlib import Path

import pytest

from stages.contract import Input
from stages.github.stage import repository_name

SITE = Path(str(importlib.metadata.distribution("typer").locate_file("")))


@pytest.fixture
def site(tmp_path):
    """A site folder with one package as an installer leaves it."""
    folder = tmp_path / "site-packages"
    info = folder / "My_Tool-1.2.dist-info"
    info.mkdir(parents=True)
    (folder / "my_tool").mkdir()
    (folder / "my_tool" / "__init__.py").write_text("x = 1\n")
    (folder / "my_tool" / "a.py").write_text("y = 2\n")
    (folder / "my_tool" / "__pycache__").mkdir()
    (folder / "my_tool" / "__pycache__" / "a.pyc").write_bytes(b"\0")
    (info / "METADATA").write_text("Name: My_Tool\nVersion: 1.2\nLicense-Expression: MIT\n\nHi\n")
    (info / "INSTALLER").write_text("pip\n")
    (info / "direct_url.json").write_text("{}")
    (info / "RECORD").write_text(
        "my_tool/a.py,,6\n../../../bin/my-tool,,200\nmy_tool/__pycache__/a.pyc,,\n"
        "my_tool/__init__.py,sha256=x,6\nmy_tool/gone.py,,3\nMy_Tool-1.2.dist-info/METADATA,,60\n"
        "My_Tool-1.2.dist-info/INSTALLER,,4\nMy_Tool-1.2.dist-info/direct_url.json,,2\n"
        "My_Tool-1.2.dist-info/RECORD,,\n"
    )
    return folder


def test_files_come_by_record_without_the_installers_own(site, read_folder):
    """Sorted by path; byte code and the installer's notes do not show, not even as counts."""
    got = read_folder("installed:my-tool", site)
    assert got.identity == "pypi/my-tool@1.2"
    assert list(got.texts) == [
        "My_Tool-1.2.dist-info/METADATA",
        "my_tool/__init__.py",
        "my_tool/a.py",
    ]
    assert got.rows[1]["uri"] == "pypi/my-tool@1.2:my_tool/__init__.py"
    assert {row["license"] for row in got.rows} == {"MIT"}
    assert got.skipped == {"unsafe_path": 1}
    assert [bad.origin for bad in got.quarantined] == ["pypi/my-tool@1.2:my_tool/gone.py"]


def test_names_are_normalised(site):
    """`My.Tool`, `my_tool` and `my-tool` are one package."""
    for name in ("My.Tool", "my_tool", "my-tool"):
        source = Input(f"installed:{name}", str(site), folder=site)
        assert repository_name(source) == "pypi/my-tool"


def test_a_package_that_is_not_there_is_unreadable(site, read_folder):
    """One quarantined record that names it."""
    got = read_folder("installed:other", site)
    assert [bad.reason for bad in got.quarantined] == ["unreadable"]
    assert "other" in got.quarantined[0].error


def list_files(site, *rows):
    (site / "My_Tool-1.2.dist-info" / "RECORD").write_text("\n".join(rows) + "\n")


def test_only_regular_files_are_opened(site, read_folder):
    """A pipe, a device and a folder are special; a link is followed to its file."""
    os.mkfifo(site / "my_tool" / "pipe.py")
    (site / "my_tool" / "zero.py").symlink_to("/dev/zero")
    (site / "my_tool" / "linked.py").symlink_to(site / "my_tool" / "a.py")
    names = ("a.py", "linked.py", "pipe.py", "zero.py")
    list_files(site, "my_tool,,", *(f"my_tool/{name},," for name in names))
    got = read_folder("installed:my-tool", site)
    assert got.texts == {"my_tool/a.py": "y = 2\n", "my_tool/linked.py": "y = 2\n"}
    assert got.skipped == {"special": 3}


@pytest.mark.parametrize("name", ["RECORD", "METADATA"])
def test_a_pipe_for_a_list_is_unreadable(site, read_folder, name):
    """Nothing waits for somebody to write into it."""
    path = site / "My_Tool-1.2.dist-info" / name
    path.unlink()
    os.mkfifo(path)
    got = read_folder("installed:my-tool", site)
    assert [bad.reason for bad in got.quarantined] == ["unreadable"]


@pytest.mark.parametrize("size", ["\u00b2", "9" * 5000, "-1", "1e3", "\u0663"])
def test_a_size_that_is_no_number_is_not_believed(site, read_folder, size):
    """The file says how long it is."""
    list_files(site, f"my_tool/a.py,,{size}")
    assert read_folder("installed:my-tool", site).texts == {"my_tool/a.py": "y = 2\n"}


@pytest.mark.parametrize("path", ["x" * 300 + ".py", "my_tool/a.py/b.py", "y/" * 2100 + "a.py"])
def test_a_path_no_file_can_have_costs_itself_alone(site, read_folder, path):
    """Too long a name, or one below a file."""
    list_files(site, "my_tool/a.py,,6", f"{path},,6")
    got = read_folder("installed:my-tool", site)
    assert list(got.texts) == ["my_tool/a.py"]
    assert len(got.quarantined) + got.skipped.total() == 1


@pytest.mark.parametrize(
    ("field", "reason"), [("Version: " + "1" * 5000, "corrupt"), ("X: " + "y" * (5 << 20), "limit")]
)
def test_metadata_of_megabytes_are_refused(site, read_folder, field, reason):
    """Every document would carry the version."""
    (site / "My_Tool-1.2.dist-info" / "METADATA").write_text(f"Name: My_Tool\n{field}\n\n")
    got = read_folder("installed:my-tool", site)
    assert [bad.reason for bad in got.quarantined] == [reason]


@pytest.mark.parametrize(
    ("lines", "spdx"),
    [
        ("Classifier: License :: OSI Approved :: ISC License (ISCL)", "ISC"),
        ("Classifier: License :: OSI Approved :: BSD License", None),
        ("License: apache-2.0", "Apache-2.0"),
        ("License: as you like it", None),
        ("License-Expression: " + "MIT OR " * 1000 + "MIT", None),
    ],
)
def test_the_licence_of_a_package(site, read_folder, lines, spdx):
    """A telling classifier, or a known identifier; a family or a phrase is no licence."""
    metadata = site / "My_Tool-1.2.dist-info" / "METADATA"
    metadata.write_text(f"Name: My_Tool\nVersion: 1.2\n{lines}\n\n")
    assert read_folder("installed:my_tool", site).rows[0]["license"] == spdx


def test_a_real_package_reads_whole(read_folder):
    """typer, as installed here: every module is a document."""
    got = read_folder("installed:typer", SITE)
    assert got.identity == f"pypi/typer@{importlib.metadata.version('typer')}"
    assert {row["license"] for row in got.rows} == {"MIT"}
    files = importlib.metadata.files("typer") or []
    modules = {str(path) for path in files if path.suffix == ".py"}
    assert modules <= set(got.texts)
    assert not any("RECORD" in path or "INSTALLER" in path for path in got.texts)
    assert not got.quarantined
