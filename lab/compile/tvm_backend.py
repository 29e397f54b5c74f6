"""Backend `tvm`: a network as Relax modules, through the phases, to a linked shared library."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tvm
from tvm import relax

from lab.compile.chip import Chip, chip_layout, chip_name
from lab.compile.contract import Built
from lab.compile.cpu.encoder_ops import CpuEncoderOps
from lab.compile.cpu.isa import architecture
from lab.compile.gpu import Gpu
from lab.compile.gpu.count import decode_cost
from lab.compile.gpu.encoder_ops import GpuEncoderOps
from lab.compile.link import is_archive, linker
from lab.compile.pipeline import GPU_PHASES, PHASES, LaunchRecorder, pipeline
from lab.core.errors import CompileError
from lab.core.progress import Advance
from lab.models.catalog import ModelSpec
from lab.models.families import family_of
from lab.models.ops import Ops
from lab.models.params import param_specs


def compile_library(
    spec: ModelSpec, mtriple: str, chip: Chip, path: Path, advance: Advance, dump_ir: Path | None
) -> Built:
    """Compile `spec` for `chip` and write the shared library to `path`, in three steps told to `advance`."""
    link = linker(mtriple)
    module = export_model(spec, chip)
    advance(1)
    seen = LaunchRecorder(spec.config.max_position_embeddings)
    executable = build_executable(module, mtriple, chip, dump_ir, watch=(seen,))
    advance(1)
    executable.export_library(str(path), fcompile=link)
    advance(1)
    told = {"decode": decode_cost(module)} if isinstance(chip, Gpu) and spec.config.labels is None else {}
    return Built(told, kernel_sources(executable), seen.launches, seen.functions)


def build_executable(
    module: Any, mtriple: str, chip: Chip, dump_ir: Path | None = None, watch: Sequence[Any] = ()
) -> Any:
    """Return the compiled module, not yet linked; for a GPU, `kernel_sources` shows its kernels.

    `watch` are TVM's pass instruments.
    """
    phases = GPU_PHASES if isinstance(chip, Gpu) else PHASES
    target = _target(mtriple, chip)
    if is_archive(mtriple):  # found in the program itself, and not in a library of its own
        module = module.with_attr("system_lib_prefix", "")
    with tvm.transform.PassContext(opt_level=3, instruments=list(watch)), target:
        return tvm.compile(module, target=target, relax_pipeline=pipeline(dump_ir, phases))


def kernel_sources(executable: Any) -> dict[str, str]:
    """Return the source of the device code in a compiled module, by its kind: "opencl" or "metal"."""
    found: dict[str, str] = {}
    waiting = [executable.mod]
    while waiting:
        module = waiting.pop()
        waiting.extend(module.imports)
        if module.kind in ("opencl", "metal"):
            found[module.kind] = str(module.inspect_source())
    return found


def ops_for(chip: Chip, spec: ModelSpec) -> Ops:
    """Return the operations of the network on `chip`."""
    return GpuEncoderOps(chip, spec.scheme) if isinstance(chip, Gpu) else CpuEncoderOps(chip.isa, spec.scheme)


def export_model(spec: ModelSpec, chip: Chip) -> Any:
    """Return the Relax module of `spec` with its metadata function, its parameters checked against the table."""
    network = family_of(spec.config).network(spec.config, spec.scheme, ops_for(chip, spec))
    module, parameters = network.export_tvm(network.spec())
    found = [(name, tuple(int(size) for size in p.shape), str(p.dtype)) for name, p in parameters]
    wanted = [(p.name, p.shape, p.dtype) for p in param_specs(spec.config, spec.scheme, chip_layout(chip))]
    if found != wanted:
        differing = next((a, b) for a, b in zip(found, wanted, strict=False) if a != b)
        raise CompileError(f"the network's parameters differ from the weights' table: {differing[0]}, {differing[1]}")
    module["_metadata"] = _metadata_function(metadata(spec, chip))
    return module


def metadata(spec: ModelSpec, chip: Chip) -> dict[str, Any]:
    """Return what `_metadata()` of the library says: MLC-LLM's keys, and lab's own under "lab"."""
    config = spec.config
    return {
        "model_type": config.family,
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
            {"name": p.name, "shape": list(p.shape), "dtype": p.dtype}
            for p in param_specs(config, spec.scheme, chip_layout(chip))
        ],
        "lab": {"model": spec.label, "isa": chip_name(chip), "attention_window": config.attention_window},
    }


def _metadata_function(content: dict[str, Any]) -> Any:
    builder = relax.BlockBuilder()
    with builder.function("_metadata", params=[]):
        builder.emit_func_output(tvm.ir.StringImm(json.dumps(content)))
    return builder.finalize()["_metadata"]


def _target(mtriple: str, chip: Chip) -> Any:
    if isinstance(chip, Gpu):
        return gpu_target(chip, mtriple)
    features = [f"+{name}" for name in chip.llvm_features]
    base = architecture(mtriple).base_cpu
    return tvm.target.Target({"kind": "llvm", "mtriple": mtriple, "mcpu": base, "mattr": features})


def gpu_target(gpu: Gpu, mtriple: str) -> Any:
    """Return the target; host code runs on any processor of the triple's architecture."""
    keys = [gpu.kind, *(["adreno"] if gpu.name == "adreno" else []), "gpu"]
    device = {
        "kind": gpu.kind,
        "keys": keys,
        "max_num_threads": gpu.max_threads,
        "max_threads_per_block": gpu.max_threads,
        "max_shared_memory_per_block": gpu.shared_bytes,
        "thread_warp_size": gpu.warp,
    }
    return tvm.target.Target(device, host=tvm.target.Target({"kind": "llvm", "mtriple": mtriple}))
