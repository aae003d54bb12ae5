"""The whole ablation of a run: variants, models, evaluations, and what they come to.

    RUN/ablation/SIDE/seed-0/           a training run: model/, log.jsonl, report.json
    RUN/ablation/SIDE/seed-0/eval/      its evaluation

The two sides are `rules` and `full`, two shard sets of `full`, or the `full` of two runs.

What a training run or an evaluation was made from is written beside it (`made-from`) before it
starts: a finished one is not done again, an interrupted one goes on, and one made from something
else is removed. The models have one shape and are trained in one process with one compilation.

Both sides train on as many tokens, of which `code_share` come from GitHub; within GitHub and within
the web a shard set has the weight of its own tokens. So only what was kept differs. Of two shard
sets each is all that its side has.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.ablation.corpora import FULL, HELDOUT, VARIANTS
from pipeline.ablation.options import AblationOptions
from pipeline.ablation.variants import Variants
from pipeline.storage.digest import fingerprint
from schemas.shards import corpus_of
from stages.ablation.evaluation.results import EVALUATION
from stages.ablation.training.configuration import Checkpoints, Source, TrainConfig
from stages.errors import ConfigError

if TYPE_CHECKING:
    from stages.ablation.training.report import TrainReport

EVAL = "eval"
MADE_FROM = "made-from"
REPORT = "report.json"
MICRO_BATCH = 8
LONG_STEPS = 1000
"""A longer training writes checkpoints, this far apart."""
LOG_EVERY = 50
PACKAGES = ("torch", "transformers", "safetensors")


@dataclass(frozen=True)
class Side:
    """One of the two corpora that are compared: a variant, or one shard set of it."""

    name: str
    variants: Variants
    variant: str = FULL
    shard_set: str | None = None

    @property
    def folder(self) -> Path:
        """Where its models are."""
        return self.variants.folder / (self.shard_set or self.variant)

    @property
    def shards(self) -> Path:
        """The folder with its shard sets."""
        return self.variants.shards(self.variant)

    @property
    def tokens(self) -> dict[str, int]:
        """Shard set → its tokens, of those that have any."""
        there = {
            row["source"]: row["tokens"]
            for row in self.variants.counts
            if row["variant"] == self.variant and row["tokens"]
        }
        if self.shard_set is None:
            return there
        if self.shard_set not in there:
            raise ConfigError(
                f"sets: {self.variant} has no samples of {self.shard_set!r}; it has "
                f"{', '.join(sorted(there))}"
            )
        return {self.shard_set: there[self.shard_set]}


@dataclass(frozen=True)
class Training:
    """One model to have."""

    side: Side
    seed: int
    config: TrainConfig
    made_from: str

    @property
    def folder(self) -> Path:
        return Path(self.config.output)


class Watcher:
    """Is told what happens; the base class keeps silent."""

    def training(self, training: Training, number: int, total: int, *, finished: bool) -> None: ...

    def evaluating(self, training: Training, *, finished: bool) -> None: ...

    def progress(self, what: str, done: int, total: int) -> None: ...


def require_torch() -> None:
    """ConfigError where the packages of the extra `ablation` are not installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"an ablation needs {', '.join(missing)}, not installed here: "
            "pip install 'sluice[ablation]'"
        )


def sides_of(made: Sequence[Variants], options: AblationOptions) -> list[Side]:
    """What is compared, of one run or of two."""
    if options.sets:
        return [Side(name, made[0], FULL, name) for name in options.sets]
    if options.against:
        return [Side(str(one.folder.parent), one) for one in made]
    return [Side(variant, made[0], variant) for variant in VARIANTS]


def trainings(sides: Sequence[Side], options: AblationOptions) -> Iterator[Training]:
    """Every model of the ablation: of each seed one a side."""
    for seed in options.seeds:
        for side in sides:
            config = TrainConfig(
                output=str(side.folder / f"seed-{seed}"),
                sources=mixture(side, options.code_share),
                tokenizer=str(side.shards / "tokenizer.json"),
                add_sentinels=options.tokenizer is not None,
                preset=options.preset,
                steps=options.steps,
                sequence_length=options.sequence_length,
                batch=options.batch,
                micro_batch=gcd(options.batch, MICRO_BATCH),
                seed=seed,
                fim_rate=options.fim_rate,
                checkpoints=Checkpoints(every=LONG_STEPS if options.steps > LONG_STEPS else 0),
                compile=_can_compile() or None,
                log_every=LOG_EVERY,
                tensorboard=find_spec("tensorboard") is not None,
            )
            determining = {
                name: value
                for name, value in asdict(config).items()
                if name not in ("output", "tokenizer", "sources", "compile", "tensorboard")
            }
            weights = {name: source.weight for name, source in config.sources.items()}
            made_from = [determining, weights, side.variants.fingerprints[side.variant]]
            yield Training(side, seed, config, fingerprint(made_from))


def mixture(side: Side, code_share: float) -> dict[str, Source]:
    """The sources of a side: GitHub's with `code_share` of the weight, the web's with the
    rest, each corpus's by tokens. A corpus alone has all of it."""
    tokens = side.tokens
    shares = {"github": code_share, "web": 1 - code_share}
    found = {}
    for corpus, share in shares.items():
        sets = {name: n for name, n in tokens.items() if corpus_of(name) == corpus}
        alone = len(sets) == len(tokens)
        for name, n_tokens in sets.items():
            weight = (1.0 if alone else share) * n_tokens / sum(sets.values())
            if weight > 0:
                found[name] = Source((str(side.shards / name),), weight)
    return found


def train_all(planned: list[Training], watcher: Watcher) -> None:
    """Train what is not finished."""

    def unfinished() -> Iterator[TrainConfig]:
        for number, one in enumerate(planned, 1):
            current = _is_current(one.folder, one.made_from)
            finished = current and (one.folder / REPORT).is_file()
            watcher.training(one, number, len(planned), finished=finished)
            if not finished:
                _claim(one.folder, one.made_from)
                yield one.config

    for _ in train_each(unfinished()):
        pass


def train_each(configs: Iterable[TrainConfig]) -> Iterator["TrainReport"]:
    """Train one model after another in this process; those of one shape share a compilation."""
    from stages.ablation.training.trainer import BUILT_IN, Trainer  # noqa: PLC0415 - torch takes seconds

    with ExitStack() as stack:
        trainer: Trainer | None = None
        built: list[object] = []
        for config in configs:
            wanted = [getattr(config, name) for name in BUILT_IN]
            if trainer is None or wanted != built:
                stack.close()
                trainer, built = stack.enter_context(Trainer(config)), wanted
            yield trainer.run(config)


def evaluate_all(
    planned: list[Training], variants: Variants, benchmarks: Path | None, watcher: Watcher
) -> None:
    """Score what is not scored, all on the held-out documents of `variants`."""
    from stages.ablation.evaluation.evaluate import Evaluation, evaluate  # noqa: PLC0415

    sets = _digests(benchmarks)
    for one in planned:
        out = one.folder / EVAL
        heldout = variants.fingerprints[HELDOUT]
        made_from = fingerprint([one.made_from, one.side.name, heldout, sets])
        finished = _is_current(out, made_from) and (out / EVALUATION).is_file()
        watcher.evaluating(one, finished=finished)
        if not finished:
            _claim(out, made_from)
            wanted = Evaluation(
                model=one.folder,
                heldout=variants.shards(HELDOUT),
                benchmarks=benchmarks,
                name=one.side.name,
            )
            evaluate(wanted, out, watcher.progress)


def _digests(benchmarks: Path | None) -> Mapping[str, Any] | None:
    """Names, sizes and times of the benchmark files."""
    if benchmarks is None:
        return None
    if not benchmarks.is_dir():
        raise ConfigError(f"--benchmarks {benchmarks}: no such folder")
    files = sorted(benchmarks.glob("*.jsonl"))
    return {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in files}


def _is_current(folder: Path, made_from: str) -> bool:
    mark = folder / MADE_FROM
    return mark.is_file() and mark.read_text(encoding="utf-8") == made_from


def _claim(folder: Path, made_from: str) -> None:
    """Empty the folder of what was made from something else, and say what it is made from."""
    if not _is_current(folder, made_from):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / MADE_FROM).write_text(made_from, encoding="utf-8")


def _can_compile() -> bool:
    """torch.compile needs a C++ compiler on a CPU."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++"))
