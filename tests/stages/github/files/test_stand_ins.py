"""Pointers are no files, whatever they are called."""

import pytest

from stages.github.files.stand_ins import stand_in
from tests.stages.github.archives.test_survey import make_tar

OID = "oid sha256:" + "4d7a" * 16
LFS = f"version https://git-lfs.github.com/spec/v1\n{OID}\nsize 12345\n"
POINTERS = {
    "as specified": LFS,
    "checked out on Windows": LFS.replace("\n", "\r\n"),
    "without a last end": LFS.rstrip(),
    "with extensions": LFS.replace("oid", f"ext-0-crypt sha256:{'ab' * 32}\noid"),
    "before its name changed": LFS.replace(
        "git-lfs.github.com/spec/v1", "hawser.github.com/spec/v1"
    ),
    "an alpha version": LFS.replace(
        "https://git-lfs.github.com/spec/v1", "http://git-media.io/v/2"
    ),
    "git-annex": f"/annex/objects/SHA256E-s1048576--{'ab' * 32}.bin\n",
}
TEXTS = {
    "about pointers": f"A pointer looks like this:\n\n{LFS}",
    "a pointer and more": f"{LFS}\nis a pointer.\n",
    "another version": "version 1.2\noid x\nsize 3\n",
    "without a size": LFS.replace("size 12345\n", ""),
    "long": LFS + "x-note " + "y" * 2000 + "\n",
    "a path": "/annex/objects/ is where the contents are.\n",
}
NAMES = [
    "a.json",
    "b.sql",
    "vendor.js",
    "run.ipynb",
    "x.md",
    "model.bin",
    "logo.png",
    "LICENSE",
    "a",
]


@pytest.mark.parametrize("pointer", POINTERS.values(), ids=POINTERS)
@pytest.mark.parametrize("path", NAMES)
def test_a_pointer_is_told_by_its_content(path, pointer):
    """Text, notebook or picture by its name."""
    assert stand_in(f"data/{path}", pointer.encode()) == "lfs_pointer"


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_speaks_of_pointers_is_text(text):
    """A specification, a test, a list of keys."""
    assert stand_in("a.md", text.encode()) is None


def test_pointers_are_counted(read_bytes):
    """Under their own reason, before `binary` is looked for."""
    files = [(f"t/{name}", LFS.encode()) for name in ("a.sql", "b.png")]
    got = read_bytes("a__b.tar", make_tar([*files, ("t/c.c", b"int c;\n")]))
    assert got.texts == {"c.c": "int c;\n"}
    assert got.skipped == {"lfs_pointer": 2}
