"""Building what is missing in compiled/images/: one at a time, whole or not at all, anew when the recipe changes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from lab.core.atomic import publish_dir, staging_dir, write_json
from lab.core.errors import LabError
from lab.core.fields import encode
from lab.core.home import shown
from lab.core.progress import Progress
from lab.devices.qemu.image import MANIFEST, SCHEMA, images_dir, is_whole
from lab.devices.qemu.recipes import adbd, machine, opencl_phone, phone
from lab.devices.qemu.recipes.debian import Debian
from lab.formats.bundle import file_entry

RECIPES: dict[str, ModuleType] = {"phone": phone, "phone-opencl": opencl_phone, "machine": machine}
FOLDER = Path(__file__).resolve().parent / "recipes"
# Where Debian has each program that a recipe runs, beside those of ALWAYS_NEEDED.
ALWAYS_NEEDED = {"apt-get": "apt", "dpkg-deb": "dpkg", "tar": "tar", "bash": "bash", "dpkg-source": "dpkg-dev"}
PACKAGES = {
    **ALWAYS_NEEDED,
    "clang": "clang",
    "ld.lld": "lld",
    "patchelf": "patchelf",
    "qemu-aarch64-static": "qemu-user-static",
    "mke2fs": "e2fsprogs",
    "modprobe": "kmod",
    "depmod": "kmod",
    "cpio": "cpio",
    "gzip": "gzip",
    "ssh-keygen": "openssh-client",
    "ldconfig": "libc-bin",
}


def recipe_key(name: str) -> str:
    """Return the sha256 of everything that an image is made by: the files of the recipes, and the image's name."""
    state = hashlib.sha256(name.encode())
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            state.update(f"\n{path.relative_to(FOLDER)}\n".encode())
            state.update(path.read_bytes())
    return state.hexdigest()


def folder_of(name: str) -> Path:
    """Return where the image of the recipe as it is now lies, or will."""
    return images_dir() / f"{name}--{recipe_key(name)[:12]}"


def build(names: Sequence[str], progress: Progress) -> list[Path]:
    """Build the images that are missing; return the folders of all.

    Raises LabError where this can't be: not root, a program is missing, no Debian 12.
    """
    if all(is_whole(folder_of(name)) for name in names):
        return [folder_of(name) for name in names]
    _check(names)
    with _only_build(progress), ExitStack() as stack:
        bench = _Bench(stack, progress)
        return [_one(name, bench, progress) for name in names]


class _Bench:
    """What builds share: one apt state and one copy of adbd's source, made when first needed."""

    def __init__(self, stack: ExitStack, progress: Progress) -> None:
        self._stack = stack
        self._progress = progress
        self._source: tuple[Debian, Path, Path, str] | None = None

    def source(self) -> tuple[Debian, Path, Path, str]:
        """Return Debian, the work folder, adbd's source and its version."""
        if self._source is None:
            # Beside the images: what a killed build leaves here, the next one removes.
            work = self._stack.enter_context(staging_dir(images_dir(), "work"))
            debian, source = Debian(work / "apt"), work / "adbd-source"
            with self._progress.phase("fetch package lists and adbd's source"):
                self._source = debian, work, source, adbd.fetch_source(debian, source)
        return self._source


def _check(names: Sequence[str]) -> None:
    needed = {program for name in names for program in RECIPES[name].PROGRAMS} | set(ALWAYS_NEEDED)
    missing = sorted(program for program in needed if shutil.which(program) is None)
    if "apt-get" in missing or sys.platform != "linux":
        raise LabError(
            "emulated devices are made of Debian 12's packages, and this machine has no apt-get",
            hint=f"build them in a container or virtual machine with Debian 12, and copy them to {shown(images_dir())}",
        )
    if os.geteuid() != 0:
        raise LabError(
            "building emulated devices needs root: their files belong to root and to Android's shell user",
            hint=_as_root(names),
        )
    if missing:
        packages = sorted({PACKAGES[program] for program in missing})
        raise LabError(f"not installed: {', '.join(missing)}", hint=f"apt-get install {' '.join(packages)}")


def _as_root(names: Sequence[str]) -> str:
    """Return the command that does the same as root: sudo has neither our PATH nor our environment."""
    home = os.environ.get("LAB_HOME")
    env = ["env", f"LAB_HOME={home}"] if home else []
    what = "all" if len(names) == len(RECIPES) else " ".join(names)
    return shlex.join(["sudo", *env, sys.executable, "-m", "lab", "devices", "build", what])


@contextmanager
def _only_build(progress: Progress) -> Iterator[None]:
    images_dir().mkdir(parents=True, exist_ok=True)
    with (images_dir() / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.note("waiting: another process builds emulated devices here")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _one(name: str, bench: _Bench, progress: Progress) -> Path:
    final = folder_of(name)
    if is_whole(final):  # built before, or by somebody else while we waited for the lock
        return final
    with progress.phase(f"build {name}"):
        debian, work, source, version = bench.source()
        with staging_dir(images_dir(), final.name) as staging:
            versions = RECIPES[name].build(debian, source, version, work, staging, progress)
            write_json(staging / MANIFEST, _manifest(name, staging, versions))
            publish_dir(staging, final, is_whole=is_whole)
    _remove_older(name, final)
    return final


def _manifest(name: str, folder: Path, versions: dict[str, str]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": name,
        "description": RECIPES[name].DESCRIPTION,
        "key": recipe_key(name),
        "built": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "versions": versions,
        "files": [encode(file_entry(path)) for path in sorted(folder.iterdir())],
        **RECIPES[name].PARTS,
    }


def _remove_older(name: str, final: Path) -> None:
    # A machine that runs from an older one keeps the files that it has open.
    for folder in images_dir().glob(f"{name}--*"):
        if folder != final:
            shutil.rmtree(folder, ignore_errors=True)
