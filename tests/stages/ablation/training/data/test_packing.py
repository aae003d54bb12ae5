"""Streams and packing against a plain list of documents."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.ablation.training.configuration import SpecialTokens
from stages.ablation.training.data.fim import draw, rearrange
from stages.ablation.training.data.mixture import Stream
from stages.ablation.training.data.packing import Packed, Packer
from stages.ablation.training.data.shards import ShardSource, count_tokens, list_shards
from stages.errors import InputError
from tests.stages.ablation.conftest import sample_id, write_shard

SPECIAL = SpecialTokens(end=100, fim_begin=101, fim_hole=102, fim_end=103)

documents = st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=20), min_size=1, max_size=12)


def open_source(folder: Path, n_streams: int, name: str = "code") -> ShardSource:
    return ShardSource(name, [str(folder)], "train", 128, n_streams)


def take(stream: Stream, n_documents: int) -> list[tuple[int, bytes, int]]:
    taken = []
    for _ in range(n_documents):
        document = stream.document()
        taken.append((document.source, document.sample_id, document.epoch))
        stream.advance(len(document.tokens))
    return taken


@settings(max_examples=30)
@given(documents, st.integers(1, 4), st.integers(1, 5), st.integers(1, 17))
def test_packing_keeps_every_pair_of_every_document(
    rows: list[list[int]], n_streams: int, row_group: int, length: int
) -> None:
    """In the stream's order: inputs, targets, borders and places are those of the oracle."""
    with TemporaryDirectory() as folder:
        write_shard(Path(folder) / "0.parquet", rows, row_group=row_group)
        source = open_source(Path(folder), n_streams)
        for number in range(n_streams):
            expected = oracle(Stream([source], [1.0], number, n_streams, 7), rows, 6 * length)
            packer = Packer(Stream([source], [1.0], number, n_streams, 7), length, SPECIAL, 0.5, 7)
            assert pairs(packer.pack(6)) == expected[: 6 * length]


def oracle(stream: Stream, rows: list[list[int]], n_pairs: int) -> list[tuple[int, int]]:
    """(input, target) of the documents one after another."""
    found: list[tuple[int, int]] = []
    while len(found) < n_pairs:
        [(_, sample, epoch)] = take(stream, 1)
        tokens = np.array(rows[int.from_bytes(sample, "big")], np.uint32)
        ids = rearrange(tokens, draw(sample, 7, epoch, 0.5, len(tokens)), SPECIAL).tolist()
        found += pairwise(ids)
    return found


def pairs(packed: Packed) -> list[tuple[int, int]]:
    return list(zip(packed.inputs.ravel().tolist(), packed.targets.ravel().tolist(), strict=True))


def test_a_long_document_goes_on_in_the_next_sequence(tmp_path: Path) -> None:
    """Its places start over there; a border is wherever a place is 0."""
    write_shard(tmp_path / "0.parquet", [[1, 2, 3, 4, 5, 6]])
    packer = Packer(Stream([open_source(tmp_path, 1)], [1.0], 0, 1, 0), 4, SPECIAL, 0.0, 0)
    packed = packer.pack(3)
    assert packed.inputs.tolist() == [[1, 2, 3, 4], [5, 6, 1, 2], [3, 4, 5, 6]]
    assert packed.targets.tolist() == [[2, 3, 4, 5], [6, 100, 2, 3], [4, 5, 6, 100]]
    assert packed.positions.tolist() == [[0, 1, 2, 3], [0, 1, 0, 1], [0, 1, 2, 3]]


@settings(max_examples=30)
@given(documents, st.integers(1, 5), st.integers(1, 6))
def test_every_epoch_has_every_document_once(
    rows: list[list[int]], n_streams: int, row_group: int
) -> None:
    """All streams together, whatever the number of streams and row groups."""
    with TemporaryDirectory() as folder:
        write_shard(Path(folder) / "0.parquet", rows, row_group=row_group)
        source = open_source(Path(folder), n_streams)
        counted: Counter[tuple[bytes, int]] = Counter()
        for number in range(n_streams):
            taken = take(Stream([source], [1.0], number, n_streams, 3), 4 * len(rows))
            counted.update((sample, epoch) for _, sample, epoch in taken if epoch < 2)
        expected = {(sample_id(i), epoch): 1 for i in range(len(rows)) for epoch in range(2)}
        assert counted == expected


@settings(max_examples=20)
@given(documents, st.integers(0, 8), st.integers(1, 9))
def test_a_position_is_all_a_packer_needs(rows: list[list[int]], before: int, length: int) -> None:
    """Another packer that starts there yields the same sequences."""
    with TemporaryDirectory() as folder:
        write_shard(Path(folder) / "a" / "0.parquet", rows, row_group=3)
        write_shard(Path(folder) / "b" / "0.parquet", rows[::-1], row_group=2, first=500)

        def packer(position: dict[str, object] | None) -> Packer:
            sources = [open_source(Path(folder) / name, 2, name) for name in "ab"]
            stream = Stream(sources, [1.0, 2.5], 1, 2, 5, position)
            return Packer(stream, length, SPECIAL, 0.5, 5, position)

        one = packer(None)
        if before:
            one.pack(before)
        other = packer(one.position())
        for left, right in zip(vars(one.pack(5)).values(), vars(other.pack(5)).values()):  # noqa: B905
            assert np.array_equal(left, right)
        assert one.position() == other.position()


def test_the_first_documents_of_many_streams_have_the_mixture(tmp_path: Path) -> None:
    """A source of an eighth of the tokens is not a third of what the streams begin with."""
    random = np.random.default_rng(1)
    for name in "abc":
        rows = [[1] * int(n) for n in random.integers(20, 60, 400)]
        write_shard(tmp_path / name / "0.parquet", rows, row_group=400)
    sources = [open_source(tmp_path / name, 200, name) for name in "abc"]
    drawn = np.zeros(3)
    for number in range(200):
        stream = Stream(sources, [5.0, 1.0, 2.0], number, 200, 0)
        for _ in range(2):
            document = stream.document()
            drawn[document.source] += len(document.tokens)
            stream.advance(len(document.tokens))
    assert drawn / drawn.sum() == pytest.approx([0.625, 0.125, 0.25], abs=0.03)


def test_the_mixture_holds_at_every_moment(tmp_path: Path) -> None:
    """To within the longest document, in tokens."""
    random = np.random.default_rng(0)
    for name in "abc":
        rows = [[1] * int(n) for n in random.integers(1, 50, 30)]
        write_shard(tmp_path / name / "0.parquet", rows)
    sources = [open_source(tmp_path / name, 1, name) for name in "abc"]
    weights = [5.0, 1.0, 2.0]
    stream = Stream(sources, weights, 0, 1, 0)
    drawn = np.zeros(3)
    for _ in range(300):
        document = stream.document()
        drawn[document.source] += len(document.tokens)
        stream.advance(len(document.tokens))
        shares = drawn.sum() * np.array(weights) / sum(weights)
        assert np.abs(drawn - shares).max() <= 2 * 50
    assert drawn.sum() > 5000


@pytest.mark.parametrize(
    ("splits", "expected"),
    [(("train", "heldout", "train"), [0, 2]), (("heldout", "train", "heldout"), [1])],
)
def test_rows_of_other_splits_are_passed_over(
    tmp_path: Path, splits: Sequence[str], expected: list[int]
) -> None:
    """Held-out documents are never trained on."""
    write_shard(tmp_path / "0.parquet", [[1], [2, 3], [4]], splits=splits, row_group=1)
    taken = take(Stream([open_source(tmp_path, 1)], [1.0], 0, 1, 0), 4)
    assert {sample for _, sample, _ in taken} == {sample_id(number) for number in expected}
    train = count_tokens(list_shards("code", [str(tmp_path)]), "train")
    assert train == sum([1, 2, 1][number] for number in expected)


def test_a_source_without_rows_to_train_on_is_an_error(tmp_path: Path) -> None:
    """Named, rather than searched for ever."""
    write_shard(tmp_path / "0.parquet", [[1], [2]], splits=("heldout", "heldout"))
    with pytest.raises(InputError, match=r"source code: no rows of split 'train' in its 1 shards"):
        Stream([open_source(tmp_path, 4)], [1.0], 0, 4, 0)


def test_ids_beyond_the_vocabulary_are_an_error(tmp_path: Path) -> None:
    """The message names file, id and vocabulary."""
    write_shard(tmp_path / "0.parquet", [[1, 128]])
    with pytest.raises(InputError, match=r"0\.parquet, row group 0: token id 128 .* of 128"):
        Stream([open_source(tmp_path, 1)], [1.0], 0, 1, 0)


def test_what_is_no_shard_is_an_error(tmp_path: Path) -> None:
    """Missing, empty or foreign files are named."""
    with pytest.raises(InputError, match="source code: no Parquet shards at"):
        open_source(tmp_path, 1)
    (tmp_path / "0.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(InputError, match=r"0\.parquet: not a Parquet shard"):
        open_source(tmp_path, 1)
