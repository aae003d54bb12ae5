import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from schemas.shards import SHARDS
from stages.emit.card import build_manifest, render_card

FILES = [
    {"path": f"shards/{name}/{i:05d}.parquet", "set": name, "rows": 1_000, "tokens": 2_000_000}
    for name in ("natural", "code")
    for i in (1, 0)
]


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
    return {**manifest(), "funnel": [{**stage, "reasons": reasons}], **more}


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


def test_the_header_names_a_configuration_per_set() -> None:
    """The YAML header tells Hugging Face where each set's files are."""
    assert header(render_card(summary()))["configs"] == [
        {"config_name": "code", "data_files": "code/*.parquet"},
        {"config_name": "natural", "data_files": "natural/*.parquet"},
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
    """How it was made is told from the funnel."""
    card = render_card(summary())
    assert "- github: the filtering rules of DeepSeek-Coder.\n" in card
    assert "benchmark problems" not in card


def test_a_corpus_without_samples_has_a_card() -> None:
    """Nothing emitted is said, not a failure."""
    empty = build_manifest(files=[], tokenizer="t", configuration="c")
    card = render_card({**empty, "funnel": []})
    assert "configs" not in header(card)
    assert "| **total** | | 0 | 0 | 0 | 0 B |" in card


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_datasets_loads_a_set_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`load_dataset(FOLDER, SET)` follows the card's header, offline."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    for name in ("code", "natural"):
        row = {
            "sample_id": bytes(16),
            "source": name,
            "split": "train",
            "tokens": [1, 2],
            "n_tokens": 2,
            "parts": [],
        }
        (tmp_path / "shards" / name).mkdir(parents=True)
        table = pa.Table.from_pylist([row], SHARDS)
        pq.write_table(table, tmp_path / "shards" / name / "00000.parquet")
    (tmp_path / "shards" / "README.md").write_text(render_card(summary()))
    loaded = datasets.load_dataset(
        str(tmp_path / "shards"), "natural", split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded["source"][:] == ["natural"]
