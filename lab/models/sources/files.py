"""Files of weights: mapped, named safely, and told apart by their content."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from lab.core.errors import WeightsError
from lab.core.file_digest import file_sha256
from lab.core.home import shown
from lab.core.jsonio import canonical_bytes, parse_json, read_bytes
from lab.core.names import is_plain_file_name
from lab.models.quant import U8
from lab.models.threads import cores

AGAIN = "the file is damaged or not complete: get it again"


_LFS = b"version https://git-lfs.github.com/spec/"
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def read_document(path: Path) -> Mapping[str, Any]:
    """Return the JSON object in the file at `path`, of the encoding that its byte order mark names; else UTF-8.

    Raises WeightsError when there is none.
    """
    raw = read_bytes(path, error=WeightsError)
    check_fetched(path, raw[:64])
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            raw = raw[len(mark) :].decode(encoding, errors="replace").encode()
    return as_document(raw, shown(path))


def check_fetched(path: Path, head: bytes) -> None:
    """Raise WeightsError where the file, which begins with `head`, is what Git LFS leaves in a file's place."""
    if head.startswith(_LFS):
        raise WeightsError(
            f"{shown(path)}: a Git LFS pointer, not the file itself",
            hint="run `git lfs pull` in the folder that it was cloned to",
        )


def as_document(text: bytes, where: str) -> Mapping[str, Any]:
    """Return the JSON object that `text` holds; WeightsError names `where`."""
    try:
        document = parse_json(text, where=where, error=WeightsError)
    except WeightsError as problem:
        raise WeightsError(problem.what, hint=AGAIN) from problem
    if not isinstance(document, dict):
        raise WeightsError(f"{where}: not a JSON object", hint=AGAIN)
    return document


def map_file(path: Path) -> U8:
    """Return the bytes of the file at `path`, mapped read-only; WeightsError when it can't be read."""
    try:
        if path.stat().st_size == 0:
            raise WeightsError(f"{shown(path)}: the file is empty", hint=AGAIN)
        data = np.memmap(path, np.uint8, mode="r")
    except OSError as problem:
        raise WeightsError(f"{shown(path)}: cannot read: {problem.strerror}", hint=AGAIN) from problem
    check_fetched(path, data[:64].tobytes())
    return data


def inside(folder: Path, name: object, said_by: Path) -> Path:
    """Return the path of the file called `name` in `folder`; WeightsError when the name could lead elsewhere."""
    if not isinstance(name, str) or not is_plain_file_name(name):
        raise WeightsError(f"{shown(said_by)}: {str(name)[:60]!r} is not a plain file name", hint=AGAIN)
    return folder / name


def fingerprint(files: Sequence[Path]) -> str:
    """Return "sha256:..." over the names and contents of `files`, read on all cores."""
    with ThreadPoolExecutor(cores()) as pool:
        digests = list(pool.map(_sha256, files))
    parts = sorted([path.name, digest] for path, digest in zip(files, digests, strict=True))
    return f"sha256:{hashlib.sha256(canonical_bytes(parts)).hexdigest()}"


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as problem:
        raise WeightsError(f"{shown(path)}: cannot read: {problem.strerror}", hint=AGAIN) from problem
