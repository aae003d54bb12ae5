"""The HTML of the page, made on the server."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pipeline.browse.drawing import Draw, Drawing, Entry
from pipeline.browse.filters import ANY, DROPPED, KEPT, Filters
from pipeline.browse.judged_tables import JudgedTable, JudgedTables
from pipeline.browse.judging import Judging
from pipeline.browse.looking import Looked, Looking
from pipeline.browse.text_html import SIZES
from pipeline.inspection.audit import ErrorRate
from pipeline.inspection.counted import share
from pipeline.local_page.rendering import href, make_environment

NEIGHBOURS = 60
"""Documents of the draw that are listed around the one that is shown."""
MAX_LANGUAGES = 400


@dataclass(frozen=True)
class View:
    """What an address of /look says."""

    filters: Filters
    seed: int
    at: int = 0
    """Which document of the draw."""
    size: int = 0
    """How much of its text."""
    plain: bool = False
    twin: bool = False
    """Look for the kept twin however long it takes."""

    def query(self, **changed: Any) -> dict[str, Any]:
        """As the parameters of an address. What was asked about one document does not go on."""
        view = replace(self, **{"size": 0, "twin": False, **changed})
        said = {**view.filters.query(), "seed": view.seed}
        more = {"at": view.at, "size": view.size, "plain": int(view.plain), "twin": int(view.twin)}
        return said | {name: value for name, value in more.items() if value}


@dataclass(frozen=True)
class Line:
    """A row of the overview."""

    stage: str
    reason: str | None
    n: int
    share: float
    judged: ErrorRate
    n_more: int


def look_href(view: View, **changed: Any) -> str:
    """The page of a document."""
    return href("/look", **view.query(**changed))


class Pages:
    """Renders what a run says."""

    def __init__(
        self,
        tables: JudgedTables,
        drawing: Drawing,
        looking: Looking,
        judging: Judging,
        *,
        run: str,
        seed: int,
        csrf: str,
    ) -> None:
        self._tables = tables
        self._drawing = drawing
        self._looking = looking
        self._judging = judging
        self._seed = seed
        self._environment = make_environment("pipeline.browse", csrf)
        self._environment.filters.update(value=_value, short=_short)
        self._environment.globals.update(
            share=share, run=run, author=judging.author, look_href=look_href, verdict_of=_verdict
        )

    def overview(self) -> str:
        """Every stage and reason, with what was judged of it."""
        groups = [(table, list(self._lines(table))) for table in self._tables]
        return self._render(
            "overview.html.j2", groups=groups, seed=self._seed, n_judged=self._judging.n_judged
        )

    def look(self, view: View) -> str:
        """One document of a draw, among the others of it."""
        filters = view.filters
        table = self._tables[filters.stage]
        draw = self._drawing.draw(filters, view.seed)
        at = min(view.at, max(len(draw.entries) - 1, 0))
        entry = draw.entries[at] if draw.entries else None
        looked = (
            self._looking.look(table, entry, size=view.size, plain=view.plain, find_twin=view.twin)
            if entry is not None
            else None
        )
        first = max(0, min(at - NEIGHBOURS // 2, len(draw.entries) - NEIGHBOURS))
        return self._render(
            "look.html.j2",
            view=replace(view, at=at),
            table=table,
            stages=[one.stage for one in self._tables],
            verdicts=[ANY, KEPT, DROPPED, *(reason for reason in table.reasons if reason)],
            languages=list(table.languages)[:MAX_LANGUAGES],
            measures=list(table.measures),
            draw=draw,
            looked=looked,
            entry=entry,
            judged=self._judged(table, entry) if entry is not None else None,
            neighbours=self._neighbours(table, draw, first),
            n_left=max(0, len(draw.entries) - first - NEIGHBOURS),
            first=first,
            line=self._line_of(table, entry) if entry is not None else None,
            can_grow=_can_grow(looked, view),
        )

    def error(self, message: str) -> str:
        """What went wrong."""
        return self._render("error.html.j2", message=message)

    def _neighbours(
        self, table: JudgedTable, draw: Draw, first: int
    ) -> list[tuple[int, Entry, bool | None]]:
        chosen = draw.entries[first : first + NEIGHBOURS]
        return [
            (first + step, entry, self._judged(table, entry)) for step, entry in enumerate(chosen)
        ]

    def _judged(self, table: JudgedTable, entry: Entry) -> bool | None:
        return self._judging.of((table.stage, entry.reason, entry.doc_id))

    def _lines(self, table: JudgedTable) -> Iterator[Line]:
        rates = {(rate.stage, rate.reason): rate for rate in self._judging.rates()}
        total = sum(table.reasons.values())
        for reason, n in table.reasons.items():
            judged = rates.get((table.stage, reason), ErrorRate(table.stage, reason, 0, 0))
            yield Line(table.stage, reason, n, n / total, judged, judged.n_more(n))

    def _line_of(self, table: JudgedTable, entry: Entry) -> Line | None:
        return next((line for line in self._lines(table) if line.reason == entry.reason), None)

    def _render(self, template: str, **values: Any) -> str:
        session = self._judging.session
        return self._environment.get_template(template).render(
            {"last": session[-1] if session else None, "view": None, **values}
        )


def _can_grow(looked: Looked | None, view: View) -> bool:
    return looked is not None and looked.text.n_more > 0 and view.size + 1 < len(SIZES)


def _verdict(entry: Entry) -> str:
    return "kept" if entry.keep else f"dropped: {entry.reason}"


def _value(value: Any) -> str:
    """A measure in one short line."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4g}"
        case bytes():
            return value.hex()
        case datetime():
            return value.isoformat(sep=" ", timespec="minutes")
    return _short(str(value), 120)


def _short(text: str, n: int = 60) -> str:
    """The end of a name, which says most."""
    return text if len(text) <= n else f"…{text[1 - n :]}"
