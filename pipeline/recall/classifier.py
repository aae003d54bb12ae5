"""A classifier of a user's own: trained on a table with `text` and `label`, and used on another.

A row is positive if its `label` (or `also`) is the target. A column `domain`, or else the sites of
`url`, say what is held out together. Rows without a text or a label are left out and counted.
Memory: the tokens of the table, 4 bytes each, and one batch of its text.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.configuration import load_stage
from pipeline.recall.iterations import Ranking, rank
from pipeline.storage.digest import bytes_digest
from pipeline.storage.replace import replacing
from pipeline.storage.user_tables import (
    column_names,
    read_rows,
    require_file,
    require_format,
    write_rows,
)
from stages.errors import ConfigError
from stages.kernels.urls import registrable_domain, url_host
from stages.recall.classifier.model import TrainedModel
from stages.recall.classifier.texts import Classifier
from stages.recall.classifier.tokens import TOKEN_LISTS, tokenise
from stages.recall.classifier.train import train
from stages.recall.metrics import library_versions
from stages.recall.options import Training

_TYPES = {
    "text": pa.large_string(),
    "label": pa.string(),
    "also": pa.string(),
    "domain": pa.string(),
    "url": pa.string(),
}
SCORED = pa.schema([("score", pa.float64()), ("recalled", pa.bool_())])
CARRIED = {"doc_id": pa.string(), "url": pa.string(), "label": pa.string()}
"""Columns that the scores keep beside them, where the table has them."""


@dataclass(frozen=True)
class Trained:
    """A model file, written, and what it was made of."""

    model: TrainedModel
    n_positives: int
    n_negatives: int
    n_left_out: int
    n_bytes: int


@dataclass
class Scored:
    """What scoring a table found; `n_correct` and the ranking only with labels and a target."""

    threshold: float
    n_rows: int = 0
    n_recalled: int = 0
    n_broken: int = 0
    n_labelled: int = 0
    n_positives: int = 0
    n_correct: int = 0
    n_taken: int = 0
    ranking: Ranking | None = None
    parts: list[tuple[Any, Any]] = field(default_factory=list, repr=False)


def train_on_table(
    table: Path, target: str, out: Path, overrides: Sequence[str], full: Path | None = None
) -> Trained:
    """Train a classifier of `target` against the table's other rows and write it to `out`, with
    its training record beside it as JSON; fastText's own file to `full`, if asked for."""
    options = load_stage(Training, overrides)
    for path in filter(None, (out, full)):
        require_file(path)
    columns = _require(table, ("text", "label"))
    tokens, positive, groups, n_left_out = _examples(table, target, columns, options.tokens)
    _require_both(table, target, positive)
    flags = pa.array(positive)
    sites = None if groups is None else np.array(groups, np.object_)
    trained = train(
        tokens.filter(flags),
        tokens.filter(pc.invert(flags)),
        options,
        None if sites is None else sites[positive].tolist(),
        None if sites is None else sites[~positive].tolist(),
        full=full,
    )
    data = trained.to_bytes()
    record = {
        "target": target,
        "table": table.name,
        "model_xxh3": bytes_digest(data),
        "training": options.model_dump(),
        "libraries": library_versions(),
        "calibration": asdict(trained.calibration),
        **trained.record(),
    }
    described = (json.dumps(record, indent=2) + "\n").encode()
    for path, content in ((out.with_name(f"{out.name}.json"), described), (out, data)):
        with replacing(path) as stream:
            stream.write(content)
    n_positives = int(positive.sum())
    return Trained(trained, n_positives, len(positive) - n_positives, n_left_out, len(data))


def score_table(
    table: Path, model_file: Path, out: Path, target: str | None, threshold: float | None
) -> Scored:
    """Score every row of `table`; `out` has one row for each. With a target, the answers are
    compared with the column `label`."""
    classifier = Classifier.load(model_file)
    wanted = ("text",) if target is None else ("text", "label")
    there = _require(table, wanted)
    require_format(out)
    require_file(out)
    if out.exists() and out.samefile(table):
        raise ConfigError(f"{out}: the answer would overwrite the input")
    carried = {name: kind for name, kind in CARRIED.items() if name in there}
    if table.name.endswith(".parquet"):
        carried.pop("doc_id", None)
    types = {"text": _TYPES["text"], **carried}
    scored = Scored(classifier.threshold if threshold is None else threshold)
    with write_rows(out, pa.schema([*carried.items(), *SCORED])) as write:
        for rows in read_rows(table, types):
            readable = np.ones(rows.batch.num_rows, bool)
            readable[list(rows.broken)] = False
            texts = rows.batch.column("text")
            readable &= pc.is_valid(texts).to_numpy(zero_copy_only=False)
            found = classifier.score(texts)
            taken = found >= scored.threshold
            answers = [pa.array(found, mask=~readable), pa.array(taken, mask=~readable)]
            kept = [rows.batch.column(name) for name in carried]
            write(pa.RecordBatch.from_arrays([*kept, *answers], [*carried, *SCORED.names]))
            scored.n_rows += rows.batch.num_rows
            scored.n_broken += int((~readable).sum())
            scored.n_recalled += int((taken & readable).sum())
            if target is not None:
                _compare(scored, rows.batch.column("label"), target, found, taken, readable)
    if target is not None:
        scores, positive = (np.concatenate(part) for part in zip(*scored.parts, strict=True))
        _require_both(table, target, positive)
        scored.ranking = rank(scores, positive)
        scored.parts.clear()
    return scored


def _compare(
    scored: Scored, labels: pa.Array, target: str, found: Any, taken: Any, readable: Any
) -> None:
    labelled = readable & pc.is_valid(labels).to_numpy(zero_copy_only=False)
    positive = pc.equal(labels, target).fill_null(False).to_numpy(zero_copy_only=False)
    scored.n_labelled += int(labelled.sum())
    scored.n_positives += int((positive & labelled).sum())
    scored.n_taken += int((taken & labelled).sum())
    scored.n_correct += int((positive & taken & labelled).sum())
    scored.parts.append((found[labelled], positive[labelled]))


def _examples(
    table: Path, target: str, columns: set[str], split_into: str
) -> tuple[Any, Any, Any, int]:
    """Token ids, which rows are positive, their groups (or None), rows left out."""
    wanted = {name: kind for name, kind in _TYPES.items() if name in columns}
    if "domain" in wanted:
        wanted.pop("url", None)
    parts, flags, sites, n_left_out = [], [], [], 0
    for rows in read_rows(table, wanted):
        good = np.ones(rows.batch.num_rows, bool)
        good[list(rows.broken)] = False
        for name in ("text", "label"):
            good &= pc.is_valid(rows.batch.column(name)).to_numpy(zero_copy_only=False)
        n_left_out += int((~good).sum())
        batch = rows.batch.filter(pa.array(good))
        parts.append(tokenise(batch.column("text"), split_into))
        own = [batch.column(name) for name in ("label", "also") if name in wanted]
        flags.append(
            np.logical_or.reduce(
                [pc.equal(c, target).fill_null(False).to_numpy(zero_copy_only=False) for c in own]
            )
        )
        sites += _sites(batch)
    groups = sites if {"domain", "url"} & set(wanted) else None
    tokens = pa.concat_arrays(parts) if parts else pa.array([], TOKEN_LISTS)
    return tokens, np.concatenate(flags) if flags else np.zeros(0, bool), groups, n_left_out


def _sites(batch: pa.RecordBatch) -> list[str]:
    if "domain" in batch.schema.names:
        return [domain or "" for domain in batch.column("domain").to_pylist()]
    if "url" in batch.schema.names:
        urls = batch.column("url").to_pylist()
        return [registrable_domain(url_host(url)) if url else "" for url in urls]
    return []


def _require(table: Path, names: Sequence[str]) -> set[str]:
    if not table.is_file():
        raise ConfigError(f"{table}: no such file")
    there = column_names(table)
    for name in names:
        if name not in there:
            raise ConfigError(
                f"{table}: needs the column {name!r}; it has {', '.join(sorted(there)) or 'none'}"
            )
    return there


def _require_both(table: Path, target: str, positive: Any) -> None:
    n_positives = int(positive.sum())
    if n_positives == 0:
        raise ConfigError(f"{table}: none of {len(positive):,} labelled rows is {target!r}")
    if n_positives == len(positive):
        raise ConfigError(f"{table}: all of {len(positive):,} labelled rows are {target!r}")
