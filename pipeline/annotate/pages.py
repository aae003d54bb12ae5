"""The HTML of the page, made on the server."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.annotate.changes import Progress
from pipeline.annotate.histogram import HEIGHT, WIDTH, histogram
from pipeline.annotate.iteration_tables import Domain, Page, Text
from pipeline.annotate.pattern_table import ACCEPTED, OPEN, Pattern
from pipeline.annotate.review import Review
from pipeline.annotate.selection import ANY, SORTS, STATES, Selection
from pipeline.annotate.tree import Node
from pipeline.local_page.rendering import href, make_environment, web_link
from stages.recall.sites.url_patterns import covers

ROWS_PER_PAGE = 100
MAX_NODES = 400
"""Patterns of one domain shown at once, around the chosen one."""
N_EXAMPLES, N_LOWEST = 8, 8
N_CHANGES = 200
"""Decisions of this session that are told."""
DOMAIN_SORTS: dict[str, Callable[[Domain, Progress], Any]] = {
    "recalled": lambda domain, _: -domain.n_recalled,
    "pages": lambda domain, _: -domain.n_pages,
    "rate": lambda domain, _: -domain.hit_rate,
    "open": lambda _, progress: progress.n_covered - progress.n_pages,
    "name": lambda domain, _: domain.name,
}
"""Orders of the domains; `open`: by pages that no decision covers."""


@dataclass(frozen=True)
class Sample:
    """A page to read."""

    url: str
    link: str | None
    score: float
    text: Text | None


def pattern_href(pattern: Pattern) -> str:
    """The page of a pattern."""
    return href("/domain", target=pattern.target, domain=pattern.domain, pattern=pattern.text)


class Pages:
    """Renders what a review says."""

    def __init__(self, review: Review, run: str, csrf: str) -> None:
        self._review = review
        self._n_candidates: dict[str, int] = {}
        self._environment = make_environment("pipeline.annotate", csrf)
        self._environment.globals.update(
            pattern_href=pattern_href,
            run=run,
            file=str(review.file),
            author=review.author,
            enough=review.enough,
            iteration=review.tables.iteration,
            iteration_accepted=review.tables.accepted,
        )

    def domains(self, target: str, number: int, *, only_open: bool, sort: str) -> str:
        """The target's domains, `ROWS_PER_PAGE` at a time (`number` from 1)."""
        review = self._review
        progress = review.progress_by_domain(target)
        rows = [(domain, progress[domain.name]) for domain in review.domains(target)]
        if only_open:
            rows = [(domain, one) for domain, one in rows if one.n_open]
        sort = sort if sort in DOMAIN_SORTS else next(iter(DOMAIN_SORTS))
        rows.sort(key=lambda row: DOMAIN_SORTS[sort](*row))
        first, number, n_pages = _place(number, len(rows))
        if target not in self._n_candidates:
            self._n_candidates[target] = review.tables.n_candidates(target)
        return self._render(
            "domains.html.j2",
            target,
            rows=rows[first : first + ROWS_PER_PAGE],
            n_rows=len(rows),
            n_candidates=self._n_candidates[target],
            query={"sort": sort, **({"show": "open"} if only_open else {})},
            only_open=only_open,
            sort=sort,
            number=number,
            n_pages=n_pages,
            next_open=review.next_open(target),
        )

    def patterns(self, target: str, selection: Selection, number: int) -> str:
        """The patterns that the filter chooses, `ROWS_PER_PAGE` at a time."""
        table, answers = self._review.table(target), self._review.answers(target)
        chosen = selection.chosen(table, answers)
        places = selection.ordered(table, chosen)
        first, number, n_pages = _place(number, len(places))
        names = {value: name for name, value in STATES.items()}
        return self._render(
            "patterns.html.j2",
            target,
            selection=selection,
            states=[*STATES, ANY],
            sorts=SORTS,
            rows=[
                (table[place], names[int(answers[place])])
                for place in places[first : first + ROWS_PER_PAGE].tolist()
            ],
            n_rows=len(places),
            n_chosen_pages=table.pages(chosen),
            number=number,
            n_pages=n_pages,
        )

    def decisions(self, target: str) -> str:
        """What was decided, and how much it covers."""
        table, answers = self._review.table(target), self._review.answers(target)
        return self._render(
            "decisions.html.j2",
            target,
            changes=self._review.changes[: -N_CHANGES - 1 : -1],
            n_changes=len(self._review.changes),
            n_accepted=int((answers == ACCEPTED).sum()),
            n_open=int((answers == OPEN).sum()),
            accepted_pages=table.pages(answers == ACCEPTED),
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
            domain_progress=review.progress_by_domain(target)[domain],
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


def _place(number: int, n_rows: int) -> tuple[int, int, int]:
    """The first row of a page, the page's number within bounds, and how many there are."""
    n_pages = max(1, -(-n_rows // ROWS_PER_PAGE))
    number = min(max(number, 1), n_pages)
    return (number - 1) * ROWS_PER_PAGE, number, n_pages
