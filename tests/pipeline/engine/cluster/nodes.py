"""A Ray cluster of nodes on loopback, each its own `ray start`.

The nodes' Python sees every installed package but Sluice, and starts in an empty folder: what
workers import is what the driver shipped.
"""

import contextlib
import importlib.util
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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from pipeline.engine.ray.executor import SHIPPED

ROOT = Path(__file__).resolve().parents[4]
COMMAND = "from pipeline.cli import main; main()"
STORE_BYTES = 80_000_000
WORKER_PORTS = 60


@dataclass
class Node:
    """One `ray start --block` and what it started."""

    process: "subprocess.Popen[bytes]"
    log: Path
    metrics_port: int

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
        self.nodes.append(Node(process, log, metrics))
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
            "_node_ip_address='127.0.0.1'); print('alive', sum(n['Alive'] for n in ray.nodes()))"
        )
        done = subprocess.run(
            [self.python, "-c", code], env=self.environment, capture_output=True, text=True
        )
        found = re.search(r"^alive (\d+)$", done.stdout, re.MULTILINE)
        return int(found[1]) if found is not None else 0

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


@contextlib.contextmanager
def two_nodes(variables: Mapping[str, str]) -> Iterator[Cluster]:
    """Two nodes of one CPU each, which have these variables in their environment."""
    with tempfile.TemporaryDirectory(prefix="sluice-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "token").write_text(secrets.token_hex(32))
        environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ} | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
            "RAY_USAGE_STATS_ENABLED": "0",
            **variables,
        }
        cluster = Cluster(folder, environment, python_without_sluice(folder / "python"))
        try:
            cluster.start_two()
            yield cluster
        finally:
            cluster.stop()


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
