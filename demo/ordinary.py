"""Pages that are not about programming, or hardly: project pages with their long descriptions,
licences, release notes, listings, tables. A real crawl is mostly such pages; recall must learn to
leave them out. All text is what distributions and the interpreter carry.
"""

import calendar
import html
import importlib
import logging
import pydoc_data.topics
import re
import sysconfig
import unicodedata
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from urllib.parse import quote_plus

from pydantic import BaseModel, ConfigDict, Field

from demo.blocks import preformatted
from demo.markdown import markdown_html
from demo.pages import Page, chosen
from demo.rest import rest_html

LOG = logging.getLogger(__name__)

MAX_TEXT = 60_000
"""Characters of a plain text that a page shows."""

PYPI = ("PyPI", "https://pypi.org/")

_PLAIN = re.compile(r"(licen[cs]e|copying|authors|notice|changes|changelog|news|readme)", re.I)
_SUFFIXES = ("", ".txt", ".md", ".rst", ".apache", ".bsd", ".mit")
_GITHUB = re.compile(r"https?://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?(?:[/#?].*)?$")


class Table(BaseModel):
    """A family of pages in `[ordinary]`: where they lie and how many at most."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    pages: int = Field(default=1_000, gt=0)
    first: int = 0
    last: int = 0


class Text(BaseModel):
    """A row of `[[text]]`: a plain text of the standard library."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    title: str
    url: str


def ordinary_pages(
    distributions: Mapping[str, metadata.Distribution],
    tables: Mapping[str, Table],
    texts: tuple[Text, ...],
) -> Iterator[Page]:
    """Every ordinary page, family by family."""
    many = 1_000_000
    families: list[tuple[Iterator[Page], int]] = [
        (_projects(distributions), many),
        (_project_texts(distributions), many),
        (_interpreter_texts(texts), many),
    ]
    makers = {
        "calendars": _calendars,
        "characters": _characters,
        "constants": _constants,
        "topics": _topics,
    }
    for name, table in tables.items():
        if name == "classifiers":
            families.append((_classifiers(table, distributions), table.pages))
        else:
            families.append((makers[name](table), table.pages))
    for pages, limit in families:
        yield from chosen(pages, limit)


def _page(url: str, title: str, site: tuple[str, str], body: partial[str]) -> Page:
    return Page(url=url, title=title, site=site[0], home=site[1], frame="page", body=body)


def _projects(distributions: Mapping[str, metadata.Distribution]) -> Iterator[Page]:
    for name, distribution in distributions.items():
        body = partial(_project_html, distribution)
        yield _page(f"https://pypi.org/project/{name}/", name, PYPI, body)


def _project_html(distribution: metadata.Distribution) -> str:
    rows = [
        (field, _field(distribution, field))
        for field in ("Version", "Summary", "Author", "License-Expression", "Requires-Python")
    ]
    description = _field(distribution, "Description")
    markdown = "markdown" in _field(distribution, "Description-Content-Type")
    body = markdown_html(description) if markdown else rest_html(description)
    links = [link.partition(", ") for link in _fields(distribution, "Project-URL")]
    listed = "".join(
        f'<li><a href="{html.escape(url)}">{html.escape(label)}</a></li>' for label, _, url in links
    )
    classifiers = "".join(f"<li>{html.escape(c)}</li>" for c in _fields(distribution, "Classifier"))
    return (
        f"{_table(rows)}<h2>Project description</h2>{body}<h2>Project links</h2><ul>{listed}</ul>"
        f"<h2>Classifiers</h2><ul>{classifiers}</ul>"
    )


def _project_texts(distributions: Mapping[str, metadata.Distribution]) -> Iterator[Page]:
    for name, distribution in distributions.items():
        home, site = _repository(name, distribution)
        for file in sorted(map(str, distribution.files or ())):
            path = Path(file)
            shown = path.suffix.lower() in _SUFFIXES and _PLAIN.match(path.stem)
            if ".." in path.parts or not shown or "tests" in path.parts:
                continue
            inner = "/".join(part for part in path.parts if not part.endswith(".dist-info"))
            url = f"{home}{inner.removeprefix('licenses/')}"
            located = Path(str(distribution.locate_file(file)))
            yield _page(url, f"{name}/{path.name}", site, partial(_file_html, located))


def _repository(name: str, distribution: metadata.Distribution) -> tuple[str, tuple[str, str]]:
    urls = [url.partition(", ")[2] for url in _fields(distribution, "Project-URL")]
    urls.append(_field(distribution, "Home-page"))
    for url in urls:
        if matched := _GITHUB.match(url):
            place = f"https://github.com/{matched[1]}/{matched[2]}"
            return f"{place}/blob/main/", ("GitHub", "https://github.com/")
    return f"https://pypi.org/project/{name}/files/", PYPI


def _interpreter_texts(texts: tuple[Text, ...]) -> Iterator[Page]:
    root = Path(sysconfig.get_path("stdlib"))
    for text in texts:
        if (root / text.file).is_file():
            site = ("Python.org", "https://www.python.org/")
            yield _page(text.url, text.title, site, partial(_file_html, root / text.file))
        else:
            LOG.info("no page for %s: this interpreter does not carry it", text.file)


def _file_html(path: Path) -> str:
    text = path.read_text("utf-8", "replace")[:MAX_TEXT]
    if path.suffix == ".md":
        return markdown_html(text)
    if path.suffix == ".rst":
        return rest_html(text)
    return preformatted(text)


def _calendars(table: Table) -> Iterator[Page]:
    site = ("Time and Date", "https://www.timeanddate.com/")
    for year in range(table.first, table.last + 1):
        body = partial(calendar.HTMLCalendar().formatyear, year)
        yield _page(table.url.format(year=year), f"Calendar for year {year}", site, body)


def _characters(table: Table) -> Iterator[Page]:
    site = ("FileFormat.Info", "https://www.fileformat.info/")
    for code in range(0xA1, 0x3000):
        character = chr(code)
        if name := unicodedata.name(character, ""):
            url = table.url.format(code=f"{code:04x}")
            body = partial(_character_html, character)
            yield _page(url, f"Unicode Character '{name}' (U+{code:04X})", site, body)


def _character_html(character: str) -> str:
    rows = [
        ("Character", character),
        ("Category", unicodedata.category(character)),
        ("Combining class", str(unicodedata.combining(character))),
        ("Bidirectional class", unicodedata.bidirectional(character)),
        ("Decomposition", unicodedata.decomposition(character) or "none"),
        ("Mirrored", "yes" if unicodedata.mirrored(character) else "no"),
        ("Upper case", f"{character.upper()} ({unicodedata.name(character.upper()[0], '')})"),
        ("Lower case", f"{character.lower()} ({unicodedata.name(character.lower()[0], '')})"),
        ("Numeric value", str(unicodedata.numeric(character, "none"))),
        ("UTF-8", character.encode().hex(" ")),
        ("UTF-16", character.encode("utf-16-be").hex(" ")),
        ("HTML entity", f"&#{ord(character)};"),
    ]
    return f"<p>Details of this character in the Unicode Character Database.</p>{_table(rows)}"


def _constants(table: Table) -> Iterator[Page]:
    try:
        constants = importlib.import_module("scipy.constants").physical_constants
    except ImportError:
        return
    site = ("NIST Reference on Constants, Units, and Uncertainty", "https://physics.nist.gov/")
    for name, (value, unit, uncertainty) in sorted(constants.items()):
        rows = [
            ("Numerical value", f"{value!r} {unit}"),
            ("Standard uncertainty", f"{uncertainty!r} {unit}" if uncertainty else "(exact)"),
            ("Unit", unit or "dimensionless"),
        ]
        slug = re.sub(r"[^a-z0-9]+", "", name.lower())
        yield _page(table.url.format(slug=slug), name, site, partial(_table, rows))


def _topics(table: Table) -> Iterator[Page]:
    site = ("Python documentation", "https://docs.python.org/3/")
    for name, text in sorted(pydoc_data.topics.topics.items()):
        body = partial(preformatted, str(text)[:MAX_TEXT])
        yield _page(table.url.format(slug=name.lower()), name, site, body)


def _classifiers(
    table: Table, distributions: Mapping[str, metadata.Distribution]
) -> Iterator[Page]:
    listed: dict[str, list[metadata.Distribution]] = {}
    for distribution in distributions.values():
        for classifier in _fields(distribution, "Classifier"):
            listed.setdefault(str(classifier), []).append(distribution)
    for classifier, members in listed.items():
        url = table.url.format(slug=quote_plus(classifier))
        yield _page(url, f"Projects: {classifier}", PYPI, partial(_listing_html, members))


def _listing_html(members: list[metadata.Distribution]) -> str:
    items = "".join(
        f'<li><a href="/project/{html.escape(each.name.lower())}/"><h3>{html.escape(each.name)} '
        f"{html.escape(each.version)}</h3></a>"
        f"<p>{html.escape(_field(each, 'Summary'))}</p></li>"
        for each in members
    )
    return f"<p>{len(members)} projects with the selected classifier</p><ul>{items}</ul>"


def _fields(distribution: metadata.Distribution, name: str) -> list[str]:
    return [str(value) for value in distribution.metadata.get_all(name) or ()]


def _field(distribution: metadata.Distribution, name: str) -> str:
    return next(iter(_fields(distribution, name)), "")


def _table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr><th>{html.escape(label)}</th><td>{html.escape(value)}</td></tr>\n"
        for label, value in rows
        if value
    )
    return f"<table>\n{cells}</table>\n"
