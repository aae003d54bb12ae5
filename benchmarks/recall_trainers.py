"""Recall's two trainers on the same token arrays: CPU seconds, and F1 on unknown documents.

    python benchmarks/recall_trainers.py [WEB FOLDER] [--run RUN] [--seeds 0 1] [--set KEY=VALUE …]
    python benchmarks/recall_trainers.py [WEB FOLDER] [--run RUN] --examples 50 100 200 400 800

Twice for each target. `seeds`: trained on the folder's seeds (one target against all others),
judged on the labelled pages of its crawl. `domains`: trained on four fifths of the labelled pages
and judged on the others, five times; no domain is in both. `--run` names a run with
`[github.recall]`: the files that its rule picked against those drawn, across repositories. F1 is
the best over all thresholds, of the texts alone: without markup, directories or patterns.

`--examples` trains Sluice's own trainer across domains on so many documents a class at most.
"""

import argparse
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from recall import DEFAULT, OPTIONS, batches_of, read_pages, timed
from recalled import read_labels

from pipeline.configuration import load_stage
from pipeline.recall.iterations import rank
from schemas.tokens import TOKENS
from stages.recall.classifier.examples import TokeniseSeeds
from stages.recall.classifier.fit import fit
from stages.recall.classifier.folds import deal_groups
from stages.recall.classifier.recipe import FASTTEXT, LINEAR, SMALL, resolve_recipe
from stages.recall.classifier.tokens import TOKEN_LISTS, stored_lists, tokenise
from stages.recall.options import BPE, QUALITY, Training
from stages.recall.quality.example_files import PICKED

N_FOLDS = 5
Flags = npt.NDArray[np.bool_]
Split = tuple[pa.Array, Flags, Flags]
"""Documents to train on, which of them are positive, and which of the labelled pages are judged."""


def crawl(folder: Path) -> tuple[pa.Array, pa.Table]:
    """The tokens of the labelled pages, and their labels."""
    pages = read_pages((folder / "crawl").glob("*.warc.gz"))
    labels = read_labels(folder)
    good = pc.and_(labels["scorable"], pc.invert(pc.fill_null(labels["ambiguous"], False)))
    labels = labels.filter(good)
    place = pc.index_in(labels["url"], pages["url"])
    found = pages["text"].take(pc.drop_null(place)).combine_chunks()
    return tokenise(found, BPE), labels.filter(pc.is_valid(place))


def seeds(folder: Path) -> tuple[pa.Array, pa.Array]:
    """The tokens of the seed documents, and whose they are."""
    pages = read_pages((folder / "seeds").glob("*.jsonl.gz"))
    step = TokeniseSeeds(OPTIONS.roles())
    rows = pa.Table.from_batches(step(batches_of(pages, step.reads)))
    return rows["tokens"].combine_chunks(), rows["role"]


def files(run: Path) -> tuple[pa.Array, Flags, list[str]]:
    """The tokens of the files that a run's quality recall learns from, which of them the rule
    picked, and their repositories."""
    stored = [
        pq.read_table(run / "github" / name, columns=["doc_id", column])
        for name, column in (("tokens", TOKENS), ("documents", "repo"))
    ]
    with pa.ipc.open_file(run / "github" / "recall" / "seeds" / "examples.arrow") as reader:
        chosen = reader.read_all()
    tokens, repos = (
        table.column(1).take(pc.index_in(chosen["doc_id"], table["doc_id"])).combine_chunks()
        for table in stored
    )
    return stored_lists(tokens), np.asarray(chosen[PICKED]), repos.to_pylist()


def positives(labels: pa.Table, target: str) -> Flags:
    """The pages that are the target's, by their label or the second one."""
    also = [target in (names or ()) for names in labels["also"].to_pylist()]
    return np.asarray(pc.equal(labels["label"], target)) | np.array(also)


def by_domain(tokens: pa.Array, positive: Flags, domains: list[str]) -> Iterator[Split]:
    """Four fifths to train on and the rest to judge, five times."""
    of = np.array(domains)
    dealt = deal_groups(of[positive].tolist(), of[~positive].tolist(), N_FOLDS)
    folds = np.array([dealt[domain] for domain in domains])
    for fold in range(N_FOLDS):
        own = folds != fold
        yield tokens.filter(pa.array(own)), positive[own], ~own


def compare(
    name: str, splits: list[Split], tokens: pa.Array, truth: Flags, options: Training
) -> None:
    """Print a row: both trainers over the same splits; each page is judged once."""
    seconds, f1 = [], []
    for trainer in (FASTTEXT, LINEAR):
        scores, spent = np.empty(len(tokens)), 0.0
        for documents, positive, judged in splits:
            recipe = resolve_recipe(options.recipe, int(positive.sum()), trainer)
            classes = [documents.filter(pa.array(positive == one)) for one in (False, True)]
            model, took = timed(lambda c=classes, r=recipe: fit(*c, r, options))
            scores[judged] = model.logits(tokens.filter(pa.array(judged)))[:, 0]
            spent += took
        seconds.append(spent)
        f1.append(rank(scores, truth).best_f1)
    millions = sum(len(documents.flatten()) for documents, _, _ in splits) / 1e6
    print(
        f"{name:15s} {len(truth):6d} {int(truth.sum()):9d} {millions:9.1f} {seconds[0]:9.1f} "
        f"{seconds[1]:7.2f} {seconds[0] / seconds[1]:6.1f} {f1[0]:12.3f} {f1[1]:7.3f} "
        f"{f1[1] - f1[0]:+7.3f}",
        flush=True,
    )


def curve(
    name: str, splits: list[Split], tokens: pa.Array, truth: Flags, sizes: list[int], seed: int
) -> None:
    """Print F1 and CPU seconds by the number of documents a class has at most."""
    options = Training(seed=seed)
    for size in sizes:
        scores, spent, used = np.empty(len(tokens)), 0.0, []
        for documents, positive, judged in splits:
            random = np.random.default_rng(seed)
            rows = [random.permutation(np.flatnonzero(positive == one)) for one in (False, True)]
            classes = [documents.take(pa.array(np.sort(own[:size]))) for own in rows]
            used.append(len(classes[1]))
            model, took = timed(lambda c=classes: fit(*c, SMALL, options))
            scores[judged] = model.logits(tokens.filter(pa.array(judged)))[:, 0]
            spent += took
        best = rank(scores, truth).best_f1
        print(f"{name:18s} {size:6d} {np.mean(used):10.0f} {spent:7.2f} {best:6.3f}", flush=True)


def main() -> None:
    """Every target, seed and kind of split."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--run", type=Path, help="a run whose files are compared, too")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--examples", type=int, nargs="+", help="documents a class at most")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    # Kernels are compiled before anything is timed.
    few = pa.array([[1, 2, 3]] * 9, TOKEN_LISTS)
    fit(few, few, SMALL, Training())
    tokens, labels = crawl(arguments.folder)
    domains = labels["domain"].to_pylist()
    apart = [(name, tokens, positives(labels, name), domains) for name in OPTIONS.targets]
    if arguments.run:
        apart.append((QUALITY, *files(arguments.run)))
    if arguments.examples:
        print("                    at most  positives   CPU s     F1")
        for (name, own, truth, groups), seed in product(apart, arguments.seeds):
            splits = list(by_domain(own, truth, groups))
            curve(f"{name} {seed}", splits, own, truth, arguments.examples, seed)
        return
    documents, roles = seeds(arguments.folder)
    everything = np.ones(len(tokens), bool)
    print(
        "                 pages  positive  M tokens  fastText  linear  ratio  F1: fastText  linear"
    )
    for (name, own, truth, groups), seed in product(apart, arguments.seeds):
        options = load_stage(Training, [*arguments.settings, f"seed={seed}"])
        if name in OPTIONS.targets:
            split = (documents, np.asarray(pc.equal(roles, name)), everything)
            compare(f"{name} seeds {seed}", [split], own, truth, options)
        splits = list(by_domain(own, truth, groups))
        compare(f"{name} domains {seed}", splits, own, truth, options)


if __name__ == "__main__":
    main()
