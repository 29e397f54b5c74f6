"""The family of Phi-3-small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lab.models.decoder.family import DecoderFamily
from lab.models.family import Family, Preset
from lab.models.phi3small import hf
from lab.models.phi3small.config import Phi3SmallConfig
from lab.models.phi3small.presets import PRESETS
from lab.models.quant import F32

if TYPE_CHECKING:
    from lab.models.gguf_names import GgufNames

_STORED = {
    ".qkv_proj.": ".query_key_value.",
    ".o_proj.": ".dense.",
    ".gate_up_proj.": ".up_proj.",
    "model.norm.": "model.final_layernorm.",
}
_FINAL_NORM = "model.norm."


class Phi3Small(DecoderFamily[Phi3SmallConfig]):
    """A decoder with block-sparse attention."""

    name = Phi3SmallConfig.family
    title = "Phi-3-small"

    def presets(self) -> Mapping[str, Preset]:
        """Return the networks that are known by name."""
        return PRESETS

    def config_of(self, document: Mapping[str, Any], where: str) -> Phi3SmallConfig:
        """Return the numbers of a config.json."""
        return hf.config_of(document, where)

    def document(self, config: Phi3SmallConfig) -> dict[str, Any]:
        """Return `config` as a config.json."""
        return hf.document(config)

    def fused(self, config: Phi3SmallConfig) -> Mapping[str, Mapping[str, int]]:
        """Return no matrix: none is stored in parts."""
        return {}

    def stored_as(self, hf_name: str) -> str:
        """Return what checkpoints call the tensor."""
        for ours, theirs in _STORED.items():
            hf_name = hf_name.replace(ours, theirs)
        return hf_name

    def row_order(self, config: Phi3SmallConfig, hf_name: str) -> NDArray[np.int64] | None:
        """Return which row of the checkpoint's tensor each row of the network's is.

        A checkpoint has the query heads of a group, its key and its value, then the next group; and gates and ups in
        turns. The network has all queries, keys, values; all gates, then all ups.
        """
        if ".qkv_proj." in hf_name:
            return _heads_in_order(config)
        if ".gate_up_proj." in hf_name:
            return np.arange(config.up_rows).reshape(-1, 2).T.reshape(-1)
        return None

    def adjusted(self, config: Phi3SmallConfig, hf_name: str, vector: F32) -> F32:
        """Return the network's vector: of the final norm divided, so that logits need not be."""
        return vector / np.float32(config.width_multiplier) if hf_name.startswith(_FINAL_NORM) else vector

    def restored(self, config: Phi3SmallConfig, hf_name: str, vector: F32) -> F32:
        """Return the checkpoint's vector of the network's."""
        return vector * np.float32(config.width_multiplier) if hf_name.startswith(_FINAL_NORM) else vector

    def torch_network(self, config: Phi3SmallConfig) -> Any:
        """Return a network of lab's own in torch, without storage for its weights: transformers has none."""
        from lab.models.phi3small.torch_network import without_storage

        return without_storage(config)

    def torch_parts(self, model: Any) -> Iterator[tuple[str, Any]]:
        """Yield every module of it that holds weights, with the prefix of their names."""
        yield "model.embed_tokens.", model.model.embed_tokens
        for index, layer in enumerate(model.model.layers):
            yield f"model.layers.{index}.", layer
        yield "model.final_layernorm.", model.model.final_layernorm
        yield "lm_head.", model.lm_head

    def gguf(self) -> GgufNames | None:
        """Return None: llama.cpp has no such network."""
        return None


def _heads_in_order(config: Phi3SmallConfig) -> NDArray[np.int64]:
    groups, dim = config.num_key_value_heads, config.head_dim
    rows = np.arange(config.qkv_rows).reshape(groups, -1, dim)
    parts = (rows[:, :-2], rows[:, -2], rows[:, -1])
    return np.concatenate([part.reshape(-1) for part in parts])


PHI3_SMALL: Family[Phi3SmallConfig] = Phi3Small()
