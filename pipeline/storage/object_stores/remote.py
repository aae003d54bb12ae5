"""Stores and objects by their URLs; inputs are read from them with the same patience as a run."""

import io
import re
from typing import BinaryIO, cast

from fsspec.utils import glob_translate

from pipeline.storage.object_stores.generic import FsspecStore
from pipeline.storage.object_stores.retry import Retry
from pipeline.storage.object_stores.s3 import S3Store
from pipeline.storage.object_stores.store import ObjectInfo, ObjectStore
from pipeline.storage.object_stores.streams import ObjectReader

_MAGIC = re.compile(r"[*?\[]")


def open_store(scheme: str, rest: str) -> tuple[ObjectStore, str]:
    """The store behind `SCHEME://REST`, and the key in it."""
    if scheme == "s3":
        bucket, _, key = rest.partition("/")
        return S3Store(bucket), key
    return FsspecStore(scheme), rest


def open_object(url: str, retry: Retry | None = None) -> BinaryIO:
    """A buffered stream over one object; OSError if it cannot be read."""
    scheme, _, rest = url.partition("://")
    store, key = open_store(scheme, rest)
    return cast(BinaryIO, io.BufferedReader(ObjectReader(store, key, retry or Retry())))


def find_objects(pattern: str, retry: Retry | None = None) -> list[tuple[str, ObjectInfo]]:
    """URL and facts of every object the pattern names, in order of name: `*` and `?` stay within
    a folder, `**` does not. Lists no more than the pattern's fixed beginning."""
    retry = retry or Retry()
    scheme, _, rest = pattern.partition("://")
    store, wanted = open_store(scheme, rest)
    magic = _MAGIC.search(wanted)
    if magic is None:
        info = retry.call(pattern, lambda: store.head(wanted))
        return [(f"{store.url}/{wanted}", info)]
    prefix, tail = wanted[: magic.start()], wanted[magic.start() :]
    matches = re.compile(glob_translate(wanted))
    found: list[ObjectInfo] = []
    token: str | None = None
    while True:
        page = retry.call(
            pattern,
            lambda token=token: store.list_page(  # type: ignore[misc]
                prefix, token, recursive="/" in tail or "**" in tail
            ),
        )
        found += [one for one in page.objects if matches.match(one.key)]
        token = page.token
        if token is None:
            return [(f"{store.url}/{one.key}", one) for one in sorted(found, key=lambda o: o.key)]
