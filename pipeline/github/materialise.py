"""Files of a plan as tables with contents: `DIR/files/part-00000.parquet`, which `github.inputs`
reads, and `DIR/problems/part-00000.jsonl`, which says of every other file why it is not there.

A part holds the files of some commits, by the plan alone, so one that is there is done, unless
files of it failed for want of a connection: those are fetched, and what is there is kept. What has
opted out since is taken out of it. Memory: a few contents at once (16 MiB each at most), twice 32
MiB of a part's rows, 1.5 kB a file of a part. Disk: the archives that are fetched at once.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.github.access import GitHub
from pipeline.github.crawl import Choice
from pipeline.github.fetching import Fetched, Fetching, From, Job, Problem, Row
from pipeline.github.kept import NAMED_BY, Kept
from pipeline.github.ledger import FAILED, HAD
from pipeline.github.plan import Plan, commits
from pipeline.storage.politeness.turns import in_turn, workers
from pipeline.storage.progress import Progress
from pipeline.storage.replace import replacing
from stages.github.selection import OPT_OUT, Selection

FILES, PROBLEMS = "files", "problems"
PART_FILES = 50_000
"""Behind which a part ends, at the end of a commit."""
_BATCH_ROWS, _BATCH_BYTES = 2048, 32 << 20

TABLE = pa.schema(
    [
        pa.field("content", pa.binary(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("repo", pa.string()),
        pa.field("revision", pa.string()),
        pa.field("created_at", pa.timestamp("us", "UTC")),
        pa.field("stars", pa.int64()),
        pa.field("license", pa.string()),
        pa.field("is_vendor", pa.bool_()),
        pa.field("blob", pa.string()),
        pa.field("asked", pa.string()),
    ]
)
"""`asked` is what the list calls a repository that is called otherwise today."""
_NAMES = ("repo", "asked")


def materialise(
    plan: Plan, choice: Choice, source: From, github: GitHub, folder: Path, progress: Progress
) -> Counter[str]:
    """Fetch what is not here yet; how many files came to which outcome."""
    outcomes = Counter[str]()

    def ended() -> None:
        progress("files", outcomes.total(), plan.files)

    for name in (FILES, PROBLEMS):
        (folder / name).mkdir(exist_ok=True)
    with (
        closing(Fetching(choice, source, github, folder)) as fetching,
        workers(github.connections, fetching.stop) as pool,
    ):
        for number, part in enumerate(_parts(plan)):
            table = folder / FILES / f"part-{number:05d}.parquet"
            told = folder / PROBLEMS / f"part-{number:05d}.jsonl"
            _withdraw(table, told, choice.selection)
            known = _known(table, told)
            if known is None or known[FAILED]:
                here = None if known is None else Kept(table, told)
                items = _items(part, here, fetching, pool, 2 * github.connections)
                _write(table, told, items, outcomes, ended)
            else:
                outcomes.update(known)
                ended()
    return outcomes


def _items(
    part: list[list[Row]],
    here: Kept | None,
    fetching: Fetching,
    pool: ThreadPoolExecutor,
    ahead: int,
) -> Iterator[Row | Problem]:
    """The files of a part, or why they are not there: fetched, but for those that are here."""

    def fetch(job: Job) -> tuple[Job, Fetched | None]:
        return job, fetching.fetch(job) if here is None or here.lacks(job) else None

    jobs = chain.from_iterable(map(fetching.jobs, part))
    for job, fetched in in_turn(pool, fetch, jobs, ahead):
        kept: Iterable[Row | Problem] = () if here is None else here.take(job)
        if fetched is None:
            yield from kept
        else:
            for _ in kept:
                pass
            yield from fetching.taken_apart(fetched)
    if here is not None:
        yield from here.rest()
        here.close()


def _parts(plan: Plan) -> Iterator[list[list[Row]]]:
    """The commits of each part."""
    part: list[list[Row]] = []
    n_files = 0
    for commit in commits(plan):
        part.append(commit)
        n_files += len(commit)
        if n_files >= PART_FILES:
            yield part
            part, n_files = [], 0
    if part:
        yield part


def _withdraw(table: Path, told: Path, selection: Selection) -> None:
    """Take out of a part that is here the files of who has opted out since. It begins with what
    was told of the part, without which it is fetched anew."""
    if not table.exists() or not told.exists():
        return
    names = pq.read_table(table, columns=list(_NAMES))
    known = {name for column in _NAMES for name in pc.unique(names[column]).to_pylist()}
    gone = pa.array([one for one in known if selection.refuses(one) == OPT_OUT], pa.string())
    if not gone:
        return
    lines = told.read_bytes()
    told.unlink()
    with replacing(told) as problems:
        problems.write(lines)
        with (
            pq.ParquetFile(table) as part,
            replacing(table) as stream,
            pq.ParquetWriter(stream, TABLE, compression="zstd") as writer,
        ):
            for number in range(part.num_row_groups):
                rows = part.read_row_group(number)
                is_gone = pc.or_(*(pc.is_in(rows[one], value_set=gone) for one in _NAMES))
                writer.write_table(rows.filter(pc.invert(is_gone)))
                for row in rows.filter(is_gone).drop_columns("content").to_pylist():
                    listed_as = row | {"repo": row["asked"] or row["repo"]}
                    _tell(problems, Problem(listed_as, OPT_OUT))


def _known(table: Path, told: Path) -> Counter[str] | None:
    """What became of a part's files; None if it is to be fetched."""
    if not table.exists() or not told.exists():
        return None
    with told.open("rb") as stream:
        outcomes = Counter(str(json.loads(line)["reason"]) for line in stream)
    outcomes[HAD] = pq.read_metadata(table).num_rows
    return outcomes


def _write(
    table: Path,
    told: Path,
    items: Iterable[Row | Problem],
    outcomes: Counter[str],
    ended: Callable[[], None],
) -> None:
    with (
        replacing(told) as problems,
        replacing(table) as stream,
        pq.ParquetWriter(stream, TABLE, compression="zstd") as writer,
    ):
        batch = _Batch(writer)
        for item in items:
            if isinstance(item, Problem):
                _tell(problems, item)
                outcomes[item.reason] += 1
            else:
                batch.add(item)
                outcomes[HAD] += 1
            ended()
        batch.write()


def _tell(stream: BinaryIO, problem: Problem) -> None:
    said = {name: problem.row.get(name) for name in NAMED_BY}
    said |= {"reason": problem.reason, "error": problem.error}
    known = {name: value for name, value in said.items() if value is not None}
    stream.write(json.dumps(known).encode() + b"\n")


class _Batch:
    """Rows on their way into a part."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._rows: list[Row] = []
        self._n_bytes = 0

    def add(self, row: Row) -> None:
        self._rows.append(row)
        self._n_bytes += len(row["content"])
        if len(self._rows) == _BATCH_ROWS or self._n_bytes >= _BATCH_BYTES:
            self.write()

    def write(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=TABLE))
        self._rows, self._n_bytes = [], 0
