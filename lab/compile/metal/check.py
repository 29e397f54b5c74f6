"""The checks of a compiled Metal library, all together, as `lab compile` makes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from lab.compile.built import Built
from lab.compile.launch import Launch
from lab.compile.metal.kernels import Kernel, kernels
from lab.compile.metal.limits import limit_faults
from lab.compile.metal.msl import source_faults
from lab.compile.metal.signature import signature_faults
from lab.core.errors import CompileError
from lab.core.progress import Progress


def check_library(built: Built, path: Path, mtriple: str, progress: Progress) -> None:
    """Check the kernels of what was `built`, and the library linked at `path`. Raises CompileError with every fault."""
    check_kernels(kernels(built.sources.get("metal", "")), built.launches, progress)
    if "-ios" in mtriple:
        from lab.compile.metal.archive import check_archive

        check_archive(path, built.functions)
    else:
        from lab.compile.metal.macho import check_dylib

        check_dylib(path, built.functions)


def check_kernels(found: tuple[Kernel, ...], launches: Mapping[str, Launch], progress: Progress) -> None:
    """Check source, signature and launch of every kernel. Raises CompileError with every fault."""
    if not found:
        raise CompileError("the compiled library has no Metal kernel")
    with progress.phase("check Metal kernels", len(found), "kernels") as advance:
        faults = []
        for kernel in found:
            faults += [f"{kernel.name}: {fault}" for fault in _faults(kernel, launches)]
            advance(1)
    if faults:
        raise CompileError(
            "Metal would not take these kernels:\n  " + "\n  ".join(faults),
            hint="lab compile --dump-ir FOLDER writes the program that they come from",
        )


def _faults(kernel: Kernel, launches: Mapping[str, Launch]) -> Iterator[str]:
    yield from source_faults(kernel)
    yield from signature_faults(kernel)
    yield from limit_faults(kernel, launches)
