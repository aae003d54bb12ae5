"""An S3 server on loopback (moto) and, before it, a proxy that injects faults by a schedule."""

import http.client
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

LIFE_SECONDS = 900
BUCKET = "sluice-test"

_SERVER = """
import os, sys, threading
life = threading.Timer(float(sys.argv[1]), os._exit, (1,))
life.daemon = True
life.start()
from moto.server import main
main(["-H", "127.0.0.1", "-p", sys.argv[2]])
"""

FAULTS = ("error", "slow_down", "drop", "lose_answer", "delay", "truncate", "short")
"""500; 503; no answer before the request is done; none after it; a late one; a body that ends
before its announced length; one that is shorter than the object and says nothing of it."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serve_store() -> Iterator[str]:
    """A moto server with an empty bucket; yields its URL. It ends by itself after a while."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _SERVER, str(LIFE_SECONDS), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    try:
        _make_bucket(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _make_bucket(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("PUT", f"/{BUCKET}")
            assert connection.getresponse().status == 200
            return
        except OSError:
            assert time.monotonic() < deadline, "the store did not start"
            time.sleep(0.1)
        finally:
            connection.close()


def environment(url: str) -> dict[str, str]:
    """What a client of the store needs to know."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test-key-id",
        "AWS_SECRET_ACCESS_KEY": "test-secret-key",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class FaultProxy:
    """Passes requests on; `rates` gives each fault's share, drawn from a seeded stream. While
    `away` is set, connections are closed without an answer."""

    def __init__(self, backend: str) -> None:
        self.backend = urlsplit(backend)
        self.rates: Mapping[str, float] = {}
        self.delay_seconds = 0.3
        self.injected: dict[str, int] = {}
        self.requests: list[tuple[str, str]] = []
        self.script: list[str] = []
        """Faults of the next requests, before anything is drawn; "" for none."""
        self.away = threading.Event()
        self._draw = random.Random(17)
        self._mutex = threading.Lock()
        proxy = self

        class Handler(_Handler):
            owner = proxy

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hung up is no news."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def next_fault(self, method: str, path: str) -> str:
        with self._mutex:
            self.requests.append((method, path))
            fault = self.script.pop(0) if self.script else self._drawn()
            if fault:
                self.injected[fault] = self.injected.get(fault, 0) + 1
            return fault

    def _drawn(self) -> str:
        number = self._draw.random()
        for fault, rate in self.rates.items():
            number -= rate
            if number < 0:
                return fault
        return ""


class _Handler(BaseHTTPRequestHandler):
    owner: FaultProxy
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def handle_expect_100(self) -> bool:
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.owner.away.is_set():
            self.close_connection = True
            return
        fault = self.owner.next_fault(self.command, self.path)
        if fault == "drop":
            self.close_connection = True
        elif fault == "error":
            self._answer(500, {}, _error("InternalError"))
        elif fault == "slow_down":
            self._answer(503, {}, _error("SlowDown"))
        elif fault == "deny":
            self._answer(403, {}, _error("AccessDenied"))
        else:
            if fault == "delay":
                time.sleep(self.owner.delay_seconds)
            self._pass_on(body, fault)

    def _pass_on(self, body: bytes, fault: str) -> None:
        backend = self.owner.backend
        connection = http.client.HTTPConnection(backend.hostname or "", backend.port, timeout=60)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() != "expect"}
            connection.request(self.command, self.path, body=body, headers=headers)
            answer = connection.getresponse()
            data = answer.read()
            found = {k: v for k, v in answer.getheaders() if k.lower() not in _HOP}
        finally:
            connection.close()
        if fault == "lose_answer":
            self.close_connection = True
        elif self.command == "GET" and fault == "truncate":
            self._answer(answer.status, found, data[: len(data) // 2], announced=len(data))
            self.close_connection = True
        elif self.command == "GET" and fault == "short":
            self._answer(answer.status, found, data[: len(data) // 2])
        elif self.command == "HEAD":
            size = int(answer.getheader("Content-Length") or 0)
            self._answer(answer.status, found, b"", announced=size)
        else:
            self._answer(answer.status, found, data)

    def _answer(
        self, status: int, headers: Mapping[str, str], data: bytes, announced: int | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(data) if announced is None else announced))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        self.wfile.flush()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _handle  # noqa: N815


_HOP = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive"})


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode()


@contextmanager
def faulty(backend: str) -> Iterator[FaultProxy]:
    """A proxy before `backend`, without faults at first."""
    proxy = FaultProxy(backend)
    try:
        yield proxy
    finally:
        proxy.close()
