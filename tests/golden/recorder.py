"""Watches a run and takes the content of everything its steps write, scratch data too.

Whenever a step has ended its receipts say which objects it has made and by which version of its
stage. They are looked at then, because scratch data are deleted with the end of their stage.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from tests.golden.digests import Content
from tests.golden.faces import RECEIPTS, Monitor, Receipt, open_storage, parse_receipts

TRAINED = re.compile(r"^\w+\.recall\.decide\b|^apply\.recall$")
"""Steps whose floats come from a trained model."""
UNSTABLE = ("error",)
"""Columns that hold what a library says of a failure."""


class Recorder(Monitor):
    """Step → content, of a run in the folder."""

    def __init__(self, run: Path) -> None:
        self.contents: dict[str, Content] = {}
        self.libraries: dict[str, str] = {}
        self._run = run
        self._known: dict[str, tuple[list[Any], dict[str, Receipt]]] = {}
        self._seen: set[tuple[str, str, str, int]] = set()

    def step_ended(self, step: str) -> None:
        """Take what the step has made since it was last looked at."""
        for folder, receipts in self._receipts():
            for key, receipt in sorted(receipts.items()):
                mark = (folder, key, receipt.fingerprint, receipt.modified)
                if receipt.step == step and mark not in self._seen:
                    self._seen.add(mark)
                    self._take(folder, receipt)

    def _receipts(self) -> Iterator[tuple[str, dict[str, Receipt]]]:
        """Every folder of the run with its receipts; those of a folder are read when they are
        others than at the last look."""
        states: dict[str, list[Any]] = {}
        for path in sorted(self._run.rglob("*")):
            if path.name.endswith(RECEIPTS):
                mark = path.stat()
                folder = path.parent.relative_to(self._run).as_posix()
                states.setdefault(folder, []).append((path.name, mark.st_mtime_ns, mark.st_size))
        for folder, state in states.items():
            if folder not in self._known or self._known[folder][0] != state:
                storage = open_storage(self._run)
                self._known[folder] = (state, parse_receipts(storage, folder))
            yield folder, self._known[folder][1]

    def _take(self, folder: str, receipt: Receipt) -> None:
        components = dict(receipt.components)
        version = components["version"]
        content = self.contents.setdefault(receipt.step, Content(version))
        assert content.version == version, receipt.step
        self.libraries |= components.get("libraries", {})
        trained = bool(TRAINED.match(receipt.step))
        content.add_value("#key", receipt.key)
        take_file(content, self._run / folder / receipt.object, trained=trained)
        summary = dict(receipt.summary)
        if "partitions" in summary:
            rows = {number: part[0] for number, part in summary["partitions"].items()}
            content.add_value("#partitions", rows)
        if summary.get("skipped"):
            content.add_value("#skipped", summary["skipped"])
        if summary.get("identities"):
            content.add_value("#identities", [identity for identity, _ in summary["identities"]])
        if receipt.quarantine:
            table = pq.read_table(self._run / receipt.quarantine["object"])
            content.add_value("#quarantine", table.drop_columns(UNSTABLE).to_pylist())


def take_file(content: Content, path: Path, *, trained: bool = False) -> None:
    """Take a table or a JSON file."""
    if path.suffix == ".parquet":
        content.add_table(pq.read_table(path), trained=trained)
    elif path.suffix == ".arrow":
        with pa.ipc.open_file(path.read_bytes()) as reader:
            table = reader.read_all()
        binned = trained and "bin" in table.column_names
        content.add_table(_without_bins(table) if binned else table, trained=trained)
    else:
        content.add_approximate("#json", json.loads(path.read_bytes()))


def _without_bins(table: pa.Table) -> pa.Table:
    """Counts per bin of a score as counts per target and their mean bin: which bin a score falls
    into, and so how many there are, does not hold across processors."""
    (count,) = set(table.column_names) - {"target", "bin"}
    weighted = pc.multiply(table["bin"].cast(pa.float64()), table[count].cast(pa.float64()))
    groups = table.append_column("weighted", weighted).group_by("target", use_threads=False)
    sums = groups.aggregate([(count, "sum"), ("weighted", "sum")])
    mean = pc.divide(sums["weighted_sum"], sums[f"{count}_sum"].cast(pa.float64()))
    return sums.select(["target", f"{count}_sum"]).append_column("mean_bin", mean)


def take_product(content: Content, shards: Path) -> None:
    """Take the files beside the shards, without what names the bytes of Parquet files or the
    folders that were read."""
    manifest = json.loads((shards / "manifest.json").read_bytes())
    card = (shards / "README.md").read_text("utf-8")
    card = card.replace(manifest["configuration"], "CONFIGURATION")
    card = re.sub(r"(?m)^(\| (?:`[\w-]+`|\*\*total\*\*) \|.*\|)[^|]* [kM]?B \|$", r"\1", card)
    del manifest["configuration"]
    for part in (*manifest["files"], *manifest["sets"].values(), manifest["totals"]):
        part.pop("bytes")
        part.pop("xxh3", None)
    content.add_value("manifest.json", manifest)
    content.add_value("README.md", card)
    tokenizer = xxhash.xxh3_128_hexdigest((shards / "tokenizer.json").read_bytes())
    content.add_value("tokenizer.json", tokenizer)
