"""What a user is told of seeds that teach nothing, and of a crawl that is mostly one site."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.cli.progress.monitor import ProgressMonitor
from pipeline.configuration import Config, load
from pipeline.inspection.stats import funnel
from pipeline.run import run
from stages.errors import InputError
from tests.pipeline.conftest import read_shards, write_warc
from tests.pipeline.recall.topics import text

N_SEEDS, N_LARGE, N_SMALL = 12, 27, 3


def rows(topic: str, site: str = "seeds", n: int = N_SEEDS) -> list[dict[str, str]]:
    return [
        {"url": f"https://{topic}-{site}.example.com/{i}", "text": text(topic, f"{site} {i}")}
        for i in range(n)
    ]


def lines(of: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in of).encode()


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., Config]:
    """A configuration whose positives are one file of any name and bytes."""
    pages = {
        **{f"https://docs{i % 4}.large.com/{i}": text("code", f"page {i}") for i in range(N_LARGE)},
        **{f"https://small{i}.org/": text("other", f"page {i}") for i in range(N_SMALL)},
    }
    write_warc(tmp_path / "crawl.warc.gz", {url: f"<p>{words}</p>" for url, words in pages.items()})
    (tmp_path / "other.jsonl").write_bytes(lines(rows("other")))

    def configured(name: str, data: bytes) -> Config:
        (tmp_path / name).write_bytes(data)
        return load(
            None,
            [
                f"web.inputs=['{tmp_path}/crawl.warc.gz']",
                f"recall.targets.code.seeds=['{tmp_path}/{name}']",
                f"recall.negatives=['{tmp_path}/other.jsonl']",
                "recall.iterations=1",
                "recall.max_buckets=4096",
            ],
            tmp_path / "run",
        )

    return configured


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


BARE_LINE = b'{"link": "https://a.org/", "body": "words"}\n'
BARE = parquet(pa.table({"link": ["https://a.org/"] * 9, "body": ["words"] * 9}))
SHORTER = [{**row, "text": row["text"].rpartition(" ")[0]} for row in rows("other")]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty.jsonl", b"", "it has no rows"),
        ("broken.jsonl", b"{not json\n" * 9, "broken_json 9 .Expecting property name"),
        (
            "column.jsonl",
            b'{"link": "x", "body": "y"}\n' * 9,
            "no_page 9 .a row has a string `url`",
        ),
        ("column.parquet", BARE, "no_page 9 .a row has a string `url`"),
        ("cut.parquet", BARE[:-20], "broken_parquet 1 .Parquet magic bytes not found"),
        ("twins.jsonl", lines(SHORTER), "0 of 12 documents kept, url 12"),
    ],
)
def test_seeds_that_teach_nothing_stop_the_run(
    configure: Callable[..., Config], name: str, data: bytes, message: str
) -> None:
    """Before a page is read; the field, the file, the numbers and the reason are named."""
    field = r"recall\.targets\.code\.seeds: no document to learn from in 1 seed files: "
    with pytest.raises(InputError, match=f"{field}{name}: .*{message}"):
        run(configure(name, data), stages=["web.recall"], address="local")
    assert not (configure(name, data).run / "web").exists()


def test_a_seed_file_under_a_new_name_keeps_its_documents(
    configure: Callable[..., Config],
) -> None:
    """The old name is forgotten: it would take half of them as duplicates."""
    for name in ("code.jsonl", "code-2.jsonl"):
        config = configure(name, lines(rows("code")))
        run(config, stages=["seeds.dedup"], address="local")
    documents = read_shards(config.run / "seeds" / "documents")["warc"].to_pylist()
    assert sorted(set(documents)) == ["code-2.jsonl", "other.jsonl"]
    assert all(read_shards(config.run / "seeds" / "dedup")["keep"].to_pylist())


def test_a_cut_seed_file_and_a_dominating_site_are_flagged(
    configure: Callable[..., Config],
) -> None:
    """With file or domain, number and share: by the run, its log, `run.json`, and `stats`."""
    config = configure("cut.jsonl.gz", gzip.compress(lines(rows("code", n=30)))[:-200])
    with ProgressMonitor(Console(quiet=True), config.run) as monitor:
        report = run(config, stages=["web.recall"], address="local", monitor=monitor)
    seeds, pages, recalled = report.flags
    assert seeds.startswith("seeds.documents: cut.jsonl.gz: ")
    assert "unreadable: truncated 1 (the file ends inside a gzip member)" in seeds
    n = N_LARGE + N_SMALL
    share = f"{N_LARGE / n:.1%}"
    assert pages == f"web.recall: large.com has {N_LARGE} of {n} pages ({share})"
    assert re.fullmatch(
        rf"web\.recall: large\.com has {N_LARGE} of \d+ pages recalled as code \(\d+\.\d%\)",
        recalled,
    )
    logged = [json.loads(line) for line in (config.run / "log.jsonl").read_text().splitlines()]
    assert [line["flag"] for line in logged if line["event"] == "flagged"] == report.flags
    assert json.loads((config.run / "run.json").read_text())["flags"] == report.flags
    counted = [f"{count.stage}: {flag}" for count in funnel(config.run) for flag in count.flags]
    assert counted == report.flags
    shown = CliRunner().invoke(app, ["stats", str(config.run)]).output
    assert [line for line in shown.splitlines() if "flagged" in line] == [
        f"flagged: {flag}" for flag in report.flags
    ]
