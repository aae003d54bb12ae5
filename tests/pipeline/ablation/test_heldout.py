"""Which documents are held out, and what is not trained on for their sake."""

import io
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest

from pipeline.ablation.heldout import (
    CANDIDATES,
    ChooseHeldout,
    Documents,
    Draw,
    DrawHeldout,
    FindExcluded,
    JoinIdentities,
)


def chosen(n_bytes: int, *rows: tuple[str, str | None, int, int]) -> list[int]:
    """What is held out of candidates (source, language, bytes, order); a document's number is its
    place."""
    batch = pa.RecordBatch.from_pylist(
        [
            {
                "doc_id": bytes([number]) * 16,
                "source": source,
                "language": language,
                "n_bytes": size,
                "order": order,
            }
            for number, (source, language, size, order) in enumerate(rows)
        ],
        schema=CANDIDATES,
    )
    made = ChooseHeldout(n_bytes)(iter([batch]))
    table = pa.ipc.open_file(io.BytesIO(made)).read_all()
    return [doc_id[0] for doc_id in table["doc_id"].to_pylist()]


def test_sources_share_the_bytes_and_languages_take_turns() -> None:
    """The rare language of `code` comes before the second document of the frequent one."""
    rows = [
        ("code", "Go", 100, 3),
        ("code", "Go", 100, 1),
        ("code", "Go", 100, 2),
        ("code", "C", 100, 9),
        ("text", None, 60, 5),
        ("text", None, 60, 4),
    ]
    assert chosen(400, *rows) == [1, 3, 4, 5]
    assert chosen(600, *rows) == [1, 2, 3, 4, 5]


def test_a_document_that_does_not_fit_leaves_room_for_the_next() -> None:
    assert chosen(100, ("code", "C", 150, 1), ("code", "C", 90, 2)) == [1]


def test_redacted_long_and_empty_documents_are_not_candidates() -> None:
    """Redaction changed one variant's text and not the other's."""
    span = [{"start": 0, "end": 2, "kind": "EMAIL"}]
    rows = [
        {"doc_id": b"a" * 16, "kind": "page", "n_bytes": 10, "natural_language": "en", "spans": []},
        {
            "doc_id": b"b" * 16,
            "kind": "page",
            "n_bytes": 10,
            "natural_language": "en",
            "spans": span,
        },
        {"doc_id": b"c" * 16, "kind": "page", "n_bytes": 99, "natural_language": "en", "spans": []},
        {"doc_id": b"d" * 16, "kind": "page", "n_bytes": 0, "natural_language": "en", "spans": []},
    ]
    step = DrawHeldout(Draw("web", "document", seed=0, rate=1.0), document_bytes=50)
    [found] = step(iter([pa.RecordBatch.from_pylist(rows)]))
    assert found["doc_id"].to_pylist() == [b"a" * 16]
    assert found["source"].to_pylist() == ["natural"]


@dataclass(frozen=True)
class Identities:
    """The artefact of a set of documents."""

    content: bytes
    content_hash: str = ""

    def read(self) -> bytes:
        return self.content


def documents(*doc_ids: bytes) -> Documents:
    batch = pa.RecordBatch.from_pydict({"doc_id": pa.array(doc_ids, pa.binary(16))})
    return Documents(Identities(JoinIdentities()(iter([batch]))))


def excluded(draw: Draw, heldout: Documents, rows: list[dict[str, Any]]) -> list[bytes]:
    fixed = {name: pa.binary(16) for name in ("doc_id", "cluster")}
    schema = pa.schema([(name, fixed.get(name, pa.string())) for name in rows[0]])
    batch = pa.RecordBatch.from_pylist(rows, schema=schema)
    [found] = FindExcluded(draw, heldout)(iter([batch]))
    return found["doc_id"].to_pylist()


def files(repository: str, numbers: range, cluster: bytes | None = None) -> list[dict[str, Any]]:
    ids = [bytes([number]) * 16 for number in numbers]
    return [{"doc_id": one, "cluster": cluster or one, "repo": repository} for one in ids]


def test_a_drawn_repository_is_excluded_as_a_whole() -> None:
    """With the clusters that its held-out files have elsewhere; a repository is drawn by its name
    alone, so two runs of the same inputs draw the same ones."""
    names = [f"owner/{n}" for n in range(40)]
    draw = Draw("github", "repository", seed=0, rate=0.5)
    drawn = {name for name in names if draw.takes({"repo": name, "doc_id": b""})}
    assert 10 < len(drawn) < 30
    inside, outside = sorted(drawn)[0], next(name for name in names if name not in drawn)
    held = bytes([1]) * 16
    rows = [
        *files(inside, range(3)),
        *files(outside, range(3, 6)),
        *files(outside, range(6, 8), cluster=held),
    ]
    found = excluded(draw, documents(held), rows)
    assert [one[0] for one in found] == [0, 1, 2, 6, 7]


def test_of_a_drawn_document_only_the_cluster_is_excluded() -> None:
    """The other files of its repository are trained on."""
    held = bytes([1]) * 16
    rows = [*files("a/b", range(3)), *files("c/d", range(3, 5), cluster=held)]
    draw = Draw("github", "document", seed=0, rate=0.5)
    assert [one[0] for one in excluded(draw, documents(held), rows)] == [1, 3, 4]


@pytest.mark.parametrize("rate", [0.1, 0.4])
def test_the_share_of_repositories_drawn_is_the_rate(rate: float) -> None:
    draw = Draw("web", "repository", seed=3, rate=rate)
    n = sum(draw.takes({"domain": f"{number}.example"}) for number in range(4000))
    assert n / 4000 == pytest.approx(rate, abs=0.03)
