"""The finished model as a Hugging Face folder: config.json, model.safetensors, tokenizer.json."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from torch.distributed.tensor import DTensor

from stages.ablation.training.configuration import SpecialTokens, TrainConfig
from stages.ablation.training.model.model import llama_config
from stages.ablation.training.ranks import Ranks

MODEL = "model"


def export(
    config: TrainConfig,
    llama: nn.Module,
    special: SpecialTokens,
    tokenizer: dict[str, Any] | None,
    ranks: Ranks,
    dtype: torch.dtype,
) -> Path:
    """Write OUT/model, whole or not at all; every rank takes part.

    The weights are in the type the model computed in, so the folder gives the same logits.
    """
    output = Path(config.output)
    weights = {}
    for name, weight in llama.named_parameters():
        whole = weight.detach()
        if isinstance(whole, DTensor):
            whole = whole.full_tensor()
        if ranks.first:
            weights[name] = whole.to("cpu", dtype).contiguous()
    if ranks.first:
        draft = output / f".{MODEL}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        _write(draft, config, weights, special, tokenizer, dtype)
        shutil.rmtree(output / MODEL, ignore_errors=True)
        draft.rename(output / MODEL)
    return output / MODEL


def _write(
    folder: Path,
    config: TrainConfig,
    weights: dict[str, torch.Tensor],
    special: SpecialTokens,
    tokenizer: dict[str, Any] | None,
    dtype: torch.dtype,
) -> None:
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    shape = llama_config(config.shape, config.length)
    shape.architectures = ["LlamaForCausalLM"]
    shape.dtype = str(dtype).removeprefix("torch.")
    shape.eos_token_id = special.end
    shape.save_pretrained(folder)
    generation = {"eos_token_id": special.end, "pad_token_id": special.end, "do_sample": False}
    _write_json(folder / "generation_config.json", generation)
    if tokenizer is not None:
        _write_json(folder / "tokenizer.json", tokenizer)
        names = {token["id"]: token["content"] for token in tokenizer.get("added_tokens", [])}
        names |= {token: name for name, token in tokenizer["model"]["vocab"].items()}
        end = names[special.end]
        settings = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": end,
            "pad_token": end,
            "model_max_length": config.length,
            "clean_up_tokenization_spaces": False,
        }
        _write_json(folder / "tokenizer_config.json", settings)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
