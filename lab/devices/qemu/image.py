"""The contract of compiled/images/: folders with a manifest that is written last and believed only when checked."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from lab.core.config import Limits, check_schema
from lab.core.decode import decode
from lab.core.errors import DeviceError
from lab.core.home import compiled_dir, shown
from lab.core.jsonio import read_json
from lab.core.names import is_plain_file_name
from lab.devices.qemu.recipes import NAMES
from lab.formats.kinds import Name, Sha256, UtcTime
from lab.formats.manifest import FileEntry

SCHEMA = 1
MANIFEST = "manifest.json"

Port = Annotated[int, Limits(min=0, max=65_535)]


@dataclass(frozen=True)
class PhoneParts:
    """A file system for qemu-user: a tar file, and the path of adbd in it."""

    root: str
    adbd: Annotated[str, Limits(pattern=r"[a-z][a-z0-9]*(/[a-z][a-z0-9]*)*")]


@dataclass(frozen=True)
class MachineParts:
    """A machine for qemu-system-aarch64: kernel, initramfs, and a raw disk."""

    kernel: str
    initrd: str
    disk: str


@dataclass(frozen=True)
class SshServer:
    """What listens on `port` of the guest, who may log in with which private key, and the host keys to expect."""

    port: Port
    user: Annotated[str, Limits(pattern=r"[a-z][a-z0-9_-]{0,31}")]
    key: str
    known_hosts: str


@dataclass(frozen=True)
class AdbServer:
    """The port of the guest's adbd; 0: it is told at each start."""

    port: Port


@dataclass(frozen=True)
class ImageManifest:
    """One manifest.json. Exactly the parts of its `kind` are there."""

    schema: int
    kind: Literal["phone", "machine"]
    name: Name
    description: str
    key: Sha256
    built: UtcTime
    files: tuple[FileEntry, ...]
    phone: PhoneParts | None = None
    machine: MachineParts | None = None
    ssh: SshServer | None = None
    adb: AdbServer | None = None
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    """A checked image and the folder it is in."""

    folder: Path
    manifest: ImageManifest

    def path(self, name: str) -> Path:
        """Return the absolute path of one of its files."""
        return self.folder.absolute() / name


def images_dir() -> Path:
    """Return the folder of images; it may not exist yet."""
    return compiled_dir() / "images"


def find_image(name: str) -> Image:
    """Return the newest whole image called `name`; DeviceError when there is none, or it is damaged."""
    folders = [path for path in images_dir().glob(f"{name}--*") if (path / MANIFEST).is_file()]
    if not folders:
        how = (
            f"build it, as root: lab devices build {name}"
            if name in NAMES
            else f"lab devices build makes {', '.join(NAMES)}"
        )
        raise DeviceError(f"no image {name!r} in {shown(images_dir())}", hint=how)
    images = [read_image(folder) for folder in folders]
    return max(images, key=lambda image: image.manifest.built)


def read_image(folder: Path) -> Image:
    """Return the image in `folder`; DeviceError says what is wrong. File sizes are checked, contents are not."""
    path = folder / MANIFEST
    document = read_json(path, error=DeviceError)
    check_schema(document, SCHEMA, where=shown(path), error=DeviceError)
    manifest = decode(ImageManifest, document, where=shown(path), error=DeviceError)
    for problem in _problems(folder, manifest):
        raise DeviceError(f"{shown(path)}: {problem}", hint=f"delete {shown(folder)} and build it again")
    return Image(folder, manifest)


def is_whole(folder: Path) -> bool:
    """Whether an image that was published is there, as it was published."""
    try:
        read_image(folder)
    except DeviceError:
        return False
    return True


def _problems(folder: Path, manifest: ImageManifest) -> Iterator[str]:
    listed = {entry.name for entry in manifest.files}
    yield from (f"{name!r} is not the name of a file" for name in listed if not is_plain_file_name(name))
    if folder.name != f"{manifest.name}--{manifest.key[:12]}":
        yield f"the folder is not that of {manifest.name!r} with the key {manifest.key[:12]}"
    if (manifest.phone is not None, manifest.machine is not None) != (
        manifest.kind == "phone",
        manifest.kind == "machine",
    ):
        yield f"a {manifest.kind} is described by the table {manifest.kind} alone"
    yield from (f"{name!r} is not among its files" for name in _named(manifest) if name not in listed)
    yield from (
        f"{entry.name} is missing or not {entry.size} bytes" for entry in manifest.files if not _fits(folder, entry)
    )


def _named(manifest: ImageManifest) -> Iterator[str]:
    if manifest.phone is not None:
        yield manifest.phone.root
    if manifest.machine is not None:
        yield from (manifest.machine.kernel, manifest.machine.initrd, manifest.machine.disk)
    if manifest.ssh is not None:
        yield from (manifest.ssh.key, manifest.ssh.known_hosts)


def _fits(folder: Path, entry: FileEntry) -> bool:
    try:
        found = (folder / entry.name).lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == entry.size
