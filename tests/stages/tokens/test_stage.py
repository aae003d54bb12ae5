"""The map stage that keeps the documents' tokens."""

import pyarrow as pa
import pytest

from schemas.tokens import TOKEN_COLUMNS
from stages.contract import HasResources, MapStage
from stages.kernels.bpe.tokenizer import load_tokenizer, tokenizer_hash
from stages.tokens import stage as tokens_stage
from stages.tokens.options import TokensOptions
from stages.tokens.stage import TokensStage


def test_every_text_has_the_tokens_of_the_tokenizer() -> None:
    """Row for row, of a slice too; an empty text has none."""
    texts = pa.array(["before", "def f():\n", "", "一 é 😀"], pa.large_string()).slice(1)
    found = TokensStage(TokensOptions()).process(pa.record_batch({"text": texts}))
    assert found.schema == TOKEN_COLUMNS
    expected = [load_tokenizer().encode(text.encode()).tolist() for text in texts.to_pylist()]
    assert found["tokens"].to_pylist() == expected
    assert found["n_tokens"].to_pylist() == list(map(len, expected))
    assert expected[1] == []


def test_it_depends_on_the_tokenizer_and_on_no_option() -> None:
    """Whether a table is kept is no part of what is in it."""
    stage = TokensStage(TokensOptions(store="always"))
    assert isinstance(stage, MapStage)
    assert isinstance(stage, HasResources)
    assert stage.resources() == {"tokenizer": load_tokenizer().content_hash}
    assert stage.measured_with == frozenset()


def test_what_it_depends_on_is_said_without_a_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with nothing to do asks this and splits no text."""
    monkeypatch.delattr(tokens_stage, "load_tokenizer")
    assert TokensStage(TokensOptions()).resources() == {"tokenizer": tokenizer_hash("deepseek-v2")}
