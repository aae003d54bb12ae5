"""Fill-in-the-middle: a document is cut in three and its middle moved to the end.

DeepSeek-Coder (arXiv 2401.14196 §3.1): at document level, before packing, in PSM order, at rate
0.5, as <｜fim▁begin｜>prefix<｜fim▁hole｜>suffix<｜fim▁end｜>middle, then the end of text.

The two cuts are uniform over the *token* boundaries of the document. Bavarian et al. (arXiv
2207.14255, on the selection of the middle span) cut between characters instead, which trains a
model to go on from inside a token and matters to one that serves an editor. Shards hold ids:
character cuts would decode and encode half of all documents again in every epoch, and train on
other ids than the corpus has.
An ablation compares corpora, and both sides get the same cuts.

What is drawn depends on the document's `sample_id`, the seed and the epoch, never on order.
"""

import struct

import numpy as np
import numpy.typing as npt
import xxhash

from stages.ablation.training.configuration import SpecialTokens

Ids = npt.NDArray[np.uint32]

RATE_BITS = 40
CUT_BITS = 44


def draw(
    sample_id: bytes, seed: int, epoch: int, rate: float, n_tokens: int
) -> tuple[int, int] | None:
    """Where to cut a document of `n_tokens`, 0 ≤ first ≤ second ≤ n_tokens; None: leave it."""
    bits = xxhash.xxh3_128_intdigest(sample_id + struct.pack("<qq", seed, epoch))
    if bits & ((1 << RATE_BITS) - 1) >= rate * (1 << RATE_BITS):
        return None
    bits >>= RATE_BITS
    one = (bits & ((1 << CUT_BITS) - 1)) * (n_tokens + 1) >> CUT_BITS
    other = (bits >> CUT_BITS) * (n_tokens + 1) >> CUT_BITS
    return min(one, other), max(one, other)


def rearrange(tokens: Ids, cuts: tuple[int, int] | None, special: SpecialTokens) -> Ids:
    """The document as it is trained on: [n] ids become [n + 1], or [n + 4] with sentinels."""
    if cuts is None:
        return np.append(tokens, np.uint32(special.end))
    first, second = cuts
    assert special.fim_begin is not None
    assert special.fim_hole is not None
    assert special.fim_end is not None
    return np.concatenate(
        [
            np.array([special.fim_begin], np.uint32),
            tokens[:first],
            np.array([special.fim_hole], np.uint32),
            tokens[second:],
            np.array([special.fim_end], np.uint32),
            tokens[first:second],
            np.array([special.end], np.uint32),
        ]
    )
