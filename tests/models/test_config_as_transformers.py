"""config.json is read as transformers reads it, or refused by the key: rotary tables, window, epsilon, heads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lab.compile.kv_cache import inverse_frequencies, longrope_limit
from lab.core.errors import ModelError
from lab.models.phi3 import hf
from lab.models.phi3.config import Phi3Config

ABSENT = object()
HALF = 16  # of a head of 32
SHORT, LONG = [1.0 + 0.01 * i for i in range(HALF)], [1.5 + 0.3 * i for i in range(HALF)]
LONGROPE: dict[str, Any] = {"type": "longrope", "short_factor": SHORT, "long_factor": LONG}
STRETCHED = {"max_position_embeddings": 2048, "original_max_position_embeddings": 64}
LENGTHS = (8, 64, 65, 100, 5000)

Document = dict[str, Any]


def document(**changes: Any) -> Document:
    plain = {
        "architectures": ["Phi3ForCausalLM"],
        "model_type": "phi3",
        "hidden_act": "silu",
        "hidden_size": 128,
        "intermediate_size": 192,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "vocab_size": 320,
        "max_position_embeddings": 1024,
        "original_max_position_embeddings": 1024,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "sliding_window": None,
        "tie_word_embeddings": False,
        "rope_scaling": None,
        "torch_dtype": "float32",
        "pad_token_id": 0,
    }
    return {key: value for key, value in {**plain, **changes}.items() if value is not ABSENT}


def nested(**values: Any) -> Document:
    """Rotary settings as transformers 5 writes them."""
    return {"rope_scaling": ABSENT, "rope_theta": ABSENT, "rope_parameters": values}


READ = {
    "part of the head, at the top": document(partial_rotary_factor=0.75),
    "part of the head, inside": document(rope_parameters={"rope_type": "default", "partial_rotary_factor": 0.75}),
    "part of the head, inside and outside": document(
        rope_scaling={"type": "default", "partial_rotary_factor": 0.5}, partial_rotary_factor=0.75
    ),
    "part of the head with longrope": document(
        **STRETCHED,
        rope_scaling={"type": "longrope", "short_factor": SHORT[:12], "long_factor": LONG[:12]},
        partial_rotary_factor=0.75,
    ),
    "what Phi-4-mini says besides": document(full_attn_mod=1, interpolate_factor=1, lm_head_bias=False, mlp_bias=False),
    "theta as an integer": document(rope_theta=250000),
    "settings of transformers 5": document(**nested(rope_type="default", rope_theta=12345.6)),
    "theta inside and outside": document(rope_parameters={"rope_type": "default", "rope_theta": 500000.0}),
    "theta in rope_scaling and rope_parameters": document(
        rope_scaling={"type": "default", "rope_theta": 777.0}, rope_parameters={"rope_theta": 500000.0}
    ),
    "theta nowhere": document(rope_theta=ABSENT),
    "longrope": document(**STRETCHED, rope_scaling=LONGROPE),
    "longrope called yarn": document(**STRETCHED, rope_scaling={**LONGROPE, "type": "yarn"}),
    "longrope of transformers 5": document(
        **{**STRETCHED, **nested(**{**LONGROPE, "rope_type": "longrope", "rope_theta": 77777.0})}
    ),
    "two names of the type": document(
        **STRETCHED, rope_scaling={**LONGROPE, "type": "default", "rope_type": "longrope"}
    ),
    "attention_factor": document(**STRETCHED, rope_scaling={**LONGROPE, "attention_factor": 1.5}),
    "attention_factor without a stretch": document(rope_scaling={**LONGROPE, "attention_factor": 0.5}),
    "factor": document(**STRETCHED, rope_scaling={**LONGROPE, "factor": 4.0}),
    "factor below 1": document(**STRETCHED, rope_scaling={**LONGROPE, "factor": 0.5}),
    "factor and attention_factor": document(**STRETCHED, rope_scaling={**LONGROPE, "factor": 4, "attention_factor": 2}),
    "factors that are null": document(**STRETCHED, rope_scaling={**LONGROPE, "factor": None, "attention_factor": None}),
    "mscale, which is of another network": document(**STRETCHED, rope_scaling={**LONGROPE, "short_mscale": 1.24}),
    "original only inside": document(
        max_position_embeddings=2048,
        original_max_position_embeddings=ABSENT,
        rope_scaling={**LONGROPE, "original_max_position_embeddings": 64},
    ),
    "original nowhere": document(
        max_position_embeddings=8192, original_max_position_embeddings=ABSENT, rope_scaling=LONGROPE
    ),
    "original inside and outside": document(
        **STRETCHED, rope_scaling={**LONGROPE, "original_max_position_embeddings": 128}
    ),
    "original longer than the context": document(
        max_position_embeddings=64, original_max_position_embeddings=256, rope_scaling=LONGROPE
    ),
    "an empty rope_scaling": document(rope_scaling={}),
    "an empty rope_scaling beside rope_parameters": document(rope_scaling={}, rope_parameters={"rope_theta": 5.0}),
    "factors without a type": document(**STRETCHED, rope_scaling={"short_factor": SHORT, "long_factor": LONG}),
    "head_dim": document(head_dim=32),
    "eps 0": document(rms_norm_eps=0.0),
    "a window with layer_types": document(sliding_window=16, layer_types=["full_attention", "full_attention"]),
    "a window of 2**31": document(sliding_window=2**31),
    "grouped heads": document(num_key_value_heads=2),
    "no key-value heads": document(num_key_value_heads=ABSENT),
    "a tied head": document(tie_word_embeddings=True),
    "switches that are off": document(attention_bias=False, mlp_bias=False, quantization_config=None),
    "keys that change nothing": document(unsloth_fixed=True, use_cache=False, transformers_version="9.9"),
}

REFUSED: dict[str, tuple[Document, str]] = {
    "eps below 0": (document(rms_norm_eps=-1.0), "rms_norm_eps is -1.0"),
    "eps missing": (document(rms_norm_eps=ABSENT), "rms_norm_eps is missing"),
    "eps infinite": (document(rms_norm_eps=float("inf")), "rms_norm_eps is inf"),
    "theta 0": (document(rope_theta=0), "rope_theta is 0"),
    "theta null": (document(rope_theta=None), "rope_theta must be a number"),
    "theta infinite": (document(rope_theta=10**400), "rope_theta is a number of more than 30 digits"),
    "a factor infinite": (
        document(**STRETCHED, rope_scaling={**LONGROPE, "long_factor": [float("inf")] * HALF}),
        "rope_scaling.long_factor is inf",
    ),
    "factor 0": (document(**STRETCHED, rope_scaling={**LONGROPE, "factor": 0.0}), "factor is 0.0"),
    "factor of text": (document(**STRETCHED, rope_scaling={**LONGROPE, "factor": "4"}), "factor must be a number"),
    "original 1": (
        document(max_position_embeddings=64, original_max_position_embeddings=1, rope_scaling=LONGROPE),
        "original_max_position_embeddings is 1",
    ),
    "original null": (
        document(original_max_position_embeddings=None, rope_scaling=LONGROPE),
        "original_max_position_embeddings must be an integer",
    ),
    "a rotary key that is not known": (
        document(**STRETCHED, rope_scaling={**LONGROPE, "beta_fast": 32}),
        "rope_scaling.beta_fast is not known",
    ),
    "settings by kind of layer": (
        document(**nested(full_attention={"rope_theta": 1e6})),
        "rope_parameters.full_attention is not known",
    ),
    "more than a head": (document(partial_rotary_factor=1.5), "partial_rotary_factor is 1.5"),
    "nothing of the head": (document(partial_rotary_factor=0), "partial_rotary_factor is 0.0"),
    "an odd part of the head": (document(partial_rotary_factor=0.3), "partial_rotary_factor is 0.3; of a head's 32"),
    "part of the head that is no number": (document(partial_rotary_factor="all"), "partial_rotary_factor must be"),
    "factors for the whole head": (
        document(**STRETCHED, rope_scaling=LONGROPE, partial_rotary_factor=0.75),
        "rope_short_factor has 16 values",
    ),
    "experts": (document(num_local_experts=16, num_experts_per_tok=2), "num_local_experts: a mixture of experts"),
    "images": (document(img_processor={"name": "clip_vision_model"}), "img_processor: images"),
    "layers with a window of their own": (document(full_attn_mod=2), "full_attn_mod is 2; only 1"),
    "yarn as others have it": (
        document(rope_scaling={"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}),
        "rope_scaling type 'yarn' is not supported",
    ),
    "linear": (document(rope_scaling={"type": "linear", "factor": 2.0}), "type 'linear' is not supported"),
    "a type that is null": (document(**STRETCHED, rope_scaling={**LONGROPE, "rope_type": None}), "type None"),
    "kv heads 0": (document(num_key_value_heads=0), "num_key_value_heads is 0"),
    "kv heads below 0": (document(num_key_value_heads=-4), "num_key_value_heads is -4"),
    "a vocabulary of 10**30": (document(vocab_size=10**30), "vocab_size is a number of more than 30 digits"),
    "2 thousand million layers": (document(num_hidden_layers=2_000_000_000), "num_hidden_layers is 2000000000"),
    "tied by 1": (document(tie_word_embeddings=1), "tie_word_embeddings must be true or false"),
    "another head_dim": (document(head_dim=64), "head_dim is 64"),
    "biases": (document(attention_bias=True), "attention_bias is true"),
    "quantised already": (document(quantization_config={"quant_method": "gptq"}), "quantization_config"),
    "a window of 0": (document(sliding_window=0), "sliding_window is 0"),
    "a window of a fraction": (document(sliding_window=16.0), "sliding_window must be an integer"),
    "another activation": (document(hidden_act="gelu"), "hidden_act is 'gelu'"),
    "another network": (document(model_type="llama"), "model_type is 'llama'"),
}


@pytest.mark.parametrize("name", READ)
def test_it_is_read_as_transformers_reads_it(name: str) -> None:
    same_as_transformers(READ[name])


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_refused_by_its_key(name: str) -> None:
    asked, message = REFUSED[name]
    with pytest.raises(ModelError) as caught:
        hf.config_of(asked, where="config.json")
    assert message in caught.value.what
    assert caught.value.what.startswith("config.json: ")


factor = st.none() | st.floats(0.25, 64)
longrope = st.fixed_dictionaries(
    {"type": st.sampled_from(["longrope", "yarn"]), "short_factor": st.just(SHORT), "long_factor": st.just(LONG)},
    optional={
        "rope_type": st.just("longrope"),
        "factor": factor,
        "attention_factor": factor,
        "rope_theta": st.floats(100, 1e7),
        "original_max_position_embeddings": st.integers(2, 300),
        "partial_rotary_factor": st.just(1.0),
    },
)
plain = st.fixed_dictionaries({}, optional={"type": st.just("default"), "rope_theta": st.floats(100, 1e7)})
changes = st.fixed_dictionaries(
    {"max_position_embeddings": st.integers(64, 400)},
    optional={
        "original_max_position_embeddings": st.integers(2, 300) | st.just(ABSENT),
        "rope_theta": st.floats(100, 1e7) | st.just(ABSENT),
        "rope_scaling": st.none() | plain | longrope,
        "rope_parameters": plain | longrope,
        "num_key_value_heads": st.sampled_from([1, 2, 4, None]),
        "sliding_window": st.none() | st.integers(1, 2**33),
    },
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(changes)
def test_any_mixture_of_rotary_settings_is_read_as_transformers_reads_it(changed: Document) -> None:
    same_as_transformers(document(**changed), lengths=(8, 100, 301))


def same_as_transformers(asked: Document, lengths: Sequence[int] = LENGTHS) -> None:
    config = hf.config_of(json.loads(json.dumps(asked)))
    given = {key: value for key, value in asked.items() if key not in ("architectures", "model_type")}
    theirs = transformers.Phi3Config(**json.loads(json.dumps(given)))
    rotary = transformers.models.phi3.modeling_phi3.Phi3RotaryEmbedding(theirs)
    for length in lengths:
        cos, sin = rotary(torch.zeros(1, length, 1), torch.arange(length)[None])
        for mine, other in zip(tables(config, length), (cos, sin), strict=True):
            np.testing.assert_allclose(mine, other[0, :, : config.rotary_dim // 2].numpy(), atol=1e-2)
    for name in ("sliding_window", "rms_norm_eps", "tie_word_embeddings", "num_key_value_heads"):
        assert getattr(config, name) == getattr(theirs, name), name
    assert hf.config_of(json.loads(json.dumps(hf.document(config)))) == config


def tables(config: Phi3Config, length: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """cos and sin [length, HALF] as the compiled kernel makes them."""
    limit = longrope_limit(config)
    row = 1 if limit is not None and length > limit else 0
    angle = np.arange(length, dtype=np.float32)[:, None] * inverse_frequencies(config)[row]
    return np.cos(angle) * np.float32(config.attention_scaling), np.sin(angle) * np.float32(config.attention_scaling)
