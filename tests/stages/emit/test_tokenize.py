import pyarrow as pa

from schemas.columns import column
from stages.contract import MapStage
from stages.emit.options import TokenizeOptions
from stages.emit.tokenize import TokenizeStage
from stages.kernels.bpe.tokenizer import load_tokenizer


def tokenised(texts: list[str | None], **options: str) -> list[dict[str, object]]:
    stage = TokenizeStage(TokenizeOptions(**options))
    assert isinstance(stage, MapStage)
    batch = pa.RecordBatch.from_arrays(
        [pa.array(texts, pa.large_string())],
        schema=pa.schema([column("text", pa.large_string(), "")]),
    )
    rows: list[dict[str, object]] = stage.process(batch).to_pylist()
    return rows


def test_a_text_becomes_its_tokens_alone() -> None:
    """No begin or end token unless asked; null has neither tokens nor a count."""
    hello = load_tokenizer().encode(b"hello world").tolist()
    assert tokenised(["hello world", "", None]) == [
        {"tokens": hello, "n_tokens": len(hello)},
        {"tokens": [], "n_tokens": 0},
        {"tokens": None, "n_tokens": None},
    ]


def test_begin_and_end_tokens_are_added_by_name() -> None:
    """The tokens named in the options stand around every text."""
    rows = tokenised(
        ["a", None, ""], begin_token="<｜begin▁of▁sentence｜>", end_token="<｜end▁of▁sentence｜>"
    )
    (a,) = load_tokenizer().encode(b"a").tolist()
    assert [row["tokens"] for row in rows] == [[100_000, a, 100_001], None, [100_000, 100_001]]
    assert [row["n_tokens"] for row in rows] == [3, None, 2]
