"""The family of TinyGPT-V."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.core.errors import LabError
from lab.core.home import shown
from lab.formats.manifest import ImageFacts
from lab.models.decoder.family import DecoderFamily
from lab.models.decoder.tensors import decoder_tensors
from lab.models.family import Family, Preset, Product, TensorSpec, Vector
from lab.models.phi2.family import PHI2
from lab.models.quant import F32, QuantScheme
from lab.models.tinygpt_v import hf
from lab.models.tinygpt_v.config import TinyGptVConfig
from lab.models.tinygpt_v.image import synthetic_image
from lab.models.tinygpt_v.presets import PRESETS
from lab.models.tinygpt_v.reference import Encoder
from lab.models.tinygpt_v.tensors import encoder_tensors

_QKV = ".self_attn.qkv_proj."


class TinyGptV(DecoderFamily[TinyGptVConfig]):
    """A Phi-2 behind an image encoder."""

    name = TinyGptVConfig.family
    title = "TinyGPT-V"

    def presets(self) -> Mapping[str, Preset]:
        """Return the networks that are known by name."""
        return PRESETS

    def config_of(self, document: Mapping[str, Any], where: str) -> TinyGptVConfig:
        """Return the numbers of a config.json."""
        return hf.config_of(document, where)

    def document(self, config: TinyGptVConfig) -> dict[str, Any]:
        """Return `config` as a config.json."""
        return hf.document(config)

    def cut(self, config: TinyGptVConfig, layers: int) -> TinyGptVConfig:
        """Return the network with the first `layers` layers of each of its three parts."""
        return config.cut(layers)

    def stored_as(self, hf_name: str) -> str:
        """Return what checkpoints call the tensor."""
        return PHI2.stored_as(hf_name).replace(_QKV, ".self_attn.query_key_value.")

    def row_order(self, config: TinyGptVConfig, hf_name: str) -> NDArray[np.int64] | None:
        """Return which row of the checkpoint's tensor each row of the network's is.

        A checkpoint of the language network has query, key and value of one head after the other.
        """
        if _QKV not in hf_name:
            return None
        rows = np.arange(config.qkv_rows).reshape(config.num_attention_heads, 3, config.head_dim)
        return rows.transpose(1, 0, 2).reshape(-1)

    def fused(self, config: TinyGptVConfig) -> Mapping[str, Mapping[str, int]]:
        """Return the matrices that may be stored in parts, with the rows of each part."""
        rows = config.qformer.hidden_size
        return {
            "query_key_value": {"query": rows, "key": rows, "value": rows},
            "key_value": {"key": rows, "value": rows},
        }

    def tensors(self, config: TinyGptVConfig) -> list[TensorSpec]:
        """Return every tensor in the order in which the network uses them: the encoder's first."""
        encoder = [replace(one, each_token=False) for one in encoder_tensors(config)]
        return [*encoder, *decoder_tensors(config)]

    def image(self, config: TinyGptVConfig) -> ImageFacts:
        """Return what its image encoder reads and makes."""
        return ImageFacts(config.vision.rows, config.vision.columns, config.qformer.queries)

    def pixels(self, config: TinyGptVConfig, file: Path) -> F32:
        """Return the patches [rows, columns] of an image file; ModelError where it is none."""
        try:
            from lab.models.tinygpt_v.image_file import read_image  # Pillow is needed for files alone
        except ImportError as problem:
            raise LabError(
                f"{shown(file)}: reading an image needs the package pillow: {problem}",
                hint="pip install pillow; in a checkout of lab: pip install -e '.[image]'",
            ) from problem
        return read_image(file, config.vision)

    def network(self, config: TinyGptVConfig, scheme: QuantScheme, ops: Any) -> Any:
        """Return the network as a Relax module, made of the operations `ops`."""
        from lab.models.tinygpt_v.network import TinyGptV as Network  # TVM takes seconds to import

        return Network(config, scheme, ops)

    def logits(
        self,
        config: TinyGptVConfig,
        embedded: F32,
        product: Product,
        vector: Vector,
        kv_peaks: list[float] | None = None,
    ) -> F32:
        """Return the logits [V] at the last of the embedded positions [T, H], after the made-up image."""
        pixels = synthetic_image(config.vision.rows, config.vision.columns)
        image = Encoder(config, product, vector).run(pixels)
        return super().logits(config, np.concatenate([image, embedded]), product, vector, kv_peaks)

    def torch_network(self, config: TinyGptVConfig) -> Any:
        """Return the network in torch without storage for its weights; its prompts begin with the made-up image."""
        from lab.models.tinygpt_v.torch_network import without_storage

        return without_storage(config)

    def torch_parts(self, model: Any) -> Iterator[tuple[str, Any]]:
        """Yield every module that holds weights, with the prefix of their names."""
        yield from model.parts()

    def gguf(self) -> None:
        """llama.cpp has no such network."""


TINYGPT_V: Family[TinyGptVConfig] = TinyGptV()
