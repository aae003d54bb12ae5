"""Whole runs of a model smaller than `tiny`, in this process."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from math import isnan
from pathlib import Path

import numpy as np
import pytest
import torch

from stages.ablation.training.configuration import Checkpoints, Source, Spikes, TrainConfig
from stages.ablation.training.logs import Step, read_log
from stages.ablation.training.train import main, train
from stages.ablation.training.trainer import Trainer
from stages.errors import ConfigError, StageError

GOLDEN = [
    4.868263,
    4.766583,
    4.684671,
    4.545618,
    4.48252,
    4.322159,
    4.253735,
    4.116097,
    4.103477,
    4.001739,
    4.080088,
    3.985717,
]
"""Losses of the twelve steps on the fixture's shards, at seed 0."""


def losses(config: TrainConfig) -> list[float]:
    return [line["loss"] for line in read_log(config.output)]


def test_the_loss_curve_is_the_golden_one(small: Callable[..., TrainConfig]) -> None:
    """Unchanged maths give an identical curve; processors differ in the last bits (1e-4)."""
    config = small()
    train(config)
    assert losses(config) == pytest.approx(GOLDEN, rel=1e-4)


def test_a_model_learns_more_than_how_often_tokens_occur(small: Callable[..., TrainConfig]) -> None:
    """Its loss goes under the unigram entropy of these counting documents, ln 100 = 4.61."""
    config = small(steps=60, batch=8, micro_batch=8, fim_rate=0.0)
    report = train(config)
    assert report.loss < 3.5


def test_the_folder_loads_as_it_is_and_gives_the_same_logits(
    small: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    """By AutoModelForCausalLM, without a word about Sluice in it; the tokenizer loads too."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    words = {f"w{number}": number for number in range(100)} | {"<|endoftext|>": 100}
    path = tmp_path / "tokenizer.json"
    Tokenizer(WordLevel(words, unk_token="w0")).save(str(path))
    config = small(steps=2, tokenizer=str(path), special_tokens=None, add_sentinels=True)
    inputs = torch.randint(100, (2, 32), generator=torch.Generator().manual_seed(0))
    with Trainer(config) as trainer:
        trainer.run(config)
        positions = torch.arange(32).expand(2, 32)
        with torch.no_grad():
            expected = trainer.model.llama.lm_head(trainer.model.hidden(inputs, positions))
    folder = Path(config.output) / "model"
    assert "sluice" not in (folder / "config.json").read_text()
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert torch.allclose(model(inputs).logits, expected, atol=1e-6)
    assert model.generation_config.eos_token_id == 100
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.eos_token_id == 100
    assert tokenizer.convert_tokens_to_ids("<｜fim▁begin｜>") == 102


def test_one_trainer_trains_models_as_fresh_ones_would(
    small: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    """Nothing of the first model is left in the second; another seed is another model."""
    first, second, third = (
        small(output=str(tmp_path / name), steps=4, seed=seed)
        for name, seed in (("a", 1), ("b", 2), ("c", 1))
    )
    with Trainer(first) as trainer:
        for config in (first, second, third):
            trainer.run(config)
        with pytest.raises(ConfigError, match="length = 16: this Trainer was built with 32"):
            trainer.run(small(sequence_length=16))
    assert losses(first) == losses(third)
    assert losses(first) != losses(second)


def test_losses_by_source_add_up(small: Callable[..., TrainConfig]) -> None:
    """Weighted by the tokens each source has in the batch, 2 to 1 here."""
    config = small(steps=6, batch=16, micro_batch=16)
    train(config)
    lines = read_log(config.output)
    shares = [
        (line["loss"] - line["losses"]["text"]) / (line["losses"]["code"] - line["losses"]["text"])
        for line in lines
    ]
    assert np.mean(shares) == pytest.approx(2 / 3, abs=0.15)
    assert [line["tokens"] for line in lines] == [512 * step for step in range(1, 7)]


def poison(trainer: Trainer, steps: set[int]) -> None:
    """Make the gradient NaN in these steps."""
    seen = [0]

    def hook(gradient: torch.Tensor) -> torch.Tensor:
        seen[0] += 1
        return gradient * float("nan") if seen[0] in steps else gradient

    trainer.model.llama.model.norm.weight.register_hook(hook)


def test_a_nan_step_is_skipped_and_logged_with_its_place_in_the_data(
    small: Callable[..., TrainConfig],
) -> None:
    """The weights stay finite, the run goes on, and the report counts it."""
    config = small(micro_batch=4)
    with Trainer(config) as trainer:
        poison(trainer, {5})
        report = trainer.run(config)
        assert all(weight.isfinite().all() for weight in trainer.model.parameters())
    assert report.skipped == 1
    lines = read_log(config.output)
    assert [line["step"] for line in lines if line["skipped"]] == [5]
    skipped = lines[4]
    assert (skipped["skipped"], skipped["grad_norm"]) == ("gradient norm is nan", None)
    assert sorted(skipped["position"], key=int) == ["16", "17", "18", "19"]
    assert {"unit", "row", "tokens"} == set(skipped["position"]["16"]["sources"]["code"])
    assert not isnan(lines[-1]["loss"])


def test_skips_in_a_row_stop_the_run(small: Callable[..., TrainConfig]) -> None:
    """With an error that says what to do."""
    config = small(micro_batch=4, spikes=Spikes(max_consecutive=3))
    with Trainer(config) as trainer:
        poison(trainer, {2, 4, 5, 6})
        with pytest.raises(StageError, match="3 steps in a row were skipped, the last, 6"):
            trainer.run(config)
    assert len(read_log(config.output)) == 6


def test_checkpoints_are_kept_by_policy(small: Callable[..., TrainConfig]) -> None:
    """The newest two, and every multiple of four."""
    config = small(steps=11, checkpoints=Checkpoints(every=2, keep_last=2, keep_every=4))
    train(config)
    folder = Path(config.output) / "checkpoints"
    steps = sorted(int(path.name[5:]) for path in folder.glob("step-*"))
    assert steps == [4, 8, 10, 11]
    assert (folder / "latest").read_text() == "step-00000011\n"
    assert not list(folder.glob(".step-*"))


class Stop(Exception):  # noqa: N818
    """Ends a run from outside."""


def stop_after(step: int) -> Callable[[Step], None]:
    def on_step(done: Step) -> None:
        if done.step == step:
            raise Stop

    return on_step


def test_an_interrupted_run_goes_on_with_the_same_numbers(
    small: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    """Also through a skipped step, with another micro-batch, and its log has every step once."""
    checkpoints = Checkpoints(every=4)
    whole = small(checkpoints=checkpoints, spikes=Spikes(factor=1.2, history=2, window=4))
    train(whole)
    assert any(line["skipped"] for line in read_log(whole.output)[:8])
    broken = replace(whole, output=str(tmp_path / "broken"))
    with pytest.raises(Stop):
        train(broken, stop_after(7))
    train(replace(broken, log_every=5, tensorboard=True))
    keys = ("step", "loss", "losses", "grad_norm", "skipped", "position", "learning_rate")
    assert [[line[key] for key in keys] for line in read_log(broken.output)] == [
        [line[key] for key in keys] for line in read_log(whole.output)
    ]
    assert weights(broken) == weights(whole)


def weights(config: TrainConfig) -> bytes:
    return (Path(config.output) / "model" / "model.safetensors").read_bytes()


def test_a_finished_run_is_only_reported(small: Callable[..., TrainConfig]) -> None:
    """Nothing is trained again."""
    config = small(steps=2)
    assert train(config) == train(config, stop_after(1))


def test_another_run_s_folder_is_refused(small: Callable[..., TrainConfig]) -> None:
    """The message names what differs."""
    train(small(steps=2))
    with pytest.raises(ConfigError, match=r"seed was 0, now 1; steps was 2, now 3"):
        train(small(steps=3, seed=1))
    with pytest.raises(ConfigError, match="holds a run already"):
        train(small(steps=2, resume=False))


def test_more_ranks_than_the_data_has_streams_is_refused(
    small: Callable[..., TrainConfig],
) -> None:
    """And a micro-batch that does not divide a rank's share."""
    with pytest.raises(ConfigError, match="micro_batch = 3: expected a divisor of the 4 sequences"):
        train(small(micro_batch=3))


def test_the_command_line_trains_and_explains(
    small: Callable[..., TrainConfig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and the field for a configuration that cannot work."""
    config = asdict(small(steps=3, log_every=1))
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    assert main([str(path), "--set", "steps=2"]) == 0
    shown = capsys.readouterr()
    assert "step 2/2  loss 4." in shown.err
    assert "2 steps, 256 tokens, loss 4." in shown.out
    assert main([str(path), "--set", "step=2"]) == 2
    assert "step: no such field; did you mean steps?" in capsys.readouterr().err
    sources = {"code": asdict(Source((str(tmp_path / "nowhere"),)))}
    path.write_text(json.dumps(config | {"sources": sources, "output": str(tmp_path / "x")}))
    assert main([str(path)]) == 1
    assert "source code: no Parquet shards at" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_compiled_layers_are_compiled_once_for_all_models(
    small: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    """One graph each for layer, norm and loss, none broken; the curve is the eager one's."""
    from torch._dynamo.utils import counters

    eager = small(steps=4)
    first, second = (
        replace(eager, output=str(tmp_path / name), compile=True, seed=seed)
        for name, seed in (("first", 0), ("second", 1))
    )
    train(eager)
    torch._dynamo.reset()
    counters.clear()
    with Trainer(first) as trainer:
        trainer.run(first)
        trainer.run(second)
    assert counters["stats"]["unique_graphs"] == 3
    assert not counters["graph_break"]
    assert losses(first) == pytest.approx(losses(eager), rel=1e-4)
