"""What the NDK builds: files that a phone can load, whole or not at all, and once."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lab.core.errors import CompileError
from lab.core.progress import Advance
from lab.ondevice.android.build import toolchain
from lab.ondevice.android.ndk import COMPILER, CXX_LIBRARY
from lab.ondevice.build import runner
from lab.ondevice.elf import check_elf, read_dynamic
from lab.ondevice.opencl.build import plugin
from tests.ondevice.android.ndk_folder import TARGET, ZIG, make_ndk
from tests.ondevice.android.planted import SHOWN, Planted, copy_tree, is_empty, write

NAMES = ["lab-bench", "libc++_shared.so", "liblab_opencl.so", "libtvm_ffi.so", "libtvm_runtime.so"]
NEEDED = {
    "libtvm_ffi.so": set(),
    "libtvm_runtime.so": {"libtvm_ffi.so"},
    "liblab_opencl.so": {"libtvm_ffi.so", "libtvm_runtime.so"},
    "lab-bench": {"libtvm_ffi.so"},
}
CALL = shlex.join([*ZIG, "c++", *TARGET])

pytestmark = pytest.mark.slow


class Listener:
    def __init__(self) -> None:
        self.notes: list[str] = []

    @contextmanager
    def phase(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Advance]:
        yield lambda amount: None

    def note(self, text: str) -> None:
        self.notes.append(text)


def with_compiler(root: Path, ndk: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Take a copy of the NDK whose compiler is another script."""
    shutil.copytree(ndk, root)
    program = next(root.rglob(COMPILER))
    program.write_text(f"#!/bin/sh\n{script}\n")
    monkeypatch.setenv("ANDROID_NDK_HOME", str(root))
    return root


def refused(planted: Planted, *said: str) -> CompileError:
    with pytest.raises(CompileError) as caught:
        planted.build()
    for words in said:
        assert words in caught.value.what
    assert is_empty(planted.out)
    return caught.value


def test_every_file_is_one_that_an_arm64_phone_can_load(ndk: Path, planted: Planted) -> None:
    made = planted.build()
    assert sorted(path.name for path in made.folder.iterdir()) == [*NAMES, "manifest.json"]
    assert made.folder.name == f"android-arm64--{made.key[:12]}"
    for name in NAMES:
        check_elf(made.folder / name, "aarch64")
        assert read_dynamic(made.folder / name).page_bytes == 16384
    for name, needed in NEEDED.items():
        found = read_dynamic(made.folder / name)
        assert needed == set(found.needed) - {"libc.so"}
        assert found.soname == (name if name.endswith(".so") else "")


def test_what_was_built_is_described(ndk: Path, planted: Planted) -> None:
    made = planted.build()
    document = json.loads((made.folder / "manifest.json").read_text())
    assert (document["kind"], document["key"], document["api"]) == ("toolchain", made.key, 28)
    assert document["versions"]["ndk"] == made.ndk == "27.2.12479018"
    assert sorted(entry["name"] for entry in document["files"]) == NAMES
    assert made.binary.name == "lab-bench"
    assert [path.name for path in made.libs] == ["libtvm_ffi.so", "libtvm_runtime.so", CXX_LIBRARY]
    assert made.plugin.is_file()


def test_it_is_built_once_and_again_when_damaged(
    ndk: Path, planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "calls"
    with_compiler(tmp_path / "logged", ndk, f'echo called >> {log}\nexec {CALL} "$@"', monkeypatch)
    first = planted.build()
    assert planted.build() == first
    assert log.read_text().count("called") == 4
    first.plugin.write_bytes(first.plugin.read_bytes()[:-1])
    assert planted.build() == first
    assert log.read_text().count("called") == 8


def test_another_ndk_and_changed_sources_are_other_folders(
    ndk: Path, planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {planted.build().key}
    (planted.runner / "own.h").write_text("#define OWN 2\n")
    keys.add(planted.build().key)
    newer = with_compiler(tmp_path / "newer", ndk, f'exec {CALL} "$@"', monkeypatch)
    (newer / "source.properties").write_text("Pkg.Desc = Android NDK\nPkg.Revision = 28.0.1\n")
    keys.add(planted.build().key)
    assert len(keys) == 3


def test_a_compile_error_ends_with_the_compilers_own_words(ndk: Path, planted: Planted) -> None:
    (planted.runner / "main.cc").write_text("int main() { return no_such_name; }\n")
    problem = refused(planted, "lab-bench could not be built with NDK 27.2.12479018, exit code 1")
    assert "use of undeclared identifier 'no_such_name'" in problem.what


def test_a_function_that_no_library_has_is_found_here_and_not_on_the_phone(ndk: Path, planted: Planted) -> None:
    write(planted.plugin, {"two.cc": f'extern "C" int nowhere();\n{SHOWN} int two() {{ return nowhere(); }}\n'})
    refused(planted, "liblab_opencl.so could not be built", "nowhere")


WITHOUT_PAGES = 'for a in "$@"; do shift; case $a in *max-page-size*) ;; *) set -- "$@" "$a";; esac; done'


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (f'{WITHOUT_PAGES}; exec {CALL} -Wl,-z,max-page-size=4096 "$@"', "is laid out for pages of 4096 bytes, not of"),
        (f'exec {CALL.replace("aarch64", "x86_64")} "$@"', "is for x86_64, wanted aarch64"),
    ],
    ids=["pages", "processor"],
)
def test_what_no_phone_could_load_is_not_kept(
    ndk: Path, planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    with_compiler(tmp_path / "odd", ndk, script, monkeypatch)
    refused(planted, said)


def test_a_library_that_no_phone_has_is_named(
    ndk: Path, planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "libodd.so"
    shutil.copyfile(next(ndk.rglob(CXX_LIBRARY)), odd)
    script = f'exec {CALL} -Wl,--no-as-needed -L{tmp_path} -lodd "$@"'
    odd.write_bytes(odd.read_bytes().replace(b"libc++_shared.so", b"libodd.so\0shared"))
    with_compiler(tmp_path / "odd", ndk, script, monkeypatch)
    refused(planted, "libtvm_ffi.so: needs libodd.so, which a phone does not have")


def test_the_ndks_own_library_for_small_pages_is_told(
    ndk: Path, planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDROID_NDK_HOME", str(make_ndk(tmp_path / "r25c", "25.2.9519653", page_bytes=4096)))
    listener = Listener()
    toolchain(listener, source=planted.tree, out_root=planted.out)
    assert listener.notes == [
        "libc++_shared.so is laid out for pages of 4096 bytes: it is the NDK's own; "
        "a phone with pages of 16384 needs a newer NDK"
    ]


def test_a_tree_of_another_version_is_refused_before_anything_is_compiled(
    ndk: Path, planted: Planted, tmp_path: Path
) -> None:
    other = copy_tree(planted, tmp_path / "other")
    (other / "include/tvm/runtime/base.h").write_text('#define TVM_VERSION "0.26.0"\n')
    with pytest.raises(
        CompileError, match=r"is TVM 0\.26\.0, and its .*base\.h is not that of the installed apache-tvm"
    ):
        toolchain(source=other, out_root=planted.out)
    assert is_empty(planted.out)


def test_runner_and_plugin_of_the_triple_are_those_of_the_toolchain(ndk: Path, planted: Planted) -> None:
    made = planted.build()
    files = runner("aarch64-linux-android", out_root=planted.out)
    assert (files.binary, files.libs, files.plugin) == (made.binary, made.libs, made.plugin)
    assert files.runtime.name == "libtvm_runtime.so"
    assert (files.key, files.compiler) == (made.key, "Android NDK 27.2.12479018")
    found = plugin("aarch64-linux-android", out_root=planted.out)
    assert (found.path, found.upstream) == (made.plugin, False)


def test_android_has_a_c_library_of_its_own(ndk: Path, planted: Planted) -> None:
    with pytest.raises(CompileError, match='libc = "carried": aarch64-linux-android has one of its own'):
        runner("aarch64-linux-android", libc="carried", out_root=planted.out)


def test_a_damaged_elf_file_is_an_error_and_no_surprise(ndk: Path, planted: Planted, tmp_path: Path) -> None:
    """Cut anywhere, it is read or refused; what is left of it never leads out of it."""
    data = planted.build().plugin.read_bytes()
    for size in range(64, len(data), 97):
        (tmp_path / "cut.so").write_bytes(data[:size])
        with suppress(CompileError):
            assert read_dynamic(tmp_path / "cut.so").page_bytes == 16384
