r"""How the known families of byte-level tokenizers part words: what one expression of each says, as
data for `alternatives`, and how a `tokenizer.json` is told to be of one.

All of these expressions are the same list of alternatives, tried in order at each place:

1. `'s`, `'t`, `'re` …                  contractions
2. `X?L+`                               a word and one character before it
3. `N{1,3}`                             numbers
4. ` ?M+[\r\n]*`                        marks
5. `\s*[\r\n]+`, `\s+(?!\S)`, `\s+`     blanks

A family is which characters L, X, N and M are, and the few things that it has or has not. Which
characters a bracket matches is asked of the library's own expressions, so that its Unicode is ours.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Regex, normalizers

from stages.kernels.arrow import Bytes
from stages.kernels.bpe.state import (
    ANY_CASE,
    BLANK,
    CONTRACTIONS,
    EXACT_CASE,
    ISOLATED,
    LINE_END,
    LOWER,
    MARK,
    MAX_NUMBERS,
    NUMBER,
    PREFIX,
    PUNCTUATED,
    RULES,
    SLASH,
    SPACED_NUMBERS,
    SUFFIXED,
    UPPER,
    WAY,
    WAY_FAMILY,
)
from stages.kernels.code_points import N_CODE_POINTS

_CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d"
_MARKS = r" ?[^\s\p{L}\p{N}]+"
_BLANKS = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_NO_LETTER = r"[^\r\n\p{L}\p{N}]"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_KANJI_AND_KANA = "\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff"

_CL100K = rf"(?i:{_CONTRACTIONS})|{_NO_LETTER}?\p{{L}}+|\p{{N}}{{1,3}}|{_MARKS}[\r\n]*|{_BLANKS}"
_O200K = "|".join(
    [
        rf"{_NO_LETTER}?{_UPPER}*{_LOWER}+(?i:{_CONTRACTIONS})?",
        rf"{_NO_LETTER}?{_UPPER}+{_LOWER}*(?i:{_CONTRACTIONS})?",
        rf"\p{{N}}{{1,3}}|{_MARKS}[\r\n/]*|{_BLANKS}",
    ]
)
_DEEPSEEK_V3 = "|".join(
    [
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+""",
        r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+",
        rf" ?[\p{{P}}\p{{S}}]+[\r\n]*|{_BLANKS}",
    ]
)


@dataclass(frozen=True)
class Family:
    """Brackets and rules of one family. `expressions` are its splits, in order; `upper` and
    `lower` what a word is of, in this order where it has two kinds of letters; `isolated` what
    earlier splits part from all else; `rules` what `RULES` names and is not zero."""

    name: str
    expressions: tuple[str, ...]
    rules: dict[int, int]
    prefix: str = _NO_LETTER
    upper: str = r"\p{L}"
    lower: str = r"\p{L}"
    marks: str = r"[^\s\p{L}\p{N}]"
    line_ends: str | None = r"[\r\n]"
    isolated: str | None = None

    def rule_numbers(self) -> npt.NDArray[np.int64]:
        """The rules as the kernel reads them."""
        numbers = np.zeros(RULES, np.int64)
        numbers[WAY] = WAY_FAMILY
        numbers[list(self.rules)] = list(self.rules.values())
        return numbers

    @cached_property
    def classes(self) -> Bytes:
        """The class of every code point; asking for all of them takes 0.2 s."""
        brackets = {
            UPPER: self.upper,
            LOWER: self.lower,
            NUMBER: r"\p{N}",
            MARK: self.marks,
            BLANK: r"\s",
            PREFIX: self.prefix,
            LINE_END: self.line_ends,
            ISOLATED: self.isolated,
        }
        table = np.zeros(N_CODE_POINTS, np.uint8)
        for bit, bracket in brackets.items():
            if bracket is not None:
                table[_matched(bracket)] |= bit
        return table


GPT_2 = Family(
    "GPT-2",
    (rf"{_CONTRACTIONS}| ?\p{{L}}+| ?\p{{N}}+|{_MARKS}|\s+(?!\S)|\s+",),
    prefix=" ",
    rules={CONTRACTIONS: EXACT_CASE, SPACED_NUMBERS: 1, MAX_NUMBERS: 1 << 62},
    line_ends=None,
)
FAMILIES = (
    GPT_2,
    Family("cl100k", (_CL100K,), rules={CONTRACTIONS: ANY_CASE, MAX_NUMBERS: 3}),
    Family(
        "Qwen2",
        (_CL100K.replace("{1,3}", ""),),
        rules={CONTRACTIONS: ANY_CASE, MAX_NUMBERS: 1},
    ),
    Family(
        "o200k",
        (_O200K,),
        upper=_UPPER,
        lower=_LOWER,
        rules={CONTRACTIONS: ANY_CASE, SUFFIXED: 1, MAX_NUMBERS: 3, SLASH: 1},
    ),
    Family(
        "DeepSeek-V3",
        (r"\p{N}{1,3}", f"[{_KANJI_AND_KANA}]+", _DEEPSEEK_V3),
        upper=r"[\p{L}\p{M}]",
        lower=r"[\p{L}\p{M}]",
        prefix=r"[^\r\n\p{L}\p{P}\p{S}\p{N}]",
        marks=r"[\p{P}\p{S}]",
        isolated=rf"[\p{{N}}{_KANJI_AND_KANA}]",
        rules={PUNCTUATED: 1, MAX_NUMBERS: 3},
    ),
)
"""cl100k's is Llama-3's expression as well. DeepSeek-V3's parts numbers and kanji from all else
first, so no alternative sees beyond them; what matches none is a word up to the next that does."""


_WAYS = {("Isolated", False), ("Removed", True)}
"""Matches and gaps, or matches alone, which is the same where there are no gaps."""

_REST, _PRIVATE = slice(0x34000, 0xE0000), slice(0xE0200, 0x110000)
_POINTS = np.r_[:0xD800, 0xE000 : _REST.start + 1, _REST.stop : _PRIVATE.start + 1].astype("<u4")
"""Code points that are asked for: no surrogates, and of `_REST`, which are all unassigned, and of
`_PRIVATE`, unassigned or private, the first."""


def family_of(pre_tokenizer: dict[str, Any] | None) -> Family | None:
    """The family whose way of parting words a tokenizer.json describes, None if none."""
    expressions: list[str] = []
    keeps_gaps = True
    for step in _steps(pre_tokenizer):
        match step:
            case {"type": "ByteLevel", "add_prefix_space": False}:
                expressions += GPT_2.expressions if step.get("use_regex", True) else ()
            case {"type": "Split", "pattern": {"Regex": expression}}:
                expressions.append(expression.replace("\r", r"\r").replace("\n", r"\n"))
                way = step["behavior"], step["invert"]
                keeps_gaps &= way == ("Isolated", False)
                if way not in _WAYS:
                    return None
            case _:
                return None
    found = (one for one in FAMILIES if one.expressions == tuple(expressions))
    return next((one for one in found if keeps_gaps or not one.isolated), None)


def _steps(pre_tokenizer: dict[str, Any] | None) -> list[dict[str, Any]]:
    """What is done in turn; the last is what makes characters of bytes."""
    if pre_tokenizer is None:
        return []
    if pre_tokenizer["type"] != "Sequence":
        return [pre_tokenizer]
    steps: list[dict[str, Any]] = pre_tokenizer["pretokenizers"]
    return steps if steps and steps[-1]["type"] == "ByteLevel" else []


def _matched(bracket: str) -> npt.NDArray[np.bool_]:
    """The code points that a bracket of the library's expressions matches: those it takes out."""
    take_out = normalizers.Replace(Regex(f"{bracket}+"), "")
    left = take_out.normalize_str(_POINTS.tobytes().decode("utf-32-le"))
    matched = np.zeros(N_CODE_POINTS, np.bool_)
    matched[_POINTS] = True
    matched[np.frombuffer(left.encode("utf-32-le"), "<u4")] = False
    matched[_REST] = matched[_REST.start]
    matched[_PRIVATE] = matched[_PRIVATE.start]
    return matched
