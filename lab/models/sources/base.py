"""What conversion reads weights from."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from lab.formats.manifest import AdapterFacts
from lab.models.family import Sizes
from lab.models.quant import F16, F32, I8

SourceKind = Literal["synthetic", "huggingface", "mlc"]


class WeightSource(Protocol):
    """The tensors of one network, by their Hugging Face names, read in slices of rows.

    `source_id` tells apart any two sources whose tensors differ. Every method may be called from several
    threads at once; reading raises WeightsError that names tensor and file.
    """

    @property
    def config(self) -> Sizes:
        """The network that the weights belong to."""

    @property
    def kind(self) -> SourceKind:
        """What sort of source it is."""

    @property
    def source_id(self) -> str:
        """Which source it is: "seed 0", "sha256:..."."""

    @property
    def adapter(self) -> AdapterFacts | None:
        """The LoRA adapter that is merged into them."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user is to be told of the source: contradictions in it, and how they were decided."""

    def tensor_names(self) -> list[str]:
        """Return the names of all tensors that can be read."""

    def read_rows(self, hf_name: str, start: int, stop: int) -> F32:
        """Return rows start..stop of a matrix as float32 [stop - start, K]."""

    def vector(self, hf_name: str) -> F32:
        """Return a norm's weights or a bias as float32 [H]."""


def parts_of_key(source: WeightSource) -> list[str]:
    """Return what a key holds of a source: two of which these are equal have equal tensors."""
    return [source.kind, source.source_id, *([source.adapter.id] if source.adapter else [])]


@runtime_checkable
class QuantisedSource(Protocol):
    """A source whose matrices are already quantised with `scheme_name`, and can be passed on untouched."""

    @property
    def scheme_name(self) -> str:
        """The quantisation scheme that the stored values fit."""

    def read_quantised(self, hf_name: str, start: int, stop: int) -> tuple[I8, F16]:
        """Return integers [rows, K] and scales [rows, K/group] of rows start..stop."""
