"""What a manifest.json under compiled/ says: the blocks and the four kinds of folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from lab.core.fields import LEFT_OUT, KeepsUnknown, Limits
from lab.formats.kinds import Bytes, Count, ModelLabel, Name, Positive, Sha256, UtcTime

SCHEMA = 1
ALIGNMENT_BYTES = 4096
MANIFEST_NAME = "manifest.json"
WEIGHTS_NAME = "weights.bin"
LIBRARY_NAME = "model.so"
GGUF_NAME = "model.gguf"

# fmt: off
DType = Literal[
    "int8", "uint8", "int16", "uint16", "float16", "bfloat16", "int32", "uint32", "float32",
    "int64", "uint64", "float64",
]
DTYPE_BYTES: dict[DType, int] = {
    "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2, "int32": 4, "uint32": 4,
    "float32": 4, "int64": 8, "uint64": 8, "float64": 8,
}
# fmt: on


@dataclass(frozen=True)
class SparseFacts(KeepsUnknown):
    """The block-sparse attention of `layers` layers with `heads` query heads: see `lab.models.sparse`."""

    layers: Positive
    heads: Positive
    block: Positive
    local: Positive
    stride: Positive
    head_step: Count


@dataclass(frozen=True)
class ImageFacts(KeepsUnknown):
    """What a model with an image encoder reads and makes: patches [rows, columns], `positions` of the context."""

    rows: Positive
    columns: Positive
    positions: Positive


@dataclass(frozen=True)
class ModelFacts(KeepsUnknown):
    """The model as far as it is known: a run that another program measured says less than a build of lab's."""

    id: Name
    label: ModelLabel
    preset: Name
    quant: Name
    layers: Positive | None
    layers_total: Positive | None
    parameters: Positive | None
    vocab_size: Positive | None
    hidden_size: Positive | None
    head_dim: Positive | None
    num_kv_heads: Positive | None
    context_max: Positive | None
    sliding_window: Positive | None
    kv_dtype: DType | None
    layer_weights: Positive | None = None
    head_weights: Positive | None = None
    sparse: SparseFacts | None = field(default=None, metadata=LEFT_OUT)
    labels: Positive | None = field(default=None, kw_only=True, metadata=LEFT_OUT)
    image: ImageFacts | None = field(default=None, kw_only=True, metadata=LEFT_OUT)
    attention_size: Positive | None = field(default=None, kw_only=True, metadata=LEFT_OUT)

    @property
    def image_positions(self) -> int:
        """Positions of the context that an image takes; 0 without an encoder."""
        return self.image.positions if self.image else 0


@dataclass(frozen=True)
class ModelBlock(ModelFacts):
    """The model: `layers` of its `layers_total` are there; `context_max` and `sliding_window` in tokens.

    `layer_weights` take part in a product for every token, `head_weights` once a forward pass; null in
    manifests of before they were counted. With `labels` it scores texts and makes no tokens.
    `attention_size` is all elements of a layer's query heads, where those are not `hidden_size`.
    """

    layers: Positive
    layers_total: Positive
    parameters: Positive
    vocab_size: Positive
    hidden_size: Positive
    head_dim: Positive
    num_kv_heads: Positive
    context_max: Positive
    kv_dtype: DType


@dataclass(frozen=True)
class AdapterFacts(KeepsUnknown):
    """A LoRA adapter that is merged into the weights: its folder's name, the digest of its files, its base's name."""

    name: str
    id: str
    base: str | None


@dataclass(frozen=True)
class WeightsFacts(KeepsUnknown):
    """Where the weights came from and how they lie, as far as it is known."""

    key: Sha256 | None
    source: Literal["synthetic", "huggingface", "mlc", "unknown"]
    source_id: str
    synthetic: bool
    layout: Name | None
    adapter: AdapterFacts | None = field(default=None, kw_only=True, metadata=LEFT_OUT)


@dataclass(frozen=True)
class WeightsBlock(WeightsFacts):
    """Where the weights came from and how they lie."""

    key: Sha256
    source: Literal["synthetic", "huggingface", "mlc"]
    layout: Name


@dataclass(frozen=True)
class TargetBlock(KeepsUnknown):
    """What was compiled for; `required_features` are named as in /proc/cpuinfo."""

    name: Name
    kind: str
    mtriple: str
    cpu: str
    isa: str
    features: tuple[str, ...]
    required_features: tuple[str, ...]


@dataclass(frozen=True)
class VersionsBlock(KeepsUnknown):
    """What compiled it; null where a backend does not have that part. `mlc` and `mlc_files` are of backend mlc only."""

    lab: str
    tvm: str | None
    tvm_ffi: str | None
    llvm: str | None
    kernels: str | None
    mlc: str | None = field(default=None, metadata=LEFT_OUT)
    mlc_files: str | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class FileEntry(KeepsUnknown):
    """One file of the folder, beside the manifest itself."""

    name: str
    size: Bytes
    sha256: Sha256


@dataclass(frozen=True)
class TensorEntry(KeepsUnknown):
    """Where one tensor lies in weights.bin, in bytes."""

    name: str
    dtype: DType
    shape: tuple[Positive, ...]
    offset: Bytes
    nbytes: Bytes


@dataclass(frozen=True)
class MemoryFacts(KeepsUnknown):
    """What the model takes on a device, as far as it is known."""

    weights_bytes: Bytes | None
    kv_bytes_per_token: Bytes | None
    workspace_bytes: Bytes | None


@dataclass(frozen=True)
class MemoryBlock(MemoryFacts):
    """What the model takes on a device; a workspace that nobody knows is null."""

    weights_bytes: Bytes
    kv_bytes_per_token: Bytes


@dataclass(frozen=True)
class DecodeProgram(KeepsUnknown):
    """One decode step as counted in a GPU's program: launches of kernels, and bytes moved without the KV cache."""

    launches: int | float | None = field(default=None, metadata=LEFT_OUT)
    bytes: int | float | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class VerifyBlock(KeepsUnknown):
    """Reference values: `logits` at `logit_ids`, at the last position of the prompt `prompt_ids`.

    In `kv_overflow_layers` the prompt's keys or values are larger than the KV cache's type holds; it clamps them.
    """

    prompt_ids: tuple[Count, ...]
    logit_ids: tuple[Count, ...]
    logits: tuple[float, ...]
    rel_error_max: Annotated[float, Limits(above=0)]
    kv_overflow_layers: tuple[Count, ...] = ()


@dataclass(frozen=True)
class WeightsManifest(KeepsUnknown):
    """A folder compiled/weights/<label>--<key12>/."""

    schema: int
    kind: Literal["weights"]
    key: Sha256
    created_at: UtcTime
    model: ModelBlock
    weights: WeightsBlock
    files: tuple[FileEntry, ...]
    tensors: tuple[TensorEntry, ...]
    memory: MemoryBlock
    decode_weight_bytes_per_token: Bytes
    verify: VerifyBlock


@dataclass(frozen=True)
class LibraryManifest(KeepsUnknown):
    """A folder compiled/lib/<target>--<label>--<key12>/."""

    schema: int
    kind: Literal["library"]
    key: Sha256
    created_at: UtcTime
    model: ModelBlock
    target: TargetBlock
    versions: VersionsBlock
    files: tuple[FileEntry, ...]
    options: dict[str, Any]


@dataclass(frozen=True)
class BundleManifest(KeepsUnknown):
    """A folder compiled/<target>--<label>--<key12>/: library and weights, ready for a device."""

    schema: int
    kind: Literal["bundle"]
    key: Sha256
    created_at: UtcTime
    model: ModelBlock
    weights: WeightsBlock
    target: TargetBlock
    versions: VersionsBlock
    files: tuple[FileEntry, ...]
    tensors: tuple[TensorEntry, ...]
    memory: MemoryBlock
    decode_weight_bytes_per_token: Bytes
    verify: VerifyBlock
    decode: DecodeProgram | None = field(default=None, metadata=LEFT_OUT)
    unverified_on_device: tuple[str, ...] | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class GgufManifest(KeepsUnknown):
    """A folder compiled/gguf/<label>--<key12>/: the model as llama.cpp reads it."""

    schema: int
    kind: Literal["gguf"]
    key: Sha256
    created_at: UtcTime
    model: ModelBlock
    weights: WeightsBlock
    files: tuple[FileEntry, ...]
    memory: MemoryBlock
    decode_weight_bytes_per_token: Bytes
    elements: Positive


Manifest = WeightsManifest | LibraryManifest | BundleManifest | GgufManifest
