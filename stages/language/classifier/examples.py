"""Labelled files as arrays: what training counts.

Beside every file a crop of 2 to 32 lines is an example, too, as code on a web page is short: it
takes part in tuning, not in counting, so that a class is described by whole files.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.kernels.arrow import utf8_buffers
from stages.kernels.languages.features import Counts, Hashes, distinct_features
from stages.kernels.languages.lookup import find_all, slots
from stages.kernels.languages.model import LOGARITHMS, MOST_BYTES, UNIT

_AT_ONCE = 512
"""Texts whose features are counted together, which bounds the memory."""
_LINES = (2, 32)


@dataclass(frozen=True)
class Labelled:
    """Texts, the class and the repository of each; `whole[i]` is the file that text i is a crop
    of, or i itself."""

    texts: tuple[bytes, ...]
    classes: tuple[str, ...]
    sources: tuple[str, ...]
    whole: npt.NDArray[np.int64]

    def take(self, places: npt.NDArray[np.int64]) -> pa.Array:
        """Some of the texts, as Arrow has them."""
        return pa.array([self.texts[place] for place in places], pa.large_binary())


def with_crops(
    texts: Sequence[bytes], classes: Sequence[str], sources: Sequence[str], seed: int
) -> Labelled:
    """The files, and behind them a crop of each that has more lines than the crop."""
    random = np.random.default_rng(seed)
    crops: list[bytes] = []
    whole = list(range(len(texts)))
    for place, text in enumerate(texts):
        size, start = random.random(), random.random()
        lines = text[:MOST_BYTES].splitlines(keepends=True)
        n_lines = int(_LINES[0] * (_LINES[1] / _LINES[0]) ** size)
        if len(lines) > n_lines:
            begin = int(start * (len(lines) - n_lines + 1))
            crops.append(b"".join(lines[begin : begin + n_lines]))
            whole.append(place)
    origins = whole[len(texts) :]
    return Labelled(
        (*texts, *crops),
        (*classes, *(classes[place] for place in origins)),
        (*sources, *(sources[place] for place in origins)),
        np.array(whole),
    )


@dataclass(frozen=True)
class Counted:
    """Examples as sparse rows: `features[starts[i]:starts[i + 1]]` are places in a list of
    features, `weights` the logarithms of how often each occurs. `share` is how much an example
    counts: 0 for a crop."""

    starts: npt.NDArray[np.int64]
    features: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int32]
    groups: npt.NDArray[np.int32]
    share: npt.NDArray[np.float64]

    def only(self, places: npt.NDArray[np.int32]) -> "Counted":
        """With features renumbered by `places`, those at -1 left out."""
        renumbered = places[self.features]
        kept = renumbered >= 0
        ends = np.concatenate([[0], np.cumsum(kept)])
        return Counted(
            ends[self.starts],
            renumbered[kept],
            self.weights[kept],
            self.classes,
            self.groups,
            self.share,
        )


@dataclass(frozen=True)
class Corpus:
    """All distinct features of the examples that occur in several."""

    features: Hashes
    starts: npt.NDArray[np.int64]
    places: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]

    def rows(
        self, wanted: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Starts, places and weights of some of the examples."""
        sizes = self.starts[wanted + 1] - self.starts[wanted]
        ends = np.concatenate([[0], np.cumsum(sizes)])
        taken = np.repeat(self.starts[wanted] - ends[:-1], sizes) + np.arange(ends[-1])
        return ends, self.places[taken], self.weights[taken]


def count_features(labelled: Labelled, least: int) -> Corpus:
    """The features of every text that occur in at least `least` whole files."""
    parts = [
        distinct_features(
            *utf8_buffers(labelled.take(np.arange(at, min(at + _AT_ONCE, len(labelled.texts))))),
            MOST_BYTES,
        )
        for at in range(0, len(labelled.texts), _AT_ONCE)
    ]
    starts = np.concatenate([[0], np.cumsum(np.concatenate([np.diff(part[0]) for part in parts]))])
    hashes: Hashes = np.concatenate([part[1] for part in parts])
    counts: Counts = np.concatenate([part[2] for part in parts])
    del parts
    n_whole = int((labelled.whole == np.arange(len(labelled.whole))).sum())
    features, n_files = np.unique(hashes[: starts[n_whole]], return_counts=True)
    features = features[n_files >= least]
    places = find_all(slots(features), features, hashes)
    known = places >= 0
    weights = LOGARITHMS[np.minimum(counts[known], len(LOGARITHMS) - 1)] / UNIT
    return Corpus(
        features,
        np.concatenate([[0], np.cumsum(known)])[starts],
        places[known],
        weights.astype(np.float32),
    )
