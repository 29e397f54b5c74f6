"""TinyGPT-V as Relax modules: the language network of `lab.models.decoder`, and the image encoder before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm.relax.frontend import nn

from lab.models.activation import Activation
from lab.models.decoder.network import CausalLM
from lab.models.layouts import layout_named
from lab.models.ops import Matrix, Norm, Ops
from lab.models.quant import QuantScheme
from lab.models.tinygpt_v.config import QFormerConfig, TinyGptVConfig, VisionConfig

Tensor = Any
GELU = Activation("gelu", gated=False)


class Parts:
    """Makes modules of one scheme and layout, by their sizes."""

    def __init__(self, scheme: QuantScheme, ops: Ops) -> None:
        self.scheme, self.ops = scheme, ops

    def matrix(self, rows: int, columns: int, *, bias: bool = True) -> Matrix:
        """Return a matrix."""
        return Matrix("encoder", rows, columns, self.scheme, self.ops.layout, bias=bias)

    def norm(self, size: int, eps: float) -> Norm:
        """Return a LayerNorm."""
        return Norm(size, eps, self.scheme, self.ops.layout, "layer")

    def rows(self, count: int, size: int) -> Rows:
        """Return rows that are weights themselves."""
        return Rows(count, size, layout_named(self.ops.layout, self.scheme).vector_dtype(self.scheme))


class Rows(nn.Module):  # type: ignore[misc]
    """Rows [count, size] that are weights themselves; they lie as one vector."""

    def __init__(self, count: int, size: int, dtype: str) -> None:
        self.shape = (count, size)
        self.weight = nn.Parameter((count * size,), dtype)

    def forward(self) -> Tensor:
        """Return them as float32."""
        rows = nn.op.reshape(self.weight, self.shape)
        return rows if self.weight.dtype == "float32" else nn.op.astype(rows, "float32")


class Block(nn.Module):  # type: ignore[misc]
    """One block of the vision transformer."""

    def __init__(self, config: VisionConfig, parts: Parts) -> None:
        hidden, inner, eps = config.hidden_size, config.intermediate_size, config.layer_norm_eps
        self.config, self.ops = config, parts.ops
        self.layer_norm1 = parts.norm(hidden, eps)
        self.self_attn = Named(qkv=parts.matrix(3 * hidden, hidden), projection=parts.matrix(hidden, hidden))
        self.layer_norm2 = parts.norm(hidden, eps)
        self.mlp = Named(fc1=parts.matrix(inner, hidden), fc2=parts.matrix(hidden, inner))

    def forward(self, x: Tensor) -> Tensor:
        """Return the stream after this block, float32 [n, hidden]."""
        ops, heads = self.ops, self.config.num_attention_heads
        qkv = ops.normed(x, self.layer_norm1, self.self_attn.qkv)
        x = ops.added(ops.encode(seen(ops, qkv, qkv, heads, self.config.head_dim)), self.self_attn.projection, x)
        return ops.added(ops.activated(x, self.layer_norm2, self.mlp.fc1, GELU), self.mlp.fc2, x)


class Output(nn.Module):  # type: ignore[misc]
    """A product that is added to the stream, and the norm of the sum."""

    def __init__(self, rows: int, columns: int, eps: float, parts: Parts) -> None:
        self.ops = parts.ops
        self.dense = parts.matrix(rows, columns)
        self.LayerNorm = parts.norm(rows, eps)

    def forward(self, acts: Any, h: Tensor) -> Tensor:
        """Return the norm of h + acts times the matrix."""
        return self.ops.norm(self.ops.added(acts, self.dense, h), self.LayerNorm)


class QLayer(nn.Module):  # type: ignore[misc]
    """One layer of the Q-Former: norms come after what they belong to."""

    def __init__(self, config: QFormerConfig, index: int, image_size: int, parts: Parts) -> None:
        hidden, inner, eps = config.hidden_size, config.intermediate_size, config.layer_norm_eps
        self.config, self.ops = config, parts.ops
        own = Named(query_key_value=parts.matrix(3 * hidden, hidden))
        self.attention = Named(attention=own, output=Output(hidden, hidden, eps, parts))
        self.crossattention = None
        if config.looks(index):
            both = Named(query=parts.matrix(hidden, hidden), key_value=parts.matrix(2 * hidden, image_size))
            self.crossattention = Named(attention=both, output=Output(hidden, hidden, eps, parts))
        self.intermediate_query = Named(dense=parts.matrix(inner, hidden))
        self.output_query = Output(hidden, inner, eps, parts)

    def forward(self, h: Tensor, of_image: Callable[[Matrix], Tensor]) -> Tensor:
        """Return the queries after this layer; `of_image` gives a matrix's product with the image's norm."""
        ops, heads, dim = self.ops, self.config.num_attention_heads, self.config.head_dim
        qkv = ops.product(ops.encode(h), self.attention.attention.query_key_value)
        h = self.attention.output(ops.encode(seen(ops, qkv, qkv, heads, dim)), h)
        if self.crossattention is not None:
            query = ops.product(ops.encode(h), self.crossattention.attention.query)
            key_value = of_image(self.crossattention.attention.key_value)
            h = self.crossattention.output(ops.encode(seen(ops, query, key_value, heads, dim)), h)
        inner = ops.product(ops.encode(h), self.intermediate_query.dense)
        return self.output_query(ops.active(inner, GELU), h)


class TinyGptV(CausalLM):
    """The language network's functions, and `encode_image`."""

    def __init__(self, config: TinyGptVConfig, scheme: QuantScheme, ops: Ops) -> None:
        self.image_shape = (config.vision.rows, config.vision.columns)
        vision, qformer, parts = config.vision, config.qformer, Parts(scheme, ops)
        self.vision_model = Named(
            embeddings=Named(
                patches=parts.matrix(vision.hidden_size, vision.columns, bias=False),
                positions=parts.rows(vision.rows, vision.hidden_size),
            ),
            encoder=Named(layers=nn.ModuleList([Block(vision, parts) for _ in range(vision.num_hidden_layers)])),
            post_layernorm=parts.norm(vision.hidden_size, vision.last_norm_eps),
        )
        self.query_tokens = parts.rows(qformer.queries, qformer.hidden_size)
        layers = [QLayer(qformer, i, vision.hidden_size, parts) for i in range(qformer.num_hidden_layers)]
        self.qformer = Named(
            layernorm=parts.norm(qformer.hidden_size, qformer.layer_norm_eps),
            encoder=Named(layer=nn.ModuleList(layers)),
        )
        inner = config.bridge_size
        self.bridge = nn.ModuleList([parts.matrix(inner, qformer.hidden_size), parts.matrix(config.hidden_size, inner)])
        super().__init__(config, scheme, ops)

    def encode_image(self, pixels: Tensor) -> Tensor:
        """Patches float32 [rows, columns] -> what stands for the image in a prompt, float32 [queries, hidden]."""
        ops, vision = self.ops, self.vision_model
        image = ops.added(ops.encode(pixels), vision.embeddings.patches, vision.embeddings.positions())
        for block in vision.encoder.layers:
            image = block(image)
        h = ops.norm(self.query_tokens(), self.qformer.layernorm)
        for layer in self.qformer.encoder.layer:
            h = layer(h, lambda matrix: ops.normed(image, vision.post_layernorm, matrix))
        for matrix in self.bridge:
            h = ops.product(ops.encode(h), matrix)
        return h

    def functions(self) -> dict[str, Any]:
        """Return the export specification of every function."""
        packed = {"param_mode": "packed", "effect_mode": "none"}
        pixels = nn.spec.Tensor(self.image_shape, "float32")
        return {**super().functions(), "encode_image": {"pixels": pixels, "$": packed}}


class Named(nn.Module):  # type: ignore[misc]
    """Modules under the names that their parameters bear."""

    def __init__(self, **modules: nn.Module) -> None:
        for name, module in modules.items():
            setattr(self, name, module)


def seen(ops: Ops, q: Tensor, kv: Tensor, heads: int, dim: int) -> Tensor:
    """Return attention [n, heads x D] of the queries that q begins with to the keys and values that kv ends with."""
    fused = [nn.op.reshape(x, (x.shape[0], x.shape[1] // dim, dim)) for x in (q, kv)]
    return nn.op.reshape(ops.attended(fused[0], fused[1], heads), (q.shape[0], heads * dim))
