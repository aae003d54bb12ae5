"""Words that free licences say, so that a piece of one beside another is no rider, and a rider in
the middle of one is found.

`licenseclassifier` takes a licence out of a text as a whole: how to apply it, a clause of a
variant, half of a licence that somebody changed stay behind; what is filled in is anything. Words
whose runs of four are nearly all in the texts of licences of class permissive or copyleft ask what
those ask.

The texts are those that the library compiles its matcher from. Cost: 0.6 s and 4 MB a process.
"""

import gzip
import json
import re
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import xxhash

from schemas.licenses import COPYLEFT, PERMISSIVE, license_class

RUN = 4
SHARE = 0.75
"""Of the runs. A rider has a tenth, a licence's sentence all but those about what it is filled in
with."""
MANY, MOST = 50, 0.5
"""Runs of a text that is more than a notice, and the share of them that makes it a licence."""

_WORD = re.compile(r"[^\W_]+")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SHORTENED = {"’": "'", "can't": "cannot", "won't": "will not", "n't": " not"}


def plain_words(text: str) -> list[str]:
    """The words of a text in lower case, "don't" as two."""
    text = text.lower()
    for shortened, full in _SHORTENED.items():
        text = text.replace(shortened, full)
    return _WORD.findall(text)


def is_of_a_licence(words: list[str]) -> bool:
    """Whether words (in lower case) are what a free licence says, all of them but few."""
    known = _are_known(words)
    return len(known) > 0 and float(known.mean()) >= SHARE


def is_mostly_of_a_licence(text: str) -> bool:
    """Whether a text is a free licence with other words in it, rather than words about one."""
    known = _are_known(plain_words(text))
    return len(known) >= MANY and float(known.mean()) >= MOST


def strange_words(text: str) -> list[str]:
    """Stretches of a licence's text that no free licence says: what it was filled in with."""
    words = plain_words(text)
    known = _are_known(words)
    if not len(known):
        return []
    is_own = np.zeros(len(words), np.bool_)
    for place in range(RUN):
        is_own[place : place + len(known)] |= known
    edges = np.flatnonzero(np.diff(np.concatenate([[True], is_own, [True]])))
    return [" ".join(words[start:end]) for start, end in edges.reshape(-1, 2).tolist()]


def _are_known(words: list[str]) -> npt.NDArray[np.bool_]:
    """Of each run of words, whether it is in a free licence."""
    runs = _runs(words)
    known = _known_runs()
    places = np.minimum(np.searchsorted(known, runs), len(known) - 1)
    return np.asarray(known[places] == runs)


@cache
def _known_runs() -> npt.NDArray[np.uint64]:
    """Hashes of all runs, ascending."""
    packed = (files("licenseclassifier") / "_engine" / "licenses.json.gz").read_bytes()
    texts = [
        each["lre"]
        for each in json.loads(gzip.decompress(packed))
        if license_class(each["id"]) in (PERMISSIVE, COPYLEFT)
    ]
    return np.unique(np.concatenate([_runs(plain_words(text)) for text in texts]))


def _runs(words: list[str]) -> npt.NDArray[np.uint64]:
    """The hash of every run: a polynomial of the words' own, modulo 2 ** 64."""
    hashes = np.array([xxhash.xxh3_64_intdigest(word.encode()) for word in words], np.uint64)
    n_runs = max(0, len(words) - RUN + 1)
    runs = np.zeros(n_runs, np.uint64)
    for place in range(RUN):
        runs = runs * _FACTOR + hashes[place : place + n_runs]
    return runs
