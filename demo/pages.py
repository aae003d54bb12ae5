"""A page before and after rendering: an address, a frame (the site's header, navigation, footer)
and a body that is made only when the page has been chosen, as docutils is what costs time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import jinja2
import xxhash
from markupsafe import Markup

NEIGHBOURS = 12
"""Links in the navigation of a page."""


@dataclass(frozen=True)
class Page:
    """`frame` is `docs` or `page`; `body` makes the HTML inside it."""

    url: str
    title: str
    site: str
    home: str
    frame: str
    body: Callable[[], str]
    neighbours: tuple[tuple[str, str], ...] = ()

    @property
    def host(self) -> str:
        """Host of the address."""
        return urlsplit(self.url).netloc


def url_hash(url: str) -> int:
    """The order of a crawl: uniform, and a function of the address alone."""
    return xxhash.xxh3_64_intdigest(url.encode())


def chosen(pages: Iterable[Page], limit: int) -> list[Page]:
    """At most `limit` pages, one for each address (the first, in order of title), those with the
    smallest hashes, each linked to the others around it."""
    by_url: dict[str, Page] = {}
    for page in sorted(pages, key=lambda page: (page.title, page.url)):
        by_url.setdefault(page.url, page)
    kept = sorted(by_url.values(), key=lambda page: url_hash(page.url))[:limit]
    return _linked(sorted(kept, key=lambda page: (page.title, page.url)))


def render(page: Page) -> str:
    """The whole page as HTML."""
    return _frame(page.frame).render(page=page, body=Markup(page.body()))


def _linked(pages: Sequence[Page]) -> list[Page]:
    links = [(page.title, page.url) for page in pages]
    out = []
    for index, page in enumerate(pages):
        first = max(0, min(index - NEIGHBOURS // 2, len(links) - NEIGHBOURS))
        around = [link for link in links[first : first + NEIGHBOURS + 1] if link[1] != page.url]
        out.append(replace(page, neighbours=tuple(around)))
    return out


@cache
def _frame(name: str) -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "frames")
    environment = jinja2.Environment(loader=loader, autoescape=True, keep_trailing_newline=True)
    return environment.get_template(f"{name}.html.j2")
