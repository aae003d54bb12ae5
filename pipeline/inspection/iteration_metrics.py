"""What an iteration of recall wrote about itself: `iteration-K/metrics.json`."""

from typing import Any

from pipeline.storage.digest import bytes_digest
from pipeline.storage.json_files import read_json
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.storage import Storage


def iteration_metrics(storage: Storage, folder: str, number: int) -> dict[str, Any] | None:
    """The metrics of an iteration of the recall in `folder`; None if it was never described.

    StorageError if the file is not what was committed.
    """
    iteration = f"{folder}/iteration-{number}"
    receipt = parse_receipts(storage, iteration).get("metrics")
    if receipt is None:
        return None
    path = f"{iteration}/{receipt.object}"

    def committed(content: Any) -> dict[str, Any]:
        if bytes_digest(storage.read_bytes(path)) != receipt.xxh3:
            raise ValueError("its hash is not that of its receipt")
        return dict(content)

    return read_json(storage, path, committed, "delete it, and `sluice run` makes it anew")
