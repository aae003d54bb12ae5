"""Zips: what `zipfile` reads, and what must not be believed."""

import io
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.github.archives.zip import ZipReader
from stages.github.entries import Damaged

RECORD, LOCAL = b"PK\x01\x02", b"PK\x03\x04"
FULL = 0xFFFFFFFF


def make_zip(members, *, method=zipfile.ZIP_DEFLATED, comment=b"", wide=False):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.comment = comment
        for name, payload in members:
            with archive.open(name, "w", force_zip64=wide) as member:
                member.write(payload)
    return bytearray(buffer.getvalue())


def records(data):
    """Where the directory's records begin."""
    found = []
    place = data.find(RECORD)
    while place >= 0:
        found.append(place)
        place = data.find(RECORD, place + 1)
    return found


def read_all(data, max_records=100):
    return [(e.path, e.read()) for e in ZipReader(io.BytesIO(bytes(data)), max_records)]


PAYLOADS = st.lists(
    st.tuples(
        st.text("aéж/", min_size=1, max_size=6).filter(lambda n: not n.endswith("/")), st.binary()
    ),
    max_size=5,
    unique_by=lambda member: member[0],
)


@settings(max_examples=60, deadline=None)
@given(PAYLOADS, st.booleans(), st.booleans(), st.binary(max_size=40), st.binary(max_size=40))
def test_it_reads_what_zipfile_reads(members, stored, wide, before, comment):
    """Both methods, zip64 fields, bytes before the archive, a comment behind it."""
    method = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    data = before + make_zip(members, method=method, comment=comment, wide=wide)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        expected = [(info.filename, archive.read(info)) for info in archive.infolist()]
    assert read_all(data) == expected == members


def widened(data, length, offset):
    """The zip with a zip64 end of the directory that says so."""
    last = data.rindex(b"PK\x05\x06")
    n = len(records(data))
    wide = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, n, n, length, offset)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, last, 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, FULL, FULL, 0)
    return data[:last] + wide + locator + end


def test_a_zip64_end_is_followed():
    """As archives of more than 65,535 entries or 4 GiB have one."""
    data = make_zip([("t/a.c", b"int a;"), ("t/b.c", b"int b;")])
    start, last = records(data)[0], data.rindex(b"PK\x05\x06")
    wide = widened(data, last - start, start)
    with zipfile.ZipFile(io.BytesIO(wide)) as archive:
        assert archive.namelist() == ["t/a.c", "t/b.c"]
    assert read_all(wide) == [("t/a.c", b"int a;"), ("t/b.c", b"int b;")]


@pytest.mark.parametrize("length", [0, 2**64 - 1, None])
@pytest.mark.parametrize("offset", [0, 2**64 - 1, 2**63, None])
def test_a_zip64_end_that_lies_is_quarantined(read_bytes, length, offset):
    """Numbers no file can have are compared, never sought."""
    data = make_zip([("t/a.c", b"int a;")])
    start, last = records(data)[0], data.rindex(b"PK\x05\x06")
    length = last - start if length is None else length
    wide = widened(data, length, start if offset is None else offset)
    got = read_bytes("a__b.zip", bytes(wide))
    assert len(got.rows) + len(got.quarantined) <= 1
    if 2**64 - 1 in (length, offset):
        assert [bad.reason for bad in got.quarantined] == ["corrupt"]


def test_a_name_that_is_no_utf8_costs_no_other_entry(read_bytes):
    """It shows its odd bytes, and stays a document."""
    data = make_zip([("t/caf\u00e9.c", b"int a;"), ("t/b.c", b"int b;")])
    data = data.replace("\u00e9".encode(), b"\xff\xfe")
    assert read_bytes("a__b.zip", bytes(data)).texts == {
        "caf\\xff\\xfe.c": "int a;",
        "b.c": "int b;",
    }


@pytest.mark.parametrize("name", [b"\0/a.c", b"t\0\0.c", b"/ab.c", b"../.c"])
def test_names_that_name_no_file_are_skipped(read_bytes, name):
    """A NUL is not the end of a name, as C would have it."""
    data = make_zip([("t/a.c", b"int a;"), ("t/b.c", b"int b;")]).replace(b"t/a.c", name)
    got = read_bytes("a__b.zip", bytes(data))
    assert list(got.texts.values()) == ["int b;"]
    assert got.skipped == {"unsafe_path": 1}


@pytest.mark.parametrize("number", [2**64 - 1, 2**63, 2**40])
@pytest.mark.parametrize("place", [0, 8, 16])
def test_a_wide_number_that_leads_nowhere_costs_its_entry(read_bytes, number, place):
    """Size, stored size and offset of an entry, beyond the file and beyond 63 bits."""
    data = make_zip([("t/a.c", b"int a;"), ("t/b.c", b"int b;")])
    first = records(data)[0]
    numbers = [6, 6, 0]
    numbers[place // 8] = number
    extra = struct.pack("<2H3Q", 1, 24, *numbers)
    struct.pack_into("<2I", data, first + 20, FULL, FULL)
    struct.pack_into("<I", data, first + 42, FULL)
    struct.pack_into("<H", data, first + 30, len(extra))
    end = first + 46 + len("t/a.c")
    data[end:end] = extra
    last = data.rindex(b"PK\x05\x06")
    struct.pack_into("<I", data, last + 12, last - first)
    got = read_bytes("a__b.zip", bytes(data))
    assert got.texts == {"b.c": "int b;"}
    assert len(got.quarantined) + got.skipped.total() == 1
    assert all(bad.reason == "corrupt" for bad in got.quarantined)


@pytest.mark.parametrize("field", [(12, "<I"), (16, "<I")])
@pytest.mark.parametrize("number", [0, 5, 10_000, FULL])
def test_a_directory_that_lies_elsewhere_is_quarantined(read_bytes, field, number):
    """Length and offset in the end of the directory are checked before they are used."""
    data = make_zip([("t/a.c", b"int a;")])
    struct.pack_into(field[1], data, data.rindex(b"PK\x05\x06") + field[0], number)
    got = read_bytes("a__b.zip", bytes(data))
    assert len(got.quarantined) + len(got.rows) <= 1


def test_entries_that_share_data_are_not_inflated_again():
    """A thousand records over one deflated file cost one."""
    payload = bytes(1 << 20)
    data = make_zip([("t/a.txt", payload)])
    first, last = records(data)[0], data.rindex(b"PK\x05\x06")
    record = bytes(data[first:last])
    n = 1000
    end = bytearray(data[last:])
    struct.pack_into("<2HI", end, 8, n, n, n * len(record))
    reader = ZipReader(io.BytesIO(bytes(data[:first]) + record * n + bytes(end)), n)
    outcomes = []
    for entry in reader:
        try:
            outcomes.append(len(entry.read()))
        except Damaged as damage:
            outcomes.append(damage.reason)
    assert outcomes == [len(payload)] + ["corrupt"] * (n - 1)


def test_a_stream_that_never_yields_is_not_inflated_for_ever():
    """Empty deflate blocks: the entry is read once, and found to be too short."""
    empty = b"\x00\x00\x00\xff\xff" * 200_000 + b"\x03\x00"
    name = b"t/a.c"
    fields = (0, 8, 0, 0, 0, len(empty), 10, len(name), 0)
    local = struct.pack("<4s5H3I2H", LOCAL, 20, *fields) + name + empty
    record = struct.pack("<4s4B4H3I5H2I", RECORD, 20, 3, 20, 0, *fields, 0, 0, 0, 0, 0) + name
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(record), len(local), 0)
    (entry,) = ZipReader(io.BytesIO(local + record + end), 10)
    with pytest.raises(Damaged, match="0 bytes where the directory says 10"):
        entry.read()


def test_the_directory_is_not_held_in_memory(read_bytes):
    """Folders count, too: the reading stops, though no file was met."""
    n = 300
    data = make_zip([(f"{index}/", b"") for index in range(n)])
    got = read_bytes("a__b.zip", bytes(data), max_files=50)
    assert [bad.reason for bad in got.quarantined] == ["limit"]


@pytest.mark.parametrize("cut", [1, 21, 22, 40, 80])
def test_a_zip_without_its_end_is_truncated(read_bytes, cut):
    """The directory stands at the end."""
    data = make_zip([("t/a.c", b"int a;"), ("t/b.c", b"int b;")])
    got = read_bytes("a__b.zip", bytes(data[:-cut]))
    assert [bad.reason for bad in got.quarantined] == ["truncated"]
