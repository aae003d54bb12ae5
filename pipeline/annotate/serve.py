"""`sluice recall annotate RUN`: where decisions go, and the server on this machine's loopback.

The file is the one named on the command line, else the first of the run's `recall.annotations`,
else RUN/annotations.toml. The others of `recall.annotations` are read, not written.
"""

import getpass
import json
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from pipeline.annotate.app import make_app
from pipeline.annotate.review import Review
from pipeline.annotate.tables import open_tables
from pipeline.location import is_remote, location, open_storage
from pipeline.verify import RUN_FILE
from stages.errors import ConfigError

LOOPBACK = "127.0.0.1"
DEFAULT_FILE = "annotations.toml"
TOKEN_BYTES = 32
QUIET = "warning"


@dataclass(frozen=True)
class AnnotationFiles:
    """The file that is written, those that are only read, and whether the run reads the first."""

    written: Path
    others: tuple[Path, ...]
    is_configured: bool


def choose_files(run: Path, file: Path | None) -> AnnotationFiles:
    """Where the decisions on a run go."""
    configured = [Path(name) for name in _configured(run)]
    written = file or next(iter(configured), None)
    if written is None:
        if is_remote(run):
            raise ConfigError(
                f"{location(run)}: name the file for the decisions with --file, or set "
                "`recall.annotations`"
            )
        written = run / DEFAULT_FILE
    if any(character in str(written) for character in "*?["):
        raise ConfigError(
            f"`recall.annotations`: {written} is a pattern of file names; "
            "name the file for the decisions with --file"
        )
    same = [one for one in configured if one.resolve() == written.resolve()]
    others = tuple(one for one in configured if one not in same and one.exists())
    return AnnotationFiles(written, others, bool(same))


def _configured(run: Path) -> list[str]:
    """`recall.annotations` of the last run, if there is a run file."""
    storage = open_storage(run)
    if not storage.exists(RUN_FILE):
        return []
    try:
        configuration: dict[str, Any] = json.loads(storage.read_bytes(RUN_FILE))["configuration"]
        found = configuration.get("web", {}).get("recall", {}).get("annotations", [])
        return [str(name) for name in found]
    except (ValueError, KeyError, AttributeError) as error:
        raise ConfigError(f"{location(run)}/{RUN_FILE}: damaged ({error})") from error


def login_name() -> str:
    """Who is at the keyboard, as far as the machine knows."""
    with suppress(KeyError, OSError):
        return getpass.getuser()
    return "unknown"


def annotate(
    run: Path,
    *,
    file: Path | None = None,
    author: str | None = None,
    port: int = 0,
    say: Callable[[str], None] | None = None,
) -> None:
    """Serve the page until the person ends it with Ctrl-C. `say` gets each line to print."""
    say = say or partial(print, flush=True)
    files = choose_files(run, file)
    with open_tables(run) as tables, _bind(port) as listener:
        review = Review(tables, files.written, author or login_name(), others=files.others)
        if not review.targets:
            raise ConfigError(
                f"{location(run)}: iteration {tables.iteration} proposes no patterns; "
                "lower the share from which a domain is a target's, or add seeds"
            )
        token = secrets.token_urlsafe(TOKEN_BYTES)
        bound: int = listener.getsockname()[1]
        app = make_app(review, run=location(run), token=token, port=bound)
        for target in review.targets:
            progress = review.progress(target)
            say(f"{target}: {progress.n_decided:,} of {progress.n_patterns:,} patterns decided")
        say(f"decisions go to {files.written}, as {review.author}")
        if not files.is_configured:
            say(f'for the run to read them: recall.annotations = ["{files.written}"]')
        say(f"open http://{LOOPBACK}:{bound}/?token={token} (Ctrl-C ends)")
        config = uvicorn.Config(
            app, log_level=QUIET, access_log=False, server_header=False, proxy_headers=False
        )
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
        say(f"{len(review.changes):,} decisions of this session are in {files.written}")


def _bind(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise ConfigError(f"--port {port}: {error.strerror or error}") from error
    return listener
