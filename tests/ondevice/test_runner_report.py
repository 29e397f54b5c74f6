"""What a run says of itself: order, counts, memory, what it ran on."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.core.proc import run
from lab.ondevice.run_log import read_run
from tests.ondevice.conftest import Bench, Stub, there
from tests.ondevice.stub_bundle import KV_BYTES_PER_TOKEN


def test_says_what_it_ran_on(bench: Bench, stub: Stub) -> None:
    log = bench.log(stub.folder)
    ran_on = there(log.loaded).ran_on
    assert ran_on.arch == os.uname().machine
    cpuinfo = Path("/proc/cpuinfo").read_text()
    flags = next(line for line in cpuinfo.splitlines() if line.startswith("flags"))
    assert list(ran_on.features) == sorted(flags.split(":")[1].split())
    assert ran_on.isa == "stub-isa"
    assert ran_on.metadata["model_type"] == "stub"
    assert "params" not in ran_on.metadata
    assert ran_on.engine.startswith("tvm (ffi ")
    assert there(log.loaded).weights_bytes == (stub.folder / "weights.bin").stat().st_size


def test_stamps_lie_between_load_and_end(bench: Bench, stub: Stub) -> None:
    log = bench.log(stub.folder, generate=12)
    start, loaded, submit, end = there(log.start), there(log.loaded), there(log.submit), there(log.end)
    stamps = [start.t_ns, loaded.t_ns, submit.t_ns, *(token.t_ns for token in log.tokens), end.t_ns]
    assert all(a < b for a, b in itertools.pairwise(stamps))
    assert 0 < loaded.load_ns <= loaded.t_ns - start.t_ns
    assert (submit.prompt, submit.depth) == (5, 0)
    assert (end.status, end.prompt_tokens, end.generated_tokens) == ("ok", 5, 12)


def test_context_decides_the_cache(bench: Bench, stub: Stub) -> None:
    planned, asked = (bench.log(stub.folder, *words) for words in ((), ("--context", "100")))
    assert there(planned.loaded).kv_bytes == 16 * KV_BYTES_PER_TOKEN  # 9 tokens: one page
    assert there(asked.loaded).kv_bytes == 112 * KV_BYTES_PER_TOKEN


def test_only_some_cores_are_taken_and_not_bound(bench: Bench, stub: Stub) -> None:
    # TVM counts cores from 0: told to bind its threads it would tie them to cores that are not ours.
    core = max(os.sched_getaffinity(0))
    limited = f"import os, sys; os.sched_setaffinity(0, {{{core}}}); os.execv(sys.argv[1], sys.argv[1:])"
    done = run([sys.executable, "-c", limited, *bench.argv(stub.folder)], timeout_s=60, env=bench.env)
    ran_on = there(read_run(done.stdout.splitlines()).loaded).ran_on
    assert ran_on.threads == 1
    assert ran_on.bound == (core == 0)


@pytest.mark.parametrize(
    ("cap", "spread", "count", "stable"), [("0", "1", 0, False), ("5", "0", 5, False), ("9", "10", 3, True)]
)
def test_warm_up_ends_when_stable_or_at_the_cap(
    bench: Bench, stub: Stub, cap: str, spread: str, count: int, stable: bool
) -> None:
    log = bench.log(stub.folder, "--warmup-cap", cap, "--warmup-spread", spread, prompt=30)
    assert (there(log.warm).count, there(log.warm).stable) == (count, stable)
    assert all(len(warmup.decode_ns) == 4 for warmup in log.warmups)


def test_warm_up_fits_the_smallest_context(bench: Bench, stub: Stub) -> None:
    log = bench.log(stub.folder, prompt=1, generate=1)
    assert [len(warmup.decode_ns) for warmup in log.warmups] == [1] * len(log.warmups)
    assert len(log.tokens) == 1


def test_a_timed_pass_does_not_sample(bench: Bench, stub: Stub) -> None:
    memory = there(bench.log(stub.folder).memory)
    assert memory.samples == ()
    assert memory.rss_anon_peak_bytes is None
    assert memory.workspace_bytes is None


def test_a_memory_pass_samples_from_start_to_end(bench: Bench, stub: Stub) -> None:
    log = bench.log(stub.folder, "--memory-interval-ms", "1", generate=50)
    stamps = [t_ns for t_ns, _ in there(log.memory).samples]
    assert len(stamps) >= 2
    assert stamps == sorted(stamps)
    assert there(log.start).t_ns <= stamps[0]
    assert stamps[-1] <= there(log.end).t_ns


def test_counters_agree_with_each_other(bench: Bench, stub: Stub) -> None:
    memory = there(bench.log(stub.folder, "--memory-interval-ms", "1").memory)
    counters = memory.counters
    assert there(counters.VmHWM) >= there(counters.VmRSS)
    assert there(counters.RssAnon) + there(counters.RssFile) <= there(counters.VmRSS)
    assert there(counters.RssFile) >= 369_408  # the mapped weights, all of them read
    assert there(counters.major_faults) >= 0
    # The sampler reads statm, whose counters lag by a batch of pages.
    assert max(rss for _, rss in memory.samples) <= there(counters.VmHWM) + (1 << 20)


def test_a_written_cache_is_seen_as_memory_but_not_as_workspace(bench: Bench, stub: Stub) -> None:
    depth = 3000
    words = ("--memory-interval-ms", "1", "--context", "4096", "--prefill-chunk", "256")
    shallow, deep = (bench.log(stub.folder, *words, "--depth", d, prompt=256) for d in ("0", str(depth)))
    assert there(shallow.loaded).kv_bytes == there(deep.loaded).kv_bytes == 4096 * KV_BYTES_PER_TOKEN
    before, after = there(shallow.memory), there(deep.memory)
    grown = there(after.rss_anon_peak_bytes) - there(before.rss_anon_peak_bytes)
    written = depth * KV_BYTES_PER_TOKEN
    assert grown == pytest.approx(written, rel=0.3)
    assert there(after.workspace_bytes) == pytest.approx(there(before.workspace_bytes), abs=0.3 * written)


def test_a_wrong_result_is_broken_and_never_timed(bench: Bench, changed: Callable[..., Path]) -> None:
    def shift(manifest: dict[str, Any]) -> None:
        manifest["verify"]["logits"] = [value * 1.01 for value in manifest["verify"]["logits"]]

    done = bench.run(changed(shift), "--verify")
    lines = done.stdout.splitlines()
    assert done.code == 3
    assert '"passed":false' in lines[-2]
    assert '"event":"broken"' in lines[-1]
    assert not any('"submit"' in line or '"warmup"' in line for line in lines)


def test_flipped_bits_in_the_weights_are_broken(bench: Bench, changed: Callable[..., Path]) -> None:
    places: dict[str, int] = {}
    folder = changed(lambda manifest: places.update({t["name"]: t["offset"] for t in manifest["tensors"]}))
    with (folder / "weights.bin").open("r+b") as file:
        file.seek(places["layers.0.qkv.weight"])
        file.write(b"\x40" * 64)  # sixteen times 3.0
    assert bench.run(folder, "--verify").code == 3
    assert bench.run(folder).code == 0
