"""The thread pool by itself: pool_harness.cc says what it proves, here it is built and run in several ways."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lab.core.proc import run
from lab.ondevice.build import FLAGS, SOURCES
from lab.ondevice.compilers import build_env, compilers

pytestmark = pytest.mark.slow

HARNESS = Path(__file__).with_name("pool_harness.cc")
KINDS = ("back to back", "lingering", "after pauses", "errors", "nested")


def built(folder: Path, *flags: str, pool_flags: Sequence[str] = ()) -> Path:
    parts, binary = [folder / "pool.o", folder / "shares.o"], folder / "harness"
    compiler = compilers("x86_64-linux-gnu")[0]
    argv = [*compiler.argv, *FLAGS, *flags, f"-I{SOURCES}"]
    with build_env(compiler) as env:
        for part in parts:
            source = SOURCES / part.with_suffix(".cc").name
            run([*argv, *pool_flags, "-c", str(source), "-o", str(part)], timeout_s=300, env=env, check=True)
        words = [*argv, str(HARNESS), *map(str, parts), "-lpthread", "-o", str(binary)]
        run(words, timeout_s=300, env=env, check=True)
    return binary


def proves(binary: Path, threads: int, launches: int) -> None:
    """Run the harness; every kind of loop must have been reached, on exactly so many threads."""
    done = run([str(binary), str(threads), str(launches)], timeout_s=120)
    assert (done.code, done.stderr) == (0, ""), done.stdout + done.stderr
    assert done.stdout.splitlines() == [*KINDS, f"threads that ran pieces: {threads}", "fine"]


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("pool"))


@pytest.fixture
def core_taken() -> Iterator[None]:
    """A process that takes one of our cores, for two minutes at most."""
    core = max(os.sched_getaffinity(0))
    busy = f"import os, time\nos.sched_setaffinity(0, {{{core}}})\nend = time.time() + 120\nprint(flush=True)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{busy}while time.time() < end: pass"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        process.stdout.readline()  # it has begun
        yield
        assert process.poll() is None
        process.kill()


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_every_piece_runs_once_whatever_the_loop(harness: Path, threads: int) -> None:
    proves(harness, threads, 4000)


@pytest.mark.parametrize("threads", [2, 4])
def test_the_same_while_another_process_takes_a_core(harness: Path, core_taken: None, threads: int) -> None:
    proves(harness, threads, 2000)


def test_a_late_worker_takes_no_piece_of_another_loop(tmp_path: Path) -> None:
    """Every function of the pool may give up its core as it begins or ends: the harness says how."""
    proves(built(tmp_path, pool_flags=["-finstrument-functions"]), 2, 1000)


def test_no_thread_reads_what_another_writes(tmp_path: Path) -> None:
    """ThreadSanitizer: g++'s packages depend on libtsan, and ziglang brings its own."""
    binary = built(tmp_path, "-fsanitize=thread")
    for threads in (2, 4):
        proves(binary, threads, 200)
