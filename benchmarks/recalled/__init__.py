"""The loop of recall over a folder of seeds, a crawl and its labels: run, and compared.

`recall_pages` runs `sluice run` to `web.recall`; `iterations` and `verdicts` compare what came out
with `crawl/labels.parquet`, which nothing else reads but the annotator (yes to a pattern where most
of the labelled pages under it are positive).
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.recall.iterations import rank
from stages.recall.evaluate import evaluate

CONFIG = """
[web]
inputs = ["{crawl}/*.warc.gz"]
[recall]
negatives = ["{seeds}/negatives_*.jsonl.gz"]
{person}
[recall.targets.code]
seeds = ["{seeds}/code_*.jsonl.gz"]
[recall.targets.math]
seeds = ["{seeds}/math_*.jsonl.gz"]
"""
ALL = "all"


def recall_pages(folder: Path, run: Path, settings: Iterable[str], annotator: bool) -> None:
    """Run to `web.recall` in `run`/run; SystemExit with the output if that fails."""
    annotations = run / "annotations.toml"
    person = f'annotate = "person"\nannotations = ["{annotations}"]\n' if annotator else ""
    config = CONFIG.format(crawl=folder / "crawl", seeds=folder / "seeds", person=person)
    (run / "recall.toml").write_text(config, "utf-8")
    labels = read_labels(folder)
    command = ["-c", "from pipeline.cli import main; main()", "run", str(run / "recall.toml")]
    command += ["--run", str(run / "run"), "--stage", "web.recall", "--address", "local"]
    command += [word for setting in settings for word in ("--set", setting)]
    while True:
        done = subprocess.run(
            [sys.executable, *command], check=False, stdout=subprocess.PIPE, text=True
        )
        if done.returncode != 0:
            raise SystemExit(done.stdout)
        recall = run / "run" / "web" / "recall"
        last = max(recall.glob("iteration-*/patterns"), key=lambda p: p.parent.name).parent
        if not annotator or not answer(last, run / "run", labels, annotations):
            return


def read_labels(folder: Path) -> pa.Table:
    """The labels, with the columns that `evaluate` reads."""
    labels = pq.read_table(folder / "crawl" / "labels.parquet")
    names = ["natural_language" if name == "lang" else name for name in labels.schema.names]
    return labels.rename_columns(names)


def answer(iteration: Path, run: Path, labels: pa.Table, annotations: Path) -> bool:
    """Answer what is proposed and not yet answered; whether there was anything."""
    number = int(iteration.name.partition("-")[2])
    rows = pq.read_table(sorted((iteration / "patterns").glob("*.parquet"))).to_pylist()
    text = annotations.read_text() if annotations.exists() else "version = 1\n"
    pages = _labelled_pages(run, labels)
    new = [row for row in rows if f'pattern = "{row["pattern"]}"\n# {row["target"]}' not in text]
    for row in new:
        under = [
            row["target"] in names
            for url, names in pages
            if f"{url.partition('://')[2]}/".startswith(row["pattern"].rstrip("/") + "/")
        ]
        accept = str(np.mean(under or [False]) > 0.5).lower()
        text += (
            f'\n[[pattern]]\npattern = "{row["pattern"]}"\n# {row["target"]}\n'
            f'target = "{row["target"]}"\naccept = {accept}\niteration = {number}\n'
        )
    annotations.write_text(text)
    return bool(new)


def iterations(run: Path, labels: pa.Table) -> Iterator[dict[str, Any]]:
    """Every iteration's ranking, by target and language (`all` first, then those with positives):
    `iteration`, `target`, `language`, `n_positives`, `best_f1`, `recall_at_precision`, `entry` (of
    the metrics); an iteration rejected altogether has `accepted` False and no ranking."""
    answers = _answers(run, labels)
    for folder in sorted((run / "web" / "recall").glob("iteration-*")):
        number = int(folder.name.partition("-")[2])
        described = json.loads((folder / "metrics.json").read_text("utf-8"))
        if not described["accepted"]:
            yield {"iteration": number, "accepted": False}
            continue
        scores = pq.read_table(sorted((folder / "scores").glob("*.parquet")))
        judged = [answers.get(identity) for identity in scores["doc_id"].to_pylist()]
        known = np.array([one is not None for one in judged])
        languages = np.array([one["natural_language"] for one in judged if one], np.object_)
        for target, entry in described["targets"].items():
            labelled = [target in (one["label"], one["also"]) for one in judged if one]
            positive = np.array(labelled, np.bool_)
            ranked = scores[f"score_{target}"].to_numpy()[known]
            for language in [ALL, *sorted(set(languages[positive]))]:
                chosen = np.ones(len(languages), bool) if language == ALL else languages == language
                found = rank(ranked[chosen], positive[chosen])
                yield {
                    "iteration": number,
                    "accepted": True,
                    "target": target,
                    "language": language,
                    "n_positives": int(positive[chosen].sum()),
                    "best_f1": found.best_f1,
                    "recall_at_precision": found.recall_at_precision or 0.0,
                    "entry": entry,
                }


def verdicts(run: Path, labels: pa.Table) -> tuple[list[dict[str, Any]], str]:
    """The rows of `stages.recall.evaluate.METRICS` for the run's verdicts, and a line of counts."""
    documents = _documents(run)
    recall = pq.read_table(sorted((run / "web" / "recall").glob("*.parquet")))
    found = evaluate(recall, documents, labels)
    counts = f"{found.n_judged} labels compared, {found.n_unjudged} without a verdict"
    return found.metrics.to_pylist(), counts


def _documents(run: Path) -> pa.Table:
    columns = ["doc_id", "domain", "url", "warc", "warc_offset", "natural_language"]
    return pq.read_table(sorted((run / "web" / "documents").glob("*.parquet")), columns=columns)


def _answers(run: Path, labels: pa.Table) -> dict[bytes, dict[str, str]]:
    """doc_id → its label, where one may be compared."""
    unambiguous = pc.invert(pc.fill_null(labels["ambiguous"], False))
    chosen = labels.filter(pc.and_(labels["scorable"], unambiguous))
    keys = ["warc", "offset", "label", "also", "natural_language"]
    places = {(row["warc"], row["offset"]): row for row in chosen.select(keys).to_pylist()}
    documents = _documents(run).select(["doc_id", "warc", "warc_offset"]).to_pylist()
    found = {row["doc_id"]: places.get((row["warc"], row["warc_offset"])) for row in documents}
    return {identity: row for identity, row in found.items() if row is not None}


def _labelled_pages(run: Path, labels: pa.Table) -> list[tuple[str, tuple[str, str]]]:
    keys = ("warc", "offset", "label", "also")
    known = {
        (warc, offset): (label, also)
        for warc, offset, label, also in zip(*(labels[k].to_pylist() for k in keys), strict=True)
    }
    return [
        (row["url"], known[row["warc"], row["warc_offset"]])
        for row in _documents(run).select(["url", "warc", "warc_offset"]).to_pylist()
        if (row["warc"], row["warc_offset"]) in known
    ]
