"""The pairs of documents that dedup compared and found closest to its threshold."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.inspection.single_rows import find_text, find_text_in
from pipeline.inspection.views import CORPORA, open_run
from pipeline.storage.location import location
from stages.errors import InputError

PAIRS = "dedup_pairs"


@dataclass
class Side:
    """One document of a pair."""

    doc_id: str
    uri: str | None
    text: str = field(repr=False, default="")
    run: str | None = None
    """The earlier run that it is in, if it is not in this one."""


@dataclass
class ComparedPair:
    """Two documents, the preferred one on the left, and what was made of them."""

    corpus: str
    similarity: float
    accepted: bool
    left: Side
    right: Side

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def nearest_pairs(run: Path, corpus: str | None, n_pairs: int) -> list[ComparedPair]:
    """Of each corpus (or the one named) the `n_pairs` accepted pairs that are least similar, then
    as many rejected ones that are most; InputError if nothing was compared."""
    with open_run(run) as (connection, views):
        chosen = [name for name in CORPORA if corpus in (None, name) and f"{name}.{PAIRS}" in views]
        if not chosen:
            whose = f" of {corpus}" if corpus else ""
            raise InputError(f"{location(run)}: no pairs{whose} were compared")
        found = []
        for name in chosen:
            view = views[f"{name}.{PAIRS}"]
            where = "left_run" if "left_run" in view.columns else "null"  # older runs have none
            for accepted, order in ((True, "asc"), (False, "desc")):
                rows = connection.execute(
                    f'select "left", "right", similarity, {where} from {view.sql_name} '
                    f'where accepted = ? order by similarity {order}, "left", "right" limit ?',
                    [accepted, n_pairs],
                ).fetchall()
                for left, right, similarity, left_run in rows:
                    sides = []
                    for doc_id, other in ((left, left_run), (right, None)):
                        told = (
                            find_text(connection, views, name, doc_id)
                            if other is None
                            else find_text_in(other, name, doc_id)
                        )
                        uri, text = told or (None, "")
                        sides.append(Side(doc_id.hex(), uri, text, other))
                    found.append(ComparedPair(name, similarity, accepted, *sides))
        return found
