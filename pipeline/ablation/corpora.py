"""The tables of a finished run, as each variant of an ablation sees them.

`full` is the whole chain's product; `rules` is what rules alone keep: of GitHub the documents that
language and rules kept, of the web every extracted page. Neither a duplicate nor a page that was
not recalled is missing from it, and nothing is redacted.
"""

from dataclasses import replace

import pyarrow.parquet as pq

from pipeline.configuration import Config
from pipeline.configuration.names import StepName
from pipeline.configuration.registry import CONFIGURED, DOCUMENTS, GITHUB, TOKENS, WEB
from pipeline.engine.chain import chain_of
from pipeline.engine.lineage import Table, Tables
from pipeline.storage.location import location
from pipeline.storage.receipts import Receipts
from pipeline.storage.removals import read_removals
from pipeline.storage.storage import LocalStorage
from stages.emit.options import OPTIONAL_COLUMNS
from stages.emit.samples import READS
from stages.errors import ConfigError

RULES, FULL, HELDOUT = "rules", "full", "heldout"
VARIANTS = (RULES, FULL)

DECIDED_BY = {GITHUB: "rules", WEB: DOCUMENTS}
"""The last stage of each corpus whose verdicts the rules variant asks for."""
JOINING = ("sample_id", "position")
"""Columns of emit that join documents to one sample."""
CLUSTER = "cluster"


def read_corpora(storage: LocalStorage, config: Config) -> dict[str, Tables]:
    """The tables of every corpus of the run, with the whole chain's verdict."""
    found = {}
    for corpus in CONFIGURED:
        if storage.list(StepName(corpus, DOCUMENTS).folder):
            names = chain_of(corpus, config, removes=bool(read_removals(storage)))[:-1]
            found[corpus] = _read_tables(storage, config, corpus, names)
    if not found:
        raise ConfigError(f"{location(config.run)}: no documents of {' or '.join(CONFIGURED)}")
    return found


def ruled(tables: Tables) -> Tables:
    """The same tables with the verdict of rules alone; the dedup cluster stays readable."""
    decides = StepName(tables.corpus, DECIDED_BY[tables.corpus])
    last = next(table for table in tables.tables if table.stage == str(decides))
    return replace(tables, verdict=last if "keep" in last.schema.names else None)


def emitted_columns(corpus: str, variant: str, tables: Tables, *, concatenate: bool) -> list[str]:
    """What emit reads for a variant: documents' columns, then what its stages annotate. Stored
    tokens are of another tokenizer than an ablation's."""
    there = tables.columns() - {TOKENS}
    annotated = [name for name in OPTIONAL_COLUMNS[corpus] if name in there]
    if variant == RULES:
        annotated = [name for name in annotated if name in ("language", "other")]
    if variant == HELDOUT:  # once, by itself
        annotated = [name for name in annotated if corpus == "web" or name != "recalled"]
    if variant != FULL or not concatenate:
        annotated = [name for name in annotated if name not in JOINING]
    return [*READS[corpus], *annotated]


def _read_tables(storage: LocalStorage, config: Config, corpus: str, names: list[str]) -> Tables:
    tables = Tables(corpus)
    for name in names:
        stage = StepName(corpus, name)
        folder = stage.folder
        receipts = Receipts(storage, folder).load()
        if not receipts or (tables.tables and receipts.keys() != set(tables.keys)):
            raise ConfigError(
                f"{location(config.run)}: {stage} has not run on every shard; "
                "finish the run with `sluice run`"
            )
        first = next(iter(receipts.values()))
        with storage.open_read(f"{folder}/{first.object}") as stream:
            tables.add(Table(str(stage), folder, pq.read_schema(stream), receipts))
    return tables
