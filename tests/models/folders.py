"""Folders of weights as other programs write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from lab.models.decoder.tensors import EMBEDDING
from lab.models.params import tensor_specs
from lab.models.phi3 import hf
from lab.models.phi3.config import Phi3Config
from lab.models.quant import F32
from lab.models.sources.synthetic import SyntheticSource

SAVED_AS = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}


def whole(source: SyntheticSource, name: str, shape: tuple[int, ...]) -> F32:
    """Return a whole tensor of a source."""
    return source.vector(name) if len(shape) == 1 else source.read_rows(name, 0, shape[0])


def tensors(config: Phi3Config, dtype: str = "F16", seed: int = 0) -> dict[str, torch.Tensor]:
    """Return the synthetic weights of `config` as torch tensors."""
    source = SyntheticSource(config, seed)
    return {
        spec.hf_name: torch.from_numpy(whole(source, spec.hf_name, spec.shape)).to(SAVED_AS[dtype])
        for spec in tensor_specs(config)
    }


def write_config(folder: Path, config: Phi3Config) -> None:
    """Write config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(hf.document(config)))


def write_single(folder: Path, config: Phi3Config, state: dict[str, torch.Tensor] | None = None) -> Path:
    """Write a folder with one safetensors file and return it."""
    write_config(folder, config)
    save_file(tensors(config) if state is None else state, folder / "model.safetensors")
    return folder


def write_sharded(folder: Path, config: Phi3Config, shards: int = 3) -> Path:
    """Write a folder with an index and `shards` shards and return it."""
    return write_shards(folder, config, tensors(config), shards)


def write_shards(folder: Path, config: Phi3Config, state: dict[str, torch.Tensor], shards: int) -> Path:
    """Write these tensors with an index and `shards` shards and return the folder."""
    write_config(folder, config)
    weight_map: dict[str, str] = {}
    names = [f"model-{i + 1:05}-of-{shards:05}.safetensors" for i in range(shards)]
    for i, shard in enumerate(names):
        part = {name: state[name] for name in list(state)[i::shards]}
        save_file(part, folder / shard)
        weight_map |= dict.fromkeys(part, shard)
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


class MlcFolder:
    """Writes an MLC folder value by value, as MLC-LLM's formulas say, with no help from the code under test."""

    def __init__(self, folder: Path, config: Phi3Config, transposed: bool = False) -> None:
        self.folder, self.config, self.transposed = folder, config, transposed
        self.q: dict[str, np.ndarray] = {}
        self.scale: dict[str, np.ndarray] = {}
        self.norms: dict[str, np.ndarray] = {}
        self.arrays: list[tuple[str, np.ndarray]] = []
        rng = np.random.default_rng(5)
        for spec in tensor_specs(config):
            self._make(spec.hf_name, spec.shape, rng)

    def _make(self, hf_name: str, shape: tuple[int, ...], rng: np.random.Generator) -> None:
        name = self._name(hf_name)
        if len(shape) == 1:
            self.norms[hf_name] = rng.normal(1, 0.1, shape).astype(np.float16)
            self.arrays.append((f"{name}.weight", self.norms[hf_name]))
            return
        rows, k = shape
        nibbles = rng.integers(0, 15, (rows, k))
        words = np.zeros((rows, k // 8), np.uint32)
        for i in range(8):
            words |= nibbles[:, i::8].astype(np.uint32) << np.uint32(4 * i)
        self.q[hf_name] = nibbles - 7
        self.scale[hf_name] = rng.uniform(0.001, 0.01, (rows, k // 32)).astype(np.float16)
        turn = self.transposed and hf_name != EMBEDDING
        for suffix, array in (("q_weight", words), ("q_scale", self.scale[hf_name])):
            self.arrays.append((f"{name}.{suffix}", np.ascontiguousarray(array.T) if turn else array))

    @staticmethod
    def _name(hf_name: str) -> str:
        fixed = {"lm_head": "lm_head", "model.norm": "transformer.norm", "model.embed_tokens": "transformer.embd"}
        base = hf_name.removesuffix(".weight")
        if base in fixed:
            return fixed[base]
        _, _, layer, rest = base.split(".", 3)
        inside = {
            "input_layernorm": "ln",
            "post_attention_layernorm": "post_attention_layernorm",
            "self_attn.qkv_proj": "mixer.qkv_proj",
            "self_attn.o_proj": "mixer.out_proj",
            "mlp.gate_up_proj": "mlp.gate_up_proj",
            "mlp.down_proj": "mlp.down_proj",
        }
        return f"transformer.h.{layer}.{inside[rest]}"

    def write(self, table: str = "tensor-cache.json", shards: int = 3) -> Path:
        """Write the shards and the table, and return the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        entries = []
        for i in range(shards):
            data, records = b"", []
            for name, array in self.arrays[i::shards]:
                records.append(
                    {
                        "name": name,
                        "shape": list(array.shape),
                        "dtype": str(array.dtype),
                        "format": "f32-to-bf16",
                        "nbytes": array.nbytes,
                        "byteOffset": len(data),
                    }
                )
                data += array.tobytes()
            path = self.folder / f"params_shard_{i}.bin"
            path.write_bytes(data)
            entries.append({"dataPath": path.name, "format": "raw-shard", "nbytes": len(data), "records": records})
        (self.folder / table).write_text(json.dumps({"metadata": {"ParamSize": 0}, "records": entries}))
        return self.folder

    def write_chat_config(self, **changes: object) -> None:
        """Write mlc-chat-config.json, which has no sliding window."""
        names = (
            "hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads "
            "vocab_size rms_norm_eps tie_word_embeddings"
        )
        model = {name: getattr(self.config, name) for name in names.split()} | changes
        document = {
            "model_type": "phi3",
            "quantization": "q4f16_0" if self.transposed else "q4f16_1",
            "model_config": model,
        }
        (self.folder / "mlc-chat-config.json").write_text(json.dumps(document))


def write_split(
    folder: Path,
    config: Phi3Config,
    state: dict[str, torch.Tensor],
    shards: int,
    without: str = "",
    change: tuple[str, Callable[[torch.Tensor], torch.Tensor]] | None = None,
) -> Path:
    """Write a folder in which q, k, v and gate, up stand apart, as in networks of the Llama kind."""
    heads, groups, size = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    rows = {
        "qkv_proj": {"q_proj": heads * size, "k_proj": groups * size, "v_proj": groups * size},
        "gate_up_proj": {"gate_proj": config.intermediate_size, "up_proj": config.intermediate_size},
    }
    apart: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        parts = next((parts for whole, parts in rows.items() if f".{whole}." in name), None)
        if parts is None:
            apart[name] = tensor
            continue
        whole = name.split(".")[-2]
        split = torch.split(tensor, list(parts.values()))
        for part, piece in zip(parts, split, strict=True):
            if part != without:
                changed = change[1](piece) if change and change[0] == part else piece
                apart[name.replace(whole, part)] = changed.contiguous()
    return write_shards(folder, config, apart, shards) if shards > 1 else write_single(folder, config, apart)
