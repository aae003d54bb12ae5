"""The dataset card of a real run says what its options had it do."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from pipeline.run import forecast, run
from stages.emit.mixture import mixture_of
from stages.errors import ConfigError
from tests.pipeline.conftest import (
    STANDARD_LIBRARY,
    configured,
    page,
    product,
    write_tar,
    write_warc,
)

MODULES = ("decoder", "encoder")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository, a crawl and a benchmark."""
    folder = tmp_path_factory.mktemp("small")
    sources = {
        f"{name}.py": (STANDARD_LIBRARY / f"json/{name}.py").read_bytes() for name in MODULES
    }
    write_tar(folder / "a__b.tar.gz", "b-main", sources)
    write_warc(folder / "c.warc.gz", {"https://a.example.com/p": page("A page", 5)})
    (folder / "benchmarks").mkdir()
    problem = " ".join(f"word{n}" for n in range(12))
    (folder / "benchmarks/set.jsonl").write_text(f'{{"text": "{problem}"}}\n')
    return folder


@pytest.fixture(scope="module")
def finished(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every stage that needs no training switched on."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    benchmarks = f"decontaminate.benchmarks=['{small}/benchmarks']"
    run(configured(small, folder, benchmarks), address="local")
    return folder


def card(folder: Path) -> str:
    return (folder / "shards/README.md").read_text()


@pytest.mark.parametrize(
    ("off", "claim"),
    [
        (("decontaminate.benchmarks=[]",), "benchmark"),
        (("dedup.near=false",), "near-duplicates removed"),
        (("dedup.exact=false",), "exact duplicates removed"),
        (("redact.email=false", "redact.ip_address=false", "redact.key=false"), "replaced by"),
        (("concatenate.order=none",), "joined per repository"),
        (("emit.path_comments=false",), "comment with its path"),
    ],
)
def test_a_stage_switched_off_is_not_on_the_card(
    off: tuple[str, ...], claim: str, small: Path, finished: Path, tmp_path: Path
) -> None:
    """The claim of a stage is on the card of the run, and gone once the stage is off."""
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    benchmarks = f"decontaminate.benchmarks=['{small}/benchmarks']"
    run(configured(small, folder, benchmarks, *off), address="local")
    assert claim in card(finished)
    assert claim not in card(folder)


def test_a_mixture_changes_manifest_and_card_alone(
    small: Path, finished: Path, tmp_path: Path
) -> None:
    """Nothing is emitted again; weights and epochs are of the train split's tokens."""
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    settings = ("emit.mixture={code=60, natural=40}", "emit.max_epochs=4", "emit.heldout_rate=0.0")
    benchmarks = f"decontaminate.benchmarks=['{small}/benchmarks']"
    run(configured(small, folder, benchmarks, settings[2]), address="local")
    before = product(folder)
    plain = json.loads((folder / "shards/manifest.json").read_text())
    report = run(configured(small, folder, benchmarks, *settings), address="local")
    assert report.steps.keys() & {"emit.github", "emit.web"} == set()
    after = product(folder)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"shards/README.md", "shards/manifest.json"}
    manifest = json.loads((folder / "shards/manifest.json").read_text())
    mixture = manifest.pop("mixture")
    assert manifest == plain
    tokens = {name: totals["tokens"] for name, totals in plain["sets"].items()}
    assert mixture == mixture_of({"code": 60, "natural": 40}, tokens, 4)
    assert f"{mixture['once']['tokens']:,} tokens are the most" in card(folder)
    assert "| `natural` | 40.0% |" in card(folder)
    run(configured(small, folder, benchmarks, settings[2]), address="local")
    assert product(folder) == before


def test_a_weight_on_a_set_that_cannot_come_fails_before_any_work(
    small: Path, tmp_path: Path
) -> None:
    """A run as its plan: there is no mathematics without a target of the web's recall."""
    config = configured(small, tmp_path / "run", "emit.mixture=deepseek-coder-v2")
    for attempt in (forecast, partial(run, address="local")):
        with pytest.raises(ConfigError, match="no samples of math-web"):
            attempt(config)
    assert not (tmp_path / "run/web").exists()
