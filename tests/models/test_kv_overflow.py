"""Keys and values past the KV cache's type: told by the conversion, and named where a bundle is broken."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest
from lab.measure.attempt import Attempt, explained
from lab.models.catalog import custom
from lab.models.convert import convert
from lab.models.params import tensor_specs
from lab.models.phi3 import hf
from lab.models.phi3.config import Phi3Config
from lab.models.quant import SCHEMES
from lab.models.sources import HuggingFaceSource

CONFIG = Phi3Config(64, 32, 3, 2, 1, 32, 128, 128)


def overflowing(folder: Path, scheme: str, scale: float, rows: slice) -> tuple[int, ...]:
    """Convert a network whose layer 1 has these rows of qkv scaled; return the layers that overflow."""
    rng = np.random.default_rng(0)
    weights = {t.hf_name: rng.standard_normal(t.shape).astype(np.float32) for t in tensor_specs(CONFIG)}
    weights["model.layers.1.self_attn.qkv_proj.weight"][rows] *= np.float32(scale)
    (folder / "config.json").write_text(json.dumps(hf.document(CONFIG)))
    save_file(weights, folder / "model.safetensors")
    source = HuggingFaceSource(folder)
    made = convert(custom(source.config, SCHEMES[scheme], f"tiny-{scheme}"), source, folder, NullProgress())
    return tuple(load_manifest(made, "weights").verify.kv_overflow_layers)


@pytest.mark.parametrize("rows", [slice(64, 96), slice(96, 128)], ids=["keys", "values"])
def test_the_layer_is_in_the_manifest(rows: slice, tmp_path: Path) -> None:
    assert overflowing(tmp_path, "f16", 1.5e4, rows) == (1,)


@pytest.mark.parametrize(("scheme", "scale"), [("f16", 100), ("f32", 1.5e4)])
def test_what_fits_is_not(scheme: str, scale: float, tmp_path: Path) -> None:
    assert overflowing(tmp_path, scheme, scale, slice(64, 128)) == ()


def test_a_broken_bundle_is_explained() -> None:
    broken = Attempt("wrong_output", "the logits differ from the reference")
    assert explained(broken, [1, 2], "float16").reason.endswith("; KV cache overflows float16 in layers 1, 2")
    assert explained(broken, [3], "float16").reason.endswith("; KV cache overflows float16 in layer 3")
    assert explained(broken, [], "float16") == broken
    whole = Attempt("whole")
    assert explained(whole, [1], "float16") == whole
