"""A vocabulary learned from shards, asked as a user asks it and checked with the library."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tokenizers

from schemas.shards import SHARDS
from stages.kernels.bpe.tokenizer import DEFAULT_TOKENIZER, Tokenizer, tokenizer_json
from tests.pipeline.conftest import Sluice

SOURCES = sorted(Path("stages/kernels").glob("*.py"))
ENTRIES = 700


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder whose shards are modules of ours; every fourth is held out."""
    tokenizer, rows = Tokenizer(), []
    for number, source in enumerate(SOURCES):
        ids = tokenizer.encode(source.read_bytes()).tolist()
        sample = {"sample_id": bytes([number] * 16), "source": "code", "parts": []}
        split = "train" if number % 4 else "heldout"
        rows.append({**sample, "split": split, "tokens": ids, "n_tokens": len(ids)})
    folder = tmp_path / "run" / "shards"
    (folder / "code").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, SHARDS), folder / "code" / "00000.parquet")
    (folder / "tokenizer.json").write_bytes(tokenizer_json(DEFAULT_TOKENIZER))
    file = {"path": "shards/code/00000.parquet", "set": "code", "rows": len(rows)}
    (folder / "manifest.json").write_text(json.dumps({"files": [file], "sets": {"code": {}}}))
    return tmp_path / "run"


def train(sluice: Sluice, run: Path, out: Path, *more: str) -> dict[str, float]:
    arguments = ["--entries", str(ENTRIES), "--json", *more]
    code, printed, errors = sluice("tokenizer", "train", str(run), "-o", str(out), *arguments)
    assert code == 0, errors
    said: dict[str, float] = json.loads(printed)
    return said


def test_learned_vocabulary_is_exact_and_counted(sluice: Sluice, run: Path, tmp_path: Path) -> None:
    """The library and the kernels give the same ids, text comes back, and what is said of the
    held-out files is so."""
    out = tmp_path / "tokenizer.json"
    said = train(sluice, run, out)
    library, ours, old = tokenizers.Tokenizer.from_file(str(out)), Tokenizer(str(out)), Tokenizer()
    heldout = SOURCES[::4]
    learned_from = [path for path in SOURCES if path not in heldout]
    n_bytes = n_before = n_after = 0
    for path in SOURCES:
        ids = ours.encode(path.read_bytes())
        assert ids.tolist() == library.encode(path.read_text(), add_special_tokens=False).ids
        assert ours.decode(ids) == path.read_text()
        if path in heldout:
            n_bytes += path.stat().st_size
            n_before += len(old.encode(path.read_bytes()))
            n_after += len(ids)
    assert said["entries"] == ours.vocabulary_size == ENTRIES
    assert said["tokens_read"] == sum(len(old.encode(path.read_bytes())) for path in learned_from)
    assert said["heldout_bytes"] == n_bytes
    assert said["before"] == n_bytes / n_before
    assert said["after"] == n_bytes / n_after
    alphabet_alone = 1.0
    assert said["after"] > alphabet_alone


def test_what_texts_begin_with_has_its_new_id(sluice: Sluice, run: Path, tmp_path: Path) -> None:
    """A post-processor adds the special tokens that it added, and no other entry."""
    file, out = run / "shards" / "tokenizer.json", tmp_path / "tokenizer.json"
    begin = "<｜begin▁of▁sentence｜>"
    old = tokenizers.Tokenizer.from_file(str(file))
    old.post_processor = tokenizers.processors.Sequence(
        [
            tokenizers.processors.ByteLevel(trim_offsets=False),
            tokenizers.processors.TemplateProcessing(
                single=f"{begin} $A", special_tokens=[(begin, old.token_to_id(begin))]
            ),
        ]
    )
    old.save(str(file))
    train(sluice, run, out)
    learned = tokenizers.Tokenizer.from_file(str(out))
    assert learned.encode("x = 1").tokens[0] == begin
    assert learned.encode("x = 1").ids[0] == learned.token_to_id(begin) < ENTRIES


def test_same_seed_same_bytes(sluice: Sluice, run: Path, tmp_path: Path) -> None:
    """What is learned depends on the shards, the settings and the seed alone."""
    files = [tmp_path / f"{number}.json" for number in range(3)]
    read = [
        train(sluice, run, file, "--tokens", "15000", "--seed", seed)["tokens_read"]
        for file, seed in zip(files, ("1", "1", "2"), strict=True)
    ]
    first, again, other = (file.read_bytes() for file in files)
    assert first == again != other
    assert read[0] == read[1]
    assert all(5_000 < number < 30_000 for number in read)


def test_learned_vocabulary_serves_a_stage(sluice: Sluice, run: Path, tmp_path: Path) -> None:
    """`apply tokenize` takes the file as it is."""
    out, texts, made = (tmp_path / name for name in ("t.json", "in.parquet", "out.parquet"))
    train(sluice, run, out)
    pq.write_table(pa.table({"text": ["def f():\n    return None\n"]}), texts)
    arguments = ["-o", str(made), "--set", f"tokenizer={out}"]
    code, _, errors = sluice("apply", "tokenize", str(texts), *arguments)
    assert code == 0, errors
    [row] = pq.read_table(made).to_pylist()
    assert Tokenizer(str(out)).decode(pa.array(row["tokens"]).to_numpy()) == (
        "def f():\n    return None\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--entries", "300"], "--entries 300: expected 512 or more"),
        (["--set", "cod"], "did you mean code?"),
        (["-o", "."], "is a folder"),
    ],
)
def test_what_cannot_be_is_refused(
    sluice: Sluice, run: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    """Before anything is read; the message names the option and its value."""
    out = [] if "-o" in arguments else ["-o", str(tmp_path / "t.json")]
    code, _, errors = sluice("tokenizer", "train", str(run), *out, *arguments)
    assert code == 2
    assert said in errors
