"""Several ranks, killed runs, and both: the loss curve stays the same.

Processes are forked from a server that has imported the trainer once.
"""

import multiprocessing as mp
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from stages.ablation.training.configuration import Checkpoints, TrainConfig
from stages.ablation.training.data.loader import streams_of
from stages.ablation.training.logs import read_log
from stages.errors import ConfigError

Start = Callable[[TrainConfig, int], list[BaseProcess]]

LIMIT_SECONDS = 300
"""A run of two seconds that takes this long hangs."""

SAME = ("step", "loss", "losses", "grad_norm", "learning_rate")


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Starts a configuration on a number of ranks, as torchrun would."""
    context: ForkServerContext = mp.get_context("forkserver")
    context.set_forkserver_preload(["stages.ablation.training.train", "torch.utils.tensorboard"])
    started: list[BaseProcess] = []

    def begin(config: TrainConfig, n_ranks: int) -> list[BaseProcess]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        ranks: list[BaseProcess] = [
            context.Process(target=rank, args=(config, number, n_ranks, port))
            for number in range(n_ranks)
        ]
        for process in ranks:
            process.start()
        started.extend(ranks)
        return ranks

    yield begin
    for process in started:
        process.kill()
        process.join()


def rank(config: TrainConfig, number: int, n_ranks: int, port: int) -> None:
    """One process; torchrun's variables only where there are several."""
    import torch

    from stages.ablation.training.train import train

    torch.set_num_threads(1)
    if n_ranks > 1:
        os.environ |= {
            "RANK": str(number),
            "LOCAL_RANK": str(number),
            "WORLD_SIZE": str(n_ranks),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
    train(config)


def finish(processes: list[BaseProcess]) -> None:
    for process in processes:
        process.join(LIMIT_SECONDS)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def curve(config: TrainConfig) -> list[Any]:
    return [[line[key] for key in SAME] for line in read_log(config.output)]


def losses(config: TrainConfig) -> list[float]:
    return [line["loss"] for line in read_log(config.output)]


def weights(config: TrainConfig) -> bytes:
    return (Path(config.output) / "model" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("n_ranks", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_killed_run_resumes_to_the_last_digit_and_on_other_ranks(
    small: Callable[..., TrainConfig], tmp_path: Path, start: Start, n_ranks: int
) -> None:
    """SIGKILL in mid-run; the same ranks repeat the undisturbed curve, others agree to 1e-5."""

    def config(name: str) -> TrainConfig:
        checkpoints = Checkpoints(every=2, keep_last=3)
        return small(output=str(tmp_path / name), steps=16, checkpoints=checkpoints)

    whole, killed, moved = (config(name) for name in ("whole", "killed", "moved"))
    finish(start(whole, n_ranks))

    processes = start(killed, n_ranks)
    latest = Path(killed.output) / "checkpoints" / "latest"
    while not latest.exists() or len(read_log(killed.output)) < 5:
        assert all(process.is_alive() for process in processes)
        time.sleep(0.001)
    for process in processes:
        process.kill()
        process.join()
    assert 5 <= len(read_log(killed.output)) < 16
    shutil.copytree(killed.output, moved.output)

    finish(start(killed, n_ranks))
    assert curve(killed) == curve(whole)
    assert weights(killed) == weights(whole)

    finish(start(moved, 3 - n_ranks))
    assert losses(moved) == pytest.approx(losses(whole), rel=1e-5)


def test_bf16_keeps_float32_weights_on_one_rank_and_on_two(
    small: Callable[..., TrainConfig], tmp_path: Path, start: Start
) -> None:
    """FSDP2's mixed precision: near the float32 curve, and the same for both; with activation
    checkpointing as well."""
    full = small(output=str(tmp_path / "full"))
    one = replace(full, output=str(tmp_path / "one"), dtype="bfloat16")
    two = replace(one, output=str(tmp_path / "two"), activation_checkpointing=True)
    for config, n_ranks in ((full, 1), (one, 1), (two, 2)):
        finish(start(config, n_ranks))
    assert losses(one) == pytest.approx(losses(full), rel=5e-3)
    assert losses(one) != losses(full)
    assert losses(two) == pytest.approx(losses(one), rel=1e-3)


def test_ranks_own_consecutive_streams_of_each_batch(small: Callable[..., TrainConfig]) -> None:
    """Fewer streams than sequences, or more; ranks that do not divide them are refused."""
    few = small(batch=24, streams=8)
    assert streams_of(few, 1, 4) == [range(2, 4)]
    many = small(batch=4, streams=12)
    assert streams_of(many, 1, 2) == [range(2, 4), range(6, 8), range(10, 12)]
    with pytest.raises(ConfigError, match="streams = 8: expected a multiple of the 3 ranks"):
        streams_of(few, 0, 3)
    with pytest.raises(ConfigError, match="batch = 4: expected a multiple of the 3 ranks"):
        streams_of(many, 0, 3)
