"""TinyGPT-V in torch without storage for its weights, of transformers' networks as far as they are the same."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import torch
import transformers
from torch import nn
from transformers.models.blip_2.modeling_blip_2 import Blip2QFormerModel
from transformers.models.instructblip.modeling_instructblip import InstructBlipVisionModel

from lab.models.phi2 import hf
from lab.models.tinygpt_v.config import TinyGptVConfig, VisionConfig
from lab.models.tinygpt_v.image import synthetic_image


def without_storage(config: TinyGptVConfig) -> Network:
    """Build the network with shapes only; its rotary tables, which are not parameters, are made for real."""
    with torch.device("meta"):
        network = Network(config)
    rotary = network.language.model.rotary_emb
    network.language.model.rotary_emb = type(rotary)(config=rotary.config)
    network.eval()
    return network


class Rows(nn.Module):  # type: ignore[misc]
    """Rows that are weights, which lie as one vector."""

    def __init__(self, rows: int, size: int) -> None:
        super().__init__()
        self.shape = (1, rows, size)
        self.weight = nn.Parameter(torch.empty(rows * size))

    def forward(self) -> torch.Tensor:
        """Return them as a batch of one."""
        return self.weight.view(self.shape)


class Embeddings(nn.Module):  # type: ignore[misc]
    """Patches [1, rows, columns] to the stream; the row for the whole image and the bias are in the positions."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.patches = nn.Linear(config.columns, config.hidden_size, bias=False)
        self.positions = Rows(config.rows, config.hidden_size)

    def forward(self, pixels: torch.Tensor, **_: Any) -> torch.Tensor:
        """Return the stream [1, rows, hidden]."""
        stream: torch.Tensor = self.positions() + self.patches(pixels)
        return stream


class Network(nn.Module):  # type: ignore[misc]
    """The three parts; a prompt begins with the made-up image."""

    def __init__(self, config: TinyGptVConfig) -> None:
        super().__init__()
        self.config = config
        self.vision_model = _vision_model(config.vision)
        self.query_tokens = Rows(config.qformer.queries, config.qformer.hidden_size)
        self.qformer = _qformer(config)
        widths = (config.qformer.hidden_size, config.bridge_size, config.hidden_size)
        self.bridge = nn.ModuleList([nn.Linear(widths[0], widths[1]), nn.Linear(widths[1], widths[2])])
        self.language = _language(config)

    def encode_image(self, pixels: torch.Tensor) -> torch.Tensor:
        """Patches [1, rows, columns] to what stands for them in a prompt [1, queries, hidden]."""
        image = self.vision_model.encoder(inputs_embeds=self.vision_model.embeddings(pixels)).last_hidden_state
        image = self.vision_model.post_layernorm(image)
        h = self.qformer(query_embeds=self.query_tokens(), encoder_hidden_states=image).last_hidden_state
        for linear in self.bridge:
            h = linear(h)
        encoded: torch.Tensor = h
        return encoded

    def forward(self, ids: torch.Tensor, **options: Any) -> SimpleNamespace:
        """Return `logits` [1, n, vocab] of the ids [1, n], which come after the image."""
        vision = self.config.vision
        image = self.encode_image(torch.from_numpy(synthetic_image(vision.rows, vision.columns))[None])
        embedded = torch.cat([image, self.language.model.embed_tokens(ids)], dim=1)
        logits = self.language(inputs_embeds=embedded, **options).logits
        return SimpleNamespace(logits=logits[:, image.shape[1] :])

    def parts(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield every module that holds weights and runs once, with the prefix of their names in lab's network."""
        model = self.language.model
        yield "vision_model.embeddings.patches.", self.vision_model.embeddings.patches
        yield "vision_model.embeddings.positions.", self.vision_model.embeddings.positions
        yield from _numbered("vision_model.encoder.layers", self.vision_model.encoder.layers)
        yield "vision_model.post_layernorm.", self.vision_model.post_layernorm
        yield "query_tokens.", self.query_tokens
        yield "qformer.layernorm.", self.qformer.layernorm
        yield from _numbered("qformer.encoder.layer", self.qformer.encoder.layer)
        yield from _numbered("bridge", self.bridge)
        yield "model.embed_tokens.", model.embed_tokens
        yield from _numbered("model.layers", model.layers)
        yield "model.final_layernorm.", model.final_layernorm
        yield "lm_head.", self.language.lm_head


def _numbered(name: str, modules: Any) -> Iterator[tuple[str, nn.Module]]:
    for index, module in enumerate(modules):
        yield f"{name}.{index}.", module


def _vision_model(config: VisionConfig) -> Any:
    theirs = transformers.InstructBlipVisionConfig(
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        image_size=config.image_size,
        patch_size=config.patch_size,
        layer_norm_eps=config.layer_norm_eps,
        hidden_act="gelu",
        qkv_bias=True,
        attn_implementation="eager",
    )
    model = InstructBlipVisionModel(theirs)
    model.embeddings = Embeddings(config)
    model.post_layernorm.eps = config.last_norm_eps
    return model


def _qformer(config: TinyGptVConfig) -> Any:
    qformer = config.qformer
    theirs = transformers.Blip2QFormerConfig(
        hidden_size=qformer.hidden_size,
        intermediate_size=qformer.intermediate_size,
        num_hidden_layers=qformer.num_hidden_layers,
        num_attention_heads=qformer.num_attention_heads,
        cross_attention_frequency=qformer.cross_attention_frequency,
        encoder_hidden_size=config.vision.hidden_size,
        layer_norm_eps=qformer.layer_norm_eps,
        hidden_act="gelu",
        attn_implementation="eager",
    )
    return Blip2QFormerModel(theirs)


def _language(config: TinyGptVConfig) -> Any:
    """transformers' Phi with the norms of TinyGPT-V: its own of queries and keys, and one more of attention."""
    fields = {**hf.document(config), "qk_layernorm": True}
    del fields["architectures"], fields["model_type"]  # what the class itself says
    no_tokens = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"))
    model = transformers.PhiForCausalLM(transformers.PhiConfig(**fields, **no_tokens, attn_implementation="eager"))
    for layer in model.model.layers:
        interleave(layer.self_attn, config)
        layer.post_layernorm = nn.RMSNorm(config.hidden_size, eps=config.attention_norm_eps)
        layer.self_attn.register_forward_hook(_normed(layer.post_layernorm))
    return model


def interleave(attention: Any, config: TinyGptVConfig) -> None:
    """Put one product in the place of three: query, key and value of one head, then of the next."""
    fused = nn.Linear(config.hidden_size, 3 * config.hidden_size)
    for place, name in enumerate(("q_proj", "k_proj", "v_proj")):
        setattr(attention, name, Picked(fused, config.num_attention_heads, place))
    attention.query_key_value = fused


class Picked(nn.Module):  # type: ignore[misc]
    """One of the three of each head, from a product that belongs to the attention."""

    def __init__(self, fused: nn.Linear, heads: int, place: int) -> None:
        super().__init__()
        self.of, self.heads, self.place = (fused,), heads, place  # a tuple, so that it is no module of this one too

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return [1, n, hidden]."""
        picked: torch.Tensor = self.of[0](x).unflatten(-1, (self.heads, 3, -1))[..., self.place, :]
        return picked.flatten(-2)


def _normed(norm: nn.Module) -> Any:
    def hook(_module: Any, _args: Any, output: tuple[Any, ...]) -> tuple[Any, ...]:
        return (norm(output[0]), *output[1:])

    return hook
