"""A stored archive is fetched once."""

import gzip
import io
import random
import tempfile

import pytest
import zstandard

from stages.contract import Input
from stages.errors import StageError
from stages.github.archives import stored
from stages.github.options import GithubOptions
from stages.github.stage import GithubSource
from tests.stages.github.archives.test_survey import MEMBERS, TEXTS, make_tar, make_zip
from tests.stages.github.conftest import Unseekable, gather

NOISE = ("t/noise.txt", random.Random(5).randbytes(50_000).hex().encode())
PACKINGS = {
    "tar": make_tar,
    "tar.gz": lambda members, **options: gzip.compress(make_tar(members, **options)),
    "tar.zst": lambda members, **options: zstandard.compress(make_tar(members, **options)),
    "zip": lambda members, comment="": make_zip(members, comment=comment or ""),
}


class Counting(io.BytesIO):
    """Counts what is taken from it, and where it was asked to go."""

    fetched = 0
    seeks = 0

    def read(self, size=-1):
        data = super().read(size)
        self.fetched += len(data)
        return data

    def seek(self, *place):
        self.seeks += 1
        return super().seek(*place)


@pytest.mark.parametrize("kind", PACKINGS)
@pytest.mark.parametrize("comment", [None, "a" * 40])
def test_every_byte_is_fetched_once(kind, comment):
    """One stream, forward, to its end, whether or not a commit names the revision."""
    data = PACKINGS[kind](MEMBERS, comment=comment)
    streams = []

    def open_stream():
        streams.append(Counting(data))
        return streams[-1]

    got = gather(Input(f"a__b.{kind}", "a__b", open_stream))
    assert list(got.texts.values()) == list(TEXTS.values())
    assert [(stream.fetched, stream.seeks) for stream in streams] == [(len(data), 0)]
    assert streams[0].closed


@pytest.mark.parametrize("kind", PACKINGS)
@pytest.mark.parametrize("seekable", [True, False])
def test_a_large_archive_reads_alike(monkeypatch, read_bytes, kind, seekable):
    """What does not fit in memory is read again where it lies, or kept in a file."""
    data = PACKINGS[kind]([*MEMBERS, NOISE])
    small = read_bytes(f"a__b.{kind}", data, seekable=seekable)
    monkeypatch.setattr(stored, "KEPT_BYTES", 10_000)
    large = read_bytes(f"a__b.{kind}", data, seekable=seekable)
    assert large.rows == small.rows
    assert len(large.rows) == 4
    assert not large.quarantined


def test_a_stream_without_end_is_a_limit(monkeypatch, read_bytes):
    """What cannot seek and is longer than an archive may be is not kept."""
    monkeypatch.setattr(stored, "KEPT_BYTES", 10_000)
    got = read_bytes("a__b.tar", bytes(200_000), seekable=False, max_archive_bytes=100_000)
    assert [bad.reason for bad in got.quarantined] == ["limit"]


def test_a_full_disk_is_no_fault_of_the_archive(monkeypatch):
    """Nowhere to keep a stream: the run stops and says what to do, nothing is quarantined."""
    monkeypatch.setattr(stored, "KEPT_BYTES", 10_000)
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    data = make_tar([*MEMBERS, NOISE])
    source = Input("a__b.tar", "a__b.tar", lambda: io.BufferedReader(Unseekable(data)))
    with pytest.raises(StageError, match="TMPDIR"):
        list(GithubSource(GithubOptions()).read(source))
