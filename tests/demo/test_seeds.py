"""The demo's seeds: disjoint from its crawl, enough of each, the same bytes every time."""

import gzip
import json
from collections.abc import Mapping
from importlib import metadata

import pytest

from demo.distributions import installed_closure
from demo.installed import crawl_table, installed_pages
from demo.ordinary import ordinary_pages
from demo.pages import Page
from demo.seeds import ROLES, seed_bytes, seed_pages, seed_table


@pytest.fixture(scope="module")
def seeds() -> dict[str, list[Page]]:
    """The seeds beside a crawl of the ordinary pages alone: reading all of it takes 10 s."""
    ordinary = installed_pages(crawl_table().model_copy(update={"site": ()}))
    return dict(seed_pages(seed_table(), [page.url for page in ordinary]))


def test_there_are_enough_of_each_role(seeds: Mapping[str, list[Page]]) -> None:
    """At least 60 pages, of several sites, each address once in all."""
    assert tuple(seeds) == ROLES
    for pages in seeds.values():
        assert len(pages) >= 60
        assert len({page.host for page in pages}) > 1
    urls = [page.url for pages in seeds.values() for page in pages]
    assert len(urls) == len(set(urls))


def test_no_seed_is_in_the_crawl(seeds: Mapping[str, list[Page]]) -> None:
    """No module of a seed site is one of the crawl's, and no ordinary page is in both."""
    crawl, table = crawl_table(), seed_table()
    crawled = {(site.distribution, name) for site in crawl.site for name in site.modules}
    crawled |= {(site.distribution, name) for site in crawl.site for name in site.classes}
    for site in (*table.code, *table.math):
        assert not crawled & {(site.distribution, name) for name in (*site.modules, *site.classes)}
    ordinary = installed_pages(crawl.model_copy(update={"site": ()}))
    assert not {page.url for page in ordinary} & {page.url for page in seeds["negatives"]}


def test_a_crawled_address_is_no_seed(seeds: Mapping[str, list[Page]]) -> None:
    """Whatever the table says."""
    crawled = seeds["code"][0].url
    table = seed_table().model_copy(update={"math": ()})
    again = dict(seed_pages(table, [crawled]))
    assert crawled not in {page.url for page in again["code"]}
    assert len(again["code"]) == len(seeds["code"]) - 1


def test_distributions_are_split() -> None:
    """Every distribution's ordinary pages are in the crawl or among the negatives."""
    distributions: Mapping[str, metadata.Distribution] = installed_closure()
    kept, held_out = seed_table().splits(distributions)
    assert {**kept, **held_out}.keys() == distributions.keys()
    assert not kept.keys() & held_out.keys()
    assert 0 < len(held_out) < len(kept)
    pages = ordinary_pages(held_out, {}, ())
    assert all(page.url for page in pages)


def test_the_same_pages_make_the_same_bytes(seeds: Mapping[str, list[Page]]) -> None:
    """Rows of `url` and `html`, compressed without a time."""
    some = seeds["math"][::20]
    data = seed_bytes(some)
    assert data == seed_bytes(some)
    rows = [json.loads(line) for line in gzip.decompress(data).splitlines()]
    assert [row["url"] for row in rows] == [page.url for page in some]
    assert all(row["html"].startswith("<!DOCTYPE html>") for row in rows)
