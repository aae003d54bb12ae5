"""Makes the two variants of a run's corpus and the held-out documents, as shards.

    RUN/ablation/{rules,full,heldout}/shards/SET/00000.parquet, manifest.json, tokenizer.json

From both variants what must not be trained on is missing (`heldout`). A tokenizer of
8,192 entries is trained on a sample of both, unless one is named. Everything runs through the
engine: on any number of workers, in bounded memory, and nothing that is current runs again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import xxhash

from pipeline.ablation.corpora import (
    FULL,
    HELDOUT,
    RULES,
    VARIANTS,
    emitted_columns,
    read_corpora,
    ruled,
)
from pipeline.ablation.heldout import Documents, choose_heldout, find_excluded
from pipeline.ablation.options import AblationOptions
from pipeline.ablation.steps import CountDocuments, CutSamples, SampleTexts, SelectSamples
from pipeline.configuration import Config
from pipeline.configuration.registry import EMIT
from pipeline.engine.address import open_executor
from pipeline.engine.chain import recall_options
from pipeline.engine.corpus import EngineCorpus
from pipeline.engine.executor import Resources
from pipeline.engine.lineage import Tables
from pipeline.engine.parts import LazyParts, StoredArtefact
from pipeline.engine.product import TOKENIZER, manifest_json, manifest_of, write_changed
from pipeline.engine.runner import Monitor, Runner
from pipeline.engine.work.task import Limits
from pipeline.inspection.run_configuration import read_configuration
from pipeline.storage.digest import fingerprint
from pipeline.storage.location import open_storage
from pipeline.storage.lock import hold
from pipeline.storage.manifest import MANIFEST, SHARDS, emitted_before
from pipeline.storage.receipts import Receipt
from pipeline.storage.storage import LocalStorage
from schemas.shards import corpus_of, shard_sets
from stages.ablation.training.data.tokenizer import TrainTokenizer
from stages.contract import Output
from stages.emit.comments import comments_hash
from stages.emit.files import WriteSamples
from stages.emit.options import EmitOptions
from stages.emit.placement import files_of
from stages.emit.samples import TokenizeSamples
from stages.emit.stage import EmitStage
from stages.errors import ConfigError
from stages.kernels.bpe.tokenizer import tokenizer_hash, tokenizer_json

FOLDER = "ablation"


@dataclass(frozen=True)
class Variants:
    """What was made. `counts` has a row for each variant and source: `documents`, `removed` (not to
    be trained on), `samples`, `tokens`."""

    folder: Path
    counts: list[dict[str, Any]]
    fingerprints: dict[str, str]
    """Variant → hash of its manifest."""
    tokenizer: str
    """Path of the tokenizer.json, or its name."""
    excluded: Documents
    """What was not to be trained on."""

    def shards(self, variant: str) -> Path:
        """The folder with a variant's shard sets."""
        return self.folder / variant / SHARDS


class AblationStage(EmitStage):
    """An emit of chosen documents: what it makes depends on emit's version and on its own."""

    name: ClassVar[str] = "ablation"
    version: ClassVar[int] = 100 * EmitStage.version + 1
    libraries: ClassVar[tuple[str, ...]] = (*EmitStage.libraries, "tokenizers")


def make_variants(
    run: Path,
    options: AblationOptions,
    *,
    beside: Variants | None = None,
    address: str | None = None,
    workers: int | None = None,
    monitor: Monitor | None = None,
) -> Variants:
    """Make what is missing or stale; ConfigError for a run folder that is not finished. To be
    compared with `beside`, what another run made, it is without what was held out there."""
    storage = open_storage(run)
    if not isinstance(storage, LocalStorage):
        raise ConfigError(f"{run}: an ablation needs the run on a disk; copy it there")
    config = read_configuration(storage, run)
    with hold(storage) as held, open_executor(config, storage, address, workers) as executor:
        runner = Runner(
            storage=storage,
            executor=executor,
            monitor=monitor or Monitor(),
            generation=held.generation,
            limits=Limits(config.engine.record_seconds),
            max_quarantine_rate=config.engine.max_quarantine_rate,
        )
        return _Maker(storage, config, options, runner, read_corpora(storage, config)).make(beside)


@dataclass
class _Maker:
    storage: LocalStorage
    config: Config
    options: AblationOptions
    runner: Runner
    whole: dict[str, Tables]
    ruled: dict[str, Tables] = field(init=False)

    def __post_init__(self) -> None:
        self.ruled = {corpus: ruled(tables) for corpus, tables in self.whole.items()}

    def make(self, beside: Variants | None) -> Variants:
        variants = (FULL,) if self.options.sets or self.options.against else VARIANTS
        selected: dict[str, Documents] = {}
        if beside is None:
            heldout = choose_heldout(self._engines(HELDOUT, "drawn"), self.options)
            excluded = find_excluded(self._engines(RULES, "excluded"), heldout, self.options)
            selected[HELDOUT], tokenizer = heldout, self._tokenizer()
        else:
            excluded, tokenizer = beside.excluded, beside.tokenizer
        selected = dict.fromkeys(variants, excluded) | selected
        counts: list[dict[str, Any]] = []
        fingerprints = {}
        for variant, documents in selected.items():
            counted: dict[str, dict[str, int]] = {}
            sets: dict[str, dict[str, Receipt]] = {}
            for corpus in self.whole:
                engine = self._engine(variant, corpus)
                columns = emitted_columns(
                    corpus,
                    variant,
                    self._tables(variant)[corpus],
                    concatenate=self.options.concatenate,
                )
                self._emit(engine, variant, columns, tokenizer, documents)
                sets |= {path.rpartition("/")[2]: made for path, made in engine.written.items()}
                if variant != HELDOUT:
                    counted |= self._count(engine, columns, documents)
                engine.finish()
            manifest = self._finish(variant, sets, tokenizer)
            fingerprints[variant] = fingerprint(manifest)
            counts += _counts(variant, manifest["sets"], counted)
        return Variants(self.storage.root / FOLDER, counts, fingerprints, tokenizer, excluded)

    def _tables(self, variant: str) -> dict[str, Tables]:
        return self.ruled if variant == RULES else self.whole

    def _engine(self, variant: str, corpus: str, part: str = "made") -> EngineCorpus:
        """The engine's verbs over one variant of a corpus."""
        tables = self._tables(variant)
        return EngineCorpus(
            self.runner,
            tables,
            corpus,
            AblationStage(None),
            f"{FOLDER}.{variant}.{corpus}",
            f"{FOLDER}.{variant}",
            f"{FOLDER}/{variant}/{part}/{corpus}",
            self._resources,
        )

    def _engines(self, variant: str, part: str) -> list[EngineCorpus]:
        return [self._engine(variant, corpus, part) for corpus in self.whole]

    @property
    def _resources(self) -> Resources:
        return Resources(1.0, self.config.engine.task_memory_bytes)

    def _tokenizer(self) -> str:
        """The tokenizer of both variants: as named, or made from a sample of both."""
        named = self.options.tokenizer
        if named is not None:
            return str(Path(named).absolute()) if Path(named).exists() else named
        sampled: list[LazyParts] = []
        engines = []
        share = self.options.tokenizer_bytes / (len(VARIANTS) * len(self.whole))
        for variant in VARIANTS:
            for corpus in self.whole:
                engine = self._engine(variant, corpus, "sampled")
                step = SampleTexts(self.options.seed, min(1.0, share / max(engine.n_bytes(), 1)))
                sampled.append(engine.map_shards("sample-texts", step, reads=["doc_id", "text"]))
                engines.append(engine)
        base = self.config.tokenizer
        train = TrainTokenizer(base, tokenizer_hash(base))
        made = engines[0].artefact("tokenizer.json", train, *sampled)
        for engine in engines:
            engine.finish()
        assert isinstance(made, StoredArtefact)
        return str(self.storage.root / made.path)

    def _emit(
        self,
        engine: EngineCorpus,
        variant: str,
        columns: Sequence[str],
        tokenizer: str,
        documents: Documents,
    ) -> None:
        emit = self.config.options(EMIT, EmitOptions)
        sets = shard_sets(engine.name, recall_options(self.config).targets)
        tokenize = TokenizeSamples(
            corpus=engine.name,
            sets=sets,
            tokenizer=tokenizer,
            tokenizer_hash=tokenizer_hash(tokenizer),
            seed=emit.seed,
            heldout_rate=float(variant == HELDOUT),
            path_comments=emit.path_comments,
            comments_hash=comments_hash(),
            columns=tuple(columns),
        )
        select = SelectSamples(tokenize, documents, excluding=variant != HELDOUT)
        step = CutSamples(select, 0 if variant == HELDOUT else self.options.row_tokens)
        shuffled = engine.shuffle("cut-samples", step, reads=columns)
        outputs = [
            Output(f"{FOLDER}/{variant}/{output.path}", output.partitions)
            for output in files_of(sets, shuffled.sizes(), emit.shard_bytes)
        ]
        engine.write(WriteSamples(), shuffled, outputs)
        before = emitted_before(self.storage, f"{FOLDER}/{variant}/{SHARDS}")
        for shard_set in {*sets, *before}:
            path = f"{FOLDER}/{variant}/{SHARDS}/{shard_set}"
            if corpus_of(shard_set) == engine.name and path not in engine.written:
                self.runner.ensure(f"{FOLDER}.{variant}.prune", path, [], self._resources)

    def _count(
        self, engine: EngineCorpus, columns: Sequence[str], excluded: Documents
    ) -> dict[str, dict[str, int]]:
        """Source → documents and removed ones, of all that the variant keeps."""
        wanted = ("doc_id", "kind", "target", "recalled")
        reads = [name for name in wanted if name in columns]
        step = CountDocuments(engine.name, excluded)
        counts: dict[str, dict[str, int]] = {}
        for batch in engine.map_shards(
            "count-documents", step, reads=reads, keep_as="counts"
        ).read():
            for row in batch.to_pylist():
                total = counts.setdefault(row["source"], {"documents": 0, "removed": 0})
                total["documents"] += row["documents"]
                total["removed"] += row["removed"]
        return counts

    def _finish(
        self, variant: str, sets: dict[str, dict[str, Receipt]], tokenizer: str
    ) -> dict[str, Any]:
        """Write what stands beside a variant's shards."""
        data = tokenizer_json(tokenizer)
        settings = self.options.model_dump(
            mode="json", include={"seed", "concatenate", "row_tokens"}
        )
        manifest = manifest_of(sets, xxhash.xxh3_128_hexdigest(data), fingerprint(settings))
        folder = f"{FOLDER}/{variant}/{SHARDS}"
        write_changed(self.storage, f"{folder}/{TOKENIZER}", data)
        write_changed(self.storage, f"{folder}/{MANIFEST}", manifest_json(manifest))
        found: dict[str, Any] = json.loads(manifest_json(manifest))
        return found


def _counts(
    variant: str, sets: dict[str, Any], counted: dict[str, dict[str, int]]
) -> list[dict[str, Any]]:
    """A row for each source of a variant; of the held-out set a document is a sample."""
    rows = []
    for source, totals in sets.items():
        own = counted.get(source, {"documents": totals["samples"], "removed": 0})
        tallied = {"samples": totals["samples"], "tokens": totals["tokens"]}
        rows.append({"variant": variant, "source": source, **own, **tallied})
    return rows
