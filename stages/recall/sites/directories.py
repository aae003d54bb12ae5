"""What a page's directory says about it.

Pages of one directory are alike: of the development crawl's directories, taken whole by the
majority of their labels, 99.6 % (F1) are right. So a page's score is mostly the mean log-odds of
its directory, drawn to that of the parent directory where pages are few (its host, its registrable
domain, the crawl's median): with weight w and n pages, (sum + w * parent) / (n + w). Over domains
left out, w = 2 instead of 0 takes best F1 from 0.951 to 0.961 for math and from 0.989 to 0.991 for
code; 1 does as well. A person's decision on a pattern wins.

All pages of a domain meet in one partition. A domain of over half a million pages is split by its
first directories, such a directory by a hash of its pages. Memory: about 300 bytes a page of a
partition, and 16 more for every further target.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.contract import PARTITION, ROW, SHARD, Artefact, Batches
from stages.kernels.elementary import sigmoid
from stages.kernels.groups import group
from stages.kernels.identity import identity_words
from stages.kernels.paths import Hashes, depth_of, directories, string_hashes
from stages.recall.classifier.evidence import CLIP
from stages.recall.classifier.model import TrainedModel, load_model
from stages.recall.classifier.score import PAGE, score_schema
from stages.recall.sites.annotations import Annotations
from stages.recall.sites.large_sites import SPLIT_PAGES, read_large_sites
from stages.recall.sites.url_patterns import ManyPatterns

Float64 = npt.NDArray[np.float64]

OWN_SHARE = 0.25
"""How much of a page's own log-odds stays beside its directory's; 0.1 to 0.3 do as well, none
leaves the pages of a directory without an order."""
OUTPUT_ROWS = 1 << 16
DECIDED_OWN_SHARE = 0.49
"""How much stays beside a person's decision: under a half, so that its sign is the person's while
the pages under it keep their order."""


def page_rows(targets: tuple[str, ...]) -> pa.Schema:
    """What meets in a partition: pages with their log-odds (`iteration` null), and those an
    earlier iteration recalled (log-odds null)."""
    logits = [pa.field(f"logit_{target}", pa.float64()) for target in targets]
    return pa.schema([*PAGE, *logits, pa.field("iteration", pa.int32())])


@dataclass(frozen=True)
class SendPages:
    """Send pages to the partition of their site."""

    targets: tuple[str, ...]
    n_partitions: int
    large: Artefact | None

    schema: ClassVar[pa.Schema]

    def __post_init__(self) -> None:
        fields = [pa.field(PARTITION, pa.uint32()), *page_rows(self.targets)]
        object.__setattr__(self, "schema", pa.schema(fields))

    def __call__(self, batches: Batches) -> Batches:
        """Read log-odds, yield `page_rows`."""
        large = read_large_sites(self.large)
        for batch in batches:
            unknown = pa.nulls(len(batch), pa.int32())
            columns = [_partitions(batch, large, self.n_partitions), *batch.columns, unknown]
            yield pa.record_batch(columns, schema=self.schema)


@dataclass(frozen=True)
class SendRecalled:
    """Send the pages that an earlier iteration recalled after the others."""

    targets: tuple[str, ...]
    n_partitions: int
    large: Artefact | None

    schema: ClassVar[pa.Schema]

    def __post_init__(self) -> None:
        fields = [pa.field(PARTITION, pa.uint32()), *page_rows(self.targets)]
        object.__setattr__(self, "schema", pa.schema(fields))

    def __call__(self, batches: Batches) -> Batches:
        """Read the scores of the iteration before, yield `page_rows`."""
        large = read_large_sites(self.large)
        for batch in batches:
            chosen = batch.filter(pc.is_valid(batch.column("iteration")))
            unknown = pa.nulls(len(chosen), pa.float64())
            columns = [
                _partitions(chosen, large, self.n_partitions),
                *(chosen.column(field.name) for field in PAGE),
                *(unknown for _ in self.targets),
                chosen.column("iteration"),
            ]
            yield pa.record_batch(columns, schema=self.schema)


@dataclass(frozen=True)
class JudgeByDirectory:
    """The scores of an iteration: each page's probability by its own and its directory's
    log-odds, counted from the crawl's centre, and by a person's decisions."""

    targets: tuple[str, ...]
    models: tuple[tuple[Artefact, ...], ...]
    centres: Artefact | None
    """Of `FindCentres`: target → log-odds, as JSON; None without targets."""
    weight: float
    depth: int
    annotations: Annotations
    iteration: int

    schema: ClassVar[pa.Schema]

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", score_schema(self.targets))

    def __call__(self, batches: Batches) -> Batches:
        """Read `page_rows` of one partition, yield `schema`."""
        pages, earlier = gather_pages(batches, self.targets)
        if not len(pages):
            return
        centres = json.loads(self.centres.read()) if self.centres else {}
        decided = [self.annotations.of(target) for target in self.targets]
        depth = max(self.depth, *(depth_of(list(of_target)) for of_target in decided), 0)
        levels = site_levels(pages, depth)
        folders, known = levels[:, 1:], levels[:, : self.depth + 2]
        scores, passes = [], np.zeros(len(pages), bool)
        for target, artefacts, decisions in zip(self.targets, self.models, decided, strict=True):
            models = [load_model(one.read()) for one in artefacts]
            own = np.clip(pages[f"logit_{target}"].to_numpy(), -CLIP, CLIP)
            log_odds = page_log_odds(pages, target, models, known, self.weight) - centres[target]
            probability = sigmoid(_override(log_odds, own, folders, decisions))
            passes |= probability >= models[-1].decision.threshold
            scores.append(pa.array(probability))
        del levels, folders, known
        columns = [pages[field.name] for field in PAGE]
        first = self._first(pages, earlier, passes)
        table = pa.table([*columns, *scores, first], schema=self.schema)
        for start in range(0, len(table), OUTPUT_ROWS):
            yield from table.slice(start, OUTPUT_ROWS).combine_chunks().to_batches()

    def _first(
        self, pages: pa.Table, recalled: pa.Table, passes: npt.NDArray[np.bool_]
    ) -> pa.Array:
        own, earlier = _places(pages), _places(recalled)
        order = np.argsort(earlier)
        first = np.where(passes, self.iteration, 0)
        if len(earlier):
            place = np.minimum(np.searchsorted(earlier[order], own), len(earlier) - 1)
            found = earlier[order][place] == own
            first = np.where(found, recalled["iteration"].to_numpy()[order][place], first)
        return pa.array(first.astype(np.int32), mask=first == 0)


def gather_pages(batches: Batches, targets: tuple[str, ...]) -> tuple[pa.Table, pa.Table]:
    """The pages of `page_rows`, and the places of those that an earlier iteration recalled. What is
    not needed goes batch by batch: a partition is never held twice."""
    schema = page_rows(targets)
    pages, earlier = [], []
    for batch in batches:
        recalled = pc.is_valid(batch.column("iteration"))
        pages.append(batch.filter(pc.invert(recalled)).select(schema.names[:-1]))
        earlier.append(batch.filter(recalled).select([SHARD, ROW, "iteration"]))
    places = pa.schema([schema.field(name) for name in (SHARD, ROW, "iteration")])
    return (
        pa.Table.from_batches(pages, pa.schema(list(schema)[:-1])),
        pa.Table.from_batches(earlier, places),
    )


def site_levels(pages: pa.Table, depth: int) -> Hashes:
    """[n, depth + 2]: the hashes of each page's domain, host and directories."""
    levels = np.empty((len(pages), depth + 2), np.uint64)
    start = 0
    for batch in pages.to_batches():
        end = start + len(batch)
        levels[start:end, 0] = string_hashes(batch.column("domain"))
        levels[start:end, 1:] = directories(batch.column("url"), depth)[0]
        start = end
    return levels


def page_log_odds(
    pages: pa.Table,
    target: str,
    models: Sequence[TrainedModel],
    levels: Hashes,
    weight: float,
) -> Float64:
    """[n]: each page's log-odds and its directory's, mixed; its own where texts alone are
    judged."""
    own = pages[f"logit_{target}"].to_numpy()
    evidence = [model.page for model in models if model.page is not None]
    if models[-1].page is None:
        return np.asarray(own, np.float64)
    own = np.clip(own, -CLIP, CLIP)
    expected = [page.calibration.log_odds(np.array(page.background)) for page in evidence]
    background = float(np.clip(expected, -CLIP, CLIP).mean())
    means = directory_means(own, levels, weight, background)
    return np.asarray((1 - OWN_SHARE) * means + OWN_SHARE * own, np.float64)


def _places(rows: pa.Table) -> npt.NDArray[np.int64]:
    """Shard and row as one number."""
    return np.asarray((rows[SHARD].to_numpy().astype(np.int64) << 40) | rows[ROW].to_numpy())


def directory_means(logits: Float64, levels: Hashes, weight: float, background: float) -> Float64:
    """[n]: the mean of each page's deepest directory. `levels` [n, depth]: the hash of each
    page's directory at every level, outermost first, 0 below the deepest."""
    # From the outside in: `means` holds the parent's mean of each page when a level begins, and
    # the level's own where the page lies that deep. `own` log-odds lie on a grid (`on_steps`), so
    # the totals are exact in any order of pages.
    means = np.full(len(logits), background)
    for level in levels.T:
        inside = level != 0
        node, _ = group(level[inside])
        n_pages, total = np.bincount(node), np.bincount(node, logits[inside])
        shares = weight * means[inside] + total[node]
        means[inside] = shares / (n_pages[node] + weight)
    return means


def _override(
    logits: Float64, own: Float64, folders: Hashes, decisions: dict[str, bool]
) -> Float64:
    """Log-odds of the pages a person decided on: on the side of the deepest decision, which a
    threshold other than one half may still cut."""
    if not decisions:
        return logits
    place = ManyPatterns(list(decisions)).deepest(folders)
    answer = np.where(np.array(list(decisions.values()))[place], CLIP, -CLIP)
    mixed = (1 - DECIDED_OWN_SHARE) * answer + DECIDED_OWN_SHARE * own
    return np.asarray(np.where(place >= 0, mixed, logits), np.float64)


def _partitions(batch: pa.RecordBatch, large: dict[int, int], n_partitions: int) -> pa.Array:
    """By domain; by first directory in a large domain; by page in a large directory, whose parts
    lie in partitions that follow one another: no two of them in one."""
    # The lowest bit of a hash is always set (0 means no directory) and the low ones find its group
    # in a table, so partitions go by the bits above them.
    keys = string_hashes(batch.column("domain"))
    partitions = keys >> np.uint64(8)
    if large:
        sites, sizes = (
            np.array(part, np.uint64) for part in zip(*sorted(large.items()), strict=True)
        )
        parts = sizes // np.uint64(SPLIT_PAGES) + np.uint64(1)
        folders = directories(batch.column("url"), 1)[0]
        first = np.where(folders[:, 1] != 0, folders[:, 1], folders[:, 0])
        keys = np.where(np.isin(keys, sites), first, keys)
        place = np.minimum(np.searchsorted(sites, keys), len(sites) - 1)
        own = identity_words(batch.column("doc_id"))[:, 0] % parts[place]
        # Large directories have numbers of their own one after another, from the first of them on:
        # by hashes, several of their parts could meet in one partition.
        part = (np.cumsum(parts) - parts)[place] + own
        partitions = np.where(sites[place] == keys, part, keys >> np.uint64(8))
    return pa.array(partitions % np.uint64(n_partitions)).cast(pa.uint32())
