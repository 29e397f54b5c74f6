import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from lab.core.errors import WeightsError
from lab.models.sources import HuggingFaceSource, open_folder
from lab.models.sources.synthetic import SyntheticSource
from tests.models import folders, small

NAME = "model.layers.1.mlp.down_proj.weight"
SHARD = "model-00002-of-00003.safetensors"


@pytest.mark.parametrize("dtype", list(folders.SAVED_AS))
def test_rows_and_vectors_of_every_dtype(tmp_path, dtype):
    state = folders.tensors(small.PLAIN, dtype)
    source = open_folder(folders.write_single(tmp_path, small.PLAIN, state), small.PLAIN)
    assert isinstance(source, HuggingFaceSource)
    assert source.config == small.PLAIN
    assert source.kind == "huggingface"
    rows = source.read_rows(NAME, 5, 40)
    assert rows.dtype == np.float32
    assert (rows == state[NAME].float().numpy()[5:40]).all()
    assert (source.vector("model.norm.weight") == state["model.norm.weight"].float().numpy()).all()


def test_shards_hold_what_one_file_holds(tmp_path):
    source = HuggingFaceSource(folders.write_sharded(tmp_path, small.GROUPED))
    expected = SyntheticSource(small.GROUPED)
    assert source.tensor_names() == expected.tensor_names()
    for name in ("model.embed_tokens.weight", "lm_head.weight", NAME):
        assert (source.read_rows(name, 3, 17) == expected.read_rows(name, 3, 17)).all()


def test_a_tied_head_may_be_absent_or_present(tmp_path):
    HuggingFaceSource(folders.write_single(tmp_path / "absent", small.TIED))
    state = folders.tensors(small.TIED)
    state["lm_head.weight"] = state["model.embed_tokens.weight"].clone()
    source = HuggingFaceSource(folders.write_single(tmp_path / "present", small.TIED, state))
    assert "lm_head.weight" not in source.tensor_names()


def test_a_head_that_is_tied_but_stored_with_other_values_is_its_own_as_in_transformers(tmp_path):
    state = folders.tensors(small.PLAIN)
    folder = folders.write_single(tmp_path / "model", small.TIED, state)
    document = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**document, "pad_token_id": 0, "eos_token_id": None}))
    source = HuggingFaceSource(folder)
    theirs = transformers.Phi3ForCausalLM.from_pretrained(folder, dtype=torch.float32)
    assert not source.config.tie_word_embeddings
    assert (source.read_rows("lm_head.weight", 0, 40) == theirs.lm_head.weight.detach().numpy()[:40]).all()
    assert "lm_head.weight is stored and differs" in source.notes[0]


@pytest.mark.parametrize("shards", [1, 3])
def test_split_projections_are_fused(tmp_path, shards):
    whole = folders.tensors(small.GROUPED)
    folder = folders.write_split(tmp_path, small.GROUPED, whole, shards)
    source = open_folder(folder, small.GROUPED)
    for name, tensor in whole.items():
        read = source.vector(name) if tensor.ndim == 1 else source.read_rows(name, 0, tensor.shape[0])
        assert (read == tensor.float().numpy()).all(), name
    name = "model.layers.0.self_attn.qkv_proj.weight"
    for start in range(0, whole[name].shape[0] - 7, 5):  # across every seam
        assert (source.read_rows(name, start, start + 7) == whole[name][start : start + 7].float().numpy()).all()


def test_a_part_of_a_split_projection_that_is_missing_is_told(tmp_path):
    folder = folders.write_split(tmp_path, small.PLAIN, folders.tensors(small.PLAIN), 1, without="k_proj")
    refused(folder, "qkv_proj.weight", "missing from")


def test_parts_that_do_not_fit_together_are_refused(tmp_path):
    state = folders.tensors(small.PLAIN)
    folder = folders.write_split(tmp_path, small.PLAIN, state, 1, change=("k_proj", lambda tensor: tensor[:, :-1]))
    refused(folder, "qkv_proj.weight", "holds shape")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_config_with_a_byte_order_mark_is_read(tmp_path, encoding):
    folder = folders.write_single(tmp_path, small.PLAIN)
    text = (folder / "config.json").read_text("utf-8")
    (folder / "config.json").write_bytes(text.encode(encoding))
    assert open_folder(folder, small.PLAIN).config == small.PLAIN


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_git_lfs_pointer_is_named_with_its_cure(tmp_path, name):
    folder = folders.write_single(tmp_path, small.PLAIN)
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 123\n")
    error = refused(folder, name, "a Git LFS pointer")
    assert "git lfs pull" in error.hint


def test_of_a_file_its_folder_is_meant(tmp_path):
    folder = folders.write_single(tmp_path, small.PLAIN)
    assert open_folder(folder / "model.safetensors", small.PLAIN).config == small.PLAIN


def test_files_that_are_no_folder_of_weights_say_what_they_are(tmp_path):
    (tmp_path / "one.gguf").write_bytes(b"GGUF" + bytes(100))
    (tmp_path / "two").write_bytes(b"GGUF" + bytes(100))
    (tmp_path / "three.safetensors").write_bytes(bytes(100))
    refused(tmp_path / "one.gguf", "GGUF files are not read")
    refused(tmp_path / "two", "GGUF files are not read")
    refused(tmp_path / "three.safetensors", "no config.json beside it")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pytorch_model.bin", "pickled PyTorch weights"),
        ("adapter_config.json", "an adapter (LoRA)"),
        ("model-q4.gguf", "GGUF files (model-q4.gguf)"),
    ],
)
@pytest.mark.parametrize("with_config", [False, True])
def test_a_folder_of_other_weights_says_what_they_are(tmp_path, name, said, with_config):
    if with_config:
        folders.write_config(tmp_path, small.PLAIN)
    (tmp_path / name).write_bytes(b"x")
    refused(tmp_path, said)


@pytest.mark.parametrize("rename", [lambda name: f"base_model.{name}", lambda name: name.removeprefix("model.")])
def test_tensors_under_other_names_are_pointed_at(tmp_path, rename):
    state = {rename(name): tensor for name, tensor in folders.tensors(small.PLAIN).items()}
    error = refused(folders.write_single(tmp_path, small.PLAIN, state), "missing from")
    assert rename("model.embed_tokens.weight") in error.hint


def test_tables_that_old_versions_saved_are_ignored(tmp_path):
    state = folders.tensors(small.PLAIN)
    state["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(8)
    HuggingFaceSource(folders.write_single(tmp_path, small.PLAIN, state))


def test_the_id_follows_the_content_of_every_file(tmp_path):
    folder = folders.write_sharded(tmp_path / "a", small.PLAIN)
    first = HuggingFaceSource(folder).source_id
    assert first.startswith("sha256:")
    assert HuggingFaceSource(folders.write_sharded(tmp_path / "b", small.PLAIN)).source_id == first
    shard = folder / SHARD
    data = bytearray(shard.read_bytes())
    data[-3] ^= 1
    shard.write_bytes(data)
    assert HuggingFaceSource(folder).source_id != first


def refused(folder, *said):
    with pytest.raises(WeightsError) as caught:
        open_folder(folder, small.PLAIN)
    for text in said:
        assert text in caught.value.what
    assert caught.value.hint
    return caught.value


def test_missing_tensors_are_named(tmp_path):
    state = folders.tensors(small.PLAIN)
    del state[NAME]
    refused(folders.write_single(tmp_path, small.PLAIN, state), NAME, "missing from", str(tmp_path.name))


def test_a_missing_head_asks_whether_it_is_tied(tmp_path):
    state = folders.tensors(small.PLAIN)
    del state["lm_head.weight"]
    error = refused(folders.write_single(tmp_path, small.PLAIN, state), "lm_head.weight")
    assert "tie_word_embeddings" in error.hint


def test_many_missing_tensors_are_counted(tmp_path):
    folder = folders.write_single(tmp_path, small.PLAIN)
    folders.write_config(folder, replace(small.PLAIN, num_hidden_layers=4))
    refused(folder, "model.layers.2.input_layernorm.weight", "and 9 more")


def test_extra_tensors_are_named_with_their_file(tmp_path):
    state = folders.tensors(small.PLAIN)
    state["model.layers.0.self_attn.qkv_proj.bias"] = torch.ones(8)
    refused(
        folders.write_single(tmp_path, small.PLAIN, state),
        "model.layers.0.self_attn.qkv_proj.bias",
        "model.safetensors",
        "no such tensor",
    )


def test_wrong_shapes_are_named(tmp_path):
    state = folders.tensors(small.PLAIN)
    state[NAME] = torch.ones(64, 64).half()
    refused(folders.write_single(tmp_path, small.PLAIN, state), NAME, "[64, 64]", "[64, 96]")


def test_wrong_dtypes_are_named(tmp_path):
    state = folders.tensors(small.PLAIN)
    state[NAME] = torch.ones(64, 96, dtype=torch.int8)
    refused(folders.write_single(tmp_path, small.PLAIN, state), NAME, "I8", "model.safetensors")


def test_a_file_cut_short_names_the_tensor(tmp_path):
    folder = folders.write_single(tmp_path, small.PLAIN)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    error = refused(folder, "cut short", "lacks 10 bytes", "model.safetensors")
    assert any(name in error.what for name in SyntheticSource(small.PLAIN).tensor_names())


@pytest.mark.parametrize("length", [0, 4, 8, 100])
def test_a_file_cut_in_its_header(tmp_path, length):
    folder = folders.write_single(tmp_path, small.PLAIN)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    refused(folder, "model.safetensors")


def garble(data, how):
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    if how == "huge":
        return struct.pack("<Q", 1 << 62) + data[8:]
    if how == "bits":
        return data[:12] + b"\xff\xfe" + data[14:]
    if how == "list":
        header = [1, 2]
    if how == "overlap":
        header[NAME]["data_offsets"] = header["model.norm.weight"]["data_offsets"]
    if how == "negative":
        header[NAME]["data_offsets"] = [-5, 10]
    if how == "shape":
        header[NAME]["shape"] = [1 << 40, 1 << 40]
    if how == "entry":
        header[NAME] = "gone"
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + size :]


@pytest.mark.parametrize("how", ["huge", "bits", "list", "overlap", "negative", "shape", "entry"])
def test_a_garbled_header_is_refused(tmp_path, how):
    folder = folders.write_single(tmp_path, small.PLAIN)
    path = folder / "model.safetensors"
    path.write_bytes(garble(path.read_bytes(), how))
    refused(folder, "model.safetensors")


def test_every_flipped_header_bit_is_refused_or_harmless(tmp_path):
    folder = folders.write_single(tmp_path, small.PLAIN)
    path = folder / "model.safetensors"
    data = path.read_bytes()
    expected = SyntheticSource(small.PLAIN).read_rows(NAME, 0, 64)
    size = struct.unpack("<Q", data[:8])[0]
    for position in np.random.default_rng(0).integers(0, 8 + size, 150):
        flipped = bytearray(data)
        flipped[position] ^= 1 << int(position % 8)
        path.write_bytes(flipped)
        try:
            source = open_folder(folder, small.PLAIN)
        except WeightsError:
            continue
        assert (source.read_rows(NAME, 0, 64) == expected).all()


def test_a_missing_shard_is_named(tmp_path):
    folder = folders.write_sharded(tmp_path, small.PLAIN)
    (folder / SHARD).unlink()
    refused(folder, SHARD)


def test_an_index_that_lies_is_refused(tmp_path):
    folder = folders.write_sharded(tmp_path, small.PLAIN)
    index = folder / "model.safetensors.index.json"
    document = json.loads(index.read_text())
    holder = document["weight_map"][NAME]
    document["weight_map"][NAME] = next(s for s in document["weight_map"].values() if s != holder)
    index.write_text(json.dumps(document))
    refused(folder, NAME, "index.json")


@pytest.mark.parametrize("name", ["../x.safetensors", "/etc/passwd", 5, ""])
def test_an_index_can_not_lead_out_of_the_folder(tmp_path, name):
    folder = folders.write_sharded(tmp_path, small.PLAIN)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {NAME: name}}))
    refused(folder, "not a plain file name")


@pytest.mark.parametrize("text", ["", "[]", '{"weight_map": {}}', '{"weight_map": 5}', "{", "\xff"])
def test_a_damaged_index_is_refused(tmp_path, text):
    folder = folders.write_sharded(tmp_path, small.PLAIN)
    (folder / "model.safetensors.index.json").write_bytes(text.encode("latin-1"))
    refused(folder, "model.safetensors.index.json")


def test_folders_that_are_no_model(tmp_path):
    refused(tmp_path / "nowhere", "no such folder")
    refused(tmp_path, "not a model folder", "config.json is missing")
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file", "not a folder")
    folders.write_config(tmp_path, small.PLAIN)
    refused(tmp_path, "no weights", "model.safetensors")


def test_pickled_weights_are_not_read(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    refused(tmp_path, "pickled")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model_type": "llama"}', "{nonsense"])
def test_a_config_that_is_no_phi3(tmp_path, text):
    folders.write_single(tmp_path, small.PLAIN)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(WeightsError, match=r"config\.json"):
        open_folder(tmp_path, small.PLAIN)


def test_an_unknown_tensor_is_guessed(tmp_path):
    source = HuggingFaceSource(folders.write_single(tmp_path, small.PLAIN))
    with pytest.raises(WeightsError, match="Did you mean"):
        source.read_rows("lm_hed.weight", 0, 1)
