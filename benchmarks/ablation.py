"""The trainer: tokens/s, MFU, memory, and where the device's time goes.

    python benchmarks/ablation.py [--preset 1b] [--micro-batch 8] [--shards FOLDER …]

Trains a preset with the product's own trainer for a few steps on one device: without arguments `1b`
at 4,096 tokens in bf16 where there is a GPU, else `tiny` on the CPU. It needs torch, transformers,
pyarrow, numpy, xxhash and safetensors; no Ray, no network, no installation of Sluice.

Shards are random ids unless given: of documents so long that attention has its whole causal cost
(--document-tokens makes them shorter, which is faster: two documents do not attend to one another).
MFU is that of `stages.ablation.training.model.flops`. The steps before the timed ones compile and
warm up, the step after them is profiled. When memory runs out the micro-batch is halved and all
begins again.
"""

import argparse
import gc
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import transformers
from torch.profiler import ProfilerActivity, profile

from schemas.shards import SHARDS
from stages.ablation.training.configuration import Checkpoints, Source, SpecialTokens, TrainConfig
from stages.ablation.training.logs import Step
from stages.ablation.training.model.flops import token_flops
from stages.ablation.training.model.presets import PRESETS
from stages.ablation.training.trainer import Trainer

SPECIALS = SpecialTokens(end=0, fim_begin=1, fim_hole=2, fim_end=3)
LONG_DOCUMENT_SEQUENCES = 16
GIB = 1 << 30


class Clock:
    """Times the steps after the warm-up, and profiles one more."""

    def __init__(self, n_warmup: int, n_timed: int, device: torch.device) -> None:
        self.seconds: list[float] = []
        self.profiled = ""
        self._n_warmup = n_warmup
        self._n_timed = n_timed
        self._device = device
        activity = ProfilerActivity.CUDA if device.type == "cuda" else ProfilerActivity.CPU
        self._profile = profile(activities=[activity])
        self._last = 0.0

    def __call__(self, step: Step) -> None:
        """Called by the trainer when a step is done; the trainer has waited for the device."""
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        now = time.perf_counter()
        if step.step == self._n_warmup and self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        timed = step.step - self._n_warmup
        if 0 < timed <= self._n_timed:
            self.seconds.append(now - self._last)
        if timed == self._n_timed:
            self._profile.start()
        elif timed == self._n_timed + 1:
            self._profile.stop()
            self.profiled = top_five(self._profile, self._device)
        self._last = time.perf_counter()


def main() -> None:
    """Measure, and print what was measured."""
    chosen = arguments()
    micro_batch = chosen.micro_batch
    folder = Path(tempfile.mkdtemp(prefix="sluice-ablation-"))
    try:
        shards = chosen.shards or [str(synthesise(chosen, folder / "shards"))]
        while True:
            try:
                result = measure(chosen, micro_batch, shards, folder / f"run-{micro_batch}")
                break
            except torch.OutOfMemoryError:
                print(f"micro-batch {micro_batch}: out of memory", flush=True)
            if micro_batch == 1:
                sys.exit("not even a micro-batch of 1 fits: try --activation-checkpointing")
            micro_batch //= 2
            gc.collect()
            torch.cuda.empty_cache()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(result, indent=1), encoding="utf-8")


def arguments() -> argparse.Namespace:
    """What to measure; the defaults depend on whether there is a GPU."""
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", choices=sorted(PRESETS), default="1b" if gpu else "tiny")
    parser.add_argument("--sequence-length", type=int, help="default: the preset's")
    parser.add_argument("--micro-batch", type=int, default=8, help="sequences in a pass")
    parser.add_argument("--accumulate", type=int, default=4 if gpu else 1, help="passes in a step")
    parser.add_argument("--warmup", type=int, default=4, help="steps before the timed ones")
    parser.add_argument("--steps", type=int, default=10 if gpu else 3, help="timed steps")
    parser.add_argument("--shards", nargs="+", help="Parquet shards or folders of them")
    parser.add_argument("--document-tokens", type=int, help="mean length of random documents")
    parser.add_argument("--loss", choices=("chunked", "cut"), default="chunked")
    parser.add_argument("--activation-checkpointing", action="store_true")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=gpu)
    parser.add_argument("--json", help="write the figures to this file, too")
    return parser.parse_args()


def measure(
    chosen: argparse.Namespace, micro_batch: int, shards: Iterable[str], folder: Path
) -> dict[str, Any]:
    """Train for a few steps and print the figures."""
    config = TrainConfig(
        output=str(folder),
        sources={"benchmark": Source(tuple(shards))},
        special_tokens=SPECIALS,
        preset=chosen.preset,
        steps=chosen.warmup + chosen.steps + 1,
        sequence_length=chosen.sequence_length,
        batch=micro_batch * chosen.accumulate,
        micro_batch=micro_batch,
        checkpoints=Checkpoints(every=0),
        compile=chosen.compile,
        loss=chosen.loss,
        activation_checkpointing=chosen.activation_checkpointing,
        log_every=1,
        tensorboard=False,
    )
    with Trainer(config) as trainer:
        device, dtype = trainer.ranks.device, trainer.dtype
        clock = Clock(chosen.warmup, chosen.steps, device)
        trainer.run(config, clock)
        peak = trainer.peak_flops
    seconds = sum(clock.seconds) / len(clock.seconds)
    speed = config.step_tokens / seconds
    flops = speed * token_flops(config.shape, config.length)
    on_gpu = device.type == "cuda"
    result = {
        "device": torch.cuda.get_device_name(device) if on_gpu else "CPU",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "preset": chosen.preset,
        "parameters": config.shape.n_parameters,
        "sequence_length": config.length,
        "micro_batch": micro_batch,
        "batch": config.batch,
        "dtype": str(dtype),
        "compiled": chosen.compile,
        "seconds_per_step": seconds,
        "median_seconds_per_step": median(clock.seconds),
        "tokens_per_second": speed,
        "teraflops": flops / 1e12,
        "mfu": flops / peak if peak else None,
        "allocated_gib": torch.cuda.max_memory_allocated() / GIB if on_gpu else None,
        "reserved_gib": torch.cuda.max_memory_reserved() / GIB if on_gpu else None,
    }
    for name, value in result.items():
        print(f"{name:>24}  {f'{value:,.4g}' if isinstance(value, float) else value}")
    print(clock.profiled, flush=True)
    return result | {"profile": clock.profiled}


def synthesise(chosen: argparse.Namespace, folder: Path) -> Path:
    """Random ids in a shard of some 4 million tokens, in documents of one mean length."""
    preset = PRESETS[chosen.preset]
    length = chosen.sequence_length or preset.sequence_length
    mean = chosen.document_tokens or LONG_DOCUMENT_SEQUENCES * length
    random = np.random.default_rng(0)
    n_documents = max((4 << 20) // mean, 64)
    sizes = random.integers(max(mean // 2, 1), mean + mean // 2 + 1, n_documents)
    ids = random.integers(4, preset.vocabulary, sizes.sum(), dtype=np.uint32)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    columns = {
        "sample_id": pa.array(
            [random.bytes(16) for _ in range(n_documents)], SHARDS.field("sample_id").type
        ),
        "source": pa.array(["benchmark"] * n_documents),
        "split": pa.array(["train"] * n_documents),
        "tokens": pa.ListArray.from_arrays(offsets, ids),
        "n_tokens": pa.array(sizes, pa.int64()),
        "parts": pa.array([[]] * n_documents, SHARDS.field("parts").type),
    }
    folder.mkdir(parents=True)
    table = pa.table([columns[name] for name in SHARDS.names], schema=SHARDS)
    pq.write_table(table, folder / "00000.parquet", row_group_size=max(n_documents // 8, 1))
    return folder


def top_five(profiled: profile, device: torch.device) -> str:
    """The kernels (operators on a CPU) that took most of the profiled step's own time."""
    attribute = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    events = [(getattr(event, attribute), event) for event in profiled.key_averages()]
    total = sum(time_us for time_us, _ in events) or 1
    events.sort(key=lambda pair: -pair[0])
    lines = [f"{'share':>7} {'ms':>9} {'calls':>7}  kernel"]
    lines += [
        f"{time_us / total:7.1%} {time_us / 1e3:9.1f} {event.count:7}  {event.key[:90]}"
        for time_us, event in events[:5]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
