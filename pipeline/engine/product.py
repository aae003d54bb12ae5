"""What stands beside the shards once they are written: tokenizer, manifest, dataset card.

Nothing here is measured or dated, so the files are the same whenever the shards are.
"""

import json
from collections.abc import Mapping, Sized
from typing import Any

from xxhash import xxh3_128_hexdigest

from pipeline.configuration import Config
from pipeline.configuration.names import StepName
from pipeline.configuration.registry import CONFIGURED, EMIT, TOKENS
from pipeline.engine.chain import recall_options
from pipeline.engine.lineage import Table
from pipeline.engine.session import Session
from pipeline.storage.digest import fingerprint
from pipeline.storage.manifest import MANIFEST, SHARDS
from pipeline.storage.receipts import Receipt
from pipeline.storage.statistics import Statistics, statistics_of
from pipeline.storage.storage import Storage
from schemas.shards import TRAIN, shard_sets, split_of_file
from stages.contract import Options
from stages.emit.card import build_manifest, render_card
from stages.emit.mixture import groups_of, mixture_of
from stages.emit.options import EmitOptions
from stages.kernels.bpe.sentinels import with_sentinels
from stages.kernels.bpe.tokenizer import tokenizer_json

CARD, TOKENIZER = "README.md", "tokenizer.json"


def finish_product(storage: Storage, config: Config, session: Session) -> dict[str, dict[str, int]]:
    """Write the files beside the shards; returns shard set → files, samples, bytes."""
    tokenizer = with_sentinels(tokenizer_json(config.tokenizer))
    sets = {folder.rpartition("/")[2]: receipts for folder, receipts in session.shards.items()}
    manifest = manifest_of(sets, xxh3_128_hexdigest(tokenizer), fingerprint(_lasting(config)))
    emit = config.options(EMIT, EmitOptions)
    if emit.mixture is not None:
        manifest["mixture"] = mixture_of(emit.mixture, _train_tokens(manifest), emit.max_epochs)
    summary = {
        **manifest,
        "funnel": funnel(session),
        **_options(config, session),
        "languages": _breakdown(sets, "language"),
        "licenses": _breakdown(sets, "license"),
    }
    write_changed(storage, f"{SHARDS}/{TOKENIZER}", tokenizer)
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


def check_mixture(config: Config, inputs: Mapping[str, Sized]) -> None:
    """ConfigError if `emit.mixture` weighs a shard set that no corpus with inputs is emitted to."""
    mixture = config.options(EMIT, EmitOptions).mixture
    if mixture is not None:
        targets = recall_options(config).targets
        corpora = [corpus for corpus in CONFIGURED if inputs[corpus]]
        groups_of(mixture, [name for corpus in corpora for name in shard_sets(corpus, targets)])


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
    for table in _tables(session):
        statistics = statistics_of(table.receipts.values())
        if statistics.cells:
            rows.append({"stage": table.stage, **count_verdicts(statistics)})
    return rows


def count_verdicts(statistics: Statistics) -> dict[str, Any]:
    """Documents and bytes in and kept, and documents per reason."""
    total, kept = statistics.total(), statistics.total(kept=True)
    return {
        "documents": total.documents,
        "kept": kept.documents,
        "bytes": total.n_bytes,
        "kept_bytes": kept.n_bytes,
        "reasons": statistics.reasons(),
    }


def _options(config: Config, session: Session) -> dict[str, dict[str, dict[str, Any]]]:
    """Per stage that was in the chain: its options, and those that are not the default."""
    stages = [StepName.parse(table.stage).whole for table in _tables(session)]
    names = {str(stage): stage for stage in stages}
    names[EMIT] = StepName(None, EMIT)
    chosen = {stage: config.options(name, Options) for stage, name in names.items()}
    return {
        "options": {stage: options.model_dump(mode="json") for stage, options in chosen.items()},
        "changed": {stage: _changed(options) for stage, options in chosen.items()},
    }


def _changed(options: Options) -> dict[str, Any]:
    """The options that are not their model's default, as JSON values."""
    fields = type(options).model_fields
    default = {name: field.get_default(call_default_factory=True) for name, field in fields.items()}
    changed = {name for name, value in options if value != default[name]}
    return options.model_dump(mode="json", include=changed)


def _tables(session: Session) -> list[Table]:
    """What the product is made of; whether tokens were kept on the way is not to be seen in it."""
    tables = [table for tables in session.tables.values() for table in tables.tables]
    return [table for table in tables if StepName.parse(table.stage).stage != TOKENS]


def _lasting(config: Config) -> dict[str, Any]:
    """The part of the configuration that determines the product."""
    beside = ("run", "engine", "report")
    resolved = config.resolved()
    for corpus in CONFIGURED:  # how an input left, and what was kept on the way, is no part of it
        for name in ("prune_inputs", TOKENS):
            resolved[corpus].pop(name)
    for name in ("mixture", "max_epochs"):  # what is drawn from the shards changes none
        resolved[EMIT].pop(name, None)
    return {key: value for key, value in resolved.items() if key not in beside}


def _file(name: str, receipt: Receipt) -> dict[str, Any]:
    return {
        "path": f"{SHARDS}/{name}/{receipt.object}",
        "set": name,
        "split": split_of_file(receipt.object),
        "rows": receipt.rows,
        "tokens": statistics_of([receipt]).total().tokens,
        "bytes": receipt.size,
        "xxh3": receipt.xxh3,
    }


def _train_tokens(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Shard set → tokens of its train split."""
    tokens = dict.fromkeys(manifest["sets"], 0)
    for file in manifest["files"]:
        if file["split"] == TRAIN:
            tokens[file["set"]] += file["tokens"]
    return tokens


def _breakdown(sets: Mapping[str, Mapping[str, Receipt]], key: str) -> list[dict[str, Any]]:
    """Samples and tokens per set and value of `language` or `license`."""
    rows = []
    for name, receipts in sets.items():
        totals: dict[str | None, list[int]] = {}
        for cell in statistics_of(receipts.values()).cells:
            total = totals.setdefault(getattr(cell, key), [0, 0])
            total[0] += cell.documents
            total[1] += cell.tokens
        rows += [
            {"set": name, "name": value, "samples": samples, "tokens": tokens}
            for value, (samples, tokens) in totals.items()
        ]
    return rows
