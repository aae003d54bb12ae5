"""`github.recall` over repositories whose files are good or bad on purpose, in a real run."""

import json
import logging
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.configuration import Config, load
from pipeline.engine.chain import chain_of, seed_patterns
from pipeline.inspection.sql import query
from pipeline.inspection.stats import funnel
from pipeline.inspection.verify import verify
from pipeline.run import plan, run
from stages.errors import ConfigError
from stages.recall.options import QualityOptions
from tests.pipeline.conftest import product, read_shards, write_tar

TEXT = """the parser reads every record from its buffer and returns the next value that matches a
    given pattern when nothing matches it raises an error which names the line and what was expected
    callers keep the result for as long as they need because no later call changes it"""
PROSE = TEXT.split()
N_REPOSITORIES, N_FILES = 6, 5
GOOD, BAD = "good", "bad"


def described(name: str) -> str:
    """A Python file whose comments say what it does."""
    drawn = random.Random(name)

    def sentence(n: int) -> str:
        return " ".join(drawn.choices(PROSE, k=n))

    head = f'"""{sentence(12)}.\n\n{sentence(12)}.\n{sentence(12)}.\n"""\n\n'
    return head + "\n\n".join(
        f'def read_{name}_{n}(source):\n    """{sentence(11)}.\n\n    {sentence(11)}.\n    """\n'
        f"    # {sentence(9)}\n"
        + "".join(f"    value_{m} = source.take({drawn.randrange(99)})\n" for m in range(4))
        + f"    return value_{n % 4}\n"
        for n in range(5)
    )


def terse(name: str) -> str:
    """A Python file without a word about what it does."""
    drawn = random.Random(name)
    names = ["".join(drawn.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(30)]
    return "".join(
        f"{first} = {second}({third}, {drawn.randrange(99)})\nif {third}:\n    del {first}\n"
        for first, second, third in (drawn.sample(names, 3) for _ in range(25))
    )


def write_repository(folder: Path, owner: str, *, sound: bool) -> None:
    """Good files and bad ones; a README and tests where it is sound."""
    files = {f"src/{GOOD}_{n}.py": described(f"{owner}{n}") for n in range(N_FILES)}
    files |= {f"lib/{BAD}_{n}.py": terse(f"{owner}{n}") for n in range(N_FILES)}
    if sound:
        files["README.md"] = f"# {owner}\n\nReads records of {owner}.\n"
        files["tests/test_it.py"] = terse(f"{owner}_test")
    archive = {name: text.encode() for name, text in files.items()}
    write_tar(folder / f"{owner}__reader.tar.gz", "reader-main", archive, owner[0] * 40)


Configure = Callable[..., Config]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Repositories of which the last one has neither README nor tests."""
    folder = tmp_path_factory.mktemp("repositories")
    for n in range(N_REPOSITORIES):
        write_repository(folder, f"owner{n}", sound=n < N_REPOSITORIES - 1)
    return folder


@pytest.fixture(scope="module")
def configured(inputs: Path) -> Configure:
    """A configuration over the repositories, in several shards."""

    def make(target: Path, *overrides: str, quality: bool = True) -> Config:
        settings = [
            f"github.inputs=['{inputs}/*.tar.gz']",
            "github.shard_bytes=8000",
            f"github.recall.quality={str(quality).lower()}",
            "github.recall.max_buckets=4096",
            "engine.max_quarantine_rate=0",
        ]
        return load(None, [*settings, *overrides], target)

    return make


@pytest.fixture(scope="module")
def finished(configured: Configure, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run, in this process."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    run(configured(folder), address="local")
    return folder


@pytest.fixture(scope="module")
def plain(configured: Configure, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run without the quality recall."""
    folder = tmp_path_factory.mktemp("plain") / "run"
    run(configured(folder, quality=False), address="local")
    return folder


def rows(folder: Path, statement: str) -> list[dict[str, Any]]:
    return [row for batch in query(folder, statement) for row in batch.to_pylist()]


def judged(folder: Path) -> list[dict[str, Any]]:
    """What the recall wrote of every document, with its path."""
    return rows(
        folder,
        "select d.uri, d.repo, d.path, d.kind, r.* exclude (shard, row) from github.recall as r "
        "join github.documents as d using (shard, row)",
    )


def test_the_stage_runs_before_decontaminate_where_it_is_asked_for(
    configured: Configure, tmp_path: Path
) -> None:
    """By the rule or by seed files; without either there is nothing to learn from."""
    config = configured(tmp_path)
    names = chain_of("github", config)
    assert names[names.index("dedup") : names.index("recall") + 2] == [
        "dedup",
        "tokens",
        "recall",
        "decontaminate",
    ]
    assert "recall" not in chain_of("github", configured(tmp_path, quality=False))
    given = configured(tmp_path, "github.recall.seeds=['mine.jsonl']", quality=False)
    assert "recall" in chain_of("github", given)
    inputs = {"github": [1], "web": []}
    assert seed_patterns(given, inputs) == ["mine.jsonl"]
    assert seed_patterns(config, inputs) == []


def test_well_described_files_are_recalled(finished: Path) -> None:
    """Also those of a repository that gave no seed, as it has no README; no terse one is."""
    assert verify(finished) == []
    for row in judged(finished):
        good = row["path"].startswith(f"src/{GOOD}")
        expected = ["quality"] if good else []
        assert row["recalled"] == (expected if row["kind"] == "source" else None)
        assert row["target"] == ("quality" if good else None)
        assert row["iteration"] == (1 if good else None)
    metrics = json.loads((finished / "github/recall/iteration-1/metrics.json").read_text())
    held_out = metrics["targets"]["quality"]["held_out"]
    assert held_out["n_positives"] == (N_REPOSITORIES - 1) * N_FILES
    assert held_out["n_negatives"] == N_REPOSITORIES * N_FILES + N_REPOSITORIES - 1
    assert (held_out["precision"], held_out["recall"]) == (1.0, 1.0)


def test_nothing_is_dropped_and_all_else_stays_as_it_was(finished: Path, plain: Path) -> None:
    """Every living document is kept, and the other stages and shards have the same bytes."""
    assert {(row["keep"], row["reason"]) for row in judged(finished)} == {(True, None)}
    before, after = product(plain), product(finished)
    same = {path for path in before if before[path] == after.get(path)}
    changed = {path for path in before.keys() - same if not path.startswith("shards/")}
    assert changed == set()
    assert {path for path in before if path.startswith("shards/code/")} <= same


def test_recalled_files_are_emitted_once_more(finished: Path) -> None:
    """Each is a sample of `code-quality` besides its part in `code`, in the split of its
    repository."""
    code, quality = (read_shards(finished / "shards" / name) for name in ("code", "code-quality"))
    parts = {part["uri"]: row["split"] for row in code.to_pylist() for part in row["parts"]}
    chosen = {row["parts"][0]["uri"]: row["split"] for row in quality.to_pylist()}
    assert len(chosen) == len(quality) == N_REPOSITORIES * N_FILES
    assert all(f"/{GOOD}_" in uri for uri in chosen)
    assert chosen == {uri: parts[uri] for uri in chosen}
    card = (finished / "shards" / "README.md").read_text()
    assert "files of high quality marked by a classifier of fastText's form" in card
    assert "code-quality" in card
    counts = {count.stage: count for count in funnel(finished)}
    assert counts["github.recall"].kept == counts["github.dedup"].kept
    assert counts["shards.code-quality"].documents == N_REPOSITORIES * N_FILES


def test_measures_say_why_a_file_is_a_seed(finished: Path) -> None:
    """Lines and words of comments stand beside each living document."""
    found = rows(
        finished,
        "select path, m.* from github.recall_measure as m "
        "join github.documents using (shard, row) where kind = 'source'",
    )
    for row in found:
        good = f"/{GOOD}_" in row["path"]
        assert (row["n_comment_words"] > 100) == good
        assert (row["n_comment_lines"] > 0) == good
        assert row["n_code_lines"] > 0
        assert not row["is_generated"]


def test_patterns_are_directories_of_repositories(finished: Path) -> None:
    """`OWNER:REPO/DIRECTORY/`, with the repository as domain."""
    found = rows(finished, "select * from github.recall_iteration_1_patterns where accepted")
    assert {(row["domain"], row["pattern"]) for row in found} == {
        (f"owner{n}/reader", f"owner{n}:reader/src/") for n in range(N_REPOSITORIES)
    }


def test_a_finished_run_is_left_alone(finished: Path, configured: Configure) -> None:
    """A plan finds nothing to do; another threshold marks anew and trains nothing."""
    assert [item.step for item in plan(configured(finished)) if item.n_stale] == []
    report = plan(configured(finished, "github.recall.threshold=0.9"))
    stale = {item.step for item in report if item.n_stale}
    assert "github.recall.decide.recall-pages" in stale
    recall = {step for step in stale if step.startswith("github.recall")}
    assert recall <= {"github.recall.decide.recall-pages", "github.recall.decide.to-shards"}


def test_one_process_and_two_workers_write_the_same_bytes(
    finished: Path, configured: Configure, tmp_path: Path
) -> None:
    """Models, scores and marks."""
    run(configured(tmp_path / "run"), stages=["github.recall"], workers=2)
    own = {path for path in product(finished) if path.startswith("github/recall/")}
    assert own
    assert {path: product(tmp_path / "run")[path] for path in own} == {
        path: product(finished)[path] for path in own
    }
    for number in (1, 2):
        model = f"github/recall/iteration-{number}/model/quality.arrow"
        assert (tmp_path / "run" / model).read_bytes() == (finished / model).read_bytes()


def test_seed_files_of_ones_own_are_learned_from(
    configured: Configure, finished: Path, tmp_path: Path
) -> None:
    """Texts with or without a repository; alone, or in addition to what the rule picks."""
    seeds = tmp_path / "mine.jsonl"
    seeds.write_text(
        "".join(
            json.dumps({"text": described(f"seed{n}")} | place) + "\n"
            for n in range(12)
            for place in [{"repo": f"some/one{n}", "path": "a.py"} if n % 2 else {}]
        )
    )
    given = f"github.recall.seeds=['{seeds}']"
    folder, n_of = tmp_path / "run", []
    for quality in (True, False):
        config = configured(folder, given, "github.recall.iterations=1", quality=quality)
        run(config, stages=["github.recall"], address="local")
        metrics = json.loads((folder / "github/recall/iteration-1/metrics.json").read_text())
        n_of.append(metrics["targets"]["quality"]["held_out"]["n_positives"])
    assert n_of == [12 + (N_REPOSITORIES - 1) * N_FILES, 12]
    assert verify(folder) == []
    recalled = {row["uri"] for row in judged(folder) if row["recalled"]}
    assert recalled <= {row["uri"] for row in judged(finished) if row["recalled"]}
    assert recalled


def test_too_few_files_are_a_warning_and_nothing_is_recalled(
    configured: Configure, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A tiny corpus goes through, and says what it lacks."""
    write_repository(tmp_path, "tiny", sound=False)
    config = configured(tmp_path / "run", f"github.inputs=['{tmp_path}/*.tar.gz']")
    with caplog.at_level(logging.WARNING, logger="sluice"):
        run(config, address="local")
    assert re.search(r"0 seeds and \d+ other files are too few to learn from", caplog.text)
    assert verify(tmp_path / "run") == []
    assert not any(row["recalled"] for row in judged(tmp_path / "run"))
    assert not (tmp_path / "run/shards/code-quality").exists()


@pytest.mark.parametrize("setting", ["annotate='person'", "targets={}", "natural_share=0.5"])
def test_what_makes_no_sense_for_code_is_refused(
    configured: Configure, tmp_path: Path, setting: str
) -> None:
    """`[github.recall]` has settings of its own, and `[recall]` is the web's."""
    with pytest.raises(ConfigError, match=r"`github\.recall\.\w+` .* is not a setting"):
        configured(tmp_path, f"github.recall.{setting}")
    shared = configured(tmp_path, "recall.iterations=7", "recall.min_growth=0.5")
    assert shared.options("github.recall", QualityOptions).iterations == 2
    assert shared.options("github.recall", QualityOptions).min_growth == 0.02


def test_tokens_are_kept_where_recall_reads_them(configured: Configure, tmp_path: Path) -> None:
    """Or always, or never; words are no tokens."""
    for overrides, quality, kept in (
        ([], True, True),
        ([], False, False),
        (["tokens.store='always'"], False, True),
        (["github.tokens.store='never'"], True, False),
        (["github.recall.tokens='whitespace'"], True, False),
    ):
        config = configured(tmp_path, *overrides, quality=quality)
        names = chain_of("github", config)
        assert ("tokens" in names) is kept
        assert not kept or names[names.index("tokens") - 1] == "dedup"
        assert "tokens" not in chain_of("seeds", config)
