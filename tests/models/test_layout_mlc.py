"""Layout "mlc": names, order, types and bytes, against MLC-LLM's own output and a float16 oracle in numpy."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from lab.core.errors import ModelError, WeightsError
from lab.core.progress import NullProgress
from lab.formats import bundle
from lab.models.convert import convert, weights_key
from lab.models.layouts import mlc as layout_mlc
from lab.models.params import decode_weight_bytes, param_specs, tensor_specs, weights_bytes
from lab.models.quant import SCHEMES
from lab.models.sources import SyntheticSource, open_folder
from lab.models.torch_reference import StoredWeights
from tests.models import folders, oracle, small, unpacked

# Made by MLC-LLM's own GroupQuantize.quantize_weight (mlc-ai/mlc-llm at 79d603f0, q4f16_1, on a CPU):
# 32 float16 weights, the four words and the scale that they became, each as its bytes. In order: normal, with
# heavy tails, subnormal numbers, every half step (ties), and a scale too small for float16.
GOLDEN = [
    (
        "9d011e1e9d9d8fa4a8a014a5ed14dd260aa15ba204214f1f5118c4a4cb901f23"
        "e2a6b0a0dea89aa6b7a8d19c7da68e1d6c1aa89b71aa84a1f293a418d6a7e4a0",
        "875646b7568847976332628367607763",
        "5d1f",
    ),
    (
        "341eec9f1120e82cbf1ada1deb141a1bbc20351cfe1849a0de14fba524aa4823"
        "5b966c24cf1d468d172092a58f9e9e20b424778dc21c05238e9a181b89a4109b",
        "68e88777786757839778588679877775",
        "9b21",
    ),
    (
        "3080040002001180228006000700090005000d00138024800c80058013800c00"
        "22800a8001000180058000800e0007001a00048013000e0028002b0002800980",
        "8057828898246594627776896b9add67",
        "0700",
    ),
    (
        "8046004580c580c400bc004500c180c500c0804600b8003c0038004200c50045"
        "004380c600c7000000470040804400bc00bc00c600c600448044004700c580c6",
        "ce22c624e586a8c20a709e6c16b1ec02",
        "003c",
    ),
    (
        "01000300000002000200028002000380010001000300028002000380000003800"
        "300038002800380030003000300038003000180018002000200020002000000",
        "eee00e0eee0e0e000e00ee0e0ee0ee0e",
        "0000",
    ),
]


def converted(tmp_path, spec, source=None):
    return convert(spec, source or SyntheticSource(spec.config), tmp_path, NullProgress(), "mlc")


def oracle_q4f16_1(w):
    """MLC-LLM's formula with numpy's own float16, one group at a time."""
    words, scales = [], []
    for row in w.astype(np.float16):
        for group in row.reshape(-1, 32):
            scale = np.abs(group).max() / np.float16(7)
            steps = np.array([0 if scale == 0 else np.rint(x / scale + np.float16(7)) for x in group])
            nibbles = [int(step) for step in np.clip(steps, 0, 14)]
            words += [sum(n << 4 * i for i, n in enumerate(nibbles[at : at + 8])) for at in range(0, 32, 8)]
            scales.append(scale)
    return np.array(words, np.uint32).reshape(len(w), -1), np.array(scales, np.float16).reshape(len(w), -1)


@pytest.mark.parametrize(("weights", "words", "scale"), GOLDEN)
def test_bits_are_those_that_mlc_llm_itself_makes(weights, words, scale):
    w = np.frombuffer(bytes.fromhex(weights), np.float16).astype(np.float32)[None]
    q, s = layout_mlc.quantise(w)
    assert layout_mlc.pack_q(q, 4).tobytes().hex() == words
    assert s.tobytes().hex() == scale
    assert -7 <= q.min() <= q.max() <= 7
    assert (layout_mlc.unpack_q(layout_mlc.pack_q(q, 4), 1, 4) == q).all()


def test_the_order_names_and_shapes_are_mlc_llms():
    specs = param_specs(replace(small.PLAIN, num_hidden_layers=1), SCHEMES["q4"], "mlc")
    assert [(p.name.removeprefix("transformer."), p.dtype, p.shape) for p in specs] == [
        ("embd.q_weight", "uint32", (211, 8)),
        ("embd.q_scale", "float16", (211, 2)),
        ("h.0.ln.weight", "float16", (64,)),
        ("h.0.mixer.qkv_proj.q_weight", "uint32", (192, 8)),
        ("h.0.mixer.qkv_proj.q_scale", "float16", (192, 2)),
        ("h.0.mixer.out_proj.q_weight", "uint32", (64, 8)),
        ("h.0.mixer.out_proj.q_scale", "float16", (64, 2)),
        ("h.0.mlp.gate_up_proj.q_weight", "uint32", (192, 8)),
        ("h.0.mlp.gate_up_proj.q_scale", "float16", (192, 2)),
        ("h.0.mlp.down_proj.q_weight", "uint32", (64, 12)),
        ("h.0.mlp.down_proj.q_scale", "float16", (64, 3)),
        ("h.0.post_attention_layernorm.weight", "float16", (64,)),
        ("norm.weight", "float16", (64,)),
        ("lm_head.q_weight", "uint32", (211, 8)),
        ("lm_head.q_scale", "float16", (211, 2)),
    ]


def test_float_models_keep_their_rows_and_their_type():
    for quant, dtype in (("f16", "float16"), ("f32", "float32")):
        specs = {p.name: p for p in param_specs(small.TIED, SCHEMES[quant], "mlc")}
        assert {p.dtype for p in specs.values()} == {dtype}
        assert specs["transformer.h.1.mlp.down_proj.weight"].shape == (64, 96)
        assert "lm_head.weight" not in specs


def test_a_scheme_without_a_name_at_mlc_is_refused():
    with pytest.raises(ModelError, match="q8: MLC-LLM has no such"):
        param_specs(small.PLAIN, SCHEMES["q8"], "mlc")


@pytest.mark.parametrize("name", ["plain", "grouped", "tied"])
@pytest.mark.parametrize("quant", ["q4", "f16", "f32"])
def test_the_folder_holds_what_the_oracle_makes_of_the_source(tmp_path, quant, name):
    config = small.ALL[name]
    folder = converted(tmp_path, small.spec(quant, config))
    manifest = bundle.load_manifest(folder, "weights")
    bundle.verify_files(folder, manifest)
    assert manifest.weights.layout == "mlc"
    stored, source = unpacked.tensors(folder), SyntheticSource(config)
    by_name = {(p.hf_name, p.part): stored[p.name] for p in param_specs(config, SCHEMES[quant], "mlc")}
    for tensor in tensor_specs(config):
        if len(tensor.shape) == 1:
            got = by_name[tensor.hf_name, "w"]
            assert (got == source.vector(tensor.hf_name).astype(got.dtype)).all()
            continue
        w = source.read_rows(tensor.hf_name, 0, tensor.shape[0])
        if quant != "q4":
            got = by_name[tensor.hf_name, "w"]
            assert (got == w.astype(got.dtype)).all()
            continue
        words, scale = oracle_q4f16_1(w)
        assert (by_name[tensor.hf_name, "q"] == words).all(), tensor.hf_name
        assert by_name[tensor.hf_name, "s"].tobytes() == scale.tobytes(), tensor.hf_name


@pytest.mark.parametrize("quant", ["q4", "f16"])
@pytest.mark.parametrize("name", ["plain", "tied", "longrope"])
def test_the_verify_block_is_what_transformers_computes_on_the_stored_weights(tmp_path, quant, name):
    spec = small.spec(quant, small.ALL[name])
    folder = converted(tmp_path, spec)
    manifest = bundle.load_manifest(folder, "weights")
    stored = StoredWeights(spec, folder / "weights.bin", manifest.tensors, "mlc")
    weights = {tensor.hf_name: stored.read(tensor.hf_name) for tensor in tensor_specs(spec.config)}
    got = np.array(manifest.verify.logits)
    want = oracle.logits(spec.config, weights, list(manifest.verify.prompt_ids))[-1][list(manifest.verify.logit_ids)]
    assert oracle.rel_error(got, want) < 1e-4


def test_reading_back_gives_integer_minus_seven_times_scale(tmp_path):
    spec = small.spec("q4")
    folder = converted(tmp_path, spec)
    stored, manifest = unpacked.tensors(folder), bundle.load_manifest(folder, "weights")
    words, scale = stored["transformer.h.0.mlp.down_proj.q_weight"], stored["transformer.h.0.mlp.down_proj.q_scale"]
    nibbles = np.stack([words >> np.uint32(4 * i) & np.uint32(15) for i in range(8)], axis=2).reshape(64, 96)
    want = (nibbles.astype(np.float32) - 7) * np.repeat(scale.astype(np.float32), 32, axis=1)
    read = StoredWeights(spec, folder / "weights.bin", manifest.tensors, "mlc").read
    assert (read("model.layers.0.mlp.down_proj.weight") == want).all()


def test_weights_that_mlc_llm_quantised_pass_through_untouched(tmp_path):
    written = folders.MlcFolder(tmp_path / "source", small.GROUPED)
    source = open_folder(written.write(), small.GROUPED)
    stored = unpacked.tensors(converted(tmp_path, small.spec("q4", small.GROUPED), source))
    assert stored.keys() == dict(written.arrays).keys()
    for name, array in written.arrays:
        assert stored[name].tobytes() == array.tobytes(), name


def test_sizes_count_rows_that_nothing_fills_up():
    config, q4 = small.PLAIN, SCHEMES["q4"]
    total = sum(p.nbytes for p in param_specs(config, q4, "mlc"))
    assert total < weights_bytes(config, q4)
    assert decode_weight_bytes(config, q4, "mlc") == total - (211 - 1) * 64 * 18 // 32


def test_values_too_large_for_float16_are_refused(tmp_path):
    class TooLarge(SyntheticSource):
        def read_rows(self, hf_name, start, stop):
            return super().read_rows(hf_name, start, stop) * np.float32(1e8)

    with pytest.raises(WeightsError, match="too large for float16"):
        converted(tmp_path, small.spec("q4"), TooLarge(small.PLAIN))


def test_the_default_layout_keeps_its_key_and_its_bytes(tmp_path):
    spec, source = small.spec("q4"), SyntheticSource(small.PLAIN)
    ours = convert(spec, source, tmp_path, NullProgress())
    theirs = converted(tmp_path, spec)
    assert ours != theirs
    assert weights_key(spec, source) == weights_key(spec, source, "n16k4") != weights_key(spec, source, "mlc")
    assert json.loads((ours / "manifest.json").read_text())["weights"]["layout"] == "n16k4"
