"""WARC files written by warcio, and what they look like after accidents."""

import gzip
import io
import random
import struct
import time
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from stages.web.reading.members import GZIP_MAGIC
from stages.web.reading.warc import Damage, Oversized, Record, read_warc

LIMIT = 1 << 20
CRAWL = Path(__file__).resolve().parents[4] / ".." / "shared" / "data" / "web" / "crawl"


class Writer(WARCWriter):  # type: ignore[misc]
    """warcio leaves its temporary files to the garbage collector, which warns."""

    def _create_temp_file(self) -> io.BytesIO:
        return io.BytesIO()


def records(data: bytes, limit: int = LIMIT) -> list[Record | Oversized | Damage]:
    return list(read_warc(io.BytesIO(data), limit))


def responses(bodies: list[bytes], *, compress: bool = True) -> tuple[bytes, list[int]]:
    """A WARC with a response for each body, and where each begins."""
    out = io.BytesIO()
    writer = Writer(out, gzip=compress)
    starts = []
    for number, body in enumerate(bodies):
        starts.append(out.tell())
        head = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.1")
        url = f"http://example.org/{number}"
        writer.write_record(
            writer.create_warc_record(url, "response", io.BytesIO(body), http_headers=head)
        )
    starts.append(out.tell())
    return out.getvalue(), starts


BODIES = [f"<p>page {number}</p>".encode() * (50 + 37 * number) for number in range(6)]


class Pipe(io.RawIOBase):
    """A stream that neither seeks nor returns as much as it is asked for."""

    def __init__(self, data: bytes) -> None:
        self._pieces: Iterator[bytes] = (data[at : at + 7] for at in range(0, len(data), 7))

    def read(self, size: int = -1, /) -> bytes:
        return next(self._pieces, b"")


@pytest.mark.parametrize("compress", [True, False])
def test_places(compress: bool) -> None:
    """Offsets and lengths are those of the file, compressed or not, and the blocks are whole."""
    data, starts = responses(BODIES, compress=compress)
    found = records(data)
    assert [record.offset for record in found] == starts[:-1]
    assert [body in record.block for body, record in zip(BODIES, found, strict=True)] == [True] * 6
    assert all(record.block.endswith(body) for body, record in zip(BODIES, found, strict=True))
    for record in found:
        assert isinstance(record, Record)
        piece = data[record.offset : record.offset + record.length]
        assert record.block in (gzip.decompress(piece) if compress else piece)


def test_pipe() -> None:
    """A stream that trickles and cannot seek gives the same records."""
    data, _ = responses(BODIES)
    assert list(read_warc(Pipe(data), LIMIT)) == records(data)


def test_zstandard() -> None:
    """Frames of a .warc.zst are records with exact places."""
    plain, starts = responses(BODIES, compress=False)
    frames = [
        zstandard.ZstdCompressor().compress(plain[start:end]) for start, end in pairwise(starts)
    ]
    found = records(b"".join(frames))
    assert [record.length for record in found] == [len(frame) for frame in frames]
    assert [record.block for record in found] == [record.block for record in records(plain)]


def test_flipped_bytes() -> None:
    """A damaged member is reported at its offset with its first bytes, all others are read."""
    data, starts = responses(BODIES)
    middle = (starts[2] + starts[3]) // 2
    broken = data[:middle] + bytes(byte ^ 0x5A for byte in data[middle : middle + 20])
    broken += data[middle + 20 :]
    found = records(broken)
    damage = [record for record in found if isinstance(record, Damage)]
    assert [(d.offset, d.reason) for d in damage] == [(starts[2], "broken_member")]
    assert damage[0].head.startswith(GZIP_MAGIC)
    assert [r.offset for r in found if isinstance(r, Record)] == starts[:2] + starts[3:-1]


@pytest.mark.parametrize("removed", [1, 5, 40])
def test_truncated_in_the_middle(removed: int) -> None:
    """A member cut short in the middle of a file costs itself alone."""
    data, starts = responses(BODIES)
    found = records(data[: starts[4] - removed] + data[starts[4] :])
    kept = [record.block for record in found if isinstance(record, Record)]
    assert len(kept) == 5
    assert [d.offset for d in found if isinstance(d, Damage)] == [starts[3]]


def test_truncated_at_the_end() -> None:
    """A file that ends inside its last member says so."""
    data, starts = responses(BODIES)
    *found, last = records(data[:-10])
    assert len(found) == 5
    assert isinstance(last, Damage)
    assert (last.offset, last.reason) == (starts[5], "truncated")


def test_garbage_between_members() -> None:
    """Bytes that are no member are one damage; padding with zeros is none."""
    data, starts = responses(BODIES)
    found = records(data[: starts[1]] + b"rubbish" * 100 + data[starts[1] :] + bytes(10_000))
    assert [type(record) for record in found] == [Record, Damage, *[Record] * 5]


@pytest.mark.parametrize(
    "wrong",
    [b"1", b"100", b"999999", b"99999999999999", b"9" * 5_000, b"x", b"-5", "٣".encode(), b""],
)
@pytest.mark.parametrize("compress", [True, False])
def test_wrong_content_length(wrong: bytes, compress: bool) -> None:
    """A record whose Content-Length is wrong keeps its body and costs no other record."""
    plain, starts = responses(BODIES, compress=False)
    pieces = [plain[a:b] for a, b in pairwise(starts)]
    head, _, rest = pieces[2].partition(b"Content-Length: ")
    pieces[2] = head + b"Content-Length: " + wrong + rest[rest.index(b"\r\n") :]
    data = b"".join(map(gzip.compress, pieces) if compress else pieces)
    found = [record for record in records(data) if isinstance(record, Record)]
    assert [record.block.endswith(body) for record, body in zip(found, BODIES, strict=True)] == [
        True
    ] * 6


def test_compressed_as_a_whole() -> None:
    """Records that share one member are told apart by position, and the range reads them back."""
    plain, starts = responses(BODIES, compress=False)
    data = gzip.compress(plain)
    found = records(data)
    assert [record.offset for record in found] == [0] * 6
    assert [r.position for r in found if isinstance(r, Record)] == starts[:-1]
    assert [r.is_inner for r in found if isinstance(r, Record)] == [False] + [True] * 5


@pytest.mark.parametrize("compress", [True, False])
def test_too_large(compress: bool) -> None:
    """A record above the limit is passed over and its neighbours are read."""
    bodies = [BODIES[0], b"<p>" * (LIMIT // 2), BODIES[1]]
    data, _ = responses(bodies, compress=compress)
    assert [type(record) for record in records(data)] == [Record, Oversized, Record]


def test_bomb() -> None:
    """A member that expands a thousandfold is given up after a bounded amount of work."""
    data, starts = responses(BODIES[:2])
    plain, _ = responses([bytes(80 << 20)], compress=False)
    found = records(data[: starts[1]] + gzip.compress(plain) + data[starts[1] :])
    assert [type(record) for record in found] == [Record, Oversized, Record]


BROKEN_DICTIONARIES = {
    "larger than the file": (b"\xff\xff\x00\x00", b"too short"),
    "larger than any": (b"\xff\xff\xff\xff", b"x" * 1000),
    "damaged": (b"\x0c\x00\x00\x00", zstandard.compress(b"x" * 100)[:12]),
    "that claims terabytes": (b"\x12\x00\x00\x00", b"\x28\xb5\x2f\xfd\xe0" + b"\x7f" * 13),
    "that expands": (b"\x00\x10\x00\x00", zstandard.compress(bytes(100 << 20)).ljust(4096, b"\0")),
}


@pytest.mark.parametrize("name", BROKEN_DICTIONARIES)
def test_broken_dictionary(name: str) -> None:
    """Without its dictionary nothing of a file can be read: it is one damage."""
    plain, _ = responses(BODIES, compress=False)
    data = b"\x5d\x2a\x4d\x18" + b"".join(BROKEN_DICTIONARIES[name]) + zstandard.compress(plain)
    (found,) = records(data)
    assert isinstance(found, Damage)
    assert (found.offset, found.reason) in {(0, "broken_dictionary"), (0, "truncated")}


def lying(body: bytes, length: int, count: int) -> bytes:
    head = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: %d\r\n\r\n" % length
    return (head + body + b"\r\n\r\n") * count


def stored_member(data: bytes) -> bytes:
    """A gzip member whose bytes stand in it as they are, and whose checksum is wrong."""
    pieces = [data[at : at + 65_535] for at in range(0, len(data), 65_535)]
    blocks = [
        struct.pack("<BHH", piece is pieces[-1], len(piece), len(piece) ^ 0xFFFF) + piece
        for piece in pieces
    ]
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + b"".join(blocks) + b"wrong sum"


def members_in_members(count: int) -> bytes:
    data = b""
    for _ in range(count):
        data = stored_member(lying(b"x" * 100, 100, 1) + data)
    return data


COSTLY = {
    "lengths within the file": lying(b"HTTP/1.1 200 OK\r\n\r\nbody", 5_000_000, 50_000),
    "lengths up to the limit": lying(b"x", 16 << 20, 10_000),
    "lengths above the limit": lying(b"x", 17 << 20, 10_000),
    "members in members": members_in_members(500),
    "members without end": gzip.compress(lying(bytes(1 << 20), 1 << 20, 1))[:-8] * 300,
    "members that expand": zstandard.compress(lying(bytes(15 << 20), 15 << 20, 1)) * 500,
    "records of one byte": gzip.compress(b"WARC/1.0\r\nA:\r\n\r\n\r\n\r\n" * 1_000_000),
    "starts of members": gzip.compress(BODIES[0])[:-9] + GZIP_MAGIC * 100_000,
    "line ends": gzip.compress(lying(b"x", 1, 1) + b"\r\n" * 20_000_000),
    "headers without end": (b"WARC/1.0\r\nA:" + b"b" * 70_000) * 80,
    "many headers": (b"WARC/1.0\r\n" + b"a:b\n" * 15_000 + b"\r\n\r\n") * 80,
}


@pytest.mark.parametrize("name", COSTLY)
def test_costly_files(name: str) -> None:
    """A file of a few megabytes costs a second, whatever it is made of. (Those whose lengths lie
    took minutes, and so did chains of members.)"""
    started = time.process_time()
    found = list(read_warc(io.BytesIO(COSTLY[name]), 16 << 20))
    assert time.process_time() - started < 30
    assert found


def test_after_what_is_costly() -> None:
    """What follows a part of the file that cost too much is read again."""
    data, _ = responses([random.Random(n).randbytes(20_000).hex().encode() for n in range(30)])
    found = records(gzip.compress(lying(bytes(18 << 20), 1, 1)) * 5 + data)
    assert sum(isinstance(record, Record) for record in found) > 20


def test_padding() -> None:
    """Zeros between members are passed over and not held."""
    data, starts = responses(BODIES[:2])
    padded = io.BytesIO(data[: starts[1]] + bytes(24 << 20) + data[starts[1] :])
    tracemalloc.start()
    assert sum(isinstance(record, Record) for record in read_warc(padded, LIMIT)) == 2
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


@given(st.data())
def test_any_damage(data: st.DataObject) -> None:
    """However a file is cut and changed, reading it ends and raises nothing."""
    compress = data.draw(st.sampled_from([bytes, gzip.compress, zstandard.compress]))
    file = bytearray(b"".join(compress(lying(body, len(body), 1)) for body in BODIES[:3]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(file)))
        file[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=12))
    found = records(bytes(file))
    assert sum(isinstance(record, Record) for record in found) <= 6


def test_no_warc() -> None:
    """A file that is something else altogether is damage, not an exception."""
    assert [type(record) for record in records(b"<html>no records here</html>" * 9)] == [Damage]
    assert records(b"") == []
    assert [type(record) for record in records(gzip.compress(b"nothing"))] == [Damage]


def test_real_crawl() -> None:
    """Offsets and lengths of a real crawl are those of its index; its broken member is found."""
    if not CRAWL.exists():
        pytest.skip("no shared data")
    import pyarrow.parquet as pq

    columns = ["warc", "offset", "length", "nuisance"]
    labels = pq.read_table(CRAWL / "labels.parquet", columns=columns).to_pylist()
    broken = next(row for row in labels if row["nuisance"] == "broken_gzip")
    expected = {
        (row["offset"], row["length"])
        for row in labels
        if row["warc"] == broken["warc"] and row is not broken
    }
    with (CRAWL / broken["warc"]).open("rb") as stream:
        found = list(read_warc(stream, 16 << 20))
    assert {
        (record.offset, record.length)
        for record in found
        if isinstance(record, Record) and record.headers["warc-type"] == "response"
    } == expected
    assert [r.offset for r in found if isinstance(r, Damage)] == [broken["offset"]]
