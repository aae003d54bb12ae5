"""The whole chain of the papers: what was planted is found, and for the right reason."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from pipeline.configuration import Config, load
from pipeline.engine.chain import seed_patterns
from pipeline.engine.plans import by_stage
from pipeline.inspection.sql import query
from pipeline.inspection.verify import verify
from pipeline.run import RunReport, forecast, plan, run
from pipeline.storage.ledger_names import LEDGER_SUFFIX
from stages.emit.comments import path_comment
from stages.kernels.bpe.tokenizer import DEFAULT_TOKENIZER, tokenizer_json
from stages.kernels.spans import replace_spans
from tests.pipeline.conftest import product, read_shards
from tests.pipeline.engine.planted import EMAIL, write_inputs

DECIDING = {"keep-evidence", "route-by-component", "drop-near", "route-drops", "route-twins"}
TELLING = {"follow-survivors", "route-to-shards", "judge"}
COUNTING = {"count-values", "name-dropped", "route-losses", "count-repeats", "find-alarms"}
"""Steps of dedup that a threshold between 0.85 and 1 may run."""


Configure = Callable[..., Config]


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Configure:
    """A configuration of the whole chain over the planted inputs."""
    folder = tmp_path_factory.mktemp("planted")
    write_inputs(folder)

    def make(target: Path, *overrides: str) -> Config:
        settings = [
            f"github.inputs=['{folder}/*.tar.gz']",
            "github.shard_bytes=3000",
            f"web.inputs=['{folder}/*.warc.gz']",
            f"recall.targets.code.seeds=['{folder}/code.jsonl']",
            f"recall.targets.math.seeds=['{folder}/math.jsonl']",
            f"recall.negatives=['{folder}/other.jsonl']",
            "recall.iterations=1",
            "recall.evidence='text'",
            "recall.max_buckets=4096",
            f"decontaminate.benchmarks=['{folder}/benchmarks']",
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


@pytest.fixture
def again(finished: Path, configured: Configure, tmp_path: Path) -> Callable[..., RunReport]:
    """Runs a copy of the finished run with other settings: what that did."""
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)

    def rerun(*overrides: str) -> RunReport:
        report = run(configured(folder, *overrides), address="local")
        assert verify(folder) == []
        return report

    return rerun


def rows(folder: Path, statement: str) -> list[dict[str, Any]]:
    return [row for batch in query(folder, statement) for row in batch.to_pylist()]


def fates(folder: Path, table: str, documents: str, name: str) -> dict[str, dict[str, Any]]:
    """What a stage wrote of every document it judged, by the end of its path or URL."""
    joined = rows(
        folder, f"from {table} as t join (select uri, {name} as name, shard, row from {documents}) "
        "using (shard, row) where keep is not null"
    )  # fmt: skip
    return {row["name"]: row for row in joined}


def short(step: str) -> str:
    return step.rpartition(".")[2]


def changed_shards(first: Path, second: Path, table: str) -> int:
    """Shards of a table whose verdicts differ between two runs."""
    paths = sorted((first / table).glob("*.parquet"))
    return sum(
        pq.read_table(path, columns=["keep"])
        != pq.read_table(second / table / path.name, columns=["keep"])
        for path in paths
    )


def test_the_chain_leaves_a_sound_run_and_all_five_shard_sets(finished: Path) -> None:
    """Code, code-web, math-web and natural, and nothing is quarantined."""
    assert verify(finished) == []
    sets = {path.name for path in (finished / "shards").iterdir() if path.is_dir()}
    assert sets == {"code", "code-web", "math-web", "natural"}
    assert not list((finished / "quarantine").rglob("*.parquet"))


def test_near_duplicates_are_dropped_against_a_kept_document(finished: Path) -> None:
    """Two names of a file make a near-duplicate, five do not; one word of a page does."""
    code = fates(finished, "github.dedup", "github.documents", "path")
    pair = [code["original.py"], code["near.py"]]
    assert sorted(one["reason"] or "" for one in pair) == ["", "near"]
    dropped, kept = sorted(pair, key=lambda one: one["keep"])
    assert dropped["duplicate_of"] == kept["doc_id"] == kept["cluster"]
    assert 0.85 <= dropped["similarity"] < 0.95
    assert code["far.py"]["keep"]
    assert [one["reason"] for one in (code["m0.py"], code["copy.py"])].count("exact") == 1

    pages = fates(finished, "web.dedup", "web.documents", "url")
    twins = [pages[f"https://code{n}.example.org/{p}"] for n, p in ((9, "original"), (8, "near"))]
    assert sorted(one["reason"] or "" for one in twins) == ["", "near"]
    reasons = Counter(row["reason"] for row in rows(finished, "select reason from web.dedup"))
    assert reasons["url"] == 1
    assert reasons["near"] == 1


def test_pages_are_recalled_by_their_topic(finished: Path) -> None:
    """Every page of a target goes to it; of the rest a share is natural, the others dropped."""
    pages = fates(finished, "web.recall", "web.documents", "url")
    topics = {url: url.removeprefix("https://")[:4] for url in pages}
    found = Counter((topics[url], row["target"] or row["reason"]) for url, row in pages.items())
    assert found["code", "code"] == 25
    assert found["math", "math"] == 26
    assert found["othe", "natural"] + found["othe", "not_recalled"] == 25
    assert found["othe", "natural"] > 0
    assert sum(found.values()) == 76


def test_planted_problems_are_dropped_with_their_evidence(finished: Path) -> None:
    """The span names set and item, and nothing else is dropped."""
    for corpus, name, where, item in (
        ("github", "path", "solved.py", "T/0"),
        ("web", "url", "https://math9.example.org/solved", "T/1"),
    ):
        judged = fates(finished, f"{corpus}.decontaminate", f"{corpus}.documents", name)
        dropped = {key: row for key, row in judged.items() if not row["keep"]}
        assert {key: row["reason"] for key, row in dropped.items()} == {where: "benchmark"}
        assert {span["kind"] for span in dropped[where]["spans"]} == {f"tiny/{item}"}
        after = rows(finished, f"select keep from {corpus}.redact where keep is null")
        assert len(after) >= 1


def test_planted_secrets_are_found(finished: Path) -> None:
    """One e-mail address and one token in the repository, one address on the web."""
    code = fates(finished, "github.redact", "github.documents", "path")
    assert [span["kind"] for span in code["contact.py"]["spans"]] == ["EMAIL", "KEY"]
    pages = fates(finished, "web.redact", "web.documents", "url")
    contact = pages["https://math8.example.org/contact"]
    assert [span["kind"] for span in contact["spans"]] == ["EMAIL"]
    assert sum(len(row["spans"]) for row in (*code.values(), *pages.values())) == 3


def test_shards_hold_path_comments_and_redacted_texts(finished: Path) -> None:
    """Decoded, every part is its document's text after redaction, and nothing kept is missing."""
    decoded = decode_parts(finished)
    assert decoded == dict(_texts(finished))
    contact = next(text for uri, text in decoded.items() if uri.endswith("contact.py"))
    assert contact.startswith("# contact.py\nNOTE_0")
    assert contact.endswith("# write to <EMAIL>\n# token <KEY>\n")
    assert EMAIL not in " ".join(decoded.values())


@pytest.mark.parametrize("store", ["always", "never"])
def test_kept_tokens_change_no_byte_of_the_product(
    finished: Path, again: Callable[..., RunReport], tmp_path: Path, store: str
) -> None:
    """By default there are those of the web, which recall reads; with all or none the shards, the
    card and the models are the same, and every part decodes to its comment and its text."""
    folder = tmp_path / "run"
    assert not (finished / "github" / "tokens").exists()
    assert len(rows(finished, "select * from web.tokens where keep and tokens is null")) == 0
    again(f"tokens.store={store!r}")
    for corpus in ("github", "web"):
        assert bool(list((folder / corpus / "tokens").glob("*"))) is (store == "always")
    for kept in ("shards", "web/recall"):
        assert files_of(folder / kept) == files_of(finished / kept)
    assert decode_parts(folder) == dict(_texts(folder))


def files_of(folder: Path) -> dict[str, bytes]:
    """Path → bytes of all but receipts, which say from what a file was made, and memos."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith((LEDGER_SUFFIX, ".sizes.json"))
    }


def decode_parts(folder: Path) -> dict[str, str]:
    """The text of every part of the shards by the reference tokenizer."""
    tokenizer = Tokenizer.from_str(tokenizer_json(DEFAULT_TOKENIZER).decode())
    decoded = {}
    for shard_set in ("code", "code-web", "math-web", "natural"):
        for sample in read_shards(folder / "shards" / shard_set).to_pylist():
            for part in sample["parts"]:
                ids = sample["tokens"][part["start"] : part["start"] + part["n_tokens"]]
                decoded[part["uri"]] = tokenizer.decode(ids, skip_special_tokens=False)
    return decoded


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for corpus, last, path in (("github", "concatenate", "path"), ("web", "redact", "null")):
        language = "language" if corpus == "github" else "null"
        joined = rows(
            folder,
            f"select uri, text, spans, {path} as path, {language} as language "
            f"from {corpus}.documents join {corpus}.redact using (shard, row) "
            + ("join github.language using (shard, row) " if corpus == "github" else "")
            + f"semi join (from {corpus}.{last} where keep) using (shard, row)",
        )
        for row in joined:
            text = replace_spans(row["text"].encode(), row["spans"]).decode()
            comment = path_comment(row["path"], row["language"]) if row["path"] else ""
            yield row["uri"], comment + text


def test_a_higher_dedup_threshold_only_decides(
    finished: Path, again: Callable[..., RunReport], tmp_path: Path
) -> None:
    """No signature, candidate or verification; later stages run where a verdict changed."""
    report = again("github.dedup.threshold=0.95")
    dedup = {step for step in report.steps if ".dedup" in step}
    assert {step.rpartition(".")[0] for step in dedup} == {"github.dedup.decide"}
    assert "judge" in {short(step) for step in dedup}
    assert {short(step) for step in dedup} <= DECIDING | TELLING | COUNTING
    assert not any(step.startswith(("web.", "seeds.")) for step in report.steps)
    n_changed = changed_shards(finished, tmp_path / "run", "github/dedup")
    assert n_changed == 1
    assert report.steps["github.decontaminate.measure"].tasks == n_changed
    assert report.steps["github.redact"].tasks == n_changed
    near = rows(tmp_path / "run", "select * from github.dedup where reason = 'near'")
    assert near == []


def test_a_lower_dedup_threshold_seeks_candidates_again_without_measuring(
    finished: Path, again: Callable[..., RunReport], tmp_path: Path
) -> None:
    """Below 0.85 other bands are needed; the signatures are the same."""
    report = again("github.dedup.threshold=0.7")
    steps = {short(step) for step in report.steps if step.startswith("github.dedup")}
    assert "github.dedup.measure" not in report.steps
    assert {"link-buckets", "join-links", "verify", "judge"} <= steps
    far = fates(tmp_path / "run", "github.dedup", "github.documents", "path")
    trio = [far[name]["reason"] for name in ("original.py", "near.py", "far.py")]
    assert sorted(reason or "" for reason in trio) == ["", "near", "near"]
    n_changed = changed_shards(finished, tmp_path / "run", "github/dedup")
    assert report.steps["github.decontaminate.measure"].tasks == n_changed


def test_a_recall_threshold_trains_and_scores_nothing(
    finished: Path, again: Callable[..., RunReport], tmp_path: Path
) -> None:
    """Only the last decision depends on it; later stages run where a verdict changed."""
    lower = rows(finished, "select max(score_code) as score from web.recall where score_code < 0.5")
    middle = lower[0]["score"]
    report = again(f"recall.threshold={middle}")
    assert {short(step) for step in report.steps if step.startswith("web.recall")} <= {
        "to-shards",
        "recall-pages",
    }
    assert report.steps["web.recall.decide.recall-pages"].tasks == 2
    assert not any(step.startswith(("github.", "seeds.", "web.d")) for step in report.steps
                   if not step.startswith("web.decontaminate"))  # fmt: skip
    n_changed = changed_shards(finished, tmp_path / "run", "web/recall")
    assert n_changed > 0
    assert report.steps["web.decontaminate.measure"].tasks == n_changed
    passing = rows(tmp_path / "run", "select min(score_code) as low from web.recall "
                   "where list_contains(recalled, 'code')")  # fmt: skip
    assert passing[0]["low"] == middle


def test_a_threshold_that_changes_no_verdict_ends_there(again: Callable[..., RunReport]) -> None:
    """The similarity of the planted pair is above 0.86, too."""
    report = again("github.dedup.threshold=0.86")
    assert "github.dedup.decide.judge" in report.steps
    assert all(".dedup." in step for step in report.steps)


def test_without_a_crawl_no_seed_is_asked_for(configured: Configure, tmp_path: Path) -> None:
    """A run over repositories alone does not need the files that recall learns from."""
    config = configured(tmp_path)
    assert len(seed_patterns(config, {"github": [1], "web": [1]})) == 3
    assert seed_patterns(config, {"github": [1], "web": []}) == []


def test_pages_that_stay_are_recalled_as_before(configured: Configure, finished: Path) -> None:
    """A crawl that is named no longer stays in the run, and so do the seeds that it had."""
    assert not any(item.n_stale for item in plan(configured(finished, "web.inputs=[]")))


@pytest.mark.parametrize(
    ("setting", "stage", "reason"),
    [
        ("dedup.exact=false", "github.dedup", "exact true → false"),
        ("web.redact.email=false", "web.redact", "email true → false"),
        ("recall.tokens='whitespace'", "web.recall", 'tokens "bpe" → "whitespace"'),
        ("emit.seed=3", "emit.github", "seed 0 → 3"),
        ("web.drop=['crawl-0.warc.gz']", "web.dedup", "it was made of other records"),
    ],
)
def test_a_plan_says_which_setting_changed(
    configured: Configure, finished: Path, setting: str, stage: str, reason: str
) -> None:
    """Also of corpus stages, of whose first steps nothing is left that says so; what is known of
    those alone is that their input was another."""
    found = forecast(configured(finished, setting))
    lines = {line.stage: line.reasons for line in by_stage(found.items, found.changed)}
    assert reason in lines[stage]


def test_one_process_and_two_workers_write_the_same_bytes(
    finished: Path, configured: Configure, tmp_path: Path
) -> None:
    """Models, scores, verdicts and shards."""
    run(configured(tmp_path / "run"), workers=2)
    assert product(tmp_path / "run") == product(finished)
    for target in ("code", "math"):
        model = f"web/recall/iteration-1/model/{target}.arrow"
        assert (tmp_path / "run" / model).read_bytes() == (finished / model).read_bytes()
