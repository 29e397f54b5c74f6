import json
from dataclasses import replace

import numpy as np
import pytest

from lab.core.errors import WeightsError
from lab.models.sources import MlcSource, QuantisedSource, open_folder
from tests.models import small
from tests.models.folders import MlcFolder

NAME = "model.layers.1.mlp.down_proj.weight"


@pytest.mark.parametrize("table", ["tensor-cache.json", "ndarray-cache.json"])
@pytest.mark.parametrize("transposed", [False, True])
def test_stored_integers_and_scales_come_back_untouched(tmp_path, table, transposed):
    written = MlcFolder(tmp_path, small.GROUPED, transposed)
    written.write(table)
    source = open_folder(tmp_path, small.GROUPED)
    assert isinstance(source, MlcSource)
    assert isinstance(source, QuantisedSource)
    assert (source.kind, source.scheme_name) == ("mlc", "q4")
    for name, expected in written.q.items():
        q, scale = source.read_quantised(name, 16, 48)
        assert q.dtype == np.int8
        assert (q == expected[16:48]).all(), name
        assert scale.tobytes() == written.scale[name][16:48].tobytes(), name
    for name, expected in written.norms.items():
        assert (source.vector(name) == expected.astype(np.float32)).all()


def test_rows_are_the_dequantised_values(tmp_path):
    written = MlcFolder(tmp_path, small.PLAIN)
    source = open_folder(written.write(), small.PLAIN)
    rows = source.read_rows(NAME, 3, 9)
    scale = np.repeat(written.scale[NAME].astype(np.float32), 32, axis=1)
    assert (rows == (written.q[NAME] * scale)[3:9]).all()


def test_float32_stored_as_its_upper_half(tmp_path):
    written = MlcFolder(tmp_path, small.PLAIN)
    path = tmp_path / "tensor-cache.json"
    written.write()
    document = json.loads(path.read_text())
    shard = next(s for s in document["records"] for r in s["records"] if r["name"] == "transformer.norm.weight")
    record = next(r for r in shard["records"] if r["name"] == "transformer.norm.weight")
    record["dtype"] = "float32"  # 2 bytes a value, as "f32-to-bf16" has it
    data = bytearray((tmp_path / shard["dataPath"]).read_bytes())
    upper = np.full(64, np.float32(1.5)).view(np.uint32) >> 16
    data[record["byteOffset"] : record["byteOffset"] + 128] = upper.astype(np.uint16).tobytes()
    (tmp_path / shard["dataPath"]).write_bytes(data)
    path.write_text(json.dumps(document))
    assert (open_folder(tmp_path, small.PLAIN).vector("model.norm.weight") == 1.5).all()


def test_the_chat_config_is_held_against_the_network(tmp_path):
    written = MlcFolder(tmp_path, small.WINDOWED)
    written.write()
    written.write_chat_config()
    assert open_folder(tmp_path, small.WINDOWED).config == small.WINDOWED  # its window comes from the network
    one_layer = replace(small.WINDOWED, num_hidden_layers=1)
    assert open_folder(tmp_path, one_layer).config.num_hidden_layers == 2
    with pytest.raises(WeightsError, match="intermediate_size 96 instead of 128"):
        open_folder(tmp_path, replace(small.WINDOWED, intermediate_size=128))


def test_other_quantisations_are_refused_by_name(tmp_path):
    written = MlcFolder(tmp_path, small.PLAIN)
    written.write()
    written.write_chat_config()
    path = tmp_path / "mlc-chat-config.json"
    path.write_text(path.read_text().replace("q4f16_1", "q3f16_1"))
    with pytest.raises(WeightsError, match="'q3f16_1'; only q4f16_1 and q4f16_0"):
        open_folder(tmp_path, small.PLAIN)


def test_a_nibble_that_mlc_never_writes_is_damage(tmp_path):
    written = MlcFolder(tmp_path, small.PLAIN)
    written.arrays = [
        (name, np.full_like(a, 0xFFFFFFFF) if name.endswith("h.1.mlp.down_proj.q_weight") else a)
        for name, a in written.arrays
    ]
    source = open_folder(written.write(), small.PLAIN)
    with pytest.raises(WeightsError, match="hold a 15"):
        source.read_quantised(NAME, 0, 16)


def test_the_id_follows_the_content(tmp_path):
    first = open_folder(MlcFolder(tmp_path, small.PLAIN).write(), small.PLAIN).source_id
    shard = tmp_path / "params_shard_1.bin"
    data = bytearray(shard.read_bytes())
    data[0] ^= 1
    shard.write_bytes(data)
    assert open_folder(tmp_path, small.PLAIN).source_id != first


def refused(folder, *said):
    with pytest.raises(WeightsError) as caught:
        open_folder(folder, small.PLAIN)
    for text in said:
        assert text in caught.value.what


def test_missing_tensors_are_named_both_ways(tmp_path):
    written = MlcFolder(tmp_path, small.PLAIN)
    written.arrays = [(n, a) for n, a in written.arrays if n != "transformer.h.1.mlp.down_proj.q_scale"]
    refused(written.write(), "transformer.h.1.mlp.down_proj.q_scale", NAME, "missing")


def test_wrong_shapes_are_named(tmp_path):
    written = MlcFolder(tmp_path, small.PLAIN)
    written.arrays = [(n, a[:-1] if n == "lm_head.q_weight" else a) for n, a in written.arrays]
    refused(written.write(), "lm_head.q_weight", "[210, 8]", "[211, 8]")


def test_a_shard_cut_short_is_named(tmp_path):
    MlcFolder(tmp_path, small.PLAIN).write()
    shard = tmp_path / "params_shard_2.bin"
    shard.write_bytes(shard.read_bytes()[:-1])
    refused(tmp_path, "params_shard_2.bin", "says")
    shard.unlink()
    refused(tmp_path, "params_shard_2.bin")


@pytest.mark.parametrize(
    "change",
    [
        {"byteOffset": -4},
        {"byteOffset": 1 << 50},
        {"nbytes": 3},
        {"shape": [1 << 40, 1 << 40]},
        {"shape": "x"},
        {"shape": [-211, -8]},
        {"dtype": "uint8"},
        {"name": None, "nbytes": None},
    ],
)
def test_damaged_entries_are_refused(tmp_path, change):
    MlcFolder(tmp_path, small.PLAIN).write()
    path = tmp_path / "tensor-cache.json"
    document = json.loads(path.read_text())
    document["records"][0]["records"][0] |= change
    path.write_text(json.dumps(document))
    refused(tmp_path, "params_shard_0.bin")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"records": []}', '{"records": [5]}', '{"records": [{}]}'])
def test_a_damaged_table_is_refused(tmp_path, text):
    MlcFolder(tmp_path, small.PLAIN).write()
    (tmp_path / "tensor-cache.json").write_text(text)
    refused(tmp_path, "tensor-cache.json")


def test_a_table_can_not_lead_out_of_the_folder(tmp_path):
    MlcFolder(tmp_path, small.PLAIN).write()
    path = tmp_path / "tensor-cache.json"
    path.write_text(path.read_text().replace("params_shard_0.bin", "../params_shard_0.bin"))
    refused(tmp_path, "not a plain file name")
