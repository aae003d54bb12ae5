import json
import random
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
from stages.kernels.bpe.tokenizer import (
    Tokenizer,
    load_tokenizer,
    tokenizer_json,
)
from stages.kernels.line_comments import comment_table

DATA = Path(__file__).resolve().parents[4] / ".." / "shared" / "data"
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
            for member in members[::24]:
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
    assert len(texts) > 75
    for text, ids in zip(texts, encoded.to_pylist(), strict=True):
        assert ids == expected(oracle, text)


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        st.one_of(
            st.characters(exclude_categories=["Cs"]),
            st.sampled_from(" \t\r\n\x0b\x0c\x85\xa0\u2028\u3000\ufeff\0\x7fab09_+(´μé一가…"),
            st.sampled_from("aZ09 \t\r\n(_-~'é一\u0301ⅷ\xa0\u3000。Ａ！😀𐐀"),
        )
    )
)
def test_ids_equal_those_of_tokenizers_on_any_text(text: str) -> None:
    """Any Unicode text has the ids that Hugging Face tokenizers gives it, and decodes to itself."""
    ids = load_tokenizer().encode(text.encode())
    assert ids.tolist() == expected(reference(), text)
    assert load_tokenizer().decode(ids) == text


ANY_TEXT = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("aZ09 \t\r\n\x0b\x85\xa0\u2028\u3000(_-~'é一\u0301ⅷ。😀"),
    )
)


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT, ANY_TEXT, st.sampled_from("\n\r"))
def test_a_line_end_parts_tokens(before: str, after: str, end: str) -> None:
    """Whatever stands around it, by the reference and here: emit relies on it."""
    assert load_tokenizer().parts_at_line_ends
    for encode in (
        lambda text: expected(reference(), text),
        lambda text: load_tokenizer().encode(text.encode()).tolist(),
    ):
        assert encode(before + end + after) == encode(before + end) + encode(after)


def test_path_comments_part_from_real_files(oracle: tokenizers.Tokenizer) -> None:
    """Of every syntax of comments, by the reference."""
    if not DATA.exists():
        pytest.skip("no real data beside the repository")
    table = comment_table()
    comments = {one.line("src/a b/é.py") for one in (*table.by_language.values(), table.default)}
    assert all(comment.endswith("\n") for comment in comments)
    for text in list(real_files())[::16]:
        ids = expected(oracle, text)
        for comment in comments:
            assert expected(oracle, comment + text) == expected(oracle, comment) + ids


CONTEXTS = "a{0}b {0}(1{0} {0}\u3000\u00e9{0} .{0}{0}\u4e00{0}1"


def test_every_class_of_characters_is_the_librarys(
    tokenizer: Tokenizer, oracle: tokenizers.Tokenizer
) -> None:
    """Lines of one character each beside all other kinds: every 97th of all planes, and all of
    the blocks that scripts, punctuation and numbers begin with."""
    check_characters(
        tokenizer,
        oracle,
        [
            *range(0x500),
            *range(0x1F00, 0x2200),
            *range(0xFF00, 0xFFF0),
            *range(0x2CE0, 0x3030),
            *range(0, 0x110000, 97),
        ],
    )


@pytest.mark.slow
def test_all_characters(tokenizer: Tokenizer, oracle: tokenizers.Tokenizer) -> None:
    """The same of all 1.1 million code points."""
    check_characters(tokenizer, oracle, [*range(0x110000)])


def check_characters(tokenizer: Tokenizer, oracle: tokenizers.Tokenizer, points: list[int]) -> None:
    texts = [CONTEXTS.format(chr(one)) for one in points if not 0xD800 <= one < 0xE000]
    for text, ids in zip(texts, tokenizer.encode_batch(pa.array(texts)).to_pylist(), strict=True):
        assert ids == expected(oracle, text), ascii(text)


def test_special_tokens_are_text(tokenizer: Tokenizer, oracle: tokenizers.Tokenizer) -> None:
    """A document that quotes special tokens gets no special id, and decodes to itself."""
    ids = tokenizer.encode(SPECIAL.encode())
    assert ids.max() < 100_000
    assert ids.tolist() == expected(oracle, SPECIAL)
    assert tokenizer.decode(ids) == SPECIAL


def letters(n: int, seed: int) -> str:
    return "".join(random.Random(seed).choices("etaoinshrdlu", k=n))


@pytest.mark.parametrize(
    "text",
    [
        "a" * 5_000,
        *(letters(size, size) for size in (15, 16, 17, 95, 96, 97, 254, 255, 256, 4_000)),
        "=" * 300 + "-" * 300 + " " * 3_000 + "x",
        "\t" * 1_000,
        "\u4e2d\u6587" * 1_000,
        "\u00e9" * 301 + "e" * 301,
        "\u3000" * 500 + "x",
        letters(20, 1) + "\n" + letters(20, 1) + letters(3, 2),
        "x = 1  \r\n\r\n\t" * 100,
    ],
    ids=lambda text: f"{text[:3]!a}-{len(text)}",
)
def test_long_words_have_the_ids_of_tokenizers(
    tokenizer: Tokenizer, oracle: tokenizers.Tokenizer, text: str
) -> None:
    """On both sides of what is cached, searched and kept in a heap; a second time, too."""
    assert tokenizer.encode(text.encode()).tolist() == expected(oracle, text)
    assert tokenizer.encode(text.encode()).tolist() == expected(oracle, text)


def test_a_word_of_megabytes_takes_no_quadratic_time(tokenizer: Tokenizer) -> None:
    """Two MiB of one letter, which are one word: merged by searching they would take an hour."""
    ids = tokenizer.encode(b"a" * (2 << 20))
    assert tokenizer.decode(ids) == "a" * (2 << 20)


def test_more_words_than_are_remembered(tokenizer: Tokenizer) -> None:
    """What stood before changes nothing: a text of 400,000 different words has the ids of its
    parts, each with a memory of its own."""
    choose = random.Random(0)
    words = {"".join(choose.choices("abcdefghijklmnop", k=5)) for _ in range(400_000)}
    text = " ".join(sorted(words)).encode()
    cuts = [0, *(text.index(b" ", at) for at in range(1 << 20, len(text), 1 << 20)), len(text)]
    parts = [Tokenizer().encode(text[start:end]) for start, end in pairwise(cuts)]
    assert len(words) > 300_000
    assert np.array_equal(tokenizer.encode(text), np.concatenate(parts))


def test_a_forked_child_can_encode() -> None:
    """After a text in the parent a forked child still encodes: nothing waits for a thread."""
    script = (
        "import os, sys; from stages.kernels.bpe.tokenizer import load_tokenizer;\n"
        "t = load_tokenizer(); long = b'int main() { return 0; }' * 9999; t.encode(long)\n"
        "if (child := os.fork()) == 0: os._exit(len(t.encode(long)) == 0)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == 0


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


@pytest.mark.parametrize("text", [b"a\xff", b"\xe4\xb8", b"\xed\xa0\x80", b"\xf0\x9f"])
def test_what_is_no_utf8_is_refused(tokenizer: Tokenizer, text: bytes) -> None:
    """A kernel would read behind the end of a character that is cut."""
    with pytest.raises(UnicodeDecodeError):
        tokenizer.encode(text)


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
    assert not ours.parts_at_line_ends
    before, after = (ours.encode(part).tolist() for part in (b"):\n", b"\n\n  x"))
    assert ours.encode(b"):\n\n\n  x").tolist() != before + after


def test_a_tokenizer_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message names the tokenizer; a wrong file and a differing hash are refused alike."""
    with pytest.raises(ConfigError, match="deepseek-v9"):
        Tokenizer("deepseek-v9")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ConfigError, match="no usable"):
        Tokenizer(str(tmp_path))
    with pytest.raises(ConfigError, match="differs between machines"):
        load_tokenizer("deepseek-v2", "0" * 32)
