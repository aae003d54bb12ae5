"""The whole product over the planted inputs: the run, `apply`, the variants of an ablation."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.golden.crawl import html, write_crawl, write_seeds
from tests.golden.digests import Content
from tests.golden.faces import (
    Config,
    applied_version,
    apply,
    load,
    load_options,
    make_variants,
    run,
)
from tests.golden.hours import write_hours
from tests.golden.recorder import Recorder, take_file, take_product
from tests.golden.repositories import MAX_FILE_BYTES, write_forks, write_repositories
from tests.golden.words import EMAIL, PROBLEMS, words

Table = dict[str, Any]


def write_inputs(folder: Path) -> None:
    """Repositories, a crawl, seeds, a benchmark."""
    folder.mkdir(parents=True)
    write_repositories(folder)
    write_crawl(folder)
    write_seeds(folder)


def configured(inputs: Path, target: Path) -> Config:
    """Every stage, in several shards; recall of two targets and of quality, in two iterations."""
    return load(
        None,
        [
            f"github.inputs=['{inputs}/*.tar', '{inputs}/*.zip', '{inputs}/*.tar.gz']",
            f"github.metadata='{inputs}/repositories.jsonl'",
            "github.shard_bytes=90000",
            f"github.max_file_bytes={MAX_FILE_BYTES}",
            "github.recall.quality=true",
            "github.recall.max_buckets=4096",
            f"web.inputs=['{inputs}/crawl-*']",
            f"web.max_record_bytes={MAX_FILE_BYTES}",
            f"recall.targets.code.seeds=['{inputs}/code.jsonl']",
            f"recall.targets.math.seeds=['{inputs}/math.jsonl']",
            "recall.targets.math.sites=['mathhub.org/notes/2/']",
            "recall.targets.math.max_tokens=2950",
            f"recall.negatives=['{inputs}/other.jsonl']",
            f"recall.annotations=['{inputs}/annotations.toml']",
            "recall.iterations=2",
            "recall.min_growth=0",
            "recall.natural_share=0.5",
            "recall.trusted_share=1",
            "recall.max_buckets=4096",
            f"decontaminate.benchmarks=['{inputs}/benchmarks']",
            "concatenate.max_sample_bytes=6000",
            "emit.heldout_rate=0.2",
            "emit.shard_bytes=40000",
        ],
        target,
    )


def record_chain(
    folder: Path, *, address: str | None = "local", workers: int | None = None
) -> Table:
    """Run everything in a new folder; the table of its golden digests."""
    inputs, target = folder / "inputs", folder / "run"
    write_inputs(inputs)
    recorder = Recorder(target)
    config = configured(inputs, target)
    run(config, address=address, workers=workers, monitor=recorder)
    product = recorder.contents["product"] = Content(None)
    take_product(product, target / "shards")
    options = load_options(["heldout_bytes=6000", "heldout_rate=0.3"])
    make_variants(target, options, address=address, workers=workers, monitor=recorder)
    contents = recorder.contents | _applied(folder, target) | _discussions(folder)
    # Its other steps are in the table with what they make of documents.
    contents |= {
        step: content for step, content in _by_repository(folder).items() if step not in contents
    }
    return {
        "libraries": dict(sorted(recorder.libraries.items())),
        "steps": {step: content.entry() for step, content in contents.items()},
    }


def _discussions(folder: Path) -> dict[str, Content]:
    """What hours of GH Archive become, in a run of their own."""
    hours, target = folder / "hours", folder / "discussions"
    write_hours(hours)
    recorder = Recorder(target)
    settings = [f"github.inputs=['{hours}']", "github.shard_bytes=1"]
    run(
        load(None, settings, target),
        address="local",
        monitor=recorder,
        stages=["github.documents"],
    )
    contents = recorder.contents
    contents["events.discussions.documents"] = contents.pop("github.documents")
    return contents


def _by_repository(folder: Path) -> dict[str, Content]:
    """What dedup makes of whole repositories, in a run of their own."""
    forks, target = folder / "forks", folder / "by-repository"
    write_forks(forks)
    recorder = Recorder(target)
    settings = [
        f"github.inputs=['{forks}']",
        "github.dedup.unit='repository'",
        "github.dedup.threshold=0.6",
    ]
    run(load(None, settings, target), address="local", monitor=recorder, stages=["github.dedup"])
    return recorder.contents


def _applied(folder: Path, target: Path) -> dict[str, Content]:
    """What `sluice apply` answers for each of its stages."""
    source = folder / "applied.parquet"
    texts = [f"# Mail {EMAIL}\nx = 1\n", PROBLEMS["T/0"][1], " ".join(words("code", "applied")), ""]
    rows = [
        {
            "text": text,
            "path": f"src/file{n}.py",
            "html": html("math", f"applied {n}"),
            "url": f"https://a.net/{n}",
        }
        for n, text in enumerate(texts)
    ]
    pq.write_table(pa.Table.from_pylist(rows), source)
    model = next(iter(sorted((target / "web" / "recall" / "iteration-1" / "model").iterdir())))
    settings = {
        "decontaminate": [f"benchmarks=['{folder}/inputs/benchmarks']"],
        "recall": [f"model='{model}'"],
    }
    contents = {}
    for name in ("decontaminate", "extract", "language", "recall", "redact", "rules", "tokenize"):
        answer = folder / f"{name}.parquet"
        apply(name, source, answer, settings.get(name, []))
        content = contents[f"apply.{name}"] = Content(applied_version(name))
        take_file(content, answer, trained=name == "recall")
    return contents
