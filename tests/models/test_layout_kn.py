"""Layouts "mlc-kn" and "mlc-kn-f32": MLC-LLM's q4f16_0, and the same in float32, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

from lab.core.errors import ModelError
from lab.core.progress import NullProgress
from lab.formats import bundle
from lab.models import params
from lab.models.convert import convert
from lab.models.decoder.tensors import EMBEDDING
from lab.models.layouts.kn import KN_F16, KN_F32, quantise_f32
from lab.models.params import param_specs, tensor_specs
from lab.models.quant import SCHEMES
from lab.models.sources import SyntheticSource, open_folder
from lab.models.torch_reference import StoredWeights
from tests.models import folders, oracle, small, unpacked
from tests.models.test_layout_mlc import oracle_q4f16_1

LAYOUTS = {"mlc-kn": "float16", "mlc-kn-f32": "float32"}
BY_LAYOUT = pytest.mark.parametrize("layout", LAYOUTS)


def converted(tmp_path, spec, layout, source=None):
    return convert(spec, source or SyntheticSource(spec.config), tmp_path, NullProgress(), layout)


def oracle_q4f32(w):
    """MLC-LLM's formula in numpy's float32, one group at a time: integers and scales."""
    integers, scales = [], []
    for group in w.reshape(-1, 32):
        scale = np.abs(group).max() / np.float32(7)
        steps = np.array([0 if scale == 0 else np.rint(x / scale + np.float32(7)) for x in group])
        integers.append(np.clip(steps, 0, 14).astype(np.int8) - 7)
        scales.append(scale)
    return np.array(integers, np.int8).reshape(w.shape), np.array(scales, np.float32).reshape(len(w), -1)


def test_words_lie_where_the_layout_says():
    q = np.random.default_rng(0).integers(-7, 8, (17, 64)).astype(np.int8)
    packed = KN_F16.pack_q(q, 4)
    assert packed.shape == KN_F16.q_shape(17, 64, 4) == (8, 17)
    assert packed.dtype == np.uint32
    for j, n in np.ndindex(packed.shape):
        for i in range(8):
            assert int(packed[j, n]) >> 4 * i & 15 == q[n, 8 * j + i] + 7
    assert (KN_F16.unpack_q(packed, 17, 4) == q).all()


def test_scales_and_floats_are_transposed():
    w = np.random.default_rng(0).normal(size=(17, 64)).astype(np.float32)
    packed = KN_F32.pack_dense(w)
    assert packed.shape == KN_F32.dense_shape(17, 64) == (64, 17)
    assert packed.flags.c_contiguous
    assert (packed == w.T).all()
    assert (KN_F32.unpack_dense(packed, 17) == w).all()
    assert KN_F32.pack_scale(w[:, :2]).shape == KN_F32.scale_shape(17, 64) == (2, 17)
    assert (KN_F32.unpack_scale(KN_F32.pack_scale(w[:, :2]), 17) == w[:, :2]).all()


def test_q4_in_float32_is_mlc_llms_formula():
    rng = np.random.default_rng(1)
    w = (rng.standard_normal((5, 128)) * 10.0 ** rng.integers(-8, 3, (5, 1))).astype(np.float32)
    w[0, :32] = 0  # no scale
    w[1, 32:64] = np.arange(32) / np.float32(2)  # ties
    q, scale = quantise_f32(w)
    want_q, want_scale = oracle_q4f32(w)
    assert (q == want_q).all()
    assert scale.tobytes() == want_scale.tobytes()
    assert (q[0, :32] == -7).all()


@BY_LAYOUT
def test_types_and_shapes(layout):
    specs = {p.name: (p.dtype, p.shape) for p in param_specs(small.PLAIN, SCHEMES["q4"], layout)}
    assert specs["model.embed_tokens.q_weight"] == ("uint32", (211, 8))  # the table keeps its rows
    assert specs["model.embed_tokens.q_scale"] == (LAYOUTS[layout], (211, 2))
    assert specs["model.layers.0.input_layernorm.weight"] == (LAYOUTS[layout], (64,))
    assert specs["model.layers.1.mlp.down_proj.q_weight"] == ("uint32", (12, 64))
    assert specs["model.layers.1.mlp.down_proj.q_scale"] == (LAYOUTS[layout], (3, 64))
    assert specs["lm_head.q_weight"] == ("uint32", (8, 211))


@BY_LAYOUT
@pytest.mark.parametrize("name", ["plain", "grouped", "tied"])
def test_the_folder_holds_what_the_oracle_makes_of_the_source(tmp_path, layout, name):
    config, dtype = small.ALL[name], LAYOUTS[layout]
    folder = converted(tmp_path, small.spec("q4", config), layout)
    manifest = bundle.load_manifest(folder, "weights")
    bundle.verify_files(folder, manifest)
    assert (manifest.weights.layout, manifest.model.kv_dtype) == (layout, dtype)
    tensors, source = unpacked.tensors(folder), SyntheticSource(config)
    by_name = {(p.hf_name, p.part): tensors[p.name] for p in param_specs(config, SCHEMES["q4"], layout)}
    for tensor in tensor_specs(config):
        if len(tensor.shape) == 1:
            assert (by_name[tensor.hf_name, "w"] == source.vector(tensor.hf_name).astype(dtype)).all()
            continue
        w = source.read_rows(tensor.hf_name, 0, tensor.shape[0])
        if layout == "mlc-kn":
            words, scale = oracle_q4f16_1(w)
        else:
            q, scale = oracle_q4f32(w)
            words = sum((q[:, i::8] + 7).astype(np.uint32) << np.uint32(4 * i) for i in range(8))
        turn = np.asarray if tensor.hf_name == EMBEDDING else np.transpose
        assert (by_name[tensor.hf_name, "q"] == turn(words)).all(), tensor.hf_name
        assert by_name[tensor.hf_name, "s"].tobytes() == turn(scale).tobytes(), tensor.hf_name


@pytest.mark.parametrize(
    ("layout", "quant"), [("mlc-kn", "q4"), ("mlc-kn", "f16"), ("mlc-kn-f32", "q4"), ("mlc-kn-f32", "f32")]
)
@pytest.mark.parametrize("name", ["plain", "tied"])
def test_the_verify_block_is_what_transformers_computes_on_the_stored_weights(tmp_path, layout, quant, name):
    spec = small.spec(quant, small.ALL[name])
    folder = converted(tmp_path, spec, layout)
    manifest = bundle.load_manifest(folder, "weights")
    stored = StoredWeights(spec, folder / "weights.bin", manifest.tensors, layout)
    weights = {tensor.hf_name: stored.read(tensor.hf_name) for tensor in tensor_specs(spec.config)}
    got = np.array(manifest.verify.logits)
    want = oracle.logits(spec.config, weights, list(manifest.verify.prompt_ids))[-1][list(manifest.verify.logit_ids)]
    assert oracle.rel_error(got, want) < 1e-4


def test_weights_that_mlc_llm_quantised_keep_their_integers(tmp_path):
    written = folders.MlcFolder(tmp_path / "source", small.GROUPED)
    source = open_folder(written.write(), small.GROUPED)
    spec = small.spec("q4", small.GROUPED)
    rows = unpacked.tensors(converted(tmp_path, spec, "mlc", source))
    turned = unpacked.tensors(converted(tmp_path, spec, "mlc-kn", source))
    assert (turned["model.layers.1.mlp.down_proj.q_weight"] == rows["transformer.h.1.mlp.down_proj.q_weight"].T).all()
    assert (turned["model.embed_tokens.q_weight"] == rows["transformer.embd.q_weight"]).all()
    wide = unpacked.tensors(converted(tmp_path, spec, "mlc-kn-f32", source))
    scale = rows["transformer.h.1.mlp.down_proj.q_scale"].astype(np.float32)
    assert (wide["model.layers.1.mlp.down_proj.q_scale"] == scale.T).all()


@BY_LAYOUT
def test_blocks_of_rows_make_the_same_file_as_one(tmp_path, layout, monkeypatch):
    spec = small.spec("q4")
    whole = (converted(tmp_path / "a", spec, layout) / "weights.bin").read_bytes()
    monkeypatch.setattr("lab.models.convert.stream._BLOCK_VALUES", 64 * 64)
    assert (converted(tmp_path / "b", spec, layout) / "weights.bin").read_bytes() == whole


def test_sizes_follow_the_type_of_the_layout():
    config, q4 = small.PLAIN, SCHEMES["q4"]
    assert params.kv_bytes_per_token(config, q4, "mlc-kn-f32") == 2 * params.kv_bytes_per_token(config, q4, "mlc-kn")
    assert params.weights_bytes(config, q4, "mlc-kn") == params.weights_bytes(config, q4, "mlc")
    halves = params.weights_bytes(config, q4, "mlc-kn-f32") - params.weights_bytes(config, q4, "mlc-kn")
    scales = sum(p.nbytes for p in param_specs(config, q4, "mlc-kn") if p.part in ("s", "w"))
    assert halves == scales


@pytest.mark.parametrize(("layout", "quant"), [("mlc-kn", "q8"), ("mlc-kn", "f32"), ("mlc-kn-f32", "f16")])
def test_what_a_layout_cannot_hold_is_refused(layout, quant):
    with pytest.raises(ModelError, match=quant):
        param_specs(small.PLAIN, SCHEMES[quant], layout)


def test_activations_are_floats_so_the_tolerance_is_small():
    assert params.rel_error_max(SCHEMES["q4"], 1, "mlc-kn-f32") == 1e-3
    assert params.rel_error_max(SCHEMES["q4"], 8, "mlc-kn") == pytest.approx(2 * 3e-3)
    assert params.rel_error_max(SCHEMES["q4"], 1) == SCHEMES["q4"].rel_error_max(1) == 0.04
