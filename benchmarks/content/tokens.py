"""Words of a text, and the measure: word F1.

WCXB counts runs of `\\w`; here an ideograph or a kana counts as a word by itself as well, since a
Chinese sentence would be one word. On WCXB's pages the two are the same.
"""

import re
from collections import Counter
from collections.abc import Iterable

_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(f"[{_IDEOGRAPHS}]|[^\\W{_IDEOGRAPHS}]+")


def tokens(text: str) -> list[str]:
    """The words of a text, lower case."""
    return _TOKEN.findall(text.lower())


def word_f1(found: Iterable[str], gold: Iterable[str]) -> float:
    """F1 of two multisets of words."""
    left, right = Counter(found), Counter(gold)
    if not left or not right:
        return float(not left and not right)
    return 2 * (left & right).total() / (left.total() + right.total())
