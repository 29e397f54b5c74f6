"""`build_library`: the compiled library of a model for a target, made once and then found."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from lab.compile.chip import Chip, check_sizes, chip_layout, chip_name, choose_chip, required_features
from lab.compile.contract import Recipe
from lab.compile.cpu import Cpu, choose_cpu
from lab.compile.link import linker
from lab.compile.metal.unverified import unverified
from lab.compile.versions import tvm_version, versions
from lab.core.atomic import publish_dir, staging_dir
from lab.core.errors import BundleError, CompileError
from lab.core.jsonio import digest
from lab.core.progress import Progress
from lab.formats.bundle import file_entry, load_manifest, verify_files, write_manifest
from lab.formats.manifest import LIBRARY_NAME, SCHEMA, LibraryManifest, TargetBlock
from lab.formats.target import TargetSpec
from lab.models.catalog import ModelSpec
from lab.models.convert.manifest import model_block
from lab.models.families import digestible
from lab.models.layouts import layout_named

METAL_NAME = "model.metal"  # the kernels' source, for people: the library has its own copy, and nothing reads this one


def build_library(
    spec: ModelSpec, target: TargetSpec, out_root: Path, progress: Progress, dump_ir: Path | None = None
) -> Path:
    """Return the library folder of `spec` for `target` under `out_root`, compiled if it is not there yet.

    With `dump_ir` it is compiled in any case and each phase's module is written there. Raises CompileError.
    """
    check_target(target)
    chip = choose_chip(target.compile)
    recipe = _recipe(spec, target, chip)
    final = out_root / "lib" / f"{target.name}--{spec.label}--{recipe.key[:12]}"
    if dump_ir is None and _is_there(final, progress):
        return final
    with staging_dir(final.parent, final.name) as folder:
        told = recipe.make(folder / LIBRARY_NAME, progress, dump_ir)
        write_manifest(folder, _manifest(spec, target, chip, recipe, folder, told))
        return publish_dir(folder, final)


def check_target(target: TargetSpec) -> None:
    """Raise CompileError for a target that no backend can compile for in this version."""
    if target.compile.kind == "llvm":
        return
    choose_chip(target.compile)
    if target.compile.backend != "tvm":
        raise CompileError(
            f"targets/{target.name}.toml: backend {target.compile.backend!r} compiles for processors only",
            hint="set backend = 'tvm', or kind = 'llvm'",
        )
    linker(target.compile.mtriple)  # refuses triples that nothing can be linked for


def backend_version(target: TargetSpec) -> str:
    """Return the version of what compiles for `target`; CompileError when it is not installed."""
    if target.compile.backend == "mlc":
        from lab.compile.mlc.backend import find_mlc

        return find_mlc().version
    return tvm_version()


def _recipe(spec: ModelSpec, target: TargetSpec, chip: Chip) -> Recipe:
    if target.compile.backend == "mlc":
        from lab.compile.mlc.backend import recipe

        return recipe(spec, target, choose_cpu(target.compile))
    layout_named(chip_layout(chip), spec.scheme)  # what its kernels can't read is told before hours of work
    check_sizes(chip, spec.config)
    key, made_by = library_key(spec, target, chip), versions(spec.config.family)
    return Recipe(key, made_by, options(chip), partial(_compile, spec, target, chip))


def options(chip: Chip) -> dict[str, Any]:
    """Return what a library of backend `tvm` expects of whoever runs it."""
    return {"layout": chip_layout(chip), "page_tokens": 16, "max_batch": 1}


def library_key(spec: ModelSpec, target: TargetSpec, chip: Chip) -> str:
    """Return the digest of everything that the code of backend `tvm` depends on."""
    cpu = {"isa": asdict(chip.isa), "features": chip.llvm_features} if isinstance(chip, Cpu) else {}
    return digest(
        {
            "config": digestible(spec.config),
            "scheme": asdict(spec.scheme),
            "mtriple": target.compile.mtriple,
            **(cpu or {"kind": target.compile.kind, "gpu": asdict(chip)}),
            "options": options(chip),
            "versions": asdict(versions(spec.config.family)),
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
    spec: ModelSpec, target: TargetSpec, chip: Chip, path: Path, progress: Progress, dump_ir: Path | None
) -> dict[str, Any]:
    with progress.phase("compile model", 4, "steps") as advance:
        from lab.compile.tvm_backend import compile_library  # TVM takes seconds to import

        advance(1)
        built = compile_library(spec, target.compile.mtriple, chip, path, advance, dump_ir)
    if target.compile.kind == "metal":
        from lab.compile.metal.check import check_library

        check_library(built, path, target.compile.mtriple, progress)
        (path.parent / METAL_NAME).write_text(built.sources["metal"])
    unseen = unverified(target)
    return {**built.told, **({"unverified_on_device": unseen} if unseen else {})}


def _manifest(
    spec: ModelSpec, target: TargetSpec, chip: Chip, recipe: Recipe, folder: Path, told: dict[str, Any]
) -> LibraryManifest:
    return LibraryManifest(
        schema=SCHEMA,
        kind="library",
        key=recipe.key,
        created_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        model=model_block(spec, recipe.options["layout"]),
        target=target_block(target, chip),
        versions=recipe.versions,
        files=(file_entry(folder / LIBRARY_NAME),),
        options={**recipe.options, **told},
    )


def target_block(target: TargetSpec, chip: Chip) -> TargetBlock:
    """Return what manifests and records say about the target."""
    return TargetBlock(
        name=target.name,
        kind=target.compile.kind,
        mtriple=target.compile.mtriple,
        cpu=target.compile.cpu,
        isa=chip_name(chip),
        features=chip.llvm_features if isinstance(chip, Cpu) else (),
        required_features=required_features(chip),
    )
