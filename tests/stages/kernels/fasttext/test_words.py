"""White-space words against `bytes.split` and fastText's own reading."""

import random

import fasttext
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.kernels.fasttext.words import split_words
from stages.recall.classifier.zeroed import zeroed_allocations

PIECES = st.one_of(
    st.sampled_from([" ", "\t", "\n", "\v", "\f", "\r", "\0", "\u3000", "\xa0", "\u2028", "\x1f"]),
    st.text(max_size=6),
    st.sampled_from(["return", "数学", "Präzision", "🙂"]),
)


def fnv(word):
    """fastText's hash: `h ^= uint32_t(int8_t(byte)); h *= 16777619`."""
    value = 2166136261
    for byte in word:
        extended = byte | (0xFFFFFF00 if byte > 127 else 0)
        value = (value ^ extended) * 16777619 % 2**32
    return value


def words(text):
    """The words of one text, by Python."""
    return text.encode().replace(b"\0", b" ").split()


@given(st.lists(st.one_of(st.none(), st.lists(PIECES, max_size=12).map("".join)), max_size=6))
def test_words_are_those_of_bytes_split(texts):
    """Any text, any white space, nulls and slices: the same words in the same order."""
    expected = [[fnv(word) for word in words(text or "")] for text in texts]
    for kind in (pa.string(), pa.large_string()):
        array = pa.array(texts, kind)
        assert split_words(array).to_pylist() == expected
        assert split_words(array.slice(1)).to_pylist() == expected[1:]


def test_a_sentence_without_spaces_is_one_word():
    """Ideographic spaces and full stops part nothing, as in fastText."""
    (found,) = split_words(pa.array(["设矩阵可逆。\u3000则行列式不为零。"])).to_pylist()
    assert len(found) == 1


def test_fasttext_reads_the_same_words(tmp_path):
    """fastText's vocabulary of a file has as many distinct words, each as often."""
    random_ = random.Random(0)
    vocabulary = ["a", "bb", "数学", "é", "x\xa0y", "\u3000", "return"]
    spaces = [" ", "\t", "\v", "\f", "\r", "\0", "  "]
    text = "".join(random_.choice(vocabulary) + random_.choice(spaces) for _ in range(400))
    path = tmp_path / "words.txt"
    path.write_text(f"__label__a {text}\n", newline="")
    with zeroed_allocations():
        model = fasttext.train_supervised(
            str(path), dim=2, epoch=1, minCount=1, bucket=10, thread=1, verbose=0
        )
    found, counts = model.get_words(include_freq=True)
    expected = {fnv(word.encode()): int(n) for word, n in zip(found, counts, strict=True)}
    del expected[fnv(b"</s>")]
    (own,) = split_words(pa.array([text])).to_pylist()
    assert dict(zip(*np.unique(own, return_counts=True), strict=True)) == expected


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_a_text_without_words_has_none(text):
    """Not one empty word."""
    assert split_words(pa.array([text])).to_pylist() == [[]]
