"""The tensors of an image encoder, in the order in which it uses them, by transformers' names where it has one.

InstructBLIP's encoder is the same network. What differs: the row for the whole image and the patches' bias are part of
the positions, a patch's values are columns of one matrix, and queries, keys and values are fused.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.models.family import TensorSpec
from lab.models.tinygpt_v.config import QFormerConfig, TinyGptVConfig, VisionConfig

PATCHES = "vision_model.embeddings.patches.weight"
POSITIONS = "vision_model.embeddings.positions.weight"
QUERIES = "query_tokens.weight"


def encoder_tensors(config: TinyGptVConfig) -> Iterator[TensorSpec]:
    """Yield every tensor of the encoder."""
    vision, qformer = config.vision, config.qformer
    yield TensorSpec(PATCHES, (vision.hidden_size, vision.columns))
    yield TensorSpec(POSITIONS, (vision.rows * vision.hidden_size,))  # [rows, hidden], a vector: it is added
    for index in range(vision.num_hidden_layers):
        yield from _block(f"vision_model.encoder.layers.{index}", vision)
    yield from norm("vision_model.post_layernorm", vision.hidden_size)
    yield TensorSpec(QUERIES, (qformer.queries * qformer.hidden_size,))
    yield from norm("qformer.layernorm", qformer.hidden_size)
    for index in range(qformer.num_hidden_layers):
        yield from _layer(f"qformer.encoder.layer.{index}", qformer, index, vision.hidden_size)
    yield from matrix("bridge.0", config.bridge_size, qformer.hidden_size)
    yield from matrix("bridge.1", config.hidden_size, config.bridge_size)


def norm(name: str, size: int) -> Iterator[TensorSpec]:
    """Yield weight and bias of a LayerNorm."""
    yield TensorSpec(f"{name}.weight", (size,))
    yield TensorSpec(f"{name}.bias", (size,))


def matrix(name: str, rows: int, columns: int) -> Iterator[TensorSpec]:
    """Yield a matrix and its bias."""
    yield TensorSpec(f"{name}.weight", (rows, columns))
    yield TensorSpec(f"{name}.bias", (rows,))


def _block(base: str, vision: VisionConfig) -> Iterator[TensorSpec]:
    hidden, inner = vision.hidden_size, vision.intermediate_size
    yield from norm(f"{base}.layer_norm1", hidden)
    yield from matrix(f"{base}.self_attn.qkv", 3 * hidden, hidden)
    yield from matrix(f"{base}.self_attn.projection", hidden, hidden)
    yield from norm(f"{base}.layer_norm2", hidden)
    yield from matrix(f"{base}.mlp.fc1", inner, hidden)
    yield from matrix(f"{base}.mlp.fc2", hidden, inner)


def _layer(base: str, qformer: QFormerConfig, index: int, image_size: int) -> Iterator[TensorSpec]:
    hidden, inner = qformer.hidden_size, qformer.intermediate_size
    yield from matrix(f"{base}.attention.attention.query_key_value", 3 * hidden, hidden)
    yield from matrix(f"{base}.attention.output.dense", hidden, hidden)
    yield from norm(f"{base}.attention.output.LayerNorm", hidden)
    if qformer.looks(index):
        yield from matrix(f"{base}.crossattention.attention.query", hidden, hidden)
        yield from matrix(f"{base}.crossattention.attention.key_value", 2 * hidden, image_size)
        yield from matrix(f"{base}.crossattention.output.dense", hidden, hidden)
        yield from norm(f"{base}.crossattention.output.LayerNorm", hidden)
    yield from matrix(f"{base}.intermediate_query.dense", inner, hidden)
    yield from matrix(f"{base}.output_query.dense", hidden, inner)
    yield from norm(f"{base}.output_query.LayerNorm", hidden)
