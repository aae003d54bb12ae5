"""Ray as Sluice starts it: closed to the network, and quick to say that a cluster is not there."""

import ipaddress
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.engine.executor import Resources
from pipeline.engine.ray.connection import await_cluster, starting
from pipeline.engine.ray.executor import RayExecutor
from pipeline.storage.storage import LocalStorage
from stages.errors import ConfigError, StageError


def listening(processes: list[psutil.Process]) -> list[tuple[str, str]]:
    """Process name and address of every socket that takes connections."""
    return [
        (process.name(), connection.laddr.ip)
        for process in processes
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]


def is_loopback(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_loopback


def test_a_private_ray_listens_on_loopback_alone(tmp_path: Path) -> None:
    """Each of its processes, the driver and a worker included."""
    import ray

    with RayExecutor(LocalStorage(tmp_path), 1, None, 1) as executor:
        assert executor.n_workers == 1
        assert list(executor.run([], Resources())) == []
        ray.get(ray.remote(lambda: None).remote())
        driver = psutil.Process()
        found = listening([driver, *driver.children(recursive=True)])
    assert {"raylet", "gcs_server"} <= {name for name, _ in found}
    assert [one for one in found if not is_loopback(one[1])] == []


KILLS = """
import pathlib, sys
import psutil
from pipeline.engine.executor import Resources
from pipeline.engine.ray.executor import RayExecutor
from pipeline.storage.storage import LocalStorage
from stages.errors import StageError

with RayExecutor(LocalStorage(pathlib.Path(sys.argv[1])), 1, None, 1) as executor:
    executor.n_workers
    for process in psutil.Process().children(recursive=True):
        if process.name() == sys.argv[2]:
            process.kill()
            process.wait()
    try:
        list(executor.run([], Resources()))
    except StageError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("process", "message"),
    [
        ("raylet", "Ray's process on this machine (raylet) has died"),
        pytest.param("gcs_server", "the head of the Ray cluster", marks=pytest.mark.slow),
    ],
)
def test_a_ray_that_dies_is_told(process: str, message: str, tmp_path: Path) -> None:
    """In one sentence of ours, before Ray ends the driver with pages of its own."""
    done = subprocess.run(
        [sys.executable, "-c", KILLS, str(tmp_path), process], capture_output=True, text=True
    )
    assert message in done.stdout
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "raylet" not in done.stderr


TOKEN = """
import os, pathlib, sys
from pipeline.engine.executor import Resources
from pipeline.engine.ray.executor import RayExecutor
from pipeline.storage.storage import LocalStorage

with RayExecutor(LocalStorage(pathlib.Path(sys.argv[1])), 1, None, 1) as executor:
    assert list(executor.run([], Resources())) == []
    import ray
    print(ray.get(ray.remote(lambda: os.environ["RAY_AUTH_TOKEN"]).remote()))
"""


def test_a_private_ray_needs_no_home(tmp_path: Path) -> None:
    """Its token is nobody else's, and lies in no file."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", TOKEN, str(tmp_path)],
        env={**environment, "HOME": "/dev/null/home"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) == 64
    assert done.stderr == ""


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "localhost:{}"])
def test_a_cluster_that_is_not_there_is_told_at_once(form: str, closed_port: int) -> None:
    """One sentence with the address and what to do."""
    address = form.format(closed_port)
    with pytest.raises(StageError, match=f"no Ray cluster at {address}: .*without --address"):
        await_cluster(address, seconds=0.1)


def test_a_private_ray_that_does_not_start_is_not_needed() -> None:
    """The message says how to do without: a machine that is too busy for Ray still runs a stage."""
    message = r"a private Ray does not start: the node timed out \(--address local uses no Ray\)"
    with pytest.raises(StageError, match=message), starting(None):
        raise RuntimeError("the node timed out\nmore of it")


def test_the_cluster_of_the_environment_is_looked_for_too(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--address auto` takes RAY_ADDRESS."""
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{closed_port}")
    with pytest.raises(StageError, match=f"no Ray cluster at 127.0.0.1:{closed_port}"):
        await_cluster("auto", seconds=0.1)


@pytest.mark.parametrize(
    "address",
    [
        *("nonsense", "http://127.0.0.1:8265", "host:port", "ray://", ":6379", "a b:1:2"),
        *("127.0.0.1:99999", "ray://me:s3cret@host:10001", ""),
    ],
)
def test_what_is_no_address_is_wrong_usage(address: str) -> None:
    """The forms that are one are named; no password is repeated."""
    with pytest.raises(ConfigError, match=r"--address .*HOST:PORT") as caught:
        await_cluster(address, seconds=0.1)
    assert "s3cret" not in str(caught.value)


def test_a_cluster_that_starts_late_is_waited_for(closed_port: int) -> None:
    """For some seconds."""
    server = socket.socket()

    def start() -> None:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", closed_port))
        server.listen()

    timer = threading.Timer(0.7, start)
    timer.start()
    try:
        await_cluster(f"127.0.0.1:{closed_port}", seconds=30)
    finally:
        timer.join()
        server.close()


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a service that takes connections and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.slow
def test_a_service_that_is_no_ray_is_given_up(silent: str, tmp_path: Path) -> None:
    """Not asked for a quarter of an hour."""
    started = time.monotonic()
    with (
        RayExecutor(LocalStorage(tmp_path), 1, silent, 1) as executor,
        pytest.raises(StageError, match=f"no Ray cluster at {silent}"),
    ):
        list(executor.run([], Resources()))
    assert time.monotonic() - started < 120
