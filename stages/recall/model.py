"""A trained classifier: its collapsed table, its calibration, and how it was found to do.

One file holds all three, so that a threshold can never be used with another model's scores.
"""

import json
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.errors import InputError
from stages.kernels.fasttext import Collapsed, from_bytes
from stages.recall.calibrate import Calibration, HeldOut

METADATA = "recall"


@dataclass(frozen=True)
class TrainedModel:
    """A classifier with its calibration, and what it did on documents it had not seen."""

    model: Collapsed
    calibration: Calibration
    held_out: HeldOut
    recipe: str

    def probabilities(self, documents: pa.Array) -> npt.NDArray[np.float64]:
        """The calibrated probability of each row of a list array of token ids."""
        return self.calibration.probability(self.model.logits(documents)[:, 0])

    def to_bytes(self) -> bytes:
        """The model file (Arrow IPC)."""
        described = {
            "calibration": asdict(self.calibration),
            "held_out": asdict(self.held_out),
            "recipe": self.recipe,
        }
        return self.model.to_bytes({METADATA: json.dumps(described, sort_keys=True)})


def load_model(data: bytes) -> TrainedModel:
    """The model of `TrainedModel.to_bytes`."""
    model, metadata = from_bytes(data)
    if METADATA not in metadata:
        raise InputError("a fastText table without a calibration is no recall model")
    described = json.loads(metadata[METADATA])
    return TrainedModel(
        model=model,
        calibration=Calibration(**described["calibration"]),
        held_out=HeldOut(**described["held_out"]),
        recipe=described["recipe"],
    )
