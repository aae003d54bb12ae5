"""Shapes of the models an ablation trains, all of them Llama's architecture.

`1b` has the shape of DeepSeek-Coder-1.3B (arXiv 2401.14196 §3.4: 24 layers, 2,048 wide, 16 heads,
feed-forward 5,504) with the 100,000-entry tokenizer of DeepSeek-V2, its vocabulary padded to
102,400 as in the published model. The other names count the parameters outside the vocabulary in
round figures. `tiny` and `mini` (5.3 and 1.5 million in all) are for a CPU: they want a tokenizer
of at most 8,192 entries, since a vocabulary of 100,000 costs 25 times the time a step there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Preset:
    """A model's shape, with the learning rate and context it is usually trained at."""

    n_layers: int
    """Decoder layers."""
    hidden: int
    """Width of the residual stream."""
    n_heads: int
    """Attention heads; as many key-value heads; each is hidden / n_heads wide."""
    feed_forward: int
    """Width of the gated feed-forward layer."""
    vocabulary: int
    """Rows of the embedding; a token id must be smaller."""
    tied: bool
    """The output head is the embedding."""
    learning_rate: float
    """Peak learning rate, where the configuration names none."""
    sequence_length: int
    """Tokens in a training sequence, where the configuration names no length."""
    rope_theta: float = 10_000.0
    """Base of the rotary position embedding."""

    @property
    def n_matrix_parameters(self) -> int:
        """Weights every token is multiplied by: the layers' matrices and the output head."""
        layer = 4 * self.hidden * self.hidden + 3 * self.hidden * self.feed_forward
        return self.n_layers * layer + self.vocabulary * self.hidden

    @property
    def n_parameters(self) -> int:
        """All weights, the embedding and the norms' gains included."""
        gains = (2 * self.n_layers + 1) * self.hidden
        embedding = 0 if self.tied else self.vocabulary * self.hidden
        return self.n_matrix_parameters + gains + embedding


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "1b": Preset(24, 2048, 16, 5504, 102_400, False, 5.3e-4, 4096),
        "300m": Preset(24, 1024, 16, 2752, 102_400, True, 6e-4, 2048),
        "100m": Preset(12, 768, 12, 2048, 102_400, True, 1e-3, 1024),
        "tiny": Preset(4, 256, 4, 704, 8_192, True, 3e-3, 256),
        "mini": Preset(2, 128, 2, 352, 8_192, True, 3e-3, 256),
    }
)
"""5.3e-4 is the peak rate of DeepSeek-Coder-1.3B (Table 2 of its paper)."""
