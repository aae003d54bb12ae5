"""The demo's seeds: disjoint from its crawl, enough of each, the same bytes every time."""

import gzip
import json
from collections.abc import Mapping, Sequence

import pytest

from demo.build import crawl_pages, crawl_table
from demo.distributions import normalised
from demo.documentation import Site, documentation_pages
from demo.pages import Page, render
from demo.seeds import ROLES, seed_bytes, seed_pages, seed_table

Documented = Mapping[Site, Sequence[Page]]
Seeds = Mapping[str, list[Page]]


@pytest.fixture(scope="module")
def documented() -> Documented:
    """The pages of the sites of the seeds."""
    table = seed_table()
    return documentation_pages((*table.code, *table.math), lambda _: None)


@pytest.fixture(scope="module")
def ordinary() -> list[Page]:
    """The crawl's ordinary pages: reading all of it takes 10 s."""
    return list(crawl_pages(crawl_table().model_copy(update={"site": ()}), {}))


@pytest.fixture(scope="module")
def seeds(documented: Documented, ordinary: list[Page]) -> Seeds:
    """The seeds beside a crawl of the ordinary pages alone."""
    return dict(seed_pages(seed_table(), documented, [page.url for page in ordinary]))


def test_there_are_enough_of_each_role(seeds: Seeds) -> None:
    """At least 60 pages, of several sites, each address once in all."""
    assert tuple(seeds) == ROLES
    for pages in seeds.values():
        assert len(pages) >= 60
        assert len({page.host for page in pages}) > 1
    urls = [page.url for pages in seeds.values() for page in pages]
    assert len(urls) == len(set(urls))


def test_no_seed_is_in_the_crawl(seeds: Seeds, ordinary: list[Page]) -> None:
    """No module of a seed site is one of the crawl's, and no ordinary page or project in both."""
    crawl, table = crawl_table(), seed_table()
    crawled = {(site.distribution, name) for site in crawl.site for name in site.modules}
    crawled |= {(site.distribution, name) for site in crawl.site for name in site.classes}
    for site in (*table.code, *table.math):
        assert not crawled & {(site.distribution, name) for name in (*site.modules, *site.classes)}
    assert not {page.url for page in ordinary} & {page.url for page in seeds["negatives"]}
    projects = [set(map(normalised, names)) for names in (crawl.projects, table.negatives.projects)]
    assert not projects[0] & projects[1]


def test_a_crawled_address_is_no_seed(seeds: Seeds, documented: Documented) -> None:
    """Whatever the table says."""
    crawled = seeds["code"][0].url
    table = seed_table().model_copy(update={"math": ()})
    again = dict(seed_pages(table, documented, [crawled]))
    assert crawled not in {page.url for page in again["code"]}
    assert len(again["code"]) == len(seeds["code"]) - 1


def test_the_same_pages_make_the_same_bytes(seeds: Seeds) -> None:
    """Rows of `url` and `html`, compressed without a time."""
    some = seeds["math"][::20]
    data = seed_bytes(some, map(render, some))
    assert data == seed_bytes(some, map(render, some))
    rows = [json.loads(line) for line in gzip.decompress(data).splitlines()]
    assert [row["url"] for row in rows] == [page.url for page in some]
    assert all(row["html"].startswith("<!DOCTYPE html>") for row in rows)
