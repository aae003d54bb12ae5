"""The driver's tie to Ray: a private one closed to everybody else, a cluster found quickly or not
at all.

Left to itself Ray binds a private cluster's servers to every interface, tries for minutes to reach
a cluster that is not there, and keeps SIGTERM for itself. It has no public names for this, so
private ones are used here and nowhere else.
"""

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

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
"""At a service that listens and may be no Ray; Ray's own are 20."""


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
def starting(what: str, *, is_private: bool) -> Iterator[None]:
    """Around `ray.init`: Ray says in many ways that it cannot start, here it is StageError."""
    ray_constants.ENABLE_RAY_CLUSTER = _CLUSTERS and not is_private
    ray_constants.NUM_REDIS_GET_RETRIES = ATTEMPTS
    on_termination = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except Exception as error:
        lines = without_credentials(str(error)).splitlines() or [type(error).__name__]
        raise StageError(f"{what}: {lines[0]}") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_termination)  # Ray takes it for itself
