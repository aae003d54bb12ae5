"""Held-out documents are read alike whatever the tokenizer; an evaluation writes what it says."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

torch = pytest.importorskip("torch", reason="the ablation's packages are not installed")
transformers = pytest.importorskip("transformers")

from stages.ablation.evaluation.evaluate import Evaluation, evaluate, main  # noqa: E402
from stages.ablation.evaluation.heldout import read_heldout  # noqa: E402
from stages.ablation.training.data.tokenizer import TEXTS, TrainTokenizer  # noqa: E402
from stages.errors import ConfigError, InputError  # noqa: E402
from stages.kernels.bpe.tokenizer import Tokenizer  # noqa: E402
from tests.stages.ablation.shard_files import write_shards  # noqa: E402

HELD = {
    "a.py": "def f(x):\n    return x + 1\n",
    "b.py": "值 = '<｜end▁of▁sentence｜>'\n",
    "c.py": "a",
}


def tokenizer(path: Path, size: int) -> Tokenizer:
    batch = pa.RecordBatch.from_pydict({"text": list(HELD.values()) * 3}, schema=TEXTS)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(TrainTokenizer("deepseek-v2", "", vocabulary_size=size)(iter([batch])))
    return Tokenizer(str(path))


@pytest.fixture(scope="module")
def heldout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of three held-out documents, and one that is trained on."""
    folder = tmp_path_factory.mktemp("heldout") / "shards"
    own = tokenizer(folder / "tokenizer.json", 261)
    encoded = [(name, own.encode(text.encode()).tolist()) for name, text in HELD.items()]
    write_shards(folder / "code/00000.parquet", encoded, split="heldout")
    write_shards(folder / "text/00000.parquet", encoded[:1], split="train")
    return folder.parent


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with another tokenizer than the held-out shards'."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer(folder / "tokenizer.json", 300)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=300,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=32,
        bos_token_id=None,
        eos_token_id=1,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def test_documents_are_the_same_whatever_the_model_s_tokenizer(heldout: Path, model: Path) -> None:
    """Identities, bytes and fingerprint; the tokens are the model's."""
    own = read_heldout(heldout, heldout / "shards/tokenizer.json")
    other = read_heldout(heldout / "shards", model / "tokenizer.json")
    assert own.fingerprint == other.fingerprint
    assert own.n_bytes == other.n_bytes == sum(len(text.encode()) for text in HELD.values())
    assert [one.doc_id for one in own.documents] == [one.doc_id for one in other.documents]
    stored = pq.read_table(heldout / "shards/code/00000.parquet")["tokens"].to_pylist()
    assert [one.tokens.tolist() for one in own.documents] == stored
    tiny = Tokenizer(str(model / "tokenizer.json"))
    by_length = {len(text.encode()): text for text in HELD.values()}
    for document in other.documents:
        expected = tiny.encode(by_length[document.n_bytes].encode())
        assert document.tokens.tolist() == expected.tolist()


def test_an_evaluation_says_what_it_measured(heldout: Path, model: Path, tmp_path: Path) -> None:
    """A row for each held-out document; the totals agree with eval.json, which is written last."""
    seen: list[tuple[str, int, int]] = []
    found = evaluate(
        Evaluation(model, heldout, name="old"),
        tmp_path / "out",
        lambda *progress: seen.append(progress),
    )
    assert json.loads((tmp_path / "out/eval.json").read_text()) == found
    table = pq.read_table(tmp_path / "out/bits.parquet")
    assert table.num_rows == found["heldout"]["documents"] == 3
    bits = sum(table["bits"].to_pylist()) / sum(table["n_bytes"].to_pylist())
    assert found["heldout"]["bits_per_byte"] == pytest.approx(bits)
    assert (found["name"], found["training"], found["benchmarks"]) == ("old", None, None)
    assert (found["heldout"]["context"], found["heldout"]["stride"]) == (32, 24)
    assert seen[-1][1] == seen[-1][2]


def test_benchmarks_are_solved_where_asked_for(heldout: Path, model: Path, tmp_path: Path) -> None:
    """A model that knows nothing passes nothing; a language that cannot run here is not run."""
    problem = {
        "task_id": "Python/0",
        "prompt": "def one():\n",
        "test": "def check(f):\n    assert f() == 1\n\ncheck(one)\n",
        "stop_tokens": ["\ndef"],
    }
    sets = tmp_path / "sets"
    sets.mkdir()
    (sets / "humaneval-python.jsonl").write_text(json.dumps(problem) + "\n")
    found = evaluate(Evaluation(model, heldout, benchmarks=sets), tmp_path / "out")
    [rate] = found["benchmarks"]
    assert (rate["name"], rate["n_problems"], rate["n_passed"]) == ("Python", 1, 0)
    [row] = pq.read_table(tmp_path / "out/problems.parquet").to_pylist()
    assert row["status"] == ("not_run" if rate["not_run"] else "failed")


def test_what_is_missing_is_named(heldout: Path, model: Path, tmp_path: Path) -> None:
    """No model, no tokenizer beside the shards, no held-out row."""
    with pytest.raises(ConfigError, match="no model here"):
        evaluate(Evaluation(heldout, heldout), tmp_path / "out")
    with pytest.raises(InputError, match="no shard sets"):
        read_heldout(tmp_path, model / "tokenizer.json")
    write_shards(tmp_path / "x/code/00000.parquet", [("a", [1])], split="train")
    with pytest.raises(InputError, match=r"x/tokenizer\.json"):
        read_heldout(tmp_path / "x", model / "tokenizer.json")
    (tmp_path / "x/tokenizer.json").write_bytes((model / "tokenizer.json").read_bytes())
    with pytest.raises(InputError, match="split = heldout"):
        read_heldout(tmp_path / "x", model / "tokenizer.json")


def test_the_module_is_a_command(heldout: Path, model: Path, tmp_path: Path) -> None:
    """For machines without the pipeline's libraries; exit code 2 for what cannot work."""
    asked = ["--heldout", str(heldout), "--out", str(tmp_path / "out"), "--stride", "32"]
    assert main([str(model), *asked]) == 0
    assert json.loads((tmp_path / "out/eval.json").read_text())["heldout"]["stride"] == 32
    assert main([str(tmp_path), *asked]) == 2
