"""The runner for arm64: built here, laid into a folder with the C library it carries, and run on emulated CPUs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.compile.zig import zig_env
from lab.core.proc import run
from lab.measure.runner.invocation import Placed
from lab.ondevice.build import FLAGS, SOURCES, RunnerFiles, runner
from lab.ondevice.compilers import build_env, compilers
from lab.ondevice.events import Bandwidth, Event, Info, Peak, Staged, decode_line
from lab.ondevice.run_log import read_run
from lab.ondevice.wheels import find_wheels
from tests.compiled import shared
from tests.ondevice import oracle
from tests.ondevice.arm import emulated, place_copies, require_emulator
from tests.ondevice.conftest import Bench, Stub, there
from tests.ondevice.stub_bundle import make_bundle
from tests.ondevice.stub_model import ARM_TRIPLE, VOCAB

pytestmark = pytest.mark.slow

Emulated = Callable[[str], Bench]
# Products of a step of an accumulator.
INT8 = {"i8mm": 32, "dotprod": 16, "neon": 16, "portable": 4}
PRODUCTS = {"int8": INT8, "int4": INT8, "f32": {"neon": 4, "portable": 4}}
NIBBLE_STEPS = 8
NEEDS = [*["asimddp"] * 3, *["i8mm"] * 4, *["asimdhp"] * 3, "fphp", *["asimdfhm"] * 4, "bf16", "bf16", "sve", *[""] * 9]
# A library whose loading runs one instruction that a Cortex-A53 does not have.
CONSTRUCTOR = """
__attribute__((constructor)) static void runs_when_loaded(void) {
  __asm__ volatile(".arch armv8.2-a+dotprod\\n sdot v0.4s, v1.16b, v2.16b" ::: "v0");
}
"""


@pytest.fixture(scope="module")
def arm_files() -> RunnerFiles:
    """Fetches TVM's libraries from the package index, as a person's first run does."""
    require_emulator()
    return runner(ARM_TRIPLE, libc="carried", out_root=shared())


@pytest.fixture(scope="module")
def placed(arm_files: RunnerFiles, tmp_path_factory: pytest.TempPathFactory) -> Placed:
    return place_copies(tmp_path_factory.mktemp("device"), arm_files)


@pytest.fixture(scope="module")
def on(placed: Placed) -> Emulated:
    return lambda cpu: emulated(placed, cpu)


@pytest.fixture(scope="module")
def arm_stub(tmp_path_factory: pytest.TempPathFactory) -> Stub:
    folder = tmp_path_factory.mktemp("arm_stub")
    return Stub(folder, make_bundle(folder, ARM_TRIPLE))


def said(bench: Bench, *words: str) -> Event:
    done = bench.call(*words)
    assert done.code == 0, done.stdout + done.stderr
    return decode_line(done.stdout.strip(), 1)


@pytest.mark.parametrize(("cpu", "model"), [("cortex-a53", "ARM Cortex-A53"), ("cortex-a76", "ARM Cortex-A76")])
def test_info_is_of_the_emulated_cpu_and_not_of_the_machine_around_it(on: Emulated, cpu: str, model: str) -> None:
    bench = on(cpu)
    event = said(bench, "info", "--runtime", bench.runtime)
    assert isinstance(event, Info)
    assert (event.arch, event.cpu_model) == ("aarch64", model)
    assert {"fp", "asimd"} <= set(event.features)
    assert ("asimddp" in event.features) == (cpu == "cortex-a76")
    assert not {"fpu", "sse2"} & set(event.features)
    assert "runtime build" in event.engine


@pytest.mark.parametrize(("cpu", "int8"), [("cortex-a53", "neon"), ("cortex-a76", "dotprod"), ("max", "i8mm")])
def test_the_roofs_are_measured_with_what_the_cpu_has(on: Emulated, cpu: str, int8: str) -> None:
    peak = said(on(cpu), "peak", "--passes", "2")
    assert isinstance(peak, Peak)
    kinds = (peak.int8_loop, peak.int4_loop or "", peak.f32_loop)
    assert {loop.split()[0] for loop in kinds} <= {
        int8,
        "dotprod",
        "neon",
        "portable",
    }  # an emulator's speed is its own
    assert [len(rates) for rates in (peak.int8_ops_per_s, peak.int4_ops_per_s, peak.f32_ops_per_s)] == [2, 2, 2]
    read = said(on(cpu), "bandwidth", "--bytes", str(4 << 20), "--passes", "2")
    assert isinstance(read, Bandwidth)
    assert (read.loop.split()[0], len(read.bytes_per_s)) == ("neon", 2)


def test_a_bundle_computes_what_it_should(on: Emulated, arm_stub: Stub) -> None:
    log = on("cortex-a53").log(arm_stub.folder, "--verify", "--threads", "2", prompt=9, generate=6)
    want, _ = oracle.generate(arm_stub.weights, oracle.splitmix64_ids(0, 9, VOCAB), 6)
    assert [token.id for token in log.tokens] == want[:6]
    assert there(log.verify).passed
    assert there(log.loaded).ran_on.arch == "aarch64"


def test_weights_are_staged(on: Emulated, arm_stub: Stub) -> None:
    event = said(on("cortex-a53"), "stage", "--bundle", str(arm_stub.folder))
    assert isinstance(event, Staged)
    assert event.bytes == (arm_stub.folder / "weights.bin").stat().st_size


def test_no_library_of_another_place_is_opened(placed: Placed, arm_stub: Stub) -> None:
    bench = emulated(placed, "cortex-a53", "-strace")
    done = bench.run(arm_stub.folder, "--verify")
    opened = re.findall(r'openat\(AT_FDCWD,"([^"]*\.so[^"]*)",[^=]*\) = (-?\d+)', done.stderr)
    found = {Path(path) for path, handle in opened if int(handle) >= 0}
    folder = Path(placed.runtime).parent
    assert {path.parent for path in found} == {folder, arm_stub.folder}
    assert {"libc.so.6", "libstdc++.so.6", "libgcc_s.so.1", "libtvm_ffi.so"} <= {path.name for path in found}


def test_the_devices_own_c_library_serves_as_well(arm_files: RunnerFiles, arm_stub: Stub, tmp_path: Path) -> None:
    own = RunnerFiles(arm_files.binary, arm_files.libs, arm_files.key, arm_files.compiler, arm_files.versions)
    placed = place_copies(tmp_path, own)
    assert placed.call == (str(tmp_path / "runner" / own.key[:12] / "lab-bench"),)
    system = tmp_path / "system" / "lib"
    system.mkdir(parents=True)
    for path in arm_files.carried:
        (system / path.name).symlink_to(path)
    start = [require_emulator(), "-L", str(system.parent), "-cpu", "cortex-a53", *placed.call]
    log = Bench(start, placed.runtime, placed.env).log(arm_stub.folder, "--verify")
    assert there(log.verify).passed


def test_a_missing_feature_is_refused_by_name_with_the_line_to_change(
    on: Emulated, arm_stub: Stub, tmp_path: Path
) -> None:
    bundle = changed(arm_stub, tmp_path, ["asimd", "asimddp", "i8mm"])
    done = on("cortex-a53").run(bundle)
    assert done.code == 1
    error = there(read_run(done.stdout.splitlines()).error)
    assert error.where == "cpu"
    assert "this CPU (ARM Cortex-A53) lacks asimddp, i8mm" in error.message
    assert "targets/local.toml" in error.message
    assert on("max").run(bundle).code == 0


def test_an_illegal_instruction_is_named(on: Emulated, arm_stub: Stub, tmp_path: Path) -> None:
    bundle = changed(arm_stub, tmp_path, ["asimd"])
    source = tmp_path / "model.c"
    source.write_text(CONSTRUCTOR)
    argv = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-gnu.2.28", "-shared", "-nostdlib"]
    with zig_env() as env:
        run([*argv, str(source), "-o", str(bundle / "model.so")], timeout_s=300, env=env, check=True)
    done = on("cortex-a53").run(bundle)
    error = there(read_run(done.stdout.splitlines()).error)
    assert error.where == "cpu"
    assert error.message.startswith("illegal instruction 0x4e829420, which needs asimddp: this CPU (ARM Cortex-A53)")
    assert "targets/local.toml" in error.message
    assert "target signal 4" in done.stderr
    # Where there is such an instruction, what ends the run is that this is no model.
    error = there(read_run(on("cortex-a76").run(bundle).stdout.splitlines()).error)
    assert error.where == "library"


def test_every_loop_makes_every_product_and_instructions_are_known(placed: Placed, tmp_path: Path) -> None:
    source, binary = Path(__file__).with_name("arm_harness.cc"), tmp_path / "harness"
    (compiler,) = compilers("aarch64-linux-gnu")
    units = [
        str(source),
        *(str(SOURCES / f"{name}.cc") for name in ("cpu", "arm", "peak_arm", "peak_portable", "illegal", "json_line")),
    ]
    with build_env(compiler) as env:
        run(
            [*compiler.argv, *FLAGS, "-s", f"-I{SOURCES}", *units, "-o", str(binary)],
            timeout_s=300,
            env=env,
            check=True,
        )
    start = [require_emulator(), "-cpu", "max", *placed.call[:-1], str(binary)]
    lines = [line.split(";") for line in run(start, timeout_s=120, check=True).stdout.splitlines()]
    loops = [line for line in lines if line[0] != "needs"]
    assert {(kind, name.split()[0]) for kind, name, *_ in loops} == {(k, isa) for k in PRODUCTS for isa in PRODUCTS[k]}
    for kind, name, a_round, rounds, made in loops:
        isa, shape, *more = name.split()
        steps = int(shape.split("x")[0]) * (NIBBLE_STEPS if "int16" in more else 1)
        assert int(a_round) == steps * PRODUCTS[kind][isa]
        assert int(made) == int(rounds) * int(a_round), name
    assert [line[1] for line in lines if line[0] == "needs"] == NEEDS


def test_no_warnings(tmp_path: Path) -> None:
    (compiler,) = compilers("aarch64-linux-gnu")
    unit = tmp_path / "all.cc"
    unit.write_text("".join(f'#include "{path.name}"\n' for path in sorted(SOURCES.glob("*.cc"))))
    strict = [
        "-Wall",
        "-Wextra",
        "-Werror",
        "-c",
        "-o",
        str(tmp_path / "all.o"),
        f"-I{SOURCES}",
        "-isystem",
        str(find_wheels().include),
    ]
    with build_env(compiler) as env:
        done = run([*compiler.argv, *FLAGS, *strict, str(unit)], timeout_s=300, env=env)
    assert (done.code, done.stderr) == (0, "")


def changed(stub: Stub, tmp_path: Path, required: list[str]) -> Path:
    """A copy of the bundle whose manifest says that it needs `required`."""
    folder = tmp_path / "changed"
    folder.mkdir()
    for path in stub.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["target"]["required_features"] = required
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
