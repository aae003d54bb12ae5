"""Recall of many pages over many domains, through the engine: counted right, in bounded memory."""

from pathlib import Path

import pytest

from benchmarks.recall_at_scale.crawl import Crawl
from benchmarks.recall_at_scale.meter import Meter
from benchmarks.recall_scale import MEMORY_BYTES, options_of, recall
from pipeline.engine.executor import LocalExecutor
from pipeline.engine.ray.executor import RayExecutor
from pipeline.storage.storage import LocalStorage


@pytest.mark.parametrize("largest", [0.3, 0.9])
def test_a_large_site_is_split_and_counted_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, largest: float
) -> None:
    """Its directories, and the pages of those still too large, go to several partitions; every
    domain, pattern and page is found as counted, also in a second iteration."""
    monkeypatch.setattr("benchmarks.recall_at_scale.crawl.SHARD_PAGES", 6_000)
    monkeypatch.setattr("stages.recall.loop.PARTITION_PAGES", 4_000)
    for module in ("sites.directories", "loop"):
        monkeypatch.setattr(f"stages.recall.{module}.SPLIT_PAGES", 2_000)
    crawl, options, meter = Crawl(20_000, 1_000, largest), options_of(2), Meter(show=False)
    storage = LocalStorage(tmp_path)
    found = recall(tmp_path, crawl, LocalExecutor(storage, 1), meter, options)
    assert found == crawl.expected(options)
    tasks = {cost.step.rpartition(".")[2]: cost.tasks for cost in meter.costs}
    assert (tasks["documents"], tasks["judge-by-directory"]) == (4, 6)
    assert not (tmp_path / "scratch" / "web.recall.decide").exists()


@pytest.mark.slow
@pytest.mark.parametrize("largest", [0.04, 0.9])
def test_memory_is_that_of_a_partition(tmp_path: Path, largest: float) -> None:
    """Two million pages, spread or nearly all in one domain."""
    crawl, options, meter = Crawl(2_000_000, 100_000, largest), options_of(1), Meter(show=False)
    with RayExecutor(LocalStorage(tmp_path), 3, None, 2) as executor:
        found = recall(tmp_path, crawl, executor, meter, options)
    assert found == crawl.expected(options)
    assert max(cost.worker_bytes for cost in meter.costs) < MEMORY_BYTES
