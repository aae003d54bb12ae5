"""Recall: the collapsed kernel beside fasttext.predict, and what the loop recalls.

    python benchmarks/recall.py speed    [WEB FOLDER] [--buckets 2097152 524288]
    python benchmarks/recall.py quality  [WEB FOLDER] [--annotator] [--set recall.seed=1 …]

`speed` trains on the folder's seeds and scores its crawl with both, the same token ids, one core,
CPU time; fastText gets strings made beforehand. `quality` runs `sluice run` to `web.recall` on
seeds and crawl and compares every iteration with the folder's labels, which nothing else reads.
With `--annotator` they answer each proposed pattern (yes where most of its pages are positive).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.contract import SKIPPED, Input
from stages.kernels.bpe import DEFAULT_TOKENIZER
from stages.kernels.fasttext import collapse
from stages.recall.evaluate import evaluate
from stages.recall.examples import TokeniseSeeds, tokenise
from stages.recall.options import RecallOptions
from stages.recall.train import NEGATIVE, PAPER, POSITIVE, SMALL, train_fasttext
from stages.web.options import WebOptions
from stages.web.stage import WebSource

DEFAULT = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "web"
OPTIONS = RecallOptions(
    targets={"code": {"seeds": ("code_*",)}, "math": {"seeds": ("math_*",)}},
    negatives=("negatives_*",),
)
LOG_GUARD = 1e-5
"""fastText reports exp(log(p + 1e-5))."""


def read_pages(paths: Iterable[Path]) -> pa.Table:
    """The documents of WARC files and JSONL lists, as the web source makes them."""
    source = WebSource(WebOptions())
    batches = []
    for path in sorted(paths):
        opened = Input(path.name, str(path), lambda path=path: path.open("rb"))
        raws = (event for event in source.read(opened) if isinstance(event, pa.RecordBatch))
        for raw in raws:
            made = source.convert(raw)
            batches.append(made.filter(pc.is_null(made[SKIPPED])).drop_columns([SKIPPED]))
    return pa.Table.from_batches(batches)


def batches_of(table: pa.Table, columns: Iterable[str]) -> Iterator[pa.RecordBatch]:
    """Batches as the engine makes them."""
    return iter(table.select(list(columns)).to_batches(max_chunksize=2048))


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """The result and the CPU seconds."""
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def speed(folder: Path, bucket_counts: Iterable[int]) -> None:
    """Print tokens per second, the ratio, the largest difference and the sizes."""
    seeds = read_pages((folder / "seeds").glob("*.jsonl.gz"))
    (rows,) = [
        pa.Table.from_batches(
            TokeniseSeeds(OPTIONS.roles())(batches_of(seeds, TokeniseSeeds.reads))
        )
    ]
    is_code = pc.equal(rows["role"], "code")
    positives = rows["tokens"].filter(is_code).combine_chunks()
    negatives = rows["tokens"].filter(pc.invert(is_code)).combine_chunks()
    crawl = read_pages((folder / "crawl").glob("*.warc.gz"))
    tokens = pa.concat_arrays([tokenise(b, DEFAULT_TOKENIZER) for b in batches_of(crawl, ["text"])])
    lines = [" ".join(map(str, ids)) for ids in tokens.to_pylist()]
    millions = len(tokens.flatten()) / 1e6
    print(f"{len(tokens)} pages, {millions:.2f} M tokens, CPU time of one core")
    for buckets in bucket_counts:
        recipe = replace(SMALL, dimension=PAPER.dimension)
        model = train_fasttext(negatives, positives, recipe, OPTIONS.training(), buckets)
        collapsed = collapse(model, NEGATIVE)
        collapsed.probabilities(tokens.slice(0, 2))
        ours, our_seconds = min(
            (timed(lambda c=collapsed: c.probabilities(tokens)[:, 1]) for _ in range(5)),
            key=lambda result: result[1],
        )
        found, their_seconds = timed(lambda m=model: [m.predict(line, k=2) for line in lines])
        theirs = np.array(
            [dict(zip(*answer, strict=True))[f"__label__{POSITIVE}"] for answer in found]
        )
        with tempfile.NamedTemporaryFile(suffix=".bin") as file:
            model.save_model(file.name)
            full = os.path.getsize(file.name)
        kept = len(collapsed.to_bytes())
        print(f"{buckets} buckets, dimension {recipe.dimension}")
        print(
            f"  sluice            {millions / our_seconds:9.1f} M tokens/s   {kept / 1e6:9.2f} MB"
        )
        print(
            f"  fasttext.predict  {millions / their_seconds:9.1f} M tokens/s   {full / 1e6:9.2f} MB"
        )
        print(
            f"  ratio             {their_seconds / our_seconds:9.1f}"
            f"                {kept / full:9.3%}"
        )
        print(f"  largest difference {np.abs(theirs - LOG_GUARD - ours).max():.2e}")
        print(f"  same side of 0.5   {np.mean((theirs >= 0.5) == (ours >= 0.5)):.3%}", flush=True)


def quality(folder: Path, annotator: bool, settings: Iterable[str], run: Path) -> None:
    """Print best F1, recall at precision 0.9, and F1 at the threshold, after every iteration."""
    annotations = run / "annotations.toml"
    person = f'annotate = "person"\nannotations = ["{annotations}"]\n' if annotator else ""
    config = CONFIG.format(crawl=folder / "crawl", seeds=folder / "seeds", person=person)
    (run / "recall.toml").write_text(config, "utf-8")
    labels = pq.read_table(folder / "crawl" / "labels.parquet")
    while True:
        sluice = [
            "-c",
            "from pipeline.cli import main; main()",
            "run",
            str(run / "recall.toml"),
            "--run",
            str(run / "run"),
        ]
        overrides = [word for setting in settings for word in ("--set", setting)]
        stage = ["--stage", "web.recall", "--address", "local", *overrides]
        done = subprocess.run(
            [sys.executable, *sluice, *stage], check=False, stdout=subprocess.PIPE, text=True
        )
        recall = run / "run" / "web" / "recall"
        last = max(recall.glob("iteration-*/patterns"), key=lambda p: p.parent.name).parent
        if not annotator or not answer(last, run / "run", labels, annotations):
            break
    if done.returncode != 0:
        raise SystemExit(done.stdout)
    report(run / "run", labels)


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


def _labelled_pages(run: Path, labels: pa.Table) -> list[tuple[str, tuple[str, str]]]:
    paths = sorted((run / "web" / "documents").glob("*.parquet"))
    documents = pq.read_table(paths, columns=["url", "warc", "warc_offset"])
    keys = ("warc", "offset", "label", "also")
    known = {
        (warc, offset): (label, also)
        for warc, offset, label, also in zip(*(labels[k].to_pylist() for k in keys), strict=True)
    }
    columns = (documents[name].to_pylist() for name in documents.schema.names)
    return [
        (url, known[warc, offset])
        for url, warc, offset in zip(*columns, strict=True)
        if (warc, offset) in known
    ]


def report(run: Path, labels: pa.Table) -> None:
    """Every iteration's ranking, then the verdicts."""
    columns = ["doc_id", "domain", "warc", "warc_offset", "natural_language"]
    documents = pq.read_table(
        sorted((run / "web" / "documents").glob("*.parquet")), columns=columns
    )
    verdicts = pq.read_table(sorted((run / "web" / "recall").glob("*.parquet")))
    chosen = labels.filter(
        pc.and_(labels["scorable"], pc.invert(pc.fill_null(labels["ambiguous"], False)))
    )
    places = {
        key: (label, also)
        for *key_parts, label, also in zip(
            *(chosen[name].to_pylist() for name in ("warc", "offset", "label", "also")), strict=True
        )
        for key in [tuple(key_parts)]
    }
    keys = zip(documents["warc"].to_pylist(), documents["warc_offset"].to_pylist(), strict=True)
    answers = [places.get(key) for key in keys]
    of_page = dict(zip(documents["doc_id"].to_pylist(), answers, strict=True))
    for folder in sorted((run / "web" / "recall").glob("iteration-*")):
        described = json.loads((folder / "metrics.json").read_text("utf-8"))
        if not (folder / "scores").exists():
            print(f"{folder.name}: rejected")
            continue
        scores = pq.read_table(sorted((folder / "scores").glob("*.parquet")))
        judged = [of_page[identity] for identity in scores["doc_id"].to_pylist()]
        known = np.array([one is not None for one in judged])
        for target, entry in described["targets"].items():
            positive = np.array([target in (one or ()) for one in judged])[known]
            ranked = scores[f"score_{target}"].to_numpy()[known]
            best, at90 = ranking(ranked, positive)
            print(
                f"{folder.name} {target:5s} best F1 {best:.3f}  recall at precision 0.9 {at90:.3f}"
                f"  recalled {entry['n_recalled']}  model {'new' if entry['accepted'] else 'kept'}"
            )
    evaluation = evaluate(verdicts, documents, labels.rename_columns(_named_lang(labels)))
    for row in evaluation.metrics.to_pylist():
        if row["by"] == "all" or (row["by"] == "natural_language" and row["n_positives"] >= 50):
            ratios = (f"{row[n]:.3f}" if row[n] is not None else "  –  " for n in RATIOS)
            name = row["value"] or "all"
            print(
                f"verdicts {row['target']:5s} {name:3s} {row['n_positives']:5d} positive ", *ratios
            )
    print(f"{evaluation.n_judged} labels compared, {evaluation.n_unjudged} without a verdict")


def ranking(scores: Any, positive: Any) -> tuple[float, float]:
    """The best F1 of any threshold; the highest recall at a precision of 0.9. Pages of one score
    are taken together."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.diff(scores[order]) != 0, True)
    hits = np.cumsum(positive[order])[ends]
    taken = np.arange(1, len(scores) + 1)[ends]
    enough = hits[hits / taken >= 0.9]
    n = positive.sum()
    return float((2 * hits / (n + taken)).max()), float(enough.max() / n if len(enough) else 0)


def _named_lang(labels: pa.Table) -> list[str]:
    return ["natural_language" if name == "lang" else name for name in labels.schema.names]


RATIOS = ("precision", "recall", "f1")


def main() -> None:
    """Run the part asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["speed", "quality"])
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--buckets", type=int, nargs="+", default=[1 << 21, 1 << 19])
    parser.add_argument("--annotator", action="store_true", help="the labels answer patterns")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--keep", type=Path, help="folder of the run (default: a temporary one)")
    arguments = parser.parse_args()
    if arguments.part == "speed":
        speed(arguments.folder, arguments.buckets)
    else:
        with tempfile.TemporaryDirectory(prefix="sluice-recall-") as temporary:
            run = (arguments.keep or Path(temporary)).absolute()
            run.mkdir(parents=True, exist_ok=True)
            quality(arguments.folder.resolve(), arguments.annotator, arguments.settings, run)


if __name__ == "__main__":
    main()
