"""Seeds for the embedded default's recall: pages like the crawl's that the crawl does not have.

`code` and `math` are reference pages of packages and modules held out of the crawl, `negatives`
ordinary pages of distributions held out of it (`seeds/installed_seeds.toml`). One file each, JSON
Lines of `url` and `html`, about 100 pages; the same environment makes the same bytes.
"""

import gzip
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata, resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from demo.distributions import installed_closure
from demo.documentation import Site, documentation_pages
from demo.ordinary import Table, ordinary_pages
from demo.pages import Page, render, url_hash

FOLDER = "seeds"
ROLES = ("code", "math", "negatives")
TABLE = "installed_seeds.toml"

Distributions = Mapping[str, metadata.Distribution]


class Negatives(BaseModel):
    """What `[negatives]` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    held_out: int = Field(ge=2)
    ordinary: dict[str, Table]


class SeedTable(BaseModel):
    """What `seeds/installed_seeds.toml` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: tuple[Site, ...]
    math: tuple[Site, ...]
    negatives: Negatives

    def splits(self, distributions: Distributions) -> tuple[Distributions, Distributions]:
        """The distributions whose ordinary pages are in the crawl, and those held out of it."""
        kept: dict[str, metadata.Distribution] = {}
        held_out: dict[str, metadata.Distribution] = {}
        for name, distribution in distributions.items():
            side = held_out if url_hash(name) % self.negatives.held_out == 0 else kept
            side[name] = distribution
        return kept, held_out


def seed_table() -> SeedTable:
    """The table as shipped."""
    return SeedTable.model_validate(tomllib.loads(seed_table_bytes().decode()))


def seed_table_bytes() -> bytes:
    """The table's file."""
    return resources.files("seeds").joinpath(TABLE).read_bytes()


def seed_paths(out: Path) -> list[Path]:
    """Where the seeds of a crawl in `out` lie, in the order of `ROLES`."""
    return [out / FOLDER / f"{role}.jsonl.gz" for role in ROLES]


def seed_pages(table: SeedTable, crawled: Iterable[str]) -> Iterator[tuple[str, list[Page]]]:
    """Role and pages, each address once, none of those crawled."""
    seen = set(crawled)
    _, held_out = table.splits(installed_closure())
    for role, pages in (
        ("code", documentation_pages(table.code)),
        ("math", documentation_pages(table.math)),
        ("negatives", ordinary_pages(held_out, table.negatives.ordinary, ())),
    ):
        own = {page.url: page for page in pages if page.url not in seen}
        seen |= own.keys()
        yield role, sorted(own.values(), key=lambda page: (url_hash(page.url), page.url))


def seed_bytes(pages: Iterable[Page]) -> bytes:
    """The file of these pages."""
    rows = ({"url": page.url, "html": render(page)} for page in pages)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return gzip.compress("".join(lines).encode("utf-8", "replace"), mtime=0)
