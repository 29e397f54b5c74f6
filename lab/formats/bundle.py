"""The contract of compiled/: folders with a manifest that is written last and believed only when checked."""

from __future__ import annotations

import math
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, overload

from lab.core.atomic import write_json
from lab.core.config import check_schema
from lab.core.decode import decode
from lab.core.errors import BundleError
from lab.core.fields import encode
from lab.core.file_digest import file_sha256
from lab.core.home import shown
from lab.core.jsonio import read_json
from lab.core.names import is_plain_file_name
from lab.core.progress import NullProgress, Progress
from lab.formats.manifest import (
    ALIGNMENT_BYTES,
    DTYPE_BYTES,
    GGUF_NAME,
    MANIFEST_NAME,
    SCHEMA,
    WEIGHTS_NAME,
    BundleManifest,
    FileEntry,
    GgufManifest,
    LibraryManifest,
    Manifest,
    ModelBlock,
    TensorEntry,
    VerifyBlock,
    WeightsManifest,
)

Kind = Literal["weights", "library", "bundle", "gguf"]
HINT = "delete the folder, or `lab clean`; it is made again when it is needed"

_CLASSES: dict[str, type[Any]] = {
    "weights": WeightsManifest,
    "library": LibraryManifest,
    "bundle": BundleManifest,
    "gguf": GgufManifest,
}


@overload
def load_manifest(folder: Path, kind: Literal["weights"]) -> WeightsManifest: ...
@overload
def load_manifest(folder: Path, kind: Literal["library"]) -> LibraryManifest: ...
@overload
def load_manifest(folder: Path, kind: Literal["bundle"]) -> BundleManifest: ...
@overload
def load_manifest(folder: Path, kind: Literal["gguf"]) -> GgufManifest: ...
def load_manifest(folder: Path, kind: Kind) -> Manifest:
    """Return the checked manifest of `folder`; BundleError says what is wrong. Files: see verify_files."""
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise BundleError(f"{shown(folder)}: not a {kind} folder: it has no {MANIFEST_NAME}", hint=HINT)
    manifest: Manifest = parse_manifest(read_json(path, error=BundleError), kind, where=shown(path))
    return manifest


def parse_manifest(document: Any, kind: Kind, *, where: str) -> Any:
    """Return the manifest that plain data holds; BundleError names `where` and the key."""
    check_schema(document, SCHEMA, where=where, error=BundleError)
    manifest = decode(_CLASSES[kind], document, where=where, error=BundleError)
    for problem in problems(manifest):
        raise BundleError(f"{where}: {problem}", hint=HINT)
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> Path:
    """Write manifest.json, which makes `folder` whole: call it last. BundleError when it is not sound."""
    document = encode(manifest)
    path = folder / MANIFEST_NAME
    parse_manifest(document, manifest.kind, where=shown(path))
    write_json(path, document)
    return path


def file_entry(path: Path, advance: Callable[[float], None] | None = None) -> FileEntry:
    """Return name, size and sha256 of the file at `path`; `advance` is called with bytes as they are read."""
    return FileEntry(name=path.name, size=path.stat().st_size, sha256=file_sha256(path, advance))


def verify_files(folder: Path, manifest: Manifest, progress: Progress | None = None, *, digests: bool = True) -> None:
    """Check every file of `folder` against the manifest: size, then sha256 unless `digests` is off."""
    for entry in manifest.files:
        _check_size(folder / entry.name, entry)
    if not digests:
        return
    total = sum(entry.size for entry in manifest.files)
    with (progress or NullProgress()).phase("check files", total, "B") as advance:
        for entry in manifest.files:
            _check_digest(folder / entry.name, entry, advance)


def _check_size(path: Path, entry: FileEntry) -> None:
    try:
        found = path.lstat()
    except OSError as problem:
        raise BundleError(f"{shown(path)}: {problem.strerror}", hint=HINT) from problem
    # A link could lead out of the folder.
    if not stat.S_ISREG(found.st_mode):
        raise BundleError(f"{shown(path)}: not a regular file", hint=HINT)
    if found.st_size != entry.size:
        how = "short" if found.st_size < entry.size else "too long"
        difference = abs(entry.size - found.st_size)
        raise BundleError(f"{shown(path)}: {difference} bytes {how}: the manifest says {entry.size}", hint=HINT)


def _check_digest(path: Path, entry: FileEntry, advance: Callable[[float], None]) -> None:
    try:
        found = file_sha256(path, advance)
    except OSError as problem:
        raise BundleError(f"{shown(path)}: cannot read: {problem.strerror}", hint=HINT) from problem
    if found != entry.sha256:
        raise BundleError(f"{shown(path)}: its content is damaged: sha256 differs from the manifest", hint=HINT)


def problems(manifest: Manifest) -> Iterator[str]:
    """Yield each thing that is wrong, with the key it is at; nothing for a sound manifest."""
    yield from _files(manifest.files)
    yield from _model(manifest.model)
    if isinstance(manifest, GgufManifest) and all(entry.name != GGUF_NAME for entry in manifest.files):
        yield f"files: no {GGUF_NAME}"
    if isinstance(manifest, (WeightsManifest, BundleManifest)):
        yield from _weights(manifest)
        yield from _verify(manifest.verify, manifest.model)


def _files(files: tuple[FileEntry, ...]) -> Iterator[str]:
    names = [entry.name for entry in files]
    for i, name in enumerate(names):
        if not is_plain_file_name(name) or name == MANIFEST_NAME:
            yield f"files[{i}].name: {name[:60]!r} is not a plain file name"
        if name in names[:i]:
            yield f"files[{i}].name: {name!r} appears twice"


def _model(model: ModelBlock) -> Iterator[str]:
    if model.layers > model.layers_total:
        yield f"[model].layers: {model.layers} is more than layers_total {model.layers_total}"


def _weights(manifest: WeightsManifest | BundleManifest) -> Iterator[str]:
    size = next((entry.size for entry in manifest.files if entry.name == WEIGHTS_NAME), None)
    if size is None:
        yield f"files: no {WEIGHTS_NAME}"
        return
    names: set[str] = set()
    end = 0
    for i, tensor in enumerate(manifest.tensors):
        yield from (f"tensors[{i}] ({tensor.name[:60]}): {text}" for text in _tensor(tensor, end, size))
        if tensor.name in names:
            yield f"tensors[{i}].name: {tensor.name[:60]!r} appears twice"
        names.add(tensor.name)
        end = max(end, tensor.offset + tensor.nbytes)


def _tensor(tensor: TensorEntry, previous_end: int, size: int) -> Iterator[str]:
    expected = math.prod(tensor.shape) * DTYPE_BYTES[tensor.dtype]
    if tensor.nbytes != expected:
        yield f"nbytes: {tensor.nbytes}, but shape and dtype make {expected}"
    if tensor.offset % ALIGNMENT_BYTES:
        yield f"offset: {tensor.offset} is not a multiple of {ALIGNMENT_BYTES}"
    if tensor.offset < previous_end:
        yield f"offset: {tensor.offset} overlaps the tensor before, which ends at {previous_end}"
    if tensor.offset + tensor.nbytes > size:
        yield f"ends at {tensor.offset + tensor.nbytes}, past the {size} bytes of {WEIGHTS_NAME}"


def _verify(verify: VerifyBlock, model: ModelBlock) -> Iterator[str]:
    if not verify.prompt_ids or not verify.logit_ids:
        yield "[verify]: prompt_ids and logit_ids must not be empty"
    if len(verify.logits) != len(verify.logit_ids):
        yield f"[verify].logits: {len(verify.logits)} values for {len(verify.logit_ids)} logit_ids"
    if any(token >= model.vocab_size for token in verify.prompt_ids):
        yield f"[verify]: an id is outside the vocabulary of {model.vocab_size}"
    outputs = model.labels or model.vocab_size
    if any(row >= outputs for row in verify.logit_ids):
        yield f"[verify]: an id of a logit is outside the {outputs} that there are"
