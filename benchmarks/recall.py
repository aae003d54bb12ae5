"""Recall: the collapsed kernel beside fasttext.predict, and what a first iteration recalls.

    python benchmarks/recall.py speed    [WEB FOLDER] [--buckets 2097152 524288]
    python benchmarks/recall.py quality  [WEB FOLDER] [--recipes small paper] [--seed 0]

`speed` trains on the folder's seeds and scores its crawl with both, the same token ids, one core,
CPU time; fastText gets strings made beforehand. `quality` trains as the stage does and compares
with the folder's labels, which nothing else reads.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.recall import recall_measures
from schemas.verdicts import verdict_table
from stages.contract import ROW, SHARD, SKIPPED, Input
from stages.kernels.bpe import DEFAULT_TOKENIZER
from stages.kernels.fasttext import collapse
from stages.recall.decide import RecallPages
from stages.recall.evaluate import evaluate
from stages.recall.examples import SampleCrawl, TokeniseSeeds, TrainTarget, tokenise
from stages.recall.model import load_model
from stages.recall.options import RecallOptions
from stages.recall.train import NEGATIVE, POSITIVE, SMALL, train_fasttext
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


def train_target(
    target: str, seeds: pa.Table, crawl: pa.Table, options: RecallOptions
) -> tuple[bytes, float]:
    """The model file of one target, and the seconds it took."""
    start = time.perf_counter()
    tokens = TokeniseSeeds(options.roles())(batches_of(seeds, TokeniseSeeds.reads))
    share = min(1.0, options.crawl_negatives / len(crawl))
    sample = SampleCrawl(share, options.seed)(batches_of(crawl, SampleCrawl.reads))
    step = TrainTarget(target, options.training(), options.trusted_share)
    return step(tokens, sample), time.perf_counter() - start


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
        model = train_fasttext(negatives, positives, SMALL, OPTIONS.training(), buckets)
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
        print(f"{buckets} buckets, dimension {SMALL.dimension}")
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


def quality(folder: Path, recipes: Iterable[str], seed: int) -> None:
    """Print precision, recall and F1 of every target and recipe."""
    seeds = read_pages((folder / "seeds").glob("*.jsonl.gz"))
    crawl = read_pages((folder / "crawl").glob("*.warc.gz"))
    labels = pq.read_table(folder / "crawl" / "labels.parquet")
    tokens = pa.concat_arrays([tokenise(b, DEFAULT_TOKENIZER) for b in batches_of(crawl, ["text"])])
    for recipe in recipes:
        options = OPTIONS.model_copy(update={"recipe": recipe, "seed": seed})
        models = []
        for target in options.targets:
            data, seconds = train_target(target, seeds, crawl, options)
            models.append(load_model(data))
            print(
                f"{recipe} {target}: {seconds:.1f} s, {len(data) / 1e6:.2f} MB,",
                models[-1].held_out,
            )
        evaluation = evaluate(decide(crawl, tokens, models, options), crawl, labels)
        for row in evaluation.metrics.to_pylist():
            if row["by"] == "all" or (row["by"] == "natural_language" and row["n_pages"] >= 200):
                ratios = (f"{row[n]:.3f}" if row[n] is not None else "  –  " for n in RATIOS)
                print(
                    f"  {row['target']:5s} {row['value'] or 'all':3s}",
                    f"{row['n_positives']:5d} positive   ",
                    *ratios,
                )
        print(
            f"  {evaluation.n_judged} labels compared, {evaluation.n_unjudged} without a page",
            flush=True,
        )


RATIOS = ("precision", "recall", "f1")


def decide(
    crawl: pa.Table, tokens: pa.Array, models: list[Any], options: RecallOptions
) -> pa.Table:
    """The recall table of the crawl as one shard."""
    targets = tuple(options.targets)
    places = {SHARD: pa.array(np.zeros(len(crawl), np.int32)), ROW: pa.array(np.arange(len(crawl)))}
    scores = {
        f"score_{t}": pa.array(m.probabilities(tokens))
        for t, m in zip(targets, models, strict=True)
    }
    thresholds = tuple(model.calibration.threshold for model in models)
    step = RecallPages(targets, thresholds, options.natural_share, options.seed, iteration=1)
    batches = pa.table({**places, "doc_id": crawl["doc_id"]}).combine_chunks().to_batches()
    made = pa.Table.from_batches(step(iter(batches), pa.table({**places, **scores})))
    keep = pc.is_null(made["reason"])
    verdict = verdict_table(recall_measures(targets))
    return made.append_column(verdict.field("keep"), keep)


def main() -> None:
    """Run the part asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["speed", "quality"])
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--buckets", type=int, nargs="+", default=[1 << 21, 1 << 19])
    parser.add_argument("--recipes", nargs="+", default=["small", "paper"])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.part == "speed":
        speed(arguments.folder, arguments.buckets)
    else:
        quality(arguments.folder, arguments.recipes, arguments.seed)


if __name__ == "__main__":
    main()
