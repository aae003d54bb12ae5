"""What macOS, Windows and old tools make of an archive: the same documents all the same."""

import io
import zipfile

import pytest

from tests.stages.github.archives.test_survey import make_tar, make_zip

DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(60)
FILES = {"LICENSE": "SPDX-License-Identifier: MIT\n", "src/a.c": "int a;\n", "b.py": "b = 1\n"}


def members(top, *more):
    return [(f"{top}{path}", text.encode()) for path, text in FILES.items()] + list(more)


MACOS = {
    "tar of a folder": make_tar(
        [("./._tool", DOUBLE), *members("./tool/", ("./tool/._b.py", DOUBLE))]
    ),
    "tar with its own folder last": make_tar(members("tool/", ("._tool", DOUBLE))),
    "zip of Finder": make_zip(
        members(
            "tool/",
            ("__MACOSX/", b""),
            ("__MACOSX/._tool", DOUBLE),
            ("__MACOSX/tool/src/._a.c", DOUBLE),
        )
    ),
    "zip of Finder, attributes first": make_zip([("__MACOSX/._tool", b"odd"), *members("tool/")]),
    "folder settings beside it": make_zip(
        members("tool/", (".DS_Store", bytes(9)), ("tool/._a", DOUBLE))
    ),
}


@pytest.mark.parametrize("data", MACOS.values(), ids=MACOS)
def test_attributes_of_macos_are_no_files(read_bytes, data):
    """They are counted, and hide neither the top folder nor its licence."""
    got = read_bytes("a__tool.zip", data)
    assert {path: text for path, text in got.texts.items() if path != ".DS_Store"} == FILES
    assert {row["license"] for row in got.rows} == {"MIT"}
    assert got.skipped["macos_metadata"] >= 1
    assert not got.quarantined


def test_a_file_of_such_a_name_stays_if_it_is_text(read_bytes):
    """`._js` is somebody's; only what begins as AppleDouble is macOS's."""
    got = read_bytes("a__b.tar", make_tar([("t/._vimrc", b"set nu\n"), ("t/a.c", b"int a;\n")]))
    assert list(got.texts) == ["._vimrc", "a.c"]


@pytest.mark.parametrize(
    "top", ["tool/", "./tool/", "a b/", "tool-1.0_(final)/", "проект/", ".hidden/", "-x/", "tool//"]
)
@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_a_top_folder_may_be_called_anything(read_bytes, top, make):
    """It is known by being shared; also beside what an old tar made of a pax header."""
    beside = ("pax_global_header", b"52 comment=" + b"0" * 40 + b"\n")
    for more in ([], [beside]):
        got = read_bytes("a__tool", make([*more, *members(top)]))
        assert {path: got.texts[path] for path in FILES} == FILES
        assert {row["license"] for row in got.rows} == {"MIT"}


def backslashed(system, entries):
    """A zip with the names as they are given, as if made on the system of this number."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, payload in entries:
            info = zipfile.ZipInfo("x")
            info.filename, info.create_system = name, system
            info.external_attr = 0
            archive.writestr(info, payload)
    return buffer.getvalue()


@pytest.mark.parametrize("system", [0, 3, 10, 11, 19])
def test_back_slashes_stand_between_folders(read_bytes, system):
    """Whatever system the archive says it is from; folders of their own are no files."""
    entries = [(name.replace("/", "\\"), payload) for name, payload in members("tool/")]
    got = read_bytes("a__tool.zip", backslashed(system, [("tool\\src\\", b""), *entries]))
    assert got.texts == FILES
    assert {row["license"] for row in got.rows} == {"MIT"}
    assert not got.skipped


def test_mixed_slashes_of_windows_are_slashes(read_bytes):
    """One writer, both kinds."""
    got = read_bytes("a__tool.zip", backslashed(0, [("tool\\src/x\\a.c", b"int a;\n")]))
    assert list(got.texts) == ["src/x/a.c"]


def test_a_back_slash_in_a_name_of_unix_is_kept(read_bytes):
    """Where slashes stand between folders, it is a character like others."""
    entries = [("tool/a.c", b"int a;\n"), ("tool/odd\\name.c", b"int b;\n")]
    got = read_bytes("a__tool.zip", backslashed(3, entries))
    assert list(got.texts) == ["a.c", "odd\\name.c"]


@pytest.mark.parametrize("name", ["..\\evil.c", "tool\\..\\..\\evil.c", "C:\\evil.c", "\\evil.c"])
@pytest.mark.parametrize("system", [0, 3])
def test_back_slashes_lead_nowhere_else(read_bytes, name, system):
    """A path that leaves the repository is unsafe by either slash."""
    got = read_bytes("a__tool.zip", backslashed(system, [("a.c", b"int a;\n"), (name, b"x")]))
    assert list(got.texts) == ["a.c"]
    assert got.skipped == {"unsafe_path": 1}
