"""The HTML of the page, made on the server.

Every value from the crawl (titles, texts, URLs, hosts) passes through Jinja's escaping and, before
it, `visible`, which shows characters that would change how the rest is read. A crawled page's HTML
never reaches the browser: documents hold text. Only http and https addresses become links.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import jinja2

from pipeline.annotate.histogram import HEIGHT, WIDTH, histogram
from pipeline.annotate.iteration_tables import Page, Pattern, Text
from pipeline.annotate.review import Node, Review
from stages.recall.sites.url_patterns import covers

DOMAINS_PER_PAGE = 100
MAX_NODES = 400
"""Patterns of one domain shown at once, around the chosen one."""
N_EXAMPLES, N_LOWEST = 8, 8

_HIDDEN = dict.fromkeys(
    (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    "�",
)
"""Control characters and those that turn the direction of what follows."""


@dataclass(frozen=True)
class Sample:
    """A page to read."""

    url: str
    link: str | None
    score: float
    text: Text | None


def visible(text: object) -> str:
    """The text with nothing in it that hides or reorders the rest."""
    return str(text).translate(_HIDDEN)


def web_link(url: str) -> str | None:
    """The URL if following it opens a web page and runs nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def href(path: str, **query: object) -> str:
    """An address of ours."""
    return f"{path}?{urlencode(query)}" if query else path


def pattern_href(pattern: Pattern) -> str:
    """The page of a pattern."""
    return href("/domain", target=pattern.target, domain=pattern.domain, pattern=pattern.text)


class Pages:
    """Renders what a review says."""

    def __init__(self, review: Review, run: str, csrf: str) -> None:
        self._review = review
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("pipeline.annotate"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(
            visible=visible,
            count=lambda value: f"{value:,}",
            percent=lambda share: f"{share:.0%}",
        )
        environment.globals.update(
            href=href,
            pattern_href=pattern_href,
            csrf=csrf,
            run=run,
            file=str(review.file),
            author=review.author,
            iteration=review.tables.iteration,
            iteration_accepted=review.tables.accepted,
        )
        self._environment = environment

    def domains(self, target: str, number: int, *, only_open: bool) -> str:
        """The target's domains, `DOMAINS_PER_PAGE` at a time (`number` from 1)."""
        review = self._review
        rows = [(domain, review.progress(target, domain.name)) for domain in review.domains(target)]
        if only_open:
            rows = [(domain, progress) for domain, progress in rows if progress.n_open]
        n_pages = max(1, -(-len(rows) // DOMAINS_PER_PAGE))
        number = min(max(number, 1), n_pages)
        return self._render(
            "domains.html.j2",
            target,
            rows=rows[(number - 1) * DOMAINS_PER_PAGE : number * DOMAINS_PER_PAGE],
            n_rows=len(rows),
            n_candidates=review.tables.n_candidates(target),
            only_open=only_open,
            number=number,
            n_pages=n_pages,
            next_open=review.next_open(target),
        )

    def pattern(self, target: str, domain: str, text: str | None) -> str:
        """A domain's tree beside one of its patterns: the named one, else the first open one,
        else the first."""
        review = self._review
        nodes = review.tree(target, domain)
        if text is None:
            chosen = next((node for node in nodes if node.decision is None), nodes[0])
        else:
            pattern = review.find(target, text)
            chosen = next((node for node in nodes if node.pattern == pattern), nodes[0])
        place = nodes.index(chosen)
        first = max(0, min(place - MAX_NODES // 2, len(nodes) - MAX_NODES))
        covered = [
            page
            for page in review.tables.pages(target, domain)
            if covers(chosen.pattern.text, page.directory)
        ]
        examples, lowest = self._samples(chosen.pattern, covered)
        threshold = review.tables.thresholds.get(target)
        return self._render(
            "pattern.html.j2",
            target,
            domain=next(one for one in review.domains(target) if one.name == domain),
            domain_progress=review.progress(target, domain),
            nodes=nodes[first : first + MAX_NODES],
            n_before=first,
            n_after=max(0, len(nodes) - first - MAX_NODES),
            node=chosen,
            source=self._source(nodes, chosen),
            previous=nodes[place - 1].pattern if place else None,
            following=nodes[place + 1].pattern if place + 1 < len(nodes) else None,
            next_open=review.next_open(target, chosen.pattern),
            histogram=histogram((page.score for page in covered), threshold),
            width=WIDTH,
            height=HEIGHT,
            examples=examples,
            lowest=lowest,
        )

    def error(self, message: str) -> str:
        """What went wrong and that nothing was saved."""
        target = self._review.targets[0]
        return self._render("error.html.j2", target, message=message)

    def _source(self, nodes: Sequence[Node], chosen: Node) -> str | None:
        """The pattern whose decision holds for the chosen one, if it is not its own."""
        return chosen.decision.pattern if chosen.inherited and chosen.decision else None

    def _samples(
        self, pattern: Pattern, covered: Sequence[Page]
    ) -> tuple[list[Sample], list[Sample]]:
        """Recall's examples, best first, and the pages under the pattern that score lowest."""
        chosen = set(self._review.tables.examples(pattern))
        examples = sorted((p for p in covered if p.doc_id in chosen), key=lambda p: -p.score)
        examples = examples[:N_EXAMPLES]
        rest = sorted((p for p in covered if p.doc_id not in chosen), key=lambda p: p.score)
        rest = rest[:N_LOWEST]
        texts = self._review.tables.texts([*examples, *rest])
        found = [
            Sample(page.url, web_link(page.url), page.score, texts.get(page.doc_id))
            for page in (*examples, *rest)
        ]
        return found[: len(examples)], found[len(examples) :]

    def _render(self, template: str, target: str, **values: Any) -> str:
        review = self._review
        return self._environment.get_template(template).render(
            target=target,
            targets=[(name, review.progress(name)) for name in review.targets],
            progress=review.progress(target),
            last=review.changes[-1] if review.changes else None,
            **values,
        )
