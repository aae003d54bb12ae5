"""How faulty a store is, how patient we are, and what it holds."""

from pathlib import Path

from pipeline.configuration import Config, load
from pipeline.storage.object_stores.retry import Retry
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.storage import Storage

HASTE = Retry(patience_seconds=20, first_pause_seconds=0.01, longest_pause_seconds=0.2)
RATES = {"error": 0.02, "slow_down": 0.02, "drop": 0.02, "lose_answer": 0.02, "delay": 0.005}
RATES |= {"truncate": 0.01, "short": 0.01}


def configured(inputs: Path, run: str | Path, *overrides: str) -> Config:
    """A run of one shard of repositories and one crawl."""
    return load(
        None,
        [
            f"github.inputs=['{inputs}/python__[jh]*.tar.gz']",
            f"web.inputs=['{inputs}/crawl-0.warc.gz']",
            *overrides,
        ],
        Path(run),
    )


def contents(storage: Storage) -> dict[str, str]:
    """Folder and key → hash of every object that a receipt names."""
    folders = {path.rpartition("/")[0] for path, _ in storage.walk()}
    return {
        f"{folder}/{key}": receipt.xxh3
        for folder in sorted(folders)
        if not folder.startswith(("scratch", "quarantine"))
        for key, receipt in parse_receipts(storage, folder).items()
    }
