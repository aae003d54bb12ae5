"""A cluster of two nodes that share no disk: inputs and run folder lie on an object store."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.inspection.verify import verify
from pipeline.storage.location import open_storage
from pipeline.storage.object_stores.object_storage import ObjectStorage
from pipeline.storage.object_stores.s3 import S3Store
from pipeline.storage.storage import LocalStorage
from tests.pipeline.engine.cluster.nodes import COMMAND, ROOT, Cluster, two_nodes
from tests.pipeline.object_store import BUCKET, environment, serve_store
from tests.pipeline.storage.faulty_store import contents

pytest.importorskip("moto")

RUN = f"s3://{BUCKET}/runs/clustered"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What clients of an empty store need in their environment; this process has it too."""
    with serve_store() as url:
        variables = environment(url)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield variables


@pytest.fixture
def cluster(store: dict[str, str]) -> Iterator[Cluster]:
    """Two nodes of one CPU each that know the store."""
    with two_nodes(store) as cluster:
        yield cluster


@pytest.fixture
def configuration(store: dict[str, str], inputs: Path, tmp_path: Path) -> Path:
    """Inputs on the store alone."""
    source = ObjectStorage(S3Store(BUCKET), "inputs")
    for path in inputs.glob("*.gz"):
        source.write(path.name, path.read_bytes())
    base = f"s3://{BUCKET}/inputs"
    config = tmp_path / "store.toml"
    config.write_text(
        f"[github]\ninputs = ['{base}/*.tar.gz']\nshard_bytes = 60000\n"
        f"[web]\ninputs = ['{base}/*.warc.gz']\n[engine]\ntask_memory_bytes = 500000000\n"
    )
    return config


def sluice_run(configuration: Path, run: str | Path, address: str) -> list[str]:
    command = [sys.executable, "-c", COMMAND, "run", str(configuration), "--run", str(run)]
    return [*command, "--address", address]


@pytest.mark.slow
def test_nodes_with_nothing_but_a_store_in_common_write_what_one_process_writes(
    cluster: Cluster, configuration: Path, tmp_path: Path
) -> None:
    """One of the nodes is lost in mid-run, and the contents are those of a run on a disk."""
    alone = tmp_path / "alone"
    subprocess.run(sluice_run(configuration, alone, "local"), check=True, capture_output=True)
    storage = open_storage(RUN)
    log = tmp_path / "driver.log"
    variables = {**cluster.environment, "RAY_ADDRESS": cluster.address, "PYTHONPATH": str(ROOT)}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            sluice_run(configuration, RUN, "auto"),
            cwd=tmp_path,
            env=variables,
            stdout=stream,
            stderr=stream,
        )
    try:
        while not storage.list("github/rules"):
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        cluster.nodes.pop().kill()
        assert process.wait(timeout=400) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    expected = contents(LocalStorage(alone))
    assert len(expected) > 40
    assert contents(storage) == expected
    assert verify(Path(RUN)) == []
    assert not list(tmp_path.glob("s3*"))
