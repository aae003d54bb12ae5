"""How well pages were recalled, against labels that a person made.

A page is positive for its `label` and for `also`. Left out: pages that are not `scorable` or are
`ambiguous`, and pages recall never judged (dropped before, such as duplicates, or never a
document); the latter are counted. Duplicates of a page in the labels' terms are rows of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.errors import InputError

Flags = npt.NDArray[np.bool_]

KEYS = (("doc_id",), ("warc", "offset"), ("url",))
"""Ways a label names its page, the first that the labels have."""
DOCUMENT_COLUMN = {"offset": "warc_offset"}

METRICS = pa.schema(
    [
        pa.field("target", pa.string(), nullable=False),
        pa.field("by", pa.string(), nullable=False),
        pa.field("value", pa.string()),
        pa.field("n_pages", pa.int64(), nullable=False),
        pa.field("n_positives", pa.int64(), nullable=False),
        pa.field("n_recalled", pa.int64(), nullable=False),
        pa.field("n_correct", pa.int64(), nullable=False),
        pa.field("precision", pa.float64()),
        pa.field("recall", pa.float64()),
        pa.field("f1", pa.float64()),
    ]
)
"""`by` is `all`, `natural_language` or `domain`; a ratio whose denominator is 0 is null."""


@dataclass(frozen=True)
class Evaluation:
    """`metrics` has the columns of `METRICS`; `n_unjudged` labels had no verdict to compare."""

    metrics: pa.Table
    n_judged: int
    n_unjudged: int


def evaluate(recall: pa.Table, documents: pa.Table, labels: pa.Table) -> Evaluation:
    """Compare a recall table with labels. `documents` are the rows beside it, with `doc_id`,
    `domain`, and the columns by which the labels name pages."""
    labels = _scorable(labels)
    places = _places(documents, labels)
    judged_rows = pc.is_valid(recall["keep"]).to_numpy(zero_copy_only=False)
    found = places >= 0
    found[found] = judged_rows[places[found]]
    labels, places = labels.filter(pa.array(found)), places[found]
    rows = pa.array(places)

    answers = recall["recalled"].take(rows).to_pylist()
    labelled = _labelled(labels)
    targets = sorted(
        name.removeprefix("score_") for name in recall.schema.names if name.startswith("score_")
    )
    languages = labels if "natural_language" in labels.schema.names else documents.take(rows)
    groups = {
        "all": np.zeros(len(rows), np.object_),
        "natural_language": _strings(languages, "natural_language", len(rows)),
        "domain": _strings(documents.take(rows), "domain", len(rows)),
    }
    lines = [
        line
        for target in targets
        for line in _count(
            target,
            np.array([target in names for names in labelled], np.bool_),
            np.array([target in (names or ()) for names in answers], np.bool_),
            groups,
        )
    ]
    return Evaluation(
        pa.Table.from_pylist(lines, schema=METRICS), int(found.sum()), int((~found).sum())
    )


def _count(
    target: str, positive: Flags, recalled: Flags, groups: dict[str, npt.NDArray[np.object_]]
) -> Iterator[dict[str, object]]:
    for by, values in groups.items():
        keys = values.astype(str)
        for key in np.unique(keys):
            chosen = keys == key
            n_positives = int(positive[chosen].sum())
            n_recalled = int(recalled[chosen].sum())
            n_correct = int((positive & recalled)[chosen].sum())
            yield {
                "target": target,
                "by": by,
                "value": None if by == "all" else str(key),
                "n_pages": int(chosen.sum()),
                "n_positives": n_positives,
                "n_recalled": n_recalled,
                "n_correct": n_correct,
                "precision": n_correct / n_recalled if n_recalled else None,
                "recall": n_correct / n_positives if n_positives else None,
                "f1": 2 * n_correct / (n_positives + n_recalled)
                if n_positives + n_recalled
                else None,
            }


def _scorable(labels: pa.Table) -> pa.Table:
    if "label" not in labels.schema.names:
        raise InputError("labels need a column `label`")
    if "scorable" in labels.schema.names:
        labels = labels.filter(pc.fill_null(labels["scorable"], True))
    if "ambiguous" in labels.schema.names:
        labels = labels.filter(pc.invert(pc.fill_null(labels["ambiguous"], False)))
    return labels


def _places(documents: pa.Table, labels: pa.Table) -> npt.NDArray[np.int64]:
    """The row of each label's page in `documents`, or -1."""
    for key in KEYS:
        if set(key) <= set(labels.schema.names):
            columns = [DOCUMENT_COLUMN.get(name, name) for name in key]
            rows = {
                identity: row
                for row, identity in enumerate(
                    zip(*(documents[name].to_pylist() for name in columns), strict=True)
                )
            }
            wanted = zip(*(labels[name].to_pylist() for name in key), strict=True)
            return np.array([rows.get(identity, -1) for identity in wanted], np.int64)
    raise InputError("labels name no pages: they need `doc_id`, or `warc` and `offset`, or `url`")


def _labelled(labels: pa.Table) -> list[tuple[str | None, ...]]:
    columns = [
        labels[name].to_pylist() for name in ("label", "also") if name in labels.schema.names
    ]
    return list(zip(*columns, strict=True))


def _strings(table: pa.Table, name: str, n: int) -> npt.NDArray[np.object_]:
    if name not in table.schema.names:
        return np.full(n, "", np.object_)
    return np.array([value or "" for value in table[name].to_pylist()], np.object_)
