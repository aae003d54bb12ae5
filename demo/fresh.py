"""Docstrings read by import in a fresh interpreter, whatever this one has imported.

Packages change one another: scipy appends to the docstring of `numpy.sinc`, ray adds a folder of
vendored distributions to `sys.path`. In a process of its own, with a fixed hash seed and in the
order of the table, the same modules are imported before each docstring every time; what they
print stays there. 2.4 s of CPU, nearly all of it imports.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from demo.members import Member, from_import
from stages.errors import InputError

LOG = logging.getLogger(__name__)

TIMEOUT_SECONDS = 300
ROOT = Path(__file__).resolve().parents[1]

Request = tuple[Sequence[str], Sequence[str]]
"""Modules, and classes whose methods are wanted, as `from_import` takes them."""


def import_fresh(requests: Sequence[Request]) -> list[list[Member]]:
    """What `from_import` yields for each request, one after the other, in a fresh interpreter."""
    if not requests:
        return []
    try:
        child = subprocess.run(
            [sys.executable, "-c", "from demo.fresh import answer; answer()"],
            input=json.dumps(requests).encode(),
            capture_output=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)},
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
        answered = json.loads(child.stdout)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace")[-500:]
        raise InputError(f"cannot read the installed docstrings: {error}: {said}") from error
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise InputError(f"cannot read the installed docstrings: {error}") from error
    for message in answered["skipped"]:
        LOG.warning("%s", message)
    return [[_member(each) for each in members] for members in answered["members"]]


def answer() -> None:
    """The fresh interpreter's side: requests on standard input, members on standard output.
    Anything an import prints goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    skipped: list[str] = []

    class Skipped(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            skipped.append(record.getMessage())

    logging.getLogger("demo.members").addHandler(Skipped(logging.WARNING))
    requests = json.load(sys.stdin)
    members = [[asdict(each) for each in from_import(*request)] for request in requests]
    with out:
        json.dump({"members": members, "skipped": skipped}, out)


def _member(fields: dict[str, Any]) -> Member:
    inner = tuple(_member(each) for each in fields["members"])
    return Member(**{**fields, "members": inner})
