"""IQ4_XS as we write it: read back by the gguf package, and held to its definition written out number by number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf.quants import IQ4_NL
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.core.errors import WeightsError
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest
from lab.formats.manifest import GGUF_NAME
from lab.models.gguf_file import write_gguf
from lab.models.gguf_iq4_xs import encode_iq4_xs
from lab.models.gguf_types import gguf_types
from lab.models.quant import F32
from lab.models.sources import SyntheticSource
from tests.models.small import PLAIN, spec

TYPE = gguf.GGMLQuantizationType.IQ4_XS
WIDE = replace(PLAIN, hidden_size=256, intermediate_size=512)


def read_back(values: F32) -> F32:
    return np.asarray(gguf.quants.dequantize(encode_iq4_xs(values), TYPE), np.float32)


def by_definition(block: F32) -> list[float]:
    """What 256 numbers become: eight units of -32..31 times one float16, each number the nearest of 16 values."""
    groups = block.reshape(8, 32)
    wanted = [max(group, key=abs) / np.float32(-127) for group in groups]
    scale = np.float32(np.float16(max(wanted, key=abs) / np.float32(-32)))
    out: list[float] = []
    for unit, group in zip(wanted, groups, strict=True):
        step = min(31, max(-32, round(float(unit / scale)))) if scale else 0
        one = np.float32(scale * np.float32(step))
        nearest = [min(IQ4_NL.kvalues, key=lambda v: (abs(x / one - v), v)) if one else 0 for x in group]
        out += [float(one * np.float32(v)) for v in nearest]
    return out


@pytest.mark.parametrize("seed", range(3))
def test_what_gguf_reads_is_the_definition(seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal((2, 512)).astype(np.float32)
    values[0, 256:288] = 0.0  # a group of nothing
    values[1, :256] = 0.0  # and a block
    expected = np.array([by_definition(block) for block in values.reshape(-1, 256)], np.float32).reshape(values.shape)
    np.testing.assert_array_equal(read_back(values), expected)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_no_number_is_further_off_than_half_the_widest_step(seed: int, size: float) -> None:
    values = (np.random.default_rng(seed).standard_normal((4, 256)) * size).astype(np.float32)
    off = np.abs(read_back(values) - values).reshape(4, 8, 32)
    block = np.abs(values).max(axis=1)[:, None]
    group = np.abs(values).reshape(4, 8, 32).max(axis=2)
    # Between values of -127 to 113 the widest gap is 24; 14 remain beyond the last. A scale is off by half of 1/32 of
    # the block's, or by 1/32 at its upper end.
    assert (off <= (14 / 127 * group + block / 32 * 1.1)[..., None]).all()


def test_a_file_of_it_is_the_source_in_that_type(tmp_path: Path) -> None:
    model = spec("q4", WIDE)
    source = SyntheticSource(model.config, 3)
    folder = write_gguf(model, source, tmp_path, NullProgress(), "iq4_xs")
    reader = gguf.GGUFReader(folder / GGUF_NAME)
    down = next(one for one in reader.tensors if one.name == "blk.1.ffn_down.weight")
    assert down.tensor_type == TYPE
    name = "model.layers.1.mlp.down_proj.weight"
    expected = read_back(source.read_rows(name, 0, 256))
    np.testing.assert_array_equal(gguf.quants.dequantize(down.data, TYPE), expected)
    assert reader.fields["general.file_type"].contents() == gguf.LlamaFileType.MOSTLY_IQ4_XS
    manifest = load_manifest(folder, "gguf")
    assert manifest.weights.layout == "gguf-iq4_xs"
    head = 211 * 256 // 256 * 136
    matrices = sum(int(one.n_bytes) for one in reader.tensors)
    assert manifest.decode_weight_bytes_per_token == matrices - head + head // 211


def test_each_type_has_a_folder_and_the_first_is_what_it_was(tmp_path: Path) -> None:
    model = spec("q4", WIDE)
    source = SyntheticSource(model.config)
    folders = {write_gguf(model, source, tmp_path, NullProgress(), name) for name in ("", "q4_0", "iq4_xs")}
    assert len(folders) == 2


def test_rows_that_do_not_divide_are_not_written_in_it(tmp_path: Path) -> None:
    assert [one.name for one in gguf_types(spec("q4", WIDE))] == ["q4_0", "iq4_xs"]
    assert [one.name for one in gguf_types(spec("q4", PLAIN))] == ["q4_0"]
    assert [one.name for one in gguf_types(spec("q8", WIDE))] == ["q8_0"]
    with pytest.raises(WeightsError, match="cannot be written as iq4_xs"):
        write_gguf(spec("q4", PLAIN), SyntheticSource(PLAIN), tmp_path, NullProgress(), "iq4_xs")
