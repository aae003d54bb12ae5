"""The files for clusters in configs/cluster: valid, and of options that exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.pipeline.engine.cluster.nodes import COMMAND, ROOT


def text_of(name: str) -> str:
    return (ROOT / "configs" / "cluster" / name).read_text(encoding="utf-8")


def options_of(text: str) -> set[str]:
    """The long options of the `sluice run` in a text."""
    command = re.search(r"sluice run(.*?)(?:'|\n  \w)", text, re.DOTALL)
    assert command is not None
    return set(re.findall(r"--[a-z]+", command[1]))


def test_the_launcher_file_is_valid() -> None:
    """By Ray's own schema; every node type is used and Ray starts with a token."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    content = yaml.safe_load(text_of("aws.yaml"))
    validate_config(prepare_config(content))
    assert content["head_node_type"] in content["available_node_types"]
    for name in ("head_start_ray_commands", "worker_start_ray_commands"):
        assert "RAY_AUTH_MODE=token" in content[name][1]
        assert "--disable-usage-stats" in content[name][1]


def test_the_ray_job_runs_on_the_ray_it_names() -> None:
    """One cluster of one Ray version and one image; the entry point is our command."""
    job = yaml.safe_load(text_of("rayjob.yaml"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]["rayClusterSpec"]
    pinned = re.search(r"^ray==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert pinned is not None
    assert spec["rayVersion"] == pinned[1]
    assert f"ray:{pinned[1]}-" in text_of("Dockerfile")
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    containers = [c for group in groups for c in group["template"]["spec"]["containers"]]
    assert len({container["image"] for container in containers}) == 1
    assert all(group["rayStartParams"]["disable-usage-stats"] == "true" for group in groups)
    assert job["spec"]["entrypoint"].split()[:2] == ["sluice", "run"]
    assert spec["workerGroupSpecs"][0]["minReplicas"] <= spec["workerGroupSpecs"][0]["replicas"]


def test_the_commands_of_the_cluster_files_exist() -> None:
    """Every option they give to `sluice run` is one of its options."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "run", "--help"],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    for name in ("aws.yaml", "rayjob.yaml"):
        options = options_of(text_of(name))
        assert "--address" in options
        assert all(option in done.stdout for option in options), options


def test_the_slurm_script_starts_ray_on_every_node(tmp_path: Path) -> None:
    """Run with a scheduler that only writes down what it is asked for."""
    fakes = tmp_path / ".venv" / "bin"
    fakes.mkdir(parents=True)
    asked = tmp_path / "asked"
    for name, body in {
        "scontrol": "echo node-a; echo node-b",
        "srun": f'test -s "$RAY_AUTH_TOKEN_PATH" && printf "%s\\n" "$@" > {asked}',
    }.items():
        (fakes / name).write_text(f"#!/bin/sh\n{body}\n")
        (fakes / name).chmod(0o755)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "SLURM_SUBMIT_DIR": str(tmp_path),
        "SLURM_JOB_ID": "30017",
        "SLURM_JOB_NODELIST": "node-[a-b]",
        "SLURM_JOB_NUM_NODES": "2",
    }
    script = ROOT / "configs" / "cluster" / "slurm.sh"
    command = ["bash", str(script), "a.toml", "--run", "/shared/run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert asked.read_text().splitlines() == [
        *("--kill-on-bad-exit=1", "ray", "symmetric-run", "--address", "node-a:20017"),
        *("--min-nodes", "2", "--", "sluice", "run", "a.toml", "--run", "/shared/run"),
        *("--address", "auto"),
    ]
    assert list((tmp_path / ".ray").iterdir()) == []
