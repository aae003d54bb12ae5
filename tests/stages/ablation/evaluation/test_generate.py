"""Batched greedy generation writes what the model alone would write."""

from functools import cache

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from stages.ablation.evaluation.problems import Problem
from stages.errors import InputError

torch = pytest.importorskip("torch", reason="the extra `ablation` is not installed")
transformers = pytest.importorskip("transformers", reason="the extra `ablation` is not installed")
ablation = pytest.importorskip("stages.ablation.evaluation.generate")

PROMPTS = (
    "def add(a, b):",
    "x",
    "for i in range(10):\n    print(i)\n    total += i * 2  # sum\n",
    "class A:\n    pass",
    "return [value for value in values if value]",
    'text = "ünï — 字"',
)
CONTEXT = 96
NEW = 20


def tokenizer() -> Tokenizer:
    """Byte-level BPE: some tokens are half a character."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(
        PROMPTS * 3,
        trainers.BpeTrainer(
            vocab_size=300,
            special_tokens=["<end>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A random model that writes varied text, some of it to its end token."""
    path = tmp_path_factory.mktemp("model")
    torch.manual_seed(5)
    config = transformers.LlamaConfig(
        vocab_size=300,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=0.6,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=None,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(path)
    tokenizer().save(str(path / "tokenizer.json"))
    return path


@pytest.fixture(scope="module")
def generator(folder):
    return ablation.Generator.load(folder, "cpu")


NO_END = 300


@pytest.fixture(scope="module")
def alone(generator):
    """The oracle: one prompt, the library's own greedy decoding."""
    return cache(lambda prompt, new, end: by_library(generator, prompt, new, end))


def by_library(generator, prompt: str, new: int, end: int) -> list[int]:
    ids = torch.tensor([generator.tokenizer.encode(prompt).ids])
    with torch.inference_mode():
        out = generator.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=new,
            do_sample=False,
            eos_token_id=end,
            pad_token_id=0,
        )
    return out[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize("batch_tokens", [1, 100, 100_000])
def test_tokens_are_those_of_each_prompt_alone(generator, alone, batch_tokens):
    """Whatever the batch: padding, order and rows that leave early change nothing."""
    expected = [alone(prompt, NEW, 0) for prompt in PROMPTS]
    found = generator.complete(
        PROMPTS, [()] * len(PROMPTS), max_new_tokens=NEW, batch_tokens=batch_tokens
    )
    assert [c.text for c in found] == [generator.tokenizer.decode(ids) for ids in expected]
    assert [c.n_tokens for c in found] == [len(ids) for ids in expected]
    assert [c.end == "end" for c in found] == [ids[-1] == 0 for ids in expected]
    assert len({tuple(ids) for ids in expected}) == len(PROMPTS)


def test_rows_leave_at_their_end_token_at_different_times(generator, alone, monkeypatch):
    """A token that the model writes early for some prompts and never for others."""
    plain = [alone(prompt, NEW, NO_END) for prompt in PROMPTS]
    end = plain[0][5]
    monkeypatch.setattr(generator.model.config, "eos_token_id", [end])
    monkeypatch.setattr(generator.model.generation_config, "eos_token_id", end)
    found = generator.complete(PROMPTS, [()] * len(PROMPTS), max_new_tokens=NEW)
    cut = [ids[: ids.index(end)] if end in ids else ids for ids in plain]
    assert [c.text for c in found] == [generator.tokenizer.decode(ids) for ids in cut]
    assert [c.end for c in found] == ["end" if end in ids else "length" for ids in plain]
    assert len({len(ids) for ids in cut}) > 1


def test_a_stop_string_ends_a_completion_wherever_tokens_break(generator, alone):
    """The text is cut before it, and no more than the token that completed it was written."""
    texts = [generator.tokenizer.decode(alone(prompt, NEW, NO_END)) for prompt in PROMPTS]
    stops = [(text[len(text) // 2 :][:3], "never\nwritten") for text in texts]
    found = generator.complete(PROMPTS, stops, max_new_tokens=NEW)
    for text, (stop, _), completion in zip(texts, stops, found, strict=True):
        assert completion.text == text[: text.index(stop)]
        assert completion.end == "stop"
        assert completion.n_tokens < NEW


def test_a_long_prompt_keeps_its_end(generator):
    """It is cut on the left to leave room for what is written, and says so."""
    prompt = " ".join(PROMPTS) * 4
    ids = generator.tokenizer.encode(prompt).ids
    assert len(ids) > CONTEXT
    long, short = generator.complete([prompt, "x"], [(), ()], max_new_tokens=16)
    assert (long.prompt_cut, short.prompt_cut) == (True, False)
    kept = torch.tensor([ids[-(CONTEXT - 16) :]])
    out = generator.model.generate(
        kept, attention_mask=torch.ones_like(kept), max_new_tokens=16, do_sample=False
    )
    written = out[0, kept.shape[1] :].tolist()
    assert long.text == generator.tokenizer.decode(written)


def test_more_new_tokens_than_the_context_holds(generator):
    """Half of the context stays the prompt's, and writing ends where positions do."""
    (found,) = generator.complete(["y = " * 100], [()], max_new_tokens=10 * CONTEXT)
    assert found.prompt_cut
    assert found.n_tokens <= CONTEXT // 2


def test_problems_are_completed_with_their_own_stops(generator):
    """In the problems' order, with progress to the last."""
    told = []
    problems = [
        Problem("humaneval-js", str(n), "js", prompt, ("\n",), "", "")
        for n, prompt in enumerate(PROMPTS)
    ]
    found = ablation.complete_problems(
        generator, problems, max_new_tokens=8, progress=lambda *pair: told.append(pair)
    )
    assert len(found) == len(PROMPTS)
    assert all("\n" not in completion.text for completion in found)
    assert told == [(n, len(PROMPTS)) for n in range(1, len(PROMPTS) + 1)]


def test_a_folder_without_tokenizer_or_model_is_named(tmp_path, folder):
    """The message says which file is missing."""
    with pytest.raises(InputError, match=r"tokenizer\.json: not found"):
        ablation.Generator.load(tmp_path)
    tokenizer().save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(InputError, match="no causal language model"):
        ablation.Generator.load(tmp_path)


def test_an_empty_prompt_needs_a_token_to_begin_with(generator, monkeypatch):
    """With one, it is put before every prompt."""
    with pytest.raises(InputError, match="empty"):
        generator.complete([""], [()], max_new_tokens=2)
    monkeypatch.setattr(generator.model.config, "bos_token_id", 1)
    (found,) = generator.complete([""], [()], max_new_tokens=2)
    assert found.n_tokens >= 1
