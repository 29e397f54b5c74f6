"""Our own C++ built for a device: once for its sources, compiler and headers, and kept whole below compiled/."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.core.atomic import publish_dir, staging_dir, write_json
from lab.core.errors import CompileError
from lab.core.fields import encode
from lab.core.file_digest import file_sha256
from lab.core.jsonio import digest
from lab.core.proc import run
from lab.core.progress import Progress
from lab.formats.bundle import file_entry
from lab.formats.manifest import MANIFEST_NAME
from lab.ondevice.compilers import Compiler, build_env
from lab.ondevice.verify_folder import published, read_published

TIMEOUT_S = 900.0
TAIL_LINES = 30


@dataclass(frozen=True)
class Recipe:
    """What to build and how: one file, out of all the C++ sources of a folder.

    `kind` is its folder below compiled/, `what` its name in messages. `flags`, `link` and `versions` (of what it is
    compiled against) are part of its key. `includes` hold headers of others; `headers` are folders of them by the
    name that sources know them under, for those whose own place has much else. `libraries` are linked against.
    """

    kind: str
    what: str
    abi: str
    output: str
    sources: Path
    flags: tuple[str, ...]
    link: tuple[str, ...]
    includes: tuple[Path, ...]
    libraries: tuple[Path, ...]
    versions: Mapping[str, str]
    headers: Mapping[str, Path] = field(default_factory=dict)
    check: Callable[[Path], None] = lambda path: None

    def units(self, *suffixes: str) -> list[Path]:
        """Return the sources with these suffixes, in order."""
        return sorted(path for path in self.sources.iterdir() if path.suffix in suffixes)


@dataclass(frozen=True)
class Built:
    """What a recipe gave: the file, the key of all that went into it, and the compiler."""

    file: Path
    key: str
    compiler: str


def is_built(recipe: Recipe, choices: Sequence[Compiler], root: Path) -> bool:
    """Return whether `built` would find the recipe's file."""
    return any(_is_whole(recipe, _folder(recipe, compiler, root / recipe.kind)) for compiler in choices)


def built(recipe: Recipe, choices: Sequence[Compiler], root: Path, progress: Progress) -> Built:
    """Return the recipe's file below `root` (compiled/), built with the first of the compilers that can.

    Raises CompileError with the end of the compiler's output.
    """
    shelf = root / recipe.kind
    for compiler in choices:
        folder = _folder(recipe, compiler, shelf)
        if _is_whole(recipe, folder):
            return _read(recipe, folder)
    return _read(recipe, _build_with_any(recipe, choices, shelf, progress))


def _key(recipe: Recipe, compiler: Compiler) -> str:
    sources = {path.name: file_sha256(path) for path in recipe.units(".cc", ".h")}
    return digest(
        {
            "abi": recipe.abi,
            "sources": sources,
            "flags": [*recipe.flags, *recipe.link],
            "compiler": [*compiler.argv, compiler.version],
            **recipe.versions,
        }
    )


def _folder(recipe: Recipe, compiler: Compiler, shelf: Path) -> Path:
    return shelf / f"{recipe.abi}--{_key(recipe, compiler)[:12]}"


def _is_whole(recipe: Recipe, folder: Path) -> bool:
    return published(folder) == (recipe.output,)


def _read(recipe: Recipe, folder: Path) -> Built:
    document = read_published(folder)
    return Built(folder / recipe.output, document.key, document.compiler)


def _build_with_any(recipe: Recipe, choices: Sequence[Compiler], shelf: Path, progress: Progress) -> Path:
    """Build with the first compiler that can: a machine's own may be too old or lack its headers."""
    for i, compiler in enumerate(choices):
        try:
            return _build(recipe, compiler, shelf, progress)
        except CompileError as problem:
            if i + 1 == len(choices):
                raise
            progress.note(f"{problem.what.splitlines()[0]}; trying {choices[i + 1].name}")
    raise CompileError(f"no C++ compiler to build {recipe.what} with")


def _build(recipe: Recipe, compiler: Compiler, shelf: Path, progress: Progress) -> Path:
    final = _folder(recipe, compiler, shelf)
    phase = progress.phase(f"build {recipe.what} ({compiler.name})")
    with phase, staging_dir(shelf, final.name) as staging:
        _compile(recipe, compiler, staging)
        document = {
            "schema": 1,
            "kind": recipe.kind,
            "key": _key(recipe, compiler),
            "abi": recipe.abi,
            "compiler": compiler.version,
            "versions": dict(recipe.versions),
            "file": encode(file_entry(staging / recipe.output)),
        }
        write_json(staging / MANIFEST_NAME, document)
        if final.exists() and not _is_whole(recipe, final):
            shutil.rmtree(final)
        return publish_dir(staging, final, is_whole=lambda folder: _is_whole(recipe, folder))


def _compile(recipe: Recipe, compiler: Compiler, staging: Path) -> None:
    # One translation unit: TVM's headers take most of the time, and this way they are read once.
    unit, output = staging / "all.cc", staging / recipe.output
    unit.write_text("".join(f'#include "{path.name}"\n' for path in recipe.units(".cc")), encoding="utf-8")
    include = _staged_headers(recipe, staging / "include")
    argv = [*compiler.argv, *recipe.flags, f"-I{recipe.sources}"]
    argv += [word for folder in (*recipe.includes, *include) for word in ("-isystem", str(folder))]
    argv += [str(unit), *(word for library in recipe.libraries for word in _linked(library))]
    argv += [*recipe.link, "-o", str(output)]
    with build_env(compiler) as env:
        done = run(argv, timeout_s=TIMEOUT_S, env=env, cwd=staging)
    if done.code != 0 or not output.is_file():
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-TAIL_LINES:])
        with_what = f"{compiler.name} ({compiler.version})"
        raise CompileError(
            f"{recipe.what} could not be built with {with_what}, exit code {done.code}\n{tail}",
            hint="set LAB_CXX to another C++17 compiler for this device, or unset it and `pip install ziglang`",
        )
    recipe.check(output)
    unit.unlink()
    for folder in include:
        shutil.rmtree(folder)


def _staged_headers(recipe: Recipe, folder: Path) -> tuple[Path, ...]:
    """Make a folder of links to the recipe's `headers`, and no others: for another system the rest would be wrong."""
    if not recipe.headers:
        return ()
    folder.mkdir()
    for name, real in recipe.headers.items():
        (folder / name).symlink_to(real, target_is_directory=True)
    return (folder,)


def _linked(library: Path) -> tuple[str, str]:
    return (f"-L{library.parent}", f"-l{library.stem.removeprefix('lib')}")
