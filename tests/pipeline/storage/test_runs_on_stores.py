"""Runs whose folder is an object store that fails now and then."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.configuration import load
from pipeline.inspection.sql import query
from pipeline.inspection.verify import verify
from pipeline.report.refresh import REPORT
from pipeline.run import plan, run
from pipeline.storage.location import open_storage
from pipeline.storage.object_stores.object_storage import ObjectStorage
from pipeline.storage.object_stores.s3 import S3Store
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.storage import LocalStorage
from tests.pipeline.object_store import BUCKET, FaultProxy
from tests.pipeline.storage.faulty_store import HASTE, RATES, configured, contents

pytest.importorskip("moto")


@pytest.fixture(scope="module")
def expected(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What an undisturbed run on a disk writes."""
    folder = tmp_path_factory.mktemp("expected") / "run"
    run(configured(inputs, folder), address="local")
    return contents(LocalStorage(folder))


def test_a_run_on_a_faulty_store_writes_what_a_disk_gets(
    proxy: FaultProxy, inputs: Path, expected: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Inputs and run folder behind faults; then nothing is stale, the run is sound, and no secret
    is in it, in its report or in the log."""
    source = ObjectStorage(S3Store(BUCKET), "inputs", HASTE)
    source.write("crawl-0.warc.gz", (inputs / "crawl-0.warc.gz").read_bytes())
    config = configured(
        inputs,
        f"s3://{BUCKET}/runs/faulty",
        f"web.inputs=['s3://{BUCKET}/inputs/*.warc.gz']",
        "github.inputs=[]",
        "report=true",
    )
    proxy.rates = RATES
    run(config, address="local")
    proxy.rates = {}
    storage = open_storage(config.run)
    web = ("web/", "shards/natural/")
    assert contents(storage) == {k: v for k, v in expected.items() if k.startswith(web)}
    assert len(proxy.injected) >= 5
    assert all(item.n_stale == 0 for item in plan(config))
    assert verify(config.run) == []
    for name in ("run.json", "inputs.json", "lock", REPORT):
        assert b"test-secret-key" not in storage.read_bytes(name)
    assert "test-secret-key" not in caplog.text
    names = sorted(storage.list("shards/natural"))
    assert names == ["heldout-00001.g1a0.parquet", "train-00000.g1a0.parquet"]


def test_leftovers_are_ignored_and_swept(
    proxy: FaultProxy, inputs: Path, expected: dict[str, str]
) -> None:
    """A straggler's object is no problem and gone after the next run; so is a replaced one."""
    config = configured(inputs, f"s3://{BUCKET}/runs/leftovers")
    run(config, stages=["github.rules"], address="local")
    storage = open_storage(config.run)
    assert isinstance(storage, ObjectStorage)
    straggler = storage.stage("github/rules/00000.parquet", 1, 7)
    with storage.open_write(straggler) as stream:
        stream.write(b"of a worker that outlived its driver")
    assert verify(config.run) == []
    receipts = parse_receipts(storage, "github/rules")
    assert receipts["00000"].object == "00000.g1a0.parquet"
    changed = configured(inputs, config.run, "rules.max_line_length=80")
    run(changed, stages=["github.rules"], address="local")
    names = sorted(storage.list("github/rules"))
    assert names == ["00000.g2a0.parquet", "_measure.ledger"]
    assert sorted(storage.list("github/documents")) == ["00000.g1a0.parquet"]
    assert verify(config.run) == []


def _send_away(proxy: FaultProxy, seconds: float, after_requests: int) -> threading.Thread:
    """Take the store away for a while once so many requests have come."""

    def disturb() -> None:
        while len(proxy.requests) < after_requests:
            time.sleep(0.01)
        proxy.away.set()
        time.sleep(seconds)
        proxy.away.clear()

    thread = threading.Thread(target=disturb, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("seconds", [3, pytest.param(30, marks=pytest.mark.faults)])
def test_a_run_waits_for_a_store_that_is_away(
    proxy: FaultProxy, inputs: Path, expected: dict[str, str], seconds: int
) -> None:
    """The run pauses and goes on."""
    config = configured(inputs, f"s3://{BUCKET}/runs/away-{seconds}")
    thread = _send_away(proxy, seconds, after_requests=60)
    run(config, stages=["github.rules"], address="local")
    thread.join(timeout=60)
    done = contents(open_storage(config.run))
    assert done == {path: expected[path] for path in done}
    assert any(path.startswith("github/rules/") for path in done)


@pytest.mark.slow
def test_workers_of_ray_write_to_a_faulty_store(
    proxy: FaultProxy, inputs: Path, expected: dict[str, str]
) -> None:
    """Two workers, the same bytes."""
    config = configured(inputs, f"s3://{BUCKET}/runs/ray")
    proxy.rates = RATES
    run(config, workers=2)
    proxy.rates = {}
    assert contents(open_storage(config.run)) == expected
    assert verify(config.run) == []


def deduplicate(inputs: Path, folder: str, **how: Any) -> list[dict[str, Any]]:
    """The verdicts of a run against an earlier one beside it, which has two of its repositories and
    the origin of a third."""
    settings = [f"github.inputs=['{inputs}/python__[jh]*.tar.gz']", "github.shard_bytes=60000"]
    old = f"{folder}/old"
    run(load(None, settings, Path(old)), stages=["github.dedup"], address="local")
    settings[0] = f"github.inputs=['{inputs}/*json*.tar.gz', '{inputs}/python__email*.tar.gz']"
    config = load(None, [*settings, f"dedup.against=['{old}']"], Path(f"{folder}/new"))
    run(config, stages=["github.dedup"], **how)
    assert verify(config.run) == []
    select = (
        "select doc_id, reason, duplicate_of, similarity, duplicate_run is not null as earlier"
        " from github.dedup order by doc_id"
    )
    return [row for batch in query(config.run, select) for row in batch.to_pylist()]


@pytest.fixture(scope="module")
def compared(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What one process says of runs on a disk."""
    return deduplicate(inputs, str(tmp_path_factory.mktemp("compared")), address="local")


WORKERS = [{"address": "local"}, pytest.param({"workers": 2}, marks=pytest.mark.slow)]


@pytest.mark.parametrize("how", WORKERS, ids=["one-process", "two-workers"])
def test_a_run_is_compared_with_one_on_a_faulty_store(
    proxy: FaultProxy, inputs: Path, compared: list[dict[str, Any]], how: dict[str, Any]
) -> None:
    """Signatures and texts of the earlier run are read there as from a disk, by whoever works."""
    assert {row["earlier"] for row in compared} == {True, False}
    assert {"exact", None} <= {row["reason"] for row in compared}
    proxy.rates = RATES
    folder = f"s3://{BUCKET}/runs/{'-'.join(how)}"
    assert deduplicate(inputs, folder, **how) == compared
