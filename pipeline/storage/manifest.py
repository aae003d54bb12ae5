"""`shards/manifest.json`: the product's files, and which shard sets an earlier run left."""

from pipeline.storage.json_files import read_json
from pipeline.storage.storage import Storage

SHARDS = "shards"
MANIFEST = "manifest.json"


def emitted_before(storage: Storage, folder: str = SHARDS) -> list[str]:
    """The shard sets that the manifest in `folder` lists; none without one."""
    path = f"{folder}/{MANIFEST}"
    if not storage.exists(path):
        return []
    remedy = "delete it, and `sluice run` writes it anew"
    return read_json(storage, path, lambda content: list(map(str, content["sets"])), remedy)
