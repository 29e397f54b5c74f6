"""A tiny model library with the bundle ABI: two layers, hidden 64, two heads of 32, float32, an odd vocabulary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tvm
from tvm import relax, tirx
from tvm.relax.frontend import nn
from tvm.relax.frontend.nn import op
from tvm.relax.frontend.nn.llm.kv_cache import PagedKVCache, RopeMode, TIRPagedKVCache
from tvm.s_tir import dlight as dl

from lab.compile.link import linker

LAYERS, HIDDEN, HEADS, HEAD_DIM, VOCAB, INNER = 2, 64, 2, 32, 131, 96
THETA, EPS = 10000.0, 1e-5
CONTEXT_MAX = 100_000
CHUNK_MAX = 256
TRIPLE = "x86_64-unknown-linux-gnu"
ARM_TRIPLE = "aarch64-unknown-linux-gnu"


class Layer(nn.Module):
    """Attention through the paged cache, then a gated feed-forward."""

    def __init__(self) -> None:
        self.ln1 = nn.RMSNorm(HIDDEN, -1, EPS, bias=False)
        self.qkv = nn.Linear(HIDDEN, 3 * HEADS * HEAD_DIM, bias=False)
        self.o = nn.Linear(HEADS * HEAD_DIM, HIDDEN, bias=False)
        self.ln2 = nn.RMSNorm(HIDDEN, -1, EPS, bias=False)
        self.gate_up = nn.Linear(HIDDEN, 2 * INNER, bias=False)
        self.down = nn.Linear(INNER, HIDDEN, bias=False)

    def forward(self, x: nn.Tensor, kv: PagedKVCache, layer: int) -> nn.Tensor:
        _, n, _ = x.shape  # x: [1, n, HIDDEN]
        qkv = op.reshape(self.qkv(self.ln1(x)), (1, n, 3 * HEADS, HEAD_DIM))
        attention = kv.attention_with_fused_qkv(layer, qkv, HEADS, sm_scale=HEAD_DIM**-0.5)
        x = x + self.o(op.reshape(attention, (1, n, HEADS * HEAD_DIM)))
        gate, up = op.split(self.gate_up(self.ln2(x)), 2, axis=-1)
        return x + self.down(op.silu(gate) * up)


class Model(nn.Module):
    """embed, prefill, decode and the cache's constructor, as in an MLC-LLM model library."""

    def __init__(self, target: Any) -> None:
        self.target = target
        self.embed_tokens = nn.Embedding(VOCAB, HIDDEN)
        self.layers = nn.ModuleList([Layer() for _ in range(LAYERS)])
        self.norm = nn.RMSNorm(HIDDEN, -1, EPS, bias=False)
        self.lm_head = nn.Linear(HIDDEN, VOCAB, bias=False)

    def embed(self, input_ids: nn.Tensor) -> nn.Tensor:
        return self.embed_tokens(input_ids)

    def _hidden(self, x: nn.Tensor, kv: PagedKVCache) -> nn.Tensor:
        for index, layer in enumerate(self.layers):
            x = layer(x, kv, index)
        return self.norm(x)

    def prefill(self, input_embed: nn.Tensor, paged_kv_cache: PagedKVCache) -> Any:
        hidden = self._hidden(input_embed, paged_kv_cache)

        def last(x: Any) -> Any:
            _, n, h = x.shape
            return tvm.te.compute((1, 1, h), lambda i, _, k: x[i, n - 1, k], name="last")

        return self.lm_head(op.tensor_expr_op(last, "last", [hidden])), paged_kv_cache

    def decode(self, input_embed: nn.Tensor, paged_kv_cache: PagedKVCache) -> Any:
        return self.lm_head(self._hidden(input_embed, paged_kv_cache)), paged_kv_cache

    def create_tir_paged_kv_cache(
        self,
        max_batch_size: tirx.Var,
        max_total_seq_len: tirx.Var,
        prefill_chunk_size: tirx.Var,
        page_size: tirx.Var,
        support_sliding_window: tirx.Var,
    ) -> PagedKVCache:
        return TIRPagedKVCache(
            attn_kind="mha",
            max_batch_size=max_batch_size,
            max_total_seq_len=max_total_seq_len,
            prefill_chunk_size=prefill_chunk_size,
            page_size=page_size,
            support_sliding_window=support_sliding_window,
            layer_partition=relax.ShapeExpr([0, LAYERS]),
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            qk_head_dim=HEAD_DIM,
            v_head_dim=HEAD_DIM,
            mla_original_qk_head_dim=0,
            mla_original_v_head_dim=0,
            rope_mode=RopeMode.NORMAL,
            rope_scale=1,
            rope_theta=int(THETA),
            rope_scaling={},
            rope_ext_factors=relax.prim_value(0),
            rotary_dim=HEAD_DIM,
            enable_disaggregation=False,
            dtype="float32",
            target=self.target,
        )


def _spec(model: Model) -> Any:
    packed = {"param_mode": "packed", "effect_mode": "none"}
    kv = nn.spec.Object(object_type=PagedKVCache)
    names = ("max_batch_size", "max_total_seq_len", "prefill_chunk_size", "page_size", "support_sliding_window")
    raw: dict[str, Any] = {
        "embed": {"input_ids": nn.spec.Tensor(["n"], "int32"), "$": packed},
        "prefill": {
            "input_embed": nn.spec.Tensor([1, "n", HIDDEN], "float32"),
            "paged_kv_cache": kv,
            "$": packed,
        },
        "decode": {
            "input_embed": nn.spec.Tensor([1, 1, HIDDEN], "float32"),
            "paged_kv_cache": kv,
            "$": packed,
        },
        "create_tir_paged_kv_cache": {
            **dict.fromkeys(names, int),
            "$": {"param_mode": "none", "effect_mode": "none"},
        },
    }
    return nn.spec.ModuleSpec.from_raw(raw, model)


def _with_metadata(mod: Any, names: list[str]) -> Any:
    metadata = {
        "model_type": "stub",
        "sliding_window_size": -1,
        "prefill_chunk_size": CHUNK_MAX,
        "params": [{"name": name} for name in names],
        "lab": {"isa": "stub-isa"},
    }
    builder = relax.BlockBuilder(mod)
    with builder.function("_metadata", []):
        builder.emit_func_output(tvm.ir.StringImm(json.dumps(metadata)))
    return builder.get()


def compile_library(path: Path, triple: str) -> list[tuple[str, tuple[int, ...]]]:
    """Compile the library to `path` and return the parameters' names and shapes, in the ABI's order."""
    return _compile(path, triple, tvm.target.Target({"kind": "llvm", "mtriple": triple}))


def compile_for_opencl(path: Path, triple: str) -> list[tuple[str, tuple[int, ...]]]:
    """Compile the same network with TVM's own schedules for a GPU.

    Its prefill of several tokens at once is wrong on PoCL, so feed them one by one.
    """
    limits = {"max_num_threads": 256, "max_shared_memory_per_block": 16384, "thread_warp_size": 1}
    return _compile(
        path, triple, tvm.target.Target({"kind": "opencl", **limits}, host={"kind": "llvm", "mtriple": triple})
    )


def _scheduled(mod: Any) -> Any:
    mod = relax.get_pipeline("zero")(mod)
    rules = (dl.gpu.Matmul(), dl.gpu.GEMV(), dl.gpu.Reduction(), dl.gpu.GeneralReduction(), dl.gpu.Fallback())
    return dl.ApplyDefaultSchedule(*rules)(mod)


def _compile(path: Path, triple: str, target: Any) -> list[tuple[str, tuple[int, ...]]]:
    model = Model(target)
    model.to("float32")
    with target:
        mod, params = model.export_tvm(_spec(model))
        shapes = [(name, tuple(int(d) for d in param.shape)) for name, param in params]
        mod = _with_metadata(mod, [name for name, _ in shapes])
        if target.kind.name == "opencl":
            mod = _scheduled(mod)
        tvm.compile(mod, target=target).export_library(str(path), fcompile=linker(triple))
    return shapes
