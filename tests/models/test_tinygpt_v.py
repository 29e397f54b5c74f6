"""TinyGPT-V: its numbers, its encoder in numpy against transformers' networks, its logits."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from transformers.models.instructblip.modeling_instructblip import InstructBlipVisionModel

from lab.core.errors import ModelError
from lab.models.catalog import custom
from lab.models.decoder.reference import gelu
from lab.models.families import family_of, read_config
from lab.models.params import tensor_specs
from lab.models.quant import F32, SCHEMES
from lab.models.sources import open_folder
from lab.models.sources.merged import with_adapter
from lab.models.tinygpt_v.config import QFormerConfig, TinyGptVConfig, VisionConfig
from lab.models.tinygpt_v.image import synthetic_image
from lab.models.tinygpt_v.presets import PRESETS
from lab.models.tinygpt_v.reference import Encoder
from lab.models.tinygpt_v.torch_network import Network
from tests.models.folders import whole
from tests.models.oracle import rel_error
from tests.models.test_phi2 import part_of

# A patch has 12 values and 20 zeros; heads of 40 and 16; a layer that looks at the image and one that does not.
VISION = VisionConfig(8, 2, 160, 192, 2, 4)
QFORMER = QFormerConfig(64, 96, 2, 4, 3)
TINY = TinyGptVConfig(
    160, 192, 2, 4, 4, 211, 128, 128, partial_rotary_factor=0.4, vision=VISION, qformer=QFORMER, bridge_size=128
)
IDS = [3, 141, 59, 26, 5, 35, 89, 79]


def weights_of(config: TinyGptVConfig, seed: int = 0) -> dict[str, F32]:
    """Weights large enough that attention and activations are far from linear."""
    rng = np.random.default_rng(seed)
    made = {}
    for one in tensor_specs(config):
        values = rng.standard_normal(one.shape).astype(np.float32)
        made[one.hf_name] = values * np.float32(0.15) if len(one.shape) == 2 else 1 + 0.3 * values
    return made


def torch_of(config: TinyGptVConfig, weights: dict[str, F32]) -> Network:
    """The network of torch, with these weights."""
    network, family = Network(config).eval(), family_of(config)
    stored = {family.stored_as(name): as_stored(config, name, value) for name, value in weights.items()}
    rows = {**family.fused(config)}
    with torch.no_grad():
        for prefix, module in network.parts():
            for name, parameter in module.named_parameters():
                parameter.copy_(torch.from_numpy(np.array(part_of(stored, rows, prefix + name))))
    return network


def as_stored(config: TinyGptVConfig, name: str, values: F32) -> F32:
    """The tensor with its rows as a checkpoint has them, written out: of queries, keys and values head by head."""
    if ".self_attn.qkv_proj." not in name:
        return values
    parts = np.split(values, 3)
    heads = [np.split(part, config.num_attention_heads) for part in parts]
    return np.concatenate([heads[part][head] for head in range(config.num_attention_heads) for part in range(3)])


def test_a_checkpoint_of_the_published_order_and_its_adapter(tmp_path: Path) -> None:
    """A folder with query, key and value head by head, and a LoRA of query_key_value and dense as it was trained."""
    weights, family = weights_of(TINY), family_of(TINY)
    stored = {family.stored_as(name): as_stored(TINY, name, value) for name, value in weights.items()}
    (tmp_path / "config.json").write_text(json.dumps(family.document(TINY)))
    save_file({name: np.ascontiguousarray(value) for name, value in stored.items()}, tmp_path / "model.safetensors")
    source = open_folder(tmp_path, TINY)
    for one in tensor_specs(TINY):
        np.testing.assert_array_equal(whole(source, one.hf_name, one.shape), weights[one.hf_name])

    lora, rng = tmp_path / "lora", np.random.default_rng(5)
    lora.mkdir()
    targets = {"query_key_value": 480, "dense": 160}
    adapter = {
        f"base_model.model.model.layers.{layer}.self_attn.{module}.lora_{side}.weight": rng.standard_normal(
            (4, 160) if side == "A" else (rows, 4)
        ).astype(np.float32)
        for layer in range(2)
        for module, rows in targets.items()
        for side in "AB"
    }
    save_file(adapter, lora / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 1, "target_modules": list(targets), "bias": "none"}
    (lora / "adapter_config.json").write_text(json.dumps({**config, "task_type": "CAUSAL_LM"}))
    merged = with_adapter(source, lora, custom(TINY, SCHEMES["f32"], "tiny-f32"))
    base = "base_model.model.model.layers.1.self_attn.query_key_value"
    update = adapter[f"{base}.lora_B.weight"] @ adapter[f"{base}.lora_A.weight"] / 4
    name = "model.layers.1.self_attn.qkv_proj.weight"
    got = as_stored(TINY, name, merged.read_rows(name, 0, 480))
    np.testing.assert_allclose(got, as_stored(TINY, name, weights[name]) + update, atol=1e-5)


def test_the_encoder_is_that_of_transformers() -> None:
    weights, asked = weights_of(TINY), []

    def product(name: str, x: F32) -> F32:
        asked.append(name)
        return x @ weights[name].T

    def vector(name: str) -> F32:
        asked.append(name)
        return weights[name]

    pixels = np.random.default_rng(1).standard_normal((VISION.rows, VISION.columns)).astype(np.float32)
    got = Encoder(TINY, product, vector).run(pixels)
    with torch.no_grad():
        want = torch_of(TINY, weights).encode_image(torch.from_numpy(pixels)[None])[0].numpy()
    assert got.shape == (QFORMER.queries, TINY.hidden_size)
    assert rel_error(got, want) < 1e-5
    assert asked == [name for name in weights if not name.startswith(("model.", "lm_head."))]  # each once, in order


def test_folded_patches_and_positions_are_transformers_convolution_and_embeddings() -> None:
    torch.manual_seed(0)
    ours = Network(TINY).eval()
    theirs = InstructBlipVisionModel(ours.vision_model.config).eval()
    image = torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        theirs.post_layernorm.eps = VISION.last_norm_eps
        own, embedded = theirs.embeddings, ours.vision_model.embeddings
        ours.vision_model.encoder.load_state_dict(theirs.encoder.state_dict())
        ours.vision_model.post_layernorm.load_state_dict(theirs.post_layernorm.state_dict())
        flat = own.patch_embedding.weight.flatten(1)
        embedded.patches.weight.copy_(torch.nn.functional.pad(flat, (0, VISION.columns - flat.shape[1])))
        bias = own.patch_embedding.bias.expand(1, VISION.rows - 1, -1)
        positions = own.position_embedding + torch.cat([own.class_embedding, bias], dim=1)
        embedded.positions.weight.copy_(positions.flatten())
        want = theirs(image).last_hidden_state
        patches = torch.nn.functional.unfold(image, 2, stride=2).transpose(1, 2)  # [1, patches, colour x row x column]
        pixels = torch.nn.functional.pad(patches, (0, VISION.columns - patches.shape[2], 1, 0))
        hidden = ours.vision_model.encoder(inputs_embeds=embedded(pixels)).last_hidden_state
        got = ours.vision_model.post_layernorm(hidden)
    assert rel_error(got.numpy(), want.numpy()) < 1e-6


def test_logits_after_an_image_are_those_of_torch() -> None:
    weights, family = weights_of(TINY), family_of(TINY)
    got = family.logits(TINY, weights[family.embedding][IDS], lambda n, x: x @ weights[n].T, weights.__getitem__)
    with torch.no_grad():
        want = torch_of(TINY, weights)(torch.tensor([IDS])).logits[0, -1].numpy()
    assert rel_error(got, want) < 1e-5


@pytest.mark.parametrize("norm", ["q_layernorm", "k_layernorm", "post_layernorm"])
def test_the_norms_it_adds_change_the_logits(norm: str) -> None:
    family, weights = family_of(TINY), weights_of(TINY)
    other = {name: np.flip(value) if f".{norm}.weight" in name else value for name, value in weights.items()}
    one, two = (
        family.logits(TINY, w[family.embedding][IDS], lambda n, x, w=w: x @ w[n].T, w.__getitem__)
        for w in (weights, other)
    )
    assert rel_error(one, two) > 1e-3


def test_gelu_is_within_1e_7_of_its_definition() -> None:
    x = np.concatenate([np.linspace(-12, 12, 4001), [0.0, -1e30, 1e30]]).astype(np.float32)
    want = np.array([v / 2 * math.erfc(-v / math.sqrt(2)) for v in x.astype(np.float64)])
    assert np.abs(gelu(x) - want)[np.abs(x) < 20].max() < 1e-6
    assert gelu(x)[-2:].tolist() == [0.0, np.float32(1e30)]


def test_the_made_up_image_is_in_the_range_of_pixels() -> None:
    image = synthetic_image(5, 32)
    assert (image[0] == 0).all()
    assert (np.abs(image) <= 2).all()
    assert 0.9 < image[1:].std() < 1.4
    assert image[1, :3].tolist() == [1.533243179321289, -0.27388811111450195, -1.8942649364471436]


def test_the_preset_is_tinygpt_v() -> None:
    config: Any = PRESETS["tinygpt-v"].config
    assert (config.vision.rows, config.vision.head_dim, config.vision.columns) == (1025, 88, 608)
    with torch.device("meta"):
        theirs = Network(config)
    ours = sum(math.prod(one.shape) for one in tensor_specs(config))
    assert ours == sum(one.numel() for one in theirs.parameters()) == config.parameters


def test_layers_are_cut_of_every_part() -> None:
    cut: Any = custom(TINY, SCHEMES["q4"], "tiny-q4", layers=1).config
    assert (cut.num_hidden_layers, cut.vision.num_hidden_layers, cut.qformer.num_hidden_layers) == (1, 1, 1)
    whole: Any = custom(PRESETS["tinygpt-v"].config, SCHEMES["q4"], "whole-q4", layers=20).config
    assert (whole.num_hidden_layers, whole.vision.num_hidden_layers, whole.qformer.num_hidden_layers) == (20, 20, 12)


@pytest.mark.parametrize("config", [TINY, PRESETS["tinygpt-v"].config])
def test_a_config_is_read_back(config: Any) -> None:
    assert read_config(family_of(config).document(config)) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vision_config": {"depth": 3}}, "there/config.json: vision_config.depth is not known"),
        ({"vision_config": 3}, "there/config.json: vision_config must be an object"),
        ({"vision_config": {"image_size": 449}}, "there/config.json: vision.image_size 449 is no multiple of"),
        ({"qformer_config": {"queries": 0}}, "there/config.json: qformer_config: queries is 0"),
        ({"qformer_config": {"hidden_size": 100}}, "there/config.json: qformer.hidden_size is 100; the kernels"),
        ({"qformer_config": {"num_attention_heads": 7}}, "there/config.json: qformer.hidden_size 64 does not split"),
        ({"qk_layernorm": False}, "there/config.json: qk_layernorm is False"),
        ({"num_key_value_heads": 2}, "there/config.json: num_key_value_heads is 2; TinyGPT-V has one for each"),
        ({"bridge_size": "4096"}, "there/config.json: bridge_size must be an integer"),
        ({"hidden_act": "silu"}, "there/config.json: hidden_act is 'silu'"),
    ],
)
def test_what_it_does_not_compute_is_refused_by_its_key(changes: dict[str, Any], message: str) -> None:
    document = family_of(TINY).document(TINY)
    for key, value in changes.items():
        document[key] = {**document[key], **value} if isinstance(value, dict) else value
    with pytest.raises(ModelError, match=f"^{re.escape(message)}"):
        read_config(document, "there/config.json")
