"""One driver at a time on a store."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.storage.lock import hold
from pipeline.storage.object_stores.generic import FsspecStore
from pipeline.storage.object_stores.lease import LOCK, LeasedStorage, Timing, hold_lease
from pipeline.storage.object_stores.object_storage import ObjectStorage
from pipeline.storage.object_stores.retry import Retry
from pipeline.storage.object_stores.s3 import S3Store
from stages.errors import StorageError
from tests.pipeline.object_store import BUCKET, FaultProxy

pytest.importorskip("moto")

ROOT = Path(__file__).resolve().parents[3]
QUICK = Timing(renew=0.2, stale=2.0, poll=0.05, settle=0.1)
HASTE = Retry(patience_seconds=20, first_pause_seconds=0.01, longest_pause_seconds=0.1)

HOLDER = """
import sys, time
from pipeline.storage.object_stores.lease import Timing, hold_lease
from pipeline.storage.object_stores.s3 import S3Store
from pipeline.storage.object_stores.object_storage import ObjectStorage
storage = ObjectStorage(S3Store(sys.argv[1]), sys.argv[2])
with hold_lease(storage, wait_seconds=10, timing=Timing(0.2, 2.0, 0.05, 0.1)) as held:
    print(held.generation, flush=True)
    sys.stdin.readline()
    held.write("late", b"after the lease was lost")
"""


@pytest.fixture
def storage(proxy: FaultProxy, request: pytest.FixtureRequest) -> ObjectStorage:
    return ObjectStorage(S3Store(BUCKET), f"lease/{request.node.name}", HASTE)


@pytest.fixture
def holder(storage: ObjectStorage) -> Iterator["subprocess.Popen[str]"]:
    """Another driver, in a process of its own, that holds the run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, BUCKET, storage.prefix],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "1\n"
        yield process
        process.kill()


def test_generations_count_up(storage: ObjectStorage) -> None:
    """A lease that was given back is free at once, and each driver has its own number."""
    generations = []
    for _ in range(3):
        with hold_lease(storage, wait_seconds=0, timing=QUICK) as held:
            generations.append(held.generation)
    assert generations == [1, 2, 3]


def test_a_second_driver_is_refused_and_told_who_holds_the_run(
    storage: ObjectStorage, holder: "subprocess.Popen[str]"
) -> None:
    """It waits longer than a lease lives, in vain, because the holder renews."""
    with (
        pytest.raises(StorageError, match=rf"in use by process {holder.pid} on .+ since \d{{4}}-"),
        hold_lease(storage, wait_seconds=3, timing=QUICK),
    ):
        pass


def test_a_dead_drivers_lease_is_taken_over(
    storage: ObjectStorage, holder: "subprocess.Popen[str]"
) -> None:
    """Once it is stale, with the next generation."""
    holder.kill()
    holder.wait()
    with hold_lease(storage, wait_seconds=2, timing=QUICK) as held:
        assert held.generation == 2
        held.write("fine", b"")


def test_a_suspended_driver_stops_before_it_changes_anything(
    storage: ObjectStorage, holder: "subprocess.Popen[str]"
) -> None:
    """Waking up after another driver took over, it fails naming the new holder."""
    import signal

    holder.send_signal(signal.SIGSTOP)
    with hold_lease(storage, wait_seconds=4, timing=QUICK) as held:
        assert held.generation == 2
        holder.send_signal(signal.SIGCONT)
        _, errors = holder.communicate("go\n", timeout=30)
        assert f"the lease was lost to process {os.getpid()}" in errors
        assert not storage.exists("late")
        held.write("fine", b"")


def test_a_lease_survives_a_store_that_is_away(storage: ObjectStorage, proxy: FaultProxy) -> None:
    """Longer than a lease lives: when the store is back, the holder holds it still."""
    with hold_lease(storage, wait_seconds=0, timing=QUICK) as held:
        proxy.away.set()
        time.sleep(2.5)
        proxy.away.clear()
        held.write("fine", b"")
        assert held.generation == 1


def test_a_lost_answer_loses_no_lease(storage: ObjectStorage, proxy: FaultProxy) -> None:
    """A renewal that was done without an answer is recognised as one's own."""
    proxy.script = ["", "", "lose_answer", "lose_answer"]
    with hold_lease(storage, wait_seconds=0, timing=QUICK) as held:
        proxy.rates = {"lose_answer": 0.5}
        time.sleep(1.5)
        proxy.rates = {}
        time.sleep(0.5)
        held.write("fine", b"")


def test_of_many_drivers_one_wins(storage: ObjectStorage) -> None:
    """Eight threads take a new lease at one moment; who has it keeps it until all have asked."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Semaphore

    refused = Semaphore(0)

    def try_to_hold(_: int) -> int:
        try:
            with hold_lease(storage, wait_seconds=0, timing=QUICK) as held:
                for _ in range(7):
                    refused.acquire(timeout=30)
                return held.generation
        except StorageError:
            refused.release()
            return 0

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(try_to_hold, range(8))) == [0] * 7 + [1]


def test_a_deleted_lock_is_a_lost_lease(storage: ObjectStorage) -> None:
    """Who removes the lock by hand stops the driver."""
    with hold_lease(storage, wait_seconds=0, timing=QUICK) as held:
        storage.delete(LOCK)
        time.sleep(0.6)
        with pytest.raises(StorageError, match="the lock was deleted"):
            held.write("late", b"")


def test_a_store_without_conditions_has_leases_too() -> None:
    """Written, then read back: refused while held, taken over when stale."""
    storage = ObjectStorage(FsspecStore("memory"), "lease-bucket/run", HASTE)
    with hold_lease(storage, wait_seconds=0, timing=QUICK) as held:
        assert held.generation == 1
        time.sleep(0.5)
        with (
            pytest.raises(StorageError, match="in use"),
            hold_lease(storage, wait_seconds=0.3, timing=QUICK),
        ):
            pass
        held.write("fine", b"")
    stale = {**json.loads(storage.read_bytes(LOCK)), "released": False}
    storage.write(LOCK, json.dumps(stale).encode())
    with hold_lease(storage, wait_seconds=2, timing=QUICK) as held:
        assert held.generation == 2


def test_hold_leases_what_lies_on_a_store(storage: ObjectStorage) -> None:
    """The driver's storage asks the lease; the workers' knows of none."""
    with hold(storage, wait_seconds=0) as held:
        assert held.generation == 1
        assert isinstance(held.storage, LeasedStorage)
        assert held.storage.url == storage.url
