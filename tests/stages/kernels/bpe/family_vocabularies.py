"""Small vocabularies of each family of tokenizers, learned with the library, and texts for them."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import tokenizers
from hypothesis import strategies as st
from tokenizers import Regex, models, normalizers, pre_tokenizers, trainers

from stages.kernels.bpe.families import FAMILIES, GPT_2, Family

NAMES = [family.name for family in FAMILIES]
_LEARNED = Path(__file__).read_text() + (
    "Don't you'LL they've 1234567 \r\n\r\n\t\n  你好世界，こんにちは ÉCOLE école HTTPServer //\n/"
    * 50
)

ANY_TEXT = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("aAbBsStTrReElLdDmMvV'   \t\n\r/1234.,(!_"),
        st.sampled_from(
            "\u0301É\u00e9一\u3000\u3040ー゠・ªⅧ½\u200d\x01\x85\u2028\u017fßǅ😀\ue000\u0378가\u1161"
        ),
    )
)


def family(name: str) -> Family:
    return next(one for one in FAMILIES if one.name == name)


@lru_cache
def reference(name: str) -> tokenizers.Tokenizer:
    """A tokenizer of a family that knows a few hundred words; Qwen2's normalises."""
    learned = tokenizers.Tokenizer(models.BPE())
    splits = [pre_tokenizers.Split(Regex(one), "isolated") for one in family(name).expressions]
    if name == GPT_2.name:
        learned.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        bytes_alone = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        learned.pre_tokenizer = pre_tokenizers.Sequence([*splits, bytes_alone])
    if name == "Qwen2":
        learned.normalizer = normalizers.NFC()
    trainer = trainers.BpeTrainer(
        vocab_size=1_200,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    learned.train_from_iterator([_LEARNED], trainer)
    learned.encode_special_tokens = True
    return learned


def described(name: str) -> dict[str, Any]:
    """Its tokenizer.json."""
    document: dict[str, Any] = json.loads(reference(name).to_str())
    return document


def expected(name: str, text: str) -> list[int]:
    ids: list[int] = reference(name).encode(text, add_special_tokens=False).ids
    return ids
