"""What a text's content says where its name does not: any language, or one of several."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stages.kernels.arrow import utf8_buffers
from stages.kernels.elementary import Float64
from stages.kernels.languages.model import NONE, SAME_CONTENT, LanguageTable

CLASSIFIER = "classifier"
"""The method of an answer that content gave."""
AT_ONCE = 256
"""Texts judged together: 2.5 MB of likelihoods."""
OF_THE_LIKELIEST = 4.0
"""How much likelier than its content says the first of several languages is: extensions.tsv has
them in order of how common they are."""

Named = tuple[str | None, float]
"""A name (none where candidates say so) and the confidence in it."""


class ContentJudge:
    """Names texts by a table; `nothing` is the candidate that stands for no language."""

    def __init__(self, table: LanguageTable, nothing: str) -> None:
        self._table = table
        self._nothing = nothing
        self._places = {name: place for place, name in enumerate(table.classes)}

    def name(self, texts: Sequence[bytes], candidates: Sequence[Sequence[str]]) -> list[Named]:
        """The likeliest language of each text; where it has candidates, the best of them."""
        answers: list[Named] = []
        for at in range(0, len(texts), AT_ONCE):
            part = pa.array(texts[at : at + AT_ONCE], pa.large_binary())
            found = self._table.likelihoods(*utf8_buffers(part))
            places, confidences = self._table.best(found)
            chosen: list[str | None] = [self._table.classes[place] for place in places]
            asked = candidates[at : at + AT_ONCE]
            if any(asked):
                shares = np.zeros(len(part))
                for row, names in enumerate(asked):
                    if names:
                        chosen[row], shares[row] = self._of_several(found.probabilities[row], names)
                sure = self._table.confident(found, shares)
                confidences = np.where(shares > 0, sure, confidences)
            answers += zip(chosen, confidences.tolist(), strict=True)
        return answers

    def _of_several(self, likely: Float64, names: Sequence[str]) -> tuple[str | None, float]:
        """The best of `names` and its share of what all of them get."""
        weights = [self._likelihood(likely, name) for name in names]
        first = next(place for place, name in enumerate(names) if name != self._nothing)
        weights[first] *= OF_THE_LIKELIEST
        best = max(range(len(names)), key=lambda place: (weights[place], place == first))
        total = sum(weights)
        if total <= 0:
            return names[first], 0.5
        name = names[best]
        return (None if name == self._nothing else name), weights[best] / total

    def _likelihood(self, likely: Float64, name: str) -> float:
        if name == self._nothing:
            return float(
                sum(p for p, of in zip(likely, self._table.classes, strict=True) if of[0] == NONE)
            )
        known = SAME_CONTENT.get(name, name)
        place = self._places.get(known, self._places.get(NONE + known))
        return 0.0 if place is None else float(likely[place])
