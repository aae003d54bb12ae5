"""Which documents are held out, and in what proportion the models read the sources."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.ablation.options import AblationOptions
from pipeline.ablation.steps import CANDIDATES, ChooseHeldout, CutSamples, DrawHeldout
from pipeline.ablation.variants import Variants
from pipeline.ablation.workflow import mixture, trainings
from stages.contract import Batches
from stages.emit.samples import TokenizeSamples


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
    step = DrawHeldout("web", seed=0, rate=1.0, document_bytes=50)
    [found] = step(iter([pa.RecordBatch.from_pylist(rows)]))
    assert found["doc_id"].to_pylist() == [b"a" * 16]
    assert found["source"].to_pylist() == ["natural"]


@dataclass(frozen=True)
class Made:
    """Stands for the step before a cut: samples as they are."""

    samples: pa.RecordBatch
    tokenize: TokenizeSamples

    @property
    def schema(self) -> pa.Schema:
        return self.samples.schema

    def __call__(self, batches: Batches) -> Batches:
        yield self.samples


def cut(max_tokens: int, *lengths: tuple[int, ...]) -> list[dict[str, Any]]:
    """The rows of samples (each the lengths of its parts), whose tokens count up from 0."""
    rows, first = [], 0
    for number, sizes in enumerate(lengths):
        starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
        n_tokens = starts.pop()
        rows.append(
            {
                "partition": 0,
                "order": 0,
                "sample_id": bytes([number]) * 16,
                "source": "code",
                "split": "train",
                "tokens": list(range(first, first + n_tokens)),
                "n_tokens": n_tokens,
                "parts": [
                    {"doc_id": bytes([i]) * 16, "uri": "u", "start": start, "n_tokens": size}
                    for i, (start, size) in enumerate(zip(starts, sizes, strict=True))
                ],
            }
        )
        first += n_tokens
    schema = pa.schema([pa.field("partition", pa.uint32()), *TokenizeSamples.schema])
    tokenize = TokenizeSamples("github", ("code", "text"), "", "", 0, 0.0, True, "", ())
    made = Made(pa.RecordBatch.from_pylist(rows, schema=schema), tokenize)
    [batch] = CutSamples(made, max_tokens)(iter([]))
    assert batch.schema == schema
    return batch.to_pylist()


def test_long_samples_become_rows_that_join_to_what_they_were() -> None:
    """Each with an identity and a place of its own; short ones stay as they are."""
    rows = cut(4, (3,), (9,), (4,))
    assert [row["n_tokens"] for row in rows] == [3, 4, 4, 1, 4]
    assert [token for row in rows for token in row["tokens"]] == list(range(16))
    assert len({row["sample_id"] for row in rows}) == 5
    assert (rows[0]["sample_id"], rows[0]["order"]) == (b"\0" * 16, 0)
    assert len({row["order"] for row in rows[1:4]}) == 3
    assert all(row["partition"] == row["order"] >> 56 for row in rows)


def test_a_row_has_the_parts_that_lie_in_it() -> None:
    """Their starts and lengths are the row's."""
    rows = cut(5, (2, 6, 4))
    found = [
        [(part["doc_id"][0], part["start"], part["n_tokens"]) for part in row["parts"]]
        for row in rows
    ]
    assert found == [[(0, 0, 2), (1, 2, 3)], [(1, 0, 3), (2, 3, 2)], [(2, 0, 2)]]


def test_nothing_is_cut_where_that_was_not_asked_for() -> None:
    assert [row["n_tokens"] for row in cut(0, (9,))] == [9]


def variants(counts: dict[tuple[str, str], int]) -> Variants:
    rows = [
        {"variant": variant, "source": source, "tokens": tokens}
        for (variant, source), tokens in counts.items()
    ]
    fingerprints = {"rules": "r", "full": "f", "heldout": "h"}
    return Variants(Path("run/ablation"), rows, fingerprints)


BOTH = {
    ("rules", "code"): 300,
    ("rules", "text"): 100,
    ("rules", "natural"): 5000,
    ("full", "code"): 30,
    ("full", "code-web"): 10,
    ("full", "natural"): 30,
    ("heldout", "math-web"): 7,
}


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_github_and_the_web_have_the_same_share_in_both_variants(share: float) -> None:
    """Within each, a source weighs as many tokens as it has."""
    made = variants(BOTH)
    rules = {name: one.weight for name, one in mixture(made, "rules", share).items()}
    full = {name: one.weight for name, one in mixture(made, "full", share).items()}
    assert rules == pytest.approx({"code": share * 0.75, "text": share / 4, "natural": 1 - share})
    web = 1 - share
    assert full == pytest.approx({"code": share, "code-web": web / 4, "natural": web * 0.75})


def test_a_corpus_alone_has_all_the_weight() -> None:
    made = variants({("rules", "code"): 3, ("rules", "text"): 1})
    weights = {name: one.weight for name, one in mixture(made, "rules", 0.5).items()}
    assert weights == pytest.approx({"code": 0.75, "text": 0.25})


def test_every_seed_trains_one_model_a_variant_with_the_same_budget() -> None:
    """What a model is made from changes with the variant, the seed and the steps."""
    planned = list(trainings(variants(BOTH), AblationOptions(steps=7)))
    names = [(one.variant, one.seed) for one in planned]
    assert names == [(variant, seed) for seed in (0, 1, 2) for variant in ("rules", "full")]
    assert {one.config.n_steps * one.config.step_tokens for one in planned} == {7 * 4 * 256}
    longer = list(trainings(variants(BOTH), AblationOptions(steps=8)))
    assert len({one.made_from for one in (*planned, *longer)}) == 12
