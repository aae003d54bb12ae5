"""Near-duplicates against people's labels: text-dedup's benchmarks CORE and NEWS-COPY.

    python -m benchmarks.dedup_labelled core FILE.parquet|FILE.jsonl [--set threshold=0.5]
    python -m benchmarks.dedup_labelled news-copy FILE.parquet|FILE.jsonl [--set threshold=0.45]

The data are not in this repository: files of `pinecone/core-2020-05-10-deduplication` (scientific
papers; columns `core_id`, `processed_title`, `processed_abstract`, `labelled_duplicates`: the
core_ids of a paper's duplicates) and of `chenghao/NEWS-COPY-eval` (newspaper articles as read by
OCR; `article`, `cluster`). Texts are made as text-dedup makes them, shingles and thresholds are its
own (2 tokens; 0.5 and 0.45) unless `--set` says otherwise, and measures are its measures:

- CORE: a paper counts as found if its group has all its labelled duplicates, as a false alarm if
  its group has any other paper and lacks one of them, or it has none. text-dedup publishes the mean
  of the precisions of both classes as "macro F1" (MinHash 0.952); it is `published macro` here,
  beside the macro F1 proper.
- NEWS-COPY: the adjusted Rand index of the groups (MinHash 0.729).

A group is a kept document and all that was dropped for it: Sluice verifies each pair, and in a
chain A~B~C with A and C apart, C is no member of A's group. text-dedup takes the whole chain.
"""

import argparse
import string
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import comb
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from pipeline.apply.dedup import apply_dedup

Row = Mapping[str, Any]

NO_PUNCTUATION = str.maketrans("", "", string.punctuation.replace("-", ""))


def core_text(row: Row) -> str:
    """Title and abstract."""
    return f"{row['processed_title']} {row['processed_abstract']}".lower()


def news_text(row: Row) -> str:
    """The article in one line: words that a line's end cuts are joined, punctuation and what is not
    ASCII (OCR's noise) leave."""
    line = row["article"].replace("-\n", "").replace("\n", " ").translate(NO_PUNCTUATION)
    return str(line.encode("ascii", "ignore").decode())


def core_scores(rows: Sequence[Row], groups: Sequence[int]) -> dict[str, float]:
    """text-dedup's measures of CORE; the group of each row is a number."""
    members: dict[int, set[str]] = defaultdict(set)
    for row, group in zip(rows, groups, strict=True):
        members[group].add(str(row["core_id"]))
    counts: Counter[str] = Counter()
    exact = 0
    for row, group in zip(rows, groups, strict=True):
        labelled = set(map(str, row["labelled_duplicates"] or ()))
        found = members[group] - {str(row["core_id"])}
        exact += labelled == found
        if not found:
            counts["missed" if labelled else "alone"] += 1
        else:
            counts["found" if labelled and labelled <= found else "false alarm"] += 1
    true, alone = counts["found"], counts["alone"]
    false, missed = counts["false alarm"], counts["missed"]
    precisions = (_share(true, true + false), _share(alone, alone + missed))
    recalls = (_share(true, true + missed), _share(alone, alone + false))
    f1 = [_share(2 * p * r, p + r) for p, r in zip(precisions, recalls, strict=True)]
    return {
        "precision, duplicates": precisions[0],
        "recall, duplicates": recalls[0],
        "precision, others": precisions[1],
        "recall, others": recalls[1],
        "published macro": sum(precisions) / 2,
        "macro F1": sum(f1) / 2,
        "accuracy": exact / len(rows),
    }


def news_scores(rows: Sequence[Row], groups: Sequence[int]) -> dict[str, float]:
    """The measure of NEWS-COPY."""
    return {"adjusted Rand index": adjusted_rand([row["cluster"] for row in rows], groups)}


def adjusted_rand(one: Sequence[Any], other: Sequence[Any]) -> float:
    """Agreement of two partitions, corrected for chance (Hubert and Arabie, 1985): 1 if they are
    equal, about 0 if they have nothing to do with one another."""
    both, ones, others = (
        sum(comb(n, 2) for n in Counter(keys).values())
        for keys in (zip(one, other, strict=True), one, other)
    )
    expected = ones * others / max(comb(len(one), 2), 1)
    most = (ones + others) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


BENCHMARKS: dict[str, tuple[Callable[[Row], str], Callable[..., dict[str, float]], float]] = {
    "core": (core_text, core_scores, 0.5),
    "news-copy": (news_text, news_scores, 0.45),
}
"""How texts are made, what is measured, and text-dedup's threshold."""


def groups_of(texts: Sequence[str], settings: Sequence[str]) -> list[int]:
    """The group of each text, as Sluice sees it."""
    with tempfile.TemporaryDirectory(prefix="sluice-labelled-") as folder:
        source = Path(folder, "texts.parquet")
        pq.write_table(pa.table({"text": pa.array(texts, pa.large_string())}), source)
        answers = apply_dedup(source, Path(folder), settings)
        clusters = [one for batch, _ in answers for one in batch["cluster"].to_pylist()]
    return [int.from_bytes(one, "big") for one in clusters]


def score(name: str, source: Path, settings: Sequence[str] = ()) -> dict[str, float]:
    """Run Sluice over a file of the benchmark, and measure."""
    text_of, measure, threshold = BENCHMARKS[name]
    table = pq.read_table(source) if source.suffix == ".parquet" else pyarrow.json.read_json(source)
    rows = table.to_pylist()
    own = ["ngram=2", f"threshold={threshold}"]
    return measure(rows, groups_of([text_of(row) for row in rows], [*own, *settings]))


def main() -> None:
    """Print the measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("benchmark", choices=BENCHMARKS)
    parser.add_argument("source", type=Path)
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    for name, value in score(arguments.benchmark, arguments.source, arguments.settings).items():
        print(f"{name:24} {value:.4f}")


if __name__ == "__main__":
    main()
