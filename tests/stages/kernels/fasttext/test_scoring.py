"""The collapsed model against fastText itself."""

import json
from itertools import pairwise
from pathlib import Path

import fasttext
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.errors import ConfigError, InputError
from stages.kernels.bpe.tokenizer import load_tokenizer
from stages.kernels.fasttext.ngrams import token_hash
from stages.kernels.fasttext.scoring import collapse, from_bytes, list_buffers
from stages.recall.classifier.zeroed import zeroed_allocations

DATA = Path(__file__).resolve().parents[4] / ".." / "shared" / "data"
SEEDS = DATA / "web" / "seeds"
LOG_GUARD = 1e-5
"""fastText reports exp(log(p + 1e-5))."""


def token_lists(documents):
    """Documents as the array that stages pass on."""
    return pa.array(documents, pa.list_(pa.uint32()))


def random_documents(n, seed, low=0, high=400, longest=60):
    """Documents of random token ids, each half of a vocabulary."""
    random = np.random.default_rng(seed)
    return [
        (random.integers(low, high, random.integers(1, longest)) + (index % 2) * high // 2).tolist()
        for index in range(n)
    ]


def train(tmp_path, documents, n_labels=2, **options):
    """A real fastText model; document i has label i modulo `n_labels`."""
    path = tmp_path / "train.txt"
    lines = (
        f"__label__{'abc'[index % n_labels]} {' '.join(map(str, tokens))}\n"
        for index, tokens in enumerate(documents)
    )
    path.write_text("".join(lines))
    defaults = {"dim": 16, "lr": 0.5, "epoch": 3, "wordNgrams": 3, "minCount": 3, "bucket": 5000}
    with zeroed_allocations():
        return fasttext.train_supervised(str(path), thread=1, verbose=0, **{**defaults, **options})


def predicted(model, documents, label):
    """What fastText reports for `label`, document by document."""
    found = []
    for tokens in documents:
        labels, values = model.predict(" ".join(map(str, tokens)), k=-1)
        found.append(dict(zip(labels, values, strict=True))[f"__label__{label}"])
    return np.array(found)


@pytest.mark.parametrize("bucket", [1, 4096, 5000])
@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_probabilities_are_those_of_predict(tmp_path, ngrams, bucket):
    """Every n-gram length, buckets by mask and by modulo, and words unknown to the model agree."""
    documents = random_documents(60, seed=1)
    model = train(tmp_path, documents, wordNgrams=ngrams, bucket=bucket)
    collapsed = collapse(model, "a")
    unseen = random_documents(80, seed=2, high=100_000) + documents
    ours = collapsed.probabilities(token_lists(unseen))
    for column, label in enumerate(collapsed.labels):
        assert np.abs(predicted(model, unseen, label) - LOG_GUARD - ours[:, column]).max() < 5e-6


def test_three_labels_agree_with_predict(tmp_path):
    """The softmax runs over all labels, the reference's score of zero included."""
    documents = random_documents(60, seed=3)
    model = train(tmp_path, documents, n_labels=3)
    collapsed = collapse(model)
    ours = collapsed.probabilities(token_lists(documents))
    assert sorted(collapsed.labels) == ["a", "b", "c"]
    for column, label in enumerate(collapsed.labels):
        assert np.abs(predicted(model, documents, label) - LOG_GUARD - ours[:, column]).max() < 5e-6


@pytest.mark.parametrize("spread", [1, 9_000, 10_000_019])
def test_ids_of_any_size_agree_with_predict(tmp_path, spread):
    """Ids that are tabled, ids beyond the table, and hashes of words all over 32 bits."""

    def spread_out(documents):
        return [[token * spread % 2**32 for token in words] for words in documents]

    documents = spread_out(random_documents(60, seed=8))
    model = train(tmp_path, documents)
    collapsed = collapse(model, "a")
    unseen = spread_out(random_documents(60, seed=9, high=700))
    for tested in (documents, unseen):
        ours = collapsed.probabilities(token_lists(tested))[:, 1]
        assert np.abs(predicted(model, tested, "b") - LOG_GUARD - ours).max() < 5e-6


@pytest.mark.skipif(not SEEDS.is_dir(), reason="needs ../shared/data")
def test_real_pages_agree_with_predict(tmp_path):
    """On tokenised real pages the two differ by less than the paper trail of float32 sums."""
    import gzip

    texts = []
    for name in ("code_docs_pytorch.jsonl.gz", "math_books_notes.jsonl.gz"):
        with gzip.open(SEEDS / name, "rt") as file:
            texts += [
                json.loads(line)["html"][:20_000] for _, line in zip(range(20), file, strict=False)
            ]
    tokens = load_tokenizer().encode_batch(pa.array(texts, pa.large_string()))
    documents = tokens.to_pylist()
    order = [index // 2 + 20 * (index % 2) for index in range(40)]
    model = train(tmp_path, [documents[index] for index in order], dim=64, bucket=1 << 16)
    ours = collapse(model, "a").probabilities(tokens)[:, 1]
    difference = np.abs(predicted(model, documents, "b") - LOG_GUARD - ours)
    assert difference.max() < 1e-5


def test_a_document_without_tokens_is_its_end_alone(tmp_path):
    """An empty document has one row, that of `</s>`, as in fastText."""
    documents = random_documents(60, seed=4)
    model = train(tmp_path, documents)
    ours = collapse(model, "a").probabilities(token_lists([[]]))[0, 1]
    assert abs(predicted(model, [[]], "b")[0] - LOG_GUARD - ours) < 5e-6


def test_a_document_without_a_known_row_scores_zero(tmp_path):
    """Where fastText predicts nothing, no label is preferred."""
    documents = random_documents(4, seed=5)
    model = train(tmp_path, documents, minCount=5, wordNgrams=1)
    collapsed = collapse(model)
    assert np.isnan(collapsed.end_scores).all()
    assert model.predict("99999")[0] == ()
    assert collapsed.probabilities(token_lists([[99_999]])).tolist() == [[0.5, 0.5]]


def test_slices_and_large_lists_score_alike(tmp_path):
    """Offsets of a slice, and 64-bit offsets, change nothing."""
    documents = random_documents(30, seed=6)
    collapsed = collapse(train(tmp_path, documents))
    whole = token_lists(documents)
    expected = collapsed.logits(whole)[7:19]
    assert collapsed.logits(whole[7:19]).tolist() == expected.tolist()
    assert (
        collapsed.logits(whole.cast(pa.large_list(pa.uint32()))[7:19]).tolist() == expected.tolist()
    )
    assert collapsed.logits(whole[:0]).shape == (0, 1)


def test_the_file_gives_back_the_model(tmp_path):
    """A model and its metadata survive the file, and the same model is the same file."""
    documents = random_documents(30, seed=7)
    collapsed = collapse(train(tmp_path, documents), "b")
    data = collapsed.to_bytes({"recall": "{}"})
    again, metadata = from_bytes(data)
    assert metadata == {"recall": "{}"}
    assert again.labels == ("b", "a")
    assert again.to_bytes(metadata) == data == collapsed.to_bytes({"recall": "{}"})
    assert again.logits(token_lists(documents)).tolist() == (
        collapsed.logits(token_lists(documents)).tolist()
    )


@pytest.mark.parametrize("data", [b"", b"not a model", b"ARROW1\0\0" + bytes(64)])
def test_another_file_is_refused(data):
    """Bytes that are no model raise an InputError."""
    with pytest.raises(InputError, match="not a recall model"):
        from_bytes(data)


def test_a_truncated_file_is_refused(tmp_path):
    """Half a model raises an InputError."""
    data = collapse(train(tmp_path, random_documents(10, seed=8))).to_bytes()
    with pytest.raises(InputError, match="not a recall model"):
        from_bytes(data[: len(data) // 2])


def test_subwords_and_other_losses_are_refused(tmp_path):
    """A model whose score is no mean of word and n-gram rows cannot be collapsed."""
    documents = random_documents(20, seed=9)
    with pytest.raises(ConfigError, match="without subwords"):
        collapse(train(tmp_path, documents, minn=2, maxn=3))
    with pytest.raises(ConfigError, match="loss softmax"):
        collapse(train(tmp_path, documents, loss="ova"))


def test_words_that_are_no_token_ids_are_refused(tmp_path):
    """A model of ordinary words is not one of token ids."""
    with pytest.raises(ConfigError, match="token ids"):
        collapse(train(tmp_path, [["word"] * 5] * 4))


@given(st.integers(0, 2**32 - 1))
def test_token_hash_is_fasttexts(token):
    """The hash is 32-bit FNV-1a of the decimal string, sign-extended."""
    value = 2166136261
    for byte in str(token).encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    assert token_hash(token) == np.uint32(value).view(np.int32)


@given(st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=5), max_size=8), st.data())
def test_list_buffers_are_the_lists(documents, data):
    """Offsets and values describe any slice of the array."""
    first = data.draw(st.integers(0, len(documents)))
    offsets, values = list_buffers(token_lists(documents)[first:])
    found = [values[start:end].tolist() for start, end in pairwise(offsets.tolist())]
    assert found == documents[first:]
