"""PEFT folders as peft itself writes them, and the weights that it makes of base and adapter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from lab.models.decoder.config import DecoderConfig
from lab.models.families import family_of
from lab.models.quant import F32
from tests.models import folders

ALL = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]


def base(config: Any) -> Any:
    """Return transformers' own network with the synthetic weights of `config`."""
    model = family_of(config).torch_network(config).to_empty(device="cpu")
    fresh = type(model)(model.config).eval()
    fresh.load_state_dict(folders.tensors(config, "F32"), strict=not config.tie_word_embeddings)
    fresh.tie_weights()
    return fresh


def written(folder: Path, config: Any, *, seed: int = 1, **settings: Any) -> dict[str, F32]:
    """Write an adapter of random numbers to `folder` with peft; return what peft merges it and the base into."""
    merged = put_on(base(config), folder, seed=seed, **settings)
    return {name: value.numpy().copy() for name, value in merged.state_dict().items()}


def put_on(model: Any, folder: Path, *, seed: int = 1, **settings: Any) -> Any:
    """Write an adapter of random numbers for the model to `folder` with peft; return the network that both make."""
    import peft  # takes seconds

    with_targets = {"target_modules": ALL, "r": 4, "lora_alpha": 6, "task_type": "CAUSAL_LM", **settings}
    model = peft.get_peft_model(model, peft.LoraConfig(**with_targets))
    torch.manual_seed(seed)
    for name, value in model.named_parameters():
        if "lora_" in name or "modules_to_save" in name:
            torch.nn.init.normal_(value, std=0.1)
    model.save_pretrained(folder)
    return model.merge_and_unload()


def change_config(folder: Path, **changes: Any) -> None:
    """Change keys of adapter_config.json; a value of ... takes the key away."""
    path = folder / "adapter_config.json"
    document = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in document.items() if value is not ...}))


def by_hand(folder: Path, tensors: dict[str, Any], **config: Any) -> Path:
    """Write an adapter without peft: arrays by module and side, such as "model.layers.0.self_attn.q_proj.lora_A"."""
    folder.mkdir(parents=True)
    document = {"peft_type": "LORA", "bias": "none", "base_model_name_or_path": None, **config}
    (folder / "adapter_config.json").write_text(json.dumps(document))
    named = {f"base_model.model.{name}.weight": torch.from_numpy(np.asarray(value)) for name, value in tensors.items()}
    save_file(named, folder / "adapter_model.safetensors")
    return folder


def parts_of(config: DecoderConfig, part: str) -> tuple[int, int]:
    """Return the first row and the rows of a part of a fused matrix."""
    for parts in family_of(config).fused(config).values():
        first = 0
        for name, rows in parts.items():
            if name == part:
                return first, rows
            first += rows
    raise KeyError(part)
