"""`inputs.json`: every input a run ever had, and the shard each belongs to.

It only grows: an input keeps its shard for ever, so that adding one moves nothing. On the web one
input is one shard; repositories are packed in input order up to `github.shard_bytes`, and so are
hours of events, apart from them.

A run is made of the inputs that its configuration names, and of those it names no longer but once
read: a crawl may be deleted when its pages are in the run. What `drop` names leaves the run, and
so does what was never read and is named no longer. An input that lies elsewhere now (same name,
same content) is the same input; two inputs of one identity are refused before anything is written.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

from pipeline.storage.commoncrawl.access import SCHEME as CRAWL
from pipeline.storage.credentials import public_url
from pipeline.storage.intake.inputs import InputSpec, content_digest, is_hour, names
from pipeline.storage.json_files import read_json
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.storage import Storage
from schemas.quarantine import UNREADABLE
from stages.errors import ConfigError, InputError

INPUTS = "inputs.json"

Identify = Callable[[InputSpec], str | None]
"""What an input's name and metadata say of whose documents it holds; None if only its bytes can
tell."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of one corpus."""

    recorded: list[InputSpec]
    """All that the run ever had."""
    current: list[InputSpec]
    """Those it is made of."""
    unnamed: list[InputSpec]
    """Those whose documents the run has although nothing names them any more: they stay, or leave
    with this run where `keep_gone` is false."""


def load(storage: Storage) -> dict[str, list[InputSpec]]:
    """Corpus → the inputs that the run has had so far."""
    if not storage.exists(INPUTS):
        return {}
    return read_json(storage, INPUTS, _recorded, "restore it, or begin another run")


def _recorded(content: dict[str, list[dict[str, Any]]]) -> dict[str, list[InputSpec]]:
    return {corpus: [_from_json(row) for row in rows] for corpus, rows in content.items()}


def save(storage: Storage, corpora: Mapping[str, Sequence[InputSpec]]) -> None:
    """Write `inputs.json`, if it changed."""
    content = {corpus: [_to_json(spec) for spec in specs] for corpus, specs in corpora.items()}
    data = json.dumps(content, indent=1).encode()
    if not storage.exists(INPUTS) or storage.read_bytes(INPUTS) != data:
        storage.write(INPUTS, data)


class CorpusRecord:
    """What is known of one corpus's inputs before a run."""

    def __init__(self, storage: Storage, corpus: str, recorded: Sequence[InputSpec]) -> None:
        self._storage = storage
        self._corpus = corpus
        self.recorded = list(recorded)

    def was_read(self, pattern: str) -> bool:
        """Whether a pattern names an input whose documents the run holds."""
        return any(names(pattern, spec.uri) and self._was_read(spec) for spec in self.recorded)

    def place(
        self,
        found: Sequence[InputSpec],
        *,
        drop: Sequence[str] = (),
        shard_bytes: int = 0,
        identify: Identify | None = None,
        keep_gone: bool = True,
    ) -> Inputs:
        """Give each input that the configuration names its shard: the recorded one, or a new one
        at the end. Without `identify` a name alone is an identity; without `keep_gone` the run is
        made of what is named alone."""
        self._require_drops(found, drop)
        named = [spec for spec in found if not _is_dropped(spec, drop)]
        known = {spec.uri: spec for spec in self.recorded}
        fresh = [spec for spec in named if spec.uri not in known]
        known = self._follow_moved(known, named, fresh, identify)
        next_shard = 1 + max((spec.shard for spec in known.values()), default=-1)
        for spec in _pack([s for s in fresh if s.uri not in known], next_shard, shard_bytes):
            known[spec.uri] = spec
        for spec in named:
            known[spec.uri] = _refreshed(known[spec.uri], spec)
        uris = {spec.uri for spec in named}
        unnamed = [
            spec
            for spec in known.values()
            if spec.uri not in uris and not _is_dropped(spec, drop) and self._was_read(spec)
        ]
        kept = {spec.uri for spec in unnamed} if keep_gone else set()
        current = [spec for spec in known.values() if spec.uri in uris | kept]
        self._refuse_twins(current, {spec.uri for spec in fresh}, identify)
        return Inputs(list(known.values()), current, unnamed)

    def _require_drops(self, found: Sequence[InputSpec], drop: Sequence[str]) -> None:
        for pattern in drop:
            if not any(_is_dropped(spec, [pattern]) for spec in (*found, *self.recorded)):
                raise ConfigError(
                    f"{self._corpus}.drop: {pattern!r} names no input that this run has or had"
                )

    def _follow_moved(
        self,
        known: dict[str, InputSpec],
        named: Sequence[InputSpec],
        fresh: Sequence[InputSpec],
        identify: Identify | None,
    ) -> dict[str, InputSpec]:
        """The record, with inputs that lie elsewhere now under their new address."""
        uris = {spec.uri for spec in named}
        gone: dict[str, list[InputSpec]] = {}
        for spec in known.values():
            if spec.uri not in uris:
                gone.setdefault(spec.name, []).append(spec)
        moved: dict[str, InputSpec] = {}
        for spec in fresh:
            for old in gone.get(spec.name, []):
                same_place = identify is None or identify(old) == identify(spec)
                digest = self._same_content(old, spec) if same_place else None
                if digest is not None:
                    moved[old.uri] = replace(spec, shard=old.shard, xxh3=digest)
                    gone[spec.name].remove(old)
                    break
        updated = (moved.get(uri, spec) for uri, spec in known.items())
        return {spec.uri: spec for spec in updated}

    def _same_content(self, old: InputSpec, new: InputSpec) -> str | None:
        """The content's hash if both are the same; nothing is known of what was never read, so
        that may be any, and its hash is empty."""
        row = self._read_as(old)
        if row is None or row["xxh3"] == UNREADABLE:
            return ""
        sizes = {row["size"], new.size} if new.folder is None else set()
        if len(sizes - {0}) > 1:
            return None
        is_same_file = new.uri.startswith(CRAWL) and old.uri.endswith(
            f"/{new.uri.removeprefix(CRAWL)}"
        )
        if is_same_file or (row["mark"] == new.mark and row["size"] == new.size):
            return str(row["xxh3"])
        digest = content_digest(new.absolute())
        return digest if digest == row["xxh3"] else None

    def _refuse_twins(
        self, specs: Sequence[InputSpec], fresh: set[str], identify: Identify | None
    ) -> None:
        """InputError if one identity would enter the run twice. A new repository is held against
        those of its name; that two names hide one shows when they are read."""
        by_name: dict[str, list[InputSpec]] = {}
        for spec in specs:
            by_name.setdefault(spec.name, []).append(spec)
        for one, other in (pair for same in by_name.values() for pair in combinations(same, 2)):
            if identify is None:
                by = "name"
            elif fresh.isdisjoint({one.uri, other.uri}) or identify(one) != identify(other):
                continue
            elif self._are_copies(one, other):
                by = "name and content"
            else:
                continue
            raise InputError(
                f"{self._corpus}.inputs: {one.uri} and {other.uri} are one input by {by}, and so "
                f"would their documents be; rename one, or name one in {self._corpus}.drop"
            )

    def _are_copies(self, one: InputSpec, other: InputSpec) -> bool:
        if one.size != other.size or (one.folder is None) != (other.folder is None):
            return False
        digests = {spec.xxh3 or content_digest(spec.absolute()) for spec in (one, other)}
        return len(digests) == 1 and UNREADABLE not in digests

    def _was_read(self, spec: InputSpec) -> bool:
        return self._read_as(spec) is not None

    def _read_as(self, spec: InputSpec) -> Mapping[str, Any] | None:
        return self._read.get((spec.shard, spec.name))

    @cached_property
    def _read(self) -> dict[tuple[int, str], Mapping[str, Any]]:
        """Shard and name → what the shard's receipt says of the input. By name, because an address
        depends on the driver's working directory."""
        corpora = (self._corpus, "events") if self._corpus == "github" else (self._corpus,)
        return {
            (int(receipt.key), one["name"]): one
            for corpus in corpora
            for receipt in parse_receipts(self._storage, f"{corpus}/documents").values()
            for one in receipt.summary["inputs"]
        }


def _is_dropped(spec: InputSpec, drop: Sequence[str]) -> bool:
    if not drop:
        return False
    uris = {spec.uri, spec.absolute().uri}
    return any(pattern == spec.name or names(pattern, uri) for pattern in drop for uri in uris)


def _refreshed(recorded: InputSpec, found: InputSpec) -> InputSpec:
    """The input as it was found, with its shard, and with its hash unless it may have changed."""
    unchanged = (recorded.size, recorded.mark) == (found.size, found.mark)
    listed = tuple(dict.fromkeys((*recorded.listed, *found.listed)))
    digest = recorded.xxh3 if unchanged else ""
    return replace(found, shard=recorded.shard, xxh3=digest, listed=listed)


def _pack(specs: Iterable[InputSpec], shard: int, shard_bytes: int) -> Iterator[InputSpec]:
    """Consecutive inputs of one kind share a shard up to `shard_bytes` of stored size; 0: one
    each."""
    filled = 0
    before: InputSpec | None = None
    for spec in specs:
        if before is not None and (
            filled + spec.size > shard_bytes or is_hour(spec) != is_hour(before)
        ):
            shard, filled = shard + 1, 0
        before = spec
        filled += max(spec.size, 1)
        yield replace(spec, shard=shard)


def _to_json(spec: InputSpec) -> dict[str, Any]:
    row = {
        "name": spec.name,
        "uri": spec.uri,
        "size": spec.size,
        "mark": spec.mark,
        "shard": spec.shard,
        "folder": None if spec.folder is None else True,
    }
    if spec.listed:
        row["listed"] = list(spec.listed)
    return {**row, "xxh3": spec.xxh3} if spec.xxh3 else row


def _from_json(row: dict[str, Any]) -> InputSpec:
    return InputSpec(
        name=row["name"],
        uri=public_url(row["uri"]),
        size=int(row["size"]),
        mark=row["mark"],
        shard=int(row["shard"]),
        folder=None if row["folder"] is None else Path(row["uri"]),
        xxh3=row.get("xxh3", ""),
        listed=tuple(row.get("listed", ())),
    )
