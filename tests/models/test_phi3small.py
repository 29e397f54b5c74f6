"""Phi-3-small: its config.json, its order of rows in checkpoints, and its logits in numpy and twice in torch."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lab.core.errors import ModelError
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest
from lab.models.catalog import custom
from lab.models.convert import convert
from lab.models.families import family_of, read_config
from lab.models.params import tensor_specs
from lab.models.phi3small.config import Phi3SmallConfig
from lab.models.phi3small.presets import PRESETS
from lab.models.phi3small.torch_network import Phi3SmallForCausalLM, gathered_attention, masked_attention
from lab.models.quant import SCHEMES
from lab.models.sources import open_folder
from lab.models.torch_reference import StoredWeights, reference_logits
from tests.models.oracle import rel_error

TINY = Phi3SmallConfig(
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    vocab_size=211,
    max_position_embeddings=256,
    original_max_position_embeddings=256,
    rope_theta=1e6,
    tie_word_embeddings=True,
    gegelu_limit=2.0,
    embedding_multiplier=10.0,
    attention_multiplier=1.0,
    width_multiplier=8.0,
    block_size=16,
    local_blocks=2,
    vert_stride=4,
)
LONG = replace(TINY, original_max_position_embeddings=16, rope_short_factor=(1.0,) * 8, rope_long_factor=(1.0, 2.0) * 4)
IDS = np.random.default_rng(3).integers(0, 211, 100).tolist()  # seven blocks, of which sparse heads leave some out

# As published; what is left out of it neither lab nor the published code reads.
PUBLISHED = """{
  "architectures": ["Phi3SmallForCausalLM"], "attention_bias": false, "attention_dropout_prob": 0.0,
  "blocksparse_block_size": 64, "blocksparse_homo_head_pattern": false, "blocksparse_num_local_blocks": 16,
  "blocksparse_triton_kernel_block_size": 64, "blocksparse_vert_stride": 8, "bos_token_id": 100257,
  "dense_attention_every_n_layers": 2, "eos_token_id": 100257, "ff_dim_multiplier": null,
  "ff_intermediate_size": 14336, "gegelu_limit": 20.0, "gegelu_pad_to_256": true, "hidden_act": "gegelu",
  "hidden_size": 4096, "layer_norm_epsilon": 1e-05, "max_position_embeddings": 8192, "model_type": "phi3small",
  "mup_attn_multiplier": 1.0, "mup_embedding_multiplier": 10.0, "mup_use_scaling": true, "mup_width_multiplier": 8.0,
  "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "pad_sequence_to_multiple_of_64": true,
  "reorder_and_upcast_attn": false, "rope_embedding_base": 1000000, "rope_position_scale": 1.0,
  "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 100352}"""


def network_of(config: Phi3SmallConfig) -> Phi3SmallForCausalLM:
    """The torch network, with weights large enough that attention and activations are far from linear."""
    torch.manual_seed(1)
    model = Phi3SmallForCausalLM(config).eval()
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(torch.randn(weights.shape) * (0.2 if weights.ndim == 2 else 0.3) + (weights.ndim == 1))
        model.lm_head.weight.copy_(model.model.embed_tokens.weight)
    return model


def folder_of(config: Phi3SmallConfig, model: Any, path: Path) -> Path:
    path.mkdir()
    (path / "config.json").write_text(json.dumps(family_of(config).document(config)))
    save_file({name: value.clone() for name, value in model.state_dict().items()}, path / "model.safetensors")
    return path


def torch_logits(model: Any, ids: list[int] = IDS) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(model(torch.tensor([ids])).logits[0].numpy())


def numpy_logits(config: Phi3SmallConfig, weights: dict[str, Any]) -> np.ndarray:
    family = family_of(config)
    embedded = weights[family.embedding][IDS]
    return family.logits(config, embedded, lambda name, x: x @ weights[name].T, lambda name: weights[name])


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        LONG,
        replace(TINY, one_pattern=True),
        replace(TINY, dense_every=None, attention_multiplier=None, gegelu_limit=None),
        replace(TINY, vert_stride=16, num_hidden_layers=1),  # more offsets than heads: neighbours are four apart
    ],
    ids=["published", "longrope", "one pattern", "all sparse", "wide stride"],
)
def test_logits_of_a_checkpoint_are_those_of_the_torch_network(config: Phi3SmallConfig, tmp_path: Path) -> None:
    theirs = network_of(config)
    source = open_folder(folder_of(config, theirs, tmp_path / "hf"), config)
    assert source.config == config
    weights = {
        one.hf_name: source.read_rows(one.hf_name, 0, one.shape[0])
        if len(one.shape) == 2
        else source.vector(one.hf_name)
        for one in tensor_specs(config)
    }
    want = torch_logits(theirs)[-1]
    assert rel_error(numpy_logits(config, weights), want) < 1e-5
    dense = replace(config, local_blocks=64)
    assert rel_error(numpy_logits(dense, weights), want) > 1e-3  # so the pattern is felt


def test_blocks_alone_give_what_all_scores_with_a_mask_give_beyond_1024_tokens() -> None:
    config = replace(TINY, block_size=64, local_blocks=16, vert_stride=8, num_attention_heads=4)
    q, k, v = torch.randn(3, 4, 1180, 16, generator=torch.manual_seed(5))
    masked = masked_attention(config, 0, 4 * q, 4 * k, v)
    assert rel_error(gathered_attention(config, 0, 4 * q, 4 * k, v).numpy(), masked.numpy()) < 1e-6
    dense = masked_attention(config, 1, 4 * q, 4 * k, v)
    assert torch.equal(masked[:, :1024], dense[:, :1024])
    changed = (masked - dense)[:, 1024:].abs().amax(dim=(1, 2))
    assert (changed > 1e-3).all()


def test_the_network_is_the_same_with_blocks_alone() -> None:
    model = network_of(TINY)
    want = torch_logits(model)
    model.model.layers[0].self_attn.attend = gathered_attention  # the second is dense
    assert rel_error(torch_logits(model), want) < 1e-5


def test_stored_weights_give_the_same_logits_to_torch(tmp_path: Path) -> None:
    theirs = network_of(TINY)
    source = open_folder(folder_of(TINY, theirs, tmp_path / "hf"), TINY)
    spec = custom(TINY, SCHEMES["f32"], "tiny-f32")
    folder = convert(spec, source, tmp_path, NullProgress())
    manifest = load_manifest(folder, "weights")
    stored = StoredWeights(spec, folder / "weights.bin", manifest.tensors)
    assert rel_error(reference_logits(spec, stored, IDS, NullProgress()), torch_logits(theirs)) < 1e-6
    assert manifest.verify.prompt_ids


def test_rows_of_a_checkpoint_are_put_in_order() -> None:
    family = family_of(TINY)
    order = family.row_order(TINY, "model.layers.1.self_attn.qkv_proj.bias")
    # Two groups of two queries, a key and a value, 16 rows each: all queries, then keys, then values.
    assert order is not None
    assert order.reshape(-1, 16)[:, 0].tolist() == [0, 16, 64, 80, 32, 96, 48, 112]
    order = family.row_order(TINY, "model.layers.1.mlp.gate_up_proj.weight")
    assert order is not None
    assert order[:3].tolist() + order[96:99].tolist() == [0, 2, 4, 1, 3, 5]
    assert family.row_order(TINY, "model.layers.1.mlp.down_proj.weight") is None


@pytest.mark.parametrize("config", [TINY, LONG, *(one.config for one in PRESETS.values())])
def test_a_config_is_read_back(config: Phi3SmallConfig) -> None:
    assert read_config(family_of(config).document(config)) == config


def test_the_preset_is_what_is_published() -> None:
    config = read_config(json.loads(PUBLISHED))
    assert config == PRESETS["phi3-small"].config
    assert isinstance(config, Phi3SmallConfig)
    assert [config.is_sparse(layer) for layer in range(4)] == [True, False, True, False]
    assert config.sparse_layers == 16
    assert config.attention_scale == 1 / 128
    with torch.device("meta"):
        theirs = Phi3SmallForCausalLM(config)
    tied = config.vocab_size * config.hidden_size
    assert config.parameters == sum(one.numel() for one in theirs.parameters()) - tied == 7_392_272_384


def test_the_magnitude_of_longrope_is_read() -> None:
    document = {**family_of(LONG).document(LONG)}
    document["rope_scaling"] = {**document["rope_scaling"], "type": "su", "short_mscale": 1.25, "long_mscale": 1.25}
    assert read_config(document).attention_scaling == 1.25
    assert LONG.attention_scaling == pytest.approx((1 + np.log(16) / np.log(16)) ** 0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_act": "silu"}, "there/config.json: hidden_act is 'silu'; only 'gegelu'"),
        ({"rope_position_scale": 2.0}, "there/config.json: rope_position_scale is 2.0; only 1.0"),
        ({"ff_dim_multiplier": 4}, "there/config.json: ff_dim_multiplier is 4; only None"),
        ({"ff_intermediate_size": None}, "there/config.json: ff_intermediate_size must be an integer"),
        ({"blocksparse_block_size": 24}, "there/config.json: blocksparse_block_size is 24; kernels skip whole pages"),
        ({"blocksparse_vert_stride": 0}, "there/config.json: blocksparse_vert_stride is 0"),
        ({"dense_attention_every_n_layers": -1}, "there/config.json: dense_attention_every_n_layers is -1"),
        (
            {"blocksparse_homo_head_pattern": 1},
            "there/config.json: blocksparse_homo_head_pattern must be true or false",
        ),
        ({"mup_width_multiplier": -8.0}, "there/config.json: mup_width_multiplier is -8.0"),
        ({"gegelu_limit": -1}, "there/config.json: gegelu_limit is -1"),
        ({"rope_scaling": {"type": "yarn"}}, "there/config.json: rope_scaling type 'yarn' is not supported"),
        ({"quantization_config": {"bits": 4}}, "there/config.json: quantization_config"),
    ],
)
def test_what_is_not_computed_is_refused_by_its_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=re.escape(message)):
        read_config({**json.loads(PUBLISHED), **changes}, where="there/config.json")


def test_factors_of_cos_and_sin_that_differ_are_refused() -> None:
    document = family_of(LONG).document(LONG)
    document["rope_scaling"] = {**document["rope_scaling"], "short_mscale": 1.0, "long_mscale": 1.2}
    with pytest.raises(ModelError, match=re.escape("rope_scaling.short_mscale is 1.0, long_mscale 1.2")):
        read_config(document)
