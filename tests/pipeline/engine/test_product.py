"""The dataset card of a real run says what its options had it do."""

import shutil
from pathlib import Path

import pytest

from pipeline.run import run
from tests.pipeline.conftest import STANDARD_LIBRARY, configured, page, write_tar, write_warc

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
