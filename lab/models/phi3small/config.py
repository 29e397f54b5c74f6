"""The numbers that define a Phi-3-small network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.core.errors import ModelError
from lab.models.activation import Activation
from lab.models.decoder.config import BiasedConfig
from lab.models.sparse import SparsePattern

PAGE = 16  # tokens; what kernels skip whole pages of


@dataclass(frozen=True)
class Phi3SmallConfig(BiasedConfig):
    """A decoder that attends densely in every `dense_every`th layer (None: in none), and block-sparsely in the others.

    Blocks are of `block_size` tokens; see `SparsePattern`. With `one_pattern` all heads keep the same blocks far away,
    else each the next ones. `attention_multiplier` / head_dim is the softmax's scale; None is head_dim**-0.5. Rows of
    the embedding are times `embedding_multiplier`, logits divided by `width_multiplier`, which conversion folds into
    the final norm.
    """

    family: ClassVar[str] = "phi3small"

    gegelu_limit: float | None = None
    embedding_multiplier: float = 1.0
    attention_multiplier: float | None = None
    width_multiplier: float = 1.0
    block_size: int = 64
    local_blocks: int = 16
    vert_stride: int = 8
    one_pattern: bool = False
    dense_every: int | None = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_blocks(self)

    @property
    def activation(self) -> Activation:
        """GEGELU: gates, then ups, after conversion."""
        return Activation("gegelu", gated=True, limit=self.gegelu_limit)

    @property
    def embedding_scale(self) -> float:
        """muP's multiplier of the embedding."""
        return self.embedding_multiplier

    @property
    def attention_scale(self) -> float:
        """With muP one over the size of a head, not over its root."""
        if self.attention_multiplier is None:
            return float(self.head_dim**-0.5)
        return self.attention_multiplier / self.head_dim

    @property
    def sparse_pattern(self) -> SparsePattern:
        """Which blocks sparse layers keep."""
        step = 0 if self.one_pattern else max(1, self.vert_stride // self.num_attention_heads)
        return SparsePattern(self.block_size, self.local_blocks, self.vert_stride, step)

    def is_sparse(self, layer: int) -> bool:
        """Say whether layer `layer`, counted from 0, is sparse."""
        return self.dense_every is None or (layer + 1) % self.dense_every != 0


def _check_blocks(config: Phi3SmallConfig) -> None:
    if config.block_size < PAGE or config.block_size % PAGE:
        raise ModelError(
            f"blocksparse_block_size is {config.block_size}; kernels skip whole pages of {PAGE} tokens, so it must be "
            f"a multiple of {PAGE}"
        )
    for name, value in (
        ("blocksparse_num_local_blocks", config.local_blocks),
        ("blocksparse_vert_stride", config.vert_stride),
        ("dense_attention_every_n_layers", 1 if config.dense_every is None else config.dense_every),
    ):
        if value < 1:
            raise ModelError(f"{name} is {value}; it must be at least 1")
    for name, factor in (
        ("mup_width_multiplier", config.width_multiplier),
        ("mup_embedding_multiplier", config.embedding_multiplier),
        ("mup_attn_multiplier", config.attention_multiplier or 1.0),
        ("gegelu_limit", config.gegelu_limit or 1.0),
    ):
        if not factor > 0:
            raise ModelError(f"{name} is {factor}; it must be above 0")
    if config.sliding_window is not None:
        raise ModelError("a sliding window and block-sparse attention at once are not supported")
