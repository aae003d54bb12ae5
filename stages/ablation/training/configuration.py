"""What a training run is told: plain dataclasses, each check beside its fields.

The trainer also runs on machines that have torch, transformers and pyarrow but none of the
pipeline's libraries, so this is not the pydantic of the other stages. `parse` reads the same tree
from JSON.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil, gcd

from stages.ablation.training.model.presets import PRESETS, Preset
from stages.errors import ConfigError

MANY_STREAMS = 64
FEW_STREAMS = 16
"""Streams by default: at least 64 where the batch is smaller, else as many of 16 as divide it."""

Need = Callable[[bool, str, object, str], None]


@dataclass(frozen=True)
class Source:
    """One shard set of the mixture."""

    paths: tuple[str, ...]
    """Parquet files, or folders whose *.parquet are taken, in order of name."""
    weight: float = 1.0
    """Share of the training tokens, relative to the other sources' weights."""


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of the tokens that the trainer itself writes; the sentinels only when FIM is on."""

    end: int
    """End of text: closes every document."""
    fim_begin: int | None = None
    """Before the prefix."""
    fim_hole: int | None = None
    """Between prefix and suffix, where the middle is missing."""
    fim_end: int | None = None
    """After the suffix: the middle follows."""


@dataclass(frozen=True)
class Optimizer:
    """AdamW and its schedule."""

    learning_rate: float | None = None
    """Peak rate; none means the preset's."""
    beta1: float = 0.9
    beta2: float = 0.95
    epsilon: float = 1e-8
    weight_decay: float = 0.1
    """On every matrix but the embedding, tied or not; never on the norms' gains."""
    clip: float = 1.0
    """Greatest norm of the whole gradient; longer ones are scaled down to it."""
    warmup_steps: int | None = None
    """Steps of linear warm-up; none means min(2,000, 5 % of the steps)."""
    final_rate: float = 0.1
    """Where the cosine ends, as a share of the peak."""


@dataclass(frozen=True)
class Spikes:
    """When a step is skipped instead of taken."""

    factor: float = 10.0
    """A gradient longer than this many times the recent median is a spike."""
    window: int = 128
    """Steps the median is over."""
    history: int = 32
    """Steps that must be known before anything but NaN and infinity counts as a spike."""
    max_consecutive: int = 10
    """The run stops with an error after this many skipped steps in a row."""


@dataclass(frozen=True)
class Checkpoints:
    """When a checkpoint is written and which ones stay."""

    every: int = 1000
    """Steps between checkpoints; the last step always writes one; 0 writes none at all."""
    keep_last: int = 2
    """The newest that stay."""
    keep_every: int = 0
    """Those whose step is a multiple of this stay for good; 0 keeps none beyond the newest."""


@dataclass(frozen=True)
class TrainConfig:
    """One model on one mixture."""

    output: str
    """Folder of the run: model/, checkpoints/, log.jsonl, report.json, tensorboard/."""
    sources: Mapping[str, Source] = field(default_factory=dict)
    """The mixture, by name; the names head the losses in the log."""
    shards: str | None = None
    """In place of `sources`: a run's folder of shard sets, whose manifest states the mixture. It
    also says how many `tokens` are drawn, unless a budget is named."""
    tokenizer: str | None = None
    """tokenizer.json of the shards; names the special tokens and is copied beside the model. None
    means the one in `shards`, unless `special_tokens` are named."""
    special_tokens: SpecialTokens | None = None
    """Ids of the special tokens, for shards without a tokenizer.json."""
    add_sentinels: bool = False
    """Give FIM sentinels the next free ids where the tokenizer has none, and write them into the
    model's tokenizer.json."""
    preset: str | Preset = "1b"
    """Name of a preset, or a shape of one's own."""
    steps: int | None = None
    """Optimizer steps; this or `tokens`, or with `shards` neither."""
    tokens: int | None = None
    """Tokens to train on, rounded up to whole steps; this or `steps`."""
    sequence_length: int | None = None
    """Tokens in a sequence; none means the preset's."""
    batch: int = 256
    """Sequences in an optimizer step, over all ranks."""
    micro_batch: int = 8
    """Sequences in one forward and backward pass of a rank; all it has, if those are fewer."""
    streams: int | None = None
    """Parts the data is read in (see mixture), fixed for the run: a divisor of `batch` that the
    ranks divide, or a multiple of `batch`. None means the greatest common divisor of `batch` and
    16, or for a batch under 64 the least multiple from 64."""
    split: str = "train"
    """Rows of this split are read, others passed over."""
    seed: int = 0
    """Draws the weights, the order of row groups, and the documents and places of FIM."""
    fim_rate: float = 0.5
    """Share of documents that are rearranged to fill in the middle."""
    optimizer: Optimizer = field(default_factory=Optimizer)
    spikes: Spikes = field(default_factory=Spikes)
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    device: str = "auto"
    """cuda, cpu, or auto: cuda where there is one."""
    dtype: str = "auto"
    """Of activations and products: bfloat16, float32, or auto: bfloat16 on cuda. The optimizer
    always works on float32 weights."""
    compile: bool | None = None
    """torch.compile each layer (one compilation for all); none means on cuda alone."""
    loss: str = "chunked"
    """Kernel of the cross-entropy: chunked (exact, ours) or cut (cut-cross-entropy, if there)."""
    activation_checkpointing: bool = False
    """Keep only each layer's input and compute the rest again: a third more time, far less
    memory."""
    resume: bool = True
    """Go on from the newest checkpoint in `output`; otherwise a used folder is an error."""
    log_every: int = 10
    """Steps between two lines on the terminal; 0 prints none. log.jsonl has every step."""
    tensorboard: bool = True
    """Write TensorBoard's event files."""

    def __post_init__(self) -> None:
        check(self)

    @property
    def shape(self) -> Preset:
        """The preset itself."""
        return PRESETS[self.preset] if isinstance(self.preset, str) else self.preset

    @property
    def length(self) -> int:
        """Tokens in a sequence."""
        return self.sequence_length or self.shape.sequence_length

    @property
    def step_tokens(self) -> int:
        """Tokens in an optimizer step, every one of them predicted."""
        return self.batch * self.length

    @property
    def n_steps(self) -> int:
        """Optimizer steps of the run."""
        return self.steps or ceil((self.tokens or 0) / self.step_tokens)

    @property
    def n_streams(self) -> int:
        """Parts the data is read in."""
        if self.streams is not None:
            return self.streams
        if self.batch < MANY_STREAMS:
            return self.batch * ceil(MANY_STREAMS / self.batch)
        return gcd(self.batch, FEW_STREAMS)

    @property
    def peak_rate(self) -> float:
        """The learning rate after the warm-up."""
        return self.optimizer.learning_rate or self.shape.learning_rate


def check(config: TrainConfig) -> None:
    """Raises ConfigError for the first field whose value cannot work, naming both."""

    def need(holds: bool, field_name: str, value: object, expected: str) -> None:
        if not holds:
            raise ConfigError(f"{field_name} = {value!r}: {expected}")

    if isinstance(config.preset, str):
        known = ", ".join(PRESETS)
        need(config.preset in PRESETS, "preset", config.preset, f"expected one of {known}")
    mixtures = bool(config.sources) + (config.shards is not None)
    given = (sorted(config.sources), config.shards)
    need(mixtures == 1, "sources, shards", given, "expected one of the two")
    for name, source in config.sources.items():
        need(bool(source.paths), f"sources.{name}.paths", source.paths, "expected files or folders")
        weight = source.weight
        need(0 < weight < float("inf"), f"sources.{name}.weight", weight, "expected more than 0")
    budgets = (config.steps is not None) + (config.tokens is not None)
    enough = budgets == 1 or (config.shards is not None and budgets == 0)
    need(enough, "steps, tokens", (config.steps, config.tokens), "expected one of the two")
    for name in ("steps", "tokens", "sequence_length", "streams"):
        value = getattr(config, name)
        need(value is None or value > 0, name, value, "expected more than 0")
    for name in ("batch", "micro_batch"):
        need(getattr(config, name) > 0, name, getattr(config, name), "expected more than 0")
    fits = config.batch % config.n_streams == 0 or config.n_streams % config.batch == 0
    expected = f"expected a divisor or a multiple of batch = {config.batch}"
    need(fits, "streams", config.n_streams, expected)
    need(0 <= config.fim_rate <= 1, "fim_rate", config.fim_rate, "expected 0 to 1")
    named = any(one is not None for one in (config.tokenizer, config.special_tokens, config.shards))
    need(named, "tokenizer", config.tokenizer, "expected a tokenizer.json, or special_tokens")
    choices = {
        "device": ("auto", "cuda", "cpu"),
        "dtype": ("auto", "bfloat16", "float32"),
        "loss": ("chunked", "cut"),
    }
    for name, allowed in choices.items():
        value = getattr(config, name)
        need(value in allowed, name, value, f"expected one of {', '.join(allowed)}")
    _check_parts(config, need)


def _check_parts(config: TrainConfig, need: Need) -> None:
    optimizer, spikes, checkpoints = config.optimizer, config.spikes, config.checkpoints
    for name in ("beta1", "beta2", "final_rate"):
        value = getattr(optimizer, name)
        need(0 <= value <= 1, f"optimizer.{name}", value, "expected 0 to 1")
    need(config.peak_rate > 0, "optimizer.learning_rate", config.peak_rate, "expected more than 0")
    need(optimizer.clip > 0, "optimizer.clip", optimizer.clip, "expected more than 0")
    warmup = optimizer.warmup_steps
    need(warmup is None or warmup >= 0, "optimizer.warmup_steps", warmup, "expected 0 or more")
    need(spikes.factor > 1, "spikes.factor", spikes.factor, "expected more than 1")
    enough = 0 < spikes.history <= spikes.window
    need(enough, "spikes.history", spikes.history, f"expected 1 to window = {spikes.window}")
    for name in ("every", "keep_every"):
        value = getattr(checkpoints, name)
        need(value >= 0, f"checkpoints.{name}", value, "expected 0 or more")
    kept = checkpoints.keep_last
    need(kept > 0, "checkpoints.keep_last", kept, "expected at least 1")
