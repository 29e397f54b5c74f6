from __future__ import annotations

from dataclasses import replace

import pytest

from lab.core.errors import DeviceError, MeasureError
from lab.formats.manifest import ImageFacts
from lab.formats.target import CompileSpec
from lab.formats.transports import DeviceSpec
from lab.measure.checks import (
    check_all,
    check_context,
    check_cpu_features,
    check_memory,
    check_threads,
    memory_need,
)
from lab.measure.plan import Plan, cells_of
from tests.measure.samples import FACTS, TARGET, manifest

GIB = 1 << 30


def plan(prompt: int = 512, generate: int = 128, depth: int = 0, threads: int = 2) -> Plan:
    return Plan(cells=cells_of([prompt], [generate], [depth]), threads=threads)


def test_what_fits_passes() -> None:
    check_all(plan(), manifest(), TARGET, dict(FACTS))


def test_a_missing_feature_is_named_with_the_line_to_change() -> None:
    with pytest.raises(DeviceError, match=r"bench: its processor \(Example 9000\) has no avx512_vnni") as caught:
        check_cpu_features(["avx2", "avx512_vnni"], FACTS, TARGET)
    assert caught.value.hint == (
        'targets/bench.toml: set [compile].cpu = "native" (it is "native") and compile on this machine'
    )


@pytest.mark.parametrize(
    ("asked", "missing"), [("+avx512vnni", "avx512_vnni"), ("+sse4.2", "sse4_2"), ("+lzcnt", "abm")]
)
def test_a_feature_that_the_target_asks_for_is_named_as_it_stands_there(asked: str, missing: str) -> None:
    target = replace(TARGET, compile=CompileSpec(features=("+avx2", asked)))
    with pytest.raises(DeviceError) as caught:
        check_cpu_features(["avx2", missing], FACTS, target)
    assert caught.value.hint == f"targets/bench.toml: take {asked} out of [compile].features"


def test_unknown_features_are_left_to_the_runner() -> None:
    check_cpu_features(["avx512f"], {**FACTS, "cpu_flags": None}, TARGET)


def test_the_files_of_an_emulated_device_are_not_believed() -> None:
    emulated = replace(TARGET, device=DeviceSpec(transport="qemu", emulated=True))
    check_cpu_features(["asimddp"], FACTS, emulated)


def test_of_another_machine_the_processors_name_is_asked_for() -> None:
    board = replace(TARGET, device=DeviceSpec(transport="ssh"), compile=CompileSpec(cpu="cortex-a76"))
    with pytest.raises(DeviceError) as caught:
        check_cpu_features(["asimddp"], {"cpu_flags": ["asimd"], "cpu_model": "ARM Cortex-A53"}, board)
    assert '[compile].cpu is "cortex-a76"' in str(caught.value.hint)
    assert "the name of the processor that the device has" in str(caught.value.hint)


def test_too_long_for_the_model() -> None:
    check_context(plan(3968, 128), manifest())
    with pytest.raises(
        MeasureError, match=r"pp3900\+tg128@d69: 69 \+ 3900 \+ 128 = 4097 tokens, but phi3-mini-q4 holds 4096"
    ):
        check_context(plan(3900, 128, 69), manifest())


def test_an_image_takes_positions_of_the_context() -> None:
    plain = manifest()
    seeing = replace(plain, model=replace(plain.model, image=ImageFacts(1025, 608, 32)))
    check_context(plan(3936, 128), seeing)
    with pytest.raises(MeasureError, match=r"0 \+ 3937 \+ 128 \+ 32 of an image = 4097 tokens"):
        check_context(plan(3937, 128), seeing)
    page = 16 * plain.memory.kv_bytes_per_token
    assert memory_need(plan(), seeing).kv_bytes == memory_need(plan(), plain).kv_bytes + 2 * page


def test_too_many_threads() -> None:
    with pytest.raises(MeasureError, match="bench: 3 threads on 2 cores") as caught:
        check_threads(plan(threads=3), dict(FACTS), TARGET)
    assert "--threads 2" in str(caught.value.hint)


def test_too_little_memory_shows_the_sum() -> None:
    block = {"weights_bytes": 2 * GIB, "kv_bytes_per_token": 384 << 10, "workspace_bytes": GIB // 2}
    big = manifest(memory=block)
    facts = {**FACTS, "mem_available_bytes": 3 * GIB}
    message = (
        "phi3-mini-q4: not enough memory: needs 2.0 GiB weights + 768.0 MiB KV cache + 512.0 MiB workspace"
        " = 3.2 GiB, available 3.0 GiB"
    )
    with pytest.raises(MeasureError) as caught:
        check_memory(plan(1920, 128), big, facts)
    assert str(caught.value) == message
    check_memory(plan(1920, 128), big, {**facts, "mem_available_bytes": 4 * GIB})
    check_memory(plan(1920, 128), big, {**facts, "mem_available_bytes": None})


def test_the_cache_is_counted_in_pages_and_an_unknown_workspace_is_estimated() -> None:
    need = memory_need(plan(1, 2), manifest())
    assert need.kv_bytes == 16 * 100
    assert need.estimated
    assert " + about " in str(need)
