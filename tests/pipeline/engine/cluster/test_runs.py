"""Runs on a Ray cluster of two nodes."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.engine.ray.executor import SHIPPED, runtime_environment
from pipeline.inspection.verify import verify
from tests.pipeline.conftest import product
from tests.pipeline.engine.cluster.nodes import (
    COMMAND,
    ROOT,
    STORE_BYTES,
    Cluster,
    free_ports,
    two_nodes,
    wait_until,
)
from tests.pipeline.engine.test_faults import n_done, wait_for


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes of one CPU each."""
    with two_nodes({}) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def configuration(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cluster") / "cluster.toml"
    path.write_text(
        f"[github]\ninputs = ['{inputs}/*.tar.gz']\nshard_bytes = 40000\n"
        f"[web]\ninputs = ['{inputs}/*.warc.gz']\n[engine]\ntask_memory_bytes = 500000000\n"
    )
    return path


@pytest.fixture(scope="module")
def undisturbed(configuration: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    command = [sys.executable, "-c", COMMAND, "run", str(configuration), "--run", str(run)]
    done = subprocess.run([*command, "--address", "local"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return run


def test_what_is_shipped_is_our_code_and_seeds_alone(tmp_path: Path) -> None:
    """Four folders; nothing of an environment."""
    shipped = runtime_environment(str(tmp_path))
    assert [Path(folder).name for folder in shipped["py_modules"]] == list(SHIPPED)
    assert shipped["excludes"] == ["__pycache__/"]
    json.dumps(shipped)


WHERE = """
import collections, json, os, sys
sys.path.insert(0, ROOT)
import ray
from pipeline.engine.executor import Resources
from pipeline.engine.ray.executor import RayExecutor
from pipeline.storage.storage import LocalStorage
executor = RayExecutor(None, 1, sys.argv[1], None)
def where():
    import numba, pipeline, schemas, seeds, stages, time
    time.sleep(0.5)
    files = [m.__path__[0] for m in (pipeline, schemas, seeds, stages)]
    return ray.get_runtime_context().get_node_id(), files, numba.config.CACHE_DIR
with executor:
    executor.n_workers
    task = ray.remote(where).options(scheduling_strategy="SPREAD")
    print(json.dumps(ray.get([task.remote() for _ in range(4)])))
"""


@pytest.mark.slow
def test_workers_import_what_the_driver_shipped(cluster: Cluster) -> None:
    """Both nodes run the modules from Ray's own folder for shipped packages."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(cluster.folder / "elsewhere")
    visible = subprocess.run(
        [cluster.python, "-c", "import pipeline"], cwd="/", capture_output=True, text=True
    )
    assert "ModuleNotFoundError" in visible.stderr
    done = subprocess.run(
        [sys.executable, "-c", WHERE.replace("ROOT", repr(str(ROOT))), cluster.address],
        env={**cluster.environment, "RAY_ADDRESS": cluster.address},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    assert len({node for node, _, _ in answers}) == 2
    for _, folders, cache in answers:
        assert all("/py_modules_files/" in folder for folder in folders), folders
        assert cache.endswith(f"sluice-numba-{os.getuid()}")


@pytest.fixture(scope="module")
def clustered(
    cluster: Cluster, configuration: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run of the whole chain on both nodes."""
    run = tmp_path_factory.mktemp("clustered") / "run"
    cluster.complete(configuration, run)
    return run


@pytest.mark.slow
def test_two_nodes_write_the_bytes_of_one_process(clustered: Path, undisturbed: Path) -> None:
    """`--address auto` finds the cluster, and the product is the same."""
    assert product(clustered) == product(undisturbed)
    assert verify(clustered) == []


SPILLED = """
import pathlib
def spilled_bytes(folder):
    folders = pathlib.Path(folder).rglob("*spilled_objects*")
    return sum(p.stat().st_size for one in folders for p in one.rglob("*") if p.is_file())
"""
FILL = (
    SPILLED
    + """
import sys, numpy, ray
ray.init(sys.argv[1], log_to_driver=False, logging_level=40)
held = [ray.put(numpy.zeros(int(sys.argv[3]), numpy.uint8)) for _ in range(4)]
print(spilled_bytes(sys.argv[2]))
"""
)


@pytest.mark.slow
def test_nothing_goes_through_the_object_store(cluster: Cluster, clustered: Path) -> None:
    """A whole corpus made with stores of 80 MB spills no object: tasks exchange small messages.
    A driver that overfills a store does spill, which shows that it would have been seen."""
    assert clustered.exists()
    sessions = str(cluster.folder / "ray")
    look = SPILLED + "import sys; print(spilled_bytes(sys.argv[1]))"
    for code, arguments, spills in (
        (look, [sessions], False),
        (FILL, [cluster.address, sessions, str(STORE_BYTES // 2)], True),
    ):
        done = subprocess.run(
            [cluster.python, "-c", code, *arguments],
            env=cluster.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert (int(done.stdout) > 0) == spills


@pytest.mark.faults
def test_a_node_lost_in_mid_run_costs_attempts_and_nothing_else(
    cluster: Cluster, configuration: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """The worker node is killed with its tasks; the head's does the rest; a node joins again."""
    run = tmp_path / "run"
    with cluster.driver(configuration, run) as process:
        assert wait_for(process, run, n_done(undisturbed) // 3)
        cluster.nodes.pop().kill()
        code = process.wait(timeout=300)
    assert code == 0, (tmp_path / "run.log").read_text()
    assert product(run) == product(undisturbed)
    assert verify(run) == []
    wait_until(lambda: cluster.n_nodes() == 2, cluster.start(head=False), 60)


@pytest.mark.faults
def test_a_lost_head_ends_the_run_and_a_new_one_resumes_it(
    cluster: Cluster, configuration: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """All of the cluster is killed; the driver ends by itself; the same command goes on."""
    run = tmp_path / "run"
    with cluster.driver(configuration, run) as process:
        assert wait_for(process, run, n_done(undisturbed) // 2)
        cluster.stop()
        assert process.wait(timeout=180) != 0
    done_before = n_done(run)
    assert done_before < n_done(undisturbed)
    cluster.port = free_ports(1)[0]
    cluster.start_two()
    cluster.complete(configuration, run)
    assert product(run) == product(undisturbed)
    assert verify(run) == []
    assert n_done(run) - done_before < n_done(undisturbed)
