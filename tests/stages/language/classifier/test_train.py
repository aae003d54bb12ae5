"""Tables that were trained: a tiny one, and the one that is shipped."""

import math
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.errors import InputError
from stages.kernels.arrow import utf8_buffers
from stages.kernels.languages.features import distinct_features
from stages.kernels.languages.judge import ContentJudge
from stages.kernels.languages.model import (
    LOGARITHMS,
    MOST_BYTES,
    MOST_TRUST,
    PRIOR,
    SHORT,
    STEP,
    UNIT,
    LanguageTable,
    class_of,
    load_table,
    shipped_table,
)
from stages.language.classifier.examples import with_crops
from stages.language.classifier.train import ClassifierTraining, examples_hash, train_table
from stages.language.names import NOTHING

DATA = Path(__file__).resolve().parents[4] / ".." / "shared" / "data" / "languages"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="no shared data")

TEMPLATES = {
    "Python": "def {0}(self, {1}):\n    return {1}.{2}\n\nclass {2}:\n    {1} = None\n",
    "C": "int {0}(char *{1}) {{\n  return {1}->{2};\n}}\n\nstruct {2} {{\n  int {1};\n}};\n",
    "Haskell": "{0} :: {2} -> Int\n{0} {1} = case {1} of\n  {2} x -> x\n  _ -> 0\n",
    "~Text": "The {0} of a {1} is what a {2} makes of it. Then {0} went, and {1} did not.\n",
}
WORDS = [
    "ant",
    "bee",
    "cat",
    "dog",
    "eel",
    "fox",
    "gnu",
    "hen",
    "jay",
    "kite",
    "lion",
    "mole",
    "owl",
]


def drawn(template: str, seed: int, n: int = 4) -> bytes:
    random = np.random.default_rng(seed)
    parts = [template.format(*random.choice(WORDS, 3)) for _ in range(n)]
    return "\n".join(parts).encode()


def tiny(options: ClassifierTraining | None = None) -> LanguageTable:
    rows = [
        (drawn(TEMPLATES[name], 100 * source + number), name, f"repository-{source}")
        for name in TEMPLATES
        for source in range(4)
        for number in range(3)
    ]
    texts, classes, sources = zip(*rows, strict=True)
    options = options or ClassifierTraining(folds=2, min_files=2)
    return train_table(texts, classes, sources, options)


tiny_once = cache(tiny)


def test_unseen_files_are_named_by_their_content() -> None:
    """Files with other names in them are told apart, and prose is in no language."""
    judge = ContentJudge(tiny_once(), NOTHING)
    texts = [drawn(template, 7777, n=8) for template in TEMPLATES.values()]
    named = judge.name(texts, [()] * len(texts))
    assert [name for name, _ in named[:3]] == ["Python", "C", "Haskell"]
    assert all(confidence > 0.5 for _, confidence in named[:3])
    assert named[3][1] < 0.35


def test_candidates_are_chosen_among() -> None:
    """Of several languages content picks one, `-` being none; without evidence, the first."""
    judge = ContentJudge(tiny_once(), NOTHING)
    texts = [drawn(TEMPLATES["Haskell"], 7777), drawn(TEMPLATES["~Text"], 7778), b"?"]
    candidates = [("C", "Haskell"), ("C", NOTHING), ("Haskell", "C")]
    assert [name for name, _ in judge.name(texts, candidates)] == ["Haskell", None, "Haskell"]
    assert judge.name(texts[:1], [("Prolog", "Ada")])[0][0] == "Prolog"


def test_nothing_known_is_no_evidence() -> None:
    """A text of which no feature is known has no confidence."""
    judge = ContentJudge(tiny_once(), NOTHING)
    assert [confidence for _, confidence in judge.name([b"", b"\n \t"], [(), ()])] == [0.0, 0.0]


def test_the_same_files_give_the_same_table() -> None:
    """Training is deterministic; another seed is another table."""
    assert tiny().to_bytes() == tiny_once().to_bytes()
    other = tiny(ClassifierTraining(folds=2, min_files=2, seed=1))
    assert other.to_bytes() != tiny_once().to_bytes()


def test_a_table_is_read_as_it_was_written() -> None:
    """The file has all there is; what is no such file says so."""
    data = tiny_once().to_bytes()
    assert load_table(data).to_bytes() == data
    for broken in (b"", b"ARROW1", data[: len(data) // 2], tiny_arrow()):
        with pytest.raises(InputError, match="sluice language train"):
            load_table(broken)


def tiny_arrow() -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, pa.schema([("a", pa.int8())])) as writer:
        writer.write_batch(pa.record_batch({"a": pa.array([1], pa.int8())}))
    return bytes(sink.getvalue())


def test_scores_are_sums_over_features() -> None:
    """The kernel adds up what dictionaries say, whatever texts stand beside."""
    table = tiny_once()
    weights: dict[int, dict[int, int]] = defaultdict(dict)
    for place, feature in enumerate(table.features.tolist()):
        for entry in range(table.starts[place], table.starts[place + 1]):
            weights[feature][int(table.entry_classes[entry])] = int(table.entry_weights[entry])
    texts = [drawn(TEMPLATES["C"], 5, n=300), b"int x;", b"", b"int int int"]
    buffers = utf8_buffers(pa.array(texts, pa.large_binary()))
    scores, lengths = table.scores(*buffers)
    ends, features, counts = distinct_features(*buffers, MOST_BYTES)
    for text in range(len(texts)):
        sums, length = np.zeros(len(table.classes)), 0
        for k in range(ends[text], ends[text + 1]):
            if int(features[k]) in weights:
                much = LOGARITHMS[min(counts[k], len(LOGARITHMS) - 1)]
                length += much
                for number, weight in weights[int(features[k])].items():
                    sums[number] += much * weight
        assert lengths[text] == length
        wanted = (sums * STEP / max(length, 1) + table.biases) * table.scale + table.constants
        trust = min(math.sqrt(SHORT * UNIT / max(length, 1)), MOST_TRUST)
        wanted += PRIOR * trust * table.commonness
        assert scores[text].tolist() == wanted.tolist()


def test_the_record_tells_what_was_learned_from() -> None:
    """Files, repositories, settings and figures; other files are another hash."""
    record = tiny_once().record
    assert record["files"]["n"] == 48
    assert record["files"]["languages"] == 3
    assert record["files"]["sources"] == 4
    assert record["options"]["folds"] == 2
    assert record["cross_validated"]["micro"] > 0.9
    assert examples_hash([b"a"], ["C"], ["x"]) != examples_hash([b"a"], ["C"], ["y"])


@pytest.mark.parametrize(
    ("classes", "sources", "message"),
    [
        (["C", "~Text"], ["a", "b"], "two languages"),
        (["C", "Ada"], ["a", "a"], "1 sources cannot be dealt into 5 folds"),
        (["C", "Ada"], list("ab"), "2 sources cannot"),
    ],
)
def test_what_cannot_be_learned_from(classes: list[str], sources: list[str], message: str) -> None:
    """Too few languages or repositories are an error that says so."""
    with pytest.raises(InputError, match=message):
        train_table([b"a b", b"c d"], classes, sources, ClassifierTraining())


def test_crops_belong_to_their_file() -> None:
    """A crop is a part of its file, shorter than it, and shares class and repository."""
    texts = [drawn(TEMPLATES["C"], seed, n=seed) for seed in range(1, 30)]
    labelled = with_crops(texts, ["C"] * 29, [str(k) for k in range(29)], seed=3)
    crops = range(29, len(labelled.texts))
    assert len(crops) > 20
    for place in crops:
        whole = labelled.whole[place]
        assert labelled.texts[place] in texts[whole]
        assert len(labelled.texts[place]) < len(texts[whole])
        assert labelled.sources[place] == str(whole)


@needs_data
def test_the_shipped_table_was_made_from_these_files() -> None:
    """`sluice language train` can make it again: its record has the files' hash."""
    rows = pq.read_table(DATA / "train.parquet").to_pydict()
    classes = [class_of(*pair) for pair in zip(rows["language"], rows["other"], strict=True)]
    record = shipped_table().record
    assert record["files"]["xxh3"] == examples_hash(rows["content"], classes, rows["source"])
    assert record["options"] == ClassifierTraining().model_dump()


@needs_data
def test_the_shipped_table_names_unseen_repositories() -> None:
    """Of every fourth development file from repositories it never saw it names four in five."""
    seen = set(pq.read_table(DATA / "train.parquet", columns=["source"])["source"].to_pylist())
    files = [
        row for row in pq.read_table(DATA / "dev.parquet").to_pylist() if row["source"] not in seen
    ][::4]
    judge = ContentJudge(shipped_table(), NOTHING)
    named = judge.name([row["content"] for row in files], [()] * len(files))
    right = [
        name == class_of(row["language"], None) for (name, _), row in zip(named, files, strict=True)
    ]
    assert np.mean(right) >= 0.8


def test_logarithms_are_exact() -> None:
    """What is tabled is what it says, to half a unit."""
    wanted = UNIT * np.log1p(np.arange(len(LOGARITHMS)))
    assert np.abs(LOGARITHMS - wanted).max() <= 0.5
