"""The encoder: a model's tables, the memory that its kernels work in, and the loop over texts."""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stages.kernels.arrow import Bytes, Offsets
from stages.kernels.bpe.alternatives import split_stretch
from stages.kernels.bpe.merging import Merges, Symbols, Table, byte_pair_table, pair_table
from stages.kernels.bpe.splitting import split_line
from stages.kernels.bpe.state import (
    CACHE_SLOTS,
    COUNTS,
    MAX_CACHED,
    MAX_KEPT,
    MAX_SPILLED,
    N_CACHED,
    N_ENDS,
    N_IDS,
    N_WHOLE,
    SLOT_WORDS,
    STAMP,
    WAY,
    WAY_DEEPSEEK_V2,
    WAY_FAMILY,
    State,
)
from stages.kernels.bpe.words import begin_cache, encode_word
from stages.kernels.compiling import entry, int64, pointer, stamp

Ids = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.int64]


class Whole(NamedTuple):
    """Words that are tokens although no merges make them: their bytes, n + 1 places, n ids."""

    words: Bytes
    places: Counts
    ids: Ids


NO_WORDS = Whole(np.zeros(1, np.uint8), np.zeros(1, np.int64), np.zeros(0, np.uint32))


class Encoder:
    """Text to ids for one model. Its memory is its own (38 MiB, and what the longest text of a call
    needs), so calls from several threads wait for each other."""

    def __init__(
        self,
        kinds: Bytes,
        classes: Bytes,
        symbols: Symbols,
        merges: Merges,
        rules: Counts,
        whole: Whole,
    ) -> None:
        self._kinds, self._classes, self._symbols = kinds, classes, symbols
        self._rules, self._whole = rules, whole
        self._byte_pairs = byte_pair_table(merges, symbols)
        self._pairs, self._pair_bits = pair_table(merges)
        self._cache = np.zeros((CACHE_SLOTS, SLOT_WORDS), np.uint64)
        self._spilled = np.empty(MAX_SPILLED, np.uint32)
        self._kept = np.empty(MAX_KEPT, np.uint8)
        self._counts = np.zeros(COUNTS, np.int64)
        self._counts[N_WHOLE] = len(whole.ids)
        self._counts[N_CACHED] = MAX_CACHED
        self._lock = threading.Lock()

    def encode(self, offsets: Offsets, data: Bytes) -> tuple[Offsets, Ids]:
        """Of valid UTF-8 texts (n + 1 offsets into bytes), n + 1 offsets into ids, and the ids."""
        n_bytes = int(offsets[-1] - offsets[0])
        longest = int(np.diff(offsets).max(initial=0)) + 1
        ids = np.empty(n_bytes, np.uint32)
        id_offsets = np.zeros(len(offsets), np.int64)
        offsets, data = _read_only(offsets), _read_only(data)
        with self._lock:
            _encode(
                offsets, data, self._kinds, self._classes, self._symbols, self._byte_pairs,
                self._pairs, self._pair_bits, self._cache, self._spilled, self._kept,
                np.empty((2, longest + 1), np.uint8), np.empty((2, longest + 1), np.int64),
                np.empty((3, longest + 1), np.int32), np.empty(2 * longest + 1, np.uint64),
                ids, id_offsets, self._counts, self._rules, *self._whole,
            )  # fmt: skip
        return id_offsets, ids[: id_offsets[-1]].copy()


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A view that nobody may write to: Arrow's buffers are such or not, and the kernel is compiled
    for one kind."""
    view = array.view()
    view.flags.writeable = False
    return view


def _compiled(stamp: int) -> Callable[..., None]:
    """The loop over texts. Replaces tokenizers: tests/stages/kernels/bpe."""

    def encode(
        offsets: Offsets, data: Bytes, byte_kinds: Bytes, classes: Bytes,
        symbols: Symbols, byte_pairs: Table, pairs: Table, pair_bits: int, cache: Table,
        spilled: Ids, kept: Bytes, characters: Bytes, places: Counts, words: Symbols, queue: Table,
        ids: Ids, id_offsets: Offsets, counts: Counts, rules: Counts,
        whole: Bytes, whole_places: Counts, whole_ids: Ids,
    ) -> None:  # fmt: skip
        room = words.shape[1]
        s = State(
            data=pointer(data, 0),
            n=len(data),
            byte_kinds=pointer(byte_kinds, 0),
            classes=pointer(classes, 0),
            kinds=pointer(characters, 0),
            cuts=pointer(characters, room),
            places=pointer(places, 0),
            ends=pointer(places, room),
            symbols=pointer(symbols, 0),
            byte_pairs=pointer(byte_pairs, 0),
            pairs=pointer(pairs, 0),
            pair_bits=pair_bits,
            word=pointer(words, 0),
            before=pointer(words, room),
            behind=pointer(words, 2 * room),
            queue=pointer(queue, 0),
            cache=pointer(cache, 0),
            spilled=pointer(spilled, 0),
            kept=pointer(kept, 0),
            ids=pointer(ids, 0),
            counts=pointer(counts, 0),
            rules=pointer(rules, 0),
            whole=pointer(whole, 0),
            whole_places=pointer(whole_places, 0),
            whole_ids=pointer(whole_ids, 0),
        )
        counts[STAMP] = stamp
        counts[N_IDS] = 0
        if counts[N_CACHED] >= MAX_CACHED:
            begin_cache(s)
        for row in range(len(offsets) - 1):
            position, stop = int64(offsets[row]), int64(offsets[row + 1])
            while position < stop:
                start = position
                if rules[WAY] == WAY_FAMILY:
                    position = split_stretch(s, start, stop)
                elif rules[WAY] == WAY_DEEPSEEK_V2:
                    position = split_line(s, start, stop)
                else:
                    position = s.ends[0] = stop
                    counts[N_ENDS] = 1
                for i in range(counts[N_ENDS]):
                    end = s.ends[i]
                    encode_word(s, start, end)
                    start = end
            id_offsets[row + 1] = counts[N_IDS]

    return entry(encode)


_encode = _compiled(stamp("stages.kernels.bpe", "stages.kernels.compiling"))
