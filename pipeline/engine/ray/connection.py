"""The driver's tie to Ray: a private one closed to everybody else, a cluster found quickly or not
at all, and both missed at once when they break.

Left to itself Ray binds a private cluster's servers to every interface, writes its token to the
home directory for all to read, tries for minutes to reach a cluster that is not there, and ends the
driver with pages of log 15 s after its raylet died. It has no public names for most of this, so
private ones are used here and nowhere else.
"""

import logging
import os
import re
import secrets
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import ray
from ray._private import ray_constants

from pipeline.storage.credentials import without_credentials
from stages.errors import ConfigError, StageError

CLUSTER_SECONDS = 10.0
"""A cluster that does not answer in so long is not there; one that starts just now may be."""
CLIENT_PORT = 10001
"""Of `ray://HOST`."""
_ADDRESS = re.compile(r"(?P<client>ray://)?(?P<host>[^/:@\[\]]+|\[[^\]]+\])(?::(?P<port>\d+))?")
_CLUSTERS = ray_constants.ENABLE_RAY_CLUSTER
"""What Ray thinks of this machine: on a Mac it keeps to loopback in any case."""
ATTEMPTS = 2
"""At a service that listens and may be no Ray, each of some 20 s."""
LOOK_SECONDS = 1.0
HEAD_SECONDS = 45.0
"""A head may be started again; after 60 s Ray's own patience ends."""
_AUTHENTICATION = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")

log = logging.getLogger("sluice")


def await_cluster(address: str, seconds: float = CLUSTER_SECONDS) -> None:
    """Wait until something listens at a cluster's address: Ray itself tries for minutes.

    ConfigError if it is no address, StageError if nobody answers.
    """
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or "auto"
    if address == "auto":  # Ray looks for a cluster on this machine, and is quick about it
        return
    match = _ADDRESS.fullmatch(address)
    if match is None or not (match["port"] or match["client"]) or int(match["port"] or 1) > 65535:
        raise ConfigError(
            f"--address {without_credentials(address)!r}: expected auto, local, HOST:PORT or "
            "ray://HOST:PORT"
        )
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        try:
            place = (match["host"].strip("[]"), int(match["port"] or CLIENT_PORT))
            socket.create_connection(place, timeout=max(left, 0.1)).close()
        except (OSError, UnicodeError) as error:
            if left <= 0.5:
                raise StageError(
                    f"no Ray cluster at {address}: {error}; without --address (and RAY_ADDRESS) a "
                    "private Ray on this machine does the work"
                ) from error
            time.sleep(0.5)
        else:
            return


@contextmanager
def starting(address: str | None) -> Iterator[None]:
    """Around `ray.init`: StageError if it fails, in whatever way."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_py_gcs_connect_timeout_s", f"{CLUSTER_SECONDS:.0f}")
    logging.getLogger("ray").setLevel(logging.ERROR)
    ray._private.worker.print_to_stdstream = _note
    # As on a Mac: then every server of a private Ray binds to loopback.
    ray_constants.ENABLE_RAY_CLUSTER = _CLUSTERS and address is not None
    if address is not None:
        ray_constants.NUM_REDIS_GET_RETRIES = ATTEMPTS
    elif not any(name in os.environ for name in _AUTHENTICATION):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # for our own processes alone
    on_termination = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except Exception as error:
        what, advice = f"no Ray cluster at {address}", ""
        if address is None:
            what, advice = "a private Ray does not start", " (--address local uses no Ray)"
        lines = without_credentials(str(error)).splitlines() or [type(error).__name__]
        raise StageError(f"{what}: {lines[0]}{advice}") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_termination)  # Ray takes it for itself


def _note(data: Any, ignore_prefix: bool) -> None:
    """What Ray would print in the middle of a run; what matters of it the executor says."""
    log.debug("ray: %s", data)


class RayLink:
    """What the driver depends on: Ray's process on this machine (raylet), and the cluster's head.

    Where one is gone Ray ends this process from below, after 15 or 60 s and without a word of ours.
    """

    def __init__(self, *, is_private: bool) -> None:
        self._head_seconds = 0.0 if is_private else HEAD_SECONDS
        self._looked = 0.0
        self._head_answered = 0.0
        self._is_lost = False

    def require(self, *, at_once: bool = False) -> None:
        """StageError if one is gone; looked at once a second, or `at_once`."""
        now = time.monotonic()
        node: Any = ray._private.worker._global_node
        if node is None:  # Ray's client: both are elsewhere, and its calls say so
            return
        if not at_once and now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        self._head_answered = self._head_answered or now
        if not _answers(socket.AF_UNIX, node.raylet_socket_name):
            self._lose("Ray's process on this machine (raylet) has died")
        host, _, port = node.gcs_address.rpartition(":")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        if _answers(family, (host.strip("[]"), int(port))):
            self._head_answered = now
        elif now - self._head_answered >= self._head_seconds:
            self._lose(f"the head of the Ray cluster ({node.gcs_address}) is gone")

    def _lose(self, what: str) -> NoReturn:
        self._is_lost = True
        raise StageError(f"{what}, killed by somebody or for want of memory, and its tasks with it")

    def shut_down(self) -> None:
        """End Ray, or what is left of it."""
        if self._is_lost:
            node: Any = ray._private.worker._global_node
            with suppress(Exception):  # of processes that are gone
                node.kill_all_processes(check_alive=False)
        else:
            ray.shutdown()


def _answers(family: socket.AddressFamily, place: Any) -> bool:
    with socket.socket(family) as probe:
        probe.settimeout(LOOK_SECONDS)
        return probe.connect_ex(place) == 0
