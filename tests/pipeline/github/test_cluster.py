"""Commands on the machines of a cluster keep one limit together."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.engine.cluster.nodes import COMMAND, ROOT, Cluster, two_nodes
from tests.pipeline.github.conftest import json_lines, repo
from tests.pipeline.github.github_server import GitHubServer


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes; started before this machine's limits become a test's own."""
    with two_nodes({}) as cluster:
        yield cluster


@pytest.mark.slow
def test_commands_of_a_cluster_share_the_connections(
    cluster: Cluster, github: GitHubServer, tmp_path: Path
) -> None:
    """Two that share no folder for locks, as on two machines: one request at a time."""
    github.pause = 0.1
    machines = [_command(cluster, github, tmp_path / f"machine{n}") for n in range(2)]
    assert [process.wait(timeout=180) for process in machines] == [0, 0]
    assert github.open_at_most == 1
    for n in range(2):
        assert len(json_lines(tmp_path / f"machine{n}/out/repositories.jsonl")) == 5


def _command(cluster: Cluster, github: GitHubServer, folder: Path) -> "subprocess.Popen[bytes]":
    """A crawl of five repositories of its own, in a folder of its own."""
    (folder / "tmp").mkdir(parents=True)
    names = [f"{folder.name}/r{number}" for number in range(5)]
    for name in names:
        github.repos[name] = repo(folder, name, len(github.repos))
    (folder / "list.txt").write_text("\n".join(names))
    command = [sys.executable, "-c", COMMAND, "crawl", "github"]
    listed = ("--repos", str(folder / "list.txt"), "-o", str(folder / "out"))
    addresses = ("--api", f"{github.url}/api", "--codeload", f"{github.url}/codeload")
    options = ("--connections", "1", "--without-api", "--address", cluster.address)
    own = {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp")}
    return subprocess.Popen(
        [*command, *listed, *addresses, *options], env={**cluster.environment, **own}
    )
