"""The judge of near-duplicates, against comparing all pairs."""

import itertools
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.near_duplicates.judge import judge
from benchmarks.near_duplicates.peers import THRESHOLD, shingle_set


def families(generator: random.Random) -> list[str]:
    """Texts of a few families, some of them equal, some short."""
    bases = [[f"w{generator.randrange(10**6)}" for _ in range(120)] for _ in range(6)]
    texts = ["", "one two", "one two", "one  two three four"]
    for _ in range(40):
        words = list(generator.choice(bases))
        for _ in range(generator.choice([0, 1, 2, 4, 8])):
            words[generator.randrange(120)] = f"x{generator.randrange(10**6)}"
        texts.append(" ".join(words))
    return texts


def jaccard(one: set[bytes], other: set[bytes]) -> float:
    return len(one & other) / len(one | other)


def test_the_judge_says_what_all_pairs_say(tmp_path: Path) -> None:
    """Of answers that were drawn: who was dropped though no kept document is near, which pairs at
    the threshold are both kept."""
    generator = random.Random(6)
    texts = families(generator)
    names = [f"d{number}" for number in range(len(texts))]
    pq.write_table(pa.table({"id": names, "text": texts}), tmp_path / "texts.parquet")
    answers = [[name for name in names if generator.random() < rate] for rate in (0, 0.3, 0.7, 1)]
    sets = dict(zip(names, map(shingle_set, texts), strict=True))
    near = [
        {one, other}
        for one, other in itertools.combinations(names, 2)
        if jaccard(sets[one], sets[other]) >= THRESHOLD
    ]
    found = judge(tmp_path / "texts.parquet", answers, 1.0)
    for kept, told in zip(map(set, answers), found, strict=True):
        removed = [name for name in names if name not in kept]
        false = [name for name in removed if not any(name in p and p & kept - {name} for p in near)]
        assert (told.removed, told.false) == (len(removed), len(false))
        assert (told.missed, told.pairs) == (sum(pair <= kept for pair in near), len(near))
    assert (
        {told.missed > 0 for told in found} == {told.false > 0 for told in found} == {True, False}
    )


def test_a_share_is_judged_as_in_the_whole(tmp_path: Path) -> None:
    """A document that is drawn is compared with all, drawn or not."""
    text = " ".join(f"w{n}" for n in range(50))
    names = [f"d{number}" for number in range(20)]
    pq.write_table(pa.table({"id": names, "text": [text] * 20}), tmp_path / "texts.parquet")
    (found,) = judge(tmp_path / "texts.parquet", [["d19"]], 0.25)
    assert 0 < found.removed < 19
    assert (found.false, found.missed) == (0, 0)
