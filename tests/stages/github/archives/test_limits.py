"""What strangers may bring: names, licences and damage are bounded like texts."""

import gzip
import io
import os
import tarfile
import zipfile

import pytest

from stages.contract import Input
from stages.github.raw import BATCH_BYTES
from stages.github.stage import MAX_DAMAGED_FILES
from tests.stages.github.archives.test_survey import make_tar
from tests.stages.github.conftest import gather


@pytest.mark.parametrize(
    ("name", "shown"),
    [(os.fsdecode(b"caf\xe9.tar"), "caf\\xe9.tar"), ("\ud800.tar", "\\xed\\xa0\\x80.tar")],
)
def test_the_name_of_an_input_may_be_no_utf8(tmp_path, name, shown):
    """It is the origin of what is quarantined, and part of a name of last resort."""
    broken = gather(Input(name, str(tmp_path), folder=tmp_path))
    assert [bad.origin for bad in broken.quarantined] == [shown]
    good = gather(Input(name, name, lambda: io.BytesIO(make_tar([("t/a.c", b"int a;")]))))
    assert good.identity.startswith("local/")
    assert good.rows[0]["uri"].isascii()


def test_a_licence_of_a_quarter_megabyte_is_unknown(read_bytes):
    """Sixty-four rows of a batch would carry it."""
    text = b"SPDX-License-Identifier: " + b"A" * 250_000
    got = read_bytes("a__b.tar", make_tar([("t/LICENSE", text), ("t/a.c", b"int a;")]))
    assert [row["license"] for row in got.rows] == [None, None]


def test_all_bytes_of_a_row_count_for_the_batch(read_bytes):
    """Paths stand in it twice; a batch stays below its size with every column."""
    long = "d/" * 2000
    members = [(f"t/{long}{index}.txt", b"y" * (300 << 10)) for index in range(64)]
    got = read_bytes("a__b.tar.gz", gzip.compress(make_tar(members), 1))
    assert len(got.rows) == 64
    assert len(got.raw) > 1
    assert all(batch.nbytes <= BATCH_BYTES for batch in got.raw)


def test_names_count_for_the_size_of_a_repository(read_bytes):
    """A million links of four kilobytes each bring gigabytes, though no file."""

    def link(info):
        info.type, info.linkname = tarfile.SYMTYPE, "x"

    members = [("t/a.c", b"int a;")] + [(f"t/{'d/' * 1500}{index}", link) for index in range(30)]
    got = read_bytes("a__b.tar.gz", gzip.compress(make_tar(members)), max_archive_bytes=70_000)
    assert [bad.reason for bad in got.quarantined] == ["limit"]


def test_damage_has_an_end(read_bytes):
    """After a thousand files that cannot be read the rest is one record."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for index in range(MAX_DAMAGED_FILES + 50):
            archive.writestr(f"t/{index}.c", b"int a;")
        archive.writestr("t/z.c", b"int z;")
    got = read_bytes("a__b.zip", buffer.getvalue().replace(b"int a;", b"int b;"))
    assert not got.rows
    assert len(got.quarantined) == MAX_DAMAGED_FILES + 1
    assert got.quarantined[-1].reason == "limit"
