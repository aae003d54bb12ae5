"""The server: on loopback alone, at an address that is printed when it listens."""

import socket
import threading

import pytest
from starlette.applications import Starlette

from pipeline.local_page.serving import bind, serve
from stages.errors import ConfigError


def test_a_port_in_use_is_refused() -> None:
    """A clear message, not a traceback."""
    with bind(0) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(ConfigError, match=f"--port {port}: Address already in use"):
            bind(port)


def test_the_server_is_bound_to_loopback() -> None:
    """No other machine can reach it."""
    with bind(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_the_printed_address_can_be_opened_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before the server is up: the connection waits."""
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: None)
    reached = threading.Event()

    with bind(0) as listener:

        def say(line: str) -> None:
            assert "/?token=" in line
            with socket.create_connection(listener.getsockname(), timeout=5):
                reached.set()

        serve(listener, lambda token, port: Starlette(), say)
    assert reached.is_set()
