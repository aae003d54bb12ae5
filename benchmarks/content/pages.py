"""The pages to learn from: WCXB's development half (CC-BY-4.0) and a gold of articles' texts."""

import gzip
import json
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from publicsuffixlist import PublicSuffixList

from benchmarks.content.tokens import tokens
from benchmarks.corpora import read_rows

N_FOLDS = 5
BLANK = "\n\u200b "
"""A gold text of nothing else says nothing."""


@dataclass(frozen=True)
class GoldPage:
    """A page and the text that an extractor must give for it; `kind` is its origin or type."""

    source: str
    kind: str
    domain: str
    html: bytes
    gold: tuple[str, ...]

    @property
    def fold(self) -> int:
        """By registered domain, so that no site is on both sides of a split."""
        return zlib.crc32(self.domain.encode()) % N_FOLDS


def read_pages(data: Path, limit: int | None = None) -> list[GoldPage]:
    """The pages below `data` (`web/wcxb_dev.jsonl.zst`, `web/extraction_gold`); every n-th, if no
    more than `limit` are wanted."""
    found = []
    for source, kind, url, html, gold in [*_wcxb(data), *_articles(data)]:
        page = GoldPage(
            source, kind, registered_domain(url),
            html.encode("utf-8", "replace"), tuple(tokens(gold)),
        )  # fmt: skip
        if page.gold:
            found.append(page)
    step = 1 if limit is None else -(-len(found) // limit)
    return found[::step]


def registered_domain(url: str | None) -> str:
    """The registered domain of an address, or its host if it has none."""
    host = (url or "").split("//", 1)[-1].split("/", 1)[0].split(":", 1)[0].lower()
    return _suffixes().privatesuffix(host) or host


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _wcxb(data: Path) -> list[tuple[str, str, str, str, str]]:
    path = data / "web" / "wcxb_dev.jsonl.zst"
    return [
        ("wcxb", row["page_type"], row["url"], row["html"], row["main_content"])
        for row in read_rows(path)
    ]


def _articles(data: Path) -> list[tuple[str, str, str, str, str]]:
    with gzip.open(data / "web" / "extraction_gold" / "dev.jsonl.gz", "rt") as stored:
        rows = [json.loads(line) for line in stored]
    return [
        ("gold", row["origin"], row["url"], row["html"], row["gold_text"])
        for row in rows
        if row.get("gold_text", "").strip(BLANK)
    ]
