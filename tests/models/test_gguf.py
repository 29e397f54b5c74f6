"""The GGUF, read back with the gguf package's own reader; what it stands for is computed here in plain numpy."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from lab.core.errors import BundleError, WeightsError
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest, verify_files
from lab.formats.manifest import GGUF_NAME
from lab.models import gguf_file
from lab.models.catalog import ModelSpec
from lab.models.gguf_file import write_gguf
from lab.models.params import tensor_specs
from lab.models.quant import F32
from lab.models.sources import SyntheticSource
from tests.models.small import ALL, GROUPED, LONGROPE, PLAIN, TIED, WINDOWED, spec

QUANTS = ("q4", "q8", "f16", "f32")


def written(model: ModelSpec, out: Path) -> tuple[Path, gguf.GGUFReader]:
    folder = write_gguf(model, SyntheticSource(model.config, 3), out, NullProgress())
    return folder, gguf.GGUFReader(folder / GGUF_NAME)


def values(reader: gguf.GGUFReader) -> dict[str, Any]:
    return {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}


def q4_0(blocks: F32) -> F32:
    """What Q4_0 makes of [n, 32], by its definition: the extreme becomes -8; half a step up, then cut off."""
    out = np.empty_like(blocks)
    for i, block in enumerate(blocks):
        extreme = block[np.abs(block).argmax()]
        step = np.float32(extreme / np.float32(-8))
        inverse = np.float32(1) / step if step else np.float32(0)
        q = np.minimum(15, np.floor(block * inverse + np.float32(8.5))) - 8
        out[i] = q * np.float32(np.float16(step))
    return out


def q8_0(blocks: F32) -> F32:
    """The same of Q8_0: the largest magnitude becomes 127; halves away from zero."""
    out = np.empty_like(blocks)
    for i, block in enumerate(blocks):
        step = np.float32(np.abs(block).max() / np.float32(127))
        inverse = np.float32(1) / step if step else np.float32(0)
        scaled = block * inverse
        q = np.sign(scaled) * np.floor(np.abs(scaled) + np.float32(0.5))
        out[i] = q * np.float32(np.float16(step))
    return out


def plain(blocks: F32) -> F32:
    return blocks


EXPECTED = {"q4": q4_0, "q8": q8_0, "f16": plain, "f32": plain}  # synthetic values are exact in float16


@pytest.mark.parametrize("quant", QUANTS)
def test_every_tensor_is_the_source_requantised(quant: str, tmp_path: Path) -> None:
    model = spec(quant, GROUPED)
    source = SyntheticSource(model.config, 3)
    _, reader = written(model, tmp_path)
    found = {one.name: one for one in reader.tensors}
    assert len(found) == len(tensor_specs(model.config))
    for wanted in tensor_specs(model.config):
        tensor = found[name_of(wanted.hf_name)]
        assert tuple(reversed(tensor.shape.tolist())) == wanted.shape
        got = gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(wanted.shape)
        if len(wanted.shape) == 1:
            assert tensor.tensor_type == gguf.GGMLQuantizationType.F32
            np.testing.assert_array_equal(got, source.vector(wanted.hf_name))
            continue
        original = source.read_rows(wanted.hf_name, 0, wanted.shape[0])
        expected = EXPECTED[quant](original.reshape(-1, 32)).reshape(wanted.shape)
        np.testing.assert_array_equal(got, expected)


def name_of(hf_name: str) -> str:
    """llama.cpp's name, by the gguf package's own table of names."""
    found = gguf.get_tensor_name_map(gguf.MODEL_ARCH.PHI3, 8).get_name(hf_name, try_suffixes=(".weight",))
    assert found is not None, hf_name
    return found


def test_the_metadata_is_what_llama_cpp_reads(tmp_path: Path) -> None:
    _, reader = written(spec("q4", replace(GROUPED, sliding_window=7, rope_theta=5000.0)), tmp_path)
    found = values(reader)
    assert found["general.architecture"] == "phi3"
    assert found["general.file_type"] == gguf.LlamaFileType.MOSTLY_Q4_0
    assert found["tokenizer.ggml.model"] == "no_vocab"
    assert {name.removeprefix("phi3."): value for name, value in found.items() if name.startswith("phi3.")} == {
        "context_length": 128,
        "rope.scaling.original_context_length": 128,
        "embedding_length": 128,
        "feed_forward_length": 96,
        "block_count": 2,
        "attention.head_count": 8,
        "attention.head_count_kv": 2,
        "attention.layer_norm_rms_epsilon": pytest.approx(1e-5),
        "rope.dimension_count": 16,
        "rope.freq_base": 5000.0,
        "attention.sliding_window": 7,
        "vocab_size": 211,
    }


def test_without_a_window_it_says_0_as_the_converter_of_llama_cpp_does(tmp_path: Path) -> None:
    assert values(written(spec("q4", PLAIN), tmp_path)[1])["phi3.attention.sliding_window"] == 0
    assert values(written(spec("q4", WINDOWED), tmp_path)[1])["phi3.attention.sliding_window"] == 3


def test_longrope_has_its_factors_as_tensors_and_its_scaling(tmp_path: Path) -> None:
    _, reader = written(spec("f16", LONGROPE), tmp_path)
    found = {one.name: one.data for one in reader.tensors}
    np.testing.assert_array_equal(found["rope_factors_long.weight"], np.float32(LONGROPE.rope_long_factor))
    np.testing.assert_array_equal(found["rope_factors_short.weight"], np.float32(LONGROPE.rope_short_factor))
    scaling = math.sqrt(1 + math.log(512 / 128) / math.log(128))
    assert values(reader)["phi3.rope.scaling.attn_factor"] == pytest.approx(scaling)


def test_without_longrope_there_is_none_of_it(tmp_path: Path) -> None:
    _, reader = written(spec("f16", PLAIN), tmp_path)
    assert not any("rope_factors" in one.name for one in reader.tensors)
    assert "phi3.rope.scaling.attn_factor" not in values(reader)


def test_a_tied_head_is_not_written_twice(tmp_path: Path) -> None:
    folder, reader = written(spec("q4", TIED), tmp_path)
    assert "output.weight" not in {one.name for one in reader.tensors}
    embedding = next(one for one in reader.tensors if one.name == "token_embd.weight")
    total = sum(int(one.n_bytes) for one in reader.tensors)
    row = int(embedding.n_bytes) // 211
    assert load_manifest(folder, "gguf").decode_weight_bytes_per_token == total + row


@pytest.mark.parametrize("name", sorted(ALL))
def test_the_manifest_describes_the_folder(name: str, tmp_path: Path) -> None:
    folder, reader = written(spec("q4", ALL[name]), tmp_path)
    manifest = load_manifest(folder, "gguf")
    verify_files(folder, manifest)
    assert folder.name == f"tiny-q4--{manifest.key[:12]}"
    assert manifest.elements == sum(int(np.prod(one.shape)) for one in reader.tensors)
    assert (manifest.weights.layout, manifest.weights.source_id) == ("gguf-q4_0", "seed 3")
    assert manifest.memory.weights_bytes == (folder / GGUF_NAME).stat().st_size
    if not ALL[name].tie_word_embeddings:
        table = next(int(one.n_bytes) for one in reader.tensors if one.name == "token_embd.weight")
        total = sum(int(one.n_bytes) for one in reader.tensors)
        assert manifest.decode_weight_bytes_per_token == total - table + table // 211


def test_only_the_layers_that_are_kept_are_there(tmp_path: Path) -> None:
    model = spec("q4", PLAIN, layers=1)
    _, reader = written(model, tmp_path)
    assert values(reader)["phi3.block_count"] == 1
    assert not any(one.name.startswith("blk.1.") for one in reader.tensors)


def test_blocks_of_rows_meet_without_gaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = written(spec("q4"), tmp_path / "whole")
    monkeypatch.setattr(gguf_file, "block_rows", lambda k: 64)
    blocks, _ = written(spec("q4"), tmp_path / "blocks")
    assert (whole / GGUF_NAME).read_bytes() == (blocks / GGUF_NAME).read_bytes()


def test_what_is_there_is_found_and_what_is_damaged_is_made_again(tmp_path: Path) -> None:
    folder, _ = written(spec("q4"), tmp_path)
    stamp = (folder / GGUF_NAME).stat().st_mtime_ns
    assert written(spec("q4"), tmp_path)[0] == folder
    assert (folder / GGUF_NAME).stat().st_mtime_ns == stamp
    with (folder / GGUF_NAME).open("r+b") as file:
        file.truncate(100)
    with pytest.raises(BundleError):
        verify_files(folder, load_manifest(folder, "gguf"))
    again, _ = written(spec("q4"), tmp_path)
    verify_files(again, load_manifest(again, "gguf"))


def test_other_weights_are_another_folder(tmp_path: Path) -> None:
    model = spec("q4")
    folders = {write_gguf(model, SyntheticSource(model.config, seed), tmp_path, NullProgress()) for seed in (0, 1)}
    folders.add(write_gguf(spec("q8"), SyntheticSource(model.config, 0), tmp_path, NullProgress()))
    assert len(folders) == 3


class Poisoned(SyntheticSource):
    """One value of one matrix is what the test says."""

    value = np.float32("nan")

    def read_rows(self, hf_name: str, start: int, stop: int) -> F32:
        rows = super().read_rows(hf_name, start, stop)
        if hf_name.endswith("down_proj.weight") and start == 0:
            rows[0, 0] = self.value
        return rows


@pytest.mark.parametrize(("quant", "value"), [("q4", "nan"), ("f32", "inf"), ("f16", "70000"), ("q4", "1e6")])
def test_what_cannot_be_stored_is_refused_by_name(quant: str, value: str, tmp_path: Path) -> None:
    model = spec(quant)
    source = Poisoned(model.config)
    source.value = np.float32(value)
    with pytest.raises(WeightsError, match=r"model\.layers\.0\.mlp\.down_proj\.weight: rows 0"):
        write_gguf(model, source, tmp_path, NullProgress())
    assert list((tmp_path / "gguf").iterdir()) == []


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="hidden_size"):
        write_gguf(spec("q4", PLAIN), SyntheticSource(GROUPED), tmp_path, NullProgress())
