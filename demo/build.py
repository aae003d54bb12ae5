"""A small crawl made of what is installed: the embedded default's web side, needing no network.

About 850 pages of 35 hosts: reference pages of the documentation of Sluice's own dependencies (code
and mathematics) and ordinary pages, at the addresses such pages have, in six WARC files as Common
Crawl would have stored them. The same environment makes the same bytes: what is read is fixed by
`demo/crawl.toml`, all choices and dates by hashes of addresses. Pages are spread over the files by
the hash of the address, and follow one another in that order. Beside them lie seeds for recall,
pages that the crawl does not have.

Processes of their own render the pages, one for each core: docutils is what costs time. Nothing is
done if `crawl.json` beside the files names this environment and this code.
"""

import json
import logging
import multiprocessing
import os
import platform
import tomllib
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import xxhash
from pydantic import BaseModel, ConfigDict

from demo.captures import Capture, captures
from demo.distributions import installed, normalised
from demo.documentation import Site, documentation_pages
from demo.ordinary import Table, Text, ordinary_pages
from demo.pages import Page, render
from demo.seeds import FOLDER, ROLES, SeedTable, seed_bytes, seed_pages, seed_path, seed_table
from demo.warc import CrawlWriter

LOG = logging.getLogger(__name__)

HERE = Path(__file__).parent
N_FILES = 6
MARK = "crawl.json"
CHUNK = 8
"""Pages handed to a process at a time."""

Progress = Callable[[str, int, int], None]
"""Is told what is being made, how many of it are, and how many there will be."""


class CrawlTable(BaseModel):
    """What `demo/crawl.toml` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    projects: tuple[str, ...]
    site: tuple[Site, ...]
    text: tuple[Text, ...]
    ordinary: dict[str, Table]


def build(out: Path, progress: Progress) -> list[Path]:
    """Write `CC-MAIN-DEMO-0000N.warc.gz` files into `out` and return their paths; seeds go to
    `out/seeds`."""
    paths = [out / f"CC-MAIN-DEMO-{number:05d}.warc.gz" for number in range(N_FILES)]
    made = [*paths, *(seed_path(out, role) for role in ROLES)]
    wanted = fingerprint()
    if _is_current(out / MARK, wanted, made):
        progress("files as they were", len(made), len(made))
        return paths
    (out / FOLDER).mkdir(parents=True, exist_ok=True)
    (out / MARK).unlink(missing_ok=True)
    table, seeds = crawl_table(), seed_table()
    if missing := wanted_distributions(table, seeds) - wanted["distributions"].keys():
        LOG.warning("without pages of %s: not installed", ", ".join(sorted(missing)))
    sites = [*table.site, *seeds.code, *seeds.math]
    documented = documentation_pages(sites, lambda done: progress("sites read", done, len(sites)))
    pages = list(crawl_pages(table, documented))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        write_captures(list(captures(pages)), paths, pool, progress)
        for role, own in seed_pages(seeds, documented, (page.url for page in pages)):
            progress(f"seeds of {role}", 0, len(own))
            rendered = pool.map(render, own, chunksize=CHUNK)
            _replace(seed_path(out, role), seed_bytes(own, rendered))
            progress(f"seeds of {role}", len(own), len(own))
    for stale in set(out.glob("CC-MAIN-DEMO-*.warc.gz")) - set(paths):
        stale.unlink()
    files = {path.relative_to(out).as_posix(): path.stat().st_size for path in made}
    mark = json.dumps({"fingerprint": wanted, "files": files}, indent=2, sort_keys=True) + "\n"
    _replace(out / MARK, mark.encode())
    return paths


def crawl_table() -> CrawlTable:
    """The table as shipped."""
    return CrawlTable.model_validate(tomllib.loads((HERE / "crawl.toml").read_text("utf-8")))


def crawl_pages(table: CrawlTable, documented: Mapping[Site, Sequence[Page]]) -> Iterator[Page]:
    """Every page, not yet rendered, each address once."""
    seen: set[str] = set()
    for pages in (
        *(documented[site] for site in table.site),
        ordinary_pages(installed(table.projects), table.ordinary, table.text),
    ):
        for page in pages:
            if page.url not in seen:
                seen.add(page.url)
                yield page


def write_captures(
    all_captures: Sequence[Capture], paths: Sequence[Path], pool: Executor, progress: Progress
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
                bodies = pool.map(Capture.payload, chosen, chunksize=CHUNK)
                for capture, body in zip(chosen, bodies, strict=True):
                    writer.write(capture, body)
                    done += 1
                    progress("pages of the crawl", done, len(all_captures))
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def fingerprint() -> dict[str, Any]:
    """What the bytes depend on: interpreter, distributions, this code and its tables."""
    code = xxhash.xxh3_128()
    for path in sorted(path for path in HERE.rglob("*") if path.suffix in (".py", ".j2", ".toml")):
        code.update(path.read_bytes())
    names = wanted_distributions(crawl_table(), seed_table())
    return {
        "code": code.hexdigest(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
        "distributions": {name: one.version for name, one in installed(names).items()},
    }


def wanted_distributions(crawl: CrawlTable, seeds: SeedTable) -> set[str]:
    """The normalised names of all that the tables read."""
    sites = {site.distribution for site in (*crawl.site, *seeds.code, *seeds.math)} - {""}
    return {normalised(name) for name in (*sites, *crawl.projects, *seeds.negatives.projects)}


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
