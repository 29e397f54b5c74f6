"""TVM's sources for the build: a tree or an archive that the user has, or Apache's release of the installed version."""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self

from lab.core.atomic import publish_dir, staging_dir, write_json
from lab.core.disk import FULL, REFUSED
from lab.core.errors import CompileError, LabError
from lab.core.progress import Progress
from lab.core.text import said
from lab.ondevice.android.tvm_tree import check_tree, how_to_get
from lab.ondevice.wheels import Wheels

VARIABLE = "LAB_TVM_SOURCE"
# Where the archive is, and where its sum is: never beside the archive on a mirror, but on Apache's own machines.
SITES = (
    ("https://dlcdn.apache.org/tvm", "https://downloads.apache.org/tvm"),
    ("https://archive.apache.org/dist/tvm", "https://archive.apache.org/dist/tvm"),
)
TIMEOUT_S = 30.0
MAX_ARCHIVE_BYTES = 512 << 20
MAX_FILE_BYTES = 8 << 20
MAX_SUM_BYTES = 4096
MAX_UNPACKED_BYTES = 1 << 30
MAX_NAME_BYTES = 1 << 20
BLOCK_BYTES = 1 << 20
WANTED = re.compile(r"(include/tvm|src/runtime|src/support|3rdparty/compiler-rt)/[A-Za-z0-9_./+-]{1,200}")


def tvm_source(chosen: Path | None, wheels: Wheels, shelf: Path, progress: Progress) -> Path:
    """Return a source tree of the installed TVM: `chosen`, $LAB_TVM_SOURCE, or Apache's release, kept in `shelf`.

    A folder is used where it is; an archive is unpacked to `shelf`. CompileError where it is of another version, or
    can't be fetched.
    """
    given = chosen or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if given is not None:
        return _given(given.expanduser(), f"{'--tvm-source' if chosen else VARIABLE} {given}", wheels, shelf)
    kept = shelf / f"tvm-{wheels.tvm_version}"
    if not _is_right(kept, wheels):
        with progress.phase(f"fetch the source of TVM {wheels.tvm_version}"):
            _fetch(kept, wheels)
    return kept


def _given(given: Path, named: str, wheels: Wheels, shelf: Path) -> Path:
    if given.is_dir():
        check_tree(given, named, wheels)
        return given
    if not given.is_file():
        raise CompileError(f"{named}: neither a folder nor an archive", hint=how_to_get(wheels))
    kept = shelf / f"tvm-{wheels.tvm_version}"
    with given.open("rb") as archive:
        return _keep(archive, named, kept, wheels)


def _keep(archive: BinaryIO, named: str, final: Path, wheels: Wheels) -> Path:
    """Unpack what the build needs, look at it, and publish it."""
    with staging_dir(final.parent, final.name) as staging:
        unpack(archive, named, staging)
        check_tree(staging, named, wheels)
        write_json(staging / "manifest.json", {"schema": 1, "kind": "tvm-source", "version": wheels.tvm_version})
        return publish_dir(staging, final, is_whole=lambda folder: _is_right(folder, wheels))


def unpack(archive: BinaryIO, named: str, into: Path) -> None:
    """Write the files that the build needs to `into`, without the archive's first folder. CompileError if damaged.

    Links, and names that lead elsewhere, are left out.
    """
    try:
        with tarfile.open(fileobj=archive, mode="r:*", tarinfo=_Member) as tar:
            for member in tar:
                if member.offset_data + member.size > MAX_UNPACKED_BYTES:
                    raise CompileError(f"{named}: more than {MAX_UNPACKED_BYTES} bytes unpacked, which TVM never has")
                name = PurePosixPath(*PurePosixPath(member.name).parts[1:])
                if member.isreg() and WANTED.fullmatch(str(name)) and ".." not in name.parts:
                    _write(tar, member, named, into / name)
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError, ValueError, OverflowError) as problem:
        if isinstance(problem, OSError) and problem.errno in (*FULL, *REFUSED):
            raise
        raise CompileError(f"{named}: no archive of TVM's source, or damaged: {said(problem)}") from problem


# Members whose content tarfile takes for names and facts of the next one.
_NAMES = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


class _Member(tarfile.TarInfo):
    """A header whose size is one: tarfile reads names of any length into memory, and goes back for negative sizes."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Return the member; HeaderError for a size that no archive of sources has."""
        found = super().frombuf(buf, encoding, errors)
        if found.size < 0 or (found.type in _NAMES and found.size > MAX_NAME_BYTES):
            raise tarfile.HeaderError(f"a member of {found.size} bytes")
        return found


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, named: str, path: Path) -> None:
    source = tar.extractfile(member)
    if source is None or member.size > MAX_FILE_BYTES:
        raise CompileError(f"{named}: {member.name[:200]!r} has {member.size} bytes, which no source file of TVM has")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(source.read())


def _is_right(tree: Path, wheels: Wheels) -> bool:
    try:
        check_tree(tree, "", wheels)
    except (LabError, OSError):
        return False
    return True


def _fetch(final: Path, wheels: Wheels) -> None:
    problems = []
    for site, sums in SITES:
        name = f"apache-tvm-src-v{wheels.tvm_version}.tar.gz"
        url, sum_url = (f"{base}/tvm-v{wheels.tvm_version}/{name}" for base in (site, sums))
        try:
            with tempfile.TemporaryFile() as archive:
                _download(url, f"{sum_url}.sha512", archive)
                _keep(archive, url, final, wheels)
                return
        except (urllib.error.URLError, TimeoutError, OSError) as problem:
            problems.append(f"{url}: {getattr(problem, 'reason', problem)}")
    raise CompileError(
        f"the source of TVM {wheels.tvm_version} could not be fetched: {'; '.join(problems)}", hint=how_to_get(wheels)
    )


def _download(url: str, sum_url: str, to: BinaryIO) -> None:
    """Write the archive to `to`, checked against its published SHA-512."""
    with urllib.request.urlopen(sum_url, timeout=TIMEOUT_S) as answer:
        wanted = re.search(rb"\b[0-9a-fA-F]{128}\b", answer.read(MAX_SUM_BYTES))
    if wanted is None:
        raise CompileError(f"{sum_url}: has no SHA-512")
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
        found = _copy(answer, to)
    if found != wanted[0].decode().lower():
        raise CompileError(f"{url}: its SHA-512 is not the one in {sum_url}", hint="try again; a proxy may change it")
    to.seek(0)


def _copy(source: BinaryIO, to: BinaryIO) -> str:
    """Copy to the end and return the SHA-512; CompileError where an archive of TVM would long have ended."""
    total, sha = 0, hashlib.sha512()
    while block := source.read(BLOCK_BYTES):
        total += len(block)
        if total > MAX_ARCHIVE_BYTES:
            raise CompileError(f"TVM's source archive is longer than {MAX_ARCHIVE_BYTES} bytes, which it never is")
        sha.update(block)
        to.write(block)
    return sha.hexdigest()
