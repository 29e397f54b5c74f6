"""What the code generators write, for float16 too, which the OpenCL of CI can't run: it parses, and it is as asked."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess

import pytest

from lab.compile.gpu import GPUS
from lab.compile.gpu.kernels.attention_decode import decode_attention
from lab.compile.gpu.kernels.attention_merge import merge_states
from lab.compile.gpu.kernels.attention_prefill import paged_attention, ragged_attention
from lab.compile.gpu.kernels.kv_pages import append_pages, copy_page, move_slots, read_pages
from lab.compile.gpu.kernels.rope import rope_table, split_rotary
from tests.compile.gpu.opencl import source

INSTALL = "clang is missing: run scripts/install-debian-packages, or apt-get install clang"
SIZES = {"phi3-mini": (32, 32, 96), "phi3-medium": (40, 10, 128), "gemma": (8, 1, 256)}
BY_SIZE = pytest.mark.parametrize(
    "sizes", [pytest.param(SIZES[name], marks=pytest.mark.slow if name == "gemma" else (), id=name) for name in SIZES]
)
MOVING = (append_pages, copy_page, move_slots)


@functools.cache
def sources(gpu, sizes):
    heads, kv_heads, dim = sizes
    attention = (gpu, heads, kv_heads, dim, gpu.storage, 2047)
    kernels = [maker(*attention) for maker in (decode_attention, paged_attention, ragged_attention)]
    kernels += [maker(gpu, kv_heads, dim, gpu.storage) for maker in MOVING]
    kernels += [merge_states(gpu, dim, gpu.storage), read_pages(gpu, 2, kv_heads, dim, gpu.storage)]
    kernels += [rope_table(gpu, dim, 4096, 1.19), split_rotary(gpu, heads, kv_heads, dim, gpu.storage)]
    return [source(kernel, gpu) for kernel in kernels]


def clang() -> str:
    found = next((p for p in ("clang-14", "clang-15", "clang") if shutil.which(p)), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(INSTALL)
    return str(found)


def parsed(text: str) -> subprocess.CompletedProcess[str]:
    language = "-x cl -cl-std=CL1.2 -Xclang -finclude-default-header -target spir64 -Dcl_khr_fp16 -Werror"
    command = [clang(), *language.split(), "-Wno-unused-value", "-fsyntax-only", "-"]
    return subprocess.run(command, input=text, text=True, capture_output=True)


def slow_but_one(name):
    return pytest.param(name, marks=[pytest.mark.slow] * (name != "adreno"))


@BY_SIZE
@pytest.mark.parametrize("name", [slow_but_one(gpu.name) for gpu in GPUS.values() if gpu.kind == "opencl"])
def test_opencl_parses(name, sizes):
    for text in sources(GPUS[name], sizes):
        done = parsed(text)
        assert done.returncode == 0, done.stderr


def test_a_planted_error_does_not_parse():
    good = sources(GPUS["adreno"], SIZES["phi3-mini"])[0]
    assert parsed(good.replace("vload4(0, ", "vload4(", 1)).returncode != 0


@BY_SIZE
def test_metal_has_no_vector_wider_than_its_own(sizes):
    for text in sources(GPUS["apple"], sizes):
        assert "kernel void" in text
        assert not re.search(r"\b(half|float|int|long)(8|16)\b", text)


def test_metal_takes_angles_of_thousands_of_radians_exactly():
    text = sources(GPUS["apple"], SIZES["phi3-mini"])[-2]
    assert "precise::cos(" in text
    assert "precise::sin(" in text


@BY_SIZE
def test_float32_families_have_no_float16_anywhere(sizes):
    assert not any(re.search(r"\bhalf\b|half\d", text) for text in sources(GPUS["any-f32"], sizes))


@pytest.mark.parametrize("name", ["adreno", "mali", "any-f16"])
def test_sums_are_float32(name):
    for text in sources(GPUS[name], SIZES["phi3-mini"])[:3]:
        kept = re.findall(r"^ +(?!__local)(half\d*) \w+\[", text, re.MULTILINE)
        assert kept == []


@pytest.mark.parametrize("gpu", GPUS.values(), ids=GPUS)
@pytest.mark.parametrize("name", ["phi3-medium", pytest.param("gemma", marks=pytest.mark.slow)])
def test_shared_memory_as_declared_is_what_the_family_has(gpu, name):
    for text in sources(gpu, SIZES[name]):
        arrays = re.findall(r"(?:__local|threadgroup) (half|float) \w+\[(\d+)\]", text)
        assert sum(int(count) * {"half": 2, "float": 4}[kind] for kind, count in arrays) <= gpu.shared_bytes


def test_barriers_are_only_those_written():
    decode, paged, ragged = sources(GPUS["adreno"], SIZES["phi3-mini"])[:3]
    assert decode.count("barrier(") == 8
    assert paged.count("barrier(") == ragged.count("barrier(") == 6
