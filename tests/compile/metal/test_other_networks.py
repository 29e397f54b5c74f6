"""Networks of other families at their full width for Apple's GPUs: every kernel within the limits, vectors included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.compile.build import build_library
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest
from lab.formats.target import load_target
from lab.models.catalog import custom
from lab.models.families import FAMILIES
from lab.models.gemma.presets import PRESETS as GEMMA
from lab.models.phi2.presets import PRESETS as PHI2
from lab.models.quant import SCHEMES
from tests.models import trait_family as traits

pytestmark = pytest.mark.slow

HOST = load_target("opencl-host")
APPLE = replace(HOST, compile=replace(HOST.compile, kind="metal", gpu="apple", mtriple="arm64-apple-macos"))
PHI3_SMALL = replace(
    traits.PHI3_SMALL,
    hidden_size=4096,
    intermediate_size=14336,
    num_attention_heads=32,
    num_key_value_heads=8,
    vocab_size=100352,
)
NETWORKS = {"gemma": GEMMA["octopus-v2"].config, "phi2": PHI2["phi2"].config, "phi3-small": PHI3_SMALL}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_library_is_made_and_passes_every_check(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, traits.NAME, traits.ROW)
    spec = custom(NETWORKS[name], SCHEMES["q4"], f"{name}-q4", layers=1)
    folder = build_library(spec, APPLE, tmp_path, NullProgress())
    launches = load_manifest(folder, "library").options["decode"]["launches"]
    assert launches == 9 + (name == "phi3-small")  # embedding, 7 a layer, head; a LayerNorm before a tied head
