"""The numbers that define a decoder of the Llama kind, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from lab.core.errors import ModelError
from lab.models.activation import SILU_GATED, Activation
from lab.models.config_values import short
from lab.models.family import NormKind, later
from lab.models.sparse import SparsePattern


@dataclass(frozen=True)
class DecoderConfig:
    """A network: sizes in elements, positions in tokens. Each family has a class of its own, with its name.

    What is no field is a property that says what a Llama does; a family with another trait overrides it, by a property
    or by a field of its own (`later`, if configurations without it were ever digested).

    `head_size` is that of a head where it is not hidden_size / num_attention_heads, `partial_rotary_factor` the part of
    a head that is rotated. `rope_short_factor` and `rope_long_factor` hold rotary_dim/2 divisors of the rotary
    frequencies (LongRoPE); both or neither. `rope_factor` is by how much LongRoPE stretches the context, where that is
    not the quotient of the two maxima; `rope_attention_factor` is what cos and sin are multiplied by, where that does
    not follow from it. `sliding_window` is how many keys a query sees, itself included; None sees all. With `labels`
    the network scores the text that it read, and makes no tokens.
    Raises ModelError when the numbers contradict each other.
    """

    family: ClassVar[str]

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    vocab_size: int
    max_position_embeddings: int
    original_max_position_embeddings: int
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0
    sliding_window: int | None = None
    rope_short_factor: tuple[float, ...] | None = None
    rope_long_factor: tuple[float, ...] | None = None
    tie_word_embeddings: bool = False
    rope_factor: float | None = None
    rope_attention_factor: float | None = None
    head_size: int | None = later(None)
    partial_rotary_factor: float = later(1.0)
    labels: int | None = later(None)

    def __post_init__(self) -> None:
        _check_sizes(self)
        _check_factors(self)

    @property
    def head_dim(self) -> int:
        """Elements of one attention head."""
        return self.head_size or self.hidden_size // self.num_attention_heads

    @property
    def rotary_dim(self) -> int:
        """Elements of a head that are rotated, its first ones; the others pass."""
        return int(self.head_dim * self.partial_rotary_factor)

    @property
    def attention_scale(self) -> float:
        """What products of queries and keys are multiplied by."""
        return float(self.head_dim**-0.5)

    @property
    def norm_kind(self) -> NormKind:
        """RMSNorm, or LayerNorm with weight and bias."""
        return "rms"

    @property
    def norm_eps(self) -> float:
        """What norms add to the mean square."""
        return self.rms_norm_eps

    @property
    def qkv_bias(self) -> bool:
        """Whether queries, keys and values have a bias."""
        return False

    @property
    def out_bias(self) -> bool:
        """Whether attention's output has one."""
        return False

    @property
    def mlp_bias(self) -> bool:
        """Whether both products of the feed-forward block have one."""
        return False

    @property
    def head_bias(self) -> bool:
        """Whether the logits have one; a tied head has none."""
        return False

    @property
    def activation(self) -> Activation:
        """What stands between the two products of the feed-forward block."""
        return SILU_GATED

    @property
    def embedding_scale(self) -> float:
        """What rows of the embedding table are multiplied by."""
        return 1.0

    @property
    def parallel_blocks(self) -> bool:
        """Whether feed-forward and attention read the same norm: x + attention(n(x)) + feed-forward(n(x))."""
        return False

    @property
    def qk_norm(self) -> bool:
        """Whether each head's queries and keys have a LayerNorm, before they are rotated."""
        return False

    @property
    def attention_norm(self) -> bool:
        """Whether what attention adds to the stream has an RMSNorm first, with `attention_norm_eps`."""
        return False

    @property
    def attention_norm_eps(self) -> float:
        """What that norm adds to the mean square."""
        return self.norm_eps

    @property
    def attention_window(self) -> int | None:
        """How many keys a query sees, itself included; None where the window is as long as the longest context."""
        window = self.sliding_window
        return None if window is None or window >= self.max_position_embeddings else window

    @property
    def query_rows(self) -> int:
        """Rows of all query heads, which are the columns of the output projection."""
        return self.num_attention_heads * self.head_dim

    @property
    def sparse_pattern(self) -> SparsePattern | None:
        """Which blocks of keys sparse layers see; None where there are none."""
        return None

    def is_sparse(self, layer: int) -> bool:
        """Say whether layer `layer`, counted from 0, is sparse."""
        return False

    @property
    def sparse_layers(self) -> int:
        """How many layers are sparse."""
        return sum(self.is_sparse(layer) for layer in range(self.num_hidden_layers))

    @property
    def qkv_rows(self) -> int:
        """Rows of the fused qkv projection: all query heads, then key heads, then value heads."""
        return (self.num_attention_heads + 2 * self.num_key_value_heads) * self.head_dim

    @property
    def up_rows(self) -> int:
        """Rows of the feed-forward block's first product: gates, then ups, or ups alone."""
        return self.activation.halves * self.intermediate_size

    @property
    def parameters(self) -> int:
        """How many weights the network has (a tied head counts once)."""
        tables = self.vocab_size * self.hidden_size + (0 if self.tie_word_embeddings else self.head_weights)
        return self.layer_weights + self._vectors + tables

    @property
    def _vectors(self) -> int:
        """Weights of norms, and biases."""
        norm = self.hidden_size * (1 if self.norm_kind == "rms" else 2)
        layer = (1 if self.parallel_blocks else 2) * norm + self.qkv_bias * self.qkv_rows
        layer += self.out_bias * self.hidden_size + self.mlp_bias * (self.up_rows + self.hidden_size)
        layer += self.qk_norm * 4 * self.head_dim + self.attention_norm * self.hidden_size
        return self.num_hidden_layers * layer + norm + self.head_bias * self.vocab_size

    @property
    def layer_weights(self) -> int:
        """How many weights are multiplied with the activations of every token: the matrices of all layers."""
        rows = self.qkv_rows + self.query_rows + self.up_rows + self.intermediate_size
        return self.num_hidden_layers * rows * self.hidden_size

    @property
    def head_weights(self) -> int:
        """How many weights make the logits of one position; a tied head has as many."""
        return self.head_rows * self.hidden_size

    @property
    def head_rows(self) -> int:
        """Rows of the head: a score for each label, or a logit for each token."""
        return self.labels or self.vocab_size

    @property
    def attention_scaling(self) -> float:
        """What cos and sin are multiplied by; 1 unless LongRoPE stretches the context."""
        stretch = self.rope_factor or self.max_position_embeddings / self.original_max_position_embeddings
        if self.rope_short_factor is None:
            return 1.0
        if self.rope_attention_factor is not None:
            return self.rope_attention_factor
        if stretch <= 1.0:
            return 1.0
        return math.sqrt(1.0 + math.log(stretch) / math.log(self.original_max_position_embeddings))

    def rope_factors(self, length: int) -> tuple[float, ...] | None:
        """Return the LongRoPE factors for a sequence of `length` tokens, or None without LongRoPE."""
        if length > self.original_max_position_embeddings:
            return self.rope_long_factor
        return self.rope_short_factor


@dataclass(frozen=True)
class BiasedConfig(DecoderConfig):
    """A decoder with LayerNorm, and with a bias for every product of its layers."""

    @property
    def norm_kind(self) -> NormKind:
        """LayerNorm."""
        return "layer"

    @property
    def qkv_bias(self) -> bool:
        """Queries, keys and values have biases."""
        return True

    @property
    def out_bias(self) -> bool:
        """So has attention's output."""
        return True

    @property
    def mlp_bias(self) -> bool:
        """So have both products of the feed-forward block."""
        return True


def _check_sizes(config: DecoderConfig) -> None:
    for name, most in _MOST.items():
        value = getattr(config, name)
        if not 1 <= value <= most:
            raise ModelError(f"{name} is {short(value)}; it must be from 1 to {most}")
    _check_heads(config)
    _check_labels(config)
    if config.num_attention_heads % config.num_key_value_heads:
        raise ModelError(
            f"num_key_value_heads is {config.num_key_value_heads}: {config.num_attention_heads} attention heads can't "
            f"share {config.num_key_value_heads} key-value heads evenly"
        )
    if config.head_bias and config.tie_word_embeddings:
        raise ModelError("tie_word_embeddings is true, and a head that is tied to the embedding has no bias")
    if config.sliding_window is not None and config.sliding_window < 1:
        raise ModelError(f"sliding_window is {short(config.sliding_window)}; it must be at least 1")
    if not config.rms_norm_eps >= 0:
        raise ModelError(f"rms_norm_eps is {config.rms_norm_eps!r}; it must be at least 0")


def _check_heads(config: DecoderConfig) -> None:
    size, heads = config.head_size, config.num_attention_heads
    if size is None and (config.hidden_size % heads or config.head_dim % 2):
        raise ModelError(
            f"hidden_size {config.hidden_size} does not split into {heads} heads of even size (num_attention_heads)"
        )
    if size is not None and (size % 2 or not 2 <= size <= _MOST_HEAD):
        raise ModelError(f"head_dim is {short(size)}; it must be an even number from 2 to {_MOST_HEAD}")
    if not 0 < config.partial_rotary_factor <= 1 or config.rotary_dim < 2 or config.rotary_dim % 2:
        raise ModelError(
            f"partial_rotary_factor is {config.partial_rotary_factor!r}; of a head's {config.head_dim} elements it "
            "must rotate an even number, at least 2 and at most all"
        )


def _check_labels(config: DecoderConfig) -> None:
    if config.labels is None:
        return
    if not 1 <= config.labels <= _MOST_LABELS:
        raise ModelError(f"labels is {short(config.labels)}; it must be from 1 to {_MOST_LABELS}")
    if config.tie_word_embeddings or config.head_bias:
        raise ModelError("labels have a head of their own: one that is tied, or has a bias, is none")


def _check_factors(config: DecoderConfig) -> None:
    if config.rope_short_factor is not None and config.original_max_position_embeddings < 2:
        raise ModelError("original_max_position_embeddings is 1; LongRoPE needs at least 2")
    factors = (config.rope_short_factor, config.rope_long_factor)
    if (factors[0] is None) != (factors[1] is None):
        raise ModelError("LongRoPE needs both rope_short_factor and rope_long_factor")
    for name, values in zip(("short", "long"), factors, strict=True):
        if values is not None and (len(values) != config.rotary_dim // 2 or min(values) <= 0):
            raise ModelError(
                f"rope_{name}_factor has {len(values)} values; a head of {config.rotary_dim} "
                f"needs {config.rotary_dim // 2}, all above 0"
            )


_MOST_HEAD = 1 << 16
_MOST_LABELS = 1 << 16
# What a network can have at the most: far above any that exists, and small enough that nothing built from it is huge.
_MOST = {
    "hidden_size": 1 << 20,
    "intermediate_size": 1 << 22,
    "num_hidden_layers": 1 << 12,
    "num_attention_heads": 1 << 16,
    "num_key_value_heads": 1 << 16,
    "vocab_size": 1 << 24,
    "max_position_embeddings": (1 << 31) - 1,
    "original_max_position_embeddings": (1 << 31) - 1,
}
