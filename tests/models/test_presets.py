import math
from dataclasses import replace

import pytest

from lab.core.errors import ModelError
from lab.models.phi3 import hf, presets
from lab.models.phi3.presets import PRESETS
from tests.models import small

# The numbers that the model cards and tensor listings give, written down apart from the presets.
MINI_PARAMETERS = 3_821_079_552
MEDIUM_PARAMETERS = 13_960_238_080


@pytest.mark.parametrize(
    ("name", "parameters", "head_dim", "kv_heads", "context", "window", "vocabulary"),
    [
        ("phi3-mini", MINI_PARAMETERS, 96, 32, 4096, 2047, 32064),
        ("phi3-mini-128k", MINI_PARAMETERS, 96, 32, 131072, 262144, 32064),
        ("phi3.5-mini", MINI_PARAMETERS, 96, 32, 131072, 262144, 32064),
        ("phi4-mini", 3_836_021_760, 128, 8, 131072, 262144, 200064),
        ("phi3-medium", MEDIUM_PARAMETERS, 128, 10, 4096, 2047, 32064),
        ("phi3-medium-128k", MEDIUM_PARAMETERS, 128, 10, 131072, 131072, 32064),
    ],
)
def test_presets_have_the_published_sizes(name, parameters, head_dim, kv_heads, context, window, vocabulary):
    config = PRESETS[name].config
    assert config.parameters == parameters
    assert len(config.rope_long_factor or ()) in (0, config.rotary_dim // 2)
    assert (config.head_dim, config.num_key_value_heads) == (head_dim, kv_heads)
    assert (config.max_position_embeddings, config.sliding_window) == (context, window)
    assert config.vocab_size == vocabulary
    assert PRESETS[name].source.startswith("config.json of microsoft/")


def test_attention_scaling_is_what_published_gguf_headers_say():
    assert PRESETS["phi3-mini-128k"].config.attention_scaling == pytest.approx(1.190238118171692, abs=1e-6)
    assert PRESETS["phi3-mini"].config.attention_scaling == 1.0


def test_longrope_factors_never_shrink_and_stay_below_the_stretch():
    for name, values in vars(presets).items():
        if name.endswith(("_SHORT", "_LONG")):
            assert list(values) == sorted(values), name
            assert values[0] >= 1.0, name
            assert values[-1] < 66, name


def test_mini_128k_short_factors_are_a_grid_of_twentieths():
    # They were found by a search in steps of 0.05, added up in float64: a wrong digit would leave that grid.
    reachable, value = set(), 1.0
    for _ in range(50):
        reachable.add(value)
        value += 0.05
    assert set(presets.MINI_128K_SHORT) <= reachable


def test_rope_factors_switch_after_the_original_length():
    config = PRESETS["phi3-mini-128k"].config
    assert config.rope_factors(4096) == presets.MINI_128K_SHORT
    assert config.rope_factors(4097) == presets.MINI_128K_LONG
    assert PRESETS["phi3-mini"].config.rope_factors(4096) is None


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_survive_their_config_json(name):
    config = PRESETS[name].config
    assert hf.config_of(hf.document(config)) == config


def test_transformers_reads_the_same_numbers():
    from transformers import Phi3Config as TheirConfig

    config = PRESETS["phi3-mini-128k"].config
    theirs = TheirConfig(**hf.document(config))
    assert theirs.rope_parameters["short_factor"] == list(config.rope_short_factor)
    assert hf.config_of(theirs.to_dict()) == config


def test_the_first_name_of_longrope_is_known():
    document = hf.document(small.LONGROPE)
    document["rope_scaling"]["type"] = "su"
    assert hf.config_of(document) == small.LONGROPE


def test_kv_heads_default_to_attention_heads():
    document = hf.document(small.PLAIN)
    document["num_key_value_heads"] = None
    assert hf.config_of(document) == small.PLAIN


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_size": None}, "hidden_size must be an integer"),
        ({"hidden_size": "64"}, "hidden_size must be an integer, not '64'"),
        ({"vocab_size": True}, "vocab_size must be an integer"),
        ({"model_type": "llama"}, "model_type is 'llama'; only 'phi3'"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"partial_rotary_factor": -1}, "partial_rotary_factor is -1.0"),
        ({"rope_parameters": {"partial_rotary_factor": True}}, "partial_rotary_factor must be a number"),
        ({"rope_scaling": {"type": "linear"}}, "'linear' is not supported"),
        ({"rope_scaling": {"type": "longrope", "short_factor": [1.0]}}, "long_factor must be a list"),
        ({"rope_scaling": {"type": "longrope", "short_factor": ["x"], "long_factor": [1]}}, "numbers only"),
        ({"rope_scaling": 5}, "must be objects"),
    ],
)
def test_config_json_errors_name_file_and_key(change, said):
    with pytest.raises(ModelError) as caught:
        hf.config_of(hf.document(small.PLAIN) | change, where="there/config.json")
    assert said in caught.value.what
    assert caught.value.what.startswith("there/config.json: ")


def test_a_missing_key_is_named():
    document = hf.document(small.PLAIN)
    del document["rms_norm_eps"]
    with pytest.raises(ModelError, match="rms_norm_eps is missing"):
        hf.config_of(document)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        (
            {"num_attention_heads": 5},
            r"hidden_size 64 does not split into 5 heads of even size \(num_attention_heads\)",
        ),
        ({"num_key_value_heads": 3}, "num_key_value_heads is 3: 4 attention heads can't share 3"),
        ({"sliding_window": 0}, "sliding_window is 0"),
        ({"rope_short_factor": (1.0,) * 8}, "both"),
        ({"rope_short_factor": (1.0,) * 7, "rope_long_factor": (1.0,) * 8}, "7 values"),
        ({"rope_short_factor": (0.0,) * 8, "rope_long_factor": (1.0,) * 8}, "above 0"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(change, said):
    with pytest.raises(ModelError, match=said):
        replace(small.PLAIN, **change)


def test_attention_scaling_formula():
    config = replace(small.LONGROPE, max_position_embeddings=1024, original_max_position_embeddings=128)
    assert config.attention_scaling == pytest.approx(math.sqrt(1 + math.log(8) / math.log(128)))


@pytest.mark.parametrize(
    ("window", "seen"), [(None, None), (1, 1), (127, 127), (128, None), (2**31, None), (2**63, None)]
)
def test_a_window_of_the_context_or_longer_is_none(window, seen):
    config = replace(small.PLAIN, sliding_window=window)  # of 128 tokens
    assert config.attention_window == seen
    assert hf.document(config)["sliding_window"] == window
