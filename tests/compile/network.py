"""A small Phi-3 twice: compiled by lab and run in TVM's virtual machine, and as transformers' own model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import tvm
from transformers import Phi3Config as HfConfig
from transformers import Phi3ForCausalLM
from tvm import relax

from lab.compile.cpu import Cpu
from lab.compile.cpu.isa import Isa
from lab.compile.pipeline import pipeline
from lab.compile.tvm_backend import export_model
from lab.models.catalog import ModelSpec, custom
from lab.models.layouts.n16k4 import N16K4
from lab.models.params import param_specs, tensor_specs
from lab.models.phi3 import hf
from lab.models.phi3.config import Phi3Config
from lab.models.quant import QuantScheme, dequantise, quantise


def config(**changes: Any) -> Phi3Config:
    sizes: dict[str, Any] = {
        "hidden_size": 128,
        "intermediate_size": 192,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "vocab_size": 320,
        "max_position_embeddings": 1024,
        "original_max_position_embeddings": 1024,
    }
    return Phi3Config(**(sizes | changes))


def random_weights(cfg: Phi3Config, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights large enough that attention and gates are far from linear."""
    rng = np.random.default_rng(seed)
    weights = {}
    for tensor in tensor_specs(cfg):
        values = rng.standard_normal(tensor.shape).astype(np.float32)
        scaled = 1 + 0.2 * values if len(tensor.shape) == 1 else values * 1.5 / np.sqrt(tensor.shape[-1])
        weights[tensor.hf_name] = scaled.astype(np.float32)
    return weights


def stored(weights: Mapping[str, np.ndarray], scheme: QuantScheme) -> dict[str, np.ndarray]:
    """The weights that a scheme really keeps, as float32."""
    if scheme.quantised:
        return {n: w if w.ndim == 1 else dequantise(*quantise(w, scheme)) for n, w in weights.items()}
    return {n: w if w.ndim == 1 else w.astype(scheme.weight_dtype).astype(np.float32) for n, w in weights.items()}


def packed(spec: ModelSpec, weights: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The parameters in the order and layout of weights.bin."""
    out = []
    for param in param_specs(spec.config, spec.scheme):
        w = weights[param.hf_name]
        if param.part == "w":
            out.append(w if w.ndim == 1 else N16K4.pack_dense(w.astype(param.dtype)))
            continue
        q, scale = quantise(w, spec.scheme)
        out.append(N16K4.pack_q(q, spec.scheme.bits) if param.part == "q" else N16K4.pack_scale(scale))
    return out


class Compiled:
    """The functions of the model-library ABI, driven as the runner drives them."""

    def __init__(self, cfg: Phi3Config, scheme: QuantScheme, isa: Isa, weights: Mapping[str, np.ndarray]) -> None:
        spec = custom(cfg, scheme, f"tiny-{scheme.name}")
        cpu = Cpu(isa, isa.llvm_features)
        features = [f"+{name}" for name in cpu.llvm_features]
        target = tvm.target.Target({"kind": "llvm", "mcpu": "x86-64", "mattr": features})
        built = tvm.compile(export_model(spec, cpu), target=target, relax_pipeline=pipeline(None))
        self.vm = relax.VirtualMachine(built, tvm.cpu())
        self.params = [tvm.runtime.tensor(p) for p in packed(spec, weights)]

    def start(self, tokens: int, chunk: int = 512) -> None:
        """Open a cache for a sequence of `tokens` in all."""
        sizes = [tvm.runtime.ShapeTuple([n]) for n in (1, tokens, chunk, 16, 0)]
        self.cache = self.vm["create_tir_paged_kv_cache"](*sizes)
        tvm.get_global_func("vm.builtin.kv_state_add_sequence")(self.cache, 0)

    def feed(self, ids: np.ndarray, name: str = "") -> np.ndarray:
        """Append ids and return the logits of the last one; by the function of that name, else by their number."""
        one = tvm.runtime.ShapeTuple([0])
        tvm.get_global_func("vm.builtin.kv_state_begin_forward")(self.cache, one, tvm.runtime.ShapeTuple([len(ids)]))
        embedded = self.vm["embed"](tvm.runtime.tensor(ids.astype(np.int32)), self.params).numpy()
        name = name or ("decode" if len(ids) == 1 else "prefill")
        logits = self.vm[name](tvm.runtime.tensor(embedded[None]), self.cache, self.params)[0].numpy()
        tvm.get_global_func("vm.builtin.kv_state_end_forward")(self.cache)
        return logits[0, 0]

    def prefill(self, ids: np.ndarray, chunk: int = 512) -> np.ndarray:
        """Logits of the last of `ids`, in a fresh cache of exactly that length."""
        self.start(len(ids), chunk)
        return [self.feed(ids[i : i + chunk]) for i in range(0, len(ids), chunk)][-1]


class Reference:
    """transformers' Phi3ForCausalLM in float32 with eager attention."""

    def __init__(self, cfg: Phi3Config, weights: Mapping[str, np.ndarray]) -> None:
        torch.manual_seed(0)
        self.model = Phi3ForCausalLM(
            HfConfig(
                **hf.document(cfg), attn_implementation="eager", pad_token_id=0, eos_token_id=None, bos_token_id=None
            )
        ).eval()
        state = {name: torch.from_numpy(w) for name, w in weights.items()}
        missing, unexpected = self.model.load_state_dict(state, strict=False)
        assert not unexpected, unexpected
        assert set(missing) <= {"lm_head.weight"}, missing

    def logits(self, ids: np.ndarray) -> np.ndarray:
        """Logits of every position [n, vocab]."""
        with torch.no_grad():
            return self.model(torch.from_numpy(ids.astype(np.int64))[None]).logits[0].numpy()


def some_ids(count: int, vocab_size: int, seed: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, vocab_size, count)
