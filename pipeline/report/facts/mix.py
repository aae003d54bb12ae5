"""What the product is made of: tokens by shard set and split, and of the documents in it by
language, natural language and licence.

A document counts for its own language, also within a sample of many; so `stats shards.code`, which
has samples by their first document's language, says something else.
"""

from collections.abc import Iterable
from typing import Any

from pipeline.configuration.registry import GITHUB
from pipeline.inspection.counted import counted
from pipeline.report.facts.opened import Opened
from pipeline.storage.receipts import parse_receipts
from schemas.language_names import supported_languages
from schemas.shards import CODE_QUALITY, SPLITS, corpus_of, split_of_file

PREFIX = "shards."
MAX_LICENSES = 500
"""Expressions that are listed by name: `MIT OR …` has no end."""
Row = dict[str, Any]


def mix(opened: Opened) -> Row:
    """Shard sets, then the groups of their documents' tokens."""
    stages = [stage for stage in opened.counted if stage.startswith(PREFIX)]
    names = {opened.tables[stage].folder.rpartition("/")[2]: stage for stage in stages}
    parts = [row for name, stage in names.items() for row in _parts(opened, name, stage)]
    own = [row for row in parts if corpus_of(row["set"]) == GITHUB]
    web = [row for row in parts if corpus_of(row["set"]) != GITHUB]
    return {
        "sets": [_set(opened, name, stage) for name, stage in names.items()],
        "languages": _languages(opened, _groups(own, "language")),
        "natural_languages": _groups(web, "language"),
        "licenses": _first(_groups(parts, "license")),
    }


def _set(opened: Opened, name: str, stage: str) -> Row:
    """Samples and tokens of a set by split; its files and their size."""
    receipts = list(parse_receipts(opened.storage, opened.tables[stage].folder).values())
    found = {row["split"]: row for row in opened.grouped(stage, "split")}
    nothing = {"documents": 0, "tokens": 0}
    counts = opened.counted[stage]["counts"]
    return {
        "set": name,
        "samples": counts.documents,
        "tokens": counts.tokens,
        "files": len(receipts),
        "bytes": sum(receipt.size for receipt in receipts),
        "splits": {
            split: {
                "samples": found.get(split, nothing)["documents"],
                "tokens": found.get(split, nothing)["tokens"],
                "files": sum(split_of_file(receipt.object) == split for receipt in receipts),
            }
            for split in SPLITS
        },
    }


def _parts(opened: Opened, name: str, stage: str) -> list[Row]:
    """Documents of a set and their tokens, by language and licence."""
    rows = opened.ask(
        "select part.language as language, part.license as license, count(*) as documents, "
        "sum(part.n_tokens)::bigint as tokens from "
        f"(select unnest(parts) as part from {opened.tables[stage].sql_name}) group by all"
    )
    return [{"set": name, **row} for row in rows]


def _groups(parts: Iterable[Row], key: str) -> list[Row]:
    """Documents and tokens by a key, the most tokens first; `code-quality` repeats what is in
    other sets, so it has its tokens (`sets`) and no part in a sum."""
    groups: dict[str | None, Row] = {}
    for row in parts:
        empty = {"name": row[key], "documents": 0, "tokens": 0, "sets": {}}
        group = groups.setdefault(row[key], empty)
        group["sets"][row["set"]] = group["sets"].get(row["set"], 0) + row["tokens"]
        if row["set"] != CODE_QUALITY:
            group["documents"] += row["documents"]
            group["tokens"] += row["tokens"]
    for group in groups.values():
        group["sets"] = dict(sorted(group["sets"].items()))
    return sorted(groups.values(), key=lambda group: (-group["tokens"], str(group["name"])))


def _first(groups: list[Row]) -> list[Row]:
    """The largest groups, and one of all others."""
    listed, rest = groups[:MAX_LICENSES], groups[MAX_LICENSES:]
    if not rest:
        return listed
    sums = {key: sum(row[key] for row in rest) for key in ("documents", "tokens")}
    return [*listed, {"name": counted(len(rest), "other"), **sums, "sets": {}}]


def _languages(opened: Opened, emitted: list[Row]) -> list[Row]:
    """Every language of files that were read or emitted, then the rest of the 338: files and bytes
    read, files that the last stage kept, documents emitted and their tokens."""
    read = {row["value"]: row for row in _counted(opened, f"{GITHUB}.language")}
    last = [stage for stage, one in opened.counted.items() if _judges(stage, one)][-1:]
    kept = {row["value"]: row["kept"] for stage in last for row in _counted(opened, stage)}
    if not read and not emitted:
        return []
    found = {row["name"]: row for row in emitted}
    supported = supported_languages()
    names = dict.fromkeys([*found, *sorted(read, key=str), *supported])
    return [
        {
            "name": name,
            "supported": name in supported,
            "read": read[name]["documents"] if name in read else 0,
            "read_bytes": read[name]["bytes"] if name in read else 0,
            "kept": kept.get(name, 0),
            "documents": found[name]["documents"] if name in found else 0,
            "tokens": found[name]["tokens"] if name in found else 0,
            "sets": found[name]["sets"] if name in found else {},
        }
        for name in names
    ]


def _judges(stage: str, one: Row) -> bool:
    judges: bool = one["counts"].judges
    return judges and stage.startswith(f"{GITHUB}.")


def _counted(opened: Opened, stage: str) -> list[Row]:
    found: list[Row] = opened.counted.get(stage, {}).get("language", [])
    return found
