"""Which tables of a run were made from others that are not as they were then.

A run up to a stage (`--stage`) leaves what follows it as it was. A receipt says which columns its
table was made from, with their hashes; where one is another now, the table is stale, and so is what
was made from it. Reads receipts alone. Of what recall learned from the seeds receipts know no
columns: a stale table of the seeds makes no table of the web stale here.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.configuration.names import MEASURE, StepName
from pipeline.configuration.registry import CORPORA, DOCUMENTS, EMIT, stages_of
from pipeline.engine.lineage import read_columns
from pipeline.engine.parts import MEMO_SUFFIX, READS
from pipeline.storage.json_files import DAMAGED
from pipeline.storage.location import location
from pipeline.storage.receipts import Receipt, parse_receipts
from pipeline.storage.storage import Storage

Folders = Mapping[str, Mapping[str, Receipt]]


def stale_tables(storage: Storage, folders: Folders | None = None) -> dict[str, str]:
    """Step (`web.dedup`, `emit.web`) → the step that it was made from and that is another now."""
    stale: dict[str, str] = {}
    for corpus in CORPORA:
        names = [StepName(corpus, DOCUMENTS)]
        for stage in stages_of(corpus):
            names += [StepName(corpus, stage, MEASURE), StepName(corpus, stage)]
        tables = {str(name): _receipts(storage, name.folder, folders) for name in names}
        for name in map(str, names):
            cause = next(_causes(tables, tables[name].values(), stale), None)
            if cause is not None:
                stale[name] = cause
        cause = _emit_cause(storage, corpus, tables, stale)
        if cause is not None:
            stale[str(StepName(corpus, EMIT))] = cause
    return stale


def mending(storage: Storage, run: Path) -> str:
    """The command that makes anew what is stale."""
    try:
        made = json.loads(storage.read_bytes("run.json"))
        config, overrides = made.get("file") or "CONFIG", made.get("overrides", [])
    except (OSError, *DAMAGED):
        config, overrides = "CONFIG", []
    sets = [word for override in overrides for word in ("--set", override)]
    return shlex.join(["sluice", "run", config, "--run", location(run), *sets])


def _receipts(storage: Storage, folder: str, folders: Folders | None) -> Mapping[str, Receipt]:
    return parse_receipts(storage, folder) if folders is None else folders.get(folder, {})


def _causes(
    tables: Mapping[str, Mapping[str, Receipt]], receipts: Any, stale: Mapping[str, str]
) -> Iterator[str]:
    for receipt in receipts:
        for key, digest in receipt.components.items():
            step, _, column = key.rpartition(".")
            if step in stale:
                yield step
            source = tables.get(step, {}).get(receipt.key)
            if source is not None and source.columns.get(column) != digest:
                yield step


def _emit_cause(
    storage: Storage,
    corpus: str,
    tables: Mapping[str, Mapping[str, Receipt]],
    stale: Mapping[str, str],
) -> str | None:
    """The shards name partitions of a shuffle that is gone; its memo says what it read."""
    folder = StepName(corpus, EMIT).folder
    for name in storage.list(folder):
        if name.endswith(MEMO_SUFFIX):
            try:
                content = json.loads(storage.read_bytes(f"{folder}/{name}"))
                reads: dict[str, str] = content.get(READS, {})
            except (OSError, *DAMAGED):
                return None
            for key, digest in reads.items():
                step, _, column = key.rpartition(".")
                if step in stale:
                    return step
                if step in tables and read_columns(tables[step], column) != digest:
                    return step
    return None
