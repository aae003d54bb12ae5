"""Commands on the machines of a cluster keep one limit together."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.engine.test_cluster import COMMAND, ROOT, Cluster, cluster
from tests.pipeline.github.conftest import json_lines, repo
from tests.pipeline.github.github_server import GitHubServer

__all__ = ["cluster"]


@pytest.mark.slow
def test_commands_of_a_cluster_share_the_connections(
    cluster: Cluster, github: GitHubServer, tmp_path: Path
) -> None:
    """Two that share no folder for locks, as on two machines: one request at a time."""
    github.pause = 0.1
    processes = []
    for machine in range(2):
        names = [f"m{machine}/r{number}" for number in range(5)]
        for number, name in enumerate(names):
            github.repos[name] = repo(tmp_path / "made", name, 10 * machine + number)
        (tmp_path / f"tmp{machine}").mkdir()
        (tmp_path / f"{machine}.txt").write_text("\n".join(names))
        command = [sys.executable, "-c", COMMAND, "crawl", "github"]
        listed = ("--repos", str(tmp_path / f"{machine}.txt"), "-o", str(tmp_path / f"{machine}"))
        addresses = ("--api", f"{github.url}/api", "--codeload", f"{github.url}/codeload")
        options = ("--connections", "1", "--without-api", "--address", cluster.address)
        variables = {
            **cluster.environment,
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(tmp_path / f"tmp{machine}"),
        }
        processes.append(subprocess.Popen([*command, *listed, *addresses, *options], env=variables))
    assert [process.wait(timeout=180) for process in processes] == [0, 0]
    assert github.open_at_most == 1
    for machine in range(2):
        assert len(json_lines(tmp_path / f"{machine}/repositories.jsonl")) == 5
