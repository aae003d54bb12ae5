"""`shards/manifest.json`: the product's files, and which shard sets an earlier run left."""

import json

from pipeline.storage.storage import Storage

SHARDS = "shards"
MANIFEST = "manifest.json"


def emitted_before(storage: Storage, folder: str = SHARDS) -> list[str]:
    """The shard sets that the manifest in `folder` lists; none without one."""
    path = f"{folder}/{MANIFEST}"
    return list(json.loads(storage.read_bytes(path))["sets"]) if storage.exists(path) else []
