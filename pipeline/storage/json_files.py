"""The small JSON files of a run folder (`inputs.json`, manifests, metrics), read with suspicion: a
disk or a hand may have damaged them, which is one sentence and no traceback."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from pipeline.storage.storage import Storage
from stages.errors import StorageError

DAMAGED = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)
"""What becomes of JSON that is none, or that is not what it should be."""

T = TypeVar("T")


def read_json(storage: Storage, path: str, interpret: Callable[[Any], T], remedy: str) -> T:
    """What `interpret` makes of the file's content; StorageError, with the remedy, if it is
    damaged."""
    data = storage.read_bytes(path)
    try:
        return interpret(json.loads(data))
    except DAMAGED as error:
        what = f"{type(error).__name__}: {error}"
        raise StorageError(f"{storage.url}/{path} is damaged ({what}); {remedy}") from error
