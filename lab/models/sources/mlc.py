"""Weights in an MLC-LLM folder: tensor-cache.json (ndarray-cache.json before 2025) and its shards.

Read are q4f16_1 (rows stay rows) and q4f16_0 (linear layers stored transposed): groups of 32 along K share a
float16 scale, and a weight is (nibble - 7) x scale with eight nibbles in a uint32, lowest first. Those values
fit this project's q4 exactly, so they are passed through and never quantised twice.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from lab.core.errors import WeightsError
from lab.core.home import shown
from lab.formats.manifest import AdapterFacts
from lab.models.families import family_of
from lab.models.family import Sizes, TensorSpec
from lab.models.layouts.mlc import unpack_q
from lab.models.params import names_of_mlc, tensor_specs
from lab.models.quant import F16, F32, GROUP, I8, Array, dequantise
from lab.models.sources.base import SourceKind
from lab.models.sources.files import AGAIN, fingerprint
from lab.models.sources.mlc_cache import (
    CACHE_NAMES,
    Record,
    cache_file,
    quantization,
    read_cache,
    whole_config,
)

__all__ = ["CACHE_NAMES", "MlcSource", "cache_file"]

_MAX = 7
_PER_WORD = 8


class MlcSource:
    """The weights in one MLC folder; its table is checked when it is made, its shards are mapped."""

    kind: SourceKind = "mlc"
    adapter: AdapterFacts | None = None
    notes: tuple[str, ...] = ()
    scheme_name = "q4"

    def __init__(self, folder: Path, config: Sizes) -> None:
        """Open the folder for the network `config`; WeightsError names tensor and file for what does not fit.

        MLC does not record every number of the network (not the sliding window), so `config` gives those.
        """
        self.folder = folder
        self.config, self._names = whole_config(folder, config), names_of_mlc(config)
        self._embedding = family_of(config).embedding
        self._records, self._files = read_cache(folder)
        self._transposed = quantization(folder) == "q4f16_0" or self._looks_transposed()
        for tensor in tensor_specs(self.config):
            self._check(tensor)

    @cached_property
    def source_id(self) -> str:
        """The digest of the table and every shard; reads them all."""
        return fingerprint(self._files)

    def tensor_names(self) -> list[str]:
        """Return the Hugging Face names of all tensors of the network."""
        return [tensor.hf_name for tensor in tensor_specs(self.config)]

    def read_quantised(self, hf_name: str, start: int, stop: int) -> tuple[I8, F16]:
        """Return the stored integers [rows, K] and scales [rows, K/32] of rows start..stop, unchanged."""
        q = unpack_q(self._rows(hf_name, "q_weight", start, stop), stop - start, bits=4)
        if q.max(initial=0) > _MAX:
            where = shown(self._record(hf_name, "q_weight").path)
            raise WeightsError(
                f"{hf_name}: {where}: rows {start} to {stop} hold a 15, which MLC never writes", hint=AGAIN
            )
        return q, self._rows(hf_name, "q_scale", start, stop)

    def read_rows(self, hf_name: str, start: int, stop: int) -> F32:
        """Return rows start..stop of a matrix as float32 [stop - start, K]."""
        return dequantise(*self.read_quantised(hf_name, start, stop))

    def vector(self, hf_name: str) -> F32:
        """Return a norm's weights or a bias as float32 [H]."""
        return self._vector(hf_name).array().astype(np.float32)

    def _vector(self, hf_name: str) -> Record:
        base, _, suffix = hf_name.rpartition(".")
        return self._record(f"{base}.weight", suffix)

    def _rows(self, hf_name: str, suffix: str, start: int, stop: int) -> Array:
        stored = self._record(hf_name, suffix).array()
        if self._is_transposed(hf_name):
            return np.ascontiguousarray(stored[:, start:stop].T)
        return stored[start:stop]

    def _is_transposed(self, hf_name: str) -> bool:
        return self._transposed and hf_name != self._embedding

    def _record(self, hf_name: str, suffix: str) -> Record:
        name = self._names.param_name(hf_name, suffix)
        if name not in self._records:
            raise WeightsError(
                f"{name} ({hf_name}): missing from {shown(self.folder)}",
                hint="only whole folders quantised with q4f16_1 or q4f16_0 can be read",
            )
        return self._records[name]

    def _check(self, tensor: TensorSpec) -> None:
        """Raise WeightsError unless the records of `tensor` have the shapes and types of the format."""
        if len(tensor.shape) == 1:
            self._vector(tensor.hf_name).check(("float16", "float32"), tensor.shape)
            return
        rows, k = tensor.shape
        for suffix, dtype, columns in (("q_weight", "uint32", k // _PER_WORD), ("q_scale", "float16", k // GROUP)):
            shape = (columns, rows) if self._is_transposed(tensor.hf_name) else (rows, columns)
            self._record(tensor.hf_name, suffix).check((dtype,), shape)

    def _looks_transposed(self) -> bool:
        """Return whether linear layers are stored transposed, told from the shape of the first that is not square."""
        matrices = [t for t in tensor_specs(self.config) if len(t.shape) == 2 and t.hf_name != self._embedding]
        other = next((t for t in matrices if t.shape[0] != t.shape[1] // _PER_WORD * _PER_WORD), None)
        if other is None:
            return False
        stored = self._records.get(self._names.param_name(other.hf_name, "q_weight"))
        rows, k = other.shape
        return stored is not None and stored.shape == (k // _PER_WORD, rows)
