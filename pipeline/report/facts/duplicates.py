"""What dedup found: how large groups are, the largest of them, and sources that lost nearly all."""

from typing import Any

from pipeline.configuration.registry import CORPORA, DEDUP, DOCUMENTS, GITHUB
from pipeline.inspection.single_rows import read_row
from pipeline.report.facts.opened import Opened
from schemas.columns import POWERS_OF_TWO

N_CLUSTERS = 10
N_MEMBERS = 3
N_SOURCES = 50
EXCERPT = 400
"""Characters of a cluster's kept document."""


def duplicates(opened: Opened) -> list[dict[str, Any]]:
    """Per corpus whose duplicates were decided."""
    found = []
    for corpus in CORPORA:
        stage = f"{corpus}.{DEDUP}"
        if stage in opened.counted:
            counts = opened.counted[stage]["counts"]
            found.append(
                {
                    "corpus": corpus,
                    "documents": counts.documents,
                    "kept": counts.kept,
                    "reasons": counts.reasons,
                    "sizes": _sizes(opened, stage),
                    "largest": _largest(opened, corpus),
                    "sources": _sources(opened, corpus),
                }
            )
    return found


def _sizes(opened: Opened, stage: str) -> list[dict[str, int]]:
    """How many groups have so many documents; bins begin at powers of two."""
    edges = ", ".join(str(int(edge)) for edge in POWERS_OF_TWO)
    return opened.ask(
        f"select list_max(list_filter([{edges}], lambda edge: edge <= n)) as least, "
        "count(*) as clusters, sum(n)::bigint as documents from (select count(*) as n from "
        f"{opened.tables[stage].sql_name} where cluster is not null group by cluster) "
        "group by all order by least"
    )


def _largest(opened: Opened, corpus: str) -> list[dict[str, Any]]:
    """The largest groups: the kept document with the beginning of its text, and a few of those
    that repeat it."""
    dedup = opened.tables[f"{corpus}.{DEDUP}"].sql_name
    documents = opened.views[f"{corpus}.{DOCUMENTS}"]
    rows = opened.ask(
        f"with largest as (select cluster, count(*) as n from {dedup} where cluster is not null "
        f"group by cluster having n > 1 order by n desc, cluster limit {N_CLUSTERS}) "
        "select s.cluster, largest.n, s.keep, s.reason::varchar as reason, s.similarity, "
        f"d.uri, d.shard, d.row from largest join {dedup} s on s.cluster = largest.cluster "
        f"join {documents.sql_name} d on d.shard = s.shard and d.row = s.row "
        "qualify row_number() over (partition by s.cluster "
        f"order by not s.keep, s.similarity, s.doc_id) <= {N_MEMBERS + 1} "
        "order by largest.n desc, s.cluster, not s.keep, s.similarity, s.doc_id"
    )
    clusters: dict[bytes, list[dict[str, Any]]] = {}
    for row in rows:
        clusters.setdefault(row["cluster"], []).append(row)
    return [_cluster(opened, corpus, members) for members in clusters.values()]


def _cluster(opened: Opened, corpus: str, members: list[dict[str, Any]]) -> dict[str, Any]:
    kept = next((member for member in members if member["keep"]), None)
    repeating = [member for member in members if not member["keep"]]
    return {
        "doc_id": members[0]["cluster"].hex(),
        "documents": members[0]["n"],
        "uri": kept and kept["uri"],
        "excerpt": _excerpt(opened, corpus, kept) if kept else "",
        "members": [
            {name: member[name] for name in ("uri", "reason", "similarity")} for member in repeating
        ],
    }


def _excerpt(opened: Opened, corpus: str, place: dict[str, Any]) -> str:
    view = opened.views[f"{corpus}.{DOCUMENTS}"]
    number = {int(file.rpartition("/")[2].partition(".")[0]): file for file in view.files}
    row = read_row(view, number[place["shard"]], place["row"], ["text"])
    return "" if row is None else str(row["text"])[:EXCERPT]


def _sources(opened: Opened, corpus: str) -> dict[str, Any]:
    """Repositories or domains of which dedup dropped over 90 % (of at least 20 documents)."""
    column = "repo" if corpus == GITHUB else "domain"
    if column not in opened.views[f"{corpus}.{DOCUMENTS}"].columns:
        return {"column": column, "n_flagged": 0, "flagged": []}
    flagged = [
        {
            **{name: group[name] for name in (column, "documents", "kept")},
            "reasons": dict(sorted(group["reasons"].items())),
        }
        for group in opened.grouped(f"{corpus}.{DEDUP}", column)
        if group["flagged"]
    ]
    return {"column": column, "n_flagged": len(flagged), "flagged": flagged[:N_SOURCES]}
