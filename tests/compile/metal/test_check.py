"""`lab compile` for Metal: checked before anything is published, refused when a check fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.compile.build import METAL_NAME, build_library
from lab.compile.contract import Built
from lab.compile.metal import limits
from lab.compile.metal.check import check_kernels, check_library
from lab.compile.metal.kernels import kernels
from lab.compile.metal.unverified import unverified
from lab.core.errors import CompileError
from lab.core.progress import Advance, NullProgress
from lab.formats.bundle import load_manifest, verify_files
from lab.formats.target import load_target
from lab.models.catalog import custom
from lab.models.quant import SCHEMES
from tests.compile.metal.small import compiled
from tests.compile.network import config

pytestmark = pytest.mark.slow

QUIET = NullProgress()
TINY = custom(config(num_hidden_layers=1), SCHEMES["q4"], "tiny-q4")
NAMES = ["macbook-m3", "iphone15"]


class Told(NullProgress):
    """Progress that remembers its phases."""

    def __init__(self) -> None:
        self.phases: list[str] = []

    @contextmanager
    def phase(self, name: str, total: float, unit: str) -> Iterator[Advance]:
        self.phases.append(name)
        with super().phase(name, total, unit) as advance:
            yield advance


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def library(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_library(TINY, load_target(name), tmp_path_factory.mktemp("compiled"), QUIET)


def test_a_library_is_made_and_says_what_nobody_checked(name: str, library: Path) -> None:
    manifest = load_manifest(library, "library")
    verify_files(library, manifest)
    assert tuple(manifest.options["unverified_on_device"]) == unverified(load_target(name))
    assert manifest.options["decode"]["launches"] > 0
    assert (library / METAL_NAME).read_text().count("kernel void ") > 10


def test_a_kernel_that_fails_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_THREADS", 16)
    with pytest.raises(CompileError, match=r"threads a threadgroup, and Metal takes 16 at most"):
        build_library(TINY, load_target("macbook-m3"), tmp_path, QUIET)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_every_kernel_is_checked_in_a_phase_of_its_own() -> None:
    built, told = compiled(), Told()
    check_kernels(built.kernels, built.seen.launches, told)
    assert told.phases == ["check Metal kernels"]


def test_every_fault_of_every_kernel_is_told() -> None:
    built = compiled()
    source = "".join(kernel.source for kernel in built.kernels)
    with pytest.raises(CompileError) as caught:
        check_kernels(kernels(source.replace("buffer(0)", "buffer(7)")), built.seen.launches, QUIET)
    assert all(f"{kernel.name}: parameter" in str(caught.value) for kernel in built.kernels)


def test_a_library_without_kernels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="no Metal kernel"):
        check_library(Built({}, {}, {}, ()), tmp_path / "model.so", "arm64-apple-macos", QUIET)


@pytest.mark.parametrize("name", ["local", "opencl-host", "rpi5", "emulated-phone", "emulated-opencl"])
def test_what_runs_here_or_on_processors_leaves_nothing_unverified(name: str) -> None:
    assert unverified(load_target(name)) == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("macbook-m3", "macOS has not loaded"),
        ("mac-mini-m4", "Apple's Metal compiler"),
        ("iphone15", "signed by Xcode"),
        ("pixel8", "no phone's OpenCL driver"),
        ("galaxy-s24", "watchdog"),
    ],
)
def test_what_takes_the_device_is_said(name: str, words: str) -> None:
    sentences = unverified(load_target(name))
    assert any(words in sentence for sentence in sentences)
    assert all(len(sentence) < 120 for sentence in sentences)
