"""Discussions of GH Archive become documents of the github corpus.

The hours are inputs like any other, with shards of their own. Their events are a corpus apart
(`events.documents`), read hour by hour; what is put together from all of them is written to the
same shards of `github.documents`, so each part of the discussions has the number of a shard that
holds hours, and no repository is moved by them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.configuration.registry import EVENTS, GITHUB
from pipeline.engine.corpus import EngineCorpus
from pipeline.engine.executor import Resources
from pipeline.engine.intake.run_inputs import repository_of
from pipeline.engine.lineage import Tables, stage_components
from pipeline.engine.parts import LazyParts, LazyShuffled, NotMade
from pipeline.engine.plans import Plan
from pipeline.engine.runner import Runner
from pipeline.engine.work.discussions import DiscussionsWork
from pipeline.engine.work.steps import PartsSource
from pipeline.engine.work.task import StageRef, Work
from pipeline.storage.intake.inputs import InputSpec

STEP = f"{EVENTS}.discussions"
SOURCE = "stages.github.gharchive.threads:DiscussionSource"

MAX_PARTS = 4096
"""Parts that a shuffle is sorted into at most; further shards of hours hold no documents."""


class Discussions:
    """What the events of a run make."""

    def __init__(
        self,
        runner: Runner,
        tables: Mapping[str, Tables],
        ref: StageRef,
        resources: Resources,
    ) -> None:
        self._runner = runner
        self._ref = ref
        self._source = ref.load()
        self._keys = tables[EVENTS].keys[:MAX_PARTS]
        self._corpus = EngineCorpus(
            runner, tables, EVENTS, self._source, STEP, STEP, GITHUB, resources
        )
        facts, threads, repositories = self._source.gather(self._corpus, len(self._keys))
        self._facts: LazyShuffled = facts
        self._threads: LazyShuffled = threads
        self._repositories: LazyParts = repositories

    def plans(self) -> list[Plan]:
        """A shard of documents for each part."""
        common = {
            **stage_components(self._source),
            "options": self._ref.options_json(self._source.read_with),
            "sources": [self._facts.fingerprint, self._threads.fingerprint],
        }
        return [
            Plan(key, {**common, "part": [number, len(self._keys)]}, self._work(number))
            for number, key in enumerate(self._keys)
        ]

    def finish(self) -> None:
        """Keep the table of repositories, and nothing else."""
        self._corpus.finish()

    def describe(self, specs: Sequence[InputSpec]) -> list[InputSpec]:
        """The inputs with what the events say of their repositories, by any name these ever had:
        creation and stars, where nothing else says them."""
        wanted: dict[str, list[int]] = {}
        for index, spec in enumerate(specs):
            name = repository_of(spec)
            if name is not None:
                wanted.setdefault(name.lower(), []).append(index)
        if not wanted:
            return list(specs)
        described = list(specs)
        for number, known in self._known(wanted).items():
            own = dict(specs[number].metadata)
            described[number] = replace(
                specs[number], metadata=tuple(sorted((known | own).items()))
            )
        return described

    def _known(self, wanted: Mapping[str, Sequence[int]]) -> dict[int, dict[str, str | int]]:
        """Input → creation and stars. Of several repositories that had a name, the one that was
        seen under it last is meant."""
        if any(not receipt.xxh3 for receipt in self._repositories.made().values()):
            raise NotMade(f"{GITHUB}/repositories")
        found: dict[str, tuple[tuple[datetime, int], dict[str, str | int]]] = {}
        for batch in self._repositories.read():
            for row in _named(batch, pa.array(wanted, pa.string())):
                facts = {
                    "created_at": row["created_at"] and row["created_at"].isoformat(),
                    "stars": row["stars"],
                }
                known = {name: fact for name, fact in facts.items() if fact is not None}
                for one in row["names"]:
                    seen = (one["last_seen"], row["repo_id"])
                    name = one["name"].lower()
                    if name in wanted and (name not in found or seen > found[name][0]):
                        found[name] = (seen, known)
        return {number: known for name, (_, known) in found.items() for number in wanted[name]}

    def _work(self, number: int) -> Callable[[], Work]:
        def make() -> Work:
            facts, threads = (
                PartsSource(tuple(one.partition([number]))) for one in (self._facts, self._threads)
            )
            return DiscussionsWork(self._ref, facts, threads)

        return make


def _named(batch: pa.RecordBatch, wanted: pa.Array) -> list[dict[str, Any]]:
    """The repositories that ever had one of these names (lower case); few of very many."""
    names = pc.struct_field(pc.list_flatten(batch["names"]), "name")
    meant = pc.is_in(pc.utf8_lower(names), value_set=wanted)
    rows = pc.unique(pc.list_parent_indices(batch["names"]).filter(meant))
    found: list[dict[str, Any]] = batch.take(rows).to_pylist()
    return found
