"""What a loop recalled of domains left out, in figures.

`choose` picks a setting by the other four folds and reports it on the fifth (nested
cross-validation): what a choice made on one crawl is worth on another.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from recalled.held_out import TARGETS, Judged, Material, parse_settings, run_fold

MOST_PAGES = 20
"""Pages of one domain that count in a figure `by_domain`; more share this weight."""
ASKED_PRECISION = 0.9


def figures(material: Material, folds: Iterable[Judged], target: str) -> dict[str, float]:
    """Best F1, F1 at the verdict, recall at precision .9; over the pages, and by domain."""
    found = list(folds)
    rows = np.concatenate([one.rows for one in found])
    margins = np.concatenate([one.margins[target] for one in found])
    recalled = np.concatenate([one.recalled[target] for one in found])
    positive = material.positive[target][rows]
    domains = np.array(material.crawl["domain"].to_pylist())[rows]
    _, place, counts = np.unique(domains, return_inverse=True, return_counts=True)
    capped = np.minimum(1.0, MOST_PAGES / counts)[place]
    best, at_precision = _ranked(margins, positive, np.ones(len(rows)))
    return {
        "best_f1": best,
        "f1": _f1(positive, recalled, np.ones(len(rows))),
        "recall_at_precision": at_precision,
        "best_f1_by_domain": _ranked(margins, positive, capped)[0],
        "f1_by_domain": _f1(positive, recalled, capped),
    }


def choose(
    material: Material, folds: Sequence[int], given: dict[str, Any], choice: str
) -> Iterator[str]:
    """`KEY=A,B`: both targets' F1 at the verdict and best F1 (their mean is what is chosen by) for
    each value, and what the value chosen on the other folds gives on each."""
    key, _, values = choice.partition("=")
    table = []
    for value in values.split(","):
        settings = given | parse_settings([f"{key}={value}"])
        judged = [run_fold(material, fold, settings) for fold in folds]
        each = [[figures(material, [one], target) for target in TARGETS] for one in judged]
        table.append([[(one["best_f1"], one["f1"]) for one in fold] for fold in each])
        mean = np.mean(table[-1], axis=0)
        pairs = (
            f"{target} {best:.3f} {f1:.3f}"
            for target, (best, f1) in zip(TARGETS, mean, strict=True)
        )
        each = np.mean(table[-1], axis=(1, 2))
        spread = f"{np.mean(mean):.4f} ± {np.std(each):.3f}"
        by_fold = " ".join(f"{one:.3f}" for one in each)
        yield f"{key}={value:8s} {'  '.join(pairs)}   mean {spread}   folds {by_fold}"
    scores = np.array(table)
    nested = []
    for fold in range(len(folds)):
        others = [other for other in range(len(folds)) if other != fold]
        best = scores[:, others].mean(axis=(1, 2, 3)).argmax()
        nested.append((values.split(",")[best], scores[best, fold]))
    mean = np.mean([one for _, one in nested], axis=0)
    yield f"{key} nested: {' '.join(value for value, _ in nested)}   {mean.round(3).tolist()}"


def report(material: Material, judged: Sequence[Judged]) -> Iterator[str]:
    """The lines of a report."""
    n_pages = sum(len(one.rows) for one in judged)
    yield f"{n_pages} labelled pages; mean ± spread over folds   all as one   fold by fold"
    for target in TARGETS:
        each = [figures(material, [one], target) for one in judged]
        pooled = figures(material, judged, target)
        for name, value in pooled.items():
            own = [one[name] for one in each]
            yield (
                f"{target:5s} {name:20s} {np.mean(own):.3f} ± {np.std(own):.3f}   {value:.3f}   "
                + " ".join(f"{one:.3f}" for one in own)
            )
    rows = np.concatenate([one.rows for one in judged])
    languages = np.array([name or "" for name in material.crawl["language"].to_pylist()])[rows]
    for target in TARGETS:
        positive = material.positive[target][rows]
        recalled = np.concatenate([one.recalled[target] for one in judged])
        margins = np.concatenate([one.margins[target] for one in judged])
        under = np.concatenate([one.under[target] for one in judged])
        groups = {"outside accepted patterns": ~under}
        groups |= {name: languages == name for name in np.unique(languages[positive])}
        for name, chosen in groups.items():
            n_correct = int((positive & recalled)[chosen].sum())
            n_positive, n_recalled = int(positive[chosen].sum()), int(recalled[chosen].sum())
            if n_positive + n_recalled < 10:
                continue
            best, _ = _ranked(margins[chosen], positive[chosen], np.ones(int(chosen.sum())))
            yield (
                f"{target:5s} {name:26s} {int(chosen.sum()):5d} pages {n_positive:4d} positive "
                f"{n_recalled:4d} recalled {n_correct:4d} correct  best F1 {best:.3f}  "
                f"F1 {_f1(positive[chosen], recalled[chosen], np.ones(int(chosen.sum()))):.3f}"
            )


def _ranked(margins: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    order = np.argsort(-margins, kind="stable")
    ends = np.append(np.diff(margins[order]) < 0, True)
    taken = np.cumsum(weights[order])[ends]
    hits = np.cumsum((weights * positive)[order])[ends]
    n_positives = float((weights * positive).sum())
    if not n_positives:
        return float("nan"), float("nan")
    enough = hits / taken >= ASKED_PRECISION
    return (
        float((2 * hits / (taken + n_positives)).max()),
        float((hits[enough] / n_positives).max()) if enough.any() else 0.0,
    )


def _f1(positive: np.ndarray, recalled: np.ndarray, weights: np.ndarray) -> float:
    both = (weights * (positive & recalled)).sum()
    total = (weights * positive).sum() + (weights * recalled).sum()
    return float(2 * both / total) if total else float("nan")
