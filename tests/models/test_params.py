from dataclasses import replace

import pytest

from lab.core.errors import ModelError
from lab.models import params
from lab.models.catalog import custom
from lab.models.phi3.presets import PRESETS
from lab.models.quant import SCHEMES
from tests.models import small

MINI = PRESETS["phi3-mini"].config


def test_the_order_and_names_of_a_quantised_model():
    specs = params.param_specs(replace(small.PLAIN, num_hidden_layers=1), SCHEMES["q4"])
    assert [spec.name for spec in specs] == [
        "model.embed_tokens.q_weight",
        "model.embed_tokens.q_scale",
        "model.layers.0.input_layernorm.weight",
        "model.layers.0.self_attn.qkv_proj.q_weight",
        "model.layers.0.self_attn.qkv_proj.q_scale",
        "model.layers.0.self_attn.o_proj.q_weight",
        "model.layers.0.self_attn.o_proj.q_scale",
        "model.layers.0.post_attention_layernorm.weight",
        "model.layers.0.mlp.gate_up_proj.q_weight",
        "model.layers.0.mlp.gate_up_proj.q_scale",
        "model.layers.0.mlp.down_proj.q_weight",
        "model.layers.0.mlp.down_proj.q_scale",
        "model.norm.weight",
        "lm_head.q_weight",
        "lm_head.q_scale",
    ]
    assert [spec.part for spec in specs[:3]] == ["q", "s", "w"]
    assert specs[1].hf_name == "model.embed_tokens.weight"


def test_a_float_model_has_one_tensor_a_matrix_and_float32_norms():
    specs = params.param_specs(small.PLAIN, SCHEMES["f16"])
    assert all(spec.part == "w" and spec.name == spec.hf_name for spec in specs)
    assert {spec.dtype for spec in specs if "norm" in spec.name} == {"float32"}
    assert {spec.dtype for spec in specs if "norm" not in spec.name} == {"float16"}


def test_a_tied_head_is_not_stored():
    names = [spec.hf_name for spec in params.param_specs(small.TIED, SCHEMES["q8"])]
    assert "lm_head.weight" not in names


def test_shapes_of_the_real_model():
    shapes = {spec.name: spec.shape for spec in params.param_specs(MINI, SCHEMES["q4"])}
    assert shapes["model.layers.31.self_attn.qkv_proj.q_weight"] == (576, 96, 4, 64)
    assert shapes["model.layers.31.self_attn.qkv_proj.q_scale"] == (576, 96, 16)
    assert shapes["model.layers.0.mlp.down_proj.q_weight"] == (192, 256, 4, 64)
    assert shapes["lm_head.q_weight"] == (2004, 96, 4, 64)
    assert shapes["model.norm.weight"] == (3072,)


def test_sizes_are_four_and_a_half_bits_a_weight():
    matrices = MINI.parameters - (2 * 32 + 1) * 3072
    norms = (2 * 32 + 1) * 3072
    assert params.weights_bytes(MINI, SCHEMES["q4"]) == matrices * 18 // 32 + norms * 4
    assert params.weights_bytes(MINI, SCHEMES["q8"]) == matrices * 34 // 32 + norms * 4
    assert params.weights_bytes(MINI, SCHEMES["f16"]) == matrices * 2 + norms * 4


def test_decoding_reads_everything_but_the_embedding_table():
    all_bytes = params.weights_bytes(MINI, SCHEMES["q4"])
    table = 32064 * 3072 * 18 // 32
    assert params.decode_weight_bytes(MINI, SCHEMES["q4"]) == all_bytes - table + 3072 * 18 // 32
    tied = params.decode_weight_bytes(small.TIED, SCHEMES["f32"])
    assert tied == params.weights_bytes(small.TIED, SCHEMES["f32"]) + small.TIED.hidden_size * 4


def test_kv_bytes_follow_the_kv_heads_and_the_cache_type():
    assert params.kv_bytes_per_token(MINI, SCHEMES["q4"]) == 2 * 32 * 32 * 96 * 2
    medium = PRESETS["phi3-medium"].config
    assert params.kv_bytes_per_token(medium, SCHEMES["f32"]) == 2 * 40 * 10 * 128 * 4


SIZES = [("hidden_size", 48), ("hidden_size", 80), ("hidden_size", 100)]
SIZES += [("intermediate_size", size) for size in (1, 33, 48, 100)]


@pytest.mark.parametrize(("name", "size"), SIZES)
@pytest.mark.parametrize("quant", list(SCHEMES))
def test_a_size_that_no_kernel_can_do_is_refused_before_anything_is_made(name, size, quant):
    config = replace(small.PLAIN, **{name: size}, num_attention_heads=1, num_key_value_heads=1)
    for refuse in (lambda: custom(config, SCHEMES[quant], "tiny"), lambda: params.param_specs(config, SCHEMES[quant])):
        with pytest.raises(ModelError, match=f"{name} is {size}; the kernels need a multiple of 32"):
            refuse()


def test_an_unknown_layout_is_refused():
    with pytest.raises(ModelError, match="unknown weight layout"):
        params.param_specs(small.PLAIN, SCHEMES["q4"], layout="k4n16")
