"""From events to documents: a discussion is put together from all events about it.

Events lie scattered over the hours, so they are shuffled by repository and number; what is known
of the repository (its name today, its age) goes to the same part, and there each discussion becomes
one record: the latest title and body, every comment once, as it was last, in the order of time.
All choices are by value: the same documents come of any order and partition of the events.

Repositories are chosen here by the options that choose those of files (`created_late`, `owner`,
`opt_out`, under any of its names, …), and skipped discussions are counted by reason. A document is
called `OWNER/REPO#issue/N`, by the repository's latest name; where another has taken that name
since, `OWNER/REPO@NUMBER#issue/N`.

Memory: a part, which is about the events of as many hours as lie in one shard.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.documents import GITHUB_DOCUMENTS
from schemas.events import EVENTS
from schemas.identity import doc_id
from stages.contract import SKIPPED, Batches, Corpus, Options, Parts, Shuffled, Skipped, SourceEvent
from stages.github.gharchive.markdown import discussion_text
from stages.github.gharchive.repositories import (
    READS,
    JoinRepositories,
    ListRepositories,
    RouteByName,
    SendFacts,
    SettleNames,
    SightRepositories,
    by_discussion,
)
from stages.github.options import GithubOptions
from stages.github.selection import OPT_OUT, Selection
from stages.kernels.routes import Route

TOO_LARGE, NO_TEXT = "too_large", "no_text"

BATCH_DISCUSSIONS = 64
BATCH_BYTES = 16 << 20
ROWS_AT_ONCE = 1024

_NOT_NEEDED = ("doc_id", "uri", "kind", "n_bytes", "type", "fork_id", "fork", "fork_created_at")
_OF_REPOSITORY = ("repo", "repo_created_at", "stars", "forks")
THREADS = pa.schema(
    [
        field.remove_metadata().with_nullable(True)
        for field in EVENTS
        if field.name not in (*_NOT_NEEDED, *_OF_REPOSITORY)
    ]
)
"""What events say of discussions."""

_COMMENTS = pa.list_(
    pa.struct([pa.field(name, pa.string()) for name in ("text", "author", "path")])
)
_RAW_SCHEMA = pa.schema(
    [
        pa.field("origin", pa.string(), nullable=False),
        pa.field("offset", pa.int64()),
        pa.field("path", pa.string()),
        pa.field("title", pa.string()),
        pa.field("text", pa.large_string()),
        pa.field("author", pa.string()),
        pa.field("comments", _COMMENTS),
        *(
            GITHUB_DOCUMENTS.field(name).remove_metadata()
            for name in ("repo", "repo_created_at", "stars")
        ),
    ]
)

Row = Mapping[str, Any]


class DiscussionSource:
    """The events of a part in, one document a discussion out."""

    name: ClassVar[str] = "documents"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ()
    Options: ClassVar[type[Options]] = GithubOptions
    read_with: ClassVar[frozenset[str]] = frozenset(
        [
            *("created_before", "unknown", "opt_out", "max_file_bytes"),
            *(
                f"{what}_{which}"
                for what in ("include", "exclude")
                for which in ("owners", "repositories", "licenses")
            ),
        ]
    )
    """The options that matter here."""
    schema: ClassVar[pa.Schema] = GITHUB_DOCUMENTS
    raw_schema: ClassVar[pa.Schema] = _RAW_SCHEMA

    def __init__(self, options: GithubOptions) -> None:
        self._selection = Selection(options)
        self._max_bytes = options.max_file_bytes

    def resources(self) -> dict[str, str]:
        """The opt-out lists, by their content."""
        return self._selection.resources()

    def gather(self, events: Corpus, n_parts: int) -> tuple[Shuffled, Shuffled, Parts]:
        """What is known of repositories and what was said in discussions, both by part, and the
        table of repositories."""
        sight = SightRepositories(n_parts, n_parts)
        sighted = events.shuffle("sight-repositories", sight, reads=READS)
        joined = events.reduce_partitions(
            "join-repositories", JoinRepositories(), sighted, n_partitions=n_parts
        )
        by_name = events.shuffle("route-by-name", RouteByName(n_parts), source=joined)
        settled = events.reduce_partitions(
            "settle-names", SettleNames(), by_name, n_partitions=n_parts
        )
        listed = events.map_shards(
            "list-repositories", ListRepositories(), source=settled, keep_as="repositories"
        )
        facts = events.shuffle("send-facts", SendFacts(), source=settled)
        route = Route(THREADS, by_discussion(n_parts), ("number", 0))
        return facts, events.shuffle("route-events", route, reads=THREADS.names), listed

    def assemble(self, facts: Batches, threads: Batches) -> Iterator[SourceEvent]:
        """The discussions of a part as raw batches, by repository and number."""
        repositories = {row["repo_id"]: row for batch in facts for row in batch.to_pylist()}
        refused = {number: self._refuses(one) for number, one in repositories.items()}
        skipped: Counter[str] = Counter()
        yield from _in_batches(_discussions(threads, repositories, refused, skipped))
        for reason in sorted(skipped):
            yield Skipped(reason, skipped[reason])

    def convert(self, raw: pa.RecordBatch) -> pa.RecordBatch:
        """Write each discussion as Markdown."""
        rows = raw.select(["title", "text", "author", "comments"]).to_pylist()
        texts = [
            discussion_text(row["title"], row["text"], row["author"], row["comments"])
            for row in rows
        ]
        array = pa.array(texts, pa.large_string())
        n_bytes = pc.binary_length(array).cast(pa.int64())
        columns = {
            "doc_id": pa.array([doc_id(one) for one in raw["origin"].to_pylist()], pa.binary(16)),
            "uri": raw["origin"],
            "kind": pa.repeat(pa.scalar("issue"), len(texts)),
            "text": array,
            "n_bytes": n_bytes,
            "revision": pa.array([xxhash.xxh3_128_hexdigest(text.encode()) for text in texts]),
            "is_vendor": pa.nulls(len(texts), pa.bool_()),
            "license": pa.nulls(len(texts), pa.string()),
            "encoding": pa.nulls(len(texts), pa.string()),
        }
        reasons = [TOO_LARGE if size > self._max_bytes else None for size in n_bytes.to_pylist()]
        arrays = [
            columns[field.name] if field.name in columns else raw[field.name]
            for field in self.schema
        ]
        return pa.record_batch(
            [*arrays, pa.array(reasons, pa.string())],
            schema=self.schema.append(pa.field(SKIPPED, pa.string())),
        )

    def _refuses(self, repository: Row) -> str | None:
        names: Sequence[str] = repository["names"]
        if any(self._selection.refuses(name) == OPT_OUT for name in names):
            return OPT_OUT
        return (
            self._selection.refuses(repository["repo"])
            or self._selection.refuses_creation(repository["created_at"])
            or self._selection.refuses_license(None)
        )


def _discussions(
    threads: Batches,
    repositories: Mapping[int, Row],
    refused: Mapping[int, str | None],
    skipped: Counter[str],
) -> Iterator[dict[str, Any]]:
    table = pa.Table.from_batches(threads, THREADS)
    table = table.sort_by([("repo_id", "ascending"), ("number", "ascending")])
    batches = table.to_batches(max_chunksize=ROWS_AT_ONCE)
    rows = (row for batch in batches for row in batch.to_pylist())
    for (repo_id, number), group in groupby(rows, key=itemgetter("repo_id", "number")):
        events = list(group)
        reason = refused[repo_id]
        found = None if reason is not None else _put_together(events)
        if found is None:
            skipped[reason or NO_TEXT] += 1
            continue
        repository = repositories[repo_id]
        repo = repository["repo"]
        owner = repo if repository["is_current"] else f"{repo}@{repo_id}"
        folder = "pull" if any(one["is_pull"] for one in events) else "issues"
        yield {
            **found,
            "origin": f"{owner}#issue/{number}",
            "path": f"{folder}/{number}.md",
            "repo": repo,
            "repo_created_at": repository["created_at"],
            "stars": repository["stars"],
        }


def _put_together(events: Sequence[Row]) -> dict[str, Any] | None:
    """Title, text, author and comments; None where no words are left."""
    openings = [
        (
            one["updated_at"],
            one["at"],
            one["title"],
            one["text"] if one["comment_on"] is None else one["body"] or "",
            one["author"] or "",
        )
        for one in events
        if one["title"] is not None
    ]
    _, _, title, text, author = max(openings, default=(None, None, None, "", ""))
    comments = _comments([one for one in events if one["comment_on"] is not None])
    if title is None and not comments:
        return None
    return {"title": title, "text": text, "author": author or None, "comments": comments}


def _comments(events: Sequence[Row]) -> list[dict[str, Any]]:
    """Each comment once, as it was last, without those that were deleted; by time."""
    latest: dict[Any, Row] = {}
    deleted = set()
    for one in events:
        key: tuple[Any, ...] = (one["comment_on"], one["comment_id"])
        if one["comment_id"] is None:
            key = (*key, one["commented_at"], one["comment_author"], one["text"])
        if one["comment_deleted"]:
            deleted.add(key)
        elif key not in latest or _version(one) > _version(latest[key]):
            latest[key] = one
    kept = [one for key, one in latest.items() if key not in deleted and one["text"]]
    kept.sort(key=_place)
    return [
        {"text": one["text"], "author": one["comment_author"], "path": one["comment_path"]}
        for one in kept
    ]


def _place(comment: Row) -> tuple[Any, ...]:
    """Where a comment stands: by time, then as they were made."""
    of = (comment["commented_at"], comment["comment_on"], comment["comment_id"] or 0)
    return (*of, _version(comment))


def _version(comment: Row) -> tuple[Any, ...]:
    """What makes one version of a comment later than another: its times, then its content, so
    that any two that differ are in some order."""
    return (
        comment["comment_updated_at"],
        comment["at"],
        comment["comment_id"] or 0,
        comment["text"],
        comment["comment_author"] or "",
        comment["comment_path"] or "",
        comment["commented_at"],
    )


def _in_batches(rows: Iterator[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    pending: list[dict[str, Any]] = []
    n_bytes = 0
    for row in rows:
        pending.append(row)
        n_bytes += len(row["text"]) + sum(len(one["text"]) for one in row["comments"])
        if len(pending) == BATCH_DISCUSSIONS or n_bytes >= BATCH_BYTES:
            yield pa.RecordBatch.from_pylist(pending, schema=_RAW_SCHEMA)
            pending, n_bytes = [], 0
    if pending:
        yield pa.RecordBatch.from_pylist(pending, schema=_RAW_SCHEMA)
