"""The page of a run whose folder is an object store."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline.inspection.audit import read_audit
from pipeline.storage.location import open_storage
from pipeline.storage.storage import LocalStorage
from tests.pipeline.browse.conftest import connected
from tests.pipeline.browse.test_app import NEAR, judge
from tests.pipeline.object_store import BUCKET, FaultProxy

pytest.importorskip("moto")


def test_a_run_on_a_store_is_judged_as_one_on_a_disk(
    client: TestClient, run: Path, proxy: FaultProxy
) -> None:
    """The same pages; a judgement lies beside the run and is counted."""
    place = Path(f"s3://{BUCKET}/runs/browsed")
    storage, local = open_storage(place), LocalStorage(run)
    for path, _ in local.walk():
        storage.write(path, local.read_bytes(path))
    with ExitStack() as stack:
        remote = connected(place, stack)
        queries = [NEAR, {"stage": "github.rules", "verdict": "kept"}, {"stage": "web.recall"}]
        for path, query in [("/", {}), *(("/look", query) for query in queries)]:
            assert remote.get(path, params=query).text == client.get(path, params=query).text
        assert judge(remote, "wrong", **NEAR).status_code == 303
        assert [row["wrong"] for row in read_audit(storage).to_pylist()] == [True]
        assert "1 judged" in remote.get("/look", params=NEAR).text
        assert judge(client, "wrong", **NEAR).status_code == 303
        assert remote.get("/").text == client.get("/").text
