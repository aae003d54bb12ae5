"""What stands beside the shards once they are written: tokenizer, manifest, dataset card.

Nothing here is measured or dated, so the files are the same whenever the shards are.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.configuration import Config
from pipeline.engine.session import Session
from pipeline.storage.digest import fingerprint
from pipeline.storage.manifest import MANIFEST, SHARDS
from pipeline.storage.receipts import Receipt
from pipeline.storage.statistics import merge
from pipeline.storage.storage import Storage
from stages.emit.card import build_manifest, render_card
from stages.kernels.bpe import Tokenizer

CARD, TOKENIZER = "README.md", "tokenizer.json"


def finish_product(storage: Storage, config: Config, session: Session) -> dict[str, dict[str, int]]:
    """Write the files beside the shards; returns shard set → files, samples, bytes."""
    tokenizer = Tokenizer(config.tokenizer)
    sets = {folder.rpartition("/")[2]: receipts for folder, receipts in session.shards.items()}
    manifest = manifest_of(sets, tokenizer.content_hash, fingerprint(_lasting(config)))
    summary = {
        **manifest,
        "funnel": funnel(session),
        "languages": _breakdown(sets, 1),
        "licenses": _breakdown(sets, 2),
    }
    write_changed(storage, f"{SHARDS}/{TOKENIZER}", tokenizer.tokenizer_json)
    write_changed(storage, f"{SHARDS}/{MANIFEST}", manifest_json(manifest))
    write_changed(storage, f"{SHARDS}/{CARD}", render_card(summary).encode())
    return {
        name: {
            "files": len(receipts),
            "samples": sum(receipt.rows for receipt in receipts.values()),
            "bytes": sum(receipt.size for receipt in receipts.values()),
        }
        for name, receipts in sets.items()
    }


def manifest_of(
    sets: Mapping[str, Mapping[str, Receipt]], tokenizer: str, configuration: str
) -> dict[str, Any]:
    """The manifest of shard sets, from their receipts."""
    files = [_file(name, receipt) for name in sorted(sets) for receipt in sets[name].values()]
    return build_manifest(files=files, tokenizer=tokenizer, configuration=configuration)


def manifest_json(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as it is written."""
    return json.dumps(manifest, indent=1, sort_keys=True).encode()


def write_changed(storage: Storage, path: str, data: bytes) -> None:
    """Write a small file unless it is the same already."""
    if not storage.exists(path) or storage.read_bytes(path) != data:
        storage.write(path, data)


def funnel(session: Session) -> list[dict[str, Any]]:
    """Per stage that judges: documents and bytes that reached it, that it kept, and why not."""
    rows = []
    for tables in session.tables.values():
        for table in tables.tables:
            statistics = merge_receipts(table.receipts)
            if statistics["cube"]:
                rows.append({"stage": table.stage, **count_verdicts(statistics["cube"])})
    return rows


def merge_receipts(receipts: Mapping[str, Receipt]) -> dict[str, Any]:
    """The statistics of a table."""
    return merge(receipt.summary.get("statistics", {}) for receipt in receipts.values())


def count_verdicts(cube: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Documents and bytes in and kept, and documents per reason."""
    reasons: dict[str, int] = {}
    total = kept = total_bytes = kept_bytes = 0
    for reason, _, _, documents, n_bytes, _ in cube:
        total += documents
        total_bytes += n_bytes
        if reason is None:
            kept += documents
            kept_bytes += n_bytes
        else:
            reasons[reason] = reasons.get(reason, 0) + documents
    return {
        "documents": total,
        "kept": kept,
        "bytes": total_bytes,
        "kept_bytes": kept_bytes,
        "reasons": dict(sorted(reasons.items())),
    }


def _lasting(config: Config) -> dict[str, Any]:
    """The part of the configuration that determines the product."""
    resolved = config.resolved()
    return {key: value for key, value in resolved.items() if key not in ("run", "engine")}


def _file(name: str, receipt: Receipt) -> dict[str, Any]:
    statistics = receipt.summary["statistics"]
    return {
        "path": f"{SHARDS}/{name}/{receipt.object}",
        "set": name,
        "rows": receipt.rows,
        "tokens": sum(row[5] for row in statistics["cube"]),
        "bytes": receipt.size,
        "xxh3": receipt.xxh3,
    }


def _breakdown(sets: Mapping[str, Mapping[str, Receipt]], index: int) -> list[dict[str, Any]]:
    """Samples and tokens per set and value of one key of the cube."""
    rows = []
    for name, receipts in sets.items():
        totals: dict[str | None, list[int]] = {}
        for row in merge_receipts(receipts)["cube"]:
            total = totals.setdefault(row[index], [0, 0])
            total[0] += row[3]
            total[1] += row[5]
        rows += [
            {"set": name, "name": value, "samples": samples, "tokens": tokens}
            for value, (samples, tokens) in totals.items()
        ]
    return rows
