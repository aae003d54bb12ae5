"""Configurations: what is refused, and how JSON becomes one."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from stages.ablation.training.configuration import Source, SpecialTokens, TrainConfig
from stages.ablation.training.data.specials import special_tokens
from stages.ablation.training.model.presets import Preset
from stages.ablation.training.parse import read_config
from stages.errors import ConfigError
from stages.kernels.bpe.sentinels import with_sentinels
from stages.kernels.bpe.tokenizer import tokenizer_json

MINIMAL: dict[str, Any] = {
    "output": "out",
    "sources": {"code": {"paths": ["shards/code"]}},
    "special_tokens": {"end": 1},
    "fim_rate": 0,
    "tokens": 3_000_000,
}


def read(tmp_path: Path, changes: dict[str, Any], *overrides: str) -> TrainConfig:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(MINIMAL | changes))
    return read_config(path, overrides)


def test_json_becomes_a_configuration(tmp_path: Path) -> None:
    """With nested parts, overrides, and one path standing for a list of one."""
    config = read(
        tmp_path,
        {"sources": {"code": {"paths": "a.parquet"}}},
        "optimizer.learning_rate=1",
        "preset=300m",
        'sources.text.paths=["b"]',
    )
    assert config.sources == {"code": Source(("a.parquet",)), "text": Source(("b",))}
    assert config.special_tokens == SpecialTokens(1)
    assert (config.peak_rate, config.length, config.n_streams) == (1.0, 2048, 16)
    assert config.n_steps == 6  # 3,000,000 / (256 · 2,048) = 5.7


def test_a_preset_can_be_written_out(tmp_path: Path) -> None:
    """A shape of one's own."""
    shape = Preset(1, 8, 1, 8, 9, True, 1.0, 4)
    assert read(tmp_path, {"preset": asdict(shape)}).shape == shape


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"presets": "1b"}, "presets: no such field; did you mean preset"),
        ({"preset": "2b"}, "preset = '2b': expected one of 1b, 300m, 100m, tiny, mini"),
        ({"sources": {}}, r"sources, shards = \(\[\], None\): expected one of the two"),
        ({"shards": "run/shards"}, r"sources, shards = \(\['code'\], 'run/shards'\): expected one"),
        ({"sources": {"a": {"paths": ["b"], "weight": 0}}}, r"sources\.a\.weight = 0"),
        ({"steps": 5}, r"steps, tokens = \(5, 3000000\): expected one of the two"),
        ({"batch": "8"}, "batch = '8': expected int"),
        (
            {"batch": 24, "streams": 16},
            "streams = 16: expected a divisor or a multiple of batch = 24",
        ),
        ({"fim_rate": 2}, r"fim_rate = 2\.0: expected 0 to 1"),
        ({"special_tokens": None}, "tokenizer = None: expected a tokenizer.json"),
        ({"device": "tpu"}, "device = 'tpu': expected one of auto, cuda, cpu"),
        ({"optimizer": {"beta1": 3}}, r"optimizer\.beta1 = 3\.0"),
        ({"resume": 1}, "resume = 1: expected bool"),
        ({"sources": [1]}, r"sources = \[1\]: expected an object"),
        ({"special_tokens": {}}, "special_tokens: .* 'end'"),
    ],
)
def test_what_cannot_work_names_field_and_value(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    """ConfigError, before anything is read."""
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, changes)


def write_tokenizer(path: Path, names: list[str]) -> str:
    vocabulary = {"a": 0, "b": 1, **{name: 2 + i for i, name in enumerate(names)}}
    path.write_text(json.dumps({"model": {"type": "BPE", "vocab": vocabulary}}))
    return str(path)


def test_special_tokens_come_from_the_tokenizer(
    tmp_path: Path, small: Callable[..., TrainConfig]
) -> None:
    """By the names that families of tokenizers use."""
    names = ["<|endoftext|>", "<fim_middle>", "<fim_prefix>", "<fim_suffix>"]
    path = write_tokenizer(tmp_path / "tokenizer.json", names)
    found, _ = special_tokens(small(special_tokens=None, tokenizer=path))
    assert found == SpecialTokens(end=2, fim_begin=4, fim_hole=5, fim_end=3)


def test_missing_sentinels_are_an_error_or_added(
    tmp_path: Path, small: Callable[..., TrainConfig]
) -> None:
    """As DeepSeek-Coder-V2 did behind V2's entries: hole, begin, end."""
    path = write_tokenizer(tmp_path / "tokenizer.json", ["<｜end▁of▁sentence｜>"])
    with pytest.raises(ConfigError, match=r"no FIM sentinels .* add_sentinels = true"):
        special_tokens(small(special_tokens=None, tokenizer=path))
    without, _ = special_tokens(small(special_tokens=None, tokenizer=path, fim_rate=0.0))
    assert without == SpecialTokens(end=2)
    found, document = special_tokens(small(special_tokens=None, tokenizer=path, add_sentinels=True))
    assert found == SpecialTokens(end=2, fim_hole=3, fim_begin=4, fim_end=5)
    assert document is not None
    assert [(token["id"], token["content"]) for token in document["added_tokens"]] == [
        (3, "<｜fim▁hole｜>"),
        (4, "<｜fim▁begin｜>"),
        (5, "<｜fim▁end｜>"),
    ]


def test_default_shards_need_no_option(tmp_path: Path, small: Callable[..., TrainConfig]) -> None:
    """Their tokenizer.json names the end of text and the sentinels, and fits the 1b preset."""
    path = tmp_path / "tokenizer.json"
    path.write_bytes(with_sentinels(tokenizer_json("deepseek-v2")))
    found, _ = special_tokens(small(special_tokens=None, tokenizer=str(path), preset="1b"))
    assert found == SpecialTokens(100_001, fim_hole=100_002, fim_begin=100_003, fim_end=100_004)


def test_a_tokenizer_must_have_an_end_and_fit(
    tmp_path: Path, small: Callable[..., TrainConfig]
) -> None:
    """Named with its path, or with preset and id."""
    bare = write_tokenizer(tmp_path / "bare.json", [])
    with pytest.raises(ConfigError, match="no end-of-text token"):
        special_tokens(small(special_tokens=None, tokenizer=bare, fim_rate=0.0))
    large = write_tokenizer(tmp_path / "large.json", ["</s>", *(f"t{i}" for i in range(200))])
    with pytest.raises(ConfigError, match="vocabulary of 128 has no token id 202"):
        special_tokens(small(special_tokens=None, tokenizer=large, fim_rate=0.0))
