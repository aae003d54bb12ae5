"""One target's model from the rows of an iteration.

Random pages of a crawl hold pages of every target, and the seeds' own sites hold most of them. So
pages of the positives' sites, of the sites listed in `seeds/TARGET.toml`, and pages under accepted
patterns are no candidates for negatives; of the others only the share with the lowest last scores
become negatives (in the first iteration: of a first model, trained on seeds alone). A positive
among them does more harm than a missing negative, the more so the more of a crawl is positive: over
domains left out a share of 0.3 instead of 0.6 takes F1 of code from 0.965 to 0.989.

Everything happens in the order of identities: a model does not depend on the order of inputs.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from stages.contract import Artefact, Batches
from stages.contract.telling import as_part
from stages.errors import StageError
from stages.kernels.fasttext.scoring import list_buffers
from stages.recall.classifier.calibrate import EVEN
from stages.recall.classifier.examples import (
    EXAMPLE,
    ROLE,
    SampleCrawl,
    TokeniseSeeds,
    drawn_scores,
    markup_of,
)
from stages.recall.classifier.fit import TooFewExamplesError, fit
from stages.recall.classifier.model import TrainedModel, nothing_learned
from stages.recall.classifier.recipe import Recipe, resolve_recipe
from stages.recall.classifier.train import train
from stages.recall.options import NEGATIVE, Training
from stages.recall.sites.decisions import read_covers
from stages.recall.sites.grow import GrowSeeds

FAR = 0.2
"""The last score below which a page beside positives is a negative. On a blog without labels, with
19 posts on mathematics, 0.2 recalls none of 597 on programs; with 0.15 their words drift until all
are recalled, with 0.25 F1 on the labelled crawl falls from 0.946 to 0.934."""


@dataclass(frozen=True)
class TrainTarget:
    """One target's model file, from the seeds and the drawn pages."""

    target: str
    training: Training
    trusted_share: float
    targets: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    """The domains that `seeds/TARGET.toml` lists."""
    accepted: Artefact | None = None
    """The last iteration's decisions on patterns, of all `targets`."""
    n_seed_sources: int = 1
    """How many sources hold seeds; the drawn pages follow."""
    avoids_sites: bool = True
    """Whether pages of the positives' sites are no candidates."""
    may_lack: bool = False
    """Whether too few examples make a model that recalls nothing, instead of an error."""

    def __call__(self, *sources: Batches) -> bytes:
        """Read the batches of `TokeniseSeeds` and of `SampleCrawl`, where rows with a role are
        seeds, and from the second iteration those of `GrowSeeds` and of `DrawScores`."""
        rows = [batch for source in sources[: self.n_seed_sources] for batch in source]
        sample, *last = sources[self.n_seed_sources :]
        found, drawn = _by_role(sample)
        seeds = pa.Table.from_batches([*rows, *found], TokeniseSeeds.schema)
        is_positive = pc.equal(seeds["role"], self.target)
        positives = _by_identity(seeds.select(EXAMPLE), is_positive)
        negatives = _by_identity(seeds.select(EXAMPLE), pc.invert(is_positive))
        own_sites = positives["domain"].to_pylist() if self.avoids_sites else ()
        avoided = {*own_sites, *self.known}
        known = pc.is_in(drawn["domain"], pa.array(sorted(avoided), pa.string()))
        candidates = _by_identity(drawn, pc.invert(known))
        if last:
            grown = pa.Table.from_batches(last[0], GrowSeeds.schema)
            own = grown.filter(pc.equal(grown["role"], self.target)).select(EXAMPLE)
            positives = _distinct(_by_identity(pa.concat_tables([positives, own])))
            candidates = self._uncovered(candidates)
            scores = pa.Table.from_batches(last[1], drawn_scores(self.targets))
            trusted = self._lowest(candidates, self._last_scores(candidates, scores))
            foreign = self._foreign(grown, positives, scores)
            negatives = _distinct(_by_identity(pa.concat_tables([negatives, foreign])))
        elif NEGATIVE in seeds["role"].to_pylist():
            recipe = self._recipe(len(positives))
            with as_part("to choose negatives"):
                first = fit(_tokens(negatives), _tokens(positives), recipe, self.training)
            trusted = self._lowest(candidates, first.logits(_tokens(candidates))[:, 0])
        else:
            trusted = candidates
        model = self._train(positives, pa.concat_tables([negatives, trusted.select(EXAMPLE)]))
        if model.page is not None and len(candidates):
            logits = model.page_logits(_tokens(candidates), markup_of(candidates))
            page = replace(model.page, background=float(np.median(logits)))
            model = replace(model, page=page)
        return model.to_bytes()

    def doing(self, n_rows: int) -> str:
        """How often it passes over how much."""
        recipe = self._recipe(n_rows)
        return (
            f"training {recipe.n_models} times ({recipe.trainer}) for {recipe.epochs} epochs on up "
            f"to {n_rows:,} documents"
        )

    def _recipe(self, n_positives: int) -> Recipe:
        return resolve_recipe(self.training.recipe, n_positives, self.training.trainer)

    def _uncovered(self, candidates: pa.Table) -> pa.Table:
        cover = read_covers(self.accepted).get(self.target) if self.accepted else None
        if cover is None:
            return candidates
        shares = cover.shares_of(candidates["url"].combine_chunks())
        return candidates.filter(pa.array(shares == 0))

    def _foreign(self, grown: pa.Table, positives: pa.Table, scores: pa.Table) -> pa.Table:
        """Of the pages that grow for other targets those that the last iteration did not recall,
        as other targets' seeds are negatives, too. A page may be of several targets: one of a site
        with pages of this one has to be far from it."""
        others = grown.filter(pc.not_equal(grown["role"], self.target))
        own_sites = pa.array(sorted({*positives["domain"].to_pylist(), *self.known}), pa.string())
        limits = np.where(pc.is_in(others["domain"], own_sites).to_numpy(), FAR, EVEN)
        return others.select(EXAMPLE).filter(pa.array(self._last_scores(others, scores) < limits))

    def _last_scores(self, candidates: pa.Table, scores: pa.Table) -> np.ndarray:
        place = pc.index_in(candidates["doc_id"], scores["doc_id"])
        found = scores[f"score_{self.target}"].take(place)
        return np.asarray(pc.fill_null(found, 1.0).to_numpy())

    def _lowest(self, candidates: pa.Table, scores: np.ndarray) -> pa.Table:
        lowest = np.argsort(scores, kind="stable")[: int(len(scores) * self.trusted_share)]
        return candidates.take(pa.array(np.sort(lowest)))

    def _train(self, positives: pa.Table, negatives: pa.Table) -> TrainedModel:
        try:
            return train(
                _tokens(positives),
                _tokens(negatives),
                self.training,
                positives["domain"].to_pylist(),
                negatives["domain"].to_pylist(),
                markup_of(positives),
                markup_of(negatives),
                mixed_groups=not self.avoids_sites,
            )
        except TooFewExamplesError as error:
            if self.may_lack:
                return nothing_learned(len(positives), len(negatives))
            raise StageError(f"target {self.target}: {error}") from error


def _by_role(sample: Batches) -> tuple[list[pa.RecordBatch], pa.Table]:
    """The seeds among what was drawn (rows of `TokeniseSeeds`), and the others."""
    seeds, others = [], []
    for batch in sample:
        if ROLE in batch.schema.names:
            is_seed = pc.is_valid(batch.column(ROLE))
            seeds.append(batch.filter(is_seed).select(TokeniseSeeds.schema.names))
            batch = batch.filter(pc.invert(is_seed)).select(SampleCrawl.schema.names)  # noqa: PLW2901
        others.append(batch)
    return seeds, pa.Table.from_batches(others, SampleCrawl.schema)


def _by_identity(documents: pa.Table, chosen: pa.ChunkedArray | None = None) -> pa.Table:
    """The rows that were chosen, in the order of doc_id."""
    order = pc.sort_indices(documents["doc_id"])
    return documents.take(order if chosen is None else order.filter(chosen.take(order)))


def _distinct(documents: pa.Table) -> pa.Table:
    """The first of documents with the same tokens: a page under a seed site may have grown, too."""
    offsets, tokens = list_buffers(_tokens(documents))
    keys = [
        xxhash.xxh3_64_intdigest(tokens[start:end].tobytes())
        for start, end in pairwise(offsets.tolist())
    ]
    _, first = np.unique(np.array(keys, np.uint64), return_index=True)
    return documents.take(pa.array(np.sort(first)))


def _tokens(table: pa.Table) -> pa.Array:
    return table["tokens"].combine_chunks()
