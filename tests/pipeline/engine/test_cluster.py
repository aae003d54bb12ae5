"""Runs on a Ray cluster of two nodes, each its own `ray start` on loopback.

The nodes' Python sees every installed package but Sluice, and starts in an empty folder: what
workers import is what the driver shipped.
"""

import contextlib
import importlib.util
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import yaml

from pipeline.engine.ray_executor import SHIPPED, runtime_environment
from pipeline.inspection.verify import verify
from tests.pipeline.conftest import product
from tests.pipeline.engine.test_faults import n_done, wait_for

ROOT = Path(__file__).resolve().parents[3]
COMMAND = "from pipeline.cli import main; main()"
STORE_BYTES = 80_000_000
WORKER_PORTS = 60


@dataclass
class Node:
    """One `ray start --block` and what it started."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def kill(self) -> None:
        """End the node at once, with every process under it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            family = [*parent.children(recursive=True), parent]
            for one in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs(family, timeout=10)
        self.process.wait()


@dataclass
class Cluster:
    """A head and workers, all on 127.0.0.1, with token authentication."""

    folder: Path
    environment: dict[str, str]
    python: Path
    port: int = field(default_factory=lambda: free_ports(1)[0])
    nodes: list[Node] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self, *, head: bool) -> Node:
        """Start a node; returns at once."""
        client, agent, grpc, runtime, node, objects, metrics = free_ports(7)
        first = free_range(WORKER_PORTS)
        where = [f"--address={self.address}"]
        if head:
            temporary = self.folder / "ray"
            where = ["--head", f"--port={self.port}", "--include-dashboard=false"]
            where.append(f"--temp-dir={temporary}")
        if head and importlib.util.find_spec("grpc") is not None:
            where.append(f"--ray-client-server-port={client}")
        command = [
            *(str(self.python), "-m", "ray.scripts.scripts", "start", *where),
            *("--node-ip-address=127.0.0.1", "--num-cpus=1", "--block", "--disable-usage-stats"),
            f"--object-store-memory={STORE_BYTES}",
            *(f"--node-manager-port={node}", f"--object-manager-port={objects}"),
            *(f"--dashboard-agent-listen-port={agent}", f"--dashboard-agent-grpc-port={grpc}"),
            *(f"--runtime-env-agent-port={runtime}", f"--metrics-export-port={metrics}"),
            *(f"--min-worker-port={first}", f"--max-worker-port={first + WORKER_PORTS - 1}"),
        ]
        empty = self.folder / "empty"
        empty.mkdir(exist_ok=True)
        log = self.folder / f"node-{first}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command, cwd=empty, env=self.environment, stdout=stream, stderr=subprocess.STDOUT
            )
        self.nodes.append(Node(process, log))
        return self.nodes[-1]

    def start_two(self) -> tuple[Node, Node]:
        """A head and a worker, up and registered."""
        head = self.start(head=True)
        wait_until(self.listens, head, 60)
        worker = self.start(head=False)
        wait_until(lambda: self.n_nodes() == 2, worker, 60)
        return head, worker

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def n_nodes(self) -> int:
        """Nodes that are alive, as a driver sees them."""
        code = (
            f"import ray; ray.init('{self.address}', log_to_driver=False, logging_level=40, "
            "_node_ip_address='127.0.0.1'); print(sum(n['Alive'] for n in ray.nodes()))"
        )
        done = subprocess.run(
            [self.python, "-c", code], env=self.environment, capture_output=True, text=True
        )
        return int(done.stdout.split()[-1]) if done.returncode == 0 else 0

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()
        self.nodes.clear()

    @contextlib.contextmanager
    def driver(self, configuration: Path, run: Path) -> Iterator["subprocess.Popen[bytes]"]:
        """`sluice run --address auto`, with the repository's own Python."""
        command = [sys.executable, "-c", COMMAND, "run", str(configuration), "--run", str(run)]
        environment = {**self.environment, "RAY_ADDRESS": self.address, "PYTHONPATH": str(ROOT)}
        with (run.parent / f"{run.name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, "--address", "auto"], env=environment, stdout=log, stderr=log
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()

    def complete(self, configuration: Path, run: Path) -> None:
        with self.driver(configuration, run) as process:
            code = process.wait(timeout=300)
        assert code == 0, (run.parent / f"{run.name}.log").read_text()


def wait_until(condition: object, node: Node, seconds: float) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert node.process.poll() is None, node.log.read_text()
        assert time.monotonic() < deadline, node.log.read_text()
        time.sleep(0.2)


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def free_range(count: int) -> int:
    """The first of `count` consecutive free ports below those the system hands out."""
    while True:
        first = 11_000 + secrets.randbelow(20_000)
        with contextlib.ExitStack() as stack:
            probes = [stack.enter_context(socket.socket()) for _ in range(count)]
            with contextlib.suppress(OSError):
                for port, probe in enumerate(probes, first):
                    probe.bind(("127.0.0.1", port))
                return first


def python_without_sluice(folder: Path) -> Path:
    """A virtual environment with links to every installed package but our own."""
    site = Path(sysconfig.get_path("purelib"))
    links = folder / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    links.mkdir(parents=True)
    for entry in site.iterdir():
        if "sluice" not in entry.name and entry.name not in SHIPPED:
            (links / entry.name).symlink_to(entry)
    (folder / "bin").mkdir()
    shutil.copy(Path(sys.prefix, "pyvenv.cfg"), folder / "pyvenv.cfg")
    python = folder / "bin" / "python"
    python.symlink_to(Path(sys.executable).resolve())
    return python


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes of one CPU each."""
    with tempfile.TemporaryDirectory(prefix="sluice-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "token").write_text(secrets.token_hex(32))
        environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ} | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        cluster = Cluster(folder, environment, python_without_sluice(folder / "python"))
        try:
            cluster.start_two()
            yield cluster
        finally:
            cluster.stop()


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


def text_of(name: str) -> str:
    return (ROOT / "configs" / "cluster" / name).read_text(encoding="utf-8")


def options_of(text: str) -> set[str]:
    """The long options of the `sluice run` in a text."""
    command = re.search(r"sluice run(.*?)(?:'|\n  \w)", text, re.DOTALL)
    assert command is not None
    return set(re.findall(r"--[a-z]+", command[1]))


def test_the_launcher_file_is_valid() -> None:
    """By Ray's own schema; every node type is used and Ray starts with a token."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    content = yaml.safe_load(text_of("aws.yaml"))
    validate_config(prepare_config(content))
    assert content["head_node_type"] in content["available_node_types"]
    for name in ("head_start_ray_commands", "worker_start_ray_commands"):
        assert "RAY_AUTH_MODE=token" in content[name][1]
        assert "--disable-usage-stats" in content[name][1]


def test_the_ray_job_runs_on_the_ray_it_names() -> None:
    """One cluster of one Ray version and one image; the entry point is our command."""
    job = yaml.safe_load(text_of("rayjob.yaml"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]["rayClusterSpec"]
    pinned = re.search(r"^ray==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert pinned is not None
    assert spec["rayVersion"] == pinned[1]
    assert f"ray:{pinned[1]}-" in text_of("Dockerfile")
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    containers = [c for group in groups for c in group["template"]["spec"]["containers"]]
    assert len({container["image"] for container in containers}) == 1
    assert all(group["rayStartParams"]["disable-usage-stats"] == "true" for group in groups)
    assert job["spec"]["entrypoint"].split()[:2] == ["sluice", "run"]
    assert spec["workerGroupSpecs"][0]["minReplicas"] <= spec["workerGroupSpecs"][0]["replicas"]


def test_the_commands_of_the_cluster_files_exist() -> None:
    """Every option they give to `sluice run` is one of its options."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "run", "--help"],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    for name in ("aws.yaml", "rayjob.yaml"):
        options = options_of(text_of(name))
        assert "--address" in options
        assert all(option in done.stdout for option in options), options


def test_the_slurm_script_starts_ray_on_every_node(tmp_path: Path) -> None:
    """Run with a scheduler that only writes down what it is asked for."""
    fakes = tmp_path / ".venv" / "bin"
    fakes.mkdir(parents=True)
    asked = tmp_path / "asked"
    for name, body in {
        "scontrol": "echo node-a; echo node-b",
        "srun": f'test -s "$RAY_AUTH_TOKEN_PATH" && printf "%s\\n" "$@" > {asked}',
    }.items():
        (fakes / name).write_text(f"#!/bin/sh\n{body}\n")
        (fakes / name).chmod(0o755)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "SLURM_SUBMIT_DIR": str(tmp_path),
        "SLURM_JOB_ID": "30017",
        "SLURM_JOB_NODELIST": "node-[a-b]",
        "SLURM_JOB_NUM_NODES": "2",
    }
    script = ROOT / "configs" / "cluster" / "slurm.sh"
    command = ["bash", str(script), "a.toml", "--run", "/shared/run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert asked.read_text().splitlines() == [
        *("--kill-on-bad-exit=1", "ray", "symmetric-run", "--address", "node-a:20017"),
        *("--min-nodes", "2", "--", "sluice", "run", "a.toml", "--run", "/shared/run"),
        *("--address", "auto"),
    ]
    assert list((tmp_path / ".ray").iterdir()) == []


WHERE = """
import collections, json, os, sys
sys.path.insert(0, ROOT)
import ray
from pipeline.engine.executor import Resources
from pipeline.engine.ray_executor import RayExecutor
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
