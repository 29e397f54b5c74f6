"""What a GGUF of a model holds: its tensors with their types, and its metadata."""

from __future__ import annotations

from dataclasses import dataclass

import gguf
from gguf import GGMLQuantizationType as Type

from lab.core.errors import WeightsError
from lab.models.catalog import ModelSpec
from lab.models.families import family_of
from lab.models.gguf_names import GgufNames, GgufTensor
from lab.models.params import tensor_specs


@dataclass(frozen=True)
class GgufType:
    """A type of matrices, and what llama.cpp calls a file of them; rows are multiples of `block` numbers."""

    type: Type
    file_type: gguf.LlamaFileType

    @property
    def name(self) -> str:
        """Its name in lower case: q4_0."""
        return str(self.type.name).lower()

    @property
    def block(self) -> int:
        """Numbers that share a scale, at the least."""
        return int(gguf.GGML_QUANT_SIZES[self.type][0])


# Scheme of ours -> the types of about its bits; the first is the one that is nearest.
TYPES = {
    "q4": (
        GgufType(Type.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
        GgufType(Type.IQ4_XS, gguf.LlamaFileType.MOSTLY_IQ4_XS),
    ),
    "q8": (GgufType(Type.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),),
    "f16": (GgufType(Type.F16, gguf.LlamaFileType.MOSTLY_F16),),
    "f32": (GgufType(Type.F32, gguf.LlamaFileType.ALL_F32),),
}


def gguf_names(spec: ModelSpec) -> GgufNames:
    """Return the names of the model's family; WeightsError where llama.cpp has no such network."""
    family = family_of(spec.config)
    names = family.gguf() if spec.config.labels is None else None
    if names is None:
        raise WeightsError(
            f"{spec.label}: llama.cpp has no {family.title} networks{_that_judge(spec)}",
            hint="leave llama.cpp out of --engine",
        )
    return names


def _that_judge(spec: ModelSpec) -> str:
    return "" if spec.config.labels is None else " that judge texts"


def gguf_types(spec: ModelSpec) -> tuple[GgufType, ...]:
    """Return the types that `spec` can be written in, the one of the same bits first."""
    columns = [one.shape[1] for one in tensor_specs(spec.config) if len(one.shape) == 2]
    first, *others = TYPES[spec.scheme.name]
    return first, *(one for one in others if all(k % one.block == 0 for k in columns))


def gguf_tensors(spec: ModelSpec, matrix: GgufType) -> list[GgufTensor]:
    """Return every tensor in the order of the file; matrices in that type, vectors in float32."""
    names = gguf_names(spec)
    weights = [
        GgufTensor(
            name,
            one.hf_name,
            one.shape if rows is None else (len(rows), *one.shape[1:]),
            matrix.type if len(one.shape) == 2 else Type.F32,
            rows=rows,
        )
        for one in tensor_specs(spec.config)
        for name, rows in names.pieces(spec.config, one.hf_name)
    ]
    return [*names.more_tensors(spec.config), *weights]


def describe(writer: gguf.GGUFWriter, spec: ModelSpec, matrix: GgufType) -> None:
    """Add the metadata of the file."""
    writer.add_name(spec.label)
    gguf_names(spec).describe(writer, spec.config)
    writer.add_file_type(matrix.file_type)
    writer.add_vocab_size(spec.config.vocab_size)
    writer.add_tokenizer_model("no_vocab")
