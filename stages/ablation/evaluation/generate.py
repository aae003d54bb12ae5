"""Greedy completions by a Hugging Face causal model, many prompts at a time.

Prompts are sorted by length and padded on the left to one batch; keys and values are kept between
steps; a row leaves its batch when it has written a stop string or the end token, so that the rest
go on faster. In exact arithmetic the tokens are those of `model.generate(do_sample=False)` on each
prompt alone; in bfloat16 two all but equal logits may change places with the batch's shape.

Needs torch, transformers and tokenizers alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, DynamicCache

from stages.ablation.evaluation.problems import Problem
from stages.errors import InputError

# A program longer than this is not what the problems ask for: DeepSeek-Coder's evaluation of base
# models writes 500 tokens at most.
MAX_NEW_TOKENS = 512
# Prompt and new tokens of a whole batch: 13 GB of keys and values in bfloat16 for 24 layers of
# 2,048 (196 kB a token), 0.3 GB for the smallest models on a CPU.
BATCH_TOKENS = {"cuda": 65_536, "cpu": 8_192}
SPARE_TOKENS = 8

End = Literal["stop", "end", "length"]


@dataclass(frozen=True)
class Completion:
    """What a model wrote after one prompt."""

    text: str
    """Up to the first stop string."""
    n_tokens: int
    """Tokens written, with those after the stop string's beginning and the end token."""
    end: End
    """A stop string, the end token, or no room."""
    prompt_cut: bool
    """The prompt's beginning did not fit into the context."""


@dataclass(frozen=True)
class Generator:
    """A model and its tokenizer, ready to complete."""

    model: Any
    """A transformers causal language model."""
    tokenizer: Tokenizer

    @classmethod
    def load(cls, folder: Path, device: str | None = None) -> "Generator":
        """From a folder with a model's weights and `tokenizer.json`; on a GPU in bfloat16."""
        file = folder / "tokenizer.json"
        if not file.exists():
            raise InputError(f"{file}: not found; a model's folder holds its tokenizer")
        where = device or ("cuda" if torch.cuda.is_available() else "cpu")
        kind = torch.bfloat16 if where.startswith("cuda") else torch.float32
        try:
            model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=kind)
        except (OSError, ValueError) as error:
            raise InputError(f"{folder}: no causal language model can be read: {error}") from error
        return cls(model.to(where), Tokenizer.from_file(str(file)))

    def complete(
        self,
        prompts: Sequence[str],
        stops: Sequence[Sequence[str]],
        *,
        max_new_tokens: int = MAX_NEW_TOKENS,
        batch_tokens: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Completion]:
        """One completion for each prompt, in order; `stops` are each prompt's stop strings.

        `progress(done, total)` is called as completions end.
        """
        rows = [
            self._row(number, prompt, tuple(stop), max_new_tokens)
            for number, (prompt, stop) in enumerate(zip(prompts, stops, strict=True))
        ]
        device = self.model.device.type
        budget = batch_tokens or BATCH_TOKENS.get(device, BATCH_TOKENS["cuda"])
        done: dict[int, Completion] = {}

        def ended(row: _Row) -> None:
            done[row.number] = self._completion(row)
            if progress is not None:
                progress(len(done), len(rows))

        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                for batch in _batches(rows, max_new_tokens, budget):
                    self._write(batch, ended)
        finally:
            self.model.train(was_training)
        return [done[number] for number in range(len(rows))]

    def _row(self, number: int, prompt: str, stops: tuple[str, ...], new: int) -> "_Row":
        tokens = self.tokenizer.encode(prompt, add_special_tokens=False).ids
        begin = self.model.config.bos_token_id
        first = [] if begin is None else [begin]
        context = self.model.config.max_position_embeddings
        room = max(context - new, context // 2) - len(first)
        kept = [*first, *tokens[-room:]]
        if not kept:
            raise InputError(f"prompt {number} is empty, and the model has no token to begin with")
        return _Row(number, kept, stops, min(new, context - len(kept)), len(tokens) > room)

    def _write(self, rows: list["_Row"], ended: Callable[["_Row"], None]) -> None:
        """Writes one batch to its end, row by row handed to `ended`."""
        model, device = self.model, self.model.device
        ends = _ends(model)
        longest = max(len(row.prompt) for row in rows)
        padding = [longest - len(row.prompt) for row in rows]
        tokens = torch.tensor(
            [[0] * n + row.prompt for n, row in zip(padding, rows, strict=True)], device=device
        )
        mask = torch.tensor([[0] * n + [1] * (longest - n) for n in padding], device=device)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        cache = DynamicCache(config=model.config)
        kept = {_cache_argument(model): cache}
        while rows:
            logits = model(
                input_ids=tokens,
                attention_mask=mask,
                position_ids=positions,
                use_cache=True,
                logits_to_keep=1,
                **kept,
            ).logits
            chosen = logits[:, -1].argmax(-1)
            going = []
            for at, (row, token) in enumerate(zip(rows, chosen.tolist(), strict=True)):
                row.written.append(token)
                row.end = self._end_of(row, ends)
                if row.end is None:
                    going.append(at)
                else:
                    ended(row)
            if len(going) < len(rows):
                rows = [rows[at] for at in going]
                stay = torch.tensor(going, device=device, dtype=torch.long)
                cache.batch_select_indices(stay)
                chosen, mask, positions = chosen[stay], mask[stay], positions[stay]
            tokens = chosen[:, None]
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
            positions = positions[:, -1:] + 1

    def _end_of(self, row: "_Row", ends: frozenset[int]) -> End | None:
        if row.written[-1] in ends:
            return "end"
        if row.stops and self._stopped(row):
            return "stop"
        return "length" if len(row.written) >= row.max_new_tokens else None

    def _stopped(self, row: "_Row") -> bool:
        """Whether the last tokens hold a stop string, as a token is one byte or more; the few
        that are not (half a character) do not hide it, as stop strings are looked for as text."""
        window = max(len(stop.encode()) for stop in row.stops) + SPARE_TOKENS
        text = self.tokenizer.decode(row.written[-window:])
        return any(stop in text for stop in row.stops)

    def _completion(self, row: "_Row") -> Completion:
        assert row.end is not None
        written = row.written[:-1] if row.end == "end" else row.written
        text = self.tokenizer.decode(written)
        found = [at for at in map(text.find, row.stops) if at >= 0]
        return Completion(
            text[: min(found)] if found else text, len(row.written), row.end, row.prompt_cut
        )


def complete_problems(
    generator: Generator,
    problems: Sequence[Problem],
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
    batch_tokens: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Completion]:
    """A completion for each problem, ended by its set's stop strings."""
    return generator.complete(
        [problem.prompt for problem in problems],
        [problem.stop for problem in problems],
        max_new_tokens=max_new_tokens,
        batch_tokens=batch_tokens,
        progress=progress,
    )


@dataclass
class _Row:
    """One prompt on its way."""

    number: int
    prompt: list[int]
    stops: tuple[str, ...]
    max_new_tokens: int
    prompt_cut: bool
    written: list[int] = field(default_factory=list)
    end: End | None = None


def _batches(rows: Iterable[_Row], new: int, budget: int) -> Iterator[list[_Row]]:
    """Rows of like length together, the longest first, so that what does not fit fails at once."""
    batch: list[_Row] = []
    for row in sorted(rows, key=lambda row: (-len(row.prompt), row.number)):
        longest = len(batch[0].prompt) if batch else len(row.prompt)
        if batch and (len(batch) + 1) * (longest + new) > budget:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _cache_argument(model: Any) -> str:
    """Its name changed in transformers 5.24, and the old one will go in 5.40."""
    return "cache" if "cache" in signature(model.forward).parameters else "past_key_values"


def _ends(model: Any) -> frozenset[int]:
    """The end tokens of a model: none, one or several."""
    named = [model.config.eos_token_id]
    if model.generation_config is not None:
        named.append(model.generation_config.eos_token_id)
    return frozenset(
        token
        for value in named
        if value is not None
        for token in ([value] if isinstance(value, int) else value)
    )
