"""The same weights on the OpenCL device and on the processor: the runner's logits are the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lab.compile.build import build_library
from lab.compile.bundle import assemble
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest
from lab.formats.target import load_target
from lab.models.catalog import custom
from lab.models.convert import convert
from lab.models.layouts.n16k4 import LAYOUT
from lab.models.quant import F32, SCHEMES
from lab.models.sources.synthetic import SyntheticSource
from tests.ondevice.conftest import Bench, GpuBench
from tests.ondevice.real_bundle import CONFIG

pytestmark = pytest.mark.slow

VALUE = np.float32(1 / 32)
GROUP = 32
PROMPT, TOKENS = 40, 6


class OnBothGrids(SyntheticSource):
    """Weights that CPU's and GPU's layouts of q4 both hold exactly: in each group 0 and one value.

    The two round differently otherwise: the largest weight of a group becomes -8 in the one and 7 in the other.
    """

    def read_rows(self, hf_name: str, start: int, stop: int) -> F32:
        rows = super().read_rows(hf_name, start, stop)
        groups = rows.reshape(len(rows), -1, GROUP)
        kept = np.abs(groups) > 0.02
        return np.where(kept, np.sign(groups[:, :, :1]) * VALUE, np.float32(0)).reshape(rows.shape).astype(np.float32)


def bundle(target_name: str, root: Path) -> Path:
    spec, quiet = custom(CONFIG, SCHEMES["q4"], "grid-q4"), NullProgress()
    target = load_target(target_name)
    if target.compile.kind == "llvm":
        target = replace(target, compile=replace(target.compile, cpu="native", features=()))
    library = build_library(spec, target, root, quiet)
    layout = load_manifest(library, "library").options.get("layout", LAYOUT)
    return assemble(library, convert(spec, OnBothGrids(spec.config), root, quiet, layout), root)


def logits(bench: Bench, folder: Path, file: Path) -> F32:
    words = ["--dump-logits", str(file), "--seed", "5", "--verify"]
    bench.log(folder, *words, prompt=PROMPT, generate=TOKENS)
    found: F32 = np.fromfile(file, dtype="<f4").reshape(TOKENS, CONFIG.vocab_size)
    return found


def test_the_logits_are_those_of_the_cpu_path(bench: Bench, gpu_bench: GpuBench, tmp_path: Path) -> None:
    on_cpu = logits(bench, bundle("local", tmp_path), tmp_path / "cpu")
    on_gpu = logits(gpu_bench, bundle("opencl-host", tmp_path), tmp_path / "gpu")
    limit = SCHEMES["q4"].rel_error_max(CONFIG.num_hidden_layers)  # the processor rounds activations to int8
    assert np.linalg.norm(on_gpu[0] - on_cpu[0]) < limit * np.linalg.norm(on_cpu[0])


def test_chunks_of_a_prompt_change_nothing(gpu_bench: GpuBench, tmp_path: Path) -> None:
    folder = bundle("opencl-host", tmp_path)
    whole = Bench(gpu_bench.start, gpu_bench.runtime, gpu_bench.env)
    for chunk in ("512", "16", "7"):
        words = [*gpu_bench.device(), "--prefill-chunk", chunk, "--dump-logits", str(tmp_path / chunk)]
        whole.log(folder, *words, prompt=PROMPT, generate=TOKENS)
    one, *others = (np.fromfile(tmp_path / chunk, dtype="<f4") for chunk in ("512", "16", "7"))
    for other in others:
        assert np.linalg.norm(other - one) < 1e-4 * np.linalg.norm(one)
