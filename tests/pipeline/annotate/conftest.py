"""A run folder written by hand: the tables that the page reads, with known numbers."""

import datetime
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from pipeline.annotate.app import make_app
from pipeline.annotate.iteration_tables import RunTables, open_iterations
from pipeline.annotate.review import Review
from schemas.documents import WEB_DOCUMENTS
from schemas.identity import doc_id


def pytest_configure(config: pytest.Config) -> None:
    """Tests of the page in a real browser have a mark of their own."""
    config.addinivalue_line("markers", "browser: drives headless Chromium")


TOKEN = "a-token-of-this-test"
PORT = 8765
ADDRESS = f"http://127.0.0.1:{PORT}"
TODAY = datetime.date(2026, 11, 3)
THRESHOLD = 0.6

HOSTILE_TITLE = "<script>alert(1)</script>\u202egnp"
HOSTILE_TEXT = "</pre><img src=x onerror=alert(2)>\x00 {{ 7 * 7 }} & done"

PATTERNS = pa.schema(
    [
        ("target", pa.string()),
        ("pattern", pa.string()),
        ("domain", pa.string()),
        ("n_pages", pa.int64()),
        ("n_recalled", pa.int64()),
        ("hit_rate", pa.float64()),
        ("depth", pa.int32()),
        ("accepted", pa.bool_()),
        ("decided_by", pa.string()),
        (
            "examples",
            pa.list_(
                pa.struct(
                    [("doc_id", pa.binary(16)), ("url", pa.string()), ("score", pa.float64())]
                )
            ),
        ),
    ]
)


@dataclass(frozen=True)
class Row:
    """A page of the hand-written crawl."""

    url: str
    domain: str
    code: float
    title: str | None
    text: str

    @property
    def identity(self) -> bytes:
        return doc_id(f"test.warc.gz:{self.url}")


def python_page(name: str, score: float, folder: str = "3/library") -> Row:
    text = f"{name} module\n\n>>> import {name}\n>>> help({name})\n\n" + f"About {name}. " * 60
    url = f"https://docs.python.org/{folder}/{name}.html"
    return Row(url, "python.org", score, f"{name}: the module", text)


ROWS = [
    *(python_page(f"lib{n:02d}", 0.62 + n * 0.03) for n in range(12)),
    *(python_page(f"odd{n}", 0.05 + n * 0.1) for n in range(4)),
    *(python_page(f"tut{n}", 0.7 + n * 0.05, "3/tutorial") for n in range(4)),
    *(python_page(f"new{n}", 0.3 + n * 0.05, "3/whatsnew") for n in range(4)),
    Row("https://www.python.org/about/", "python.org", 0.1, "About", "Python is a language."),
    Row("https://evil.example/a/1", "evil.example", 0.9, HOSTILE_TITLE, HOSTILE_TEXT),
    Row("javascript://evil.example/a/%0aalert(3)", "evil.example", 0.8, None, "run me"),
    Row('https://evil.example/a/"><b>', "evil.example", 0.2, "quotes", "plain"),
]

TREE = [
    ("python.org", "docs.python.org", None),
    ("python.org", "docs.python.org/3/library/", None),
    ("python.org", "docs.python.org/3/tutorial/", None),
    ("python.org", "docs.python.org/3/whatsnew/", None),
    ("evil.example", "evil.example/a/", True),
]


def pattern_rows(target: str) -> Iterator[dict[str, Any]]:
    for domain, pattern, accepted in TREE:
        pages = [row for row in ROWS if row.url.partition("://")[2].startswith(pattern)]
        recalled = [row for row in pages if row.code >= THRESHOLD]
        best = sorted(recalled, key=lambda row: -row.code)[:8]
        yield {
            "target": target,
            "pattern": pattern,
            "domain": domain,
            "n_pages": len(pages),
            "n_recalled": len(recalled),
            "hit_rate": len(recalled) / len(pages),
            "depth": pattern.count("/"),
            "accepted": accepted,
            "decided_by": None if accepted is None else "rule",
            "examples": [{"doc_id": r.identity, "url": r.url, "score": r.code} for r in best],
        }


def write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


COUNTS = (
    "n_code_blocks",
    "n_formulas",
    "n_code_bytes",
    "n_code_spans",
    "n_expressions",
    "warc_offset",
)


def write_run(run: Path, iteration: int = 2) -> Path:
    """Two shards of documents and one iteration of recall with targets code and math."""
    shards = [ROWS[::2], ROWS[1::2]]
    scores = []
    for shard, rows in enumerate(shards):
        documents = [
            {
                **dict.fromkeys(("kind", "host", "warc"), ""),
                **dict.fromkeys(COUNTS, 0),
                "warc_length": 1,
                "doc_id": row.identity,
                "uri": row.url,
                "url": row.url,
                "domain": row.domain,
                "title": row.title,
                "natural_language": "en",
                "text": row.text,
                "n_bytes": len(row.text.encode()),
            }
            for row in rows
        ]
        table = pa.Table.from_pylist(documents, schema=WEB_DOCUMENTS)
        write(run / f"web/documents/{shard:05d}.parquet", table)
        scores += [
            {
                "shard": shard,
                "row": place,
                "doc_id": row.identity,
                "domain": row.domain,
                "score_code": row.code,
                "score_math": 1 - row.code,
            }
            for place, row in enumerate(rows)
        ]
    folder = run / f"web/recall/iteration-{iteration}"
    fields = [("shard", pa.int32()), ("row", pa.int64()), ("doc_id", pa.binary(16))]
    fields += [("domain", pa.string()), ("score_code", pa.float64()), ("score_math", pa.float64())]
    write(folder / "scores/00000.parquet", pa.Table.from_pylist(scores, schema=pa.schema(fields)))
    domains = []
    for name in sorted({row.domain for row in ROWS}):
        rows = [row for row in ROWS if row.domain == name]
        n_code = sum(row.code >= THRESHOLD for row in rows)
        domains.append(
            {
                "domain": name,
                "n_pages": len(rows),
                **{f"n_recalled_{target}": n_code for target in ("code", "math")},
                **{f"share_{target}": n_code / len(rows) for target in ("code", "math")},
                **{f"is_{target}": True for target in ("code", "math")},
            }
        )
    write(folder / "domains/00000.parquet", pa.Table.from_pylist(domains))
    patterns = [*pattern_rows("code"), *list(pattern_rows("math"))[:2]]
    write(folder / "patterns/00000.parquet", pa.Table.from_pylist(patterns, schema=PATTERNS))
    metrics = {
        "iteration": iteration,
        "accepted": True,
        "targets": {"code": {"calibration": {"threshold": THRESHOLD}}},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder whose latest iteration waits for a person."""
    return write_run(tmp_path / "run")


@pytest.fixture
def tables(run: Path) -> Iterator[RunTables]:
    """The run, opened."""
    with open_iterations(run) as iterations:
        yield iterations[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where decisions go."""
    return tmp_path / "annotations" / "web.toml"


@pytest.fixture
def review(tables: RunTables, file: Path) -> Review:
    """A fresh pass over the run."""
    return Review(tables, file, "ada", today=lambda: TODAY)


@pytest.fixture
def stranger(review: Review) -> Callable[[], TestClient]:
    """Makes clients that do not have the token."""
    app = make_app(review, run="runs/test", token=TOKEN, port=PORT)
    return lambda: TestClient(app, base_url=ADDRESS, follow_redirects=False)


@pytest.fixture
def client(stranger: Callable[[], TestClient]) -> TestClient:
    """A browser that opened the printed address."""
    browser = stranger()
    assert browser.get("/", params={"token": TOKEN}).status_code == 303
    return browser
