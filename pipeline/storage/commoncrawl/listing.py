"""`cc:CRAWL?n=…&seed=…&subset=…`: which files of a crawl an input names.

The list is `crawl-data/CRAWL/warc.paths.gz`, one key a line, in Common Crawl's order. A sample
takes the files whose names hash lowest under the seed, in that same order: a larger sample contains
a smaller one of the same seed.
"""

import re
import zlib
from dataclasses import dataclass
from urllib.parse import parse_qsl

import xxhash

from pipeline.storage.commoncrawl.access import LISTINGS, SCHEME, CommonCrawl
from pipeline.storage.commoncrawl.bucket import Bucket
from stages.errors import ConfigError, InputError

MAX_LIST_BYTES = 64 << 20
"""The list of 90,000 files has 12 MB."""

_CRAWL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_KEY = re.compile(r"[A-Za-z0-9][\x21-\x7e]*")
_EXAMPLE = "cc:CC-MAIN-2024-10?n=100&seed=0"


@dataclass(frozen=True)
class CrawlFiles:
    """Files of one crawl: all of a subset, or `n` of them."""

    crawl: str
    subset: str = "warc"
    n: int | None = None
    seed: int = 0

    def __str__(self) -> str:
        """The pattern in one form, whatever order or defaults it was written with."""
        sample = "" if self.n is None else f"n={self.n}&seed={self.seed}&"
        return f"{SCHEME}{self.crawl}?{sample}subset={self.subset}"


def parse_pattern(pattern: str, crawl: CommonCrawl) -> CrawlFiles:
    """What a pattern names, `crawl` having the defaults; ConfigError if that is nothing."""
    name, _, query = pattern.removeprefix(SCHEME).partition("?")
    if not _CRAWL.fullmatch(name):
        raise ConfigError(f"{pattern!r} names no crawl; write {_EXAMPLE}")
    try:
        given = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError as error:
        raise ConfigError(f"{pattern!r}: {error}; write {_EXAMPLE}") from error
    n: str | int | None = given.pop("n", given.pop("n_warcs", crawl.n_warcs))
    seed = given.pop("seed", crawl.seed)
    subset = given.pop("subset", crawl.subset)
    for key in given:
        raise ConfigError(f"{pattern!r}: `{key}` is none of n, seed, subset")
    if subset not in LISTINGS:
        raise ConfigError(f"{pattern!r}: subset {subset!r} is none of {', '.join(LISTINGS)}")
    if n is not None and int(n if str(n).isdecimal() else 0) < 1:
        raise ConfigError(f"{pattern!r}: n = {n!r} is no number of files")
    if not str(seed).isdecimal():
        raise ConfigError(f"{pattern!r}: seed = {seed!r} is no whole number")
    return CrawlFiles(name, subset, None if n is None else int(n), int(seed))


def list_files(wanted: CrawlFiles, crawl: CommonCrawl) -> list[str]:
    """The keys, in the crawl's order."""
    return sample(read_list(wanted.crawl, LISTINGS[wanted.subset], Bucket(crawl)), wanted)


def sample(keys: list[str], wanted: CrawlFiles) -> list[str]:
    """As many of the keys as are wanted, in their order."""
    if wanted.n is None or wanted.n >= len(keys):
        return keys
    ranks = {key: xxhash.xxh3_64_intdigest(f"{wanted.seed}:{key}".encode()) for key in keys}
    chosen = set(sorted(keys, key=lambda key: (ranks[key], key))[: wanted.n])
    return [key for key in keys if key in chosen]


def read_list(name: str, kind: str, bucket: Bucket) -> list[str]:
    """The keys in `crawl-data/NAME/KIND.paths.gz`."""
    key = f"crawl-data/{name}/{kind}.paths.gz"
    try:
        with bucket.open(key) as stream:
            packed = stream.read(MAX_LIST_BYTES)
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no {bucket.url(key)}; is {name} one of the crawls at "
            "https://index.commoncrawl.org?"
        ) from error
    decoder = zlib.decompressobj(31)
    try:
        text = decoder.decompress(packed, MAX_LIST_BYTES)
    except zlib.error as error:
        raise InputError(f"{bucket.url(key)} is no list of files: {error}") from error
    if not decoder.eof:
        raise InputError(f"{bucket.url(key)} ends too early, or never")
    keys = text.decode("utf-8", "replace").split()
    for one in keys:
        if not _KEY.fullmatch(one) or ".." in one.split("/"):
            raise InputError(f"{bucket.url(key)} names {one!r}, which is no file of a crawl")
    if not keys:
        raise InputError(f"{bucket.url(key)} names no file")
    return list(dict.fromkeys(keys))
