"""A finished run that every test here may look into, and its answers."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.inspection.sql import query
from pipeline.run import run as run_configuration
from tests.pipeline.conftest import configured

LONG = "python/json@" + "0" * 40 + ":long.py"
"""A document that the rules drop."""


@pytest.fixture(scope="session")
def run(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run, in this process."""
    folder = tmp_path_factory.mktemp("inspected") / "run"
    run_configuration(configured(inputs, folder), address="local")
    return folder


def answer(run: Path, statement: str) -> list[dict[str, Any]]:
    """The rows of a statement's answer."""
    return [row for batch in query(run, statement) for row in batch.to_pylist()]
