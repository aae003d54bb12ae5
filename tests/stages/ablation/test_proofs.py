"""That the ablation can tell: `tiny` learns, and a worse corpus scores worse beyond chance.

The corpus is Sluice's own source code. Minutes on a CPU, hence slow.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the ablation's packages are not installed")

import pyarrow as pa  # noqa: E402

from stages.ablation.evaluation.evaluate import Evaluation, evaluate  # noqa: E402
from stages.ablation.evaluation.results import Results, compare_sides, read_side  # noqa: E402
from stages.ablation.training.configuration import Checkpoints, Source, TrainConfig  # noqa: E402
from stages.ablation.training.data.tokenizer import TEXTS, TrainTokenizer  # noqa: E402
from stages.ablation.training.logs import read_log  # noqa: E402
from stages.ablation.training.trainer import Trainer  # noqa: E402
from stages.kernels.bpe.tokenizer import Tokenizer  # noqa: E402
from tests.stages.ablation.shard_files import write_shards  # noqa: E402

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
STEPS, BATCH, LENGTH, SEEDS = 80, 4, 128, (0, 1, 2)
HELDOUT_EVERY = 8
N_SHUFFLED, N_COPIES = 6, 50
"""Of the training documents so many are shuffled, and each of these is copied so often."""

Tokens = list[tuple[str, list[int]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of a clean corpus, of the same with planted noise, and of held-out files."""
    folder = tmp_path_factory.mktemp("proofs")
    files = sorted(
        path for name in ("schemas", "stages", "pipeline") for path in (ROOT / name).rglob("*.py")
    )
    texts = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in files}
    texts = {name: text for name, text in texts.items() if text}
    held = list(texts)[::HELDOUT_EVERY]
    training = [name for name in texts if name not in held]
    batch = pa.RecordBatch.from_pydict({"text": [texts[one] for one in training]}, schema=TEXTS)
    path = folder / "heldout" / "tokenizer.json"
    path.parent.mkdir()
    path.write_bytes(TrainTokenizer("deepseek-v2", "")(iter([batch])))
    tokenizer = Tokenizer(str(path))
    tokens = {name: tokenizer.encode(text.encode()).tolist() for name, text in texts.items()}
    clean = [(name, tokens[name]) for name in training]
    write_shards(folder / "clean/code/0.parquet", clean, split="train")
    write_shards(folder / "noisy/code/0.parquet", [*clean, *planted(clean)], split="train")
    write_shards(
        folder / "heldout/code/0.parquet", [(one, tokens[one]) for one in held], split="heldout"
    )
    return folder


def planted(clean: Tokens) -> Tokens:
    """Documents of shuffled tokens, each many times over: about as many as the clean ones."""
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(clean), N_SHUFFLED, replace=False).tolist()
    noise = []
    for number in chosen:
        name, tokens = clean[number]
        shuffled = rng.permutation(np.array(tokens)).tolist()
        noise += [(f"{name} copy {copy}", shuffled) for copy in range(N_COPIES)]
    return noise


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    """Three seeds of `tiny` on each corpus, in one process, scored on the same held-out files."""

    def configuration(corpus: str, seed: int) -> TrainConfig:
        return TrainConfig(
            output=str(folder / "models" / corpus / str(seed)),
            sources={"code": Source((str(folder / corpus / "code"),))},
            tokenizer=str(folder / "heldout/tokenizer.json"),
            preset="tiny",
            steps=STEPS,
            batch=BATCH,
            micro_batch=BATCH,
            sequence_length=LENGTH,
            seed=seed,
            fim_rate=0.0,
            checkpoints=Checkpoints(every=0),
            tensorboard=False,
            log_every=0,
        )

    evaluations: dict[str, list[Path]] = {"clean": [], "noisy": []}
    with Trainer(configuration("clean", 0)) as trainer:
        for seed in SEEDS:
            for corpus, folders in evaluations.items():
                trainer.run(configuration(corpus, seed))
                out = folder / "evaluations" / corpus / str(seed)
                model = folder / "models" / corpus / str(seed)
                evaluate(Evaluation(model, folder / "heldout", name=corpus, stride=LENGTH), out)
                folders.append(out)
    return compare_sides(*(read_side(folders) for folders in evaluations.values()))


def unigram_entropy(documents: Sequence[list[int]]) -> float:
    """Nats a token, if all one knows is how often each occurs."""
    counts = np.bincount(np.concatenate(documents))
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())


def test_tiny_learns_more_than_how_often_tokens_occur(folder: Path, results: Results) -> None:
    """The loss goes under the unigram entropy of its data within its steps, for every seed."""
    import pyarrow.parquet as pq

    entropy = unigram_entropy(pq.read_table(folder / "clean/code/0.parquet")["tokens"].to_pylist())
    for seed in SEEDS:
        losses = [line["loss"] for line in read_log(folder / "models/clean" / str(seed))]
        print(
            f"seed {seed}: loss {losses[0]:.3f} → {np.mean(losses[-8:]):.3f}, unigram {entropy:.3f}"
        )
        assert losses[0] > entropy
        assert np.mean(losses[-8:]) < entropy


def test_planted_noise_scores_measurably_worse(results: Results) -> None:
    """The interval of the difference excludes 0: shuffled documents, each fifty times, cost."""
    everything = results.bits[0].comparison
    assert everything is not None
    print(f"clean {everything.a}, noisy {everything.b}, difference {everything.difference}")
    assert everything.difference.low > 0


def test_a_corpus_is_no_better_than_itself(results: Results) -> None:
    """The same models on both sides: no difference, and an interval that says so."""
    same = compare_sides(results.a, results.a).bits[0].comparison
    assert same is not None
    assert same.difference.value == 0
    assert not same.difference.excludes_zero
