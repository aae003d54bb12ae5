"""A run folder written by hand: verdicts on code and on pages, some of them hostile."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from pipeline.browse.app import make_app
from pipeline.browse.judged_tables import JudgedTables
from pipeline.browse.judging import Judging
from pipeline.browse.looking import Looking
from pipeline.inspection.views import open_run
from pipeline.storage.location import open_storage
from pipeline.storage.receipts import Receipt, Receipts
from pipeline.storage.statistics import Counter
from pipeline.storage.storage import LocalStorage
from schemas.dedup import DEDUP_DECISIONS
from schemas.documents import GITHUB_DOCUMENTS, WEB_DOCUMENTS
from schemas.identity import doc_id
from schemas.language import LANGUAGE_MEASURES
from schemas.recall import recall_measures
from schemas.rules import RULES_MEASURES
from schemas.verdicts import verdict_table

TOKEN = "a-token-of-this-test"
PORT = 8766
ADDRESS = f"http://127.0.0.1:{PORT}"
SEED = 7
GROUP_ROWS = 16
"""Rows of a row group."""

HOSTILE_TITLE = "<script>alert(1)</script>\u202egnp"
HOSTILE_TEXT = "</pre><img src=x onerror=alert(2)>\x00 {{ 7 * 7 }} \u2066 & done"
CODE = "def area(r):\n    # of a circle\n    return 3.14 * r ** 2\n"
KEPT_PAGE = "A page.\n\nThe first line.\nThe same line.\nThe last line of the kept page.\n"
NEAR_PAGE = "A page.\n\nThe first line.\nThe same line.\nThe last line of another page.\n"
FORMULAS = r"Let $\frac{a}{b}$ be $5 and \[ x^2 + \href{javascript:alert(1)}{y} \] so."


@dataclass
class Page:
    """A page with what the stages said of it."""

    url: str
    text: str
    reason: str | None = None
    title: str | None = None
    language: str | None = "en"
    score: float = 0.5
    twin: str | None = None

    @property
    def identity(self) -> bytes:
        return doc_id(self.url)


@dataclass
class File:
    """A source file with what the rules said of it."""

    path: str
    text: str = CODE
    reason: str | None = None
    language: str | None = "Python"
    repo: str = "someone/shapes"

    @property
    def identity(self) -> bytes:
        return doc_id(f"{self.repo}@0:{self.path}")


PAGES = [
    [
        Page("https://evil.example/a", HOSTILE_TEXT, "near", HOSTILE_TITLE),
        Page("https://a.example/kept", KEPT_PAGE, None, "kept", score=0.9),
        Page("https://b.example/near", NEAR_PAGE, "near", "near", twin="https://a.example/kept"),
        *(Page(f"https://c.example/{n}", f"page {n} " * 50, score=n / 50) for n in range(50)),
    ],
    [
        Page("https://m.example/formulas", FORMULAS, None, "formulas", "de", 0.99),
        Page("https://long.example/line", "x" * 3_000_000, "exact", "long"),
        *(Page(f"https://d.example/{n}", f"page {n} " * 50, "exact") for n in range(30)),
    ],
]
FILES = [
    *(File(f"src/file{n}.py") for n in range(20)),
    *(File(f"vendor/file{n}.js", "x = 1;\n", "vendored", "JavaScript") for n in range(5)),
    File("long.py", "y = '" + "a" * 5000 + "'\n", "max_line_length"),
]


@dataclass
class Writer:
    """Writes tables with their receipts."""

    run: Path
    facts: dict[int, pa.Table] = field(default_factory=dict)

    def write(self, folder: str, shard: int, rows: Sequence[dict[str, Any]], schema: Any) -> None:
        """One shard's table; what it lacks is null, or nothing."""
        empty = {one.name: None if one.nullable else _nothing(one.type) for one in schema}
        table = pa.Table.from_pylist([empty | row for row in rows], schema)
        path = self.run / folder / f"{shard:05d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, row_group_size=GROUP_ROWS)
        counter = Counter(schema)
        facts = self.facts.setdefault(shard, table)
        for batch, beside in zip(table.to_batches(), facts.to_batches(), strict=True):
            counter.update(batch, beside)
        storage = LocalStorage(self.run)
        mark = storage.mark(f"{folder}/{path.name}")
        receipt = Receipt(
            step=folder.replace("/", "."),
            key=f"{shard:05d}",
            object=path.name,
            components={},
            rows=table.num_rows,
            size=mark.size,
            modified=mark.modified,
            xxh3="",
            columns={},
            summary={"statistics": counter.result()},
        )
        Receipts(storage, folder).commit(receipt)


def _nothing(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return []
    return 0 if pa.types.is_integer(kind) else ""


def write_run(run: Path, pages: Sequence[Sequence[Page]] = PAGES) -> Path:
    """Documents of the web with dedup and recall, of GitHub with language and rules."""
    web = Writer(run)
    for shard, one in enumerate(pages):
        documents = [
            {
                "doc_id": page.identity,
                "uri": page.url,
                "url": page.url,
                "domain": page.url.split("/")[2],
                "title": page.title,
                "natural_language": page.language,
                "text": page.text,
                "n_bytes": len(page.text.encode()),
            }
            for page in one
        ]
        web.write("web/documents", shard, documents, WEB_DOCUMENTS)
        dedup = [
            {
                "keep": page.reason is None,
                "reason": page.reason,
                "doc_id": page.identity,
                "duplicate_of": doc_id(page.twin) if page.twin else None,
                "similarity": 0.9 if page.twin else None,
            }
            for page in one
        ]
        web.write("web/dedup", shard, dedup, verdict_table(DEDUP_DECISIONS))
        recall = [
            {
                "keep": None if page.reason else page.score >= 0.5,
                "reason": None if page.reason or page.score >= 0.5 else "not_recalled",
                "doc_id": page.identity,
                "score_code": page.score,
            }
            for page in one
        ]
        web.write("web/recall", shard, recall, verdict_table(recall_measures(["code"])))
    github = Writer(run)
    ids = [{"doc_id": file.identity, "keep": True} for file in FILES]
    documents = [
        {
            "doc_id": file.identity,
            "uri": f"{file.repo}@0:{file.path}",
            "repo": file.repo,
            "path": file.path,
            "text": file.text,
            "n_bytes": len(file.text),
            "license": "MIT",
        }
        for file in FILES
    ]
    github.write("github/documents", 0, documents, GITHUB_DOCUMENTS)
    github.facts[0] = pa.Table.from_pylist([{"language": file.language} for file in FILES])
    said = [{**one, "language": file.language} for one, file in zip(ids, FILES, strict=True)]
    github.write("github/language", 0, said, verdict_table(LANGUAGE_MEASURES))
    rules = [
        {**one, "keep": file.reason is None, "reason": file.reason, "n_lines": 3}
        for one, file in zip(ids, FILES, strict=True)
    ]
    github.write("github/rules", 0, rules, verdict_table(RULES_MEASURES))
    return run


def many_pages(n_shards: int, n_rows: int) -> list[list[Page]]:
    """Pages of which a tenth is dropped, more of them in later shards."""
    chance = random.Random(0)
    return [
        [
            Page(
                f"https://s{shard}.example/{row}",
                "text",
                "exact" if chance.random() < 0.2 * shard / n_shards else None,
            )
            for row in range(n_rows)
        ]
        for shard in range(n_shards)
    ]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with verdicts."""
    return write_run(tmp_path / "run")


@pytest.fixture
def opened(run: Path) -> Iterator[tuple[JudgedTables, Looking]]:
    """The run, opened."""
    with open_run(run) as (connection, views):
        yield JudgedTables(views), Looking(connection, views)


def connected(run: Path, stack: ExitStack) -> TestClient:
    """A browser that opened the printed address of a server of its own."""
    connection, views = stack.enter_context(open_run(run))
    app = make_app(
        JudgedTables(views),
        Looking(connection, views),
        Judging(open_storage(run), "ada"),
        run="runs/test",
        seed=SEED,
        token=TOKEN,
        port=PORT,
    )
    browser = TestClient(app, base_url=ADDRESS, follow_redirects=False)
    assert browser.get("/", params={"token": TOKEN}).status_code == 303
    return browser


@pytest.fixture
def connect(run: Path) -> Iterator[Callable[[], TestClient]]:
    """Makes browsers that opened the printed address of a server of their own."""
    with ExitStack() as stack:
        yield lambda: connected(run, stack)


@pytest.fixture
def client(connect: Callable[[], TestClient]) -> TestClient:
    """A browser that opened the printed address."""
    return connect()
