"""The manifest of a weights folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import numpy as np

from lab.formats.manifest import (
    SCHEMA,
    FileEntry,
    MemoryBlock,
    ModelBlock,
    SparseFacts,
    VerifyBlock,
    WeightsBlock,
    WeightsManifest,
)
from lab.models import params
from lab.models.catalog import ModelSpec
from lab.models.convert.writer import tensor_entries
from lab.models.families import family_of
from lab.models.family import Sizes
from lab.models.layouts.n16k4 import LAYOUT
from lab.models.prompt import logit_ids, prompt_ids
from lab.models.quant import F32
from lab.models.sources.base import WeightSource


def weights_manifest(
    spec: ModelSpec,
    source: WeightSource,
    layout: str,
    key: str,
    entry: FileEntry,
    logits: F32,
    kv_peaks: Sequence[float] = (),
    head_norm: float = 0.0,
) -> WeightsManifest:
    """Return the manifest of weights made from `source`, whose reference logits [V] are `logits`.

    `kv_peaks` are the largest magnitudes of each layer's keys and values, `head_norm` is what the norm of a few scores
    mostly is.
    """
    kept = params.param_specs(spec.config, spec.scheme, layout)
    return WeightsManifest(
        schema=SCHEMA,
        kind="weights",
        key=key,
        created_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        model=model_block(spec, layout),
        weights=weights_block(source, key, layout),
        files=(entry,),
        tensors=tuple(tensor_entries(kept)),
        memory=MemoryBlock(entry.size, params.kv_bytes_per_token(spec.config, spec.scheme, layout), None),
        decode_weight_bytes_per_token=params.decode_weight_bytes(spec.config, spec.scheme, layout),
        verify=_verify_block(spec, logits, layout, kv_peaks, head_norm),
    )


def weights_block(source: WeightSource, key: str, layout: str) -> WeightsBlock:
    """Return where the weights with that key come from and how they lie."""
    made_up = source.kind == "synthetic"
    return WeightsBlock(key, source.kind, source.source_id, made_up, layout, adapter=source.adapter)


def model_block(spec: ModelSpec, layout: str = LAYOUT) -> ModelBlock:
    """Return what manifests and records say about the model; `parameters` counts the layers that are kept."""
    config = spec.config
    queries = config.num_attention_heads * config.head_dim
    return ModelBlock(
        id=spec.id,
        label=spec.label,
        preset=spec.preset_name,
        quant=spec.scheme.name,
        layers=spec.layers,
        layers_total=spec.layers_total,
        parameters=config.parameters,
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        head_dim=config.head_dim,
        num_kv_heads=config.num_key_value_heads,
        context_max=config.max_position_embeddings,
        sliding_window=config.attention_window,
        kv_dtype=params.kv_dtype(spec.scheme, layout),  # type: ignore[arg-type]
        layer_weights=config.layer_weights,
        head_weights=config.head_weights,
        sparse=_sparse_facts(config),
        labels=config.labels,
        image=family_of(config).image(config),
        attention_size=None if queries == config.hidden_size else queries,
    )


def _sparse_facts(config: Sizes) -> SparseFacts | None:
    pattern, layers = config.sparse_pattern, config.sparse_layers
    if pattern is None or not layers:
        return None
    return SparseFacts(layers, config.num_attention_heads, **asdict(pattern))


def _verify_block(
    spec: ModelSpec, logits: F32, layout: str, kv_peaks: Sequence[float], head_norm: float
) -> VerifyBlock:
    ids = logit_ids(spec.config.head_rows)
    prompt = prompt_ids(spec.config.vocab_size)
    values = tuple(float(logits[i]) for i in ids)
    most = float(np.finfo(params.kv_dtype(spec.scheme, layout)).max)
    over = tuple(layer for layer, peak in enumerate(kv_peaks) if not peak <= most)
    limit = params.rel_error_max(spec.scheme, spec.layers, layout)
    if spec.config.labels is not None:
        limit *= of_few(logits, head_norm)
    return VerifyBlock(tuple(prompt), tuple(ids), values, limit, over)


def of_few(scores: F32, head_norm: float) -> float:
    """Return by how much the limit of many logits' error widens for these few scores.

    An error has the size of the products that it comes from, `head_norm`, and a score may be near 0 by chance: it is
    held to what scores mostly are. And of few errors one may be three deviations, where the norm of many is one.
    """
    norm = float(np.linalg.norm(scores))
    return params.of_count(len(scores)) * (max(1.0, head_norm / norm) if norm else 1.0)
