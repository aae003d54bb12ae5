"""`sluice tokenizer train`: a byte-level BPE vocabulary learned from the shards of a run.

The texts are those that a model would see: decoded from the train split's tokens, path comments and
redaction with them. Which rows are read follows from the seed and their sample ids alone, in the
order of the shards. Words are parted as the run's own tokenizer parts them (its normalizer,
pre-tokenizer and decoder are taken over), so what serves that one serves the new one. The held-out
split says what was gained: bytes a token, before and after.

The trainer is that of `tokenizers`, which holds every distinct word of the sample in memory.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import tokenizers
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from pipeline.export.samples import Samples, samples_of
from pipeline.export.shard_sets import ShardFile, read_tokenizer, shard_batches, shard_sets
from pipeline.storage.location import open_storage
from pipeline.storage.progress import Progress
from pipeline.storage.replace import replacing
from pipeline.storage.storage import Storage
from pipeline.storage.tables import read_batches
from schemas.identity import seeded_hash
from schemas.shards import HELDOUT, TRAIN
from stages.errors import ConfigError
from stages.kernels.bpe.tokenizer import Tokenizer

MIN_ENTRIES = 512
"""256 bytes, special tokens, and something to learn."""

MAX_HELDOUT_TOKENS = 10_000_000
"""How much held-out text is counted with the new vocabulary."""

_HASHES = 1 << 64
_EMPTY: dict[str, Any] = {"vocab": {}, "merges": []}


@dataclass(frozen=True)
class TrainedTokenizer:
    """What was learned from how many tokens (of the run's tokenizer), and bytes a token on
    held-out text: with the run's tokenizer, and with this one (None without held-out rows)."""

    entries: int
    tokens_read: int
    heldout_bytes: int
    before: float | None
    after: float | None


def train_tokenizer(
    run: Path,
    out: Path,
    sets: Sequence[str],
    progress: Progress,
    *,
    entries: int | None,
    max_tokens: int,
    seed: int,
) -> TrainedTokenizer:
    """Learn `entries` (None: as many as the run's tokenizer has) tokens from about `max_tokens`
    tokens of the shard sets (none named: all), and write `out`, a tokenizer.json."""
    if out.is_dir():
        raise ConfigError(f"-o {out}: is a folder; name the file, such as {out}/tokenizer.json")
    storage = open_storage(run)
    chosen = shard_sets(storage, run, sets)
    described, ids = read_tokenizer(storage, run)
    wanted = max(ids.values()) + 1 if entries is None else entries
    if wanted < MIN_ENTRIES:
        raise ConfigError(f"--entries {wanted}: expected {MIN_ENTRIES} or more")
    old = _opened(described)
    sample = _Sample(storage, chosen, old, max_tokens, seed, progress)
    learned = _learn(described, sample.texts(TRAIN), wanted)
    with replacing(out) as stream:
        stream.write(learned)
    new = _opened(learned)
    n_bytes = n_before = n_after = 0
    tokens_read, sample.n_tokens = sample.n_tokens, 0
    for text in sample.texts(HELDOUT):
        n_bytes += len(text.encode())
        n_after += len(new.encode(text.encode()))
        n_before = sample.n_tokens
    return TrainedTokenizer(
        new.vocabulary_size,
        tokens_read,
        n_bytes,
        n_bytes / n_before if n_before else None,
        n_bytes / n_after if n_after else None,
    )


class _Sample:
    """Texts of the rows that the seed chooses: about as many tokens as are wanted."""

    def __init__(
        self,
        storage: Storage,
        chosen: dict[str, list[ShardFile]],
        tokenizer: Tokenizer,
        max_tokens: int,
        seed: int,
        progress: Progress,
    ) -> None:
        self._storage = storage
        self._chosen = chosen
        self._tokenizer = tokenizer
        self._wanted = {TRAIN: max_tokens, HELDOUT: MAX_HELDOUT_TOKENS}
        self._seed = seed
        self._progress = progress
        self.n_tokens = 0

    def texts(self, split: str) -> Iterator[str]:
        """The texts of a split, in the order of the shards."""
        bound = min(1.0, self._wanted[split] / max(1, self._count(split))) * _HASHES
        for name, files in self._chosen.items():
            total, done = sum(file.rows for file in files), 0
            for file in files:
                for batch in shard_batches(self._storage, file):
                    yield from self._drawn(samples_of(batch, split), bound)
                    done += batch.num_rows
                    self._progress(f"{name} ({split})", done, total)

    def _drawn(self, samples: Samples, bound: float) -> Iterator[str]:
        for row, identity in enumerate(samples.described.column("sample_id").to_pylist()):
            if seeded_hash(self._seed, identity) < bound:
                ids = samples.tokens[samples.offsets[row] : samples.offsets[row + 1]]
                self.n_tokens += len(ids)
                yield self._tokenizer.decode(ids)

    def _count(self, split: str) -> int:
        n_tokens = 0
        for file in (file for files in self._chosen.values() for file in files):
            for batch in read_batches(self._storage, file.path, ["split", "n_tokens"]):
                there = batch.filter(pc.equal(batch.column("split"), split))
                n_tokens += pc.sum(there.column("n_tokens")).as_py() or 0
        return n_tokens


def _learn(described: bytes, texts: Iterator[str], entries: int) -> bytes:
    """A tokenizer.json that parts words as `described` does, its vocabulary learned anew.

    Special tokens stand behind the vocabulary, as they do in DeepSeek's."""
    content: dict[str, Any] = json.loads(described)
    kind = content["model"]["type"]
    if kind != "BPE":
        raise ConfigError(
            f"the shards' tokenizer is a {kind} model; only byte-level BPE is learned"
        )
    special = [token["content"] for token in content.get("added_tokens") or [] if token["special"]]
    untrained = {**content, "added_tokens": [], "model": {**content["model"], **_EMPTY}}
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(untrained))
    trainer = BpeTrainer(
        vocab_size=entries - len(special),
        initial_alphabet=sorted(ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([tokenizers.AddedToken(token, special=True) for token in special])
    learned = tokenizer.to_str()
    processor = content.get("post_processor")
    renumbered = _renumbered(processor, tokenizer.get_vocab())
    if renumbered != processor:
        learned = json.dumps({**json.loads(learned), "post_processor": renumbered})
    return learned.encode()


def _renumbered(processor: dict[str, Any] | None, ids: Mapping[str, int]) -> dict[str, Any] | None:
    """A post-processor that adds the same special tokens, by the ids that they have now."""
    if processor is None:
        return None
    changed = dict(processor)
    try:
        if "processors" in processor:
            changed["processors"] = [_renumbered(one, ids) for one in processor["processors"]]
        for end in {"sep", "cls"} & set(processor):
            changed[end] = [processor[end][0], ids[processor[end][0]]]
        if "special_tokens" in processor:
            changed["special_tokens"] = {
                name: {**one, "ids": [ids[token] for token in one["tokens"]]}
                for name, one in processor["special_tokens"].items()
            }
    except KeyError as error:
        raise ConfigError(
            f"the shards' tokenizer adds {error} to texts, which is none of its special tokens"
        ) from error
    return changed


def _opened(described: bytes) -> Tokenizer:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(described)
        file.flush()
        return Tokenizer(file.name)
