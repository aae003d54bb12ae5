"""One trained model's evaluation, as a folder that a table is made from.

    OUT/bits.parquet        a row for each held-out document: see bits_per_byte
    OUT/problems.parquet    a row for each benchmark problem, if benchmarks were asked for
    OUT/eval.json           what was evaluated on what; written last

It needs no more than the trainer does, so it runs where the model was trained:

    python -m stages.ablation.evaluation.evaluate MODEL --heldout FOLDER --out OUT
        [--benchmarks FOLDER]
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from transformers.utils.logging import disable_progress_bar

from stages.ablation.evaluation.bits_per_byte import (
    bits_table,
    count_windows,
    default_stride,
    document_bits,
)
from stages.ablation.evaluation.execute import judge_all
from stages.ablation.evaluation.generate import Generator, complete_problems
from stages.ablation.evaluation.heldout import TOKENIZER, HeldoutSet, read_heldout
from stages.ablation.evaluation.passrate import pass_rates
from stages.ablation.evaluation.problems import load_problems
from stages.ablation.evaluation.results import BITS, EVALUATION, PROBLEMS
from stages.ablation.training.export import MODEL
from stages.ablation.training.recipe import RECIPE
from stages.ablation.training.report import REPORT
from stages.errors import ConfigError, SluiceError

VERDICTS = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("set", "task_id", "language", "status")),
        pa.field("detail", pa.string()),
        pa.field("completion", pa.string()),
        pa.field("seconds", pa.float64()),
    ]
)
"""A row for each benchmark problem: the fields of a Verdict."""

Progress = Callable[[str, int, int], None]
"""Is told what is measured, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Evaluation:
    """What to measure of a model."""

    model: Path
    """A Hugging Face folder, or the output folder of a training run."""
    heldout: Path
    """Shard sets with held-out rows, and their tokenizer.json."""
    benchmarks: Path | None = None
    """Folder of HumanEval and MBPP."""
    name: str | None = None
    """Of the model's corpus, in tables; none means the name of the model's folder."""
    context: int | None = None
    """Tokens in a window; none means the model's own context."""
    stride: int | None = None
    """Tokens a window advances; none means three quarters of the context."""
    device: str = "auto"
    """cuda, cpu, or auto: cuda where there is one."""


def evaluate(
    wanted: Evaluation, out: Path, progress: Progress = lambda what, done, total: None
) -> dict[str, Any]:
    """Measure, write OUT, and return what eval.json holds. ConfigError for a folder without a
    model, InputError for held-out shards or benchmarks that cannot be read."""
    folder, run = _folders(wanted.model)
    disable_progress_bar()  # type: ignore[no-untyped-call]
    generator = Generator.load(folder, None if wanted.device == "auto" else wanted.device)
    model = generator.model.eval()
    heldout = read_heldout(wanted.heldout, folder / TOKENIZER)
    context = wanted.context or model.config.max_position_embeddings
    stride = wanted.stride or default_stride(context)
    out.mkdir(parents=True, exist_ok=True)
    (out / EVALUATION).unlink(missing_ok=True)
    bits = _score(model, heldout, context, stride, progress)
    pq.write_table(bits_table(heldout.documents, bits), out / BITS, compression="zstd")
    found: dict[str, Any] = {
        "name": wanted.name or (run or folder).name,
        "model": {
            "folder": str(folder),
            "parameters": sum(one.numel() for one in model.parameters()),
            "hash": _digest(folder / "model.safetensors"),
        },
        "training": None if run is None else training(run),
        "heldout": {
            "fingerprint": heldout.fingerprint,
            "documents": len(heldout.documents),
            "bytes": heldout.n_bytes,
            "bits_per_byte": float(bits.sum() / max(heldout.n_bytes, 1)),
            "context": context,
            "stride": stride,
        },
        "benchmarks": None,
    }
    (out / PROBLEMS).unlink(missing_ok=True)
    if wanted.benchmarks is not None:
        found["benchmarks"] = _solve(generator, wanted.benchmarks, out, progress)
    (out / EVALUATION).write_text(json.dumps(found, indent=1), encoding="utf-8")
    return found


def training(run: Path) -> dict[str, Any]:
    """What a training run says of itself: tokens, seed, and the fingerprint of its shards, which
    does not depend on their weights."""
    recipe = json.loads((run / RECIPE).read_text(encoding="utf-8"))
    report = json.loads((run / REPORT).read_text(encoding="utf-8"))
    digests = sorted((name, source["digest"]) for name, source in recipe["sources"].items())
    return {
        "tokens": report["tokens"],
        "steps": report["steps"],
        "loss": report["loss"],
        "seed": recipe["seed"],
        "corpus": xxhash.xxh3_128_hexdigest(json.dumps(digests).encode()),
        "weights": {name: source["weight"] for name, source in recipe["sources"].items()},
    }


def _folders(model: Path) -> tuple[Path, Path | None]:
    """The Hugging Face folder, and the training run it belongs to, if any."""
    folder = model / MODEL if (model / MODEL / "config.json").is_file() else model
    if not (folder / "config.json").is_file():
        raise ConfigError(f"{model}: no model here (no config.json, no {MODEL}/config.json)")
    if not (folder / TOKENIZER).is_file():
        raise ConfigError(f"{folder}: no {TOKENIZER}; held-out documents cannot be read without")
    trained = (folder.parent / RECIPE).is_file() and (folder.parent / REPORT).is_file()
    return folder, folder.parent if trained else None


def _score(model: Any, heldout: HeldoutSet, context: int, stride: int, progress: Progress) -> Any:
    total = count_windows(heldout.documents, context, stride)
    done = 0

    def advance(n_windows: int) -> None:
        nonlocal done
        done += n_windows
        progress("bits per byte", done, total)

    return document_bits(model, heldout.documents, context=context, stride=stride, progress=advance)


def _solve(
    generator: Generator, benchmarks: Path, out: Path, progress: Progress
) -> list[dict[str, Any]]:
    """Complete and judge every problem; returns pass@1 of each set."""
    problems = load_problems(benchmarks)
    completions = complete_problems(
        generator, problems, progress=lambda done, total: progress("completions", done, total)
    )
    written = [completion.text for completion in completions]
    verdicts = judge_all(
        list(zip(problems, written, strict=True)),
        progress=lambda done, total: progress("programs", done, total),
    )
    rows = [asdict(verdict) | {"status": verdict.status.value} for verdict in verdicts]
    pq.write_table(pa.Table.from_pylist(rows, schema=VERDICTS), out / PROBLEMS, compression="zstd")
    return [asdict(rate) for rate in pass_rates(verdicts)]


def _digest(path: Path) -> str | None:
    """Of a model of one file."""
    if not path.is_file():
        return None
    state = xxhash.xxh3_128()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.ablation.evaluation.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="a training's output, or a Hugging Face folder")
    parser.add_argument("--heldout", type=Path, required=True, help="shards with held-out rows")
    parser.add_argument("--out", type=Path, required=True, help="evaluation folder")
    parser.add_argument("--benchmarks", type=Path, help="folder of HumanEval and MBPP")
    parser.add_argument("--name", help="of the corpus, in tables")
    parser.add_argument("--context", type=int, help="tokens in a window")
    parser.add_argument("--stride", type=int, help="tokens a window advances")
    chosen = vars(parser.parse_args(arguments))
    out = chosen.pop("out")
    try:
        found = evaluate(Evaluation(**chosen), out)
    except SluiceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
