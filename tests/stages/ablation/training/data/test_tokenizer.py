"""The tiny tokenizer: small, lossless, deterministic, and read alike by both libraries."""

import pyarrow as pa
import pytest
import tokenizers

from stages.ablation.training.data.tokenizer import SPECIAL_TOKENS, TEXTS, TrainTokenizer
from stages.errors import ConfigError
from stages.kernels.bpe.tokenizer import Tokenizer, tokenizer_json

SAMPLE = [
    "def add(first, second):\n    return first + second\n" * 3,
    "for i in range(1024):\r\n\tprint(i)\n",
    "学习数学，∑ x² = 14.\n",
]


def trained(texts: list[str]) -> bytes:
    batches = [pa.RecordBatch.from_pydict({"text": [text]}, schema=TEXTS) for text in texts]
    step = TrainTokenizer("deepseek-v2", "", vocabulary_size=300)
    return step(iter(batches[:1]), iter(batches[1:]))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tiny") / "tokenizer.json"
    path.write_bytes(trained(SAMPLE))
    return str(path)


def test_the_special_tokens_come_first_and_the_size_is_as_asked(path: str) -> None:
    tiny = Tokenizer(path)
    assert [tiny.token_id(token) for token in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]
    assert tiny.vocabulary_size == 300


def test_every_text_comes_back(path: str) -> None:
    """All 256 bytes are in the vocabulary, so no text is foreign."""
    tiny = Tokenizer(path)
    for text in [*SAMPLE, "\0\x7f🎉 ไทย\u2028", ""]:
        assert tiny.decode(tiny.encode(text.encode())) == text


def test_both_libraries_read_the_same_ids(path: str) -> None:
    """A document that quotes a special token has no special token."""
    tiny, peer = Tokenizer(path), tokenizers.Tokenizer.from_file(path)
    peer.encode_special_tokens = True
    for text in [*SAMPLE, f"quoted {SPECIAL_TOKENS[1]} here"]:
        ids = tiny.encode(text.encode()).tolist()
        assert ids == peer.encode(text, add_special_tokens=False).ids
        assert not set(ids) & set(range(len(SPECIAL_TOKENS)))


def test_training_is_deterministic() -> None:
    assert trained(SAMPLE) == trained(SAMPLE)


def test_it_splits_as_the_run_s_tokenizer() -> None:
    """So long texts can be cut at the same places."""
    tiny = tokenizers.Tokenizer.from_str(trained(SAMPLE).decode())
    base = tokenizers.Tokenizer.from_str(tokenizer_json("deepseek-v2").decode())
    text = "x = 1234 + foo_bar  \n\n# 注释 here"
    assert tiny.pre_tokenizer is not None
    assert base.pre_tokenizer is not None
    assert tiny.pre_tokenizer.pre_tokenize_str(text) == base.pre_tokenizer.pre_tokenize_str(text)


def test_a_base_that_is_no_bpe_is_refused(tmp_path) -> None:
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, unk_token="a"))
    words.save(str(tmp_path / "words.json"))
    with pytest.raises(ConfigError, match=r"words\.json"):
        TrainTokenizer(str(tmp_path / "words.json"), "")()
