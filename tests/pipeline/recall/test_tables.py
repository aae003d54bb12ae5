"""`sluice recall` trains, scores and applies classifiers on tables of one's own."""

import json
from pathlib import Path

import fasttext
import pyarrow.parquet as pq
import pytest
import xxhash

from pipeline.apply import map as application
from pipeline.cli.progress import telling
from stages.errors import ConfigError, InputError
from stages.recall.classifier.recipe import SMALL
from tests.pipeline.recall.topics import WORDS, sluice, text


def table_of_texts(path: Path, name: str, n: int) -> Path:
    rows = [
        {"text": text(topic, f"{name} {i}"), "label": topic, "url": f"https://{topic}{i % 4}.org/"}
        for topic in WORDS
        for i in range(n)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of code, trained by the command."""
    folder = tmp_path_factory.mktemp("model")
    table = table_of_texts(folder / "train.jsonl", "train", 20)
    with table.open("a") as stream:
        stream.write('{"text": null, "label": "code"}\n{broken\n')
    code, out = sluice(
        "train", table, "--target", "code", "-o", folder / "m.arrow", "--set", "max_buckets=4096"
    )
    assert code == 0
    assert "20 positive and 40 negative rows, 2 rows left out" in out
    assert "held out: precision 1.000, recall 1.000" in out
    return folder / "m.arrow"


def test_training_again_gives_the_same_file(model: Path, tmp_path: Path) -> None:
    """Another folder, the same table: the same bytes; another seed: others."""
    table = table_of_texts(tmp_path / "train.jsonl", "train", 20)
    settings = ("--set", "max_buckets=4096", "--json")
    code, out = sluice("train", table, "--target", "code", "-o", tmp_path / "a.arrow", *settings)
    assert code == 0
    assert json.loads(out)["held_out"]["f1"] == 1.0
    assert (tmp_path / "a.arrow").read_bytes() == model.read_bytes()
    other = tmp_path / "b.arrow"
    full = tmp_path / "full.bin"
    settings = ("--set", "seed=1", "--bin", full, *settings)
    sluice("train", table, "--target", "code", "-o", other, *settings)
    assert other.read_bytes() != model.read_bytes()
    assert fasttext.load_model(str(full)).get_dimension() == SMALL.dimension
    first, second = (
        json.loads((tmp_path / f"{name}.arrow.json").read_text()) for name in ("a", "b")
    )
    assert first["model_xxh3"] == xxhash.xxh3_128_hexdigest(model.read_bytes())
    assert (first["training"]["seed"], second["training"]["seed"]) == (0, 1)
    assert first["examples"] == second["examples"]
    assert first["examples"]["positive"]["n_documents"] == 20
    assert first["libraries"]["fasttext-numpy2"]


def test_training_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error, now and then: the model, its epoch, and on how many examples."""
    monkeypatch.setattr(telling, "LINE_SECONDS", 0.0)
    table = table_of_texts(tmp_path / "train.jsonl", "train", 20)
    _, out = sluice("train", table, "--target", "code", "-o", tmp_path / "m.arrow")
    lines = [line for line in out.splitlines() if line.startswith("model ")]
    assert len(lines) == (SMALL.folds + 1) * SMALL.epochs
    assert lines[-1] == "model 6 of 6, epoch 5 of 5, 80 examples"


def test_scoring_answers_row_for_row(model: Path, tmp_path: Path) -> None:
    """A row without a text has no score; `label` is carried, and compared when asked."""
    table = table_of_texts(tmp_path / "new.jsonl", "new", 5)
    with table.open("a") as stream:
        stream.write('{"text": null}\n')
    out = tmp_path / "scored.parquet"
    code, said = sluice("score", table, "--model", model, "-o", out, "--target", "code", "--json")
    assert code == 0
    scored = pq.read_table(out).to_pylist()
    assert [row["recalled"] for row in scored] == [True] * 5 + [False] * 10 + [None]
    assert [row["label"] for row in scored[:5]] == ["code"] * 5
    assert scored[-1]["score"] is None
    found = json.loads(said)
    assert (found["n_rows"], found["n_recalled"], found["n_left_out"]) == (16, 5, 1)
    assert found["code"]["f1"] == found["code"]["best_f1"] == 1.0
    sluice("score", table, "--model", model, "-o", out, "--threshold", "0.0")
    assert all(row["recalled"] for row in pq.read_table(out).to_pylist()[:-1])


def test_a_model_splits_texts_as_it_was_trained(tmp_path: Path) -> None:
    """Trained on white-space words, a model scores by them: a glued text is none it knows."""
    table = table_of_texts(tmp_path / "train.jsonl", "train", 20)
    model, out = tmp_path / "words.arrow", tmp_path / "scored.jsonl"
    settings = ("--set", "max_buckets=4096", "--set", "tokens=whitespace")
    assert sluice("train", table, "--target", "code", "-o", model, *settings)[0] == 0
    spaced = text("code", "a new one")
    new = tmp_path / "new.jsonl"
    rows = [spaced, spaced.replace(" ", "\u3000"), text("math", "a new one")]
    new.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    assert sluice("score", new, "--model", model, "-o", out)[0] == 0
    scores = [json.loads(line)["score"] for line in out.read_text().splitlines()]
    assert scores[0] > 0.9 > 0.7 > scores[1] > scores[2]
    applied = tmp_path / "applied.jsonl"
    application.apply("recall", new, applied, [f"model={model}"])
    assert [json.loads(line)["score"] for line in applied.read_text().splitlines()] == scores


def test_a_model_of_another_tokenizer_is_refused(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ids would mean other words here."""
    table = table_of_texts(tmp_path / "new.jsonl", "new", 1)
    monkeypatch.setattr("stages.recall.classifier.tokens.tokens_hash", lambda tokens: "0" * 32)
    message = "trained on bpe tokens of rule [0-9a-f]{32}, and here they are of rule 0{32}"
    with pytest.raises(InputError, match=message):
        sluice("score", table, "--model", model, "-o", tmp_path / "out.jsonl")
    with pytest.raises(ConfigError, match=message):
        application.apply("recall", table, tmp_path / "out.jsonl", [f"model={model}"])


def test_apply_scores_and_judges(model: Path, tmp_path: Path) -> None:
    """`sluice apply recall` keeps what the model recalls and names the reason for the rest."""
    table = table_of_texts(tmp_path / "new.jsonl", "new", 5)
    out = tmp_path / "applied.parquet"
    report = application.apply("recall", table, out, [f"model={model}"])
    assert (report.rows, report.kept, report.reasons) == (15, 5, {"not_recalled": 10})
    rows = pq.read_table(out).to_pylist()
    assert [row["keep"] for row in rows] == [True] * 5 + [False] * 10
    stricter = application.apply("recall", table, out, [f"model={model}", "threshold=0.999999"])
    assert stricter.kept <= report.kept
    with pytest.raises(ConfigError, match=r"`model`: .*No such file"):
        application.apply("recall", table, out, ["model=none.arrow"])
    with pytest.raises(ConfigError, match="`model` is not set"):
        application.apply("recall", table, out)


@pytest.mark.parametrize(
    ("target", "message"),
    [("biology", "none of 60 labelled rows is 'biology'"), ("code", "needs the column 'text'")],
)
def test_a_table_that_teaches_nothing_is_refused(tmp_path: Path, target: str, message: str) -> None:
    """Before any training."""
    table = table_of_texts(tmp_path / "train.jsonl", "train", 20)
    if target == "code":
        table.write_text('{"body": "x", "label": "code"}\n')
    with pytest.raises(ConfigError, match=message):
        sluice("train", table, "--target", target, "-o", tmp_path / "m.arrow")


def test_a_table_of_one_class_is_refused(tmp_path: Path) -> None:
    """There is nothing to tell apart."""
    table = tmp_path / "one.jsonl"
    table.write_text('{"text": "x", "label": "code"}\n' * 9)
    with pytest.raises(ConfigError, match="all of 9 labelled rows are 'code'"):
        sluice("train", table, "--target", "code", "-o", tmp_path / "m.arrow")
