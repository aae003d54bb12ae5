"""Tokenizers of other families than DeepSeek-V2's, against Hugging Face tokenizers."""

import json
import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.kernels.bpe.families import family_of
from stages.kernels.bpe.library import FastokensEngine, TokenizersEngine
from stages.kernels.bpe.model import KernelEngine
from stages.kernels.bpe.tokenizer import Tokenizer
from tests.stages.kernels.bpe.family_vocabularies import (
    ANY_TEXT,
    NAMES,
    described,
    expected,
    family,
    reference,
)
from tests.stages.kernels.bpe.test_tokenizer import DATA, letters, real_files

CONTEXTS = "a{0}b {0}(1{0}Ab{0}C{0} {0}\u3000\u00e9{0}\u30fc{0}'{0}e .{0}{0}\u4e00{0}1\n{0}\n/"


@lru_cache
def engine(name: str) -> KernelEngine:
    return KernelEngine(described(name))


def ids_of(served: Any, text: str) -> list[int]:
    ids: list[int] = served.encode(pa.array([text], pa.large_string()))[1].tolist()
    return ids


def saved(tmp_path: Path, document: dict[str, Any]) -> Tokenizer:
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    return Tokenizer(str(tmp_path))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(NAMES), ANY_TEXT)
def test_ids_equal_those_of_tokenizers_on_any_text(name: str, text: str) -> None:
    """Of every family; and where nothing is normalised they decode to the text."""
    ids = ids_of(engine(name), text)
    assert ids == expected(name, text)
    if name != "Qwen2":
        assert engine(name).decode(np.array(ids, np.uint32)) == text


@pytest.mark.parametrize("name", NAMES)
def test_every_class_of_characters_is_the_librarys(name: str) -> None:
    """Every 997th of all planes, and the blocks that scripts and punctuation begin with."""
    blocks = (range(0x300), range(0x2FF0, 0x3100), range(0xFF00, 0xFFF0, 3))
    check_characters(name, [*(one for block in blocks for one in block), *range(0, 0x110000, 997)])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_all_characters(name: str) -> None:
    """The same of all 1.1 million code points."""
    check_characters(name, [*range(0x110000)])


def check_characters(name: str, points: list[int]) -> None:
    texts = [CONTEXTS.format(chr(one)) for one in points if not 0xD800 <= one < 0xE000]
    offsets, ids = engine(name).encode(pa.array(texts, pa.large_string()))
    for row, text in enumerate(texts):
        assert ids[offsets[row] : offsets[row + 1]].tolist() == expected(name, text), ascii(text)


@pytest.mark.parametrize("name", NAMES)
def test_real_files(name: str) -> None:
    """Files of 22 repositories, and pages in Chinese."""
    if not DATA.exists():
        pytest.skip("no real data beside the repository")
    for text in list(real_files())[::4]:
        assert ids_of(engine(name), text) == expected(name, text)


LONG = [
    "a" * 5_000,
    "A" * 3_000 + "b",
    "\u30fcA" * 1_500,
    "\u0301" * 999 + "A" * 999,
    " " * 3_000 + "x" + "\n" * 3_000,
    " \n" * 2_000 + "\u3000" * 500,
    "'" * 2_000 + "s",
    "1" * 3_001,
    "=/" * 1_000 + "\r\n/" * 1_000,
    "\u4e2d\u6587" * 1_000 + "\u3040" * 301,
    "\x01" * 999 + "a" + "\u200d" * 999,
    letters(4_000, 1),
]


@pytest.mark.parametrize("name", NAMES)
def test_long_words(name: str) -> None:
    """What hardly ends, in each alternative."""
    for text in LONG:
        assert ids_of(engine(name), text) == expected(name, text), ascii(text[:9])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["a", "A", "\u30fcA", "\u0301", " ", " \n", "'", "1", "\x01"])
def test_words_of_megabytes_take_no_quadratic_time(name: str, text: str) -> None:
    """A quarter MiB: looking back or ahead from each place would take minutes."""
    text = text * (1 << 18)
    ids = engine(name).encode(pa.array([text], pa.large_string()))[1]
    assert engine(name).decode(ids) == text


def test_whole_words_that_no_merges_make(tmp_path: Path) -> None:
    """`ignore_merges`, as Llama-3 has it: a word that is a token is that token, short or long, met
    for the first or the second time, before and after all other words were forgotten."""
    document = described("cl100k")
    words = ["xyzzy", " plugh", "Rumpelstiltskinesquely", " \u4f60\u597d\u4e16\u754c\u554a", "qj"]
    byte_level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    spelled = [byte_level.pre_tokenize_str(word)[0][0] for word in words]
    vocabulary = document["model"]["vocab"]
    vocabulary.update({word: len(vocabulary) + place for place, word in enumerate(spelled)})
    document["model"]["ignore_merges"] = True
    ours = saved(tmp_path, document)
    theirs = tokenizers.Tokenizer.from_str(json.dumps(document))
    others = " ".join(f"{one:x}w{one:o}" for one in range(300_000))
    for before in ("", others):
        ours.encode(before.encode())
        for text in ("".join(words), " ".join(words) + "xyzzys qj", "".join(words), *words):
            ids = theirs.encode(text, add_special_tokens=False).ids
            assert ours.encode(text.encode()).tolist() == ids
    assert ours.encode(b"xyzzy").tolist() == [vocabulary["xyzzy"]]


def test_added_tokens_that_are_not_special(tmp_path: Path) -> None:
    """They are found, with the blanks they take; special ones are text."""
    added = tokenizers.AddedToken("<tool>", lstrip=True, special=False)
    theirs = tokenizers.Tokenizer.from_str(reference("Qwen2").to_str())
    theirs.add_tokens([added, tokenizers.AddedToken("e\u0301e\u0301", normalized=True)])
    theirs.add_special_tokens(["<|end|>"])
    theirs.encode_special_tokens = True
    ours = saved(tmp_path, json.loads(theirs.to_str()))
    assert isinstance(ours._engine, KernelEngine)
    texts = [
        "plain",
        "a  <tool> b",
        "",
        "x<|end|>y",
        "\u00e9\u00e9",
        "e\u0301\u00e9",
        "cafe\u0301 <",
    ]
    texts += ["<tool><|end|>", "\u0378 e\u0301", None]
    rows = ours.encode_batch(pa.array(texts)).to_pylist()
    for text, ids in zip(texts, rows, strict=True):
        wanted = None if text is None else theirs.encode(text, add_special_tokens=False).ids
        assert ids == wanted, text


def test_a_pre_tokenizer_is_known_by_what_it_says() -> None:
    """Whether line ends are spelled out, and what does not change ids, makes no difference; what
    does is refused."""
    for name in NAMES:
        described_ = described(name)["pre_tokenizer"]
        assert family_of(described_) is family(name)
        spelled = json.loads(json.dumps(described_).replace(r"\\r\\n", r"\r\n"))
        assert family_of(spelled) is family(name)
    removed = {"behavior": "Removed", "invert": True}
    for name, same in (("o200k", True), ("DeepSeek-V3", False)):
        steps = described(name)["pre_tokenizer"]["pretokenizers"]
        changed = [{**one, **removed} if one["type"] == "Split" else one for one in steps]
        sequence = {"type": "Sequence", "pretokenizers": changed}
        assert family_of(sequence) is (family(name) if same else None)
    gpt_2 = described("GPT-2")["pre_tokenizer"]
    assert family_of({**gpt_2, "add_prefix_space": True}) is None
    assert family_of({**gpt_2, "use_regex": False}) is None
    assert family_of({"type": "Whitespace"}) is None
    assert family_of(None) is None


@pytest.mark.parametrize(
    ("changed", "served"),
    [
        ({}, KernelEngine),
        ({"truncation": {"max_length": 2, "strategy": "LongestFirst", "stride": 0,
                         "direction": "Right"}}, KernelEngine),
        ({"normalizer": {"type": "NFC"}}, KernelEngine),
        ({"normalizer": {"type": "Lowercase"}}, FastokensEngine),
        ({"normalizer": {"type": "NFKC"}}, TokenizersEngine),
    ],
    ids=["family", "truncation", "nfc", "lower-case", "nfkc"],
)  # fmt: skip
def test_what_is_of_no_family_is_served_by_a_library(
    changed: dict[str, Any], served: type, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """fastokens if it can read it, else tokenizers; the log says which; with the same ids."""
    document = {**described("GPT-2"), **changed}
    with caplog.at_level(logging.INFO, "sluice"):
        ours = saved(tmp_path, document)
    assert isinstance(ours._engine, served), type(ours._engine)
    assert f"served by {ours._engine.served_by}" in caplog.text
    theirs = tokenizers.Tokenizer.from_str(json.dumps({**document, "truncation": None}))
    for text in ("Don't  panic: \u2168 \ufb01ne\n\n", "", "\u00c9cole 12345"):
        assert ours.encode(text.encode()).tolist() == theirs.encode(text).ids
