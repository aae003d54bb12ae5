"""A finished run that every test here may read, and add an ablation to."""

from pathlib import Path

import pytest

from pipeline.run import run
from tests.pipeline.conftest import configured


@pytest.fixture(scope="session")
def finished_run(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chain over the small inputs, in this process."""
    folder = tmp_path_factory.mktemp("ablation") / "run"
    run(configured(inputs, folder), address="local")
    return folder
