"""A model file over texts, as Python uses it."""

import pyarrow as pa
import pytest

from stages.errors import ConfigError, InputError
from stages.recall import Classifier
from stages.recall.classifier.tokens import tokenise
from stages.recall.classifier.train import train
from stages.recall.options import Training

CODE = [f"def function_{n}(argument): return argument + {n}" for n in range(8)]
PROSE = [f"In the year {n} a traveller came to the old town by the sea." for n in range(8)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A file that knows code from prose."""
    classes = [tokenise(pa.array(texts), "bpe") for texts in (CODE, PROSE)]
    path = tmp_path_factory.mktemp("model") / "code.arrow"
    path.write_bytes(train(*classes, Training(max_buckets=4096)).to_bytes())
    return path


def test_texts_are_scored_and_recalled(model):
    """A probability each, and whether it reaches the model's threshold."""
    classifier = Classifier.load(model)
    scores = classifier.score([CODE[0], PROSE[0]])
    assert scores[0] > classifier.threshold == 0.5 > scores[1]
    assert classifier.recalled([PROSE[0], CODE[0]]).tolist() == [False, True]
    assert classifier.score([]).tolist() == []


def test_lists_and_arrow_arrays_score_alike(model):
    """Also a chunked column, many rows, and a null, which reads as the empty text."""
    classifier = Classifier.load(str(model))
    texts = [*CODE, None, *PROSE] * 200
    scores = classifier.score(texts).tolist()
    assert classifier.score(pa.array(texts)).tolist() == scores
    chunked = pa.chunked_array([texts[:1000], texts[1000:]], pa.large_string())
    assert classifier.score(chunked).tolist() == scores
    assert scores[len(CODE)] == classifier.score([""])[0]


def test_a_single_text_is_no_list_of_texts(model):
    """It would be scored character by character."""
    with pytest.raises(TypeError, match=r"give \[text\]"):
        Classifier.load(model).score(CODE[0])


def test_what_is_no_model_is_named(tmp_path):
    """A missing file is the user's mistake, a damaged one bad input."""
    with pytest.raises(ConfigError, match=r"none\.arrow: No such file"):
        Classifier.load(tmp_path / "none.arrow")
    (tmp_path / "other.arrow").write_bytes(b"something else")
    with pytest.raises(InputError, match=r"other\.arrow: not a recall model"):
        Classifier.load(tmp_path / "other.arrow")
