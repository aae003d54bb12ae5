"""What is in the corpus does not depend on the order in which its inputs are named."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.configuration import load
from pipeline.run import run
from tests.golden.chain import write_inputs
from tests.pipeline.conftest import write_tar

PLACES = {"shard", "row", "document", "root", "component", "left", "right"}
"""Columns that say where a row lies, of documents and of dedup's evidence."""


def halves(path: Path) -> list[Path]:
    """A list of seeds as two files."""
    lines = path.read_text().splitlines(keepends=True)
    parts = [path.with_name(f"{name}-{path.name}") for name in ("first", "second")]
    for part, own in zip(parts, (lines[::2], lines[1::2]), strict=True):
        part.write_text("".join(own))
    return parts


def written(inputs: Path, target: Path, step: int) -> dict[str, list[str]]:
    """Folder of the run → every row of its tables, sorted, without its place; all lists of inputs
    and seeds are given in the order of `step`."""

    def listed(paths: list[Path]) -> str:
        return json.dumps([str(path) for path in paths[::step]])

    repositories = sorted([*inputs.glob("*.tar"), *inputs.glob("*.zip"), *inputs.glob("*.tar.gz")])
    seeds = {name: sorted(inputs.glob(f"*-{name}.jsonl")) for name in ("code", "math", "other")}
    settings = [
        f"github.inputs={listed(repositories)}",
        f"github.metadata='{inputs}/repositories.jsonl'",
        "github.shard_bytes=90000",
        "github.recall.quality=true",
        f"web.inputs={listed(sorted(inputs.glob('crawl-*')))}",
        f"recall.targets.code.seeds={listed(seeds['code'])}",
        f"recall.targets.math.seeds={listed(seeds['math'])}",
        "recall.targets.math.sites=['mathhub.org/notes/2/']",
        "recall.targets.math.max_tokens=2950",
        f"recall.negatives={listed(seeds['other'])}",
        "recall.iterations=2",
        "recall.min_growth=0",
        "recall.max_buckets=4096",
        "github.recall.max_buckets=4096",
        f"decontaminate.benchmarks=['{inputs}/benchmarks']",
        "concatenate.max_sample_bytes=6000",
        "emit.heldout_rate=0.2",
        "emit.shard_bytes=40000",
    ]
    run(load(None, settings, target), address="local")
    found: dict[str, list[str]] = {}
    for path in sorted(target.rglob("*.parquet")):
        table = pq.read_table(path)
        kept = [name for name in table.schema.names if name not in PLACES]
        rows = [json.dumps(row, default=repr) for row in table.select(kept).to_pylist()]
        found.setdefault(path.parent.relative_to(target).as_posix(), []).extend(rows)
    return {folder: sorted(rows) for folder, rows in found.items()}


def test_the_order_of_inputs_and_seeds_changes_no_row(tmp_path: Path) -> None:
    """Of any table, from the documents to the samples; only where it lies."""
    inputs = tmp_path / "inputs"
    write_inputs(inputs)
    for name in ("code", "math", "other"):
        halves(inputs / f"{name}.jsonl")
    forwards = written(inputs, tmp_path / "forwards", 1)
    backwards = written(inputs, tmp_path / "backwards", -1)
    assert forwards.keys() == backwards.keys()
    assert [folder for folder, rows in forwards.items() if rows != backwards[folder]] == []


def test_an_input_that_leaves_does_not_disturb_the_others(tmp_path: Path) -> None:
    """Its shard's number stays free, and near-duplicates are found in the shards behind it."""
    lines = [f"name_{n} = {n}\n" for n in range(200)]
    for n in range(3):
        text = "".join([*lines, f"last = {n}\n"]).encode()
        write_tar(tmp_path / f"o__r{n}.tar.gz", "top", {"a.py": text})
    settings = [f"github.inputs=['{tmp_path}/*.tar.gz']", "github.shard_bytes=1"]
    target = tmp_path / "run"
    run(load(None, settings, target), address="local", stages=["github.documents"])
    settings.append("github.drop=['o__r0.tar.gz']")
    run(load(None, settings, target), address="local", stages=["github.dedup"])
    tables = [pq.read_table(path) for path in sorted((target / "github/dedup").glob("*.parquet"))]
    reasons = [reason for table in tables for reason in table["reason"].to_pylist()]
    assert sorted(reasons, key=str) == [None, "near"]
