"""Backend `tvm`: a Phi-3 as Relax modules, through the phases, to a linked shared library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tvm
from tvm import relax

from lab.compile.cpu import Cpu
from lab.compile.isa import architecture
from lab.compile.link import linker
from lab.compile.ops_cpu import CpuOps
from lab.compile.pipeline import pipeline
from lab.core.errors import CompileError
from lab.core.progress import Advance
from lab.models.catalog import ModelSpec
from lab.models.params import param_specs
from lab.models.phi3 import Phi3ForCausalLM


def compile_library(
    spec: ModelSpec, mtriple: str, cpu: Cpu, path: Path, advance: Advance, dump_ir: Path | None
) -> None:
    """Compile `spec` for `cpu` and write the shared library to `path`, in three steps told to `advance`."""
    module = export_model(spec, cpu)
    advance(1)
    with tvm.transform.PassContext(opt_level=3):
        executable = tvm.compile(module, target=_target(mtriple, cpu), relax_pipeline=pipeline(dump_ir))
    advance(1)
    executable.export_library(str(path), fcompile=linker(mtriple))
    advance(1)


def export_model(spec: ModelSpec, cpu: Cpu) -> Any:
    """Return the Relax module of `spec` with its metadata function, its parameters checked against the table."""
    network = Phi3ForCausalLM(spec.config, spec.scheme, CpuOps(cpu.isa, spec.scheme))
    module, parameters = network.export_tvm(network.spec())
    found = [(name, tuple(int(size) for size in p.shape), str(p.dtype)) for name, p in parameters]
    wanted = [(p.name, p.shape, p.dtype) for p in param_specs(spec.config, spec.scheme)]
    if found != wanted:
        differing = next((a, b) for a, b in zip(found, wanted, strict=False) if a != b)
        raise CompileError(f"the network's parameters differ from the weights' table: {differing[0]}, {differing[1]}")
    module["_metadata"] = _metadata_function(metadata(spec, cpu))
    return module


def metadata(spec: ModelSpec, cpu: Cpu) -> dict[str, Any]:
    """Return what `_metadata()` of the library says: MLC-LLM's keys, and lab's own under "lab"."""
    config = spec.config
    return {
        "model_type": "phi3",
        "quantization": spec.scheme.name,
        "context_window_size": config.max_position_embeddings,
        "sliding_window_size": -1,
        "attention_sink_size": -1,
        "prefill_chunk_size": config.max_position_embeddings,
        "tensor_parallel_shards": 1,
        "pipeline_parallel_stages": 1,
        "max_batch_size": 1,
        "kv_state_kind": "kv_cache",
        "params": [
            {"name": p.name, "shape": list(p.shape), "dtype": p.dtype} for p in param_specs(config, spec.scheme)
        ],
        "lab": {"model": spec.label, "isa": cpu.isa.name, "attention_window": config.sliding_window},
    }


def _metadata_function(content: dict[str, Any]) -> Any:
    builder = relax.BlockBuilder()
    with builder.function("_metadata", params=[]):
        builder.emit_func_output(tvm.ir.StringImm(json.dumps(content)))
    return builder.finalize()["_metadata"]


def _target(mtriple: str, cpu: Cpu) -> Any:
    features = [f"+{name}" for name in cpu.llvm_features]
    base = architecture(mtriple).base_cpu
    return tvm.target.Target({"kind": "llvm", "mtriple": mtriple, "mcpu": base, "mattr": features})
