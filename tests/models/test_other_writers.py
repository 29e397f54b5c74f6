"""Folders written by the programs that people use: transformers, and the cache writer that MLC-LLM calls."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import Phi3Config as TheirConfig
from transformers import Phi3ForCausalLM

from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest
from lab.models.convert import convert
from lab.models.phi3 import hf
from lab.models.sources import open_folder
from tests.models import oracle, small
from tests.models.folders import MlcFolder


@pytest.mark.parametrize("shard", ["50KB", "1GB"])
@pytest.mark.parametrize("name", ["grouped", "tied", "longrope"])
def test_what_save_pretrained_writes_converts_to_the_same_network(tmp_path, name, shard):
    config = small.ALL[name]
    torch.manual_seed(0)
    theirs = TheirConfig(**hf.document(config), pad_token_id=0, bos_token_id=0, eos_token_id=0, initializer_range=0.1)
    model = Phi3ForCausalLM(theirs).eval()
    model.save_pretrained(tmp_path / "model", max_shard_size=shard)
    spec = small.spec("f32", config)
    source = open_folder(tmp_path / "model", config)
    assert source.config == config
    verify = load_manifest(convert(spec, source, tmp_path, NullProgress()), "weights").verify
    with torch.no_grad():
        want = model(torch.tensor([verify.prompt_ids])).logits[0, -1].numpy()[list(verify.logit_ids)]
    assert oracle.rel_error(np.array(verify.logits), want) < 1e-4


def test_a_cache_that_tvm_writes_is_read(tmp_path, capsys):
    from tvm.contrib import tvmjs

    config = replace(small.PLAIN, hidden_size=256)
    written = MlcFolder(tmp_path, config)
    tvmjs.dump_tensor_cache(dict(written.arrays), str(tmp_path), shard_cap_mb=1, show_progress=False)
    capsys.readouterr()
    source = open_folder(tmp_path, config)
    q, scale = source.read_quantised("model.layers.1.mlp.gate_up_proj.weight", 0, 192)
    assert (q == written.q["model.layers.1.mlp.gate_up_proj.weight"]).all()
    assert scale.tobytes() == written.scale["model.layers.1.mlp.gate_up_proj.weight"].tobytes()
    assert (source.vector("model.norm.weight") == written.norms["model.norm.weight"]).all()
