"""`sluice recall`: runs compared with labels, classifiers on tables of one's own."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import fasttext
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
from typer.testing import CliRunner

from pipeline.apply import map as application
from pipeline.cli.recall import recall
from pipeline.configuration import load
from pipeline.inspection.sql import query
from pipeline.recall.accepted_patterns import AcceptedPatterns
from pipeline.recall.evaluation import RunEvaluation, evaluate_run
from pipeline.recall.iterations import rank
from pipeline.recall.labels import read_labels
from pipeline.run import run
from stages.errors import ConfigError, InputError
from stages.recall.classifier.recipe import SMALL
from tests.pipeline.conftest import write_warc

TOPICS = {
    "code": "def return class import print for range while lambda yield async await except",
    "math": "theorem proof lemma integral epsilon bounded matrix eigenvalue group ring",
    "other": "sea beach bread cheese wine song garden flower summer ticket hotel museum",
}
WORDS = {topic: words.split() for topic, words in TOPICS.items()}
N_PAGES, N_SEEDS = 12, 20
TWINS = ("https://twin.example.org/a", "https://twin.example.org/b")


def text(topic: str, name: str) -> str:
    return " ".join(random.Random(f"{topic} {name}").choices(WORDS[topic], k=80))


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


def sluice(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(recall, [*map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


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
            "doc_id": {"doc_id": page["doc_id"]},
            "hex": {"doc_id": page["doc_id"].hex()},
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


def table_of_texts(path: Path, name: str, n: int) -> Path:
    rows = [
        {"text": text(topic, f"{name} {i}"), "label": topic, "url": f"https://{topic}{i % 4}.org/"}
        for topic in WORDS
        for i in range(n)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of code, trained by the command."""
    folder = tmp_path_factory.mktemp("model")
    table = table_of_texts(folder / "train.jsonl", "train", 20)
    with table.open("a") as stream:
        stream.write('{"text": null, "label": "code"}\n{broken\n')
    code, out = sluice(
        "train", table, "--target", "code", "-o", folder / "m.arrow", "--set", "max_buckets=4096"
    )
    assert code == 0
    assert "20 positive and 40 negative rows, 2 rows left out" in out
    assert "held out: precision 1.000, recall 1.000" in out
    return folder / "m.arrow"


def test_training_again_gives_the_same_file(model: Path, tmp_path: Path) -> None:
    """Another folder, the same table: the same bytes; another seed: others."""
    table = table_of_texts(tmp_path / "train.jsonl", "train", 20)
    settings = ("--set", "max_buckets=4096", "--json")
    code, out = sluice("train", table, "--target", "code", "-o", tmp_path / "a.arrow", *settings)
    assert code == 0
    assert json.loads(out)["held_out"]["f1"] == 1.0
    assert (tmp_path / "a.arrow").read_bytes() == model.read_bytes()
    other = tmp_path / "b.arrow"
    full = tmp_path / "full.bin"
    settings = ("--set", "seed=1", "--bin", full, *settings)
    sluice("train", table, "--target", "code", "-o", other, *settings)
    assert other.read_bytes() != model.read_bytes()
    assert fasttext.load_model(str(full)).get_dimension() == SMALL.dimension
    first, second = (
        json.loads((tmp_path / f"{name}.arrow.json").read_text()) for name in ("a", "b")
    )
    assert first["model_xxh3"] == xxhash.xxh3_128_hexdigest(model.read_bytes())
    assert (first["training"]["seed"], second["training"]["seed"]) == (0, 1)
    assert first["examples"] == second["examples"]
    assert first["examples"]["positive"]["n_documents"] == 20
    assert first["libraries"]["fasttext-numpy2"]


def test_scoring_answers_row_for_row(model: Path, tmp_path: Path) -> None:
    """A row without a text has no score; `label` is carried, and compared when asked."""
    table = table_of_texts(tmp_path / "new.jsonl", "new", 5)
    with table.open("a") as stream:
        stream.write('{"text": null}\n')
    out = tmp_path / "scored.parquet"
    code, said = sluice("score", table, "--model", model, "-o", out, "--target", "code", "--json")
    assert code == 0
    scored = pq.read_table(out).to_pylist()
    assert [row["recalled"] for row in scored] == [True] * 5 + [False] * 10 + [None]
    assert [row["label"] for row in scored[:5]] == ["code"] * 5
    assert scored[-1]["score"] is None
    found = json.loads(said)
    assert (found["n_rows"], found["n_recalled"], found["n_left_out"]) == (16, 5, 1)
    assert found["code"]["f1"] == found["code"]["best_f1"] == 1.0
    sluice("score", table, "--model", model, "-o", out, "--threshold", "0.0")
    assert all(row["recalled"] for row in pq.read_table(out).to_pylist()[:-1])


def test_a_model_splits_texts_as_it_was_trained(tmp_path: Path) -> None:
    """Trained on white-space words, a model scores by them: a glued text says nothing to it."""
    table = table_of_texts(tmp_path / "train.jsonl", "train", 20)
    model, out = tmp_path / "words.arrow", tmp_path / "scored.jsonl"
    settings = ("--set", "max_buckets=4096", "--set", "tokens=whitespace")
    assert sluice("train", table, "--target", "code", "-o", model, *settings)[0] == 0
    spaced = text("code", "a new one")
    new = tmp_path / "new.jsonl"
    rows = [spaced, spaced.replace(" ", "\u3000"), text("math", "a new one")]
    new.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    assert sluice("score", new, "--model", model, "-o", out)[0] == 0
    scores = [json.loads(line)["score"] for line in out.read_text().splitlines()]
    assert scores[0] > 0.9 > 0.1 > scores[2]
    assert 0.3 < scores[1] < 0.7
    applied = tmp_path / "applied.jsonl"
    application.apply("recall", new, applied, [f"model={model}"])
    assert [json.loads(line)["score"] for line in applied.read_text().splitlines()] == scores


def test_a_model_of_another_tokenizer_is_refused(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ids would mean other words here."""
    table = table_of_texts(tmp_path / "new.jsonl", "new", 1)
    monkeypatch.setattr("stages.recall.classifier.tokens.tokens_hash", lambda tokens: "0" * 32)
    message = "trained on bpe tokens of rule [0-9a-f]{32}, and here they are of rule 0{32}"
    with pytest.raises(InputError, match=message):
        sluice("score", table, "--model", model, "-o", tmp_path / "out.jsonl")
    with pytest.raises(ConfigError, match=message):
        application.apply("recall", table, tmp_path / "out.jsonl", [f"model={model}"])


def test_apply_scores_and_judges(model: Path, tmp_path: Path) -> None:
    """`sluice apply recall` keeps what the model recalls and names the reason for the rest."""
    table = table_of_texts(tmp_path / "new.jsonl", "new", 5)
    out = tmp_path / "applied.parquet"
    report = application.apply("recall", table, out, [f"model={model}"])
    assert (report.rows, report.kept, report.reasons) == (15, 5, {"not_recalled": 10})
    rows = pq.read_table(out).to_pylist()
    assert [row["keep"] for row in rows] == [True] * 5 + [False] * 10
    stricter = application.apply("recall", table, out, [f"model={model}", "threshold=0.999999"])
    assert stricter.kept <= report.kept
    with pytest.raises(ConfigError, match=r"`model`: .*No such file"):
        application.apply("recall", table, out, ["model=none.arrow"])
    with pytest.raises(ConfigError, match="`model` is not set"):
        application.apply("recall", table, out)


@pytest.mark.parametrize(
    ("target", "message"),
    [("biology", "none of 60 labelled rows is 'biology'"), ("code", "needs the column 'text'")],
)
def test_a_table_that_teaches_nothing_is_refused(tmp_path: Path, target: str, message: str) -> None:
    """Before any training."""
    table = table_of_texts(tmp_path / "train.jsonl", "train", 20)
    if target == "code":
        table.write_text('{"body": "x", "label": "code"}\n')
    with pytest.raises(ConfigError, match=message):
        sluice("train", table, "--target", target, "-o", tmp_path / "m.arrow")


def test_a_table_of_one_class_is_refused(tmp_path: Path) -> None:
    """There is nothing to tell apart."""
    table = tmp_path / "one.jsonl"
    table.write_text('{"text": "x", "label": "code"}\n' * 9)
    with pytest.raises(ConfigError, match="all of 9 labelled rows are 'code'"):
        sluice("train", table, "--target", "code", "-o", tmp_path / "m.arrow")


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
