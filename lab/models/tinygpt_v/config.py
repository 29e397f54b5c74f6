"""The numbers that define a TinyGPT-V network: an image encoder, and the language network behind it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from lab.core.errors import ModelError
from lab.models.phi2.config import Phi2Config
from lab.models.quant import GROUP


@dataclass(frozen=True)
class VisionConfig:
    """A vision transformer (EVA-CLIP's ViT-g by default): the image in patches, and one row for all of it."""

    image_size: int = 448
    patch_size: int = 14
    hidden_size: int = 1408
    intermediate_size: int = 6144
    num_hidden_layers: int = 39
    num_attention_heads: int = 16
    layer_norm_eps: float = 1e-6
    last_norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        """Elements of a head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def rows(self) -> int:
        """Rows of the image: one for all of it, then a patch each."""
        return 1 + (self.image_size // self.patch_size) ** 2

    @property
    def columns(self) -> int:
        """Values of a patch (colour, row, column), with zeros up to a whole group of weights."""
        return -(-3 * self.patch_size**2 // GROUP) * GROUP


@dataclass(frozen=True)
class QFormerConfig:
    """A Q-Former (BERT-base by default): `queries` rows that look at the image in every second layer."""

    hidden_size: int = 768
    intermediate_size: int = 3072
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    queries: int = 32
    cross_attention_frequency: int = 2
    layer_norm_eps: float = 1e-12

    @property
    def head_dim(self) -> int:
        """Elements of a head."""
        return self.hidden_size // self.num_attention_heads

    def looks(self, layer: int) -> bool:
        """Whether a layer looks at the image."""
        return layer % self.cross_attention_frequency == 0


@dataclass(frozen=True)
class TinyGptVConfig(Phi2Config):
    """Phi-2 with LayerNorm of each head's queries and keys, and an RMSNorm of what attention adds to the stream.

    Its prompts begin with the `qformer.queries` rows that the encoder makes of an image; `bridge_size` is the width
    between the two products that bring them to the width of the stream.
    """

    family: ClassVar[str] = "tinygpt-v"

    vision: VisionConfig = field(default_factory=VisionConfig)
    qformer: QFormerConfig = field(default_factory=QFormerConfig)
    bridge_size: int = 4096
    attention_norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_key_value_heads != self.num_attention_heads:
            raise ModelError(
                f"num_key_value_heads is {self.num_key_value_heads}; TinyGPT-V has one for each query head"
            )
        for name, part in (("vision", self.vision), ("qformer", self.qformer)):
            _check_part(name, part)
        if self.vision.image_size % self.vision.patch_size:
            raise ModelError(
                f"vision.image_size {self.vision.image_size} is no multiple of its patch_size {self.vision.patch_size}"
            )

    @property
    def qk_norm(self) -> bool:
        """Whether each head's queries and keys are normalised."""
        return True

    @property
    def attention_norm(self) -> bool:
        """Whether what attention adds to the stream is normalised."""
        return True

    @property
    def parameters(self) -> int:
        """How many weights the network has, the image encoder's too."""
        return super().parameters + self._encoder_parameters

    @property
    def _encoder_parameters(self) -> int:
        vision, qformer, inner = self.vision, self.qformer, self.bridge_size
        stream = vision.hidden_size * (vision.columns + vision.rows + 2)
        queries = qformer.hidden_size * (qformer.queries + 2)
        looking = sum(qformer.looks(layer) for layer in range(qformer.num_hidden_layers))
        looks = looking * (_attention(qformer.hidden_size, vision.hidden_size) + 2 * qformer.hidden_size)
        bridge = inner * (qformer.hidden_size + 1) + self.hidden_size * (inner + 1)
        return stream + queries + _layers(vision) + _layers(qformer) + looks + bridge

    def cut(self, layers: int) -> TinyGptVConfig:
        """Return the network with the first `layers` layers of each of its three parts, where it has as many."""
        vision = replace(self.vision, num_hidden_layers=min(layers, self.vision.num_hidden_layers))
        qformer = replace(self.qformer, num_hidden_layers=min(layers, self.qformer.num_hidden_layers))
        return replace(self, num_hidden_layers=layers, vision=vision, qformer=qformer)


def _layers(part: VisionConfig | QFormerConfig) -> int:
    """Return the weights of its layers: attention to themselves, feed-forward, and a norm of each."""
    hidden, inner = part.hidden_size, part.intermediate_size
    return part.num_hidden_layers * (_attention(hidden, hidden) + 2 * inner * hidden + inner + hidden + 4 * hidden)


def _attention(hidden: int, other: int) -> int:
    """Return the weights of an attention to rows of `other` elements."""
    return 2 * hidden * (hidden + 1) + 2 * hidden * (other + 1)


def _check_part(name: str, part: VisionConfig | QFormerConfig) -> None:
    for key in ("hidden_size", "intermediate_size"):
        if getattr(part, key) % GROUP or getattr(part, key) < 1:
            raise ModelError(f"{name}.{key} is {getattr(part, key)}; the kernels need a multiple of {GROUP}")
    if part.hidden_size % part.num_attention_heads or part.head_dim % 2:
        raise ModelError(
            f"{name}.hidden_size {part.hidden_size} does not split into {part.num_attention_heads} heads of even size"
        )
