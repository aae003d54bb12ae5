import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from schemas.shards import SHARDS
from stages.emit.card import build_manifest, render_card
from stages.emit.mixture import mixture_of

FILES = [
    {
        "path": f"shards/{name}/{split}-{i:05d}.parquet",
        "set": name,
        "split": split,
        "rows": 1_000,
        "tokens": 2_000_000,
    }
    for name in ("natural", "code")
    for i, split in ((1, "heldout"), (0, "train"))
]
OPTIONS: dict[str, dict[str, Any]] = {
    "emit": {"heldout_rate": 0.01, "path_comments": True, "text": True},
    "github.language": {"check_names": False},
    "github.rules": {"drop_origins": ["vendored"], "license_allowed": ["permissive"]},
    "github.dedup": {"threshold": 0.85, "exact": True, "near": True, "url": True},
    "web.dedup": {"threshold": 0.85, "exact": True, "near": True, "url": True},
    "github.recall": {"iterations": 2},
    "web.recall": {"targets": {"math": {}}, "iterations": 1, "natural_share": 0.3},
    "github.decontaminate": {"benchmarks": ["folder"]},
    "github.redact": {"email": True, "ip_address": True, "key": True},
    "github.concatenate": {"order": "random", "max_sample_bytes": 1000},
}


def manifest() -> dict[str, Any]:
    files = [{**file, "bytes": 5_000_000, "xxh3": "00ff"} for file in FILES]
    return build_manifest(files=files, tokenizer="tok", configuration="conf")


def summary(**more: Any) -> dict[str, Any]:
    stage = {
        "stage": "github.rules",
        "documents": 1500,
        "kept": 300,
        "bytes": 9,
        "kept_bytes": 2048,
    }
    reasons = {"alphabetic": 200, "max_line_length": 1000}
    return {
        **manifest(),
        "funnel": [{**stage, "reasons": reasons}],
        "options": OPTIONS,
        "changed": {"github.rules": {"max_line_length": 80}},
        **more,
    }


def claims(stage: str, *, sets: tuple[str, ...] = ("code",), **options: Any) -> str:
    """The card of a run in which this stage came, with these options instead of its own."""
    row = {"stage": stage, "documents": 9, "kept": 9, "bytes": 9, "kept_bytes": 9, "reasons": {}}
    files = [{**FILES[0], "set": name, "bytes": 5, "xxh3": "00ff"} for name in sets]
    built = build_manifest(files=files, tokenizer="tok", configuration="conf")
    chosen = {**OPTIONS, stage: {**OPTIONS[stage], **options}}
    return render_card({**built, "funnel": [row], "options": chosen, "changed": {}})


def header(card: str) -> dict[str, Any]:
    _, text, _ = card.split("---\n", 2)
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


def test_the_manifest_lists_files_in_order_and_adds_up() -> None:
    """Files are sorted by path, sets come in the schema's order, totals are sums."""
    built = manifest()
    assert [file["path"] for file in built["files"]] == sorted(file["path"] for file in FILES)
    assert list(built["sets"]) == ["code", "natural"]
    assert built["sets"]["code"] == {
        "files": 2,
        "samples": 2_000,
        "tokens": 4_000_000,
        "bytes": 10_000_000,
    }
    assert built["totals"]["tokens"] == 8_000_000
    assert json.dumps(built) == json.dumps(manifest())


def files_of(shard_set: str) -> list[dict[str, str]]:
    splits = ("train", "heldout")
    return [{"split": split, "path": f"{shard_set}/{split}-*.parquet"} for split in splits]


def test_the_header_names_a_configuration_per_set() -> None:
    """The YAML header tells Hugging Face where each set's files are."""
    assert header(render_card(summary()))["configs"] == [
        {"config_name": "code", "default": True, "data_files": files_of("code")},
        {"config_name": "natural", "data_files": files_of("natural")},
    ]


def test_the_tables_hold_what_was_given() -> None:
    """Sets, funnel, languages and licences are rows of Markdown tables."""
    card = render_card(
        summary(
            languages=[
                {"set": "code", "name": "C|C", "samples": 1, "tokens": 10},
                {"set": "code", "name": "Python", "samples": 1200, "tokens": 3000},
            ],
            licenses=[{"set": "code", "name": None, "samples": 5, "tokens": 7}],
        )
    )
    lines = card.splitlines()
    assert (
        "| `code` | source files, joined per repository | 2,000 | 4,000,000 | 2 | 10.0 MB |"
        in lines
    )
    assert (
        "| `github.rules` | 1,500 | 300 | 20.0% | 2.0 kB | max_line_length 1,000, alphabetic 200 |"
        in lines
    )
    python, c = (
        lines.index("| `code` | Python | 1,200 | 3,000 |"),
        lines.index("| `code` | C\\|C | 1 | 10 |"),
    )
    assert python + 1 == c
    assert "| `code` | (unknown) | 5 | 7 |" in lines
    assert "\n\n\n" not in card


def test_only_stages_that_ran_are_claimed() -> None:
    """How it was made is told from the funnel, with its counts and changed settings."""
    card = render_card(summary())
    rules = "the rules of DeepSeek-Coder (arXiv 2401.14196), with `max_line_length` = `80`"
    assert f"- github: filtered by {rules}: 1,200 documents removed;" in card
    unclaimed = ("benchmark", "near-duplicates", "exact duplicates", "EMAIL", "in random order")
    assert [claim for claim in unclaimed if claim in card] == []


@pytest.mark.parametrize(
    ("stage", "off", "claim"),
    [
        ("github.rules", {"drop_origins": []}, "vendored files removed"),
        ("github.rules", {"license_allowed": []}, "files under other licences"),
        ("github.dedup", {"exact": False}, "exact duplicates removed"),
        ("github.dedup", {"near": False}, "near-duplicates removed"),
        ("web.dedup", {"url": False}, "captures of one URL removed"),
        ("github.decontaminate", {"benchmarks": []}, "benchmark problems removed"),
        ("github.redact", {"email": False}, "e-mail addresses"),
        ("github.redact", {"ip_address": False}, "`<IP_ADDRESS>`"),
        ("github.redact", {"key": False}, "keys replaced"),
        ("github.redact", {"email": False, "ip_address": False, "key": False}, "replaced by"),
        ("github.concatenate", {"order": "none"}, "source files joined per repository"),
        ("github.concatenate", {"order": "none"}, "source files, joined per repository"),
        ("emit", {"path_comments": False}, "after a comment with its path"),
        ("emit", {"text": False}, "and `text`, what the tokens are of"),
    ],
)
def test_what_was_switched_off_is_not_claimed(stage: str, off: dict[str, Any], claim: str) -> None:
    """A claim is there with the option, and gone without it."""
    assert claim in claims(stage)
    assert claim not in claims(stage, **off)


@pytest.mark.parametrize(
    ("stage", "off"),
    [
        ("github.dedup", {"exact": False, "near": False}),
        ("github.decontaminate", {"benchmarks": []}),
        ("github.redact", {"email": False, "ip_address": False, "key": False}),
        ("github.concatenate", {"order": "none"}),
    ],
)
def test_a_stage_that_had_nothing_to_do_has_no_row(stage: str, off: dict[str, Any]) -> None:
    """All kept, it would look like a check that found nothing."""
    assert f"| `{stage}` |" in claims(stage)
    assert f"| `{stage}` |" not in claims(stage, **off)


def test_held_out_samples_are_claimed_where_there_are_files_of_them() -> None:
    """Not where none were drawn, whatever the rate."""
    assert "heldout" in render_card(summary())
    train = [{**file, "bytes": 5, "xxh3": "00ff"} for file in FILES if file["split"] == "train"]
    built = build_manifest(files=train, tokenizer="tok", configuration="conf")
    assert "heldout" not in render_card({**summary(), **built})


def test_quality_is_claimed_where_something_was_marked() -> None:
    """A classifier that had too little to learn from marked nothing."""
    assert "files of high quality marked" in claims("github.recall", sets=("code", "code-quality"))
    assert "files of high quality marked" not in claims("github.recall")


def test_recall_is_claimed_with_its_targets() -> None:
    """Natural language is a share of what no target recalled, and all pages without recall."""
    card = claims("web.recall", sets=("math-web", "natural"))
    assert "pages recalled for `math` by classifiers of fastText's form" in card
    assert "in at most 1 iteration;" in card
    assert "30% of the web pages not recalled" in card
    chosen = {name: options for name, options in OPTIONS.items() if name != "web.recall"}
    without = render_card(summary(options=chosen))
    assert "recalled" not in without
    assert "| `natural` | web pages |" in without


def test_repositories_are_not_claimed_of_web_pages() -> None:
    """Neither where they are from, nor comments in their files, nor subjects of other sets."""
    card = claims("web.dedup", sets=("natural",))
    assert "made with Sluice from web pages." in card
    assert "comment with its path" not in card
    assert not {"code", "math"} & set(header(card)["tags"])


def test_a_corpus_without_samples_has_a_card() -> None:
    """Nothing emitted is said, not a failure."""
    empty = build_manifest(files=[], tokenizer="t", configuration="c")
    card = render_card({**empty, "funnel": [], "options": OPTIONS, "changed": {}})
    assert "configs" not in header(card)
    assert "| **total** | | 0 | 0 | 0 | 0 B |" in card


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_datasets_loads_a_set_by_its_name_and_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`load_dataset(FOLDER, SET)` follows the card's header, offline: splits are splits, and
    without a name it is the first set."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    for file in FILES:
        row = {
            "sample_id": bytes(16),
            "source": file["set"],
            "split": file["split"],
            "tokens": [1, 2],
            "n_tokens": 2,
            "parts": [],
        }
        path = tmp_path / file["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist([row], SHARDS), path)
    (tmp_path / "shards" / "README.md").write_text(render_card(summary()))

    def load(*names: str) -> dict[str, list[tuple[str, str]]]:
        loaded = datasets.load_dataset(
            str(tmp_path / "shards"), *names, cache_dir=str(tmp_path / "cache")
        )
        return {
            split: list(zip(rows["source"], rows["split"], strict=True))
            for split, rows in loaded.items()
        }

    assert load("natural") == {
        "train": [("natural", "train")],
        "heldout": [("natural", "heldout")],
    }
    assert load() == {"train": [("code", "train")], "heldout": [("code", "heldout")]}


@pytest.mark.parametrize("epochs", [1.0, 4.0])
def test_a_mixture_is_a_table_and_a_sentence(epochs: float) -> None:
    """A row a set, with as many cells as the header; without one the card is as it was."""
    mixture = mixture_of({"code": 60, "natural": 40}, {"code": 900, "natural": 200}, epochs)
    plain, card = render_card(summary()), render_card(summary(mixture=mixture))
    before, _, rest = card.partition("## Mixture\n\n")
    section, _, after = rest.partition("## What was kept")
    assert plain == f"{before}## What was kept{after}"
    table = section.split("\n\n")[0].splitlines()
    assert [line.split("|")[1].strip(" `") for line in table] == ["set", "---", "code", "natural"]
    assert {line.count("|") for line in table} == {5 if epochs == 1 else 7}
    assert "60.0% code, 40.0% natural" in section
    assert ("repeats samples" in section) == (epochs > 1)
