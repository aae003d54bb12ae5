"""`sluice apply`: one stage over any table that has the columns the stage reads.

The answer has a row for each of the input's: `keep` and `reason`, then the stage's columns. The
stage runs in a child process; a record that raises, crashes it or hangs is quarantined (its row
has `keep = false, reason = "quarantined"` and no measures) and the rest goes on. Memory is bounded
by one batch of 16 MiB, except for dedup, which takes the whole input as one group.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.apply.with_input import InputRows
from pipeline.configuration import EngineOptions, load_stage
from pipeline.configuration.registry import DEDUP, applicable
from pipeline.configuration.validation import nearest
from pipeline.engine.work.guard import SUSPICIOUS_RECORDS, Guard
from pipeline.engine.work.map import with_verdict
from pipeline.engine.work.task import Limits, StageRef, stage_class
from pipeline.storage.user_tables import (
    Rows,
    column_names,
    is_binary,
    read_rows,
    require_file,
    require_format,
    write_rows,
)
from schemas.columns import column
from schemas.documents import GITHUB_DOCUMENTS, WEB_DOCUMENTS
from schemas.language import LANGUAGE_MEASURES
from schemas.quarantine import ERROR
from schemas.verdicts import VERDICT_COLUMNS
from stages.contract import Filter, Options
from stages.errors import ConfigError, StageError
from stages.kernels.spans import replace_spans

REDACT = "redact"

INSTEAD = {"language": ("content",)}
"""Columns a stage takes in place of what it reads."""

_TYPES = {
    field.name: field.type for field in (*WEB_DOCUMENTS, *GITHUB_DOCUMENTS, *LANGUAGE_MEASURES)
} | {"content": pa.large_binary(), "html": pa.large_string()}


@dataclass
class Applied:
    """What was done. `errors` holds the first few records that were quarantined."""

    rows: int = 0
    kept: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


MAX_ERRORS = 5


def apply(
    stage: str,
    source: Path,
    out: Path,
    overrides: Sequence[str] = (),
    *,
    with_input: bool = False,
    kept_only: bool = False,
) -> Applied:
    """Run a stage over `source` and write its answer to `out`: `with_input` beside the input's own
    columns, `kept_only` without the rows that are dropped or quarantined."""
    if stage != DEDUP and stage not in applicable():
        known = sorted([*applicable(), DEDUP])
        hint = nearest(stage, known)
        raise ConfigError(
            f"no stage {stage!r} to apply; there are {', '.join(known)}"
            + (f"; did you mean {hint}?" if hint else "")
        )
    if not source.is_file():
        raise ConfigError(f"{source}: no such file")
    require_format(out)
    require_file(out)
    if out.exists() and out.samefile(source):
        raise ConfigError(f"{out}: the answer would overwrite the input")
    if stage == DEDUP:
        from pipeline.apply.dedup import apply_dedup  # noqa: PLC0415 - brings the whole engine

        answers = apply_dedup(source, out.absolute().parent, overrides)
    else:
        answers = _answers(stage, source, overrides)
    return _write(answers, out, source if with_input else None, kept_only=kept_only)


def _write(
    answers: Iterator[tuple[pa.RecordBatch, Mapping[int, str]]],
    out: Path,
    source: Path | None,
    *,
    kept_only: bool,
) -> Applied:
    """Write the answers (the first tells the schema, an empty table has one too), beside the rows
    of `source` if it is given, and count."""
    applied = Applied()
    reasons: Counter[str] = Counter()
    first, errors = next(answers)
    rows = InputRows(source, first.schema) if source else None
    with write_rows(out, rows.schema if rows else first.schema) as write:
        batch: pa.RecordBatch | None = first
        while batch is not None:
            written = rows.beside(batch) if rows else batch
            write(written.filter(batch.column("keep")) if kept_only else written)
            for row, error in errors.items():
                if len(applied.errors) < MAX_ERRORS:
                    applied.errors.append(f"row {applied.rows + row}: {error}")
            applied.rows += batch.num_rows
            applied.kept += batch.column("keep").true_count
            reasons.update(filter(None, batch.column("reason").to_pylist()))
            batch, errors = next(answers, (None, {}))
    applied.reasons = dict(reasons.most_common())
    return applied


def _answers(
    stage: str, source: Path, overrides: Sequence[str]
) -> Iterator[tuple[pa.RecordBatch, Mapping[int, str]]]:
    target = applicable()[stage]
    cls = stage_class(target)
    options: Options = load_stage(cls.Options, overrides)
    columns = _columns(stage, cls, source)
    ref = StageRef(target, options)
    built = ref.load()
    schema = _schema(built, stage)
    guard = Guard(
        ref, "process", Limits(EngineOptions.model_validate({}).record_seconds), isolate=True
    )
    try:
        yield pa.RecordBatch.from_pylist([], schema=schema), {}
        n_records = n_raised = 0
        for rows in read_rows(source, columns):
            batch, errors, raised = _answer(built, guard, rows, schema)
            n_records += batch.num_rows - len(rows.broken)
            n_raised += raised
            yield batch, errors
        if n_records == n_raised >= SUSPICIOUS_RECORDS:
            raise StageError(
                f"{stage} raised on all {n_records} records; the last: {errors.popitem()[1]}"
            )
    finally:
        guard.close()


def _columns(stage: str, cls: Any, source: Path) -> dict[str, pa.DataType]:
    """The columns to read, with the types the stage knows them by."""
    there = column_names(source)
    missing = [name for name in cls.reads if name not in there and name not in cls.optional]
    if missing:
        raise ConfigError(
            f"{source}: {stage} needs the column {missing[0]!r}; "
            f"the file has {', '.join(sorted(there)) or 'none'}"
        )
    wanted = [name for name in cls.reads if name in there]
    if "text" not in wanted:
        wanted += [name for name in INSTEAD.get(stage, ()) if name in there]
    if not wanted:
        either = [*cls.reads, *INSTEAD.get(stage, ())]
        raise ConfigError(f"{source}: {stage} needs one of the columns {', '.join(either)}")
    types = {name: _TYPES[name] for name in wanted}
    if is_binary(source, "html") and "html" in types:
        types["html"] = pa.large_binary()
    return types


def _schema(stage: Any, name: str) -> pa.Schema:
    # A quarantined row has null measures, also where a run, which has no such row, may not.
    fields = [*VERDICT_COLUMNS[:2], *(one.with_nullable(True) for one in stage.schema)]
    if name == REDACT:
        fields.append(column("text", pa.large_string(), "the text, what was found replaced"))
    return pa.schema(fields)


def _answer(
    stage: Any, guard: Guard, rows: Rows, schema: pa.Schema
) -> tuple[pa.RecordBatch, dict[int, str], int]:
    """The rows of one batch: measures where the stage could work, a verdict for all; what is
    wrong with which; and in how many cases it was the stage that raised."""
    errors = dict(rows.broken)
    readable = np.delete(np.arange(rows.batch.num_rows), sorted(errors))
    living = rows.batch.take(pa.array(readable))
    results, failures = guard(living)
    errors |= {int(readable[row]): failure.error for row, failure in failures.items()}
    sound = np.ones(rows.batch.num_rows, bool)
    sound[list(errors)] = False
    measures = pa.Table.from_batches(results, results[0].schema) if results else None
    place = pa.array(np.cumsum(sound) - 1, mask=~sound)
    columns = {
        field.name: pa.nulls(len(sound), field.type)
        if measures is None
        else measures.column(field.name).combine_chunks().cast(field.type).take(place)
        for field in stage.schema
    }
    columns["keep"], columns["reason"] = _verdict(stage, rows.batch, columns, pa.array(sound))
    if "text" in schema.names and "text" not in columns:
        columns["text"] = _redacted(rows.batch.column("text"), columns["spans"], sound)
    arrays = [columns[field.name].cast(field.type) for field in schema]
    n_raised = sum(failure.reason == ERROR for failure in failures.values())
    return pa.RecordBatch.from_arrays(arrays, schema=schema), errors, n_raised


def _verdict(
    stage: Any, batch: pa.RecordBatch, measures: Mapping[str, pa.Array], sound: pa.Array
) -> tuple[pa.Array, pa.Array]:
    alive = pa.array(np.ones(batch.num_rows, bool))
    reasons = pa.nulls(sound.true_count, pa.string())
    if isinstance(stage, Filter):
        facts = [name for name in stage.decides_on if name in batch.schema.names]
        judged = pa.RecordBatch.from_arrays(
            [*(measures[name] for name in stage.schema.names), *map(batch.column, facts)],
            names=[*stage.schema.names, *facts],
        )
        reasons = stage.decide(judged.filter(sound))
    keep, reason = with_verdict(alive, sound, reasons)
    return keep, reason.dictionary_encode()


def _redacted(texts: pa.Array, spans: pa.Array, sound: NDArray[np.bool_]) -> pa.Array:
    """The texts with every span replaced; a quarantined row has none."""
    return pa.array(
        [
            replace_spans(text.encode(), found).decode() if good and text is not None else None
            for text, found, good in zip(
                texts.to_pylist(), spans.to_pylist(), sound.tolist(), strict=True
            )
        ],
        pa.large_string(),
    )
