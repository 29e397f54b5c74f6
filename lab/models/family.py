"""What a family of networks gives. Everything outside its folder asks it, and names no family.

`lab.models.families` is the table of them; docs/adding-a-family.md walks through one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar, cast

from lab.models.quant import F32, QuantScheme

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from lab.formats.manifest import ImageFacts
    from lab.models.gguf_names import GgufNames
    from lab.models.sparse import SparsePattern

NormKind = Literal["rms", "layer"]
"""RMSNorm, or LayerNorm with weight and bias."""
LATER = "later"


def later(default: Any) -> Any:
    """Return a configuration's field that came after others were digested: at its default, digests do without it."""
    return field(default=default, metadata={LATER: True})


Product = Callable[[str, F32], F32]
"""Given a matrix's name [N, K] and x [T, K], returns x @ W^T [T, N]."""
Vector = Callable[[str], F32]
"""Given the name of a norm's weights or of a bias, returns it [H]."""


class Sizes(Protocol):
    """What kernels, roofs and memory need to know of a network; its configuration, a frozen dataclass, has these.

    Sizes are in elements, positions in tokens. `family` is the family's row in the table.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    family: ClassVar[str]

    @property
    def hidden_size(self) -> int:
        """Elements of the residual stream."""

    @property
    def intermediate_size(self) -> int:
        """Elements between the two products of a feed-forward block."""

    @property
    def num_hidden_layers(self) -> int:
        """Layers."""

    @property
    def num_attention_heads(self) -> int:
        """Query heads of a layer."""

    @property
    def num_key_value_heads(self) -> int:
        """Key heads of a layer, and value heads."""

    @property
    def head_dim(self) -> int:
        """Elements of a head."""

    @property
    def rotary_dim(self) -> int:
        """Elements of a head that are rotated, its first ones."""

    @property
    def attention_scale(self) -> float:
        """What products of queries and keys are multiplied by."""

    @property
    def vocab_size(self) -> int:
        """Tokens that there are: rows of the embedding table and of the head."""

    @property
    def labels(self) -> int | None:
        """How many scores it gives a text, where it judges texts and makes no tokens; else None."""

    @property
    def head_rows(self) -> int:
        """Rows of the head: a score for each label, or a logit for each token."""

    @property
    def tie_word_embeddings(self) -> bool:
        """Whether the embedding table is the head too."""

    @property
    def max_position_embeddings(self) -> int:
        """The longest context."""

    @property
    def original_max_position_embeddings(self) -> int:
        """The longest context that `rope_short_factor` is for."""

    @property
    def attention_window(self) -> int | None:
        """How many keys a query sees, itself included; None where it sees all."""

    @property
    def sparse_pattern(self) -> SparsePattern | None:
        """Which blocks of keys the sparse layers see; None where there are none."""

    @property
    def sparse_layers(self) -> int:
        """How many layers are sparse."""

    @property
    def rope_theta(self) -> float:
        """The base of the rotary frequencies."""

    @property
    def rope_short_factor(self) -> tuple[float, ...] | None:
        """Divisors of the rotary frequencies [rotary_dim / 2], None without any."""

    @property
    def rope_long_factor(self) -> tuple[float, ...] | None:
        """The same for contexts beyond `original_max_position_embeddings`."""

    @property
    def attention_scaling(self) -> float:
        """What cos and sin of the rotation are multiplied by."""

    @property
    def parameters(self) -> int:
        """How many weights the network has (a tied head counts once)."""

    @property
    def layer_weights(self) -> int:
        """How many weights are multiplied with the activations of every token: the matrices of all layers."""

    @property
    def head_weights(self) -> int:
        """How many weights make the logits of one position."""


C = TypeVar("C", bound=Sizes)


def changed(config: C, **fields: Any) -> C:
    """Return the configuration with other values of those fields, checked as it was."""
    return cast(C, replace(cast(Any, config), **fields))


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of the network; `shape` is (N, K) of a matrix or (H,) of a norm's weights or of a bias.

    `hf_name` is what the family calls it, which is Hugging Face's name except for matrices that are fused.
    """

    hf_name: str
    shape: tuple[int, ...]
    each_token: bool = True


COPIES = "checked against copies of that file in public repositories"
"""What the source of a preset adds where its config.json was."""


@dataclass(frozen=True)
class Preset:
    """A network and where its numbers come from; `problem` says what is wrong with it, if anything."""

    name: str
    config: Sizes
    source: str
    problem: str | None = None


class MlcNames(Protocol):
    """How MLC-LLM calls and orders a family's tensors, for layout "mlc" and for folders in its format."""

    def param_name(self, hf_name: str, suffix: str) -> str:
        """Return what MLC-LLM calls the tensor; `suffix` is "weight", "q_weight", "q_scale" or "bias"."""

    def ordered(self, hf_names: list[str]) -> Iterator[str]:
        """Yield the names, which come in the network's order, in MLC-LLM's."""

    def differences(self, config: Any) -> list[str]:
        """Return what MLC-LLM computes otherwise than the network of `config`, a sentence each."""


class Family(Protocol[C]):
    """A family of networks, with configurations of type C.

    `name` is its row in the table and `model_type` in config.json, `title` what messages call it. `embedding` and
    `head` name those two matrices, `score` the head where there are labels. `mlc` is None where MLC-LLM has no such
    network.
    """

    name: str
    title: str
    embedding: str
    head: str
    score: str
    mlc: MlcNames | None

    def presets(self) -> Mapping[str, Preset]:
        """Return the networks that are known by name, in the order of `lab models`."""

    def config_of(self, document: Mapping[str, Any], where: str) -> C:
        """Return the numbers of a config.json; ModelError names `where` and the key that is missing or not known."""

    def document(self, config: C) -> dict[str, Any]:
        """Return `config` as a config.json of the transformers library."""

    def tensors(self, config: C) -> list[TensorSpec]:
        """Return every tensor in the order in which the network uses them; a tied head is left out."""

    def fused(self, config: C) -> Mapping[str, Mapping[str, int]]:
        """Return which matrices checkpoints may store in parts, rows after rows, with the rows of each part.

        By a part of their names: {"gate_up_proj": {"gate_proj": 8192, "up_proj": 8192}}. Biases go the same way.
        """

    def stored_as(self, hf_name: str) -> str:
        """Return what checkpoints, and transformers' network, call the tensor `hf_name` of `tensors`."""

    def row_order(self, config: C, hf_name: str) -> NDArray[np.int64] | None:
        """Return which row of the checkpoint's tensor each row of the network's is; None where they are the same.

        Of matrices and vectors [N]; of what checkpoints store in parts, of the parts one after the other.
        """

    def adjusted(self, config: C, hf_name: str, vector: F32) -> F32:
        """Return the network's vector of the checkpoint's, in the network's order: with factors and terms folded in."""

    def restored(self, config: C, hf_name: str, vector: F32) -> F32:
        """Return the checkpoint's vector of the network's: the inverse of `adjusted`."""

    def cut(self, config: C, layers: int) -> C:
        """Return the network with its first `layers` layers; of one in parts, of each part."""

    def image(self, config: C) -> ImageFacts | None:
        """Return what its image encoder reads and makes; None without one."""

    def pixels(self, config: C, file: Path) -> F32:
        """Return the patches [rows, columns] of an image file; ModelError where it is none, or nothing reads it."""

    def network(self, config: C, scheme: QuantScheme, ops: Any) -> Any:
        """Return the network as a Relax module with `export_tvm` and `spec`, made of the operations `ops`."""

    def logits(
        self, config: C, embedded: F32, product: Product, vector: Vector, kv_peaks: list[float] | None = None
    ) -> F32:
        """Return the logits at the last of the embedded positions [T, H], in numpy: what builds are held to.

        One for each row of the head: [V], or the scores of the labels.

        `product` and `vector` are called once for each tensor, in the order of `tensors`, and the product with the
        head last (with the embedding table when tied). `kv_peaks` gets each layer's largest key or value.
        """

    def torch_network(self, config: C) -> Any:
        """Return transformers' own network without storage for its weights; LabError where it can't be had."""

    def torch_parts(self, model: Any) -> Iterator[tuple[str, Any]]:
        """Yield every module of it that holds weights and runs once, with the prefix of their names."""

    def gguf(self) -> GgufNames | None:
        """Return the names in a GGUF; None where llama.cpp has no such network."""
