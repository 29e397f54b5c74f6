"""What families of the Llama kind have in common: one class that each of them extends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from lab.core.errors import ModelError
from lab.core.home import shown
from lab.formats.manifest import ImageFacts
from lab.models.decoder.config import DecoderConfig
from lab.models.decoder.reference import last_logits
from lab.models.decoder.tensors import EMBEDDING, HEAD, SCORE, decoder_tensors
from lab.models.family import MlcNames, Product, TensorSpec, Vector, changed
from lab.models.quant import F32, QuantScheme

C = TypeVar("C", bound=DecoderConfig)


class DecoderFamily(Generic[C]):
    """The network, its tensors and its references; names, presets and config.json are each family's own."""

    title: str
    embedding = EMBEDDING
    head = HEAD
    score = SCORE
    mlc: MlcNames | None = None

    def tensors(self, config: C) -> list[TensorSpec]:
        """Return every tensor in the order in which the network uses them; a tied head is left out."""
        return decoder_tensors(config)

    def fused(self, config: C) -> Mapping[str, Mapping[str, int]]:
        """Return the matrices that networks of the Llama kind store in parts, with the rows of each part."""
        query, key = config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim
        return {
            "qkv_proj": {"q_proj": query, "k_proj": key, "v_proj": key},
            "gate_up_proj": {"gate_proj": config.intermediate_size, "up_proj": config.intermediate_size},
        }

    def stored_as(self, hf_name: str) -> str:
        """Return what checkpoints, and transformers' network, call the tensor: the same."""
        return hf_name

    def row_order(self, config: C, hf_name: str) -> NDArray[np.int64] | None:
        """Return which row of the checkpoint's tensor each row of the network's is: the same."""
        return None

    def adjusted(self, config: C, hf_name: str, vector: F32) -> F32:
        """Return the network's vector of the checkpoint's: the same."""
        return vector

    def restored(self, config: C, hf_name: str, vector: F32) -> F32:
        """Return the checkpoint's vector of the network's: the same."""
        return vector

    def cut(self, config: C, layers: int) -> C:
        """Return the network with its first `layers` layers."""
        return changed(config, num_hidden_layers=layers)

    def image(self, config: C) -> ImageFacts | None:
        """Return what its image encoder reads and makes: it has none."""
        return None

    def pixels(self, config: C, file: Path) -> F32:
        """Refuse the image."""
        raise ModelError(f"{shown(file)}: {self.title} networks read no images", hint="leave --image out")

    def network(self, config: C, scheme: QuantScheme, ops: Any) -> Any:
        """Return the network as a Relax module, made of the operations `ops`."""
        from lab.models.decoder.network import CausalLM  # TVM takes seconds to import

        return CausalLM(config, scheme, ops)

    def logits(
        self, config: C, embedded: F32, product: Product, vector: Vector, kv_peaks: list[float] | None = None
    ) -> F32:
        """Return the logits [V], or the labels' scores, at the last of the embedded positions [T, H], in numpy."""
        head = self.embedding if config.tie_word_embeddings else self.head if config.labels is None else self.score
        return last_logits(config, embedded, product, vector, head, kv_peaks)

    def torch_network(self, config: C) -> Any:
        """Return transformers' own network without storage for its weights: that of `document`'s architecture."""
        from lab.models.decoder.torch_network import without_storage

        return without_storage(self.document(config))

    def document(self, config: C) -> dict[str, Any]:
        """Return `config` as a config.json of the transformers library."""
        raise NotImplementedError

    def torch_parts(self, model: Any) -> Iterator[tuple[str, Any]]:
        """Yield every module of transformers' network that holds weights, with the prefix of their names."""
        yield "model.embed_tokens.", model.model.embed_tokens
        for index, layer in enumerate(model.model.layers):
            yield f"model.layers.{index}.", layer
        yield "model.norm.", model.model.norm
        name = "score" if hasattr(model, "score") else "lm_head"
        yield f"{name}.", getattr(model, name)
