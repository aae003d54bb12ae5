"""Whatever happens while a source reads an input costs the rest of that input and nothing else."""

import http.server
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import xxhash

from pipeline.engine.work.source import SourceWork
from pipeline.engine.work.task import Limits, Outcome, StageRef, Task, run_task
from pipeline.storage.intake.inputs import InputSpec
from pipeline.storage.storage import LocalStorage
from stages.contract import Options
from stages.errors import StageError

SOURCE = '''
import os, signal, struct, time, zlib
import pandas  # Arrow imports it when it first needs it, which takes longer than a test may
import pyarrow as pa
from schemas.documents import GITHUB_DOCUMENTS
from schemas.identity import doc_id
from stages.contract import SKIPPED, Identity, Options, Quarantined, Skipped
from stages.errors import InputError

RAW = pa.schema([("origin", pa.string()), ("offset", pa.int64()), ("text", pa.string())])
ERRORS = {
    "value": ValueError("not a date"), "overflow": OverflowError("too far"),
    "zlib": zlib.error("bad distance"), "struct": struct.error("short"), "key": KeyError("title"),
    "type": TypeError("NoneType"), "recursion": RecursionError("deep"),
    "identity": InputError("metadata has a list"), "memory": MemoryError("no room"),
    "import": ImportError("no brotli"), "thread": RuntimeError("can't start new thread"),
    "disk": OSError(28, "No space left on device"), "files": OSError(24, "Too many open files"),
    "network": ConnectionResetError(104, "reset"), "library": OSError("a broken page"),
}

class Lines:
    """A document a line; some lines are orders."""
    name, version, libraries, Options = "documents", 1, (), Options
    raw_schema, schema = RAW, GITHUB_DOCUMENTS

    def __init__(self, options):
        pass

    def read(self, source):
        with source.open() as stream:
            number = 0
            while line := self.line(stream):
                order, _, rest = line.decode().strip().partition(" ")
                if order == "raise":
                    raise ERRORS[rest]
                elif order == "row":
                    values = {"surrogate": ("\\ud800", 0), "offset": ("x", 1 << 64)}[rest]
                    yield pa.record_batch([[values[0]], [values[1]], ["x"]], schema=RAW)
                elif order == "quarantine":
                    yield Quarantined("a\\udcffb", "odd", "\\ud800 is no text", 1 << 64, b"head")
                elif order == "many":
                    for n in range(int(rest)):
                        yield Quarantined(str(n), "bad", "e" * 5000, n, bytes(5000))
                elif order == "slow":
                    while stream.read(int(rest)):
                        time.sleep(0.05)
                elif order == "hang":
                    time.sleep(60)
                elif order == "die":
                    os.kill(os.getpid(), signal.SIGSEGV)
                elif order == "stop":
                    return
                elif order == "peek":
                    stream.seek(0, 2), stream.seek(3), stream.read(5), stream.seek(0)
                    with source.open() as again:
                        again.read(7)
                    for _ in range(number + 1):
                        self.line(stream)
                elif order == "wide":
                    rows = [str(n) for n in range(64)]
                    yield pa.record_batch([rows, [0] * 64, ["wide"] * 64], schema=RAW)
                else:
                    yield pa.record_batch([[f"{source.name}:{number}"], [0], [order]], schema=RAW)
                number += 1

    def line(self, stream):
        line = b""
        while not line.endswith(b"\\n") and (byte := stream.read(1)):
            line += byte
        return line

    def convert(self, raw):
        texts, n = raw["text"].to_pylist(), raw.num_rows
        columns = {
            "doc_id": [doc_id(origin) for origin in raw["origin"].to_pylist()],
            "uri": ["u" * (1 << 20) if text == "wide" else "u" for text in texts],
            "kind": ["source"] * n, "text": texts, "n_bytes": [len(text) for text in texts],
            "repo": ["o/r"] * n, "path": ["p"] * n, "revision": ["0"] * n,
        }
        arrays = [pa.array(columns.get(f.name, [None] * n), f.type) for f in GITHUB_DOCUMENTS]
        fields = [f.with_nullable(True) for f in GITHUB_DOCUMENTS]
        schema = pa.schema([*fields, (SKIPPED, pa.string())])
        return pa.record_batch([*arrays, pa.nulls(n, pa.string())], schema=schema)
'''


@dataclass
class Shard:
    """What a task made of its inputs."""

    texts: list[str]
    quarantined: list[dict[str, Any]]
    outcome: Outcome
    path: Path

    def reasons(self) -> dict[str, str]:
        return {row["origin"]: row["reason"] for row in self.quarantined}


Read = Callable[..., Shard]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads inputs (their lines, or their URLs) into one shard."""
    name = f"lines_{os.getpid()}_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    storage = LocalStorage(tmp_path / "run")

    def make(*inputs: str, isolate: bool = False, record_seconds: float = 60.0) -> Shard:
        specs = []
        for number, content in enumerate(inputs):
            path = tmp_path / f"input-{number}"
            path.write_text(content)
            uri = content if "://" in content else str(path)
            specs.append(InputSpec(f"input-{number}", uri, 0, ""))
        work = SourceWork(StageRef(f"{name}:Lines", Options()), tuple(specs))
        limits = Limits(record_seconds)
        task = Task("github.documents", "00000", "documents", work, limits, 1, isolate=isolate)
        outcome = run_task(storage, task)
        table = pq.read_table(storage.root / task.staged(storage, task.object))
        rows: list[dict[str, Any]] = []
        if outcome.quarantined is not None:
            staged = storage.root / task.staged(storage, task.quarantine)
            rows = pq.read_table(staged).to_pylist()
        path = storage.root / task.staged(storage, task.object)
        return Shard(table["text"].to_pylist(), rows, outcome, path)

    return make


@pytest.mark.parametrize(
    "order",
    [
        *(f"raise {name}" for name in ("value", "overflow", "zlib", "struct", "key", "type")),
        *("raise recursion", "raise identity", "raise library", "row surrogate", "row offset"),
    ],
)
def test_what_reading_raises_is_the_inputs_fault(read: Read, order: str) -> None:
    """The rest of the input is quarantined where it stood; what came before stays, and the next
    input is read. The hash is the whole input's, so it is not read again unless it changes."""
    bad = f"one\ntwo\n{order}\nthree\n"
    shard = read(bad, "four\n")
    assert shard.texts == ["one", "two", "four"]
    (row,) = shard.quarantined
    assert (row["origin"], row["reason"], row["offset"]) == ("input-0", "error", 9 + len(order))
    inputs = shard.outcome.result.summary["inputs"]
    digests = [xxhash.xxh3_128_hexdigest(text.encode()) for text in (bad, "four\n")]
    assert [one["xxh3"] for one in inputs] == digests
    assert shard.outcome.result.records == 4


def test_an_input_that_cannot_be_had_is_unreadable(read: Read) -> None:
    """It has no hash, and is tried again by the next run."""
    shard = read("one\nraise network\n", "two\n")
    assert shard.texts == ["one", "two"]
    assert shard.reasons() == {"input-0": "unreadable"}
    assert shard.outcome.result.summary["inputs"][0]["xxh3"] == "unreadable"


@pytest.mark.parametrize(
    ("order", "isolate", "error"),
    [
        ("memory", False, MemoryError),
        ("memory", True, MemoryError),
        ("import", False, StageError),
        ("thread", False, StageError),
        ("thread", True, StageError),
        ("disk", False, OSError),
        ("files", False, OSError),
        ("files", True, StageError),
    ],
)
def test_what_the_machine_lacks_is_no_inputs_fault(
    read: Read, order: str, isolate: bool, error: type[Exception]
) -> None:
    """The task ends; nothing is quarantined."""
    with pytest.raises(error):
        read(f"one\nraise {order}\n", isolate=isolate)


def test_events_hold_whatever_an_input_holds(read: Read) -> None:
    """Text that is no text and offsets that no file has are told as well as they can be."""
    shard = read("quarantine\none\n")
    assert shard.texts == ["one"]
    (row,) = shard.quarantined
    assert row["origin"] == "a\\udcffb"
    assert row["error"] == "\\ud800 is no text"
    assert row["offset"] is None


def test_bad_records_do_not_fill_the_memory(read: Read) -> None:
    """They are written as they come."""
    shard = read("many 6000\n")
    assert shard.outcome.quarantine_reasons == {"bad": 6000}
    assert [row["offset"] for row in shard.quarantined] == list(range(6000))
    assert {len(row["error"]) for row in shard.quarantined} == {4096}


@pytest.mark.parametrize(("order", "reason"), [("hang", "timeout"), ("die", "crash")])
def test_reading_that_hangs_or_dies_costs_a_child(read: Read, order: str, reason: str) -> None:
    """What the child handed over before stays, and the next input is read by another one."""
    bad = f"one\n{order}\ntwo\n"
    shard = read(bad, "three\n", isolate=True, record_seconds=0.1)
    assert shard.texts == ["one", "three"]
    assert shard.reasons() == {"input-0": reason}
    assert shard.quarantined[0]["offset"] == 4
    digest = xxhash.xxh3_128_hexdigest(bad.encode())
    assert shard.outcome.result.summary["inputs"][0]["xxh3"] == digest


def test_a_child_reads_what_this_process_reads(read: Read) -> None:
    """The same documents, records and hashes, byte for byte."""
    inputs = ("one\nquarantine\npeek\ntwo\n", "three\nraise value\n", "stop\nfour\n", "")
    here = read(*inputs)
    here_bytes = here.path.read_bytes()
    child = read(*inputs, isolate=True)
    assert child.path.read_bytes() == here_bytes
    assert child.quarantined == here.quarantined
    assert child.outcome.result.summary == here.outcome.result.summary


@pytest.mark.parametrize(
    "content", ["one\ntwo\n", "stop\nrest\n", "one\npeek\ntwo\n", "peek\n", "raise value\nrest\n"]
)
def test_the_hash_is_that_of_the_whole_input(read: Read, content: str) -> None:
    """However a source reads: to its end, not to its end, back and forth, twice at once."""
    inputs = read(content).outcome.result.summary["inputs"]
    assert inputs[0]["xxh3"] == xxhash.xxh3_128_hexdigest(content.encode())


def test_every_byte_of_a_row_counts(read: Read) -> None:
    """Addresses of 1 MiB make row groups of 15, though their texts are short."""
    shard = read("wide\n")
    metadata = pq.read_metadata(shard.path)
    sizes = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    assert sum(sizes) == 64
    assert max(sizes) == 15


class _Server(http.server.ThreadingHTTPServer):
    """Serves one file, as slowly as it is told, and counts what is asked for."""

    content = b""
    pause = 0.0
    n_bytes = 0


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        half = len(self.server.content) // 2
        for part in (self.server.content[:half], self.server.content[half:]):
            self.wfile.write(part)
            self.wfile.flush()
            self.server.n_bytes += len(part)
            time.sleep(self.server.pause)

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def server() -> Iterator[_Server]:
    served = _Server(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


def test_a_stored_input_is_read_once(read: Read, server: _Server) -> None:
    """Though the source closes its stream, and leaves the last lines unread."""
    server.content = b"one\ntwo\nstop\n" + b"three\n" * 50_000
    shard = read(f"http://127.0.0.1:{server.server_address[1]}/lines")
    assert shard.texts == ["one", "two"]
    digest = xxhash.xxh3_128_hexdigest(server.content)
    assert shard.outcome.result.summary["inputs"][0]["xxh3"] == digest
    assert server.n_bytes == len(server.content)


def test_waiting_for_bytes_is_not_hanging(read: Read, server: _Server) -> None:
    """A server may take longer than a record may."""
    server.content, server.pause = b"one\ntwo\n", 1.5
    uri = f"http://127.0.0.1:{server.server_address[1]}/lines"
    shard = read(uri, isolate=True, record_seconds=0.1)
    assert (shard.texts, shard.quarantined) == (["one", "two"], [])


@pytest.mark.parametrize("piece", [50_000, 100_000])
def test_bytes_that_arrive_give_time(read: Read, piece: int) -> None:
    """A long input without a document is no hang: a second more for every MB, however it is
    read."""
    content = f"slow {piece}\n" + "x" * (40 * piece) + "\n"
    shard = read(content, "one\n", isolate=True, record_seconds=0.1)
    assert (shard.texts, shard.quarantined) == (["one"], [])
