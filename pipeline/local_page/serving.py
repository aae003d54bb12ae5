"""A server on this machine's loopback, until the person ends it with Ctrl-C.

The printed address carries a fresh token; no other machine can connect, and no other page or user
of this one gets in (`guard`).
"""

import getpass
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from starlette.applications import Starlette

from stages.errors import ConfigError

LOOPBACK = "127.0.0.1"
TOKEN_BYTES = 32
QUIET = "warning"


def login_name() -> str:
    """Who is at the keyboard, as far as the machine knows."""
    with suppress(KeyError, OSError):
        return getpass.getuser()
    return "unknown"


def bind(port: int) -> socket.socket:
    """A socket that this machine alone reaches; port 0 is any free one."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise ConfigError(f"--port {port}: {error.strerror or error}") from error
    return listener


def serve(
    listener: socket.socket,
    make_app: Callable[[str, int], Starlette],
    say: Callable[[str], None],
) -> None:
    """Serve what `make_app` makes of a token and a port; `say` gets its address."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    port: int = listener.getsockname()[1]
    app = make_app(token, port)
    listener.listen()  # who is faster than the server waits
    say(f"open http://{LOOPBACK}:{port}/?token={token} (Ctrl-C ends)")
    config = uvicorn.Config(
        app, log_level=QUIET, access_log=False, server_header=False, proxy_headers=False
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
