"""Recall: the collapsed kernel beside fasttext.predict, and what the loop recalls.

    python benchmarks/recall.py speed    [WEB FOLDER] [--buckets 2097152 524288]
    python benchmarks/recall.py quality  [WEB FOLDER] [--annotator] [--set recall.seed=1 …]
    python benchmarks/recall.py tokens   [WEB FOLDER] [--set recall.evidence=text …]
    python benchmarks/recall.py held-out [WEB FOLDER] --keep FOLDER [--set …] [--choose KEY=A,B …]

`speed` trains on the folder's seeds and scores its crawl with both, the same token ids, one core,
CPU time; fastText gets strings made beforehand. `quality` runs `sluice run` to `web.recall` on
seeds and crawl and compares every iteration with the folder's labels, which nothing else reads.
With `--annotator` they answer each proposed pattern (yes where most of its pages are positive).
`tokens` runs the same loop on BPE tokens and on white-space words, and prints both by language.
`held-out` repeats the loop on domains left out, over the pages that `quality --keep FOLDER` has
extracted (`recalled/held_out.py` says how); of settings to choose from, the values are chosen on
four folds and reported on the fifth.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from recalled import ALL, iterations, read_labels, recall_pages, verdicts
from recalled.figures import choose, report
from recalled.held_out import parse_settings, read_material, run_fold
from recalled.in_memory import remember_trainings

from stages.contract import SKIPPED, Input
from stages.kernels.fasttext.scoring import collapse
from stages.recall.classifier.examples import TokeniseSeeds
from stages.recall.classifier.fasttext_trainer import train_fasttext
from stages.recall.classifier.recipe import NEGATIVE, PAPER, POSITIVE, SMALL
from stages.recall.classifier.tokens import tokenise
from stages.recall.classifier.windows import draw_examples
from stages.recall.options import BPE, WHITESPACE, RecallOptions
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
    tokens = pa.concat_arrays([tokenise(b["text"], BPE) for b in batches_of(crawl, ["text"])])
    lines = [" ".join(map(str, ids)) for ids in tokens.to_pylist()]
    millions = len(tokens.flatten()) / 1e6
    print(f"{len(tokens)} pages, {millions:.2f} M tokens, CPU time of one core")
    for buckets in bucket_counts:
        recipe = replace(SMALL, dimension=PAPER.dimension)
        examples = draw_examples(negatives, positives, recipe, OPTIONS.seed)
        model = train_fasttext(examples, recipe, buckets)
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


def quality(folder: Path, run: Path, settings: Iterable[str], annotator: bool) -> None:
    """Print best F1 and recall at precision 0.9 after every iteration, then the verdicts'."""
    recall_pages(folder, run, settings, annotator)
    labels = read_labels(folder)
    for row in iterations(run / "run", labels):
        name = f"iteration-{row['iteration']}"
        if not row["accepted"]:
            print(f"{name}: rejected")
        elif row["language"] == ALL:
            entry = row["entry"]
            print(
                f"{name} {row['target']:5s} best F1 {row['best_f1']:.3f}  recall at precision 0.9 "
                f"{row['recall_at_precision']:.3f}  recalled {entry['n_recalled']}  "
                f"model {'new' if entry['accepted'] else 'rejected'}"
            )
    found, counts = verdicts(run / "run", labels)
    for row in found:
        if row["by"] == "all" or (row["by"] == "natural_language" and row["n_positives"] >= 50):
            ratios = (f"{row[n]:.3f}" if row[n] is not None else "  –  " for n in RATIOS)
            name = row["value"] or ALL
            print(
                f"verdicts {row['target']:5s} {name:3s} {row['n_positives']:5d} positive ", *ratios
            )
    print(counts)


def compare_tokens(folder: Path, run: Path, settings: list[str], annotator: bool) -> None:
    """The whole loop on BPE tokens and on white-space words: by language, after the last iteration
    that was accepted."""
    labels = read_labels(folder)
    rows: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for tokens in (BPE, WHITESPACE):
        recall_pages(folder, run, [*settings, f"recall.tokens={tokens}"], annotator)
        for row in iterations(run / "run", labels):
            if row["accepted"] and (row["language"] == ALL or row["n_positives"] >= 20):
                rows.setdefault((row["target"], row["language"]), {})[tokens] = row
    print("target language positive   best F1: bpe  white space   recall at 0.9: bpe  white space")
    for (target, language), by_tokens in sorted(rows.items()):
        bpe, words = by_tokens[BPE], by_tokens[WHITESPACE]
        print(
            f"{target:6s} {language:8s} {bpe['n_positives']:8d}"
            f"   {bpe['best_f1']:12.3f}  {words['best_f1']:11.3f}"
            f"   {bpe['recall_at_precision']:18.3f}  {words['recall_at_precision']:11.3f}"
        )


def held_out(folder: Path, run: Path, settings: list[str], choices: list[str]) -> None:
    """Mean and spread over folds of domains, by language, and the whole crawl's figures; or every
    choice, nested."""
    if not (run / "run" / "web" / "tokens").is_dir():
        recall_pages(folder, run, [], annotator=False)
    remember_trainings(run / "trainings")
    material = read_material(run / "run", read_labels(folder))
    given = parse_settings(settings)
    folds = sorted(set(material.folds.tolist()) - {-1})
    if not choices:
        for title, parts in (("domains left out", folds), ("the whole crawl", [None])):
            print(title)
            for line in report(material, [run_fold(material, fold, given) for fold in parts]):
                print(line, flush=True)
    for choice in choices:
        for line in choose(material, folds, given, choice):
            print(line, flush=True)


PARTS = ("speed", "quality", "tokens", "held-out")
RATIOS = ("precision", "recall", "f1")


def main() -> None:
    """Run the part asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", default="speed", choices=PARTS)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--buckets", type=int, nargs="+", default=[1 << 21, 1 << 19])
    parser.add_argument("--annotator", action="store_true", help="the labels answer patterns")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument(
        "--choose", dest="choices", action="append", default=[], metavar="KEY=A,B", help="nested"
    )
    parser.add_argument("--keep", type=Path, help="folder of the run (default: a temporary one)")
    arguments = parser.parse_args()
    if arguments.part == "speed":
        speed(arguments.folder, arguments.buckets)
    else:
        with tempfile.TemporaryDirectory(prefix="sluice-recall-") as temporary:
            run = (arguments.keep or Path(temporary)).absolute()
            run.mkdir(parents=True, exist_ok=True)
            if arguments.part == "held-out":
                held_out(arguments.folder.resolve(), run, arguments.settings, arguments.choices)
                return
            part = quality if arguments.part == "quality" else compare_tokens
            part(arguments.folder.resolve(), run, arguments.settings, arguments.annotator)


if __name__ == "__main__":
    main()
