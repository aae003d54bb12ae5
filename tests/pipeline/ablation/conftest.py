"""A finished run that every test here may read, and add an ablation to."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def ablated_run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chain over the small inputs."""
    return Path(shutil.copytree(finished_run, tmp_path_factory.mktemp("ablation") / "run"))
