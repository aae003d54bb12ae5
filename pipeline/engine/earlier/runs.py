"""The runs that `dedup.against` names: opened and checked before anything runs.

A run can be compared with if its dedup of the corpus is complete and is of the documents that are
there now, and if its documents were measured as this run measures: else signatures and similarities
mean different things. What it is made of is in its receipts, so none of its tables is read here.
What its later stages did with its documents plays no part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.configuration import Config
from pipeline.configuration.names import MEASURE, StepName
from pipeline.configuration.registry import CONFIGURED, CORPORA, DEDUP, DOCUMENTS, stage_of
from pipeline.engine.lineage import Table, Tables
from pipeline.engine.work.map import measure_table
from pipeline.engine.work.task import StageRef, stage_class
from pipeline.storage.location import location, open_storage
from pipeline.storage.receipts import Receipt, parse_receipts
from pipeline.storage.storage import Storage
from schemas.dedup import DEDUP_DECISIONS, DEDUP_MEASURES
from schemas.verdicts import verdict_table
from stages.dedup.options import DedupOptions
from stages.errors import ConfigError


@dataclass(frozen=True)
class EarlierRun:
    """One corpus of another run, up to what its dedup kept."""

    storage: Storage
    tables: Tables


def earlier_runs(config: Config, corpus: str, own: Storage) -> dict[str, EarlierRun]:
    """The runs that this corpus is compared with, by the names they have in the configuration;
    ConfigError for one that it cannot be. Corpora that are not emitted are compared with none."""
    options = config.options(StepName(corpus, DEDUP), DedupOptions)
    found: dict[str, EarlierRun] = {}
    for name in options.against if corpus in CONFIGURED else ():
        storage = open_storage(name)
        shown = f"`{corpus}.{DEDUP}.against`: {location(name)}"
        if storage.url == own.url:
            raise ConfigError(f"{shown} is this run itself")
        if any(storage.url == other.storage.url for other in found.values()):
            raise ConfigError(f"{shown} is named twice")
        found[location(name)] = EarlierRun(storage, _tables(storage, corpus, options, shown))
    return found


def _tables(storage: Storage, corpus: str, options: DedupOptions, shown: str) -> Tables:
    decided = StepName(corpus, DEDUP)
    steps = (StepName(corpus, DOCUMENTS), replace(decided, half=MEASURE), decided)
    folders = {str(step): parse_receipts(storage, step.folder) for step in steps}
    documents, measured, _ = map(str, steps)
    if not any(storage.list(step.folder) for step in steps):
        if not storage.exists("run.json"):
            raise ConfigError(f"{shown}: there is no run")
        raise ConfigError(
            f"{shown}: it has no corpus {corpus}; set `against` in another corpus's table alone"
        )
    for step in steps:
        if set(folders[str(step)]) != set(folders[documents]) or not folders[documents]:
            raise ConfigError(f"{shown}: its {step} is not complete; finish it by `sluice run`")
    for step in steps:
        if cause := _cause(storage, step, folders):
            raise ConfigError(f"{shown}: its {step} {cause}; mend it by `sluice run`")
    _require_comparable(corpus, folders[measured], options, shown)
    schemas = (
        stage_class(CORPORA[corpus].source).schema,
        measure_table(DEDUP_MEASURES),
        verdict_table(DEDUP_DECISIONS),
    )
    tables = Tables(corpus)
    for step, schema in zip(steps, schemas, strict=True):
        tables.add(Table(str(step), step.folder, schema, folders[str(step)]))
    return tables


def _cause(
    storage: Storage, step: StepName, folders: Mapping[str, Mapping[str, Receipt]]
) -> str | None:
    """Why a table cannot be relied upon: what is wrong with it, by receipts and one listing."""
    listing = storage.list(step.folder)
    for key, receipt in folders[str(step)].items():
        mark = listing.get(receipt.object)
        if mark is None or mark.size != receipt.size:
            return f"lacks {receipt.object}, or that is not what was written"
        for name, digest in receipt.components.items():
            table, _, column = name.rpartition(".")
            source = folders.get(table, {}).get(key)
            if source is not None and source.columns.get(column) != digest:
                return f"is stale: {table} was made anew since"
    return None


def _require_comparable(
    corpus: str, measured: Mapping[str, Receipt], options: DedupOptions, shown: str
) -> None:
    """ConfigError unless every document was measured as this run does it."""
    measure = stage_of(DEDUP).map
    assert measure is not None
    stage = StageRef(stage_of(DEDUP).target(measure), options).load()
    own = options.model_dump(mode="json", include=set(stage.measured_with))
    for receipt in measured.values():
        if receipt.components.get("version") != stage.version:
            raise ConfigError(
                f"{shown}: another version of Sluice measured its documents; bring them up to date "
                "by `sluice run`"
            )
        for name, value in receipt.components["options"].items():
            if value != own.get(name):
                raise ConfigError(
                    f"{shown}: its signatures cannot be compared with this run's: "
                    f"`{corpus}.{DEDUP}.{name}` is {_shown(value)} there and "
                    f"{_shown(own.get(name))} here; make one of the runs again with the other's "
                    "value"
                )


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
