"""What classifiers learn from: seed documents, and pages drawn from the crawl as negatives.

Random pages of a crawl hold pages of every target, and the seeds' own sites hold most of them. So
pages of the positives' sites and of the sites listed in `seeds/TARGET.toml` are no candidates,
and of the others only the share with the lowest scores of a first model, trained on seeds alone,
become negatives.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.identity import seeded_hash
from stages.contract import Batches
from stages.errors import StageError
from stages.kernels.bpe import DEFAULT_TOKENIZER, load_tokenizer
from stages.recall.model import TrainedModel
from stages.recall.options import NEGATIVE, Training
from stages.recall.train import fit, resolve_recipe, train

TOKENS = pa.field("tokens", pa.large_list(pa.uint32()))
DOMAIN = pa.field("domain", pa.string())


@dataclass(frozen=True)
class TokeniseSeeds:
    """Seed documents as token ids, with the role of the file they are from; documents of a file
    without a role are nobody's examples."""

    roles: tuple[tuple[str, tuple[str, ...]], ...]
    tokenizer: str = DEFAULT_TOKENIZER

    reads: ClassVar = ("warc", "domain", "text")
    schema: ClassVar[pa.Schema] = pa.schema([("role", pa.string()), DOMAIN, TOKENS])

    def __call__(self, batches: Batches) -> Batches:
        """Read `reads`, yield `schema`."""
        for batch in batches:
            roles = [self._role(name) for name in batch.column("warc").to_pylist()]
            chosen = pa.array(roles, pa.string())
            columns = [chosen, batch.column("domain"), tokenise(batch, self.tokenizer)]
            rows = pa.record_batch(columns, schema=self.schema)
            yield rows.filter(pc.is_valid(chosen))

    def _role(self, file_name: str) -> str | None:
        for role, patterns in self.roles:
            if any(fnmatchcase(file_name, pattern) for pattern in patterns):
                return role
        return None


@dataclass(frozen=True)
class SampleCrawl:
    """Pages drawn by identity, as token ids."""

    share: float
    seed: int
    tokenizer: str = DEFAULT_TOKENIZER

    reads: ClassVar = ("doc_id", "domain", "text")
    schema: ClassVar[pa.Schema] = pa.schema([DOMAIN, TOKENS])

    def __call__(self, batches: Batches) -> Batches:
        """Read `reads`, yield `schema`."""
        for batch in batches:
            drawn = batch.filter(drawn_rows(batch.column("doc_id"), self.share, self.seed))
            columns = [drawn.column("domain"), tokenise(drawn, self.tokenizer)]
            yield pa.record_batch(columns, schema=self.schema)


@dataclass(frozen=True)
class TrainTarget:
    """One target's model file, from the seeds and the drawn pages."""

    target: str
    training: Training
    trusted_share: float

    def __call__(self, *sources: Batches) -> bytes:
        """Read the batches of `TokeniseSeeds`, then those of `SampleCrawl`."""
        seeds, sample = sources
        seed_rows = pa.Table.from_batches(seeds, TokeniseSeeds.schema)
        candidates = pa.Table.from_batches(sample, SampleCrawl.schema)
        is_positive = pc.equal(seed_rows["role"], self.target)
        positives = seed_rows.filter(is_positive).select(["domain", "tokens"])
        negatives = seed_rows.filter(pc.invert(is_positive)).select(["domain", "tokens"])
        avoided = {*positives["domain"].to_pylist(), *known_sites(self.target)}
        candidates = candidates.filter(
            pc.invert(pc.is_in(candidates["domain"], pa.array(sorted(avoided), pa.string())))
        )
        if NEGATIVE in seed_rows["role"].to_pylist():
            recipe = resolve_recipe(self.training.recipe, len(positives))
            first = fit(_tokens(negatives), _tokens(positives), recipe, self.training)
            scores = first.logits(_tokens(candidates))[:, 0]
            lowest = np.argsort(scores, kind="stable")[: int(len(scores) * self.trusted_share)]
            candidates = candidates.take(pa.array(np.sort(lowest)))
        if len(candidates) == 0 and len(negatives):
            return self._train(positives, negatives).to_bytes()
        return self._train(positives, pa.concat_tables([negatives, candidates])).to_bytes()

    def _train(self, positives: pa.Table, negatives: pa.Table) -> TrainedModel:
        try:
            return train(
                _tokens(positives),
                _tokens(negatives),
                self.training,
                positives["domain"].to_pylist(),
                negatives["domain"].to_pylist(),
            )
        except StageError as error:
            raise StageError(f"target {self.target}: {error}") from error


def tokenise(batch: pa.RecordBatch, tokenizer: str) -> pa.Array:
    """The token ids of a batch's `text`."""
    tokens = load_tokenizer(tokenizer).encode_batch(batch.column("text"))
    return tokens.cast(TOKENS.type)


def drawn_rows(doc_ids: pa.Array, share: float, seed: int) -> pa.Array:
    """Which documents are in a draw of `share`: by identity alone."""
    limit = int(share * 2**64)
    return pa.array([seeded_hash(seed, identity) < limit for identity in doc_ids.to_pylist()])


def known_sites(target: str) -> Iterable[str]:
    """The registrable domains that `seeds/TARGET.toml` lists; none without such a file."""
    listing = files("seeds").joinpath(f"{target}.toml")
    if not listing.is_file():
        return []
    return [site["domain"] for site in tomllib.loads(listing.read_text("utf-8"))["site"]]


def _tokens(table: pa.Table) -> pa.Array:
    return table["tokens"].combine_chunks()
