"""Whose threads run a library's kernels, as the runner says: ours, unless the library can't do with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lab.compile import tvm_backend
from lab.compile.link import linker
from lab.ondevice.run_log import RunLog
from tests.compiled import shared
from tests.ondevice.conftest import Bench, Stub, there
from tests.ondevice.real_bundle import make_bundle

CPU = "x86-64-v2"  # runs on every machine that lab runs on


def pool_of(log: RunLog) -> tuple[str | None, int]:
    ran_on = there(log.loaded).ran_on
    return ran_on.pool, ran_on.threads


def with_barrier(mtriple: str) -> Callable[..., None]:
    """A linker that adds the pointer that a library has when its pieces wait for each other."""
    link = linker(mtriple)

    def link_more(output: str, objects: Sequence[str], options: Any = None, **kwargs: Any) -> None:
        source = Path(output).with_name("barrier.c")
        source.write_text("void* __TVMBackendParallelBarrier;\n")
        link(output, [*objects, str(source)], options, **kwargs)
        source.unlink()

    vars(link_more).update(vars(link))
    return link_more


@pytest.fixture(scope="module")
def bundle() -> Path:
    return make_bundle(shared(), CPU)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_our_kernels_run_on_our_threads(bench: Bench, bundle: Path, threads: int) -> None:
    log = bench.log(bundle, "--threads", str(threads), prompt=20, generate=4)
    assert pool_of(log) == ("lab", threads)
    assert there(log.loaded).ran_on.bound is False


@pytest.mark.slow
def test_a_library_whose_pieces_wait_for_each_other_keeps_the_pool_of_tvm(
    bench: Bench, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tvm_backend, "linker", with_barrier)
    barrier = make_bundle(tmp_path, CPU)
    ours, tvms = (bench.log(b, "--threads", "2", prompt=20, generate=4) for b in (bundle, barrier))
    assert pool_of(tvms) == ("tvm", 2)
    assert [token.id for token in tvms.tokens] == [token.id for token in ours.tokens]


def test_a_library_without_parallel_loops_needs_none_of_ours(bench: Bench, stub: Stub) -> None:
    threads = len(os.sched_getaffinity(0))
    assert pool_of(bench.log(stub.folder, "--threads", str(threads))) == ("tvm", threads)
