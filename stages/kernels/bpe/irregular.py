"""Texts that the kernels cannot take as they are, because the `tokenizer.json` asks for more than
merges of words.

- Where it normalises to NFC, a text that is none yet is normalised here. Python's Unicode is older
  than the library's, but what both know never changes: only a text with a character that Python
  does not know is left to the library.
- Tokens that were added without being special are found in texts, with whatever blanks they take
  around them. A text that quotes one is left to the library.
"""

import json
import re
import sys
import unicodedata
from functools import cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.kernels.arrow import Bytes, Offsets, utf8_buffers
from stages.kernels.bpe.encoder import Ids
from stages.kernels.bpe.library import TokenizersEngine

NFC: Final = "NFC"


class Irregular:
    """What of a `tokenizer.json` the kernels do not do."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._tokenizer_json = json.dumps({**described, "truncation": None, "padding": None})
        self._normalises = described.get("normalizer") == {"type": NFC}
        added = (one["content"] for one in described["added_tokens"] if not one["special"])
        forms = {form for one in added for form in (one, unicodedata.normalize(NFC, one)) if form}
        quoted = b"|".join(re.escape(form.encode()) for form in sorted(forms))
        self._quoted = re.compile(quoted) if forms else None
        self._library: TokenizersEngine | None = None

    def part(self, texts: pa.Array) -> tuple[pa.Array, dict[int, Ids]]:
        """The texts as the kernels take them, some of them empty; and of those the ids, by row."""
        offsets, data = utf8_buffers(texts)
        if not self._may_have_some(data):
            return texts, {}
        kept, ids = [], {}
        for row, (start, stop) in enumerate(pairwise(offsets)):
            text = data[start:stop].tobytes()
            regular = self._regular(text)
            kept.append(regular or b"")
            if regular is None:
                ids[row] = self._encode(text)
        return pa.array(kept, pa.large_binary()).cast(pa.large_string()), ids

    def _may_have_some(self, data: Bytes) -> bool:
        if self._normalises and (data >= 0x80).any():
            return True
        return self._quoted is not None and self._quoted.search(data.data) is not None

    def _regular(self, text: bytes) -> bytes | None:
        """The text as it is or normalised; None of one that is left to the library."""
        normal = text
        if self._normalises and not text.isascii():
            decoded = text.decode()
            if _unknown()[np.frombuffer(decoded.encode("utf-32-le"), np.uint32)].any():
                return None
            if not unicodedata.is_normalized(NFC, decoded):
                normal = unicodedata.normalize(NFC, decoded).encode()
        if self._quoted and (self._quoted.search(text) or self._quoted.search(normal)):
            return None
        return normal

    def _encode(self, text: bytes) -> Ids:
        if self._library is None:
            self._library = TokenizersEngine(self._tokenizer_json.encode())
        return self._library.encode(pa.array([text], pa.large_binary()).cast(pa.large_string()))[1]


def spliced(offsets: Offsets, ids: Ids, others: dict[int, Ids]) -> tuple[Offsets, Ids]:
    """Offsets and ids with those of rows that had none put in."""
    if not others:
        return offsets, ids
    rows = np.split(ids, offsets[1:-1])
    for row, found in others.items():
        rows[row] = found
    sizes = np.array([len(row) for row in rows], np.int64)
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), np.concatenate(rows)


@cache
def _unknown() -> npt.NDArray[np.bool_]:
    """The code points that Python's Unicode has not assigned."""
    points = map(chr, range(sys.maxunicode + 1))
    return np.fromiter((unicodedata.category(one) == "Cn" for one in points), np.bool_)
