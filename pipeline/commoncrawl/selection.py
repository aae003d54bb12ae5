"""A selection: which records of a crawl a condition names, kept in the folder that they go to.

`selection.json` says what was asked; `selection/` has one Parquet file for each file of the index
that was queried. Both stay, so that an interrupted query goes on, and what was asked once is not
asked again. Memory: 150 bytes a record.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.commoncrawl.index import SELECTED, index_files, require_condition, select
from pipeline.storage.commoncrawl.bucket import Bucket
from pipeline.storage.digest import fingerprint
from pipeline.storage.politeness.turns import in_turn, workers
from pipeline.storage.progress import Progress
from pipeline.storage.replace import replacing
from stages.errors import ConfigError, InputError

QUERY = "selection.json"
PARTS = "selection"


@dataclass(frozen=True)
class Query:
    """What is asked of a crawl's index."""

    crawl: str
    where: str
    subset: str = "warc"

    @property
    def digest(self) -> str:
        """Eight digits that tell it from others."""
        return fingerprint(asdict(self))[:8]


def find_records(
    query: Query, folder: Path, bucket: Bucket, connections: int, progress: Progress
) -> pa.Table:
    """The records (columns `SELECTED`), by file and offset; each once."""
    require_condition(query.where)
    keys = _files(query, folder, bucket)
    (folder / PARTS).mkdir(exist_ok=True)
    parts = {key: folder / PARTS / f"part-{n:05d}.parquet" for n, key in enumerate(keys)}
    missing = [key for key in keys if not parts[key].exists()]
    done = len(keys) - len(missing)
    progress("files of the index", done, len(keys))

    def ask(key: str) -> None:
        table = select(key, query.where, query.crawl, query.subset, bucket)
        with replacing(parts[key]) as stream:
            pq.write_table(table, stream, compression="zstd")

    with workers(connections, bucket.stop) as pool:
        for _ in in_turn(pool, ask, missing, 4 * connections):
            done += 1
            progress("files of the index", done, len(keys))
    table = pa.concat_tables(pq.read_table(part, schema=SELECTED) for part in parts.values())
    return _distinct(table)


def _files(query: Query, folder: Path, bucket: Bucket) -> list[str]:
    """The index's files, as they were listed when the folder was begun."""
    path = folder / QUERY
    if path.exists():
        try:
            known = json.loads(path.read_text())
            asked, keys = Query(**known["query"]), [str(key) for key in known["index"]]
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path} is damaged ({error}); begin another folder") from error
        if asked != query:
            raise ConfigError(
                f"{folder} holds another selection (of {asked.crawl}, {asked.subset}, where "
                f"{asked.where!r}); name another folder"
            )
        return keys
    keys = index_files(query.crawl, query.subset, bucket)
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {"query": asdict(query), "index": keys}
    with replacing(path) as stream:
        stream.write(json.dumps(content, indent=1).encode())
    return keys


def _distinct(table: pa.Table) -> pa.Table:
    place = ("warc_filename", "warc_record_offset")
    table = table.sort_by([(name, "ascending") for name in place])
    if table.num_rows < 2:
        return table
    before, after = table.slice(0, table.num_rows - 1), table.slice(1)
    same = pc.and_(*(pc.equal(before[name], after[name]) for name in place))
    keep = pa.chunked_array([pa.array([True]), *pc.invert(same).chunks])
    return table.filter(keep)
