"""Tar headers that are odd, that lie, and that never end."""

import gzip
import io
import struct
import tarfile
import zlib

import pytest
import zstandard

from stages.github.archives.decompression import ByteReader, expand
from stages.github.archives.tar import TarReader
from stages.github.entries import Damaged

END = bytes(1024)


def header(name, size=0, **tweaks):
    info = tarfile.TarInfo(name)
    info.size = size
    for key, value in tweaks.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT)


def padded(data):
    return data + bytes(-len(data) % 512)


def member(name, payload=b"int a;", **tweaks):
    return header(name, len(payload), **tweaks) + padded(payload)


def pax(records, type_=tarfile.XHDTYPE):
    body = b""
    for key, value in records:
        rest = b" " + key + b"=" + value + b"\n"
        length = len(rest)
        while len(str(length)) + len(rest) != length:
            length = len(str(length)) + len(rest)
        body += str(length).encode() + rest
    return header("x", len(body), type=type_) + padded(body)


def patched(block, place, data):
    """A header with other bytes and a good checksum."""
    block = bytearray(block)
    block[place : place + len(data)] = data
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:512])
    return bytes(block)


def read_all(data, max_headers=1000):
    reader = TarReader(ByteReader(expand(io.BytesIO(data), b""), 1 << 30), max_headers)
    return [(entry.path, entry.read()) for entry in reader]


@pytest.mark.parametrize(
    ("place", "field"),
    [
        (136, b"77777777777\0"),
        (136, b"\x80" + b"\xff" * 11),
        (136, b"\xff" * 12),
        (136, b"no date at a"),
        (100, b"rwxr-xr\0"),
        (108, b"\x80" + b"\xff" * 7),
        (329, b"devices!"),
    ],
)
def test_dates_owners_and_modes_do_not_matter(place, field):
    """They are not read, so they may be out of range, or no numbers at all."""
    data = patched(header("a.c", 6), place, field) + padded(b"int a;") + END
    assert read_all(data) == [("a.c", b"int a;")]


@pytest.mark.parametrize(
    "field", [b"\xff" * 12, b"-0000000001\0", b"\xc0" + b"\x01" * 11, b"12345678901\0"]
)
def test_a_size_that_is_none_is_corrupt(field):
    """Negative, or no number: the next header cannot be found."""
    with pytest.raises(Damaged) as caught:
        read_all(patched(header("a.c", 6), 124, field) + padded(b"int a;") + END)
    assert caught.value.reason == "corrupt"


def test_a_size_beyond_the_archive_is_passed_over_to_its_end(read_bytes):
    """2^88 bytes are too large to read, and not there to pass over."""
    data = patched(header("a.c", 6), 124, b"\x80" + b"\xff" * 11) + padded(b"int a;") + END
    got = read_bytes("a__b.tar", member("b.c") + data)
    assert list(got.texts) == ["b.c"]
    assert got.skipped == {"too_large": 1}
    assert [bad.reason for bad in got.quarantined] == ["truncated"]


@pytest.mark.parametrize(
    "record",
    [
        (b"size", b"-1"),
        (b"size", b"9" * 5000),
        (b"size", "\u0663".encode()),
        (b"size", b""),
        (b"size", b"1e3"),
    ],
)
def test_a_pax_size_that_is_none_is_corrupt(read_bytes, record):
    """What came before is kept."""
    got = read_bytes("a__b.tar", member("b.c") + pax([record]) + member("a.c") + END)
    assert list(got.texts) == ["b.c"]
    assert [bad.reason for bad in got.quarantined] == ["corrupt"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"0 a=b\n",
        b"5 a=b\n",
        b"99 a=b\n",
        b"7 a=b\n",
        b"x a=b\n",
        b"6 ab\n\n",
        b" a=b\n",
        b"9" * 19 + b" a=b\n",
    ],
)
def test_pax_records_that_lie_about_their_length(body):
    """No record is read across its neighbour or the header's end."""
    data = header("x", len(body), type=tarfile.XHDTYPE) + padded(body) + member("a.c") + END
    if not body:
        assert [name for name, _ in read_all(data)] == ["a.c"]
        return
    with pytest.raises(Damaged) as caught:
        read_all(data)
    assert caught.value.reason == "corrupt"


def test_a_pax_size_that_is_too_small_is_found_out(read_bytes):
    """The bytes behind are no header."""
    data = pax([(b"size", b"3")]) + member("a.c", b"int a;" * 200) + END
    got = read_bytes("a__b.tar", data)
    assert got.texts == {"a.c": "int"}
    assert [bad.reason for bad in got.quarantined] == ["corrupt"]


@pytest.mark.parametrize(
    "path", [b"t/a\0.c", b"t/" + b"x" * 5000, b"", b"/abs.c", b"t/" + "ж".encode() * 2100]
)
def test_pax_paths_that_name_no_file_are_skipped(read_bytes, path):
    """A NUL, more bytes than a path may have, nothing."""
    got = read_bytes("a__b.tar", pax([(b"path", path)]) + member("a.c") + member("b.c") + END)
    assert list(got.texts) == ["b.c"]
    assert got.skipped == {"unsafe_path": 1}


def test_a_path_of_another_encoding_survives(read_bytes):
    """Odd bytes and encoded surrogates show as such in every column."""
    got = read_bytes("a__b.tar", pax([(b"path", b"t/\xff\xed\xa0\x80.c")]) + member("a.c") + END)
    assert list(got.texts) == ["\\xff\\xed\\xa0\\x80.c"]


def test_extended_headers_of_a_member_have_a_limit_together(read_bytes):
    """Each may be small: a thousand of them are not."""
    endless = b"".join(pax([(b"key%d" % n, b"v" * 10_000)]) for n in range(200))
    got = read_bytes("a__b.tar.gz", gzip.compress(member("b.c") + endless + member("a.c") + END))
    assert list(got.texts) == ["b.c"]
    assert [bad.reason for bad in got.quarantined] == ["limit"]


@pytest.mark.parametrize(
    "filler",
    [
        header("d/", type=tarfile.DIRTYPE),
        pax([(b"comment", b"c")], tarfile.XGLTYPE),
        pax([(b"mtime", b"1")]),
    ],
)
def test_headers_that_are_no_files_have_a_limit(read_bytes, filler):
    """Folders and extended headers yield nothing, but they take time."""
    data = member("b.c") + filler * 100 + END
    got = read_bytes("a__b.tar", data, max_files=10)
    assert list(got.texts) == ["b.c"]
    assert [bad.reason for bad in got.quarantined] == ["limit"]


def test_headers_agree_with_tarfile():
    """Types, links, long names, prefixes, sparse and old headers, in every format."""
    for layout in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=layout) as archive:
            for name in ("a.c", "d/" * 60 + "long.c", "\u00e9\u0436/b.c", "v7/"):
                info = tarfile.TarInfo(name)
                info.size = 3
                archive.addfile(info, io.BytesIO(b"abc"))
            for type_ in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE):
                info = tarfile.TarInfo(f"type-{type_.decode()}")
                info.type, info.linkname = type_, "a.c"
                archive.addfile(info)
        data = buffer.getvalue()
        reader = TarReader(ByteReader(expand(io.BytesIO(data), b""), 1 << 30), 1000)
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            expected = [(m.name, m.offset) for m in archive if not m.isdir()]
        assert [(entry.path, entry.offset) for entry in reader] == expected


def test_many_small_gzip_members_are_a_limit(read_bytes):
    """More members than the tar has blocks: none that anybody made."""
    member_ = gzip.compress(b"", mtime=0)
    data = gzip.compress(member("a.c")) + member_ * 20_000 + gzip.compress(END)
    got = read_bytes("a__b.tar.gz", data)
    assert list(got.texts) == ["a.c"]
    assert [bad.reason for bad in got.quarantined] == ["limit"]


def test_chained_gzip_members_cost_their_bytes_alone():
    """Each byte reaches a decompressor about once, however small the members are."""
    fed = 0

    decompressor = zlib.decompressobj

    class Counting:
        def __init__(self, wbits):
            self.inner = decompressor(wbits=wbits)

        def decompress(self, data, limit):
            nonlocal fed
            fed += len(data)
            return self.inner.decompress(data, limit)

        def __getattr__(self, name):
            return getattr(self.inner, name)

    data = gzip.compress(b"x" * 600, mtime=0) * 9000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stages.github.archives.decompression.zlib.decompressobj", Counting)
        expanded = b"".join(expand(io.BytesIO(data[2:]), data[:2]))
    assert expanded == b"x" * 600 * 9000
    assert fed < 20 * len(data)


def with_a_dictionary(data):
    samples = [b"int %d;\n" % (n * 7919) * 20 for n in range(200)]
    return zstandard.ZstdCompressor(dict_data=zstandard.train_dictionary(2048, samples)).compress(
        data
    )


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<IB", 0xFD2FB528, 0x03) + struct.pack("<I", 7) + b"xxxxxxxx",
        with_a_dictionary(member("a.c") + END),
        b"\x37\xa4\x30\xec" + bytes(600),
        zstandard.compress(END)[:-3],
        zstandard.compress(b"x" * 100) + b"\x28\xb5\x2f\xfd\xff\xff\xff",
    ],
)
def test_broken_zstd_is_quarantined(read_bytes, data):
    """A dictionary that is not here, a broken one, a cut frame."""
    got = read_bytes("a__b.tar.zst", data)
    assert len(got.quarantined) == 1
    assert not got.rows
