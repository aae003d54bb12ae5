import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.errors import ConfigError
from stages.kernels.bpe import BOUNDARY, PIECE_BYTES, Tokenizer, cut, load_tokenizer, tokenizer_json

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
SPECIAL = "<｜begin▁of▁sentence｜>int main(){}<｜end▁of▁sentence｜>\n<｜User｜>"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer()


@lru_cache(maxsize=1)
def reference() -> tokenizers.Tokenizer:
    loaded = tokenizers.Tokenizer.from_str(tokenizer_json("deepseek-v2").decode())
    loaded.encode_special_tokens = True
    return loaded


@pytest.fixture(scope="module")
def oracle() -> tokenizers.Tokenizer:
    return reference()


def real_files() -> Iterator[str]:
    for archive in sorted((DATA / "github").glob("*.tar.gz")):
        with tarfile.open(archive) as tar:
            members = [m for m in tar if m.isfile() and m.size < 20_000]
            for member in members[::12]:
                content = tar.extractfile(member)
                assert content is not None
                try:
                    yield content.read().decode()
                except UnicodeDecodeError:
                    continue


def expected(oracle: tokenizers.Tokenizer, text: str) -> list[int]:
    return oracle.encode(text, add_special_tokens=False).ids


def test_ids_equal_those_of_tokenizers_on_real_files(
    tokenizer: Tokenizer, oracle: tokenizers.Tokenizer
) -> None:
    """On files of 22 repositories the ids are those of Hugging Face tokenizers."""
    if not DATA.exists():
        pytest.skip("no real data beside the repository")
    texts = list(real_files())
    encoded = tokenizer.encode_batch(pa.array(texts, pa.large_string()))
    assert len(texts) > 150
    for text, ids in zip(texts, encoded.to_pylist(), strict=True):
        assert ids == expected(oracle, text)


@settings(max_examples=200, deadline=None)
@given(
    st.text(
        st.one_of(
            st.characters(exclude_categories=["Cs"]),
            st.sampled_from(" \t\r\n\u000b\u000c\u0085\u00a0\u2028\u3000\ufeff\0ab09_+(´μé一가…"),
        )
    )
)
def test_ids_equal_those_of_tokenizers_on_any_text(text: str) -> None:
    """Any Unicode text has the ids that Hugging Face tokenizers gives it, and decodes to itself."""
    ids = load_tokenizer().encode(text.encode())
    assert ids.tolist() == expected(reference(), text)
    assert load_tokenizer().decode(ids) == text


def test_special_tokens_are_text(tokenizer: Tokenizer, oracle: tokenizers.Tokenizer) -> None:
    """A document that quotes special tokens gets no special id, and decodes to itself."""
    ids = tokenizer.encode(SPECIAL.encode())
    assert ids.max() < 100_000
    assert ids.tolist() == expected(oracle, SPECIAL)
    assert tokenizer.decode(ids) == SPECIAL


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        st.one_of(
            st.sampled_from("aZ09 \t\r\n(_-~'é一́ⅷ\u00a0😀"),
            st.characters(exclude_categories=["Cs"]),
        )
    )
)
def test_no_token_reaches_across_a_boundary(text: str) -> None:
    """Cut at every boundary there is, a text has the tokens that Hugging Face gives the whole."""
    data = text.encode()
    ends = [*(match.end() for match in BOUNDARY.finditer(data)), len(data)]
    pieces = [data[start:end].decode() for start, end in pairwise([0, *ends])]
    assert [i for piece in pieces for i in expected(reference(), piece)] == (
        expected(reference(), text)
    )


@given(st.binary(), st.integers(1, 9))
def test_cutting_loses_nothing(data: bytes, limit: int) -> None:
    """Pieces join to the text; one above the limit has no boundary before its end."""
    pieces = cut(data, limit)
    assert b"".join(pieces) == data
    start = 0
    for piece in pieces:
        inner = [match.end() for match in BOUNDARY.finditer(data, start + 1, start + len(piece))]
        assert len(piece) <= limit or not [end for end in inner if limit < end - start < len(piece)]
        start += len(piece)


@pytest.mark.parametrize(
    "text",
    [
        "x = 1  \r\n\r\n\t" * (PIECE_BYTES // 6),
        "a" * (PIECE_BYTES * 2) + "\n" + " " * PIECE_BYTES + "\nend",
        "\n" * (PIECE_BYTES + 1),
        "word " * (PIECE_BYTES // 2),
        "f(a12,'b')+é;" * (PIECE_BYTES // 4),
    ],
)
def test_a_long_text_has_the_ids_of_the_whole(
    tokenizer: Tokenizer, oracle: tokenizers.Tokenizer, text: str
) -> None:
    """A text of many pieces has the ids of the whole text."""
    assert tokenizer.encode(text.encode()).tolist() == expected(oracle, text)


def test_a_forked_child_can_encode() -> None:
    """After long texts in the parent a forked child still encodes: nothing waits for a thread."""
    long = (b"int main() { return 0; }\n" + b"f(a12,'b')+;" * 7) * (PIECE_BYTES // 20)
    script = (
        "import os, sys; from stages.kernels.bpe import load_tokenizer; t = load_tokenizer();"
        "long = sys.stdin.buffer.read(); t.encode(long); child = os.fork();\n"
        "if child == 0: os._exit(len(t.encode(long)) == 0)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    finished = subprocess.run([sys.executable, "-c", script], input=long, timeout=30, check=False)
    assert finished.returncode == 0


def test_a_batch_keeps_rows_slices_and_nulls(tokenizer: Tokenizer) -> None:
    """Slices are honoured, empty texts have no tokens, a null stays null."""
    texts = pa.array(["zero", "one", "", None, "four"]).slice(1)
    encoded = tokenizer.encode_batch(texts)
    assert encoded.type == pa.list_(pa.uint32())
    rows = encoded.to_pylist()
    assert [row if row is None else tokenizer.decode(np.array(row)) for row in rows] == [
        "one",
        "",
        None,
        "four",
    ]


def test_tokens_that_are_no_utf8_alone_decode_to_replacements(tokenizer: Tokenizer) -> None:
    """Half a character decodes to U+FFFD instead of failing."""
    ids = tokenizer.encode("🏴".encode())
    assert "\ufffd" in tokenizer.decode(ids[:1])


def test_the_vocabulary_is_that_of_deepseek_v2(tokenizer: Tokenizer) -> None:
    """100,000 entries and two special tokens; the hash is that of the file's bytes."""
    assert tokenizer.vocabulary_size == 100_002
    assert len(tokenizer.content_hash) == 32
    assert json.loads(tokenizer.tokenizer_json)["model"]["type"] == "BPE"
    assert tokenizer.token_id("<｜end▁of▁sentence｜>") == 100_001


def test_another_tokenizer_works_by_path(tmp_path: Path) -> None:
    """A trained byte-level tokenizer.json is used by path, whole texts where lines may join."""
    trained = tokenizers.Tokenizer(tokenizers.models.BPE())
    trained.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400,
        show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    trained.train_from_iterator(["for i in range(10):\n\n\n    print(i)\n"] * 10, trainer)
    trained.save(str(tmp_path / "tokenizer.json"))
    text = "for j in range(9):\n\n\n" * 6000
    ours = Tokenizer(str(tmp_path))
    assert ours.encode(text.encode()).tolist() == trained.encode(text).ids
    assert ours.decode(ours.encode(text.encode())) == text


def test_a_tokenizer_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message names the tokenizer; a wrong file and a differing hash are refused alike."""
    with pytest.raises(ConfigError, match="deepseek-v9"):
        Tokenizer("deepseek-v9")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ConfigError, match="no usable"):
        Tokenizer(str(tmp_path))
    with pytest.raises(ConfigError, match="differs between machines"):
        load_tokenizer("deepseek-v2", "0" * 32)
