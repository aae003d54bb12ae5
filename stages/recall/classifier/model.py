"""A trained classifier: its collapsed table, its calibration, and how it was found to do.

One file holds all three, so that a threshold can never be used with another model's scores.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from stages.errors import InputError
from stages.kernels.elementary import Float64
from stages.kernels.fasttext.scoring import Collapsed, from_bytes, list_buffers, metadata_of
from stages.recall.classifier.calibrate import EVEN, Calibration, HeldOut
from stages.recall.classifier.evidence import Markup, PageEvidence
from stages.recall.classifier.recipe import FASTTEXT, NEGATIVE, POSITIVE
from stages.recall.classifier.tokens import require_tokens, tokens_hash
from stages.recall.options import BPE

METADATA = "recall"
NOTHING = "none"
"""The recipe of a model that had too few examples to learn from."""
IMPOSSIBLE = -40.0
"""Its log-odds of every document."""


@dataclass(frozen=True)
class Examples:
    """The documents of one class that a model learned from."""

    n_documents: int
    n_tokens: int
    xxh3: str
    """xxh3_128 of their token ids and lengths, in their order."""

    @classmethod
    def of(cls, documents: pa.Array) -> "Examples":
        """Count and hash a list array of token ids."""
        offsets, tokens = list_buffers(documents)
        used = tokens[offsets[0] : offsets[-1]]
        hashed = xxhash.xxh3_128(np.ascontiguousarray(used).tobytes())
        hashed.update(np.diff(offsets).tobytes())
        return cls(len(documents), len(used), hashed.hexdigest())


class Learned(NamedTuple):
    """How a model was made, and how well it did."""

    recipe: str
    held_out: HeldOut


@dataclass(frozen=True)
class TrainedModel:
    """A classifier with its calibration, and what it did on documents it had not seen. With
    `page`, pages are judged by their markup and directory, too; `calibration` is the text's."""

    model: Collapsed
    calibration: Calibration
    held_out: HeldOut
    recipe: str
    page: PageEvidence | None = None
    tokens: str = BPE
    """What its texts were split into, and what all texts it judges are."""
    examples: Mapping[str, Examples] = field(default_factory=dict)
    """By class: `positive`, `negative`."""
    trainer: str = FASTTEXT

    @property
    def decision(self) -> Calibration:
        """What turns a page's log-odds into a probability, with the threshold."""
        return self.page.calibration if self.page else self.calibration

    def log_odds(self, documents: pa.Array, markup: Markup) -> Float64:
        """Calibrated log-odds of pages, before their directories speak."""
        return self.decision.log_odds(self.page_logits(documents, markup))

    def page_logits(self, documents: pa.Array, markup: Markup) -> Float64:
        """Scores of pages, before they are calibrated."""
        text = self.model.logits(documents)[:, 0]
        return self.page.logits(text, markup) if self.page else text

    def probabilities(self, documents: pa.Array) -> npt.NDArray[np.float64]:
        """The probability of each row of a list array of token ids, by its text alone."""
        return self.calibration.probability(self.model.logits(documents)[:, 0])

    def record(self) -> dict[str, Any]:
        """How it was trained and what it did on documents it had not seen, for JSON."""
        return {
            "recipe": self.recipe,
            "trainer": self.trainer,
            "tokens": self.tokens,
            "examples": {name: asdict(examples) for name, examples in self.examples.items()},
            "page": asdict(self.page) if self.page else None,
            "held_out": {**asdict(self.held_out), "f1": self.held_out.f1},
            "model_bytes": self.model.n_bytes,
        }

    def to_bytes(self) -> bytes:
        """The model file (Arrow IPC)."""
        described = {
            "calibration": asdict(self.calibration),
            "held_out": asdict(self.held_out),
            "recipe": self.recipe,
            "trainer": self.trainer,
            "page": asdict(self.page) if self.page else None,
            "tokens": self.tokens,
            "tokens_hash": tokens_hash(self.tokens),
            "examples": {name: asdict(examples) for name, examples in self.examples.items()},
        }
        return self.model.to_bytes({METADATA: json.dumps(described, sort_keys=True)})


def nothing_learned(n_positives: int, n_negatives: int) -> TrainedModel:
    """A model that recalls nothing, with the number of examples that were too few."""
    bare = Collapsed(
        labels=(NEGATIVE, POSITIVE),
        ngrams=1,
        word_ids=np.zeros(0, np.uint32),
        word_scores=np.zeros((1, 0), np.float32),
        end_scores=np.array([IMPOSSIBLE], np.float32),
        bucket_scores=np.zeros((1, 1), np.float32),
    )
    held_out = HeldOut(n_positives, n_negatives, precision=0.0, recall=0.0)
    return TrainedModel(bare, Calibration(1.0, EVEN), held_out, NOTHING, trainer=NOTHING)


def load_learned(data: bytes) -> Learned:
    """What the file of `TrainedModel.to_bytes` says of its model, whose tables are not read."""
    described = json.loads(metadata_of(data)[METADATA])
    return Learned(described["recipe"], HeldOut(**described["held_out"]))


def load_model(data: bytes) -> TrainedModel:
    """The model of `TrainedModel.to_bytes`; InputError if it is none, or of tokens that are not
    made here."""
    model, metadata = from_bytes(data)
    if METADATA not in metadata:
        raise InputError("a fastText table without a calibration is no recall model")
    try:
        return _trained_model(model, json.loads(metadata[METADATA]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"a damaged recall model: {error!r}") from error


def _trained_model(model: Collapsed, described: dict[str, Any]) -> TrainedModel:
    require_tokens(described.get("tokens", ""), described.get("tokens_hash", ""))
    page = described.get("page")
    return TrainedModel(
        model=model,
        calibration=Calibration(**described["calibration"]),
        held_out=HeldOut(**described["held_out"]),
        recipe=described["recipe"],
        page=_page_evidence(page) if page else None,
        tokens=described["tokens"],
        examples={name: Examples(**one) for name, one in described.get("examples", {}).items()},
        trainer=described.get("trainer", FASTTEXT),
    )


def _page_evidence(described: dict[str, Any]) -> PageEvidence:
    return PageEvidence(
        weights=tuple(described["weights"]),
        bias=described["bias"],
        calibration=Calibration(**described["calibration"]),
        background=described["background"],
    )
