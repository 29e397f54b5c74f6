import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from lab.core.errors import WeightsError
from lab.core.progress import NullProgress
from lab.formats import bundle
from lab.models.convert import convert, stream, weights_key
from lab.models.params import param_specs, tensor_specs
from lab.models.quant import SCHEMES, quantise
from lab.models.sources import HuggingFaceSource, SyntheticSource, open_folder
from tests.models import folders, oracle, small, unpacked

QUIET = NullProgress()


def converted(tmp_path, spec, source=None):
    return convert(spec, source or SyntheticSource(spec.config), tmp_path, QUIET)


@pytest.mark.parametrize("quant", list(SCHEMES))
@pytest.mark.parametrize("name", ["plain", "grouped", "tied"])
def test_every_tensor_is_what_the_oracle_makes_of_the_source(tmp_path, quant, name):
    config = small.ALL[name]
    folder = converted(tmp_path, small.spec(quant, config))
    source, stored = SyntheticSource(config), unpacked.tensors(folder)
    for tensor in tensor_specs(config):
        base = tensor.hf_name.removesuffix(".weight")
        if len(tensor.shape) == 1:
            assert (stored[tensor.hf_name] == source.vector(tensor.hf_name)).all()
            continue
        w = source.read_rows(tensor.hf_name, 0, tensor.shape[0])
        got, scale = unpacked.matrix(stored, base, tensor.shape[0])
        if scale is None:
            assert (got == w.astype(got.dtype)).all(), base
        else:
            q, s = quantise(w, SCHEMES[quant])
            assert (got == q).all(), base
            assert scale.tobytes() == s.tobytes(), base


def test_rows_that_fill_up_a_block_are_zero(tmp_path):
    stored = unpacked.tensors(converted(tmp_path, small.spec("q4")))
    last = stored["lm_head.q_weight"][-1].reshape(2, 4, 16, 4)  # 211 rows: 3 in the last block
    assert (last[:, :, 3:] == 0x88).all()
    assert (stored["lm_head.q_scale"][-1, :, 3:] == 0).all()


@pytest.mark.parametrize("quant", list(SCHEMES))
@pytest.mark.parametrize("name", list(small.ALL))
def test_the_verify_block_is_what_transformers_computes_on_the_stored_weights(tmp_path, quant, name):
    config = small.ALL[name]
    folder = converted(tmp_path, small.spec(quant, config))
    stored = unpacked.tensors(folder)
    weights = {
        tensor.hf_name: stored[tensor.hf_name]
        if len(tensor.shape) == 1
        else unpacked.values(stored, tensor.hf_name.removesuffix(".weight"), tensor.shape[0])
        for tensor in tensor_specs(config)
    }
    verify = json.loads((folder / "manifest.json").read_text())["verify"]
    want = oracle.logits(config, weights, verify["prompt_ids"])[-1][verify["logit_ids"]]
    assert oracle.rel_error(np.array(verify["logits"]), want) < 1e-4
    assert verify["rel_error_max"] == SCHEMES[quant].rel_error_max(config.num_hidden_layers)


def test_the_manifest_is_sound_and_complete(tmp_path):
    spec = small.spec("q4", small.LONGROPE)
    folder = converted(tmp_path, spec)
    manifest = bundle.load_manifest(folder, "weights")
    bundle.verify_files(folder, manifest)
    specs = param_specs(spec.config, spec.scheme)
    assert [t.name for t in manifest.tensors] == [p.name for p in specs]
    assert [t.shape for t in manifest.tensors] == [p.shape for p in specs]
    assert all(t.offset % 4096 == 0 for t in manifest.tensors)
    assert (folder / "weights.bin").stat().st_size % 4096 == 0
    assert folder.name == f"tiny-q4--{manifest.key[:12]}"
    assert folder.parent == tmp_path / "weights"
    assert (manifest.weights.source, manifest.weights.source_id) == ("synthetic", "seed 0")
    assert manifest.weights.synthetic
    assert manifest.model.parameters == spec.config.parameters
    assert manifest.memory.kv_bytes_per_token == 2 * 2 * 4 * 16 * 2
    assert manifest.decode_weight_bytes_per_token < manifest.memory.weights_bytes


@pytest.mark.parametrize("quant", ["q4", "f16"])
def test_block_sizes_do_not_show(tmp_path, quant, monkeypatch):
    spec = small.spec(quant, small.GROUPED)
    first = (converted(tmp_path / "a", spec) / "weights.bin").read_bytes()
    verify = json.loads(next((tmp_path / "a").rglob("manifest.json")).read_text())["verify"]
    monkeypatch.setattr(stream, "_BLOCK_VALUES", 1)
    monkeypatch.setattr(stream, "_BLAS_ALONE", 1 << 12)
    assert stream.block_rows(128) == 64
    assert (converted(tmp_path / "b", spec) / "weights.bin").read_bytes() == first
    again = json.loads(next((tmp_path / "b").rglob("manifest.json")).read_text())["verify"]
    assert again["logits"] == pytest.approx(verify["logits"], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("quant", list(SCHEMES))
@pytest.mark.parametrize("write", [folders.write_single, folders.write_sharded])
def test_a_hugging_face_copy_of_synthetic_weights_gives_the_same_file(tmp_path, quant, write):
    spec = small.spec(quant, small.TIED if quant == "q8" else small.GROUPED)
    source = HuggingFaceSource(write(tmp_path / "model", spec.config))
    from_folder = converted(tmp_path, spec, source)
    synthetic = converted(tmp_path, spec)
    assert from_folder != synthetic
    assert (from_folder / "weights.bin").read_bytes() == (synthetic / "weights.bin").read_bytes()
    block = json.loads((from_folder / "manifest.json").read_text())["weights"]
    assert (block["source"], block["synthetic"]) == ("huggingface", False)
    assert block["source_id"].startswith("sha256:")


@pytest.mark.parametrize("transposed", [False, True])
def test_mlc_values_are_passed_through_untouched(tmp_path, transposed):
    written = folders.MlcFolder(tmp_path / "mlc", small.PLAIN, transposed)
    source = open_folder(written.write(), small.PLAIN)
    stored = unpacked.tensors(converted(tmp_path, small.spec("q4"), source))
    for name, q in written.q.items():
        got, scale = unpacked.matrix(stored, name.removesuffix(".weight"), len(q))
        assert (got == q).all(), name
        assert scale.tobytes() == written.scale[name].tobytes(), name


def test_mlc_values_can_be_stored_in_other_schemes(tmp_path):
    written = folders.MlcFolder(tmp_path / "mlc", small.PLAIN)
    stored = unpacked.tensors(converted(tmp_path, small.spec("f32"), open_folder(written.write(), small.PLAIN)))
    scale = np.repeat(written.scale["lm_head.weight"].astype(np.float32), 32, axis=1)
    got, _ = unpacked.matrix(stored, "lm_head", 211)
    assert (got == written.q["lm_head.weight"] * scale).all()


def test_the_first_layers_of_a_deeper_source(tmp_path):
    deep = replace(small.PLAIN, num_hidden_layers=4)
    cut = small.spec("q4", deep, layers=2)
    folder = converted(tmp_path, cut, SyntheticSource(deep))
    assert folder.name.startswith("tiny-q4@2l--")
    model = json.loads((folder / "manifest.json").read_text())["model"]
    assert (model["layers"], model["layers_total"], model["label"]) == (2, 4, "tiny-q4@2l")
    whole = converted(tmp_path, small.spec("q4"))
    assert (folder / "weights.bin").read_bytes() == (whole / "weights.bin").read_bytes()


def test_weights_of_another_network_are_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"num_key_value_heads 4 instead of 2.*") as caught:
        converted(tmp_path, small.spec("q4", small.GROUPED), SyntheticSource(small.PLAIN))
    assert "lab models" in caught.value.hint
    shallow = SyntheticSource(replace(small.PLAIN, num_hidden_layers=1))
    with pytest.raises(WeightsError, match="needs 2 layers; the weights have 1"):
        converted(tmp_path, small.spec("q4"), shallow)
    assert not (tmp_path / "weights").exists()


def test_anything_that_matters_changes_the_key():
    spec = small.spec("q4")
    keys = [
        weights_key(spec, SyntheticSource(spec.config)),
        weights_key(spec, SyntheticSource(spec.config, seed=1)),
        weights_key(small.spec("q8"), SyntheticSource(spec.config)),
        weights_key(small.spec("q4", layers=1), SyntheticSource(spec.config)),
        weights_key(small.spec("q4", replace(small.PLAIN, rms_norm_eps=1e-6)), SyntheticSource(spec.config)),
        weights_key(replace(spec, scheme=replace(spec.scheme, rel_error_layer=0.5)), SyntheticSource(spec.config)),
    ]
    assert len(set(keys)) == len(keys)
    assert weights_key(spec, SyntheticSource(spec.config)) == keys[0]


@pytest.mark.parametrize("quant", ["q4", "f16"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e7])
def test_values_that_can_not_be_stored_are_named(tmp_path, quant, bad):
    class Damaged(SyntheticSource):
        def read_rows(self, hf_name, start, stop):
            rows = super().read_rows(hf_name, start, stop)
            if hf_name == "model.layers.1.self_attn.o_proj.weight":
                rows[5, 7] = bad
            return rows

    with pytest.raises(WeightsError, match=r"model\.layers\.1\.self_attn\.o_proj\.weight: rows 0 to 64"):
        converted(tmp_path, small.spec(quant), Damaged(small.PLAIN))
    assert list((tmp_path / "weights").iterdir()) == []


def test_progress_adds_up_to_its_totals(tmp_path):
    done, totals = Counter(), {}

    class Counting(NullProgress):
        @contextmanager
        def phase(self, name, total=None, unit=""):
            totals[name] = (total, unit)
            yield lambda amount: done.update({name: amount})

    spec = small.spec("q4", small.TIED)
    folder = convert(spec, SyntheticSource(spec.config), tmp_path, Counting())
    assert totals["convert weights"][0] == sum(p.nbytes for p in param_specs(spec.config, spec.scheme))
    assert totals["digest weights"] == ((folder / "weights.bin").stat().st_size, "B")
    assert dict(done) == {name: total for name, (total, _) in totals.items()}
