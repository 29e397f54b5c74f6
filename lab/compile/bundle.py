"""`assemble`: library and weights put together as one folder that a device can take."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from lab.core.atomic import publish_dir, staging_dir
from lab.core.decode import decode
from lab.core.errors import BundleError
from lab.core.jsonio import digest
from lab.formats.bundle import load_manifest, verify_files, write_manifest
from lab.formats.manifest import (
    LIBRARY_NAME,
    SCHEMA,
    WEIGHTS_NAME,
    BundleManifest,
    DecodeProgram,
    LibraryManifest,
    WeightsManifest,
)


def assemble(library: Path, weights: Path, out_root: Path) -> Path:
    """Return the bundle folder of a library folder and a weights folder under `out_root`, made when missing.

    Files are hard links, so a bundle takes no space of its own; where links don't work they are copies.
    Raises BundleError when the two don't belong together.
    """
    code, values = load_manifest(library, "library"), load_manifest(weights, "weights")
    _check_belong(code, values)
    key = digest({"library": code.key, "weights": values.key})
    final = out_root / f"{code.target.name}--{code.model.label}--{key[:12]}"
    if _is_there(final):
        return final
    with staging_dir(out_root, final.name) as folder:
        _link(library / LIBRARY_NAME, folder / LIBRARY_NAME)
        _link(weights / WEIGHTS_NAME, folder / WEIGHTS_NAME)
        write_manifest(folder, _manifest(code, values, key))
        return publish_dir(folder, final)


def _check_belong(code: LibraryManifest, values: WeightsManifest) -> None:
    if (code.model.label, code.model.parameters) != (values.model.label, values.model.parameters):
        raise BundleError(f"library of {code.model.label} and weights of {values.model.label} don't belong together")
    layout = code.options.get("layout", values.weights.layout)
    if layout != values.weights.layout:
        raise BundleError(
            f"the library of {code.model.label} reads weights of layout {layout}, and these are {values.weights.layout}"
        )


def _is_there(final: Path) -> bool:
    try:
        verify_files(final, load_manifest(final, "bundle"), digests=False)
    except BundleError:
        return False
    return True


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _manifest(code: LibraryManifest, values: WeightsManifest, key: str) -> BundleManifest:
    unseen = code.options.get("unverified_on_device")
    return BundleManifest(
        schema=SCHEMA,
        kind="bundle",
        key=key,
        created_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        model=values.model,
        weights=values.weights,
        target=code.target,
        versions=code.versions,
        files=(*code.files, *values.files),
        tensors=values.tensors,
        memory=values.memory,
        decode_weight_bytes_per_token=values.decode_weight_bytes_per_token,
        verify=values.verify,
        decode=_decode_program(code),
        unverified_on_device=None if unseen is None else tuple(unseen),
    )


def _decode_program(code: LibraryManifest) -> DecodeProgram | None:
    """Return what the compiler counted in a decode step of a GPU, for whoever measures."""
    counted = code.options.get("decode")
    where = f"library of {code.model.label}: options.decode"
    return None if counted is None else decode(DecodeProgram, counted, where=where, error=BundleError)
