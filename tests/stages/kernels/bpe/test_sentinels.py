"""Sentinels of fill-in-the-middle in a tokenizer.json."""

import json
from pathlib import Path

import pytest
import tokenizers

from stages.kernels.bpe.sentinels import SENTINELS, sentinels_of, token_ids, with_sentinels
from stages.kernels.bpe.tokenizer import Tokenizer, load_tokenizer, tokenizer_json

TEXT = "x = 1\n<｜fim▁hole｜>é一\n"


def test_deepseek_v2_gets_the_ids_of_deepseek_coder_v2(tmp_path: Path) -> None:
    """Behind its 100,002 entries; every other token keeps its id, and text is split as before."""
    before = tokenizer_json("deepseek-v2")
    after = with_sentinels(before)
    ids = token_ids(json.loads(after))
    names = SENTINELS[0]
    added = {names.hole: 100_002, names.begin: 100_003, names.end: 100_004}
    assert ids == token_ids(json.loads(before)) | added
    path = tmp_path / "tokenizer.json"
    path.write_bytes(after)
    ours = Tokenizer(str(path))
    expected = load_tokenizer().encode(TEXT.encode())
    assert ours.encode(TEXT.encode()).tolist() == expected.tolist()
    assert ours.decode(expected) == TEXT
    library = tokenizers.Tokenizer.from_str(after.decode())
    assert library.encode(names.hole, add_special_tokens=False).ids == [100_002]
    library.encode_special_tokens = True
    assert library.encode(TEXT, add_special_tokens=False).ids == expected.tolist()


@pytest.mark.parametrize("indent", [2, None])
def test_nothing_else_of_a_file_changes(indent: int | None) -> None:
    """Whether the added tokens are changed in their place or the file is written anew."""
    first = {"id": 1, "content": "<s>", "special": True}
    before = {"version": "1.0", "added_tokens": [first], "model": {"vocab": {"a": 0, "é": 2}}}
    written = json.dumps(before, ensure_ascii=False, indent=indent).encode()
    after = json.loads(with_sentinels(written))
    added = after.pop("added_tokens")
    assert added[0] == first
    assert [token["id"] for token in added[1:]] == [3, 4, 5]
    assert {**after, "added_tokens": [first]} == before
    assert (
        with_sentinels(written)
        == json.dumps(
            {"version": "1.0", "added_tokens": added, "model": before["model"]},
            ensure_ascii=False,
            indent=2,
        ).encode()
    )


@pytest.mark.parametrize("names", SENTINELS)
def test_a_tokenizer_that_has_sentinels_stays_as_it_is(names: tuple[str, str, str]) -> None:
    """To the byte, of whatever family they are; with two of three the others are missing."""
    vocabulary = {name: number for number, name in enumerate(("a", *names))}
    document = json.dumps({"model": {"vocab": vocabulary}}).encode()
    assert with_sentinels(document) == document
    assert with_sentinels(with_sentinels(document)) == document
    del vocabulary[names[1]]
    assert sentinels_of(vocabulary) is None
