"""Where a run's report lies, and when it is made again.

The file is made from the run and no part of it: `verify` passes over it, and a report that cannot
be written leaves a whole run behind. It says of what it was made, so a run that changed nothing
does not make it again.
"""

import json
import re
from pathlib import Path

from pipeline.inspection.step_costs import COSTS
from pipeline.inspection.verify import RUN_FILE
from pipeline.storage.digest import bytes_digest, fingerprint
from pipeline.storage.json_files import DAMAGED
from pipeline.storage.location import location
from pipeline.storage.storage import Storage
from schemas.audit import AUDIT_FILE
from stages.errors import SluiceError, StageError

REPORT, COMPARISON = "report/index.html", "report/compare.html"
MADE_OF = ("files", "configuration", "flags", "commit", "versions")
"""What of `run.json` decides what a report says; the rest are times and what the last run did."""
HEAD_BYTES = 4096
_MARK = re.compile(rb'name="sluice-report" content="([0-9a-f]*)"')


def mark_of(storage: Storage) -> str:
    """A hash of all that a report is made of; empty if no run has been completed."""
    try:
        made = json.loads(storage.read_bytes(RUN_FILE))
    except (OSError, *DAMAGED):
        return ""
    beside = {
        name: bytes_digest(storage.read_bytes(name))
        for name in (COSTS, AUDIT_FILE)
        if storage.exists(name)
    }
    return fingerprint({"run": {key: made.get(key) for key in MADE_OF}, "beside": beside})


def is_current(storage: Storage) -> bool:
    """Whether the report that lies there was made of what is there."""
    if not storage.exists(REPORT):
        return False
    with storage.open_read(REPORT) as stream:
        found = _MARK.search(stream.read(HEAD_BYTES))
    return found is not None and found[1].decode() == mark_of(storage) != ""


def refresh_report(storage: Storage, run: Path) -> None:
    """Write a run's report unless the one that lies there was made of the same. StageError, which
    says that the run is whole, if it cannot be made."""
    try:
        if is_current(storage):
            return
        # Imported here: a run that changed nothing does not wait for what draws.
        from pipeline.report.build import make_report  # noqa: PLC0415

        storage.write(REPORT, make_report(run))
    except (SluiceError, OSError) as error:
        again = f"`sluice report {location(run)}`"
        raise StageError(
            f"the run is complete, but its report could not be written: {error}; {again} tries "
            "again, and `report = false` leaves it out"
        ) from error
