"""Libraries for GPUs: what the folder says, where they link for, and what can't be compiled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.compile.build import build_library, check_target
from lab.compile.bundle import assemble
from lab.core.errors import CompileError, ModelError
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest, verify_files
from lab.formats.target import load_target
from lab.models.catalog import custom
from lab.models.convert import convert
from lab.models.quant import SCHEMES
from lab.models.sources.synthetic import SyntheticSource
from tests.compile.network import config

pytestmark = pytest.mark.slow

QUIET = NullProgress()
HOST = load_target("opencl-host")


def tiny(scheme="q4"):
    return custom(config(), SCHEMES[scheme], f"tiny-{scheme}")


def target(**changes):
    return replace(HOST, compile=replace(HOST.compile, **changes))


PLACES = {
    "x86-64": (HOST, b"\x7fELF", "any-f32", "mlc-kn-f32", "float32"),
    "android": (target(gpu="mali", mtriple="aarch64-linux-android"), b"\x7fELF", "mali", "mlc-kn", "float16"),
    "adreno": (target(gpu="adreno", mtriple="aarch64-linux-android"), b"\x7fELF", "adreno", "mlc-kn", "float16"),
    "macos": (
        target(kind="metal", gpu="apple", mtriple="arm64-apple-macos"),
        b"\xcf\xfa\xed\xfe",
        "apple",
        "mlc-kn",
        "float16",
    ),
    "ios": (
        target(kind="metal", gpu="apple", mtriple="arm64-apple-ios16.0"),
        b"!<arch>\n",
        "apple",
        "mlc-kn",
        "float16",
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_library_is_linked_and_says_what_it_is(tmp_path, place):
    wanted, magic, isa, layout, kv_dtype = PLACES[place]
    folder = build_library(tiny(), wanted, tmp_path, QUIET)
    manifest = load_manifest(folder, "library")
    verify_files(folder, manifest)
    assert (folder / "model.so").read_bytes().startswith(magic)
    assert (manifest.target.isa, manifest.options["layout"], manifest.model.kv_dtype) == (isa, layout, kv_dtype)
    assert manifest.target.required_features == (("cl_khr_fp16",) if isa in ("mali", "adreno") else ())
    assert manifest.options["decode"]["launches"] == 16
    assert manifest.options["decode"]["bytes"] > 0


def test_each_phase_is_dumped(tmp_path):
    build_library(tiny(), HOST, tmp_path / "out", QUIET, dump_ir=tmp_path / "ir")
    names = sorted(path.name for path in (tmp_path / "ir").iterdir())
    assert names[0] == "phase0-exported.py"
    assert "phase3-schedule.py" in names


def test_library_and_weights_of_its_layout_make_a_bundle(tmp_path):
    library = build_library(tiny(), HOST, tmp_path, QUIET)
    weights = convert(tiny(), SyntheticSource(tiny().config), tmp_path, QUIET, "mlc-kn-f32")
    manifest = load_manifest(assemble(library, weights, tmp_path), "bundle")
    assert manifest.weights.layout == "mlc-kn-f32"
    assert manifest.verify.rel_error_max < 2e-3


@pytest.mark.parametrize(("scheme", "gpu"), [("f16", "any-f32"), ("f32", "any-f16"), ("q8", "any-f32")])
def test_what_a_family_has_no_kernels_for_is_refused_before_it_is_compiled(tmp_path, scheme, gpu):
    with pytest.raises(ModelError, match=scheme):
        build_library(tiny(scheme), target(gpu=gpu), tmp_path, QUIET)
    assert not list(tmp_path.iterdir())


def test_unknown_families_and_backends_are_refused():
    with pytest.raises(CompileError, match="mally"):
        check_target(target(gpu="mally"))
    with pytest.raises(CompileError, match="processors only"):
        check_target(target(backend="mlc"))
    with pytest.raises(CompileError, match="can't be linked"):
        check_target(target(mtriple="riscv64-unknown-linux-gnu"))
