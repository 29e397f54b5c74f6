"""What MLC-LLM calls the tensors of a Phi-3, and in which order it has them: its `model/phi3`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.models.phi3.config import Phi3Config

_RENAMED = (
    ("model.embed_tokens", "transformer.embd"),
    ("model.norm", "transformer.norm"),
    ("model.layers.", "transformer.h."),
    (".input_layernorm", ".ln"),
    (".self_attn.qkv_proj", ".mixer.qkv_proj"),
    (".self_attn.o_proj", ".mixer.out_proj"),
)


class Phi3MlcNames:
    """MLC-LLM's names of a Phi-3."""

    def param_name(self, hf_name: str, suffix: str) -> str:
        """Return what MLC-LLM calls the tensor; `suffix` is "weight", "q_weight" or "q_scale"."""
        name = hf_name.removesuffix("weight")
        for old, new in _RENAMED:
            name = name.replace(old, new, 1)
        return name + suffix

    def ordered(self, hf_names: Iterable[str]) -> Iterator[str]:
        """Yield the names in MLC-LLM's order: the second norm of a layer comes after its MLP."""
        norm = ""
        for name in hf_names:
            if name.endswith(".post_attention_layernorm.weight"):
                norm = name
                continue
            yield name
            if name.endswith(".mlp.down_proj.weight"):
                yield norm

    def differences(self, config: Phi3Config) -> list[str]:
        """Return what MLC-LLM computes otherwise."""
        if config.attention_window is None:
            return []
        window = config.attention_window
        return [f"mlc_llm has no sliding window for Phi-3: past {window} tokens it attends to all of them"]


NAMES = Phi3MlcNames()
