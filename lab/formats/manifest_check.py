"""What a manifest must keep beyond the types of its keys. Nothing in it is trusted."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lab.core.names import is_plain_file_name
from lab.formats.manifest import (
    ALIGNMENT_BYTES,
    DTYPE_BYTES,
    GGUF_NAME,
    MANIFEST_NAME,
    WEIGHTS_NAME,
    BundleManifest,
    FileEntry,
    GgufManifest,
    Manifest,
    ModelBlock,
    TensorEntry,
    VerifyBlock,
    WeightsManifest,
)


def problems(manifest: Manifest) -> Iterator[str]:
    """Yield each thing that is wrong, with the key it is at; nothing for a sound manifest."""
    yield from _files(manifest.files)
    yield from _model(manifest.model)
    if isinstance(manifest, GgufManifest) and all(entry.name != GGUF_NAME for entry in manifest.files):
        yield f"files: no {GGUF_NAME}"
    if isinstance(manifest, (WeightsManifest, BundleManifest)):
        yield from _weights(manifest)
        yield from _verify(manifest.verify, manifest.model.vocab_size)


def _files(files: tuple[FileEntry, ...]) -> Iterator[str]:
    names = [entry.name for entry in files]
    for i, name in enumerate(names):
        if not is_plain_file_name(name) or name == MANIFEST_NAME:
            yield f"files[{i}].name: {name[:60]!r} is not a plain file name"
        if name in names[:i]:
            yield f"files[{i}].name: {name!r} appears twice"


def _model(model: ModelBlock) -> Iterator[str]:
    if model.layers > model.layers_total:
        yield f"[model].layers: {model.layers} is more than layers_total {model.layers_total}"


def _weights(manifest: WeightsManifest | BundleManifest) -> Iterator[str]:
    size = next((entry.size for entry in manifest.files if entry.name == WEIGHTS_NAME), None)
    if size is None:
        yield f"files: no {WEIGHTS_NAME}"
        return
    names: set[str] = set()
    end = 0
    for i, tensor in enumerate(manifest.tensors):
        yield from (f"tensors[{i}] ({tensor.name[:60]}): {text}" for text in _tensor(tensor, end, size))
        if tensor.name in names:
            yield f"tensors[{i}].name: {tensor.name[:60]!r} appears twice"
        names.add(tensor.name)
        end = max(end, tensor.offset + tensor.nbytes)


def _tensor(tensor: TensorEntry, previous_end: int, size: int) -> Iterator[str]:
    expected = math.prod(tensor.shape) * DTYPE_BYTES[tensor.dtype]
    if tensor.nbytes != expected:
        yield f"nbytes: {tensor.nbytes}, but shape and dtype make {expected}"
    if tensor.offset % ALIGNMENT_BYTES:
        yield f"offset: {tensor.offset} is not a multiple of {ALIGNMENT_BYTES}"
    if tensor.offset < previous_end:
        yield f"offset: {tensor.offset} overlaps the tensor before, which ends at {previous_end}"
    if tensor.offset + tensor.nbytes > size:
        yield f"ends at {tensor.offset + tensor.nbytes}, past the {size} bytes of {WEIGHTS_NAME}"


def _verify(verify: VerifyBlock, vocab_size: int) -> Iterator[str]:
    if not verify.prompt_ids or not verify.logit_ids:
        yield "[verify]: prompt_ids and logit_ids must not be empty"
    if len(verify.logits) != len(verify.logit_ids):
        yield f"[verify].logits: {len(verify.logits)} values for {len(verify.logit_ids)} logit_ids"
    if any(token >= vocab_size for token in verify.prompt_ids + verify.logit_ids):
        yield f"[verify]: an id is outside the vocabulary of {vocab_size}"
