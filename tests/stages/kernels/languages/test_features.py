"""What a text's features are, against regular expressions."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stages.kernels.arrow import Bytes
from stages.kernels.languages.features import (
    BYTE_CLASSES,
    PER_BYTE,
    distinct_features,
    hash_features,
)

TOKEN = re.compile(
    rb"[0-9](?:[0-9A-Za-z_\x80-\xff]|\.(?=[0-9]))*|[0-9A-Za-z_\x80-\xff]+|([^\s\w])\1{0,3}"
)


def hashes(text: bytes, limit: int | None = None) -> list[int]:
    out = np.empty(PER_BYTE * len(text) + 1, np.uint32)
    data: Bytes = np.frombuffer(text, np.uint8)
    n = hash_features(data, 0, len(text) if limit is None else limit, BYTE_CLASSES, out)
    return out[:n].tolist()


def described(text: bytes) -> list[object]:
    """The same features, as tuples that say what they are."""
    found: list[object] = []
    before: list[object] = ["", ""]
    shapes: list[object] = []
    for line in re.split(rb"[\r\n]", text):
        tokens = [match[0] for match in TOKEN.finditer(re.sub(rb"[\x00-\x20]", b" ", line))]
        first = None
        for place, token in enumerate(tokens):
            kind = "number" if token[:1].isdigit() else "word" if token[:1].isalnum() else token
            kind = "word" if token[0] >= 128 or token[:1] == b"_" else kind
            name = "number" if kind == "number" else token
            shapes.append(kind)
            found += [(2, name), (3, name, before[-1]), (4, name, before[-1], before[-2])]
            found += [(5, *shapes[-3:]), (6, *shapes[-5:])]
            if place == 0:
                found += [(7, name), (8 + (line[:1] <= b" "), name)]
                first = name
            elif place == 1:
                found.append((10, name, first))
            before.append(name)
        if tokens:
            found.append((1, before[-1]))
            shapes.append("end")
            before.append("end of line")
    return found


ALPHABET = st.sampled_from(list(b'ab_1.0 \t\n\r(-="#\xc3\xa9'))


@given(st.lists(ALPHABET, max_size=40).map(bytes))
def test_two_features_are_one_exactly_if_they_say_the_same(text: bytes) -> None:
    """Hashes repeat where what they stand for repeats, and nowhere else."""
    found, wanted = hashes(text), described(text)
    assert len(found) == len(wanted)
    names = [wanted.index(one) for one in wanted]
    assert [found.index(one) for one in found] == names


def test_features_stop_at_the_limit() -> None:
    """A cut text has the features of its beginning."""
    assert hashes(b"if x:\n    pass", limit=5) == hashes(b"if x:")


def test_distinct_features_are_counted() -> None:
    """Every feature once, in order, with how often it occurs; texts apart, each cut."""
    texts = [b"a a\na a\n", b"", b"a bcdefgh"]
    offsets = np.cumsum([0, *map(len, texts)])
    data: Bytes = np.frombuffer(b"".join(texts), np.uint8)
    ends, found, counts = distinct_features(offsets, data, 8)
    for place, text in enumerate(texts):
        part = slice(ends[place], ends[place + 1])
        values, repeats = np.unique(hashes(text[:8]), return_counts=True)
        assert found[part].tolist() == values.tolist()
        assert counts[part].tolist() == repeats.tolist()
