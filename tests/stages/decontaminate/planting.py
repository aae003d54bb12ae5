"""Sets of problems in a folder, and what the stage finds of them in texts."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.spans import SPAN_MEASURES
from stages.decontaminate.options import DecontaminateOptions
from stages.decontaminate.stage import DecontaminateStage

PROBLEM = "one two three four five six seven eight nine ten eleven"


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / name).write_text("".join(lines), "utf-8")
    return folder


def stage(*folders: Path) -> DecontaminateStage:
    return DecontaminateStage(DecontaminateOptions(benchmarks=tuple(map(str, folders))))


def spans(of: DecontaminateStage, *texts: str | None) -> list[list[dict[str, Any]]]:
    batch = pa.record_batch([pa.array(texts, pa.large_string())], ["text"])
    found = of.process(batch)
    assert found.schema == SPAN_MEASURES
    rows: list[list[dict[str, Any]]] = found["spans"].to_pylist()
    return rows


def reasons(of: DecontaminateStage, *texts: str) -> list[str | None]:
    batch = pa.record_batch([pa.array(texts, pa.large_string())], ["text"])
    answer: list[str | None] = of.decide(of.process(batch)).to_pylist()
    return answer
