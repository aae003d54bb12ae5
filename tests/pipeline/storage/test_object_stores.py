"""A run folder and inputs on an object store, and every way in which a store lets one down."""

import io
import random
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.storage.database_files import attach, database_path
from pipeline.storage.intake.inputs import expand
from pipeline.storage.location import is_remote, location, open_storage
from pipeline.storage.object_stores.generic import FsspecStore
from pipeline.storage.object_stores.object_storage import ObjectStorage
from pipeline.storage.object_stores.remote import find_objects, open_object
from pipeline.storage.object_stores.retry import Retry
from pipeline.storage.object_stores.s3 import S3Store
from pipeline.storage.object_stores.streams import PART_BYTES, READ_AHEAD_BYTES
from pipeline.storage.tables import TableRead, read_aligned
from stages.errors import ConfigError, StorageError
from tests.pipeline.object_store import BUCKET, FAULTS, FaultProxy
from tests.pipeline.storage.faulty_store import HASTE

pytest.importorskip("moto")


@pytest.fixture
def storage(proxy: FaultProxy, request: pytest.FixtureRequest) -> ObjectStorage:
    return ObjectStorage(S3Store(BUCKET), f"storage/{request.node.name}", HASTE)


@pytest.mark.parametrize("store", ["s3", "memory"])
def test_a_store_behaves_as_a_folder(storage: ObjectStorage, store: str) -> None:
    """Writing, reading, listing and deleting; a name that is a prefix of another is not it."""
    if store == "memory":
        storage = ObjectStorage(FsspecStore("memory"), "bucket/prefix", HASTE)
    storage.write("a/one.json", b"1")
    storage.write("a/one.json", b"one")
    storage.write("a/empty", b"")
    storage.write("a/b/two.json", b"two")
    storage.write("ab/three.json", b"three")
    assert {name: mark.size for name, mark in storage.list("a").items()} == {
        "one.json": 3,
        "empty": 0,
    }
    assert storage.list("a")["one.json"] == storage.mark("a/one.json")
    assert sorted(path for path, _ in storage.walk()) == [
        "a/b/two.json",
        "a/empty",
        "a/one.json",
        "ab/three.json",
    ]
    assert storage.read_bytes("a/empty") == b""
    assert storage.open_read("a/one.json").read() == b"one"
    storage.delete("a/one.json")
    storage.delete("a/one.json")
    assert not storage.exists("a/one.json")
    with pytest.raises(FileNotFoundError):
        storage.read_bytes("a/one.json")
    storage.delete_folder("a")
    assert [path for path, _ in storage.walk()] == ["ab/three.json"]
    assert storage.list("nothing") == {}


@pytest.mark.slow
def test_a_folder_of_many_objects_is_listed_page_by_page(
    storage: ObjectStorage, proxy: FaultProxy
) -> None:
    """1,100 names are two requests; deleting them is two more and a listing."""
    for number in range(1100):
        storage.store.put(storage.key(f"many/{number:04d}"), b"")
    proxy.requests.clear()
    assert len(storage.list("many")) == 1100
    assert len(proxy.requests) == 2
    storage.delete_folder("many")
    assert storage.list("many") == {}


def test_a_table_of_several_parts_reads_back(storage: ObjectStorage, proxy: FaultProxy) -> None:
    """Multi-part writes and ranged reads under every fault give the same rows."""
    proxy.rates = dict.fromkeys(FAULTS, 0.05)
    noise = random.Random(3).randbytes(PART_BYTES * 2 // 3)
    table = pa.table({"doc_id": [bytes([n]) * 16 for n in range(4)], "noise": [noise] * 4})
    path = storage.stage("t/00000.parquet", 3, 1)
    with storage.open_write(path) as stream:
        pq.write_table(table, stream, row_group_size=1, compression="none", use_dictionary=False)
    committed = storage.commit(path, "t/00000.parquet")
    assert committed.name == "00000.g3a1.parquet"
    assert committed.mark.size > 2 * PART_BYTES
    reads = [TableRead(f"t/{committed.name}", (("noise", "noise"), ("doc_id", "doc_id")))]
    assert pa.Table.from_batches(list(read_aligned(storage, reads))).equals(
        table.select(["noise", "doc_id"])
    )
    assert sum(proxy.injected.values()) > 0


def test_an_object_of_several_parts_survives_each_fault(
    storage: ObjectStorage, proxy: FaultProxy
) -> None:
    """Also when the answer to the completing request is lost."""
    data = random.Random(5).randbytes(PART_BYTES + 1000)
    for number, fault in enumerate(("error", "slow_down", "drop", "lose_answer")):
        proxy.script = [fault] * 2 + ["", fault, "", fault, "", fault]
        with storage.open_write(f"parts/{number}.bin") as stream:
            stream.write(data)
        proxy.script = []
        assert storage.read_bytes(f"parts/{number}.bin") == data


def test_a_writer_that_fails_leaves_nothing(storage: ObjectStorage) -> None:
    """Neither an object nor a part of one is visible."""

    def fail() -> None:
        with storage.open_write("a/half.bin") as stream:
            stream.write(bytes(PART_BYTES + 1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert storage.list("a") == {}


def test_reads_anywhere_are_those_of_a_file(storage: ObjectStorage, proxy: FaultProxy) -> None:
    """Seeks and reads of random places and lengths, with short and broken answers."""
    draw = random.Random(9)
    data = draw.randbytes(READ_AHEAD_BYTES + 300_000)
    storage.write("blob", data)
    proxy.rates = {"short": 0.1, "truncate": 0.1, "drop": 0.1}
    oracle = io.BytesIO(data)
    with storage.open_read("blob") as stream:
        for _ in range(100):
            place = draw.choice([0, draw.randrange(len(data)), oracle.tell(), len(data) - 10])
            size = draw.choice([0, 1, 100, 70_000, 1_000_000])
            stream.seek(place)
            oracle.seek(place)
            assert stream.read(size) == oracle.read(size)
            assert stream.tell() == oracle.tell()
        stream.seek(-7, io.SEEK_END)
        assert stream.read() == data[-7:]
    assert proxy.injected["short"] > 1


@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_is_repeated_after_a_fault(
    storage: ObjectStorage, proxy: FaultProxy, fault: str
) -> None:
    """Three times in a row, reading, listing and writing."""
    storage.write("a/x", b"content")
    proxy.script = [fault] * 3
    assert storage.read_bytes("a/x") == b"content"
    proxy.script = [fault] * 3
    storage.create("a/y", b"new")
    if fault != "short":
        proxy.script = [fault] * 3
    assert sorted(storage.list("a")) == ["x", "y"]


def test_a_slow_answer_is_given_up(storage: ObjectStorage, proxy: FaultProxy) -> None:
    """A request that takes longer than its limit counts as failed and is repeated."""
    hasty = ObjectStorage(S3Store(BUCKET, read_seconds=0.2), storage.prefix, HASTE)
    hasty.write("a/x", b"content")
    proxy.delay_seconds = 0.8
    proxy.script = ["delay"]
    before = len(proxy.requests)
    assert hasty.read_bytes("a/x") == b"content"
    assert len(proxy.requests) > before + 1


def test_patience_ends_with_the_reason(storage: ObjectStorage, proxy: FaultProxy) -> None:
    """The message names the object, the fault and how long it was tried."""
    impatient = ObjectStorage(storage.store, storage.prefix, Retry(0.3, 0.01))
    proxy.rates = {"slow_down": 1.0}
    with pytest.raises(StorageError, match=r"a/x: SlowDown \(503\); gave up after \d+ attempts"):
        impatient.write("a/x", b"")


def test_a_created_object_is_never_replaced(storage: ObjectStorage) -> None:
    """The same content is no conflict (an answer may have been lost); another driver's is."""
    storage.create("a/receipt", b"mine")
    storage.create("a/receipt", b"mine")
    with pytest.raises(StorageError, match="another driver has this run"):
        storage.create("a/receipt", b"another's")
    assert storage.read_bytes("a/receipt") == b"mine"


def test_places_for_runs() -> None:
    """A URL may have lost a slash to a Path; credentials and web servers are refused."""
    assert location(Path("s3://bucket/prefix")) == "s3://bucket/prefix"
    assert is_remote(Path("s3://bucket/prefix"))
    assert not is_remote(Path("runs/demo"))
    storage = open_storage(Path("s3://bucket/some/prefix/"))
    assert isinstance(storage, ObjectStorage)
    assert storage.url == "s3://bucket/some/prefix"
    for wrong in ("s3://", "https://example.org/run", "s3://key:secret@bucket/prefix"):
        with pytest.raises(ConfigError, match="expected a path, or a URL") as caught:
            open_storage(wrong)
        assert "secret" not in str(caught.value)


def test_patterns_name_objects(storage: ObjectStorage) -> None:
    """`*` stays within a folder, `**` does not, and only matching names are inputs."""
    for name in ("a/1.warc.gz", "a/2.warc.gz", "a/2.txt", "a/b/3.warc.gz"):
        storage.write(name, name.encode())
    base = storage.url
    assert [url for url, _ in find_objects(f"{base}/a/*.warc.gz")] == [
        f"{base}/a/1.warc.gz",
        f"{base}/a/2.warc.gz",
    ]
    assert len(find_objects(f"{base}/**/*.warc.gz")) == 3
    assert open_object(f"{base}/a/b/3.warc.gz").read() == b"a/b/3.warc.gz"
    specs = expand("web", [f"{base}/a/*.warc.gz"])
    assert [(spec.name, spec.size) for spec in specs] == [("1.warc.gz", 11), ("2.warc.gz", 11)]
    missing = expand("web", [f"{base}/a/9.warc.gz"])
    assert missing[0].mark.startswith("unreadable")


def test_a_database_reads_a_run_with_many_threads(storage: ObjectStorage) -> None:
    """DuckDB's threads share a file; every row arrives as it was written."""
    table = pa.table({"n": range(40_000), "text": [f"{n} " * 20 for n in range(40_000)]})
    with storage.open_write("t/00000.g1a0.parquet") as stream:
        pq.write_table(table, stream, row_group_size=2000)
    with duckdb.connect() as database:
        attach(database, storage)
        database.execute("set threads = 8")
        row = database.execute(
            "select count(*), sum(n), count(*) filter (text = repeat(n || ' ', 20)) "
            "from read_parquet($1)",
            [[database_path("t/00000.g1a0.parquet")]],
        ).fetchone()
    assert row == (40_000, sum(range(40_000)), 40_000)


def test_a_database_cannot_write_to_the_store(storage: ObjectStorage) -> None:
    """Neither over an object nor beside it."""
    with storage.open_write("t/00000.g1a0.parquet") as stream:
        pq.write_table(pa.table({"n": [1]}), stream)
    before = dict(storage.walk())
    with duckdb.connect() as database:
        attach(database, storage)
        for name in ("t/00000.g1a0.parquet", "t/new.parquet"):
            with pytest.raises(duckdb.Error, match="only read here"):
                database.execute(f"copy (select 1) to '{database_path(name)}'")
    assert dict(storage.walk()) == before
