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
from lab.models.gemma.presets import PRESETS as GEMMA
from lab.models.phi2.presets import PRESETS as PHI2
from lab.models.phi3small.presets import PRESETS as PHI3_SMALL
from lab.models.quant import SCHEMES

pytestmark = pytest.mark.slow

HOST = load_target("opencl-host")
APPLE = replace(HOST, compile=replace(HOST.compile, kind="metal", gpu="apple", mtriple="arm64-apple-macos"))
NETWORKS = {"octopus-v2": GEMMA, "phi2": PHI2, "phi3-small": PHI3_SMALL}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_library_is_made_and_passes_every_check(name: str, tmp_path: Path) -> None:
    spec = custom(NETWORKS[name][name].config, SCHEMES["q4"], f"{name}-q4", layers=1)
    folder = build_library(spec, APPLE, tmp_path, NullProgress())
    launches = load_manifest(folder, "library").options["decode"]["launches"]
    assert launches == 9 + (name == "phi3-small")  # embedding, 7 a layer, head; a LayerNorm before a tied head
