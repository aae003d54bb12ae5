"""Finished runs that every test here may read, and add an ablation to."""

import shutil
from pathlib import Path

import pytest

from pipeline.run import run
from tests.pipeline.conftest import configured


@pytest.fixture(scope="session")
def ablated_run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chain over the small inputs."""
    return Path(shutil.copytree(finished_run, tmp_path_factory.mktemp("ablation") / "run"))


@pytest.fixture(scope="session")
def run_by_repository(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same inputs, of which repositories were compared in place of files; so strictly that the
    copy of a package, which has no README, stays."""
    folder = tmp_path_factory.mktemp("by-repository") / "run"
    strict = ("github.dedup.unit=repository", "github.dedup.threshold=0.999")
    run(configured(inputs, folder, *strict), address="local")
    return folder
