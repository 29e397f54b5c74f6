"""Small networks of the families after Phi-3 the whole way, from a folder that transformers wrote to the runner.

Prefill and steps of decode on this machine, on an emulated arm64 CPU and on an OpenCL device, each against the network
of transformers with the weights of the bundle. Two layers of the true width are held to the numpy reference.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lab.compile.build import build_library
from lab.compile.bundle import assemble
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest
from lab.formats.manifest import WEIGHTS_NAME
from lab.formats.target import TargetSpec, load_target
from lab.models.catalog import ModelSpec, custom, resolve
from lab.models.convert import convert
from lab.models.quant import F32, SCHEMES
from lab.models.sources import HuggingFaceSource, SyntheticSource
from lab.models.torch_reference import StoredWeights, reference_logits
from lab.ondevice.build import RunnerFiles, runner
from tests.compile.building import rel_error
from tests.compiled import shared
from tests.models import small_families, transformers_folder
from tests.ondevice.arm import emulated, place_copies, require_emulator
from tests.ondevice.conftest import Bench, GpuBench
from tests.ondevice.stub_model import ARM_TRIPLE

pytestmark = pytest.mark.slow

IDS = [3, 141, 59, 26, 5, 35, 89, 79, 300, 2]
STEPS = 3
QUIET = NullProgress()
BY_FAMILY = pytest.mark.parametrize("name", ["llama3 rope", "qwen2", "gemma", "phi4"])


def bundle_of(spec: ModelSpec, target: TargetSpec, root: Path) -> Path:
    transformers_folder.write(root / "hf", spec.config)
    library = build_library(spec, target, root, QUIET)
    layout = load_manifest(library, "library").options["layout"]
    return assemble(library, convert(spec, HuggingFaceSource(root / "hf"), root, QUIET, layout), root)


def agrees(name: str, scheme: str, target: TargetSpec, bench: Bench, root: Path) -> None:
    spec = custom(small_families.ALL[name], SCHEMES[scheme], f"tiny-{scheme}")
    bundle = bundle_of(spec, target, root)
    manifest = load_manifest(bundle, "bundle")
    (root / "ids").write_text("".join(f"{one}\n" for one in IDS))
    files = ("--ids", str(root / "ids"), "--dump-logits", str(root / "logits"))
    log = bench.log(bundle, "--verify", "--threads", "2", *files, prompt=len(IDS), generate=STEPS)
    assert log.verify is not None
    assert log.verify.passed
    made = [token.id for token in log.tokens]
    got: F32 = np.fromfile(root / "logits", dtype="<f4").reshape(STEPS, -1)
    weights = StoredWeights(spec, bundle / WEIGHTS_NAME, manifest.tensors, manifest.weights.layout)
    want = reference_logits(spec, weights, [*IDS, *made[:-1]], QUIET)[-STEPS:]
    for mine, theirs in zip(got, want, strict=True):
        assert rel_error(mine, theirs) < manifest.verify.rel_error_max


@pytest.mark.parametrize("name", [name for name in small_families.ALL if name != "llama"])
def test_here(name: str, bench: Bench, tmp_path: Path) -> None:
    agrees(name, "f32", load_target("local"), bench, tmp_path)


@pytest.mark.parametrize("model", ["chuxin-1.6b-q4", "octopus-v2-q4"])
def test_two_layers_of_the_true_width(model: str, bench: Bench, tmp_path: Path) -> None:
    spec, target = resolve(model, 2), load_target("local")
    library = build_library(spec, target, shared(), QUIET)
    bundle = assemble(library, convert(spec, SyntheticSource(spec.config), shared(), QUIET), tmp_path)
    log = bench.log(bundle, "--verify", "--threads", "2", prompt=20, generate=2)
    assert log.verify is not None
    assert log.verify.passed
    assert len(log.tokens) == 2


@pytest.fixture(scope="module")
def arm_files() -> RunnerFiles:
    require_emulator()
    return runner(ARM_TRIPLE, libc="carried", out_root=shared())


@BY_FAMILY
def test_on_an_emulated_arm64_cpu(name: str, arm_files: RunnerFiles, tmp_path: Path) -> None:
    target = load_target("qemu-arm64")
    target = replace(target, compile=replace(target.compile, libc="carried"))
    agrees(name, "q4", target, emulated(place_copies(tmp_path / "device", arm_files), "cortex-a76"), tmp_path)


# The traits of the others' networks are tried there by tests/compile/gpu/test_trait_networks.py.
@pytest.mark.parametrize("name", ["llama3 rope", "phi4"])
def test_on_an_opencl_device(name: str, gpu_bench: GpuBench, tmp_path: Path) -> None:
    agrees(name, "q4", load_target("opencl-host"), gpu_bench, tmp_path)
