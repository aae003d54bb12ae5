"""Training a classifier from token ids."""

import fasttext
import numpy as np
import pyarrow as pa
import pytest

from stages.contract.telling import heard_by
from stages.errors import ConfigError, InputError, StageError
from stages.kernels.fasttext.scoring import Collapsed, collapse
from stages.recall.classifier.calibrate import calibrate, judge
from stages.recall.classifier.fit import buckets_for, fit
from stages.recall.classifier.model import Learned, load_learned, load_model
from stages.recall.classifier.recipe import (
    FASTTEXT,
    LINEAR,
    NEGATIVE,
    PAPER,
    SMALL,
    resolve_recipe,
)
from stages.recall.classifier.train import train
from stages.recall.options import Training

TINY = Training(max_buckets=4096)


def test_a_model_tells_topics_apart_and_survives_its_file(topic):
    """Trained on two topics, the model knows unseen documents of both, also from its bytes."""
    trained = train(topic(40, 1, 0), topic(50, 2, 200), TINY)
    again = load_model(trained.to_bytes())
    assert again.to_bytes() == trained.to_bytes()
    assert load_learned(trained.to_bytes()) == Learned(trained.recipe, trained.held_out)
    assert (
        again.probabilities(topic(30, 3, 0)).min()
        > 0.5
        > again.probabilities(topic(30, 4, 300)).max()
    )
    assert trained.held_out.f1 > 0.95
    assert (trained.held_out.n_positives, trained.held_out.n_negatives) == (40, 50)
    assert trained.recipe == "small"


@pytest.mark.parametrize("trainer", [LINEAR, FASTTEXT])
def test_the_same_examples_give_the_same_bytes(topic, trainer):
    """Trained twice in a process whose memory is full of leftovers, the files are equal."""
    positives, negatives = topic(20, 1, 0), topic(20, 2, 200)
    recipe = resolve_recipe("small", 20, trainer)
    first = fit(negatives, positives, recipe, TINY).to_bytes()
    leftovers = [np.full(1 << size, np.nan) for size in range(10, 22)]
    del leftovers
    assert first == fit(negatives, positives, recipe, TINY).to_bytes()


def test_a_training_tells_its_model_epoch_and_examples(topic):
    """Of all it passes over, in order: five folds and the model that is kept."""
    told = []
    with heard_by(told.append):
        train(topic(20, 1, 0), topic(20, 2, 200), TINY)
    assert len(told) == (SMALL.folds + 1) * SMALL.epochs
    assert told[1] == "model 1 of 6, epoch 2 of 5, 32 examples"
    assert told[-1] == "model 6 of 6, epoch 5 of 5, 40 examples"
    told.clear()
    with heard_by(told.append):
        train(topic(30, 1, 0), topic(30, 2, 200), Training(recipe="paper", max_buckets=4096))
    assert told == ["model 1 of 1, 3 epochs of fastText, 56 examples"]


def test_another_seed_gives_another_model(topic):
    """The order of the examples follows the seed."""
    positives, negatives = topic(20, 1, 0), topic(20, 2, 200)
    other = Training(max_buckets=4096, seed=1)
    assert (
        fit(negatives, positives, SMALL, TINY).to_bytes()
        != fit(negatives, positives, SMALL, other).to_bytes()
    )


def test_groups_are_held_out_whole(topic, monkeypatch):
    """No model is judged on documents of a domain it was trained on."""
    seen = []

    class Spy:
        def __init__(self, negatives, positives, *_):
            self.trained = {tuple(tokens) for tokens in positives.to_pylist()}

        def logits(self, documents):
            seen.append((self.trained, {tuple(tokens) for tokens in documents.to_pylist()}))
            return np.ones((len(documents), 1))

    monkeypatch.setattr("stages.recall.classifier.train.fit", Spy)
    positives = topic(12, 1, 0)
    domain = dict(zip(map(tuple, positives.to_pylist()), "aaaaaabbbccc", strict=True))
    train(positives, topic(12, 2, 200), TINY, list("aaaaaabbbccc"), ["n"] * 12)
    held_out = [document for trained, tested in seen for document in tested if document in domain]
    assert len(held_out) == 12
    for trained, tested in seen:
        trained_on = {domain[document] for document in trained}
        assert not trained_on & {domain[document] for document in tested if document in domain}


def test_auto_is_small_below_fifty_thousand():
    """The paper's recipe needs as many positives as it was made for."""
    assert resolve_recipe("auto", 49_999) is SMALL
    assert resolve_recipe("auto", 50_000) is PAPER
    assert resolve_recipe("paper", 10) is PAPER
    assert (PAPER.dimension, PAPER.learning_rate, PAPER.min_count, PAPER.epochs) == (256, 0.1, 3, 3)


def test_paper_recipe_holds_out_a_twentieth(topic):
    """One fold of twenty is judged by the very model that is kept, which a large site that were
    held out whole would be lost to."""
    options = Training(recipe="paper", max_buckets=4096)
    sites = ["large"] * 50 + ["small"] * 10
    trained = train(topic(60, 1, 0), topic(60, 2, 200), options, sites, sites)
    assert (trained.held_out.n_positives, trained.held_out.n_negatives) == (3, 3)


def test_buckets_follow_the_data():
    """Few tokens need few buckets; many stop at the maximum; both are powers of two."""
    assert buckets_for(10, 1 << 21) == 1 << 12
    assert buckets_for(600_000, 1 << 21) == 1 << 19
    assert buckets_for(10**9, 1 << 21) == 1 << 21
    assert buckets_for(10**9, (1 << 21) - 1) == 1 << 20


@pytest.mark.parametrize("n_positives", [10, 50_000])
def test_the_trainer_follows_the_recipe_unless_named(n_positives):
    """Sluice's own for small data, fastText for the paper's recipe."""
    own = LINEAR if n_positives < 50_000 else FASTTEXT
    assert resolve_recipe("auto", n_positives).trainer == own
    assert resolve_recipe("auto", n_positives, FASTTEXT).trainer == FASTTEXT
    assert resolve_recipe("auto", n_positives, LINEAR).trainer == LINEAR


def test_fasttexts_own_file_is_written_by_fasttext(topic, tmp_path):
    """Asked for, it is the trainer; the collapsed model says so and is of the same numbers."""
    full = tmp_path / "code.bin"
    trained = train(topic(20, 1, 0), topic(20, 2, 200), TINY, full=full)
    assert trained.trainer == load_model(trained.to_bytes()).trainer == FASTTEXT
    assert collapse(fasttext.load_model(str(full)), NEGATIVE).to_bytes() == trained.model.to_bytes()
    with pytest.raises(ConfigError, match="trainer"):
        train(topic(20, 1, 0), topic(20, 2, 200), Training(trainer=LINEAR), full=full)


@pytest.mark.parametrize("n", [0, 3])
def test_a_class_with_too_few_documents_is_an_error(topic, n):
    """The message names the class and how many distinct documents it has."""
    with pytest.raises(StageError, match=f"{n} distinct positive documents.*add seeds"):
        train(topic(n, 1, 0), topic(10, 2, 200), TINY)
    with pytest.raises(StageError, match=f"{n} distinct negative documents.*add seeds"):
        train(topic(10, 1, 0), topic(n, 2, 200), TINY)


@pytest.mark.parametrize("n", [0, 1])
def test_a_class_without_a_text_is_an_error(topic, n):
    """Also where no fold is held out: of no document, and of one that is empty."""
    nothing = pa.array([[]] * n, pa.large_list(pa.uint32()))
    with pytest.raises(StageError, match="no positive document with a text; add seeds"):
        fit(topic(20, 2, 200), nothing, SMALL, TINY)


def test_twins_are_one_distinct_document(topic):
    """Ten copies of one document are too few to learn from."""
    copies = pa.concat_arrays([topic(1, 1, 0)] * 10)
    with pytest.raises(StageError, match="1 distinct positive"):
        train(copies, topic(10, 2, 200), TINY)


def test_fasttexts_own_complaint_is_wrapped(topic, monkeypatch):
    """An error inside fastText becomes one that says what to do."""

    def fail(**_):
        raise RuntimeError("Encountered NaN.")

    monkeypatch.setattr("fasttext.train_supervised", fail)
    with pytest.raises(StageError, match=r"Encountered NaN.*add seeds"):
        fit(topic(5, 1, 0), topic(5, 2, 200), PAPER, TINY)


def test_classes_larger_than_the_maximum_are_sampled(topic):
    """Above max_examples a class is cut to it, by content."""
    trained = train(topic(30, 1, 0), topic(40, 2, 200), Training(max_buckets=4096, max_examples=20))
    assert (trained.held_out.n_positives, trained.held_out.n_negatives) == (20, 20)


def test_calibration_moves_no_page_across_one_half():
    """A score of 0 stays 0.5; overconfident scores are pulled towards it."""
    random = np.random.default_rng(0)
    positives, negatives = random.normal(2, 4, 2000), random.normal(-2, 4, 2000)
    calibration = calibrate(positives, negatives)
    assert calibration.probability(np.zeros(1))[0] == 0.5
    assert calibration.slope == pytest.approx(2 * 2 / 4**2, rel=0.15)


def test_a_stated_precision_sets_the_lowest_threshold_that_has_it():
    """Every page at the threshold or above counts; one more would break the promise. Below one half
    there is none, however precise that would be."""
    positives, negatives = np.array([5.0, 4.0, 3.0, 1.0, -1.0]), np.array([2.0, 0.0, -3.0])
    for wanted, recall in ((0.99, 3 / 5), (0.8, 4 / 5), (0.75, 4 / 5), (0.6, 4 / 5)):
        calibration = calibrate(positives, negatives, wanted)
        held_out = judge(calibration, positives, negatives)
        assert held_out.recall == recall
        assert held_out.precision >= wanted


def test_a_table_without_calibration_is_no_recall_model():
    """A bare collapsed table is refused."""
    empty = np.zeros((1, 0), np.float32)
    bare = Collapsed(("n", "p"), 3, np.zeros(0, np.uint32), empty, empty[:, 0:0].sum(1), empty)
    with pytest.raises(InputError, match="no recall model"):
        load_model(bare.to_bytes())
