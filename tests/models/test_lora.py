"""Adapters merged at conversion: the weights are those that peft itself merges, the logits those of that model."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lab.core.errors import ModelError, WeightsError
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest
from lab.models.catalog import custom, resolve
from lab.models.convert import convert, weights_key
from lab.models.decoder.family import DecoderFamily
from lab.models.params import tensor_specs
from lab.models.quant import SCHEMES
from lab.models.sources import HuggingFaceSource, SyntheticSource, with_adapter
from lab.models.sources.lora_base import check_base
from lab.models.sources.lora_config import lora_config
from tests.models import adapters, folders, oracle, small, small_families, transformers_folder
from tests.models.test_phi2 import TINY as PHI2

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # of peft
SAVES_BOTH = pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`:UserWarning")

QKV = "model.layers.1.self_attn.qkv_proj"


def spec_of(config, scheme="f32", layers=None):
    return custom(config, SCHEMES[scheme], f"tiny-{scheme}", layers=layers)


def merged(folder, config, layers=None):
    spec = spec_of(config, layers=layers)
    return with_adapter(SyntheticSource(spec.config), folder, spec)


def check_all_rows(source, want):
    for name in source.tensor_names():
        value = want[name]
        got = source.vector(name) if value.ndim == 1 else source.read_rows(name, 0, len(value))
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, value, atol=2e-6, rtol=0, err_msg=name)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"r": 1, "lora_alpha": 1},
        {"use_rslora": True, "r": 16, "lora_alpha": 32},
        {"rank_pattern": {"down_proj": 3, "layers.1.self_attn.o_proj": 7}, "alpha_pattern": {"o_proj": 11}},
        {"target_modules": ["o_proj", "down_proj"], "layers_to_transform": [1]},
        {"target_modules": "all-linear", "layers_to_transform": None},
        {"target_modules": r".*\.layers\.\d+\.mlp\.(gate_up|down)_proj"},
        {"target_modules": [*adapters.ALL, "no_such_module"], "exclude_modules": ["gate_up_proj"]},
        pytest.param({"target_modules": [*adapters.ALL, "lm_head"]}, marks=SAVES_BOTH),
        {"modules_to_save": ["lm_head", "embed_tokens"]},
    ],
    ids=lambda settings: " ".join(settings) or "plain",
)
def test_weights_are_those_that_peft_merges(tmp_path, settings):
    want = adapters.written(tmp_path, small.GROUPED, **settings)
    check_all_rows(merged(tmp_path, small.GROUPED), want)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_adapters_of_half_precision_are_merged_in_float32(tmp_path, dtype):
    adapters.written(tmp_path, small.PLAIN)
    path = tmp_path / "adapter_model.safetensors"
    from safetensors.torch import load_file, save_file

    halves = {name: value.to(dtype) for name, value in load_file(path).items()}
    save_file(halves, path)
    a, b = (halves[f"base_model.model.{QKV}.lora_{side}.weight"].float().numpy() for side in "AB")
    base = SyntheticSource(small.PLAIN).read_rows(f"{QKV}.weight", 5, 50)
    got = merged(tmp_path, small.PLAIN).read_rows(f"{QKV}.weight", 5, 50)
    np.testing.assert_allclose(got, base + 1.5 * (b[5:50] @ a), atol=1e-6)


def test_a_tied_network_is_merged_as_long_as_its_head_is_left_alone(tmp_path):
    want = adapters.written(tmp_path, small.TIED)
    check_all_rows(merged(tmp_path, small.TIED), want)


def test_an_adapter_of_all_layers_goes_with_a_part_of_them(tmp_path):
    want = adapters.written(tmp_path, small.PLAIN)
    check_all_rows(merged(tmp_path, small.PLAIN, layers=1), want)


def test_split_names_are_merged_into_their_rows_of_fused_matrices(tmp_path):
    config = small.GROUPED
    rng = np.random.default_rng(3)
    rank, kept = {"q_proj": 5, "v_proj": 5, "up_proj": 2}, {}
    for layer in range(2):
        for part, r in rank.items():
            at = f"model.layers.{layer}.{'mlp' if part == 'up_proj' else 'self_attn'}.{part}"
            kept[f"{at}.lora_A"] = rng.normal(size=(r, config.hidden_size)).astype(np.float32)
            kept[f"{at}.lora_B"] = rng.normal(size=(adapters.parts_of(config, part)[1], r)).astype(np.float32)
    folder = adapters.by_hand(
        tmp_path / "adapter", kept, r=5, lora_alpha=10, rank_pattern={"up_proj": 2}, target_modules=list(rank)
    )
    source, plain = merged(folder, config), SyntheticSource(config)
    qkv = plain.read_rows(f"{QKV}.weight", 0, config.qkv_rows)
    for part in ("q_proj", "v_proj"):
        first, rows = adapters.parts_of(config, part)
        at = f"model.layers.1.self_attn.{part}"
        qkv[first : first + rows] += 2.0 * (kept[f"{at}.lora_B"] @ kept[f"{at}.lora_A"])
    for start, stop in ((0, 128), (100, 160), (127, 129), (0, config.qkv_rows)):
        np.testing.assert_allclose(source.read_rows(f"{QKV}.weight", start, stop), qkv[start:stop], atol=1e-4)


@pytest.mark.parametrize("config", [*small_families.ALL.values(), PHI2], ids=[*small_families.ALL, "phi2"])
def test_every_family_has_adapters(tmp_path, config):
    """What peft merges and transformers saves is what lab merges as it reads base and adapter."""
    model = transformers_folder.write(tmp_path / "base", config)
    adapters.put_on(model, tmp_path / "adapter", target_modules="all-linear").save_pretrained(tmp_path / "merged")
    base, want = HuggingFaceSource(tmp_path / "base"), HuggingFaceSource(tmp_path / "merged")
    got = with_adapter(base, tmp_path / "adapter", spec_of(config))
    assert got.tensor_names() == want.tensor_names() == base.tensor_names()
    changed = 0
    for tensor in tensor_specs(config):
        one, other, before = (folders.whole(source, tensor.hf_name, tensor.shape) for source in (got, want, base))
        np.testing.assert_allclose(one, other, atol=2e-5, err_msg=tensor.hf_name)
        changed += not np.array_equal(one, before)
    assert changed == 2 * 4


def test_adapters_are_of_the_checkpoints_order_of_rows(tmp_path, monkeypatch):
    config = small.GROUPED
    want = adapters.written(tmp_path / "adapter", config)
    folder = folders.write_single(tmp_path / "base", config, folders.tensors(config, "F32"))
    order = np.random.default_rng(1).permutation(config.qkv_rows)
    monkeypatch.setattr(DecoderFamily, "row_order", lambda _, __, name: order if "qkv_proj" in name else None)
    source = with_adapter(HuggingFaceSource(folder), tmp_path / "adapter", spec_of(config))
    for name in (f"{QKV}.weight", "model.layers.0.mlp.down_proj.weight"):
        rows = order if "qkv" in name else np.arange(len(want[name]))
        np.testing.assert_allclose(source.read_rows(name, 16, 80), want[name][rows[16:80]], atol=2e-6)


def test_logits_are_those_of_the_merged_model(tmp_path):
    want = adapters.written(tmp_path / "adapter", small.GROUPED, r=8, lora_alpha=16, modules_to_save=["lm_head"])
    base = HuggingFaceSource(
        folders.write_single(tmp_path / "base", small.GROUPED, folders.tensors(small.GROUPED, "F32"))
    )
    spec = spec_of(small.GROUPED)
    source = with_adapter(base, tmp_path / "adapter", spec)
    manifest = load_manifest(convert(spec, source, tmp_path / "out", NullProgress()), "weights")
    logits = oracle.logits(small.GROUPED, want, list(manifest.verify.prompt_ids))[-1]
    got = np.array(manifest.verify.logits)
    assert oracle.rel_error(got, logits[list(manifest.verify.logit_ids)]) < 1e-5
    assert manifest.weights.adapter is not None
    assert (manifest.weights.adapter.name, manifest.weights.source) == ("adapter", "huggingface")
    assert manifest.key != weights_key(spec, base)


def test_keys_hold_the_content_of_the_adapter_and_not_its_name(tmp_path):
    adapters.written(tmp_path / "a", small.PLAIN)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    adapters.written(tmp_path / "c", small.PLAIN, seed=2)
    spec = spec_of(small.PLAIN)
    keys = [weights_key(spec, merged(tmp_path / name, small.PLAIN)) for name in "abc"]
    assert keys[0] == keys[1] != keys[2]
    assert weights_key(spec, SyntheticSource(small.PLAIN)) not in keys
    adapters.change_config(tmp_path / "b", lora_alpha=7)
    assert weights_key(spec, merged(tmp_path / "b", small.PLAIN)) != keys[1]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("peft_type", "LOHA"),
        ("use_dora", True),
        ("lora_bias", True),
        ("bias", "all"),
        ("fan_in_fan_out", True),
        ("init_lora_weights", "pissa_niter_16"),
        ("layer_replication", [[0, 1]]),
        ("trainable_token_indices", [1, 2]),
        ("target_parameters", ["experts"]),
        ("use_qalora", True),
        ("something_new", {"on": 1}),
        ("r", "four"),
        ("r", ...),
        ("r", 0),
        ("lora_alpha", None),
        ("target_modules", []),
        ("target_modules", "(unclosed"),
        ("target_modules", "a" * 201),
        ("rank_pattern", [1]),
        ("rank_pattern", {"o_proj": 0}),
        ("rank_pattern", {"(?i)o_proj": 4}),
        ("alpha_pattern", {"o_proj": "x"}),
        ("layers_to_transform", ["0"]),
        ("modules_to_save", "lm_head"),
    ],
)
def test_what_cannot_be_merged_is_refused_by_the_name_of_its_key(tmp_path, key, value):
    adapters.by_hand(tmp_path / "adapter", {}, r=4, lora_alpha=4, target_modules=["o_proj"])
    adapters.change_config(tmp_path / "adapter", **{key: value})
    with pytest.raises(WeightsError, match=f"adapter_config.json: .*{key}"):
        merged(tmp_path / "adapter", small.PLAIN)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
NUMBERS, NAMES = ("r", "lora_alpha", "use_rslora", "layers_to_transform"), ("target_modules", "exclude_modules")
KEYS = (*NUMBERS, *NAMES, "modules_to_save", "rank_pattern", "alpha_pattern", "bias", "init_lora_weights", "new")


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6))
def test_any_config_is_read_or_refused(change):
    document = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["o_proj"], **change}
    try:
        said = lora_config(document, "adapter_config.json")
    except ModelError:  # anything else fails the test
        return
    module = "model.layers.0.self_attn.o_proj"
    assert said.names(module) in (True, False)
    assert math.isfinite(said.scaling_of(module))


def pair(module, rank=4, rows=64, columns=64):
    return {
        f"{module}.lora_A": np.zeros((rank, columns), np.float32),
        f"{module}.lora_B": np.zeros((rows, rank), np.float32),
    }


O_0, O_1 = "model.layers.0.self_attn.o_proj", "model.layers.1.self_attn.o_proj"
BOTH = pair(O_0) | pair(O_1)


@pytest.mark.parametrize(
    ("tensors", "settings", "message"),
    [
        (pair(O_0, 3) | pair(O_1), {}, f"{O_0}: .*safetensors: lora_A has rank 3, but .*adapter_config.json: r is 4"),
        (BOTH, {"rank_pattern": {"o_proj": 8}}, "has rank 4, but .*: r and rank_pattern say 8"),
        (BOTH, {"r": 10**39}, "has rank 4, but .*adapter_config.json: r is a number of more than 30 digits"),
        (pair(O_0, columns=96) | pair(O_1), {}, r"lora_A holds shape \[4, 96\]; the network makes it \[4, 64\]"),
        (pair(O_0, rows=128) | pair(O_1), {}, r"lora_B holds shape \[128, 4\]; the network makes it \[64, 4\]"),
        (pair(O_0), {}, f"holds nothing for {O_1}, which .*adapter_config.json: target_modules names"),
        (BOTH | pair("model.layers.7.self_attn.o_proj"), {}, "model.layers.7.self_attn.o_proj: .*no such linear layer"),
        (BOTH | pair("model.layers.0.attn.c_proj"), {}, "model.layers.0.attn.c_proj: .*no such linear layer"),
        (
            BOTH,
            {"target_modules": ["down_proj"]},
            "holds a module that .*: target_modules and layers_to",
        ),
        (BOTH, {"target_modules": ["o_proj", "down_proj"]}, "holds nothing for model.layers.0.mlp.down_proj"),
        (BOTH, {"layers_to_transform": [0]}, f"{O_1}: .*layers_to_transform do not name"),
        ({f"{O_0}.lora_A": np.zeros((4, 64), np.float32)} | pair(O_1), {}, f"{O_0}: .*: lora_B is missing"),
        (BOTH, {"modules_to_save": ["lm_head"]}, "lacks lm_head, which .*: modules_to_save names"),
        (
            BOTH | {"lm_head": np.zeros((219, 64), np.float32)},
            {"modules_to_save": ["lm_head"]},
            r"lm_head: .*holds shape \[219, 64\]; config.json of the base makes it \[211, 64\]",
        ),
        (
            BOTH | {"model.norm": np.zeros(64, np.float32)},
            {"modules_to_save": ["norm"]},
            "model.norm: .*saved whole, which is read of embedding and head alone",
        ),
        (
            BOTH | {f"{O_0}.lora_magnitude_vector": np.zeros(64, np.float32)},
            {},
            "magnitude_vector.*neither lora_A",
        ),
        (
            {f"{O_0}.lora_A": np.zeros((4, 64), np.int8), f"{O_0}.lora_B": np.zeros((64, 4), np.int8)},
            {},
            "adapter_model.safetensors holds I8, which is not read",
        ),
        ({}, {}, "adapter_model.safetensors: holds no tensor"),
    ],
)
def test_tensors_that_contradict_their_config_or_the_base_are_refused(tmp_path, tensors, settings, message):
    config = {"r": 4, "lora_alpha": 4, "target_modules": ["o_proj"], **settings}
    folder = adapters.by_hand(tmp_path / "adapter", tensors, **config)
    with pytest.raises(WeightsError, match=message):
        merged(folder, small.PLAIN)


@pytest.mark.parametrize(
    ("model", "base", "refused"),
    [
        ("phi3-mini-q4", "microsoft/Phi-3-mini-4k-instruct", False),
        ("phi3-mini-q4", "/models/phi-3-mini-4k-instruct/", False),
        ("phi3-mini-q4", "unsloth/Phi-3-mini-4k-instruct", False),
        ("phi3-mini-q4", "somebody/what-nobody-knows", False),
        ("phi3-mini-q4", None, False),
        ("phi3-mini-q4", "microsoft/Phi-3-mini-128k-instruct", True),
        ("phi3-mini-128k-q4", "microsoft/Phi-3-mini-4k-instruct", True),
        ("phudge-q4", "microsoft/Phi-3-mini-4k-instruct", False),
        ("phudge-regression-q4", "microsoft/Phi-3-mini-4k-instruct", False),
        ("phudge-regression-q4", "microsoft/Phi-3-medium-4k-instruct", True),
    ],
)
def test_the_base_that_an_adapter_names_is_the_one_it_is_merged_into(model, base, refused):
    document = {"peft_type": "LORA", "r": 4, "lora_alpha": 4, "target_modules": ["o_proj"]}
    said = lora_config({**document, "base_model_name_or_path": base}, "adapter_config.json")
    if not refused:
        check_base(said, resolve(model, 2).config, ())
        return
    with pytest.raises(WeightsError, match=f"adapter_config.json: base_model_name_or_path is '{base}'"):
        check_base(said, resolve(model, 2).config, ())


def test_a_head_that_is_tied_is_not_parted_from_its_table(tmp_path):
    for number, (tensors, settings) in enumerate(
        [
            (BOTH | {"model.embed_tokens": np.zeros((211, 64), np.float32)}, {"modules_to_save": ["embed_tokens"]}),
            (BOTH | {"lm_head": np.zeros((211, 64), np.float32)}, {"modules_to_save": ["lm_head"]}),
        ]
    ):
        config = {"r": 4, "lora_alpha": 4, "target_modules": ["o_proj"], **settings}
        folder = adapters.by_hand(tmp_path / str(number), tensors, **config)
        with pytest.raises(WeightsError, match=r"adapter_config.json: changes .*the base is tied to the embedding"):
            merged(folder, small.TIED)


def test_folders_that_hold_no_adapter_say_what_is_missing(tmp_path):
    with pytest.raises(WeightsError, match=r"no adapter: adapter_config.json is missing"):
        merged(tmp_path, small.PLAIN)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"no adapter: adapter_model.safetensors is missing"):
        merged(tmp_path, small.PLAIN)
    (tmp_path / "adapter_model.bin").write_bytes(b"\x80\x02")
    with pytest.raises(WeightsError, match=r"adapter_model.bin: pickled PyTorch weights are not read"):
        merged(tmp_path, small.PLAIN)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"\x08")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 1, "lora_alpha": 1}))
    with pytest.raises(WeightsError, match=r"adapter_config.json: target_modules names no module"):
        merged(tmp_path, small.PLAIN)


def test_weights_that_are_quantised_already_are_not_merged_into(tmp_path):
    from lab.models.sources import open_folder

    folder = folders.MlcFolder(tmp_path / "mlc", small.PLAIN)
    folder.write()
    folder.write_chat_config()
    adapters.by_hand(tmp_path / "adapter", BOTH, r=4, lora_alpha=4, target_modules=["o_proj"])
    spec = spec_of(small.PLAIN, "q4")
    with pytest.raises(WeightsError, match="merged before weights are quantised"):
        with_adapter(open_folder(tmp_path / "mlc", small.PLAIN), tmp_path / "adapter", spec)
