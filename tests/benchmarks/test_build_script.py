"""scripts/build-llama-bench with other programs in place of pip, cmake and objdump: what it builds and refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "build-llama-bench"
ALL_FIVE = "avx2 avx512f avx512bw avx512dq avx512vl avx512_vnni"
# pip leaves an archive with the source, cmake a program, objdump says what the test wrote down.
PIP = """
import pathlib, sys, tarfile
folder, name = pathlib.Path(sys.argv[sys.argv.index("--dest") + 1]), sys.argv[-1].replace("-", "_").replace("==", "-")
project = "ik_llama.cpp" if name.startswith("ik") else "llama.cpp"
(folder / "src").mkdir()
(folder / "src" / "CMakeLists.txt").touch()
with tarfile.open(folder / f"{name}.tar.gz", "w:gz") as archive:
    for inner in ("", "/common"):
        archive.add(folder / "src", f"{name}/vendor/{project}{inner}")
"""
CMAKE = """#!/bin/sh
echo "$@" >> "$LOG"
[ "$1" = --build ] && mkdir -p "$2/bin" && printf '#!/bin/sh\\n' > "$2/bin/llama-bench" && chmod +x "$2/bin/llama-bench"
exit 0
"""


@dataclass
class Script:
    folder: Path
    environment: dict[str, str]

    def __call__(self, *options: str, listing: str = "", flags: str = ALL_FIVE) -> subprocess.CompletedProcess[str]:
        (self.folder / "listing").write_text(listing)
        (self.folder / "cpuinfo").write_text(f"flags\t\t: {flags}\n")
        argv = ["bash", str(SCRIPT), *options, str(self.folder / "out")]
        return subprocess.run(argv, env=self.environment, capture_output=True, text=True, timeout=60)

    @property
    def configured(self) -> list[str]:
        return (self.folder / "log").read_text().splitlines()[0].split()


@pytest.fixture
def script(tmp_path: Path) -> Script:
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "pip.py").write_text(PIP)
    bodies = {
        "python3": f'#!/bin/sh\nshift 2; exec {sys.executable} -S {tmp_path / "pip.py"} "$@"\n',
        "cmake": CMAKE,
        "objdump": f"#!/bin/sh\ncat {tmp_path / 'listing'}\n",
    }
    for name, body in bodies.items():
        (programs / name).write_text(body)
        (programs / name).chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    return Script(tmp_path, {"PATH": path, "LOG": str(tmp_path / "log"), "CPUINFO": str(tmp_path / "cpuinfo")})


def test_the_fork_is_built_for_this_processor(script: Script) -> None:
    done = script("--ik", listing="vpdpbusd (%rax),%zmm1,%zmm2")
    assert done.returncode == 0
    built = script.folder / "out/ik_llama_cpp_python-0.1.5/vendor/ik_llama.cpp/build/bin/llama-bench"
    assert done.stdout == f"{built}\n"
    assert "-DGGML_NATIVE=ON" in script.configured
    assert 'LLAMA_COMMIT = "python-0.1.5"' in (built.parents[2] / "common/build-info.cpp").read_text()
    again = script("--ik", listing="")  # it is there: nothing is built or checked
    assert (again.returncode, again.stdout) == (0, done.stdout)


def test_without_its_512_bit_path_it_is_refused(script: Script) -> None:
    done = script("--ik", listing="vpmaddubsw (%rax),%ymm1,%ymm2\nvaddps %zmm1,%zmm2,%zmm3")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no AVX-512 VNNI in it, though this processor has" in done.stderr
    built = script.folder / "out/ik_llama_cpp_python-0.1.5/vendor/ik_llama.cpp/build/bin/llama-bench"
    assert not built.exists()


@pytest.mark.parametrize("lacking", ALL_FIVE.split()[1:])
def test_a_processor_short_of_one_gets_avx2_and_is_told(script: Script, lacking: str) -> None:
    flags = " ".join(flag for flag in ALL_FIVE.split() if flag != lacking)
    done = script("--ik", listing="vpmaddubsw (%rax),%ymm1,%ymm2", flags=flags)
    assert done.returncode == 0
    assert f"this processor lacks {lacking}: ik_llama.cpp computes with AVX2 here" in done.stderr


@pytest.mark.parametrize("options", [("--ik", "--avx2"), ("--avx2",)])
def test_with_avx512_masked(script: Script, options: tuple[str, ...]) -> None:
    done = script(*options, listing="vpmaddubsw (%rax),%ymm1,%ymm2")
    assert done.returncode == 0
    assert done.stdout.endswith("build-avx2/bin/llama-bench\n")
    assert {"-DGGML_NATIVE=OFF", "-DGGML_AVX2=ON", "-DGGML_FMA=ON", "-DGGML_F16C=ON"} <= set(script.configured)


@pytest.mark.parametrize("options", [("--ik", "--avx2"), ("--avx2",)])
def test_what_was_to_be_masked_and_is_not_is_refused(script: Script, options: tuple[str, ...]) -> None:
    done = script(*options, listing="vaddps %zmm1,%zmm2,%zmm3")
    assert (done.returncode, done.stdout) == (1, "")
    assert "has AVX-512 in it, though only AVX2 was asked for" in done.stderr


@pytest.mark.parametrize("options", [("--ik", "--logits"), ("--avx2", "--logits"), ("--fast",), ("a", "b")])
def test_options_that_make_no_sense_are_wrong_usage(script: Script, options: tuple[str, ...]) -> None:
    done = script(*options)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage:" in done.stderr
