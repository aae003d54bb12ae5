"""The configuration that a finished run was made with, from its `run.json`."""

from pathlib import Path

from pipeline.configuration import Config, from_resolved
from pipeline.inspection.verify import RUN_FILE
from pipeline.storage.json_files import read_json
from pipeline.storage.location import location
from pipeline.storage.storage import Storage
from stages.errors import ConfigError


def read_configuration(storage: Storage, run: Path) -> Config:
    """The configuration of the run; ConfigError where no run has been finished."""
    if not storage.exists(RUN_FILE):
        raise ConfigError(f"{location(run)}: no finished run here; make one with `sluice run`")
    remedy = "`sluice run` writes it anew"
    return read_json(
        storage, RUN_FILE, lambda content: from_resolved(content["configuration"], run), remedy
    )
