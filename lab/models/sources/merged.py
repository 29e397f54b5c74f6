"""Weights with a LoRA adapter merged into them, in float32, as they are read."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from lab.core.errors import WeightsError
from lab.core.home import shown
from lab.formats.manifest import AdapterFacts
from lab.models.catalog import ModelSpec
from lab.models.families import family_of
from lab.models.family import Sizes, changed
from lab.models.params import tensor_specs
from lab.models.quant import F32
from lab.models.sources.base import QuantisedSource, SourceKind, WeightSource
from lab.models.sources.lora import Adapter, Update, open_adapter

_BLAS = Lock()  # products large enough for BLAS's own threads: several at a time would fight for the cores


def with_adapter(base: WeightSource, folder: Path, spec: ModelSpec) -> WeightSource:
    """Return `base` with the adapter in `folder` merged into it; WeightsError where it is not one of such a network."""
    if isinstance(base, QuantisedSource):
        raise WeightsError(
            f"{shown(folder)}: an adapter is merged before weights are quantised, and those of --weights are already",
            hint="give the Hugging Face folder of the base with --weights",
        )
    # Synthetic weights are made for the layers that are kept; the adapter is of all.
    layers = spec.layers_total if base.kind == "synthetic" else base.config.num_hidden_layers
    config = _with_labels(base.config, spec)
    adapter = open_adapter(folder, changed(config, num_hidden_layers=layers))
    lacking = {tensor.hf_name for tensor in tensor_specs(config)} - {*base.tensor_names(), *adapter.saved}
    if lacking:
        raise WeightsError(
            f"{shown(folder)}: {spec.label} needs {', '.join(lacking)}; neither the base has it nor the adapter",
            hint=f"is it the adapter of a model of {spec.config.labels} labels? modules_to_save has to name its head",
        )
    return MergedSource(base, config, adapter)


def _with_labels(config: Sizes, spec: ModelSpec) -> Sizes:
    """Return the base's configuration with the head of the adapter's network: a head for labels comes with it."""
    if config.labels is not None or spec.config.labels is None:
        return config
    return changed(config, labels=spec.config.labels, tie_word_embeddings=False)


class MergedSource:
    """A source whose matrices have an adapter's products added, and whose saved modules stand in for its own."""

    def __init__(self, base: WeightSource, config: Sizes, adapter: Adapter) -> None:
        """Make the source, of the network `config`; nothing is read before it is asked for."""
        self._base, self._adapter = base, adapter
        self.config = config
        self.kind: SourceKind = base.kind
        self.notes = base.notes
        self.adapter: AdapterFacts | None = adapter.facts

    @property
    def source_id(self) -> str:
        """Which base it is."""
        return self._base.source_id

    def tensor_names(self) -> list[str]:
        """Return the names of all tensors of the network."""
        return [tensor.hf_name for tensor in tensor_specs(self.config)]

    def vector(self, hf_name: str) -> F32:
        """Return a norm's weights as float32 [H]."""
        return self._base.vector(hf_name)

    def read_rows(self, hf_name: str, start: int, stop: int) -> F32:
        """Return rows start..stop of a matrix as float32 [stop - start, K]; the adapter has the checkpoint's order."""
        order = family_of(self.config).row_order(self.config, hf_name)
        rows = np.arange(start, stop) if order is None else order[start:stop]
        saved = self._adapter.saved.get(hf_name)
        values = self._base.read_rows(hf_name, start, stop) if saved is None else saved.rows(start, stop)
        for update in self._adapter.updates.get(hf_name, ()):
            _add(values, update, rows)
        return values


def _add(values: F32, update: Update, rows: NDArray[np.int64]) -> None:
    """Add the update to those of `values` [n, K] whose rows of the checkpoint, `rows` [n], it is of."""
    place = update.place
    inside = np.flatnonzero((rows >= place.first) & (rows < place.first + place.rows))
    if not len(inside):
        return
    wanted = rows[inside] - place.first
    low, high = int(wanted.min()), int(wanted.max()) + 1
    b = update.b.rows(low, high)[wanted - low] * np.float32(update.scaling)
    a = update.a.rows(0, update.a.shape[0])
    with _BLAS:
        product = b @ a
    values[inside] += product
