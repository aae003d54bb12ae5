"""The mixture of a manifest as the trainer follows it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stages.ablation.training.configuration import Checkpoints, Source, TrainConfig
from stages.ablation.training.data.shards import count_tokens, list_shards
from stages.ablation.training.logs import Step, read_log
from stages.ablation.training.manifest import with_mixture
from stages.ablation.training.recipe import RECIPE
from stages.ablation.training.train import train
from stages.emit.mixture import mixture_of
from stages.errors import ConfigError, InputError
from tests.stages.ablation.conftest import counting_documents, write_shard

WEIGHTS = {"code": 3.0, "text": 1.0}
Make = Callable[..., TrainConfig]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Three sets, of which the mixture weighs two."""
    folder = tmp_path / "shards"
    for number, name in enumerate(("code", "natural", "text")):
        documents = counting_documents(60, number)
        write_shard(folder / name / "train-00000.parquet", documents, first=100 * number)
    there = {
        name: count_tokens(list_shards(name, [str(folder / name)]), "train") for name in WEIGHTS
    }
    state(folder, mixture=mixture_of(WEIGHTS, there, 2.0))
    return folder


def state(folder: Path, **manifest: object) -> None:
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def make(small: Make, shards: Path) -> Make:
    """Configurations of these shards; a budget only where one is given."""
    return lambda **fields: small(
        **({"sources": {}, "shards": str(shards), "steps": None} | fields)
    )


def test_the_sources_are_those_that_the_manifest_weighs(make: Make, shards: Path) -> None:
    """With its shares; as many tokens as it draws, unless the configuration says how many."""
    found = with_mixture(make())
    assert found.sources == {
        name: Source((str(shards / name),), weight / 4) for name, weight in WEIGHTS.items()
    }
    drawn = json.loads((shards / "manifest.json").read_text())["mixture"]["drawn"]["tokens"]
    assert (found.tokens, found.steps) == (drawn, None)
    assert with_mixture(make(steps=7)).tokens is None
    assert with_mixture(make(tokens=99)).tokens == 99


def test_the_shards_name_the_tokenizer(make: Make, shards: Path) -> None:
    """Unless another, or the ids themselves, are named."""
    assert with_mixture(make(special_tokens=None)).tokenizer == str(shards / "tokenizer.json")
    assert with_mixture(make(special_tokens=None, tokenizer="mine.json")).tokenizer == "mine.json"
    assert with_mixture(make()).tokenizer is None


def test_an_interrupted_training_goes_on_in_the_mixture(make: Make, tmp_path: Path) -> None:
    """To the same losses; the recipe holds the weights."""
    every = Checkpoints(every=2)
    whole = make(steps=6, checkpoints=every)
    train(whole)
    weights = json.loads((Path(whole.output) / RECIPE).read_text())["sources"]
    assert {name: one["weight"] for name, one in weights.items()} == {"code": 0.75, "text": 0.25}

    def stop(step: Step) -> None:
        if step.step == 4:
            raise KeyboardInterrupt

    broken = replace(whole, output=str(tmp_path / "broken"))
    with pytest.raises(KeyboardInterrupt):
        train(broken, stop)
    train(broken)
    curves = [[line["losses"] for line in read_log(one.output)] for one in (whole, broken)]
    assert curves[0] == curves[1]


def test_other_weights_are_another_training(make: Make, shards: Path) -> None:
    """A finished run emitted again with another mixture does not go on from the first."""
    config = make(steps=2, checkpoints=Checkpoints(every=1))
    train(config)
    (Path(config.output) / "report.json").unlink()
    state(shards, mixture=mixture_of({"code": 1, "text": 1}, {"code": 900, "text": 900}, 1.0))
    with pytest.raises(ConfigError, match=r"sources\.code\.weight was 0\.75, now 0\.5"):
        train(config)


def test_a_manifest_without_a_mixture_says_what_to_do(make: Make, shards: Path) -> None:
    """As does a folder without one; a damaged one is an error of the input."""
    state(shards, sets={})
    with pytest.raises(ConfigError, match=r"states no mixture; set `emit\.mixture`"):
        with_mixture(make())
    state(shards, mixture={"drawn": {"tokens": "many"}})
    with pytest.raises(InputError, match="not a manifest of shards"):
        with_mixture(make())
    (shards / "manifest.json").unlink()
    with pytest.raises(ConfigError, match="name the folder `shards` of a run"):
        with_mixture(make())
