"""What one decode step costs a GPU, counted from the program itself: kernel launches and bytes moved."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import tvm
from tvm import relax

CACHE_LAUNCHES = 3  # that the KV cache makes for a layer: split and rotate, append, attend
_CACHE_CALL = "vm.builtin.attention_kv_cache_attention_with_fused_qkv"


def decode_cost(module: Any) -> dict[str, int]:
    """Return {"launches", "bytes"} of a token: embedding and decode step; bytes without those of the KV cache.

    Bytes are all that kernels are given and give back, each once a launch; of the embedding table, one row.
    """
    calls = [*_calls(module["embed"]), *_calls(module["decode"])]
    kernels = [call for call in calls if call.op == tvm.ir.Op.get("relax.call_tir")]
    caches = [call for call in calls if _is_cache_call(call)]
    moved = sum(_bytes(call) for call in kernels) - _unread_table(module)
    return {"launches": len(kernels) + CACHE_LAUNCHES * len(caches), "bytes": moved}


def _calls(function: Any) -> Iterator[Any]:
    for block in function.body.blocks:
        for binding in block.bindings:
            if isinstance(binding.value, relax.Call):
                yield binding.value


def _is_cache_call(call: Any) -> bool:
    return call.op == tvm.ir.Op.get("relax.call_dps_packed") and str(call.args[0].global_symbol) == _CACHE_CALL


def _bytes(call: Any) -> int:
    """Return the bytes of a kernel's arguments and results, for one token."""
    results = call.ty_args[0]
    types = [*(arg.ty for arg in call.args[1]), *(getattr(results, "fields", None) or [results])]
    return int(sum(_size(kind) for kind in types))


def _size(kind: Any) -> int:
    sizes = [int(n) if isinstance(n, tvm.tirx.IntImm) else 1 for n in kind.shape]
    return int(math.prod(sizes) * tvm.DataType(str(kind.dtype)).itemsize)


def _unread_table(module: Any) -> int:
    """Return the bytes of the embedding table's other rows: one row is looked up."""
    lookup = next(_calls(module["embed"]))
    tables = [arg.ty for arg in list(lookup.args[1])[1:]]
    return sum(_size(kind) - _size(kind) // int(kind.shape[0]) for kind in tables)
