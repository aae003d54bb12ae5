"""Everybody together makes few requests, and fewer when the server says so."""

import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.storage.commoncrawl.access import CommonCrawl
from pipeline.storage.commoncrawl.bucket import Bucket
from pipeline.storage.commoncrawl.gate import granted
from pipeline.storage.commoncrawl.website import Website
from pipeline.storage.object_stores.retry import Retry, SlowDown, Transient, retry_after
from pipeline.storage.politeness.cluster_gate import LEASE_SECONDS, Book
from pipeline.storage.politeness.gate import FileGate, OwnGate
from pipeline.storage.politeness.pace import SLOW_SECONDS, Pace
from pipeline.storage.politeness.patience import Politeness
from pipeline.storage.politeness.service import Service
from stages.errors import BlockedError, StorageError
from tests.pipeline.commoncrawl.bucket_server import BucketServer, incompressible
from tests.pipeline.commoncrawl.conftest import key_of


def service(connections: int = 3, **rules: float) -> Service:
    """A server with these rules."""
    return Service("test", connections, "blocked", **rules)


def test_after_a_refusal_everybody_waits_and_then_asks_once_a_second() -> None:
    """For as long as the server said and up to a half more, then a second apart for a minute."""
    pace = Pace()
    assert [pace.wait(now) for now in (100.0, 100.0, 100.1)] == [0, 0, 0]
    pace.slow_down(100.0, 8.0)
    assert 8 <= pace.wait(100.0) <= 12
    now, starts = pace.not_before, []
    while len(starts) < 5:
        wait = pace.wait(now)
        if wait:
            now += wait
        else:
            starts.append(now)
    assert all(b - a >= 1 for a, b in pairwise(starts))
    later = pace.not_before + SLOW_SECONDS + 1
    assert [pace.wait(later), pace.wait(later)] == [0, 0]


def test_requests_start_as_far_apart_as_a_service_asks(tmp_path: Path) -> None:
    """However many connections there are; slower after a refusal."""
    pace = Pace()
    assert [pace.wait(now, 0.5) for now in (10.0, 10.25, 10.5)] == [0, 0.25, 0]
    pace.slow_down(11.0, 1.0)
    now = pace.not_before
    assert [pace.wait(now, 0.5), pace.wait(now + 0.5, 0.5)] == [0, 0.5]
    began = time.monotonic()
    for _ in range(4):
        with FileGate(service(9, apart_seconds=0.1), tmp_path).connection():
            pass
    assert time.monotonic() - began >= 0.29


@pytest.mark.parametrize("seconds", [None, 0.0, 0.2])
def test_a_refusal_without_a_time_costs_a_second(seconds: float | None) -> None:
    pace = Pace()
    pace.slow_down(50.0, seconds)
    assert 1 <= pace.wait(50.0) <= 1.5


def test_retry_after_is_seconds_or_a_date() -> None:
    """Anything else is none."""
    assert retry_after("120") == 120
    ahead = retry_after(formatdate(time.time() + 100, usegmt=True))
    assert ahead is not None
    assert 90 < ahead <= 100
    assert retry_after(formatdate(time.time() - 100, usegmt=True)) == 0
    assert [retry_after(text) for text in (None, "", "soon", "-5", "nan")] == [None] * 5


def test_a_refused_request_is_made_again_at_the_pace_of_the_server(bucket: BucketServer) -> None:
    """The whole file, not before `Retry-After`, at most one request a second."""
    bucket.script = ["503:1", "503"]
    crawl = CommonCrawl(source=bucket.url)
    with Bucket(crawl).open(key_of(0)) as stream:
        assert stream.read() == bucket.files[key_of(0)]
    times = [one.at for one in bucket.asked]
    assert len(times) == 3
    assert all(b - a >= 1 for a, b in pairwise(times))
    assert {one.start for one in bucket.asked} == {0}


def test_a_refusal_holds_for_other_processes_too(tmp_path: Path) -> None:
    """One gate for all of the machine."""
    FileGate(service(), tmp_path).slow_down(1.0)
    began = time.monotonic()
    with FileGate(service(), tmp_path).connection():
        assert time.monotonic() - began >= 1


def _hold(folder: Path, counted: Any) -> None:
    gate = FileGate(service(2), folder)
    for _ in range(3):
        with gate.connection():
            with counted:
                counted[0] += 1
                counted[1] = max(counted[1], counted[0])
            time.sleep(0.02)
            with counted:
                counted[0] -= 1


def test_processes_share_the_connections(tmp_path: Path) -> None:
    """Four of them hold two at most."""
    context = multiprocessing.get_context("fork")
    counted = context.Array("i", [0, 0])
    processes = [context.Process(target=_hold, args=(tmp_path, counted)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert 1 <= counted[1] <= 2


def test_threads_share_the_connections(bucket: BucketServer) -> None:
    """However many ask at once."""
    bucket.pause = 0.05
    common = Bucket(CommonCrawl(source=bucket.url, connections=2))
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda n: common.read(key_of(n % 6), n, n + 5), range(12)))
    assert parts == [bucket.files[key_of(n % 6)][n : n + 5] for n in range(12)]
    assert bucket.open_at_most <= 2


def test_a_cluster_lends_connections() -> None:
    """Given back, or taken back from the dead; renewed by who reads for long; at one pace."""
    book = Book()
    one, two = book.take("a", 2, 0.0), book.take("b", 2, 0.0)
    assert one != two
    assert book.take("a", 2, 1.0) is None
    assert one is not None
    book.give_back(one)
    three = book.take("a", 2, 2.0)
    assert three is not None
    book.renew(three, 100.0)
    assert book.take("a", 2, LEASE_SECONDS + 1) is not None, "the lease of `two` is over"
    assert book.take("a", 2, LEASE_SECONDS + 2) is None
    book.slow_down(5.0, 1000.0)
    assert book.take("a", 2, 1001.0) is None
    assert book.take("a", 2, 1010.0) is not None
    assert book.take("a", 2, 1010.1) is None, "a second apart"


def test_a_block_is_that_of_one_run() -> None:
    """Another run on the cluster, or the same run later, tries again."""
    book = Book()
    book.block("first", "403")
    with pytest.raises(BlockedError, match="403"):
        book.take("first", 10, 0.0)
    assert book.take("second", 10, 0.0) is not None


def test_who_is_blocked_asks_for_nothing_more(bucket: BucketServer) -> None:
    """The other threads of this process learn of it."""
    bucket.script = ["403"]
    common = Bucket(CommonCrawl(source=bucket.url))
    for _ in range(3):
        with pytest.raises(BlockedError, match="403"):
            common.read(key_of(0), 0, 10)
    assert len(bucket.asked) == 1


def test_a_child_reads_over_its_parents_connection(bucket: BucketServer) -> None:
    """It takes none of its own, so that one connection suffices."""
    with granted(CommonCrawl(source=bucket.url, connections=1)) as (crawl, connection):
        assert crawl is not None
        connection.renew()
        assert Bucket(crawl).read(key_of(0), 0, 4) == bucket.files[key_of(0)][:4]
    with granted(None) as (nothing, connection):
        assert nothing is None
        connection.renew()


def test_patience_ends() -> None:
    """A server that is away is a failed input; one that refuses for an hour ends the run."""
    impatient = Retry(patience_seconds=0.05, first_pause_seconds=0.01)

    def away() -> None:
        raise Transient("refused")

    with pytest.raises(StorageError, match="the file: refused; gave up"):
        Politeness(OwnGate(), service(), impatient).call("the file", away)

    class Fast(OwnGate):
        def slow_down(self, seconds: float | None) -> None:
            time.sleep(0.02)

    def refusing() -> None:
        raise SlowDown("503")

    with pytest.raises(BlockedError, match="asked for patience"):
        Politeness(Fast(), service(refused_seconds=0.05)).call("the file", refusing)


def test_a_slow_answer_gives_its_connection_to_others(bucket: BucketServer) -> None:
    """What came is kept, and the rest is asked for."""
    bucket.files["slow"] = incompressible(100_000)
    bucket.always = {"slow": "slow"}
    site = Website(bucket.url, "test", request_seconds=0.3)
    first, info = site.beginning("slow", 100_000)
    assert 0 < len(first) < 100_000
    assert first == bucket.files["slow"][: len(first)]
    assert info.size == 100_000


def test_a_file_is_read_by_windows(bucket: BucketServer) -> None:
    """Each byte once, and anywhere."""
    bucket.files["large"] = incompressible(300_000)
    with Bucket(CommonCrawl(source=bucket.url)).open("large", read_ahead=100_000) as stream:
        pieces = iter(lambda: stream.read(20_000), b"")
        assert b"".join(pieces) == bucket.files["large"]
        assert [start for start, _ in bucket.ranges("large")] == [0, 100_000, 200_000]
        assert stream.seek(250_000) == 250_000
        assert stream.read(10) == bucket.files["large"][250_000:250_010]


def test_a_file_that_changes_is_not_mixed(bucket: BucketServer) -> None:
    """Its ETag says so."""
    bucket.files["changing"] = incompressible(100_000)
    with Bucket(CommonCrawl(source=bucket.url)).open("changing", read_ahead=50_000) as stream:
        assert len(stream.read(30_000)) == 30_000
        bucket.files["changing"] = bytes(100_000)
        with pytest.raises(OSError, match="changed while it was read"):
            stream.read(60_000)
