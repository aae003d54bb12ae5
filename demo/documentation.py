"""Documentation sites: a page for each public member or module of an installed package, at the
address its documentation has. Which packages and where is the table `demo/crawl.toml`.
"""

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from pydantic import BaseModel, ConfigDict, Field

from demo.distributions import distribution
from demo.docstyles import docstring_html
from demo.fresh import import_fresh
from demo.members import MIN_DOCSTRING, Member, from_source
from demo.pages import Page, chosen

MAX_DOCSTRING = 30_000
"""Characters of one docstring that a page shows."""


class Site(BaseModel):
    """A row of `[[site]]`; the table's head explains the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    distribution: str
    title: str
    home: str
    url: str
    unit: str = Field(pattern="^(member|module)$")
    read: str = Field(pattern="^(source|import)$")
    modules: tuple[str, ...]
    classes: tuple[str, ...] = ()
    pages: int = Field(gt=0)


def documentation_pages(
    sites: Sequence[Site], progress: Callable[[int], None]
) -> dict[Site, list[Page]]:
    """The pages of each site; none of one whose distribution is not installed. `progress` is told
    how many sites have been read.

    What is imported is imported in another process while this one parses sources."""
    pages: dict[Site, list[Page]] = {site: [] for site in sites}
    present = [site for site in sites if not site.distribution or distribution(site.distribution)]
    imported = [site for site in present if site.read == "import"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(import_fresh, [(site.modules, site.classes) for site in imported])
        for site in present:
            progress(sum(map(bool, pages.values())))
            if site.read == "source":
                pages[site] = chosen(_site_pages(site, from_source(site.modules)), site.pages)
        for site, members in zip(imported, waiting.result(), strict=True):
            pages[site] = chosen(_site_pages(site, members), site.pages)
    progress(len(sites))
    return pages


def _site_pages(site: Site, modules: Iterable[Member]) -> Iterator[Page]:
    for module in modules:
        members = (module,) if site.unit == "module" else module.members
        for member in members:
            shown = len(member.docstring) + sum(len(inner.docstring) for inner in member.members)
            if shown >= MIN_DOCSTRING:
                yield Page(
                    url=_address(site.url, member.name),
                    title=member.name,
                    site=site.title,
                    home=site.home,
                    frame="docs",
                    body=partial(member_html, member),
                )


def member_html(member: Member) -> str:
    """A member as Sphinx's autodoc lays it out: signature, description, inner members."""
    description = docstring_html(member.docstring[:MAX_DOCSTRING])
    inner = "".join(member_html(each) for each in member.members)
    if member.kind == "module":
        return description + inner
    prefix = '<em class="property">class </em>' if member.kind == "class" else ""
    owner, _, leaf = member.name.rpartition(".")
    anchor = html.escape(member.name)
    return (
        f'<dl class="py {member.kind}">\n<dt class="sig sig-object py" id="{anchor}">{prefix}'
        f'<span class="sig-prename descclassname">{html.escape(owner)}.</span>'
        f'<span class="sig-name descname">{html.escape(leaf)}</span>'
        f'<span class="sig-paren">{html.escape(member.signature)}</span>'
        f'<a class="headerlink" href="#{anchor}" title="Link to this definition">#</a></dt>\n'
        f"<dd>{description}{inner}</dd></dl>\n"
    )


def _address(pattern: str, name: str) -> str:
    parts = name.split(".")
    return pattern.format(
        name=name,
        leaf=parts[-1],
        path="/".join(parts),
        section=parts[1] if len(parts) > 2 else parts[0],
    )
