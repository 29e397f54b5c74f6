"""A runner that nobody listens to any more ends by itself, and one whose CPU fails it says so."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.core.proc import run
from lab.ondevice.build import FLAGS, SOURCES
from lab.ondevice.compilers import build_env, compilers
from lab.ondevice.events import Error, Warm, decode_line
from lab.ondevice.run_log import RunLog, read_run
from tests.ondevice.conftest import Bench, Stub, there

NOBODY_READS = 141
ILLEGAL = """
__attribute__((constructor)) static void runs_when_loaded(void) { __asm__ volatile("ud2"); }
"""


def test_ends_when_its_reader_is_gone_though_it_has_nothing_to_say(bench: Bench, stub: Stub) -> None:
    argv = bench.argv(stub.folder, "--warmup-cap", "1", prompt=4, generate=90_000)
    log = RunLog()
    with subprocess.Popen(argv, env=bench.env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while not isinstance(log.feed(process.stdout.readline().rstrip("\n")), Warm):
            pass
        # From here until the last token it writes nothing, so no write can have told it.
        process.stdout.close()
        assert process.wait(timeout=60) == NOBODY_READS


def test_ends_when_the_next_event_has_no_reader(bench: Bench, stub: Stub) -> None:
    words = shlex.join(bench.argv(stub.folder, "--warmup-cap", "1000", "--warmup-spread", "0"))
    done = run(["bash", "-c", f"{words} | head -n 1; exit ${{PIPESTATUS[0]}}"], timeout_s=60, env=bench.env)
    assert done.code == NOBODY_READS  # also what a shell says of SIGPIPE
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize("out", ["/dev/null", "events"])
def test_a_file_is_a_reader_that_stays(bench: Bench, stub: Stub, tmp_path: Path, out: str) -> None:
    with (tmp_path / out).open("w") as file:
        done = subprocess.run(bench.argv(stub.folder), env=bench.env, stdout=file, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("input", [None, "< /dev/null", "<&-"])
def test_its_input_does_not_matter(bench: Bench, stub: Stub, input: str | None) -> None:
    done = run(["sh", "-c", f"{shlex.join(bench.argv(stub.folder))} {input or ''}"], timeout_s=60, env=bench.env)
    assert done.code == 0
    assert read_run(done.stdout.splitlines()).is_complete


def test_an_illegal_instruction_is_an_error_that_says_what_to_change(
    bench: Bench, changed: Callable[..., Path], tmp_path: Path
) -> None:
    bundle = changed(lambda manifest: manifest["target"].update(name="my-board", cpu="znver9"))
    source = tmp_path / "model.c"
    source.write_text(ILLEGAL)
    compiler = compilers("x86_64-linux-gnu")[0]
    argv = [*compiler.argv, "-shared", "-fPIC", "-x", "c", str(source), "-o", str(bundle / "model.so")]
    with build_env(compiler) as env:
        run(argv, timeout_s=300, env=env, check=True)
    done = bench.run(bundle)
    error = there(read_run(done.stdout.splitlines()).error)
    assert error.where == "cpu"
    assert error.message.startswith("illegal instruction 0x0f0b")
    assert "set [compile].cpu to this CPU's name" in error.message
    assert 'targets/my-board.toml (it was compiled for cpu "znver9")' in error.message
    assert done.code == -4


# Eight threads that run into the same instruction at the same moment.
CROWD = """
#include <atomic>
#include <thread>
#include <vector>

#include "illegal.h"

int main() {
  lab::explain_illegal_instruction(lab::read_cpu_facts(), "buy another one");
  std::atomic<int> waiting{8};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (--waiting; waiting.load() > 0;) {
      }
      __asm__ volatile("ud2");
    });
  }
  for (std::thread& thread : threads) thread.join();
}
"""


def test_of_many_threads_one_speaks(tmp_path: Path) -> None:
    source, binary = tmp_path / "crowd.cc", tmp_path / "crowd"
    source.write_text(CROWD)
    compiler = compilers("x86_64-linux-gnu")[0]
    units = [str(source), *(str(SOURCES / f"{name}.cc") for name in ("illegal", "cpu", "arm", "json_line"))]
    with build_env(compiler) as env:
        argv = [*compiler.argv, *FLAGS, f"-I{SOURCES}", *units, "-lpthread", "-o", str(binary)]
        run(argv, timeout_s=300, env=env, check=True)
    for _ in range(20):
        done = run([str(binary)], timeout_s=60)
        assert done.code == -4
        event = decode_line(done.stdout, 1)
        assert isinstance(event, Error)
        assert event.message.endswith("does not have it; buy another one")
