"""A small crawl made of what is installed: the embedded default's web side, needing no network.

About 2,400 pages of 42 hosts: reference pages of the documentation of Sluice's own
dependencies (code and mathematics) and ordinary pages, at the addresses such pages have, in six
WARC files as Common Crawl would have stored them. The same environment makes the same bytes:
what is read is fixed by `seeds/installed_docs.toml`, all choices and dates by hashes of addresses.
Pages are spread over the files by the hash of the address, and follow one another in that order.
Beside them lie seeds for recall, pages that the crawl does not have.

Nothing is done if `crawl.json` beside the files names this environment and this code.
"""

import json
import logging
import os
import platform
import tomllib
import zlib
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import xxhash
from pydantic import BaseModel, ConfigDict

from demo.captures import Capture, captures
from demo.distributions import installed_closure
from demo.documentation import Site, documentation_pages
from demo.ordinary import Table, Text, ordinary_pages
from demo.pages import Page
from demo.seeds import (
    seed_bytes,
    seed_pages,
    seed_paths,
    seed_table,
    seed_table_bytes,
)
from demo.warc import CrawlWriter

LOG = logging.getLogger(__name__)

N_FILES = 6
MARK = "crawl.json"

Progress = Callable[[int, int], None]
"""Called with the captures written and their total."""


def crawl_installed(out: Path, *, progress: Progress | None = None) -> list[Path]:
    """Write `CC-MAIN-DEMO-0000N.warc.gz` files into `out` and return their paths; seeds go to
    `out/seeds`."""
    paths = [out / f"CC-MAIN-DEMO-{number:05d}.warc.gz" for number in range(N_FILES)]
    made = [*paths, *seed_paths(out)]
    wanted = fingerprint()
    if _is_current(out / MARK, wanted, made):
        LOG.info("%s is current", out)
        return paths
    out.mkdir(parents=True, exist_ok=True)
    (out / MARK).unlink(missing_ok=True)
    pages = list(installed_pages(crawl_table()))
    write_captures(list(captures(pages)), paths, progress)
    seeds = seed_pages(seed_table(), (page.url for page in pages))
    for path, (_, own) in zip(seed_paths(out), seeds, strict=True):
        path.parent.mkdir(exist_ok=True)
        _replace(path, seed_bytes(own))
    for stale in set(out.glob("CC-MAIN-DEMO-*.warc.gz")) - set(paths):
        stale.unlink()
    files = {path.relative_to(out).as_posix(): path.stat().st_size for path in made}
    mark = json.dumps({"fingerprint": wanted, "files": files}, indent=2, sort_keys=True) + "\n"
    _replace(out / MARK, mark.encode())
    return paths


class CrawlTable(BaseModel):
    """What `seeds/installed_docs.toml` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: tuple[Site, ...]
    text: tuple[Text, ...]
    ordinary: dict[str, Table]


def crawl_table() -> CrawlTable:
    """The table as shipped."""
    return CrawlTable.model_validate(tomllib.loads(_seed().decode()))


def installed_pages(table: CrawlTable) -> Iterator[Page]:
    """Every page, not yet rendered, each address once."""
    seen: set[str] = set()
    distributions, _ = seed_table().splits(installed_closure())
    for pages in (
        documentation_pages(table.site),
        ordinary_pages(distributions, table.ordinary, table.text),
    ):
        for page in pages:
            if page.url not in seen:
                seen.add(page.url)
                yield page


def write_captures(
    all_captures: list[Capture], paths: list[Path], progress: Progress | None = None
) -> None:
    """Write the captures, each to the file its hash names, in the order of their hashes. A file
    appears under its name when it is complete."""
    done = 0
    for number, path in enumerate(paths):
        chosen = [capture for capture in all_captures if capture.order % len(paths) == number]
        chosen.sort(key=lambda capture: (capture.order, capture.url))
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            with partial.open("wb") as stream:
                writer = CrawlWriter(stream, path.name)
                for capture in chosen:
                    writer.write(capture)
                    done += 1
                    if progress is not None:
                        progress(done, len(all_captures))
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def fingerprint() -> dict[str, Any]:
    """What the bytes depend on: interpreter, distributions, the table and this code."""
    code = xxhash.xxh3_128()
    here = Path(__file__).parent
    for path in sorted((*here.glob("*.py"), *here.glob("frames/*.j2"))):
        code.update(path.read_bytes())
    code.update(_seed())
    code.update(seed_table_bytes())
    return {
        "code": code.hexdigest(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
        "distributions": {
            name: distribution.version for name, distribution in installed_closure().items()
        },
    }


def _seed() -> bytes:
    return resources.files("seeds").joinpath("installed_docs.toml").read_bytes()


def _is_current(mark: Path, wanted: dict[str, Any], paths: list[Path]) -> bool:
    try:
        found = json.loads(mark.read_text("utf-8"))
        files = {path.relative_to(mark.parent).as_posix(): path.stat().st_size for path in paths}
    except (OSError, ValueError):
        return False
    return bool(found == {"fingerprint": wanted, "files": files})


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    partial.replace(path)
