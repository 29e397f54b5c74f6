"""Logits of a weights file by transformers' own network, with one layer in memory at a time.

The model is built without storage (torch's `meta` device). Hooks give each decoder layer, the embedding, the
last norm and the head their float32 parameters just before they run, dequantised from weights.bin, and take
them away right after: Phi-3-mini needs about a gigabyte instead of fifteen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lab.core.errors import LabError, WeightsError
from lab.core.progress import Advance, Progress
from lab.formats.manifest import TensorEntry
from lab.models.catalog import ModelSpec
from lab.models.families import family_of
from lab.models.family import TensorSpec
from lab.models.layouts.n16k4 import LAYOUT
from lab.models.params import Part, packing_of, params_of, tensor_specs
from lab.models.quant import F32, Array, dequantise

ROWS_AT_ONCE = 2048  # bounds the temporaries of unpacking


class StoredWeights:
    """Reads whole tensors of a weights file as float32, by their names in checkpoints; of fused ones also the parts."""

    def __init__(self, spec: ModelSpec, path: Path, tensors: Iterable[TensorEntry], layout: str = LAYOUT) -> None:
        self._spec, self._path, self._layout = spec, path, layout
        self._tensors = {tensor.name: tensor for tensor in tensors}
        family = family_of(spec.config)
        self._by_name = {family.stored_as(tensor.hf_name): tensor for tensor in tensor_specs(spec.config)}

    def read(self, hf_name: str) -> F32:
        """Return the tensor [N, K] or [H] as checkpoints have it, dequantised; WeightsError when there is none."""
        config, family = self._spec.config, family_of(self._spec.config)
        if hf_name == family.stored_as(family.head) and config.tie_word_embeddings:
            hf_name = family.stored_as(family.embedding)
        return self._given_back(self._by_name[hf_name]) if hf_name in self._by_name else self._part(hf_name)

    def _part(self, hf_name: str) -> F32:
        """Return the rows of a fused tensor that are the tensor of that name."""
        for whole, parts in family_of(self._spec.config).fused(self._spec.config).items():
            first = 0
            for part, rows in parts.items():
                fused = self._by_name.get(hf_name.replace(f".{part}.", f".{whole}."))
                if fused is not None:
                    return self._given_back(fused)[first : first + rows]
                first += rows
        raise WeightsError(f"{self._path}: the network has no tensor {hf_name}")

    def _given_back(self, tensor: TensorSpec) -> F32:
        """Return the tensor in the order, and with the numbers, that it had in the checkpoint."""
        config, family, values = self._spec.config, family_of(self._spec.config), self._whole(tensor)
        if values.ndim == 1:
            values = family.restored(config, tensor.hf_name, values)
        order = family.row_order(config, tensor.hf_name)
        if order is None:
            return values
        theirs = np.empty_like(values)
        theirs[order] = values
        return theirs

    def _whole(self, tensor: TensorSpec) -> F32:
        config, scheme = self._spec.config, self._spec.scheme
        parts = {param.part: self._map(param.name) for param in params_of(config, tensor, scheme, self._layout)}
        if len(tensor.shape) == 1:
            return np.array(parts["w"], dtype=np.float32)  # a copy: torch wants to own what it is given
        out = np.empty(tensor.shape, dtype=np.float32)
        for start in range(0, tensor.shape[0], ROWS_AT_ONCE):
            stop = min(start + ROWS_AT_ONCE, tensor.shape[0])
            out[start:stop] = self._rows(tensor.hf_name, parts, start, stop)
        return out

    def _rows(self, hf_name: str, parts: Mapping[Part, Array], start: int, stop: int) -> Array:
        """Rows start..stop; `start` is a multiple of the layout's block."""
        packing = packing_of(self._spec.config, hf_name, self._spec.scheme, self._layout)
        rows, blocks = stop - start, slice(start // packing.block_rows, packing.padded_rows(stop) // packing.block_rows)
        picked = {part: array[(slice(None),) * packing.row_axis + (blocks,)] for part, array in parts.items()}
        if "w" in parts:
            return packing.unpack_dense(picked["w"], rows)
        q = packing.unpack_q(picked["q"], rows, self._spec.scheme.bits)
        return dequantise(q, packing.unpack_scale(picked["s"], rows))

    def _map(self, name: str) -> Array:
        if name not in self._tensors:
            raise WeightsError(f"{self._path}: no tensor {name}", hint="remove the folder and convert again")
        stored = self._tensors[name]
        return np.memmap(self._path, stored.dtype, mode="r", offset=stored.offset, shape=stored.shape)


def reference_logits(spec: ModelSpec, weights: StoredWeights, ids: Sequence[int], progress: Progress) -> F32:
    """Return the logits after each of the token `ids`. -> float32 [len(ids), vocab]

    Raises LabError with the install command when torch or transformers is missing.
    """
    logits: F32 = _outputs(spec, weights, [ids], progress)[0]
    return logits


def reference_scores(
    spec: ModelSpec, weights: StoredWeights, texts: Sequence[Sequence[int]], progress: Progress
) -> F32:
    """Return the labels' scores of each of equally long texts. -> float32 [texts, labels]; raises as the other."""
    return _outputs(spec, weights, texts, progress)


def _outputs(spec: ModelSpec, weights: StoredWeights, texts: Sequence[Sequence[int]], progress: Progress) -> F32:
    torch, _ = require_libraries()
    family = family_of(spec.config)
    model = family.torch_network(spec.config)
    if spec.config.labels is not None:
        model.config.pad_token_id = -1  # no token: the last one of each text counts, which transformers has to be told
    inputs = torch.tensor([list(text) for text in texts], dtype=torch.int64)
    with progress.phase("reference", spec.layers + 3, "parts") as advance, torch.no_grad():
        for name, module in family.torch_parts(model):
            _fill_while_running(module, name, weights, torch, advance)
        outputs = model(inputs, use_cache=False).logits
    return np.asarray(outputs.numpy(), dtype=np.float32)


def require_libraries() -> tuple[Any, Any]:
    """Return torch and transformers; LabError with the install command when one is missing."""
    try:
        import torch
        import transformers
    except ImportError as problem:
        raise LabError(
            f"the reference needs torch and transformers: {problem}",
            hint="pip install torch 'transformers>=5'; in a checkout of lab: pip install -e '.[verify]'",
        ) from problem
    transformers.logging.set_verbosity_error()  # it advises on the spelling of the configuration
    return torch, transformers


def _fill_while_running(module: Any, prefix: str, weights: StoredWeights, torch: Any, advance: Advance) -> None:
    def fill(*_: Any) -> None:
        for name, owner, key in _parameters(module):
            value = torch.from_numpy(weights.read(prefix + name))
            setattr(owner, key, torch.nn.Parameter(value, requires_grad=False))

    def empty(*_: Any) -> None:
        for _name, owner, key in _parameters(module):
            bare = torch.nn.Parameter(getattr(owner, key).to("meta"), requires_grad=False)
            setattr(owner, key, bare)
        advance(1)

    module.register_forward_pre_hook(fill)
    module.register_forward_hook(empty)


def _parameters(module: Any) -> list[tuple[str, Any, str]]:
    """(dotted name, module that owns it, its attribute) of every parameter below `module`."""
    names = [name for name, _ in module.named_parameters()]
    split = [(name, *name.rpartition(".")[::2]) for name in names]
    return [(name, module.get_submodule(path), key) for name, path, key in split]
