"""One drawn document as it is looked at: its text, its verdicts, what it repeats."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from pipeline.browse.drawing import Entry
from pipeline.browse.judged_tables import JudgedTable
from pipeline.browse.side_by_side import Comparison, compare
from pipeline.browse.text_html import MARKDOWN, Shown, show_text
from pipeline.configuration.registry import GITHUB
from pipeline.inspection.life import StageRow, stage_rows
from pipeline.inspection.single_rows import file_of, find_text, find_text_in, read_row
from pipeline.inspection.views import View
from pipeline.local_page.rendering import web_link
from stages.errors import InputError

FACTS = (
    "license",
    "stars",
    "natural_language",
    "title",
    "n_bytes",
    "n_code_blocks",
    "n_formulas",
    "crawled_at",
)
"""Columns of documents that are shown."""
SCANNED = 20_000_000
"""In a corpus of more documents the kept twin is looked for when it is asked for: finding it is a
scan of all identities."""


@dataclass(frozen=True)
class Twin:
    """The kept document that a dropped one repeats."""

    doc_id: str
    uri: str | None
    similarity: float | None
    comparison: Comparison | None
    """None until it was looked for, or if it is not there."""
    n_scanned: int
    """Documents among which it has to be looked for."""


@dataclass(frozen=True)
class Looked:
    """A document with all that is shown of it."""

    entry: Entry
    link: str | None
    language: str | None
    facts: dict[str, Any]
    measures: dict[str, Any]
    """What the stage measured."""
    stages: list[StageRow]
    text: Shown
    twin: Twin | None


class Looking:
    """Reads single documents of a run."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, views: Mapping[str, View]) -> None:
        self._connection = connection
        self._views = dict(views)

    def look(
        self, table: JudgedTable, entry: Entry, *, size: int, plain: bool, find_twin: bool
    ) -> Looked:
        """The document at an entry's place. InputError if the run was made anew meanwhile."""
        file = file_of(table.documents, entry.shard)
        found = read_row(table.documents, file, entry.row) if file is not None else None
        if found is None or found["doc_id"] != entry.doc_id:
            raise InputError(
                f"{entry.uri}: the run was made anew since this page was drawn; end with Ctrl-C in "
                "the terminal and start again"
            )
        stages = list(
            stage_rows(self._views, table.corpus, entry.shard, entry.row, entry.doc_id, lists=False)
        )
        own = next((one for one in stages if one.table == table.stage), None)
        measures = own.measures if own is not None else {}
        language = _language(table.corpus, stages, found)
        lexer = language if table.corpus == GITHUB else MARKDOWN
        return Looked(
            entry,
            web_link(found["url"]) if "url" in found else None,
            language,
            {name: found[name] for name in FACTS if found.get(name) is not None},
            {name: value for name, value in measures.items() if value is not None},
            stages,
            show_text(found["text"], lexer, size, plain=plain),
            self._twin(table, measures, found["text"], find_twin),
        )

    def verdict(self, table: JudgedTable, shard: int, row: int) -> tuple[bytes, str | None]:
        """The document at a place and why it was dropped, as the run says now. InputError if there
        is none, or the stage said nothing of it."""
        file = file_of(table.view, shard)
        columns = ["doc_id", "keep", "reason"]
        found = read_row(table.view, file, row, columns) if file is not None else None
        if found is None or found["keep"] is None:
            raise InputError(f"{table.stage} has no verdict at row {row} of shard {shard}")
        return found["doc_id"], None if found["keep"] else found["reason"]

    def _twin(
        self, table: JudgedTable, measures: Mapping[str, Any], text: str, find: bool
    ) -> Twin | None:
        kept: bytes | None = measures.get("duplicate_of")
        if kept is None:
            return None
        n_documents = sum(table.reasons.values())
        similarity, run = measures.get("similarity"), measures.get("duplicate_run")
        if n_documents > SCANNED and not find:
            return Twin(kept.hex(), None, similarity, None, n_documents)
        if run is not None:
            found = find_text_in(run, table.corpus, kept)
        else:
            found = find_text(self._connection, self._views, table.corpus, kept)
        uri, other = found or (None, None)
        comparison = None if other is None else compare(other, text)
        return Twin(kept.hex(), uri, similarity, comparison, 0)


def _language(corpus: str, stages: list[StageRow], document: Mapping[str, Any]) -> str | None:
    if corpus != GITHUB:
        found: str | None = document.get("natural_language")
        return found
    said = [stage.measures for stage in stages if stage.table == f"{GITHUB}.language"]
    return next((each.get("language") or each.get("other") for each in said), None)
