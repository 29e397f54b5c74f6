"""`build_library`: the compiled library of a model for a target, made once and then found."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from lab.compile.cpu import Cpu, choose_cpu
from lab.compile.recipe import Recipe
from lab.compile.versions import versions
from lab.core.atomic import publish_dir, staging_dir
from lab.core.bundle import (
    LIBRARY_NAME,
    SCHEMA,
    LibraryManifest,
    TargetBlock,
    file_entry,
    load_manifest,
    verify_files,
    write_manifest,
)
from lab.core.errors import BundleError, CompileError
from lab.core.jsonio import digest
from lab.core.progress import Progress
from lab.core.target import TargetSpec
from lab.models.catalog import ModelSpec
from lab.models.convert.manifest import model_block
from lab.models.layout import LAYOUT

OPTIONS = {"layout": LAYOUT, "page_tokens": 16, "max_batch": 1}


def build_library(
    spec: ModelSpec, target: TargetSpec, out_root: Path, progress: Progress, dump_ir: Path | None = None
) -> Path:
    """Return the library folder of `spec` for `target` under `out_root`, compiled if it is not there yet.

    With `dump_ir` it is compiled in any case and each phase's module is written there. Raises CompileError.
    """
    check_target(target)
    cpu = choose_cpu(target.compile)
    recipe = _recipe(spec, target, cpu)
    final = out_root / "lib" / f"{target.name}--{spec.label}--{recipe.key[:12]}"
    if dump_ir is None and _is_there(final, progress):
        return final
    with staging_dir(final.parent, final.name) as folder:
        recipe.make(folder / LIBRARY_NAME, progress, dump_ir)
        write_manifest(folder, _manifest(spec, target, cpu, recipe, folder))
        return publish_dir(folder, final)


def check_target(target: TargetSpec) -> None:
    """Raise CompileError for a target that no backend can compile for in this version."""
    if target.compile.kind != "llvm":
        raise CompileError(
            f"targets/{target.name}.toml: [compile].kind {target.compile.kind!r} is not in this version",
            hint="set kind = 'llvm'",
        )


def backend_version(target: TargetSpec) -> str:
    """Return the version of what compiles for `target`; CompileError when it is not installed."""
    if target.compile.backend == "mlc":
        from lab.compile.mlc_backend import find_mlc

        return find_mlc().version
    return str(versions().tvm)


def _recipe(spec: ModelSpec, target: TargetSpec, cpu: Cpu) -> Recipe:
    if target.compile.backend == "mlc":
        from lab.compile.mlc_backend import recipe

        return recipe(spec, target, cpu)
    return Recipe(library_key(spec, target, cpu), versions(), OPTIONS, partial(_compile, spec, target, cpu))


def library_key(spec: ModelSpec, target: TargetSpec, cpu: Cpu) -> str:
    """Return the digest of everything that the code of backend `tvm` depends on."""
    return digest(
        {
            "config": asdict(spec.config),
            "scheme": asdict(spec.scheme),
            "mtriple": target.compile.mtriple,
            "isa": asdict(cpu.isa),
            "features": cpu.llvm_features,
            "options": OPTIONS,
            "versions": asdict(versions()),
        }
    )


def _is_there(final: Path, progress: Progress) -> bool:
    if not final.exists():
        return False
    try:
        verify_files(final, load_manifest(final, "library"))
    except BundleError as problem:
        progress.note(f"{problem.what}; made again")
        shutil.rmtree(final, ignore_errors=True)
        return False
    return True


def _compile(
    spec: ModelSpec, target: TargetSpec, cpu: Cpu, path: Path, progress: Progress, dump_ir: Path | None
) -> None:
    with progress.phase("compile model", 4, "steps") as advance:
        from lab.compile.tvm_backend import compile_library  # TVM takes seconds to import

        advance(1)
        compile_library(spec, target.compile.mtriple, cpu, path, advance, dump_ir)


def _manifest(spec: ModelSpec, target: TargetSpec, cpu: Cpu, recipe: Recipe, folder: Path) -> LibraryManifest:
    return LibraryManifest(
        schema=SCHEMA,
        kind="library",
        key=recipe.key,
        created_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        model=model_block(spec),
        target=target_block(target, cpu),
        versions=recipe.versions,
        files=(file_entry(folder / LIBRARY_NAME),),
        options=recipe.options,
    )


def target_block(target: TargetSpec, cpu: Cpu) -> TargetBlock:
    """Return what manifests and records say about the target."""
    return TargetBlock(
        name=target.name,
        kind=target.compile.kind,
        mtriple=target.compile.mtriple,
        cpu=target.compile.cpu,
        isa=cpu.isa.name,
        features=cpu.llvm_features,
        required_features=cpu.required_features,
    )
