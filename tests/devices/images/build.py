"""Building what is missing in compiled/images/: one at a time, whole or not at all, anew when the recipe changes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from lab.core.atomic import publish_dir, staging_dir, write_json
from lab.core.errors import LabError
from lab.core.fields import encode
from lab.devices.qemu.image import MANIFEST, SCHEMA, images_dir, is_whole
from lab.formats.bundle import file_entry
from tests.devices.images import adbd, machine, opencl_phone, phone
from tests.devices.images.debian import Debian
from tests.devices.images.say import Say

RECIPES: dict[str, ModuleType] = {"phone": phone, "machine": machine, "phone-opencl": opencl_phone}
FOLDER = Path(__file__).resolve().parent
ALWAYS_NEEDED = ("apt-get", "dpkg-deb", "tar", "bash")
_PHONE = {"kind": "phone", "phone": {"root": "root.tar", "adbd": "system/bin/adbd"}, "adb": {"port": 0}}
PARTS: dict[str, dict[str, Any]] = {
    "phone": _PHONE,
    "phone-opencl": _PHONE,
    "machine": {
        "kind": "machine",
        "machine": {"kernel": "kernel", "initrd": "initrd", "disk": "disk.raw"},
        "adb": {"port": 5555},
        "ssh": {"port": 22, "user": "shell", "key": "user_key", "known_hosts": "known_hosts"},
    },
}


def recipe_key(name: str) -> str:
    """Return the sha256 of everything that an image is made by: the files of this package, and the image's name.

    What only talks of it is left out.
    """
    state = hashlib.sha256(name.encode())
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file() and path.name != "say.py" and "__pycache__" not in path.parts:
            state.update(f"\n{path.relative_to(FOLDER)}\n".encode())
            state.update(path.read_bytes())
    return state.hexdigest()


def folder_of(name: str) -> Path:
    """Return where the image of the recipe as it is now lies, or will."""
    return images_dir() / f"{name}--{recipe_key(name)[:12]}"


def build(names: Sequence[str]) -> list[Path]:
    """Build the images that are missing; return the folders of all.

    Raises LabError where this can't be: not root, a program is missing, no Debian 12.
    """
    if all(is_whole(folder_of(name)) for name in names):
        return [folder_of(name) for name in names]
    _check(names)
    with _only_build(), ExitStack() as stack:
        bench = _Bench(stack)
        return [_one(name, bench) for name in names]


class _Bench:
    """What builds share: one apt state and one copy of adbd's source, made when first needed."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._source: tuple[Debian, Path, Path, str] | None = None

    def source(self, say: Say) -> tuple[Debian, Path, Path, str]:
        """Return Debian, the work folder, adbd's source and its version."""
        if self._source is None:
            say("fetch package lists and adbd's source")
            # Beside the images: what a killed build leaves here, the next one removes.
            work = self._stack.enter_context(staging_dir(images_dir(), "work"))
            debian = Debian(work / "apt")
            self._source = debian, work, work / "adbd-source", adbd.fetch_source(debian, work / "adbd-source")
        return self._source


def _check(names: Sequence[str]) -> None:
    if os.geteuid() != 0:
        raise LabError(
            "building emulated devices needs root: their files belong to root and to Android's shell user",
            hint=f"sudo scripts/build-emulated-devices {' '.join(names)}",
        )
    needed = {program for name in names for program in RECIPES[name].PROGRAMS} | set(ALWAYS_NEEDED)
    missing = sorted(program for program in needed if shutil.which(program) is None)
    if missing:
        raise LabError(f"not installed: {', '.join(missing)}", hint="run scripts/install-debian-packages")


@contextmanager
def _only_build() -> Iterator[None]:
    images_dir().mkdir(parents=True, exist_ok=True)
    with (images_dir() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _one(name: str, bench: _Bench) -> Path:
    final = folder_of(name)
    if is_whole(final):  # somebody else built it while we waited for the lock
        return final
    with Say(name) as say:
        _build(name, final, bench, say)
        say(f"done: {final}")
    return final


def _build(name: str, final: Path, bench: _Bench, say: Say) -> None:
    debian, work, source, version = bench.source(say)
    with staging_dir(images_dir(), final.name) as staging:
        versions = RECIPES[name].build(debian, source, version, work, staging, say)
        write_json(staging / MANIFEST, _manifest(name, staging, versions))
        publish_dir(staging, final, is_whole=is_whole)
    _remove_older(name, final)


def _manifest(name: str, folder: Path, versions: dict[str, str]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": name,
        "description": RECIPES[name].DESCRIPTION,
        "key": recipe_key(name),
        "built": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "versions": versions,
        "files": [encode(file_entry(path)) for path in sorted(folder.iterdir())],
        **PARTS[name],
    }


def _remove_older(name: str, final: Path) -> None:
    # A machine that runs from an older one keeps the files that it has open.
    for folder in images_dir().glob(f"{name}--*"):
        if folder != final:
            shutil.rmtree(folder, ignore_errors=True)
