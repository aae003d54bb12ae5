"""Recall as it will be used: on sites that neither a seed nor a choice is from.

The registrable domains of a labelled crawl are dealt to five folds: those with mathematics, then
those with code, then all others, the positives of each spread evenly. In each fold the loop runs
with the seeds whose domain is not in it, over a crawl that consists of its domains alone, and is
judged on their labels. A domain that a positive seed is from is in no fold: an unseen crawl has
none. So a fold is a small crawl that may consist of code for the most part: harder than a large
one. Documents are those of a run folder, after dedup and with their tokens: none is extracted
twice.
"""

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recalled.in_memory import MemoryCorpus
from schemas.tokens import TOKENS
from stages.recall.classifier.folds import deal_groups
from stages.recall.decide import log_odds
from stages.recall.options import NEGATIVE, RecallOptions, role_of
from stages.recall.sites.decisions import read_covers
from stages.recall.stage import RecallStage

N_FOLDS = 5
TARGETS = ("code", "math")
SEEDS = {
    "targets": {target: {"seeds": [f"{target}_*"]} for target in TARGETS},
    "negatives": ["negatives_*"],
}


@dataclass(frozen=True)
class Material:
    """A crawl and seeds, ready for the loop, and what is known of the crawl's pages."""

    crawl: pa.Table
    seeds: pa.Table
    judged: np.ndarray
    """Which pages have a label that may be compared."""
    positive: dict[str, np.ndarray]
    folds: np.ndarray
    """The fold of each page; -1 for domains of positive seeds."""


@dataclass(frozen=True)
class Judged:
    """The judged pages of one fold: log-odds over the threshold, by target."""

    fold: int | None
    rows: np.ndarray
    """Places in the crawl."""
    margins: dict[str, np.ndarray]
    recalled: dict[str, np.ndarray]
    under: dict[str, np.ndarray]
    """Whether the page lies under an accepted pattern."""


def read_material(run: Path, labels: pa.Table) -> Material:
    """The living documents of a run that has come to `web.recall`, with the labels."""
    crawl = _living(run, "web", with_tokens=True)
    seeds = _living(run, "seeds", with_tokens=False)
    keys = zip(labels["warc"].to_pylist(), labels["offset"].to_pylist(), strict=True)
    known = dict(zip(keys, labels.to_pylist(), strict=True))
    places = zip(crawl["warc"].to_pylist(), crawl["warc_offset"].to_pylist(), strict=True)
    rows = [known.get(place) or {} for place in places]
    judged = np.array([bool(row) and row["scorable"] and not row["ambiguous"] for row in rows])
    positive = {
        target: np.array([target in (row.get("label"), row.get("also")) for row in rows])
        for target in TARGETS
    }
    languages = pa.array([row.get("natural_language") for row in rows], pa.string())
    crawl = crawl.append_column("language", languages)
    domains = np.array(crawl["domain"].to_pylist())
    roles = np.array([_role(name) for name in seeds["warc"].to_pylist()])
    own = set(np.array(seeds["domain"].to_pylist())[roles != NEGATIVE].tolist())
    dealt = dict.fromkeys(own, -1)
    for number, target in enumerate(("math", "code", None)):
        # From the last fold on in turns, so that one does not get the largest site of every kind.
        chosen = positive[target] & judged if target else np.ones(len(domains), bool)
        kind = np.isin(domains, list(set(domains[chosen].tolist()) - set(dealt)))
        parts = (domains[kind & chosen].tolist(), domains[kind & ~chosen].tolist())
        for domain, fold in deal_groups(*parts, N_FOLDS).items():
            dealt[domain] = N_FOLDS - 1 - fold if number == 1 else fold
    folds = np.array([dealt[domain] for domain in domains.tolist()])
    return Material(crawl, seeds, judged, positive, folds)


def run_fold(material: Material, fold: int | None, settings: dict[str, Any]) -> Judged:
    """The loop over one fold, and what it says of the labelled pages; None: over the whole crawl,
    with all seeds."""
    options = RecallOptions.model_validate({**SEEDS, **settings})
    everything = fold is None
    rows = np.flatnonzero(everything | (material.folds == fold))
    crawl = material.crawl.take(pa.array(rows))
    foreign = pc.invert(pc.is_in(material.seeds["domain"], pc.unique(crawl["domain"])))
    chosen = material.seeds if everything else material.seeds.filter(foreign)
    seeds = MemoryCorpus("seeds", chosen)
    corpus = MemoryCorpus("web", crawl, {"seeds": seeds})
    RecallStage(options).run(corpus)
    decided = corpus.decided
    assert decided is not None
    own = material.judged[rows]
    names = decided["recalled"].to_pylist()
    thresholds = _thresholds(corpus)
    covers = _covers(corpus)
    margins, recalled, under = {}, {}, {}
    for target in TARGETS:
        scores = log_odds(decided[f"score_{target}"].to_numpy())
        margins[target] = (scores - log_odds(np.array(thresholds[target])))[own]
        recalled[target] = np.array([target in one for one in names])[own]
        urls = crawl["url"].combine_chunks()
        shares = [cover[target].shares_of(urls) for cover in covers if target in cover]
        under[target] = np.sum([np.zeros(len(rows)), *shares], axis=0)[own] > 0
    return Judged(fold, rows[own], margins, recalled, under)


def parse_settings(words: Iterable[str]) -> dict[str, Any]:
    """`recall.KEY=VALUE` as options of the stage."""
    found = {}
    for word in words:
        key, _, value = word.partition("=")
        try:
            found[key.removeprefix("recall.")] = tomllib.loads(f"v = {value}")["v"]
        except tomllib.TOMLDecodeError:
            found[key.removeprefix("recall.")] = value
    return found


def _living(run: Path, corpus: str, *, with_tokens: bool) -> pa.Table:
    """What dedup kept, in the order of identities."""
    parts = []
    for path in sorted((run / corpus / "documents").glob("*.parquet")):
        documents = pq.read_table(path)
        verdicts = pq.read_table(run / corpus / "dedup" / path.name, columns=["keep"])
        if with_tokens:
            tokens = pq.read_table(run / corpus / TOKENS / path.name, columns=[TOKENS])
            documents = documents.append_column(TOKENS, tokens[TOKENS])
        parts.append(documents.filter(pc.fill_null(verdicts["keep"], False)))
    return pa.concat_tables(parts).sort_by("doc_id")


def _role(name: str) -> str | None:
    roles = [*((target, [f"{target}_*"]) for target in TARGETS), (NEGATIVE, ["negatives_*"])]
    return role_of(name, roles)


def _thresholds(corpus: MemoryCorpus) -> dict[str, float]:
    described = {}
    for path, artefact in corpus.artefacts.items():
        if path.endswith("metrics.json"):
            metrics = json.loads(artefact.read())
            if metrics["accepted"]:
                described = metrics["targets"]
    return {target: described[target]["calibration"]["threshold"] for target in TARGETS}


def _covers(corpus: MemoryCorpus) -> list[Any]:
    return [
        read_covers(one)
        for path, one in corpus.artefacts.items()
        if path.endswith("accepted.arrow")
    ]
