"""A finished run that every test here may look into, and its answers."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.inspection.sql import query

LONG = "python/json@" + "0" * 40 + ":long.py"
"""A document that the rules drop."""


@pytest.fixture(scope="session")
def run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the complete run."""
    return Path(shutil.copytree(finished_run, tmp_path_factory.mktemp("inspected") / "run"))


def answer(run: Path, statement: str) -> list[dict[str, Any]]:
    """The rows of a statement's answer."""
    return [row for batch in query(run, statement) for row in batch.to_pylist()]
