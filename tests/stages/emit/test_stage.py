from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.columns import DOC_ID
from schemas.identity import doc_id, seeded_hash
from schemas.shards import SHARDS
from schemas.spans import SPANS
from schemas.tokens import TOKENS
from stages.contract import CorpusStage
from stages.emit.options import EmitOptions
from stages.emit.placement import split_of
from stages.emit.stage import EmitStage
from stages.errors import StageError
from stages.kernels.bpe.tokenizer import load_tokenizer, tokenizer_json

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"

Make = Callable[..., pa.Table]
Emit = Callable[..., Any]


def part_texts(row: dict[str, Any]) -> list[str]:
    """What the tokens of every part of a sample decode to."""
    return [
        load_tokenizer().decode(
            np.array(row["tokens"][part["start"] : part["start"] + part["n_tokens"]])
        )
        for part in row["parts"]
    ]


def test_every_part_is_its_path_comment_and_its_text(github: Make, emit: Emit) -> None:
    """The tokens of a part decode to the comment line and the redacted text, exactly."""
    rows = [
        {"kind": "source", "path": "a/b.py", "text": "x = 'me@x.org'\n", "language": "Python"},
        {"kind": "source", "path": "c.rs", "text": "fn f() {}", "language": "Rust"},
        {"kind": "source", "path": "ci.yml", "text": "a: é\r\n", "other": "YAML"},
        {"kind": "source", "path": "i.html", "text": "<p>", "language": "HTML"},
        {"kind": "markdown", "path": "README.md", "text": "# <｜end▁of▁sentence｜>\n"},
        {"kind": "issue", "path": "", "text": "It fails.\n"},
    ]
    rows[0]["spans"] = [{"start": 5, "end": 13, "kind": "EMAIL"}]
    corpus = emit("github", github(rows, language=pa.string(), other=pa.string(), spans=SPANS))
    code = {row["parts"][0]["uri"]: part_texts(row) for row in corpus.rows("code")}
    text = {row["parts"][0]["uri"]: part_texts(row) for row in corpus.rows("text")}
    assert code == {
        "origin/0": ["# a/b.py\nx = '<EMAIL>'\n"],
        "origin/1": ["// c.rs\nfn f() {}"],
        "origin/2": ["# ci.yml\na: é\r\n"],
        "origin/3": ["<!-- i.html -->\n<p>"],
    }
    assert text == {
        "origin/4": ["<!-- README.md -->\n# <｜end▁of▁sentence｜>\n"],
        "origin/5": ["It fails.\n"],
    }


def test_path_comments_can_be_left_out(github: Make, emit: Emit) -> None:
    """Without path comments a part is the text alone."""
    corpus = emit("github", github([{"kind": "source", "text": "x = 1\n"}]), path_comments=False)
    assert [part_texts(row) for row in corpus.rows("code")] == [["x = 1\n"]]


def test_a_concatenated_sample_is_ordered_by_position(github: Make, emit: Emit) -> None:
    """Parts spread over a shard's batches come together in order, with token offsets."""
    shared = doc_id("sample")
    rows = [
        {"kind": "source", "text": f"{i}\n" * (i + 1), "sample_id": shared, "position": 8 - i}
        for i in range(9)
    ]
    alone = {"kind": "markdown", "text": "alone", "sample_id": doc_id("origin/9"), "position": 0}
    table = github([*rows, alone], sample_id=DOC_ID, position=pa.int32())
    corpus = emit("github", table, batch_rows=2)
    (sample,) = corpus.rows("code")
    assert sample["sample_id"] == shared
    assert [part["uri"] for part in sample["parts"]] == [f"origin/{8 - i}" for i in range(9)]
    assert part_texts(sample)[0] == "# file8.py\n" + "8\n" * 9
    starts = [part["start"] for part in sample["parts"]]
    lengths = [part["n_tokens"] for part in sample["parts"]]
    assert starts == np.cumsum([0, *lengths[:-1]]).tolist()
    assert sample["n_tokens"] == len(sample["tokens"]) == sum(lengths)
    assert [row["sample_id"] for row in corpus.rows("text")] == [alone["sample_id"]]


def test_recalled_documents_are_written_to_code_quality_as_well(github: Make, emit: Emit) -> None:
    """A recalled document stands in code (or text) and, alone, in code-quality."""
    shared = doc_id("sample")
    rows = [
        {"kind": "source", "text": "a", "recalled": ["quality"], "position": 0},
        {"kind": "source", "text": "b", "recalled": [], "position": 1},
    ]
    table = github(
        [{**row, "sample_id": shared} for row in rows],
        recalled=pa.list_(pa.string()),
        sample_id=DOC_ID,
        position=pa.int32(),
    )
    corpus = emit("github", table)
    assert [len(row["parts"]) for row in corpus.rows("code")] == [2]
    (quality,) = corpus.rows("code-quality")
    assert quality["sample_id"] == doc_id("origin/0")
    assert quality["source"] == "code-quality"


def test_pages_go_to_the_set_of_their_target(web: Make, emit: Emit) -> None:
    """With recall a page goes to its target's set; without, every page is natural."""
    targets = ["code", "math", "natural", None]
    rows = [{"kind": "page", "text": str(target), "target": target} for target in targets]
    corpus = emit("web", web(rows, target=pa.string()), targets=("code", "math"))
    assert [part_texts(row) for row in corpus.rows("code-web")] == [["code"]]
    assert [part_texts(row) for row in corpus.rows("math-web")] == [["math"]]
    natural = {part_texts(row)[0] for row in corpus.rows("natural")}
    assert natural == {"natural", "None"}
    rows = [{"kind": "page", "text": row["text"]} for row in rows]
    assert len(emit("web", web(rows)).rows("natural")) == 4


def test_any_target_has_a_shard_set_of_its_own(web: Make, emit: Emit) -> None:
    """What a user looks for is emitted under the user's name for it, in the same order of files."""
    targets = ["physics", "code", "natural"]
    rows = [{"kind": "page", "text": str(target), "target": target} for target in targets]
    corpus = emit("web", web(rows, target=pa.string()), targets=("physics", "code"))
    for shard_set, text in {
        "physics-web": "physics",
        "code-web": "code",
        "natural": "natural",
    }.items():
        (row,) = corpus.rows(shard_set)
        assert row["source"] == shard_set
        assert part_texts(row) == [text]


COMMENTED = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["source", "markdown", "issue"]),
        "path": st.sampled_from(["a.py", "b/c.rs", "d.html"]),
        "text": st.text("aZ \t\r\n09(é一😀\u3000", max_size=30),
        "redacted": st.booleans(),
        "known": st.booleans(),
    }
)


@settings(deadline=None)
@given(st.lists(COMMENTED, min_size=1, max_size=8), st.booleans())
def test_stored_tokens_change_no_row(
    github: Make, emit: Emit, drawn: list[dict[str, Any]], path_comments: bool
) -> None:
    """Whichever rows have them, with comments or without, redacted or not; sliced batches too."""
    extra = {"language": pa.string(), "spans": SPANS, "sample_id": DOC_ID, "position": pa.int32()}
    rows = []
    for number, row in enumerate(drawn):
        end = len(row["text"].encode())
        spans = [{"start": 0, "end": end, "kind": "KEY"}] if row["redacted"] and end else []
        shared = doc_id("sample" if number % 2 else f"origin/{number}")
        tokens = load_tokenizer().encode(row["text"].encode()).tolist() if row["known"] else None
        kept = {name: row[name] for name in ("kind", "path", "text")}
        rows.append(
            {**kept, "spans": spans, "sample_id": shared, "position": number, TOKENS: tokens}
        )
    table = github(rows, **extra, tokens=pa.list_(pa.uint32()))
    without = emit("github", table.drop_columns([TOKENS]), path_comments=path_comments)
    stored = emit("github", table, path_comments=path_comments)
    for shard_set in ("code", "text"):
        assert stored.rows(shard_set) == without.rows(shard_set)


def test_stored_tokens_are_read_and_not_split_again(web: Make, emit: Emit) -> None:
    """Tokens that are not the text's show it; a page with spans has none stored that hold."""
    spans = [{"start": 0, "end": 1, "kind": "KEY"}]
    tokens = load_tokenizer().encode(b"stored").tolist()
    rows = [
        {"kind": "page", "text": text, "spans": own, TOKENS: tokens}
        for text, own in (("first", []), ("second", spans))
    ]
    corpus = emit("web", web(rows, spans=SPANS, tokens=pa.list_(pa.uint32())))
    texts = sorted(part_texts(row)[0] for row in corpus.rows("natural"))
    assert texts == ["<KEY>econd", "stored"]


def test_another_tokenizer_reads_no_stored_tokens(tmp_path: Path) -> None:
    """By the content of its tokenizer.json, not by its name."""
    columns = ("spans", TOKENS)
    same, other = tmp_path / "same.json", tmp_path / "other.json"
    same.write_bytes(tokenizer_json("deepseek-v2"))
    other.write_bytes(tokenizer_json("deepseek-v2") + b"\n")
    for tokenizer, read in (("deepseek-v2", True), (str(same), True), (str(other), False)):
        stage = EmitStage(EmitOptions(columns=columns, tokenizer=tokenizer))
        for corpus in ("github", "web"):
            assert (TOKENS in stage.reads(corpus)) is read


def test_spans_that_do_not_fit_are_an_error(web: Make, emit: Emit) -> None:
    """A span beyond the text stops emit: a shifted replacement would leak what it hides."""
    rows = [{"kind": "page", "text": "x", "spans": [{"start": 0, "end": 9, "kind": "KEY"}]}]
    with pytest.raises(StageError, match="origin/0"):
        emit("web", web(rows, spans=SPANS))


def test_samples_are_in_the_order_of_their_hash_over_all_files(web: Make, emit: Emit) -> None:
    """Reading the files of a set in order gives the samples sorted by hash(seed, sample_id)."""
    rows = [{"kind": "page", "text": f"page {i} " * 20} for i in range(300)]
    corpus = emit("web", web(rows[:200]), web(rows[:0]), seed=7, shard_bytes=3000)
    found = [row["sample_id"] for row in corpus.rows("natural")]
    assert len(corpus.files) == 32
    assert sorted(corpus.files)[-1] == "shards/natural/train-00031.parquet"
    assert len(found) == 200
    assert found == sorted(found, key=lambda sample: (seeded_hash(7, sample), sample))


def test_the_samples_do_not_depend_on_shards_or_batches(web: Make, emit: Emit) -> None:
    """The same documents in other shards and batches give the same rows in the same order."""
    rows = [{"kind": "page", "text": f"page {i}", "uri": f"u{i}"} for i in range(50)]
    once = emit("web", web(rows), batch_rows=50)
    other = emit("web", web(rows[30:]), web(rows[:30]), batch_rows=1)
    assert once.rows("natural") == other.rows("natural")


def test_the_split_follows_repository_and_cluster(web: Make, github: Make, emit: Emit) -> None:
    """GitHub samples are held out by repository, pages by cluster, else by domain."""
    repos = [f"owner/{i}" for i in range(80)]
    rows = [
        {"kind": kind, "text": "x", "repo": repo, "uri": f"{repo}/{kind}"}
        for repo in repos
        for kind in ("source", "markdown")
    ]
    corpus = emit("github", github(rows), heldout_rate=0.3)
    for shard_set in ("code", "text"):
        split = {row["parts"][0]["uri"]: row["split"] for row in corpus.rows(shard_set)}
        assert {uri: split_of(0, uri.rpartition("/")[0].encode(), 0.3) for uri in split} == split
        assert set(split.values()) == {"train", "heldout"}
    pages = [{"kind": "page", "text": "x", "cluster": doc_id(str(i % 7))} for i in range(30)]
    clustered = emit("web", web(pages, cluster=DOC_ID), heldout_rate=0.3).rows("natural")
    for row in clustered:
        number = int(row["parts"][0]["uri"].removeprefix("origin/"))
        assert row["split"] == split_of(0, doc_id(str(number % 7)), 0.3)
    by_domain = emit("web", web([{**page, "cluster": None} for page in pages], cluster=DOC_ID))
    assert {row["split"] for row in by_domain.rows("natural")} == {
        split_of(0, b"example.org", 0.01)
    }


@given(st.binary(min_size=1), st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_larger_rate_only_adds_to_the_heldout(key: bytes, low: float, high: float) -> None:
    """What is held out at a rate is held out at every larger one, nothing at rate 0."""
    low, high = sorted([low, high])
    if split_of(0, key, low) == "heldout":
        assert split_of(0, key, high) == "heldout"
    assert split_of(0, key, 0) == "train"


def test_about_the_rate_is_held_out() -> None:
    """One percent of 50,000 keys, within four standard deviations."""
    n_heldout = sum(split_of(0, str(i).encode(), 0.01) == "heldout" for i in range(50_000))
    assert abs(n_heldout - 500) < 90


def test_empty_documents_and_empty_corpora_are_ordinary(web: Make, emit: Emit) -> None:
    """An empty page is a sample without tokens; a corpus without documents has no files."""
    (sample,) = emit("web", web([{"kind": "page", "text": ""}])).rows("natural")
    assert (sample["tokens"], sample["n_tokens"], len(sample["parts"])) == ([], 0, 1)
    assert emit("web", web([])).files == {}


def test_files_have_the_schema_of_shards(web: Make, emit: Emit, tmp_path: Path) -> None:
    """What is written has the contract's columns and opens in DuckDB, pandas and datasets."""
    import duckdb
    import pandas as pd

    rows = [{"kind": "page", "text": f"page {i}", "natural_language": "en"} for i in range(40)]
    corpus = emit("web", web(rows), shard_bytes=80)
    for path, batches in corpus.files.items():
        assert all(batch.schema == SHARDS for batch in batches)
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_batches(batches, SHARDS), tmp_path / path)
    glob = str(tmp_path / "shards/natural/*.parquet")
    n_tokens = sum(row["n_tokens"] for row in corpus.rows("natural"))
    query = f"select count(*), sum(n_tokens), sum(len(tokens)) from '{glob}'"
    assert duckdb.sql(query).fetchall() == [(40, n_tokens, n_tokens)]
    frame = pd.read_parquet(tmp_path / "shards/natural")
    assert frame["n_tokens"].sum() == n_tokens
    assert {part["language"] for parts in frame["parts"] for part in parts} == {"en"}


@pytest.mark.parametrize("text", ["x = 1\n", "", "ünï 雪 <|endoftext|>\r\n\x00", "a" * 5000])
def test_a_shard_can_carry_its_text(github: Make, emit: Emit, text: str) -> None:
    """Exactly what was tokenised: of joined files one after another, each after its comment."""
    rows = [
        {"kind": "source", "text": text, "language": "Python", "sample_id": b"s" * 16},
        {"kind": "source", "text": "y = 2\n", "language": "Python", "sample_id": b"s" * 16},
    ]
    for position, row in enumerate(rows):
        row["position"] = position
    extra = {"language": pa.string(), "sample_id": DOC_ID, "position": pa.int32()}
    plain = emit("github", github(rows, **extra)).rows("code")
    (sample,) = emit("github", github(rows, **extra), text=True).rows("code")
    assert sample.pop("text") == f"# file0.py\n{text}# file1.py\ny = 2\n"
    assert [sample] == plain


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_shards_open_in_datasets(
    web: Make, emit: Emit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hugging Face datasets reads the files in order, offline."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    datasets = pytest.importorskip("datasets")
    corpus = emit("web", web([{"kind": "page", "text": f"page {i}"} for i in range(20)]))
    (batches,) = corpus.files.values()
    pq.write_table(pa.Table.from_batches(batches), tmp_path / "00000.parquet")
    loaded = datasets.load_dataset(
        "parquet",
        data_files=str(tmp_path / "00000.parquet"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert loaded["tokens"][:] == [row["tokens"] for row in corpus.rows("natural")]


def test_the_stage_keeps_the_protocol() -> None:
    """Emit is a corpus stage and reads the optional columns it was told of, no others."""
    stage = EmitStage(EmitOptions(columns=("language", "spans", "score_quality")))
    assert isinstance(stage, CorpusStage)
    assert stage.reads("github")[-2:] == ("language", "spans")
    assert "language" not in stage.reads("web")
