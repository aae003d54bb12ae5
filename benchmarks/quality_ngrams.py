"""Two shard sets of an ablation, judged by trigram models: a minute of one core, and no GPU.

    sluice ablate emit RUN
    python benchmarks/quality_ngrams.py RUN [--sets code code-quality] [--seeds 5]
    python benchmarks/quality_ngrams.py RUN --models

With `--models` the same table is made of what `sluice ablate run RUN --set 'sets=[…]'` trained.

Of each set as many tokens are drawn (half of the smaller set's), another draw for each seed; a
trigram model with Witten-Bell smoothing (Bell, Cleary and Witten 1990) learns them; and all are
scored on the run's held-out documents, of whose dedup clusters nothing is in either set. The table
is that of `sluice ablate`: bits per byte, paired 95 % intervals over documents and seeds, and over
repositories (and domains) and seeds; `code` is split by whether comments say what a file does, as
the rule has it. A trigram knows vocabulary and idiom, not reasoning.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ablation.heldout import GROUP
from schemas.quality import QUALITY_MEASURES
from stages.ablation.evaluation.bootstrap import Comparison, Floats, compare, ratio
from stages.ablation.evaluation.heldout import HeldoutSet, read_heldout
from stages.ablation.evaluation.results import find_evaluations, read_side
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


def repositories(run: Path) -> dict[bytes, str]:
    """The repository of each file, the domain of each page."""
    found: dict[bytes, str] = {}
    for corpus, name in GROUP.items():
        for file in sorted((run / corpus / "documents").glob("*.parquet")):
            columns = pq.read_table(file, columns=["doc_id", name])
            found |= zip(columns["doc_id"].to_pylist(), columns[name].to_pylist(), strict=True)
    return found


def groups_of(source: str, *, says_what: bool) -> set[str]:
    """The rows of the table that a held-out document counts in."""
    parts = {f"code, {'described' if says_what else 'others'}"} if source == "code" else set()
    return {"all", source, *parts}


def trigram_bits(
    shards: Path, names: list[str], heldout: HeldoutSet, n_seeds: int
) -> dict[str, Floats]:
    """Set → bits, seeds × documents."""
    sets = {}
    for name in names:
        tables = [pq.read_table(f, columns=["tokens"]) for f in (shards / name).glob("*.parquet")]
        lists = pa.concat_tables(tables)["tokens"].to_numpy()
        sets[name] = [tokens.astype(np.int64) for tokens in lists]
    budget = min(sum(map(len, rows)) for rows in sets.values()) // 2
    print(f"{budget:,} tokens of each, {n_seeds} draws; bits per byte, lower is better\n")
    documents = [np.array(document.tokens, np.int64) for document in heldout.documents]
    size = 1 + max(int(tokens.max()) for rows in (*sets.values(), documents) for tokens in rows)
    bits = {}
    for name, rows in sets.items():
        models = [Trigrams(draw(rows, budget, seed), size) for seed in range(n_seeds)]
        bits[name] = np.array([[model.bits(one) for one in documents] for model in models])
    return bits


def model_bits(ablation: Path, names: list[str]) -> dict[str, Floats]:
    """The same of trained models."""
    sides = {name: read_side(find_evaluations(ablation / name)) for name in names}
    for name, side in sides.items():
        print(f"{name}: {side.trained('tokens'):,} tokens, seeds {side.seeds}")
    print("bits per byte, lower is better\n")
    return {name: side.bits for name, side in sides.items()}


def compare_units(
    bits: dict[str, Floats], n_bytes: Floats, units: npt.NDArray[np.intp]
) -> Comparison:
    """Of the two sets, where what is drawn for the intervals are units of documents."""
    own = np.eye(units.max() + 1)[units]
    first, second = (ratio(values @ own, n_bytes @ own) for values in bits.values())
    return compare(first, second)


def main() -> None:
    """Train, score, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--sets", nargs=2, default=["code", "code-quality"], metavar="SET")
    parser.add_argument("--seeds", type=int, default=5, metavar="N")
    parser.add_argument("--models", action="store_true", help="trained ones, in place of trigrams")
    arguments = parser.parse_args()
    run, names = arguments.run, arguments.sets
    shards = run / "ablation" / "full" / "shards"
    heldout = read_heldout(run / "ablation" / "heldout", shards / "tokenizer.json")
    if arguments.models:
        bits = model_bits(run / "ablation", names)
    else:
        bits = trigram_bits(shards, names, heldout, arguments.seeds)
    n_bytes = np.array([document.n_bytes for document in heldout.documents], np.float64)
    known, repository = described(run), repositories(run)
    owners = np.array([repository[one.doc_id] for one in heldout.documents])
    groups = [
        groups_of(one.source, says_what=known.get(one.doc_id, False)) for one in heldout.documents
    ]
    first, second = names
    print(f"| documents of | n | {first} | {second} | difference | repositories | over them |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for group in sorted(set().union(*groups)):
        chosen = [place for place, own in enumerate(groups) if group in own]
        mine = {name: bits[name][:, chosen] for name in names}
        found = compare_units(mine, n_bytes[chosen], np.arange(len(chosen)))
        kinds, units = np.unique(owners[chosen], return_inverse=True)
        over = compare_units(mine, n_bytes[chosen], units).difference
        row = (group, len(chosen), found.a, found.b, found.difference, len(kinds), over)
        print(f"| {' | '.join(map(str, row))} |")


if __name__ == "__main__":
    main()
