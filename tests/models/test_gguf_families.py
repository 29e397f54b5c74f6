"""GGUFs of the families whose projections stand apart there: names by the gguf package's tables, rows by arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from lab.core.progress import NullProgress
from lab.formats.manifest import GGUF_NAME
from lab.models.catalog import custom
from lab.models.decoder.config import DecoderConfig
from lab.models.gguf_file import write_gguf
from lab.models.quant import F32, SCHEMES
from lab.models.sources import HuggingFaceSource
from tests.models import small_families, transformers_folder

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "llama3 rope": gguf.MODEL_ARCH.LLAMA,
    "linear rope": gguf.MODEL_ARCH.LLAMA,
    "biases, own head size": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "gemma": gguf.MODEL_ARCH.GEMMA,
}


def written(config: DecoderConfig, folder: Path) -> tuple[Any, gguf.GGUFReader]:
    """transformers' network, and the f32 GGUF that is made of the folder that it writes."""
    model = transformers_folder.write(folder / "hf", config)
    spec = custom(config, SCHEMES["f32"], "tiny-f32")
    made = write_gguf(spec, HuggingFaceSource(folder / "hf"), folder, NullProgress())
    return model, gguf.GGUFReader(made / GGUF_NAME)


def values(reader: gguf.GGUFReader) -> dict[str, Any]:
    return {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}


def permuted(weights: F32, heads: int) -> F32:
    """Rows of a head's second half between those of its first, as llama.cpp's converter puts them."""
    rows = weights.shape[0] // heads
    order = [h * rows + half * (rows // 2) + i for h in range(heads) for i in range(rows // 2) for half in (0, 1)]
    return weights[order]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_tensor_is_the_one_of_the_folder_under_llama_cpps_name(name: str, tmp_path: Path) -> None:
    config = small_families.ALL[name]
    model, reader = written(config, tmp_path)
    found = {one.name: np.array(one.data) for one in reader.tensors}
    found.pop("rope_freqs.weight", None)
    names = gguf.get_tensor_name_map(ARCHITECTURES[name], config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for hf_name, parameter in model.named_parameters():
        want: F32 = parameter.detach().numpy()
        part = hf_name.split(".")[-2]
        if ARCHITECTURES[name] == gguf.MODEL_ARCH.LLAMA and part in heads:
            want = permuted(want, heads[part])
        if ARCHITECTURES[name] == gguf.MODEL_ARCH.GEMMA and hf_name.endswith("norm.weight"):
            want = want + 1
        theirs = names.get_name(hf_name, try_suffixes=(".weight", ".bias"))
        assert theirs is not None, hf_name
        np.testing.assert_array_equal(found.pop(theirs).reshape(want.shape), want)
    assert not found


def test_neighbours_rotated_together_give_the_products_of_halves_rotated_together() -> None:
    # What the order of rows is for: llama.cpp turns rows 2i and 2i + 1, transformers rows i and i + half.
    rng = np.random.default_rng(2)
    query, key = (rng.standard_normal(32) for _ in range(2))
    angle = 7.0 * 1000.0 ** -(np.arange(16) / 16)
    turn = np.cos(angle) + 1j * np.sin(angle)

    def halves(x: Any) -> Any:
        return (x[:16] + 1j * x[16:]) * turn

    def pairs(x: Any) -> Any:
        stored = permuted(x, 1)
        return (stored[::2] + 1j * stored[1::2]) * turn

    np.testing.assert_allclose(halves(query), pairs(query))
    assert np.vdot(halves(query), halves(key)).real == pytest.approx(np.vdot(pairs(query), pairs(key)).real)


def test_the_metadata_is_what_llama_cpp_reads(tmp_path: Path) -> None:
    found = values(written(small_families.BIASED, tmp_path)[1])
    assert found["general.architecture"] == "llama"
    assert {name.removeprefix("llama."): value for name, value in found.items() if name.startswith("llama.")} == {
        "context_length": 256,
        "embedding_length": 128,
        "feed_forward_length": 192,
        "block_count": 2,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "attention.key_length": 48,
        "attention.value_length": 48,
        "attention.layer_norm_rms_epsilon": pytest.approx(1e-5),
        "rope.dimension_count": 48,
        "rope.freq_base": 10000.0,
        "vocab_size": 331,
    }


def test_gemma_says_its_one_key_head_and_its_head_size(tmp_path: Path) -> None:
    found = values(written(small_families.GEMMA, tmp_path)[1])
    assert found["general.architecture"] == "gemma"
    assert (found["gemma.attention.head_count_kv"], found["gemma.attention.key_length"]) == (1, 64)


def test_frequencies_that_are_slowed_down_are_a_tensor_of_divisors(tmp_path: Path) -> None:
    model, reader = written(small_families.LLAMA3, tmp_path)
    (divisors,) = (np.array(one.data) for one in reader.tensors if one.name == "rope_freqs.weight")
    plain = 1000.0 ** -(np.arange(16) / 16)
    np.testing.assert_allclose(plain / divisors, model.model.rotary_emb.inv_freq.numpy(), rtol=1e-5)
    assert "llama.rope.scaling.type" not in values(reader)


def test_one_divisor_of_all_frequencies_is_a_number(tmp_path: Path) -> None:
    _, reader = written(small_families.LINEAR, tmp_path)
    assert (values(reader)["llama.rope.scaling.type"], values(reader)["llama.rope.scaling.factor"]) == ("linear", 4.0)
    assert not any(one.name == "rope_freqs.weight" for one in reader.tensors)
