"""Records that members cut, frames without records, files whose first bytes are gone, and ARC."""

import gzip
import io
import random
import struct
from collections.abc import Callable
from itertools import pairwise

import pytest
import zstandard

from stages.web.reading.rows import Row, read_json_lines
from stages.web.reading.warc import Damage, Oversized, Record, read_warc

LIMIT = 1 << 20
BODIES = [f"<p>page {number}</p>".encode() * (30 + 41 * number) for number in range(5)]
Compress = Callable[[bytes], bytes]
COMPRESS: list[Compress] = [gzip.compress, zstandard.compress]


def blocks(data: bytes, limit: int = LIMIT) -> list[bytes]:
    return [r.block for r in read_warc(io.BytesIO(data), limit) if isinstance(r, Record)]


def damages(data: bytes) -> list[Damage]:
    return [r for r in read_warc(io.BytesIO(data), LIMIT) if isinstance(r, Damage)]


def warc(body: bytes) -> tuple[bytes, bytes]:
    head = b"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: http://e.org/\r\n"
    return head + b"Content-Length: %d\r\n\r\n" % len(body), body + b"\r\n\r\n"


def arc(body: bytes, url: str = "http://e.org/a b", mime: str = "text/html") -> bytes:
    return f"{url} 10.0.0.1 20090314150926 {mime} {len(body)}\n".encode() + body + b"\n"


def skippable(data: bytes, kind: int = 0x5E) -> bytes:
    return bytes([kind]) + b"\x2a\x4d\x18" + struct.pack("<I", len(data)) + data


WARC = b"".join(b"".join(warc(body)) for body in BODIES)
ARC_HEAD = b"1 0 InternetArchive\nURL IP-address Archive-date Content-type Archive-length\n"
ARC = arc(ARC_HEAD, "filedesc://x.arc", "text/plain") + b"".join(map(arc, BODIES))


@pytest.mark.parametrize("compress", COMPRESS)
def test_header_and_block_apart(compress: Compress) -> None:
    """A record whose header has a member of its own is one record over both."""
    parts = [[compress(part) for part in warc(body)] for body in BODIES]
    data = b"".join(header + block for header, block in parts)
    found = [r for r in read_warc(io.BytesIO(data), LIMIT) if isinstance(r, Record)]
    assert [record.block for record in found] == BODIES
    assert [record.length for record in found] == [len(a) + len(b) for a, b in parts]
    assert [data[r.offset : r.offset + 2] for r in found] == [compress(b"")[:2]] * 5
    assert not any(record.is_inner for record in found)


@pytest.mark.parametrize("compress", COMPRESS)
@pytest.mark.parametrize("size", [1, 7, 100, 1000])
@pytest.mark.parametrize("plain", [WARC, ARC])
def test_members_that_cut_anywhere(plain: bytes, size: int, compress: Compress) -> None:
    """A file compressed in blocks of one size gives the records of the plain one, each named by
    its member and its place in it."""
    if size == 1:
        plain = plain[: plain.index(BODIES[1]) + len(BODIES[1])]
    pieces = [plain[at : at + size] for at in range(0, len(plain), size)]
    data = b"".join(map(compress, [*pieces, b""]))
    found = [r for r in read_warc(io.BytesIO(data), LIMIT) if isinstance(r, Record)]
    assert [r.block for r in found] == blocks(plain)
    assert len({(record.offset, record.position) for record in found}) == len(found)
    for record in found:
        assert data[record.offset :].startswith(compress(b"")[:2])


def test_large_record_over_members() -> None:
    """A record above the limit is passed over across its members."""
    large = b"".join(map(gzip.compress, warc(bytes(3 * LIMIT))))
    small = gzip.compress(b"".join(warc(BODIES[0])))
    found = list(read_warc(io.BytesIO(large + small), LIMIT))
    assert [type(record) for record in found] == [Oversized, Record]


def test_wrong_length_reaches_no_neighbour() -> None:
    """A record that claims more than its member holds takes nothing from the next one."""
    lying = b"".join(warc(BODIES[0])).replace(b"Content-Length: ", b"Content-Length: 9")
    data = gzip.compress(lying) + gzip.compress(b"".join(warc(BODIES[1])))
    assert blocks(data) == BODIES[:2]


@pytest.mark.parametrize("kind", [0x50, 0x57, 0x5E, 0x5F])
@pytest.mark.parametrize("size", [0, 9, 300_000])
def test_skippable_frames(kind: int, size: int) -> None:
    """Skippable frames first, between, inside a record and last are no damage."""
    frame = skippable(bytes(size), kind)
    header, block = map(zstandard.compress, warc(BODIES[0]))
    whole = zstandard.compress(b"".join(warc(BODIES[1])))
    data = frame + frame + header + frame + block + frame + whole + frame
    assert blocks(data) == BODIES[:2]
    assert damages(data) == []


def test_cut_skippable_frame() -> None:
    """A file that ends inside a skippable frame says so after its records."""
    data = zstandard.compress(b"".join(warc(BODIES[0]))) + skippable(bytes(100))[:50]
    assert blocks(data) == BODIES[:1]
    assert [damage.reason for damage in damages(data)] == ["truncated"]


def test_skippable_frames_in_json_lines() -> None:
    """Seekable Zstandard holds rows like any other."""
    line = b'{"url": "http://e.org/", "text": "a"}\n'
    data = skippable(b"x") + zstandard.compress(line) + skippable(b"y") + zstandard.compress(line)
    rows = list(read_json_lines(io.BytesIO(data + skippable(b"table")), LIMIT))
    assert [row.number for row in rows if isinstance(row, Row)] == [0, 1]


@pytest.mark.parametrize("plain", [WARC, ARC])
@pytest.mark.parametrize("compress", [*COMPRESS, bytes])
@pytest.mark.parametrize("kind", ["missing", "zeros", "noise", "junk before"])
def test_first_bytes_lost(plain: bytes, compress: Compress, kind: str) -> None:
    """Where the first bytes of a file are gone, reading begins at the next sound record, and what
    was lost is one damage at the start."""
    starts = [0, *(plain.index(body) + len(body) for body in BODIES)]
    starts = [at + (0 if at == 0 else 4 if plain is WARC else 1) for at in starts]
    records = [compress(plain[a:b]) for a, b in pairwise(starts)]
    first, rest = records[0], b"".join(records[1:])
    data = {
        "missing": first[11:] + rest,
        "zeros": bytes(40) + first[40:] + rest,
        "noise": bytes(byte ^ 0xA5 for byte in first[:40]) + first[40:] + rest,
        "junk before": b"<html>502 Bad Gateway</html>" * 9 + first[11:] + rest,
    }[kind]
    found = [b for b in blocks(data) if b != ARC_HEAD]
    assert found[-4:] == BODIES[1:]
    (lost,) = damages(data)
    assert lost.offset == 0 or kind == "zeros"
    assert lost.head


def test_what_was_lost() -> None:
    """A damage says up to where the file was passed over."""
    data = gzip.compress(b"".join(warc(BODIES[0])))[5:]
    (lost,) = damages(data + gzip.compress(b"".join(warc(BODIES[1]))))
    assert lost.error.endswith(f"passed over up to byte {len(data)}")
    header, block = map(gzip.compress, warc(random.Random(0).randbytes(900)))
    broken = header + block[:600] + bytes(200) + block[800:]
    (lost,) = damages(broken + gzip.compress(b"".join(warc(BODIES[1]))))
    assert lost.offset == 0
    assert lost.error.endswith(f"passed over up to byte {len(broken)}")


@pytest.mark.parametrize("compress", [gzip.compress, bytes])
def test_arc(compress: Compress) -> None:
    """ARC records are WARC responses: address, date, type and block; the file's own is none."""
    pages = [arc(BODIES[0]), arc(BODIES[1], "https://e.org/x", "text/html; charset=utf-8")]
    pages.append(arc(b"1.2.3.4", "dns:e.org", "text/dns"))
    pages.append(arc(BODIES[2]).replace(b"text/html ", b"text/html 200 ABCDEF - 77 x.arc.gz "))
    head = arc(ARC_HEAD, "filedesc://x.arc.gz", "text/plain")
    data = b"".join(compress(record) for record in [head, *pages])
    found = [r for r in read_warc(io.BytesIO(data), LIMIT) if isinstance(r, Record)]
    responses = [r for r in found if r.headers["warc-type"] == "response"]
    assert len(found) == 5
    assert [record.block for record in responses] == BODIES[:3]
    assert [r.headers["warc-target-uri"] for r in responses] == [
        "http://e.org/a b",
        "https://e.org/x",
        "http://e.org/a b",
    ]
    assert responses[0].headers["warc-date"] == "2009-03-14T15:09:26Z"
    assert responses[1].headers["warc-identified-payload-type"] == "text/html;"
    for record in found:
        piece = data[record.offset : record.offset + record.length]
        assert record.block in (piece if compress is bytes else gzip.decompress(piece))


@pytest.mark.parametrize("wrong", [b"0", b"3", b"99999"])
@pytest.mark.parametrize("compress", [gzip.compress, bytes])
def test_arc_of_wrong_length(wrong: bytes, compress: Compress) -> None:
    """An ARC record whose length is wrong ends where the next begins."""
    records = [arc(body) for body in BODIES[:3]]
    line, _, rest = records[1].partition(b"\n")
    records[1] = line.rpartition(b" ")[0] + b" " + wrong + b"\n" + rest
    found = blocks(b"".join(map(compress, records)))
    assert [block.rstrip(b"\n") for block in found] == BODIES[:3]
