"""The schedules made for Apple's GPUs compute what the reference computes: as OpenCL, on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from lab.compile.contract import Launch
from lab.compile.gpu import GPUS, Gpu
from lab.compile.pipeline import LaunchRecorder
from lab.compile.tvm_backend import build_executable, export_model
from lab.models.catalog import custom
from lab.models.phi3.config import Phi3Config
from lab.models.quant import SCHEMES
from tests.compile.building import rel_error
from tests.compile.gpu.network import MTRIPLE, GpuCompiled, stored
from tests.compile.metal.retarget import opencl_twin
from tests.compile.metal.small import MAC
from tests.compile.network import Reference, config, random_weights, some_ids

pytestmark = pytest.mark.slow

APPLE = GPUS["apple"]
TWIN = opencl_twin(APPLE)
GROUPED = config(num_key_value_heads=2)
WINDOW = config(hidden_size=192, num_attention_heads=2, num_key_value_heads=2, sliding_window=37)  # head of 96: Phi-3's
FULL_SIZE = config(
    hidden_size=3072, intermediate_size=8192, num_attention_heads=32, num_key_value_heads=32, num_hidden_layers=1
)


def launches(network: Phi3Config, gpu: Gpu, mtriple: str) -> Mapping[str, Launch]:
    """How the kernels of a network are launched on a GPU."""
    seen = LaunchRecorder(network.max_position_embeddings)
    build_executable(export_model(custom(network, SCHEMES["q4"], "tiny-q4"), gpu), mtriple, gpu, watch=(seen,))
    return seen.launches


def worst_error(network: Phi3Config, scheme_name: str, prompt: int = 61, reference: Phi3Config | None = None) -> float:
    """The largest error of a prompt's last logits and of nine decode steps."""
    weights, scheme = random_weights(network), SCHEMES[scheme_name]
    twin = GpuCompiled(network, scheme, TWIN, weights)
    ids = some_ids(prompt + 9, network.vocab_size)
    want = Reference(reference or network, stored(weights, scheme, TWIN.layout)).logits(ids)[prompt - 1 :]
    twin.start(len(ids))
    got = [twin.feed(ids[:prompt]), *(twin.feed(ids[i : i + 1]) for i in range(prompt, len(ids)))]
    return max(rel_error(one, expected) for one, expected in zip(got, want, strict=True))


@pytest.mark.parametrize(("network", "scheme"), [(GROUPED, "q4"), (WINDOW, "f32")], ids=["grouped-q4", "window-f32"])
def test_a_network_computes_what_the_reference_does(network: Phi3Config, scheme: str) -> None:
    assert worst_error(network, scheme) < 1e-5


def test_a_kernel_that_looks_back_too_far_is_noticed() -> None:
    everything = replace(WINDOW, sliding_window=None)
    assert worst_error(everything, "q4", reference=WINDOW) > 1e-2


def test_a_layer_of_full_size_computes_what_the_reference_does() -> None:
    assert worst_error(FULL_SIZE, "q4", prompt=33) < 1e-5


@pytest.mark.parametrize("network", [WINDOW, FULL_SIZE], ids=["window", "full-size"])
def test_the_twin_is_launched_as_the_metal_kernels_are(network: Phi3Config) -> None:
    metal = launches(network, APPLE, MAC)
    assert metal == launches(network, TWIN, MTRIPLE)
    assert len(metal) > 10
