"""Two shard sets of an ablation, judged by trigram models: a minute of one core, and no GPU.

    sluice ablate emit RUN
    python benchmarks/quality_ngrams.py RUN [--sets code code-quality] [--seeds 5]

Of each set as many tokens are drawn (half of the smaller set's), another draw for each seed; a
trigram model with Witten-Bell smoothing (Bell, Cleary and Witten 1990) learns them; and all are
scored on the run's held-out documents, of whose dedup clusters nothing is in either set. The table
is that of `sluice ablate`: bits per byte, paired 95 % intervals over documents and seeds; `code` is
split by whether comments say what a file does, as the rule has it. A trigram knows vocabulary and
idiom, not reasoning; `sluice ablate train` is for what a model learns.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.quality import QUALITY_MEASURES
from stages.ablation.evaluation.bootstrap import compare, ratio
from stages.ablation.evaluation.heldout import read_heldout
from stages.recall.quality.rule import is_described

ORDER = 3
BITS_PER_TOKEN = 20
"""Of a key: three tokens fit in 64 bits; the largest value stands before a text's first token."""
BEFORE = (1 << BITS_PER_TOKEN) - 1
Ints = npt.NDArray[np.int64]


def keys_of(documents: list[Ints]) -> list[Ints]:
    """For each order 1 … 3 the key of the n-gram that ends at every token."""
    texts = [np.concatenate([[BEFORE] * (ORDER - 1), tokens]) for tokens in documents]
    tokens, ends = np.concatenate(texts), np.cumsum([len(text) for text in texts])
    own = np.ones(len(tokens), bool)
    for start in np.concatenate([[0], ends[:-1]]):
        own[start : start + ORDER - 1] = False
    places = np.flatnonzero(own)
    keys = [tokens[places]]
    for back in range(1, ORDER):
        keys.append(tokens[places - back] << back * BITS_PER_TOKEN | keys[-1])
    return keys


class Trigrams:
    """Counts of the n-grams of a training set."""

    def __init__(self, documents: list[Ints], n_tokens: int) -> None:
        self.n_tokens = n_tokens
        self.grams = [np.unique(keys, return_counts=True) for keys in keys_of(documents)]
        self.contexts = []
        for keys, counts in self.grams:
            contexts, place = np.unique(keys >> BITS_PER_TOKEN, return_inverse=True)
            totals = np.bincount(place, counts)
            self.contexts.append((contexts, totals, np.bincount(place)))

    def bits(self, document: Ints) -> float:
        """-log2 of its probability."""
        probability = np.full(len(document), 1 / self.n_tokens)
        for keys, (grams, counts), (contexts, totals, kinds) in zip(
            keys_of([document]), self.grams, self.contexts, strict=True
        ):
            count = look_up(grams, counts, keys)
            total = look_up(contexts, totals, keys >> BITS_PER_TOKEN)
            kind = look_up(contexts, kinds, keys >> BITS_PER_TOKEN)
            mixed = (count + kind * probability) / np.maximum(total + kind, 1)
            probability = np.where(total > 0, mixed, probability)
        return float(-np.log2(probability).sum())


def look_up(keys: Ints, values: npt.NDArray[np.number], wanted: Ints) -> npt.NDArray[np.float64]:
    """The values of keys (ascending), 0 where one is missing."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0).astype(np.float64)


def draw(rows: list[Ints], n_tokens: int, seed: int) -> list[Ints]:
    """Rows in random order until they have so many tokens."""
    order = np.random.default_rng(seed).permutation(len(rows))
    enough = int(np.searchsorted(np.cumsum([len(rows[row]) for row in order]), n_tokens)) + 1
    return [rows[row] for row in order[:enough]]


def described(run: Path) -> dict[bytes, bool]:
    """Whether the comments of each file say what its code does."""
    names = ["doc_id", *QUALITY_MEASURES.names[:4]]
    files = sorted((run / "github" / "recall" / "measure").glob("*.parquet"))
    rows = pa.concat_tables([pq.read_table(file, columns=names) for file in files])
    columns = (rows[name].to_pylist() for name in names)
    return {
        doc_id: counts[0] is not None and is_described(*counts)
        for doc_id, *counts in zip(*columns, strict=True)
    }


def groups_of(source: str, *, says_what: bool) -> set[str]:
    """The rows of the table that a held-out document counts in."""
    parts = {f"code, {'described' if says_what else 'others'}"} if source == "code" else set()
    return {"all", source, *parts}


def main() -> None:
    """Train, score, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--sets", nargs=2, default=["code", "code-quality"], metavar="SET")
    parser.add_argument("--seeds", type=int, default=5, metavar="N")
    arguments = parser.parse_args()
    shards = arguments.run / "ablation" / "full" / "shards"
    sets = {}
    for name in arguments.sets:
        tables = [pq.read_table(f, columns=["tokens"]) for f in (shards / name).glob("*.parquet")]
        lists = pa.concat_tables(tables)["tokens"].to_numpy()
        sets[name] = [tokens.astype(np.int64) for tokens in lists]
    budget = min(sum(map(len, rows)) for rows in sets.values()) // 2
    heldout = read_heldout(arguments.run / "ablation" / "heldout", shards / "tokenizer.json")
    documents = [np.array(document.tokens, np.int64) for document in heldout.documents]
    n_bytes = np.array([document.n_bytes for document in heldout.documents])
    known = described(arguments.run)
    groups = [
        groups_of(one.source, says_what=known.get(one.doc_id, False)) for one in heldout.documents
    ]
    size = 1 + max(int(tokens.max()) for rows in (*sets.values(), documents) for tokens in rows)
    bits = {}
    for name, rows in sets.items():
        models = [Trigrams(draw(rows, budget, seed), size) for seed in range(arguments.seeds)]
        bits[name] = np.array([[model.bits(one) for one in documents] for model in models])
    print(f"{budget:,} tokens of each, {arguments.seeds} draws; bits per byte, lower is better\n")
    first, second = arguments.sets
    print(f"| documents of | n | {first} | {second} | difference |\n|---|--:|--:|--:|--:|")
    for group in sorted(set().union(*groups)):
        chosen = [place for place, own in enumerate(groups) if group in own]
        found = compare(*(ratio(bits[name][:, chosen], n_bytes[chosen]) for name in sets))
        print(f"| {group} | {len(chosen)} | {found.a} | {found.b} | {found.difference} |")


if __name__ == "__main__":
    main()
