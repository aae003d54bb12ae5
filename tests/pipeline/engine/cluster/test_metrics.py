"""What Prometheus reads of a cluster while a run goes."""

import importlib.util
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.engine.cluster.nodes import Cluster, two_nodes

SERVED_BY = ("opencensus", "opentelemetry", "prometheus_client")
"""Packages of `ray[default]` that a node's agent serves metrics with."""
LINE = re.compile(r'^ray_sluice_(\w+)\{.*stage="([^"]+)".*\} ([0-9.e+]+)$', re.MULTILINE)
REPORT_MS = "500"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in SERVED_BY),
        reason="the nodes need ray[default] to serve metrics",
    ),
]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Two nodes that report twice a second."""
    with two_nodes({"RAY_metrics_report_interval_ms": REPORT_MS}) as cluster:
        yield cluster


def test_a_run_is_counted_by_stage(cluster: Cluster, inputs: Path, tmp_path: Path) -> None:
    """Records, bytes and CPU seconds rise while stages run, on the node of the driver."""
    config = tmp_path / "cluster.toml"
    config.write_text(f"[web]\ninputs = ['{inputs}/*.warc.gz']\n")
    found: dict[tuple[str, str], float] = {}
    with cluster.driver(config, tmp_path / "run") as process:
        while process.poll() is None and ("records_total", "web.dedup") not in found:
            time.sleep(0.3)
            for name, stage, value in scrape(cluster):
                before = found.get((name, stage), 0.0)
                assert value >= before, (name, stage)
                found[name, stage] = value
        process.wait(timeout=300)
    assert process.returncode == 0, (tmp_path / "run.log").read_text()
    assert {name for name, stage in found if stage == "web.documents"} >= {
        *("tasks_total", "records_total", "text_bytes_total", "written_bytes_total"),
        "cpu_seconds_total",
    }, found


def scrape(cluster: Cluster) -> Iterator[tuple[str, str, float]]:
    """Name, stage and value of every counter of ours."""
    for node in cluster.nodes:
        try:
            address = f"http://127.0.0.1:{node.metrics_port}/metrics"
            with urllib.request.urlopen(address, timeout=10) as answer:
                text = answer.read().decode()
        except (OSError, urllib.error.URLError):
            continue
        for name, stage, value in LINE.findall(text):
            yield name, stage, float(value)
