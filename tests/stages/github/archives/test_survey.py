"""Tar and zip archives, whole, damaged and hostile."""

import gzip
import io
import random
import tarfile
import zipfile

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.github.archives.decompression import ByteReader, expand
from stages.github.archives.tar import TarReader
from stages.github.entries import Damaged

SHA = "0123456789abcdef0123456789abcdef01234567"
TOP = f"mux-{SHA}"


def make_tar(members, *, comment=SHA, layout=tarfile.PAX_FORMAT):
    """A tar of (name, bytes | TarInfo-tweak) pairs, as `git archive` writes it."""
    buffer = io.BytesIO()
    headers = {"comment": comment} if comment else {}
    with tarfile.open(fileobj=buffer, mode="w", format=layout, pax_headers=headers) as archive:
        for name, payload in members:
            info = tarfile.TarInfo(name)
            if callable(payload):
                payload(info)
                archive.addfile(info)
            else:
                info.size = len(payload)
                archive.addfile(info, io.BytesIO(payload))
    return buffer.getvalue()


def link_to(target, type_=tarfile.SYMTYPE):
    def tweak(info):
        info.type = type_
        info.linkname = target

    return tweak


def make_zip(members, *, comment=SHA, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.comment = comment.encode()
        for name, payload in members:
            archive.writestr(name, payload)
    return buffer.getvalue()


MEMBERS = [
    (f"{TOP}/README", b"read me\n"),
    (f"{TOP}/src/a.c", b"int a;\n"),
    (f"{TOP}/LICENSE", b"SPDX-License-Identifier: MIT\n"),
]
TEXTS = {"README": "read me\n", "src/a.c": "int a;\n", "LICENSE": MEMBERS[2][1].decode()}


@pytest.mark.parametrize("seekable", [True, False])
@pytest.mark.parametrize(
    ("suffix", "pack"),
    [
        (".tar", lambda tar: tar),
        (".tar.gz", gzip.compress),
        (".tgz", lambda tar: gzip.compress(tar[:700]) + gzip.compress(tar[700:]) + bytes(512)),
        (".tar.zst", lambda tar: zstandard.compress(tar[:1000]) + zstandard.compress(tar[1000:])),
    ],
)
def test_every_tar_packing_reads_alike(read_bytes, suffix, pack, seekable):
    """Plain, gzip (also in several members, padded) and zstd tars give the same documents."""
    got = read_bytes(f"gorilla__mux{suffix}", pack(make_tar(MEMBERS)), seekable=seekable)
    assert got.identity == f"gorilla/mux@{SHA}"
    assert got.texts == TEXTS
    assert list(got.texts) == ["README", "src/a.c", "LICENSE"]
    assert {row["license"] for row in got.rows} == {"MIT"}
    assert [row["kind"] for row in got.rows] == ["markdown", "source", "source"]
    assert got.rows[1]["uri"] == f"gorilla/mux@{SHA}:src/a.c"
    assert not got.quarantined
    assert not got.skipped


@pytest.mark.parametrize("seekable", [True, False])
def test_a_zip_reads_like_a_tar(read_bytes, seekable):
    """A zip with the commit as its comment gives the same documents, seekable or not."""
    got = read_bytes("gorilla__mux.zip", make_zip(MEMBERS), seekable=seekable)
    assert got.identity == f"gorilla/mux@{SHA}"
    assert got.texts == TEXTS
    assert {row["license"] for row in got.rows} == {"MIT"}


@pytest.mark.parametrize("data", [make_tar([]), gzip.compress(make_tar([])), make_zip([])])
def test_an_empty_archive_has_no_documents(read_bytes, data):
    """No members is no failure."""
    got = read_bytes("a__b.archive", data)
    assert got.identity is not None
    assert not got.rows
    assert not got.quarantined


def test_without_a_commit_the_revision_is_the_content(read_bytes):
    """Two archives with different bytes get different revisions, the same bytes the same."""
    first, second = (make_tar([("x/a.c", body)], comment=None) for body in (b"1", b"2"))
    revisions = [read_bytes("a__b.tar", data).identity for data in (first, second, first)]
    assert revisions[0] == revisions[2] != revisions[1]
    assert len(revisions[0].partition("@")[2]) == 32


def test_only_a_folder_that_all_files_share_is_stripped(read_bytes):
    """A file beside the folder keeps every path whole."""
    got = read_bytes("a__b.tar", make_tar([("x/a.c", b"1"), ("b.c", b"2")]))
    assert list(got.texts) == ["x/a.c", "b.c"]


def test_unsafe_paths_and_links_are_skipped(read_bytes):
    """`..`, absolute paths, links, loops, devices: counted by reason, nothing is followed."""
    members = [
        (f"{TOP}/ok.c", b"int a;"),
        (f"{TOP}/../../etc/passwd", b"x"),
        ("/etc/passwd", b"x"),
        ("C:\\evil.c", b"x"),
        (f"{TOP}/..\\..\\evil.c", b"x"),
        (f"{TOP}/loop", link_to("loop")),
        (f"{TOP}/a", link_to("b")),
        (f"{TOP}/hard", link_to(f"{TOP}/ok.c", tarfile.LNKTYPE)),
        (f"{TOP}/pipe", link_to("", tarfile.FIFOTYPE)),
        (f"{TOP}/./ok.c", b"again"),
    ]
    got = read_bytes("a__b.tar", make_tar(members))
    assert got.texts == {"ok.c": "int a;"}
    assert got.skipped == {"unsafe_path": 4, "symlink": 2, "special": 2, "repeated_path": 1}


def test_zip_symlinks_and_encryption(read_bytes):
    """A link in a zip is skipped, an encrypted entry quarantined, and the rest is read."""
    link = zipfile.ZipInfo("t/link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    data = bytearray(make_zip([(link, b"/etc"), ("t/secret.c", b"x"), ("t/ok.c", b"int a;")]))
    data[data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4) + 8] |= 1
    got = read_bytes("a__b.zip", bytes(data))
    assert got.texts == {"ok.c": "int a;"}
    assert got.skipped == {"symlink": 1}
    assert [(bad.reason, bad.origin) for bad in got.quarantined] == [
        ("unreadable", f"a/b@{SHA}:secret.c")
    ]


def test_a_damaged_zip_entry_costs_itself_alone(read_bytes):
    """A wrong checksum quarantines one entry."""
    data = make_zip([("t/a.c", b"int a;"), ("t/b.c", b"int b;")], method=zipfile.ZIP_STORED)
    got = read_bytes("a__b.zip", data.replace(b"int a;", b"int z;", 1))
    assert got.texts == {"b.c": "int b;"}
    assert [bad.reason for bad in got.quarantined] == ["corrupt"]


@pytest.mark.parametrize("cut", [100, 600, 2000, 3000])
def test_a_truncated_archive_keeps_what_came_before(read_bytes, cut):
    """Members before the cut are documents; the rest is one quarantined record."""
    noise = random.Random(7).randbytes(4096).hex().encode()
    data = gzip.compress(make_tar([("t/a.c", b"int a;"), ("t/b.c", noise), ("t/c.c", b"x")]))
    got = read_bytes("a__b.tar.gz", data[:-cut])
    assert [bad.reason for bad in got.quarantined] == ["truncated"]
    assert got.texts["a.c"] == "int a;"
    assert "c.c" not in got.texts or cut < 1000


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 6000), st.binary(min_size=1, max_size=20))
def test_damage_is_always_reported_never_raised(position, patch):
    """Whatever bytes are overwritten, the reader ends in members, `Damaged`, or the end."""
    data = bytearray(make_tar([(f"t/{index}.c", b"x" * 700) for index in range(3)]))
    data[position : position + len(patch)] = patch
    reader = ByteReader(expand(io.BytesIO(bytes(data)), b""), 1 << 20)
    try:
        sizes = [len(entry.read()) for entry in TarReader(reader, 1000) if entry.type == "file"]
    except Damaged as damage:
        reason = damage.reason
    else:
        reason = None
        assert sum(sizes) <= len(data)
    assert reason in {None, "truncated", "corrupt", "limit"}


PACKED = {
    "tar.gz": gzip.compress(make_tar(MEMBERS), mtime=0),
    "tar.zst": zstandard.compress(make_tar(MEMBERS)),
    "zip": make_zip(MEMBERS),
}


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(PACKED)), st.integers(0, 1000), st.binary(max_size=8), st.booleans())
def test_no_damage_raises(read_bytes, kind, position, patch, cut):
    """Every packing, patched or cut anywhere, gives documents and at most a quarantined rest."""
    data = bytearray(PACKED[kind])
    position %= len(data)
    data[position : position + len(patch)] = patch
    got = read_bytes(f"a__b.{kind}", bytes(data[:position] if cut else data))
    assert len(got.rows) + got.skipped.total() + len(got.quarantined) > 0 or data != PACKED[kind]
    assert all(bad.error and len(bad.head) <= 4096 for bad in got.quarantined)


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>404</html>", b"\x1f\x8b\x08broken", b"PK\x03\x04broken", b"\x28\xb5\x2f\xfdxxxx"],
)
def test_what_is_no_archive_is_quarantined(read_bytes, data):
    """Foreign or broken bytes give one quarantined record and no documents."""
    got = read_bytes("a__b.tar.gz", data)
    assert len(got.quarantined) == 1
    assert got.quarantined[0].reason in {"truncated", "unreadable", "corrupt"}
    assert not got.rows


def test_a_corrupt_header_is_not_the_end(read_bytes):
    """Where `tarfile` would stop without a word, the damage is reported with its offset."""
    data = bytearray(make_tar([("t/a.c", b"int a;"), ("t/b.c", b"int b;")], comment=None))
    data[1024 + 10] ^= 0xFF
    got = read_bytes("a__b.tar", bytes(data))
    assert got.texts == {"a.c": "int a;"}
    assert [(bad.reason, bad.offset) for bad in got.quarantined] == [("corrupt", 1024)]


def test_an_archive_stops_at_its_limit(read_bytes):
    """What would expand past `max_archive_bytes` is quarantined; files before it stay."""
    members = [("t/a.c", b"int a;")] + [(f"t/{index}.txt", bytes(1 << 20)) for index in range(20)]
    bomb = gzip.compress(make_tar(members))
    got = read_bytes("a__b.tar.gz", bomb, max_archive_bytes=4 << 20)
    assert got.texts["a.c"] == "int a;"
    assert [bad.reason for bad in got.quarantined] == ["limit"]
    assert len(got.rows) == 4
    zipped = read_bytes("a__b.zip", make_zip(members), max_archive_bytes=4 << 20)
    assert [bad.reason for bad in zipped.quarantined] == ["limit"]
    assert len(zipped.rows) == 4


def test_a_bomb_in_one_member_is_never_expanded_in_memory(read_bytes):
    """A member of 256 MiB in a gzip of about 1 MB is passed over as too large."""
    size = 256 << 20
    header = tarfile.TarInfo("t/bomb.txt")
    header.size = size
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as stream:
        stream.write(make_tar([("t/a.c", b"int a;")], comment=None)[:1024])
        stream.write(header.tobuf())
        for _ in range(size >> 22):
            stream.write(bytes(1 << 22))
        stream.write(bytes(1024))
    got = read_bytes("a__b.tar.gz", packed.getvalue())
    assert got.texts == {"a.c": "int a;"}
    assert got.skipped == {"too_large": 1}
    limited = read_bytes("a__b.tar.gz", packed.getvalue(), max_archive_bytes=1 << 24)
    assert [bad.reason for bad in limited.quarantined] == ["limit"]


def test_a_zip_of_two_gibibytes_is_passed_over(read_bytes):
    """An entry that declares 2 GiB is skipped unexpanded; one that lies about its size is
    quarantined."""
    data = bytearray(make_zip([("t/bomb.txt", bytes(100_000)), ("t/a.c", b"int a;")]))
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (1 << 31).to_bytes(4, "little")
    got = read_bytes("a__b.zip", bytes(data))
    assert got.texts == {"a.c": "int a;"}
    assert got.skipped == {"too_large": 1}
    data[directory + 24 : directory + 28] = (10).to_bytes(4, "little")
    lying = read_bytes("a__b.zip", bytes(data))
    assert [bad.reason for bad in lying.quarantined] == ["corrupt"]
    assert lying.texts == {"a.c": "int a;"}


def test_a_giant_extended_header_is_refused(read_bytes):
    """A pax header of gigabytes is a limit, not an allocation."""
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 4 << 30
    got = read_bytes("a__b.tar", header.tobuf() + bytes(1 << 20))
    assert [bad.reason for bad in got.quarantined] == ["limit"]


def test_too_many_files_are_a_limit(read_bytes):
    """`max_files` bounds the number of entries."""
    data = make_tar([(f"t/{index}.c", b"x") for index in range(10)])
    got = read_bytes("a__b.tar", data, max_files=4)
    assert len(got.rows) == 4
    assert [bad.reason for bad in got.quarantined] == ["limit"]


@pytest.mark.parametrize("layout", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_and_foreign_names_survive(read_bytes, layout):
    """Names over 100 bytes, in Chinese, and not in UTF-8 at all."""
    long_name = "d/" * 80 + "初始化.c"
    got = read_bytes(
        "a__b.tar", make_tar([(f"t/{long_name}", b"1"), ("t/b.c", b"2")], layout=layout)
    )
    assert list(got.texts) == [long_name, "b.c"]
    latin = tarfile.TarInfo("t/caf\xe9.c").tobuf(tarfile.GNU_FORMAT, "latin-1")
    assert list(read_bytes("a__b.tar", latin + bytes(1024)).texts) == ["caf\\xe9.c"]


def test_batches_are_bounded(read_bytes):
    """At most 64 files or 16 MiB a batch."""
    members = [(f"t/{index}.c", b"x") for index in range(100)]
    members += [(f"t/big{index}.txt", b"y" * (9 << 20)) for index in range(2)]
    got = read_bytes("a__b.tar", make_tar(members))
    assert [batch.num_rows for batch in got.raw] == [64, 37, 1]


def test_real_archives_agree_with_tarfile(real_archives):
    """Names and bytes of every regular member equal those `tarfile` finds."""
    for path in real_archives:
        with path.open("rb") as stream:
            reader = ByteReader(expand(stream, stream.read(512)), 1 << 30)
            ours = [(e.path, e.read()) for e in TarReader(reader, 10_000) if e.type == "file"]
        with tarfile.open(path) as archive:
            theirs = [(m.name, archive.extractfile(m).read()) for m in archive if m.isfile()]
        assert ours == theirs
