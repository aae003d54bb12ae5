"""How samples are cut, and in what proportion the models read the sources."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.ablation.heldout import Documents
from pipeline.ablation.options import AblationOptions, load_options
from pipeline.ablation.steps import CutSamples
from pipeline.ablation.variants import Variants
from pipeline.ablation.workflow import Side, mixture, sides_of, trainings
from stages.contract import Batches
from stages.emit.samples import TokenizeSamples
from stages.errors import ConfigError


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


class NoFile:
    """No document at all."""

    content_hash = ""

    def read(self) -> bytes:
        raise AssertionError("nothing here reads documents")


def variants(counts: dict[tuple[str, str], int]) -> Variants:
    rows = [
        {"variant": variant, "source": source, "tokens": tokens}
        for (variant, source), tokens in counts.items()
    ]
    fingerprints = {"rules": "r", "full": "f", "heldout": "h"}
    return Variants(Path("run/ablation"), rows, fingerprints, "", Documents(NoFile()))


def weights(side: Side, share: float = 0.5) -> dict[str, float]:
    return {name: source.weight for name, source in mixture(side, share).items()}


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
    rules, full = (weights(side, share) for side in sides_of([variants(BOTH)], AblationOptions()))
    assert rules == pytest.approx({"code": share * 0.75, "text": share / 4, "natural": 1 - share})
    web = 1 - share
    assert full == pytest.approx({"code": share, "code-web": web / 4, "natural": web * 0.75})


def test_a_corpus_alone_has_all_the_weight() -> None:
    made = variants({("rules", "code"): 3, ("rules", "text"): 1})
    assert weights(Side("rules", made, "rules")) == pytest.approx({"code": 0.75, "text": 0.25})


def test_every_seed_trains_one_model_a_variant_with_the_same_budget() -> None:
    """What a model is made from changes with the variant, the seed and the steps."""
    sides = sides_of([variants(BOTH)], AblationOptions())
    planned = list(trainings(sides, AblationOptions(steps=7)))
    names = [(one.side.name, one.seed) for one in planned]
    assert names == [(variant, seed) for seed in (0, 1, 2) for variant in ("rules", "full")]
    assert {one.config.n_steps * one.config.step_tokens for one in planned} == {7 * 4 * 256}
    longer = list(trainings(sides, AblationOptions(steps=8)))
    assert len({one.made_from for one in (*planned, *longer)}) == 12


def test_two_shard_sets_are_read_alone_and_as_long() -> None:
    """Each is all that its models see, whatever the shares of the corpora."""
    made = variants({("full", "code"): 30, ("full", "code-quality"): 10, ("full", "natural"): 9})
    options = AblationOptions(sets=("code", "code-quality"), code_share=0.2)
    sides = sides_of([made], options)
    assert [weights(side, options.code_share) for side in sides] == [
        {"code": 1.0},
        {"code-quality": 1.0},
    ]
    planned = list(trainings(sides, options))
    assert len({one.config.n_steps * one.config.step_tokens for one in planned}) == 1
    assert {str(one.folder.parent) for one in planned} == {
        "run/ablation/code",
        "run/ablation/code-quality",
    }


def test_a_set_that_the_run_lacks_is_named_with_those_it_has() -> None:
    made = variants({("full", "code"): 30, ("full", "text"): 9})
    sides = sides_of([made], AblationOptions(sets=("code", "code-quality")))
    with pytest.raises(ConfigError, match="no samples of 'code-quality'; it has code, text"):
        list(trainings(sides, AblationOptions()))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["sets=['code']"], "expected two shard sets"),
        (["sets=['code', 'code']"], "expected two shard sets"),
        (["sets=['code', 'text']", "against=other"], "ask for one of them"),
    ],
)
def test_a_comparison_has_two_sides(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_options(overrides)
