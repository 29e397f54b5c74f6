"""Building libraries and bundles: keys, caches, dumps and everything that can be asked wrongly."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

import pytest

from lab.compile import build, versions
from lab.compile import cpu as cpu_module
from lab.compile.build import build_library, library_key
from lab.compile.bundle import assemble
from lab.compile.cpu import choose_cpu, machine_features
from lab.compile.cpu.isa import ARM_ISAS
from lab.core.errors import BundleError, CompileError
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest, verify_files
from lab.formats.target import load_target
from lab.models.catalog import custom
from lab.models.convert import convert
from lab.models.quant import SCHEMES
from lab.models.sources.synthetic import SyntheticSource
from tests.compile.building import NATIVE
from tests.compile.network import config

QUIET = NullProgress()
LOCAL = load_target("local")


def with_cpu(cpu="native", *features, **changes):
    return replace(LOCAL, compile=replace(LOCAL.compile, cpu=cpu, features=features, **changes))


def tiny(scheme="q4", **changes):
    return custom(config(**changes), SCHEMES[scheme], f"tiny-{scheme}")


@pytest.fixture
def no_compiler(monkeypatch):
    """After this, any attempt to compile fails the test."""

    def refuse(*_args):
        raise AssertionError("compiled again")

    monkeypatch.setattr(build, "_compile", refuse)


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    return build_library(tiny(), LOCAL, tmp_path_factory.mktemp("compiled"), QUIET)


def test_library_folder_is_whole_and_says_what_it_is(library):
    manifest = load_manifest(library, "library")
    verify_files(library, manifest)
    assert manifest.target.isa == NATIVE[0].name
    assert set(manifest.target.required_features) == set(NATIVE[0].cpu_flags)
    assert manifest.versions.tvm
    assert manifest.model.label == "tiny-q4"


def test_unchanged_inputs_return_the_same_folder(library, no_compiler):
    assert build_library(tiny(), LOCAL, library.parent.parent, QUIET) == library


@pytest.mark.slow
def test_damaged_library_is_made_again(library, tmp_path):
    root = tmp_path / "compiled"
    folder = build_library(tiny(), LOCAL, root, QUIET)
    path = folder / "model.so"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert build_library(tiny(), LOCAL, root, QUIET) == folder
    verify_files(folder, load_manifest(folder, "library"))


def test_ctrl_c_while_compiling_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(_spec, _target, _cpu, path, *_rest):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "_compile", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build_library(tiny(), LOCAL, tmp_path, QUIET)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def key(spec=None, target=LOCAL):
    return library_key(spec or tiny(), target, choose_cpu(target.compile))


def test_any_change_of_inputs_gives_another_key(monkeypatch):
    seen = {
        key(),
        key(tiny("q8")),
        key(tiny(vocab_size=336)),
        key(tiny(sliding_window=7)),
        key(tiny(rope_theta=5000.0)),
        key(target=with_cpu("x86-64-v3")),
        key(target=with_cpu("x86-64-v3", "+avx512vnni")),
    }
    for function in ("kernels_digest", "compiler_digest"):
        with monkeypatch.context() as patch:
            patch.setattr(versions, function, lambda *_: "0" * 64)
            seen.add(key())
    with monkeypatch.context() as patch:
        patch.setattr(versions, "_version", lambda package: "0.0")
        seen.add(key())
    assert len(seen) == 10


def test_name_of_a_target_does_not_change_the_code():
    assert key(target=replace(LOCAL, name="other")) == key()


@pytest.mark.slow
def test_dump_has_every_phase(tmp_path):
    build_library(tiny(), LOCAL, tmp_path / "compiled", QUIET, dump_ir=tmp_path / "ir")
    names = sorted(path.name for path in (tmp_path / "ir").iterdir())
    assert names == [
        "phase0-exported.py",
        "phase1-legalise.py",
        "phase2-call-kernels.py",
        "phase3-plan-memory.py",
        "phase4-lower-vm.py",
    ]
    assert "attention_decode" in (tmp_path / "ir" / "phase0-exported.py").read_text()


def test_bundle_links_both_parts(library, tmp_path):
    root = library.parent.parent
    spec = tiny()
    weights = convert(spec, SyntheticSource(spec.config), root, QUIET)
    folder = assemble(library, weights, root)
    verify_files(folder, load_manifest(folder, "bundle"))
    assert (folder / "weights.bin").samefile(weights / "weights.bin")
    assert assemble(library, weights, root) == folder


def test_parts_of_two_models_make_no_bundle(library, tmp_path):
    spec = tiny("q8")
    weights = convert(spec, SyntheticSource(spec.config), tmp_path, QUIET)
    with pytest.raises(BundleError, match="tiny-q4 and weights of tiny-q8"):
        assemble(library, weights, tmp_path)


ARM = {"mtriple": "aarch64-unknown-linux-gnu"}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["q4", "f16", "f32"])  # q8 is q4 with other products
def test_a_library_for_arm64_is_made_on_any_machine(scheme, tmp_path):
    folder = build_library(tiny(scheme), with_cpu("cortex-x3", **ARM), tmp_path, QUIET)
    header = (folder / "model.so").read_bytes()[:20]
    assert header[:4] == b"\x7fELF"
    assert int.from_bytes(header[18:20], "little") == 183  # EM_AARCH64
    assert load_manifest(folder, "library").target.isa == "neon-i8mm-fhm"


@pytest.mark.parametrize(
    ("cpu", "features", "isa", "required"),
    [
        ("generic", (), "neon", {"asimd"}),
        ("cortex-a53", (), "neon", {"asimd"}),
        ("cortex-a76", (), "neon-dotprod", {"asimd", "asimddp"}),
        ("cortex-a78ae", (), "neon-dotprod", {"asimd", "asimddp"}),
        ("apple-m1", (), "neon-dotprod-fhm", {"asimd", "asimddp", "fphp", "asimdhp", "asimdfhm"}),
        ("cortex-x3", (), "neon-i8mm-fhm", {"asimd", "asimddp", "i8mm", "fphp", "asimdhp", "asimdfhm"}),
        ("cortex-x4", ("-fp16fml",), "neon-i8mm", {"asimd", "asimddp", "i8mm"}),
        ("cortex-x4", ("-i8mm", "-dotprod"), "neon", {"asimd"}),
        ("generic", ("+dotprod", "+lse"), "neon-dotprod", {"asimd", "asimddp", "atomics"}),
    ],
)
def test_record_and_needs_of_arm64_follow_cpu_and_features(cpu, features, isa, required):
    chosen = choose_cpu(with_cpu(cpu, *features, **ARM).compile)
    assert chosen.isa.name == isa
    assert set(chosen.required_features) == required


@pytest.mark.parametrize("isa", ARM_ISAS, ids=[isa.name for isa in ARM_ISAS])
def test_native_reads_the_features_of_an_arm64_machine(isa, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nFeatures\t: fp {' '.join(isa.cpu_flags)} crc32 cpuid\n")
    monkeypatch.setattr(cpu_module, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(cpu_module.platform, "machine", lambda: "aarch64")
    chosen = choose_cpu(with_cpu(**ARM).compile)
    assert chosen.isa == isa
    assert set(chosen.required_features) == set(isa.cpu_flags)


def test_half_of_linuxs_names_is_no_feature(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text("Features\t: fp asimd asimddp fphp asimdfhm\n")
    monkeypatch.setattr(cpu_module, "CPUINFO", tmp_path / "cpuinfo")
    assert "fullfp16" not in machine_features()
    assert "dotprod" in machine_features()


@pytest.mark.parametrize(
    ("cpu", "features", "isa"),
    [
        ("x86-64-v2", (), "baseline"),
        ("x86-64-v3", (), "avx2"),
        ("x86-64-v3", ("+avxvnni",), "avx-vnni"),
        ("x86-64-v4", ("+avx512vnni",), "avx512-vnni"),
        ("znver4", (), "avx512-vnni"),
        ("znver4", ("-avx512vnni",), "avx2"),
        ("alderlake", (), "avx-vnni"),
    ],
)
def test_isa_follows_cpu_and_features(cpu, features, isa):
    assert choose_cpu(with_cpu(cpu, *features).compile).isa.name == isa


def test_native_is_what_this_machine_has():
    assert set(choose_cpu(LOCAL.compile).llvm_features) <= machine_features()


def test_added_features_are_required_of_the_device():
    cpu = choose_cpu(with_cpu("x86-64-v4", "+avx512vnni", "+avx512bf16").compile)
    assert "avx512_bf16" in cpu.required_features


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (with_cpu("znver44"), "Did you mean 'znver4'"),
        (with_cpu("x86-64"), "ssse3"),
        (with_cpu("cortex-a760", **ARM), "Did you mean 'cortex-a76'"),
        (with_cpu("cortex-a76", "-neon", **ARM), "neon"),
        (with_cpu("native", **ARM), f"this machine, which is {platform.machine()}"),
        (with_cpu(mtriple="riscv64-unknown-linux-gnu"), "riscv64"),
        (with_cpu(kind="opencl"), "GPU family"),
    ],
)
def test_what_cannot_be_compiled_for_is_named(target, said, tmp_path):
    with pytest.raises(CompileError, match=said):
        build_library(tiny(), target, tmp_path, QUIET)
