"""A whole bundle folder around the stub library, with random weights and the oracle's reference logits."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from lab.formats.bundle import file_entry, write_manifest
from lab.formats.manifest import (
    ALIGNMENT_BYTES,
    BundleManifest,
    MemoryBlock,
    ModelBlock,
    TargetBlock,
    TensorEntry,
    VerifyBlock,
    VersionsBlock,
    WeightsBlock,
)
from tests.ondevice import oracle
from tests.ondevice.stub_model import (
    ARM_TRIPLE,
    CONTEXT_MAX,
    HEAD_DIM,
    HEADS,
    HIDDEN,
    LAYERS,
    TRIPLE,
    VOCAB,
    compile_for_opencl,
    compile_library,
)

KEY = "5" * 64
KV_BYTES_PER_TOKEN = 2 * LAYERS * HEADS * HEAD_DIM * 4
VERIFY_PROMPT = (3, 130, 17, 64, 99, 1, 0, 55)


REQUIRED = {TRIPLE: ("sse2",), ARM_TRIPLE: ("asimd",)}


ON_GPU_VERIFY_PROMPT = (3,)


def make_bundle(folder: Path, triple: str = TRIPLE) -> oracle.Weights:
    """Fill the empty `folder` and return the weights that are in it."""
    return _make(folder, compile_library(folder / "model.so", triple), triple)


def make_opencl_bundle(folder: Path) -> oracle.Weights:
    """Fill the empty `folder` with the same for an OpenCL device; see `compile_for_opencl`."""
    return _make(folder, compile_for_opencl(folder / "model.so", TRIPLE), TRIPLE, "opencl", ON_GPU_VERIFY_PROMPT)


def _make(
    folder: Path,
    shapes: list[tuple[str, tuple[int, ...]]],
    triple: str,
    kind: str = "llvm",
    prompt: tuple[int, ...] = VERIFY_PROMPT,
) -> oracle.Weights:
    rng = np.random.default_rng(7)
    weights = {name: _draw(rng, name, shape) for name, shape in shapes}
    manifest = _manifest(folder, _write_weights(folder / "weights.bin", weights), weights, triple, prompt)
    write_manifest(folder, replace(manifest, target=replace(manifest.target, kind=kind)))
    return weights


def _draw(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> oracle.Array:
    is_norm = len(shape) == 1
    # Large enough that logits, and so the chosen ids, depend on everything.
    values = 1 + 0.2 * rng.standard_normal(shape) if is_norm else rng.standard_normal(shape) / math.sqrt(shape[-1])
    return values.astype(np.float32)


def _write_weights(path: Path, weights: oracle.Weights) -> tuple[TensorEntry, ...]:
    entries, offset = [], 0
    with path.open("wb") as out:
        for name, values in weights.items():
            offset = math.ceil(offset / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
            entries.append(TensorEntry(name, "float32", values.shape, offset, values.nbytes))
            out.seek(offset)
            out.write(values.tobytes())
            offset += values.nbytes
    return tuple(entries)


def _manifest(
    folder: Path, tensors: tuple[TensorEntry, ...], weights: oracle.Weights, triple: str, prompt: tuple[int, ...]
) -> BundleManifest:
    files = tuple(file_entry(folder / name) for name in ("model.so", "weights.bin"))
    ids = tuple(range(0, VOCAB, 2))
    want = oracle.logits(weights, list(prompt))[-1]
    return BundleManifest(
        schema=1,
        kind="bundle",
        key=KEY,
        created_at="2026-01-01T00:00:00Z",
        model=ModelBlock(
            id="stub-f32",
            label="stub-f32",
            preset="stub",
            quant="f32",
            layers=LAYERS,
            layers_total=LAYERS,
            parameters=sum(values.size for values in weights.values()),
            vocab_size=VOCAB,
            hidden_size=HIDDEN,
            head_dim=HEAD_DIM,
            num_kv_heads=HEADS,
            context_max=CONTEXT_MAX,
            sliding_window=None,
            kv_dtype="float32",
        ),
        weights=WeightsBlock(KEY, "synthetic", "seed 7", True, "plain"),
        target=TargetBlock("local", "llvm", triple, "generic", "stub-isa", (), REQUIRED[triple]),
        versions=VersionsBlock("0.1.0", None, None, None, None),
        files=files,
        tensors=tensors,
        memory=MemoryBlock(files[1].size, KV_BYTES_PER_TOKEN, None),
        decode_weight_bytes_per_token=files[1].size,
        verify=VerifyBlock(prompt, ids, tuple(float(want[i]) for i in ids), 1e-3),
    )
