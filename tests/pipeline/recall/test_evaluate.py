"""`sluice recall evaluate`: runs compared with labels."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.configuration import load
from pipeline.inspection.sql import query
from pipeline.recall.accepted_patterns import AcceptedPatterns
from pipeline.recall.evaluation import RunEvaluation, evaluate_run
from pipeline.recall.iterations import rank
from pipeline.recall.labels import read_labels
from pipeline.run import run
from stages.errors import ConfigError
from tests.pipeline.conftest import write_warc
from tests.pipeline.recall.topics import WORDS, sluice, text

N_PAGES, N_SEEDS = 12, 20
TWINS = ("https://twin.example.org/a", "https://twin.example.org/b")


def url(topic: str, number: int) -> str:
    return f"https://{topic}{number % 3}.example.org/docs/{number}"


@pytest.fixture(scope="module")
def recalled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over a crawl of three topics, which holds one of its seeds and one page twice."""
    folder = tmp_path_factory.mktemp("recalled")
    pages = {
        url(topic, n): f"<html><body><main><p>{text(topic, f'page {n}')}</p></main></body></html>"
        for topic in WORDS
        for n in range(N_PAGES)
    }
    for twin in TWINS:
        pages[twin] = f"<p>{text('code', 'a page that is there twice')}</p>"
    pages["https://code-seeds.example.com/3"] = f"<p>{text('code', 'a page that is a seed')}</p>"
    write_warc(folder / "crawl.warc.gz", pages)
    for topic in WORDS:
        seeds = [
            {"url": f"https://{topic}-seeds.example.com/{n}", "text": text(topic, f"seed {n}")}
            for n in range(N_SEEDS)
        ]
        (folder / f"{topic}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in seeds))
    config = load(
        None,
        [
            f"web.inputs=['{folder}/*.warc.gz']",
            f"recall.targets.code.seeds=['{folder}/code.jsonl']",
            f"recall.targets.math.seeds=['{folder}/math.jsonl']",
            f"recall.negatives=['{folder}/other.jsonl']",
            "recall.iterations=1",
            "recall.max_buckets=4096",
        ],
        folder / "run",
    )
    run(config, stages=["web.recall"], address="local")
    return folder / "run"


@pytest.fixture
def label(tmp_path: Path) -> Callable[..., Path]:
    """Writes a label file."""

    def write(rows: list[dict[str, Any]], name: str = "labels.parquet") -> Path:
        path = tmp_path / name
        if name.endswith(".parquet"):
            pq.write_table(pa.Table.from_pylist(rows), path)
        else:
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def truth() -> list[dict[str, Any]]:
    return [{"url": url(topic, n), "label": topic} for topic in WORDS for n in range(N_PAGES)]


def overall(found: RunEvaluation) -> dict[str, dict[str, Any]]:
    return {row["target"]: row for row in found.verdicts if row["by"] == "all"}


def test_perfect_labels_give_perfect_figures(recalled: Path, label: Callable[..., Path]) -> None:
    """The topics are far apart: every page is on its side."""
    found = evaluate_run(recalled, label(truth()))
    assert found.n_judged == 3 * N_PAGES
    for target in ("code", "math"):
        row = overall(found)[target]
        assert (row["n_positives"], row["n_recalled"], row["n_correct"]) == (N_PAGES,) * 3
        assert row["precision"] == row["recall"] == row["f1"] == 1.0
        assert found.stands[-1].rankings[target].best_f1 == 1.0


def test_wrong_labels_are_counted_against_it(recalled: Path, label: Callable[..., Path]) -> None:
    """One page of ordinary text called code: recall falls, precision stays; `also` is no error."""
    rows = [{**row, "also": ""} for row in truth()]
    rows[2 * N_PAGES]["label"] = "code"
    rows[N_PAGES] |= {"label": "code", "also": "math"}
    found = overall(evaluate_run(recalled, label(rows)))
    assert found["code"]["n_positives"] == N_PAGES + 2
    assert found["code"]["recall"] == N_PAGES / (N_PAGES + 2)
    assert found["code"]["precision"] == 1.0
    assert found["math"]["precision"] == 1.0


@pytest.mark.parametrize("key", ["doc_id", "hex", "place", "url"])
def test_labels_name_pages_in_three_ways(
    recalled: Path, label: Callable[..., Path], key: str
) -> None:
    """By doc_id (bytes or hex), by WARC and offset, or by a URL however it is spelled."""
    statement = "select doc_id, url, warc, warc_offset from web.documents order by url"
    pages = [row for batch in query(recalled, statement) for row in batch.to_pylist()]
    topics = {url(topic, n): topic for topic in WORDS for n in range(N_PAGES)}
    rows = []
    for page in pages:
        names = {
            "doc_id": {"doc_id": bytes.fromhex(page["doc_id"])},
            "hex": {"doc_id": page["doc_id"]},
            "place": {"warc": page["warc"], "offset": page["warc_offset"]},
            "url": {"url": page["url"].replace("https://", "HTTPS://") + "?utm_source=x#top"},
        }
        if page["url"] in topics:
            rows.append({**names[key], "label": topics[page["url"]]})
    for name in ("labels.jsonl", "labels.parquet")[key in ("doc_id",) :]:
        found = evaluate_run(recalled, label(rows, name))
        assert found.n_judged == 3 * N_PAGES
        assert overall(found)["code"]["f1"] == 1.0


def test_what_is_not_compared_is_counted(recalled: Path, label: Callable[..., Path]) -> None:
    """Seeds, duplicates, pages that are not there, and what the labels themselves leave out."""
    rows = [{**row, "scorable": True, "ambiguous": False} for row in truth()]
    rows[1]["scorable"] = False
    rows[2]["ambiguous"] = True
    for extra in (
        *TWINS,
        "https://code-seeds.example.com/3",
        "https://nowhere.example.org/",
    ):
        rows.append({"url": extra, "label": "code", "scorable": True, "ambiguous": False})
    rows.append({"url": None, "label": "code", "scorable": None, "ambiguous": None})
    found = evaluate_run(recalled, label(rows))
    assert found.n_labels == len(rows)
    assert found.left_out == {
        "no label or no page named": 1,
        "not scorable": 1,
        "ambiguous": 1,
        "no page of the run": 1,
        "supplied seed": 1,
        "dropped before recall (exact)": 1,
    }
    assert found.n_judged + sum(found.left_out.values()) == found.n_labels


def test_a_label_file_that_does_not_match_is_an_error(
    recalled: Path, label: Callable[..., Path], tmp_path: Path
) -> None:
    """With the numbers, and with what would have matched."""
    elsewhere = [{"url": f"https://nowhere.org/{n}", "label": "code"} for n in range(7)]
    with pytest.raises(ConfigError, match=r"none of 7 labels \(by url\).*no page of the run 7"):
        evaluate_run(recalled, label(elsewhere))
    unknown = [{**row, "label": "Code"} for row in truth()]
    with pytest.raises(ConfigError, match="no label is one of the run's targets code, math"):
        evaluate_run(recalled, label(unknown))
    with pytest.raises(ConfigError, match=r"labels need `label`.*the file has label, page"):
        read_labels(label([{"page": 1, "label": "code"}]))
    with pytest.raises(ConfigError, match="'xyz' is no hexadecimal number"):
        read_labels(label([{"doc_id": "xyz", "label": "code"}], "labels.jsonl"))
    with pytest.raises(ConfigError, match="no such file"):
        read_labels(tmp_path / "none.parquet")


def test_a_run_without_recall_says_so(
    recalled: Path, label: Callable[..., Path], tmp_path: Path
) -> None:
    """The table that is missing is named."""
    shutil.copytree(recalled / "web" / "documents", tmp_path / "run" / "web" / "documents")
    with pytest.raises(ConfigError, match=r"no table web\.recall"):
        evaluate_run(tmp_path / "run", label(truth()))


def test_evaluate_prints_tables_or_json(
    recalled: Path, label: Callable[..., Path], tmp_path: Path
) -> None:
    """By target, natural language and domain; JSON holds the same."""
    rows = [{**row, "natural_language": "en"} for row in truth()]
    rows[2 * N_PAGES]["label"] = "code"
    path = label(rows)
    code, out = sluice("evaluate", recalled, "--labels", path)
    assert code == 0
    assert f"{len(rows)} labels, {len(rows)} compared" in out
    assert "code by natural language" in out
    assert "code: the domains with the most errors" in out
    assert "math: the domains with the most errors" not in out
    assert "precision at recall" in out
    plot = tmp_path / "plots" / "recall.svg"
    code, out = sluice("evaluate", recalled, "--labels", path, "--json", "--plot", plot)
    found = json.loads(out)
    curves = found["stands"][-1]["curves"]
    assert list(curves) == ["code", "math"]
    used, metrics = curves["math"]["used"], found["stands"][-1]["metrics"]
    overall = next(r for r in metrics if (r["target"], r["by"]) == ("math", "all"))
    assert (used["precision"], used["recall"]) == (overall["precision"], overall["recall"])
    assert used in curves["math"]["points"]
    assert ElementTree.fromstring(plot.read_text()).get("role") == "img"
    with pytest.raises(ConfigError, match=r"recall\.png: expected a name ending in \.svg"):
        sluice("evaluate", recalled, "--labels", path, "--plot", "recall.png")
    assert found["n_judged"] == len(rows)
    assert {row["by"] for row in found["stands"][-1]["metrics"]} == {
        "all",
        "natural_language",
        "domain",
    }


def test_the_ranking_is_that_of_the_best_threshold() -> None:
    """Equal scores stand or fall together."""
    scores = np.array([0.9, 0.8, 0.8, 0.3, 0.1])
    positive = np.array([True, True, False, True, False])
    found = rank(scores, positive)
    assert found.best_f1 == pytest.approx(6 / 7)
    assert found.recall_at_precision == pytest.approx(1 / 3)
    assert rank(scores, np.zeros(5, bool)).recall_at_precision is None


def test_the_longest_pattern_decides() -> None:
    """A rejected folder inside an accepted host is not covered."""
    patterns = AcceptedPatterns({"code": {"a.org": True, "a.org/b/": False}})
    assert patterns.n_patterns == 1
    assert patterns.covers("code", "https://a.org/x")
    assert not patterns.covers("code", "https://a.org/b/c")
    assert not patterns.covers("math", "https://a.org/x")
