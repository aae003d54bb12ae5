"""Seeds for the embedded default's recall: pages like the crawl's that the crawl does not have.

`code` and `math` are reference pages of packages and modules held out of the crawl, `negatives`
ordinary pages of projects held out of it (`demo/seeds.toml`). One file each, JSON Lines of `url`
and `html`, about 100 pages; the same environment makes the same bytes.
"""

import gzip
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from demo.distributions import installed
from demo.documentation import Site
from demo.ordinary import Table, ordinary_pages
from demo.pages import Page, url_hash

FOLDER = "seeds"
ROLES = ("code", "math", "negatives")


class Negatives(BaseModel):
    """What `[negatives]` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    projects: tuple[str, ...]
    ordinary: dict[str, Table]


class SeedTable(BaseModel):
    """What `demo/seeds.toml` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: tuple[Site, ...]
    math: tuple[Site, ...]
    negatives: Negatives


def seed_table() -> SeedTable:
    """The table as shipped."""
    path = Path(__file__).with_suffix(".toml")
    return SeedTable.model_validate(tomllib.loads(path.read_text("utf-8")))


def seed_path(out: Path, role: str) -> Path:
    """Where the seeds of a role lie beside a crawl in `out`."""
    return out / FOLDER / f"{role}.jsonl.gz"


def seed_pages(
    table: SeedTable, documented: Mapping[Site, Sequence[Page]], crawled: Iterable[str]
) -> Iterator[tuple[str, list[Page]]]:
    """Role and pages, each address once, none of those crawled; `documented` has the sites'."""
    seen = set(crawled)
    negatives = ordinary_pages(installed(table.negatives.projects), table.negatives.ordinary, ())
    for role, pages in (
        ("code", (page for site in table.code for page in documented[site])),
        ("math", (page for site in table.math for page in documented[site])),
        ("negatives", negatives),
    ):
        own = {page.url: page for page in pages if page.url not in seen}
        seen |= own.keys()
        yield role, sorted(own.values(), key=lambda page: (url_hash(page.url), page.url))


def seed_bytes(pages: Iterable[Page], rendered: Iterable[str]) -> bytes:
    """The file of these pages."""
    rows = ({"url": page.url, "html": html} for page, html in zip(pages, rendered, strict=True))
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return gzip.compress("".join(lines).encode("utf-8", "replace"), mtime=0)
