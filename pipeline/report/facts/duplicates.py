"""What dedup found: how large groups are, the largest of them, and what someone should look at."""

from collections.abc import Mapping
from typing import Any

from pipeline.configuration.registry import CORPORA, DEDUP, DOCUMENTS
from pipeline.inspection.alarms import dedup_alarms
from pipeline.inspection.single_rows import find_texts, find_texts_in
from pipeline.report.facts.opened import Opened
from schemas.columns import POWERS_OF_TWO

N_CLUSTERS = 10
N_MEMBERS = 3
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
                    "alarms": [
                        {**one.to_dict(), "said": str(one)}
                        for one in dedup_alarms(opened.connection, opened.views, corpus)
                    ],
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
    that repeat it. Where the kept one is in an earlier run, that is `run`."""
    view = opened.tables[f"{corpus}.{DEDUP}"]
    documents = opened.views[f"{corpus}.{DOCUMENTS}"]
    run = "s.duplicate_run" if "duplicate_run" in view.columns else "null"  # older runs have none
    rows = opened.ask(
        f"with largest as (select cluster, count(*) as n from {view.sql_name} "
        "where cluster is not null "
        f"group by cluster having n > 1 order by n desc, cluster limit {N_CLUSTERS}) "
        "select s.cluster, largest.n, s.keep, s.reason::varchar as reason, s.similarity, "
        f"d.uri, {run} as run from largest join {view.sql_name} s on s.cluster = largest.cluster "
        f"join {documents.sql_name} d on d.shard = s.shard and d.row = s.row "
        "qualify row_number() over (partition by s.cluster "
        f"order by not s.keep, s.similarity, s.doc_id) <= {N_MEMBERS + 1} "
        "order by largest.n desc, s.cluster, not s.keep, s.similarity, s.doc_id"
    )
    clusters: dict[bytes, list[dict[str, Any]]] = {}
    for row in rows:
        clusters.setdefault(row["cluster"], []).append(row)
    texts = _texts(opened, corpus, {kept: rows[0]["run"] for kept, rows in clusters.items()})
    return [_cluster(kept, members, texts.get(kept)) for kept, members in clusters.items()]


def _texts(
    opened: Opened, corpus: str, runs: Mapping[bytes, str | None]
) -> dict[bytes, tuple[str, str]]:
    """The kept documents' uris and texts, each from the run that has it."""
    found: dict[bytes, tuple[str, str]] = {}
    for run in dict.fromkeys(runs.values()):
        ids = [kept for kept, its in runs.items() if its == run]
        found |= (
            find_texts(opened.connection, opened.views, corpus, ids)
            if run is None
            else find_texts_in(run, corpus, ids)
        )
    return found


def _cluster(
    kept: bytes, members: list[dict[str, Any]], found: tuple[str, str] | None
) -> dict[str, Any]:
    uri, text = found or (None, "")
    return {
        "doc_id": kept.hex(),
        "documents": members[0]["n"],
        "uri": uri,
        "run": members[0]["run"],
        "excerpt": text[:EXCERPT],
        "members": [
            {name: member[name] for name in ("uri", "reason", "similarity")}
            for member in members
            if not member["keep"]
        ],
    }
