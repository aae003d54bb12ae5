"""The labelled benchmarks of near-duplicates, on tiny files in their formats."""

import itertools
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.dedup_labelled import adjusted_rand, core_scores, news_text, score

TITLE = "On the growth of ivy on northern walls"
ABSTRACT = " ".join(f"finding{n} was measured at site{n % 7}" for n in range(30))
OTHER = " ".join(f"theorem{n} follows from lemma{n + 1}" for n in range(30))

CORE = [
    ("10", TITLE, ABSTRACT, ["20"]),
    ("20", TITLE.upper(), ABSTRACT + " again", ["10"]),
    ("30", "Another matter", OTHER, []),
    ("40", "A third one", OTHER.replace("theorem", "claim"), ["30"]),  # people see it, we do not
]
NEWS = [
    ("The mayor of the city spoke on Tuesday to a large crowd of citi-\nzens in the square.", 1),
    ("THE WEATHER: rain is expected in all parts of the county until Thursday evening.", 2),
    ("The mayor of the city spoke on Tuesday to a large crowd of citizens\nin the square!", 1),
]


def paper(core_id: str, title: str, abstract: str, labelled: list[str]) -> dict[str, Any]:
    return {
        "core_id": core_id,
        "processed_title": title,
        "processed_abstract": abstract,
        "labelled_duplicates": labelled,
    }


def test_papers_are_counted_as_published(tmp_path: Path) -> None:
    """Two found, one alone, one missed: precisions 1 and 1/2."""
    rows = [paper(*row) for row in CORE]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "core.parquet")
    (tmp_path / "core.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = score("core", tmp_path / "core.parquet")
    assert found == score("core", tmp_path / "core.jsonl")
    assert (found["precision, duplicates"], found["recall, duplicates"]) == (1, 2 / 3)
    assert (found["precision, others"], found["recall, others"]) == (1 / 2, 1)
    assert found["published macro"] == 3 / 4
    assert found["macro F1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found["accuracy"] == 3 / 4


def test_a_group_that_lacks_a_labelled_duplicate_is_a_false_alarm() -> None:
    """So is one that has others alone; one that has more than the labelled is found."""
    rows = [
        paper("1", "", "", ["2", "3"]),
        paper("2", "", "", ["1"]),
        paper("3", "", "", []),
        paper("4", "", "", []),
    ]
    found = core_scores(rows, [0, 0, 1, 1])  # 1 lacks 3; 2 is found; 3 and 4 have one another
    assert (found["precision, duplicates"], found["recall, duplicates"]) == (1 / 4, 1)
    assert (found["precision, others"], found["recall, others"]) == (0, 0)
    assert found["accuracy"] == 1 / 4


def test_articles_are_cleaned_and_grouped(tmp_path: Path) -> None:
    """Line ends, punctuation and case of OCR are as the benchmark has them."""
    assert news_text({"article": "citi-\nzens, “so”\nwell-known."}) == "citizens so well-known"
    rows = [{"article": article, "cluster": cluster} for article, cluster in NEWS]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "news.parquet")
    assert score("news-copy", tmp_path / "news.parquet") == {"adjusted Rand index": 1}
    apart = score("news-copy", tmp_path / "news.parquet", ["near=false", "exact=false"])
    assert apart == {"adjusted Rand index": 0}


LABELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=12)


@given(LABELS)
def test_the_index_is_that_of_counting_pairs(labels: list[tuple[int, int]]) -> None:
    """Pairs together in both, over what chance would have."""
    one, other = zip(*labels, strict=True)
    pairs = list(itertools.combinations(range(len(labels)), 2))
    both = sum(one[a] == one[b] and other[a] == other[b] for a, b in pairs)
    ones = sum(one[a] == one[b] for a, b in pairs)
    others = sum(other[a] == other[b] for a, b in pairs)
    expected = ones * others / len(pairs)
    most = (ones + others) / 2
    if most == expected:
        assert adjusted_rand(one, other) == 1
    else:
        assert adjusted_rand(one, other) == pytest.approx((both - expected) / (most - expected))
